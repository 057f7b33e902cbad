"""From samples to fragments: which surfaces a pixel shows, and where each of them is.

Four samples a pixel, one shade a surface (as multisampling hardware does): samples of the same face, or of faces
that are one surface, share a fragment. Fragments of a tile are put in order of their shading class, so that every
material is one loop over neighbours. Attributes come from the slot's edge functions, exact in perspective.
"""

from __future__ import annotations

import math

import numpy as np

from sim.server.scene.mesh import Material
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
from sim.server.sensors.kernel import F32, F64, I32, I64, U8, Tables, kernel, lanes, part

LEAF = int(Material.LEAF)
SAME_DEPTH = 0.07  # surfaces of one kind whose depths differ by less are one: 7 %, more than a pixel's slope makes
SAME_NORMAL = 0.9  # cosine, 26 degrees: bends sharper than this are shaded apart
# Columns of a fragment's names, (NAME_COLUMNS, STRIDE) int32; pixel is its number within the image.
SLOT, PIXEL, FACE = 0, 1, 2
NAME_COLUMNS = 3
# Columns of a run, (FRAGMENTS, RUN_COLUMNS) int32: LENGTH pixels of a row that all show one face and nothing else, or
# one surface of one pixel. ACROSS and DOWN are sums of the places of its COUNT samples (of its first pixel), in half
# samples; SAMPLE is the number of the first of them within the samples' image.
RUN_SLOT, RUN_PIXEL, RUN_FACE, SAMPLE, COUNT, ACROSS, DOWN, LENGTH = range(8)
RUN_COLUMNS = 8
LANES = 16  # runs are filled by so many fragments at a time: what is too much, the next run writes over
NOTHING, SKY = -1, -2  # instead of a run that goes on
# Of a slot's plane functions, each a value at the corner of the picture and a step per sample to the right and down.
PLANE_W, PLANE_NORMAL, PLANE_UVW, PLANE_EXTRA, PLANES = 0, 1, 4, 7, 10
PLANNED = 1024  # slots whose plane functions are kept, a power of two: 240 kB, a part of a core's own cache


@part
def _one_surface(face_a: int, face_b: int, depth_ratio: float, geometry: Tables) -> bool:
    """Whether two faces of a pixel may be shaded as one."""
    _, normals, _, faces, material, param, _ = geometry
    if material[face_a] != material[face_b] or param[face_a] != param[face_b]:
        return False
    if material[face_a] == LEAF:
        return True
    if depth_ratio < 1.0 - SAME_DEPTH or depth_ratio > 1.0 + SAME_DEPTH:
        return False
    a, b = faces[face_a, 0], faces[face_b, 0]
    cosine = normals[a, 0] * normals[b, 0] + normals[a, 1] * normals[b, 1] + normals[a, 2] * normals[b, 2]
    return cosine > SAME_NORMAL


@lanes
def _mark_row(top: I32, bottom: I32, count: int, mark: U8) -> None:
    """Of ``count`` pixels of two rows of samples: bit 0 where samples differ, bit 1 where the left pixel is another."""
    for x in range(count):
        s = top[2 * x]
        mark[x] = 0 if (top[2 * x + 1] == s) & (bottom[2 * x] == s) & (bottom[2 * x + 1] == s) else 1
    for x in range(1, count):
        mark[x] |= 0 if top[2 * x - 1] == top[2 * x] else 2


@part
def _gather_pixel(
    y: int, x: int, total: int, inverse_depth: F32, slot: I32, face_of_slot: I32, geometry: Tables, runs: I32
) -> tuple[int, int]:
    """Group the four samples of one pixel into runs from number ``total`` on; returns the next number, and how many
    samples see the sky."""
    samples = slot.shape[1]
    begin, empty = total, 0
    iy, ix = 2 * y, 2 * x
    for k in range(4):
        jy, jx = iy + (k >> 1), ix + (k & 1)
        s = slot[jy, jx]
        if s < 0:
            empty += 1
            continue
        f = face_of_slot[s]
        merged = False
        for j in range(begin, total):
            g = runs[j]
            same = g[RUN_SLOT] == s
            if not same:
                first = g[SAMPLE] - iy * samples
                row = iy + (1 if first >= samples else 0)
                column = first - (samples if first >= samples else 0)
                same = _one_surface(f, g[RUN_FACE], inverse_depth[jy, jx] / inverse_depth[row, column], geometry)
            if same:
                g[ACROSS] += 2 * jx + 1
                g[DOWN] += 2 * jy + 1
                g[COUNT] += 1
                merged = True
                break
        if not merged:
            g = runs[total]
            g[RUN_SLOT], g[RUN_PIXEL], g[RUN_FACE] = s, y * (samples // 2) + x, f
            g[SAMPLE], g[COUNT], g[LENGTH] = jy * samples + jx, 1, 1
            g[ACROSS], g[DOWN] = 2 * jx + 1, 2 * jy + 1
            total += 1
    return total, empty


@kernel
def gather_runs(
    row0: int, row1: int, column0: int, column1: int, inverse_depth: F32, slot: I32, face_of_slot: I32,
    geometry: Tables, mark: U8, runs: I32, sky: F32,
) -> int:  # fmt: skip
    """Group the samples of a tile of pixels into ``runs (n, RUN_COLUMNS)``; returns how many.

    sky (rows, columns) becomes the share of each pixel that sees none.
    """
    samples, wide = slot.shape[1], column1 - column0
    total = 0
    for y in range(row0, row1):
        top = slot[2 * y]
        _mark_row(top[2 * column0 :], slot[2 * y + 1][2 * column0 :], wide, mark)
        share = sky[y - row0]
        share[:] = 0.0
        going_on = NOTHING
        for x in range(wide):
            if mark[x] == 0 and going_on != NOTHING:
                if going_on == SKY:
                    share[x] = 1.0
                else:
                    runs[going_on, LENGTH] += 1
            elif mark[x] & 1:
                going_on = NOTHING
                total, empty = _gather_pixel(y, column0 + x, total, inverse_depth, slot, face_of_slot, geometry, runs)
                share[x] = empty * 0.25
            else:
                s = top[2 * (column0 + x)]
                if s < 0:
                    share[x] = 1.0
                    going_on = SKY
                else:
                    g = runs[total]
                    g[RUN_SLOT], g[RUN_PIXEL], g[RUN_FACE] = s, y * (samples // 2) + column0 + x, face_of_slot[s]
                    g[SAMPLE], g[COUNT], g[LENGTH] = 2 * y * samples + 2 * (column0 + x), 4, 1
                    g[ACROSS], g[DOWN] = 16 * (column0 + x) + 8, 16 * y + 8
                    going_on = total
                    total += 1
    return total


@kernel
def sort_runs(count: int, runs: I32, material: U8, class_of: U8, start: I64, order: I32) -> None:
    """Put runs in order of shading class: fragments of class c will lie from ``start[c]`` to ``start[c + 1]``."""
    classes = len(start) - 1
    for c in range(classes + 1):
        start[c] = 0
    for i in range(count):
        start[class_of[material[runs[i, RUN_FACE]]] + 1] += 1
    for c in range(classes):
        start[c + 1] += start[c]
    for i in range(count):
        c = class_of[material[runs[i, RUN_FACE]]]
        order[start[c]] = i
        start[c] += 1
    # start[c] now is how many runs are of classes up to c: from runs to fragments
    run, fragments, before = 0, 0, 0
    for c in range(classes):
        for i in range(run, start[c]):
            fragments += runs[order[i], LENGTH]
        run = start[c]
        start[c] = before
        before = fragments
    start[classes] = fragments


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
        z = 1.0 / (w + w_step * x)
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
