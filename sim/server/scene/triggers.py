"""Where signals work: the volumes that clients see, the boxes that vehicles feel, the lanes to give way to."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Array = npt.NDArray[np.float64]

GATE_LENGTH_M = 6.0
"""A box begins this far before the stop line: a car at 30 km/h stops within it (7 m/s^2)."""
SHORTEST_GATE_M = 1.5
GATE_BEYOND_M = 0.5
LINE_BEFORE_M, LINE_BEYOND_M = 1.25, 0.25
"""The volume that a light shows to clients lies on the stop line, for they look there for its waypoints."""
CENTRE_BEFORE_END_M = 3.0
"""But its middle is at least this far before the junction, as CARLA's is: agents brake when they are near to it."""
SIDE_MARGIN_M = 0.2
SPEED_HALF_M = 3.0
"""A car at 100 km/h moves 2.8 m in a tenth of a second and must not jump over a speed sign's box."""
HALF_HEIGHT_M = 1.5

CONFLICT_STEP_M = 1.0
CONFLICT_M = 2.5
"""Centre lines nearer than this cannot be driven side by side: a car is 2 m wide, with half a metre between."""
ROAD_END_M = 1e-3
"""Samples stay this far inside their road."""
ANTICIPATION_M = 3.2
"""The area to be clear reaches this far back before the junction: one of CARLA's boxes, nine tenths of a lane wide."""
CLEAR_SHARE = 0.45
"""Radius of the area around a centre line, of the lane's width: CARLA's boxes cover nine tenths of it."""


@dataclass(frozen=True)
class Approach:
    """One lane that obeys a signal: stop point (3,), unit travel direction (2,), lane width.

    room_m: length of the lane's road behind the stop point; beyond_m: from the stop point to the lane's end.
    """

    road: int
    lane: int
    point_m: Array
    forward: Array
    width_m: float
    room_m: float
    beyond_m: float = 0.0


def _reach(lane: Approach, gate: bool) -> tuple[float, float]:
    """Metres ahead of and behind the stop point; a gate's box does not reach back into an earlier junction."""
    if not gate:
        return SPEED_HALF_M, SPEED_HALF_M
    return GATE_BEYOND_M, min(GATE_LENGTH_M, max(lane.room_m, SHORTEST_GATE_M))


def _line_reach(approaches: Sequence[Approach]) -> tuple[float, float]:
    """Metres ahead of and behind the stop points that a light's volume reaches; it stays on the lanes' roads."""
    room = min(lane.room_m for lane in approaches)
    middle = (LINE_BEFORE_M - LINE_BEYOND_M) / 2.0
    early = max(0.0, CENTRE_BEFORE_END_M - middle - min(lane.beyond_m for lane in approaches))
    return LINE_BEYOND_M, min(LINE_BEFORE_M + 2.0 * early, room)


def effect_boxes(approaches: Sequence[Approach], gate: bool) -> Array:
    """(k, 7) one box per lane in which a vehicle's front obeys: x y z centre, half sizes, yaw of the traffic."""
    rows = []
    for lane in approaches:
        ahead, behind = _reach(lane, gate)
        x, y = lane.point_m[:2] + lane.forward * (ahead - behind) / 2.0
        yaw = math.atan2(lane.forward[1], lane.forward[0])
        half = (ahead + behind) / 2.0, lane.width_m / 2.0 - SIDE_MARGIN_M, HALF_HEIGHT_M
        rows.append((x, y, lane.point_m[2] + 1.0, *half, yaw))
    return np.array(rows, np.float64).reshape(-1, 7)


def trigger_volume(
    foot: Array, yaw: float, approaches: Sequence[Approach], gate: bool, line: bool
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Centre and half sizes, in the actor's frame, of the box around the controlled lanes.

    gate: a signal to stop at; line: only the stop line itself.
    """
    if not approaches:
        return (0.0, 0.0, 0.0), (0.5, 0.5, HALF_HEIGHT_M)
    corners: list[Array] = []
    reaches = [_reach(lane, gate) for lane in approaches]
    ahead, behind = reaches[0][0], min(behind for _, behind in reaches)
    if line:
        ahead, behind = _line_reach(approaches)
    for lane in approaches:
        right = np.array([-lane.forward[1], lane.forward[0]]) * (lane.width_m / 2.0 - SIDE_MARGIN_M)
        for along in (ahead, -behind):
            corners.extend(lane.point_m[:2] + lane.forward * along + right * side for side in (-1.0, 1.0))
    offset = np.array(corners) - foot[:2]
    c, s = math.cos(yaw), math.sin(yaw)
    local = np.stack([offset[:, 0] * c + offset[:, 1] * s, -offset[:, 0] * s + offset[:, 1] * c], axis=1)
    low, high = local.min(axis=0), local.max(axis=0)
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    height = float(np.mean([a.point_m[2] for a in approaches])) - float(foot[2]) + 1.0
    return (float(middle[0]), float(middle[1]), height), (float(half[0]), float(half[1]), HALF_HEIGHT_M)


@dataclass(frozen=True)
class _Path:
    """One lane through a junction: the lanes that lead into it, its centre line (n, 3), the area (m, 4) to be clear."""

    come_from: frozenset[tuple[int, int]]
    points_m: Array
    area_m: Array


class Conflicts:
    """Which paths through a junction cross those of one approach. Junctions are sampled when first asked for."""

    def __init__(self, carla_map: Any, root: ET.Element) -> None:
        self._map = carla_map
        self._roads: dict[int, list[ET.Element]] = {}
        for road in root.iter("road"):
            self._roads.setdefault(int(road.get("junction", "-1")), []).append(road)
        self._paths: dict[int, list[_Path]] = {}

    def area(self, junction: int, approaches: Sequence[Approach]) -> Array:
        """(n, 4) x y z and radius of the places that must be clear before anyone from these lanes enters."""
        nothing = np.zeros((0, 4))
        if junction < 0 or not approaches:
            return nothing
        if junction not in self._paths:
            self._paths[junction] = [path for road in self._roads[junction] for path in self._of(road)]
        lanes = {(approach.road, approach.lane) for approach in approaches}
        roads = {road for road, _ in lanes}
        own = [path.points_m for path in self._paths[junction] if path.come_from & lanes]
        if not own:
            return nothing
        tree = cKDTree(np.concatenate(own))
        crossing = [
            path.area_m
            for path in self._paths[junction]
            if not any(road in roads for road, _ in path.come_from)
            and (tree.query(path.points_m)[0] < CONFLICT_M).any()
        ]
        return np.concatenate([nothing, *crossing])

    def _of(self, road: ET.Element) -> Iterator[_Path]:
        number, length = int(road.get("id", "0")), float(road.get("length", "0"))
        section = road.find("lanes/laneSection")
        driving = [] if section is None else [e for e in section.iter("lane") if e.get("type") == "driving"]
        count = max(2, math.ceil(length / CONFLICT_STEP_M) + 1)
        along = np.linspace(ROAD_END_M, max(length - ROAD_END_M, ROAD_END_M), count)
        for lane in (int(e.get("id", "0")) for e in driving):
            found = [
                self._map.get_waypoint_xodr(number, lane, s) for s in (along if lane < 0 else along[::-1]).tolist()
            ]
            path = [waypoint for waypoint in found if waypoint is not None]
            if not path:
                continue
            before = path[0].previous(ANTICIPATION_M)
            points, area = _places(path), _places([*before, *path])
            yield _Path(
                frozenset((w.road_id, w.lane_id) for w in path[0].previous(CONFLICT_STEP_M) if not w.is_junction),
                points[:, :3],
                area,
            )


def _places(waypoints: Sequence[Any]) -> Array:
    """(n, 4) x y z and the radius that belongs to the lane's width."""
    return np.array(
        [(*_xyz(waypoint.transform.location), CLEAR_SHARE * waypoint.lane_width) for waypoint in waypoints]
    ).reshape(-1, 4)


def _xyz(location: Any) -> tuple[float, float, float]:
    return location.x, location.y, location.z
