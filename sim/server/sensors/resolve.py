"""From samples to fragments: which surfaces a pixel shows, and where each of them is.

Four samples a pixel, one shade a surface (as multisampling hardware does): samples of the same face, or of faces
that are one surface, share a fragment. Attributes come from the slot's edge functions, exact in perspective.
"""

from __future__ import annotations

import math

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
    TO_EYE,
    TRANSLUCENT,
    UVW,
    WEIGHT,
)
from sim.server.sensors.kernel import F32, I32, I64, Tables, kernel

LEAF = int(Material.LEAF)
SAME_DEPTH = 0.07  # surfaces of one kind whose depths differ by less are one: 7 %, more than a pixel's slope makes
SAME_NORMAL = 0.9  # cosine, 26 degrees: bends sharper than this are shaded apart
SLOT, PIXEL, FACE, COUNT, ROW, COL = 0, 1, 2, 3, 4, 5  # ROW, COL: of one of its samples
NAME_COLUMNS = 6


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
    inverse_depth: F32,
    slot: I32,
    face_of_slot: I32,
    geometry: Tables,
    fragment: F32,
    name: I32,
    sky: F32,
) -> int:
    """Group the samples of pixel rows row0..row1 into fragments; returns how many.

    Writes PX, PY (mean sample position) and WEIGHT; ``name (n, 6)``: slot, pixel number within the image, face,
    samples, row and column of the first of them; ``sky (rows, width)`` the share of each pixel that sees none.
    """
    width = slot.shape[1] // 2
    total = 0
    for y in range(row0, row1):
        for x in range(width):
            begin = total
            empty = 0
            iy, ix = 2 * y, 2 * x
            s = slot[iy, ix]
            uniform = slot[iy, ix + 1] == s and slot[iy + 1, ix] == s and slot[iy + 1, ix + 1] == s
            if uniform:
                if s < 0:
                    empty = 4
                else:
                    fragment[total, PX] = ix + 1.0
                    fragment[total, PY] = iy + 1.0
                    name[total, SLOT], name[total, FACE], name[total, COUNT] = s, face_of_slot[s], 4
                    name[total, ROW], name[total, COL] = iy, ix
                    total += 1
            else:
                for k in range(4):
                    jy, jx = iy + (k >> 1), ix + (k & 1)
                    s = slot[jy, jx]
                    if s < 0:
                        empty += 1
                        continue
                    f = face_of_slot[s]
                    found = False
                    for g in range(begin, total):
                        same = name[g, SLOT] == s
                        if not same:
                            ratio = inverse_depth[jy, jx] / inverse_depth[name[g, ROW], name[g, COL]]
                            same = _one_surface(f, name[g, FACE], ratio, geometry)
                        if same:
                            fragment[g, PX] += jx + 0.5
                            fragment[g, PY] += jy + 0.5
                            name[g, COUNT] += 1
                            found = True
                            break
                    if not found:
                        fragment[total, PX], fragment[total, PY] = jx + 0.5, jy + 0.5
                        name[total, SLOT], name[total, FACE], name[total, COUNT] = s, f, 1
                        name[total, ROW], name[total, COL] = jy, jx
                        total += 1
                for g in range(begin, total):
                    fragment[g, PX] /= name[g, COUNT]
                    fragment[g, PY] /= name[g, COUNT]
            for g in range(begin, total):
                fragment[g, WEIGHT] = name[g, COUNT] * 0.25
                name[g, PIXEL] = y * width + x
            sky[y - row0, x] = empty * 0.25
    return total


@kernel
def sort_fragments(count: int, name: I32, material: Tables, class_of: Tables, start: I64, order: I32) -> None:
    """Order fragments by shading class: ``order[start[c]:start[c + 1]]`` are those of class c."""
    classes = len(start) - 1
    for c in range(classes + 1):
        start[c] = 0
    for i in range(count):
        start[class_of[material[name[i, FACE]]] + 1] += 1
    for c in range(classes):
        start[c + 1] += start[c]
    for i in range(count):
        c = class_of[material[name[i, FACE]]]
        order[start[c]] = i
        start[c] += 1
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
    cam: Tables,
    focal: float,
    fragment: F32,
    name: I32,
) -> None:
    """Position, normal, surface coordinates and view direction of every fragment; surface values to neutral.

    focal is in samples (two a pixel).
    """
    _vertices, normals, uvw, faces, _, _, local = geometry
    height, width = inverse_depth.shape
    cx, cy = width * 0.5, height * 0.5
    per_focal = 1.0 / focal
    for i in range(count):
        q = fragment[i]
        s = name[i, SLOT]
        f = name[i, FACE]
        px, py = q[PX], q[PY]
        e0 = edges[s, 0] * px + edges[s, 1] * py + edges[s, 2]
        e1 = edges[s, 3] * px + edges[s, 4] * py + edges[s, 5]
        e2 = edges[s, 6] * px + edges[s, 7] * py + edges[s, 8]
        w = e0 + e1 + e2
        row, col = name[i, ROW], name[i, COL]
        w_sample = inverse_depth[row, col]
        if w < 0.8 * w_sample or w > 1.25 * w_sample:  # the mean position left the face's plane: use a sample of it
            px, py = col + 0.5, row + 0.5
            e0 = edges[s, 0] * px + edges[s, 1] * py + edges[s, 2]
            e1 = edges[s, 3] * px + edges[s, 4] * py + edges[s, 5]
            e2 = edges[s, 6] * px + edges[s, 7] * py + edges[s, 8]
            w = e0 + e1 + e2
            q[PX], q[PY] = px, py
        z = 1.0 / w
        l0, l1, l2 = e0 * z, e1 * z, e2 * z
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        dx, dy = (px - cx) * per_focal, (py - cy) * per_focal
        rx = cam[9] + cam[3] * dx + cam[6] * dy
        ry = cam[10] + cam[4] * dx + cam[7] * dy
        rz = cam[11] + cam[5] * dx + cam[8] * dy
        per = -1.0 / math.sqrt(rx * rx + ry * ry + rz * rz)
        q[TO_EYE], q[TO_EYE + 1], q[TO_EYE + 2] = rx * per, ry * per, rz * per
        q[DEPTH] = z
        q[FOOT] = z * 2.0 * per_focal
        q[POS], q[POS + 1], q[POS + 2] = cam[0] + rx * z, cam[1] + ry * z, cam[2] + rz * z
        nx = normals[a, 0] * l0 + normals[b, 0] * l1 + normals[c, 0] * l2
        ny = normals[a, 1] * l0 + normals[b, 1] * l1 + normals[c, 1] * l2
        nz = normals[a, 2] * l0 + normals[b, 2] * l1 + normals[c, 2] * l2
        per = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
        q[NORMAL], q[NORMAL + 1], q[NORMAL + 2] = nx * per, ny * per, nz * per
        for j in range(3):
            q[UVW + j] = uvw[a, j] * l0 + uvw[b, j] * l1 + uvw[c, j] * l2
            q[EMISSION + j] = 0.0
        q[F0], q[MIRROR], q[SPECULAR] = 0.0, 0.0, 0.0
        q[OCCLUSION], q[TRANSLUCENT], q[GROUND] = 1.0, 0.0, 0.0
        if f >= static_faces:
            for j in range(3):
                q[EXTRA + j] = (
                    local[a - static_vertices, j] * l0
                    + local[b - static_vertices, j] * l1
                    + local[c - static_vertices, j] * l2
                )


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
