"""Poses in CARLA's own convention: left-handed world, x forward, y right, z up.

Inside ``sim/server`` angles are radians in the order ``(pitch, yaw, roll)``; degrees exist only on the wire.
Matrices follow Unreal's ``FRotationMatrix`` (the one behind ``carla.Transform.get_matrix``): the columns are
the body's forward, right and up axes in world coordinates, so ``world = rotation @ local + position``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def rotation_matrix(pitch_rad: float, yaw_rad: float, roll_rad: float) -> Array:
    """World-from-body rotation ``(3, 3)`` of one body."""
    sp, cp = math.sin(pitch_rad), math.cos(pitch_rad)
    sy, cy = math.sin(yaw_rad), math.cos(yaw_rad)
    sr, cr = math.sin(roll_rad), math.cos(roll_rad)
    return np.array(
        [
            [cp * cy, sr * sp * cy - cr * sy, -(cr * sp * cy + sr * sy)],
            [cp * sy, sr * sp * sy + cr * cy, cy * sr - cr * sp * sy],
            [sp, -sr * cp, cr * cp],
        ]
    )


def rotation_matrices(rotation_rad: npt.ArrayLike) -> Array:
    """World-from-body rotations ``(n, 3, 3)`` of ``rotation_rad (n, 3)`` = pitch, yaw, roll."""
    angles = np.asarray(rotation_rad, dtype=np.float64).reshape(-1, 3)
    sin: Any = np.sin(angles)
    cos: Any = np.cos(angles)
    sp, sy, sr = sin[:, 0], sin[:, 1], sin[:, 2]
    cp, cy, cr = cos[:, 0], cos[:, 1], cos[:, 2]
    out = np.empty((len(angles), 3, 3))
    out[:, 0, 0], out[:, 0, 1], out[:, 0, 2] = cp * cy, sr * sp * cy - cr * sy, -(cr * sp * cy + sr * sy)
    out[:, 1, 0], out[:, 1, 1], out[:, 1, 2] = cp * sy, sr * sp * sy + cr * cy, cy * sr - cr * sp * sy
    out[:, 2, 0], out[:, 2, 1], out[:, 2, 2] = sp, -sr * cp, cr * cp
    return out


def euler_of(rotation: Array) -> tuple[float, float, float]:
    """``(pitch, yaw, roll)`` in radians of a world-from-body rotation ``(3, 3)``; inverse of ``rotation_matrix``."""
    pitch = math.asin(max(-1.0, min(1.0, float(rotation[2, 0]))))
    if abs(rotation[2, 0]) > 1.0 - 1e-9:  # gimbal lock: roll is undefined, put all of it into yaw
        return pitch, math.atan2(-float(rotation[0, 1]), float(rotation[1, 1])), 0.0
    yaw = math.atan2(float(rotation[1, 0]), float(rotation[0, 0]))
    roll = math.atan2(-float(rotation[2, 1]), float(rotation[2, 2]))
    return pitch, yaw, roll
