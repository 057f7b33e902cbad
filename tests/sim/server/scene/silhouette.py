"""A tiny silhouette rasteriser: which pixels' centres a mesh covers, seen from far away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.server.scene.models import ModelLibrary

PIXELS = 96  # along the longer side of the finest level's silhouette


def silhouettes(library: ModelLibrary, model: int, yaw_rad: float, pitch_rad: float) -> list[npt.NDArray[np.bool_]]:
    """Masks of all levels of detail of a model on one common pixel grid, finest first."""
    forward = -np.array([np.cos(pitch_rad) * np.cos(yaw_rad), np.cos(pitch_rad) * np.sin(yaw_rad), np.sin(pitch_rad)])
    right = np.cross([0.0, 0.0, 1.0], forward)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right)], axis=1)
    masks: list[npt.NDArray[np.bool_]] = []
    low, scale = np.zeros(2), 1.0
    for lod, (first, count, first_face, faces) in enumerate(library.ranges[model]):
        flat = library.vertices_m[first : first + count].astype(np.float64) @ axes
        if lod == 0:
            low, scale = flat.min(axis=0), PIXELS / float(np.ptp(flat, axis=0).max())
        pixels = (flat - low) * scale + 2.0
        masks.append(fill(pixels[library.faces[first_face : first_face + faces].astype(np.int64)], PIXELS + 4))
    return masks


def fill(triangles: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.bool_]:
    """Pixels of a (size, size) grid whose centre lies in one of the triangles (n, 3, 2), either way round."""
    mask = np.zeros((size, size), bool)
    low = np.clip(np.ceil(triangles.min(axis=1) - 0.5), 0, size - 1).astype(int)
    extent = np.floor(triangles.max(axis=1) - 0.5).astype(int) - low + 1
    window = 1
    while window < 2 * size:  # all triangles of similar size at once, each with its own small window of pixels
        group = (extent.max(axis=1) <= window) & (extent.max(axis=1) > window // 2) & (extent.min(axis=1) > 0)
        step = np.arange(window)
        for part in np.array_split(np.flatnonzero(group), max(int(group.sum()) * window**2 // 200_000, 1)):
            x = low[part, 0, None, None] + step[None, None, :] + 0.5
            y = low[part, 1, None, None] + step[None, :, None] + 0.5
            p = triangles[part]
            edges = []
            for i, j in ((0, 1), (1, 2), (2, 0)):
                (px, py), (qx, qy) = p[:, i].T[:, :, None, None], p[:, j].T[:, :, None, None]
                edges.append((qx - px) * (y - py) - (qy - py) * (x - px))
            signs = np.stack(edges)
            inside = (signs >= 0).all(axis=0) | (signs <= 0).all(axis=0)
            k, row, column = np.nonzero(inside)
            row, column = low[part[k], 1] + row, low[part[k], 0] + column
            keep = (row < size) & (column < size)
            mask[row[keep], column[keep]] = True
        window *= 2
    return mask


def overlap(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of two masks."""
    return float((a & b).sum() / max((a | b).sum(), 1))
