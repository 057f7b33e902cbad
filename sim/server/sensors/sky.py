"""Paints the sky: a map of every direction for the camera, and one with a skyline for reflections."""

from __future__ import annotations

import cv2
import numpy as np

from sim.server.sensors.atmosphere import GROUND_ALBEDO, Atmosphere
from sim.server.sensors.columns import FOG_BETA, FOG_RGB
from sim.server.sensors.kernel import F32, F64
from sim.server.sensors.textures import value_noise

SKY_SIZE = 384  # texels along each side of the octahedral map: half a degree each
MIRROR_SIZE = 128
CLOUD_SEED, SKYLINE_SEED = 11, 5  # the sky is the same in every world: nothing is random at run time
SKYLINE_BLOCKS = 40
FOG_LAYER_M, FOG_FLATNESS = 900.0, 40.0


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
        clouds = value_noise(512, (3, 6, 12, 24, 48, 96), 0.6, np.random.default_rng(CLOUD_SEED))
        self._clouds = cv2.GaussianBlur(clouds, (0, 0), 1.2)
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
        disc = (air.light_rgb * overhead * (18.0 if air.night < 0.5 else 4.0)).astype(np.float32)
        return _with_alpha(sky), _with_alpha(np.asarray(cv2.GaussianBlur(mirror, (0, 0), 0.8), np.float64)), disc

    def _radiance(self, direction: F64, air: Atmosphere) -> F64:
        up = np.maximum(direction[..., 2], 0.0)[..., None]
        sky = air.horizon_rgb + (air.zenith_rgb - air.horizon_rgb) * (1.0 - np.exp(-4.2 * up))
        toward = np.clip(direction @ air.light_dir, 0.0, 1.0)[..., None]
        glow = 0.28 * toward**8 * np.exp(-2.0 * up) + 0.35 * toward**64
        sky = sky + air.light_rgb * glow
        reach = 38.0 / (up + 0.14)
        u = (direction[..., :1] * reach).astype(np.float32)[..., 0] % 512
        v = (direction[..., 1:2] * reach).astype(np.float32)[..., 0] % 512
        field = cv2.remap(self._clouds, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)[..., None]
        # the field has mean 0.5 and deviation 0.16: cover 0 leaves none of it, cover 1 nearly all
        cover = np.clip((field - (0.92 - 0.80 * air.cloud_cover)) * 3.5, 0.0, 1.0) * np.clip(up * 7.0, 0.0, 1.0) * 0.85
        body = air.cloud_rgb * (0.75 + 0.5 * toward**4) * (1.15 - 0.5 * np.clip(field - 0.5, 0, 0.4))
        return np.asarray(sky * (1.0 - cover) + body * cover)

    def _with_skyline(self, direction: F64, air: Atmosphere) -> F64:
        sky = self._radiance(direction, air)
        ambient = 0.5 * (air.zenith_rgb + air.horizon_rgb)
        ground = GROUND_ALBEDO * (air.light_rgb * max(float(air.light_dir[2]), 0.0) + ambient)
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
