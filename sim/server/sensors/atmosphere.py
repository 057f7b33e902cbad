"""CARLA's weather parameters to light: sun, sky, fog and wetness as the numbers that kernels use.

One extinction serves cameras and LiDAR: ``extinction_per_m``. Visibility (the meteorological optical range, where
5 % of contrast is left) is ``3 / extinction``.

Fog. CARLA gives ``fog_density`` in percent and no unit of length; here extinction at z = 0 is
``0.05 / m * (fog_density / 100) ** 1.5``, so that visibility is 21 km at 2 % (the clear presets), 1.9 km at 10 %,
670 m at 20 %, 170 m at 50 % and 60 m at 100 %. It begins ``fog_distance`` m from the eye and thins with height as
Unreal's height fog does: by half every ``10 m / fog_falloff``. Rain of 100 % is 25 mm/h and takes
``1.076 R ** 0.67`` dB/km (Carbonneau's law), snow ``5.53 S ** 1.38`` dB/km (dry snow, free-space optics at 0.6 um),
dust up to 0.02 / m.
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
    SNOW,
    SUN_DIR,
    SUN_RGB,
    WET,
)
from sim.server.sensors.conditions import ORDINARY, Conditions
from sim.server.sensors.instances import Weather
from sim.server.sensors.kernel import F32, F64
from sim.server.sensors.scattering import HAZE_ALWAYS_PER_KM, clear_sky, elevation_rows, sunlight_left

FOG_AT_FULL_PER_M = 0.05
FOG_SHARE_SEEN = 0.75
"""Mean luminance of a street in thick fog, in luminances of the fog: cameras expose for what they see, so that fog
is light grey, not white, and what stands in it keeps the contrast that is left."""
RAIN_AT_FULL_MMPH = 25.0
DUST_AT_FULL_PER_M = 0.02
PER_M_OF_DB_PER_KM = math.log(10.0) / 10.0 / 1000.0
SUN_ABOVE_AIR = np.array([4.0, 4.0, 4.0])  # arbitrary unit: white paper at noon is about 3
AIR_SCALE = 0.0331  # 1/km: Unreal's default, for weathers that say 0
MOON_RGB = np.array([0.030, 0.034, 0.045])  # brighter than the true moon: cameras expose for it
MOON_LOWEST_RAD, MOON_HIGHEST_RAD = math.radians(12.0), math.radians(60.0)
LUMA = np.array([0.2126, 0.7152, 0.0722])
GROUND_ALBEDO = np.array([0.11, 0.108, 0.10])
SNOW_ALBEDO = 0.8
SKY_NIGHT = np.array([[0.0075, 0.0095, 0.0155], [0.043, 0.041, 0.042]])  # what lights a town: zenith, horizon
SKY_NIGHT_SEEN = 0.3
"""Share of that light that comes from the sky and its fog: the most comes from windows and lamps, so that the sky is
darker than the street under it. Exposed for their street lamps, photographs show it between black and dark grey."""
SKY_TWILIGHT = np.array([0.034, 0.056, 0.108])  # light scattered many times, when the sun is just below the horizon
DUST_RGB = np.array([1.0, 0.76, 0.48])  # of light that a dust storm scatters, over grey
OVERCAST_SHARE = 0.42  # of the clear day's light that falls through a closed cloud
RAIN_CLOUD_SHARE = 0.62  # of an overcast sky's light that rain clouds let through
TWILIGHT_LEVEL, TWILIGHT_POWER = 0.25, 0.40  # skies darker than the level are lifted: eyes and cameras adapt
SKYLIGHT_GREYED = 0.35  # share of the sky's colour that walls and ground take out before it lights a street
WHITE_BALANCE = 0.45  # share of the light's colour that a camera's automatic white balance takes out
DARK_SOLAR_DEG = -12.0  # sun below which nothing of the day is left


def _smooth(a: float, b: float, x: float) -> float:
    t = min(1.0, max(0.0, (x - a) / (b - a)))
    return t * t * (3.0 - 2.0 * t)


def rain_mmph(weather: Weather) -> float:
    """Rain, mm/h: CARLA's ``precipitation`` in percent of heavy rain."""
    return RAIN_AT_FULL_MMPH * max(weather.precipitation, 0.0) / 100.0


def extinction_per_m(weather: Weather, snowfall_mmph: float = 0.0) -> float:
    """Extinction of light at z = 0, 1/m, of fog, rain, snow and dust together; see the top of the file."""
    fog = FOG_AT_FULL_PER_M * (max(weather.fog_density, 0.0) / 100.0) ** 1.5
    drops = 1.076 * rain_mmph(weather) ** 0.67 + 5.53 * max(snowfall_mmph, 0.0) ** 1.38
    return fog + PER_M_OF_DB_PER_KM * drops + DUST_AT_FULL_PER_M * max(weather.dust_storm, 0.0) / 100.0


def sun_direction(weather: Weather) -> F64:
    """Unit vector (3,) towards the sun."""
    return _direction(math.radians(weather.sun_altitude_angle), math.radians(weather.sun_azimuth_angle))


def _direction(altitude: float, azimuth: float) -> F64:
    return np.array(
        [math.cos(altitude) * math.cos(azimuth), math.cos(altitude) * math.sin(azimuth), math.sin(altitude)]
    )


@dataclass(frozen=True)
class Atmosphere:
    """Light of one weather: kernel constants, what the sky painter needs, and the exposure it suggests."""

    constants: F32  # (ATMOSPHERE_COLUMNS,)
    light_dir: F64  # (3,) towards the sun, by night towards the moon
    light_rgb: F64
    above_rgb: F64  # the same light above the clouds
    clear: F64  # (ELEVATIONS, AZIMUTHS, 3) of the clear sky, see ``scattering.clear_sky``
    sun_dir: F64  # (3,) what the clear sky's azimuths count from
    zenith_rgb: F64
    horizon_rgb: F64
    cloud_cover: float
    cloud_rgb: F64  # of a closed cloud
    overcast: float  # 0..1: how closed the cloud is
    haze: float  # 0..1: how much of the sky fog or dust hides by itself
    night: float
    rain: float
    luminance: float  # expected mean luminance of a street scene


def _sky(weather: Weather) -> tuple[F64, F64, F64, float]:
    """Clear sky by direction (ELEVATIONS, AZIMUTHS, 3), its mean at the horizon and over a level sheet (3,), and the
    share 0..1 of the light on that sheet that is a town's by night."""
    height = weather.sun_altitude_angle
    air = weather.rayleigh_scattering_scale or AIR_SCALE
    table = clear_sky(math.radians(height), air, weather.mie_scattering_scale) * SUN_ABOVE_AIR
    if height < DARK_SOLAR_DEG:
        table = np.zeros_like(table)
    rise = elevation_rows()
    share = np.gradient(rise) * rise
    sheet = (table.mean(axis=1) * share[:, None]).sum(axis=0) / share.sum()
    level = float(LUMA @ sheet)
    lift = (TWILIGHT_LEVEL / max(level, 1e-4)) ** TWILIGHT_POWER if level < TWILIGHT_LEVEL else 1.0
    lift *= 1.0 - 0.55 * _smooth(2.0, -4.0, height)  # scattered once it is red; the blue of dusk is scattered often
    table = table * lift
    day = 1.0 - _smooth(-1.0, -9.0 - 1e-6, height) if height > DARK_SOLAR_DEG else 0.0
    town = SKY_NIGHT[1] + (SKY_NIGHT[0] - SKY_NIGHT[1]) * (1.0 - np.exp(-4.2 * rise))[:, None]
    town = town * (1.0 - 0.75 * max(day, 0.0)) if height < 4.0 else 0.0 * town
    of_town = float(LUMA @ (town * share[:, None]).sum(axis=0)) / float(share.sum())
    table = table + town[:, None] + SKY_TWILIGHT * _smooth(-11.0, -3.0, height) * (1.0 - _smooth(-1.0, 7.0, height))
    sheet = (table.mean(axis=1) * share[:, None]).sum(axis=0) / share.sum()
    near = table[1:8].mean(axis=0)  # 0.1 to 5 % of rise
    horizon = 0.5 * near.mean(axis=0) + 0.5 * np.median(near, axis=0)
    return table, np.asarray(horizon), np.asarray(sheet), of_town / max(float(LUMA @ sheet), 1e-9)


def airlight(weather: Weather, conditions: Conditions = ORDINARY) -> Atmosphere:
    """Light under a weather."""
    height = weather.sun_altitude_angle
    cloud = min(1.0, max(0.0, weather.cloudiness / 100.0))
    rain = min(1.0, max(0.0, weather.precipitation / 100.0))
    dust = min(1.0, max(0.0, weather.dust_storm / 100.0))
    overcast = max(_smooth(0.45, 0.95, cloud), 0.95 * _smooth(0.1, 0.6, rain))  # rain brings its clouds along
    extinction = extinction_per_m(weather, conditions.snowfall_mmph)
    haze = _smooth(0.003, 0.016, extinction)
    night = 1.0 - _smooth(-4.0, 3.0, height)
    table, horizon, sheet, of_town = _sky(weather)
    seen = 1.0 - (1.0 - SKY_NIGHT_SEEN) * of_town
    air = weather.rayleigh_scattering_scale or AIR_SCALE
    rise = np.array(math.sin(math.radians(height)))
    direct = sunlight_left(np.array(0.02), rise, air, HAZE_ALWAYS_PER_KM + max(weather.mie_scattering_scale, 0.0))
    direct = SUN_ABOVE_AIR * direct * _smooth(-2.0, 1.0, height)
    light_dir = sun_dir = sun_direction(weather)
    if height < -2.0:  # the moon is full and stands opposite
        up = min(max(math.radians(-height), MOON_LOWEST_RAD), MOON_HIGHEST_RAD)
        light_dir = _direction(up, math.radians(weather.sun_azimuth_angle) + math.pi)
        direct = MOON_RGB * _smooth(-2.0, -8.0 - 1e-6, height)
    shade = (1.0 - 0.93 * overcast) * (1.0 - 0.6 * rain) * math.exp(-110.0 * extinction)
    light = direct * shade
    total = direct * max(float(light_dir[2]), 0.0) + sheet
    grey = float(LUMA @ total)
    closed = OVERCAST_SHARE * (1.0 + (RAIN_CLOUD_SHARE - 1.0) * rain) * (0.45 * total + 0.55 * grey)
    closed = closed * np.array([0.97, 1.0, 1.04]) if night < 0.5 else np.maximum(closed, 0.7 * horizon)
    closed = closed * (1.0 - 0.25 * dust) * ((1.0 - dust) + dust * DUST_RGB)
    hidden = max(overcast, haze)
    zenith = table[-1].mean(axis=0)
    zenith, horizon = zenith + (closed - zenith) * hidden, horizon + (closed - horizon) * hidden
    ambient = sheet + (closed - sheet) * max(hidden, 0.5 * cloud) + 0.06 * cloud * (1.0 - hidden) * direct
    ambient = ambient + SKYLIGHT_GREYED * (float(LUMA @ ambient) - ambient)
    gains = _white_balance(light * max(float(light_dir[2]), 0.25) + ambient) if night < 1.0 else np.ones(3)
    gains = 1.0 + (gains - 1.0) * (1.0 - night) * (1.0 - dust)
    light, ambient, closed, zenith, horizon = (part * gains for part in (light, ambient, closed, zenith, horizon))
    snow = min(max(conditions.snow_cover / 100.0, 0.0), 1.0)
    ground = GROUND_ALBEDO + (0.8 * SNOW_ALBEDO - GROUND_ALBEDO) * snow
    in_fog = 0.92 + 0.08 * min(max(weather.scattering_intensity, 0.0), 4.0)
    c = np.zeros(ATMOSPHERE_COLUMNS, np.float32)
    c[SUN_DIR : SUN_DIR + 3], c[SUN_RGB : SUN_RGB + 3] = light_dir, light
    c[AMBIENT_UP : AMBIENT_UP + 3] = ambient
    c[AMBIENT_DOWN : AMBIENT_DOWN + 3] = ground * 1.1 * (light * max(light_dir[2], 0.0) + ambient) + horizon * 0.12
    c[FOG_RGB : FOG_RGB + 3] = (horizon * 0.92 + ambient * 0.08) * in_fog * seen
    c[FOG_BETA], c[FOG_START] = extinction, max(weather.fog_distance, 0.0)
    c[FOG_FALLOFF] = 0.1 * math.log(2.0) * max(weather.fog_falloff, 0.0)
    wet = max(weather.wetness, 0.8 * weather.precipitation_deposits, 0.6 * weather.precipitation) / 100.0
    c[WET], c[PUDDLES] = min(1.0, max(0.0, wet)), min(1.0, max(0.0, weather.precipitation_deposits / 100.0))
    c[NIGHT], c[CLOUD], c[SNOW] = night, cloud, snow
    albedo = 0.13 + 0.14 * snow
    luminance = float(LUMA @ (albedo * (light * max(light_dir[2], 0.2) + ambient)))
    table, horizon, zenith, closed = (part * seen for part in (table, horizon, zenith, closed))
    luminance = max(luminance, FOG_SHARE_SEEN * haze * float(LUMA @ c[FOG_RGB : FOG_RGB + 3]))
    return Atmosphere(
        c, light_dir, light, direct * gains, table * gains, sun_dir, zenith, horizon, cloud, closed, overcast, haze,
        night, rain, max(luminance, 1e-4) + 0.02 * night,
    )  # fmt: skip


def _white_balance(light: F64) -> F64:
    """Gains (3,) of a camera's automatic white balance under this light; they keep its luminance."""
    level = max(float(LUMA @ light), 1e-6)
    gains = (level / np.maximum(light, 1e-3 * level)) ** WHITE_BALANCE
    return np.asarray(gains * level / max(float(LUMA @ (gains * light)), 1e-6))
