"""What goes into which split, and that wrong configurations name what is wrong."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.config import ConfigError
from sim.dataset.config import MOST_FOV_DEG, DatasetConfig, dump_dataset_config, load_dataset_config
from sim.dataset.plan import scenes_of
from sim.server.sensors.camera import MAX_FOV_DEG
from sim.server.sensors.raster import NEAR_M


@given(
    count=st.integers(1, 200),
    per_scene=st.integers(1, 20),
    seed=st.integers(0, 5),
    val=st.floats(0.0, 1.0),
)
def test_held_out_maps_and_weathers_never_reach_training(count: int, per_scene: int, seed: int, val: float) -> None:
    config = load_dataset_config(
        None,
        ["maps=[Roadlab01,Roadlab02,Roadlab03]", "weathers=[ClearNoon,FogNoon]", "split.test_maps=[Roadlab02]",
         "split.val_weathers=[FogNoon]", f"count={count}", f"shots.per_scene={per_scene}", f"seed={seed}",
         f"split.val_share={val}"],
    )  # fmt: skip
    scenes = scenes_of(config)
    assert sum(scene.frames for scene in scenes) == count
    assert len({scene.name for scene in scenes}) == len(scenes)
    for scene in scenes:
        assert (scene.map == "Roadlab02") == (scene.split == "test")
        if scene.weather == "FogNoon":
            assert scene.split != "train"
    assert scenes == scenes_of(config)


def test_every_weather_comes_on_every_map() -> None:
    config = load_dataset_config(
        None, ["maps=[Roadlab01,Roadlab02]", "weathers=[ClearNoon,FogNoon]", "count=40", "shots.per_scene=5"]
    )
    assert len({(scene.map, scene.weather) for scene in scenes_of(config)}) == 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sensors.camera.front.fov_deg=70", "did you mean 'cameras'"),
        ("coutn=3", "did you mean 'count'"),
        ("weathers=[ClearNon]", "did you mean 'ClearNoon'"),
        ("split.test_maps=[Roadlab2]", "did you mean 'Roadlab0"),
        ("traffic.shares={bicicle: 1}", "did you mean 'bicycle'"),
        ("sensors.flow=true", "mode=sequences"),
        ("traffic.vehicles=[5,3]", "FEWEST"),
        ("count=0", r"expected 1\.\."),
        ("exports=[voc]", "exports"),
        ("count", "KEY.PATH=VALUE"),
        ("seed=-1", r"seed: expected 0\.\."),
        ("sensors.cameras.front.width=0", "sensors.cameras.front.width: expected 16"),
        ("sensors.cameras.front.fov_deg=200", "expected 1..170, got 200"),
        ("sensors.cameras.front.x_m=.nan", "sensors.cameras.front.x_m: expected"),
        ("sensors.lidars.top.points_per_second=-1", "points_per_second: expected"),
        ("sensors.lidars.top.upper_fov_deg=-40", "lower_fov_deg: expected at most -40"),
        ("sensors.lidars={front: {}}", "taken for those of sensors.cameras.front"),
        ("sensors.cameras={front: {}, cam_front: {}}", "taken for those of sensors.cameras.front"),
        ("sensors.cameras={front: {}, front_depth: {}}", "taken for those of sensors.cameras.front"),
        ("sensors.lidars={top: {}, top_labels: {}}", "taken for those of sensors.lidars.top"),
        ("traffic.vehicles=[2000,2000]", "MOST <= 1000"),
        ("traffic.shares={car: -1}", "shares of 0 or more"),
        ("traffic.shares={car: 0}", "not all 0"),
        ("traffic.reach_m=-5", "traffic.reach_m: expected 5"),
        ("traffic.light_share=2", "traffic.light_share: expected 0..1"),
        ("shots.turned_share=3", "shots.turned_share: expected 0..1"),
        ("sequence.warm_up_s=-1", "sequence.warm_up_s: expected 0"),
        ("custom_weathers={a/b: {preset: ClearNoon}}", "custom_weathers.a/b: a name of letters"),
        ("custom_weathers={x: {preset: Nope}}", "no preset 'Nope'"),
        ("custom_weathers={x: {fog_density: .nan}}", "x.fog_density: expected a number"),
        ("maps=['']", "maps have names"),
        ("maps=[a/Town.xodr,b/Town.xodr]", "have one name"),
    ],
)
def test_a_wrong_configuration_is_refused_with_what_is_right(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_dataset_config(None, ["maps=[Roadlab01]", override])


def test_a_resolved_configuration_reads_back_equal() -> None:
    config = load_dataset_config("small", ["custom_weathers={murk: {preset: FogNoon, fog_density: 80}}"])
    assert load_dataset_config_text(dump_dataset_config(config)) == config
    assert config.maps == ("Roadlab01", "Roadlab02")


def load_dataset_config_text(text: str) -> DatasetConfig:
    import yaml

    from sim.dataset.config import build_dataset_config

    return build_dataset_config(yaml.safe_load(text))


def test_a_picture_so_wide_that_the_sky_shows_beside_the_camera_is_refused_with_what_to_do() -> None:
    assert MOST_FOV_DEG < MAX_FOV_DEG, "clients may have such pictures, a data set's labels would be wrong in them"
    beside_m = NEAR_M * math.tan(math.radians(MOST_FOV_DEG) / 2.0)  # nearer things at the picture's edge are not drawn
    assert beside_m < 1.0, "a vehicle in the next lane is further away"
    for fov_deg in (1.0, MOST_FOV_DEG):
        config = load_dataset_config(None, [f"sensors.cameras.front.fov_deg={fov_deg}"])
        assert config.sensors.cameras["front"].fov_deg == fov_deg
    with pytest.raises(ConfigError, match=r"front.fov_deg: expected 1..170, got 175: .* use two cameras"):
        load_dataset_config(None, ["sensors.cameras.front.fov_deg=175"])


def test_own_weathers_start_from_a_preset() -> None:
    config = load_dataset_config(
        None, ["custom_weathers={murk: {preset: FogNoon, fog_density: 80}}", "weathers=[murk]"]
    )
    assert config.weather("murk").fog_density == 80.0
    assert config.weather("murk").cloudiness == 60.0
