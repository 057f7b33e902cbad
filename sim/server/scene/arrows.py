"""Arrows on lanes that lead into junctions: where a road has several lanes, which way each of them goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import carla
import numpy as np
import numpy.typing as npt

from sim.server.scene.ground import Ground
from sim.server.scene.lanes import Lane
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.roads import STOP_LINE_LIFT_M
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

BEFORE_END_M = (7.0, 32.0)
"""Tips of the arrows before the junction: for the first car in the queue, and for those that can still change lanes."""
TURN_RAD = np.radians(30.0)
"""A way through the junction that bends less goes straight on."""
LENGTH_M = 4.0
_SHAFT = 0.075  # half width, m
_STRAIGHT = ([(0.0, _SHAFT), (0.0, -_SHAFT), (2.9, -_SHAFT), (2.9, _SHAFT)],
             [(2.8, 0.33), (2.8, -0.33), (LENGTH_M, 0.0)])  # fmt: skip
_RIGHT = (
    [(0.0, _SHAFT), (0.0, -_SHAFT), (1.9, -_SHAFT), (1.9, _SHAFT)],
    [(1.9, -_SHAFT), (1.9, _SHAFT), (2.45, 0.34), (2.62, 0.22)],
    [(2.62, 0.22), (2.62, -_SHAFT), (1.9, -_SHAFT)],
    [(2.15, 0.42), (2.95, 0.12), (2.85, 0.80)],
)
"""Polygons in metres: ahead from the foot of the arrow, to the right."""


def add_arrows(triangles: Triangles, lanes: Sequence[Lane], carla_map: Any, ground: Ground, book: ObjectBook) -> None:
    """Arrows before the junctions of the map."""
    for road, lane, length_m in _last_lanes(lanes):
        end = carla_map.get_waypoint_xodr(road, lane, length_m)
        if end is None or end.is_junction or not _has_neighbour(end):
            continue
        ways = _ways(end)
        if not ways:
            continue
        for before in BEFORE_END_M:
            spots = end.previous(before + LENGTH_M)
            if spots and spots[0].road_id == road and spots[0].lane_id == lane:
                _add_arrow(triangles, spots[0], ways, ground, book)


def _last_lanes(lanes: Sequence[Lane]) -> list[tuple[int, int, float]]:
    """Road, lane and s near the end in travel direction of each lane's last section outside junctions."""
    found: dict[tuple[int, int], float] = {}
    for lane in lanes:
        if lane.kind != "driving" or lane.junction >= 0:
            continue
        key = lane.road, lane.lane
        first, last = float(lane.s_m[0]) + 0.2, float(lane.s_m[-1]) - 0.2
        found[key] = max(found.get(key, last), last) if lane.lane < 0 else min(found.get(key, first), first)
    return [(road, lane, s) for (road, lane), s in found.items()]


def _has_neighbour(end: Any) -> bool:
    """Whether another lane goes the same way."""
    beside = (end.get_left_lane(), end.get_right_lane())
    return any(
        other is not None and other.lane_type == carla.LaneType.Driving and other.lane_id * end.lane_id > 0
        for other in beside
    )


def _ways(end: Any) -> set[str]:
    """Ways through the junction ahead: some of left, straight, right; none where the road goes on."""
    ways = set()
    for start in end.next(1.0):
        if not start.is_junction:
            continue
        exit_yaw = start.next_until_lane_end(2.0)[-1].transform.rotation.yaw
        bend = np.radians(exit_yaw - end.transform.rotation.yaw)
        bend = float((bend + np.pi) % (2.0 * np.pi) - np.pi)
        ways.add("straight" if abs(bend) < TURN_RAD else "right" if bend > 0.0 else "left")
    return ways


def _add_arrow(triangles: Triangles, foot: Any, ways: set[str], ground: Ground, book: ObjectBook) -> None:
    place = foot.transform.location
    yaw = np.radians(foot.transform.rotation.yaw)
    forward = np.array([np.cos(yaw), np.sin(yaw)])
    right = np.array([-forward[1], forward[0]])
    at = np.array([place.x, place.y, place.z])
    owner = int(book.add([f"Road_Arrow_{len(book)}_SM_0"], Tag.ROAD_LINES, Layer.NONE, at, yaw)[0])
    shapes: list[Array] = []
    for way, polygons, side in (("straight", _STRAIGHT, 1.0), ("right", _RIGHT, 1.0), ("left", _RIGHT, -1.0)):
        if way in ways:
            shapes += [np.array(polygon) * [1.0, side] for polygon in polygons]
    for shape in shapes:
        level = at[:2] + shape[:, :1] * forward + shape[:, 1:] * right
        height = ground.heights(np.column_stack([level, np.full(len(level), at[2])])) + STOP_LINE_LIFT_M
        k = np.arange(1, len(shape) - 1)
        faces = np.stack([0 * k, k, k + 1], axis=1)
        vertex = np.column_stack([level, height])
        triangles.add(vertex, (0.0, 0.0, 1.0), (0.0, 0.0, 0.0), faces, Material.STOP_LINE, owner=owner)
