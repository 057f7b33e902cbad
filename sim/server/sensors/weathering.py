"""Weather on the rays of LiDARs: CARLA's weather parameters to the models of ``perception.augment.lidar_weather``.

A target of reflectivity rho answers with rho / R^2, less what the air takes: ``atmosphere.extinction_per_m``, the
number that the camera's fog uses too. Drops (LISA), flakes (Hahner 2022) and the fog itself (Hahner 2021) answer as
well; the strongest return wins. A wet ground keeps only part of its reflectivity (``lidar_weather_wet``). A return is
lost where rain, snow or wet ground leave less of it than a surface of ``REFLECTIVITY_AT_RANGE`` gives at the sensor's
range in clear air; what clear air shows is never weaker, so that weather begins to act from nothing. Fog loses no
return, it outshines it, as in its paper. Rays into the sky meet drops and flakes only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perception.augment.lidar_weather import Fate, Float32, Returns, WeatherModel
from perception.augment.lidar_weather_drops import Drops
from perception.augment.lidar_weather_fog import Fog, FogTable
from perception.augment.lidar_weather_snow import Snow
from perception.augment.lidar_weather_wet import WetGround, wet_share
from sim.server.scene.mesh import Material
from sim.server.sensors.atmosphere import extinction_per_m, rain_mmph
from sim.server.sensors.hits import Hits
from sim.server.sensors.instances import Weather
from sim.server.sensors.pool import WorkerPool
from sim.server.sensors.reflectance import DIFFUSE, of_rough

REFLECTIVITY_AT_RANGE = 0.1
"""Makers state a LiDAR's range for a target of 10 %."""
CLEAR_EXTINCTION_PM = 5e-4
"""Six kilometres of visibility, what meteorologists call clear: CARLA's clear and cloudy presets have 12 and more."""
FOG_SENDER_REFLECTIVITY = 0.3
"""The fog's answer is that of a sender calibrated on a surface of this reflectivity: a street's mean."""
FULL_FILM_MM = 1.2
"""Water of 100 % wetness: it fills the road's texture."""
WET_STEPS = 256
"""Of the cosine of incidence, in the table of what wet ground returns."""
BLOCK = 8192
"""Rays with a random generator of their own, so that threads can share the work."""
GETS_WET = (Material.ROAD, Material.SIDEWALK, Material.KERB, Material.CROSSWALK, Material.STOP_LINE, Material.CONCRETE)
_WETTED = np.zeros(256, bool)
_WETTED[list(GETS_WET)] = True
_WETTED.setflags(write=False)


@dataclass(frozen=True)
class Air:
    """What weather a LiDAR is in: 1/m of fog and dust, where it begins (m), mm/h of rain and its 1/m, mm/h of snow and
    its 1/m, mm of water on the ground."""

    fog_pm: float
    fog_begins_m: float
    rain_mmph: float
    rain_pm: float
    snow_mmph: float
    snow_pm: float
    water_mm: float

    @staticmethod
    def of(weather: Weather, snowfall_mmph: float) -> Air | None:
        """None where the air is clear and the ground dry."""
        fog = extinction_per_m(replace(weather, precipitation=0.0))
        all_but_snow = extinction_per_m(weather)
        rain = rain_mmph(weather)
        wet = max(weather.wetness, 0.8 * weather.precipitation_deposits, 0.6 * weather.precipitation, 0.0) / 100.0
        if all_but_snow <= CLEAR_EXTINCTION_PM and rain <= 0.0 and snowfall_mmph <= 0.0 and wet <= 0.0:
            return None
        return Air(
            fog_pm=fog if fog > CLEAR_EXTINCTION_PM else 0.0,
            fog_begins_m=max(weather.fog_distance, 0.0),
            rain_mmph=rain,
            rain_pm=all_but_snow - fog,
            snow_mmph=snowfall_mmph,
            snow_pm=extinction_per_m(weather, snowfall_mmph) - all_but_snow,
            water_mm=FULL_FILM_MM * min(wet, 1.0),
        )


class Weathering:
    """One air's models for a sensor of one range, with their tables."""

    def __init__(self, air: Air, max_range_m: float) -> None:
        self.air, self._range_m = air, max_range_m
        wet, cosine = WetGround(air.water_mm), np.arange(WET_STEPS + 1) / WET_STEPS
        rough = (1.0 - wet.covered) ** 2  # water fills the hollows: what stands out is the flat top of grains
        level = rough + (1.0 - rough) * cosine / of_rough(cosine)
        materials = [wet_share(cosine, float(value), wet) * level for value in DIFFUSE]
        self._wet_share = np.array(materials, np.float32) if air.water_mm > 0.0 else np.ones((0, 0), np.float32)
        self._models: list[WeatherModel] = []
        self._fog: FogTable | None = None
        thinned = air.fog_pm
        if air.snow_mmph > 0.0:
            snow = Snow(air.snow_mmph, limit=REFLECTIVITY_AT_RANGE, max_range_m=max_range_m)
            self._models.append(snow)
            thinned += max(0.0, air.snow_pm - 0.5 * snow.flakes_pm2 * snow.mean_diameter_m)  # flakes hide some already
        if air.rain_mmph > 0.0:
            farthest = max_range_m * (0.9 / REFLECTIVITY_AT_RANGE) ** 0.5  # where a white target is just seen
            rain = Drops.rain(air.rain_mmph, extinction_pm=air.rain_pm, max_range_m=farthest)
            self._models.append(rain.table())
        if thinned > 0.0:
            begins_m = air.fog_begins_m if air.fog_pm > 0.0 else 0.0
            self._fog = Fog(thinned, reference_reflectivity=FOG_SENDER_REFLECTIVITY, begins_m=begins_m).table()

    def strike(self, hits: Hits, bright: Float32, seed: list[int], pool: WorkerPool) -> Returns:
        """What n rays bring home: from hits (n,) of reflectivity ``bright`` (n,).

        Strengths are shares of ``seen_in_clear`` for targets that stay, and reflectivities for returns from the air.
        """
        n = len(bright)
        out = Returns(np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint8))
        starts = iter(range(0, n, BLOCK))

        def work(worker: int, workers: int) -> None:
            for start in starts:
                part = slice(start, min(start + BLOCK, n))
                self._part(hits, bright, np.random.default_rng([*seed, start]), part, out)

        if n > BLOCK and (self._models or self._fog is not None):
            pool.run(work)
        else:
            work(0, 1)
        return out

    def through(self, hits: Hits, bright: Float32) -> Float32:
        """Share of clear air's light (n,) that comes back from targets alone, 0 where it is too weak to be seen."""
        range_m = np.where(np.isfinite(hits.range_m), hits.range_m, np.float32(self._range_m))
        air = self.air
        path = air.fog_pm * np.maximum(range_m - air.fog_begins_m, 0.0) + (air.rain_pm + air.snow_pm) * range_m
        wetted = self._wetted(hits, slice(None)) if air.water_mm > 0.0 else np.float32(1.0)
        share = (np.exp(-2.0 * path) * wetted).astype(np.float32)
        limit = REFLECTIVITY_AT_RANGE * (range_m / self._range_m) ** 2
        clear = seen_in_clear(bright, range_m, self._range_m)
        return np.where(share * clear >= limit, share, np.float32(0.0))

    def _part(self, hits: Hits, bright: Float32, rng: np.random.Generator, part: slice, out: Returns) -> None:
        target = np.isfinite(hits.range_m[part])
        at = np.where(target, hits.range_m[part], np.float32(self._range_m))
        clear = np.where(target, seen_in_clear(bright[part], at, self._range_m), np.float32(0.0))
        now = clear * self._wetted(hits, part) if self.air.water_mm > 0.0 else clear
        lost = now < np.float32(REFLECTIVITY_AT_RANGE * 0.9999) * (at / np.float32(self._range_m)) ** 2
        place = at
        scattered = np.zeros(len(at), bool)
        for model in self._models:
            got = model.strike(place, now, rng)
            scattered |= got.fate == Fate.SCATTERED
            lost = got.fate == Fate.LOST
            place, now = got.range_m, got.strength
        if self._fog is not None:  # as in the paper it outshines targets and loses none
            got = self._fog.strike(place, now, rng)
            drowned = (got.fate == Fate.SCATTERED) & ~lost & (target | scattered)
            scattered |= drowned
            place, now = np.where(drowned, got.range_m, place), got.strength
        out.range_m[part] = place
        share = now / np.maximum(clear, np.float32(1e-9))
        out.strength[part] = np.where(scattered, now, np.minimum(share, np.float32(1.0)))
        fate = np.where(scattered, np.uint8(Fate.SCATTERED), np.uint8(Fate.ATTENUATED))
        fate[lost | (~scattered & ~target)] = Fate.LOST
        out.fate[part] = fate

    def _wetted(self, hits: Hits, part: slice) -> Float32:
        material = hits.material[part]
        wetted = _WETTED[material] & (hits.actor_id[part] == 0)
        step = (hits.cosine[part] * np.float32(WET_STEPS) + np.float32(0.5)).astype(np.int64)
        return np.where(wetted, self._wet_share[material, step], np.float32(1.0))


def seen_in_clear(bright: Float32, range_m: npt.NDArray[np.float32], max_range_m: float) -> Float32:
    """Reflectivities (n,), raised to what the sensor just sees in clear air: there it sees everything within range."""
    return np.maximum(bright, np.float32(REFLECTIVITY_AT_RANGE) * (range_m / np.float32(max_range_m)) ** 2)
