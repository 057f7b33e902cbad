"""Triangles joined to convex polygons, held against random triangulations."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay, QhullError

from sim.server.navigation.convex import MAX_CORNERS, convex_polygons, sides

Point = tuple[int, int]


def twice_area(ring: tuple[int, ...], points: list[Point]) -> int:
    return sum(points[a][0] * points[b][1] - points[b][0] * points[a][1] for a, b in sides(ring))


def triangulated(points: list[Point]) -> list[tuple[int, int, int]]:
    """Delaunay triangles, counter-clockwise; none where the points lie on one line."""
    try:
        found = Delaunay(np.array(points, float)).simplices.tolist()
    except QhullError:
        return []
    out = []
    for a, b, c in found:
        area = twice_area((a, b, c), points)
        if area:
            out.append((a, b, c) if area > 0 else (a, c, b))
    return out


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=3, max_size=60, unique=True),
    st.integers(1, 3),
)
def test_polygons_are_convex_and_cover_what_the_triangles_cover(points: list[Point], groups: int) -> None:
    triangles = triangulated(points)
    group = [k % groups for k in range(len(triangles))]
    polygons = convex_polygons(triangles, group, points)
    assert sum(twice_area(ring, points) for ring, _, _ in polygons) == sum(twice_area(t, points) for t in triangles)
    directed = [side for ring, _, _ in polygons for side in sides(ring)]
    assert len(directed) == len(set(directed)), "an edge belongs to two polygons on the same side"
    for ring, inside, _ in polygons:
        assert 3 <= len(ring) <= MAX_CORNERS
        assert len(set(ring)) == len(ring)
        for k in range(len(ring)):
            a, b, c = (points[ring[(k + j) % len(ring)]] for j in range(3))
            assert (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]) >= 0
        assert sum(twice_area((ring[a], ring[b], ring[c]), points) for a, b, c in inside) == twice_area(ring, points)


def test_groups_are_not_joined() -> None:
    points = [(0, 0), (2, 0), (2, 2), (0, 2)]
    triangles = [(0, 1, 2), (0, 2, 3)]
    assert [ring for ring, _, _ in convex_polygons(triangles, [0, 0], points)] == [(2, 3, 0, 1)]
    assert len(convex_polygons(triangles, [0, 1], points)) == 2


def test_a_reflex_corner_keeps_triangles_apart() -> None:
    points = [(0, 0), (4, 0), (1, 1), (0, 4)]  # an arrow head with its notch at (1, 1)
    assert len(convex_polygons([(0, 1, 2), (0, 2, 3)], [0, 0], points)) == 2
