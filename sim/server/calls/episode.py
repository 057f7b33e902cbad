"""Connection, map, settings, ticking, weather."""

from __future__ import annotations

import dataclasses
from functools import cache, lru_cache
from typing import Any

from sim.server.calls.table import Answer, Arguments, Method, alone, value, void
from sim.server.protocol import structs
from sim.server.protocol.wire import WireError, pack, token
from sim.server.protocol.wire import value as value_response
from sim.server.scene.generation import Generation
from sim.server.scene.objects import Layer
from sim.server.sensors.instances import Weather
from sim.server.session import Session
from sim.server.world.blueprints import library
from sim.server.world.settings import EpisodeSettings
from sim.server.world.world import WORLD_STREAM

VERSION = "0.9.16"
MAX_WALL_M = 100.0
MAX_WIDENING_M = 10.0
"""Bounds of what a client may ask a generated world to be built with: far beyond any use."""


def _episode_info(session: Session, _: Arguments) -> Any:
    return [session.world.episode_id, [token(WORLD_STREAM, session.port)]]


def _sensor_token(session: Session, arguments: Arguments) -> Any:
    stream_id = structs.integer(arguments[0], "stream id")
    session.expect(stream_id, stream_id != WORLD_STREAM)
    return [token(stream_id, session.port)]


def _settings_value(s: EpisodeSettings) -> list[Any]:
    return [
        s.synchronous_mode,
        s.no_rendering_mode,
        structs.optional_value(s.fixed_delta_seconds),
        s.substepping,
        s.max_substep_delta_time,
        s.max_substeps,
        s.max_culling_distance,
        s.deterministic_ragdolls,
        s.tile_stream_distance,
        s.actor_active_distance,
        s.spectator_as_ego,
    ]


def _set_settings(session: Session, arguments: Arguments) -> int:
    f = structs.fields(arguments[0], 11, "episode settings")
    delta = structs.optional(f[2], "fixed_delta_seconds")
    seconds = None if delta is None else structs.number(delta, "fixed_delta_seconds")
    session.settings = EpisodeSettings(
        synchronous_mode=structs.boolean(f[0], "synchronous_mode"),
        no_rendering_mode=structs.boolean(f[1], "no_rendering_mode"),
        fixed_delta_seconds=seconds or None,  # 0 means variable
        substepping=structs.boolean(f[3], "substepping"),
        max_substep_delta_time=structs.number(f[4], "max_substep_delta_time"),
        max_substeps=structs.integer(f[5], "max_substeps"),
        max_culling_distance=structs.number(f[6], "max_culling_distance"),
        deterministic_ragdolls=structs.boolean(f[7], "deterministic_ragdolls"),
        tile_stream_distance=structs.number(f[8], "tile_stream_distance"),
        actor_active_distance=structs.number(f[9], "actor_active_distance"),
        spectator_as_ego=structs.boolean(f[10], "spectator_as_ego"),
    )
    return session.world.frame


def _map_info(session: Session, _: Arguments) -> Any:
    points = session.scene.spawn_points.tolist()
    return [f"Carla/Maps/{session.scene.name}", [structs.transform_value(p[:3], p[3:]) for p in points]]


def _available_maps(session: Session, _: Arguments) -> list[str]:
    return [f"/Game/Carla/Maps/{name}" for name in session.maps.names()]


def _load(session: Session, arguments: Arguments) -> None:
    name = structs.text(arguments[0], "map name")
    layers = structs.integer(arguments[2], "map layers", 0, 0xFFFF) if len(arguments) > 2 else Layer.ALL
    session.load(name, structs.boolean(arguments[1], "reset settings"), layers)


def _stage_opendrive(session: Session, arguments: Arguments) -> None:
    session.maps.stage(structs.text(arguments[0], "OpenDRIVE"), _generation(arguments[1]))


def _generation(item: Any) -> Generation:
    """OpendriveGenerationParameters: vertex distance, longest piece of mesh and smooth junctions change nothing."""
    fields = structs.fields(item, 7, "OpenDRIVE generation parameters")
    names = ("vertex_distance", "max_road_length", "wall_height", "additional_width")
    sizes = {name: structs.number(field, name) for name, field in zip(names, fields, strict=False)}
    for name, most in (("wall_height", MAX_WALL_M), ("additional_width", MAX_WIDENING_M)):
        if not 0.0 <= sizes[name] <= most:
            raise WireError(f"{name}: expected 0 to {most:g} m, got {sizes[name]:g}")
    structs.boolean(fields[4], "smooth_junctions")
    return Generation(
        sizes["wall_height"],
        sizes["additional_width"],
        structs.boolean(fields[5], "enable_mesh_visibility"),
        structs.boolean(fields[6], "enable_pedestrian_navigation"),
    )


@lru_cache(4)  # a traffic manager asks in every frame
def _packed_weather(weather: Weather) -> bytes:
    return pack(value_response(list(dataclasses.astuple(weather))))


def _weather(session: Session, _: Arguments) -> bytes:
    return _packed_weather(session.world.weather)


def _set_weather(session: Session, arguments: Arguments) -> None:
    session.world.weather = Weather(*structs.numbers(arguments[0], 14, "weather"))


def _set_gravity(session: Session, arguments: Arguments) -> None:
    session.world.imu_gravity_mps2 = structs.number(arguments[0], "gravity")


def _spectator(session: Session, _: Arguments) -> Any:
    return session.world.spectator.wire(session.port)


@cache
def _packed_definitions() -> bytes:
    return pack(value_response([blueprint.wire() for blueprint in library().values()]))


_GENERATED = (
    "the mesh follows the roads within 1.5 cm whatever vertex_distance, max_road_length and smooth_junctions say; "
    "there is land beside the roads"
)

METHODS: dict[str, Method] = {
    "version": value(0, lambda session, _: VERSION),
    "get_episode_info": value(0, _episode_info),
    "get_sensor_token": value(1, _sensor_token),
    "get_episode_settings": value(0, lambda session, _: _settings_value(session.settings)),
    "set_episode_settings": value(1, _set_settings),
    "get_map_info": value(0, _map_info),
    "get_map_data": value(0, lambda session, _: session.scene.opendrive),
    "get_available_maps": value(0, _available_maps),
    "load_new_episode": alone(void(2, _load)),
    "copy_opendrive_to_file": void(2, _stage_opendrive, _GENERATED),
    "get_spectator": value(0, _spectator),
    "get_imui_gravity": value(0, lambda session, _: session.world.imu_gravity_mps2),
    "set_imui_gravity": void(1, _set_gravity),
    "tick_cue": Method(Answer.VALUE, 0, lambda session, _: session.tick(), ticks=True),
    "get_weather_parameters": Method(Answer.PACKED, 0, _weather),
    "set_weather_parameters": void(1, _set_weather),
    "get_actor_definitions": Method(Answer.PACKED, 0, lambda session, _: _packed_definitions()),
}
