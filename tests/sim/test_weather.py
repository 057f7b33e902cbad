from dataclasses import fields

import carla
import pytest

from sim.weather import PRESETS, WeatherSpec, resolve_weather


def carla_presets() -> list[str]:
    return [name for name in dir(carla.WeatherParameters) if name[0].isupper() and name != "Default"]


@pytest.mark.parametrize("name", carla_presets())
def test_presets_are_carlas(name: str) -> None:
    theirs = getattr(carla.WeatherParameters, name)
    ours = PRESETS[name].as_dict()
    assert ours == pytest.approx({f.name: getattr(theirs, f.name) for f in fields(WeatherSpec)}, abs=1e-4)


def test_single_parameters_override_the_preset() -> None:
    spec = resolve_weather({"preset": "HardRainNoon", "fog_density": 40})
    assert (spec.precipitation, spec.fog_density) == (100.0, 40.0)


@pytest.mark.parametrize(("spec", "near"), [("HardRainNon", "HardRainNoon"), ({"fog_densty": 1}, "fog_density")])
def test_unknown_names_are_answered_with_the_nearest(spec: object, near: str) -> None:
    with pytest.raises(ValueError, match=near):
        resolve_weather(spec)  # type: ignore[arg-type]
