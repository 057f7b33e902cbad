"""The weathers that the judge sees, by name."""

from __future__ import annotations

import difflib

import numpy as np

from sim.server.sensors.atmosphere import extinction_per_m
from sim.server.sensors.instances import Weather
from sim.weather import resolve_weather

FOG_VISIBILITY_M = 100.0
KOSCHMIEDER = 3.0  # visibility times extinction: what is left of a contrast there is 5 %

PRESETS: dict[str, tuple[str, ...]] = {
    "noon": ("ClearNoon",),
    "overcast": ("CloudyNoon",),
    "rain": ("HardRainNoon", "MidRainyNoon"),
    "sunset": ("ClearSunset",),
    "fog": ("FogNoon",),
    "night": ("ClearNight",),
    "night_rain": ("HardRainNight",),
}
"""CARLA's presets of each weather, taken by turns; fog gets the density that sees 100 m."""
LAMPS_ON = {"noon": 0.1, "overcast": 0.2, "rain": 0.7, "sunset": 0.4, "fog": 0.85, "night": 1.0, "night_rain": 1.0}
"""Share of the drivers that have switched their lamps on."""
FOG_LAMPS_ON = {"fog": 0.5}
"""Share with fog lamps: below 100 m of sight they are asked for in Britain, below 50 m allowed in Germany."""
DEFAULT_WEATHERS = ("noon", "overcast", "rain", "sunset", "fog", "night")


def weather_of(name: str, number: int, rng: np.random.Generator) -> Weather:
    """The weather of the picture ``number``, the sun anywhere round. Raises ValueError for an unknown name."""
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.0)[0]
        raise ValueError(f"weather: no {name!r} for the judge; did you mean {near!r}? All: {', '.join(PRESETS)}")
    presets = PRESETS[name]
    values = resolve_weather(presets[number % len(presets)]).as_dict()
    values["sun_azimuth_angle"] = float(rng.uniform(0.0, 360.0))
    if name == "fog":
        values["fog_density"] = fog_density(FOG_VISIBILITY_M, values)
    return Weather(**values)


def fog_density(visibility_m: float, values: dict[str, float]) -> float:
    """Fog density in percent at which one sees so far, by the renderer's own law."""
    low, high = 0.0, 400.0
    for _ in range(50):
        middle = (low + high) / 2.0
        extinction = extinction_per_m(Weather(**{**values, "fog_density": middle}))
        low, high = (middle, high) if extinction < KOSCHMIEDER / visibility_m else (low, middle)
    return high
