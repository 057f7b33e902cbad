"""The compiled inner loops of ``fans``: triangles into the grid of a spinning sensor's rays.

All rays of a fan start in one point, so that a fan is a picture: columns are azimuths, rows are elevations. A triangle
is cut by the half-plane of each column that it reaches; the cut is a segment in the plane of height z over distance f
from the axis, and it is met by the rays whose tangent z / f lies between those of its ends. That is exact, and a
triangle costs only the rays that it can meet.
"""

from __future__ import annotations

import math

from numba import njit

FULL_TURN_RAD = 2.0 * math.pi
AZIMUTH_SLACK_RAD = 4e-4
"""Of the quick arc tangent: twice its largest error."""
EDGE_SLACK = 1e-9
"""Triangles are widened by this share, so that no ray slips through where two of them meet."""


@njit(cache=True, nogil=True, inline="always")
def _azimuth(y, x):  # type: ignore[no-untyped-def]
    """Arc tangent of y / x in -pi..pi, good to 2e-4 (polynomial after Abramowitz and Stegun 4.4.47)."""
    ax, ay = abs(x), abs(y)
    big = max(ax, ay)
    if big == 0.0:
        return 0.0
    q = min(ax, ay) / big
    s = q * q
    a = q * (0.9998660 + s * (-0.3302995 + s * (0.1801410 + s * (-0.0851330 + s * 0.0208351))))
    if ay > ax:
        a = 0.5 * math.pi - a
    if x < 0.0:
        a = math.pi - a
    return -a if y < 0.0 else a


@njit(cache=True, nogil=True)
def reached(  # type: ignore[no-untyped-def]
    centre, radius, matrix, shift, max_range, low_rad, high_rad, azimuth, step, count, out
):  # fmt: skip
    """Which bounding spheres a part of a fan can meet: rows into ``out``; returns how many.

    The part: ``count`` columns from the azimuth on, elevations between low and high.
    """
    n = 0
    for k in range(len(radius)):
        cx, cy, cz, r = centre[k, 0], centre[k, 1], centre[k, 2], radius[k]
        x = matrix[0, 0] * cx + matrix[0, 1] * cy + matrix[0, 2] * cz + shift[0]
        y = matrix[1, 0] * cx + matrix[1, 1] * cy + matrix[1, 2] * cz + shift[1]
        z = matrix[2, 0] * cx + matrix[2, 1] * cy + matrix[2, 2] * cz + shift[2]
        flat2 = x * x + y * y
        distance = math.sqrt(flat2 + z * z)
        if distance - r > max_range:
            continue
        if distance > r * 1.001:
            flat = math.sqrt(flat2)
            middle, half = math.atan2(z, flat), math.asin(r / distance)
            if middle - half > high_rad or middle + half < low_rad:
                continue
            if flat > r * 1.001 and abs(middle) + half < 1.5:
                side = math.asin(r / flat) + AZIMUTH_SLACK_RAD
                begin = (math.atan2(y, x) - side - azimuth) % FULL_TURN_RAD
                if begin > step * (count - 1) and begin + 2.0 * side < FULL_TURN_RAD:
                    continue
        out[n] = k
        n += 1
    return n


@njit(cache=True, nogil=True)
def draw(  # type: ignore[no-untyped-def]
    vertices, faces, v0, v1, f0, f1, matrix, shift, owner, closed, first, count, azimuth, step, cos_a, sin_a,
    tangent, over_cos, over_sin, bins, low_tan, per_tan, ranges, face_met, owner_met, work,
):  # fmt: skip
    """Draw the faces f0..f1 of a mesh into the columns first..first + count.

    matrix, shift: sensor frame from the mesh's. closed: faces are wound outward and hide what is behind them, so that
    those seen from behind need not be drawn. tangent (m,) of the channels, falling; over_cos, over_sin: one over
    cosine and sine of their elevations; bins: first channel whose tangent is at most that bin's upper end. ranges,
    face_met, owner_met (m, k): nearest so far. work (v, 4): x, y, z and azimuth of the vertices.
    """
    channels = len(tangent)
    top_tan = tangent[0]
    last_bin = len(bins) - 1
    m00, m01, m02, m10, m11, m12 = matrix[0, 0], matrix[0, 1], matrix[0, 2], matrix[1, 0], matrix[1, 1], matrix[1, 2]
    m20, m21, m22, t0, t1, t2 = matrix[2, 0], matrix[2, 1], matrix[2, 2], shift[0], shift[1], shift[2]
    for v in range(v0, v1):
        vx, vy, vz = float(vertices[v, 0]), float(vertices[v, 1]), float(vertices[v, 2])
        x, y = m00 * vx + m01 * vy + m02 * vz + t0, m10 * vx + m11 * vy + m12 * vz + t1
        w = v - v0
        work[w, 0], work[w, 1], work[w, 2] = x, y, m20 * vx + m21 * vy + m22 * vz + t2
        work[w, 3] = _azimuth(y, x)
        work[w, 4] = work[w, 2] / max(math.sqrt(x * x + y * y), 1e-9)
    per_step = 1.0 / step
    last_start = (count - 1) * step + AZIMUTH_SLACK_RAD
    for f in range(f0, f1):
        a, b, c = faces[f, 0] - v0, faces[f, 1] - v0, faces[f, 2] - v0
        # elevation: the vertices' tangents, and how far an edge may bulge over them
        da, db = work[b, 3] - work[a, 3], work[c, 3] - work[a, 3]
        if da > math.pi:
            da -= FULL_TURN_RAD
        elif da < -math.pi:
            da += FULL_TURN_RAD
        if db > math.pi:
            db -= FULL_TURN_RAD
        elif db < -math.pi:
            db += FULL_TURN_RAD
        begin, end = min(0.0, da, db), max(0.0, da, db)
        spread = end - begin
        ta, tb, tc = work[a, 4], work[b, 4], work[c, 4]
        high, low = max(ta, tb, tc), min(ta, tb, tc)
        if spread < 1.0:
            bulge = (spread + AZIMUTH_SLACK_RAD) ** 2 * max(abs(high), abs(low)) + 1e-9
            high, low = high + bulge, low - bulge
            if low > top_tan or high < low_tan:
                continue
            k = bins[min(max(int((high - low_tan) * per_tan), 0), last_bin)]
            while k < channels and tangent[k] > high:
                k += 1
            if k == channels or tangent[k] < low:
                continue  # between two channels
        elif spread > math.pi - 0.01:  # the axis passes through it, or nearly
            begin, spread = -math.pi, FULL_TURN_RAD
        start = work[a, 3] + begin - AZIMUTH_SLACK_RAD - azimuth
        if start < 0.0:
            start += FULL_TURN_RAD
            if start < 0.0:
                start += FULL_TURN_RAD
        elif start >= FULL_TURN_RAD:
            start -= FULL_TURN_RAD
        wide = spread + 2.0 * AZIMUTH_SLACK_RAD
        if start > last_start and start + wide < FULL_TURN_RAD:
            continue  # in no column of this part
        i0 = int(start * per_step) + 1  # first column at or after the triangle's beginning
        if i0 * step > start + wide and start + wide < FULL_TURN_RAD:
            continue  # between two columns
        ax, ay, az = work[a, 0], work[a, 1], work[a, 2]
        bx, by, bz = work[b, 0], work[b, 1], work[b, 2]
        cx, cy, cz = work[c, 0], work[c, 1], work[c, 2]
        if closed and ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx) > 0.0:
            continue  # seen from behind
        seen_to = -1
        for wrap in range(2):  # what begins before the first column goes on from there
            i0 = max(math.ceil((start - wrap * FULL_TURN_RAD) * per_step), 0)
            i1 = min(math.floor((start - wrap * FULL_TURN_RAD + wide) * per_step), count - 1)
            if wrap == 0:
                seen_from = i0
                seen_to = i1
            elif seen_to >= seen_from:
                i1 = min(i1, seen_from - 1)
            for i in range(first + i0, first + i1 + 1):
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
                    reach = (f1_ + u * df) * over_cos[k] if abs(t) <= 1.0 else (z1_ + u * dz) * over_sin[k]
                    if 0.0 <= reach < ranges[k, i]:
                        ranges[k, i] = reach
                        face_met[k, i] = f
                        owner_met[k, i] = owner
                    k += 1


@njit(cache=True, nogil=True)
def draw_many(  # type: ignore[no-untyped-def]
    vertices, faces, spans, rows, matrices, shifts, owners, closed, first, count, azimuth, step, cos_a, sin_a,
    tangent, over_cos, over_sin, bins, low_tan, per_tan, ranges, face_met, owner_met, work,
):  # fmt: skip
    """``draw`` for some rows of spans (n, 4): vertices from, to, faces from, to. One matrix for all where there is
    one; owners (n,)."""
    for j in range(len(rows)):
        k = rows[j]
        m = k if len(matrices) > 1 else 0
        draw(
            vertices, faces, spans[k, 0], spans[k, 1], spans[k, 2], spans[k, 3], matrices[m], shifts[m], owners[k],
            closed[k], first, count, azimuth, step, cos_a, sin_a, tangent, over_cos, over_sin, bins, low_tan, per_tan,
            ranges, face_met, owner_met, work,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def incidence(  # type: ignore[no-untyped-def]
    vertices, faces, face, matrix, ex, ey, ez
):
    """Cosine between a ray (sensor frame) and the normal of a face of a mesh with this frame."""
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    px, py, pz = 0.0, 0.0, 0.0
    u0, u1, u2 = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
    w0, w1, w2 = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
    ux = matrix[0, 0] * u0 + matrix[0, 1] * u1 + matrix[0, 2] * u2
    uy = matrix[1, 0] * u0 + matrix[1, 1] * u1 + matrix[1, 2] * u2
    uz = matrix[2, 0] * u0 + matrix[2, 1] * u1 + matrix[2, 2] * u2
    wx = matrix[0, 0] * w0 + matrix[0, 1] * w1 + matrix[0, 2] * w2
    wy = matrix[1, 0] * w0 + matrix[1, 1] * w1 + matrix[1, 2] * w2
    wz = matrix[2, 0] * w0 + matrix[2, 1] * w1 + matrix[2, 2] * w2
    px, py, pz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
    length = math.sqrt(px * px + py * py + pz * pz)
    return min(abs(px * ex + py * ey + pz * ez) / max(length, 1e-30), 1.0)


@njit(cache=True, nogil=True)
def tell(  # type: ignore[no-untyped-def]
    ray, columns, ranges, face_met, owner_met, wanted, static_owner, cos_e, sin_e, cos_a, sin_a, vertices, faces,
    matrix, face_tag, face_material, face_param, out_range, actor, tag, material, param, cosine,
):  # fmt: skip
    """Columns of ``Hits`` for rays that met the static scene (owner ``static_owner``) or nothing; the ranges of all."""
    for k in range(len(ray)):
        c = ray[k] // columns
        i = ray[k] - c * columns
        if face_met[c, i] < 0:
            out_range[k] = math.inf
            continue
        out_range[k] = ranges[c, i]
        if not wanted or owner_met[c, i] != static_owner:
            continue
        f = face_met[c, i]
        tag[k], material[k], param[k] = face_tag[f], face_material[f], face_param[f]
        cosine[k] = incidence(
            vertices, faces, f, matrix, cos_e[c] * cos_a[i], cos_e[c] * sin_a[i], sin_e[c]
        )  # fmt: skip


@njit(cache=True, nogil=True)
def tell_bodies(  # type: ignore[no-untyped-def]
    ray, columns, face_met, owner_met, first_owner, last_owner, cos_e, sin_e, cos_a, sin_a, vertices, faces, matrices,
    face_material, face_rider, rider_tag, body_actor, body_tag, actor, tag, material, cosine,
):  # fmt: skip
    """Columns of ``Hits`` for rays that met bodies first_owner..last_owner, drawn from one mesh; their matrices from
    first_owner on."""
    for k in range(len(ray)):
        c = ray[k] // columns
        i = ray[k] - c * columns
        owner = owner_met[c, i]
        if face_met[c, i] < 0 or owner < first_owner or owner >= last_owner:
            continue
        f = face_met[c, i]
        actor[k], material[k] = body_actor[owner], face_material[f]
        tag[k] = rider_tag if face_rider[f] else body_tag[owner]
        cosine[k] = incidence(
            vertices, faces, f, matrices[owner - first_owner], cos_e[c] * cos_a[i], cos_e[c] * sin_a[i], sin_e[c]
        )  # fmt: skip
