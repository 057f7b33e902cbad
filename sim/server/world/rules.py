"""What the road tells each vehicle: its speed limit and the light that it stands before."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import carla
import numpy as np
import numpy.typing as npt

from sim.server.scene.static import Signal
from sim.server.world.traffic_lights import TrafficLights

Array = npt.NDArray[np.float64]

DEFAULT_LIMIT_KMH = 30.0
"""CARLA's limit before the first sign."""
LOOK_BACK_M = 200.0
"""How far up the road a new vehicle looks for its sign: about a block; further, the default is as good a guess."""
LOOK_BACK_STEP_M = 2.5  # less than the length of a sign's trigger volume
_LIMIT = re.compile(r"traffic\.speed_limit\.(\d+)$")
_HEIGHT_MARGIN_M = 2.0  # as for traffic lights: which level of a bridge


class RoadRules:
    """Columns per vehicle, in the order of their ids: speed_limit_kmh (n,) and light (n,) signal index or -1."""

    def __init__(self, signals: Sequence[Signal], lights: TrafficLights) -> None:
        self._lights = lights
        self._vehicle_id = np.zeros(0, np.int64)
        self._half_length_m = np.zeros(0)
        self.speed_limit_kmh = np.zeros(0)
        self.light = np.zeros(0, np.int64)
        rows = [(match, signal) for signal in signals if (match := _LIMIT.match(signal.type_id))]
        self._sign_limit_kmh = np.array([float(match.group(1)) for match, _ in rows])
        self._sign = np.array([_trigger(signal) for _, signal in rows]).reshape(-1, 7)

    def set_vehicles(self, vehicle_id: npt.NDArray[np.int64], half_length_m: Array, start_limit_kmh: Array) -> None:
        """A new set of vehicles; those that were there keep their limit."""
        kept = dict(zip(self._vehicle_id.tolist(), self.speed_limit_kmh.tolist(), strict=True))
        self.speed_limit_kmh = np.array(
            [kept.get(i, start) for i, start in zip(vehicle_id.tolist(), start_limit_kmh.tolist(), strict=True)]
        )
        self._vehicle_id, self._half_length_m = vehicle_id, half_length_m
        self.light = np.full(len(vehicle_id), -1, np.int64)

    def limit_at(self, road_map: Any, position_m: Array) -> float:
        """Limit in km/h at a place: of the last sign on the way there, within ``LOOK_BACK_M``, else the default."""
        if not len(self._sign):
            return DEFAULT_LIMIT_KMH
        waypoint = road_map.get_waypoint(carla.Location(*position_m.tolist()))
        for _ in range(int(LOOK_BACK_M / LOOK_BACK_STEP_M)):
            if waypoint is None:
                break
            place = waypoint.transform.location
            seen = np.flatnonzero(self._inside(np.array([(place.x, place.y, place.z)]))[0])
            if len(seen):
                return float(self._sign_limit_kmh[seen[0]])
            before = waypoint.previous(LOOK_BACK_STEP_M)
            waypoint = before[0] if before else None
        return DEFAULT_LIMIT_KMH

    def refresh(self, position_m: Array, yaw_rad: Array) -> None:
        """Read signs and lights at the vehicles' positions (n, 3) and headings (n,)."""
        self.light = self._lights.affecting(position_m, yaw_rad, self._half_length_m)
        if not len(self._sign) or not len(position_m):
            return
        inside = self._inside(position_m)  # (n, signs)
        vehicle, sign = np.nonzero(inside)
        self.speed_limit_kmh[vehicle] = self._sign_limit_kmh[sign]

    def _inside(self, position_m: Array) -> npt.NDArray[np.bool_]:
        delta = position_m[:, None, :] - self._sign[None, :, :3]  # (n, signs, 3)
        cos, sin = np.cos(self._sign[:, 6]), np.sin(self._sign[:, 6])
        along = np.abs(cos * delta[..., 0] + sin * delta[..., 1]) <= self._sign[:, 3]
        across = np.abs(-sin * delta[..., 0] + cos * delta[..., 1]) <= self._sign[:, 4]
        level = np.abs(delta[..., 2]) <= self._sign[:, 5] + _HEIGHT_MARGIN_M
        inside: npt.NDArray[np.bool_] = along & across & level
        return inside


def _trigger(signal: Signal) -> tuple[float, ...]:
    """World centre x y z, half sizes, yaw of a trigger volume."""
    cos, sin = math.cos(signal.yaw_rad), math.sin(signal.yaw_rad)
    (x, y, z), (px, py, pz) = signal.trigger_centre_m, signal.position_m
    return px + cos * x - sin * y, py + sin * x + cos * y, pz + z, *signal.trigger_extent_m, signal.yaw_rad
