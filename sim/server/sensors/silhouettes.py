"""Outline of every moving body in one picture: what is seen of it, and what would be if nothing stood before it.

The whole outline (*amodal*) is traced from the very triangles that the picture draws of the body, at the same level of
detail and by the same rule (a pixel belongs to a triangle if its centre does), so what is seen is a part of it.

Boxes are left, top, right, bottom in pixels; pixel (x, y) covers x..x + 1, y..y + 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from sim.server.scene.mesh import Tag
from sim.server.sensors.geometry import BODY_SHIFT, RIDER_BIT, Geometry
from sim.server.sensors.kernel import F32, F64, I32, I64, U8, U32, kernel
from sim.server.sensors.pool import WorkerPool
from sim.server.sensors.raster import NEAR_M

RIDER = int(Tag.RIDER)
NOWHERE = 1e9  # start of a smallest coordinate


class Part(IntEnum):
    """What of an actor an outline is about. Bodies without a rider have only ``WHOLE``."""

    WHOLE = 0
    MACHINE = 1  # the bicycle or motorcycle alone
    RIDER = 2


@dataclass(frozen=True)
class Silhouettes:
    """Outlines of the moving bodies that reach into the picture, hidden ones too: n rows, in the order of the view's
    instances, the parts of a body one after the other. Bodies that the air hides completely are left out.

    actor_id (n,); part (n,) ``Part``; visible_px (n,) pixels that show it, visible_box (n, 4) their tight box, zeros
    where there are none; amodal_px (n,) pixels inside the picture that would show it alone in the world; amodal_box
    (n, 4) tight box of its triangles' corners, reaching beyond the picture where the body does (what lies nearer than
    8 cm to the camera's plane is cut off).
    """

    actor_id: I64
    part: U8
    visible_px: I64
    visible_box: F32
    amodal_px: I64
    amodal_box: F32

    @property
    def share_visible(self) -> F64:
        """Visible over amodal pixels (n,), 0..1; 0 where the picture would show nothing anyway."""
        share = self.visible_px / np.maximum(self.amodal_px, 1)
        return np.asarray(np.minimum(share, 1.0), np.float64)

    def of(self, part: Part) -> Silhouettes:
        """The rows of one part."""
        rows = self.part == part
        return Silhouettes(
            self.actor_id[rows], self.part[rows], self.visible_px[rows], self.visible_box[rows],
            self.amodal_px[rows], self.amodal_box[rows],
        )  # fmt: skip


def trace(
    geometry: Geometry,
    pool: WorkerPool,
    blocks: I64,
    actor_id: I64,
    cam: F64,
    focal_px: float,
    semantic: U8,
    instance: I32,
) -> Silhouettes:
    """Outlines of the bodies whose placed faces are ``blocks (k, 2+)`` = first face, count, ...

    actor_id (m,) of the view's instances, ascending; cam (12,) of ``raster.camera_block``; semantic and instance (h, w)
    the labels of the same picture.
    """
    jobs = _jobs(geometry, blocks)
    height, width = instance.shape
    amodal_px, amodal_box = np.zeros(len(jobs), np.int64), np.zeros((len(jobs), 4), np.float32)
    stamps = np.full((pool.threads, height, width), -1, np.int32)
    corners = np.zeros((pool.threads, 9))
    pool.run(
        _outline, geometry.vertices_m, geometry.faces, geometry.param, jobs, cam, focal_px, stamps, corners,
        amodal_px, amodal_box,
    )  # fmt: skip
    pixels, boxes = np.zeros((len(actor_id), len(Part)), np.int64), np.zeros((len(actor_id), len(Part), 4), np.int32)
    _seen(semantic, instance, np.ascontiguousarray(actor_id, np.int64), pixels, boxes)
    row, part = jobs[:, 3], jobs[:, 2]
    visible_box = boxes[row, part].astype(np.float32)
    visible_px = pixels[row, part]
    here = (visible_px > 0) | (amodal_px > 0)
    return Silhouettes(
        actor_id[row][here], part[here].astype(np.uint8), visible_px[here], visible_box[here], amodal_px[here],
        amodal_box[here],
    )  # fmt: skip


def _jobs(geometry: Geometry, blocks: I64) -> I64:
    """(j, 4): first face, count, part, instance row; sorted by row and part."""
    jobs = []
    for first, count in blocks[:, :2].tolist():
        if not count:
            continue
        param = geometry.param[first : first + count]
        row = int(param[0]) >> BODY_SHIFT
        ridden = bool((param & RIDER_BIT).any())
        jobs += [(first, count, int(part), row) for part in (Part if ridden else (Part.WHOLE,))]
    jobs.sort(key=lambda job: (job[3], job[2]))
    return np.array(jobs, np.int64).reshape(-1, 4)


@kernel
def _outline(
    worker: int,
    workers: int,
    vertices: F32,
    faces: U32,
    param: I32,
    jobs: I64,
    cam: F64,
    focal: float,
    stamps: I32,
    corners: F64,
    pixels: I64,
    boxes: F32,
) -> None:
    """Pixels (j,) inside the picture and box (j, 4) of every job's faces."""
    stamp, tri = stamps[worker], corners[worker]
    height, width = stamp.shape
    cx, cy = width * 0.5, height * 0.5
    for j in range(worker, len(jobs), workers):
        x_min, y_min, x_max, y_max = NOWHERE, NOWHERE, -NOWHERE, -NOWHERE
        for f in range(jobs[j, 0], jobs[j, 0] + jobs[j, 1]):
            ridden = (param[f] & RIDER_BIT) != 0
            if (jobs[j, 2] == 1 and ridden) or (jobs[j, 2] == 2 and not ridden):
                continue
            for c in range(3):
                v = faces[f, c]
                x, y, z = vertices[v, 0] - cam[0], vertices[v, 1] - cam[1], vertices[v, 2] - cam[2]
                tri[3 * c] = cam[3] * x + cam[4] * y + cam[5] * z
                tri[3 * c + 1] = cam[6] * x + cam[7] * y + cam[8] * z
                tri[3 * c + 2] = cam[9] * x + cam[10] * y + cam[11] * z
            if tri[2] < NEAR_M and tri[5] < NEAR_M and tri[8] < NEAR_M:
                continue
            if _turned_away(tri):
                continue
            left, top, right, bottom = NOWHERE, NOWHERE, -NOWHERE, -NOWHERE
            for e in range(3):
                n = 0 if e == 2 else e + 1
                px, py, pz = tri[3 * e], tri[3 * e + 1], tri[3 * e + 2]
                qx, qy, qz = tri[3 * n], tri[3 * n + 1], tri[3 * n + 2]
                if pz > NEAR_M:
                    u, w = px * focal / pz + cx, py * focal / pz + cy
                    left, right, top, bottom = min(left, u), max(right, u), min(top, w), max(bottom, w)
                if (pz > NEAR_M) != (qz > NEAR_M):
                    t = (NEAR_M - pz) / (qz - pz)
                    u, w = (px + t * (qx - px)) * focal / NEAR_M + cx, (py + t * (qy - py)) * focal / NEAR_M + cy
                    left, right, top, bottom = min(left, u), max(right, u), min(top, w), max(bottom, w)
            x_min, x_max, y_min, y_max = min(x_min, left), max(x_max, right), min(y_min, top), max(y_max, bottom)
            if right > 0.0 and bottom > 0.0 and left < width and top < height:
                low = max(0, math.ceil(max(left, 0.0) - 0.5))
                high = min(width - 1, math.floor(min(right, float(width)) - 0.5))
                first = max(0, math.ceil(max(top, 0.0) - 0.5))
                last = min(height - 1, math.floor(min(bottom, float(height)) - 0.5))
                pixels[j] += _fill(stamp, j, tri, focal, low, high, first, last)
        boxes[j, 0], boxes[j, 1], boxes[j, 2], boxes[j, 3] = x_min, y_min, x_max, y_max


@kernel
def _turned_away(tri: F64) -> bool:
    """Whether the camera is behind a triangle of camera-space corners (9,), or in its plane."""
    nx = tri[4] * tri[8] - tri[5] * tri[7]
    ny = tri[5] * tri[6] - tri[3] * tri[8]
    nz = tri[3] * tri[7] - tri[4] * tri[6]
    return tri[0] * nx + tri[1] * ny + tri[2] * nz <= 0.0


@kernel
def _fill(stamp: I32, name: int, tri: F64, focal: float, low: int, high: int, first: int, last: int) -> int:
    """Mark the pixels of columns low..high and rows first..last whose centre a triangle covers; how many are new."""
    height, width = stamp.shape
    fresh = 0
    for y in range(first, last + 1):
        x0, x1 = float(low), float(high)
        for e in range(3):
            p, q = 3 * ((e + 1) % 3), 3 * ((e + 2) % 3)
            nx = tri[p + 1] * tri[q + 2] - tri[p + 2] * tri[q + 1]
            ny = tri[p + 2] * tri[q] - tri[p] * tri[q + 2]
            nz = tri[p] * tri[q + 1] - tri[p + 1] * tri[q]
            # inside where nx (x + 0.5 - cx) + ny (y + 0.5 - cy) + nz focal >= 0
            at_zero = nx * (0.5 - 0.5 * width) + ny * (y + 0.5 - 0.5 * height) + nz * focal
            if nx > 0.0:
                x0 = max(x0, -at_zero / nx)
            elif nx < 0.0:
                x1 = min(x1, -at_zero / nx)
            elif at_zero < 0.0:
                x1 = -1.0
        for x in range(math.ceil(x0), math.floor(x1) + 1):
            if stamp[y, x] != name:
                stamp[y, x] = name
                fresh += 1
    return fresh


@kernel
def _seen(semantic: U8, instance: I32, actor_id: I64, pixels: I64, boxes: I32) -> None:
    """Pixels (n, parts) and tight boxes (n, parts, 4) of every actor; ids ascend."""
    height, width = instance.shape
    name, row = -1, -1
    for y in range(height):
        for x in range(width):
            here = instance[y, x]
            if here == 0:
                continue
            if here != name:
                name, row = here, _row_of(actor_id, here)
            if row < 0:
                continue
            own = 2 if semantic[y, x] == RIDER else 1
            for part in (0, own):
                box = boxes[row, part]
                if pixels[row, part] == 0:
                    box[0], box[1], box[2], box[3] = x, y, x + 1, y + 1
                box[0], box[2], box[3] = min(box[0], x), max(box[2], x + 1), y + 1
                pixels[row, part] += 1


@kernel
def _row_of(actor_id: I64, wanted: int) -> int:
    """Row of an id, -1 where it is not there."""
    low, high = 0, len(actor_id)
    while low < high:
        middle = (low + high) // 2
        if actor_id[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < len(actor_id) and actor_id[low] == wanted else -1
