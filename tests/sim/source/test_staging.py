"""Placing a cast for a picture: nobody stands in anybody."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from shapely import affinity
from shapely.geometry import Polygon, box

from sim.source.staging import Blueprints, CastSpec, choose, spaced, touch


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


class Wheeled:
    """A walker's blueprint as far as wheelchairs go."""

    id = "walker.pedestrian.0001"

    def __init__(self, can: bool) -> None:
        self.values: dict[str, Any] = {"can_use_wheelchair": can, "use_wheelchair": "false"}

    def has_attribute(self, name: str) -> bool:
        return name in self.values

    def get_attribute(self, name: str) -> Any:
        return self.values[name]

    def set_attribute(self, name: str, value: str) -> None:
        self.values[name] = value


def test_a_few_of_those_who_may_sit_in_wheelchairs_and_nothing_else_is_drawn_otherwise() -> None:
    people = tuple(Wheeled(can) for can in [True] * 3000 + [False] * 3000)
    spec = CastSpec(vehicles=(0, 0), walkers=(6000, 6000), wheelchair_share=1.0 / 60.0)
    drawn = []
    for share in (1.0 / 60.0, 0.0):
        rng = np.random.default_rng(4)
        drawn.append((choose(Blueprints((), people), replace(spec, wheelchair_share=share), rng), rng.random(3)))
        sits = [person for person in people if person.values["use_wheelchair"] == "true"]
        assert all(person.values["can_use_wheelchair"] for person in sits)
        assert 10 < len(sits) < 60 if share else not sits
    assert drawn[0][0] == drawn[1][0]
    assert (drawn[0][1] == drawn[1][1]).all()
