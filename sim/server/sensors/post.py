"""From radiance to a picture: exposure, glare, tone curve, vignette, grain."""

from __future__ import annotations

import math

import cv2
import numpy as np

from sim.server.sensors.atmosphere import LUMA, Atmosphere
from sim.server.sensors.kernel import F32, U8, kernel, lanes

KEY_DAY, KEY_NIGHT = 0.235, 0.165  # mean luminance that exposure aims at, before the tone curve
MAX_EXPOSURE_DAY, MAX_EXPOSURE_NIGHT = 3.0, 5.4  # a night that is exposed longer burns out its lamps
LIT_PERCENTILE, LIT_NIGHT = 75.0, 0.33
"""Of luminance, and what exposure leaves of it by night: under a black sky lamps would burn out a street in snow."""
BRIGHTER, DARKER = 2.6, 1.7  # the scene may move exposure this far from what the weather suggests
METER_STEP = 8  # rows and columns from one metered pixel to the next
CURVE_SIZE = 4096
CURVE_TOP = 8.0  # radiance at the end of the curve
VIGNETTE = 0.10
GRAIN_DAY, GRAIN_NIGHT = 2.0, 3.2  # grey levels, half width of the triangular noise
BLOOM_SCALE = 4
VEIL_TAKEN = 0.6  # of the light that lies over all of a hazy picture
VEIL_PERCENTILE = 1.0


def tone_curve() -> F32:
    """Grey level 0..255 of ``CURVE_TOP * (k / CURVE_SIZE) ** 2``: filmic curve, then sRGB.

    The filmic curve is Narkowicz's fit of ACES (2016).
    """
    x = CURVE_TOP * np.linspace(0.0, 1.0, CURVE_SIZE + 1) ** 2
    y = np.clip((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0)
    srgb = np.where(y < 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)
    return (srgb * 255.0 + 0.5).astype(np.float32)


@kernel
def log_luminance(radiance: F32) -> float:
    """Mean logarithm of luminance of every 64th pixel of ``radiance (h, w, 3)``, each taken for 1e-4 to 4."""
    total, count = 0.0, 0
    for y in range(0, radiance.shape[0], METER_STEP):
        for x in range(0, radiance.shape[1], METER_STEP):
            seen = radiance[y, x, 0] * LUMA[0] + radiance[y, x, 1] * LUMA[1] + radiance[y, x, 2] * LUMA[2]
            total += math.log(min(max(seen, 1e-4), 4.0))
            count += 1
    return total / max(count, 1)


def exposure_of(radiance: F32, air: Atmosphere) -> float:
    """Factor on radiance, from this picture and its weather alone: the same view always looks the same."""
    seen = math.exp(log_luminance(radiance))
    mean = min(max(seen, air.luminance / DARKER), air.luminance * BRIGHTER)
    key = KEY_DAY + (KEY_NIGHT - KEY_DAY) * air.night
    limit = MAX_EXPOSURE_DAY + (MAX_EXPOSURE_NIGHT - MAX_EXPOSURE_DAY) * air.night
    exposure = min(key / mean, limit)
    if air.night <= 0.0:
        return exposure
    lit = float(np.percentile(radiance[::METER_STEP, ::METER_STEP] @ LUMA.astype(np.float32), LIT_PERCENTILE))
    guarded = min(exposure, LIT_NIGHT / max(lit, 1e-4))
    return exposure + (guarded - exposure) * air.night


def veil_of(radiance: F32, air: Atmosphere) -> float:
    """Light that fog or rain puts over the whole picture, as far as a camera's automatic black level takes it off."""
    share = VEIL_TAKEN * max(air.haze, 0.7 * air.rain) * (1.0 - air.night)
    if share <= 0.0:
        return 0.0
    sample = radiance[::METER_STEP, ::METER_STEP] @ LUMA.astype(np.float32)
    return share * float(np.percentile(sample, VEIL_PERCENTILE))


def add_glare(radiance: F32, exposure: float, share: float) -> None:
    """Add glare round what is brighter than white to ``radiance (h, w, 3)``, found at a quarter of its size."""
    height, width = radiance.shape[:2]
    small = cv2.resize(
        radiance, (max(1, width // BLOOM_SCALE), max(1, height // BLOOM_SCALE)), interpolation=cv2.INTER_AREA
    )
    bright = np.maximum(small - 1.2 / exposure, 0.0)
    glare = 0.35 * cv2.GaussianBlur(bright, (0, 0), 2.0) + 0.12 * cv2.GaussianBlur(bright, (0, 0), 7.0)
    if share != 1.0:
        glare = glare * share
    cv2.add(radiance, cv2.resize(glare, (width, height), interpolation=cv2.INTER_LINEAR), dst=radiance)


@lanes
def _develop_row(light: F32, middle: float, fall: float, curve: F32, grain: float, state: int, bgr: U8) -> None:
    """Grey levels of one row, flat like its light. state picks the grain, which is a hash of it and of the column."""
    width = len(light) // 3
    last = np.float32(len(curve) - 1)
    scale = last / math.sqrt(np.float32(CURVE_TOP))
    bright, dim, strength = np.float32(middle), np.float32(fall), np.float32(grain) * (1.0 / 4096.0)
    per_half, begin = 2.0 / np.float32(width), np.uint32(state)
    for x in range(width):
        u = np.float32(x) * per_half - 1.0
        k = bright - dim * u * u
        h = np.uint32(np.uint32(x) * np.uint32(2654435761) + begin)
        h ^= np.uint32(h >> np.uint32(15))
        h = np.uint32(h * np.uint32(2246822519))
        h ^= np.uint32(h >> np.uint32(13))
        h = np.uint32(h * np.uint32(3266489917))
        twice = np.int32(h & np.uint32(0xFFF)) + np.int32((h >> np.uint32(20)) & np.uint32(0xFFF))
        noise = (np.float32(twice) - 4095.0) * strength  # triangular
        for c in range(3):
            place = math.sqrt(max(light[3 * x + c] * k, 0.0)) * scale
            level = curve[np.uint32(np.int32(min(place, last)))] + noise
            bgr[3 * x + 2 - c] = np.uint8(np.int32(min(255.0, max(0.0, level))))


@kernel
def develop(
    worker: int, workers: int, radiance: F32, exposure: float, curve: F32, grain: float, seed: int, bgr: U8
) -> None:
    """Write the flat picture ``bgr (h, w * 3)`` of ``radiance (h, w * 3)``. grain in grey levels; seed picks it."""
    height = bgr.shape[0]
    for y in range(worker, height, workers):
        state = (seed * 7919 + (y + 1) * 104729 + 12345) * 2654435761 & 0xFFFFFFFF
        v = (y - height * 0.5) / (height * 0.5)
        middle = exposure * (1.0 - VIGNETTE * v * v)
        _develop_row(radiance[y], middle, exposure * VIGNETTE, curve, grain, state, bgr[y])
