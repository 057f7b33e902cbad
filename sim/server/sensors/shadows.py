"""Where the sun does not reach: orthographic height maps along the sun, and contact shadows under bodies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.server.scene.models import LODS
from sim.server.sensors.columns import (
    SHADOW_COLUMNS,
    SHADOW_ON,
    SHADOW_PER_TEXEL,
    SHADOW_U,
    SHADOW_U0,
    SHADOW_V,
    SHADOW_V0,
)
from sim.server.sensors.geometry import Geometry
from sim.server.sensors.kernel import F32, F64, I32, I64, U32, claim, inline, kernel
from sim.server.sensors.lighting import CONTACT_CELLS_PER_M, MAP_SIZE, SHADOW_BLOCK_SHIFT
from sim.server.sensors.pool import WorkerPool

TEXEL_M = 0.085  # 174 m of ground: shadows further than 87 m from the camera are a few pixels and left out
SNAP_M = 16.0  # the map moves in steps, so that the static part is redrawn seldom and shadows do not crawl
NOTHING = -1e9
SPLAT_ROWS = 32  # of a contact grid, claimed at once
NARROW_M = 0.45  # half width of people and two-wheelers, which leave the ground more of the sky than cars do
COARSE_FROM_M = 30.0  # bodies further from the camera cast by their coarsest shape: a texel is half a pixel there
BLOCKS = MAP_SIZE >> SHADOW_BLOCK_SHIFT
MIN_SUN_HEIGHT = 0.03  # sine of the altitude below which the sun casts no sharp shadow: 1.7 degrees


@inline
def _edge(px: float, py: float, qx: float, qy: float, sign: float) -> tuple[float, float]:
    """On which side of the edge from p to q its triangle lies, positive to the right of it, and the edge's step along a
    row from each row to the next; of a level edge 0, and a number that has the sign of where the triangle lies."""
    rise = qy - py
    return -rise * sign, ((qx - px) / rise if rise != 0.0 else (qx - px) * sign)


@kernel
def mark_blocks(spans: I64, blocks: I32) -> None:
    """Mark the blocks of spans (n, 4): first and last column, first and last row."""
    for k in range(len(spans)):
        for row in range(max(spans[k, 2], 0), min(spans[k, 3] + 1, blocks.shape[0])):
            for column in range(max(spans[k, 0], 0), min(spans[k, 1] + 1, blocks.shape[1])):
                blocks[row, column] = 1


@kernel
def draw_heights(
    worker: int, workers: int, vertices: F32, faces: U32, ranges: I64, bands: I64, axes: F64, u0: float, v0: float,
    fresh: bool, height_map: F32,
) -> None:  # fmt: skip
    """Highest point along the sun, for every texel, of the faces in ``ranges (k, 5)``: first face, count, first and
    last row; 1 where faces that look away from the sun, which others of a closed body hide from it, are left out.

    axes (9,): map u, map v, towards the sun. Worker i draws rows ``bands[i]`` up to, not with, ``bands[i + 1]``; of a
    fresh map it empties them before.
    """
    size = height_map.shape[0]
    per = 1.0 / TEXEL_M
    row0, row1 = bands[worker], bands[worker + 1]
    if fresh:
        height_map[row0:row1] = NOTHING
    for r in range(len(ranges)):
        if ranges[r, 3] < row0 or ranges[r, 2] >= row1 or row0 >= row1:
            continue
        closed = ranges[r, 4] != 0
        for f in range(ranges[r, 0], ranges[r, 0] + ranges[r, 1]):
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            ay = (vertices[a, 0] * axes[3] + vertices[a, 1] * axes[4] + vertices[a, 2] * axes[5] - v0) * per
            by = (vertices[b, 0] * axes[3] + vertices[b, 1] * axes[4] + vertices[b, 2] * axes[5] - v0) * per
            cy = (vertices[c, 0] * axes[3] + vertices[c, 1] * axes[4] + vertices[c, 2] * axes[5] - v0) * per
            y0 = max(row0, math.ceil(min(ay, by, cy) - 0.5))
            y1 = min(row1 - 1, math.floor(max(ay, by, cy) - 0.5))
            if y1 < y0:
                continue
            ax = (vertices[a, 0] * axes[0] + vertices[a, 1] * axes[1] + vertices[a, 2] * axes[2] - u0) * per
            bx = (vertices[b, 0] * axes[0] + vertices[b, 1] * axes[1] + vertices[b, 2] * axes[2] - u0) * per
            cx = (vertices[c, 0] * axes[0] + vertices[c, 1] * axes[1] + vertices[c, 2] * axes[2] - u0) * per
            left, right = min(ax, bx, cx), max(ax, bx, cx)
            area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
            if right < 0.0 or left > size or abs(area) < 1e-6 or (area < 0.0 and closed):
                continue
            ah = vertices[a, 0] * axes[6] + vertices[a, 1] * axes[7] + vertices[a, 2] * axes[8]
            bh = vertices[b, 0] * axes[6] + vertices[b, 1] * axes[7] + vertices[b, 2] * axes[8]
            ch = vertices[c, 0] * axes[6] + vertices[c, 1] * axes[7] + vertices[c, 2] * axes[8]
            slope_x = ((bh - ah) * (cy - ay) - (ch - ah) * (by - ay)) / area
            slope_y = ((ch - ah) * (bx - ax) - (bh - ah) * (cx - ax)) / area
            sign = 1.0 if area > 0.0 else -1.0
            side0, step0 = _edge(ax, ay, bx, by, sign)
            side1, step1 = _edge(bx, by, cx, cy, sign)
            side2, step2 = _edge(cx, cy, ax, ay, sign)
            for y in range(y0, y1 + 1):
                fy = y + 0.5
                low, high = max(0.0, left - 0.5), min(size - 1.0, right - 0.5)
                cross0, cross1, cross2 = (fy - ay) * step0, (fy - by) * step1, (fy - cy) * step2
                if side0 > 0.0:
                    low = max(low, ax + cross0 - 0.5)
                elif side0 < 0.0:
                    high = min(high, ax + cross0 - 0.5)
                elif cross0 < 0.0:
                    continue
                if side1 > 0.0:
                    low = max(low, bx + cross1 - 0.5)
                elif side1 < 0.0:
                    high = min(high, bx + cross1 - 0.5)
                elif cross1 < 0.0:
                    continue
                if side2 > 0.0:
                    low = max(low, cx + cross2 - 0.5)
                elif side2 < 0.0:
                    high = min(high, cx + cross2 - 0.5)
                elif cross2 < 0.0:
                    continue
                if high < low:
                    continue
                x0 = math.ceil(low)
                h = ah + slope_x * (x0 + 0.5 - ax) + slope_y * (fy - ay)
                for x in range(x0, math.floor(high) + 1):
                    if h > height_map[y, x]:
                        height_map[y, x] = h
                    h += slope_x


@kernel
def clear_blocks(worker: int, workers: int, blocks: I32, height_map: F32) -> None:
    """Empty the texels of marked blocks."""
    side = 1 << SHADOW_BLOCK_SHIFT
    for by in range(worker, blocks.shape[0], workers):
        for bx in range(blocks.shape[1]):
            if blocks[by, bx] != 0:
                for y in range(by * side, (by + 1) * side):
                    for x in range(bx * side, (bx + 1) * side):
                        height_map[y, x] = NOTHING


@kernel
def splat_contact(worker: int, workers: int, pieces: I64, grid: F32, origin: F32, bodies: F32) -> None:
    """Darkness 0..1 of the ground under bodies (k, 5): x, y, yaw, half length, half width.

    Workers claim strips of SPLAT_ROWS rows from pieces (1,) 0.
    """
    while True:
        row0 = claim(pieces) * SPLAT_ROWS
        if row0 >= len(grid):
            break
        _splat_rows(row0, min(len(grid), row0 + SPLAT_ROWS), grid, origin, bodies)


@kernel
def _splat_rows(row0: int, row1: int, grid: F32, origin: F32, bodies: F32) -> None:
    columns = grid.shape[1]
    for y in range(row0, row1):
        for x in range(columns):
            grid[y, x] = 0.0
    for k in range(len(bodies)):
        hl, hw = bodies[k, 3], bodies[k, 4]
        reach = math.sqrt(hl * hl + hw * hw) + 1.2
        x0 = int((bodies[k, 0] - reach - origin[0]) * CONTACT_CELLS_PER_M)
        x1 = int((bodies[k, 0] + reach - origin[0]) * CONTACT_CELLS_PER_M)
        y0 = int((bodies[k, 1] - reach - origin[1]) * CONTACT_CELLS_PER_M)
        y1 = int((bodies[k, 1] + reach - origin[1]) * CONTACT_CELLS_PER_M)
        if y1 < row0 or y0 >= row1:
            continue
        c, s = math.cos(bodies[k, 2]), math.sin(bodies[k, 2])
        narrow, spine = hw < NARROW_M, max(hl - hw, 0.0)
        for y in range(max(row0, y0), min(row1 - 1, y1) + 1):
            for x in range(max(0, x0), min(columns - 1, x1) + 1):
                dx = origin[0] + x / CONTACT_CELLS_PER_M - bodies[k, 0]
                dy = origin[1] + y / CONTACT_CELLS_PER_M - bodies[k, 1]
                along, across = abs(c * dx + s * dy), abs(c * dy - s * dx)
                if narrow:
                    ex = max(along - spine, 0.0)
                    dark = 0.5 * math.exp(-(ex * ex + across * across) / 0.12)
                else:
                    ex, ey = max(along - hl + 0.12, 0.0), max(across - hw + 0.12, 0.0)
                    d = math.sqrt(ex * ex + ey * ey)
                    dark = 0.66 * math.exp(-d * d / 0.16) + 0.22 * math.exp(-d / 0.55)
                if dark > grid[y, x]:
                    grid[y, x] = dark


@dataclass
class _Map:
    """One placed shadow map: its static heights and, of the current tick, its moving ones."""

    place: F32
    static: F32
    moving: F32
    blocks: I32
    moving_of: object = None  # the view that the moving part was drawn for
    used: int = 0


class SunShadows:
    """Shadow maps near the places where cameras are; a few are kept, the least used one is redrawn."""

    KEPT = 2  # 34 MB each

    def __init__(self, geometry: Geometry, pool: WorkerPool) -> None:
        self._geometry = geometry
        self._pool = pool
        self._maps: dict[tuple[float, ...], _Map] = {}
        self._clock = 0
        self._axes: F64 = np.zeros(9)
        dark = np.zeros(SHADOW_COLUMNS, np.float32)
        self._off = (dark, np.zeros(1, np.float32), np.zeros(1, np.float32), np.zeros(1, np.int32))

    def forget(self) -> None:
        """Draw everything anew: the static world has changed."""
        self._maps.clear()

    def tables(
        self, eye_m: F64, sun: F64, view: object, rows: I64, centres_m: F64, radii_m: F64
    ) -> tuple[F32, F32, F32, I32]:
        """Placement; static heights, moving heights and marked blocks, flat, for a camera at ``eye_m``.

        sun (3,) unit vector towards it; rows, centres, radii of all moving bodies of the view.
        """
        if sun[2] < MIN_SUN_HEIGHT:
            return self._off
        self._clock += 1
        if not np.array_equal(sun, self._axes[6:]):
            self._axes = _map_axes(sun)
        axes = self._axes
        u, v = axes[:3], axes[3:6]
        half = MAP_SIZE * TEXEL_M / 2
        u0 = round(float(eye_m @ u) / SNAP_M) * SNAP_M - half
        v0 = round(float(eye_m @ v) / SNAP_M) * SNAP_M - half
        key = (u0, v0, *np.round(sun, 4).tolist())
        placed = self._maps.get(key)
        if placed is None:
            placed = self._maps[key] = self._draw_static(axes, u0, v0)
        placed.used = self._clock
        if placed.moving_of is not view:
            self._draw_moving(placed, axes, u0, v0, rows, centres_m, radii_m)
            placed.moving_of = view
        return placed.place, placed.static.reshape(-1), placed.moving.reshape(-1), placed.blocks.reshape(-1)

    def _draw_static(self, axes: F64, u0: float, v0: float) -> _Map:
        if len(self._maps) >= self.KEPT:
            oldest = min(self._maps, key=lambda k: self._maps[k].used)
            placed = self._maps.pop(oldest)
            placed.moving_of = None
        else:
            shape = (MAP_SIZE, MAP_SIZE)
            blocks = np.ones((BLOCKS, BLOCKS), np.int32)
            placed = _Map(
                np.zeros(SHADOW_COLUMNS, np.float32), np.empty(shape, np.float32), np.empty(shape, np.float32), blocks
            )
        placed.place[SHADOW_U : SHADOW_U + 3] = axes[:3]
        placed.place[SHADOW_V : SHADOW_V + 3] = axes[3:6]
        placed.place[[SHADOW_U0, SHADOW_V0, SHADOW_PER_TEXEL, SHADOW_ON]] = u0, v0, 1.0 / TEXEL_M, 1.0
        geometry, ranges = self._geometry, self._geometry.ranges
        chunks = _over_map(ranges.chunk_spheres_m, axes, u0, v0)
        trees = _over_map(ranges.tree_spheres_m, axes, u0, v0)
        faces = np.concatenate([ranges.chunks[chunks], ranges.trees[1][trees]])
        spheres = np.concatenate([ranges.chunk_spheres_m[chunks], ranges.tree_spheres_m[trees]])
        faces = np.column_stack([faces, _rows(spheres, axes, v0), np.zeros(len(faces), np.int64)])
        bands = _bands(faces, self._pool.threads)
        self._pool.run(
            draw_heights, geometry.vertices_m, geometry.faces, faces, bands, axes, u0, v0, True, placed.static
        )
        return placed

    def _draw_moving(
        self, placed: _Map, axes: F64, u0: float, v0: float, rows: I64, centres_m: F64, radii_m: F64
    ) -> None:
        self._pool.run(clear_blocks, placed.blocks, placed.moving)
        placed.blocks.fill(0)
        spheres = np.concatenate([centres_m, radii_m[:, None]], axis=1).astype(np.float32).reshape(-1, 4)
        over = _over_map(spheres, axes, u0, v0)
        if not len(over):
            return
        u = (centres_m[over] @ axes[:3] - u0) / TEXEL_M
        v = (centres_m[over] @ axes[3:6] - v0) / TEXEL_M
        reach = radii_m[over] / TEXEL_M + 2.0
        spans = np.stack([u - reach, u + reach, v - reach, v + reach], axis=1) // (1 << SHADOW_BLOCK_SHIFT)
        mark_blocks(spans.astype(np.int64), placed.blocks)
        away_m = TEXEL_M * np.hypot(u - MAP_SIZE / 2, v - MAP_SIZE / 2)
        lods = np.where(away_m > COARSE_FROM_M, LODS - 1, 1)
        placed_faces, _ = self._geometry.place(rows[over], lods)
        faces = np.column_stack([placed_faces, _rows(spheres[over], axes, v0), np.ones(len(over), np.int64)])
        geometry, bands = self._geometry, _bands(faces, self._pool.threads)
        self._pool.run(
            draw_heights, geometry.vertices_m, geometry.faces, faces, bands, axes, u0, v0, False, placed.moving
        )


def _map_axes(sun: F64) -> F64:
    """Axes (9,) of a map: u, v and towards the sun."""
    u = np.cross([0.0, 0.0, 1.0], sun)
    u /= np.linalg.norm(u) if np.linalg.norm(u) > 1e-6 else 1.0
    if abs(sun[2]) > 1.0 - 1e-9:
        u = np.array([1.0, 0.0, 0.0])
    return np.concatenate([u, np.cross(sun, u), sun])


def _rows(spheres_m: F32, axes: F64, v0: float) -> I64:
    """First and last row (n, 2) of the map that spheres (n, 4) reach."""
    v = spheres_m[:, :3].astype(np.float64) @ axes[3:6] - v0
    return np.floor(np.column_stack([v - spheres_m[:, 3] - 1.0, v + spheres_m[:, 3] + 1.0]) / TEXEL_M).astype(np.int64)


def _bands(ranges: I64, workers: int) -> I64:
    """Rows (workers + 1,) between which each worker finds about as many of the faces in ``ranges (k, 5)``."""
    middle = np.clip((ranges[:, 2] + ranges[:, 3]) // 2, 0, MAP_SIZE)
    faces = np.bincount(middle, ranges[:, 1], MAP_SIZE + 1).cumsum()
    bands = np.searchsorted(faces, faces[-1] * np.arange(workers + 1) / workers)
    bands[0], bands[-1] = 0, MAP_SIZE
    return bands.astype(np.int64)


def _over_map(spheres_m: F32, axes: F64, u0: float, v0: float) -> I64:
    """Rows of the spheres (n, 4) that may cast onto the map."""
    half = MAP_SIZE * TEXEL_M / 2
    centre = spheres_m[:, :3].astype(np.float64)
    du = np.abs(centre @ axes[:3] - u0 - half)
    dv = np.abs(centre @ axes[3:6] - v0 - half)
    return np.flatnonzero((du < half + spheres_m[:, 3]) & (dv < half + spheres_m[:, 3]))
