"""How bodies stand on the ground: height, pitch and roll from the surface under wheels and feet."""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from sim.server.scene.ground import surface_at
from sim.server.world.bodies import VEHICLE, WALKER, Bodies
from sim.server.world.tumble_kernel import start_tumbling

SETTLE_LAG_S = 0.05
"""Tyres and springs take up a step in the ground (a kerb) within this time."""
DROP_M = 0.15
"""A body whose ground falls away by more than the springs extend is in the air."""
FREE_FALL_M = 1.0
"""A vehicle this high falls as a free body; below, it keeps its attitude: spawn points lie half a metre up."""


@njit(cache=True, nogil=True)
def _stand(b: Any, ground: Any, dt: float) -> None:
    """Set a vehicle on the plane through its wheels' contact points."""
    cos, sin = math.cos(b.rotation[1]), math.sin(b.rotation[1])
    count = b.wheel_count
    per_axle = count // 2
    front = rear = left = right = 0.0
    slope_right = 0.0
    for k in range(count):
        x, y = b.wheel_x[k], b.wheel_y[k]
        at_x, at_y = b.position[0] + cos * x - sin * y, b.position[1] + sin * x + cos * y
        hint = b.position[2] + x * math.tan(b.ground_pitch)
        z, nx, ny, nz, kind = surface_at(ground, at_x, at_y, hint)
        b.wheel_surface[k] = kind
        slope_right -= (cos * ny - sin * nx) / nz / count
        if k < per_axle:
            front += z / per_axle
        else:
            rear += z / per_axle
        if y > 0.0:
            right += z / per_axle
        else:
            left += z / per_axle
    track = b.wheel_y[count - 1] - b.wheel_y[0]
    if track > 0.0:
        slope_right = (right - left) / track
    slope = (front - rear) / (b.wheel_x[0] - b.wheel_x[count - 1])
    height = rear - slope * b.wheel_x[count - 1]
    part = 1.0 - math.exp(-dt / SETTLE_LAG_S)
    gap = b.position[2] - height
    if b.airborne:
        if gap <= 0.0 and b.velocity[2] <= 0.0:
            b.airborne = False
    elif gap > DROP_M:
        b.airborne = True
        if gap > FREE_FALL_M:
            start_tumbling(b)
    if b.airborne:
        return
    b.position[2] -= gap * (part if gap < 2.0 * DROP_M else 1.0)
    b.ground_pitch += (math.atan(slope) - b.ground_pitch) * part
    b.ground_roll += (-math.atan(slope_right) - b.ground_roll) * part
    along, aside = -math.tan(b.ground_pitch), math.tan(b.ground_roll)
    scale = 1.0 / math.sqrt(1.0 + along * along + aside * aside)
    b.normal[0], b.normal[1] = scale * (cos * along - sin * aside), scale * (sin * along + cos * aside)
    b.normal[2] = scale


@njit(cache=True, nogil=True)
def _stand_upright(b: Any, ground: Any) -> None:
    """Set a walker on its feet."""
    foot = b.position[2] - b.half[2]
    z = surface_at(ground, b.position[0], b.position[1], foot)[0]
    if b.airborne:
        if foot <= z and b.velocity[2] <= 0.0:
            b.airborne = False
    elif foot - z > DROP_M:
        b.airborne = True
    if not b.airborne:
        b.position[2] = z + b.half[2]
        b.velocity[2] = 0.0


@njit(cache=True, nogil=True)
def settle(bodies: Bodies, ground: Any, dt: float) -> None:
    """Put every simulated vehicle and walker with gravity on the ground below it, or let it fall.

    ground: ``Ground.arrays``; dt: time since the last call. Sets also the pitch and roll of vehicles.
    """
    for i in range(len(bodies)):
        b = bodies[i]
        if b.tumbling or not b.simulate:
            continue
        if b.kind == VEHICLE:
            if b.gravity:
                _stand(b, ground, dt)
            b.rotation[0] = b.ground_pitch + b.body_pitch
            b.rotation[2] = b.ground_roll + b.body_roll
        elif b.kind == WALKER and b.gravity:
            _stand_upright(b, ground)
