"""What a driving examiner writes down: red lights and stop signs run, seen from the true pose and the map."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from perception.frame import FloatArray
from perception.objects import LightState
from planning.lanes import LaneGraph, StopKind, StopLine

STANDING_MPS = 0.3
"""Below this a car counts as having stopped."""
STOP_ZONE_M = 6.0
"""A stop counts for a stop sign's line when the front is at most this far before it."""


class InfractionWatch:
    """Follows the front of the car over the stop lines of the map."""

    def __init__(self, graph: LaneGraph, front_m: float) -> None:
        """front_m: from the ego origin to the front bumper."""
        self._front_m = front_m
        self._lines = [line for line in graph.stop_lines if line.kind in (StopKind.LIGHT, StopKind.STOP_SIGN)]
        points, yaws, halves = [], [], []
        for line in self._lines:
            lane = graph.lanes[line.lane]
            points.append([np.interp(line.s_m, lane.s_m, lane.center_m[:, axis]) for axis in (0, 1)])
            row = min(int(np.searchsorted(lane.s_m, line.s_m)), len(lane.s_m) - 1)
            yaws.append(float(lane.yaw_rad[row]))
            halves.append(0.5 * float(lane.width_m[row]))
        self._points = np.array(points, dtype=np.float64).reshape(-1, 2)
        self._ways = np.stack([np.cos(yaws), np.sin(yaws)], axis=1).reshape(-1, 2)
        self._half_m = np.array(halves, dtype=np.float64)
        self._before: FloatArray | None = None
        self._stopped = np.zeros(len(self._lines), bool)

    def update(
        self, world_from_ego: FloatArray, speed_mps: float, lights: Mapping[str, int]
    ) -> tuple[dict[str, object], ...]:
        """Lines crossed against the rules since the last call, as events with kind and signal_id."""
        if not self._lines:
            return ()
        yaw = math.atan2(world_from_ego[1, 0], world_from_ego[0, 0])
        front = world_from_ego[:2, 3] + self._front_m * np.array([math.cos(yaw), math.sin(yaw)])
        to_front = front - self._points
        along = (to_front * self._ways).sum(axis=1)
        beside = np.abs(to_front[:, 0] * self._ways[:, 1] - to_front[:, 1] * self._ways[:, 0])
        same_way = self._ways @ np.array([math.cos(yaw), math.sin(yaw)]) > 0.7
        on = same_way & (beside < self._half_m)
        if speed_mps < STANDING_MPS:
            self._stopped |= on & (along <= 0.5) & (along > -STOP_ZONE_M)
        events = []
        if self._before is not None:
            for k in np.flatnonzero(on & (self._before <= 0.0) & (along > 0.0) & (along < STOP_ZONE_M)):
                event = self._judge(self._lines[k], bool(self._stopped[k]), lights)
                if event is not None:
                    events.append(event)
        self._stopped &= along < STOP_ZONE_M
        self._before = along
        return tuple(events)

    @staticmethod
    def _judge(line: StopLine, stopped: bool, lights: Mapping[str, int]) -> dict[str, object] | None:
        if line.kind is StopKind.LIGHT and lights.get(line.signal_id) == LightState.RED:
            return {"kind": "red_light", "signal_id": line.signal_id}
        if line.kind is StopKind.STOP_SIGN and not stopped:
            return {"kind": "stop_sign", "signal_id": line.signal_id}
        return None
