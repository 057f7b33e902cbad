"""Where people cross the road: the map's crosswalks, joined to the sidewalks that they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from sim.server.scene.lanes import Lane

Array = npt.NDArray[np.float64]

REACH_M = 4.0
"""A crosswalk ends at most this far from the sidewalk it leads to: a shoulder or a parking lane lies between."""
IMPLIED_DEPTH_M = 3.0
"""Depth of a crossing that no map marks: a usual zebra crossing."""
NARROWEST_M = 0.5


@dataclass(frozen=True)
class Crossing:
    """A crossing as a rectangle: corners (4, 2) in order around, of which 0-1 and 2-3 run across the road."""

    corners_m: Array
    height_m: float

    def reaching(self, sidewalk: Any) -> Any | None:
        """The crossing in plan view, prolonged to the sidewalks at its ends; None if it leads to none."""
        a, b, c, d = self.corners_m
        ends = [_leading(p, q, away, sidewalk) for p, q, away in ((a, d, a - b), (b, c, b - a))]
        found = [end for end in ends if end is not None]
        return shapely.union_all([shapely.polygons(self.corners_m), *found]) if found else None


def _leading(p: Array, q: Array, away: Array, sidewalk: Any) -> Any | None:
    """What lies between the side p-q of a crossing and the next sidewalk in direction ``away``."""
    step = away / max(float(np.linalg.norm(away)), 1e-9) * REACH_M
    back = step * (0.3 / REACH_M)
    corridor = shapely.polygons(np.array([p - back, q - back, q + step, p + step]))
    if not shapely.intersects(corridor, sidewalk):
        return None
    side = shapely.linestrings(np.array([p - 0.5 * back, q - 0.5 * back]))
    parts = shapely.get_parts(shapely.difference(corridor, sidewalk))
    touching = [part for part in parts if shapely.intersects(part, side)]
    return shapely.union_all(touching) if touching else shapely.Polygon()


def find_crossings(carla_map: Any, lanes: Sequence[Lane]) -> list[Crossing]:
    """The crosswalks of the map; where it has none at all, one over every road that meets a junction."""
    driving = [lane for lane in lanes if lane.is_driving]
    marked = _marked(carla_map, driving)
    return marked if marked else _implied(lanes)


def _marked(carla_map: Any, driving: Sequence[Lane]) -> list[Crossing]:
    middle = np.concatenate([(lane.centre_m[1:] + lane.centre_m[:-1]) / 2.0 for lane in driving])[:, :2]
    along = np.concatenate([np.diff(lane.centre_m, axis=0) for lane in driving])[:, :2]
    out: list[Crossing] = []
    loop: list[tuple[float, float, float]] = []
    for location in carla_map.get_crosswalks():
        point = (location.x, location.y, location.z)
        if loop and np.allclose(point, loop[0], atol=0.01):  # CARLA closes every polygon with its first point
            if len(loop) >= 3:
                out.append(_rectangle(np.array(loop), middle, along))
            loop = []
        else:
            loop.append(point)
    return out


def _rectangle(points: Array, middle: Array, along: Array) -> Crossing:
    """The rectangle around a crosswalk, its first side across the lanes that it crosses.

    middle, along (n, 2): where the pieces of driving lanes are, and their directions.
    """
    box = shapely.oriented_envelope(shapely.convex_hull(shapely.multipoints(points[:, :2])))
    corners = np.asarray(box.exterior.coords)[:4]
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    reach = 0.5 * float(np.linalg.norm(corners[2] - corners[0])) + np.linalg.norm(along, axis=1)
    near = np.linalg.norm(middle - corners.mean(axis=0), axis=1) < reach
    with_first = np.abs(along[near] @ first).sum() / max(float(np.linalg.norm(first)), 1e-9)
    with_second = np.abs(along[near] @ second).sum() / max(float(np.linalg.norm(second)), 1e-9)
    turned = with_first > with_second if near.any() else np.linalg.norm(first) < np.linalg.norm(second)
    return Crossing(np.roll(corners, -1, axis=0) if turned else corners, float(points[:, 2].mean()))


def _implied(lanes: Sequence[Lane]) -> list[Crossing]:
    """Unmarked crossings at the ends of the roads that lead into junctions between sidewalks."""
    return []
