"""CARLA's weather parameters to light: sun, sky, fog and wetness as the numbers that kernels use.

Fog. CARLA gives ``fog_density`` in percent and no unit of length; here extinction at z = 0 is
``0.05 / m * (fog_density / 100) ** 1.5``, so that visibility (Koschmieder, 3 / extinction) is 21 km at 2 % (the
clear presets), 1.9 km at 10 %, 670 m at 20 %, 170 m at 50 % and 60 m at 100 %. It begins ``fog_distance`` m from
the eye and thins with height as Unreal's height fog does: by half every ``10 m / fog_falloff``. Rain adds
up to 0.002 / m, dust up to 0.02 / m. LiDAR should use the same number (``fog_extinction_per_m``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.server.sensors.columns import (
    AMBIENT_DOWN,
    AMBIENT_UP,
    ATMOSPHERE_COLUMNS,
    CLOUD,
    FOG_BETA,
    FOG_FALLOFF,
    FOG_RGB,
    FOG_START,
    NIGHT,
    PUDDLES,
    SUN_DIR,
    SUN_RGB,
    WET,
)
from sim.server.sensors.instances import Weather
from sim.server.sensors.kernel import F32, F64

FOG_AT_FULL_PER_M = 0.05
RAIN_AT_FULL_PER_M = 0.002
DUST_AT_FULL_PER_M = 0.02
SUN_ABOVE_AIR = np.array([3.9, 3.9, 4.1])  # arbitrary unit: white paper at noon is about 1
AIR_DEPTH = np.array([0.10, 0.17, 0.33])  # optical depth of clean air at the zenith, red, green, blue
MOON_RGB = np.array([0.030, 0.034, 0.045])  # brighter than the true moon: cameras expose for it
MOON_ALTITUDE_RAD = math.radians(40.0)
LUMA = np.array([0.2126, 0.7152, 0.0722])
GROUND_ALBEDO = np.array([0.11, 0.108, 0.10])
# Zenith and horizon of the clear sky by height of the sun, of an overcast sky, of fog.
SKY_DAY = np.array([[0.16, 0.33, 0.78], [0.62, 0.78, 1.00]])
SKY_LOW_SUN = np.array([[0.17, 0.23, 0.42], [0.98, 0.66, 0.40]])
SKY_NIGHT = np.array([[0.010, 0.013, 0.023], [0.050, 0.046, 0.048]])
SKY_OVERCAST = np.array([[0.62, 0.67, 0.76], [0.82, 0.85, 0.89]])
SKY_RAIN = np.array([[0.48, 0.52, 0.58], [0.62, 0.65, 0.69]])
SKY_FOG = np.array([[0.68, 0.71, 0.75], [0.74, 0.76, 0.79]])
SKY_DUST = np.array([[0.62, 0.50, 0.34], [0.70, 0.55, 0.36]])


def _smooth(a: float, b: float, x: float) -> float:
    t = min(1.0, max(0.0, (x - a) / (b - a)))
    return t * t * (3.0 - 2.0 * t)


def fog_extinction_per_m(weather: Weather) -> float:
    """Extinction of light at z = 0, 1/m, of fog, rain and dust together; see the top of the file."""
    fog = FOG_AT_FULL_PER_M * (max(weather.fog_density, 0.0) / 100.0) ** 1.5
    rain = RAIN_AT_FULL_PER_M * max(weather.precipitation, 0.0) / 100.0
    return fog + rain + DUST_AT_FULL_PER_M * max(weather.dust_storm, 0.0) / 100.0


def sun_direction(weather: Weather) -> F64:
    """Unit vector (3,) towards the sun."""
    altitude, azimuth = math.radians(weather.sun_altitude_angle), math.radians(weather.sun_azimuth_angle)
    return np.array(
        [math.cos(altitude) * math.cos(azimuth), math.cos(altitude) * math.sin(azimuth), math.sin(altitude)]
    )


@dataclass(frozen=True)
class Atmosphere:
    """Light of one weather: kernel constants, what the sky painter needs, and the exposure it suggests."""

    constants: F32  # (ATMOSPHERE_COLUMNS,)
    light_dir: F64  # (3,) towards the sun, by night towards the moon
    light_rgb: F64
    zenith_rgb: F64
    horizon_rgb: F64
    cloud_cover: float
    cloud_rgb: F64
    night: float
    rain: float
    luminance: float  # expected mean luminance of a street scene


def airlight(weather: Weather) -> Atmosphere:
    """Light under a weather."""
    height = weather.sun_altitude_angle
    cloud = min(1.0, max(0.0, weather.cloudiness / 100.0))
    rain = min(1.0, max(0.0, weather.precipitation / 100.0))
    overcast = _smooth(0.45, 0.95, cloud)
    extinction = fog_extinction_per_m(weather)
    haze = _smooth(0.003, 0.016, extinction)
    day, night = _smooth(-9.0, 4.0, height), 1.0 - _smooth(-3.0, 4.0, height)
    above = max(height, 0.0)
    air_mass = 1.0 / (math.sin(math.radians(above)) + 0.15 * (above + 3.885) ** -1.253)  # Kasten 1965
    direct = SUN_ABOVE_AIR * np.exp(-AIR_DEPTH * air_mass) * _smooth(-2.0, 2.0, height)
    shade = (1.0 - 0.88 * overcast) * (1.0 - 0.6 * rain) * math.exp(-110.0 * extinction)
    light_rgb, light_dir = direct * shade, sun_direction(weather)
    if height < -2.0:
        light_rgb = MOON_RGB * (1.0 - 0.7 * overcast)
        azimuth = math.radians(weather.sun_azimuth_angle) + math.pi
        level = math.cos(MOON_ALTITUDE_RAD)
        light_dir = np.array([level * math.cos(azimuth), level * math.sin(azimuth), math.sin(MOON_ALTITUDE_RAD)])
    high = _smooth(4.0, 28.0, height)
    sky = SKY_LOW_SUN + (SKY_DAY - SKY_LOW_SUN) * high
    lit = day * (0.45 + 0.55 * _smooth(-2.0, 15.0, height))  # how bright the whole sky is
    grey = SKY_OVERCAST + (SKY_RAIN - SKY_OVERCAST) * rain
    grey = grey + (SKY_FOG - grey) * haze
    sky = sky + (grey * (0.35 + 0.65 * high) - sky) * max(overcast, haze)
    sky = sky + (SKY_DUST - sky) * _smooth(0.0, 60.0, weather.dust_storm)
    sky = SKY_NIGHT * (1.0 - 0.2 * rain) * (1.0 - day) + sky * max(lit, day * 0.25)
    zenith, horizon = sky
    cloud_rgb = (0.35 + 0.65 * (1 - overcast)) * (0.22 * light_rgb + 0.3 * horizon) + 0.55 * (zenith + horizon) * 0.5
    if night > 0.5:
        cloud_rgb = horizon * 0.55
    ambient_up = 0.62 * zenith + 0.42 * horizon + 0.10 * cloud * light_rgb
    bounced = GROUND_ALBEDO * (light_rgb * max(light_dir[2], 0.0) + ambient_up)
    c = np.zeros(ATMOSPHERE_COLUMNS, np.float32)
    c[SUN_DIR : SUN_DIR + 3], c[SUN_RGB : SUN_RGB + 3] = light_dir, light_rgb
    c[AMBIENT_UP : AMBIENT_UP + 3] = ambient_up
    c[AMBIENT_DOWN : AMBIENT_DOWN + 3] = bounced * 1.1 + horizon * 0.12
    c[FOG_RGB : FOG_RGB + 3] = horizon * 0.92 + ambient_up * 0.08
    c[FOG_BETA], c[FOG_START] = extinction, max(weather.fog_distance, 0.0)
    c[FOG_FALLOFF] = 0.1 * math.log(2.0) * max(weather.fog_falloff, 0.0)
    wet = max(weather.wetness, 0.8 * weather.precipitation_deposits, 0.6 * weather.precipitation) / 100.0
    c[WET], c[PUDDLES] = min(1.0, max(0.0, wet)), min(1.0, max(0.0, weather.precipitation_deposits / 100.0))
    c[NIGHT], c[CLOUD] = night, cloud
    luminance = float(LUMA @ (0.13 * (light_rgb * max(light_dir[2], 0.2) + ambient_up)))
    return Atmosphere(
        c, light_dir, light_rgb, zenith, horizon, cloud, cloud_rgb, night, rain, max(luminance, 1e-4) + 0.02 * night
    )
