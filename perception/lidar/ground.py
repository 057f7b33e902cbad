"""Which points of a sweep are ground: a polar elevation profile that may climb no faster than a road does.

The plane around the car is cut into azimuth sectors and range rings. Outward along each sector the lowest point of a
ring is ground if the climb from the last ground ring is one a road can have; a point is ground if it lies within
``height_m`` of its sector's profile. After Himmelsbach, Hundelshausen, Wuensche, "Fast segmentation of 3D point
clouds for ground vehicles" (IV 2010), with rings instead of line fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from perception.frame import Float32Array


@dataclass(frozen=True)
class GroundConfig:
    """Resolution of the profile and what counts as ground."""

    sectors: int = 120  # 3° each
    ring_m: float = 1.0
    max_range_m: float = 90.0
    height_m: float = 0.22  # above the profile; kerbs (0.14 m) stay ground, a lying child does not
    max_slope: float = 0.2  # steeper than any public road (Baldwin Street: 0.35 is the exception)
    max_step_m: float = 0.35  # however far the last ground return was: higher is the side of something
    start_tolerance_m: float = 0.5  # how far the ground beside the car may differ from the wheels' plane


@njit(cache=True, nogil=True)
def _segment(
    points: Float32Array,
    sectors: int,
    ring_m: float,
    rings: int,
    height_m: float,
    max_slope: float,
    max_step_m: float,
    start_tolerance_m: float,
) -> tuple[npt.NDArray[np.bool_], Float32Array]:
    n = len(points)
    cell = np.empty(n, np.int32)
    lowest = np.full(sectors * rings, np.float32(np.inf))
    for i in range(n):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        cell[i] = -1
        if not (np.isfinite(x) and np.isfinite(y) and np.isfinite(z)):
            continue
        ring = int(np.sqrt(x * x + y * y) / ring_m)
        if ring >= rings:
            continue
        sector = int((np.arctan2(y, x) + np.pi) / (2.0 * np.pi) * sectors) % sectors
        cell[i] = sector * rings + ring
        lowest[cell[i]] = min(lowest[cell[i]], z)
    profile = np.empty(sectors * rings, np.float32)
    for sector in range(sectors):
        height, last = np.float32(0.0), -1
        for ring in range(rings):
            k = sector * rings + ring
            z = lowest[k]
            if np.isfinite(z):
                run = (ring - last) * ring_m
                allowed = max_slope * run + (start_tolerance_m if last < 0 else 0.05)
                highest = allowed if last < 0 else min(allowed, max_step_m)
                if -allowed <= z - height <= highest:
                    height, last = z, ring
            profile[k] = height
    ground = np.zeros(n, np.bool_)
    above = np.full(n, np.float32(np.nan))
    for i in range(n):
        if cell[i] >= 0:
            above[i] = points[i, 2] - profile[cell[i]]
            ground[i] = above[i] <= height_m
    return ground, above


def ground_mask(points_ego_m: Float32Array, config: GroundConfig) -> tuple[npt.NDArray[np.bool_], Float32Array]:
    """Ground mask ``(n,)`` and height above the local ground ``(n,)`` of points ``(n, 3)`` in the ego frame.

    Points beyond ``max_range_m`` and non-finite points are no ground and have NaN height.
    """
    rings = max(1, int(config.max_range_m / config.ring_m))
    mask, above = _segment(
        np.ascontiguousarray(points_ego_m, np.float32),
        config.sectors,
        config.ring_m,
        rings,
        config.height_m,
        config.max_slope,
        config.max_step_m,
        config.start_tolerance_m,
    )
    return mask, above
