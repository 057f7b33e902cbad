"""Scenes of a data set on a server: independent shots, and driven sequences. Frames come labelled, one by one."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, replace
from typing import Any

import carla
import numpy as np

from sim.dataset.capture import Capture
from sim.dataset.label import Labelled, Surroundings, label
from sim.dataset.plan import Scene
from sim.dataset.records import CameraInfo, LidarInfo, SceneInfo, pose_rows, vec
from sim.scenario import TrafficSpec
from sim.source import conversion
from sim.source.staging import (
    SPAWN_HEIGHT_M,
    CastSpec,
    Footprint,
    Member,
    choose,
    free_spot,
    members,
    pose_command,
    spawn_commands,
    viewpoint,
)
from sim.source.studio import Studio, Unsettled
from sim.source.traffic import SHARES, Vehicles, Walkers
from sim.weather import WeatherSpec

log = logging.getLogger(__name__)

SUBSCRIBE_S = 0.2
"""Waited after subscribing, doubled at every attempt: a server learns of a subscription some milliseconds later."""
ATTEMPTS = 4
DARK_DEG = 20.0
"""Below this altitude of the sun most vehicles have their lights on."""
WHEELCHAIR_SHARE = 1.0 / 60.0
"""Of the people who may use a wheelchair: more than a street shows, so that a data set has some."""
LIFT_M = 0.3
"""The car of a sequence is spawned this far above the road, so that it touches nothing."""

Frames = Generator[tuple[Capture, Labelled], None, None]


def render(studio: Studio, scene: Scene) -> tuple[SceneInfo, Frames]:
    """What holds for the scene, and its frames, rendered as they are asked for.

    The world is begun anew, so the same scene gives the same frames wherever it is rendered. Raises ValueError for a
    map or car that the server does not have, SourceLost where it goes away.
    """
    stage = _shots if studio.config.mode == "shots" else _sequence
    wait_s = SUBSCRIBE_S
    for attempt in range(ATTEMPTS):
        frames = stage(studio, scene, wait_s)
        try:
            info = next(frames)
        except Unsettled as error:
            if attempt + 1 == ATTEMPTS:
                raise
            log.warning("%s; beginning the scene again", error)
            wait_s *= 2.0
            continue
        assert isinstance(info, SceneInfo)
        return info, frames
    raise AssertionError


def _shots(studio: Studio, scene: Scene, wait_s: float) -> Generator[Any, None, None]:
    """First the info, then the frames."""
    studio.begin(scene)
    config, world, facts = studio.config, studio.world, studio.facts
    rng = np.random.default_rng([scene.seed, 1])
    weather = _sunned(config.weather(scene.weather), config.random_sun, rng)
    traffic = config.traffic
    spec = CastSpec(traffic.vehicles, traffic.walkers, traffic.shares or CastSpec().shares, traffic.reach_m,
                    traffic.light_share, WHEELCHAIR_SHARE)  # fmt: skip
    above = carla.Transform(carla.Location(*facts.street.places[0, :2].tolist(), SPAWN_HEIGHT_M + 10.0))
    ego = _ego(studio, above)
    ego.set_simulate_physics(False)
    chosen = choose(facts.blueprints, spec, rng)
    answers = studio.client.apply_batch_sync(spawn_commands(facts.street, chosen, rng), False)
    world.tick()  # the client knows new actors after a tick
    cast = members(world, answers)
    ids = [member.actor_id for member in cast]
    try:
        studio.mount(ego, scene.seed, weather, lambda: int(world.tick()), wait_s)
        yield _info(studio, scene, ego)
        around = Surroundings(_ranks([*ids, *studio.parked.actor_id.tolist()]), int(ego.id), facts.lines, studio.lights)
        for index in range(scene.frames):
            weather = _sunned(weather, config.random_sun, rng)
            _apply(world, weather)
            _arrange(studio, ego, cast, spec, weather.sun_altitude_angle < DARK_DEG, rng)
            capture = studio.capture(int(world.tick()), index, ego, ids, asdict(weather))
            yield capture, label(capture, around, True)
    finally:
        _clear(studio, [int(ego.id), *ids], lambda: None)


def _arrange(
    studio: Studio, ego: Any, cast: Sequence[Member], spec: CastSpec, dark: bool, rng: np.random.Generator
) -> None:
    """Put the car somewhere on the road and everybody around it."""
    street, how = studio.facts.street, studio.config.shots
    lane = street.road[viewpoint(street, spec.light_share, rng)].transform
    turned = rng.random() < how.turned_share
    turn = rng.uniform(-how.turned_deg, how.turned_deg) if turned else rng.normal(0.0, how.turn_deg)
    yaw_deg = lane.rotation.yaw + float(turn)
    side, yaw = math.radians(lane.rotation.yaw + 90.0), math.radians(yaw_deg)
    aside = float(rng.normal(0.0, how.aside_m))
    eye = carla.Location(
        lane.location.x + aside * math.cos(side), lane.location.y + aside * math.sin(side), lane.location.z
    )
    here = carla.Transform(eye, carla.Rotation(lane.rotation.pitch, yaw_deg, 0.0))
    half = ego.bounding_box.extent
    taken: list[Footprint] = [(eye.x, eye.y, yaw, half.x, half.y)]
    batch = [carla.command.ApplyTransform(ego.id, here)]
    for member in cast:
        at = free_spot(street, member, eye, yaw, spec.reach_m, taken, rng)
        batch += pose_command(member, at, dark, rng)
    studio.client.apply_batch_sync(batch, False)


def _sequence(studio: Studio, scene: Scene, wait_s: float) -> Generator[Any, None, None]:
    """First the info, then the frames."""
    studio.begin(scene)
    config, world, facts = studio.config, studio.world, studio.facts
    rng = np.random.default_rng([scene.seed, 1])
    weather = _sunned(config.weather(scene.weather), config.random_sun, rng)
    _apply(world, weather)
    spawn = world.get_map().get_spawn_points()
    start = spawn[int(rng.integers(len(spawn)))]
    start.location.z += LIFT_M
    ego = _ego(studio, start)
    world.tick()
    here = conversion.vector(start.location)[:2]
    traffic = config.traffic
    spec = TrafficSpec(
        vehicles=int(rng.integers(*traffic.vehicles, endpoint=True)),
        walkers=int(rng.integers(*traffic.walkers, endpoint=True)),
        radius_m=2.0 * traffic.reach_m,
    )
    seed = scene.seed & 0x7FFFFFFF
    vehicles = Vehicles(studio.client, world, spec, seed, traffic.shares or SHARES)
    walkers = Walkers(studio.client, world, facts.graph, spec, seed, WHEELCHAIR_SHARE)

    def advance() -> int:
        walkers.step()
        frame = 0
        for _ in range(studio.substeps):
            frame = vehicles.tick()
        return frame

    try:
        vehicles.spawn(here)
        vehicles.drive(ego)
        walkers.spawn(here)
        for _ in range(round(config.sequence.warm_up_s / config.frame_s)):
            advance()
        studio.mount(ego, scene.seed, weather, vehicles.tick, wait_s)
        yield _info(studio, scene, ego)
        ids = [*vehicles.ids, *walkers.ids]
        around = Surroundings(_ranks([*ids, *studio.parked.actor_id.tolist()]), int(ego.id), facts.lines, studio.lights)
        for index in range(scene.frames):
            capture = studio.capture(advance(), index, ego, ids, asdict(weather))
            yield capture, label(capture, around, index % config.sequence.keyframe_every == 0)
    finally:
        _clear(studio, [int(ego.id), *vehicles.ids, *walkers.ids], vehicles.stop)


def _ego(studio: Studio, at: Any) -> Any:
    """The car that carries the sensors. Raises ValueError for a blueprint that is not there."""
    library = studio.world.get_blueprint_library()
    found = library.filter(studio.config.ego)
    if len(found) != 1:
        raise ValueError(f"ego {studio.config.ego!r}: expected the id of one vehicle, the server has {len(found)}")
    found[0].set_attribute("role_name", "hero")
    return studio.world.spawn_actor(found[0], at)


def _ranks(ids: Sequence[int]) -> dict[int, int]:
    """Ids of a scene's objects, from 1 on, by actor."""
    return {actor: k for k, actor in enumerate(sorted(ids), start=1)}


def _sunned(weather: WeatherSpec, random_sun: bool, rng: np.random.Generator) -> WeatherSpec:
    """The weather with the sun somewhere else if so wished."""
    return replace(weather, sun_azimuth_angle=round(float(rng.uniform(0.0, 360.0)), 2)) if random_sun else weather


def _apply(world: Any, weather: WeatherSpec) -> None:
    world.set_weather(carla.WeatherParameters(**weather.as_dict()))


def _info(studio: Studio, scene: Scene, ego: Any) -> SceneInfo:
    config = studio.config
    mounts = {m.name: m for m in studio.mounts}
    cameras = {name: mounts[name].camera for name in config.sensors.cameras}
    half = ego.bounding_box.extent
    return SceneInfo(
        name=scene.name,
        map=scene.map,
        weather=scene.weather,
        split=scene.split,
        mode=config.mode,
        seed=scene.seed,
        frame_s=config.frame_s,
        frames=scene.frames,
        picture=config.images.format,
        ego_type=str(ego.type_id),
        ego_size_m=vec((2.0 * half.x, 2.0 * half.y, 2.0 * half.z)),
        cameras={
            name: CameraInfo(c.width, c.height, pose_rows(c.intrinsics), pose_rows(c.ego_from_camera))
            for name, c in cameras.items()
            if c is not None
        },
        lidars={
            name: LidarInfo(
                pose_rows(mounts[name].ego_from_sensor), spec.channels, spec.lower_fov_deg, spec.upper_fov_deg
            )
            for name, spec in config.sensors.lidars.items()
        },
        has_masks=True,
        has_depth=config.sensors.depth,
        has_flow=config.sensors.flow,
        amodal=studio.outlines,
    )


def _clear(studio: Studio, ids: Sequence[int], stop: Callable[[], None]) -> None:
    """Give the world back. What fails with a lost server is left."""
    try:
        studio.unmount()
        stop()
        studio.client.apply_batch_sync([carla.command.DestroyActor(k) for k in ids], False)
    except RuntimeError as error:
        log.warning("%s: could not be tidied up: %s", studio.address, error)
