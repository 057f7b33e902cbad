"""The triangles that fans draw: the static mesh in chunks, and the models of moving bodies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Mesh
from sim.server.scene.models import LODS, ModelLibrary
from sim.server.scene.variants import Variant
from sim.server.sensors import fan_kernels as kernels
from sim.server.sensors.hits import Bodies

Array = npt.NDArray[np.float64]

CHUNK_M = 12.0
STATIC = -1
LOD_FROM_M = (0.0, 10.0, 28.0)
"""Distance from which a body is drawn coarser. Of the points on bodies of a street 99 in 100 move by less than 4 cm,
nineteen in twenty by less than 1 cm; columns of a 1024-column LiDAR are 6 cm apart at 10 m, 17 cm at 28 m."""


@dataclass(frozen=True)
class Chunks:
    """A static mesh cut into cubes: vertices (v, 3), faces (f, 3) into them, spans (c, 4) of each chunk's vertices
    and faces, tag, material and param (f,) of the faces, bounding spheres centre_m (c, 3) and radius_m (c,)."""

    vertices_m: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    tag: npt.NDArray[np.uint8]
    material: npt.NDArray[np.uint8]
    param: npt.NDArray[np.int32]
    spans: npt.NDArray[np.int64]
    centre_m: Array
    radius_m: Array
    owner: npt.NDArray[np.int32]  # (c,) STATIC
    closed: npt.NDArray[np.bool_]  # (c,) no: both sides of a face are seen
    largest: tuple[int, int]  # the most vertices and the most faces of a chunk

    @staticmethod
    def of(mesh: Mesh, chosen: npt.NDArray[np.int64], tag: npt.NDArray[np.uint8]) -> Chunks:
        """Chunks of the chosen faces (f,) of a mesh whose faces have these semantic tags."""
        if not len(chosen):
            return Chunks(
                np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), tag[:0], mesh.material[:0], mesh.param[:0],
                np.zeros((0, 4), np.int64), np.zeros((0, 3)), np.zeros(0), np.zeros(0, np.int32),
                np.zeros(0, np.bool_), (0, 0),
            )  # fmt: skip
        corners = mesh.faces[chosen].astype(np.int64)
        middle = mesh.vertices_m[corners].mean(axis=1)
        cell = np.floor((middle - middle.min(axis=0)) / CHUNK_M).astype(np.int64)
        wide = cell.max(axis=0) + 1
        _, chunk = np.unique((cell[:, 0] * wide[1] + cell[:, 1]) * wide[2] + cell[:, 2], return_inverse=True)
        order = np.argsort(chunk, kind="stable")
        chunk, corners = chunk[order], corners[order]
        total = len(mesh.vertices_m)
        used, index = np.unique(chunk[:, None] * total + corners, return_inverse=True)
        count = int(chunk[-1]) + 1
        vertex_ends = np.searchsorted(used // total, np.arange(count + 1))
        face_ends = np.searchsorted(chunk, np.arange(count + 1))
        vertices = mesh.vertices_m[used % total]
        low = np.minimum.reduceat(vertices, vertex_ends[:-1]).astype(np.float64)
        high = np.maximum.reduceat(vertices, vertex_ends[:-1]).astype(np.float64)
        spans = np.stack([vertex_ends[:-1], vertex_ends[1:], face_ends[:-1], face_ends[1:]], axis=1)
        return Chunks(
            np.ascontiguousarray(vertices),
            index.reshape(-1, 3).astype(np.int32),
            tag[chosen[order]],
            mesh.material[chosen[order]],
            mesh.param[chosen[order]],
            spans,
            0.5 * (low + high),
            0.5 * np.linalg.norm(high - low, axis=1) + 1e-3,
            np.full(count, STATIC, np.int32),
            np.zeros(count, np.bool_),
            largest(spans),
        )


class BodyShapes:
    """Triangles of all models at all levels of detail, wound outward, with absolute vertex indices."""

    def __init__(self, library: ModelLibrary) -> None:
        self.vertices_m = np.ascontiguousarray(library.vertices_m, np.float32)
        self.faces = library.faces.astype(np.int32)
        ranges = library.ranges
        for v0, _, f0, count in ranges.reshape(-1, 4).tolist():
            self.faces[f0 : f0 + count] = library.faces[f0 : f0 + count] + v0
        a, b, c = (self.vertices_m[self.faces[:, k]] for k in range(3))
        inward = np.einsum("fi,fi->f", np.cross(b - a, c - a), library.normals[self.faces].sum(axis=1)) < 0.0
        self.faces[inward] = self.faces[inward][:, ::-1]
        self.spans = np.stack(
            [ranges[..., 0], ranges[..., 0] + ranges[..., 1], ranges[..., 2], ranges[..., 2] + ranges[..., 3]], axis=-1
        )  # (models, levels, 4)
        self.largest = largest(self.spans)
        self.level_from_m = np.array(LOD_FROM_M[:LODS])
        self.material = np.ascontiguousarray(library.material)
        self.rider = np.ascontiguousarray(library.rider)


@dataclass(frozen=True)
class Draws:
    """One mesh to draw: chunks or bodies with bounding spheres in the world, frames in the sensor's."""

    vertices_m: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    spans: npt.NDArray[np.int64]
    matrix: Array  # (n, 3, 3), or (1, 3, 3) for all
    shift_m: Array  # (n, 3) or (1, 3)
    owner: npt.NDArray[np.int32]
    centre_m: Array
    radius_m: Array
    closed: npt.NDArray[np.bool_]  # (n,) seen from outside: faces that look away are hidden by others
    largest: tuple[int, int]  # at least the vertices and faces of every span


def largest(spans: npt.NDArray[np.int64]) -> tuple[int, int]:
    """The most vertices and the most faces that any of some spans (..., 4) has."""
    return tuple(int((spans[..., k + 1] - spans[..., k]).max(initial=0)) for k in (0, 2))  # type: ignore[return-value]


def static_draws(chunks: Chunks, position_m: Array, sensor_from_world: Array) -> Draws:
    """The static mesh."""
    return Draws(
        chunks.vertices_m, chunks.faces, chunks.spans, sensor_from_world[None], -(sensor_from_world @ position_m)[None],
        chunks.owner, chunks.centre_m, chunks.radius_m, chunks.closed, chunks.largest,
    )  # fmt: skip


def body_draws(shapes: BodyShapes, bodies: Bodies, position_m: Array, sensor_from_world: Array) -> list[Draws]:
    """Moving bodies, each at the level of detail that its distance asks for; those with their own shape apart."""
    n = len(bodies.actor_id)
    matrix, shift, spans, far = np.empty((n, 3, 3)), np.empty((n, 3)), np.empty((n, 4), np.int64), np.empty(n, np.bool_)
    kernels.place_bodies(
        bodies.world_from_local, bodies.position_m, bodies.centre_m, bodies.radius_m, bodies.model, position_m,
        sensor_from_world, shapes.spans, shapes.level_from_m, matrix, shift, spans, far,
    )  # fmt: skip
    owner = np.arange(n, dtype=np.int32)
    own = {int(np.searchsorted(bodies.actor_id, actor)): variant for actor, variant in bodies.own}
    radius = bodies.radius_m
    if own:
        radius = radius.copy()
        radius[list(own)] = -1e9  # never reached: drawn below
    mesh = (shapes.vertices_m, shapes.faces, spans)
    draws = [Draws(*mesh, matrix, shift, owner, bodies.centre_m, radius, far, shapes.largest)]
    for row, variant in own.items():
        draws.append(_own_draw(variant, row, matrix, shift, bodies))
    return draws


def _own_draw(variant: Variant, row: int, matrix: Array, shift: Array, bodies: Bodies) -> Draws:
    level = variant.level(0)
    one = slice(row, row + 1)
    span = np.array([[0, len(level.vertices_m), 0, len(level.faces)]], np.int64)
    return Draws(
        np.ascontiguousarray(level.vertices_m, np.float32), level.faces.astype(np.int32), span, matrix[one],
        shift[one], np.array([row], np.int32), bodies.centre_m[one], bodies.radius_m[one],
        np.zeros(1, np.bool_), largest(span),
    )  # fmt: skip
