"""A map's walkable ground as convex polygons: ``Partition``, and how it is made of the levels of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.navigation.areas import GRID_M, STOREY_M, Level
from sim.server.navigation.convex import Triangle, convex_polygons, sides
from sim.server.navigation.coverage import Heights, coverage, triangulate

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Partition:
    """Convex polygons.

    corners_m (n, 3); polygons: corner indices, at most six each, with positive area in (x, y); triangles of each
    polygon as indices into it, which give its surface; area (p,) of ``Area``. Polygons are neighbours exactly if
    they have an edge in common.
    """

    corners_m: Array
    polygons: tuple[tuple[int, ...], ...]
    triangles: tuple[tuple[Triangle, ...], ...]
    area: npt.NDArray[np.uint8]

    def neighbours(self) -> list[list[int]]:
        """For every side of every polygon (side k joins corners k and k + 1) the polygon beyond it, or -1."""
        beyond = {side: index for index, ring in enumerate(self.polygons) for side in sides(ring)}
        return [[beyond.get((b, a), -1) for a, b in sides(ring)] for ring in self.polygons]


def partition(levels: Sequence[tuple[Level, Heights]]) -> Partition:
    """All levels as one set of polygons; borders at which two levels meet are shared."""
    corners: list[tuple[int, int]] = []
    z_m: list[float] = []
    known: dict[tuple[int, int], list[int]] = {}
    polygons: list[tuple[int, ...]] = []
    triangles: list[tuple[Triangle, ...]] = []
    area: list[int] = []
    for level, heights in levels:
        pieces = coverage(level)
        if not pieces:
            continue
        flat = triangulate(pieces, heights)
        number = [
            _corner(corners, z_m, known, x, y, z)
            for (x, y), z in zip(flat.steps.tolist(), flat.z_m.tolist(), strict=True)
        ]
        faces = [(number[a], number[b], number[c]) for a, b, c in flat.faces.tolist()]
        for ring, inside, of in convex_polygons(faces, flat.piece.tolist(), corners):
            polygons.append(ring)
            triangles.append(inside)
            area.append(int(pieces[of].area))
    points = np.column_stack([np.array(corners, np.float64).reshape(-1, 2) * GRID_M, np.array(z_m, np.float64)])
    return Partition(points, tuple(polygons), tuple(triangles), np.array(area, np.uint8))


def _corner(
    corners: list[tuple[int, int]],
    z_m: list[float],
    known: dict[tuple[int, int], list[int]],
    x: int,
    y: int,
    z: float,
) -> int:
    """Number of a corner: that of one at the same place and level if there is one."""
    here = known.setdefault((x, y), [])
    for index in here:
        if abs(z_m[index] - z) < STOREY_M:
            return index
    here.append(len(corners))
    corners.append((x, y))
    z_m.append(z)
    return len(corners) - 1
