"""What the road tells each vehicle: its speed limit, the light that it stands before, the sign that holds it.

A signal speaks to the vehicles whose front is in one of its boxes and that drive with its traffic. At a stop sign a
vehicle is held for ``STOP_S`` and then, as at a yield sign from the beginning, until the paths that cross its own are
clear. The client's traffic manager reads being held as a red light without a light, as CARLA tells it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import carla
import numpy as np
import numpy.typing as npt
from numba import njit

from sim.server.scene.static import Signal
from sim.server.world.traffic_lights import GREEN, RED, TrafficLights

Array = npt.NDArray[np.float64]

DEFAULT_LIMIT_KMH = 30.0
"""CARLA's limit before the first sign."""
LOOK_BACK_M = 200.0
"""How far up the road a new vehicle looks for its sign: about a block; further, the default is as good a guess."""
LOOK_BACK_STEP_M = 2.5  # less than the length of a sign's box
STOP_S = 2.0
"""CARLA's least time at a stop sign."""
HEIGHT_MARGIN_M = 2.0
"""A box counts this far above and below: it lies on a lane that may slope, and the question is only on which level of
a bridge the vehicle drives."""
_LIMIT = re.compile(r"traffic\.speed_limit\.(\d+)$")
_NOTHING, _LIGHT, _STOP, _YIELD, _SPEED = -1, 0, 1, 2, 3
_KINDS = {"traffic.traffic_light": _LIGHT, "traffic.stop": _STOP, "traffic.yield": _YIELD}


class RoadRules:
    """Columns per vehicle, in the order of their ids: speed_limit_kmh (n,) and light (n,) signal index or -1."""

    def __init__(self, signals: Sequence[Signal], lights: TrafficLights) -> None:
        self._lights = lights
        self._kind = np.array([_kind(signal.type_id) for signal in signals], np.int64)
        self._limit_kmh = np.array([_limit(signal.type_id) for signal in signals], np.float64)
        self._box = _boxes(signals, self._kind)
        self._clear = [np.ascontiguousarray(signal.clear_area_m) for signal in signals]
        self._vehicle_id = np.zeros(0, np.int64)
        self._half_length_m = np.zeros(0)
        self.speed_limit_kmh = np.zeros(0)
        self.light = np.zeros(0, np.int64)
        self._sign = np.zeros(0, np.int64)
        self._arrived_s = np.zeros(0)
        self._held = np.zeros(0, np.bool_)

    def set_vehicles(self, vehicle_id: npt.NDArray[np.int64], half_length_m: Array, start_limit_kmh: Array) -> None:
        """A new set of vehicles, by increasing id; those that were there keep what they were told."""
        count = len(vehicle_id)
        _, new, old = np.intersect1d(vehicle_id, self._vehicle_id, return_indices=True)
        limit, sign, arrived = start_limit_kmh.copy(), np.full(count, -1, np.int64), np.zeros(count)
        limit[new], sign[new], arrived[new] = self.speed_limit_kmh[old], self._sign[old], self._arrived_s[old]
        self.speed_limit_kmh, self._sign, self._arrived_s = limit, sign, arrived
        self._vehicle_id, self._half_length_m = vehicle_id, half_length_m
        self.light, self._held = np.full(count, -1, np.int64), np.zeros(count, np.bool_)

    def limit_at(self, road_map: Any, position_m: Array) -> float:
        """Limit in km/h at a place: of the last sign on the way there, within ``LOOK_BACK_M``, else the default."""
        if not (self._kind == _SPEED).any():
            return DEFAULT_LIMIT_KMH
        waypoint = road_map.get_waypoint(carla.Location(*position_m.tolist()))
        for _ in range(int(LOOK_BACK_M / LOOK_BACK_STEP_M)):
            if waypoint is None:
                break
            at, yaw = waypoint.transform.location, waypoint.transform.rotation.yaw
            seen = self._read(np.array([(at.x, at.y, at.z)]), np.radians([yaw]), np.zeros(1))[0, _SPEED]
            if seen >= 0:
                return float(self._limit_kmh[seen])
            before = waypoint.previous(LOOK_BACK_STEP_M)
            waypoint = before[0] if before else None
        return DEFAULT_LIMIT_KMH

    def refresh(self, position_m: Array, yaw_rad: Array, elapsed_s: float) -> None:
        """Read signs and lights at the vehicles' positions (n, 3) and headings (n,) at a time of the episode."""
        seen = self._read(position_m, yaw_rad, self._half_length_m)
        self.light = seen[:, _LIGHT]
        limited = seen[:, _SPEED] >= 0
        self.speed_limit_kmh[limited] = self._limit_kmh[seen[limited, _SPEED]]
        self._hold(np.where(seen[:, _STOP] >= 0, seen[:, _STOP], seen[:, _YIELD]), position_m, yaw_rad, elapsed_s)

    def light_state(self) -> npt.NDArray[np.uint8]:
        """What each vehicle (n,) is told: the state of its light, red where a sign holds it, else green."""
        out = np.where(self._held, RED, GREEN).astype(np.uint8)
        known = self.light >= 0
        out[known] = self._lights.state[self.light[known]]
        return out

    def _read(self, position_m: Array, yaw_rad: Array, half_length_m: Array) -> npt.NDArray[np.int64]:
        """(n, 4) signal of each kind whose box holds the front of each vehicle, or -1."""
        seen = np.full((len(position_m), 4), _NOTHING, np.int64)
        if len(seen) and len(self._box):
            position, yaw = np.ascontiguousarray(position_m, np.float64), np.ascontiguousarray(yaw_rad, np.float64)
            _read_boxes(self._box, position, yaw, half_length_m, seen)
        return seen

    def _hold(self, sign: npt.NDArray[np.int64], position_m: Array, yaw_rad: Array, elapsed_s: float) -> None:
        came = sign != self._sign
        self._arrived_s[came] = elapsed_s
        self._sign = sign
        self._held[:] = False
        for row in np.flatnonzero(sign >= 0).tolist():
            index = int(sign[row])
            still_s = elapsed_s - self._arrived_s[row]
            # 1e-6 s: forty ticks of 0.05 s are two seconds, whatever the rounding
            if self._kind[index] == _STOP and still_s < STOP_S - 1e-6:
                self._held[row] = True
            elif len(self._clear[index]):
                self._held[row] = _occupied(
                    self._clear[index],
                    self._gives_way_to(row),
                    np.ascontiguousarray(position_m),
                    np.ascontiguousarray(yaw_rad),
                    self._half_length_m,
                )

    def _gives_way_to(self, row: int) -> npt.NDArray[np.bool_]:
        """Vehicles (n,) that wait for this one: behind the same sign, or at another one since later."""
        later = self._arrived_s > self._arrived_s[row]
        later |= (self._arrived_s == self._arrived_s[row]) & (np.arange(len(later)) > row)
        out: npt.NDArray[np.bool_] = (self._sign == self._sign[row]) | ((self._sign >= 0) & later)
        return out


def _kind(type_id: str) -> int:
    return _SPEED if _LIMIT.match(type_id) else _KINDS.get(type_id, _NOTHING)


def _limit(type_id: str) -> float:
    match = _LIMIT.match(type_id)
    return float(match.group(1)) if match else 0.0


def _boxes(signals: Sequence[Signal], kind: npt.NDArray[np.int64]) -> Array:
    """(b, 10): signal index, kind, centre x y z, half sizes x y z, cos and sin of the traffic's yaw."""
    rows = [
        (index, kind[index], *box[:6], np.cos(box[6]), np.sin(box[6]))
        for index, signal in enumerate(signals)
        if kind[index] != _NOTHING
        for box in signal.effect_boxes.tolist()
    ]
    return np.array(rows, np.float64).reshape(-1, 10)


@njit(cache=True, nogil=True)
def _read_boxes(
    boxes: npt.NDArray[np.float64],
    position: npt.NDArray[np.float64],
    yaw: npt.NDArray[np.float64],
    half_length: npt.NDArray[np.float64],
    seen: npt.NDArray[np.int64],
) -> None:
    """Fill seen (n, 4): per kind the first signal with a box around the front of the vehicle."""
    for i in range(len(position)):
        ahead_x, ahead_y = np.cos(yaw[i]), np.sin(yaw[i])
        x, y = position[i, 0] + ahead_x * half_length[i], position[i, 1] + ahead_y * half_length[i]
        for b in range(len(boxes)):
            dx, dy, cos, sin = x - boxes[b, 2], y - boxes[b, 3], boxes[b, 8], boxes[b, 9]
            if (
                abs(cos * dx + sin * dy) <= boxes[b, 5]
                and abs(cos * dy - sin * dx) <= boxes[b, 6]
                and abs(position[i, 2] - boxes[b, 4]) <= boxes[b, 7] + HEIGHT_MARGIN_M
                and cos * ahead_x + sin * ahead_y > 0.0
            ):
                kind = int(boxes[b, 1])
                if seen[i, kind] < 0:
                    seen[i, kind] = int(boxes[b, 0])


@njit(cache=True, nogil=True)
def _occupied(
    places: npt.NDArray[np.float64],
    ignored: npt.NDArray[np.bool_],
    position: npt.NDArray[np.float64],
    yaw: npt.NDArray[np.float64],
    half_length: npt.NDArray[np.float64],
) -> bool:
    """Whether the front, middle or rear of a vehicle that is not ignored lies in one of the places (p, 4)."""
    for i in range(len(position)):
        if ignored[i]:
            continue
        for part in (-1.0, 0.0, 1.0):
            x = position[i, 0] + part * half_length[i] * np.cos(yaw[i])
            y = position[i, 1] + part * half_length[i] * np.sin(yaw[i])
            for p in range(len(places)):
                dx, dy, reach = x - places[p, 0], y - places[p, 1], places[p, 3]
                if dx * dx + dy * dy <= reach * reach and abs(position[i, 2] - places[p, 2]) <= HEIGHT_MARGIN_M:
                    return True
    return False
