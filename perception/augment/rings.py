"""Which beam of a spinning LiDAR each return belongs to."""

from __future__ import annotations

import numpy as np

from perception.augment.sample import Cloud, Int32Array

MOST_BEAMS = 128


def rings_of(cloud: Cloud) -> Int32Array:
    """Beam numbers ``(n,)`` from 0: the cloud's own; else from the order of the file, as KITTI's; else by elevation.

    KITTI stores beam after beam, each a turn: a new beam begins where the azimuth jumps from the end of a turn to its
    start. Where that gives no 8 to 128 beams the elevations are cut into 64 equal steps.
    """
    if len(cloud) and cloud.ring.min() >= 0:
        return cloud.ring
    x, y = cloud.points_m[:, 0], cloud.points_m[:, 1]
    turn = 0.5 * (1.0 - np.arctan2(y, -x) / np.pi)  # 0..1, its ends straight ahead
    starts = np.zeros(len(cloud), np.int32)
    starts[1:] = (turn[1:] < 0.2) & (turn[:-1] > 0.8)
    rings = np.cumsum(starts, dtype=np.int32)
    if 8 <= int(rings.max(initial=0)) + 1 <= MOST_BEAMS:
        return rings
    elevation = np.arctan2(cloud.points_m[:, 2], np.hypot(x, y))
    low, high = (np.quantile(elevation, q) for q in (0.001, 0.999)) if len(cloud) else (0.0, 1.0)
    steps = (elevation - low) / max(float(high - low), 1e-6) * 64.0
    return np.clip(steps, 0, 63).astype(np.int32)
