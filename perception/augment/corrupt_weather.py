"""Weather of the common corruptions: ``(h, w, 3)`` float32 0..1 BGR (see ``perception.augment.corruptions``).

These know no depth: a veil over the whole picture. For weather that thickens with distance see
``perception.augment.weather``.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from perception.augment.corrupt_blur import gaussian, line_kernel, zoomed
from perception.frame import Float32Array, FloatArray

WATER_BGR = np.array([238.0, 238.0, 175.0], np.float32) / 255.0  # pale turquoise
MUD_BGR = np.array([20.0, 42.0, 63.0], np.float32) / 255.0


def plasma(side: int, decay: float, rng: np.random.Generator) -> Float32Array:
    """A cloud ``(side, side)`` 0..1 that repeats at its edges, by diamond-square; ``side`` is a power of two.

    Every halving of the step divides the wobble by ``decay``: 2 is soft, 1.4 is rugged.
    """
    field = np.zeros((side, side), np.float32)
    step, wobble = side, 100.0
    while step >= 2:
        half = step // 2
        corners = field[0:side:step, 0:side:step]
        squares = corners + np.roll(corners, -1, 0)
        squares = squares + np.roll(squares, -1, 1)
        field[half:side:step, half:side:step] = _wobbled(squares, wobble, rng)
        middles = field[half:side:step, half:side:step]
        upper = middles + np.roll(middles, 1, 0) + corners + np.roll(corners, -1, 1)
        field[0:side:step, half:side:step] = _wobbled(upper, wobble, rng)
        left = middles + np.roll(middles, 1, 1) + corners + np.roll(corners, -1, 0)
        field[half:side:step, 0:side:step] = _wobbled(left, wobble, rng)
        step, wobble = half, wobble / decay
    field -= field.min()
    return field / field.max()


def _wobbled(total: Float32Array, wobble: float, rng: np.random.Generator) -> Float32Array:
    return total / np.float32(4.0) + np.float32(wobble) * rng.uniform(-wobble, wobble, total.shape).astype(np.float32)


def cloud(size: tuple[int, int], decay: float, rng: np.random.Generator) -> Float32Array:
    """A plasma cut to ``size`` (height, width)."""
    side = 1 << (max(size) - 1).bit_length()
    return plasma(side, decay, rng)[: size[0], : size[1]]


def soft_cloud(size: tuple[int, int], decay: float, rng: np.random.Generator) -> Float32Array:
    """A cloud ``(h, w)`` 0..1 without the finest grain: a twentieth of the time."""
    side = max(size) / 256.0
    small = plasma(256, decay, rng)[: max(2, round(size[0] / side)), : max(2, round(size[1] / side))]
    return np.asarray(cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def fog(image: Float32Array, how: tuple[float, float], rng: np.random.Generator) -> Float32Array:
    """A cloud laid over the picture, which keeps its brightest value."""
    amount, decay = how
    top = np.float32(image.max())
    veil = np.float32(amount) * cloud(image.shape[:2], decay, rng)
    return (image + veil[..., None]) * (top / (top + np.float32(amount)))


def snow(
    image: Float32Array, how: tuple[float, float, float, float, int, float, float], rng: np.random.Generator
) -> Float32Array:
    """Flakes blown across a whitened picture: ``how`` is mean and deviation of the noise that they are cut from, their
    size, the level of the cut, radius and sigma of their blur, and the share of the picture that stays."""
    mean, deviation, size, level, radius, sigma, stays = how
    flakes = zoomed(rng.normal(mean, deviation, image.shape[:2]).astype(np.float32), size)
    flakes[flakes < level] = 0.0
    kernel = line_kernel(radius, sigma, math.radians(rng.uniform(-135.0, -45.0)))
    blown = cv2.filter2D(flakes.clip(0.0, 1.0), -1, kernel, borderType=cv2.BORDER_REPLICATE)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None]
    white = np.float32(stays) * image + np.float32(1.0 - stays) * np.maximum(image, grey * 1.5 + 0.5)
    return white + (blown + blown[::-1, ::-1])[..., None]


def spatter(
    image: Float32Array, how: tuple[float, float, float, float, float, bool], rng: np.random.Generator
) -> Float32Array:
    """Drops on the lens, of water that shines or of mud that covers: ``how`` is mean and deviation of the noise that
    they are cut from, its blur, the level of the cut, strength (water) or blur (mud), and whether it is mud."""
    mean, deviation, sigma, level, strength, mud = how
    liquid = gaussian(rng.normal(mean, deviation, image.shape[:2]).astype(np.float32), sigma)
    liquid[liquid < level] = 0.0
    if mud:
        cover = gaussian((liquid > level).astype(np.float32), strength)
        cover[cover < 0.8] = 0.0
        return image * (1.0 - cover[..., None]) + MUD_BGR * cover[..., None]
    edges = cv2.Canny((liquid.clip(0.0, 1.0) * 255.0).astype(np.uint8), 50, 150)
    away = np.minimum(cv2.distanceTransform(255 - edges, cv2.DIST_L2, 5), 20.0)
    shaped = cv2.equalizeHist(cv2.blur(away, (3, 3)).astype(np.uint8))
    light = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.float32)
    relief = cv2.blur(cv2.filter2D(shaped, cv2.CV_8U, light), (3, 3)).astype(np.float32)
    drops = liquid * relief
    drops *= np.float32(strength) / max(float(drops.max()), 1e-6)
    return image + drops[..., None] * WATER_BGR


def frost(image: Float32Array, how: tuple[float, float], rng: np.random.Generator) -> Float32Array:
    """Ice on the lens: ``how`` is the share of the picture and of the ice that is laid over it."""
    return np.float32(how[0]) * image + np.float32(how[1]) * ice(image.shape[:2], rng)


_SEEDS = 220
_GENERATIONS = ((900, 60.0, 0.55), (3200, 20.0, 0.45), (7000, 8.0, 0.35))
"""Needles of each generation of a frost flower: how many, how long at most (pixels of 640), how bright."""


def ice(size: tuple[int, int], rng: np.random.Generator) -> Float32Array:
    """Frost flowers ``(h, w, 3)`` 0..1 BGR: needles that branch at 60° out of seeds, thick at the rim of the pane."""
    height, width = size
    scale = max(size) / 640.0
    canvas = np.zeros(size, np.float32)
    seeds = rng.uniform(0.0, 1.0, (_SEEDS, 2))
    rim = rng.integers(0, 4, _SEEDS)
    for side in range(4):  # half of them on the rim
        chosen = (rim == side) & (np.arange(_SEEDS) < _SEEDS // 2)
        seeds[chosen, side % 2] = side // 2
    starts: FloatArray = seeds * (width, height)
    angles: FloatArray = rng.uniform(0.0, 2.0 * math.pi, _SEEDS)
    for number, length_px, bright in _GENERATIONS:
        parents = rng.integers(0, len(starts), number)
        turns = rng.integers(-1, 2, number) if number == _GENERATIONS[0][0] else rng.choice([-1, 1], number)
        angles = angles[parents] + turns * (math.pi / 3.0) + rng.normal(0.0, 0.12, number)
        lengths = length_px * scale * rng.beta(1.3, 2.2, number)
        begins = starts[parents]
        ends = begins + lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
        _draw(canvas, begins, ends, bright, rng)
        starts = begins + rng.uniform(0.15, 1.0, number)[:, None] * (ends - begins)
    y, x = np.mgrid[-1.0 : 1.0 : height * 1j, -1.0 : 1.0 : width * 1j].astype(np.float32)
    rime = np.clip(0.25 + np.maximum(np.abs(x), np.abs(y)) ** 3 + 1.2 * (cloud(size, 1.8, rng) - 0.45), 0.12, 1.0)
    needles = gaussian(canvas, 0.6) + 0.6 * gaussian(canvas, 3.0 * scale)
    grey = np.clip((0.22 + needles + 0.45 * (cloud(size, 1.45, rng) - 0.3)) * rime, 0.0, 1.0)
    return (grey[..., None] * np.array([1.0, 0.95, 0.86], np.float32)).astype(np.float32)  # ice is a little blue


def _draw(canvas: Float32Array, begins: FloatArray, ends: FloatArray, bright: float, rng: np.random.Generator) -> None:
    """Add lines in four shades, a call for each."""
    shade = rng.integers(0, 4, len(begins))
    segments = np.rint(16.0 * np.stack([begins, ends], 1)).astype(np.int32)  # (n, 2, 2), sixteenths of a pixel
    for k in range(4):
        layer = np.zeros(canvas.shape, np.uint8)
        cv2.polylines(layer, list(segments[shade == k]), False, 255, 1, cv2.LINE_AA, 4)
        canvas += layer.astype(np.float32) * np.float32(bright * (k + 1) / 4.0 / 255.0)
