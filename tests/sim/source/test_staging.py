"""Placing a cast for a picture: nobody stands in anybody."""

from __future__ import annotations

import math

import numpy as np
from shapely import affinity
from shapely.geometry import Polygon, box

from sim.source.staging import spaced, touch


def polygon(x: float, y: float, yaw: float, half_length: float, half_width: float) -> Polygon:
    shape = box(-half_length, -half_width, half_length, half_width)
    return affinity.translate(affinity.rotate(shape, yaw, origin=(0, 0), use_radians=True), x, y)


def test_boxes_that_do_not_touch_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    apart = 0
    for _ in range(500):
        a, b = ((*rng.uniform(-5, 5, 2), rng.uniform(-math.pi, math.pi), *rng.uniform(0.2, 4.0, 2)) for _ in range(2))
        gap_m = polygon(*a).distance(polygon(*b))
        if not touch(a, b):
            apart += 1
            assert gap_m > 0.0
        else:
            assert gap_m < 0.5  # the gap that is kept, seen along the diagonal
    assert apart > 100


def test_places_to_spawn_have_a_cell_each() -> None:
    points = np.random.default_rng(1).uniform(0.0, 100.0, (400, 2))
    chosen = spaced(points, 12.0)
    cells = np.round(points[chosen] / 12.0)
    assert len(np.unique(cells, axis=0)) == len(chosen)
