"""What comes between a street and a picture of it: falling rain and snow, drops and dirt on the lens."""

from __future__ import annotations

import numpy as np

from sim.server.sensors.atmosphere import Atmosphere
from sim.server.sensors.conditions import Conditions
from sim.server.sensors.film import DIRT_SIZE, dirt_map, drops_of, lay_over, soil, veil_of_drops
from sim.server.sensors.instances import View
from sim.server.sensors.kernel import F32, F64
from sim.server.sensors.pool import WorkerPool
from sim.server.sensors.precipitation import (
    BOX_M,
    DROP_COLUMNS,
    HEAVY_SNOW_MMPH,
    NEAREST_M,
    RAIN_COUNT,
    RAIN_OPACITY,
    RAIN_RADIUS_M,
    SHUTTER_S,
    SNOW_COUNT,
    SNOW_OPACITY,
    SNOW_RADIUS_M,
    SNOW_SHUTTER_S,
    draw_falling,
    fall_of_rain,
    fall_of_snow,
    light_on_drops,
    place_falling,
)
from sim.server.sensors.textures import hash01

FLUTTER_M = 0.06  # flakes sway so far to each side as they fall
STILL = np.zeros(3)


class FallingWeather:
    """Draws over radiance; costs nothing in the dry."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._boxes = np.array(BOX_M)
        self._rain_radii, self._snow_radii = np.array(RAIN_RADIUS_M), np.array(SNOW_RADIUS_M)
        self._dirt: F32 | None = None

    def draw(
        self, cam: F64, focal_px: float, view: View, air: Atmosphere, conditions: Conditions,
        velocity_mps: F64 | None, surface: F32, radiance: F32, seed: int,
    ) -> None:  # fmt: skip
        """Change ``radiance (h, w, 3)`` in place; surface (h, w, 3) has the depth along the axis first."""
        weather = view.weather
        camera_mps = STILL if velocity_mps is None else velocity_mps
        if air.rain > 0.0:
            fall, opacity = fall_of_rain(air, weather.wind_intensity), RAIN_OPACITY * (0.6 + 0.4 * air.rain)
            self._fall(
                cam, focal_px, fall, camera_mps, view.elapsed_s, int(RAIN_COUNT * air.rain**0.7), self._rain_radii,
                SHUTTER_S, 0.0, opacity, light_on_drops(air), surface, radiance,
            )  # fmt: skip
        if conditions.snowfall_mmph > 0.0:
            share = min(1.0, conditions.snowfall_mmph / HEAVY_SNOW_MMPH)
            self._fall(
                cam, focal_px, fall_of_snow(weather.wind_intensity), camera_mps, view.elapsed_s,
                max(1, int(SNOW_COUNT * share**0.8)), self._snow_radii, SNOW_SHUTTER_S, FLUTTER_M, SNOW_OPACITY,
                light_on_drops(air), surface, radiance,
            )  # fmt: skip
        self._on_the_lens(conditions, air.rain, focal_px, view, radiance, seed)

    def _fall(
        self, cam: F64, focal_px: float, fall_mps: F64, camera_mps: F64, elapsed_s: float, count: int, radii_m: F64,
        shutter_s: float, flutter_m: float, opacity: float, light: F32, surface: F32, radiance: F32,
    ) -> None:  # fmt: skip
        """Draw ``count`` drops or flakes a box."""
        drops = np.empty((len(self._boxes), count, DROP_COLUMNS))
        height, width = radiance.shape[:2]
        self._pool.run(
            place_falling, cam, focal_px, fall_mps, camera_mps, elapsed_s, radii_m, self._boxes, NEAREST_M, shutter_s,
            flutter_m, opacity, width, height, drops,
        )  # fmt: skip
        self._pool.run(draw_falling, drops, light, surface, radiance)

    def _on_the_lens(
        self, conditions: Conditions, rain: float, focal_px: float, view: View, radiance: F32, seed: int
    ) -> None:
        drops = drops_of(conditions.drops_on_lens(100.0 * rain), view.elapsed_s, seed + conditions.lens)
        if conditions.lens_dirt > 0.0:
            if self._dirt is None:
                self._dirt = dirt_map()
            scattered = radiance[::8, ::8].mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
            shift = DIRT_SIZE * hash01(conditions.lens), DIRT_SIZE * hash01(conditions.lens + 1)
            self._pool.run(soil, self._dirt, *shift, conditions.lens_dirt / 100.0, scattered, radiance)
        if len(drops):
            self._pool.run(lay_over, veil_of_drops(drops, focal_px, radiance), radiance)
