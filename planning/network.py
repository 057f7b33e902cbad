"""``Network``: the lane graph with the look-ups that planning needs: nearest lane, stop lines and conflicts by lane."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from perception.frame import FloatArray
from perception.objects import IntArray
from planning.lanes import Conflict, Lane, LaneGraph, StopLine


class PlanningError(ValueError):
    """Planning was asked for something that the map or the vehicle does not allow."""


@dataclass(frozen=True)
class LanePosition:
    """A place on the graph: arc length ``s_m`` on ``lane``, ``offset_m`` to the left of its centre, and the angle
    ``heading_rad`` from the lane's direction to the asker's."""

    lane: int
    s_m: float
    offset_m: float
    heading_rad: float


def wrap(angle_rad: float) -> float:
    """``angle_rad`` in -pi..pi."""
    return math.remainder(angle_rad, 2.0 * math.pi)


def wrap_array(angle_rad: FloatArray) -> FloatArray:
    """Every angle in -pi..pi (any shape)."""
    wrapped: FloatArray = np.remainder(angle_rad + math.pi, 2.0 * math.pi) - math.pi
    return wrapped


class Network:
    """Read-only index over a ``LaneGraph``.

    ``flat_*`` hold the centre lines of all lanes one after another for compiled code: lane i owns rows
    ``first[i]`` .. ``first[i + 1]``.
    """

    def __init__(self, graph: LaneGraph) -> None:
        if not graph.lanes:
            raise PlanningError(f"LaneGraph {graph.name!r}: expected at least one lane, got none; check the map file")
        self.graph = graph
        self.first: IntArray = np.concatenate([[0], np.cumsum([len(lane.s_m) for lane in graph.lanes])]).astype(
            np.int64
        )
        self.flat_xy_m: FloatArray = np.ascontiguousarray(
            np.concatenate([lane.center_m[:, :2] for lane in graph.lanes])
        )
        self.flat_yaw_rad: FloatArray = np.concatenate([lane.yaw_rad for lane in graph.lanes])
        self.flat_s_m: FloatArray = np.concatenate([lane.s_m for lane in graph.lanes])
        self.flat_width_m: FloatArray = np.concatenate([lane.width_m for lane in graph.lanes])
        self.flat_lane: IntArray = np.repeat(np.arange(len(graph.lanes)), np.diff(self.first)).astype(np.int64)
        self._tree = cKDTree(self.flat_xy_m)
        self._stop_lines: dict[int, tuple[StopLine, ...]] = {}
        for line in graph.stop_lines:
            self._stop_lines[line.lane] = (*self._stop_lines.get(line.lane, ()), line)
        self._conflicts: dict[int, tuple[Conflict, ...]] = {}
        for conflict in graph.conflicts:
            self._conflicts[conflict.a] = (*self._conflicts.get(conflict.a, ()), conflict)

    def lane(self, lane_id: int) -> Lane:
        """The lane with this id."""
        return self.graph.lanes[lane_id]

    def stop_lines(self, lane_id: int) -> tuple[StopLine, ...]:
        """Stop lines on this lane."""
        return self._stop_lines.get(lane_id, ())

    def conflicts(self, lane_id: int) -> tuple[Conflict, ...]:
        """Conflicts in which this lane is ``a``."""
        return self._conflicts.get(lane_id, ())

    def nearest(
        self, x_m: float, y_m: float, yaw_rad: float | None = None, *, radius_m: float = 8.0, count: int = 48
    ) -> list[LanePosition]:
        """Lanes near a point, best first: the smallest of distance + 4 m per radian of heading difference (a lane that
        points the other way loses 12 m). Empty where no lane comes within ``radius_m``."""
        if not (math.isfinite(x_m) and math.isfinite(y_m)):
            return []
        count = min(count, len(self.flat_xy_m))
        distances, rows = self._tree.query([x_m, y_m], k=count, distance_upper_bound=radius_m)
        best: dict[int, int] = {}
        for distance, row in zip(np.atleast_1d(distances), np.atleast_1d(rows), strict=True):
            if math.isfinite(distance):
                best.setdefault(int(self.flat_lane[row]), int(row))
        found = [self._position(row, x_m, y_m, yaw_rad) for row in best.values()]
        found.sort(key=lambda item: item[0])
        return [position for _, position in found]

    def match(
        self, xy_m: FloatArray, yaw_rad: FloatArray, offset_m: float, heading_rad: float
    ) -> list[list[LanePosition]]:
        """For each of n points (n, 2) with yaw (n,) (NaN: any direction) the lanes that it may be on: within
        ``offset_m`` of the centre line and ``heading_rad`` of its direction, best first."""
        if not len(xy_m):
            return []
        count = min(24, len(self.flat_xy_m))
        distances, rows = self._tree.query(xy_m, k=count, distance_upper_bound=offset_m + 1.0)
        distances, rows = distances.reshape(len(xy_m), count), rows.reshape(len(xy_m), count)
        turned = np.abs(wrap_array(yaw_rad[:, None] - self.flat_yaw_rad[np.minimum(rows, len(self.flat_yaw_rad) - 1)]))
        fits = np.isfinite(distances) & ~(turned > heading_rad)
        out: list[list[LanePosition]] = []
        for k in range(len(xy_m)):
            best: dict[int, int] = {}
            for row in rows[k, fits[k]]:
                best.setdefault(int(self.flat_lane[row]), int(row))
            yaw = None if math.isnan(yaw_rad[k]) else float(yaw_rad[k])
            found = [self._position(row, float(xy_m[k, 0]), float(xy_m[k, 1]), yaw) for row in best.values()]
            found.sort(key=lambda item: item[0])
            out.append([place for cost, place in found if abs(place.offset_m) < offset_m])
        return out

    def _position(self, row: int, x_m: float, y_m: float, yaw_rad: float | None) -> tuple[float, LanePosition]:
        lane = int(self.flat_lane[row])
        yaw = float(self.flat_yaw_rad[row])
        dx, dy = x_m - self.flat_xy_m[row, 0], y_m - self.flat_xy_m[row, 1]
        along = math.cos(yaw) * dx + math.sin(yaw) * dy
        offset = -math.sin(yaw) * dx + math.cos(yaw) * dy
        length = self.lane(lane).length_m
        s_raw = float(self.flat_s_m[row]) + along
        s = min(max(s_raw, 0.0), length)
        heading = 0.0 if yaw_rad is None else wrap(yaw_rad - yaw)
        return math.hypot(s_raw - s, offset) + 4.0 * abs(heading), LanePosition(lane, s, float(offset), heading)
