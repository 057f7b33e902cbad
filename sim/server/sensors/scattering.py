"""The clear sky: sunlight scattered once by air and haze, by height above the ground (Nishita et al., 1993).

Coefficients are those of Unreal's sky atmosphere, which CARLA's ``rayleigh_scattering_scale`` and
``mie_scattering_scale`` (1/km) set: air thins with 8 km of height, haze with 1.2 km, ozone lies between 10 and 40 km.
Light scattered more than once is taken as a share that comes from everywhere alike (Hillaire, 2020).
"""

from __future__ import annotations

import math

import numpy as np

from sim.server.sensors.kernel import F64

EARTH_KM, AIR_TOP_KM = 6360.0, 60.0
AIR_HEIGHT_KM, HAZE_HEIGHT_KM = 8.0, 1.2
AIR_RGB = np.array([0.175287, 0.409607, 1.0])  # of ``rayleigh_scattering_scale``
OZONE_RGB = 0.001881 * np.array([0.345561, 1.0, 0.045189])  # absorption 1/km at 25 km
HAZE_ABSORBS = 0.1  # share of what haze takes from a beam that it does not scatter
HAZE_AHEAD = 0.80  # Henyey-Greenstein's asymmetry
HAZE_ALWAYS_PER_KM = 0.012  # CARLA's old default is 0: air that clean is not breathed anywhere near a road
AGAIN = 0.4  # light scattered again, as a share of an isotropic phase function
VIEW_STEPS, SUN_STEPS = 20, 12
ELEVATIONS, AZIMUTHS = 32, 24


def _depths(path_km: F64, height_km: F64, air_scale: float, haze: float) -> F64:
    """Optical depth (..., 3) of each step of ``path_km`` (..., ) at ``height_km`` (...)."""
    height = np.maximum(height_km, 0.0)
    air = np.exp(-height / AIR_HEIGHT_KM) * air_scale
    dust = np.exp(-height / HAZE_HEIGHT_KM) * haze * (1.0 + HAZE_ABSORBS)
    ozone = np.maximum(0.0, 1.0 - np.abs(height - 25.0) / 15.0)
    per_km = air[..., None] * AIR_RGB + dust[..., None] + ozone[..., None] * OZONE_RGB
    return np.asarray(per_km * path_km[..., None])


def _steps(height_km: F64, rise: F64, steps: int) -> tuple[F64, F64, F64]:
    """Midpoints, lengths and heights (..., steps), km, along rays that leave ``height_km`` at sine ``rise``."""
    radius = EARTH_KM + height_km
    along = radius * rise
    reach = -along + np.sqrt(along**2 + (EARTH_KM + AIR_TOP_KM) ** 2 - radius**2)
    edges = np.linspace(0.0, 1.0, steps + 1) ** 2.5  # dense where air is dense
    middle = 0.5 * (edges[1:] + edges[:-1]) * reach[..., None]
    length = (edges[1:] - edges[:-1]) * reach[..., None]
    height = np.sqrt(radius[..., None] ** 2 + middle**2 + 2.0 * middle * along[..., None]) - EARTH_KM
    return middle, length, height


def sunlight_left(height_km: F64, rise: F64, air_scale: float, haze: float) -> F64:
    """Share (..., 3) of sunlight that arrives at heights (...) under a sun of sine ``rise`` (...) there."""
    _, length, height = _steps(height_km, rise, SUN_STEPS)
    left = np.exp(-_depths(length, height, air_scale, haze).sum(axis=-2))
    radius = EARTH_KM + height_km
    lowest = radius * np.sqrt(np.maximum(0.0, 1.0 - rise**2)) - EARTH_KM  # of a ray that dips
    blocked = (rise < 0.0) & (lowest < 0.0)
    return np.asarray(np.where(blocked[..., None], 0.0, left))


def elevation_rows() -> F64:
    """Sine of elevation (ELEVATIONS,) of the table's rows: dense at the horizon."""
    return np.linspace(0.0, 1.0, ELEVATIONS) ** 2


def clear_sky(sun_altitude_rad: float, air_scale: float, mie_scale: float) -> F64:
    """Radiance (ELEVATIONS, AZIMUTHS, 3) of the clear sky, azimuth 0..pi away from the sun.

    Unit: of a white sheet that the sun outside the air shines on at right angles, were its light 1 in each colour.
    """
    haze = HAZE_ALWAYS_PER_KM + max(mie_scale, 0.0)
    air_scale = max(air_scale, 0.0)
    up = np.repeat(elevation_rows()[:, None], AZIMUTHS, axis=1)
    azimuth = np.linspace(0.0, math.pi, AZIMUTHS)[None]
    level = np.sqrt(np.maximum(0.0, 1.0 - up**2))
    sun = np.array([math.cos(sun_altitude_rad), math.sin(sun_altitude_rad)])
    toward = level * np.cos(azimuth) * sun[0] + up * sun[1]
    middle, length, height = _steps(np.full(up.shape, 0.02), up, VIEW_STEPS)
    depth = _depths(length, height, air_scale, haze)
    left = np.exp(-(np.cumsum(depth, axis=-2) - 0.5 * depth))
    # where along the ray the sun stands how high: the ground curves away beneath
    x, z = middle * (level * np.cos(azimuth))[..., None], EARTH_KM + middle * up[..., None]
    y = middle * (level * np.sin(azimuth))[..., None]
    rise = (x * sun[0] + z * sun[1]) / np.sqrt(x**2 + y**2 + z**2)
    arrives = sunlight_left(height, rise, air_scale, haze)
    air = np.exp(-height / AIR_HEIGHT_KM)[..., None] * air_scale * AIR_RGB
    dust = np.exp(-height / HAZE_HEIGHT_KM)[..., None] * haze * np.ones(3)
    g = HAZE_AHEAD
    by_air = 3.0 / (16.0 * math.pi) * (1.0 + toward**2)
    by_dust = (1.0 - g * g) / (4.0 * math.pi * (1.0 + g * g - 2.0 * g * toward) ** 1.5)
    again = AGAIN / (4.0 * math.pi)
    source = air * (by_air + again)[..., None, None] + dust * (by_dust + again)[..., None, None]
    return np.asarray(math.pi * (source * arrives * left * length[..., None]).sum(axis=-2))
