"""Where people cross the road: the map's crosswalks, joined to the sidewalks that they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from sim.server.scene.lanes import Lane

Array = npt.NDArray[np.float64]

REACH_M = 4.0
"""A crosswalk ends at most this far from the sidewalk it leads to: a shoulder or a parking lane lies between."""
OVERLAP_M = 0.3
"""A prolongation begins this far inside the crossing, so that no crack remains."""
FOOTHOLD_M = 1.0
"""It ends this far beyond where the sidewalk begins: enough where the sidewalk lies askew."""
JOIN_M = 6.0
"""Where no sidewalk lies ahead, one that ends this near is joined all the same: past the radius of a corner."""
JOIN_WIDTH_M = 1.5
"""Two people pass each other."""
ELONGATED = 1.5
"""A crosswalk this much longer than wide runs along its longer side; the direction of others shows in the lanes."""
IMPLIED_M = (0.8, 3.8)
"""A crossing that no map marks lies this far into the junction: where cars that wait at the line do not stand."""
MEETS_M = 0.5
"""Lanes that follow each other end at the same place, but for an editor's rounding."""


@dataclass(frozen=True)
class Crossing:
    """A crossing as a rectangle: corners (4, 2) in order around, of which 0-1 and 2-3 run across the road."""

    corners_m: Array
    height_m: float
    marked: bool

    def reaching(self, sidewalk: Any) -> Any | None:
        """The crossing in plan view, prolonged to the sidewalks at its ends.

        None if it leads to no sidewalk at all, or is not marked and lacks one of the two.
        """
        a, b, c, d = self.corners_m
        ends = [_leading(p, q, away, sidewalk) for p, q, away in ((a, d, a - b), (b, c, b - a))]
        found = [end for end in ends if end is not None]
        enough = len(found) >= (1 if self.marked else 2)
        return shapely.union_all([shapely.polygons(self.corners_m), *found]) if enough else None


def _leading(p: Array, q: Array, away: Array, sidewalk: Any) -> Any | None:
    """What lies between the side p-q of a crossing and the next sidewalk in direction ``away``."""
    ahead = away / max(float(np.linalg.norm(away)), 1e-9)
    back = OVERLAP_M * ahead
    corridor = shapely.polygons(np.array([p - back, q - back, q + REACH_M * ahead, p + REACH_M * ahead]))
    if not shapely.intersects(corridor, sidewalk):
        return _joining((p + q) / 2.0 - back, sidewalk)
    side = shapely.linestrings(np.array([p - 0.5 * back, q - 0.5 * back]))
    reach = float(shapely.distance(side, shapely.intersection(corridor, sidewalk))) + FOOTHOLD_M
    corridor = shapely.polygons(np.array([p - back, q - back, q + reach * ahead, p + reach * ahead]))
    parts = shapely.get_parts(shapely.difference(corridor, sidewalk))
    touching = [part for part in parts if shapely.intersects(part, side)]
    return shapely.union_all(touching) if touching else shapely.Polygon()


def _joining(end: Array, sidewalk: Any) -> Any | None:
    """A path from the end of a crossing to the nearest sidewalk; None if that is too far."""
    way = shapely.shortest_line(shapely.points(end), sidewalk)
    if shapely.is_empty(way) or not 0.0 < shapely.length(way) < JOIN_M:
        return None
    first, last = np.asarray(way.coords)
    inside = last + (last - first) / np.linalg.norm(last - first) * JOIN_WIDTH_M  # reaches it across its whole width
    return shapely.buffer(shapely.linestrings(np.array([first, inside])), JOIN_WIDTH_M / 2.0, cap_style="flat")


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
    if max(np.linalg.norm(first), np.linalg.norm(second)) > ELONGATED * min(
        np.linalg.norm(first), np.linalg.norm(second)
    ):
        turned = bool(np.linalg.norm(first) < np.linalg.norm(second))
        return Crossing(np.roll(corners, -1, axis=0) if turned else corners, float(points[:, 2].mean()), marked=True)
    reach = 0.5 * float(np.linalg.norm(corners[2] - corners[0])) + np.linalg.norm(along, axis=1)
    near = np.linalg.norm(middle - corners.mean(axis=0), axis=1) < reach
    with_first = np.abs(along[near] @ first).sum() / max(float(np.linalg.norm(first)), 1e-9)
    with_second = np.abs(along[near] @ second).sum() / max(float(np.linalg.norm(second)), 1e-9)
    turned = with_first > with_second if near.any() else np.linalg.norm(first) < np.linalg.norm(second)
    return Crossing(np.roll(corners, -1, axis=0) if turned else corners, float(points[:, 2].mean()), marked=True)


def _implied(lanes: Sequence[Lane]) -> list[Crossing]:
    """Unmarked crossings inside junctions, in front of every road that leads into one."""
    inside = [lane.centre_m[k] for lane in lanes if lane.junction >= 0 and lane.is_driving for k in (0, -1)]
    if not inside:
        return []
    tree = cKDTree(np.array(inside))
    by_road: dict[int, list[Lane]] = {}
    for lane in lanes:
        if lane.junction < 0 and lane.is_driving:
            by_road.setdefault(lane.road, []).append(lane)
    out: list[Crossing] = []
    for group in by_road.values():
        for end in (0, -1):
            section = (min if end == 0 else max)(lane.section for lane in group)
            last = [lane for lane in group if lane.section == section]
            centres = np.array([lane.centre_m[end] for lane in last])
            if tree.query(centres)[0].min() < MEETS_M:
                out.append(_in_front(last, end))
    return out


def _in_front(lanes: Sequence[Lane], end: int) -> Crossing:
    """A crossing over the lanes of a road, beyond their first (0) or last (-1) sample."""
    beside = 1 if end == 0 else -2
    ahead = sum(lane.centre_m[end] - lane.centre_m[beside] for lane in lanes)[:2]
    ahead = ahead / np.linalg.norm(ahead)
    across = np.array([-ahead[1], ahead[0]])
    edges = np.array([edge[end] for lane in lanes for edge in (lane.left_m, lane.right_m)])
    order = edges[:, :2] @ across
    low, high = edges[order.argmin(), :2], edges[order.argmax(), :2]
    near, far = IMPLIED_M
    corners = np.array([low + near * ahead, high + near * ahead, high + far * ahead, low + far * ahead])
    return Crossing(corners, float(edges[:, 2].mean()), marked=False)
