"""All bodies over one tick: the order in which forces, contacts, motion and ground take turns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.server.world.bodies import VEHICLE, WALKER, Bodies
from sim.server.world.collision_kernel import solve_pairs
from sim.server.world.ground_contact import settle
from sim.server.world.tumble_kernel import tumble, tumble_on
from sim.server.world.vehicle_kernel import drive_vehicle
from sim.server.world.walkers import walk

MAX_SPEED_MPS = 1000.0
"""Three times the speed of sound: no program means more, and a body stays on the map's grid."""
MAX_SPIN_RADPS = 200.0
MAX_POSITION_M = 1e7
PUSH_S = 0.01
"""A force or torque may bring a body to these bounds within one sub-step."""
NO_FAILURE, ROLLOVER = 0, 1
"""CARLA's VehicleFailureState; it sets no other, and neither does this server."""
ROLLOVER_STAGES = 4
ROLLOVER_RAD = math.radians(130.0)
ROLLOVER_STAGE_RAD = math.radians(10.0)
ROLLOVER_KEEPS = 0.65
"""What each stage leaves of the spin."""
ROLLOVER_FLAG_S = 5.0
RECOVERED_RAD = math.radians(30.0)


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
def _watch_rollover(b: Any, dt: float) -> None:
    """CARLA's rule: beyond 130 degrees of roll the spin is damped in four stages, then a time begins to run.

    A vehicle that is still over when it ends has failed; one that comes back within 30 degrees is sound.
    """
    roll = abs(b.rotation[2])
    if b.rollover_stage < ROLLOVER_STAGES:
        if roll > ROLLOVER_RAD + b.rollover_stage * ROLLOVER_STAGE_RAD:
            for axis in range(3):
                b.spin[axis] *= ROLLOVER_KEEPS
            b.rollover_stage += 1
    elif b.failure == NO_FAILURE:
        b.rollover_s += dt
        if b.rollover_s >= ROLLOVER_FLAG_S - 1e-9:
            b.failure = ROLLOVER
    if b.rollover_stage > 0 and roll < RECOVERED_RAD:
        b.rollover_stage = 0
        b.rollover_s = 0.0
        b.failure = NO_FAILURE


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
            if not b.simulate:
                continue
            if b.tumbling:
                tumble(bodies, i, ground, step, friction_scale)
            elif b.kind == VEHICLE:
                drive_vehicle(bodies, i, step, friction_scale)
            elif b.kind == WALKER:
                walk(bodies, i, step)
        solve_pairs(bodies, grid, pairs, pair_count, felt, step)
        for i in range(len(bodies)):
            if bodies[i].simulate:
                if bodies[i].tumbling:
                    tumble_on(bodies[i], step)
                else:
                    _move(bodies[i], step)
    settle(bodies, ground, dt)


@njit(cache=True, nogil=True)
def begin(bodies: Bodies, before_velocity: npt.NDArray[np.float64], before_rotation: npt.NDArray[np.float64]) -> None:
    """Note the state before the tick, and hold within bounds what clients may have set to anything."""
    for i in range(len(bodies)):
        b = bodies[i]
        b.yaw_rate = min(max(b.yaw_rate, -MAX_SPIN_RADPS), MAX_SPIN_RADPS)
        for axis in range(3):
            b.velocity[axis] = min(max(b.velocity[axis], -MAX_SPEED_MPS), MAX_SPEED_MPS)
            b.spin[axis] = min(max(b.spin[axis], -MAX_SPIN_RADPS), MAX_SPIN_RADPS)
            b.position[axis] = min(max(b.position[axis], -MAX_POSITION_M), MAX_POSITION_M)
            most = MAX_SPEED_MPS * b.mass / PUSH_S
            b.force[axis] = min(max(b.force[axis], -most), most)
            most = MAX_SPIN_RADPS * b.inertia_body[axis] / PUSH_S
            b.torque[axis] = min(max(b.torque[axis], -most), most)
            before_velocity[i, axis] = b.velocity[axis]
            before_rotation[i, axis] = b.rotation[axis]


@njit(cache=True, nogil=True)
def finish(
    bodies: Bodies, before_velocity: npt.NDArray[np.float64], before_rotation: npt.NDArray[np.float64], dt: float
) -> None:
    """Acceleration and angular velocity over the tick of ``dt``; outside forces act for one tick only."""
    for i in range(len(bodies)):
        b = bodies[i]
        for axis in range(3):
            b.acceleration[axis] = (b.velocity[axis] - before_velocity[i, axis]) / dt
            b.force[axis] = b.torque[axis] = 0.0
        if b.kind == VEHICLE and (b.tumbling or b.rollover_stage > 0):
            _watch_rollover(b, dt)
        if b.tumbling:
            for axis in range(3):
                b.angular_velocity[axis] = b.spin[axis]
            continue
        # CARLA's pitch and roll turn against the cross product's sense about y and x
        pitch_rate = (b.rotation[0] - before_rotation[i, 0]) / dt
        roll_rate = (b.rotation[2] - before_rotation[i, 2]) / dt
        cos, sin = math.cos(b.rotation[1]), math.sin(b.rotation[1])
        b.angular_velocity[0] = -cos * roll_rate + sin * pitch_rate
        b.angular_velocity[1] = -sin * roll_rate - cos * pitch_rate
        b.angular_velocity[2] = b.yaw_rate
