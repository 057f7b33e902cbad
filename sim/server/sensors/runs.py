"""From samples to runs: which surfaces each pixel of a tile shows, neighbours that show one face taken together.

Four samples a pixel, one shade a surface (as multisampling hardware does): samples of the same face, or of faces that
are one surface, share a run. Runs of a tile are put in order of their shading class, so that every material is one loop
over neighbours.
"""

from __future__ import annotations

from sim.server.scene.mesh import Material
from sim.server.sensors.kernel import F32, I32, I64, U8, U64, Tables, kernel, lanes, part

LEAF = int(Material.LEAF)
SAME_DEPTH = 0.07  # surfaces of one kind whose depths differ by less are one: 7 %, more than a pixel's slope makes
SAME_NORMAL = 0.9  # cosine, 26 degrees: bends sharper than this are shaded apart
# Columns of a run, (FRAGMENTS, RUN_COLUMNS) int32: LENGTH pixels of a row that all show one face and nothing else, or
# one surface of one pixel. ACROSS and DOWN are sums of the places of its COUNT samples (of its first pixel), in half
# samples; SAMPLE is the number of the first of them within the samples' image.
RUN_SLOT, RUN_PIXEL, RUN_FACE, SAMPLE, COUNT, ACROSS, DOWN, LENGTH = range(8)
RUN_COLUMNS = 8
NOTHING, SKY = -1, -2  # instead of a run that goes on


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


@part
def _name(run: I32, slot: int, pixel: int, face: int, sample: int) -> None:
    run[RUN_SLOT], run[RUN_PIXEL], run[RUN_FACE], run[SAMPLE], run[LENGTH] = slot, pixel, face, sample, 1


@part
def _place(run: I32, x: int, y: int, count: int, right: int, down: int) -> None:
    """``count`` samples of pixel (x, y), ``right`` of them in its right half and ``down`` in its lower one."""
    run[COUNT] = count
    run[ACROSS], run[DOWN] = count * (4 * x + 1) + 2 * right, count * (4 * y + 1) + 2 * down


@part
def _gather_pair(
    y: int, x: int, total: int, a: int, b: int, in_b: int, inverse_depth: F32, face_of_slot: I32, geometry: Tables,
    runs: I32,
) -> tuple[int, int]:  # fmt: skip
    """``_gather_pixel`` of one that shows two slots: a at its first sample and b where bits of ``in_b`` are set."""
    samples = inverse_depth.shape[1]
    pixel = y * (samples // 2) + x
    right, down = (in_b >> 1 & 1) + (in_b >> 3), (in_b >> 2 & 1) + (in_b >> 3)
    count = (in_b >> 1 & 1) + (in_b >> 2 & 1) + (in_b >> 3)
    first = 1 if in_b & 2 != 0 else (2 if in_b & 4 != 0 else 3)
    iy, ix = 2 * y + (first >> 1), 2 * x + (first & 1)
    face_b = face_of_slot[b] if b >= 0 else 0
    if a >= 0:
        face_a = face_of_slot[a]
        run = runs[total]
        _name(run, a, pixel, face_a, 2 * y * samples + 2 * x)
        if b < 0:
            _place(run, x, y, 4 - count, 2 - right, 2 - down)
            return total + 1, count
        if _one_surface(face_b, face_a, inverse_depth[iy, ix] / inverse_depth[2 * y, 2 * x], geometry):
            _place(run, x, y, 4, 2, 2)
            return total + 1, 0
        _place(run, x, y, 4 - count, 2 - right, 2 - down)
        total += 1
    run = runs[total]
    _name(run, b, pixel, face_b, iy * samples + ix)
    _place(run, x, y, count, right, down)
    return total + 1, 4 - count if a < 0 else 0


@kernel
def gather_runs(
    row0: int, row1: int, column0: int, column1: int, inverse_depth: F32, slot: I32, face_of_slot: I32,
    geometry: Tables, mark: U8, marks: U64, runs: I32, sky: F32,
) -> int:  # fmt: skip
    """Group the samples of a tile of pixels into ``runs (n, RUN_COLUMNS)``; returns how many.

    sky (rows, columns) becomes the share of each pixel that sees none. marks: mark, eight at a time.
    """
    samples, wide = slot.shape[1], column1 - column0
    total = 0
    for y in range(row0, row1):
        top, bottom = slot[2 * y], slot[2 * y + 1]
        _mark_row(top[2 * column0 :], bottom[2 * column0 :], wide, mark)
        share = sky[y - row0]
        share[:] = 0.0
        going_on = NOTHING
        x = 0
        while x < wide:
            if mark[x] == 0 and going_on != NOTHING:
                step = 8 if x & 7 == 0 and x + 8 <= wide and marks[x >> 3] == 0 else 1
                if going_on == SKY:
                    share[x : x + step] = 1.0
                else:
                    runs[going_on, LENGTH] += step
                x += step
                continue
            s = top[2 * (column0 + x)]
            if mark[x] & 1:
                going_on = NOTHING
                s1, s2, s3 = top[2 * (column0 + x) + 1], bottom[2 * (column0 + x)], bottom[2 * (column0 + x) + 1]
                other = s1 if s1 != s else (s2 if s2 != s else s3)
                if s2 in (s, other) and s3 in (s, other):
                    in_other = (2 if s1 != s else 0) + (4 if s2 != s else 0) + (8 if s3 != s else 0)
                    total, empty = _gather_pair(
                        y, column0 + x, total, s, other, in_other, inverse_depth, face_of_slot, geometry, runs
                    )
                else:
                    total, empty = _gather_pixel(
                        y, column0 + x, total, inverse_depth, slot, face_of_slot, geometry, runs
                    )
                share[x] = empty * 0.25
            elif s < 0:
                share[x] = 1.0
                going_on = SKY
            else:
                g = runs[total]
                _name(g, s, y * (samples // 2) + column0 + x, face_of_slot[s], 2 * y * samples + 2 * (column0 + x))
                _place(g, column0 + x, y, 4, 2, 2)
                going_on = total
                total += 1
            x += 1
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
