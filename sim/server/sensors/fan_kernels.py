"""The compiled inner loops of ``fans``: triangles into the grid of a spinning sensor's rays.

All rays of a fan start in one point, so that a fan is a picture: columns are azimuths, rows are elevations. A triangle
is cut by the half-plane of each column that it reaches; the cut is a segment in the plane of height z over distance f
from the axis, and it is met by the rays whose tangent z / f lies between those of its ends. That is exact, and a
triangle costs only the rays that it can meet. Which triangles those may be is found out first, for all of them at once
in vector code of single precision with slack.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from sim.server.sensors.kernel import F32, F64, I32, U8, lane, lanes

TURN_RAD = 2.0 * math.pi
HALF_TURN_RAD = math.pi
AZIMUTH_SLACK_RAD = 4e-4
"""Of the quick arc tangent: twice its largest error."""
ANGLE_SLACK_RAD = 4e-6
"""Of sums of angles in single precision: eight times the last place of a full turn."""
TANGENT_SLACK = 4e-6
"""Of tangents in single precision, of which they are quotients, as a share of themselves and of one."""
EDGE_SLACK = 1e-9
"""Triangles are widened by this share, so that no ray slips through where two of them meet."""

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
exact: Any = njit(**_OPTIONS)
"""Decorator of kernels whose sums are taken as written: no ray may slip through where two triangles meet. Reference
counting is off, as in all kernels (``kernel``)."""
part: Any = njit(**_OPTIONS, forceinline=True)
"""Decorator of their parts, compiled into them."""


@lane
def _azimuth(y: Any, x: Any) -> Any:
    """Arc tangent of y / x in -pi..pi, good to 2e-4 (polynomial after Abramowitz and Stegun 4.4.47)."""
    ax, ay = abs(x), abs(y)
    q = min(ax, ay) / max(max(ax, ay), 1e-30)
    s = q * q
    a = q * (0.9998660 + s * (-0.3302995 + s * (0.1801410 + s * (-0.0851330 + s * 0.0208351))))
    a = HALF_TURN_RAD * 0.5 - a if ay > ax else a
    a = HALF_TURN_RAD - a if x < 0.0 else a
    return -a if y < 0.0 else a


@lanes
def _angles(x: F64, y: F64, z: F64, azimuth: F32, tangent: F32) -> None:
    """Azimuth and tangent of the elevation of each place."""
    for v in range(len(azimuth)):
        a, b = np.float32(x[v]), np.float32(y[v])
        azimuth[v] = _azimuth(b, a)
        tangent[v] = np.float32(z[v]) / max(math.sqrt(a * a + b * b), 1e-9)


@lanes
def _may_meet(
    corners: I32, v0: int, azimuth: F32, tangent: F32, before: float, last_start: float, step: float, channels: F32,
    bins: I32, per_tan: float, keep: U8, start: F32, wide: F32,
) -> None:  # fmt: skip
    """Which faces (flat corners) may reach a ray: keep (f,) 1, and from where on, radians after ``before``, they go
    how ``wide``. What is quick and rough here errs towards keeping.

    channels (m,) tangents, falling; bins of them, per_tan to a unit.
    """
    origin, end_of_part, width = np.float32(before), np.float32(last_start), np.float32(step)
    low_tan, top_tan, per_bin = channels[len(channels) - 1], channels[0], np.float32(per_tan)
    last_bin = np.float32(len(bins) - 1)
    for f in range(len(keep)):
        a, b, c = corners[3 * f] - np.int32(v0), corners[3 * f + 1] - np.int32(v0), corners[3 * f + 2] - np.int32(v0)
        here = azimuth[a]
        da, db = azimuth[b] - here, azimuth[c] - here
        da += (-TURN_RAD if da > HALF_TURN_RAD else 0.0) + (TURN_RAD if da < -HALF_TURN_RAD else 0.0)
        db += (-TURN_RAD if db > HALF_TURN_RAD else 0.0) + (TURN_RAD if db < -HALF_TURN_RAD else 0.0)
        begin = min(0.0, min(da, db))
        spread = max(0.0, max(da, db)) - begin
        # elevation: the vertices' tangents, and how far an edge may bulge over them
        ta, tb, tc = tangent[a], tangent[b], tangent[c]
        high, low = max(ta, max(tb, tc)), min(ta, min(tb, tc))
        reach = spread + AZIMUTH_SLACK_RAD
        bulge = (reach * reach + TANGENT_SLACK) * max(abs(high), abs(low)) + TANGENT_SLACK
        high, low = high + bulge, low - bulge
        place = np.int32(min(max((high - low_tan) * per_bin, 0.0), last_bin))
        between = (low > top_tan) | (high < low_tan) | (channels[bins[place]] < low)
        between &= spread < 1.0
        around = spread > HALF_TURN_RAD - 0.01  # the axis passes through it, or nearly
        begin, spread = -HALF_TURN_RAD if around else begin, TURN_RAD if around else spread
        first = here + begin - AZIMUTH_SLACK_RAD - origin
        first += TURN_RAD if first < 0.0 else 0.0
        first += TURN_RAD if first < 0.0 else 0.0
        first -= TURN_RAD if first >= TURN_RAD else 0.0
        size = spread + 2.0 * AZIMUTH_SLACK_RAD
        column = np.float32(np.int32(first / width) + np.int32(1)) * width  # the first at or after its beginning
        elsewhere = ((first > end_of_part) | (column > first + size + ANGLE_SLACK_RAD)) & (first + size < TURN_RAD)
        keep[f] = 0 if between | elsewhere else 1
        start[f], wide[f] = first, size


@exact
def near(  # type: ignore[no-untyped-def]
    centre, radius, matrix, shift, max_range, low_rad, high_rad, rows, begin, wide
):  # fmt: skip
    """Which bounding spheres a fan with elevations between low and high may meet: ``rows``, and the azimuth from which
    on each is how ``wide`` (all around: a turn). Returns how many."""
    n = 0
    for k in range(len(radius)):
        cx, cy, cz, r = centre[k, 0], centre[k, 1], centre[k, 2], radius[k]
        x = matrix[0, 0] * cx + matrix[0, 1] * cy + matrix[0, 2] * cz + shift[0]
        y = matrix[1, 0] * cx + matrix[1, 1] * cy + matrix[1, 2] * cz + shift[1]
        z = matrix[2, 0] * cx + matrix[2, 1] * cy + matrix[2, 2] * cz + shift[2]
        flat2 = x * x + y * y
        if r < 0.0 or flat2 + z * z > (max_range + r) ** 2:
            continue
        distance = math.sqrt(flat2 + z * z)
        begin[n], wide[n] = 0.0, TURN_RAD
        if distance > r * 1.001:
            flat = math.sqrt(flat2)
            middle, half = math.atan2(z, flat), math.asin(r / distance)
            if middle - half > high_rad or middle + half < low_rad:
                continue
            if flat > r * 1.001 and abs(middle) + half < 1.5:
                side = math.asin(r / flat) + AZIMUTH_SLACK_RAD
                begin[n], wide[n] = math.atan2(y, x) - side, 2.0 * side
        rows[n] = k
        n += 1
    return n


@exact
def place_bodies(  # type: ignore[no-untyped-def]
    world_from_local, position, centre, radius, model, eye, turn, shapes, level_from, matrix, shift, spans, far
):  # fmt: skip
    """Frames of bodies (n rows) in that of a sensor at ``eye`` (turn: sensor from world), the span of each at the level
    of detail that its distance asks for (shapes: (models, levels, 4); level_from: distances), and whether it is seen
    from outside."""
    for k in range(len(radius)):
        p, a = position[k], world_from_local[k]
        x, y, z = p[0] - eye[0], p[1] - eye[1], p[2] - eye[2]
        for i in range(3):
            shift[k, i] = turn[i, 0] * x + turn[i, 1] * y + turn[i, 2] * z
            for j in range(3):
                matrix[k, i, j] = turn[i, 0] * a[0, j] + turn[i, 1] * a[1, j] + turn[i, 2] * a[2, j]
        x, y, z = centre[k, 0] - eye[0], centre[k, 1] - eye[1], centre[k, 2] - eye[2]
        away = math.sqrt(x * x + y * y + z * z)
        far[k] = away > radius[k]
        level = 0
        while level + 1 < len(level_from) and away >= level_from[level + 1]:
            level += 1
        for i in range(4):
            spans[k, i] = shapes[model[k], level, i]


@part
def _move(flat, matrix, shift, x, y, z):  # type: ignore[no-untyped-def]
    """Vertices, one flat row of them, in the sensor's frame."""
    m00, m01, m02, m10, m11, m12 = matrix[0, 0], matrix[0, 1], matrix[0, 2], matrix[1, 0], matrix[1, 1], matrix[1, 2]
    m20, m21, m22, t0, t1, t2 = matrix[2, 0], matrix[2, 1], matrix[2, 2], shift[0], shift[1], shift[2]
    for v in range(len(x)):
        vx, vy, vz = float(flat[3 * v]), float(flat[3 * v + 1]), float(flat[3 * v + 2])
        x[v] = m00 * vx + m01 * vy + m02 * vz + t0
        y[v] = m10 * vx + m11 * vy + m12 * vz + t1
        z[v] = m20 * vx + m21 * vy + m22 * vz + t2


@part
def _cut(  # type: ignore[no-untyped-def]
    ax, ay, az, bx, by, bz, cx, cy, cz, i0, i1, f, owner, cos_a, sin_a, tangent, cos_e, sin_e, bins, low_tan, per_tan,
    ranges, face_met, owner_met,
):  # fmt: skip
    """Draw a triangle a, b, c, narrower than half a turn, into the columns i0..i1.

    Where a column cuts an edge, the tangent is linear in the column's cosine and sine: that of the plane through the
    edge and the sensor. Ranges follow from the triangle's own plane.
    """
    channels, last_bin = len(tangent), len(bins) - 1
    top_tan = tangent[0]
    lx, ly, lz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx  # a x b, b x c, c x a
    mx, my, mz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
    nx, ny, nz = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
    per_l, per_m, per_n = -1.0 / lz, -1.0 / mz, -1.0 / nz
    ab_c, ab_s, bc_c, bc_s, ca_c, ca_s = lx * per_l, ly * per_l, mx * per_m, my * per_m, nx * per_n, ny * per_n
    away = ax * mx + ay * my + az * mz
    nx, ny, nz = nx + lx + mx, ny + ly + my, nz + lz + mz
    for i in range(i0, i1 + 1):
        c, s = cos_a[i], sin_a[i]
        a_left, b_left, c_left = c * ay - s * ax >= 0.0, c * by - s * bx >= 0.0, c * cy - s * cx >= 0.0
        if a_left == b_left and b_left == c_left:
            continue
        p, q = ab_c * c + ab_s * s, bc_c * c + bc_s * s
        third = ca_c * c + ca_s * s
        p = third if a_left == b_left else p
        q = third if b_left == c_left else q
        high, low = max(p, q), min(p, q)
        high, low = high + EDGE_SLACK * (1.0 + abs(high)), low - EDGE_SLACK * (1.0 + abs(low))
        if low > top_tan or high < low_tan:
            continue
        k = bins[min(max(int((high - low_tan) * per_tan), 0), last_bin)] if high < top_tan else 0
        while k < channels and tangent[k] > high:
            k += 1
        flat = nx * c + ny * s
        while k < channels and tangent[k] >= low:
            reach = away / (flat * cos_e[k] + nz * sin_e[k])
            if 0.0 <= reach < ranges[i, k]:
                ranges[i, k] = reach
                face_met[i, k] = f
                owner_met[i, k] = owner
            k += 1


@part
def _cut_around(  # type: ignore[no-untyped-def]
    ax, ay, az, bx, by, bz, cx, cy, cz, i0, i1, f, owner, cos_a, sin_a, tangent, cos_e, sin_e, bins, low_tan,
    per_tan, ranges, face_met, owner_met,
):  # fmt: skip
    """``_cut`` of a triangle that the axis passes through, or nearly."""
    channels = len(tangent)
    top_tan = tangent[0]
    last_bin = len(bins) - 1
    for i in range(i0, i1 + 1):
        ca, sa = cos_a[i], sin_a[i]
        sa_, sb_, sc_ = ca * ay - sa * ax, ca * by - sa * bx, ca * cy - sa * cx
        n = 0
        f1_, z1_, f2_, z2_ = 0.0, 0.0, 0.0, 0.0
        if (sa_ >= 0.0) != (sb_ >= 0.0):
            u = sa_ / (sa_ - sb_)
            fa = ca * ax + sa * ay
            f1_, z1_ = fa + u * (ca * bx + sa * by - fa), az + u * (bz - az)
            n = 1
        if (sb_ >= 0.0) != (sc_ >= 0.0):
            u = sb_ / (sb_ - sc_)
            fb = ca * bx + sa * by
            f2_, z2_ = fb + u * (ca * cx + sa * cy - fb), bz + u * (cz - bz)
            if n == 0:
                f1_, z1_ = f2_, z2_
            n += 1
        if n == 1:
            u = sc_ / (sc_ - sa_)
            fc = ca * cx + sa * cy
            f2_, z2_ = fc + u * (ca * ax + sa * ay - fc), cz + u * (az - cz)
            n = 2
        if n != 2 or (f1_ <= 0.0 and f2_ <= 0.0):
            continue
        df, dz = f2_ - f1_, z2_ - z1_
        if f1_ > 0.0 and f2_ > 0.0:
            p, q = z1_ / f1_, z2_ / f2_
        else:  # the segment goes on behind the axis: it reaches straight up or down
            at_axis = z1_ - f1_ / df * dz
            p = z1_ / f1_ if f1_ > 0.0 else z2_ / f2_
            q = math.copysign(1e30, at_axis)
        high, low = max(p, q), min(p, q)
        high, low = high + EDGE_SLACK * (1.0 + abs(high)), low - EDGE_SLACK * (1.0 + abs(low))
        if low > top_tan or high < low_tan:
            continue
        k = bins[min(max(int((high - low_tan) * per_tan), 0), last_bin)] if high < top_tan else 0
        while k < channels and tangent[k] > high:
            k += 1
        while k < channels and tangent[k] >= low:
            t = tangent[k]
            fall = dz - t * df
            u = (t * f1_ - z1_) / fall if fall != 0.0 else 0.0
            u = min(max(u, 0.0), 1.0)
            reach = (f1_ + u * df) / cos_e[k] if abs(t) <= 1.0 else (z1_ + u * dz) / sin_e[k]
            if 0.0 <= reach < ranges[i, k]:
                ranges[i, k] = reach
                face_met[i, k] = f
                owner_met[i, k] = owner
            k += 1


@exact
def draw(  # type: ignore[no-untyped-def]
    vertices, faces, v0, v1, f0, f1, matrix, shift, owner, closed, first, count, azimuth, step, cos_a, sin_a,
    tangent, cos_e, sin_e, tangent32, bins, low_tan, per_tan, ranges, face_met, owner_met, place, angle, found,
):  # fmt: skip
    """Draw the faces f0..f1 of a mesh into the columns first..first + count.

    matrix, shift: sensor frame from the mesh's. closed: faces are wound outward and hide what is behind them, so that
    those seen from behind need not be drawn. tangent (m,) of the channels, falling; cos_e, sin_e: cosine and sine of
    their elevations; tangent32: in single precision; bins: first channel whose tangent is at most that bin's upper
    end. ranges, face_met, owner_met (k, m): nearest so far. place (3, v): x, y, z of the vertices; angle: two rows of
    them, and below two of the faces; found (f,).
    """
    x, y, z = place[0, : v1 - v0], place[1, : v1 - v0], place[2, : v1 - v0]
    _move(vertices[v0:v1].reshape(-1), matrix, shift, x, y, z)
    _angles(x, y, z, angle[0, : v1 - v0], angle[1, : v1 - v0])
    keep, start, wide = found[: f1 - f0], angle[2, : f1 - f0], angle[3, : f1 - f0]
    _may_meet(
        faces[f0:f1].reshape(-1), v0, angle[0], angle[1], azimuth, (count - 1) * step + AZIMUTH_SLACK_RAD, step,
        tangent32, bins, per_tan, keep, start, wide,
    )  # fmt: skip
    per_step = 1.0 / step
    for f in range(f0, f1):
        if keep[f - f0] == 0:
            continue
        a, b, c = faces[f, 0] - v0, faces[f, 1] - v0, faces[f, 2] - v0
        ax, ay, az, bx, by, bz, cx, cy, cz = x[a], y[a], z[a], x[b], y[b], z[b], x[c], y[c], z[c]
        if closed and ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx) > 0.0:
            continue  # seen from behind
        begin, size = float(start[f - f0]) - ANGLE_SLACK_RAD, float(wide[f - f0]) + 2.0 * ANGLE_SLACK_RAD
        seen_from, seen_to = 0, -1
        for wrap in range(2):  # what begins before the first column goes on from there
            i0 = max(math.ceil((begin - wrap * TURN_RAD) * per_step), 0)
            i1 = min(math.floor((begin - wrap * TURN_RAD + size) * per_step), count - 1)
            if wrap == 0:
                seen_from, seen_to = i0, i1
            elif seen_to >= seen_from:
                i1 = min(i1, seen_from - 1)
            if i1 < i0:
                continue
            if size < HALF_TURN_RAD - 0.02:
                _cut(
                    ax, ay, az, bx, by, bz, cx, cy, cz, first + i0, first + i1, f, owner, cos_a, sin_a, tangent, cos_e,
                    sin_e, bins, low_tan, per_tan, ranges, face_met, owner_met,
                )  # fmt: skip
            else:
                _cut_around(
                    ax, ay, az, bx, by, bz, cx, cy, cz, first + i0, first + i1, f, owner, cos_a, sin_a, tangent, cos_e,
                    sin_e, bins, low_tan, per_tan, ranges, face_met, owner_met,
                )  # fmt: skip


@exact
def draw_many(  # type: ignore[no-untyped-def]
    vertices, faces, spans, rows, begin, wide, matrices, shifts, owners, closed, first, count, azimuth, step, cos_a,
    sin_a, tangent, cos_e, sin_e, tangent32, bins, low_tan, per_tan, ranges, face_met, owner_met, place, angle, found,
):  # fmt: skip
    """``draw`` for those of some rows of spans (n, 4) that the columns reach: vertices from, to, faces from, to.

    begin, wide: of each row, as ``near`` found them. One matrix for all where there is one; owners (n,).
    """
    for j in range(len(rows)):
        after = (begin[j] - azimuth) % TURN_RAD
        if after > step * (count - 1) and after + wide[j] < TURN_RAD:
            continue
        k = rows[j]
        m = k if len(matrices) > 1 else 0
        draw(
            vertices, faces, spans[k, 0], spans[k, 1], spans[k, 2], spans[k, 3], matrices[m], shifts[m], owners[k],
            closed[k], first, count, azimuth, step, cos_a, sin_a, tangent, cos_e, sin_e, tangent32, bins, low_tan,
            per_tan, ranges, face_met, owner_met, place, angle, found,
        )  # fmt: skip
