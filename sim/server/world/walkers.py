"""Walkers: they walk where they are told, jump, are pushed and knocked down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.server.world.bodies import Bodies

Array = npt.NDArray[np.float64]

GRAVITY_MPS2 = 9.81
PACE_MPS2 = 20.0
"""A walker takes up its speed within a step: CARLA's character movement accelerates at 20 m/s^2."""
JUMP_MPS = 5.0
"""Take-off speed of CARLA's walkers (``JumpZVelocity`` of its walker controller): 1.27 m high."""
FASTEST_MPS = 40.96
"""``GetMaximumWalkSpeed`` of CARLA's walker controller."""
SLOWEST_MPS = 1e-6
SLIDING_MPS2 = 6.0
"""Deceleration of a person sliding over asphalt: friction 0.6 (accident reconstruction, Searle)."""
KNOCKED_S = 3.0
"""Time on the ground after a knock-down."""
KNOCK_MPS = 1.5
"""Change of speed by one hit that throws a person over: more than one step can catch."""
ADULT_MASS_KG = 75.0
ADULT_HALF_HEIGHT_M = 0.93


def mass_of(half_height_m: float) -> float:
    """Mass of a person: an adult's, scaled by the square of the height (constant body-mass index)."""
    return ADULT_MASS_KG * (half_height_m / ADULT_HALF_HEIGHT_M) ** 2


def paced(direction: Sequence[float] | Array, speed_mps: float) -> tuple[tuple[float, float, float], float]:
    """Unit vector on the level, or zero, and speed that a command means.

    As in CARLA, whose characters take ``direction * speed`` for input: a longer direction is a faster walk, what
    points up is lost, a negative speed goes backwards, and nobody is faster than ``FASTEST_MPS``.
    """
    x, y = float(direction[0]) * speed_mps, float(direction[1]) * speed_mps
    speed = math.hypot(x, y)
    if not math.isfinite(speed) or speed < SLOWEST_MPS:
        return (0.0, 0.0, 0.0), 0.0
    return (x / speed, y / speed, 0.0), min(speed, FASTEST_MPS)


@njit(cache=True, nogil=True)
def _approach(b: Any, x: float, y: float, step: float) -> None:
    """Change the horizontal velocity towards (x, y) by at most ``step``."""
    dx, dy = x - b.velocity[0], y - b.velocity[1]
    change = math.hypot(dx, dy)
    part = 1.0 if change <= step else step / change
    b.velocity[0] += part * dx
    b.velocity[1] += part * dy


@njit(cache=True, nogil=True)
def walk(bodies: Bodies, i: int, dt: float) -> None:
    """Advance the velocity of walker ``i`` by ``dt``, and turn it to where it goes."""
    b = bodies[i]
    for axis in range(3):
        b.velocity[axis] += b.force[axis] / b.mass * dt
    if b.airborne:
        if b.gravity:
            b.velocity[2] -= GRAVITY_MPS2 * dt
        return
    if b.knocked_s > 0.0:
        b.knocked_s = max(b.knocked_s - dt, 0.0)
        _approach(b, 0.0, 0.0, SLIDING_MPS2 * dt)
        return
    dx, dy = b.direction[0], b.direction[1]
    length = math.hypot(dx, dy)
    if b.constant_speed:
        cos, sin = math.cos(b.rotation[1]), math.sin(b.rotation[1])
        ahead, right = b.constant_velocity[0], b.constant_velocity[1]
        b.velocity[0], b.velocity[1] = cos * ahead - sin * right, sin * ahead + cos * right
    elif length > 1e-6:
        if b.walk_speed > 0.0:
            b.rotation[1] = math.atan2(dy, dx)
        _approach(b, dx / length * b.walk_speed, dy / length * b.walk_speed, PACE_MPS2 * dt)
    else:
        _approach(b, 0.0, 0.0, PACE_MPS2 * dt)
    if b.jump:
        b.airborne = True
        b.velocity[2] = JUMP_MPS
