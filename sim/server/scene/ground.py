"""Height of what a wheel or a foot stands on, from one point query that compiled kernels can call.

Roads and sidewalks are triangles in a uniform grid; everything else is the terrain's height field. Several
surfaces may lie above each other (bridges), so a query says from which height it looks. World frame, metres.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

OFF_ROAD = 0
ROAD = 1
SIDEWALK = 2

STEP_UP_M = 0.6
"""A surface up to this far above the asked height still carries the body: more than the suspension travel and
kerb together, far less than the clearance under a bridge."""
EDGE_TOLERANCE_M = 0.05
"""Triangles reach this far over their edges, so that seams between neighbouring lane strips are no cracks."""
CELL_M = 4.0
"""Grid cell: about one lane wide, so that a cell holds about ten triangles."""

GroundArrays = tuple[
    npt.NDArray[np.float64],  # (8,) x0, y0, cell, columns, rows of the triangle grid; x0, y0, cell of the terrain
    npt.NDArray[np.int32],  # (cells + 1,) first entry of each cell
    npt.NDArray[np.int32],  # (entries,) triangle of each entry
    npt.NDArray[np.float64],  # (t, 16) three edges (inward nx, ny, offset), plane a, b, c of z = a x + b y + c, box
    npt.NDArray[np.uint8],  # (t,) kind
    npt.NDArray[np.float64],  # (rows, columns) terrain heights
]


@njit(cache=True, nogil=True)
def terrain_at(arrays: Any, x: float, y: float) -> tuple[float, float, float]:
    """Height and slopes dz/dx, dz/dy of the terrain; beyond its border it continues flat."""
    meta, terrain = arrays[0], arrays[5]
    rows, columns = terrain.shape
    u = (x - meta[5]) / meta[7]
    v = (y - meta[6]) / meta[7]
    flat_u = u < 0.0 or u > columns - 1
    flat_v = v < 0.0 or v > rows - 1
    u = min(max(u, 0.0), columns - 1.0)
    v = min(max(v, 0.0), rows - 1.0)
    i = min(int(u), columns - 2)
    j = min(int(v), rows - 2)
    fu = u - i
    fv = v - j
    z00, z10 = terrain[j, i], terrain[j, i + 1]
    z01, z11 = terrain[j + 1, i], terrain[j + 1, i + 1]
    if fu >= fv:
        du, dv = z10 - z00, z11 - z10
    else:
        du, dv = z11 - z01, z01 - z00
    z = z00 + fu * du + fv * dv
    return z, 0.0 if flat_u else du / meta[7], 0.0 if flat_v else dv / meta[7]


@njit(cache=True, nogil=True)
def surface_at(arrays: Any, x: float, y: float, z_hint: float) -> tuple[float, float, float, float, int]:
    """Surface under (x, y) seen from ``z_hint``: height, unit normal (x, y, z), kind.

    The highest surface that is at most ``STEP_UP_M`` above ``z_hint``; where there is none, the lowest above.
    Kind: ``OFF_ROAD``, ``ROAD`` or ``SIDEWALK``. ``arrays`` is ``Ground.arrays``.
    """
    meta, first, entry, triangle, kinds = arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]
    limit = z_hint + STEP_UP_M
    z, slope_x, slope_y = terrain_at(arrays, x, y)
    kind = OFF_ROAD
    columns = int(meta[3])
    i = math.floor((x - meta[0]) / meta[2])
    j = math.floor((y - meta[1]) / meta[2])
    if 0 <= i < columns and 0 <= j < int(meta[4]):
        cell = j * columns + i
        for k in range(first[cell], first[cell + 1]):
            t = entry[k]
            if (  # the box keeps the tolerance from stretching the sharp corners of slivers
                x < triangle[t, 12] or x > triangle[t, 13] or y < triangle[t, 14] or y > triangle[t, 15]
            ):
                continue
            if (
                triangle[t, 0] * x + triangle[t, 1] * y + triangle[t, 2] < -EDGE_TOLERANCE_M
                or triangle[t, 3] * x + triangle[t, 4] * y + triangle[t, 5] < -EDGE_TOLERANCE_M
                or triangle[t, 6] * x + triangle[t, 7] * y + triangle[t, 8] < -EDGE_TOLERANCE_M
            ):
                continue
            height = triangle[t, 9] * x + triangle[t, 10] * y + triangle[t, 11]
            better = z < height <= limit if z <= limit else height < z
            if better:
                z, slope_x, slope_y, kind = height, triangle[t, 9], triangle[t, 10], int(kinds[t])
    scale = 1.0 / math.sqrt(slope_x * slope_x + slope_y * slope_y + 1.0)
    return z, -slope_x * scale, -slope_y * scale, scale, kind


@njit(cache=True, nogil=True)
def _look(
    arrays: Any, points: npt.NDArray[np.float64], heights: npt.NDArray[np.float64], kinds: npt.NDArray[np.uint8]
) -> None:
    for k in range(len(points)):
        surface = surface_at(arrays, points[k, 0], points[k, 1], points[k, 2])
        heights[k] = surface[0]
        kinds[k] = surface[4]


class Ground:
    """Roads, sidewalks and terrain of one map as a surface to stand on. Immutable."""

    arrays: GroundArrays

    def __init__(
        self,
        vertices_m: npt.NDArray[np.floating[Any]],
        faces: npt.NDArray[np.integer[Any]],
        kinds: npt.NDArray[np.uint8],
        terrain_m: npt.NDArray[np.float64],
        terrain_origin_m: tuple[float, float],
        terrain_cell_m: float,
    ) -> None:
        """Index the surface.

        vertices_m (n, 3) and faces (t, 3) of roads, sidewalks and banks (vertical faces are ignored), kinds (t,)
        ``ROAD``, ``SIDEWALK`` or ``OFF_ROAD``; terrain_m (rows, columns), at least 2 x 2, heights at
        origin + cell * (column, row).
        """
        if terrain_m.ndim != 2 or min(terrain_m.shape) < 2:
            raise ValueError(f"Ground: terrain heights must be at least 2 x 2, got {terrain_m.shape}")
        corner = np.asarray(vertices_m, np.float64)[np.asarray(faces, np.int64).reshape(-1, 3)]  # (t, 3, 3)
        twice_area = _cross2(corner[:, 1, :2] - corner[:, 0, :2], corner[:, 2, :2] - corner[:, 0, :2])
        level = np.abs(twice_area) > 1e-6  # a square millimetre: thinner ones carry nothing
        corner, twice_area = corner[level], twice_area[level]
        clockwise = twice_area < 0
        corner[clockwise] = corner[clockwise][:, ::-1]
        low = corner[:, :, :2].min(axis=1) - EDGE_TOLERANCE_M if len(corner) else np.zeros((0, 2))
        high = corner[:, :, :2].max(axis=1) + EDGE_TOLERANCE_M if len(corner) else np.zeros((0, 2))
        origin = low.min(axis=0) if len(low) else np.zeros(2)
        first_cell = np.floor((low - origin) / CELL_M).astype(np.int64)
        last_cell = np.floor((high - origin) / CELL_M).astype(np.int64)
        columns, rows = (last_cell.max(axis=0) + 1) if len(low) else (1, 1)
        start, entry = _cell_lists(first_cell, last_cell, int(columns), int(rows))
        meta = np.array([*origin, CELL_M, columns, rows, *terrain_origin_m, terrain_cell_m], np.float64)
        self.arrays = (
            meta,
            start,
            entry,
            _triangle_table(corner, low, high),
            np.ascontiguousarray(kinds[level], np.uint8),
            np.ascontiguousarray(terrain_m, np.float64),
        )

    def heights(self, points_m: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Heights ``(n,)`` under ``points_m (n, 3)``, whose z says from where to look (see ``surface_at``)."""
        return self.look(points_m)[0]

    def look(self, points_m: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """Heights ``(n,)`` and kinds ``(n,)`` under ``points_m (n, 3)``."""
        points = np.ascontiguousarray(np.asarray(points_m, np.float64).reshape(-1, 3))
        heights, kinds = np.empty(len(points)), np.empty(len(points), np.uint8)
        _look(self.arrays, points, heights, kinds)
        return heights, kinds


def _cross2(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _cell_lists(
    first_cell: npt.NDArray[np.int64], last_cell: npt.NDArray[np.int64], columns: int, rows: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Compressed lists of the triangles whose bounding box touches each cell, in triangle order."""
    width = last_cell - first_cell + 1
    count = width[:, 0] * width[:, 1]
    owner = np.repeat(np.arange(len(count)), count)
    index = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    column = first_cell[owner, 0] + index % width[owner, 0]
    row = first_cell[owner, 1] + index // width[owner, 0]
    cell = row * columns + column
    order = np.argsort(cell, kind="stable")
    start = np.zeros(columns * rows + 1, np.int32)
    start[1:] = np.cumsum(np.bincount(cell, minlength=columns * rows))
    return start, owner[order].astype(np.int32)


def _triangle_table(
    corner: npt.NDArray[np.float64], low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Inward unit edge normals with offsets, plane, box (x and y from, to) of counter-clockwise ``(t, 3, 3)``."""
    out = np.empty((len(corner), 16))
    out[:, 12:] = np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1)
    for k in range(3):
        a = corner[:, k, :2]
        along = corner[:, (k + 1) % 3, :2] - a
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        out[:, 3 * k], out[:, 3 * k + 1] = -along[:, 1], along[:, 0]
        out[:, 3 * k + 2] = along[:, 1] * a[:, 0] - along[:, 0] * a[:, 1]
    slope = _slopes(corner)
    out[:, 9:11] = slope
    out[:, 11] = (corner[:, :, 2] - np.einsum("tkd,td->tk", corner[:, :, :2], slope)).mean(axis=1)
    return out


def _slopes(corner: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """dz/dx and dz/dy ``(t, 2)`` of triangles ``(t, 3, 3)``. Those thinner than ``EDGE_TOLERANCE_M`` rise along their
    longest side only: across it, a millimetre may be as steep as a wall, and the tolerance would raise a fin."""
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    slope = -normal[:, :2] / normal[:, 2:]
    side = np.roll(corner, -1, axis=1) - corner  # (t, 3, 3)
    length = np.linalg.norm(side[:, :, :2], axis=2)
    rows, longest = np.arange(len(corner)), length.argmax(axis=1)
    side, length = side[rows, longest], length[rows, longest]
    thin = np.abs(normal[:, 2]) < EDGE_TOLERANCE_M * length
    slope[thin] = (side[:, :2] * (side[:, 2] / length**2)[:, None])[thin]
    return slope
