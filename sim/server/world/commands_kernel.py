"""The commands that come by the hundred in every tick, applied to the table of bodies in one pass.

Each does exactly what the call of its own does (``Dynamics.set_vehicle_control``, ``teleport``,
``set_walker_state``); a test holds them together. What needs more care (an unknown actor, a body on its side) is
not begun at all: the caller then goes the general way.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.server.protocol.command_batch import CONTROL, TRANSFORM
from sim.server.protocol.structs import MAX_COORDINATE, turned
from sim.server.world.bodies import VEHICLE, WALKER, Bodies
from sim.server.world.pushes import LEVEL_COS

_RADIANS = math.pi / 180.0
_turned = njit(cache=True, nogil=True)(turned)

Rows = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def apply_commands(bodies: Bodies, kind: Rows, actor_id: Rows, values: npt.NDArray[np.float64]) -> bool:
    """Apply the columns of a ``CommandColumns`` in order; False, and nothing is changed, if any needs more care."""
    rows = np.empty(len(kind), np.int64)
    for k in range(len(kind)):
        rows[k] = _row(bodies, actor_id[k])
        if rows[k] < 0 or not _plain(bodies[rows[k]], kind[k], values[k]):
            return False
    for k in range(len(kind)):
        b = bodies[rows[k]]
        if kind[k] == CONTROL:
            _drive(b, values[k])
        elif kind[k] == TRANSFORM:
            _place(b, values[k])
        else:
            _lead(b, values[k])
    return True


@njit(cache=True, nogil=True)
def _row(bodies: Bodies, actor_id: int) -> int:
    low, high = 0, len(bodies)
    while low < high:
        middle = (low + high) // 2
        if bodies[middle].actor_id < actor_id:
            low = middle + 1
        else:
            high = middle
    return low if low < len(bodies) and bodies[low].actor_id == actor_id else -1


@njit(cache=True, nogil=True)
def _plain(b: Any, kind: int, values: Any) -> bool:
    if kind == CONTROL:
        return bool(b.kind == VEHICLE)
    for axis in range(3):
        if abs(values[axis]) > MAX_COORDINATE:
            return False
    if kind == TRANSFORM:
        upright = math.cos(values[3] * _RADIANS) * math.cos(values[5] * _RADIANS) > LEVEL_COS
        return bool((b.kind == VEHICLE or b.kind == WALKER) and upright and not b.tumbling)
    return bool(b.kind == WALKER)


@njit(cache=True, nogil=True)
def _drive(b: Any, values: Any) -> None:
    b.throttle = min(max(values[0], 0.0), 1.0)
    b.steer = min(max(values[1], -1.0), 1.0)
    b.brake = min(max(values[2], 0.0), 1.0)
    b.hand_brake = values[3] != 0.0
    b.reverse = values[4] != 0.0
    b.manual = values[5] != 0.0
    b.wanted_gear = int(values[6])


@njit(cache=True, nogil=True)
def _place(b: Any, values: Any) -> None:
    for axis in range(3):
        b.position[axis] = values[axis]
        b.rotation[axis] = _turned(values[3 + axis]) * _RADIANS
    b.ground_pitch, b.ground_roll = b.rotation[0], b.rotation[2]
    b.body_pitch, b.body_roll, b.still_s = 0.0, 0.0, 0.0
    if b.kind == VEHICLE:
        sp, cp = math.sin(b.rotation[0]), math.cos(b.rotation[0])
        sy, cy = math.sin(b.rotation[1]), math.cos(b.rotation[1])
        sr, cr = math.sin(b.rotation[2]), math.cos(b.rotation[2])
        b.normal[0] = -(cr * sp * cy + sr * sy)
        b.normal[1] = cy * sr - cr * sp * sy
        b.normal[2] = cr * cp


@njit(cache=True, nogil=True)
def _lead(b: Any, values: Any) -> None:
    """A walker that the client's navigation moves; the pose is that of its feet, the origin its middle."""
    for axis in range(3):
        b.position[axis] = values[axis]
        b.rotation[axis] = _turned(values[3 + axis]) * _RADIANS
    b.position[2] += b.half[2]
    cos, sin = math.cos(b.rotation[1]), math.sin(b.rotation[1])
    b.velocity[0], b.velocity[1], b.velocity[2] = cos * values[6], sin * values[6], 0.0
    b.direction[0], b.direction[1], b.direction[2] = cos, sin, 0.0
    b.walk_speed = values[6]
