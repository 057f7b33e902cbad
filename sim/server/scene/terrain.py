"""The land between the roads: a height field that rises and falls with them and never pokes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sim.server.scene.lanes import Lane
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

CELL_M = 5.0
MARGIN_M = 150.0
"""Land around the outermost lane; beyond it a flat apron reaches to the horizon."""
APRON_M = 1500.0
BELOW_ROAD_M = 0.12
"""Terrain stays this far below the lowest lane near by."""
EDGE_M = 0.3
"""Lanes reach so far under others, beyond their own edges and ends."""
NEIGHBOURS = 6
SMOOTH_M = 3.0
"""Softens inverse-distance weights: roads nearer than this to each other share the land's height."""


@dataclass(frozen=True)
class Terrain:
    """heights_m (rows, columns) at origin_m + cell_m * (column, row)."""

    heights_m: Array
    origin_m: tuple[float, float]
    cell_m: float


def shape_terrain(lanes: Sequence[Lane]) -> Terrain:
    """Heights by inverse distance to the lanes, pressed under every lane that touches a post's four cells."""
    points = _dense_points(lanes)
    low = points[:, :2].min(axis=0) - MARGIN_M
    columns, rows = np.ceil((points[:, :2].max(axis=0) + MARGIN_M - low) / CELL_M).astype(int) + 1
    x, y = np.meshgrid(low[0] + CELL_M * np.arange(columns), low[1] + CELL_M * np.arange(rows))
    sparse = points[::5]
    distance, index = cKDTree(sparse[:, :2]).query(np.stack([x.ravel(), y.ravel()], axis=1), k=NEIGHBOURS)
    weight = 1.0 / (distance + SMOOTH_M) ** 2
    heights = ((sparse[index, 2] * weight).sum(axis=1) / weight.sum(axis=1)).reshape(rows, columns)
    far = np.clip((distance[:, 0].reshape(rows, columns) - 2.0 * CELL_M) / 30.0, 0.0, 1.0)
    heights = heights * (1.0 - far) + cv2.GaussianBlur(heights, (0, 0), 4.0) * far
    lowest = np.full((rows, columns), np.inf)  # lane in the cell that begins at each post
    for beyond in ((0.0, 0.0), (EDGE_M, EDGE_M), (EDGE_M, -EDGE_M), (-EDGE_M, EDGE_M), (-EDGE_M, -EDGE_M)):
        cell = np.floor((points[:, :2] + beyond - low) / CELL_M).astype(int)
        np.minimum.at(lowest.ravel(), cell[:, 1] * columns + cell[:, 0], points[:, 2])
    ceiling = lowest.copy()
    ceiling[1:] = np.minimum(ceiling[1:], lowest[:-1])
    ceiling[:, 1:] = np.minimum(ceiling[:, 1:], lowest[:, :-1])
    ceiling[1:, 1:] = np.minimum(ceiling[1:, 1:], lowest[:-1, :-1])
    return Terrain(np.minimum(heights, ceiling) - BELOW_ROAD_M, (float(low[0]), float(low[1])), CELL_M)


def _dense_points(lanes: Sequence[Lane]) -> Array:
    """Points (n, 3) on all lanes, about two metres apart along and across, edges included."""
    parts: list[Array] = []
    for lane in lanes:
        gaps = np.diff(lane.s_m)
        count = np.maximum(1, np.ceil(gaps / 2.0)).astype(int)
        index = np.repeat(np.arange(len(gaps)), count)
        step = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
        t = (step / count[index])[:, None]
        left = np.concatenate([lane.left_m[index] * (1 - t) + lane.left_m[index + 1] * t, lane.left_m[-1:]])
        right = np.concatenate([lane.right_m[index] * (1 - t) + lane.right_m[index + 1] * t, lane.right_m[-1:]])
        parts.extend((left, (left + right) / 2.0, right))
    return np.concatenate(parts)


def open_terrain(book: ObjectBook, terrain: Terrain) -> int:
    """The object of the land and of the banks beside roads."""
    place = (*terrain.origin_m, float(terrain.heights_m[0, 0]))
    return int(book.add(["Landscape_0"], Tag.TERRAIN, Layer.GROUND, [place])[0])


def build_terrain(terrain: Terrain, owner: int) -> Triangles:
    """The height field's triangles (split as ``ground.terrain_at`` reads them) and the apron around it."""
    heights, cell = terrain.heights_m, terrain.cell_m
    rows, columns = heights.shape
    x, y = np.meshgrid(terrain.origin_m[0] + cell * np.arange(columns), terrain.origin_m[1] + cell * np.arange(rows))
    vertices = np.stack([x, y, heights], axis=2)
    dz_dy, dz_dx = np.gradient(heights, cell)
    normals = np.stack([-dz_dx, -dz_dy, np.ones_like(heights)], axis=2)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    i = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    faces = np.concatenate([np.stack([i, i + 1, i + columns + 1], 1), np.stack([i, i + columns + 1, i + columns], 1)])
    triangles = Triangles()
    flat = vertices.reshape(-1, 3)
    triangles.add(flat, normals.reshape(-1, 3), flat, faces, Material.GRASS, owner=owner)
    edge = np.concatenate([vertices[0, :-1], vertices[:-1, -1], vertices[-1, :0:-1], vertices[:0:-1, 0]])
    following = np.roll(edge, -1, axis=0)
    centre = np.array([x.mean(), y.mean(), 0.0])
    half = np.array([np.ptp(x), np.ptp(y)]) / 2.0
    scale = np.array([*(1.0 + APRON_M / half), 1.0])
    corners = np.stack(
        [edge, following, (following - centre) * scale + centre, (edge - centre) * scale + centre], axis=1
    )
    triangles.add_quads(corners, np.tile([0.0, 0.0, 1.0], (len(corners), 1)), corners, Material.GRASS, owner=owner)
    return triangles
