"""What sits on a lens: drops of water that turn the view over, and dried dirt that dims and veils it.

The camera is focused far away, so both are soft. Every drop has a place of its own for a few seconds, then another;
which is a function of its number, the camera's seed and the world's time.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from sim.server.sensors.kernel import F32, F64, kernel
from sim.server.sensors.textures import hash01, noise, smooth, value_noise

DROPS = 60  # on a full lens
SMALL_RADIUS, LARGE_RADIUS = 0.006, 0.024  # of the picture's width
LIFE_S = 5.0
RUN_PER_S = 0.012  # heights that a large drop runs down in a second
SEEN_SHARE = 0.42  # of the picture to each side of its centre that a drop shows, upside down
SCENE_SCALE = 32  # drops look at a copy of the picture this many times smaller: they are out of focus
DIRT_SEED = 17
DIRT_SIZE = 256
SPLASHES = 34
HIDES_AT_FULL = 0.93  # share of light that the thickest dirt takes
VEIL_AT_FULL = 0.34  # of the picture's mean light that dirt scatters into the lens


def dirt_map() -> F32:
    """Thickness 0..1 (256, 256), periodic, of dirt on a lens: a film of dust, and splashes of mud."""
    rng = np.random.default_rng(DIRT_SEED)
    film = value_noise(DIRT_SIZE, (3, 7, 19, 61), 0.6, rng)
    mud = np.zeros((DIRT_SIZE, DIRT_SIZE), np.float32)
    y, x = np.mgrid[0:DIRT_SIZE, 0:DIRT_SIZE]
    for _ in range(SPLASHES):
        u, v = rng.uniform(0, DIRT_SIZE, 2)
        radius = float(rng.uniform(1.5, 9.0)) * float(rng.uniform(0.5, 1.4))
        across, down = ((part + DIRT_SIZE / 2) % DIRT_SIZE - DIRT_SIZE / 2 for part in (x - u, y - v))
        away = np.hypot(across, down / float(rng.uniform(0.8, 1.6)))
        mud = np.maximum(mud, np.clip(1.25 - away / radius, 0.0, 1.0) * float(rng.uniform(0.5, 1.0)))
    pad = 8
    soft = cv2.GaussianBlur(np.pad(mud, pad, mode="wrap"), (0, 0), 1.1)[pad:-pad, pad:-pad]
    return np.clip(0.75 * np.clip(film - 0.32, 0.0, 1.0) + soft, 0.0, 1.0).astype(np.float32)


def drops_of(share: float, elapsed_s: float, seed: int) -> F64:
    """Drops (n, 4) of a lens that carries this share 0..1 of ``DROPS``: place 0..1, radius in widths, strength."""
    count = round(DROPS * share)
    table = np.zeros((count, 4))
    for k in range(count):
        clock = elapsed_s / LIFE_S + hash01(k * 3 + 1)
        life = math.floor(clock)
        age = clock - life
        key = (seed * 131 + k * 7 + life * 1009) & 0x7FFFFFFF
        size = hash01(key + 2) ** 3
        radius = SMALL_RADIUS + (LARGE_RADIUS - SMALL_RADIUS) * size
        run = RUN_PER_S * LIFE_S * size * age
        strength = min(1.0, age * 12.0) * min(1.0, (1.0 - age) * 4.0)
        table[k] = hash01(key), hash01(key + 1) * 1.05 - 0.05 + run, radius, strength
    return table


@kernel
def soil(
    worker: int, workers: int, dirt: F32, left: float, top: float, amount: float, scattered: F32, radiance: F32
) -> None:
    """Dim ``radiance (h, w, 3)`` by dirt and add the light (3,) that it scatters. left, top: cells of the dirt's map,
    which is periodic, at the picture's corner."""
    height, width = radiance.shape[0], radiance.shape[1]
    per = DIRT_SIZE / max(width, height)
    for y in range(worker, height, workers):
        for x in range(width):
            thick = noise(dirt, left + x * per, top + y * per)
            thick = min(1.0, thick * (0.8 + 1.1 * amount)) * min(1.0, 1.4 * amount)
            kept, veil = 1.0 - HIDES_AT_FULL * thick, VEIL_AT_FULL * thick
            for c in range(3):
                radiance[y, x, c] = radiance[y, x, c] * kept + scattered[c] * veil


@kernel
def wet_lens(worker: int, workers: int, drops: F64, scene: F32, radiance: F32) -> None:
    """Draw drops (n, 4) over ``radiance (h, w, 3)``; scene is a small copy of it. Workers draw their own rows."""
    height, width = radiance.shape[0], radiance.shape[1]
    first, last = worker * height // workers, (worker + 1) * height // workers
    rows, columns = scene.shape[0], scene.shape[1]
    for k in range(len(drops)):
        u, v, r = drops[k, 0] * width, drops[k, 1] * height, drops[k, 2] * width
        for y in range(max(first, int(v - 1.4 * r)), min(last, int(v + 1.3 * r) + 1)):
            for x in range(max(0, int(u - 1.3 * r)), min(width, int(u + 1.3 * r) + 1)):
                dx, dy = (x + 0.5 - u) / r, (y + 0.5 - v) / r
                dy *= 0.92 if dy < 0.0 else 1.05
                d = math.sqrt(dx * dx + dy * dy)
                cover = (1.0 - smooth(0.55, 1.22, d)) * drops[k, 3]
                if cover <= 0.0:
                    continue
                sx = (0.5 - dx * SEEN_SHARE) * columns
                sy = (0.5 - dy * SEEN_SHARE) * rows
                sx, sy = min(max(sx - 0.5, 0.0), columns - 1.001), min(max(sy - 0.5, 0.0), rows - 1.001)
                ix, iy = int(sx), int(sy)
                tx, ty = sx - ix, sy - iy
                jx, jy = min(ix + 1, columns - 1), min(iy + 1, rows - 1)
                rim = 1.0 - 0.25 * smooth(0.5, 1.05, d)
                for c in range(3):
                    top = scene[iy, ix, c] * (1.0 - tx) + scene[iy, jx, c] * tx
                    low = scene[jy, ix, c] * (1.0 - tx) + scene[jy, jx, c] * tx
                    seen = (top * (1.0 - ty) + low * ty) * rim
                    radiance[y, x, c] += (seen - radiance[y, x, c]) * 0.8 * cover


def small_copy(radiance: F32) -> F32:
    """The picture as a drop sees it."""
    height, width = radiance.shape[:2]
    size = (max(2, width // SCENE_SCALE), max(2, height // SCENE_SCALE))
    return np.asarray(np.minimum(cv2.resize(radiance, size, interpolation=cv2.INTER_AREA), 6.0), np.float32)
