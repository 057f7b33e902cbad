"""Wet ground mirrors what stands on it: rays marched through the finished picture.

The sky and a stand-in skyline are already in the ground's colour (``lighting``). Where the mirrored ray of a wet
pixel meets something else in the picture, that takes the stand-in's place. Rays that leave the picture keep it.
One ray serves four pixels; what rays met is smeared up and down, as a rough wet road does, and little in puddles.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from sim.server.sensors.kernel import F32, F64, kernel
from sim.server.sensors.pool import WorkerPool
from sim.server.sensors.textures import clamp01, noise, octahedral

STEPS = 14
REFINEMENTS = 3  # halvings of the step that went behind something
FIRST_STEP_M = 0.5
STEP_GROWTH = 1.38
REACH_M = 90.0  # wet ground further away is a few rows of pixels
FAINTEST = 0.02  # a smaller share of mirror is not worth a ray
BRIGHTEST = 12.0
WAVES_WET, WAVES_PUDDLE = 0.045, 0.006  # slopes of a wet surface and of standing water
RIPPLES = 0.02  # slopes that falling drops add
SMEAR_ROWS = 0.035  # of the picture's height: half width of each of two smears


@kernel
def trace_mirror(
    worker: int, workers: int, surface: F32, cam: F64, focal: float, mirror_map: F32, waves: F32, phase: float,
    ripples: float, radiance: F32, met: F32,
) -> None:  # fmt: skip
    """What mirrored rays meet, into ``met (h / 2, w / 2, 4)``: light more than the stand-in's, and 1 on wet ground.

    surface (h, w, 3): depth along the axis, share that is mirrored (0 = not ground), smoothness 0..1. focal in pixels.
    """
    height, width = surface.shape[0], surface.shape[1]
    cx, cy = width * 0.5, height * 0.5
    for row in range(worker, met.shape[0], workers):
        y = 2 * row
        for column in range(met.shape[1]):
            x = 2 * column
            for c in range(4):
                met[row, column, c] = 0.0
            z = surface[y, x, 0]
            if surface[y, x, 1] < FAINTEST or z > REACH_M:
                continue
            dx, dy = (x + 0.5 - cx) / focal, (y + 0.5 - cy) / focal
            rx = cam[9] + cam[3] * dx + cam[6] * dy
            ry = cam[10] + cam[4] * dx + cam[7] * dy
            rz = cam[11] + cam[5] * dx + cam[8] * dy
            if rz >= 0.0:
                continue
            met[row, column, 3] = 1.0
            px, py, pz = cam[0] + rx * z, cam[1] + ry * z, cam[2] + rz * z
            per = 1.0 / math.sqrt(rx * rx + ry * ry + rz * rz)
            rx, ry, rz = rx * per, ry * per, -rz * per
            smooth = surface[y, x, 2]
            fade = min(1.0, 12.0 / z)  # waves smaller than a pixel cancel
            slope = WAVES_WET + (WAVES_PUDDLE - WAVES_WET) * smooth
            wave = (noise(waves, px * 2.3, py * 2.3) - 0.5) * slope
            if ripples > 0.0:
                wave += (noise(waves, px * 9.0 + phase, py * 9.0 - phase) - 0.5) * ripples * fade
            rise = max(rz + 2.0 * wave, 0.002)
            rx += wave * ry
            ry -= wave * rx
            t, before = FIRST_STEP_M, 0.0
            for _ in range(STEPS):
                qx, qy, qz = px + rx * t - cam[0], py + ry * t - cam[1], pz + rise * t - cam[2]
                depth = cam[9] * qx + cam[10] * qy + cam[11] * qz
                if depth < 0.2:
                    break
                k = focal / depth
                u = int((cam[3] * qx + cam[4] * qy + cam[5] * qz) * k + cx)
                v = int((cam[6] * qx + cam[7] * qy + cam[8] * qz) * k + cy)
                if u < 0 or v < 0 or u >= width or v >= height:
                    break
                seen = surface[v, u, 0]
                if seen < depth + 0.05 and surface[v, u, 1] <= 0.0:
                    if seen > depth - (t - before) * 1.3 - 0.4:  # behind the front of it, but not far behind
                        low, high = before, t
                        for _ in range(REFINEMENTS):
                            middle = 0.5 * (low + high)
                            qx, qy = px + rx * middle - cam[0], py + ry * middle - cam[1]
                            qz = pz + rise * middle - cam[2]
                            depth = max(cam[9] * qx + cam[10] * qy + cam[11] * qz, 0.2)
                            k = focal / depth
                            uu = int((cam[3] * qx + cam[4] * qy + cam[5] * qz) * k + cx)
                            vv = int((cam[6] * qx + cam[7] * qy + cam[8] * qz) * k + cy)
                            if uu < 0 or vv < 0 or uu >= width or vv >= height:
                                break
                            if surface[vv, uu, 0] < depth + 0.05 and surface[vv, uu, 1] <= 0.0:
                                high, u, v = middle, uu, vv
                            else:
                                low = middle
                        red, green, blue = octahedral(mirror_map, rx, ry, rz)
                        edge = clamp01(12.0 * min(min(u, width - u) / width, v / height))
                        met[row, column, 0] = edge * (min(radiance[v, u, 0], BRIGHTEST) - red)
                        met[row, column, 1] = edge * (min(radiance[v, u, 1], BRIGHTEST) - green)
                        met[row, column, 2] = edge * (min(radiance[v, u, 2], BRIGHTEST) - blue)
                    break
                before = t
                t = t * STEP_GROWTH + 0.5 * FIRST_STEP_M


@kernel
def add_mirrored(worker: int, workers: int, surface: F32, sharp: F32, smeared: F32, radiance: F32) -> None:
    """Add what rays met to the wet pixels of ``radiance (h, w, 3)``: smeared on wet ground, sharp on standing water."""
    height, width = surface.shape[0], surface.shape[1]
    rows, columns = sharp.shape[0], sharp.shape[1]
    for y in range(worker, height, workers):
        for x in range(width):
            share = surface[y, x, 1]
            if share < FAINTEST or surface[y, x, 0] > REACH_M:
                continue
            row, column = min(y // 2, rows - 1), min(x // 2, columns - 1)
            below = min(rows - 1, row + 1) if y & 1 else max(0, row - 1)
            beside = min(columns - 1, column + 1) if x & 1 else max(0, column - 1)
            still = clamp01((surface[y, x, 2] - 0.45) * 2.2)
            for c in range(3):
                a = sharp[row, column, c] * still + smeared[row, column, c] * (1.0 - still)
                b = sharp[row, beside, c] * still + smeared[row, beside, c] * (1.0 - still)
                d = sharp[below, column, c] * still + smeared[below, column, c] * (1.0 - still)
                light = 0.5 * a + 0.25 * b + 0.25 * d
                radiance[y, x, c] = max(0.0, radiance[y, x, c] + share * light)


def mirror_ground(
    pool: WorkerPool, surface: F32, cam: F64, focal: float, mirror_map: F32, waves: F32, elapsed_s: float, rain: float,
    radiance: F32,
) -> None:  # fmt: skip
    """Add what wet ground mirrors to ``radiance (h, w, 3)``; see ``trace_mirror``. rain 0..1 ruffles puddles."""
    height, width = surface.shape[:2]
    met = np.empty(((height + 1) // 2, (width + 1) // 2, 4), np.float32)
    pool.run(
        trace_mirror, surface, cam, focal, mirror_map, waves, elapsed_s * 31.0, RIPPLES * min(1.0, 3.0 * rain),
        radiance, met,
    )  # fmt: skip
    sharp = _blurred(met, 3, 1)
    pool.run(add_mirrored, surface, sharp, _blurred(met, 1 + 2 * round(SMEAR_ROWS * height / 2.0), 2), radiance)


def _blurred(met: F32, rows: int, times: int) -> F32:
    """Mean over so many rows and three columns of those neighbours that are wet ground themselves."""
    blurred = met
    for _ in range(times):
        blurred = np.asarray(cv2.blur(blurred, (3, rows)), np.float32)
    light, share = blurred[..., :3], np.maximum(blurred[..., 3:], np.float32(0.02))
    return np.divide(light, share)
