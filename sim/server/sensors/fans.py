"""The rays of a spinning sensor at once: triangles drawn into the grid of its azimuths and elevations.

Rays that share their origin need no search tree: what is near the sensor is drawn, nearest hit kept. It costs by
triangle rather than by ray, half of as many single rays at 64 channels. The static mesh is kept in chunks with bounding
spheres; moving bodies are drawn from the model library as cameras draw them (``fan_meshes``). Columns are shared out
between threads; no two write to the same ray, so the result does not depend on their number.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Tag
from sim.server.sensors import fan_hit_kernels as telling
from sim.server.sensors import fan_kernels as kernels
from sim.server.sensors.fan_meshes import STATIC, BodyShapes, Chunks, Draws, body_draws, static_draws
from sim.server.sensors.hits import Bodies, Hits
from sim.server.sensors.pool import WorkerPool

Array = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Rays = npt.NDArray[np.int64]

SMALL_FAN = 8192
"""Rays: fewer are drawn by one thread, since waking another takes as long."""
PARTS = 4
"""Of a run of columns that threads share. More would be more even, but what crosses a border is done on both sides."""
BINS = 2048
STEEPEST = 1e9
"""Tangent of a ray that looks straight up or down."""


@dataclass(frozen=True)
class Channels:
    """Elevations (m,) of a spinning sensor, falling, as the kernels want them: their tangents, in single precision as
    well, cosines and sines; bins: first channel whose tangent is at most the upper end of each of ``BINS`` steps,
    per_tan to a unit, from low_tan on."""

    elevation_rad: Array
    tangent: Array
    cos: Array
    sin: Array
    tangent32: Float32
    bins: npt.NDArray[np.int32]
    low_tan: float
    per_tan: float

    @staticmethod
    def at(elevation_rad: Array) -> Channels:
        """Of falling elevations."""
        tangent = np.clip(np.tan(elevation_rad), -STEEPEST, STEEPEST)
        low, high = float(tangent[-1]), float(tangent[0])
        per_tan = BINS / max(high - low, 1e-9)
        upper = low + (np.arange(BINS) + 1) / per_tan
        bins = np.minimum(np.searchsorted(-tangent, -upper), len(tangent) - 1).astype(np.int32)
        single = tangent.astype(np.float32)
        return Channels(
            elevation_rad, tangent, np.cos(elevation_rad), np.sin(elevation_rad), single, bins, low, per_tan
        )

    def __len__(self) -> int:
        return len(self.elevation_rad)


@dataclass(frozen=True)
class Fan:
    """Rays of a spinning sensor, in its own frame: channels times azimuth columns.

    azimuth_rad (k,) of the columns, made of runs in which it grows by ``step_rad`` per column and by at most a full
    turn in all; runs (r, 2) first column and column count of each; alive (m, k) False where no ray is shot.
    """

    channels: Channels
    azimuth_rad: Array
    step_rad: float
    runs: Rays
    alive: npt.NDArray[np.bool_]

    @cached_property
    def cos_a(self) -> Array:
        """Cosine of the azimuth of each column (k,)."""
        return np.cos(self.azimuth_rad)

    @cached_property
    def sin_a(self) -> Array:
        """Its sine."""
        return np.sin(self.azimuth_rad)

    def ways(self) -> tuple[Array, ...]:
        """Cosines and sines of the channels, then of the columns."""
        return self.channels.cos, self.channels.sin, self.cos_a, self.sin_a

    @property
    def elevation_rad(self) -> Array:
        """Of the channels (m,)."""
        return self.channels.elevation_rad

    def columns(self, first: int, end: int) -> Fan:
        """The columns first..end alone."""
        begin = np.clip(self.runs[:, 0], first, end)
        stop = np.clip(self.runs[:, 0] + self.runs[:, 1], first, end)
        runs = np.stack([begin - first, stop - begin], axis=1)[stop > begin]
        alive = np.ascontiguousarray(self.alive[:, first:end])
        return Fan(self.channels, self.azimuth_rad[first:end], self.step_rad, runs, alive)

    def aside(self, right_rad: float, up_rad: float) -> Fan:
        """All rays turned a little, by as much in azimuth as in elevation where they are level."""
        highest = 0.5 * np.pi
        channels = Channels.at(np.clip(self.elevation_rad + up_rad, -highest, highest))
        return Fan(channels, self.azimuth_rad + right_rad, self.step_rad, self.runs, self.alive)

    def parts(self) -> list[tuple[int, int]]:
        """First column and column count of pieces of work for threads, none across the border of two runs."""
        count = PARTS if self.alive.size >= SMALL_FAN else 1
        out = []
        for first, columns in self.runs.tolist():
            ends = [columns * part // count for part in range(count + 1)]
            out += [(first + a, b - a) for a, b in itertools.pairwise(ends) if b > a]
        return out


class Scratch(threading.local):
    """What drawing a mesh needs room for, kept from one drawing to the next; each thread has its own."""

    def __init__(self) -> None:
        self._room = (np.empty((3, 0)), np.empty((4, 0), np.float32), np.empty(0, np.uint8))

    def fit(self, vertices: int, faces: int) -> tuple[Any, ...]:
        """Room for spans of up to so many vertices and faces."""
        if vertices > self._room[0].shape[1] or faces > len(self._room[2]):
            vertices, faces = max(vertices, self._room[0].shape[1]), max(faces, len(self._room[2]))
            self._room = (
                np.empty((3, vertices)), np.empty((4, max(vertices, faces)), np.float32), np.empty(faces, np.uint8)
            )  # fmt: skip
        return self._room


@dataclass(frozen=True)
class Grid:
    """The nearest hit of each ray of a fan so far (k, m): the rays of a column, which a triangle meets one after the
    other, lie side by side. owner is filled in where a face is, which is else -1."""

    fan: Fan
    range_m: Float32
    face: npt.NDArray[np.int32]
    owner: npt.NDArray[np.int32]

    @staticmethod
    def of(fan: Fan, max_range_m: float) -> Grid:
        """Nothing met yet within the range."""
        shape = fan.alive.shape[::-1]
        farthest = np.nextafter(np.float32(max_range_m), np.float32(np.inf))
        return Grid(
            fan, np.full(shape, farthest, np.float32), np.full(shape, -1, np.int32), np.empty(shape, np.int32)
        )  # fmt: skip

    def columns(self) -> tuple[Any, ...]:
        """Arguments of the drawing kernels, from the columns' cosines on."""
        c = self.fan.channels
        return (
            self.fan.cos_a, self.fan.sin_a, c.tangent, c.cos, c.sin, c.tangent32, c.bins, c.low_tan, c.per_tan,
            self.range_m, self.face, self.owner,
        )  # fmt: skip


Told = Callable[[int, int], None]
"""What is made of some columns, told by their first and how many, as soon as they are drawn."""


def draw(
    grid: Grid,
    draws: list[Draws],
    pose: tuple[Array, Array],
    max_range_m: float,
    told: Told,
    pool: WorkerPool,
    scratch: Scratch,
) -> None:
    """Find the nearest hit of every ray; ``told`` of all columns, in any order, perhaps on several threads at once.

    pose: position of the sensor (3,) and sensor frame from world (3, 3).
    """
    position, turn = pose
    fan = grid.fan
    elevations = float(fan.elevation_rad[-1]), float(fan.elevation_rad[0])
    near = [_near(d, (turn, -turn @ position), max_range_m, elevations) for d in draws]
    columns = grid.columns()
    parts = fan.parts()
    left = iter(parts)  # whoever is free takes the next: parts are not equally full

    def work(worker: int, workers: int) -> None:
        for first, count in left:
            azimuth = float(fan.azimuth_rad[first])
            for d, rows in zip(draws, near, strict=True):
                kernels.draw_many(
                    d.vertices_m, d.faces, d.spans, *rows, d.matrix, d.shift_m, d.owner, d.closed, first, count,
                    azimuth, fan.step_rad, *columns, *scratch.fit(*d.largest),
                )  # fmt: skip
            told(first, count)

    if len(parts) <= 1 or fan.alive.size < SMALL_FAN or pool.threads == 1:
        work(0, 1)
    else:
        pool.run(work)


def _near(
    d: Draws, frame: tuple[Array, Array], max_range_m: float, elevations: tuple[float, float]
) -> tuple[Rays, Array, Array]:
    """Rows that a fan may meet, with the azimuth from which on each is, and how wide."""
    n = len(d.radius_m)
    rows, begin, wide = np.empty(n, np.int64), np.empty(n), np.empty(n)
    met = kernels.near(d.centre_m, d.radius_m, *frame, max_range_m, *elevations, rows, begin, wide)
    return rows[:met], begin[:met], wide[:met]


@dataclass(frozen=True)
class FanCaster:
    """Casts the rays of fans from one pose: position (3,), sensor frame from world (3, 3)."""

    pose: tuple[Array, Array]
    max_range_m: float
    chunks: Chunks
    shapes: BodyShapes
    bodies: Bodies
    pool: WorkerPool
    scratch: Scratch

    def _draws(self) -> list[Draws]:
        position, turn = self.pose
        draws = body_draws(self.shapes, self.bodies, position, turn) if len(self.bodies.actor_id) else []
        return [*draws, static_draws(self.chunks, position, turn)]

    def met(self, fan: Fan) -> tuple[Rays, Float32]:
        """Numbers (n,) and ranges (n,) of the rays shot that met something, by channel and column."""
        grid = Grid.of(fan, self.max_range_m)
        ranges = np.empty(fan.alive.shape, np.float32)

        def told(first: int, count: int) -> None:
            telling.settle(fan.alive, first, count, grid.range_m, grid.face, ranges)

        draw(grid, self._draws(), self.pose, self.max_range_m, told, self.pool, self.scratch)
        ray, range_m = np.empty(ranges.size, np.int64), np.empty(ranges.size, np.float32)
        count = telling.met(ranges.ravel(), ray, range_m)
        return ray[:count], range_m[:count]

    def hits(self, fan: Fan) -> tuple[Rays, Hits]:
        """Numbers (n,) of the rays shot, by channel and column, and what they met."""
        grid, draws = Grid.of(fan, self.max_range_m), self._draws()
        n = fan.alive.size
        hits = Hits(
            np.empty(n, np.float32), np.zeros(n, np.int64), np.zeros(n, np.uint8), np.zeros(n, np.uint8),
            np.zeros(n, np.int32), np.zeros(n, np.float32),
        )  # fmt: skip
        ranges, ways, surfaces = hits.range_m.reshape(fan.alive.shape), fan.ways(), self._surfaces(draws)
        chunks, turn, bodies = self.chunks, self.pose[1], self.bodies

        def told(first: int, count: int) -> None:
            telling.settle(fan.alive, first, count, grid.range_m, grid.face, ranges)
            some = (fan.alive, first, count, grid.face, grid.owner)
            telling.tell(
                *some, STATIC, *ways, chunks.vertices_m, chunks.faces, turn, chunks.tag, chunks.material, chunks.param,
                hits.tag, hits.material, hits.param, hits.cosine,
            )  # fmt: skip
            for first_body, last_body, vertices, faces, frames, material, rider in surfaces:
                telling.tell_bodies(
                    *some, first_body, last_body, *ways, vertices, faces, frames, material, rider, int(Tag.RIDER),
                    bodies.actor_id, bodies.tag, hits.actor_id, hits.tag, hits.material, hits.cosine,
                )  # fmt: skip

        draw(grid, draws, self.pose, self.max_range_m, told, self.pool, self.scratch)
        if fan.alive.all():
            return np.arange(n), hits
        ray = np.flatnonzero(fan.alive)
        return ray, hits.rows(ray)

    def _surfaces(self, draws: list[Draws]) -> list[tuple[Any, ...]]:
        """Of each drawing of bodies its rows, its triangles and frames, material and rider of its faces."""
        out: list[tuple[Any, ...]] = []
        own = {int(np.searchsorted(self.bodies.actor_id, actor)): variant for actor, variant in self.bodies.own}
        for k, d in enumerate(draws[:-1]):  # the last is the static mesh
            rows, material, rider = (0, len(self.bodies.actor_id)), self.shapes.material, self.shapes.rider
            if k > 0:
                row = int(d.owner[0])
                level = own[row].level(0)
                rows, material, rider = (row, row + 1), level.material, level.rider
            out.append((*rows, d.vertices_m, d.faces, d.matrix, material, rider))
        return out
