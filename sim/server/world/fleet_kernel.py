"""All bodies over one tick: the order in which forces, contacts, motion and ground take turns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.server.world.bodies import PROP, VEHICLE, Bodies
from sim.server.world.collision_kernel import solve_pairs
from sim.server.world.ground_contact import settle
from sim.server.world.vehicle_kernel import drive_vehicle
from sim.server.world.walkers import walk


@njit(cache=True, nogil=True)
def _move(b: Any, dt: float) -> None:
    cos, sin = math.cos(b.rotation[1]), math.sin(b.rotation[1])
    cx, cy = b.mass_centre[0], b.mass_centre[1]
    # the origin is not the mass centre: v(origin) = v(mass centre) - yaw_rate x offset
    x, y = cos * cx - sin * cy, sin * cx + cos * cy
    b.position[0] += (b.velocity[0] + b.yaw_rate * y) * dt
    b.position[1] += (b.velocity[1] - b.yaw_rate * x) * dt
    b.position[2] += b.velocity[2] * dt
    yaw = b.rotation[1] + b.yaw_rate * dt
    b.rotation[1] = yaw - 2.0 * math.pi * math.floor((yaw + math.pi) / (2.0 * math.pi))
    if b.kind == VEHICLE:
        b.wheel_angle = (b.wheel_angle + b.wheel_omega[0] * dt) % (2.0 * math.pi)


@njit(cache=True, nogil=True)
def advance(
    bodies: Bodies,
    ground: Any,
    grid: Any,
    pairs: Any,
    pair_count: int,
    felt: npt.NDArray[np.float64],
    dt: float,
    substeps: int,
    friction_scale: float,
) -> None:
    """Advance everything by ``dt`` in ``substeps``: velocities, contacts, positions; then settle on the ground."""
    step = dt / substeps
    for _ in range(substeps):
        for i in range(len(bodies)):
            b = bodies[i]
            if b.simulate and b.kind == VEHICLE:
                drive_vehicle(bodies, i, step, friction_scale)
            elif b.simulate and b.kind != PROP:
                walk(bodies, i, step)
        solve_pairs(bodies, grid, pairs, pair_count, felt)
        for i in range(len(bodies)):
            if bodies[i].simulate and bodies[i].kind != PROP:
                _move(bodies[i], step)
    settle(bodies, ground, dt)


@njit(cache=True, nogil=True)
def finish(
    bodies: Bodies, before_velocity: npt.NDArray[np.float64], before_rotation: npt.NDArray[np.float64], dt: float
) -> None:
    """Acceleration and angular velocity over the tick of ``dt``; outside forces act for one tick only."""
    for i in range(len(bodies)):
        b = bodies[i]
        for axis in range(3):
            b.acceleration[axis] = (b.velocity[axis] - before_velocity[i, axis]) / dt
            b.force[axis] = 0.0
        b.torque = 0.0
        # CARLA's pitch and roll turn against the cross product's sense about y and x
        pitch_rate = (b.rotation[0] - before_rotation[i, 0]) / dt
        roll_rate = (b.rotation[2] - before_rotation[i, 2]) / dt
        cos, sin = math.cos(b.rotation[1]), math.sin(b.rotation[1])
        b.angular_velocity[0] = -cos * roll_rate + sin * pitch_rate
        b.angular_velocity[1] = -sin * roll_rate - cos * pitch_rate
        b.angular_velocity[2] = b.yaw_rate
