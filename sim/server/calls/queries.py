"""Sensors' extras: what there is, and clear refusals."""

from __future__ import annotations

from sim.server.calls.actors import find
from sim.server.calls.table import Answer, Arguments, Method, unsupported, value, void
from sim.server.protocol import structs
from sim.server.session import Session
from sim.server.world.blueprints import Kind


def _check_sensor(session: Session, arguments: Arguments) -> None:
    session.world.actors.get(structs.integer(arguments[0], "actor id"), Kind.SENSOR)


def _nothing(session: Session, arguments: Arguments) -> None:
    """A picture on the server's screen or a ROS topic: there is none."""


def _false(session: Session, arguments: Arguments) -> bool:
    return False


def _gbuffers(session: Session, arguments: Arguments) -> bool:
    find(session, arguments)
    return False


_NO_GBUFFER = "no G-buffer in a software renderer"

METHODS: dict[str, Method] = {
    "get_gbuffer_token": unsupported(Answer.VALUE, "get_gbuffer_token", _NO_GBUFFER),
    "enable_gbuffers": unsupported(Answer.VOID, "enable_gbuffers", _NO_GBUFFER),
    "are_gbuffers_enabled": value(1, _gbuffers),
    "set_ignored_vehicles": unsupported(Answer.VOID, "set_ignored_vehicles", "sensors see every vehicle"),
    "send": void(2, _check_sensor),
    "enable_sensor_for_ros": void(1, _nothing),
    "disable_sensor_for_ros": void(1, _nothing),
    "is_sensor_enabled_for_ros": value(1, _false),
}
