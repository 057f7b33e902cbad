"""Rain and snow are lit by what lights the street: the sky by day, what a town gives by night."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from sim.server.sensors.atmosphere import airlight
from sim.server.sensors.conditions import Conditions
from sim.server.sensors.falling import FallingWeather
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.pool import WorkerPool
from sim.server.sensors.precipitation import light_on_drops
from sim.server.sensors.raster import camera_block
from sim.server.sensors.warm import boxes

NOON = Weather(sun_altitude_angle=60.0, cloudiness=100.0)
NIGHT = replace(NOON, sun_altitude_angle=-60.0)
RAIN, SNOW = {"precipitation": 90.0}, {}
FAR_M = 1000.0
WIDTH, HEIGHT, FOCAL_PX = 160, 120, 80.0
SHARE_BY_NIGHT = 0.2
"""Of the light of an overcast noon: street lamps give a hundredth of it; pictures of nights are developed longer."""


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool(1)
    yield made
    made.close()


def fallen(pool: WorkerPool, weather: Weather, snowfall_mmph: float) -> np.ndarray:
    """Radiance (h, w, 3) of what falls, before nothing."""
    conditions = Conditions(snowfall_mmph=snowfall_mmph, lens_drops=0.0)
    cam = camera_block(np.array([0.0, 0.0, 1.5]), np.eye(3))
    surface, radiance = np.full((HEIGHT, WIDTH, 3), FAR_M, np.float32), np.zeros((HEIGHT, WIDTH, 3), np.float32)
    view = View(1, 2.0, boxes([]), np.zeros(0, np.uint8), weather)
    FallingWeather(pool).draw(
        cam, FOCAL_PX, view, airlight(weather, conditions), conditions, None, surface, radiance, 0
    )
    return radiance


@pytest.mark.parametrize(("more", "snowfall_mmph"), [(RAIN, 0.0), (SNOW, 3.0)], ids=["rain", "snow"])
def test_what_falls_by_night_is_as_much_as_by_day_and_dimmer(
    pool: WorkerPool, more: dict[str, float], snowfall_mmph: float
) -> None:
    day, night = (fallen(pool, replace(weather, **more), snowfall_mmph) for weather in (NOON, NIGHT))
    seen = day.sum(axis=2) > 0.0
    assert 0.02 < seen.mean() < 0.98, "drops with gaps between them"
    assert ((night.sum(axis=2) > 0.0) == seen).all(), "the same drops"
    assert 0.0 < night.mean() < SHARE_BY_NIGHT * day.mean()


def test_the_light_on_drops_goes_down_with_the_sun_and_is_not_gone_by_night() -> None:
    high, low, night = (
        light_on_drops(airlight(replace(NOON, sun_altitude_angle=angle))) for angle in (60.0, 20.0, -60.0)
    )
    assert (low < 0.6 * high).all()
    assert (night < 0.4 * low).all()
    assert (night > 0.01 * high).all()
