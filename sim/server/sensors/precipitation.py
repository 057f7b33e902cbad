"""Falling rain and snow: drops and flakes in boxes of air round the camera, each drawn where it is.

A box repeats through the world: a drop that leaves it below comes in above, so what falls stays where it is in the
world while the camera drives through it. Nested boxes hold fewer but larger ones far away; what is further off than
the last box is haze (``atmosphere.extinction_per_m``). A drop is a streak as long as it moves relative to the camera
while the shutter is open. Rain falls at 4 to 9 m/s (Atlas, 1973), snow at 0.8 to 2 m/s; both drift with the wind.
"""

from __future__ import annotations

import math

import numpy as np

from sim.server.sensors.atmosphere import Atmosphere
from sim.server.sensors.columns import AMBIENT_UP, NIGHT
from sim.server.sensors.kernel import F32, F64, kernel
from sim.server.sensors.textures import hash01

WIND_AT_FULL_MPS = 12.0
WIND_TOWARDS = (0.6, 0.8)  # a unit vector: CARLA's wind has no direction either
SHUTTER_S = 1.0 / 60.0  # of a car's camera under a dark sky
SNOW_SHUTTER_S = 1.0 / 200.0  # a white street is bright
BOX_M = (5.0, 14.0, 36.0)  # edge of each box
NEAREST_M = 0.35
RAIN_COUNT, SNOW_COUNT = 2600, 5500  # in a box at full strength
RAIN_RADIUS_M = (0.0011, 0.0030, 0.0075)  # of a streak: real ones are thinner but hundreds of times as many
SNOW_RADIUS_M = (0.0038, 0.0085, 0.019)
RAIN_OPACITY, SNOW_OPACITY = 0.24, 0.9
HEAVY_SNOW_MMPH = 3.0  # snowfall whose flakes fill the boxes
# Columns of a drop in a picture: m along the axis, 0 of one that is not seen; its place, how far it moves while the
# shutter is open and half its width, px; share of the light behind it that it hides.
AWAY, ACROSS, DOWN, ALONG_ACROSS, ALONG_DOWN, WIDE, SHARE = range(7)
DROP_COLUMNS = 8  # a line of the cache
THINNEST_PX = 0.45  # thinner ones are drawn so wide and fainter instead


def fall_of_rain(air: Atmosphere, wind: float) -> F64:
    """Velocity (3,), m/s, of rain under wind of so many percent."""
    level = WIND_AT_FULL_MPS * wind / 100.0
    return np.array([level * WIND_TOWARDS[0], level * WIND_TOWARDS[1], -(5.0 + 3.0 * air.rain)])


def fall_of_snow(wind: float) -> F64:
    """Velocity (3,), m/s, of snow: flakes follow the wind a little more slowly than it blows near the ground."""
    level = 0.6 * WIND_AT_FULL_MPS * wind / 100.0
    return np.array([level * WIND_TOWARDS[0], level * WIND_TOWARDS[1], -1.3])


def light_on_drops(air: Atmosphere) -> F32:
    """Radiance (3,) of a drop: mostly the sky behind and above it; by night what street lamps give."""
    ambient = air.constants[AMBIENT_UP : AMBIENT_UP + 3]
    town = np.array([0.035, 0.03, 0.023], np.float32) * np.float32(air.constants[NIGHT])
    return np.asarray(ambient * 0.9 + 0.05 * air.light_rgb.astype(np.float32) + town, np.float32)


@kernel
def place_falling(
    worker: int, workers: int, cam: F64, focal: float, velocity: F64, camera_mps: F64, elapsed_s: float, radii: F64,
    boxes: F64, nearest: float, shutter_s: float, flutter: float, opacity: float, width: int, height: int, drops: F64,
) -> None:  # fmt: skip
    """Where in a picture of so many pixels what falls is, into ``drops (boxes, n, DROP_COLUMNS)``; workers take turns.

    velocity (3,) and camera_mps (3,): world, m/s. flutter: m, sideways.
    """
    cx, cy = width * 0.5, height * 0.5
    for layer in range(len(boxes)):
        edge, radius = boxes[layer], radii[layer]
        near = nearest if layer == 0 else boxes[layer - 1] * 0.42
        for k in range(worker, drops.shape[1], workers):
            drop = drops[layer, k]
            drop[AWAY] = 0.0
            seed = (layer * 65536 + k) * 5
            speed = 0.75 + 0.5 * hash01(seed + 3)
            turn = 6.2831853 * hash01(seed + 4)
            px = hash01(seed) * edge + velocity[0] * speed * elapsed_s - cam[0]
            py = hash01(seed + 1) * edge + velocity[1] * speed * elapsed_s - cam[1]
            pz = hash01(seed + 2) * edge + velocity[2] * speed * elapsed_s - cam[2]
            if flutter > 0.0:
                px += flutter * math.sin(turn + elapsed_s * 2.3)
                py += flutter * math.cos(turn * 2.0 + elapsed_s * 1.9)
            px -= (math.floor(px / edge + 0.5)) * edge
            py -= (math.floor(py / edge + 0.5)) * edge
            pz -= (math.floor(pz / edge + 0.5)) * edge
            z = cam[9] * px + cam[10] * py + cam[11] * pz
            if z < near:
                continue
            per = focal / z
            size = radius * (0.6 + 0.8 * hash01(seed + 1)) * per
            u = (cam[3] * px + cam[4] * py + cam[5] * pz) * per + cx
            v = (cam[6] * px + cam[7] * py + cam[8] * pz) * per + cy
            # the streak's other end: where the drop was when the shutter opened
            px -= (velocity[0] * speed - camera_mps[0]) * shutter_s
            py -= (velocity[1] * speed - camera_mps[1]) * shutter_s
            pz -= (velocity[2] * speed - camera_mps[2]) * shutter_s
            other = cam[9] * px + cam[10] * py + cam[11] * pz
            if other < 0.5 * nearest:
                continue
            per = focal / other
            du = (cam[3] * px + cam[4] * py + cam[5] * pz) * per + cx - u
            dv = (cam[6] * px + cam[7] * py + cam[8] * pz) * per + cy - v
            wide = max(size, THINNEST_PX)
            reach = wide + 1.0
            if max(u, u + du) + reach < -1.0 or min(u, u + du) - reach >= width:
                continue
            length = math.sqrt(du * du + dv * dv)
            # light is spread over the streak: a longer one is fainter, but a drop never hides all behind it
            share = opacity * (size / wide) * min(1.0, (2.0 * wide + 0.35 * length) / (2.0 * wide + length))
            if z < 1.5:  # out of focus
                share *= z / 1.5
            drop[AWAY], drop[ACROSS], drop[DOWN], drop[ALONG_ACROSS], drop[ALONG_DOWN] = z, u, v, du, dv
            drop[WIDE], drop[SHARE] = wide, share


@kernel
def draw_falling(worker: int, workers: int, drops: F64, light: F32, surface: F32, radiance: F32) -> None:
    """Blend ``drops (boxes, n, DROP_COLUMNS)`` into ``radiance (h, w, 3)``; every worker draws its own rows.

    surface (h, w, 3): depth along the axis first.
    """
    height, width = radiance.shape[0], radiance.shape[1]
    first, last = worker * height // workers, (worker + 1) * height // workers
    for layer in range(drops.shape[0]):
        for k in range(drops.shape[1]):
            drop = drops[layer, k]
            z = drop[AWAY]
            if z == 0.0:
                continue
            u, v, du, dv, wide = drop[ACROSS], drop[DOWN], drop[ALONG_ACROSS], drop[ALONG_DOWN], drop[WIDE]
            reach = wide + 1.0
            left, right = int(min(u, u + du) - reach), int(max(u, u + du) + reach) + 1
            top, bottom = int(min(v, v + dv) - reach), int(max(v, v + dv) + reach) + 1
            if right < 0 or bottom < first or left >= width or top >= last:
                continue
            length = math.sqrt(du * du + dv * dv)
            per_square = 1.0 / max(length * length, 1e-6)
            for y in range(max(top, first), min(bottom, last)):
                for x in range(max(left, 0), min(right, width)):
                    if surface[y, x, 0] < z:
                        continue
                    ex, ey = x + 0.5 - u, y + 0.5 - v
                    t = min(1.0, max(0.0, (ex * du + ey * dv) * per_square))
                    ex -= t * du
                    ey -= t * dv
                    d = math.sqrt(ex * ex + ey * ey) / wide
                    if d >= 1.5:
                        continue
                    cover = drop[SHARE] * min(1.0, 1.5 - d)
                    for c in range(3):
                        radiance[y, x, c] += (light[c] - radiance[y, x, c]) * cover
