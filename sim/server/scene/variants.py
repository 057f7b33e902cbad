"""Bodies that differ from their model: figures in a pose of their own, vehicles with open doors or turned wheels.

A model's triangles are shared by all actors that look like it. An actor that a client bends gets triangles of its own
instead, made when somebody first looks and kept until it is bent again. All in the model's frame and size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sim.server.scene.models import ModelLibrary

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """One level of detail, as in ``ModelLibrary``: vertices (v, 3), normals, uv (v, 2); the rest (f, ...) of faces,
    wound so that (b - a) x (c - a) points outward."""

    vertices_m: npt.NDArray[np.float32]
    normals: npt.NDArray[np.float32]
    uv: npt.NDArray[np.float32]
    faces: npt.NDArray[np.uint32]
    material: npt.NDArray[np.uint8]
    chart: npt.NDArray[np.uint8]
    wheel: npt.NDArray[np.uint8]
    rider: npt.NDArray[np.bool_]

    def faces_of(self, chosen: npt.NDArray[np.bool_]) -> Level:
        """Only some of the faces (f,), with the vertices that they use."""
        used, faces = np.unique(self.faces[chosen], return_inverse=True)
        return Level(
            vertices_m=self.vertices_m[used],
            normals=self.normals[used],
            uv=self.uv[used],
            faces=faces.reshape(-1, 3).astype(np.uint32),
            material=self.material[chosen],
            chart=self.chart[chosen],
            wheel=self.wheel[chosen],
            rider=self.rider[chosen],
        )

    def moved(self, rotation: Array, pivot_m: Array) -> Level:
        """All vertices turned about a point."""
        vertices = (self.vertices_m - pivot_m) @ rotation.T + pivot_m
        return replace(
            self, vertices_m=vertices.astype(np.float32), normals=(self.normals @ rotation.T).astype(np.float32)
        )

    @staticmethod
    def join(parts: list[Level]) -> Level:
        """One level of several."""
        first = np.cumsum([0] + [len(part.vertices_m) for part in parts[:-1]])
        faces = np.concatenate([part.faces + np.uint32(k) for part, k in zip(parts, first.tolist(), strict=True)])
        names = ("vertices_m", "normals", "uv", "material", "chart", "wheel", "rider")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return Level(faces=faces.astype(np.uint32), **columns)


def library_level(library: ModelLibrary, model: int, lod: int) -> Level:
    """The triangles of a model."""
    v0, count, f0, f_count = (int(k) for k in library.ranges[model, lod])
    vertex, face = slice(v0, v0 + count), slice(f0, f0 + f_count)
    level = Level(
        library.vertices_m[vertex],
        library.normals[vertex],
        library.uv[vertex],
        library.faces[face],
        library.material[face],
        library.chart[face],
        library.wheel[face],
        library.rider[face],
    )
    a, b, c = (level.vertices_m[level.faces[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), level.normals[level.faces].sum(axis=1)) < 0.0
    return replace(level, faces=np.where(inward[:, None], level.faces[:, ::-1], level.faces))


class Variant(ABC):
    """The triangles of one actor. Each level is made when first asked for; equal only to itself."""

    def __init__(self) -> None:
        self._levels: dict[int, Level] = {}

    def level(self, lod: int) -> Level:
        """Triangles at a level of detail."""
        if lod not in self._levels:
            self._levels[lod] = self._make(lod)
        return self._levels[lod]

    @abstractmethod
    def _make(self, lod: int) -> Level: ...
