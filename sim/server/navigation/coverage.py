"""The areas of a level as pieces that meet corner to corner, and their triangles with heights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from sim.server.navigation.areas import GRID_M, SMALLEST_AREA_M2, Area, Level, cut

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SIMPLIFY_M = 0.35
"""Borders lose the corners whose triangle with their neighbours is smaller than the square of this: over 10 m of a
bend it moves the border by 2.5 cm."""
DIVIDED_M = 6.0
"""Edges over ground that departs from them by more than ``HEIGHT_ERROR_M`` are divided into pieces of this length:
a crest of 100 m radius rises 4.5 cm above such a chord."""
HEIGHT_ERROR_M = 0.03
_CHECKED_AT = (0.25, 0.5, 0.75)

Heights = Callable[[Array, npt.NDArray[np.bool_]], Array]
"""Heights (n,) at points (n, 2); the flags (n,) say which are up on a kerb rather than on the road beside it."""


@dataclass(frozen=True)
class Piece:
    """A polygon of one area; ``kerbside``: the narrow strip where the mesh goes down from the kerb to the road."""

    shape: Any
    area: Area
    kerbside: bool


@dataclass(frozen=True)
class Triangulation:
    """steps (n, 2) corners in grid steps, z_m (n,) heights, faces (t, 3) counter-clockwise in (x, y), piece (t,)."""

    steps: Ints
    z_m: Array
    faces: Ints
    piece: Ints


def coverage(level: Level) -> list[Piece]:
    """The areas of a level as polygons that have the same corners along their common borders."""
    kinds = [(area, False) for area in level.areas] + [(Area.CROSSWALK, True), (Area.ROAD, True)]
    shapes = []
    for area, kerbside in kinds:
        shape = level.areas[area]
        if area in (Area.CROSSWALK, Area.ROAD):
            shape = cut(shape, level.ramp, keep=kerbside)
        shapes.append(shape)
    lines = shapely.union_all(shapely.boundary(np.array(shapes, object)), grid_size=GRID_M)
    faces = shapely.get_parts(shapely.polygonize([lines]))
    inside = shapely.point_on_surface(faces)
    owner = np.full(len(faces), -1)
    for index, shape in enumerate(shapes):
        shapely.prepare(shape)
        owner[(owner < 0) & shapely.contains_properly(shape, inside)] = index
    merged: list[tuple[Any, int]] = []
    for index in range(len(kinds)):
        if np.any(owner == index):
            parts = shapely.get_parts(shapely.coverage_union_all(faces[owner == index]))
            merged += [(part, index) for part in parts]
    if not merged:
        return []
    simple = shapely.coverage_simplify(np.array([shape for shape, _ in merged], object), SIMPLIFY_M)
    pieces = [Piece(shape, *kinds[index]) for shape, (_, index) in zip(simple, merged, strict=True)]
    return [piece for piece in pieces if piece.kerbside or piece.shape.area > SMALLEST_AREA_M2]


def triangulate(pieces: Sequence[Piece], heights: Heights) -> Triangulation:
    """Constrained Delaunay triangles of all pieces, with additional corners where the ground is uneven."""
    shapes = np.array([piece.shape for piece in pieces], object)
    steps, number, of_ring, of_piece = _corners(shapes)
    raised = np.array([piece.area in (Area.SIDEWALK, Area.GRASS) for piece in pieces])
    high = np.zeros(len(steps), bool)
    high[number[raised[of_piece[of_ring]]]] = True
    z = heights(_metres(steps), high)
    divided = _divide(steps, z, high, number, of_ring, heights)
    if divided is not None:
        shapes = _rebuilt(divided, number, of_ring, of_piece, steps)
        steps, number, of_ring, of_piece = _corners(shapes)
        high = np.zeros(len(steps), bool)
        high[number[raised[of_piece[of_ring]]]] = True
        z = heights(_metres(steps), high)
    faces, piece = shapely.get_parts(shapely.constrained_delaunay_triangles(shapes), return_index=True)
    corner = shapely.get_coordinates(faces).reshape(-1, 4, 2)[:, :3]
    index = _find(steps, np.round(corner.reshape(-1, 2) / GRID_M).astype(np.int64)).reshape(-1, 3)
    a, b, c = (steps[index[:, k]] for k in range(3))
    twice = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    index[twice < 0] = index[twice < 0][:, ::-1]
    return Triangulation(steps, z, index[twice != 0], piece[twice != 0])


def _metres(steps: Ints) -> Array:
    out: Array = steps.astype(np.float64) * GRID_M
    return out


def _corners(shapes: npt.NDArray[Any]) -> tuple[Ints, Ints, Ints, Ints]:
    """Different corners (n, 2) in grid steps; for every ring point its corner and ring; the shape of every ring."""
    rings, of_shape = shapely.get_rings(shapes, return_index=True)
    points, of_ring = shapely.get_coordinates(rings, return_index=True)
    steps, number = np.unique(np.round(points / GRID_M).astype(np.int64), axis=0, return_inverse=True)
    return steps, number.reshape(-1), of_ring, of_shape


def _find(steps: Ints, wanted: Ints) -> Ints:
    """Rows of ``wanted`` (m, 2) in the sorted rows ``steps`` (n, 2)."""
    low = steps.min(axis=0)
    width = int(np.ptp(steps[:, 1])) + 1
    out: Ints = np.searchsorted((steps - low) @ (width, 1), (wanted - low) @ (width, 1))
    return out


def _divide(
    steps: Ints, z: Array, high: npt.NDArray[np.bool_], number: Ints, of_ring: Ints, heights: Heights
) -> dict[tuple[int, int], Ints] | None:
    """Points (k, 2) to put on each edge (smaller corner, larger corner) that the ground departs from; None if none."""
    same = of_ring[1:] == of_ring[:-1]
    a, b = number[:-1][same], number[1:][same]
    edges = np.unique(np.sort(np.stack([a, b], axis=1), axis=1), axis=0)
    first, last = _metres(steps[edges[:, 0]]), _metres(steps[edges[:, 1]])
    long = np.linalg.norm(last - first, axis=1) > DIVIDED_M
    edges, first, last = edges[long], first[long], last[long]
    up = high[edges[:, 0]] & high[edges[:, 1]]
    error = np.zeros(len(edges))
    for t in _CHECKED_AT:
        chord = z[edges[:, 0]] * (1.0 - t) + z[edges[:, 1]] * t
        error = np.maximum(error, np.abs(heights(first * (1.0 - t) + last * t, up) - chord))
    uneven = np.flatnonzero(error > HEIGHT_ERROR_M)
    out: dict[tuple[int, int], Ints] = {}
    for k in uneven.tolist():
        count = int(np.ceil(np.linalg.norm(last[k] - first[k]) / DIVIDED_M))
        share = (np.arange(1, count) / count)[:, None]
        points = first[k] * (1.0 - share) + last[k] * share
        out[int(edges[k, 0]), int(edges[k, 1])] = np.round(points / GRID_M).astype(np.int64)
    return out or None


def _rebuilt(
    cuts: dict[tuple[int, int], Ints], number: Ints, of_ring: Ints, of_shape: Ints, steps: Ints
) -> npt.NDArray[Any]:
    """The shapes with the additional points on their edges."""
    rings: list[list[Any]] = [[] for _ in range(int(of_shape[-1]) + 1)]
    for ring, shape in enumerate(of_shape.tolist()):
        corners = number[of_ring == ring]
        parts: list[Ints] = []
        for a, b in zip(corners[:-1].tolist(), corners[1:].tolist(), strict=True):
            parts.append(steps[a : a + 1])
            extra = cuts.get((min(a, b), max(a, b)))
            if extra is not None:
                parts.append(extra if a < b else extra[::-1])
        rings[shape].append(shapely.linearrings(_metres(np.concatenate(parts))))
    return np.array([shapely.polygons(group[0], holes=group[1:] or None) for group in rings], object)
