"""Streets for the judge: traffic stands on lanes, the same seed gives the same street, truth follows the outlines."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.realism.conditions import FOG_VISIBILITY_M, KOSCHMIEDER, PRESETS, weather_of
from sim.realism.judge import JudgePlan, picture_of, rendered
from sim.realism.own_sweeps import HDL64, own_sweeps
from sim.realism.rule import GROUP_OF_KIND
from sim.realism.stage import Stage
from sim.realism.sweeps import figures
from sim.server.maps import UnknownMapError
from sim.server.scene.library import load_library
from sim.server.sensors.atmosphere import extinction_per_m
from sim.server.sensors.renderer import Intrinsics, SceneRenderer

MAP = "Roadlab01"


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(MAP, 5)


def test_fog_sees_as_far_as_it_says():
    weather = weather_of("fog", 0, np.random.default_rng(0))
    assert KOSCHMIEDER / extinction_per_m(weather) == pytest.approx(FOG_VISIBILITY_M, rel=1e-3)


def test_every_weather_has_a_name_and_others_are_refused_with_the_nearest():
    for name in PRESETS:
        weather_of(name, 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="'overcast'"):
        weather_of("overcst", 0, np.random.default_rng(0))


def test_vehicles_stand_on_lanes_along_them_and_people_are_not_in_the_car(stage: Stage):
    carla_map = stage.world.scene.carla_map
    import carla

    for number in range(3):
        shot = stage.shot(number, "noon")
        bodies = shot.view.instances
        assert set(bodies.actor_id.tolist()) == set(shot.kinds)
        assert {kind for kind, _ in shot.kinds.values()} <= set(GROUP_OF_KIND)
        for row, actor in enumerate(bodies.actors().actor_id.tolist()):
            x, y, z = bodies.position_m[row]
            assert math.hypot(x - shot.position_m[0], y - shot.position_m[1]) > 2.5
            if shot.kinds[actor][0] == "person":
                continue
            lane = carla_map.get_waypoint(carla.Location(float(x), float(y), float(z)))
            away = lane.transform.location.distance(carla.Location(float(x), float(y), float(z)))
            turned = math.remainder(
                bodies.rotation_rad[row, 1] - math.radians(lane.transform.rotation.yaw), 2 * math.pi
            )
            assert away < 2.0
            assert abs(turned) < 0.3
        assert 1.2 <= shot.position_m[2] - shot.road_m[2] <= 1.8


def test_nothing_stands_on_its_nose_on_a_slope():
    """Shot 1002 of that map is on a hill of 5.3 degrees, with cars against the road's direction."""
    street = Stage("Roadlab03", 11)
    pitch = street.shot(1002, "noon").view.instances.actors().rotation_rad[:, 0]
    assert np.abs(pitch).max() < math.radians(8.0)
    assert np.count_nonzero(pitch > math.radians(4.0)) > 2  # uphill
    assert np.count_nonzero(pitch < math.radians(-4.0)) > 2


def test_the_same_number_is_the_same_street(stage: Stage):
    first, second = stage.shot(7, "rain"), stage.shot(7, "rain")
    np.testing.assert_array_equal(first.view.instances.position_m, second.view.instances.position_m)
    np.testing.assert_array_equal(first.view.instances.model, second.view.instances.model)
    np.testing.assert_array_equal(first.view.instances.light_state, second.view.instances.light_state)
    assert first.view.weather == second.view.weather


def test_a_lone_bicycle_is_a_machine_and_its_rider_both_whole(stage: Stage):
    renderer = SceneRenderer(stage.world.scene, load_library())
    try:
        shot = stage.alone("vehicle.gazelle.omafiets", 8.0, math.pi / 2.0, "noon")
        picture = picture_of("p", MAP, "noon", shot, renderer, Intrinsics(800, 600, math.pi / 2.0))
    finally:
        renderer.close()
    assert picture.real.kind == ("bicycle", "rider")
    assert picture.real.must_be_found().tolist() == [True, True]
    machine, rider = picture.real.box
    assert machine[1] > rider[1] + 10  # the rider is higher
    assert machine[2] - machine[0] > 60  # 1.8 m at 8 m, 400 px focal length: 90 px
    np.testing.assert_allclose(picture.real.share_visible[0], 1.0, atol=0.01)
    assert picture.real.distance_m[0] == pytest.approx(8.0, abs=0.5)


def test_sweeps_of_our_own_hit_the_bodies_that_are_there(stage: Stage):
    told = figures(list(own_sweeps(stage, HDL64, "noon", 2)))
    assert told["rings"]["beams"] == 64
    assert told["rings"]["ground_dropout"] == pytest.approx(0.45, abs=0.03)  # CARLA's default
    counted = [row for kind in told["objects"].values() for row in kind.values()]
    assert sum(row["bodies"] for row in counted) > 4


def test_a_map_that_is_not_there_is_told_before_the_first_picture():
    said: list[str] = []
    with pytest.raises(UnknownMapError, match="Nowhere"):
        next(iter(rendered(JudgePlan(maps=("Roadlab01", "Nowhere")), said.append)))
    assert said == []
