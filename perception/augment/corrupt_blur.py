"""Blurs of the common corruptions: pictures ``(h, w, 3)`` float32 0..1 (see ``perception.augment.corruptions``)."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numba import njit

from perception.frame import Float32Array

GAUSSIAN_REACH = 4.0
"""Standard deviations at which a Gaussian kernel is cut, SciPy's default and thereby the reference's."""


def gaussian(image: npt.NDArray[Any], sigma_px: float, reach: float = GAUSSIAN_REACH) -> Float32Array:
    """Gaussian blur of a picture or plane, the edge pixel repeated beyond the edge."""
    width = 2 * math.ceil(reach * sigma_px) + 1
    return np.asarray(
        cv2.GaussianBlur(image, (width, width), sigma_px, borderType=cv2.BORDER_REPLICATE), dtype=np.float32
    )


def gaussian_blur(image: Float32Array, sigma_px: float, rng: np.random.Generator) -> Float32Array:
    """A soft lens."""
    return gaussian(image, sigma_px)


def glass_blur(image: Float32Array, how: tuple[float, int, int], rng: np.random.Generator) -> Float32Array:
    """Frosted glass: pixels swapped with neighbours between two blurs."""
    sigma_px, reach_px, passes = how
    blurred = (gaussian(image, sigma_px).clip(0.0, 1.0) * 255.0).astype(np.uint8)
    height, width = image.shape[:2]
    steps = rng.integers(-reach_px, reach_px, (passes, height, width, 2), np.int8)
    _swap(blurred, steps, reach_px)
    return gaussian(blurred.astype(np.float32) / 255.0, sigma_px)


@njit(cache=True, nogil=True)
def _swap(image: npt.NDArray[np.uint8], steps: npt.NDArray[np.int8], reach: int) -> None:
    """Swap every pixel, from the last to the first, with the one that ``steps (passes, h, w, 2)`` away."""
    height, width = image.shape[:2]
    for turn in range(len(steps)):
        for y in range(height - reach - 1, reach, -1):
            for x in range(width - reach - 1, reach, -1):
                other_y, other_x = y + steps[turn, y, x, 0], x + steps[turn, y, x, 1]
                for channel in range(3):
                    here = image[y, x, channel]
                    image[y, x, channel] = image[other_y, other_x, channel]
                    image[other_y, other_x, channel] = here


def disc(radius_px: float, edge_px: float) -> Float32Array:
    """Kernel of a lens out of focus: a disc of this radius, its edge blurred."""
    reach = max(8, math.ceil(radius_px))
    side = 3 if radius_px <= 8 else 5
    steps = np.arange(-reach, reach + 1)
    flat = ((steps[:, None] ** 2 + steps[None] ** 2) <= radius_px**2).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(flat / flat.sum(), (side, side), edge_px), np.float32)


def defocus_blur(image: Float32Array, how: tuple[float, float], rng: np.random.Generator) -> Float32Array:
    """Out of focus."""
    return np.asarray(cv2.filter2D(image, -1, disc(*how)), np.float32)


def line_kernel(radius_px: int, sigma_px: float, angle_rad: float) -> Float32Array:
    """Kernel of a one-sided motion: a line of ``2 radius + 1`` pixels whose weight falls off as a Gaussian."""
    length = 2 * radius_px + 1
    weights = np.exp(-(np.arange(length) ** 2) / (2.0 * sigma_px**2))
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    for i, weight in enumerate(weights / weights.sum()):
        dx = math.ceil(i * math.cos(angle_rad) - 0.5)
        dy = math.ceil(i * math.sin(angle_rad) - 0.5)
        kernel[length + dy, length + dx] += weight  # cv2.filter2D correlates: the picture moves by (-dx, -dy)
    return kernel


def motion_blur(image: Float32Array, how: tuple[int, float], rng: np.random.Generator) -> Float32Array:
    """The camera moved while the shutter was open, within 45° of sideways."""
    kernel = line_kernel(*how, math.radians(rng.uniform(-45.0, 45.0)))
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)


def zoomed(image: npt.NDArray[Any], factor: float) -> Float32Array:
    """The middle of a picture, enlarged to the picture's size."""
    height, width = image.shape[:2]
    part_h, part_w = math.ceil(height / factor), math.ceil(width / factor)
    top, left = (height - part_h) // 2, (width - part_w) // 2
    part = np.ascontiguousarray(image[top : top + part_h, left : left + part_w])
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def zoom_blur(image: Float32Array, how: tuple[float, float], rng: np.random.Generator) -> Float32Array:
    """The mean of enlargements from 1 up to below ``how[0]`` in steps of ``how[1]``, and of the picture."""
    factors = np.arange(1.0, *how)
    total = image.copy()
    for factor in factors:
        total += zoomed(image, float(factor))
    return total / np.float32(len(factors) + 1)
