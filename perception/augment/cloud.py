"""Geometry of sweeps: points, objects and calibration moved together.

Global changes as in VoxelNet and SECOND (Zhou 2018, Yan 2018): flip, turn, scale, shift; noise of single objects as in
SECOND, kept only where no two footprints touch.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perception.augment.sample import Boxes3D, Calibration, Cloud, Sample
from perception.frame import FloatArray
from perception.geometry import intersection_bev, invert, points_in_box, pose, rotation_from_euler, wrap_angle

IN_BOX_MARGIN_M = 0.02
"""Range noise of a LiDAR: a return from a box's face may lie so far outside."""


def move(sample: Sample, target_from_source: FloatArray) -> Sample:
    """Sweep and objects in a LiDAR frame that is turned about z and shifted; the camera stays where it was."""
    rotation, shift = target_from_source[:3, :3], target_from_source[:3, 3]
    yaw = math.atan2(rotation[1, 0], rotation[0, 0])
    changed: dict[str, Any] = {}
    if sample.cloud is not None:
        points = sample.cloud.points_m @ rotation.T.astype(np.float32) + shift.astype(np.float32)
        changed["cloud"] = sample.cloud.at(points)
    rows = sample.objects.m.copy()
    rows[:, :3] = rows[:, :3] @ rotation.T + shift
    rows[:, 6] = wrap_angle(rows[:, 6] + yaw)
    changed["objects"] = sample.objects.at(rows)
    if sample.calibration is not None:
        there = sample.calibration.camera_from_lidar @ invert(target_from_source)
        changed["calibration"] = Calibration(sample.calibration.intrinsics, there)
    return replace(sample, **changed)


def turned(sample: Sample, turn_rad: float) -> Sample:
    """Turned about the LiDAR's z axis, counter-clockwise seen from above."""
    return move(sample, pose(rotation_from_euler(0.0, 0.0, turn_rad), (0.0, 0.0, 0.0)))


def shifted(sample: Sample, shift_m: FloatArray) -> Sample:
    """Shifted by ``shift_m (3,)``."""
    return move(sample, pose(np.eye(3), shift_m))


def scaled(sample: Sample, factor: float) -> Sample:
    """The world ``factor`` times as large, seen from where the LiDAR is; the picture is the same, depth is not."""
    changed: dict[str, Any] = {}
    if sample.cloud is not None:
        changed["cloud"] = sample.cloud.at(sample.cloud.points_m * np.float32(factor))
    rows = sample.objects.m.copy()
    rows[:, :6] *= factor
    changed["objects"] = sample.objects.at(rows)
    if sample.calibration is not None:
        there = sample.calibration.camera_from_lidar.copy()
        there[:3, 3] *= factor
        changed["calibration"] = Calibration(sample.calibration.intrinsics, there)
    if sample.depth_m is not None:
        changed["depth_m"] = sample.depth_m * np.float32(factor)
    return replace(sample, **changed)


def object_noise(
    sample: Sample, shift_m: float, turn_rad: float, scale: tuple[float, float], rng: np.random.Generator
) -> Sample:
    """Every object with its points moved (normal, deviation ``shift_m``; upwards a tenth), turned (uniform) and scaled.

    A move after which two footprints touch is not made. The picture knows nothing of it: use it for the sweep alone.
    """
    if sample.cloud is None:
        return sample
    points = sample.cloud.points_m.copy()
    boxes = sample.objects.m.copy()
    shifts = rng.normal(0.0, 1.0, (len(boxes), 3)) * (shift_m, shift_m, 0.1 * shift_m)
    turns, factors = rng.uniform(-turn_rad, turn_rad, len(boxes)), rng.uniform(*scale, len(boxes))
    for k, before in enumerate(sample.objects.m):
        after = before.copy()
        after[:3] += shifts[k]
        after[3:6] *= factors[k]
        after[2] += 0.5 * (after[5] - before[5])  # it still stands on the ground
        after[6] = wrap_angle(before[6] + turns[k])
        others = np.delete(boxes, k, axis=0)
        if (intersection_bev(after[None], others) > 0.0).any():
            continue
        rows = np.flatnonzero(points_in_box(sample.cloud.points_m, before, IN_BOX_MARGIN_M))
        points[rows] = box_to_box(sample.cloud.points_m[rows], before, after).astype(np.float32)
        boxes[k] = after
    return replace(sample, cloud=sample.cloud.at(points), objects=sample.objects.at(boxes))


def box_frame(points_m: npt.NDArray[Any], box_m: FloatArray) -> FloatArray:
    """Points ``(n, 3)`` in a box's own axes: from its middle, x along its heading."""
    away = np.asarray(points_m, np.float64) - box_m[:3]
    return away @ rotation_from_euler(0.0, 0.0, float(box_m[6]))


def from_box_frame(points_m: FloatArray, box_m: FloatArray) -> FloatArray:
    """Inverse of ``box_frame``."""
    return points_m @ rotation_from_euler(0.0, 0.0, float(box_m[6])).T + box_m[:3]


def box_to_box(points_m: npt.NDArray[Any], before: FloatArray, after: FloatArray) -> FloatArray:
    """Points ``(n, 3)`` that lie in one box as they lie in another: each axis stretched with the box's side."""
    return from_box_frame(box_frame(points_m, before) * (after[3:6] / before[3:6]), after)


def dropped(cloud: Cloud, share: float, rng: np.random.Generator) -> Cloud:
    """Without a random share of the returns."""
    return cloud[rng.random(len(cloud)) >= share]


def with_points(objects: Boxes3D, cloud: Cloud, at_least: int) -> Boxes3D:
    """The objects in which so many returns lie."""
    counts = [int(points_in_box(cloud.points_m, box, IN_BOX_MARGIN_M).sum()) for box in objects.m]
    return objects[np.array(counts, np.int64).reshape(-1) >= at_least]
