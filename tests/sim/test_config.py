"""Configuration: what is written is what runs, and what is wrong is named."""

from pathlib import Path

import pytest

from sim.config import ConfigError, RunConfig, dump_config, find_scenario, load_config


def test_overrides_reach_their_leaf_and_leave_the_rest() -> None:
    words = ["traffic.vehicles=40", "weather=HardRainNoon", "perception.detector.min_score=0.4"]
    config = load_config(None, words)
    assert config.traffic.vehicles == 40
    assert config.weather == "HardRainNoon"
    assert config.perception.detector.min_score == 0.4
    assert config.traffic.walkers == RunConfig().traffic.walkers


def test_the_dumped_configuration_reads_back_equal(tmp_path: Path) -> None:
    config = load_config("broken-camera", ["seed=7", "sensors.cameras.left.yaw_deg=60"])
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config))
    assert load_config(path) == config
    assert config.sensors.cameras["left"].yaw_deg == 60
    assert config.faults[0].kind == "drop"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trafic.vehicles=40", "traffic"),
        ("traffic.vehicle=40", "vehicles"),
        ("traffic.vehicles=many", "traffic.vehicles"),
        ("weather=HardRainNon", "HardRainNoon"),
        ("weather.fog_densty=3", "fog_density"),
        ("duration_s=0", "duration_s"),
        ("sim.step_s=-1", "sim.step_s"),
        ("traffic.vehicles", "KEY.PATH=VALUE"),
        ("sensors.cameras.front.widht=640", "width"),
    ],
)
def test_what_is_wrong_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(None, [override])


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'default'"):
        find_scenario("defualt")
    path = tmp_path / "x.yaml"
    path.write_text("- a\n- b\n")
    with pytest.raises(ConfigError, match="expected a mapping"):
        load_config(path)
    path.write_text("map: [unclosed")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(path)
