"""The compiled inner loops of ``rays``: making rays, finding the boxes they enter, keeping the nearer hit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit


@dataclass(frozen=True)
class Candidates:
    """Rays that enter a body's box, in library space, each starting where it enters.

    rays (k, 6); slot (k,) row of the world ray; body (k,) row of the body; entry_m, exit_m (k,) world range of the box.
    """

    rays: npt.NDArray[np.float32]
    slot: npt.NDArray[np.int64]
    body: npt.NDArray[np.int32]
    entry_m: npt.NDArray[np.float32]
    exit_m: npt.NDArray[np.float32]

    @staticmethod
    def empty(capacity: int) -> Candidates:
        return Candidates(
            np.empty((capacity, 6), np.float32),
            np.empty(capacity, np.int64),
            np.empty(capacity, np.int32),
            np.empty(capacity, np.float32),
            np.empty(capacity, np.float32),
        )

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """The columns, in order."""
        return self.rays, self.slot, self.body, self.entry_m, self.exit_m

    def first(self, count: int) -> Candidates:
        """The first rows."""
        return Candidates(*(column[:count] for column in self.arrays()))


@njit(cache=True, nogil=True)
def place_bodies(  # type: ignore[no-untyped-def]
    rotation, scale, position, low, high, margin, world_from_local, local_from_world, centre, radius
):  # fmt: skip
    """Frames and bounding spheres of bodies (n rows) with boxes low..high, which grow by the margin.

    rotation (n, 3): pitch, yaw, roll, as in ``pose.rotation_matrices``.
    """
    for k in range(len(radius)):
        sp, cp = math.sin(rotation[k, 0]), math.cos(rotation[k, 0])
        sy, cy = math.sin(rotation[k, 1]), math.cos(rotation[k, 1])
        sr, cr = math.sin(rotation[k, 2]), math.cos(rotation[k, 2])
        a = world_from_local[k]
        a[0, 0], a[0, 1], a[0, 2] = cp * cy, sr * sp * cy - cr * sy, -(cr * sp * cy + sr * sy)
        a[1, 0], a[1, 1], a[1, 2] = cp * sy, sr * sp * sy + cr * cy, cy * sr - cr * sp * sy
        a[2, 0], a[2, 1], a[2, 2] = sp, -sr * cp, cr * cp
        diagonal = 0.0
        for i in range(3):
            centre[k, i] = 0.0
        for j in range(3):
            size = float(scale[k, j])
            middle = 0.5 * (low[k, j] + high[k, j]) * size
            diagonal += ((high[k, j] - low[k, j]) * size) ** 2
            for i in range(3):
                centre[k, i] += a[i, j] * middle
                local_from_world[k, j, i] = a[i, j] / size
                a[i, j] *= size
            low[k, j] -= margin
            high[k, j] += margin
        for i in range(3):
            centre[k, i] += position[k, i]
        radius[k] = 0.5 * math.sqrt(diagonal) + 2.0 * margin


@njit(cache=True, nogil=True)
def _slab(o, w, low, high, entry, leave):  # type: ignore[no-untyped-def]
    """Cut the span ``entry..leave`` of a ray by two parallel planes; an empty span has entry > leave."""
    if abs(w) < 1e-12:
        return (entry, leave) if low <= o <= high else (1.0, 0.0)
    a, b = (low - o) / w, (high - o) / w
    return max(entry, min(a, b)), min(leave, max(a, b))


@njit(cache=True, nogil=True)
def _try_box(  # type: ignore[no-untyped-def]
    rays, slot, body, max_range, to_local, position, low, high, offset, n, out_rays, out_slot, out_body, out_in, out_out
):
    """Append ray ``slot`` if it enters the box of ``body`` within reach; returns the new count."""
    a = to_local[body]
    px, py, pz = rays[slot, 0] - position[body, 0], rays[slot, 1] - position[body, 1], rays[slot, 2] - position[body, 2]
    dx, dy, dz = rays[slot, 3], rays[slot, 4], rays[slot, 5]
    ox, wx = a[0, 0] * px + a[0, 1] * py + a[0, 2] * pz, a[0, 0] * dx + a[0, 1] * dy + a[0, 2] * dz
    oy, wy = a[1, 0] * px + a[1, 1] * py + a[1, 2] * pz, a[1, 0] * dx + a[1, 1] * dy + a[1, 2] * dz
    oz, wz = a[2, 0] * px + a[2, 1] * py + a[2, 2] * pz, a[2, 0] * dx + a[2, 1] * dy + a[2, 2] * dz
    entry, leave = _slab(ox, wx, low[body, 0], high[body, 0], 0.0, max_range)
    entry, leave = _slab(oy, wy, low[body, 1], high[body, 1], entry, leave)
    entry, leave = _slab(oz, wz, low[body, 2], high[body, 2], entry, leave)
    if entry > leave:
        return n
    if n < len(out_slot):
        out_rays[n, 0] = ox + wx * entry + offset[body, 0]
        out_rays[n, 1] = oy + wy * entry + offset[body, 1]
        out_rays[n, 2] = oz + wz * entry + offset[body, 2]
        out_rays[n, 3], out_rays[n, 4], out_rays[n, 5] = wx, wy, wz
        out_slot[n], out_body[n], out_in[n], out_out[n] = slot, body, entry, leave
    return n + 1


@njit(cache=True, nogil=True)
def enter_boxes(  # type: ignore[no-untyped-def]
    rays,
    max_range,
    to_local,
    position,
    low,
    high,
    offset,
    centre,
    radius,
    out_rays,
    out_slot,
    out_body,
    out_in,
    out_out,
):
    """Any rays against all boxes. Returns how many candidates were written, -1 where they did not fit."""
    n = 0
    for body in range(len(radius)):
        for slot in range(len(rays)):
            dx, dy, dz = (
                centre[body, 0] - rays[slot, 0],
                centre[body, 1] - rays[slot, 1],
                centre[body, 2] - rays[slot, 2],
            )
            along = dx * rays[slot, 3] + dy * rays[slot, 4] + dz * rays[slot, 5]
            if along < -radius[body] or along > max_range + radius[body]:
                continue
            if dx * dx + dy * dy + dz * dz - along * along > radius[body] * radius[body]:
                continue
            n = _try_box(
                rays, slot, body, max_range, to_local, position, low, high, offset, n,
                out_rays, out_slot, out_body, out_in, out_out,
            )  # fmt: skip
    return n if n <= len(out_slot) else -1


@njit(cache=True, nogil=True)
def take_static(  # type: ignore[no-untyped-def]
    rays, max_range, t, face, normal, face_of, face_tag, face_material, face_param, ranges, actor, tag, material, param,
    cosine,
):  # fmt: skip
    """Hits on the static world into the columns of ``Hits``; face_of: the mesh's face of each triangle."""
    for k in range(len(rays)):
        if not t[k] <= max_range:
            ranges[k] = np.inf
            continue
        ranges[k] = t[k]
        f = face_of[face[k]]
        tag[k], material[k], param[k] = face_tag[f], face_material[f], face_param[f]
        dot = normal[k, 0] * rays[k, 3] + normal[k, 1] * rays[k, 4] + normal[k, 2] * rays[k, 5]
        cosine[k] = min(abs(dot), np.float32(1.0))


@njit(cache=True, nogil=True)
def take_bodies(  # type: ignore[no-untyped-def]
    slot, body, entry, leave, local_rays, t, face, normal, face_material, face_rider, rider_tag, max_range, to_local,
    body_actor, body_tag, ranges, actor, tag, material, param, cosine,
):  # fmt: skip
    """Hits on bodies where they are nearer. The normal of a scaled body goes back to the world by the inverse
    transpose of world-from-local, which is the transpose of local-from-world; the cosine needs no world normal."""
    for k in range(len(slot)):
        reach = entry[k] + t[k]
        s, b = slot[k], body[k]
        if not (reach <= leave[k] + 0.01 and reach < ranges[s] and reach <= max_range):
            continue
        f = face[k]
        ranges[s], actor[s], param[s] = reach, body_actor[b], 0
        material[s] = face_material[f]
        tag[s] = rider_tag if face_rider[f] else body_tag[b]
        dot, norm = 0.0, 0.0
        for axis in range(3):
            dot += normal[k, axis] * local_rays[k, 3 + axis]  # n . (A d) = (A^T n) . d
            w = 0.0
            for j in range(3):
                w += to_local[b, j, axis] * normal[k, j]
            norm += w * w
        cosine[s] = min(abs(dot) / math.sqrt(max(norm, 1e-20)), 1.0)


@njit(cache=True, nogil=True)
def place_points(ray, kept, cos_e, sin_e, cos_a, sin_a, ranges, value, points, counts):  # type: ignore[no-untyped-def]
    """Points ``(n, 4)`` of those numbered rays of a fan (channel * columns + column, ascending) that are kept, at their
    ranges and with a value; counts (m,) of each channel. Returns n."""
    columns = len(cos_a)
    n, c, first = 0, 0, 0
    for k in range(len(ray)):
        while ray[k] >= first + columns:
            c, first = c + 1, first + columns
        i = ray[k] - first
        flat = cos_e[c] * ranges[k]
        points[n, 0], points[n, 1], points[n, 2] = flat * cos_a[i], flat * sin_a[i], sin_e[c] * ranges[k]
        points[n, 3] = value[k]
        step = 1 if kept[k] else 0  # without a branch, which no one could foresee
        counts[c] += step
        n += step
    return n
