"""Wet ground mirrors what stands on it: rays marched through the finished picture.

The sky and a stand-in skyline are already in the ground's colour (``lighting``). Where the mirrored ray of a wet
pixel meets something else in the picture, that takes the stand-in's place. Rays that leave the picture keep it.
Only ground pixels are written and only other pixels are read, so the order of pixels does not matter.
"""

from __future__ import annotations

import math

from sim.server.sensors.kernel import F32, F64, kernel
from sim.server.sensors.textures import clamp01, octahedral

STEPS = 14
FIRST_STEP_M = 0.6
STEP_GROWTH = 1.32
REACH_M = 90.0  # wet ground further away is a few rows of pixels
FAINTEST = 0.02  # a smaller share of mirror is not worth a ray
ROUGH_WET, ROUGH_PUDDLE = 0.10, 0.012  # spread of mirrored rays' slopes on a wet surface and on standing water


@kernel
def mirror_ground(
    worker: int, workers: int, surface: F32, cam: F64, focal: float, mirror_map: F32, seed: int, radiance: F32
) -> None:
    """Add what is mirrored to ``radiance (h, w, 3)``.

    surface (h, w, 3): depth along the axis, share that is mirrored (0 = not ground), smoothness 0..1. focal in pixels.
    """
    height, width = surface.shape[0], surface.shape[1]
    cx, cy = width * 0.5, height * 0.5
    for y in range(worker, height, workers):
        state = (seed * 9781 + (y + 1) * 7919 + 12345) * 2654435761 & 0xFFFFFFFF
        for x in range(width):
            share = surface[y, x, 1]
            z = surface[y, x, 0]
            if share < FAINTEST or z > REACH_M:
                continue
            dx, dy = (x + 0.5 - cx) / focal, (y + 0.5 - cy) / focal
            rx = cam[9] + cam[3] * dx + cam[6] * dy
            ry = cam[10] + cam[4] * dx + cam[7] * dy
            rz = cam[11] + cam[5] * dx + cam[8] * dy
            if rz >= 0.0:
                continue
            px, py, pz = cam[0] + rx * z, cam[1] + ry * z, cam[2] + rz * z
            per = 1.0 / math.sqrt(rx * rx + ry * ry + rz * rz)
            rx, ry, rz = rx * per, ry * per, -rz * per
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            random = (state >> 8) * (1.0 / 16777216.0)
            smooth = surface[y, x, 2]
            tilt = (ROUGH_WET + (ROUGH_PUDDLE - ROUGH_WET) * smooth) * (random - 0.5)
            rise = max(rz * (1.0 + 4.0 * tilt) + 0.3 * abs(tilt), 0.001)
            step = FIRST_STEP_M * (0.7 + 0.6 * random)
            t, before = step, 0.0
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
                        red, green, blue = octahedral(mirror_map, rx, ry, rz)
                        edge = clamp01(12.0 * min(min(u, width - u) / width, v / height))
                        k = share * edge
                        radiance[y, x, 0] = max(0.0, radiance[y, x, 0] + k * (min(radiance[v, u, 0], 12.0) - red))
                        radiance[y, x, 1] = max(0.0, radiance[y, x, 1] + k * (min(radiance[v, u, 1], 12.0) - green))
                        radiance[y, x, 2] = max(0.0, radiance[y, x, 2] + k * (min(radiance[v, u, 2], 12.0) - blue))
                    break
                before = t
                t = t * STEP_GROWTH + step * 0.5
