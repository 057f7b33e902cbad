"""Forecasts and the collision check, against hand-computed motion and Shapely."""

from __future__ import annotations

import math

import numpy as np
import pytest
from shapely import affinity
from shapely.geometry import box

from perception.objects import ObjectClass
from planning.collision import CollisionConfig, _overlap, first_collisions
from planning.network import Network
from planning.obstacles import ObstacleConfig, select
from planning.prediction.constant_turn import ConstantTurn
from tests.planning.world import MKZ, Actor, Car, Roads, arc, line, steady, still, tracks_of, walker


def network() -> Network:
    roads = Roads()
    a = roads.add(line((0, 0), (50, 0)))
    roads.add(line((50, 0), (150, 0)), after=(a,), junction=1)
    roads.add(arc(50, 0, 0, 20.0, math.pi / 2), after=(a,), junction=1, turn=1)
    return Network(roads.graph())


def tracks(*actors: Actor):  # type: ignore[no-untyped-def]
    return tracks_of(list(actors), Car(0, 0, 0).ego(), 0.0, 0)


def test_a_car_on_a_lane_may_take_either_branch() -> None:
    forecasts = ConstantTurn(network()).predict(tracks(Actor(1, ObjectClass.CAR, steady(30, 0.5, 0, 10.0))))
    k = int(np.searchsorted(forecasts.times_s, 4.0 - 1e-6))
    straight_on, left = forecasts.means_world_m[0, 1, k], forecasts.means_world_m[0, 2, k]
    assert straight_on[:2] == pytest.approx([70.0, 0.5 * math.exp(-2.0)], abs=0.01)
    angle = 20.0 / 20.0  # 20 m past the fork on a radius of 20 m
    inside = 20.0 - 0.5 * math.exp(-2.0)
    assert left[:2] == pytest.approx([50 + inside * math.sin(angle), 20 - inside * math.cos(angle)], abs=0.05)
    assert forecasts.probabilities[0].sum() == pytest.approx(1.0)
    assert forecasts.probabilities[0, 1] == forecasts.probabilities[0, 2] > forecasts.probabilities[0, 0]


def test_constant_turn_dies_away() -> None:
    seen = tracks(Actor(1, ObjectClass.CAR, steady(0, 60, 0, 10.0)))  # far from any lane
    seen.yaw_rate_radps[0] = 0.4
    forecasts = ConstantTurn(network()).predict(seen)
    assert forecasts.probabilities[0].tolist() == [1.0, 0.0, 0.0]
    path = forecasts.means_world_m[0, 0]
    assert path[-1, 2] == pytest.approx(0.4 * 1.0 * (1 - math.exp(-6.0)), abs=1e-6)
    steps = np.hypot(*np.diff(path[:, :2], axis=0).T)
    assert steps == pytest.approx(np.full(30, 2.0), abs=1e-9)  # 10 m/s for 0.2 s


def test_walkers_go_straight_on_and_grow_uncertain() -> None:
    forecasts = ConstantTurn(network()).predict(tracks(walker(1, steady(10, 3, -1.2, 1.5))))
    assert forecasts.means_world_m[0, 0, -1, :2] == pytest.approx([10 + 9.0 * math.cos(-1.2), 3 + 9.0 * math.sin(-1.2)])
    assert (np.diff(forecasts.std_m[0, 0]) > 0).all()


def test_noise_does_not_move_a_parked_car() -> None:
    forecasts = ConstantTurn(network()).predict(tracks(Actor(1, ObjectClass.CAR, steady(30, 3, 1.0, 0.5))))
    assert np.ptp(forecasts.means_world_m[0, 0, :, :2], axis=0).max() == 0.0


def test_overlap_agrees_with_shapely() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(500):
        x, y, a, b = rng.uniform(-6, 6), rng.uniform(-6, 6), rng.uniform(-4, 4), rng.uniform(-4, 4)
        first = affinity.rotate(box(-2.4, -1.0, 2.4, 1.0), a, (0, 0), use_radians=True)
        other = affinity.translate(affinity.rotate(box(-2.2, -0.9, 2.2, 0.9), b, (0, 0), use_radians=True), x, y)
        truth = first.intersects(other)
        seen.add(truth)
        assert _overlap(x, y, a, 2.4, 1.0, b, 2.2, 0.9) == truth
    assert seen == {True, False}


def test_first_collision_comes_when_the_bumpers_meet() -> None:
    """10 m/s towards a standing car 20 m away, centre to centre: the bumpers are 20 - 2.45 - 2.25 = 15.3 m apart, less
    0.4 m margin and the grown uncertainty: 1.4..1.5 s."""
    forecasts = ConstantTurn(network()).predict(tracks(Actor(1, ObjectClass.CAR, still(20, 0))))
    times = np.arange(61) * 0.1
    poses = np.zeros((2, 61, 3))
    poses[0, :, 0] = 10.0 * times
    poses[1, :, 0] = 10.0 * times
    poses[1, :, 1] = 2.4  # beside it
    counts = np.ones((1, 3, 31))
    hit_s, row = first_collisions(poses, np.full((2, 61), 10.0), times, forecasts, counts, MKZ, CollisionConfig())
    assert 1.3 <= hit_s[0] <= 1.61
    assert row.tolist() == [0.0, -1.0]
    assert math.isinf(hit_s[1])


@pytest.mark.parametrize(
    ("kind", "size", "score", "misses", "age", "believed"),
    [
        (ObjectClass.CAR, (4.5, 1.9), 0.7, 0, 10, True),
        (ObjectClass.CAR, (4.5, 1.9), 0.7, 5, 10, True),  # hidden for half a second
        (ObjectClass.CAR, (4.5, 1.9), 0.14, 0, 9, False),  # in view of the camera, which does not confirm it
        (ObjectClass.PEDESTRIAN, (0.5, 0.5), 0.17, 0, 10, True),  # people are given the benefit of the doubt ...
        (ObjectClass.PEDESTRIAN, (0.5, 0.5), 0.17, 3, 10, False),  # ... while they are seen
        (ObjectClass.UNKNOWN, (11.8, 10.2), 0.29, 0, 10, False),  # a house
        (ObjectClass.UNKNOWN, (1.0, 1.0), 0.28, 0, 10, True),
        (ObjectClass.CAR, (4.5, 1.9), 0.7, 0, 1, False),  # seen once
    ],
)
def test_which_tracks_are_believed(kind, size, score, misses, age, believed) -> None:  # type: ignore[no-untyped-def]
    seen = tracks(Actor(1, kind, still(25, 3), (*size, 1.6)))
    seen.scores[0], seen.misses[0], seen.age[0] = score, misses, age
    assert select(seen, MKZ, ObstacleConfig()).tolist() == ([0] if believed else [])
