"""From parts to shaded triangles: normals with crisp edges, chart coordinates, no vertex stored twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.bodies.charts import ChartFrame
from sim.server.scene.bodies.parts import SMOOTH_COS, WELD_M, Floats, Ints, Part, cross


@dataclass(frozen=True)
class Shaded:
    """One level of detail: vertices (n, 3), normals (n, 3, unit), uv (n, 2); the rest (m, ...) of each face."""

    vertices_m: npt.NDArray[np.float32]
    normals: npt.NDArray[np.float32]
    uv: npt.NDArray[np.float32]
    faces: npt.NDArray[np.uint32]
    material: npt.NDArray[np.uint8]
    chart: npt.NDArray[np.uint8]
    wheel: npt.NDArray[np.uint8]
    rider: npt.NDArray[np.bool_]


def shade(parts: list[Part], frame: ChartFrame, detail: int) -> Shaded:
    """Weld each part by itself, give every corner a normal and its chart position, share equal corners."""
    corners = []
    for part in parts:
        points, faces, keep = _weld(part)
        corners.append((points[faces], corner_normals(points, faces, SMOOTH_COS[detail]), keep))
    position = np.concatenate([c[0] for c in corners]).reshape(-1, 3)
    normal = np.concatenate([c[1] for c in corners]).reshape(-1, 3)
    joined = Part.join(parts)
    keep = np.concatenate([c[2] for c in corners])
    chart = joined.chart[keep]
    uv = frame.uv(position, np.repeat(chart, 3))
    key = np.column_stack([np.round(position / WELD_M), np.round(normal * 500.0), np.round(uv * 2e4)]).astype(np.int32)
    first, inverse = _distinct(key)
    order = np.argsort(first, kind="stable")  # keep the builders' order: nearby faces share nearby vertices
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    pick = first[order]
    unit = normal[pick] / np.linalg.norm(normal[pick], axis=1, keepdims=True)
    return Shaded(
        position[pick].astype(np.float32),
        unit.astype(np.float32),
        uv[pick].astype(np.float32),
        rank[inverse].reshape(-1, 3).astype(np.uint32),
        joined.material[keep],
        chart,
        joined.wheel[keep],
        joined.rider[keep],
    )


def _weld(part: Part) -> tuple[Floats, Ints, npt.NDArray[np.bool_]]:
    """Points with duplicates merged, the faces that still have area, and which of the part's faces those are."""
    first, inverse = _distinct(np.round(part.points_m / WELD_M).astype(np.int32))
    faces = inverse[part.faces]
    keep = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return part.points_m[first], faces[keep], keep


def _distinct(key: npt.NDArray[np.int32]) -> tuple[Ints, Ints]:
    """First row of each distinct row of ``key`` (n, k), and for each row which distinct one it is."""
    rows = np.ascontiguousarray(key).view(np.dtype((np.void, key.dtype.itemsize * key.shape[1]))).ravel()
    order = np.argsort(rows, kind="stable")
    fresh = np.ones(len(rows), bool)
    fresh[1:] = rows[order[1:]] != rows[order[:-1]]
    inverse = np.empty(len(rows), np.int64)
    inverse[order] = np.cumsum(fresh) - 1
    return order[fresh].astype(np.int64), inverse


def corner_normals(points: Floats, faces: Ints, smooth_cos: float) -> Floats:
    """Normal (m, 3, 3) of each corner: mean over the faces around its vertex that bend less than the limit.

    The mean is weighted by area, so slivers do not bend a flat panel.
    """
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    weighted = cross(b - a, c - a)
    size = np.linalg.norm(weighted, axis=1, keepdims=True)
    unit = weighted / np.maximum(size, 1e-12)
    m = len(faces)
    corner_vertex = faces.ravel()
    order = np.argsort(corner_vertex, kind="stable")
    start = np.searchsorted(corner_vertex[order], np.arange(len(points) + 1))
    count = np.diff(start)[corner_vertex]
    corner = np.repeat(np.arange(3 * m), count)  # every pair (corner, face around its vertex)
    within = np.arange(len(corner)) - np.repeat(np.cumsum(count) - count, count)
    other = order[np.repeat(start[corner_vertex], count) + within] // 3
    near = np.einsum("ij,ij->i", unit[corner // 3], unit[other]) > smooth_cos
    near |= corner // 3 == other
    total = np.zeros((3 * m, 3))
    for axis in range(3):
        total[:, axis] = np.bincount(corner[near], weighted[other[near], axis], minlength=3 * m)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    fallback = np.repeat(unit, 3, axis=0)
    return np.asarray(np.where(length > 1e-12, total / np.maximum(length, 1e-12), fallback)).reshape(m, 3, 3)
