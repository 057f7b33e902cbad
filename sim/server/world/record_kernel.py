"""Fills the records of a snapshot from the tables of the world: one pass each, no column in between."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.server.world.bodies import Bodies

_DEGREES = 180.0 / math.pi
_SEAM_DEG = 1e-4  # some steps of the float32 that carries the angle

Rows = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def _turned(angle_deg: float) -> float:
    """The angle, and half a turn as +180, as Unreal has it: rounding decides between -180 and 180 otherwise."""
    return 180.0 if angle_deg < -180.0 + _SEAM_DEG else angle_deg


@njit(cache=True, nogil=True)
def fill_moving(records: Any, rows: Rows, bodies: Bodies) -> None:
    """Pose and motion of every body: records (n,) of ``snapshot.COMMON``; rows (m,): the record of each body."""
    for k in range(len(rows)):
        r, b = records[rows[k]], bodies[k]
        for axis in range(3):
            r.location[axis] = b.position[axis]
            r.rotation[axis] = _turned(b.rotation[axis] * _DEGREES)
            r.velocity[axis] = b.velocity[axis]
            r.angular_velocity[axis] = b.angular_velocity[axis] * _DEGREES
            r.acceleration[axis] = b.acceleration[axis]


@njit(cache=True, nogil=True)
def fill_vehicles(
    records: Any,
    rows: Rows,
    body_rows: Rows,
    bodies: Bodies,
    limit_kmh: npt.NDArray[np.float64],
    light: Rows,
    light_state: npt.NDArray[np.uint8],
    signal_id: Rows,
) -> None:
    """What vehicles do and see: records (n,) of ``snapshot.VEHICLE``; the others (m,), one row per vehicle.

    light: signal index or -1; signal_id (signals,): actor id of each signal.
    """
    for k in range(len(rows)):
        r, b = records[rows[k]], bodies[body_rows[k]]
        r.throttle = b.throttle
        r.steer = b.steer
        r.brake = b.brake
        r.hand_brake = b.hand_brake
        r.reverse = b.reverse
        r.manual_gear_shift = b.manual
        r.gear = b.gear
        r.failure = b.failure
        r.speed_limit_kmh = limit_kmh[k]
        r.has_light = light[k] >= 0
        r.light_state = light_state[k]
        r.light_id = signal_id[light[k]] if light[k] >= 0 else 0


@njit(cache=True, nogil=True)
def fill_lights(
    records: Any,
    rows: Rows,
    signals: Rows,
    state: npt.NDArray[np.uint8],
    elapsed_s: npt.NDArray[np.float64],
    times_s: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]],
    frozen: npt.NDArray[np.bool_],
) -> None:
    """State and clocks of traffic lights: records (n,) of ``snapshot.LIGHT``; signals (m,): the signal of each row.

    times_s: green, yellow and red times of every signal.
    """
    green_s, yellow_s, red_s = times_s
    for k in range(len(rows)):
        r, signal = records[rows[k]], signals[k]
        r.light = state[signal]
        r.elapsed_s = elapsed_s[signal]
        r.green_s = green_s[signal]
        r.yellow_s = yellow_s[signal]
        r.red_s = red_s[signal]
        r.frozen = frozen[signal]
