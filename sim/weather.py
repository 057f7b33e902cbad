"""Weather as data: CARLA's presets by name, and single parameters over them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace


@dataclass(frozen=True)
class WeatherSpec:
    """CARLA 0.9.16 ``WeatherParameters`` in CARLA's units: percent 0..100, degrees, metres."""

    cloudiness: float = 5.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 10.0
    sun_azimuth_angle: float = -1.0
    sun_altitude_angle: float = 45.0
    fog_density: float = 2.0
    fog_distance: float = 0.75
    fog_falloff: float = 0.1
    wetness: float = 0.0
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """Parameter name -> value, in CARLA's order."""
        return asdict(self)


_CLEAR = WeatherSpec()


def _sky(clouds: float, rain: float, puddles: float, wind: float, fog: float) -> dict[str, float]:
    return {
        "cloudiness": clouds,
        "precipitation": rain,
        "precipitation_deposits": puddles,
        "wind_intensity": wind,
        "fog_density": fog,
    }


_SKIES: dict[str, dict[str, float]] = {
    "Clear": {},
    "Cloudy": _sky(60.0, 0.0, 0.0, 10.0, 3.0),
    "Wet": _sky(5.0, 0.0, 50.0, 10.0, 3.0),
    "WetCloudy": _sky(60.0, 0.0, 50.0, 10.0, 3.0),
    "SoftRain": _sky(20.0, 30.0, 50.0, 30.0, 3.0),
    "MidRain": _sky(60.0, 60.0, 60.0, 60.0, 3.0),
    "HardRain": _sky(100.0, 100.0, 90.0, 100.0, 7.0),
}
_NIGHT: dict[str, dict[str, float]] = {
    # CARLA's night presets are not the noon ones with the sun gone: most are foggy and wet
    "Clear": {"fog_density": 60.0, "fog_distance": 75.0, "fog_falloff": 1.0},
    "Cloudy": {"fog_density": 60.0},
    "Wet": {"fog_density": 60.0, "fog_distance": 75.0, "fog_falloff": 1.0, "wetness": 60.0},
    "WetCloudy": {"fog_density": 60.0, "wetness": 60.0},
    "SoftRain": {"cloudiness": 60.0, "fog_density": 60.0, "wetness": 60.0},
    "MidRain": {"cloudiness": 80.0, "fog_density": 60.0, "wetness": 80.0},
    "HardRain": {"fog_density": 100.0, "wetness": 100.0},
}
_SUNSET_FOG = {"Wet": 2.0, "WetCloudy": 2.0, "SoftRain": 2.0}


def _presets() -> dict[str, WeatherSpec]:
    presets = {}
    for sky, values in _SKIES.items():
        name = {"MidRain": ("MidRainyNoon", "MidRainSunset", "MidRainyNight")}.get(
            sky, (f"{sky}Noon", f"{sky}Sunset", f"{sky}Night")
        )
        sunset = {"fog_density": _SUNSET_FOG[sky]} if sky in _SUNSET_FOG else {}
        presets[name[0]] = replace(_CLEAR, **values)
        presets[name[1]] = replace(_CLEAR, **values | sunset | {"sun_altitude_angle": 15.0})
        presets[name[2]] = replace(_CLEAR, **values | _NIGHT[sky] | {"sun_altitude_angle": -90.0})
    presets["DustStorm"] = replace(_CLEAR, cloudiness=100.0, wind_intensity=100.0, dust_storm=100.0)
    presets["FogNoon"] = replace(_CLEAR, cloudiness=60.0, fog_density=60.0, fog_distance=0.0, fog_falloff=0.0)
    return presets


PRESETS = _presets()
"""CARLA's preset names (``ClearNoon`` ... ``HardRainNight``, ``DustStorm``) and ``FogNoon`` of our own."""


def resolve_weather(spec: str | Mapping[str, float | str]) -> WeatherSpec:
    """Weather from a preset name, or from a mapping of parameters with an optional ``preset`` to start from.

    Raises ValueError naming the nearest preset or parameter.
    """
    if isinstance(spec, str):
        spec = {"preset": spec}
    values = dict(spec)
    name = str(values.pop("preset", "ClearNoon"))
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1) or sorted(PRESETS)[:1]
        raise ValueError(f"weather: no preset {name!r}; did you mean {near[0]!r}? (`roadlab run --list weathers`)")
    known = {f.name for f in fields(WeatherSpec)}
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1) or ["fog_density"]
            raise ValueError(f"weather: no parameter {key!r}; did you mean {near[0]!r}?")
    return replace(PRESETS[name], **{key: float(value) for key, value in values.items()})
