"""Bodies that are free in all six degrees: thrown, tipped and rolling vehicles, and props with physics.

A body is a box with contact points at its corners; a vehicle has a further one under each wheel. Every sub-step the
velocities of the points that touch the ground are made to not enter it, by impulses with Coulomb friction, one point
after the other until they agree (sequential impulses: Catto, "Iterative dynamics with temporal coherence", 2005).
What is left of an overlap is pushed out, without adding speed. A vehicle that has come to stand on its wheels goes back
to driving (``vehicle_kernel``); a body that has lain still for a while sleeps until something moves it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from sim.server.scene.ground import OFF_ROAD, surface_at
from sim.server.world.bodies import VEHICLE, Bodies

GRAVITY_MPS2 = 9.81
CLEARANCE_M = 0.2
"""Height of a vehicle's floor: below it are only the wheels."""
ITERATIONS = 8
"""Rounds over the contact points: with eight, what is left of a resting box's fall is below a millimetre a second."""
BODY_FRICTION = 0.5
"""Sheet metal, plastic and wood on asphalt (accident reconstruction: sliding vehicles on their roof 0.4 to 0.6)."""
OFF_ROAD_GRIP = 0.6
ROLLING_FRICTION = 0.015
"""What a free wheel opposes along its direction."""
BRAKED = 0.1
"""Brake pedal from which a wheel counts as locked while the body tumbles."""
RESTITUTION = 0.2
"""Bodies that hit the ground give back a fifth of their speed; wheels nothing, their dampers take it."""
BOUNCE_MPS = 1.0
"""Slower touches do not bounce."""
SLOP_M = 0.005
PUSH_SHARE = 0.3
"""Share of an overlap that one sub-step takes away."""
STILL_MPS = 0.1
"""About what gravity adds in a sub-step: slower than this, and turning slower than STILL_RADPS, is at rest ..."""
STILL_RADPS = 0.1
SLEEP_S = 0.5
"""... and after this time it sleeps."""
UPRIGHT_COS = 0.94
"""A vehicle within 20 degrees of the ground's normal, on its wheels and calm drives again."""
RIDER_COS = 0.5
"""The rider of a two-wheeler catches it up to 60 degrees."""
CALM_MPS = 0.6
CALM_RADPS = 0.7
CALM_S = 0.1
"""So long a vehicle must be calm on all its wheels: one that begins to tip over is not."""
MAX_POINTS = 12

POINT_R, NORMAL, ALONG, FRICTION, BOUND, DONE = 0, 3, 6, 9, 11, 12
"""Columns of the contact table: offset (3) from the mass centre, ground normal (3), direction of rolling (3), friction
along and across it, least speed off the ground, impulses so far (off, along, across)."""
COLUMNS = 15


@njit(cache=True, nogil=True)
def set_frame(b: Any) -> None:
    """Fill ``frame`` from pitch, yaw and roll (``pose.rotation_matrix``)."""
    sp, cp = math.sin(b.rotation[0]), math.cos(b.rotation[0])
    sy, cy = math.sin(b.rotation[1]), math.cos(b.rotation[1])
    sr, cr = math.sin(b.rotation[2]), math.cos(b.rotation[2])
    f = b.frame
    f[0, 0], f[0, 1], f[0, 2] = cp * cy, sr * sp * cy - cr * sy, -(cr * sp * cy + sr * sy)
    f[1, 0], f[1, 1], f[1, 2] = cp * sy, sr * sp * sy + cr * cy, cy * sr - cr * sp * sy
    f[2, 0], f[2, 1], f[2, 2] = sp, -sr * cp, cr * cp


@njit(cache=True, nogil=True)
def start_tumbling(b: Any) -> None:
    """From here on the body is free; it keeps its velocity and yaw rate."""
    b.tumbling = True
    b.still_s = b.upright_s = 0.0
    set_frame(b)
    b.spin[0] = b.spin[1] = 0.0
    b.spin[2] = b.yaw_rate


@njit(cache=True, nogil=True)
def turned_by(b: Any, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Change of spin by the angular impulse (x, y, z), world, N m s."""
    f, inertia = b.frame, b.inertia_body
    u = (f[0, 0] * x + f[1, 0] * y + f[2, 0] * z) / inertia[0]
    v = (f[0, 1] * x + f[1, 1] * y + f[2, 1] * z) / inertia[1]
    w = (f[0, 2] * x + f[1, 2] * y + f[2, 2] * z) / inertia[2]
    return (
        f[0, 0] * u + f[0, 1] * v + f[0, 2] * w,
        f[1, 0] * u + f[1, 1] * v + f[1, 2] * w,
        f[2, 0] * u + f[2, 1] * v + f[2, 2] * w,
    )


@njit(cache=True, nogil=True)
def free_give(b: Any, r: Any, x: float, y: float, z: float) -> float:
    """Speed along the unit vector (x, y, z) that a unit impulse along it gives at offset ``r`` of the mass centre."""
    mx, my, mz = r[1] * z - r[2] * y, r[2] * x - r[0] * z, r[0] * y - r[1] * x
    tx, ty, tz = turned_by(b, mx, my, mz)
    return float(1.0 / b.mass + tx * mx + ty * my + tz * mz)


@njit(cache=True, nogil=True)
def free_strike(b: Any, r: Any, x: float, y: float, z: float) -> None:
    """Apply the impulse (x, y, z), N s, at offset ``r`` of the mass centre."""
    b.velocity[0] += x / b.mass
    b.velocity[1] += y / b.mass
    b.velocity[2] += z / b.mass
    tx, ty, tz = turned_by(b, r[1] * z - r[2] * y, r[2] * x - r[0] * z, r[0] * y - r[1] * x)
    b.spin[0] += tx
    b.spin[1] += ty
    b.spin[2] += tz


@njit(cache=True, nogil=True)
def _speed_along(b: Any, r: Any, u: Any) -> float:
    """Speed of the point at offset ``r`` along the unit vector ``u``."""
    w, v = b.spin, b.velocity
    return float(
        (v[0] + w[1] * r[2] - w[2] * r[1]) * u[0]
        + (v[1] + w[2] * r[0] - w[0] * r[2]) * u[1]
        + (v[2] + w[0] * r[1] - w[1] * r[0]) * u[2]
    )


@njit(cache=True, nogil=True)
def mass_centre(b: Any) -> tuple[float, float, float]:
    """Of a tumbling body, world."""
    f, c, p = b.frame, b.mass_centre, b.position
    return (
        p[0] + f[0, 0] * c[0] + f[0, 1] * c[1] + f[0, 2] * c[2],
        p[1] + f[1, 0] * c[0] + f[1, 1] * c[1] + f[1, 2] * c[2],
        p[2] + f[2, 0] * c[0] + f[2, 1] * c[1] + f[2, 2] * c[2],
    )


@njit(cache=True, nogil=True)
def _touching(b: Any, ground: Any, dt: float, friction_scale: float, table: Any) -> tuple[int, int, float, int]:
    """Fill ``table`` with the points that touch or will within dt: how many, wheels of them, deepest, its row."""
    f = b.frame
    wheels = b.wheel_count if b.kind == VEHICLE else 0
    centre_z = mass_centre(b)[2]
    low = -b.half[2] + (CLEARANCE_M if b.kind == VEHICLE else 0.0)
    count = on_wheels = deep_row = 0
    deepest = 0.0
    for p in range(8 + wheels):
        wheel = p - 8
        if wheel < 0:
            x = b.centre[0] + (b.half[0] if p & 1 else -b.half[0])
            y = b.centre[1] + (b.half[1] if p & 2 else -b.half[1])
            z = b.centre[2] + (b.half[2] if p & 4 else low)
        else:
            x, y, z = b.wheel_x[wheel], b.wheel_y[wheel], 0.0
        x, y, z = x - b.mass_centre[0], y - b.mass_centre[1], z - b.mass_centre[2]
        row = table[count]
        for axis in range(3):
            row[POINT_R + axis] = f[axis, 0] * x + f[axis, 1] * y + f[axis, 2] * z
        at_x = b.position[0] + f[0, 0] * b.mass_centre[0] + f[0, 1] * b.mass_centre[1] + f[0, 2] * b.mass_centre[2]
        at_y = b.position[1] + f[1, 0] * b.mass_centre[0] + f[1, 1] * b.mass_centre[1] + f[1, 2] * b.mass_centre[2]
        at_x, at_y, at_z = at_x + row[POINT_R], at_y + row[POINT_R + 1], centre_z + row[POINT_R + 2]
        surface, nx, ny, nz, kind = surface_at(ground, at_x, at_y, centre_z)
        row[NORMAL], row[NORMAL + 1], row[NORMAL + 2] = nx, ny, nz
        gap = (at_z - surface) * nz
        closing = -_speed_along(b, row[POINT_R : POINT_R + 3], row[NORMAL : NORMAL + 3])
        if gap > max(closing, 0.0) * dt + SLOP_M:
            continue
        if -gap > deepest:
            deepest, deep_row = -gap, count
        bounce = RESTITUTION * closing if wheel < 0 and closing > BOUNCE_MPS else 0.0
        row[BOUND] = max(bounce, -max(gap, 0.0) / dt)
        row[DONE] = row[DONE + 1] = row[DONE + 2] = 0.0
        _friction(b, row, wheel, kind, friction_scale)
        count += 1
        on_wheels += wheel >= 0
    return count, on_wheels, deepest, deep_row


@njit(cache=True, nogil=True)
def _friction(b: Any, row: Any, wheel: int, kind: int, friction_scale: float) -> None:
    """Set the direction along and the friction along and across it: a free wheel rolls, everything else slides."""
    nx, ny, nz = row[NORMAL], row[NORMAL + 1], row[NORMAL + 2]
    f = b.frame
    cos, sin = 1.0, 0.0
    if wheel >= 0 and b.wheel_steers[wheel] != 0:
        cos, sin = math.cos(b.steer_angle), math.sin(b.steer_angle)
    ax, ay, az = cos * f[0, 0] + sin * f[0, 1], cos * f[1, 0] + sin * f[1, 1], cos * f[2, 0] + sin * f[2, 1]
    part = ax * nx + ay * ny + az * nz  # bring it into the ground's plane
    ax, ay, az = ax - part * nx, ay - part * ny, az - part * nz
    size = math.sqrt(ax * ax + ay * ay + az * az)
    if size < 1e-3:  # nose down: any direction in the plane will do
        ax, ay, az = nz, 0.0, -nx
        size = math.sqrt(ax * ax + az * az)
    row[ALONG], row[ALONG + 1], row[ALONG + 2] = ax / size, ay / size, az / size
    soft = OFF_ROAD_GRIP if kind == OFF_ROAD else 1.0
    if wheel < 0:
        row[FRICTION] = row[FRICTION + 1] = BODY_FRICTION
        return
    friction = b.trigger_friction if b.trigger_friction >= 0.0 else b.wheel_friction[wheel]
    grip = min(friction * b.grip_per_friction * friction_scale * soft, 2.0)
    held = b.brake > BRAKED or (b.hand_brake and b.wheel_hand_brake[wheel] > 0.0)
    row[FRICTION] = grip if held else ROLLING_FRICTION
    row[FRICTION + 1] = grip


@njit(cache=True, nogil=True)
def _solve(b: Any, table: Any, count: int) -> None:
    """Impulses at the contact points: none pulls, and friction stays within its cone (a pyramid here)."""
    side = np.empty(3)
    for _ in range(ITERATIONS):
        for p in range(count):
            row = table[p]
            r, normal, along = row[POINT_R : POINT_R + 3], row[NORMAL : NORMAL + 3], row[ALONG : ALONG + 3]
            give = free_give(b, r, normal[0], normal[1], normal[2])
            wanted = max(row[DONE] + (row[BOUND] - _speed_along(b, r, normal)) / give, 0.0)
            push = wanted - row[DONE]
            row[DONE] = wanted
            free_strike(b, r, push * normal[0], push * normal[1], push * normal[2])
            side[0] = normal[1] * along[2] - normal[2] * along[1]
            side[1] = normal[2] * along[0] - normal[0] * along[2]
            side[2] = normal[0] * along[1] - normal[1] * along[0]
            for k in range(2):
                u = along if k == 0 else side
                bound = row[FRICTION + k] * row[DONE]
                held = row[DONE + 1 + k] - _speed_along(b, r, u) / free_give(b, r, u[0], u[1], u[2])
                held = min(max(held, -bound), bound)
                push = held - row[DONE + 1 + k]
                row[DONE + 1 + k] = held
                free_strike(b, r, push * u[0], push * u[1], push * u[2])


@njit(cache=True, nogil=True)
def _asleep(b: Any) -> bool:
    if b.still_s < SLEEP_S:
        return False
    for axis in range(3):
        if b.velocity[axis] != 0.0 or b.spin[axis] != 0.0 or b.force[axis] != 0.0 or b.torque[axis] != 0.0:
            b.still_s = 0.0
            return False
    return True


@njit(cache=True, nogil=True)
def _calm(b: Any, normal: Any) -> bool:
    """Whether a vehicle is upright on the ground and neither leaves it nor rolls or pitches."""
    upright = b.frame[0, 2] * normal[0] + b.frame[1, 2] * normal[1] + b.frame[2, 2] * normal[2]
    off = b.velocity[0] * normal[0] + b.velocity[1] * normal[1] + b.velocity[2] * normal[2]
    least = RIDER_COS if b.leans else UPRIGHT_COS
    return bool(b.gravity and upright > least and abs(off) < CALM_MPS and math.hypot(b.spin[0], b.spin[1]) < CALM_RADPS)


@njit(cache=True, nogil=True)
def _stand_up(b: Any, normal: Any) -> None:
    """Back to driving: the ground is as tilted as the vehicle, and its yaw rate is its spin's."""
    b.tumbling = b.airborne = False
    b.yaw_rate = b.spin[2]
    b.ground_pitch, b.ground_roll = b.rotation[0], 0.0 if b.leans else b.rotation[2]
    b.body_pitch, b.body_roll = 0.0, b.rotation[2] if b.leans else 0.0
    b.push_long = b.push_lat = 0.0
    for axis in range(3):
        b.normal[axis] = normal[axis]


@njit(cache=True, nogil=True)
def tumble(bodies: Bodies, i: int, ground: Any, dt: float, friction_scale: float) -> None:
    """Advance velocity and spin of the free body ``i`` by ``dt`` (<= 0.01 s); its pose is ``tumble_on``'s."""
    b = bodies[i]
    if _asleep(b):
        return
    for axis in range(3):
        b.velocity[axis] += b.force[axis] / b.mass * dt
    if b.gravity:
        b.velocity[2] -= GRAVITY_MPS2 * dt
    tx, ty, tz = turned_by(b, b.torque[0] * dt, b.torque[1] * dt, b.torque[2] * dt)
    b.spin[0] += tx
    b.spin[1] += ty
    b.spin[2] += tz
    table = np.empty((MAX_POINTS, COLUMNS))
    count, on_wheels, deepest, row = _touching(b, ground, dt, friction_scale, table)
    b.yaw_rate = b.spin[2]
    if count == 0:
        b.still_s = b.upright_s = 0.0
        return
    normal = table[row, NORMAL : NORMAL + 3]
    _solve(b, table, count)
    if deepest > SLOP_M:
        push = PUSH_SHARE * (deepest - SLOP_M)
        for axis in range(3):
            b.position[axis] += push * normal[axis]
    speed = math.sqrt(b.velocity[0] ** 2 + b.velocity[1] ** 2 + b.velocity[2] ** 2)
    turning = math.sqrt(b.spin[0] ** 2 + b.spin[1] ** 2 + b.spin[2] ** 2)
    b.yaw_rate = b.spin[2]
    b.still_s = b.still_s + dt if speed < STILL_MPS and turning < STILL_RADPS and count > 2 else 0.0
    if b.still_s >= SLEEP_S:
        for axis in range(3):
            b.velocity[axis] = b.spin[axis] = 0.0
        b.yaw_rate = 0.0
    if b.kind == VEHICLE:
        b.upright_s = b.upright_s + dt if on_wheels == b.wheel_count and _calm(b, normal) else 0.0
        if b.upright_s >= CALM_S:
            _stand_up(b, normal)


@njit(cache=True, nogil=True)
def tumble_on(b: Any, dt: float) -> None:
    """Move and turn a free body by ``dt`` about its mass centre."""
    w = b.spin
    rate = math.sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2])
    x, y, z = mass_centre(b)
    x, y, z = x + b.velocity[0] * dt, y + b.velocity[1] * dt, z + b.velocity[2] * dt
    f = b.frame
    if rate > 1e-9:  # Rodrigues' formula on the three axes
        kx, ky, kz = w[0] / rate, w[1] / rate, w[2] / rate
        sin, cos = math.sin(rate * dt), math.cos(rate * dt)
        for axis in range(3):
            ax, ay, az = f[0, axis], f[1, axis], f[2, axis]
            part = (kx * ax + ky * ay + kz * az) * (1.0 - cos)
            f[0, axis] = ax * cos + (ky * az - kz * ay) * sin + kx * part
            f[1, axis] = ay * cos + (kz * ax - kx * az) * sin + ky * part
            f[2, axis] = az * cos + (kx * ay - ky * ax) * sin + kz * part
        _to_angles(b)
        set_frame(b)  # exactly orthonormal again
    c = b.mass_centre
    b.position[0] = x - f[0, 0] * c[0] - f[0, 1] * c[1] - f[0, 2] * c[2]
    b.position[1] = y - f[1, 0] * c[0] - f[1, 1] * c[1] - f[1, 2] * c[2]
    b.position[2] = z - f[2, 0] * c[0] - f[2, 1] * c[1] - f[2, 2] * c[2]


@njit(cache=True, nogil=True)
def _to_angles(b: Any) -> None:
    """Pitch, yaw and roll from ``frame`` (``pose.euler_of``)."""
    f = b.frame
    pitch_sin = min(max(f[2, 0], -1.0), 1.0)
    b.rotation[0] = math.asin(pitch_sin)
    if abs(pitch_sin) > 1.0 - 1e-9:
        b.rotation[1], b.rotation[2] = math.atan2(-f[0, 1], f[1, 1]), 0.0
    else:
        b.rotation[1], b.rotation[2] = math.atan2(f[1, 0], f[0, 0]), math.atan2(-f[2, 1], f[2, 2])
