"""The things of a map one by one: what each is called, where it stands, how large it is, which triangles are its own.

Builders open an object for everything they place (``ObjectBook.add``) and mark its triangles with the number they
get; boxes are measured afterwards from those triangles, so that they are tight by construction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.server.scene.mesh import Mesh, Tag

Array = npt.NDArray[np.float64]

NO_OWNER = -1
"""Owner of a triangle that belongs to no object."""


class Layer(IntFlag):
    """CARLA 0.9.16 ``MapLayer``. Roads, sidewalks, signals and signs belong to none and always stay."""

    NONE = 0
    BUILDINGS = 0x1
    DECALS = 0x2
    FOLIAGE = 0x4
    GROUND = 0x8
    PARKED_VEHICLES = 0x10
    PARTICLES = 0x20
    PROPS = 0x40
    STREET_LIGHTS = 0x80
    WALLS = 0x100
    ALL = 0xFFFF


class LightGroup(IntEnum):
    """CARLA 0.9.16 ``LightGroup``; 0 asks for all."""

    NONE = 0
    VEHICLE = 1
    STREET = 2
    BUILDING = 3
    OTHER = 4


@dataclass(frozen=True)
class Objects:
    """Everything that stands or lies on a map, in columns (n,).

    name: CARLA-like, unique; object_id: 64 bits, a function of the map's text and the object's name and place;
    tag: ``mesh.Tag`` that its box is listed under; layer: ``Layer`` or 0; position_m (n, 3) and yaw_rad: its own
    frame; centre_m, half_m (n, 3): its box, which lies along that frame, world; face_owner (f,): object of each
    triangle of the scene's mesh, or ``NO_OWNER``.
    """

    name: tuple[str, ...]
    object_id: npt.NDArray[np.uint64]
    tag: npt.NDArray[np.uint8]
    layer: npt.NDArray[np.int64]
    position_m: Array
    yaw_rad: Array
    centre_m: Array
    half_m: Array
    face_owner: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True)
class Lights:
    """Lights of the map in columns (k,): where (k, 3), ``LightGroup``, object that carries it.

    Street lamps come first, in the order of ``StaticScene.lamps_m``.
    """

    position_m: Array
    group: npt.NDArray[np.uint8]
    owner: npt.NDArray[np.int32]


def no_objects() -> Objects:
    """A map without things."""
    none3 = np.zeros((0, 3))
    return Objects(
        (),
        np.zeros(0, np.uint64),
        np.zeros(0, np.uint8),
        np.zeros(0, np.int64),
        none3,
        np.zeros(0),
        none3,
        none3,
        np.zeros(0, np.int32),
    )


def no_lights() -> Lights:
    """A map without lights."""
    return Lights(np.zeros((0, 3)), np.zeros(0, np.uint8), np.zeros(0, np.int32))


class ObjectBook:
    """Collects the objects of a map while it is built."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._parts: list[tuple[Any, ...]] = []
        self._enclosed: list[tuple[int, Array, Array, int]] = []

    def __len__(self) -> int:
        return len(self._names)

    def add(
        self,
        names: Sequence[str],
        tag: Tag,
        layer: Layer,
        position_m: npt.ArrayLike,
        yaw_rad: npt.ArrayLike = 0.0,
    ) -> npt.NDArray[np.int32]:
        """Open objects of one kind: position_m (n, 3), yaw_rad () or (n,). Returns their numbers (n,)."""
        count, first = len(names), len(self._names)
        self._names.extend(names)
        position = np.asarray(position_m, np.float64).reshape(count, 3)
        yaw = np.broadcast_to(np.asarray(yaw_rad, np.float64), count)
        self._parts.append((np.full(count, int(tag)), np.full(count, int(layer)), position, yaw))
        return np.arange(first, first + count, dtype=np.int32)

    def enclose(self, number: int, centre_m: Array, half_m: Array, label: int) -> None:
        """The box of an object without triangles: centre (3,), world, and half sizes (3,) along its frame.

        label: what instance pictures call it; its lower 16 bits become those of the object's id.
        """
        self._enclosed.append((number, centre_m, half_m, label))

    def number(self, stem: str, count: int, ending: str = "_SM_0") -> list[str]:
        """``count`` names of one kind: BP_Tree_0_SM_0, BP_Tree_1_SM_0, ..."""
        return [f"{stem}_{k}{ending}" for k in range(count)]

    def objects(self, digest: bytes, mesh: Mesh, face_owner: npt.NDArray[np.int32]) -> Objects:
        """The table; an object without a triangle has an empty box. digest (32 bytes): of the map's text."""
        if not self._names:
            return no_objects()
        tag, layer, position, yaw = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        centre, half = _boxes(mesh, face_owner, position, yaw)
        place = np.round(position * 100.0).astype(np.int64).tolist()
        ids = [_hash64(digest, name, at) for name, at in zip(self._names, place, strict=True)]
        for k, centre_m, half_m, label in self._enclosed:
            centre[k], half[k] = centre_m, half_m
            ids[k] = ids[k] & ~0xFFFF | label & 0xFFFF
        return Objects(
            tuple(self._names),
            np.array(ids, np.uint64),
            tag.astype(np.uint8),
            layer.astype(np.int64),
            position,
            yaw,
            centre,
            half,
            face_owner,
        )


def _hash64(digest: bytes, name: str, place_cm: Sequence[int]) -> int:
    text = f"{name} {place_cm[0]} {place_cm[1]} {place_cm[2]}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=digest).digest(), "little")


def _boxes(mesh: Mesh, owner: npt.NDArray[np.int32], position: Array, yaw: Array) -> tuple[Array, Array]:
    """Centre and half sizes (n, 3) of the smallest boxes, turned by ``yaw``, round the triangles of each object."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    low, high = np.full_like(position, np.inf), np.full_like(position, -np.inf)
    _measure(mesh.vertices_m, mesh.faces, owner, position, cos, sin, low, high)
    empty = low[:, 0] > high[:, 0]
    low[empty] = high[empty] = 0.0
    middle = (low + high) / 2.0
    level = np.stack([cos * middle[:, 0] - sin * middle[:, 1], sin * middle[:, 0] + cos * middle[:, 1]], axis=1)
    return position + np.column_stack([level, middle[:, 2]]), (high - low) / 2.0


@njit(cache=True, nogil=True)
def _measure(vertices: Any, faces: Any, owner: Any, position: Any, cos: Any, sin: Any, low: Any, high: Any) -> None:
    """Lowest and highest coordinates of each object's corners in its own frame."""
    for f in range(len(faces)):
        k = owner[f]
        if k < 0:
            continue
        for corner in range(3):
            v = faces[f, corner]
            x, y, z = vertices[v, 0] - position[k, 0], vertices[v, 1] - position[k, 1], vertices[v, 2] - position[k, 2]
            u, w = cos[k] * x + sin[k] * y, cos[k] * y - sin[k] * x
            low[k, 0], low[k, 1], low[k, 2] = min(low[k, 0], u), min(low[k, 1], w), min(low[k, 2], z)
            high[k, 0], high[k, 1], high[k, 2] = max(high[k, 0], u), max(high[k, 1], w), max(high[k, 2], z)
