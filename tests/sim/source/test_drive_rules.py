"""Places of a route, and what the examiner sees, on a hand-made road."""

import math

import numpy as np
import pytest

from perception.objects import LightState
from planning.lanes import Lane, LaneGraph, StopKind, StopLine
from sim.scenario import RouteSpec
from sim.source.infractions import InfractionWatch
from sim.source.places import nearest_lane, resolve_route

RED, GREEN = int(LightState.RED), int(LightState.GREEN)


def straight(k, x0, length, successors=(), predecessors=(), junction=-1):
    n = int(length) + 1
    s = np.linspace(0.0, length, n)
    center = np.stack([x0 + s, np.zeros(n), np.zeros(n)], axis=1)
    zero = np.zeros(n)
    return Lane(k, center, zero, zero, s, np.full(n, 3.5), successors, predecessors, -1, -1, 10.0, junction, 0)


def road(*lines):
    lanes = (straight(0, 0.0, 50.0, (1,)), straight(1, 50.0, 10.0, (2,), (0,), 3), straight(2, 60.0, 40.0, (), (1,)))
    xy = [lane.center_m[:, :2] for lane in lanes]
    return LaneGraph(
        "road", lanes, tuple(lines), (), (), np.concatenate(xy),
        np.repeat(np.arange(3), [len(p) for p in xy]), np.concatenate([np.arange(len(p)) for p in xy]),
    )  # fmt: skip


def pose(x, y=0.0, yaw=0.0):
    out = np.eye(4)
    out[:2, :2] = [[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]]
    out[:2, 3] = x, y
    return out


def drive(watch, xs, light=RED, y=0.0, yaw=0.0, stand_at=None):
    events = []
    for x in xs:
        speed = 0.0 if stand_at is not None and abs(x - stand_at) < 0.5 else 8.0
        events += watch.update(pose(x, y, yaw), speed, {"light": light})
    return events


LIGHT = StopLine(0, 49.5, StopKind.LIGHT, "light")
SIGN = StopLine(0, 49.5, StopKind.STOP_SIGN, "sign")


def test_crossing_the_line_on_red_is_told_once():
    assert drive(InfractionWatch(road(LIGHT), 2.4), range(30, 60)) == [{"kind": "red_light", "signal_id": "light"}]


def test_the_front_counts_not_the_middle():
    watch = InfractionWatch(road(LIGHT), 2.4)
    assert drive(watch, [40.0, 46.0, 47.0]) == []
    assert len(drive(watch, [47.2])) == 1


@pytest.mark.parametrize("how", [{"light": GREEN}, {"light": int(LightState.YELLOW)}, {"y": 3.5}, {"yaw": math.pi}])
def test_no_infraction(how):
    assert drive(InfractionWatch(road(LIGHT), 2.4), range(30, 60), **how) == []


def test_a_stop_sign_wants_a_stop_before_the_line():
    assert [e["kind"] for e in drive(InfractionWatch(road(SIGN), 2.4), range(30, 60))] == ["stop_sign"]
    assert drive(InfractionWatch(road(SIGN), 2.4), range(30, 60), stand_at=46.0) == []
    assert len(drive(InfractionWatch(road(SIGN), 2.4), range(30, 60), stand_at=35.0)) == 1  # too early


def test_a_given_route_is_taken_as_it_is():
    spawns = np.array([[1.0, 0.0, 0.0], [70.0, 0.0, 0.0]])
    spec = RouteSpec(start=0, goal=1, via=((55.0, 0.0, 0.0),))
    route = resolve_route(spec, spawns, road(), np.random.default_rng(0))
    assert (route.start_world, route.goal_world, route.via_world) == ((1, 0, 0), (70, 0, 0), ((55, 0, 0),))


def test_an_open_route_ends_after_its_length():
    spec = RouteSpec(start=(5.0, 0.0, 0.0), length_m=70.0)
    route = resolve_route(spec, np.zeros((0, 3)), road(), np.random.default_rng(0))
    assert route.goal_world[0] == pytest.approx(75.0, abs=1.0)


def test_an_open_route_ends_where_the_road_ends():
    route = resolve_route(RouteSpec(start=(5.0, 0.0, 0.0)), np.zeros((0, 3)), road(), np.random.default_rng(0))
    assert 60.0 < route.goal_world[0] <= 100.0


def test_an_unknown_spawn_point_is_named():
    with pytest.raises(ValueError, match=r"spawn point 9.*0\.\.1"):
        resolve_route(RouteSpec(start=9), np.zeros((2, 3)), road(), np.random.default_rng(0))


def test_the_nearest_lane_heads_the_same_way():
    lane, row = nearest_lane((62.2, 1.0, 0.0), road())
    assert (lane.id, row) == (2, 2)
