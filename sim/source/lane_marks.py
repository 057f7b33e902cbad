"""Lane lines of a CARLA map: where paint lies beside its driving lanes."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from sim.dataset.lanes import MapLine
from sim.source.conversion import vector

STEP_M = 1.0


def lane_lines(carla_map: Any) -> tuple[MapLine, ...]:
    """Every painted line once, in driving direction of the lane it belongs to, cut where its kind changes.

    A lane owns the mark on its outer side; the marks of the road's middle belong to the innermost lane of the right
    side, or of the left one where the right one has none.
    """
    import carla

    lanes: dict[tuple[int, int, int], list[Any]] = defaultdict(list)
    for waypoint in carla_map.generate_waypoints(STEP_M):
        lanes[waypoint.road_id, waypoint.section_id, waypoint.lane_id].append(waypoint)
    nothing = {carla.LaneMarkingType.NONE, carla.LaneMarkingType.Grass, carla.LaneMarkingType.Curb}
    out: list[MapLine] = []
    for (road, section, lane), waypoints in sorted(lanes.items()):
        waypoints.sort(key=lambda w: w.s, reverse=lane > 0)
        sides = [("right_lane_marking", 1.0)]
        if lane == -1 or (lane == 1 and (road, section, -1) not in lanes):
            sides.append(("left_lane_marking", -1.0))
        for name, side in sides:
            out.extend(_lines(waypoints, name, side, nothing))
    return tuple(out)


def _lines(waypoints: list[Any], name: str, side: float, nothing: set[Any]) -> list[MapLine]:
    """Lines on one side (1 right, -1 left) of a lane."""
    out: list[MapLine] = []
    points: list[Any] = []
    last: tuple[str, str] | None = None
    for waypoint in [*waypoints, None]:
        mark = None if waypoint is None else getattr(waypoint, name)
        kind = None if mark is None or mark.type in nothing else (str(mark.type), str(mark.color))
        if kind != last:
            if last is not None and len(points) > 1:
                out.append(MapLine(*last, np.array(points)))
            points = []
        if kind is not None:
            points.append(_edge(waypoint, side))
        last = kind
    return out


def _edge(waypoint: Any, side: float) -> Any:
    """The lane's edge beside a waypoint, right-handed."""
    at, yaw = waypoint.transform.location, math.radians(waypoint.transform.rotation.yaw)
    half = 0.5 * side * float(waypoint.lane_width)
    return vector(at) + half * np.array([-math.sin(yaw), -math.cos(yaw), 0.0])
