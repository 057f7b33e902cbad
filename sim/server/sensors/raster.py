"""Which triangle is seen at each sample: homogeneous edge functions, bins of rows, spans.

Edge functions in two-dimensional homogeneous coordinates (Olano and Greer, "Triangle scan conversion using 2D
homogeneous coordinates", 1997) need no clipping: of a triangle with camera-space corners a, b, c (columns of M),
the rows of ``inverse(M)`` are three linear functions of the screen whose values are the perspective barycentric
coordinates divided by depth; their sum is one over depth. The nine numbers of each visible triangle (its *slot*)
are all that shading needs later.

Camera axes: x right, y down, z forward. Screen: x right, y down, sample centres at half integers.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float32, int32

from sim.server.sensors.kernel import F32, F64, I32, I64, U32, claim, inline, kernel, lanes

CELL_COLUMNS, CELL_ROW_SHIFT = 32, 3  # of a cell whose farthest sample is known: 32 x 8 samples
CELL_COLUMN_SHIFT = 5
LOOK_EVERY = 192  # triangles drawn in a bin after which its cells' farthest samples are looked up anew
CELLS_TESTED = 12  # a triangle over more cells than this is drawn without asking
NARROW = 16  # samples of a row that are looked at at once: a vector
NEARLY = 1.0001  # inverse depths of samples may exceed those of the corners by rounding
BIN_SHIFT = 5  # rows of a bin: 32, enough bins for two threads, few enough that triangles lie in one or two
NEAR_M = 0.08  # nothing nearer is drawn: a camera's own housing
THIN = 1e-13  # of a triangle's corners' distances: what spans less space with the eye is a line, all else is rounding
BESIDE_M = 0.5  # what reaches nearer to the camera's plane than this is never taken for hidden
EMPTY = -1  # slot of a sample that sees the sky


@inline
def _seen(vertices: F32, v: int, cam: F64) -> tuple[float, float, float]:
    """A vertex in the camera's axes."""
    x, y, z = vertices[v, 0] - cam[0], vertices[v, 1] - cam[1], vertices[v, 2] - cam[2]
    return (
        cam[3] * x + cam[4] * y + cam[5] * z,
        cam[6] * x + cam[7] * y + cam[8] * z,
        cam[9] * x + cam[10] * y + cam[11] * z,
    )


@kernel
def _screen_bounds(focal: float, tri: F64) -> tuple[float, float, float, float]:
    """Least and greatest x, then y, from the picture's middle, of a triangle that NEAR_M cuts."""
    x_min = 1e9
    x_max = -1e9
    y_min = 1e9
    y_max = -1e9
    for e in range(3):
        n = 0 if e == 2 else e + 1
        px, py, pz = tri[3 * e], tri[3 * e + 1], tri[3 * e + 2]
        qx, qy, qz = tri[3 * n], tri[3 * n + 1], tri[3 * n + 2]
        if pz > NEAR_M:
            u, v = px * focal / pz, py * focal / pz
            x_min, x_max, y_min, y_max = min(x_min, u), max(x_max, u), min(y_min, v), max(y_max, v)
        if (pz > NEAR_M) != (qz > NEAR_M):
            t = (NEAR_M - pz) / (qz - pz)
            u, v = (px + t * (qx - px)) * focal / NEAR_M, (py + t * (qy - py)) * focal / NEAR_M
            x_min, x_max, y_min, y_max = min(x_min, u), max(x_max, u), min(y_min, v), max(y_max, v)
    return x_min, x_max, y_min, y_max


@kernel
def setup_triangles(
    worker: int, workers: int, pieces: I64, vertices: F32, faces: U32, blocks: I64, cam: F64, focal: float, width: int,
    height: int, edges: F32, face_of_slot: I32, box: I32, nearest: F32, counts: I64, tally: I64, scratch: F64,
) -> None:  # fmt: skip
    """Edge functions of the faces in ``blocks (k, 4)`` = first face, count, first slot, cull.

    cull 0 draws both sides, 1 only the side that the winding faces. cam (12,): position, right, down, forward.
    Writes slots from each block's first slot on, how many into ``counts (k,)``, and one over the depth of the nearest
    corner into ``nearest``. tally (workers, bins) becomes how many slots of each worker touch each bin of rows. Workers
    claim blocks from pieces (1,) 0.
    """
    cx = width * 0.5
    cy = height * 0.5
    tri, touched = scratch[worker], tally[worker]
    touched[:] = 0
    while True:
        k = claim(pieces)
        if k >= len(blocks):
            break
        first, first_slot, cull = blocks[k, 0], blocks[k, 2], blocks[k, 3]
        made = 0
        for f in range(first, first + blocks[k, 1]):
            ax, ay, az = _seen(vertices, faces[f, 0], cam)
            bx, by, bz = _seen(vertices, faces[f, 1], cam)
            ex, ey, ez = _seen(vertices, faces[f, 2], cam)
            if az < NEAR_M and bz < NEAR_M and ez < NEAR_M:
                continue
            n0x, n0y, n0z = by * ez - bz * ey, bz * ex - bx * ez, bx * ey - by * ex
            det = ax * n0x + ay * n0y + az * n0z
            if det == 0.0 or (cull != 0 and det < 0.0):
                continue
            if az > NEAR_M and bz > NEAR_M and ez > NEAR_M:
                pa, pb, pc = focal / az, focal / bz, focal / ez
                x_min, x_max = min(ax * pa, bx * pb, ex * pc), max(ax * pa, bx * pb, ex * pc)
                y_min, y_max = min(ay * pa, by * pb, ey * pc), max(ay * pa, by * pb, ey * pc)
            else:
                tri[0], tri[1], tri[2] = ax, ay, az
                tri[3], tri[4], tri[5] = bx, by, bz
                tri[6], tri[7], tri[8] = ex, ey, ez
                x_min, x_max, y_min, y_max = _screen_bounds(focal, tri)
            if x_max < -cx or y_max < -cy or x_min > cx or y_min > cy:
                continue
            x0 = np.int64(math.ceil(max(x_min + cx, 0.0) - 0.5 - 1e-4))
            x1 = np.int64(math.floor(min(x_max + cx, float(width)) - 0.5 + 1e-4))
            y0 = np.int64(math.ceil(max(y_min + cy, 0.0) - 0.5 - 1e-4))
            y1 = np.int64(math.floor(min(y_max + cy, float(height)) - 0.5 + 1e-4))
            x0, y0 = max(x0, np.int64(0)), max(y0, np.int64(0))
            x1, y1 = min(x1, np.int64(width - 1)), min(y1, np.int64(height - 1))
            if x1 < x0 or y1 < y0:
                continue
            reach = (ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz) * (ex * ex + ey * ey + ez * ez)
            if det * det < THIN * THIN * reach:
                continue
            slot = first_slot + made
            box[slot, 0], box[slot, 1], box[slot, 2], box[slot, 3] = x0, x1, y0, y1
            for b in range(y0 >> BIN_SHIFT, (y1 >> BIN_SHIFT) + 1):
                touched[b] += 1
            n1x, n1y, n1z = ey * az - ez * ay, ez * ax - ex * az, ex * ay - ey * ax
            n2x, n2y, n2z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            inv = 1.0 / det
            per = inv / focal
            edges[slot, 0], edges[slot, 1] = n0x * per, n0y * per
            edges[slot, 2] = n0z * inv - (n0x * cx + n0y * cy) * per
            edges[slot, 3], edges[slot, 4] = n1x * per, n1y * per
            edges[slot, 5] = n1z * inv - (n1x * cx + n1y * cy) * per
            edges[slot, 6], edges[slot, 7] = n2x * per, n2y * per
            edges[slot, 8] = n2z * inv - (n2x * cx + n2y * cy) * per
            face_of_slot[slot] = f
            nearest[slot] = NEARLY / max(min(az, min(bz, ez)), NEAR_M)
            made += 1
        counts[k] = made


@kernel
def bin_slots(blocks: I64, counts: I64, tally: I64, box: I32, start: I64, cursor: I64, members: I32) -> int:
    """Slots that touch each bin of rows, in slot order: ``members[start[b]:start[b + 1]]``.

    counts and tally: of ``setup_triangles``. Returns the number of members; where ``members`` is too short for them,
    its negative and nothing is written.
    """
    bins = len(start) - 1
    start[0] = 0
    for b in range(bins):
        start[b + 1] = 0
        for worker in range(len(tally)):
            start[b + 1] += tally[worker, b]
    for b in range(bins):
        start[b + 1] += start[b]
    total = start[bins]
    if total > len(members):
        return -total
    for b in range(bins):
        cursor[b] = start[b]
    for k in range(len(blocks)):
        for s in range(blocks[k, 2], blocks[k, 2] + counts[k]):
            for b in range(box[s, 2] >> BIN_SHIFT, (box[s, 3] >> BIN_SHIFT) + 1):
                members[cursor[b]] = s
                cursor[b] += 1
    return total


@lanes
def _farthest(inverse_depth: F32, rows: int, least: F32, far: F32) -> None:
    """One over the greatest depth in each cell of up to 8 rows of flat samples; a last narrow cell stays at 0.

    least (columns,) is room.
    """
    width = len(least)
    for x in range(width):
        least[x] = inverse_depth[x]
    for row in range(1, rows):
        line = inverse_depth[row * width :]
        for x in range(width):
            least[x] = min(least[x], line[x])
    # the least of two columns, of four, ... of all 32 that begin at a column; constant steps make vector code
    for x in range(width - 16):
        least[x] = min(least[x], least[x + 16])
    for x in range(width - 8):
        least[x] = min(least[x], least[x + 8])
    for x in range(width - 4):
        least[x] = min(least[x], least[x + 4])
    for x in range(width - 2):
        least[x] = min(least[x], least[x + 2])
    for x in range(width - 1):
        least[x] = min(least[x], least[x + 1])
    for cell in range(width >> CELL_COLUMN_SHIFT):
        far[cell] = least[cell << CELL_COLUMN_SHIFT]


@kernel
def _look(inverse_depth: F32, row0: int, row1: int, least: F32, cells: F32) -> None:
    """Farthest samples of the cells (rows, columns) of rows ``row0`` up to, not with, ``row1``."""
    for r in range(len(cells)):
        y = row0 + (r << CELL_ROW_SHIFT)
        rows = min(row1 - y, 1 << CELL_ROW_SHIFT)
        _farthest(inverse_depth[y : y + rows].reshape(-1), rows, least, cells[r])


@kernel
def unhidden(blocks: I64, boxes: F32, cam: F64, focal: float, width: int, height: int, far: F32, kept: I64) -> int:
    """Those of ``blocks (k, 4)`` into ``kept`` that may show where the samples drawn so far have left room; how many.

    boxes (k, 6): least and greatest coordinates of every block, in the world; far: of ``rasterise``.
    """
    count = 0
    for k in range(len(blocks)):
        x_min, x_max, y_min, y_max, nearest = 1e9, -1e9, 1e9, -1e9, 1e9
        for corner in range(8):
            x = np.float64(boxes[k, 3 * (corner & 1)]) - cam[0]
            y = np.float64(boxes[k, 1 + 3 * (corner >> 1 & 1)]) - cam[1]
            z = np.float64(boxes[k, 2 + 3 * (corner >> 2)]) - cam[2]
            ahead = cam[9] * x + cam[10] * y + cam[11] * z
            nearest = min(nearest, ahead)
            per = focal / max(ahead, NEAR_M)
            u, v = (cam[3] * x + cam[4] * y + cam[5] * z) * per, (cam[6] * x + cam[7] * y + cam[8] * z) * per
            x_min, x_max, y_min, y_max = min(x_min, u), max(x_max, u), min(y_min, v), max(y_max, v)
        if nearest > BESIDE_M:
            x0, x1 = max(x_min + width * 0.5 - 1.0, 0.0), min(x_max + width * 0.5 + 1.0, width - 1.0)
            y0, y1 = max(y_min + height * 0.5 - 1.0, 0.0), min(y_max + height * 0.5 + 1.0, height - 1.0)
            if x1 < x0 or y1 < y0 or _covered(NEARLY / nearest, int(x0), int(x1), int(y0), int(y1), far):
                continue
        for j in range(4):
            kept[count, j] = blocks[k, j]
        count += 1
    return count


@kernel
def _hidden(nearest: float, x0: int, x1: int, y0: int, y1: int, far: F32) -> bool:
    """Whether all cells under a rectangle of the bin's samples are nearer than a triangle's nearest corner."""
    c0, c1 = x0 >> CELL_COLUMN_SHIFT, x1 >> CELL_COLUMN_SHIFT
    r0, r1 = y0 >> CELL_ROW_SHIFT, y1 >> CELL_ROW_SHIFT
    if (c1 - c0 + 1) * (r1 - r0 + 1) > CELLS_TESTED:
        return False
    return _covered(nearest, x0, x1, y0, y1, far)


@kernel
def _covered(nearest: float, x0: int, x1: int, y0: int, y1: int, far: F32) -> bool:
    """Whether all cells under a rectangle of samples are nearer than one over ``nearest``."""
    for r in range(y0 >> CELL_ROW_SHIFT, (y1 >> CELL_ROW_SHIFT) + 1):
        for c in range(x0 >> CELL_COLUMN_SHIFT, (x1 >> CELL_COLUMN_SHIFT) + 1):
            if nearest > far[r, c]:
                return False
    return True


@lanes
def _draw_narrow(
    edge: F32, x0: int, left: int, right: int, y0: int, y1: int, name: int, width: int, inverse_depth: F32, slot: I32
) -> None:
    """Draw rows y0 to y1 of a triangle that lies in samples ``left`` to ``right`` of the NARROW from x0 on; all flat.

    All samples of a row are asked at once whether they lie inside: for few of them that takes less than finding out
    where the row begins and ends.
    """
    begin = np.float32(x0) + 0.5
    a0, a1, a2 = edge[0], edge[3], edge[6]
    step = a0 + a1 + a2
    first, last, own = np.int32(left), np.int32(right), np.int32(name)
    for y in range(y0, y1 + 1):
        fy = np.float32(y) + 0.5
        e0 = edge[1] * fy + edge[2] + a0 * begin
        e1 = edge[4] * fy + edge[5] + a1 * begin
        e2 = edge[7] * fy + edge[8] + a2 * begin
        w = e0 + e1 + e2
        depths, slots = inverse_depth[y * width + x0 :], slot[y * width + x0 :]
        for i in range(NARROW):
            x = np.float32(np.int32(i))
            inside = (e0 + a0 * x >= 0.0) & (e1 + a1 * x >= 0.0) & (e2 + a2 * x >= 0.0)
            inside &= (np.int32(i) >= first) & (np.int32(i) <= last)
            here, there, other = w + step * x, depths[i], slots[i]
            nearer = inside & (here > there)
            depths[i] = here if nearer else there
            slots[i] = own if nearer else other


@kernel
def rasterise(
    worker: int, workers: int, pieces: I64, order: I64, start: I64, members: I32, edges: F32, box: I32, nearest: F32,
    far: F32, room: F32, goes_on: bool, inverse_depth: F32, slot: I32,
) -> None:  # fmt: skip
    """Nearest slot of every sample into ``slot (h, w)`` (EMPTY = sky) and one over its depth.

    Slots that come near ones first are drawn fastest: what lies behind all that is drawn already is left out. Workers
    claim bins, in ``order``, from pieces (1,) 0. far (cell rows, cell columns) becomes one over the greatest depth in
    every cell; goes_on: draw over what the samples and it hold. room (workers, columns) is room.
    """
    height, width = slot.shape
    half = float32(0.5)
    zero = float32(0.0)
    least = room[worker]
    while True:
        piece = claim(pieces)
        if piece >= len(start) - 1:
            break
        b = order[piece]
        row0 = b << BIN_SHIFT
        row1 = min(height, row0 + (1 << BIN_SHIFT))
        cells = far[row0 >> CELL_ROW_SHIFT : (row1 + (1 << CELL_ROW_SHIFT) - 1) >> CELL_ROW_SHIFT]
        if not goes_on:
            for y in range(row0, row1):
                for x in range(width):
                    inverse_depth[y, x] = 0.0
                    slot[y, x] = EMPTY
            cells[:, :] = 0.0
        drawn, looked = 0, goes_on
        for q in range(start[b], start[b + 1]):
            if drawn == LOOK_EVERY:
                drawn, looked = 0, True
                _look(inverse_depth, row0, row1, least, cells)
            s = members[q]
            y0, y1 = max(row0, box[s, 2]), min(row1 - 1, box[s, 3])
            if looked and _hidden(nearest[s], box[s, 0], box[s, 1], y0 - row0, y1 - row0, cells):
                continue
            drawn += 1
            if box[s, 1] - box[s, 0] < NARROW and width >= NARROW:
                x0 = min(box[s, 0], width - NARROW)
                _draw_narrow(
                    edges[s], x0, box[s, 0] - x0, box[s, 1] - x0, y0, y1, s, width, inverse_depth.reshape(-1),
                    slot.reshape(-1),
                )  # fmt: skip
                continue
            a0, a1, a2 = edges[s, 0], edges[s, 3], edges[s, 6]
            w_step = a0 + a1 + a2
            i0 = float32(-1.0) / a0 if a0 != zero else zero
            i1 = float32(-1.0) / a1 if a1 != zero else zero
            i2 = float32(-1.0) / a2 if a2 != zero else zero
            for y in range(y0, y1 + 1):
                fy = float32(y) + half
                c0 = edges[s, 1] * fy + edges[s, 2]
                c1 = edges[s, 4] * fy + edges[s, 5]
                c2 = edges[s, 7] * fy + edges[s, 8]
                low = float32(box[s, 0])
                high = float32(box[s, 1])
                if a0 > zero:
                    low = max(low, c0 * i0 - half)
                elif a0 < zero:
                    high = min(high, c0 * i0 - half)
                elif c0 < zero:
                    continue
                if a1 > zero:
                    low = max(low, c1 * i1 - half)
                elif a1 < zero:
                    high = min(high, c1 * i1 - half)
                elif c1 < zero:
                    continue
                if a2 > zero:
                    low = max(low, c2 * i2 - half)
                elif a2 < zero:
                    high = min(high, c2 * i2 - half)
                elif c2 < zero:
                    continue
                if high < low:
                    continue
                x0 = math.ceil(low)
                x1 = math.floor(high)
                w = w_step * half + c0 + c1 + c2 + w_step * float32(x0)
                depth_row = inverse_depth[y, x0 : x1 + 1]
                slot_row = slot[y, x0 : x1 + 1]
                name = int32(s)
                for x in range(x1 - x0 + 1):  # branch-free, so that it becomes vector code
                    w_here = w + w_step * float32(x)
                    nearer = w_here > depth_row[x]
                    depth_row[x] = w_here if nearer else depth_row[x]
                    slot_row[x] = name if nearer else slot_row[x]
        if drawn > 0 and not goes_on:
            _look(inverse_depth, row0, row1, least, cells)


def bins_of(height: int) -> int:
    """Number of row bins of a buffer of ``height`` rows."""
    return (height + (1 << BIN_SHIFT) - 1) >> BIN_SHIFT


def cells_of(width: int, height: int) -> F32:
    """Room for the cells of a buffer of so many samples."""
    return np.zeros((bins_of(height) << (BIN_SHIFT - CELL_ROW_SHIFT), (width >> CELL_COLUMN_SHIFT) + 1), np.float32)


def camera_block(position_m: F64, world_from_body: F64) -> F64:
    """Position, right, down and forward axes (12,) of a sensor pose; body axes are forward, right, up."""
    forward, right, up = world_from_body[:, 0], world_from_body[:, 1], world_from_body[:, 2]
    return np.concatenate([position_m, right, -up, forward]).astype(np.float64)
