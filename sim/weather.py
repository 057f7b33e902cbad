"""Weather as data: CARLA's presets by name, and single parameters over them; snow and dirty lenses besides.

CARLA's weather has no snow, and nothing ever sits on a lens: those are attributes of the embedded server's cameras
and LiDARs (``sensor_attributes``), which the sensors of a real CARLA server lack.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace


@dataclass(frozen=True)
class WeatherSpec:
    """CARLA 0.9.16 ``WeatherParameters`` in CARLA's units: percent 0..100, degrees, metres. Four of our own follow."""

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
    snowfall_mmph: float = 0.0
    """Falling snow as mm/h of water, 0..20: 0.5 is light, 2.5 heavy."""
    snow_cover: float = 0.0
    """Lying snow, percent."""
    lens_dirt: float = 0.0
    """Dust and mud on the cameras' lenses, percent."""
    lens_drops: float = -1.0
    """Drops of water on the cameras' lenses, percent; -1: as many as it rains."""

    def __post_init__(self) -> None:
        """Raises ValueError for a value of ours out of its range; CARLA's own go to CARLA as they are."""
        for name, (low, high) in OUR_RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"weather: {name} must be a number in {low:g}..{high:g}, got {value!r}")

    def as_dict(self) -> dict[str, float]:
        """CARLA's fourteen parameters, name -> value, in CARLA's order."""
        return {name: value for name, value in asdict(self).items() if name not in OUR_RANGES}

    def sensor_attributes(self, type_id: str) -> dict[str, str]:
        """Attributes by which a sensor of the embedded server learns of what CARLA's weather cannot say; none where
        there is nothing to say."""
        names = OUR_ATTRIBUTES.get(type_id, {})
        default = {f.name: f.default for f in fields(self)}
        return {
            attribute: str(value)
            for field_name, attribute in names.items()
            if (value := getattr(self, field_name)) != default[field_name]
        }


OUR_RANGES: Mapping[str, tuple[float, float]] = {
    "snowfall_mmph": (0.0, 20.0),
    "snow_cover": (0.0, 100.0),
    "lens_dirt": (0.0, 100.0),
    "lens_drops": (-1.0, 100.0),
}
"""Our own parameters and what they may be."""
OUR_ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "sensor.camera.rgb": {
        "snowfall_mmph": "snowfall",
        "snow_cover": "snow_cover",
        "lens_dirt": "lens_dirt",
        "lens_drops": "lens_drops",
    },
    "sensor.lidar.ray_cast": {"snowfall_mmph": "snowfall"},
    "sensor.other.radar": {"snowfall_mmph": "snowfall"},
}
"""Attribute of each of our parameters, by type of sensor."""


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
    presets["ClearDusk"] = replace(_CLEAR, cloudiness=20.0, sun_altitude_angle=-3.0)
    presets["CloudyDusk"] = replace(_CLEAR, **_SKIES["Cloudy"] | {"sun_altitude_angle": -3.0})
    snowy = {**_sky(90.0, 0.0, 0.0, 20.0, 4.0), "sun_altitude_angle": 30.0, "snowfall_mmph": 1.0, "snow_cover": 60.0}
    presets["SnowNoon"] = replace(_CLEAR, **snowy)
    presets["SnowNight"] = replace(_CLEAR, **snowy | {"sun_altitude_angle": -90.0})
    presets["HeavySnow"] = replace(
        _CLEAR, **snowy | {"snowfall_mmph": 3.0, "snow_cover": 100.0, "wind_intensity": 60.0}
    )
    presets["DirtyLens"] = replace(_CLEAR, lens_dirt=70.0)
    return presets


PRESETS = _presets()
"""CARLA's preset names (``ClearNoon`` ... ``HardRainNight``, ``DustStorm``); of our own ``FogNoon``, ``ClearDusk``,
``CloudyDusk``, ``SnowNoon``, ``SnowNight``, ``HeavySnow`` and ``DirtyLens``."""


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
