"""Road marks inside junctions.

Lanes of a junction lie on top of each other, and a map gives each its own edge lines. Painted on the lanes themselves,
the lines of one would vanish in parts under another, and run across lanes on which no city paints them. So the lanes
of junctions are bare, and what is left of their lines lies over all of them as narrow ribbons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from sim.server.scene.ground import Ground
from sim.server.scene.lanes import NO_MARK, RAISED_KINDS, Lane, Mark, resampled, thinned

Array = npt.NDArray[np.float64]

PAINT_LIFT_M = 0.016
"""Over the highest lane below it: more than lanes differ between two samples, less than crosswalks."""
BESIDE_PAINT_M = 0.01
"""A ribbon is so much wider than its paint, lest it hides that of others."""
STEP_M = 0.5
"""A ribbon follows the surface below it, and ends, at steps of this length."""
INSIDE_M = 0.3
"""A line further inside another lane than this crosses it; nearer to its edge, it is the edge of both."""
THIN_M = 0.004
"""Steps that change less are left out: a third of the lift."""
SAME_LINE_M = 0.4
SAME_SIDE = 0.7
"""Two lanes that lie on each other at first have one line: samples so near, on that side of it (cosine)."""
SHORTEST_M = 2.0
"""Shorter rests of a line are left out: they look like dirt."""
SINGLE = (1, 2, 7)
"""Types of marks that are one line; the others are two, ``DOUBLE_GAP_M`` apart."""
DOUBLE_GAP_M = 0.10
NO_EDGE_M = 2.0
"""Said to be the distance to the other edge of the lane: no mark reaches as far."""


@dataclass(frozen=True)
class Stroke:
    """A ribbon of paint along one edge of a lane: edges (n, 3), coordinates (n, 2, 3) as lanes have them."""

    left_m: Array
    right_m: Array
    uvw: Array
    left: Mark
    right: Mark
    road: int
    driving: bool


def bare(lane: Lane) -> Lane:
    """The lane without marks if it is one of a junction."""
    if lane.junction < 0:
        return lane
    return replace(lane, marks=((0, len(lane.s_m) - 1, NO_MARK, NO_MARK),))


def junction_strokes(lanes: Sequence[Lane], driving: Ground) -> list[Stroke]:
    """What is painted in junctions; ``driving`` is the surface of all driving lanes."""
    members: dict[int, list[Lane]] = {}
    for lane in lanes:
        if lane.junction >= 0 and lane.kind not in RAISED_KINDS:
            members.setdefault(lane.junction, []).append(lane)
    strokes: list[Stroke] = []
    for group in members.values():
        marked = [lane for lane in group if any(a[0] or b[0] for _, _, a, b in lane.marks)]
        if not marked:
            continue
        drivable = [lane for lane in group if lane.is_driving]
        outlines = [np.concatenate([lane.left_m, lane.right_m[::-1]])[:, :2] for lane in drivable]
        polygons = shapely.polygons([shapely.linearrings(outline) for outline in outlines])
        tree = shapely.STRtree(shapely.buffer(polygons, -INSIDE_M))
        roads = np.array([lane.road for lane in drivable])
        edges: list[tuple[Lane, int, npt.NDArray[np.bool_]]] = []
        for lane in marked:
            dense = resampled(lane, STEP_M)
            for edge in (0, 1):
                points = (dense.left_m, dense.right_m)[edge]
                point, inside = tree.query(shapely.points(points[:, :2]), predicate="within")
                free = _types(dense, edge) > 0
                free[point[roads[inside] != lane.road]] = False
                edges.append((dense, edge, free))
        drawn: list[Array] = []
        for lane, edge, free in sorted(edges, key=lambda e: -int(e[2].sum())):  # long lines first: they stay whole
            points, inward = (lane.left_m, lane.right_m)[edge], _inward(lane, edge)
            rest = _long(free & ~_drawn(lane, edge, drawn), points)
            drawn.append(np.concatenate([points[rest, :2], inward[rest, :2]], axis=1))
            strokes.extend(_strokes(lane, edge, rest, driving))
    return strokes


def _inward(lane: Lane, edge: int) -> Array:
    """Unit vectors (n, 3) from an edge into the lane."""
    across = (lane.right_m - lane.left_m) / np.maximum(lane.width_m, 1e-6)[:, None]
    return across if edge == 0 else -across


def _types(lane: Lane, edge: int) -> npt.NDArray[np.int64]:
    """Type of mark (n,) that begins at each sample or ends there."""
    out = np.zeros(len(lane.s_m), np.int64)
    for first, last, *marks in lane.marks:
        out[first : last + 1] = np.maximum(out[first : last + 1], marks[edge][0])
    return out


def _drawn(lane: Lane, edge: int, drawn: Sequence[Array]) -> npt.NDArray[np.bool_]:
    """At which samples (n,) of an edge other lanes have painted it: ``drawn (k, 4)`` x, y and direction inwards."""
    found = np.zeros(len(lane.s_m), np.bool_)
    others = np.concatenate([np.zeros((0, 4)), *drawn])
    if len(others):
        points, inward = (lane.left_m, lane.right_m)[edge][:, :2], _inward(lane, edge)[:, :2]
        distance, index = cKDTree(others[:, :2]).query(points)
        side = np.sum(others[index, 2:] * inward, axis=1)
        side = np.where(np.isin(_types(lane, edge), SINGLE), np.abs(side), side)
        found = (distance < SAME_LINE_M) & (side > SAME_SIDE)
    return found


def _strokes(lane: Lane, edge: int, free: npt.NDArray[np.bool_], driving: Ground) -> Iterator[Stroke]:
    """Ribbons along the left (0) or right (1) edge of a lane where its samples (n,) are free."""
    outer, inward = (lane.left_m, lane.right_m)[edge], _inward(lane, edge)
    for first, last, *marks in lane.marks:
        if not marks[edge][0]:
            continue
        begin, end = _across(marks[edge])
        sides = np.stack([outer + begin * inward, outer + end * inward], axis=1)  # (n, 2, 3)
        below = driving.heights(sides.reshape(-1, 3)).reshape(len(outer), 2)
        sides[..., 2] = np.maximum(sides[..., 2], below) + PAINT_LIFT_M
        uvw = np.full((len(outer), 2, 3), NO_EDGE_M)
        uvw[..., 0], uvw[:, 0, 1 + edge], uvw[:, 1, 1 + edge] = lane.s_m[:, None], begin, end
        order = [0, 1] if edge == 0 else [1, 0]  # left, right
        for a, b in _stretches(free[first : last + 1]):
            part = np.arange(first + a, first + b + 1)
            part = part[thinned(sides[part, 0], sides[part, 1], lane.s_m[part], THIN_M)]
            pair = (marks[0], NO_MARK) if edge == 0 else (NO_MARK, marks[1])
            left, right = (sides[part, k] for k in order)
            yield Stroke(left, right, uvw[part][:, order], *pair, lane.road, lane.is_driving)


def _long(free: npt.NDArray[np.bool_], points: Array) -> npt.NDArray[np.bool_]:
    """The free samples (n,) that belong to stretches of ``SHORTEST_M`` at least."""
    out = np.zeros_like(free)
    for a, b in _stretches(free):
        if np.linalg.norm(np.diff(points[a : b + 1], axis=0), axis=1).sum() >= SHORTEST_M:
            out[a : b + 1] = True
    return out


def _across(mark: Mark) -> tuple[float, float]:
    """From where to where, m inwards from the edge, a ribbon goes: over a whole single line, or one of two lines."""
    kind, _, width_m = mark
    if kind in SINGLE:
        return -BESIDE_PAINT_M - width_m / 2.0, BESIDE_PAINT_M + width_m / 2.0
    return 0.0, DOUBLE_GAP_M / 2.0 + width_m + BESIDE_PAINT_M


def _stretches(free: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, last) of the runs of at least two free samples."""
    change = np.diff(np.concatenate([[False], free, [False]]).astype(np.int8))
    runs = zip(np.flatnonzero(change == 1).tolist(), (np.flatnonzero(change == -1) - 1).tolist(), strict=True)
    return [(a, b) for a, b in runs if b > a]
