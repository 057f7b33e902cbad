"""Bare asphalt in vector code: stones, repairs and wheel tracks of whole runs of fragments at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.server.sensors.columns import ALBEDO, FOOT, GROUND, LIGHT, POS, STRIDE, UVW
from sim.server.sensors.kernel import F32, I32, lane, lanes
from sim.server.sensors.resolve import FACE

STONES_PER_M = 105.0  # texels: stones of a centimetre
STONES_FADE_M = 0.022  # pixels wider than this see no stones
HALF_TRACK_M = 0.78  # from the middle of the lane to the middle of each wheel's track
WORN_EVENLY = 0.076  # mean over a lane of what wheels take in their tracks and oil between them
COARSE = LIGHT  # a column that is free until there is light: the rough pattern, which wears markings too


@lane
def sample(table: F32, side: int, x: Any, y: Any) -> Any:
    """Bilinear sample of a flat periodic table, one cell per unit; side is a power of two."""
    fx, fy = np.floor(x), np.floor(y)
    tx, ty = x - fx, y - fy
    mask, wide = np.uint32(side - 1), np.uint32(side)
    ix, iy = np.uint32(np.int32(fx)) & mask, np.uint32(np.int32(fy)) & mask
    jx, jy = np.uint32(ix + np.uint32(1)) & mask, np.uint32(iy + np.uint32(1)) & mask
    low, high = np.uint32(iy * wide), np.uint32(jy * wide)
    a, b = table[np.uint32(low + ix)], table[np.uint32(low + jx)]
    c, d = table[np.uint32(high + ix)], table[np.uint32(high + jx)]
    return (a + (b - a) * tx) * (1.0 - ty) + (c + (d - c) * tx) * ty


@lanes
def lay_asphalt(q: F32, count: int, name: I32, param: I32, tracks: F32, grain: F32, stones: F32) -> None:
    """ALBEDO and GROUND of ``count`` fragments of road, and COARSE; all arrays flat.

    tracks (strips,): 1 where wheels keep to their tracks, -1 where they go any way, 0 where none go; grain (256 * 256,)
    and stones (512 * 512,) periodic.
    """
    for i in range(count):
        x, y = q[POS * STRIDE + i], q[(POS + 1) * STRIDE + i]
        coarse = sample(stones, 512, x * 7.3 + 3.0, y * 7.3) - 0.5
        wide = sample(grain, 256, x * 0.35, y * 0.35) - 0.5
        repair = sample(grain, 256, x * 0.11 + 31.0, y * 0.11 + 3.0)
        t = min(max((repair - 0.66) * (1.0 / 0.015), 0.0), 1.0)
        q[COARSE * STRIDE + i] = coarse
        q[ALBEDO * STRIDE + i] = 0.105 + 0.018 * wide + 0.012 * coarse
        q[GROUND * STRIDE + i] = 1.0 - 0.14 * (t * t * (3.0 - 2.0 * t))
    for i in range(count):
        x, y, foot = q[POS * STRIDE + i], q[(POS + 1) * STRIDE + i], q[FOOT * STRIDE + i]
        fine = sample(stones, 512, x * STONES_PER_M, y * STONES_PER_M) - 0.5
        off = abs(q[(UVW + 1) * STRIDE + i] - q[(UVW + 2) * STRIDE + i]) * 0.5
        track = (off - HALF_TRACK_M) * 1.9
        worn = 0.13 * max(0.0, 1.0 - track * track) + 0.10 * max(0.0, 1.0 - off * off * 2.5)
        face = np.uint32(name[FACE * STRIDE + i])
        base = q[ALBEDO * STRIDE + i] + 0.075 * fine * min(1.0, max(STONES_FADE_M / foot - 1.0, 0.0))
        kept = tracks[np.uint32(param[face])]
        base *= (1.0 - max(worn * kept, -WORN_EVENLY * kept)) * q[GROUND * STRIDE + i]
        q[ALBEDO * STRIDE + i] = base
        q[(ALBEDO + 1) * STRIDE + i] = base * 0.99
        q[(ALBEDO + 2) * STRIDE + i] = base * 0.965
        q[GROUND * STRIDE + i] = 1.0
