"""Who hides whom in a sweep: angles seen from the LiDAR, cut into cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from perception.augment.sample import Cloud, Picture
from perception.frame import Float32Array

AZIMUTH_RAD = math.radians(0.25)
ELEVATION_RAD = math.radians(0.45)
"""Cells about as large as the gaps between the beams of a 64-beam LiDAR."""
MARGIN_M = 0.3
"""A return so much farther than what would hide it lies behind it, not on it."""


def _angles(
    points_m: Float32Array, middle_rad: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Float32Array]:
    """Azimuth cell (from the middle), elevation cell and range of points."""
    azimuth = np.arctan2(points_m[:, 1], points_m[:, 0]) - middle_rad
    azimuth = (azimuth + np.pi) % (2.0 * np.pi) - np.pi
    flat = np.hypot(points_m[:, 0], points_m[:, 1])
    elevation = np.arctan2(points_m[:, 2], flat)
    columns = np.floor(azimuth / AZIMUTH_RAD).astype(np.int64)
    rows = np.floor(elevation / ELEVATION_RAD).astype(np.int64)
    return columns, rows, np.hypot(flat, points_m[:, 2])


@dataclass(frozen=True)
class Shadow:
    """What an object hides: the hull of its points in angles, ``mask (h, w)``, from ``range_m`` on."""

    mask: Picture
    corner: tuple[int, int]  # column and row of the mask's first cell
    middle_rad: float
    range_m: float

    @staticmethod
    def of(points_m: Float32Array) -> Shadow:
        """The shadow of an object's points ``(n, 3)``, one or more."""
        middle = math.atan2(float(points_m[:, 1].mean()), float(points_m[:, 0].mean()))
        columns, rows, away = _angles(points_m, middle)
        corner = (int(columns.min()) - 1, int(rows.min()) - 1)
        size = (int(columns.max()) - corner[0] + 2, int(rows.max()) - corner[1] + 2)
        mask = np.zeros((size[1], size[0]), np.uint8)
        hull = cv2.convexHull(np.stack([columns - corner[0], rows - corner[1]], 1).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1)
        return Shadow(mask, corner, middle, float(np.quantile(away, 0.05)))

    def hides(self, points_m: Float32Array) -> npt.NDArray[np.bool_]:
        """Which points ``(n, 3)`` lie behind it."""
        columns, rows, away = _angles(points_m, self.middle_rad)
        x, y = columns - self.corner[0], rows - self.corner[1]
        inside = (x >= 0) & (y >= 0) & (x < self.mask.shape[1]) & (y < self.mask.shape[0])
        hit = self.mask[y.clip(0, self.mask.shape[0] - 1), x.clip(0, self.mask.shape[1] - 1)] > 0
        return np.asarray(inside & hit & (away > self.range_m))


def cast(scene_m: Float32Array, object_m: Float32Array) -> npt.NDArray[np.bool_]:
    """Which points of an object ``(n, 3)`` are seen: no return of the scene lies before them in their cell."""
    middle = math.atan2(float(object_m[:, 1].mean()), float(object_m[:, 0].mean()))
    columns, rows, away = _angles(object_m, middle)
    corner = (int(columns.min()) - 1, int(rows.min()) - 1)
    nearest = np.full((int(rows.max()) - corner[1] + 2, int(columns.max()) - corner[0] + 2), np.inf, np.float32)
    scene_columns, scene_rows, scene_away = _angles(scene_m, middle)
    x, y = scene_columns - corner[0], scene_rows - corner[1]
    inside = (x >= 0) & (y >= 0) & (x < nearest.shape[1]) & (y < nearest.shape[0])
    np.minimum.at(nearest, (y[inside], x[inside]), scene_away[inside])
    # a beam between two returns of a wall is stopped by the wall too
    closed = cv2.morphologyEx(np.where(np.isfinite(nearest), 1e4 / nearest, 0.0), cv2.MORPH_CLOSE, np.ones((3, 3)))
    with np.errstate(divide="ignore"):
        before = 1e4 / closed
    return np.asarray(before[rows - corner[1], columns - corner[0]] > away - MARGIN_M)


def thinned(cloud: Cloud, nearer: float, rng: np.random.Generator) -> Cloud:
    """As many returns as it would give where it is now: ``nearer`` is its old range over its new one."""
    return cloud if nearer >= 1.0 else cloud[rng.random(len(cloud)) < nearer**2]
