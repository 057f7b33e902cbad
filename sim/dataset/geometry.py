"""Boxes in space and in pictures. Frames and units as in ``records``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perception.frame import CameraModel, FloatArray

NEAR_M = 0.1
"""What is nearer to the camera's plane than this is cut off before projection."""
SIGNS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
FARTHEST_PX = 1e5
"""Boxes that pass beside the camera project without bound; no picture is larger than this."""


def rotation_of(yaw_rad: float, pitch_rad: float, roll_rad: float) -> FloatArray:
    """Rotation ``(3, 3)``: about z by yaw, then about y by -pitch (nose up is positive), then about x by roll."""
    cy, sy, cp, sp = math.cos(yaw_rad), math.sin(yaw_rad), math.cos(pitch_rad), math.sin(pitch_rad)
    cr, sr = math.cos(roll_rad), math.sin(roll_rad)
    turn = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    nod = np.array([[cp, 0.0, -sp], [0.0, 1.0, 0.0], [sp, 0.0, cp]])
    lean = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    return np.asarray(turn @ nod @ lean, np.float64)


def angles_of(rotation: FloatArray) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a rotation ``(3, 3)``: the inverse of ``rotation_of``."""
    pitch = math.asin(max(-1.0, min(1.0, float(rotation[2, 0]))))
    yaw = math.atan2(float(rotation[1, 0]), float(rotation[0, 0]))
    return yaw, pitch, math.atan2(float(rotation[2, 1]), float(rotation[2, 2]))


def quaternion_of(rotation: FloatArray) -> tuple[float, float, float, float]:
    """Unit quaternion w x y z of a rotation ``(3, 3)``, w not negative."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(rotation).as_quat()
    sign = -1.0 if w < 0.0 else 1.0
    return float(sign * w), float(sign * x), float(sign * y), float(sign * z)


def corners(center_m: FloatArray, size_m: FloatArray, rotation: FloatArray) -> FloatArray:
    """The eight corners ``(8, 3)`` of a box, in the frame of its centre and rotation."""
    return np.asarray((SIGNS * size_m) @ rotation.T + center_m, np.float64)


def moved(points: FloatArray, dst_from_src: FloatArray) -> FloatArray:
    """Points ``(n, 3)`` in another frame."""
    return np.asarray(points @ dst_from_src[:3, :3].T + dst_from_src[:3, 3], np.float64)


def inverse(dst_from_src: FloatArray) -> FloatArray:
    """``src_from_dst`` of a rigid transform ``(4, 4)``."""
    out = np.eye(4)
    out[:3, :3] = dst_from_src[:3, :3].T
    out[:3, 3] = -dst_from_src[:3, :3].T @ dst_from_src[:3, 3]
    return out


@dataclass(frozen=True)
class Outline:
    """A projected 3-D box: ``box_px (4,)`` not cut, ``cut_px (4,)`` cut to the picture, the share of its outline
    outside the picture, and the area of the part inside."""

    box_px: FloatArray
    cut_px: FloatArray
    truncation: float
    area_px: float


def project_box(corners_camera_m: FloatArray, camera: CameraModel) -> Outline | None:
    """What the corners ``(8, 3)`` (camera frame) cover of a picture; None where that is nothing."""
    from shapely.geometry import MultiPoint, box

    points = in_front(corners_camera_m)
    if not len(points):
        return None
    image = points @ camera.intrinsics.T
    uv = np.clip(image[:, :2] / image[:, 2:], -FARTHEST_PX, FARTHEST_PX)
    low, high = uv.min(axis=0), uv.max(axis=0)
    size = (camera.width, camera.height)
    cut_low, cut_high = np.clip(low, 0.0, size), np.clip(high, 0.0, size)
    if (cut_high - cut_low <= 0.0).any():
        return None
    hull = MultiPoint(uv).convex_hull
    whole = max(float(hull.area), 1e-9)
    inside = float(hull.intersection(box(0.0, 0.0, *size)).area)
    share = min(1.0, max(0.0, 1.0 - inside / whole))
    return Outline(np.concatenate([low, high]), np.concatenate([cut_low, cut_high]), share, inside)


def in_front(points: FloatArray) -> FloatArray:
    """Corners (8, 3) of a box, camera frame, m, before the near plane, and where edges to the others cut it."""
    ahead = points[:, 2] > NEAR_M
    if ahead.all():
        return points
    out = list(points[ahead])
    for i in range(8):
        for bit in (1, 2, 4):
            j = i ^ bit
            if i < j and ahead[i] != ahead[j]:
                t = (NEAR_M - points[i, 2]) / (points[j, 2] - points[i, 2])
                out.append(points[i] + t * (points[j] - points[i]))
    return np.array(out).reshape(-1, 3)
