"""What the map says along a reference: stop lines, conflicts with other lanes, crosswalks, by arc length."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from perception.frame import FloatArray, VehicleModel
from perception.objects import MapLight
from planning.lanes import Conflict, StopKind
from planning.network import Network
from planning.reference import REFERENCE_STEP_M, Reference


@dataclass(frozen=True)
class LineAhead:
    """A stop line at arc length ``s_m`` of the reference."""

    s_m: float
    kind: StopKind
    signal_id: str
    lane: int
    view_gap_m: float = 0.0  # between front bumper and line, so that the light stays in the camera's view


@dataclass(frozen=True)
class ConflictAhead:
    """The reference runs through a conflict from ``from_s_m`` to ``to_s_m``; ``entry_s_m`` is where the junction
    begins, ``entry_yaw_rad`` the direction in which it is entered."""

    from_s_m: float
    to_s_m: float
    entry_s_m: float
    entry_yaw_rad: float
    conflict: Conflict


@dataclass(frozen=True)
class CrosswalkAhead:
    """The reference crosses a crosswalk (``polygon_m`` (k, 2)) from ``from_s_m`` to ``to_s_m``."""

    from_s_m: float
    to_s_m: float
    polygon_m: FloatArray
    index: int


@dataclass(frozen=True)
class EyeConfig:
    """Where the camera that reads the lights looks from; the default rig's."""

    ahead_m: float = 0.6  # of the ego origin
    height_m: float = 1.6
    view_up: float = 0.62  # tangent: 32 of the 37 degrees that 800 x 600 at 90 degrees show above the axis
    view_side: float = 0.85  # tangent: 40 of 45 degrees
    head_up_m: float = 0.35  # the red lamp above the head's centre
    most_m: float = 12.0  # no light is so awkward that one stops further away


@dataclass(frozen=True)
class Features:
    """All of it, each in the order of arc length."""

    lines: tuple[LineAhead, ...]
    conflicts: tuple[ConflictAhead, ...]
    crosswalks: tuple[CrosswalkAhead, ...]


def view_gap(
    line_xyz_m: FloatArray, yaw_rad: float, light: MapLight | None, vehicle: VehicleModel, eye: EyeConfig
) -> float:
    """Distance to keep between the front bumper and a line at ``line_xyz_m`` (3,), so that the light's nearest head
    stays in view; 0 where the light's place is not known. Lights that stand beside their line vanish upwards and
    sideways
    from a car right at it."""
    if light is None or not len(light.heads_world_m):
        return 0.0
    to_head = light.heads_world_m - line_xyz_m  # (k, 3)
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    ahead, left = to_head[:, 0] * c + to_head[:, 1] * s, -to_head[:, 0] * s + to_head[:, 1] * c
    up = to_head[:, 2] + eye.head_up_m - eye.height_m
    depth = np.maximum(up / eye.view_up, np.abs(left) / eye.view_side)  # from the camera to the head
    gap = float((depth - ahead).min()) - (0.5 * vehicle.length_m - eye.ahead_m)
    return min(max(gap, 0.0), eye.most_m)


def features(
    network: Network,
    reference: Reference,
    lights: Mapping[str, MapLight],
    vehicle: VehicleModel,
    eye: EyeConfig,
) -> Features:
    """Collect the features along ``reference``. ``lights``: where the heads of the signals are, as far as is known."""
    lines: list[LineAhead] = []
    conflicts: list[ConflictAhead] = []
    edges = np.flatnonzero(np.diff(reference.lane)) + 1
    bounds = [0, *edges.tolist(), len(reference.lane)]
    entry = 0.0
    inside = False
    for first, end in itertools.pairwise(bounds):
        lane = network.lane(int(reference.lane[first]))
        on_lane = reference.fraction[first:end] * lane.length_m
        s = reference.s_m[first:end]
        if lane.junction >= 0 and not inside:
            entry = float(s[0])
        inside = lane.junction >= 0
        for line in network.stop_lines(lane.id):
            if on_lane[0] - 1.0 <= line.s_m <= on_lane[-1] + 1.0:
                where = float(np.interp(line.s_m, on_lane, s))
                place = np.array([np.interp(line.s_m, lane.s_m, lane.center_m[:, axis]) for axis in range(3)])
                yaw = float(np.interp(line.s_m, lane.s_m, np.unwrap(lane.yaw_rad)))
                gap = view_gap(place, yaw, lights.get(line.signal_id), vehicle, eye)
                lines.append(LineAhead(where, line.kind, line.signal_id, lane.id, gap))
        for conflict in network.conflicts(lane.id):
            if conflict.a_s_m[1] >= on_lane[0] and conflict.a_s_m[0] <= on_lane[-1]:
                start, stop = (float(np.interp(at, on_lane, s)) for at in conflict.a_s_m)
                yaw = float(reference.yaw_rad[reference.index(entry)])
                conflicts.append(ConflictAhead(start, stop, entry, yaw, conflict))
    crosswalks = [
        walk
        for index, polygon in enumerate(network.graph.crosswalks_m)
        for walk in _crossings(reference, np.asarray(polygon, np.float64), index)
    ]
    return Features(
        tuple(sorted(lines, key=lambda line: line.s_m)),
        tuple(sorted(conflicts, key=lambda c: c.from_s_m)),
        tuple(sorted(crosswalks, key=lambda c: c.from_s_m)),
    )


def _crossings(reference: Reference, polygon: FloatArray, index: int) -> list[CrosswalkAhead]:
    inside = in_polygon(reference.xy_m, polygon)
    rows = np.flatnonzero(inside)
    if not len(rows):
        return []
    groups = np.split(rows, np.flatnonzero(np.diff(rows) > 4) + 1)
    return [
        CrosswalkAhead(float(reference.s_m[g[0]]), float(reference.s_m[g[-1]]) + REFERENCE_STEP_M, polygon, index)
        for g in groups
    ]


def in_polygon(points_m: FloatArray, polygon_m: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Even-odd test of points (n, 2) against a closed polygon (k, 2)."""
    low, high = polygon_m.min(0), polygon_m.max(0)
    inside = np.zeros(len(points_m), np.bool_)
    near = np.flatnonzero(((points_m >= low) & (points_m <= high)).all(1))
    if not len(near):
        return inside
    x, y = points_m[near, 0:1], points_m[near, 1:2]
    x0, y0 = polygon_m[:, 0], polygon_m[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        crosses = ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    inside[near] = np.count_nonzero(crosses, axis=1) % 2 == 1
    return inside
