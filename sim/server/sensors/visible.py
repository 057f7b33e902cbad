"""What a camera sees: which parts of the world reach into its picture, and which triangle is seen at each sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.server.heap import give_back
from sim.server.scene.models import LODS
from sim.server.sensors.geometry import Geometry
from sim.server.sensors.kernel import F32, F64, I32, I64, kernel
from sim.server.sensors.pool import WorkerPool
from sim.server.sensors.raster import bin_slots, bins_of, cells_of, rasterise, setup_triangles, unhidden

MAX_RANGE_M = 600.0
CLEAR_TO_NOTHING = 5.5  # optical depth beyond which a body leaves 0.4 % of its contrast: not drawn
TREE_RANGE_M = 260.0
LOD_PIXELS = (70.0, 24.0)  # bodies taller than this many pixels get detail 0, 1; else 2
TREE_LOD_PIXELS = (85.0, 28.0)  # radius of the crown
NEAR_FACES = 12_000  # drawn first; what they hide of the rest is left out
LINE = 8  # whole numbers in a line of the cache, which no two workers write


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera: width and height in pixels, horizontal field of view; square pixels, centred axis."""

    width: int
    height: int
    fov_rad: float

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.width / (2.0 * math.tan(self.fov_rad / 2.0))


@dataclass(frozen=True)
class Samples:
    """One over the depth (h, w), 0 in the sky, and the slot (h, w) of every sample, -1 in the sky; of each slot its
    edge functions (n, 9) and its face (n,). Valid until the next drawing."""

    inverse_depth: F32
    slot: I32
    edges: F32
    face_of_slot: I32


@dataclass(frozen=True)
class Blocks:
    """Faces that may be seen, near ones first: (k, 4) first face, count, first slot, 1 on a moving body; and the box
    (k, 6) that each block fills, least and greatest coordinates in the world."""

    faces: I64
    boxes_m: F32


@dataclass(frozen=True)
class _Target:
    """Buffers of one resolution, kept between pictures."""

    inverse_depth: F32
    slot: I32
    start: I64
    tally: I64
    cursor: I64
    far: F32
    room: F32

    @staticmethod
    def of(width: int, height: int, workers: int) -> _Target:
        bins = bins_of(height)
        return _Target(
            np.zeros((height, width), np.float32),
            np.zeros((height, width), np.int32),
            np.zeros(bins + 1, np.int64),
            np.zeros((workers, bins + LINE), np.int64),
            np.zeros(bins + 1, np.int64),
            cells_of(width, height),
            np.zeros((workers, width), np.float32),
        )


class VisibleSurfaces:
    """Finds visible surfaces of a geometry; keeps the room that this takes."""

    def __init__(self, geometry: Geometry, pool: WorkerPool) -> None:
        self._geometry = geometry
        self._pool = pool
        self._targets: dict[tuple[int, int], _Target] = {}
        self._edges: F32 = np.zeros((0, 9), np.float32)
        self._face_of_slot: I32 = np.zeros(0, np.int32)
        self._box: I32 = np.zeros((0, 4), np.int32)
        self._nearest: F32 = np.zeros(0, np.float32)
        self._members: I32 = np.zeros(0, np.int32)
        self._outgrown = False  # whether the picture before this one had to make room: up to then it held the old one
        self._corner = np.zeros((pool.threads, 32))  # a row a worker, lines of the cache apart

    def blocks(
        self, cam: F64, intrinsics: Intrinsics, beta_per_m: float, spheres: tuple[F64, F64, F64], left_out: I64
    ) -> Blocks:
        """What ``draw`` has to look at.

        beta_per_m: extinction of the air. spheres: centre (n, 3), radius (n,) and height (n,) of every moving body;
        left_out: rows of those that are not drawn.
        """
        ranges, focal = self._geometry.ranges, intrinsics.focal_px
        far = min(MAX_RANGE_M, max(40.0, CLEAR_TO_NOTHING / max(beta_per_m, 1e-6)))
        seen = in_frustum(cam, intrinsics, ranges.chunk_spheres_m, far)
        trees = in_frustum(cam, intrinsics, ranges.tree_spheres_m, min(far, TREE_RANGE_M))
        crowns = ranges.tree_spheres_m[trees]
        size = crowns[:, 3] * focal / np.maximum(_distance(cam, crowns), 1.0)
        level = np.where(size > TREE_LOD_PIXELS[0], 0, np.where(size > TREE_LOD_PIXELS[1], 1, 2))
        centre, radius, height = spheres
        rows = in_frustum(cam, intrinsics, np.column_stack([centre, radius]), far)
        if len(left_out):
            rows = np.setdiff1d(rows, left_out)
        off = np.linalg.norm(centre[rows] - cam[:3], axis=1)
        tall = height[rows] * focal / np.maximum(off, 1.0)
        lod = np.where(tall > LOD_PIXELS[0], 0, np.where(tall > LOD_PIXELS[1], 1, LODS - 1))
        static = np.concatenate([ranges.chunks[seen], ranges.trees[level, trees]])
        placed, placed_boxes = self._geometry.place(rows, lod)
        blocks = np.zeros((len(static) + len(placed), 4), np.int64)
        blocks[: len(static), :2] = static
        blocks[len(static) :, :2] = placed
        blocks[len(static) :, 3] = 1
        still = np.concatenate([ranges.chunk_spheres_m[seen], crowns])
        away = np.concatenate([_distance(cam, still) - still[:, 3], off - radius[rows]])
        boxes = np.concatenate([ranges.chunk_boxes_m[seen], ranges.tree_boxes_m[level, trees], placed_boxes])
        order = np.argsort(away, kind="stable")  # near ones first hide the others
        blocks = blocks[order]
        blocks[1:, 2] = np.cumsum(blocks[:-1, 1])
        return Blocks(blocks, boxes[order])

    def draw(self, cam: F64, intrinsics: Intrinsics, blocks: Blocks, samples: int) -> Samples:
        """Visible slots of ``samples`` squared samples a pixel."""
        width, height = intrinsics.width * samples, intrinsics.height * samples
        faces = blocks.faces
        slots = int(faces[-1, 1] + faces[-1, 2]) if len(faces) else 0
        if self._outgrown:
            give_back()
        self._outgrown = slots > len(self._edges)
        if self._outgrown:
            room = slots + slots // 4
            self._edges = np.zeros((room, 9), np.float32)
            self._face_of_slot = np.zeros(room, np.int32)
            self._box = np.zeros((room, 4), np.int32)
            self._nearest = np.zeros(room, np.float32)
        target = self._targets.get((width, height))
        if target is None:
            target = self._targets[width, height] = _Target.of(width, height, self._pool.threads)
        focal = intrinsics.focal_px * samples
        near = int(np.searchsorted(faces[:, 2], NEAR_FACES))
        self._draw(target, cam, focal, faces[:near], goes_on=False)
        rest = np.empty((len(faces) - near, 4), np.int64)
        left = unhidden(faces[near:], blocks.boxes_m[near:], cam, focal, width, height, target.far, rest)
        if left:
            self._draw(target, cam, focal, rest[:left], goes_on=True)
        return Samples(target.inverse_depth, target.slot, self._edges, self._face_of_slot)

    def _draw(self, target: _Target, cam: F64, focal: float, blocks: I64, goes_on: bool) -> None:
        """Draw blocks (k, 4), ``goes_on``: over what is drawn already. focal in samples."""
        height, width = target.slot.shape
        counts = np.zeros(len(blocks), np.int64)
        self._pool.run(
            setup_triangles, np.zeros(1, np.int64), self._geometry.vertices_m, self._geometry.faces, blocks, cam,
            focal, width, height, self._edges, self._face_of_slot, self._box, self._nearest, counts, target.tally,
            self._corner,
        )  # fmt: skip
        total = bin_slots(blocks, counts, target.tally, self._box, target.start, target.cursor, self._members)
        if total < 0:
            self._members = np.zeros(-total + -total // 4, np.int32)
            bin_slots(blocks, counts, target.tally, self._box, target.start, target.cursor, self._members)
        fullest_first = np.argsort(-np.diff(target.start), kind="stable")  # so that threads end together
        self._pool.run(
            rasterise, np.zeros(1, np.int64), fullest_first, target.start, self._members, self._edges, self._box,
            self._nearest, target.far, target.room, goes_on, target.inverse_depth, target.slot,
        )  # fmt: skip


def _distance(cam: F64, spheres_m: F32) -> F64:
    return np.linalg.norm(spheres_m[:, :3] - cam[:3], axis=1)


def in_frustum(cam: F64, intrinsics: Intrinsics, spheres_m: F32 | F64, far_m: float) -> I64:
    """Rows of the spheres (n, 4) that reach into the picture and nearer than ``far_m``."""
    half_x = intrinsics.fov_rad / 2.0
    half_y = math.atan(intrinsics.height / 2.0 / intrinsics.focal_px)
    rows = np.empty(len(spheres_m), np.int64)
    return rows[: _reaching(cam, spheres_m, half_x, half_y, far_m, rows)]


@kernel
def _reaching(cam: F64, spheres: F32 | F64, half_x: float, half_y: float, far: float, rows: I64) -> int:
    """How many spheres (n, 4) reach into a pyramid of these half angles; which ones they are into ``rows (n,)``."""
    cos_x, sin_x, cos_y, sin_y = math.cos(half_x), math.sin(half_x), math.cos(half_y), math.sin(half_y)
    count = 0
    for k in range(len(spheres)):
        x, y, z, radius = spheres[k, 0] - cam[0], spheres[k, 1] - cam[1], spheres[k, 2] - cam[2], spheres[k, 3]
        depth = x * cam[9] + y * cam[10] + z * cam[11]
        if depth + radius <= 0.0 or depth - radius >= far:
            continue
        across, down = x * cam[3] + y * cam[4] + z * cam[5], x * cam[6] + y * cam[7] + z * cam[8]
        if abs(across) * cos_x - depth * sin_x < radius and abs(down) * cos_y - depth * sin_y < radius:
            rows[count] = k
            count += 1
    return count
