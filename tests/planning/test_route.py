"""Routes, the reference drawn along them, and the Frenet frame on it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from planning.network import Network, PlanningError
from planning.plan import Planning
from planning.reference import build_reference, section_stations
from planning.route import find_route
from tests.planning.test_manoeuvres import EXIT, turn_road, two_lanes
from tests.planning.world import MKZ, Roads, arc, line


def ring(radius: float = 30.0) -> Roads:
    """Four quarters of a circle, driven counter-clockwise."""
    roads = Roads()
    for k in range(4):
        yaw = 0.5 * math.pi * k
        x, y = radius * math.sin(yaw), -radius * math.cos(yaw)
        roads.add(arc(x, y, yaw, radius, math.pi / 2), after=((k - 1) % 4,))
    return roads


def test_nearest_lane_heeds_the_heading() -> None:
    roads = Roads()
    roads.add(line((0, 0), (100, 0)))
    roads.add(line((100, 3.5), (0, 3.5)))
    network = Network(roads.graph())
    assert network.nearest(50.0, 2.2, 0.0)[0].lane == 0
    there = network.nearest(50.0, 2.2, math.pi)[0]
    assert there.lane == 1
    assert there.s_m == pytest.approx(50.0, abs=1e-6)
    assert there.offset_m == pytest.approx(1.3, abs=1e-6)  # left of a lane that goes west is south of it


def test_goal_behind_the_start_is_reached_by_driving_round() -> None:
    network = Network(ring().graph())
    start, goal = network.nearest(10.0, -28.3, 0.35)[0], network.nearest(2.0, -29.9, 0.07)[0]
    assert start.lane == goal.lane == 0
    route = find_route(network, start, (goal,))
    assert route.lanes == (0, 1, 2, 3, 0)
    length = float(section_stations(network, route)[-1])
    assert length == pytest.approx(2 * math.pi * 30.0 - (start.s_m - goal.s_m), abs=0.5)


def test_via_points_are_passed_in_order() -> None:
    network = Network(ring().graph())
    start, via, goal = (network.nearest(*p)[0] for p in ((5.0, -29.6, 0.2), (-30.0, 0.0, -1.57), (30.0, 0.0, 1.57)))
    lanes = find_route(network, start, (via, goal)).lanes
    assert len(lanes) > 4
    assert lanes.index(via.lane) < len(lanes) - 1 - lanes[::-1].index(goal.lane)


def test_unreachable_goal_is_an_error_that_names_the_lanes() -> None:
    network = Network(two_lanes().__class__(**{**two_lanes().__dict__}))
    start, goal = network.nearest(350.0, 3.5, 0.0)[0], network.nearest(10.0, 0.0, 0.0)[0]
    with pytest.raises(PlanningError, match=f"from lane {start.lane} to lane {goal.lane}"):
        find_route(network, start, (goal,))


def test_a_start_off_the_road_is_an_error() -> None:
    with pytest.raises(PlanningError, match=r"start \(0\.0, 90\.0\)"):
        Planning(two_lanes(), MKZ).set_route(np.array([0.0, 90.0, 0.0]), np.array(EXIT))


def test_lane_change_is_drawn_smoothly() -> None:
    stage = Planning(two_lanes(), MKZ)
    route = stage.set_route(np.array([5.0, 3.5, 0.0]), np.array(EXIT))
    assert len(route.changes) == 1
    assert route.changes[0].direction == -1
    y = stage.reference.xy_m[stage.reference.xy_m[:, 0] < 290, 1]
    assert y[0] == pytest.approx(3.5, abs=0.01)
    assert y[-1] == pytest.approx(0.0, abs=0.01)
    assert (np.diff(y) < 1e-9).all()  # never back
    # quintic over 4 s: 5.77 d / T^2 = 1.26 m/s2 for 3.5 m
    assert np.abs(stage.reference.curvature_pm[:400]).max() * 13.9**2 < 1.4


def test_a_change_the_goal_leaves_no_room_for_is_left_out() -> None:
    stage = Planning(two_lanes(), MKZ)
    route = stage.set_route(np.array([280.0, 3.5, 0.0]), np.array([290.0, 0.0, 0.0]))
    assert route.changes == ()
    assert stage.reference.goal_s_m == pytest.approx(10.0, abs=0.3)


def test_reference_has_even_steps_and_the_curvature_of_the_turn() -> None:
    network = Network(turn_road(10.0))
    start, goal = network.nearest(5.0, 0.0, 0.0)[0], network.nearest(90.0, 80.0, 1.57)[0]
    reference = build_reference(network, find_route(network, start, (goal,)))
    steps = np.hypot(*np.diff(reference.xy_m, axis=0).T)
    assert np.allclose(steps, 0.5, atol=0.005)
    assert reference.curvature_pm.max() == pytest.approx(0.1, abs=0.01)
    assert reference.goal_s_m == pytest.approx(75 + 5 * math.pi + 70, abs=0.5)


def test_frenet_round_trip_on_a_curve() -> None:
    network = Network(ring().graph())
    start, goal = network.nearest(0.0, -30.0, 0.0)[0], network.nearest(-30.0, 0.0, -1.57)[0]
    reference = build_reference(network, find_route(network, start, (goal,)))
    rng = np.random.default_rng(1)
    s, d = rng.uniform(5, 100, 200), rng.uniform(-4, 4, 200)
    xy, yaw, _ = reference.at(s)
    points = xy + d[:, None] * np.stack([-np.sin(yaw), np.cos(yaw)], -1)
    s_back, d_back = reference.project(points)
    assert np.abs(s_back - s).max() < 0.03
    assert np.abs(d_back - d).max() < 0.02
