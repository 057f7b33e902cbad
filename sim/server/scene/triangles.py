"""Collects triangles while a scene is built: flat arrays in, one ``Mesh`` out, and the few solids it is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Material, Mesh
from sim.server.scene.objects import NO_OWNER

Array = npt.NDArray[np.float64]

_BOX_SIDES = np.array(
    [
        # outward normal, across, up
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
        [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
        [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
        [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
        [[0, 0, -1], [1, 0, 0], [0, -1, 0]],
    ],
    np.float64,
)


class Triangles:
    """A growing mesh. ``add`` takes whole batches; nothing is copied until ``mesh``."""

    def __init__(self) -> None:
        self._parts: list[tuple[Any, ...]] = []
        self._owners: list[npt.NDArray[np.int32]] = []
        self._vertices = 0

    def add(
        self,
        vertices_m: npt.ArrayLike,
        normals: npt.ArrayLike,
        uvw: npt.ArrayLike,
        faces: npt.ArrayLike,
        material: Material,
        param: npt.ArrayLike = 0,
        owner: npt.ArrayLike = NO_OWNER,
    ) -> None:
        """Append vertices (n, 3), normals and uvw (n, 3) or (3,), faces (m, 3), param and owner () or (m,)."""
        vertex = np.asarray(vertices_m, np.float32).reshape(-1, 3)
        face = np.asarray(faces, np.int64).reshape(-1, 3)
        if len(face) == 0:
            return
        self._parts.append(
            (
                vertex,
                _rows(normals, vertex.shape),
                _rows(uvw, vertex.shape),
                (face + self._vertices).astype(np.uint32),
                np.full(len(face), int(material), np.uint8),
                _each(param, len(face)),
            )
        )
        self._owners.append(_each(owner, len(face)))
        self._vertices += len(vertex)

    def add_quads(
        self,
        corners_m: npt.ArrayLike,
        normals: npt.ArrayLike,
        uvw: npt.ArrayLike,
        material: Material,
        param: Any = 0,
        owner: Any = NO_OWNER,
    ) -> None:
        """Append quads: corners (q, 4, 3) in order around, normals (q, 3), uvw (q, 4, 3) or (3,), param and
        owner () or (q,)."""
        corner = np.asarray(corners_m, np.float32).reshape(-1, 4, 3)
        count = len(corner)
        normal = np.repeat(np.broadcast_to(np.asarray(normals, np.float32), (count, 3)), 4, axis=0)
        coordinate = np.asarray(uvw, np.float32)
        if coordinate.ndim > 1:
            coordinate = np.broadcast_to(coordinate, (count, 4, 3)).reshape(-1, 3)
        params, owners = (np.repeat(_each(number, count), 2) for number in (param, owner))
        self.add(corner.reshape(-1, 3), normal, coordinate, quad_faces(count), material, params, owners)

    def add_boxes(
        self,
        centres_m: npt.ArrayLike,
        half_m: npt.ArrayLike,
        yaw_rad: npt.ArrayLike,
        material: Material,
        param: Any = 0,
        owner: Any = NO_OWNER,
    ) -> None:
        """Append upright boxes: centres, half sizes (b, 3), yaw (b,), param, owner () or (b,); uvw in metres."""
        centre = np.asarray(centres_m, np.float64).reshape(-1, 3)
        half = np.broadcast_to(np.asarray(half_m, np.float64), centre.shape)
        count = len(centre)
        turn = yaw_matrices(np.broadcast_to(np.asarray(yaw_rad, np.float64), count))  # (b, 3, 3)
        normal, across, up = _BOX_SIDES[:, 0], _BOX_SIDES[:, 1], _BOX_SIDES[:, 2]  # (6, 3)
        signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
        unit = normal[:, None] + signs[None, :, :1] * across[:, None] + signs[None, :, 1:] * up[:, None]  # (6, 4, 3)
        corner = np.einsum("bij,bskj->bski", turn, unit[None] * half[:, None, None]) + centre[:, None, None]
        size_across = 2.0 * half @ np.abs(across).T  # (b, 6)
        size_up = 2.0 * half @ np.abs(up).T
        uvw = np.zeros((count, 6, 4, 3))
        uvw[..., 0] = size_across[..., None] * (signs[:, 0] > 0)
        uvw[..., 1] = size_up[..., None] * (signs[:, 1] > 0)
        normals = np.einsum("bij,sj->bsi", turn, normal).reshape(-1, 3)
        params, owners = (np.repeat(_each(number, count), 6) for number in (param, owner))
        self.add_quads(corner.reshape(-1, 4, 3), normals, uvw.reshape(-1, 4, 3), material, params, owners)

    def add_cylinders(
        self,
        foot_m: npt.ArrayLike,
        top_m: npt.ArrayLike,
        radius_m: Any,
        material: Material,
        sides: int = 8,
        param: Any = 0,
        owner: Any = NO_OWNER,
    ) -> None:
        """Append open cones from foot to top (c, 3); radius () or (c, 2) at foot and top; param, owner () or (c,).

        uvw = (around, along, 0) m.
        """
        foot = np.asarray(foot_m, np.float64).reshape(-1, 3)
        top = np.asarray(top_m, np.float64).reshape(-1, 3)
        count = len(foot)
        if count == 0:
            return
        radius = np.broadcast_to(np.asarray(radius_m, np.float64), (count, 2))
        along = top - foot
        length = np.linalg.norm(along, axis=1)
        along /= length[:, None]
        helper = np.where(np.abs(along[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
        a = np.cross(along, helper)
        a /= np.linalg.norm(a, axis=1, keepdims=True)
        b = np.cross(along, a)
        angle = np.arange(sides) * (2.0 * np.pi / sides)
        around = np.cos(angle)[None, :, None] * a[:, None] + np.sin(angle)[None, :, None] * b[:, None]  # (c, sides, 3)
        vertex = np.stack(
            [foot[:, None] + around * radius[:, :1, None], top[:, None] + around * radius[:, 1:, None]], axis=1
        )
        uvw = np.zeros((count, 2, sides, 3))
        uvw[..., 0] = angle * radius.mean(axis=1)[:, None, None]
        uvw[:, 1, :, 1] = length[:, None]
        i = np.arange(sides)
        j = (i + 1) % sides
        ring = np.concatenate([np.stack([i, j, j + sides], 1), np.stack([i, j + sides, i + sides], 1)])
        face = (ring[None] + (np.arange(count) * 2 * sides)[:, None, None]).reshape(-1, 3)
        normal = np.repeat(around[:, None], 2, axis=1).reshape(-1, 3)
        params, owners = (np.repeat(_each(number, count), len(ring)) for number in (param, owner))
        self.add(vertex.reshape(-1, 3), normal, uvw.reshape(-1, 3), face, material, params, owners)

    def add_ribbons(
        self,
        left_m: Array,
        right_m: Array,
        uvw: Array,
        ribbon: Any,
        material: Material,
        param: Any,
        owner: Any = NO_OWNER,
    ) -> None:
        """Append ribbons between polylines, stored one after another.

        left_m, right_m (n, 3), uvw (n, 2, 3) at left and right, ribbon (n,) number of the ribbon of each sample,
        param, owner () or (number of ribbons,). Normals are the ribbons' own, pointing up.
        """
        if len(left_m) == 0:
            return
        number = np.asarray(ribbon, np.int64)
        same = number[1:] == number[:-1]
        centre = (left_m + right_m) / 2.0
        ahead, behind = np.arange(len(number)), np.arange(len(number))
        ahead[:-1] += same
        behind[1:] -= same
        along, across = centre[ahead] - centre[behind], right_m - left_m
        normal = np.stack(
            [
                along[:, 1] * across[:, 2] - along[:, 2] * across[:, 1],
                along[:, 2] * across[:, 0] - along[:, 0] * across[:, 2],
                along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0],
            ],
            axis=1,
        )
        normal *= np.where(normal[:, 2:] < 0.0, -1.0, 1.0)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        normal[normal[:, 2] < 0.1] = (0.0, 0.0, 1.0)  # a ribbon pinched to nothing has no normal of its own
        piece = np.flatnonzero(same)
        first = 2 * piece
        face = np.stack([first, first + 1, first + 3, first, first + 3, first + 2], axis=1).reshape(-1, 3)
        params, owners = (np.repeat(_each(of, number[-1] + 1)[number[piece]], 2) for of in (param, owner))
        vertex = np.stack([left_m, right_m], axis=1).reshape(-1, 3)
        self.add(vertex, np.repeat(normal, 2, axis=0), uvw.reshape(-1, 3), face, material, params, owners)

    def mesh(self) -> Mesh:
        """All that was added, in order."""
        if not self._parts:
            return Mesh.empty()
        columns = zip(*self._parts, strict=True)
        return Mesh(*(np.ascontiguousarray(np.concatenate(column)) for column in columns))

    def owners(self) -> npt.NDArray[np.int32]:
        """Owner (m,) of each face of ``mesh``."""
        return np.concatenate([np.zeros(0, np.int32), *self._owners])


def _each(number: npt.ArrayLike, count: int) -> npt.NDArray[np.int32]:
    """One number for all, or one for each (count,): broadcast_to would take ten times as long."""
    given = np.asarray(number, np.int32)
    return np.full(count, given) if given.ndim == 0 else given


def _rows(values: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    given = np.asarray(values, np.float32)
    return given if given.shape == shape else np.broadcast_to(given, shape)


def quad_faces(count: int) -> npt.NDArray[np.int64]:
    """Faces (2 * count, 3) of quads whose corners are stored four after four."""
    first = 4 * np.arange(count)[:, None, None]
    return (first + np.array([[0, 1, 2], [0, 2, 3]])[None]).reshape(-1, 3)


def yaw_matrices(yaw_rad: npt.ArrayLike) -> Array:
    """World-from-body rotations (n, 3, 3) about the vertical."""
    yaw = np.asarray(yaw_rad, np.float64).reshape(-1)
    out = np.zeros((len(yaw), 3, 3))
    out[:, 0, 0] = out[:, 1, 1] = np.cos(yaw)
    out[:, 1, 0] = np.sin(yaw)
    out[:, 0, 1] = -out[:, 1, 0]
    out[:, 2, 2] = 1.0
    return out
