import math
import os
from pathlib import Path

import carla
import numpy as np
import pytest
from shapely.geometry import LineString, Polygon

from planning.lanes import STEP_M, StopKind
from sim.source.lanes import lane_graph

DATA = Path(os.environ.get("ROADLAB_DATA", Path(__file__).parents[4] / "shared" / "data"))
OWN = Path(__file__).parents[3] / "configs" / "maps" / "Roadlab01.xodr"


def load(path):
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    return carla.Map(path.stem, path.read_text())


@pytest.fixture(scope="module")
def town02():
    carla_map = load(DATA / "maps" / "Town02.xodr")
    return carla_map, *lane_graph(carla_map)


@pytest.fixture(scope="module")
def own_town():
    return lane_graph(load(OWN))


def turn(a, b):
    return abs(math.atan2(math.sin(a - b), math.cos(a - b)))


def assert_continuous(graph):
    links = 0
    for lane in graph.lanes:
        for after in lane.successors:
            following = graph.lanes[after]
            assert lane.id in following.predecessors
            assert np.linalg.norm(lane.center_m[-1] - following.center_m[0]) < 0.1
            assert turn(lane.yaw_rad[-1], following.yaw_rad[0]) < math.radians(3.0)
            links += 1
    assert links > 50


def test_every_lane_of_town02_goes_on_where_it_ends(town02):
    _, graph, _ = town02
    assert_continuous(graph)
    assert [lane.id for lane in graph.lanes] == list(range(len(graph.lanes)))


def test_every_lane_of_our_own_town_goes_on_where_it_ends(own_town):
    assert_continuous(own_town[0])


def test_centre_lines_are_the_maps_mirrored(town02):
    carla_map, graph, _ = town02
    outside = [lane for lane in graph.lanes if lane.junction < 0]
    for lane in outside:  # outside junctions the nearest lane is this one: heading and width agree
        k = len(lane.center_m) // 2
        waypoint = carla_map.get_waypoint(carla.Location(*(lane.center_m[k] * (1, -1, 1)).tolist()))
        there = waypoint.transform.location
        roughly_m = 0.05 if abs(lane.curvature_pm[k]) < 1e-3 else 0.3  # the client's own projection errs in bends
        assert np.linalg.norm(lane.center_m[k] - (there.x, -there.y, there.z)) < roughly_m
        assert turn(math.radians(-waypoint.transform.rotation.yaw), lane.yaw_rad[k]) < math.radians(2.0)
        assert lane.width_m[k] == pytest.approx(waypoint.lane_width, abs=1e-3)


def test_samples_are_dense_and_yaw_follows_the_line(town02):
    _, graph, _ = town02
    for lane in graph.lanes:
        step = np.diff(lane.center_m[:, :2], axis=0)
        assert np.linalg.norm(step, axis=1).max() <= STEP_M + 1e-3
        along = np.arctan2(step[:, 1], step[:, 0])
        middle = lane.yaw_rad[:-1] + 0.5 * np.angle(np.exp(1j * (lane.yaw_rad[1:] - lane.yaw_rad[:-1])))
        assert max(turn(a, b) for a, b in zip(along, middle, strict=True)) < math.radians(3.0)
        assert np.allclose(
            lane.s_m, np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(lane.center_m, axis=0), axis=1))])
        )


def test_junction_lanes_turn_as_their_curvature_says(town02):
    _, graph, _ = town02
    turns = {lane.turn for lane in graph.lanes if lane.junction >= 0}
    assert turns == {-1, 0, 1}
    for lane in graph.lanes:
        angle = float(np.sum(0.5 * (lane.curvature_pm[1:] + lane.curvature_pm[:-1]) * np.diff(lane.s_m)))
        if lane.turn:
            assert lane.junction >= 0
            assert np.sign(angle) == lane.turn
            assert abs(angle) == pytest.approx(math.pi / 2, abs=0.3)


def test_each_light_of_town02_holds_its_lane_at_the_junction(town02):
    _, graph, lights = town02
    assert len(lights) == 24
    held = {line.signal_id for line in graph.stop_lines if line.kind is StopKind.LIGHT}
    assert held == {light.signal_id for light in lights}
    for line in graph.stop_lines:
        lane = graph.lanes[line.lane]
        assert 0.0 <= line.s_m <= lane.length_m
        if line.kind is StopKind.LIGHT:
            assert lane.junction < 0
            assert lane.length_m - line.s_m < 1.0
            assert all(graph.lanes[k].junction >= 0 for k in lane.successors)
    for light in lights:  # the head looks at the car that it holds
        line = next(item for item in graph.stop_lines if item.signal_id == light.signal_id)
        yaw = graph.lanes[line.lane].yaw_rad[-1]
        assert light.facing_world @ (math.cos(yaw), math.sin(yaw)) < -0.99


def test_signs_of_our_own_town_become_stop_lines(own_town):
    graph, lights = own_town
    kinds = {kind: sum(line.kind is kind for line in graph.stop_lines) for kind in StopKind}
    assert kinds[StopKind.LIGHT] >= 4
    assert kinds[StopKind.STOP_SIGN] >= 1
    assert kinds[StopKind.YIELD] >= 1
    assert kinds[StopKind.CROSSWALK] >= 4
    assert {light.signal_id for light in lights} <= {line.signal_id for line in graph.stop_lines}


def test_crosswalk_lines_lie_before_the_crosswalk(own_town):
    graph, _ = own_town
    areas = [Polygon(corners) for corners in graph.crosswalks_m]
    for line in (item for item in graph.stop_lines if item.kind is StopKind.CROSSWALK):
        center = LineString(graph.lanes[line.lane].center_m[:, :2])
        here = center.interpolate(center.length * line.s_m / graph.lanes[line.lane].length_m)
        assert min(area.distance(here) for area in areas) < 1.1
        if line.s_m > 0:
            assert not any(area.buffer(-0.3).contains(here) for area in areas)


def test_our_own_town_lets_cars_change_lanes_both_ways(own_town):
    graph, _ = own_town
    pairs = [(lane.id, lane.left) for lane in graph.lanes if lane.left >= 0]
    assert pairs
    for a, b in pairs:
        mine, other = graph.lanes[a], graph.lanes[b]
        k = len(mine.center_m) // 2
        away = other.center_m[np.argmin(np.linalg.norm(other.center_m - mine.center_m[k], axis=1))] - mine.center_m[k]
        left = np.array([-math.sin(mine.yaw_rad[k]), math.cos(mine.yaw_rad[k])])
        assert 2.0 < away[:2] @ left < 5.0


def test_speed_limits_are_plausible_and_signs_count(own_town, town02):
    assert {round(lane.speed_limit_mps * 3.6) for lane in own_town[0].lanes} <= {30, 50, 60, 90, 120, 130}
    town = [lane.speed_limit_mps * 3.6 for lane in town02[1].lanes]
    assert min(town) >= 25.0
    assert max(town) <= 90.0 + 1e-6


def test_conflicts_come_in_pairs_and_never_both_yield(town02):
    _, graph, _ = town02
    conflicts = {(c.a, c.b): c for c in graph.conflicts}
    assert conflicts
    for (a, b), conflict in conflicts.items():
        other = conflicts[b, a]
        assert not (conflict.a_yields and other.a_yields)
        assert conflict.a_s_m == other.b_s_m
        one, two = graph.lanes[a], graph.lanes[b]
        assert one.junction == two.junction >= 0
        k = int(np.searchsorted(one.s_m, conflict.a_s_m[0]))
        assert np.linalg.norm(two.center_m - one.center_m[k], axis=1).min() < 2.5


def test_left_turn_gives_way_to_oncoming_traffic(town02):
    _, graph, _ = town02
    seen = 0
    for conflict in graph.conflicts:
        a, b = graph.lanes[conflict.a], graph.lanes[conflict.b]
        if turn(a.yaw_rad[0], b.yaw_rad[0]) > math.radians(170) and a.turn > 0 and b.turn <= 0:
            assert conflict.a_yields
            seen += 1
    assert seen > 4


def test_a_map_without_roads_is_refused():
    text = '<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="e"/></OpenDRIVE>'
    with pytest.raises((ValueError, RuntimeError)):
        lane_graph(carla.Map("empty", text))
