"""The shipped towns, judged by the official client library."""

from __future__ import annotations

import itertools
import math
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import carla
import networkx as nx
import pytest

from sim.towns.build import build
from sim.towns.catalogue import TOWNS

MAPS = Path(__file__).parents[3] / "configs" / "maps"
NAMES = [town.name for town in TOWNS]
EDGE_M = 1e-3  # how close to the end of a road it is probed

pytestmark = pytest.mark.parametrize("name", NAMES)


@cache
def text_of(name: str) -> str:
    return (MAPS / f"{name}.xodr").read_text(encoding="utf-8")


@cache
def map_of(name: str) -> carla.Map:
    return carla.Map(name, text_of(name))


@cache
def roads_of(name: str) -> dict[int, ElementTree.Element]:
    return {int(road.get("id", "-1")): road for road in ElementTree.fromstring(text_of(name)).findall("road")}


def lane_key(waypoint: Any) -> tuple[int, int]:
    return waypoint.road_id, waypoint.lane_id


@cache
def lane_graph(name: str) -> nx.DiGraph:
    graph = nx.DiGraph()
    for here, there in map_of(name).get_topology():
        graph.add_edge(lane_key(here), lane_key(there))
    return graph


def at_lane_end(name: str, lane: tuple[int, int], last: bool) -> Any:
    """The first or last waypoint of a lane, in its direction of travel."""
    length = float(roads_of(name)[lane[0]].get("length", "nan"))
    at_road_end = (lane[1] < 0) == last
    return map_of(name).get_waypoint_xodr(*lane, length - EDGE_M if at_road_end else EDGE_M)


def heading_between_deg(a: Any, b: Any) -> float:
    return abs(math.remainder(a.transform.rotation.yaw - b.transform.rotation.yaw, 360.0))


def distance_m(a: Any, b: Any) -> float:
    return float(a.transform.location.distance(b.transform.location))


def test_the_shipped_file_is_what_the_tables_say(name: str) -> None:
    town = next(town for town in TOWNS if town.name == name)
    assert build(town) == text_of(name)


def test_the_file_stays_small(name: str) -> None:
    assert len(text_of(name)) < 1_500_000


def test_lanes_meet_without_gap_or_kink(name: str) -> None:
    for before, after in lane_graph(name).edges:
        end, start = at_lane_end(name, before, last=True), at_lane_end(name, after, last=False)
        assert distance_m(end, start) < 0.05 + 2 * EDGE_M, (before, after)
        assert heading_between_deg(end, start) < 3.0, (before, after)
        assert abs(end.lane_width - start.lane_width) < 0.01, (before, after)


def test_curves_run_on_where_their_pieces_meet(name: str) -> None:
    for road_id, road in roads_of(name).items():
        for geometry in road.findall("planView/geometry")[1:]:
            s = float(geometry.get("s", "nan"))
            lane = -1
            before = map_of(name).get_waypoint_xodr(road_id, lane, s - EDGE_M)
            after = map_of(name).get_waypoint_xodr(road_id, lane, s + EDGE_M)
            assert distance_m(before, after) < 0.01, (road_id, s)
            assert heading_between_deg(before, after) < 0.5, (road_id, s)


def test_every_lane_can_be_reached_from_every_other_without_a_lane_change(name: str) -> None:
    graph = lane_graph(name)
    assert nx.is_strongly_connected(graph), [len(c) for c in nx.strongly_connected_components(graph)]


def test_nobody_drives_into_a_dead_end(name: str) -> None:
    for waypoint in map_of(name).generate_waypoints(4.0):
        assert waypoint.next(2.0), lane_key(waypoint)


@pytest.mark.parametrize("pick", ["first", "last"])
def test_two_kilometres_can_be_walked_from_every_lane(name: str, pick: str) -> None:
    for lane in sorted(lane_graph(name))[::5]:
        waypoint = at_lane_end(name, lane, last=False)
        for _ in range(1000):
            choices = waypoint.next(2.0)
            assert choices, lane_key(waypoint)
            waypoint = choices[0 if pick == "first" else -1]


def test_curves_are_wide_enough_for_a_car(name: str) -> None:
    tightest_m = 5.0  # radius of a lane's centre; a passenger car turns in 5.5 m between kerbs at its outer wheel
    for lane in lane_graph(name):
        start = at_lane_end(name, lane, last=False)
        path = [start, *start.next_until_lane_end(1.0)]
        for a, b in itertools.pairwise(path):
            moved = distance_m(a, b)
            if moved > 0.2:
                assert math.radians(heading_between_deg(a, b)) / moved < 1.0 / tightest_m, lane


def test_slopes_stay_gentle(name: str) -> None:
    for waypoint in map_of(name).generate_waypoints(5.0):
        assert abs(math.remainder(waypoint.transform.rotation.pitch, 360.0)) < 7.0  # degrees: 12 %


def test_approaches_with_lights_see_them_as_landmarks(name: str) -> None:
    lights = [light for light in map_of(name).get_all_landmarks() if light.type == "1000001"]
    assert len({light.id for light in lights}) == len(lights) > 0
    for light in lights:
        road_id = light.road_id
        for first, last in light.get_lane_validities():
            for lane in range(first, last + 1):
                approach = at_lane_end(name, (road_id, lane), last=False)
                seen = {mark.id for mark in approach.get_landmarks(1000.0, True)}
                assert light.id in seen, (light.id, road_id, lane)
                assert heading_between_deg(at_lane_end(name, (road_id, lane), last=True), light) < 0.1


def test_poles_stand_beside_the_lanes(name: str) -> None:
    for mark in map_of(name).get_all_landmarks():
        place = mark.transform.location
        nearest = map_of(name).get_waypoint(place, project_to_road=True, lane_type=carla.LaneType.Driving)
        gap_m = nearest.transform.location.distance(place) - 0.5 * nearest.lane_width
        assert 0.5 < gap_m < 4.0, (mark.name, mark.road_id, gap_m)


def test_opposite_approaches_share_a_phase(name: str) -> None:
    root = ElementTree.fromstring(text_of(name))
    lights = {mark.id: mark for mark in map_of(name).get_all_landmarks() if mark.type == "1000001"}
    controlled: list[str] = []
    for controller in root.findall("controller"):
        ids = [control.get("signalId", "") for control in controller.findall("control")]
        controlled += ids
        for a, b in itertools.combinations(ids, 2):
            angle = heading_between_deg(lights[a], lights[b])
            assert angle > 135.0 or angle < 45.0, (a, b)
    assert sorted(controlled) == sorted(lights)
    listed = [reference.get("id") for reference in root.findall("junction/controller")]
    assert sorted(listed) == sorted(c.get("id") for c in root.findall("controller"))


def test_crosswalks_span_the_road(name: str) -> None:
    corners = map_of(name).get_crosswalks()
    assert corners
    assert len(corners) % 5 == 0  # closed quadrilaterals
    for i in range(0, len(corners), 5):
        a, b, c, d, closing = corners[i : i + 5]
        assert a.distance(closing) < 1e-3
        assert a.distance(b) == pytest.approx(3.0, abs=0.01)  # walked width
        assert b.distance(c) > 7.0  # two lanes at least
        middle = carla.Location((a.x + c.x) / 2, (a.y + c.y) / 2, (a.z + c.z) / 2)
        road = map_of(name).get_waypoint(middle)
        assert road.is_junction
        assert road.transform.location.distance(middle) < 4.0
        assert d.distance(a) > 7.0


def test_the_map_knows_where_on_earth_it_is(name: str) -> None:
    town = next(town for town in TOWNS if town.name == name)
    place = map_of(name).transform_to_geolocation(carla.Location(0.0, 0.0, 0.0))
    assert place.latitude == pytest.approx(town.latitude_deg, abs=1e-6)
    assert place.longitude == pytest.approx(town.longitude_deg, abs=1e-6)
