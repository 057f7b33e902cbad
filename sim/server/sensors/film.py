"""What sits on a lens: drops of water that turn the view over, and dried dirt that dims and veils it.

The camera is focused far away, so both are soft. Drops sit on the flat cover glass of an automotive camera,
``GLASS_M`` before its aperture of ``APERTURE_M``. Every pixel looks through a disc of the glass as large as the
aperture, round the place where its ray crosses the glass: a drop of radius r takes ``(2 r / aperture) ** 2`` of its
light where the disc holds all of the drop, and less and less of it out to ``r + aperture / 2``. That is a wide, faint
disc with a soft edge; never a sharp spot. What the drop puts there comes from a large field of view, upside down, and
depends little on what is behind it (Garg and Nayar, "Photometric model of a rain drop", 2003).

Sizes follow the rain: Marshall and Palmer's distribution, ``exp(-4.1 R ** -0.21 D)`` of diameters D in mm at R mm/h;
on a coated glass a drop becomes half a sphere. One wider than 2 mm runs down. Every drop has a place of its own for a
few seconds, then another; which is a function of its number, the camera's seed and the world's time.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from sim.server.sensors.atmosphere import RAIN_AT_FULL_MMPH
from sim.server.sensors.kernel import F32, F64, kernel
from sim.server.sensors.textures import hash01, noise, smooth, value_noise

DROPS = 24  # on a full lens: on ``FIELD`` of the glass
FIELD = (2.0, 1.5)  # glass in distances from the aperture, across and down: what a picture of 90 degrees 4:3 sees
GLASS_M = 0.015  # from the aperture: a lens of some 4 mm focal length, its air gap and its cover glass
APERTURE_M = 0.002  # 4 mm at f/2
LEAST_FALLING_M, MOST_RADIUS_M = 0.0003, 0.001  # smaller drops are mist; larger ones run off: see ``drops_of``
RADIUS_PER_FALLING = 0.25 ** (1.0 / 3.0)  # of half a sphere with the volume of a sphere of diameter 1
LIFE_S = 5.0
RUN_PER_S = 0.012  # heights that a drop of ``MOST_RADIUS_M`` runs down in a second
SEEN_SHARE = 0.42  # of the picture to each side of its centre that a drop shows, upside down
THROUGH = 0.85  # of the light that a drop sends on: the rest is reflected at its rim and back from its surfaces
SCENE_CELLS = 12  # columns of the copy of the picture that drops look at: no pixel sees less than much of a drop
VEIL_SCALE = 4  # the discs are so soft that they are drawn this many times smaller
BRIGHTEST_SEEN = 6.0  # radiance
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
    """Drops (n, 4) of a lens that carries this share 0..1 of ``DROPS``: place 0..1 on the glass,
    radius in m, strength.

    On an upright glass with a coat (contact angles some 8 degrees apart) surface tension holds water up to 2 mm wide
    (Furmidge's law): what has merged to more has run down.
    """
    count = round(DROPS * share)
    table = np.zeros((count, 4))
    if count == 0:
        return table
    per_m = 1000.0 * 4.1 * (RAIN_AT_FULL_MMPH * share) ** -0.21
    for k in range(count):
        clock = elapsed_s / LIFE_S + hash01(k * 3 + 1)
        life = math.floor(clock)
        age = clock - life
        key = (seed * 131 + k * 7 + life * 1009) & 0x7FFFFFFF
        falling_m = LEAST_FALLING_M - math.log(max(1.0 - hash01(key + 2), 1e-6)) / per_m
        radius = min(RADIUS_PER_FALLING * falling_m, MOST_RADIUS_M)
        run = RUN_PER_S * LIFE_S * (radius / MOST_RADIUS_M) ** 3 * age
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
def draw_drops(drops: F64, focal: float, scene: F32, veil: F32) -> None:
    """Draw drops (n, 4) into ``veil (h, w, 4)``: the light that they add, and the share of the picture that they leave.

    focal: in pixels of the veil. Narrow pictures see less of the glass; wide ones see the same drops further apart.
    scene (rows, columns, 3): the picture as drops see it.
    """
    height, width = veil.shape[0], veil.shape[1]
    rows, columns = scene.shape[0], scene.shape[1]
    half = 0.5 * APERTURE_M
    m_per_px = GLASS_M / focal
    for k in range(len(drops)):
        u = 0.5 * width + (drops[k, 0] - 0.5) * max(FIELD[0] * focal, width)
        v = 0.5 * height + (drops[k, 1] - 0.5) * max(FIELD[1] * focal, height)
        r = drops[k, 2]
        taken = drops[k, 3] * min(1.0, (r / half) ** 2)
        reach = (r + half) / m_per_px
        for y in range(max(0, int(v - reach)), min(height, int(v + reach) + 1)):
            for x in range(max(0, int(u - reach)), min(width, int(u + reach) + 1)):
                dx, dy = (x + 0.5 - u) * m_per_px, (y + 0.5 - v) * m_per_px
                d = math.sqrt(dx * dx + dy * dy)
                cover = taken * (1.0 - smooth(abs(half - r), half + r, d))
                if cover <= 0.0:
                    continue
                # the part of the drop that this pixel looks through lies to the side of its middle where the pixel is
                off = SEEN_SHARE * min(1.0, max(0.0, d - abs(half - r)) / (2.0 * min(r, half))) / max(d, 1e-9)
                sx, sy = (0.5 - dx * off) * columns - 0.5, (0.5 - dy * off) * rows - 0.5
                sx, sy = min(max(sx, 0.0), columns - 1.001), min(max(sy, 0.0), rows - 1.001)
                ix, iy = int(sx), int(sy)
                tx, ty = sx - ix, sy - iy
                for c in range(3):
                    top = scene[iy, ix, c] * (1.0 - tx) + scene[iy, ix + 1, c] * tx
                    low = scene[iy + 1, ix, c] * (1.0 - tx) + scene[iy + 1, ix + 1, c] * tx
                    seen = THROUGH * (top * (1.0 - ty) + low * ty)
                    veil[y, x, c] += (seen - veil[y, x, c]) * cover
                veil[y, x, 3] *= 1.0 - cover


@kernel
def lay_over(worker: int, workers: int, veil: F32, radiance: F32) -> None:
    """Put ``veil (h, w, 4)`` of ``draw_drops`` over ``radiance (h, w, 3)``."""
    for y in range(worker, radiance.shape[0], workers):
        for x in range(radiance.shape[1]):
            kept = veil[y, x, 3]
            for c in range(3):
                radiance[y, x, c] = radiance[y, x, c] * kept + veil[y, x, c]


def veil_of_drops(drops: F64, focal_px: float, radiance: F32) -> F32:
    """``veil (h, w, 4)`` of drops (n, 4) over ``radiance (h, w, 3)``, for ``lay_over``."""
    height, width = radiance.shape[:2]
    veil = np.zeros((-(-height // VEIL_SCALE), -(-width // VEIL_SCALE), 4), np.float32)
    veil[..., 3] = 1.0
    draw_drops(drops, focal_px * veil.shape[1] / width, small_copy(radiance), veil)
    return np.asarray(cv2.resize(veil, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def small_copy(radiance: F32) -> F32:
    """The picture (rows, columns, 3) as a drop sees it: out of focus, lamps no brighter than ``BRIGHTEST_SEEN``."""
    height, width = radiance.shape[:2]
    size = (SCENE_CELLS, max(2, round(SCENE_CELLS * height / width)))
    small = cv2.resize(radiance, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.minimum(cv2.GaussianBlur(small, (0, 0), 1.0), BRIGHTEST_SEEN), np.float32)
