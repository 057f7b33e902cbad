"""Paints the sky: a map of every direction for the camera, and one with a skyline for reflections."""

from __future__ import annotations

import math

import cv2
import numpy as np

from sim.server.sensors.atmosphere import GROUND_ALBEDO, SNOW_ALBEDO, Atmosphere
from sim.server.sensors.columns import AMBIENT_UP, FOG_BETA, FOG_RGB, SNOW
from sim.server.sensors.kernel import F32, F64
from sim.server.sensors.scattering import AZIMUTHS, ELEVATIONS
from sim.server.sensors.textures import value_noise

SKY_SIZE = 384  # texels along each side of the octahedral map: half a degree each
MIRROR_SIZE = 128
CLOUD_SIZE = 512
CLOUD_SEED, SKYLINE_SEED = 11, 5  # the sky is the same in every world: nothing is random at run time
SKYLINE_BLOCKS = 40
FOG_LAYER_M, FOG_FLATNESS = 900.0, 40.0
CLOUD_REACH = 110.0  # texels of the field of clouds as far away as they are high: heaps of some 20 degrees overhead
HEAP_EDGE = 0.04  # the field rises by this from a heap's rim to where it hides half of the sky
CLOUDS_AT = (64.0, 64.0)  # texel overhead: neither a gap nor the middle of a heap
GAP_DEG = 16.0  # round the sun, where heaps thin out: streets have its shadows unless the cloud is closed


def octahedral_directions(size: int) -> F64:
    """Unit direction (size, size, 3) of every texel of an octahedral map."""
    grid = np.linspace(-1.0, 1.0, size)
    x, y = np.meshgrid(grid, grid)
    z = 1.0 - np.abs(x) - np.abs(y)
    below = z < 0.0
    fx = np.where(below, (1.0 - np.abs(y)) * np.where(x >= 0, 1.0, -1.0), x)
    fy = np.where(below, (1.0 - np.abs(x)) * np.where(y >= 0, 1.0, -1.0), y)
    direction = np.stack([fx, fy, z], axis=-1)
    return np.asarray(direction / np.linalg.norm(direction, axis=-1, keepdims=True))


def sky_left(air: Atmosphere, rise: F64) -> F64:
    """Share 0..1 of the sky's light that comes through the fog, by the rise of the ray (sine of its elevation).

    The layer is taken as ``FOG_LAYER_M`` of level sight, thinning with elevation: deep at the horizon, thin overhead.
    """
    depth = float(air.constants[FOG_BETA]) * FOG_LAYER_M
    return np.asarray(np.exp(-depth / (1.0 + FOG_FLATNESS * rise)))


class SkyPainter:
    """Paints the maps of one weather; keeps what does not depend on it."""

    def __init__(self) -> None:
        self._sky = octahedral_directions(SKY_SIZE)
        self._mirror = octahedral_directions(MIRROR_SIZE)
        rng = np.random.default_rng(CLOUD_SEED)
        self._clouds = value_noise(CLOUD_SIZE, (4, 8, 16, 32, 64, 128), 0.55, rng)
        self._cover = np.linspace(0.0, 1.0, 41)
        self._rim = np.quantile(self._clouds, 1.0 - self._cover) - HEAP_EDGE * (1.0 - self._cover)
        self._veils: F32 = np.asarray(
            cv2.GaussianBlur(value_noise(CLOUD_SIZE, (2, 5, 11, 23), 0.5, rng), (0, 0), 2.0), np.float32
        )
        rng = np.random.default_rng(SKYLINE_SEED)
        self._roof = rng.uniform(0.03, 0.30, SKYLINE_BLOCKS) * np.where(rng.random(SKYLINE_BLOCKS) > 0.25, 1.0, 0.3)
        self._shade = rng.uniform(0.5, 1.3, SKYLINE_BLOCKS)

    def paint(self, air: Atmosphere) -> tuple[F32, F32, F32]:
        """Sky map, reflection map (n, n, 4) and the colour of the sun's disc (3,)."""
        sky = self._radiance(self._sky, air)
        veil = sky_left(air, np.maximum(self._sky[..., 2], 0.0))[..., None]
        fog = air.constants[FOG_RGB : FOG_RGB + 3].astype(np.float64)
        sky = fog + (sky - fog) * veil
        mirror = self._with_skyline(self._mirror, air)
        overhead = float(sky_left(air, np.array(max(float(air.light_dir[2]), 0.0))))
        through = overhead * (1.0 - air.overcast) ** 4  # a closed cloud shows no disc
        disc = (air.light_rgb * through * (18.0 if air.night < 0.5 else 4.0)).astype(np.float32)
        return _with_alpha(sky), _with_alpha(np.asarray(cv2.GaussianBlur(mirror, (0, 0), 0.8), np.float64)), disc

    def _radiance(self, direction: F64, air: Atmosphere) -> F64:
        """Clear sky from its table, then clouds over it, then what haze hides."""
        up = np.maximum(direction[..., 2], 0.0)
        sky = self._clear(direction, up, air)
        toward = np.clip(direction @ air.light_dir, 0.0, 1.0)[..., None]
        if air.night > 0.5:
            sky = sky + air.light_rgb * (0.12 * toward**8 + 0.5 * toward**400)
        closed = air.cloud_rgb * ((0.80 + 0.35 * up) * self._ceiling(direction, up))[..., None]
        heaps, lit = self._heaps(direction, up, air)
        body = air.cloud_rgb * (0.62 + 0.2 * lit) + 0.34 * lit * air.above_rgb * (1.0 - 0.8 * air.overcast)
        body = body + 0.5 * air.light_rgb * toward**24 * (1.0 - air.overcast)
        sky = sky + (body - sky) * heaps
        hidden = max(air.overcast, air.haze)
        return np.asarray(sky + (closed - sky) * hidden)

    @staticmethod
    def _clear(direction: F64, up: F64, air: Atmosphere) -> F64:
        """The table of the clear sky by direction (n, n, 3)."""
        level = np.maximum(np.hypot(direction[..., 0], direction[..., 1]), 1e-9)
        sun = air.sun_dir[:2] / max(float(np.hypot(*air.sun_dir[:2])), 1e-9)
        cosine = (direction[..., 0] * sun[0] + direction[..., 1] * sun[1]) / level
        column = (np.arccos(np.clip(cosine, -1.0, 1.0)) / np.pi * (AZIMUTHS - 1)).astype(np.float32)
        row = (np.sqrt(up) * (ELEVATIONS - 1)).astype(np.float32)
        return np.asarray(cv2.remap(air.clear.astype(np.float32), column, row, cv2.INTER_LINEAR), np.float64)

    def _sample(self, field: F32, direction: F64, up: F64, scale: float, shift: tuple[float, float]) -> F64:
        """A field of clouds on a flat layer overhead, by direction (n, n)."""
        reach = scale / (up + 0.10)
        u = (direction[..., 0] * reach + shift[0]).astype(np.float32) % CLOUD_SIZE
        v = (direction[..., 1] * reach + shift[1]).astype(np.float32) % CLOUD_SIZE
        return np.asarray(cv2.remap(field, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float64)

    def _ceiling(self, direction: F64, up: F64) -> F64:
        """Brightness of a closed cloud (n, n), about 1: broad bands and finer rolls."""
        broad = self._sample(self._veils, direction, up, 24.0, (0.0, 0.0)) - 0.5
        rolls = self._sample(self._clouds, direction, up, 60.0, (80.0, 40.0)) - 0.5
        return np.asarray(1.0 + np.clip(up * 6.0, 0.0, 1.0) * (0.9 * broad + 0.4 * rolls))

    def _heaps(self, direction: F64, up: F64, air: Atmosphere) -> tuple[F64, F64]:
        """Share of single clouds in each direction (n, n, 1), and how much of the sun its parts get, 0..1."""
        gap = np.exp((direction @ air.light_dir - 1.0) / (1.0 - math.cos(math.radians(GAP_DEG))))
        rim = float(np.interp(air.cloud_cover, self._cover, self._rim)) + 0.4 * (1.0 - air.overcast) * gap
        sunwards = -14.0 * air.light_dir[:2] / max(float(air.light_dir[2]), 0.35)
        field = self._sample(self._clouds, direction, up, CLOUD_REACH, CLOUDS_AT)
        shift = (CLOUDS_AT[0] - float(sunwards[0]), CLOUDS_AT[1] - float(sunwards[1]))
        behind = self._sample(self._clouds, direction, up, CLOUD_REACH, shift)
        heaps = np.clip((field - rim) * 5.0, 0.0, 1.0) * np.clip(up * 9.0, 0.0, 1.0)
        shadow = np.clip(behind - rim + 0.12, 0.0, 0.6) + 0.6 * np.clip(field - rim, 0.0, 0.6)
        return (0.95 * heaps * (2.0 - heaps))[..., None], np.exp(-4.0 * shadow)[..., None]

    def _with_skyline(self, direction: F64, air: Atmosphere) -> F64:
        sky = self._radiance(direction, air)
        ambient = air.constants[AMBIENT_UP : AMBIENT_UP + 3].astype(np.float64)
        snow = float(air.constants[SNOW])
        albedo = GROUND_ALBEDO + (SNOW_ALBEDO - GROUND_ALBEDO) * snow
        ground = albedo * (air.light_rgb * max(float(air.light_dir[2]), 0.0) + ambient)
        turn = (np.arctan2(direction[..., 1], direction[..., 0]) / (2.0 * np.pi) + 0.5) * SKYLINE_BLOCKS
        block = turn.astype(np.int64) % SKYLINE_BLOCKS
        height = direction[..., 2]
        wall = np.array([0.26, 0.25, 0.23]) * (0.30 * air.light_rgb + 0.8 * ambient)
        mask = np.clip((self._roof[block] - height) * 25.0, 0.0, 1.0)[..., None]
        sky = sky * (1.0 - mask) + wall * self._shade[block][..., None] * mask
        below = ground * (0.75 + 0.3 * np.exp(-np.abs(height[..., None]) * 6.0))
        return np.where(height[..., None] < 0.0, below, sky)


def _with_alpha(rgb: F64) -> F32:
    """Four channels, so that a texel is one aligned load."""
    return np.ascontiguousarray(np.concatenate([rgb, rgb[..., :1]], axis=-1).astype(np.float32))
