"""Marks in junctions lie on top, once, and run across nobody's lane; crosswalks end at kerbs and have straight bars."""

import math

import numpy as np
import pytest
import shapely

from sim.server.scene.lanes import RAISED_KINDS, Lane
from sim.server.scene.mesh import Material
from sim.server.scene.objects import ObjectBook
from sim.server.scene.paint import INSIDE_M, junction_strokes
from sim.server.scene.roads import build_roads, driving_surface
from tests.sim.server.scene.maps import scene_of

SOLID, DASHED = (2, False, 0.12), (1, True, 0.12)


def lane(road: int, start: tuple[float, float], heading: float, length: float = 20.0, rise_m: float = 0.0) -> Lane:
    """A straight lane of 3.5 m through junction 7, dashed on its left, solid on its right."""
    s = np.linspace(0.0, length, 3)
    along, right = (np.array([math.cos(a), math.sin(a), 0.0]) for a in (heading, heading + math.pi / 2))
    centre = np.array([*start, rise_m]) + s[:, None] * along
    return Lane(road, 0, -1, "driving", 7, s, centre - 1.75 * right, centre + 1.75 * right, ((0, 2, DASHED, SOLID),))


def test_lines_stop_where_they_would_cross_another_lane() -> None:
    east, south = lane(1, (-10.0, 0.0), 0.0), lane(2, (0.0, -10.0), math.pi / 2, rise_m=0.01)
    strokes = junction_strokes([east, south], driving_surface([east, south]))
    assert {(s.left[0], s.right[0]) for s in strokes} == {(1, 0), (0, 2)}
    assert len(strokes) == 8  # each of the four lines before and behind the other lane
    for stroke in strokes:
        x, y = np.abs((stroke.left_m + stroke.right_m)[:, :2].T / 2.0)
        across = y if stroke.road == 2 else x  # along its own lane, hence across the other
        assert across.min() > 1.75 - INSIDE_M - 0.01


def test_paint_lies_over_the_highest_lane_of_the_junction() -> None:
    east, south = lane(1, (-10.0, 0.0), 0.0), lane(2, (0.0, -10.0), math.pi / 2, rise_m=0.03)
    both = driving_surface([east, south])
    for stroke in junction_strokes([east, south], both):
        for edge in (stroke.left_m, stroke.right_m):
            assert (edge[:, 2] > both.heights(edge) + 0.01).all()


def test_lanes_that_begin_on_each_other_have_one_line() -> None:
    straight, same = lane(1, (-10.0, 0.0), 0.0), lane(2, (-10.0, 0.05), 0.0)
    strokes = junction_strokes([straight, same], driving_surface([straight, same]))
    assert [s.road for s in strokes] == [1, 1]
    width = np.linalg.norm(strokes[0].right_m - strokes[0].left_m, axis=1)
    assert width == pytest.approx(0.12 + 0.02)  # the whole line: nobody else paints its other half


def test_a_long_line_is_not_broken_where_a_short_one_would_lie_on_it() -> None:
    short, long = lane(1, (-10.0, 0.0), 0.0, length=1.5), lane(2, (-10.0, 0.05), 0.0)
    strokes = junction_strokes([short, long], driving_surface([short, long]))
    assert [s.road for s in strokes] == [2, 2]
    for stroke in strokes:
        assert np.ptp(stroke.left_m[:, 0]) == pytest.approx(20.0)


def test_lanes_of_junctions_are_bare_and_wheels_do_not_feel_paint() -> None:
    east, south = lane(1, (-10.0, 0.0), 0.0), lane(2, (0.0, -10.0), math.pi / 2)
    way = build_roads([east, south], ObjectBook())
    wide = (way.mesh.uvw[way.mesh.faces].max(axis=1)[:, 1:] > 2.5).any(axis=1)  # faces that know both edges of a lane
    rows = way.strips[way.mesh.param[wide]]
    assert not rows["left_type"].any()
    assert not rows["right_type"].any()
    carried = np.unique(way.mesh.param[way.solid_faces])
    assert not way.strips[carried]["right_type"].any()


@pytest.mark.parametrize("name", ["Town02", "Town04", "Town07"])
def test_no_line_of_a_town_runs_across_another_lane(name: str) -> None:
    lanes = [one for one in scene_of(name).lanes if one.junction >= 0 and one.kind not in RAISED_KINDS]
    strokes = junction_strokes(lanes, driving_surface(lanes))
    assert len(strokes) > 5
    by_junction: dict[int, list[Lane]] = {}
    for one in lanes:
        if one.is_driving:
            by_junction.setdefault(one.junction, []).append(one)
    junction_of = {one.road: one.junction for one in lanes}
    for stroke in strokes:
        middle = shapely.points((stroke.left_m + stroke.right_m)[:, :2] / 2.0)
        for other in by_junction.get(junction_of[stroke.road], []):
            if other.road != stroke.road:
                inner = shapely.Polygon(np.concatenate([other.left_m, other.right_m[::-1]])[:, :2]).buffer(
                    -INSIDE_M - 0.05
                )
                assert not shapely.contains(inner, middle).any()


@pytest.mark.parametrize("name", ["Roadlab03", "Town07"])
def test_crosswalks_lie_on_the_road_and_their_bars_are_straight(name: str) -> None:
    scene = scene_of(name)
    mesh = scene.mesh
    faces = mesh.faces[mesh.material == Material.CROSSWALK]
    assert len(faces) > 20
    corners, uvw = mesh.vertices_m[faces].astype(np.float64), mesh.uvw[faces].astype(np.float64)
    road = scene.ground.heights(corners.reshape(-1, 3) + np.array([0.0, 0.0, 0.3]))
    assert (corners[..., 2].reshape(-1) - road).max() < 0.05
    assert (corners[..., 2].reshape(-1) - road).min() > -0.05  # no ramp up a kerb of 0.14 m
    for a, b in ((0, 1), (1, 2), (2, 0)):  # surface coordinates are metres, turned but not bent
        assert np.linalg.norm((corners[:, a] - corners[:, b])[:, :2], axis=1) == pytest.approx(
            np.linalg.norm(uvw[:, a] - uvw[:, b], axis=1), abs=0.02
        )


def test_a_lane_outside_junctions_keeps_its_marks() -> None:
    street = lane(1, (-10.0, 0.0), 0.0)
    street = Lane(**{**street.__dict__, "junction": -1})
    way = build_roads([street], ObjectBook())
    assert (way.strips["left_type"][0], way.strips["right_type"][0]) == (1, 2)
