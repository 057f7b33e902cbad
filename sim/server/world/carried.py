"""Bodies that are carried along a recorded path instead of moving by themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.world.bodies import Bodies

Array = npt.NDArray[np.float64]


def carry(
    bodies: Bodies,
    rows: npt.NDArray[np.int64],
    position_m: Array,
    rotation_rad: Array,
    velocity_mps: Array,
    dt_s: float,
) -> None:
    """Put bodies where they are after dt_s, with all that others see of their motion.

    rows (n,) of the table, position_m (n, 3), rotation_rad (n, 3) pitch, yaw, roll, velocity_mps (n, 3), world frame.
    Accelerations and turn rates follow from the step; wheels roll and steer as they would.
    """
    turn = rotation_rad - bodies["rotation"][rows]
    turn -= 2.0 * math.pi * np.round(turn / (2.0 * math.pi))
    rate = turn / dt_s
    bodies["acceleration"][rows] = (velocity_mps - bodies["velocity"][rows]) / dt_s
    bodies["position"][rows], bodies["rotation"][rows] = position_m, rotation_rad
    bodies["velocity"][rows], bodies["yaw_rate"][rows] = velocity_mps, rate[:, 1]
    cos: Any = np.cos(rotation_rad[:, 1])
    sin: Any = np.sin(rotation_rad[:, 1])
    # CARLA's pitch and roll turn against the cross product's sense about y and x
    bodies["angular_velocity"][rows, 0] = -cos * rate[:, 2] + sin * rate[:, 0]
    bodies["angular_velocity"][rows, 1] = -sin * rate[:, 2] - cos * rate[:, 0]
    bodies["angular_velocity"][rows, 2] = rate[:, 1]
    ahead = cos * velocity_mps[:, 0] + sin * velocity_mps[:, 1]
    radius = bodies["wheel_radius"][rows, 0]
    rolled = np.divide(ahead * dt_s, radius, out=np.zeros(len(rows)), where=radius > 0.0)
    bodies["wheel_angle"][rows] = (bodies["wheel_angle"][rows] + rolled) % (2.0 * math.pi)
    bodies["steer_angle"][rows] = bodies["steer"][rows] * bodies["max_steer"][rows]
