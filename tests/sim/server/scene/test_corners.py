"""What a car that cuts a corner may touch."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from sim.server.scene.build import build_scene
from sim.server.scene.corners import corner_outlines
from sim.server.scene.lanes import Lane
from sim.server.scene.mesh import Tag
from sim.server.scene.occupancy import Occupancy, rectangle
from sim.server.scene.static import StaticScene

WIDTH_M = 3.5
TOWN = Path(__file__).parents[4] / "configs" / "maps" / "Roadlab01.xodr"


def bend(radius_m: float, number: int = -1, kind: str = "driving") -> Lane:
    """A quarter turn to the right around the origin of the middle's radius; lanes above 0 are sampled backwards."""
    angle = np.linspace(math.pi, 1.5 * math.pi, 60)  # y points down: a turn to the right goes through these
    ring = np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
    left, right = ring * (radius_m + WIDTH_M / 2.0), ring * (radius_m - WIDTH_M / 2.0)
    s = (angle - angle[0]) * radius_m
    if number > 0:
        left, right = left[::-1], right[::-1]
    return Lane(1, 0, number, kind, -1, s, left, right, ())


def depth_m(lane: Lane, radius_m: float) -> float:
    """How far from the inner edge the corner reaches in the middle of the turn."""
    occupancy = Occupancy([lane])
    away = np.arange(0.0, radius_m - WIDTH_M / 2.0, 0.1)
    inwards = np.array([-math.sqrt(0.5), -math.sqrt(0.5)])
    covered = occupancy.at(occupancy.corner, inwards * (radius_m - WIDTH_M / 2.0 - away)[:, None]) > 0
    return float(away[covered].max()) if covered.any() else 0.0


@pytest.mark.parametrize(("radius_m", "expected_m"), [(14.0, 6.5), (26.0, 3.5), (40.0, 0.0)])
@pytest.mark.parametrize("number", [-1, 1])
def test_the_narrower_a_bend_the_more_of_its_inside_is_kept(radius_m: float, expected_m: float, number: int) -> None:
    assert depth_m(bend(radius_m, number), radius_m) == pytest.approx(expected_m, abs=0.6)  # cells of half a metre


def test_only_driving_lanes_are_cut_and_only_on_the_inside() -> None:
    assert not list(corner_outlines([bend(14.0, kind="sidewalk")]))
    outside = np.array([[-1.0, -1.0]]) * math.sqrt(0.5) * (14.0 + WIDTH_M)
    occupancy = Occupancy([bend(14.0)])
    assert not occupancy.at(occupancy.corner, outside).any()


@cache
def town() -> StaticScene:
    return build_scene(TOWN.stem, TOWN.read_text(), 0)


def test_nothing_but_signals_of_the_town_stands_in_a_corner() -> None:
    occupancy = Occupancy(town().lanes)
    signals = {s.position_m[:2] for s in town().signals}
    assert occupancy.corner.any()
    for box in town().obstacles:
        if min(math.dist(box.centre_m[:2], at) for at in signals) < 0.5:
            continue  # a signal stands where the map says
        half_m = (0.0, 0.0) if box.tag == Tag.VEGETATION else box.half_m[:2]
        outline = rectangle(np.array(box.centre_m[:2]), half_m, box.yaw_rad)
        assert occupancy.misses_corners(outline), f"{Tag(box.tag).name} at {box.centre_m}"
