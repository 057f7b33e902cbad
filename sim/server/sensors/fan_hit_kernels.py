"""The compiled loops that tell what the rays of a drawn fan have met."""

from __future__ import annotations

import math

from sim.server.sensors.fan_kernels import exact, part


@part
def _incidence(  # type: ignore[no-untyped-def]
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


@exact
def settle(alive, first, count, ranges, face_met, out_range):  # type: ignore[no-untyped-def]
    """Ranges (m, k) of all rays of the columns first..first + count; inf where nothing was met or nothing was shot."""
    for c in range(len(alive)):
        for i in range(first, first + count):
            out_range[c, i] = ranges[i, c] if face_met[i, c] >= 0 and alive[c, i] else math.inf


@exact
def met(ranges, ray, out_range):  # type: ignore[no-untyped-def]
    """Numbers and ranges of the rays of ``ranges`` (n,) that met something; returns how many."""
    n = 0
    for k in range(len(ranges)):
        ray[n], out_range[n] = k, ranges[k]
        n += 1 if ranges[k] < math.inf else 0
    return n


@exact
def tell(  # type: ignore[no-untyped-def]
    alive, first, count, face_met, owner_met, static_owner, cos_e, sin_e, cos_a, sin_a, vertices, faces, matrix,
    face_tag, face_material, face_param, tag, material, param, cosine,
):  # fmt: skip
    """Columns of ``Hits``, by channel and column, for rays of the columns first..first + count that met the static
    scene (owner ``static_owner``)."""
    columns = len(cos_a)
    for c in range(len(alive)):
        for i in range(first, first + count):
            f = face_met[i, c]
            if f < 0 or owner_met[i, c] != static_owner or not alive[c, i]:
                continue
            k = c * columns + i
            tag[k], material[k], param[k] = face_tag[f], face_material[f], face_param[f]
            cosine[k] = _incidence(
                vertices, faces, f, matrix, cos_e[c] * cos_a[i], cos_e[c] * sin_a[i], sin_e[c]
            )  # fmt: skip


@exact
def tell_bodies(  # type: ignore[no-untyped-def]
    alive, first, count, face_met, owner_met, first_owner, last_owner, cos_e, sin_e, cos_a, sin_a, vertices, faces,
    matrices, face_material, face_rider, rider_tag, body_actor, body_tag, actor, tag, material, cosine,
):  # fmt: skip
    """Columns of ``Hits`` for rays that met bodies first_owner..last_owner, drawn from one mesh; their matrices from
    first_owner on."""
    columns = len(cos_a)
    for c in range(len(alive)):
        for i in range(first, first + count):
            owner, f = owner_met[i, c], face_met[i, c]
            if f < 0 or owner < first_owner or owner >= last_owner or not alive[c, i]:
                continue
            k = c * columns + i
            actor[k], material[k] = body_actor[owner], face_material[f]
            tag[k] = rider_tag if face_rider[f] else body_tag[owner]
            cosine[k] = _incidence(
                vertices, faces, f, matrices[owner - first_owner], cos_e[c] * cos_a[i], cos_e[c] * sin_a[i], sin_e[c]
            )  # fmt: skip
