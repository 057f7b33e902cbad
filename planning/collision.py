"""Collision check of trajectories against forecasts: oriented boxes at each time, by the separating-axis test.

Both boxes are grown by margins that rise with the forecast's standard deviation; a circle test comes first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from perception.frame import FloatArray, VehicleModel
from planning.records import Forecasts


@dataclass(frozen=True)
class CollisionConfig:
    """What counts as a collision."""

    margin_along_m: float = 0.4
    margin_across_m: float = 0.15  # narrow streets leave 0.5 m beside a standing car
    std_share: float = 0.3
    std_most_m: float = 0.3
    horizon_s: float = 3.0  # later collisions are the next plans' business
    stride: int = 2  # every 0.2 s: two cars closing at 10 m/s move 2 m, less than half a length


def first_collisions(
    poses_m: FloatArray,
    speed_mps: FloatArray,
    times_s: FloatArray,
    forecasts: Forecasts,
    counts: FloatArray,
    vehicle: VehicleModel,
    config: CollisionConfig,
) -> tuple[FloatArray, FloatArray]:
    """For trajectories ``poses_m`` (c, h, 3) at ``times_s`` (h,): time of the first collision (c,), inf for none, and
    the row of the forecast hit (c,), -1 for none. Once the ego stands (``speed_mps`` (c, h) < 0.3) nobody is run into.
    ``counts`` (n, m, forecast times) > 0 says which poses matter."""
    last = int(np.searchsorted(times_s, config.horizon_s + 1e-6))
    rows = np.arange(0, last, config.stride)
    to_forecast = np.clip(np.searchsorted(forecasts.times_s, times_s[rows] - 1e-6), 0, len(forecasts.times_s) - 1)
    std = np.minimum(config.std_share * forecasts.std_m[:, :, to_forecast], config.std_most_m)
    times, who = _first(
        np.ascontiguousarray(poses_m[:, rows]),
        np.ascontiguousarray(speed_mps[:, rows]),
        np.ascontiguousarray(forecasts.means_world_m[:, :, to_forecast]),
        np.ascontiguousarray(std),
        np.ascontiguousarray(counts[:, :, to_forecast]),
        np.ascontiguousarray(forecasts.half_size_m),
        times_s[rows],
        0.5 * vehicle.length_m,
        0.5 * vehicle.width_m,
        config.margin_along_m,
        config.margin_across_m,
    )
    return times, who


@njit(cache=True, nogil=True)
def _first(
    poses: FloatArray, speeds: FloatArray, others: FloatArray, grow: FloatArray, counts: FloatArray, half: FloatArray,
    times: FloatArray, half_l: float, half_w: float, along: float, across: float,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    c, h = poses.shape[0], poses.shape[1]
    n, m = others.shape[0], others.shape[1]
    out = np.full(c, np.inf)
    who = np.full(c, -1.0)
    reach = math.hypot(half_l, half_w)
    for i in range(c):
        for t in range(h):
            if speeds[i, t] < 0.3:
                continue
            x, y, yaw = poses[i, t, 0], poses[i, t, 1], poses[i, t, 2]
            for k in range(n):
                far = reach + math.hypot(half[k, 0], half[k, 1]) + along + 1.0
                for j in range(m):
                    if counts[k, j, t] <= 0.0:
                        continue
                    dx, dy = others[k, j, t, 0] - x, others[k, j, t, 1] - y
                    if dx * dx + dy * dy > far * far:
                        continue
                    g = grow[k, j, t]
                    if _overlap(
                        dx, dy, yaw, half_l + along, half_w + across, others[k, j, t, 2], half[k, 0] + g, half[k, 1] + g
                    ):
                        out[i], who[i] = times[t], k
                        break
                if who[i] >= 0:
                    break
            if who[i] >= 0:
                break
    return out, who


@njit(cache=True, nogil=True)
def _overlap(
    dx: float, dy: float, yaw_a: float, length_a: float, width_a: float, yaw_b: float, length_b: float, width_b: float
) -> bool:
    """Separating axes of two boxes; ``d`` from a's centre to b's, half sizes."""
    ca, sa, cb, sb = math.cos(yaw_a), math.sin(yaw_a), math.cos(yaw_b), math.sin(yaw_b)
    c, s = abs(ca * cb + sa * sb), abs(ca * sb - sa * cb)
    if abs(dx * ca + dy * sa) > length_a + length_b * c + width_b * s:
        return False
    if abs(-dx * sa + dy * ca) > width_a + length_b * s + width_b * c:
        return False
    if abs(dx * cb + dy * sb) > length_b + length_a * c + width_a * s:
        return False
    return abs(-dx * sb + dy * cb) <= width_b + length_a * s + width_a * c
