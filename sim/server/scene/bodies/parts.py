"""Pieces of a body: closed triangle meshes with a material, and the step that turns them into shaded vertices.

Faces wind counter-clockwise seen from outside: ``cross(b - a, c - a)`` points outward, as the normals do.
Model frame: x forward, y right, z up, metres, origin on the ground under the centre of the footprint.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Material

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SIDE, TOP, FRONT, REAR = range(4)
"""Charts, in the order of ``ModelLibrary.mip_offset``: planar views along y, z, -x and +x."""

MIN_AREA_M2 = 1e-9  # a face smaller than this has no direction
WELD_M = 1e-5  # points of one part closer than this are one point
SMOOTH_COS = tuple(np.cos(np.radians([42.0, 55.0, 70.0])).tolist())
"""Faces that meet at a sharper angle keep their edge; coarse levels of detail bend more at every edge."""


@dataclass(frozen=True)
class Part:
    """points_m (n, 3); faces (m, 3) into the points; material, chart, wheel, rider (m,) of each face."""

    points_m: Floats
    faces: Ints
    material: npt.NDArray[np.uint8]
    chart: npt.NDArray[np.uint8]
    wheel: npt.NDArray[np.uint8]
    rider: npt.NDArray[np.bool_]

    @staticmethod
    def of(points_m: npt.ArrayLike, faces: npt.ArrayLike, material: Material, chart: npt.ArrayLike = SIDE) -> Part:
        """A part of one material; ``chart`` is one value or one per face. Faces without area are dropped."""
        points = np.asarray(points_m, np.float64).reshape(-1, 3)
        tri = np.asarray(faces, np.int64).reshape(-1, 3)
        charts = np.broadcast_to(np.asarray(chart, np.uint8), (len(tri),))
        keep = areas(points, tri) > MIN_AREA_M2
        tri, charts = tri[keep], charts[keep]
        m = len(tri)
        kind = np.full(m, int(material), np.uint8)
        return Part(points, tri, kind, charts.copy(), np.zeros(m, np.uint8), np.zeros(m, bool))

    @staticmethod
    def join(parts: Sequence[Part]) -> Part:
        """One part of many, in order; their points stay apart."""
        first = np.cumsum([0] + [len(p.points_m) for p in parts[:-1]])
        return Part(
            np.concatenate([p.points_m for p in parts]),
            np.concatenate([p.faces + k for p, k in zip(parts, first, strict=True)]),
            np.concatenate([p.material for p in parts]),
            np.concatenate([p.chart for p in parts]),
            np.concatenate([p.wheel for p in parts]),
            np.concatenate([p.rider for p in parts]),
        )

    def moved(self, offset_m: npt.ArrayLike) -> Part:
        return replace(self, points_m=self.points_m + np.asarray(offset_m, np.float64))

    def scaled(self, factors: npt.ArrayLike) -> Part:
        """Scaled along the axes about the origin; positive factors."""
        return replace(self, points_m=self.points_m * np.asarray(factors, np.float64))

    def rotated(self, rotation: npt.ArrayLike) -> Part:
        """``points @ rotation.T`` for a proper rotation (3, 3)."""
        return replace(self, points_m=self.points_m @ np.asarray(rotation, np.float64).T)

    def mirrored(self) -> Part:
        """Reflected left to right, still facing outward."""
        return replace(self, points_m=self.points_m * [1.0, -1.0, 1.0], faces=self.faces[:, ::-1])

    def turning(self, wheel: int) -> Part:
        """The same faces, turning with wheel ``wheel`` (1 FL, 2 FR, 3 BL, 4 BR)."""
        return replace(self, wheel=np.full(len(self.faces), wheel, np.uint8))

    def ridden(self) -> Part:
        """The same faces, belonging to a rider."""
        return replace(self, rider=np.ones(len(self.faces), bool))


def cross(a: Floats, b: Floats) -> Floats:
    """Cross products of rows (n, 3); several times faster than ``numpy.cross`` on short arrays."""
    ax, ay, az = a.T
    bx, by, bz = b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=1)


def areas(points: Floats, faces: Ints) -> Floats:
    """Areas (m,) of faces (m, 3) in square metres."""
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    return np.asarray(0.5 * np.linalg.norm(cross(b - a, c - a), axis=1))


@functools.cache
def grid_faces(rows: int, columns: int, closed: bool = False) -> Ints:
    """Faces of a (rows, columns) grid of points; ``closed`` joins the last column to the first.

    Outward is ``d/drow x d/dcolumn`` of the surface; reverse the faces for the other side.
    """
    i = np.arange(rows - 1)[:, None] * columns
    j = np.arange(columns if closed else columns - 1)[None, :]
    k = (j + 1) % columns
    a, b, c, d = (i + j).ravel(), (i + columns + j).ravel(), (i + columns + k).ravel(), (i + k).ravel()
    # interleaved, so that face // 2 is the cell: row-major over (rows - 1, columns or columns - 1)
    faces = np.stack([np.stack([a, b, c], 1), np.stack([a, c, d], 1)], 1).reshape(-1, 3)
    faces.flags.writeable = False
    return faces


def outward(points: Floats, faces: Ints) -> Ints:
    """The faces, reversed as a whole if the closed surface they make encloses negative volume."""
    p = points - points.mean(axis=0)
    volume = np.einsum("ij,ij->i", p[faces[:, 0]], cross(p[faces[:, 1]], p[faces[:, 2]])).sum()
    return faces if volume >= 0.0 else faces[:, ::-1]


def loft(rings: npt.ArrayLike, material: Material, chart: npt.ArrayLike = SIDE) -> Part:
    """Closed surface through ``rings`` (n, k, 3): consecutive rings joined, both ends closed by fans.

    ``chart`` applies to all faces when scalar.
    """
    ring = np.asarray(rings, np.float64)
    n, k, _ = ring.shape
    points = np.concatenate([ring.reshape(-1, 3), ring[0].mean(0)[None], ring[-1].mean(0)[None]])
    j = np.arange(k)
    start = np.stack([np.full(k, n * k), j, (j + 1) % k], 1)
    end = np.stack([np.full(k, n * k + 1), (n - 1) * k + (j + 1) % k, (n - 1) * k + j], 1)
    faces = np.concatenate([grid_faces(n, k, closed=True), start, end])
    return Part.of(points, outward(points, faces), material, chart)


def lathe(profile_m: npt.ArrayLike, segments: int, material: Material, axis: int = 2) -> Part:
    """Turned body: ``profile_m`` (n, 2) of radius and height along ``axis`` (0 x, 1 y, 2 z)."""
    profile = np.asarray(profile_m, np.float64)
    angle = np.arange(segments) * (2.0 * np.pi / segments) + np.pi / segments
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    rings = np.zeros((len(profile), segments, 3))
    u, v = [(1, 2), (2, 0), (0, 1)][axis]
    rings[:, :, u] = profile[:, :1] * ring[None, :, 0]
    rings[:, :, v] = profile[:, :1] * ring[None, :, 1]
    rings[:, :, axis] = profile[:, 1:]
    return loft(rings, material)


def disc(radius_m: float, y_m: float, segments: int, material: Material) -> Part:
    """Flat disc at y, facing +y: a cover, open behind."""
    angle = np.arange(segments) * (2.0 * np.pi / segments) + np.pi / segments
    rim = np.stack([radius_m * np.cos(angle), np.full(segments, y_m), radius_m * np.sin(angle)], 1)
    j = np.arange(segments)
    faces = np.stack([np.full(segments, segments), (j + 1) % segments, j], 1)
    return Part.of(np.concatenate([rim, [[0.0, y_m, 0.0]]]), faces, material)


def ellipsoid(centre_m: npt.ArrayLike, radii_m: npt.ArrayLike, material: Material, segments: int = 12) -> Part:
    """Ellipsoid with ``segments`` around and half as many from pole to pole."""
    steps = max(segments // 2, 4)
    theta = np.linspace(0.0, np.pi, steps + 1)[1:-1]
    wide = np.pi / (segments * np.sin(np.pi / segments))  # as wide on average as the round body
    part = lathe(np.stack([wide * np.sin(theta), -np.cos(theta)], 1), segments, material)
    points = part.points_m.copy()
    points[-2:] = [[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]
    return replace(part, points_m=points * np.asarray(radii_m, np.float64) + np.asarray(centre_m, np.float64))


def box(low_m: npt.ArrayLike, high_m: npt.ArrayLike, material: Material, bevel_m: float = 0.0) -> Part:
    """Axis-aligned box; ``bevel_m`` cuts the edges along x at 45 degrees. Charts follow the faces."""
    (x0, y0, z0), (x1, y1, z1) = np.asarray(low_m, float), np.asarray(high_m, float)
    b = bevel_m
    if b > 0.0:
        ring = [
            (y0 + b, z0), (y1 - b, z0), (y1, z0 + b), (y1, z1 - b),
            (y1 - b, z1), (y0 + b, z1), (y0, z1 - b), (y0, z0 + b),
        ]  # fmt: skip
    else:
        ring = [(y0, z0), (y1, z0), (y1, z1), (y0, z1)]
    yz = np.array(ring)
    rings = np.stack([np.column_stack([np.full(len(yz), x), yz]) for x in (x0, x1)])
    return by_normal(loft(rings, material))


def by_normal(part: Part) -> Part:
    """Charts chosen by the direction each face looks in: for box-like parts whose faces look along the axes."""
    p, f = part.points_m, part.faces
    n = cross(p[f[:, 1]] - p[f[:, 0]], p[f[:, 2]] - p[f[:, 0]])
    axis = np.abs(n).argmax(axis=1)
    chart = np.where(axis == 1, SIDE, np.where(axis == 2, TOP, np.where(n[:, 0] > 0, FRONT, REAR)))
    return replace(part, chart=chart.astype(np.uint8))


def tube(path_m: npt.ArrayLike, radii_m: npt.ArrayLike, segments: int, material: Material) -> Part:
    """Swept tube through ``path_m`` (n, 3); ``radii_m`` scalar, (n,) or (n, 2): side (y) and other half-width.

    The cross-sections stay perpendicular to the path; the first half-width starts out along y (along x for a
    path that itself starts along y) and is carried on without twist, so limbs keep flat fronts.
    """
    path = np.asarray(path_m, np.float64)
    radii = np.asarray(radii_m, np.float64)
    radii = np.broadcast_to(radii[:, None] if radii.ndim == 1 else radii, (len(path), 2))
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.empty_like(path)
    along_y = abs(float(tangent[0, 1])) > 0.97
    last = np.array([1.0, 0.0, 0.0]) if along_y else np.array([0.0, 1.0, 0.0])
    for k, t in enumerate(tangent):  # carried from ring to ring, so that the tube does not twist
        last = last - t * float(t @ last)
        last = last / np.linalg.norm(last)
        side[k] = last
    other = cross(tangent, side)
    angle = (np.arange(segments) + 0.5) * (2.0 * np.pi / segments)
    radii = radii * (np.pi / (segments * np.sin(np.pi / segments)))  # as wide on average as the round tube
    rings = (
        path[:, None, :]
        + np.cos(angle)[None, :, None] * radii[:, None, :1] * side[:, None, :]
        + np.sin(angle)[None, :, None] * radii[:, None, 1:] * other[:, None, :]
    )
    return loft(rings, material)
