"""Small tables and functions that surfaces are painted with: noise, tiles, and box-filtered stripes.

Everything periodic is evaluated analytically and averaged over the footprint of a pixel, so that lane markings,
windows and tiles stay crisp near by and fade to their mean far away, without texture memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.server.sensors.kernel import F32, F64, inline, kernel

NOISE_SIZE = 256
TILE_SIZE = 512
Number = Any  # a scalar inside a kernel


def value_noise(size: int, octaves: tuple[int, ...], falloff: float, rng: np.random.Generator) -> F32:
    """Periodic smooth noise ``(size, size)`` in 0..1, mean 0.5, standard deviation about 0.16."""
    total = np.zeros((size, size))
    amplitude = 1.0
    for octave in octaves:
        grid = np.pad(rng.random((octave, octave)), ((0, 1), (0, 1)), mode="wrap")
        x = np.arange(size) * octave / size
        i = x.astype(np.int64)
        t = (x - i) ** 2 * (3 - 2 * (x - i))
        rows = grid[i] * (1 - t[:, None]) + grid[i + 1] * t[:, None]
        total += amplitude * (rows[:, i] * (1 - t) + rows[:, i + 1] * t - 0.5)
        amplitude *= falloff
    return np.clip(total / total.std() * 0.16 + 0.5, 0, 1).astype(np.float32)


def asphalt_tile(rng: np.random.Generator) -> F32:
    """Periodic grain of a road surface ``(512, 512)`` in 0..1: stones, patches and a few sealed cracks."""
    n = TILE_SIZE
    square = np.fft.fftfreq(n)[:, None] ** 2 + np.fft.rfftfreq(n)[None] ** 2  # cycles per texel

    def blurred(sigma: float) -> F64:
        low_pass = np.exp(-2.0 * (np.pi * sigma) ** 2 * square)  # Gaussian blur that wraps round
        field = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(n, n))) * low_pass, (n, n))
        return np.asarray(field / field.std())

    grain = 0.95 * blurred(0.65) + 0.16 * blurred(1.6) + 0.05 * blurred(7.0)
    grain = grain / grain.std() * 0.17 + 0.5
    cracks = np.exp(-(((blurred(14.0) + 0.12 * blurred(3.0)) / 0.018) ** 2)) * (blurred(30.0) > 0.4)
    return np.clip(grain - 0.3 * cracks, 0, 1).astype(np.float32)


@inline
def clamp01(x: Number) -> Number:
    """x limited to 0..1."""
    return min(1.0, max(0.0, x))


@inline
def mix(a: Number, b: Number, t: Number) -> Number:
    """a at t = 0, b at t = 1."""
    return a + (b - a) * t


@inline
def smooth(a: Number, b: Number, x: Number) -> Number:
    """0 below a, 1 above b, a cubic between."""
    t = min(1.0, max(0.0, (x - a) / (b - a)))
    return t * t * (3.0 - 2.0 * t)


@kernel
def noise(table: F32, x: Number, y: Number) -> Number:
    """Bilinear sample of a 256 x 256 periodic table, one cell per unit."""
    fx = math.floor(x)
    fy = math.floor(y)
    ix = np.uint32(np.int64(fx) & 255)
    iy = np.uint32(np.int64(fy) & 255)
    jx = np.uint32((ix + 1) & 255)
    jy = np.uint32((iy + 1) & 255)
    tx = x - fx
    ty = y - fy
    a, b, c, d = table[iy, ix], table[iy, jx], table[jy, ix], table[jy, jx]
    return (a + (b - a) * tx) * (1.0 - ty) + (c + (d - c) * tx) * ty


@kernel
def tile(table: F32, x: Number, y: Number) -> Number:
    """Bilinear sample of a 512 x 512 periodic table, one cell per unit."""
    fx = math.floor(x)
    fy = math.floor(y)
    ix = np.uint32(np.int64(fx) & 511)
    iy = np.uint32(np.int64(fy) & 511)
    jx = np.uint32((ix + 1) & 511)
    jy = np.uint32((iy + 1) & 511)
    tx = x - fx
    ty = y - fy
    a, b, c, d = table[iy, ix], table[iy, jx], table[jy, ix], table[jy, jx]
    return (a + (b - a) * tx) * (1.0 - ty) + (c + (d - c) * tx) * ty


@kernel
def hash01(i: int) -> Number:
    """A number in 0..1 that looks random, of a whole number."""
    h = np.uint32(np.int64(i) & 0xFFFFFFFF)
    h = np.uint32(h * np.uint32(2654435761))
    h ^= np.uint32(h >> np.uint32(15))
    h = np.uint32(h * np.uint32(2246822519))
    h ^= np.uint32(h >> np.uint32(13))
    return np.float64(h & np.uint32(0xFFFFFF)) / 16777216.0


@kernel
def band(x: Number, centre: Number, width: Number, footprint: Number) -> Number:
    """Share of the footprint round x that a stripe of the given centre and width covers."""
    low = max(x - footprint * 0.5, centre - width * 0.5)
    high = min(x + footprint * 0.5, centre + width * 0.5)
    return min(1.0, max(0.0, (high - low) / footprint))


@kernel
def pulse(x: Number, period: Number, on: Number, footprint: Number) -> Number:
    """Share of the footprint round x in which a wave is on: from each whole period for ``on`` metres."""
    width = max(footprint, 1e-4)
    a = (x - width * 0.5) / period
    b = (x + width * 0.5) / period
    fa, fb = math.floor(a), math.floor(b)
    duty = on / period
    return ((fb * duty + min(b - fb, duty)) - (fa * duty + min(a - fa, duty))) * period / width


@kernel
def octahedral(table: F32, dx: Number, dy: Number, dz: Number) -> tuple[Number, Number, Number]:
    """Colour of direction (dx, dy, dz) in an octahedral map ``(n, n, 4)``."""
    n = table.shape[0]
    k = 1.0 / (abs(dx) + abs(dy) + abs(dz))
    x, y = dx * k, dy * k
    if dz < 0.0:
        folded = (1.0 - abs(y)) * (1.0 if x >= 0.0 else -1.0)
        y = (1.0 - abs(x)) * (1.0 if y >= 0.0 else -1.0)
        x = folded
    u = (x * 0.5 + 0.5) * (n - 1)
    v = (y * 0.5 + 0.5) * (n - 1)
    ix = np.uint32(min(max(int(u), 0), n - 2))
    iy = np.uint32(min(max(int(v), 0), n - 2))
    jx = np.uint32(ix + 1)
    jy = np.uint32(iy + 1)
    tx, ty = u - ix, v - iy
    a, b, c, d = (1.0 - tx) * (1.0 - ty), tx * (1.0 - ty), (1.0 - tx) * ty, tx * ty
    red = table[iy, ix, 0] * a + table[iy, jx, 0] * b + table[jy, ix, 0] * c + table[jy, jx, 0] * d
    green = table[iy, ix, 1] * a + table[iy, jx, 1] * b + table[jy, ix, 1] * c + table[jy, jx, 1] * d
    blue = table[iy, ix, 2] * a + table[iy, jx, 2] * b + table[jy, ix, 2] * c + table[jy, jx, 2] * d
    return red, green, blue
