"""A made street for tests: flat ground, a wall, three boxes with returns on them, a camera that sees them."""

from __future__ import annotations

import math

import cv2
import numpy as np

from perception.augment.sample import FAR_M, Boxes2D, Boxes3D, Calibration, Cloud, Sample
from perception.geometry import box_corners
from perception.objects import ObjectClass

SIZE = (240, 320)
LIDAR_HEIGHT_M = 1.8
CAMERA_FROM_LIDAR = np.array([[0.0, -1, 0, 0.05], [0, 0, -1, -0.2], [1, 0, 0, -0.3], [0, 0, 0, 1]])
INTRINSICS = np.array([[200.0, 0, 160], [0, 200.0, 110], [0, 0, 1]])
CALIBRATION = Calibration(INTRINSICS, CAMERA_FROM_LIDAR)


def street(seed: int = 0, image: bool = True) -> Sample:
    """Three cars, 10 to 25 m ahead, on a road; ids 1 to 3."""
    rng = np.random.default_rng(seed)
    boxes = np.array(
        [
            [10.0, 3.0, 0.75 - LIDAR_HEIGHT_M, 4.5, 1.8, 1.5, 0.1],
            [16.0, -3.5, 0.75 - LIDAR_HEIGHT_M, 4.2, 1.8, 1.5, math.pi],
            [25.0, 1.0, 0.75 - LIDAR_HEIGHT_M, 4.5, 1.9, 1.5, -0.2],
        ]
    )
    objects = Boxes3D.of(boxes, [ObjectClass.CAR] * 3, [1, 2, 3])
    azimuth, elevation = np.meshgrid(np.radians(np.arange(-180, 180, 0.4)), np.radians(np.arange(-24, 3, 0.8)))
    rays = np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], -1
    ).reshape(-1, 3)
    ring = np.repeat(np.arange(elevation.shape[0], dtype=np.int32), elevation.shape[1])
    away = np.where(rays[:, 2] < 0, LIDAR_HEIGHT_M / np.maximum(-rays[:, 2], 1e-6), np.inf)
    for box in boxes:
        away = np.minimum(away, _hit(rays, box))
    away = np.minimum(away, np.where(np.abs(rays[:, 1]) > 1e-6, 20.0 / np.abs(rays[:, 1]), np.inf))  # house fronts
    seen = away < 70.0
    points = (rays * np.where(seen, away, 0.0)[:, None])[seen]
    cloud = Cloud.of(points, rng.uniform(0.1, 0.9, len(points)), ring[seen])
    if not image:
        return Sample(cloud=cloud, objects=objects, calibration=CALIBRATION)
    return _pictured(Sample(cloud=cloud, objects=objects, calibration=CALIBRATION), rng)


def _hit(rays: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Range at which rays from the origin enter a box; infinite where they miss."""
    c, s = math.cos(box[6]), math.sin(box[6])
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    start, way = turn @ -box[:3], rays @ turn.T
    with np.errstate(divide="ignore", invalid="ignore"):
        first, last = (-box[3:6] / 2 - start) / way, (box[3:6] / 2 - start) / way
    near, far = np.minimum(first, last).max(axis=1), np.maximum(first, last).min(axis=1)
    return np.where((near > 0) & (near < far), near, np.inf)


def _pictured(sample: Sample, rng: np.random.Generator) -> Sample:
    """Boxes drawn as filled hulls, far ones first."""
    height, width = SIZE
    image = np.full((height, width, 3), 200, np.uint8)
    image[110:] = 90
    image += rng.integers(0, 8, image.shape, np.uint8)
    rows = np.arange(height)[:, None] + 0.5 - INTRINSICS[1, 2]
    ground_m = np.where(rows > 0, (LIDAR_HEIGHT_M - 0.2) * 200.0 / np.maximum(rows, 1e-3), FAR_M).clip(0, FAR_M)
    depth = np.broadcast_to(ground_m, SIZE).astype(np.float32).copy()
    instance, semantic = np.zeros(SIZE, np.int32), np.where(rows > 0, 1, 11) * np.ones(SIZE)
    colours = [(40, 40, 200), (200, 60, 40), (60, 160, 60)]
    order = np.argsort(-np.hypot(*sample.objects.m[:, :2].T))
    for k in order:
        pixels, away = CALIBRATION.pixels(box_corners(sample.objects.m[k : k + 1])[0])
        hull = cv2.convexHull(np.rint(pixels).astype(np.int32))
        mask = np.zeros(SIZE, np.uint8)
        cv2.fillConvexPoly(mask, hull, 1)
        image[mask > 0] = colours[k]
        depth[mask > 0], instance[mask > 0], semantic[mask > 0] = away.min(), k + 1, 14
    px, ids = [], []
    for ident in (1, 2, 3):
        v, u = np.nonzero(instance == ident)
        px.append([u.min(), v.min(), u.max() + 1, v.max() + 1])
        ids.append(ident)
    return Sample(
        image=image,
        boxes=Boxes2D.of(px, [int(ObjectClass.CAR)] * 3, ids),
        instance=instance,
        semantic=semantic.astype(np.uint8),
        depth_m=depth,
        cloud=sample.cloud,
        objects=sample.objects,
        calibration=sample.calibration,
    )
