"""Trees, bushes and hedges: crowns of pointed leaves, pairs in random order, so that a prefix is a thinner crown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.static import Box
from sim.server.scene.triangles import Triangles, yaw_matrices

Array = npt.NDArray[np.float64]

NEAR_LEAVES = 2000
"""Leaf clusters of a roadside tree, a triangle each: closed from 10 m on."""
FAR_LEAVES = 1100
"""Leaf clusters of a tree in the fields, larger ones; coarser levels of detail still find a crown in them."""
HEDGE_LEAVES = 560
USUAL_LEAVES = 2000
"""A crown of so many has leaves of the sizes below; others have larger or smaller ones, of the same area in all."""
HEDGE_HALF_M = (2.1, 0.38, 0.55)
"""A piece of hedge covers one step between edge samples and a little of the next."""
TRUNK_SIDES = 7

_CROWNS = (
    # centre x y z and radius of the leaf balls of a crown of radius 1 with its foot at z = 0
    np.array(
        [
            [0, 0, 0.55, 0.6],
            [0.45, 0.1, 0.4, 0.45],
            [-0.4, 0.25, 0.4, 0.45],
            [0.05, -0.45, 0.4, 0.45],
            [0.1, 0.1, 1.0, 0.42],
            [-0.2, -0.2, 0.8, 0.42],
        ]
    ),
    np.array(
        [
            [0, 0, 0.5, 0.55],
            [0.15, 0.1, 1.0, 0.5],
            [-0.1, 0.0, 1.5, 0.42],
            [0.3, -0.25, 0.6, 0.4],
            [-0.3, 0.2, 0.7, 0.4],
        ]
    ),
    np.array([[0, 0, 0.3, 0.62], [0, 0, 0.75, 0.5], [0, 0, 1.2, 0.38], [0, 0, 1.6, 0.26], [0, 0, 1.95, 0.14]]),
    np.array(
        [
            [0.5, 0.1, 0.55, 0.5],
            [-0.45, -0.2, 0.5, 0.5],
            [0.0, 0.45, 0.6, 0.45],
            [0.05, -0.5, 0.62, 0.4],
            [-0.1, 0.0, 0.85, 0.45],
        ]
    ),
)
CROWN_KINDS = len(_CROWNS)
HEDGE = CROWN_KINDS
"""Kind of a piece of hedge: radius 1, no stem."""


@dataclass(frozen=True)
class Trees:
    """Trees in columns (n,): foot (n, 3), crown radius, crown foot above ground, kind of crown, near a road, seed."""

    foot_m: Array
    radius_m: Array
    stem_m: Array
    kind: npt.NDArray[np.int64]
    near: npt.NDArray[np.bool_]
    yaw_rad: Array
    seed: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Crown:
    vertices: Array  # (3 leaves, 3)
    normals: Array
    uvw: Array


def _crown(kind: int, leaves: int, rng: np.random.Generator) -> _Crown:
    """A crown of radius about 1: leaves on the shells of balls, shaded by how deep they sit."""
    if kind == HEDGE:
        return _hedge(rng)
    balls = _CROWNS[kind]
    share = balls[:, 3] ** 2
    ball = balls[rng.choice(len(balls), leaves, p=share / share.sum())]
    direction = rng.normal(size=(leaves, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    centre = ball[:, :3] + direction * (ball[:, 3] * rng.uniform(0.72, 1.05, leaves))[:, None]
    centre, direction = centre[2 * _pairs(leaves)], direction[2 * _pairs(leaves)]
    heart = balls[:, :3].mean(axis=0)
    outward = centre - heart
    depth = np.linalg.norm(outward, axis=1)
    normal = outward / depth[:, None] * 0.75 + direction * 0.25 + rng.normal(size=(leaves, 3)) * 0.3
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    corner = _leaves(centre, direction, rng.uniform(0.05, 0.10, leaves) * np.sqrt(USUAL_LEAVES / leaves), rng)
    height = np.clip(centre[:, 2] / np.max(balls[:, 2]), 0.0, 1.0)
    open_sky = (0.35 + 0.65 * np.clip(depth / np.quantile(depth, 0.9), 0.0, 1.0)) * (0.55 + 0.45 * height)
    uvw = np.zeros((leaves, 3, 3))
    uvw[..., 0] = open_sky[:, None]
    uvw[..., 1] = rng.uniform(0.0, 1.0, (leaves, 1))
    return _Crown(corner.reshape(-1, 3), np.repeat(normal, 3, axis=0), uvw.reshape(-1, 3))


def _pairs(count: int) -> npt.NDArray[np.int64]:
    """Number (count,) of the pair that each leaf belongs to: coarser levels of detail take pairs and let them grow."""
    return np.arange(count) // 2


def _leaves(centre: Array, direction: Array, size: Array, rng: np.random.Generator) -> Array:
    """Pointed triangles (n, 3, 3) by pairs round the centres (n, 3) of their first ones, looking roughly along
    ``direction`` (n, 3)."""
    count = len(centre)
    place = centre[2 * _pairs(count)] + rng.normal(size=(count, 3)) * (size * 0.6)[:, None]
    facing = direction[2 * _pairs(count)] + rng.normal(size=(count, 3)) * 0.6
    a = np.cross(facing, rng.normal(size=(count, 3)))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b = np.cross(facing / np.linalg.norm(facing, axis=1, keepdims=True), a)
    a, b = a * size[:, None], b * size[:, None]
    long, wide = rng.uniform(0.8, 1.3, (2, count, 1))
    back = place - a * 0.4 * long
    corners = (place + a * 0.95 * long, back + b * 0.55 * wide, back - b * 0.55 * wide)
    return np.stack(corners, axis=1)


def _hedge(rng: np.random.Generator) -> _Crown:
    """A trimmed hedge: leaves on the sides and the top of a box that stands on the ground."""
    half = np.array(HEDGE_HALF_M)
    point = rng.uniform(-1.0, 1.0, (HEDGE_LEAVES, 3))
    side = rng.choice(3, HEDGE_LEAVES, p=(0.08, 0.57, 0.35))
    sign = np.where(side == 2, 1.0, rng.choice([-1.0, 1.0], HEDGE_LEAVES))
    row = np.arange(HEDGE_LEAVES)
    point[row, side] = sign
    normal = np.zeros((HEDGE_LEAVES, 3))
    normal[row, side] = sign
    centre = point * half * rng.uniform(0.9, 1.0, (HEDGE_LEAVES, 1)) + [0.0, 0.0, half[2]]
    soft = normal + rng.normal(size=(HEDGE_LEAVES, 3)) * 0.3
    soft /= np.linalg.norm(soft, axis=1, keepdims=True)
    corner = _leaves(centre, normal, rng.uniform(0.08, 0.13, HEDGE_LEAVES), rng)
    uvw = np.zeros((HEDGE_LEAVES, 3, 3))
    uvw[..., 0] = (0.45 + 0.55 * centre[:, 2] / (2.0 * half[2]))[:, None]
    uvw[..., 1] = rng.uniform(0.0, 1.0, (HEDGE_LEAVES, 1))
    return _Crown(corner.reshape(-1, 3), np.repeat(soft, 3, axis=0), uvw.reshape(-1, 3))


def open_plants(book: ObjectBook, trees: Trees) -> npt.NDArray[np.int32]:
    """An object for each tree and each piece of hedge (n,)."""
    names = [f"BP_{'Hedge' if kind == HEDGE else 'Tree'}_{k}_SM_0" for k, kind in enumerate(trees.kind.tolist())]
    return book.add(names, Tag.VEGETATION, Layer.FOLIAGE, trees.foot_m, trees.yaw_rad)


def build_trees(
    trees: Trees, owners: npt.NDArray[np.int32], rng: np.random.Generator
) -> tuple[Triangles, Triangles, npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Trunks, crowns, the crowns' (first face, face count) (n, 2) and their spheres (n, 4).

    owners (n,): object of each tree.
    """
    trunks, crowns = Triangles(), Triangles()
    up = np.array([0.0, 0.0, 1.0])
    crown_foot = trees.foot_m + trees.stem_m[:, None] * up
    tree = trees.kind != HEDGE
    thick = 0.075 * trees.radius_m[tree]
    trunks.add_cylinders(
        trees.foot_m[tree] - 0.3 * up,
        crown_foot[tree] + 0.6 * trees.radius_m[tree, None] * up,
        np.stack([thick, 0.55 * thick], axis=1),
        Material.BARK,
        TRUNK_SIDES,
        trees.seed[tree],
        owners[tree],
    )
    ranges = np.zeros((len(trees.seed), 2), np.int64)
    spheres = np.zeros((len(trees.seed), 4), np.float32)
    first = 0
    for near in (True, False):
        for kind in range(CROWN_KINDS + 1):
            leaves = HEDGE_LEAVES if kind == HEDGE else NEAR_LEAVES if near else FAR_LEAVES
            shape = _crown(kind, leaves, rng)
            chosen = np.flatnonzero((trees.near == near) & (trees.kind == kind))
            if len(chosen) == 0:
                continue
            turn = yaw_matrices(trees.yaw_rad[chosen]).astype(np.float32)
            scaled = shape.vertices.astype(np.float32)[None] * trees.radius_m[chosen].astype(np.float32)[:, None, None]
            vertex = scaled @ turn.transpose(0, 2, 1) + crown_foot[chosen].astype(np.float32)[:, None]
            normal = shape.normals.astype(np.float32)[None] @ turn.transpose(0, 2, 1)
            crowns.add(
                vertex.reshape(-1, 3),
                normal.reshape(-1, 3),
                np.tile(shape.uvw.astype(np.float32), (len(chosen), 1)),
                np.arange(3 * leaves * len(chosen)).reshape(-1, 3),
                Material.LEAF,
                np.repeat(trees.seed[chosen], leaves),
                np.repeat(owners[chosen], leaves),
            )
            ranges[chosen, 0] = first + leaves * np.arange(len(chosen))
            ranges[chosen, 1] = leaves
            first += leaves * len(chosen)
            middle = (vertex.min(axis=1) + vertex.max(axis=1)) / 2.0
            spheres[chosen, :3] = middle
            spheres[chosen, 3] = np.linalg.norm(vertex - middle[:, None], axis=2).max(axis=1)
    order = np.argsort(ranges[:, 0], kind="stable")
    return trunks, crowns, ranges[order], spheres[order]


def trunk_boxes(trees: Trees, owners: npt.NDArray[np.int32]) -> list[Box]:
    """Obstacles: the stems, and hedges whole."""
    out: list[Box] = []
    columns = (trees.foot_m, trees.radius_m, trees.stem_m, trees.kind, trees.yaw_rad, owners)
    for (x, y, z), radius, stem, kind, yaw, owner in zip(*(column.tolist() for column in columns), strict=True):
        if kind == HEDGE:
            out.append(Box((x, y, z + HEDGE_HALF_M[2]), HEDGE_HALF_M, yaw, int(Tag.VEGETATION), owner))
        else:
            half = 0.07 * radius
            out.append(Box((x, y, z + stem / 2.0), (half, half, stem / 2.0), 0.0, int(Tag.VEGETATION), owner))
    return out
