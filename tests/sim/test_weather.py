from dataclasses import fields

import carla
import pytest

from sim.weather import OUR_RANGES, PRESETS, WeatherSpec, resolve_weather


def carla_presets() -> list[str]:
    return [name for name in dir(carla.WeatherParameters) if name[0].isupper() and name != "Default"]


@pytest.mark.parametrize("name", carla_presets())
def test_presets_are_carlas(name: str) -> None:
    theirs = getattr(carla.WeatherParameters, name)
    ours = PRESETS[name].as_dict()
    known = [f.name for f in fields(WeatherSpec) if f.name not in OUR_RANGES]
    assert len(known) == 14
    assert ours == pytest.approx({name: getattr(theirs, name) for name in known}, abs=1e-4)


def test_single_parameters_override_the_preset() -> None:
    spec = resolve_weather({"preset": "HardRainNoon", "fog_density": 40})
    assert (spec.precipitation, spec.fog_density) == (100.0, 40.0)


@pytest.mark.parametrize(("spec", "near"), [("HardRainNon", "HardRainNoon"), ({"fog_densty": 1}, "fog_density")])
def test_unknown_names_are_answered_with_the_nearest(spec: object, near: str) -> None:
    with pytest.raises(ValueError, match=near):
        resolve_weather(spec)  # type: ignore[arg-type]


def test_snow_reaches_cameras_and_lidars_as_attributes_and_carla_never() -> None:
    snow = resolve_weather("SnowNoon")
    assert snow.sensor_attributes("sensor.camera.rgb") == {"snowfall": "1.0", "snow_cover": "60.0"}
    assert snow.sensor_attributes("sensor.lidar.ray_cast") == {"snowfall": "1.0"}
    assert snow.sensor_attributes("sensor.other.imu") == {}
    assert resolve_weather("ClearNoon").sensor_attributes("sensor.camera.rgb") == {}
    carla.WeatherParameters(**snow.as_dict())  # takes fourteen names and no other


def test_our_own_parameters_are_bounded() -> None:
    with pytest.raises(ValueError, match=r"snowfall_mmph must be a number in 0\.\.20, got 200"):
        resolve_weather({"snowfall_mmph": 200})
