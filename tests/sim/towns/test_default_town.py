"""What the default town promises to hold."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import carla

PATH = Path(__file__).parents[3] / "configs" / "maps" / "Roadlab01.xodr"
ROOT = ElementTree.parse(PATH).getroot()


def lanes_each_way(road: ElementTree.Element) -> tuple[int, int]:
    def count(side: str) -> int:
        return len([lane for lane in road.findall(f"lanes/laneSection/{side}/lane") if lane.get("type") == "driving"])

    return count("right"), count("left")


def test_it_has_every_kind_of_control() -> None:
    types = [signal.get("type") for signal in ROOT.iter("signal")]
    assert types.count("1000001") >= 16
    assert types.count("206") >= 1
    assert types.count("205") >= 5  # a T-junction and four entries of the roundabout
    assert {signal.get("value") for signal in ROOT.iter("signal") if signal.get("type") == "274"} >= {
        "30",
        "50",
        "60",
        "90",
    }


def test_it_has_a_motorway_of_two_and_three_lanes_with_ramps() -> None:
    motorway = [road for road in ROOT.findall("road") if road.find("type[@type='motorway']") is not None]
    assert {lanes_each_way(road) for road in motorway} == {(2, 0), (3, 0)}
    assert {road.find("type/speed").get("max") for road in motorway} == {"90"}  # type: ignore[union-attr]
    assert sum("ramp" in road.get("name", "") and road.get("junction") == "-1" for road in ROOT.findall("road")) == 2


def test_it_has_avenues_a_hill_and_every_kind_of_curve() -> None:
    assert (2, 2) in {lanes_each_way(road) for road in ROOT.findall("road")}
    primitives = {child.tag for geometry in ROOT.iter("geometry") for child in geometry}
    assert {"line", "arc", "spiral"} <= primitives
    town = carla.Map("Roadlab01", PATH.read_text(encoding="utf-8"))
    heights = [waypoint.transform.location.z for waypoint in town.generate_waypoints(5.0)]
    assert max(heights) > 6.0
    assert min(heights) < -1.5


def test_town_roads_have_sidewalks() -> None:
    for road in ROOT.findall("road"):
        kind = road.find("type")
        if kind is not None and kind.get("type") == "town" and road.get("junction") == "-1":
            assert any(lane.get("type") == "sidewalk" for lane in road.iter("lane")), road.get("name")
