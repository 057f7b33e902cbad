"""Octahedral maps of a colour for every direction, a texel in one word: one look-up finds all three colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.server.sensors.kernel import F32, U32, lane

FINE_STEPS, BLUE_STEPS = 2047.0, 1023.0  # of the root of a packed colour's share of the brightest: 11, 11, 10 bits


def packed_map(rgb: F32) -> tuple[U32, float]:
    """An octahedral map (n, n, 3 or more), flat and with each texel in one word, and the radiance of its brightest.

    Kept are roots: dark parts have the finer steps that they need.
    """
    most = max(float(rgb[..., :3].max()), 1e-6)
    share = np.sqrt(np.clip(rgb[..., :3] / most, 0.0, 1.0))
    red, green = (np.rint(share[..., c] * FINE_STEPS).astype(np.uint32) for c in range(2))
    blue = np.rint(share[..., 2] * BLUE_STEPS).astype(np.uint32)
    return np.ascontiguousarray(red | green << 11 | blue << 22).reshape(-1), most


@lane
def _unpacked(word: Any) -> tuple[Any, Any, Any]:
    """Red, green and blue of a word, in steps."""
    mask = np.uint32(0x7FF)
    red, green = np.int32(word & mask), np.int32((word >> np.uint32(11)) & mask)
    return np.float32(red), np.float32(green), np.float32(np.int32(word >> np.uint32(22)))


@lane
def octahedral_of(table: U32, size: int, most: float, dx: Any, dy: Any, dz: Any) -> tuple[Any, Any, Any]:
    """Colour of direction (dx, dy, dz) in a packed octahedral map of ``size`` squared texels up to ``most`` bright."""
    k = 1.0 / (abs(dx) + abs(dy) + abs(dz))
    x, y = dx * k, dy * k
    below_x = (1.0 - abs(y)) * (1.0 if x >= 0.0 else -1.0)
    below_y = (1.0 - abs(x)) * (1.0 if y >= 0.0 else -1.0)
    top = np.float32(size - 1)
    u = ((x if dz >= 0.0 else below_x) * 0.5 + 0.5) * top
    v = ((y if dz >= 0.0 else below_y) * 0.5 + 0.5) * top
    u, v = min(max(u, 0.0), top - 0.001), min(max(v, 0.0), top - 0.001)
    column, row = np.int32(u), np.int32(v)
    tx, ty = u - np.float32(column), v - np.float32(row)
    at = np.uint32(row) * np.uint32(size) + np.uint32(column)
    low = np.uint32(at + np.uint32(size))
    r0, g0, b0 = _unpacked(table[at])
    r1, g1, b1 = _unpacked(table[np.uint32(at + np.uint32(1))])
    r2, g2, b2 = _unpacked(table[low])
    r3, g3, b3 = _unpacked(table[np.uint32(low + np.uint32(1))])
    red, green, blue = r0 + (r1 - r0) * tx, g0 + (g1 - g0) * tx, b0 + (b1 - b0) * tx
    red += (r2 + (r3 - r2) * tx - red) * ty
    green += (g2 + (g3 - g2) * tx - green) * ty
    blue += (b2 + (b3 - b2) * tx - blue) * ty
    peak = np.float32(most)
    fine, coarse = peak * (1.0 / (FINE_STEPS * FINE_STEPS)), peak * (1.0 / (BLUE_STEPS * BLUE_STEPS))
    return red * red * fine, green * green * fine, blue * blue * coarse
