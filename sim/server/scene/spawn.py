"""Recommended places for vehicles to appear."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

GAP_M = 12.0
"""Distance between two points of a lane: a bus (10 m) fits between."""
HEIGHT_M = 0.5
"""CARLA's maps let vehicles drop from half a metre, so that no wheel starts inside the road."""
FROM_LANE_END_M = 6.0
"""A vehicle does not appear with its nose in a junction."""
LONGEST_PIECE_M = 2.0
NARROWEST_LANE_M = 2.5
CLEARANCE_M = 5.0
"""Two points on different lanes are at least this far apart (lanes that merge); beside each other less is fine."""


def spawn_points(carla_map: Any) -> npt.NDArray[np.float64]:
    """Points (n, 6) x, y, z, pitch, yaw, roll (m, rad) on driving lanes outside junctions, by road, lane and s."""
    by_lane: dict[tuple[int, int], list[Any]] = {}
    for waypoint in carla_map.generate_waypoints(LONGEST_PIECE_M):
        if not waypoint.is_junction and str(waypoint.lane_type) == "Driving":
            by_lane.setdefault((waypoint.road_id, waypoint.lane_id), []).append(waypoint)
    rows: list[tuple[float, ...]] = []
    for key in sorted(by_lane):
        waypoints = sorted(by_lane[key], key=lambda waypoint: waypoint.s)
        first, last = waypoints[0].s, waypoints[-1].s
        last_at = None
        for waypoint in waypoints:
            at, turn = waypoint.transform.location, waypoint.transform.rotation
            if waypoint.lane_width < NARROWEST_LANE_M or (last_at is not None and at.distance(last_at) < GAP_M):
                continue
            if waypoint.s - first < FROM_LANE_END_M or last - waypoint.s < FROM_LANE_END_M:
                continue
            last_at = at
            degrees = (math.remainder(angle, 360.0) for angle in (turn.pitch, turn.yaw, turn.roll))  # slopes of 360.9
            rows.append((at.x, at.y, at.z + HEIGHT_M, *map(math.radians, degrees)))
    points = np.array(rows, np.float64).reshape(-1, 6)
    return _thin(points)


def _thin(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Without points that lie within ``CLEARANCE_M`` ahead or behind an earlier one on (nearly) the same line."""
    keep = np.ones(len(points), bool)
    reach = math.hypot(CLEARANCE_M, NARROWEST_LANE_M, CLEARANCE_M)
    for a, b in sorted(cKDTree(points[:, :3]).query_pairs(reach)) if len(points) else ():
        offset = points[b, :2] - points[a, :2]
        forward = np.array([math.cos(points[b, 4]), math.sin(points[b, 4])])
        ahead, aside = abs(offset @ forward), abs(offset[0] * forward[1] - offset[1] * forward[0])
        level = abs(points[b, 2] - points[a, 2])
        if keep[a] and ahead < CLEARANCE_M and aside < NARROWEST_LANE_M and level < CLEARANCE_M:
            keep[b] = False
    return points[keep]
