"""From runs to fragments: where each surface that a pixel shows is.

Attributes come from the slot's edge functions, exact in perspective.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.server.sensors.columns import (
    DEPTH,
    EMISSION,
    EXTRA,
    F0,
    FOOT,
    GROUND,
    MIRROR,
    NORMAL,
    OCCLUSION,
    POS,
    PX,
    PY,
    SPECULAR,
    STRIDE,
    TO_EYE,
    TRANSLUCENT,
    UVW,
    WEIGHT,
)
from sim.server.sensors.kernel import F32, F64, I32, Tables, kernel, lanes
from sim.server.sensors.runs import ACROSS, COUNT, DOWN, LENGTH, RUN_FACE, RUN_PIXEL, RUN_SLOT, SAMPLE

# Columns of a fragment's names, (NAME_COLUMNS, STRIDE) int32; pixel is its number within the image.
SLOT, PIXEL, FACE = 0, 1, 2
NAME_COLUMNS = 3
LEAST_W: Any = 1e-6  # 1/m: a fragment beside its samples may lie behind its plane's horizon, where there is no depth
LANES = 16  # runs are filled by so many fragments at a time: what is too much, the next run writes over
# Of a slot's plane functions, each a value at the corner of the picture and a step per sample to the right and down.
PLANE_W, PLANE_NORMAL, PLANE_UVW, PLANE_EXTRA, PLANES = 0, 1, 4, 7, 10
PLANNED = 1024  # slots whose plane functions are kept, a power of two: 240 kB, a part of a core's own cache


@lanes
def _fill_run(q: F32, count: int, plane: F64, across: float, down: float, weight: float) -> None:
    """Columns of ``count`` fragments along a run, a multiple of LANES, by the plane functions of its slot."""
    begin, py, share = np.float32(across), np.float32(down), np.float32(weight)
    w = np.float32(plane[PLANE_W] + plane[PLANES + PLANE_W] * across + plane[2 * PLANES + PLANE_W] * down)
    a = np.float32(plane[1] + plane[PLANES + 1] * across + plane[2 * PLANES + 1] * down)
    b = np.float32(plane[2] + plane[PLANES + 2] * across + plane[2 * PLANES + 2] * down)
    c = np.float32(plane[3] + plane[PLANES + 3] * across + plane[2 * PLANES + 3] * down)
    d = np.float32(plane[4] + plane[PLANES + 4] * across + plane[2 * PLANES + 4] * down)
    e = np.float32(plane[5] + plane[PLANES + 5] * across + plane[2 * PLANES + 5] * down)
    f = np.float32(plane[6] + plane[PLANES + 6] * across + plane[2 * PLANES + 6] * down)
    w_step = 2.0 * np.float32(plane[PLANES + PLANE_W])  # a pixel is two samples on
    a_step, b_step, c_step = (
        2.0 * np.float32(plane[PLANES + 1]),
        2.0 * np.float32(plane[PLANES + 2]),
        2.0 * np.float32(plane[PLANES + 3]),
    )
    d_step, e_step, f_step = (
        2.0 * np.float32(plane[PLANES + 4]),
        2.0 * np.float32(plane[PLANES + 5]),
        2.0 * np.float32(plane[PLANES + 6]),
    )
    for i in range(count // LANES * LANES):
        x = np.float32(np.int32(i))
        z = 1.0 / max(w + w_step * x, LEAST_W)
        q[PX * STRIDE + i] = begin + 2.0 * x
        q[PY * STRIDE + i] = py
        q[WEIGHT * STRIDE + i] = share
        q[DEPTH * STRIDE + i] = z
        q[NORMAL * STRIDE + i] = (a + a_step * x) * z
        q[(NORMAL + 1) * STRIDE + i] = (b + b_step * x) * z
        q[(NORMAL + 2) * STRIDE + i] = (c + c_step * x) * z
        q[UVW * STRIDE + i] = (d + d_step * x) * z
        q[(UVW + 1) * STRIDE + i] = (e + e_step * x) * z
        q[(UVW + 2) * STRIDE + i] = (f + f_step * x) * z


@lanes
def _fill_on_body(q: F32, count: int, plane: F64, across: float, down: float) -> None:
    """Model-frame places of ``count`` fragments along a run, a multiple of LANES; after ``_fill_run``."""
    a = np.float32(plane[7] + plane[PLANES + 7] * across + plane[2 * PLANES + 7] * down)
    b = np.float32(plane[8] + plane[PLANES + 8] * across + plane[2 * PLANES + 8] * down)
    c = np.float32(plane[9] + plane[PLANES + 9] * across + plane[2 * PLANES + 9] * down)
    a_step, b_step, c_step = (
        2.0 * np.float32(plane[PLANES + 7]),
        2.0 * np.float32(plane[PLANES + 8]),
        2.0 * np.float32(plane[PLANES + 9]),
    )
    for i in range(count // LANES * LANES):
        x = np.float32(np.int32(i))
        z = q[DEPTH * STRIDE + i]
        q[EXTRA * STRIDE + i] = (a + a_step * x) * z
        q[(EXTRA + 1) * STRIDE + i] = (b + b_step * x) * z
        q[(EXTRA + 2) * STRIDE + i] = (c + c_step * x) * z


@lanes
def _name_run(name: I32, count: int, slot: int, pixel: int, face: int) -> None:
    """Names of ``count`` fragments along a run, a multiple of LANES."""
    s, p, f = np.int32(slot), np.int32(pixel), np.int32(face)
    for i in range(count // LANES * LANES):
        name[SLOT * STRIDE + i] = s
        name[PIXEL * STRIDE + i] = p + np.int32(i)
        name[FACE * STRIDE + i] = f


@kernel
def _find_planes(plane: F64, edge: F32, face: int, geometry: Tables, static_faces: int, static_vertices: int) -> None:
    """Plane functions of a slot on ``face``: what its corners have, over depth, as functions of the sample's place."""
    _vertices, normals, uvw, faces, _, _, local = geometry
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    on_body = face >= static_faces
    for axis in range(3):  # by steps to the right and down, then where both are 0
        row = plane[(axis + 1) % 3 * PLANES :]
        e0, e1, e2 = np.float64(edge[axis]), np.float64(edge[3 + axis]), np.float64(edge[6 + axis])
        row[PLANE_W] = e0 + e1 + e2
        for j in range(3):
            row[PLANE_NORMAL + j] = e0 * normals[a, j] + e1 * normals[b, j] + e2 * normals[c, j]
            row[PLANE_UVW + j] = e0 * uvw[a, j] + e1 * uvw[b, j] + e2 * uvw[c, j]
        if on_body:
            i, k, m = a - static_vertices, b - static_vertices, c - static_vertices
            for j in range(3):
                row[PLANE_EXTRA + j] = e0 * local[i, j] + e1 * local[k, j] + e2 * local[m, j]


@kernel
def fill_fragments(
    count: int, runs: I32, order: I32, inverse_depth: F32, edges: F32, geometry: Tables, static_faces: int,
    static_vertices: int, planes: F64, planned: I32, q: F32, name: I32,
) -> None:  # fmt: skip
    """Sample place, weight, depth, surface coordinates and normal (not yet of unit length) of every fragment, of
    bodies where on them; and its names.

    planes (PLANNED, 3 * PLANES) keeps the plane functions of slots ``planned (PLANNED,)``, -1 of none: the same slots
    come back in row after row.
    """
    samples = inverse_depth.shape[1]
    at = 0
    for o in range(count):
        g = runs[order[o]]
        s, f, length = g[RUN_SLOT], g[RUN_FACE], g[LENGTH]
        kept = np.uint32(s & (PLANNED - 1))
        plane = planes[kept]
        if planned[kept] != s:
            planned[kept] = s
            _find_planes(plane, edges[s], f, geometry, static_faces, static_vertices)
        per = 0.5 / g[COUNT]
        px, py = g[ACROSS] * per, g[DOWN] * per
        if g[COUNT] < 4:
            row = g[SAMPLE] // samples
            column = g[SAMPLE] - row * samples
            w = plane[PLANE_W] + plane[PLANES + PLANE_W] * px + plane[2 * PLANES + PLANE_W] * py
            w_sample = inverse_depth[row, column]
            if w < 0.8 * w_sample or w > 1.25 * w_sample:  # the mean place left the face's plane: use a sample of it
                px, py = column + 0.5, row + 0.5
        padded = (length + LANES - 1) // LANES * LANES
        _fill_run(q[at:], padded, plane, px, py, g[COUNT] * 0.25)
        if f >= static_faces:
            _fill_on_body(q[at:], padded, plane, px, py)
        _name_run(name[at:], padded, s, g[RUN_PIXEL], f)
        at += length


@lanes
def locate(q: F32, count: int, eye: F32, width: int, height: int, focal: float) -> None:
    """Place, direction to the eye, footprint and unit normal of every fragment; surface values to neutral.

    q: columns STRIDE apart; eye (12,): position, right, down, forward. focal, width and height in samples.
    """
    cx, cy = np.float32(width) * 0.5, np.float32(height) * 0.5
    per_focal = 1.0 / np.float32(focal)
    for i in range(count):
        z = q[DEPTH * STRIDE + i]
        dx, dy = (q[PX * STRIDE + i] - cx) * per_focal, (q[PY * STRIDE + i] - cy) * per_focal
        rx = eye[9] + eye[3] * dx + eye[6] * dy
        ry = eye[10] + eye[4] * dx + eye[7] * dy
        rz = eye[11] + eye[5] * dx + eye[8] * dy
        q[POS * STRIDE + i] = eye[0] + rx * z
        q[(POS + 1) * STRIDE + i] = eye[1] + ry * z
        q[(POS + 2) * STRIDE + i] = eye[2] + rz * z
        q[FOOT * STRIDE + i] = z * 2.0 * per_focal
        per = -1.0 / math.sqrt(rx * rx + ry * ry + rz * rz)
        q[TO_EYE * STRIDE + i] = rx * per
        q[(TO_EYE + 1) * STRIDE + i] = ry * per
        q[(TO_EYE + 2) * STRIDE + i] = rz * per
    for i in range(count):
        nx, ny, nz = q[NORMAL * STRIDE + i], q[(NORMAL + 1) * STRIDE + i], q[(NORMAL + 2) * STRIDE + i]
        per = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
        q[NORMAL * STRIDE + i] = nx * per
        q[(NORMAL + 1) * STRIDE + i] = ny * per
        q[(NORMAL + 2) * STRIDE + i] = nz * per
    for i in range(count):
        q[EMISSION * STRIDE + i] = 0.0
        q[(EMISSION + 1) * STRIDE + i] = 0.0
        q[(EMISSION + 2) * STRIDE + i] = 0.0
        q[F0 * STRIDE + i] = 0.0
        q[MIRROR * STRIDE + i] = 0.0
        q[SPECULAR * STRIDE + i] = 0.0
        q[OCCLUSION * STRIDE + i] = 1.0
        q[TRANSLUCENT * STRIDE + i] = 0.0
        q[GROUND * STRIDE + i] = 0.0


@kernel
def footprint(q: F32, slot: int, face: int, edges: F32, geometry: Tables, column: int) -> tuple[float, float]:
    """How far surface coordinates ``column`` and ``column + 1`` move over one sample right plus one down."""
    _, _, uvw, faces, _, _, _ = geometry
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    moved_u = 0.0
    moved_v = 0.0
    for axis in range(2):
        px = q[PX] + (1.0 if axis == 0 else 0.0)
        py = q[PY] + (1.0 if axis == 1 else 0.0)
        e0 = edges[slot, 0] * px + edges[slot, 1] * py + edges[slot, 2]
        e1 = edges[slot, 3] * px + edges[slot, 4] * py + edges[slot, 5]
        e2 = edges[slot, 6] * px + edges[slot, 7] * py + edges[slot, 8]
        z = 1.0 / (e0 + e1 + e2)
        moved_u += abs((uvw[a, column] * e0 + uvw[b, column] * e1 + uvw[c, column] * e2) * z - q[UVW + column])
        moved_v += abs(
            (uvw[a, column + 1] * e0 + uvw[b, column + 1] * e1 + uvw[c, column + 1] * e2) * z - q[UVW + column + 1]
        )
    return moved_u, moved_v
