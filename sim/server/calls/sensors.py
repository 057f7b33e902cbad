"""Sensors' extras: G-buffers, vehicles that a sensor does not see, messages to send, ROS."""

from __future__ import annotations

from typing import Any

from sim.server.calls.table import Arguments, Method, inert, value, void
from sim.server.protocol import structs
from sim.server.protocol.wire import token
from sim.server.session import Session
from sim.server.world.actors import Actor, UnknownActorError
from sim.server.world.blueprints import Kind
from sim.server.world.measuring import SensorState, gbuffer_stream

MAX_IGNORED = 10_000
"""Vehicles in one list: more than a map holds."""
_MADE = "buffers are made from depth, normals and materials: see sim/server/sensors/gbuffers.py"
_NO_ROS = "there is no ROS interface; use a bridge that is a client"


def _sensor(session: Session, arguments: Arguments) -> tuple[Actor, SensorState]:
    actor = session.world.actors.get(structs.integer(arguments[0], "actor id"), Kind.SENSOR)
    if actor.sensing is None:
        raise ValueError(f"{actor.type_id} is computed by the client: the server has nothing of it")
    return actor, actor.sensing


def _gbuffer_token(session: Session, arguments: Arguments) -> bytes:
    """Where to subscribe to one G-buffer of a camera; the same at every call."""
    actor, _ = _sensor(session, arguments)
    stream_id = gbuffer_stream(session.world, actor, structs.integer(arguments[1], "G-buffer"))
    session.expect(stream_id, False)  # the client asks again when it leaves
    return token(stream_id, session.port)


def _enable_gbuffers(session: Session, arguments: Arguments) -> None:
    _, state = _sensor(session, arguments)
    state.gbuffers_enabled = structs.boolean(arguments[1], "enabled")


def _gbuffers_enabled(session: Session, arguments: Arguments) -> bool:
    return _sensor(session, arguments)[1].gbuffers_enabled


def _set_ignored(session: Session, arguments: Arguments) -> None:
    """The sensor sees the world without these vehicles from now on; an empty list ends that."""
    _, state = _sensor(session, arguments)
    ids = arguments[1]
    if not isinstance(ids, list) or len(ids) > MAX_IGNORED:
        raise ValueError(f"ignored vehicles: expected a list of at most {MAX_IGNORED} actor ids")
    wanted = [structs.integer(actor_id, "vehicle id") for actor_id in ids]
    for actor_id in wanted:
        session.world.actors.get(actor_id, Kind.VEHICLE)
    state.ignored = frozenset(wanted)


def _send(session: Session, arguments: Arguments) -> None:
    """A text for the other custom V2X sensors, sent with the next tick."""
    actor, state = _sensor(session, arguments)
    if actor.type_id != "sensor.other.v2x_custom":
        raise UnknownActorError(f"actor {actor.actor_id} is a {actor.type_id}: only sensor.other.v2x_custom sends")
    text = arguments[1]
    if not isinstance(text, str):
        raise ValueError(f"message: expected text, got {type(text).__name__}")
    sensor: Any = state.sensor
    sensor.send(text)


def _stream(session: Session, arguments: Arguments) -> None:
    structs.integer(arguments[0], "stream id", 0)


def _never(session: Session, arguments: Arguments) -> bool:
    _stream(session, arguments)
    return False


METHODS: dict[str, Method] = {
    "get_gbuffer_token": value(2, _gbuffer_token, _MADE),
    "enable_gbuffers": void(2, _enable_gbuffers, "remembered; a buffer is made whenever somebody listens to it"),
    "are_gbuffers_enabled": value(1, _gbuffers_enabled),
    "set_ignored_vehicles": void(2, _set_ignored),
    "send": void(2, _send),
    "enable_sensor_for_ros": inert(1, _stream, _NO_ROS),
    "disable_sensor_for_ros": inert(1, _stream, _NO_ROS),
    "is_sensor_enabled_for_ros": value(1, _never),
}
