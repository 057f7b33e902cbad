"""The rays of a spinning sensor at once: triangles drawn into the grid of its azimuths and elevations.

Rays that share their origin need no search tree: what is near the sensor is drawn, nearest hit kept. It costs by
triangle rather than by ray, half of as many single rays at 64 channels. The static mesh is kept in chunks of
``CHUNK_M`` with bounding spheres; moving bodies are drawn from the model library as cameras draw them. Columns are
shared out between threads; no two write to the same ray, so the result does not depend on their number.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Mesh, Tag
from sim.server.scene.models import LODS, ModelLibrary
from sim.server.scene.variants import Variant
from sim.server.sensors import fan_kernels as kernels
from sim.server.sensors.hits import Bodies, Hits
from sim.server.sensors.pool import WorkerPool

Array = npt.NDArray[np.float64]

CHUNK_M = 12.0
STATIC = -1
SMALL_FAN = 8192
"""Rays: fewer are drawn by one thread, since waking another takes as long."""
PARTS = 4
"""Of a run of columns that threads share. More would be more even, but what crosses a border is done on both sides."""
BINS = 2048
STEEPEST = 1e9
"""Tangent of a ray that looks straight up or down."""
NO_TRIANGLES = -2
LOD_FROM_M = (0.0, 10.0, 28.0)
"""Distance from which a body is drawn coarser. Of the points on bodies of a street 99 in 100 move by less than 4 cm,
nineteen in twenty by less than 1 cm; columns of a 1024-column LiDAR are 6 cm apart at 10 m, 17 cm at 28 m."""


@dataclass(frozen=True)
class Fan:
    """Rays of a spinning sensor, in its own frame: channels times azimuth columns.

    elevation_rad (m,) falling; azimuth_rad (k,) of the columns, made of runs in which it grows by ``step_rad`` per
    column and by at most a full turn in all; runs (r, 2) first column and column count of each; alive (m, k) False
    where no ray is shot.
    """

    elevation_rad: Array
    azimuth_rad: Array
    step_rad: float
    runs: npt.NDArray[np.int64]
    alive: npt.NDArray[np.bool_]

    def columns(self, first: int, end: int) -> Fan:
        """The columns first..end alone."""
        begin = np.clip(self.runs[:, 0], first, end)
        stop = np.clip(self.runs[:, 0] + self.runs[:, 1], first, end)
        runs = np.stack([begin - first, stop - begin], axis=1)[stop > begin]
        alive = np.ascontiguousarray(self.alive[:, first:end])
        return Fan(self.elevation_rad, self.azimuth_rad[first:end], self.step_rad, runs, alive)

    def aside(self, right_rad: float, up_rad: float) -> Fan:
        """All rays turned a little, by as much in azimuth as in elevation where they are level."""
        highest = 0.5 * np.pi
        elevation = np.clip(self.elevation_rad + up_rad, -highest, highest)
        return Fan(elevation, self.azimuth_rad + right_rad, self.step_rad, self.runs, self.alive)


@dataclass(frozen=True)
class Chunks:
    """A static mesh cut into cubes: vertices (v, 3), faces (f, 3) into them, spans (c, 4) of each chunk's vertices
    and faces, tag, material and param (f,) of the faces, bounding spheres centre_m (c, 3) and radius_m (c,)."""

    vertices_m: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    tag: npt.NDArray[np.uint8]
    material: npt.NDArray[np.uint8]
    param: npt.NDArray[np.int32]
    spans: npt.NDArray[np.int64]
    centre_m: Array
    radius_m: Array

    @staticmethod
    def of(mesh: Mesh, chosen: npt.NDArray[np.int64], tag: npt.NDArray[np.uint8]) -> Chunks:
        """Chunks of the chosen faces (f,) of a mesh whose faces have these semantic tags."""
        if not len(chosen):
            return Chunks(
                np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), tag[:0], mesh.material[:0], mesh.param[:0],
                np.zeros((0, 4), np.int64), np.zeros((0, 3)), np.zeros(0),
            )  # fmt: skip
        corners = mesh.faces[chosen].astype(np.int64)
        middle = mesh.vertices_m[corners].mean(axis=1)
        cell = np.floor((middle - middle.min(axis=0)) / CHUNK_M).astype(np.int64)
        wide = cell.max(axis=0) + 1
        _, chunk = np.unique((cell[:, 0] * wide[1] + cell[:, 1]) * wide[2] + cell[:, 2], return_inverse=True)
        order = np.argsort(chunk, kind="stable")
        chunk, corners = chunk[order], corners[order]
        total = len(mesh.vertices_m)
        used, index = np.unique(chunk[:, None] * total + corners, return_inverse=True)
        count = int(chunk[-1]) + 1
        vertex_ends = np.searchsorted(used // total, np.arange(count + 1))
        face_ends = np.searchsorted(chunk, np.arange(count + 1))
        vertices = mesh.vertices_m[used % total]
        low = np.minimum.reduceat(vertices, vertex_ends[:-1]).astype(np.float64)
        high = np.maximum.reduceat(vertices, vertex_ends[:-1]).astype(np.float64)
        return Chunks(
            np.ascontiguousarray(vertices),
            index.reshape(-1, 3).astype(np.int32),
            tag[chosen[order]],
            mesh.material[chosen[order]],
            mesh.param[chosen[order]],
            np.stack([vertex_ends[:-1], vertex_ends[1:], face_ends[:-1], face_ends[1:]], axis=1),
            0.5 * (low + high),
            0.5 * np.linalg.norm(high - low, axis=1) + 1e-3,
        )


class BodyShapes:
    """Triangles of all models at all levels of detail, wound outward, with absolute vertex indices."""

    def __init__(self, library: ModelLibrary) -> None:
        self.vertices_m = np.ascontiguousarray(library.vertices_m, np.float32)
        self.faces = library.faces.astype(np.int32)
        ranges = library.ranges
        for v0, _, f0, count in ranges.reshape(-1, 4).tolist():
            self.faces[f0 : f0 + count] = library.faces[f0 : f0 + count] + v0
        a, b, c = (self.vertices_m[self.faces[:, k]] for k in range(3))
        inward = np.einsum("fi,fi->f", np.cross(b - a, c - a), library.normals[self.faces].sum(axis=1)) < 0.0
        self.faces[inward] = self.faces[inward][:, ::-1]
        self.spans = np.stack(
            [ranges[..., 0], ranges[..., 0] + ranges[..., 1], ranges[..., 2], ranges[..., 2] + ranges[..., 3]], axis=-1
        )  # (models, levels, 4)
        self.material = np.ascontiguousarray(library.material)
        self.rider = np.ascontiguousarray(library.rider)


@dataclass(frozen=True)
class Grid:
    """One fan's channels as the kernels want them, and the nearest hit of each ray (k, m) so far:
    the rays of a column, which a triangle meets one after the other, lie side by side."""

    tangent: Array
    cos_e: Array
    sin_e: Array
    bins: npt.NDArray[np.int32]
    low_tan: float
    per_tan: float
    cos_a: Array
    sin_a: Array
    range_m: npt.NDArray[np.float32]
    face: npt.NDArray[np.int32]
    owner: npt.NDArray[np.int32]

    @staticmethod
    def of(fan: Fan, max_range_m: float) -> Grid:
        """Nothing met yet within the range."""
        e = fan.elevation_rad
        tangent = np.clip(np.tan(e), -STEEPEST, STEEPEST)
        low, high = float(tangent[-1]), float(tangent[0])
        per_tan = BINS / max(high - low, 1e-9)
        upper = low + (np.arange(BINS) + 1) / per_tan
        bins = np.searchsorted(-tangent, -upper)  # first channel at most the bin's upper end
        shape = fan.alive.shape[::-1]
        farthest = np.nextafter(np.float32(max_range_m), np.float32(np.inf))
        return Grid(
            tangent, np.cos(e), np.sin(e), np.minimum(bins, len(e) - 1).astype(np.int32), low, per_tan,
            np.cos(fan.azimuth_rad), np.sin(fan.azimuth_rad),
            np.full(shape, farthest, np.float32), np.full(shape, -1, np.int32), np.full(shape, NO_TRIANGLES, np.int32),
        )  # fmt: skip

    def columns(self) -> tuple[Any, ...]:
        """Arguments of the drawing kernels, from the columns' cosines on."""
        return (
            self.cos_a, self.sin_a, self.tangent, self.cos_e, self.sin_e, self.bins, self.low_tan, self.per_tan,
            self.range_m, self.face, self.owner,
        )  # fmt: skip


@dataclass(frozen=True)
class Draws:
    """One mesh to draw: chunks or bodies with bounding spheres in the world, frames in the sensor's."""

    vertices_m: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    spans: npt.NDArray[np.int64]
    matrix: Array  # (n, 3, 3), or (1, 3, 3) for all
    shift_m: Array  # (n, 3) or (1, 3)
    owner: npt.NDArray[np.int32]
    centre_m: Array
    radius_m: Array
    closed: npt.NDArray[np.bool_]  # (n,) seen from outside: faces that look away are hidden by others


def draw(
    fan: Fan, draws: list[Draws], position_m: Array, sensor_from_world: Array, max_range_m: float, pool: WorkerPool
) -> Grid:
    """The nearest hit of every ray of a fan whose sensor stands at position_m (3,)."""
    grid = Grid.of(fan, max_range_m)
    parts = PARTS if fan.alive.size >= SMALL_FAN else 1
    jobs = []
    for first, count in fan.runs.tolist():
        ends = np.linspace(0, count, parts + 1).astype(np.int64).tolist()
        jobs += [(first + a, b - a) for a, b in itertools.pairwise(ends) if b > a]
    shift = -sensor_from_world @ position_m
    reach = (max_range_m, float(fan.elevation_rad[-1]), float(fan.elevation_rad[0]))

    left = iter(jobs)  # whoever is free takes the next: parts are not equally full

    def work(worker: int, workers: int) -> None:
        for first, count in left:
            azimuth = float(fan.azimuth_rad[first])
            for d in draws:
                _draw_part(d, grid, (sensor_from_world, shift), reach, (first, count, azimuth, fan.step_rad))

    if parts == 1 or pool.threads == 1:
        work(0, 1)
    else:
        pool.run(work)
    return grid


def _draw_part(
    d: Draws,
    grid: Grid,
    frame: tuple[Array, Array],
    reach: tuple[float, float, float],
    part: tuple[int, int, float, float],
) -> None:
    first, count, azimuth, step = part
    rows = np.empty(len(d.radius_m), np.int64)
    met = kernels.reached(d.centre_m, d.radius_m, *frame, *reach, azimuth, step, count, rows)
    rows = rows[:met]
    if met == 0:
        return
    vertices, faces = (int((d.spans[rows, k + 1] - d.spans[rows, k]).max()) for k in (0, 2))
    angle = np.empty((5, max(vertices, faces, len(grid.tangent))), np.float32)
    angle[4, : len(grid.tangent)] = grid.tangent
    work = np.empty((3, vertices)), angle, np.empty(faces, np.uint8)
    draw_many: Any = kernels.draw_many
    draw_many(
        d.vertices_m, d.faces, d.spans, rows, d.matrix, d.shift_m, d.owner, d.closed, first, count, azimuth, step,
        *grid.columns(), *work,
    )  # fmt: skip


def static_draws(chunks: Chunks, position_m: Array, sensor_from_world: Array) -> Draws:
    """The static mesh."""
    return Draws(
        chunks.vertices_m, chunks.faces, chunks.spans, sensor_from_world[None], -(sensor_from_world @ position_m)[None],
        np.full(len(chunks.spans), STATIC, np.int32), chunks.centre_m, chunks.radius_m,
        np.zeros(len(chunks.spans), np.bool_),
    )  # fmt: skip


def body_draws(shapes: BodyShapes, bodies: Bodies, position_m: Array, sensor_from_world: Array) -> list[Draws]:
    """Moving bodies, each at the level of detail that its distance asks for; those with their own shape apart."""
    matrix = np.ascontiguousarray(sensor_from_world @ bodies.world_from_local)
    shift = (bodies.position_m - position_m) @ sensor_from_world.T
    away = np.linalg.norm(bodies.centre_m - position_m, axis=1)
    level = np.minimum(np.searchsorted(LOD_FROM_M, away, side="right") - 1, LODS - 1)
    owner = np.arange(len(bodies.actor_id), dtype=np.int32)
    own = {int(np.searchsorted(bodies.actor_id, actor)): variant for actor, variant in bodies.own}
    spans = shapes.spans[bodies.model, level]
    radius = bodies.radius_m
    if own:
        radius = radius.copy()
        radius[list(own)] = -1e9  # never reached: drawn below
    far = away > radius
    draws = [Draws(shapes.vertices_m, shapes.faces, spans, matrix, shift, owner, bodies.centre_m, radius, far)]
    for row, variant in own.items():
        draws.append(_own_draw(variant, row, matrix, shift, bodies))
    return draws


def _own_draw(variant: Variant, row: int, matrix: Array, shift: Array, bodies: Bodies) -> Draws:
    level = variant.level(0)
    one = slice(row, row + 1)
    span = np.array([[0, len(level.vertices_m), 0, len(level.faces)]], np.int64)
    return Draws(
        np.ascontiguousarray(level.vertices_m, np.float32), level.faces.astype(np.int32), span, matrix[one],
        shift[one], np.array([row], np.int32), bodies.centre_m[one], bodies.radius_m[one],
        np.zeros(1, np.bool_),
    )  # fmt: skip


def hits_of(
    grid: Grid,
    fan: Fan,
    ray: npt.NDArray[np.int64],
    wanted: bool,
    static: tuple[Chunks, Array],
    bodies: Bodies | None,
    shapes: BodyShapes,
    draws: list[Draws],
    pool: WorkerPool,
) -> Hits:
    """What the rays numbered ``ray`` (n,) met. ``wanted``: more than ranges. static: the mesh and its frame;
    draws: of the bodies."""
    n = len(ray)
    hits = Hits(
        np.empty(n, np.float32), np.zeros(n, np.int64), np.zeros(n, np.uint8), np.zeros(n, np.uint8),
        np.zeros(n, np.int32), np.zeros(n, np.float32),
    )  # fmt: skip
    ways = (grid.cos_e, grid.sin_e, grid.cos_a, grid.sin_a)
    surfaces = _body_surfaces(bodies, shapes, draws) if wanted and bodies is not None else []
    ends = np.linspace(0, n, (PARTS if n >= SMALL_FAN else 1) + 1).astype(np.int64).tolist()
    parts = iter([slice(a, b) for a, b in itertools.pairwise(ends)])

    def work(worker: int, workers: int) -> None:
        for part in parts:
            _tell(grid, ray[part], hits.rows(part), wanted, static, bodies, ways, surfaces)

    if n >= SMALL_FAN:
        pool.run(work)
    else:
        work(0, 1)
    return hits


def _body_surfaces(bodies: Bodies, shapes: BodyShapes, draws: list[Draws]) -> list[tuple[Any, ...]]:
    """Rows of the bodies that each drawing is of, its triangles and frames, material and rider of its faces."""
    out: list[tuple[Any, ...]] = []
    own = {int(np.searchsorted(bodies.actor_id, actor)): variant for actor, variant in bodies.own}
    for k, d in enumerate(draws):
        rows, material, rider = (0, len(bodies.actor_id)), shapes.material, shapes.rider
        if k > 0:
            row = int(d.owner[0])
            level = own[row].level(0)
            rows, material, rider = (row, row + 1), level.material, level.rider
        out.append((*rows, d.vertices_m, d.faces, d.matrix, material, rider))
    return out


def _tell(
    grid: Grid,
    ray: npt.NDArray[np.int64],
    hits: Hits,
    wanted: bool,
    static: tuple[Chunks, Array],
    bodies: Bodies | None,
    ways: tuple[Array, ...],
    surfaces: list[tuple[Any, ...]],
) -> None:
    """Fill in the hits of some rays."""
    chunks, matrix = static
    columns = len(grid.cos_a)
    tell: Any = kernels.tell
    tell(
        ray, columns, grid.range_m, grid.face, grid.owner, wanted, STATIC, *ways, chunks.vertices_m, chunks.faces,
        matrix, chunks.tag, chunks.material, chunks.param, hits.range_m, hits.actor_id, hits.tag, hits.material,
        hits.param, hits.cosine,
    )  # fmt: skip
    tell_bodies: Any = kernels.tell_bodies
    for first, last, vertices, faces, frames, material, rider in surfaces:
        assert bodies is not None
        tell_bodies(
            ray, columns, grid.face, grid.owner, first, last, *ways, vertices, faces, frames, material, rider,
            int(Tag.RIDER), bodies.actor_id, bodies.tag, hits.actor_id, hits.tag, hits.material, hits.cosine,
        )  # fmt: skip
