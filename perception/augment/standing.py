"""Where things can stand: a map of the ground around the LiDAR, made from one moment."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from perception.augment.sample import FAR_M, Picture, Sample
from perception.frame import Float32Array, FloatArray
from perception.lidar.ground import GroundConfig, ground_mask

CELL_M = 0.5
REACH_M = 60.0
SIDE = round(2.0 * REACH_M / CELL_M)
UNKNOWN, ROAD, SIDEWALK, OTHER = 0, 1, 2, 3
"""Kinds of ground; unknown where no picture says."""
ROAD_TAGS, SIDEWALK_TAGS = (1, 24), (2,)
"""CARLA's semantic tags: roads and their lines; sidewalks."""


@dataclass(frozen=True)
class Ground:
    """Cells of ``CELL_M`` around the LiDAR, row y, column x: ``height_m (n, n)`` NaN where no ground was seen near,
    ``kind (n, n)`` of ground, ``blocked (n, n)`` where something stands."""

    height_m: Float32Array
    kind: Picture
    blocked: npt.NDArray[np.bool_]

    def under(self, places_m: FloatArray) -> tuple[FloatArray, npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """Height (NaN beyond the map), kind and blocked of places ``(n, 2)``."""
        cells = np.floor((places_m + REACH_M) / CELL_M).astype(np.int64)
        inside = ((cells >= 0) & (cells < SIDE)).all(axis=1)
        x, y = cells.clip(0, SIDE - 1).T
        height = np.where(inside, self.height_m[y, x], np.nan)
        return height.astype(np.float64), self.kind[y, x], self.blocked[y, x]


def floor_z_m(points_m: Float32Array) -> float:
    """Height of the ground around the sensor in its own frame: the commonest height of the lower half of near points.

    Minus the height at which the LiDAR is mounted. 0 where there is nothing near.
    """
    away = np.hypot(points_m[:, 0], points_m[:, 1])
    z = points_m[(away > 3.0) & (away < 20.0), 2]
    if len(z) < 20:
        return 0.0
    counts, edges = np.histogram(z, bins=np.arange(-4.0, 1.05, 0.1))
    peak = edges[int(np.argmax(counts))] + 0.05
    return float(np.median(z[np.abs(z - peak) < 0.2]))


def points_of_depth(sample: Sample, step_px: int = 4) -> Float32Array:
    """Points ``(n, 3)`` in the LiDAR's frame of every ``step_px``-th pixel's depth, the sky left out.

    Raises ValueError without depth and calibration.
    """
    if sample.depth_m is None or sample.calibration is None:
        raise ValueError("points from depth: the sample needs depth and calibration")
    depth = sample.depth_m[::step_px, ::step_px]
    v, u = np.nonzero(depth < 0.5 * FAR_M)
    rays = np.stack([u * step_px + 0.5, v * step_px + 0.5, np.ones(len(u))], 1)
    camera = (rays @ np.linalg.inv(sample.calibration.intrinsics).T) * depth[v, u][:, None]
    lidar_from_camera = np.linalg.inv(sample.calibration.camera_from_lidar)
    return (camera @ lidar_from_camera[:3, :3].T + lidar_from_camera[:3, 3]).astype(np.float32)


def ground_of(sample: Sample) -> Ground | None:
    """The ground that a sample's sweep (or else its depth) shows; None where it shows too little."""
    if sample.cloud is not None and len(sample.cloud):
        points = sample.cloud.points_m
    elif sample.depth_m is not None and sample.calibration is not None:
        points = points_of_depth(sample)
    else:
        return None
    floor = floor_z_m(points)
    level = points - np.array([0.0, 0.0, floor], np.float32)
    is_ground, above = ground_mask(level, GroundConfig(max_range_m=REACH_M))
    near = np.abs(points[:, :2]).max(axis=1) < REACH_M - CELL_M
    rows = is_ground & near
    if rows.sum() < 100:
        return None
    cells = np.floor((points[:, :2] + REACH_M) / CELL_M).astype(np.int64)
    total, count = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    np.add.at(total, (cells[rows, 1], cells[rows, 0]), points[rows, 2])
    np.add.at(count, (cells[rows, 1], cells[rows, 0]), 1.0)
    known = count > 0
    distance, label = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros(int(label.max()) + 1)
    by_label[label[known]] = total[known] / count[known]
    # a sweep's rings lie metres apart far away; ground between two of them is ground
    y, x = np.mgrid[:SIDE, :SIDE]
    gap = 1.0 + 0.06 * np.hypot(x - SIDE / 2, y - SIDE / 2)
    height = np.where(distance <= gap, by_label[label], np.nan).astype(np.float32)
    blocked = np.zeros((SIDE, SIDE), bool)
    solid = near & ~is_ground & (above > 0.35) & (above < 2.5)  # a bridge or a crown is no obstacle
    blocked[cells[solid, 1], cells[solid, 0]] = True
    return Ground(height, _kinds(sample, height), blocked)


def _kinds(sample: Sample, height_m: Float32Array) -> Picture:
    """Kind of ground of each cell, read from the semantic picture where the cell lies in it."""
    kinds = np.zeros((SIDE, SIDE), np.uint8)
    if sample.semantic is None or sample.calibration is None:
        return kinds
    y, x = np.nonzero(np.isfinite(height_m))
    places = np.stack([(x + 0.5) * CELL_M - REACH_M, (y + 0.5) * CELL_M - REACH_M, height_m[y, x]], 1)
    pixels, _ = sample.calibration.pixels(places)
    rows, columns = sample.size
    with np.errstate(invalid="ignore"):
        seen = (pixels >= 0.0).all(axis=1) & (pixels < (columns, rows)).all(axis=1)
    tags = sample.semantic[pixels[seen, 1].astype(np.int64), pixels[seen, 0].astype(np.int64)]
    kind = np.full(len(tags), OTHER, np.uint8)
    kind[np.isin(tags, ROAD_TAGS)] = ROAD
    kind[np.isin(tags, SIDEWALK_TAGS)] = SIDEWALK
    kinds[y[seen], x[seen]] = kind
    return kinds


def footprint(box_m: FloatArray, step_m: float = 0.4) -> FloatArray:
    """Places ``(n, 2)`` spread over a box's footprint, its edges included."""
    half = box_m[3:5] / 2.0
    counts = np.maximum(2, np.ceil(2.0 * half / step_m).astype(np.int64) + 1)
    x, y = np.meshgrid(np.linspace(-half[0], half[0], counts[0]), np.linspace(-half[1], half[1], counts[1]))
    c, s = math.cos(box_m[6]), math.sin(box_m[6])
    flat = np.stack([x.ravel(), y.ravel()], 1)
    return flat @ np.array([[c, s], [-s, c]]) + box_m[:2]
