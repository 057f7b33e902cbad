"""From radiance to a picture: exposure, glare, tone curve, vignette, grain."""

from __future__ import annotations

import math

import cv2
import numpy as np

from sim.server.sensors.atmosphere import LUMA, Atmosphere
from sim.server.sensors.kernel import F32, U8, kernel

KEY_DAY, KEY_NIGHT = 0.235, 0.13  # mean luminance that exposure aims at, before the tone curve
MAX_EXPOSURE_DAY, MAX_EXPOSURE_NIGHT = 3.0, 4.2  # a night that is exposed longer burns out its lamps
EXPOSURE_SWING = 1.7  # the scene may move exposure this far from what the weather suggests
CURVE_SIZE = 4096
CURVE_TOP = 8.0  # radiance at the end of the curve
VIGNETTE = 0.10
GRAIN_DAY, GRAIN_NIGHT = 2.0, 3.2  # grey levels, half width of the triangular noise
BLOOM_SCALE = 4


def tone_curve() -> F32:
    """Grey level 0..255 of ``CURVE_TOP * (k / CURVE_SIZE) ** 2``: filmic curve, then sRGB.

    The filmic curve is Narkowicz's fit of ACES (2016).
    """
    x = CURVE_TOP * np.linspace(0.0, 1.0, CURVE_SIZE + 1) ** 2
    y = np.clip((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0)
    srgb = np.where(y < 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)
    return (srgb * 255.0 + 0.5).astype(np.float32)


def exposure_of(radiance: F32, air: Atmosphere) -> float:
    """Factor on radiance, from this picture and its weather alone: the same view always looks the same."""
    sample = radiance[::8, ::8] @ LUMA.astype(np.float32)
    seen = float(np.exp(np.log(np.clip(sample, 1e-4, 4.0), dtype=np.float64).mean()))
    mean = min(max(seen, air.luminance / EXPOSURE_SWING), air.luminance * EXPOSURE_SWING)
    key = KEY_DAY + (KEY_NIGHT - KEY_DAY) * air.night
    limit = MAX_EXPOSURE_DAY + (MAX_EXPOSURE_NIGHT - MAX_EXPOSURE_DAY) * air.night
    return min(key / mean, limit)


def bloom_of(radiance: F32, exposure: float) -> F32:
    """Glare round what is brighter than white, at a quarter of the size."""
    height, width = radiance.shape[:2]
    small = cv2.resize(
        radiance, (max(1, width // BLOOM_SCALE), max(1, height // BLOOM_SCALE)), interpolation=cv2.INTER_AREA
    )
    bright = np.maximum(small - 1.2 / exposure, 0.0)
    glare = 0.35 * cv2.GaussianBlur(bright, (0, 0), 2.0) + 0.12 * cv2.GaussianBlur(bright, (0, 0), 7.0)
    return np.asarray(glare, np.float32)


@kernel
def develop(
    worker: int, workers: int, radiance: F32, bloom: F32, exposure: float, curve: F32, grain: float, seed: int,
    bgr: U8,
) -> None:  # fmt: skip
    """Write the picture ``bgr (h, w, 3)``. bloom (1, 1, 3) stands for none; seed picks the grain."""
    height, width = bgr.shape[0], bgr.shape[1]
    top = len(curve) - 1
    glare = bloom.shape[0] > 1 and bloom.shape[1] > 1
    across, down = bloom.shape[1] / width, bloom.shape[0] / height
    for y in range(worker, height, workers):
        by = min(max((y + 0.5) * down - 0.5, 0.0), max(bloom.shape[0] - 1.001, 0.0))
        iy = int(by)
        ty = by - iy
        v = (y - height * 0.5) / (height * 0.5)
        state = (seed * 7919 + (y + 1) * 104729 + 12345) * 2654435761 & 0xFFFFFFFF
        for x in range(width):
            u = (x - width * 0.5) / (width * 0.5)
            k = exposure * (1.0 - VIGNETTE * (u * u + v * v))
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF  # Numerical Recipes' generator, upper bits
            noise = (((state >> 8) & 0xFFF) + (state >> 20) - 4095.0) / 4096.0 * grain
            ix, tx = 0, 0.0
            if glare:
                bx = min(max((x + 0.5) * across - 0.5, 0.0), bloom.shape[1] - 1.001)
                ix = int(bx)
                tx = bx - ix
            for c in range(3):
                light = radiance[y, x, c]
                if glare:
                    above = bloom[iy, ix, c] * (1.0 - tx) + bloom[iy, ix + 1, c] * tx
                    below = bloom[iy + 1, ix, c] * (1.0 - tx) + bloom[iy + 1, ix + 1, c] * tx
                    light += above * (1.0 - ty) + below * ty
                place = math.sqrt(max(light * k, 0.0) * (1.0 / CURVE_TOP))
                level = curve[min(top, int(place * top))] + noise
                bgr[y, x, 2 - c] = np.uint8(min(255.0, max(0.0, level)))
