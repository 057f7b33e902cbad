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
from sim.server.sensors.kernel import F32, I32, I64, U8, Tables, kernel, lanes

LEAF = int(Material.LEAF)
SAME_DEPTH = 0.07  # surfaces of one kind whose depths differ by less are one: 7 %, more than a pixel's slope makes
SAME_NORMAL = 0.9  # cosine, 26 degrees: bends sharper than this are shaded apart
# Columns of a fragment's names, (NAME_COLUMNS, STRIDE) int32: pixel and sample are numbers within their images.
SLOT, PIXEL, FACE, SAMPLE = 0, 1, 2, 3
NAME_COLUMNS = 4
# Columns of what is gathered, (STRIDE, 8) int32: ACROSS and DOWN are sums of its samples' places in half samples.
FOUND_SLOT, FOUND_PIXEL, FOUND_FACE, FOUND_SAMPLE, COUNT, ACROSS, DOWN = range(7)
FOUND_COLUMNS = 8


@kernel
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


@kernel
def gather_fragments(
    row0: int,
    row1: int,
    column0: int,
    column1: int,
    inverse_depth: F32,
    slot: I32,
    face_of_slot: I32,
    geometry: Tables,
    found: I32,
    sky: F32,
) -> int:
    """Group the samples of a tile of pixels into fragments ``found (n, FOUND_COLUMNS)``; returns how many.

    sky (rows, columns) becomes the share of each pixel that sees none.
    """
    samples = slot.shape[1]
    width = samples // 2
    total = 0
    for y in range(row0, row1):
        for x in range(column0, column1):
            begin = total
            empty = 0
            iy, ix = 2 * y, 2 * x
            s = slot[iy, ix]
            if slot[iy, ix + 1] == s and slot[iy + 1, ix] == s and slot[iy + 1, ix + 1] == s:
                if s < 0:
                    empty = 4
                else:
                    g = found[total]
                    g[FOUND_SLOT], g[FOUND_PIXEL], g[FOUND_FACE] = s, y * width + x, face_of_slot[s]
                    g[FOUND_SAMPLE], g[COUNT] = iy * samples + ix, 4
                    g[ACROSS], g[DOWN] = 8 * ix + 8, 8 * iy + 8
                    total += 1
            else:
                for k in range(4):
                    jy, jx = iy + (k >> 1), ix + (k & 1)
                    s = slot[jy, jx]
                    if s < 0:
                        empty += 1
                        continue
                    f = face_of_slot[s]
                    merged = False
                    for j in range(begin, total):
                        g = found[j]
                        same = g[FOUND_SLOT] == s
                        if not same:
                            first = g[FOUND_SAMPLE] - iy * samples
                            row = iy + (1 if first >= samples else 0)
                            column = first - (samples if first >= samples else 0)
                            ratio = inverse_depth[jy, jx] / inverse_depth[row, column]
                            same = _one_surface(f, g[FOUND_FACE], ratio, geometry)
                        if same:
                            g[ACROSS] += 2 * jx + 1
                            g[DOWN] += 2 * jy + 1
                            g[COUNT] += 1
                            merged = True
                            break
                    if not merged:
                        g = found[total]
                        g[FOUND_SLOT], g[FOUND_PIXEL], g[FOUND_FACE] = s, y * width + x, f
                        g[FOUND_SAMPLE], g[COUNT] = jy * samples + jx, 1
                        g[ACROSS], g[DOWN] = 2 * jx + 1, 2 * jy + 1
                        total += 1
            sky[y - row0, x - column0] = empty * 0.25
    return total


@kernel
def sort_fragments(count: int, found: I32, material: U8, class_of: U8, start: I64, name: I32, fragment: F32) -> None:
    """Put fragments in order of shading class: those of class c lie from ``start[c]`` to ``start[c + 1]``.

    Writes names, PX, PY (mean sample position) and WEIGHT.
    """
    classes = len(start) - 1
    for c in range(classes + 1):
        start[c] = 0
    for i in range(count):
        start[class_of[material[found[i, FOUND_FACE]]] + 1] += 1
    for c in range(classes):
        start[c + 1] += start[c]
    for i in range(count):
        g = found[i]
        c = class_of[material[g[FOUND_FACE]]]
        at = start[c]
        start[c] = at + 1
        name[SLOT, at], name[PIXEL, at] = g[FOUND_SLOT], g[FOUND_PIXEL]
        name[FACE, at], name[SAMPLE, at] = g[FOUND_FACE], g[FOUND_SAMPLE]
        per = 0.5 / g[COUNT]
        fragment[PX, at], fragment[PY, at], fragment[WEIGHT, at] = g[ACROSS] * per, g[DOWN] * per, g[COUNT] * 0.25
    for c in range(classes, 0, -1):
        start[c] = start[c - 1]
    start[0] = 0


@kernel
def interpolate(
    count: int,
    inverse_depth: F32,
    edges: F32,
    geometry: Tables,
    static_faces: int,
    static_vertices: int,
    fragment: F32,
    name: I32,
) -> None:
    """Depth, surface coordinates and normal (not yet of unit length) of every fragment; of bodies, where on them."""
    _vertices, normals, uvw, faces, _, _, local = geometry
    samples = inverse_depth.shape[1]
    for i in range(count):
        s = name[SLOT, i]
        f = name[FACE, i]
        px, py = np.float64(fragment[PX, i]), np.float64(fragment[PY, i])
        e0 = edges[s, 0] * px + edges[s, 1] * py + edges[s, 2]
        e1 = edges[s, 3] * px + edges[s, 4] * py + edges[s, 5]
        e2 = edges[s, 6] * px + edges[s, 7] * py + edges[s, 8]
        w = e0 + e1 + e2
        row = name[SAMPLE, i] // samples
        column = name[SAMPLE, i] - row * samples
        w_sample = inverse_depth[row, column]
        if w < 0.8 * w_sample or w > 1.25 * w_sample:  # the mean position left the face's plane: use a sample of it
            px, py = column + 0.5, row + 0.5
            e0 = edges[s, 0] * px + edges[s, 1] * py + edges[s, 2]
            e1 = edges[s, 3] * px + edges[s, 4] * py + edges[s, 5]
            e2 = edges[s, 6] * px + edges[s, 7] * py + edges[s, 8]
            w = e0 + e1 + e2
            fragment[PX, i], fragment[PY, i] = px, py
        z = 1.0 / w
        fragment[DEPTH, i] = z
        l0, l1, l2 = np.float32(e0 * z), np.float32(e1 * z), np.float32(e2 * z)
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        for j in range(3):
            fragment[NORMAL + j, i] = normals[a, j] * l0 + normals[b, j] * l1 + normals[c, j] * l2
            fragment[UVW + j, i] = uvw[a, j] * l0 + uvw[b, j] * l1 + uvw[c, j] * l2
        if f >= static_faces:
            a, b, c = a - static_vertices, b - static_vertices, c - static_vertices
            for j in range(3):
                fragment[EXTRA + j, i] = local[a, j] * l0 + local[b, j] * l1 + local[c, j] * l2


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
