"""Facts about the painted sky: how much of it clouds hide, and how dark it is over a town by night."""

from __future__ import annotations

import numpy as np
import pytest

from sim.server.sensors.atmosphere import LUMA, airlight
from sim.server.sensors.columns import AMBIENT_UP, FOG_RGB
from sim.server.sensors.instances import Weather
from sim.server.sensors.post import MAX_EXPOSURE_NIGHT, exposure_of
from sim.server.sensors.sky import SkyPainter
from sim.weather import PRESETS

PAINTER = SkyPainter()
SEEN_DEG = (6.0, 33.0)  # what a level camera of 90 degrees sees of the sky, above the houses at the horizon


def directions(low_deg: float, high_deg: float) -> np.ndarray:
    """Unit vectors (40, 360, 3) evenly round the horizon."""
    azimuth, elevation = np.meshgrid(np.radians(np.arange(360.0)), np.radians(np.linspace(low_deg, high_deg, 40)))
    level = np.cos(elevation)
    return np.stack([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)], axis=-1)


def clouds(cloudiness: float, low_deg: float, high_deg: float) -> np.ndarray:
    """Share (40, 360) of single clouds in the sky."""
    way = directions(low_deg, high_deg)
    share, _ = PAINTER._heaps(way, way[..., 2], airlight(Weather(cloudiness=cloudiness, sun_altitude_angle=45.0)))
    return share[..., 0]


@pytest.mark.parametrize("cloudiness", [0.0, 20.0, 40.0, 60.0, 80.0, 100.0])
def test_clouds_hide_about_as_much_of_the_sky_as_the_weather_says(cloudiness):
    for seen in (SEEN_DEG, (33.0, 80.0)):
        assert clouds(cloudiness, *seen).mean() == pytest.approx(cloudiness / 100.0, abs=0.2)


def test_a_driver_sees_clouds_wherever_he_looks():
    quarters = clouds(60.0, *SEEN_DEG).reshape(40, 4, 90).mean(axis=(0, 2))
    assert quarters.min() > 0.3


def test_clouds_leave_the_sun_free_unless_they_are_closed():
    """Streets have its shadows."""
    air = airlight(Weather(cloudiness=60.0, sun_altitude_angle=30.0))
    round_it = air.light_dir + 0.1 * np.random.default_rng(1).normal(size=(1, 400, 3))
    round_it /= np.linalg.norm(round_it, axis=-1, keepdims=True)
    covered = PAINTER._heaps(round_it, round_it[..., 2], air)[0].mean()
    assert covered < 0.5 * clouds(60.0, 20.0, 40.0).mean()


def of(name: str) -> Weather:
    values = PRESETS[name].as_dict()
    return Weather(**{key: value for key, value in values.items() if key in Weather.__dataclass_fields__})


@pytest.mark.parametrize("name", ["ClearNight", "HardRainNight", "CloudyNight", "SnowNight"])
def test_by_night_sky_and_fog_are_darker_than_the_street(name):
    """Most of what lights it comes from lamps and windows."""
    air = airlight(of(name))
    ambient = float(LUMA @ air.constants[AMBIENT_UP : AMBIENT_UP + 3])
    fog = float(LUMA @ air.constants[FOG_RGB : FOG_RGB + 3])
    sky = PAINTER._radiance(directions(*SEEN_DEG), air) @ LUMA
    assert ambient > 0.02
    assert fog < 0.5 * ambient
    assert np.median(sky) < 0.5 * ambient


def test_a_street_in_snow_is_not_burnt_out_by_night():
    """Half of the picture is black sky, half is snow under lamps."""
    air = airlight(of("SnowNight"))
    radiance = np.full((80, 160, 3), 0.006, np.float32)
    street = radiance.copy()
    street[40:] = 0.015
    snow = radiance.copy()
    snow[40:] = 0.2
    assert exposure_of(snow, air) * 0.2 < 0.4
    assert exposure_of(street, air) == pytest.approx(MAX_EXPOSURE_NIGHT)


def test_at_dusk_the_sky_is_brighter_than_the_street():
    air = airlight(of("ClearDusk"))
    sky = PAINTER._radiance(directions(*SEEN_DEG), air) @ LUMA
    assert np.median(sky) > float(LUMA @ air.constants[AMBIENT_UP : AMBIENT_UP + 3])
