"""Questions about the scenery, sensors' extras: what there is, and clear refusals."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.server.calls.actors import find
from sim.server.calls.table import Answer, Arguments, Method, unsupported, value, void
from sim.server.protocol import structs
from sim.server.session import Session
from sim.server.world.blueprints import Kind

ANY_TAG = 255
MAX_RAY_HITS = 64
"""Surfaces along one ray: a tree crown has dozens, more tell nobody anything."""
PAST_SURFACE_M = 0.01
"""A ray goes on this far behind a surface, so that it does not meet it again."""


def _level_boxes(session: Session, arguments: Arguments) -> list[Any]:
    tag = structs.integer(arguments[0], "tag", 0, 255)
    boxes = (box for box in session.scene.obstacles if tag in (ANY_TAG, box.tag))
    return [structs.box_value(box.centre_m, box.half_m, (0.0, box.yaw_rad, 0.0)) for box in boxes]


def _cast_ray(session: Session, arguments: Arguments) -> list[Any]:
    """Everything that the segment between two places passes through, in order."""
    start = np.array(structs.vector(arguments[0], "from"))
    way = np.array(structs.vector(arguments[1], "to")) - start
    length = float(np.linalg.norm(way))
    if length == 0.0:
        return []
    direction, reached, instances = way / length, 0.0, session.world.view().instances
    points: list[Any] = []
    while reached < length and len(points) < MAX_RAY_HITS:
        hit = session.world.bench.first_hit(start + direction * reached, direction, length - reached, instances)
        if hit is None:
            break
        distance, tag = hit
        points.append([(start + direction * (reached + distance)).tolist(), tag])
        reached += distance + PAST_SURFACE_M
    return points


def _project_point(session: Session, arguments: Arguments) -> list[Any]:
    """The first thing in a direction within a distance."""
    start = np.array(structs.vector(arguments[0], "location"))
    way = np.array(structs.vector(arguments[1], "direction"))
    reach = structs.number(arguments[2], "distance")
    length = float(np.linalg.norm(way))
    hit = None
    if length > 0.0 and reach > 0.0:
        instances = session.world.view().instances
        hit = session.world.bench.first_hit(start, way / length, min(reach, structs.MAX_COORDINATE), instances)
    if hit is None:
        return [False, [[0.0, 0.0, 0.0], 0]]
    return [True, [(start + way / length * hit[0]).tolist(), hit[1]]]


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
    "get_all_level_BBs": value(1, _level_boxes),
    "enable_environment_objects": void(2, _nothing),
    "cast_ray": value(2, _cast_ray),
    "project_point": value(3, _project_point),
    "console_command": value(1, _false),
    "get_gbuffer_token": unsupported(Answer.VALUE, "get_gbuffer_token", _NO_GBUFFER),
    "enable_gbuffers": unsupported(Answer.VOID, "enable_gbuffers", _NO_GBUFFER),
    "are_gbuffers_enabled": value(1, _gbuffers),
    "set_ignored_vehicles": unsupported(Answer.VOID, "set_ignored_vehicles", "sensors see every vehicle"),
    "send": void(2, _check_sensor),
    "enable_sensor_for_ros": void(1, _nothing),
    "disable_sensor_for_ros": void(1, _nothing),
    "is_sensor_enabled_for_ros": value(1, _false),
}
