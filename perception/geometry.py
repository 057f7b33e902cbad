"""Rigid transforms, oriented boxes, overlaps and pinhole projection.

Right-handed frames; poses are 4x4 ``dst_from_src`` and compose as they read
(``world_from_lidar = world_from_ego @ ego_from_lidar``). Boxes are ``(x, y, z, length, width, height, yaw)`` with the
centre in the middle (see ``perception.objects``).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from perception.frame import FloatArray

NEAR_M = 0.1
"""Points nearer to the camera plane than this are not projected: their pixel would be meaningless."""


def wrap_angle(angle_rad: npt.ArrayLike) -> FloatArray:
    """Angles folded into [-pi, pi)."""
    return np.asarray((np.asarray(angle_rad, dtype=np.float64) + math.pi) % (2.0 * math.pi) - math.pi)


def rotation_from_euler(roll_rad: float, pitch_rad: float, yaw_rad: float) -> FloatArray:
    """``(3, 3)`` = Rz(yaw) Ry(pitch) Rx(roll), right-handed: positive pitch turns the nose down (ROS REP-103)."""
    cr, sr = math.cos(roll_rad), math.sin(roll_rad)
    cp, sp = math.cos(pitch_rad), math.sin(pitch_rad)
    cy, sy = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def euler_from_rotation(rotation: FloatArray) -> tuple[float, float, float]:
    """``(roll, pitch, yaw)`` of a rotation ``(3, 3)``; inverse of ``rotation_from_euler`` for abs(pitch) < 90°."""
    pitch = math.asin(max(-1.0, min(1.0, -float(rotation[2, 0]))))
    return (
        math.atan2(float(rotation[2, 1]), float(rotation[2, 2])),
        pitch,
        math.atan2(float(rotation[1, 0]), float(rotation[0, 0])),
    )


def pose(rotation: FloatArray, translation_m: npt.ArrayLike) -> FloatArray:
    """``dst_from_src (4, 4)`` of a rotation ``(3, 3)`` and the source's origin in the destination frame."""
    out = np.eye(4)
    out[:3, :3] = rotation
    out[:3, 3] = np.asarray(translation_m, dtype=np.float64)
    return out


def pose_2d(x_m: float, y_m: float, yaw_rad: float, z_m: float = 0.0) -> FloatArray:
    """``dst_from_src (4, 4)`` of a level body."""
    return pose(rotation_from_euler(0.0, 0.0, yaw_rad), (x_m, y_m, z_m))


def invert(dst_from_src: FloatArray) -> FloatArray:
    """``src_from_dst`` of a rigid transform."""
    out = np.eye(4)
    out[:3, :3] = dst_from_src[:3, :3].T
    out[:3, 3] = -dst_from_src[:3, :3].T @ dst_from_src[:3, 3]
    return out


def transform_points(dst_from_src: FloatArray, points_src_m: npt.ArrayLike) -> FloatArray:
    """Points ``(n, 3)`` in the destination frame."""
    points = np.asarray(points_src_m, dtype=np.float64)
    return points @ dst_from_src[:3, :3].T + dst_from_src[:3, 3]


def transform_boxes(dst_from_src: FloatArray, boxes_src_m: FloatArray) -> FloatArray:
    """Boxes ``(n, 7)`` in the destination frame; they stay upright, so pitch and roll only move their centres."""
    out = boxes_src_m.copy()
    out[:, :3] = transform_points(dst_from_src, boxes_src_m[:, :3])
    out[:, 6] = wrap_angle(boxes_src_m[:, 6] + euler_from_rotation(dst_from_src[:3, :3])[2])
    return out


def box_corners_bev(boxes_m: FloatArray) -> FloatArray:
    """Footprint corners ``(n, 4, 2)``, counter-clockwise from front left."""
    half_length, half_width = boxes_m[:, 3:4] / 2, boxes_m[:, 4:5] / 2
    x = np.concatenate([half_length, -half_length, -half_length, half_length], axis=1)  # (n, 4)
    y = np.concatenate([half_width, half_width, -half_width, -half_width], axis=1)
    c, s = np.cos(boxes_m[:, 6:7]), np.sin(boxes_m[:, 6:7])
    return np.stack([boxes_m[:, 0:1] + c * x - s * y, boxes_m[:, 1:2] + s * x + c * y], axis=-1)


def box_corners(boxes_m: FloatArray) -> FloatArray:
    """Corners ``(n, 8, 3)``: the footprint's four at the bottom, then the same four on top."""
    flat = box_corners_bev(boxes_m)  # (n, 4, 2)
    half = boxes_m[:, None, 5:6] / 2  # (n, 1, 1)
    bottom = np.broadcast_to(boxes_m[:, None, 2:3] - half, (len(boxes_m), 4, 1))
    top = np.broadcast_to(boxes_m[:, None, 2:3] + half, (len(boxes_m), 4, 1))
    return np.concatenate([np.concatenate([flat, bottom], -1), np.concatenate([flat, top], -1)], axis=1)


def points_in_box(
    points_m: npt.NDArray[np.floating], box_m: FloatArray, margin_m: float = 0.0
) -> npt.NDArray[np.bool_]:
    """Which of ``points (n, 3)`` lie in one box ``(7,)`` grown by ``margin_m`` on every side."""
    delta = points_m - box_m[:3]
    c, s = math.cos(box_m[6]), math.sin(box_m[6])
    along = np.abs(c * delta[:, 0] + s * delta[:, 1])
    across = np.abs(-s * delta[:, 0] + c * delta[:, 1])
    half = box_m[3:6] / 2 + margin_m
    return np.asarray((along <= half[0]) & (across <= half[1]) & (np.abs(delta[:, 2]) <= half[2]))


@njit(cache=True, nogil=True)
def _clip(polygon: FloatArray, count: int, px: float, py: float, qx: float, qy: float, out: FloatArray) -> int:
    """Sutherland-Hodgman: the part of a polygon left of the line p -> q; returns its number of corners."""
    kept = 0
    for i in range(count):
        ax, ay = polygon[i]
        bx, by = polygon[(i + 1) % count]
        a = (qx - px) * (ay - py) - (qy - py) * (ax - px)
        b = (qx - px) * (by - py) - (qy - py) * (bx - px)
        if a >= 0.0:
            out[kept, 0], out[kept, 1] = ax, ay
            kept += 1
        if (a > 0.0 and b < 0.0) or (a < 0.0 and b > 0.0):
            t = a / (a - b)
            out[kept, 0], out[kept, 1] = ax + t * (bx - ax), ay + t * (by - ay)
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _intersection_areas(first: FloatArray, second: FloatArray) -> FloatArray:
    """Areas ``(n, m)`` of overlap of convex quadrilaterals ``(n, 4, 2)`` and ``(m, 4, 2)``, both counter-clockwise."""
    areas = np.zeros((len(first), len(second)))
    here, there = np.empty((16, 2)), np.empty((16, 2))
    for i in range(len(first)):
        for j in range(len(second)):
            count = 4
            here[:4] = first[i]
            for k in range(4):
                p, q = second[j, k], second[j, (k + 1) % 4]
                count = _clip(here, count, p[0], p[1], q[0], q[1], there)
                here, there = there, here
                if count < 3:
                    break
            if count >= 3:
                area = 0.0
                for k in range(count):
                    m = (k + 1) % count
                    area += here[k, 0] * here[m, 1] - here[m, 0] * here[k, 1]
                areas[i, j] = abs(area) / 2.0
    return areas


def intersection_bev(first_m: FloatArray, second_m: FloatArray) -> FloatArray:
    """Areas of overlap ``(n, m)`` in square metres of the footprints of boxes ``(n, 7)`` and ``(m, 7)``."""
    if not len(first_m) or not len(second_m):
        return np.zeros((len(first_m), len(second_m)))
    # corners relative to a common origin: far from the map's origin the products would cancel badly
    origin = first_m[0, :2]
    corners = [np.ascontiguousarray(box_corners_bev(boxes) - origin) for boxes in (first_m, second_m)]
    return np.asarray(_intersection_areas(corners[0], corners[1]))


def iou_bev(first_m: FloatArray, second_m: FloatArray) -> FloatArray:
    """Intersection over union ``(n, m)`` of rotated footprints."""
    inter = intersection_bev(first_m, second_m)
    union = (first_m[:, 3] * first_m[:, 4])[:, None] + (second_m[:, 3] * second_m[:, 4])[None] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def iou_3d(first_m: FloatArray, second_m: FloatArray) -> FloatArray:
    """Intersection over union ``(n, m)`` of rotated upright boxes."""
    top = np.minimum((first_m[:, 2] + first_m[:, 5] / 2)[:, None], (second_m[:, 2] + second_m[:, 5] / 2)[None])
    low = np.maximum((first_m[:, 2] - first_m[:, 5] / 2)[:, None], (second_m[:, 2] - second_m[:, 5] / 2)[None])
    inter = intersection_bev(first_m, second_m) * np.clip(top - low, 0.0, None)
    union = first_m[:, 3:6].prod(axis=1)[:, None] + second_m[:, 3:6].prod(axis=1)[None] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def iou_2d(first_px: FloatArray, second_px: FloatArray) -> FloatArray:
    """Intersection over union ``(n, m)`` of image boxes ``(n, 4)`` and ``(m, 4)``."""
    low = np.maximum(first_px[:, None, :2], second_px[None, :, :2])
    high = np.minimum(first_px[:, None, 2:], second_px[None, :, 2:])
    inter = np.clip(high - low, 0.0, None).prod(axis=-1)
    area = [np.clip(b[:, 2:] - b[:, :2], 0.0, None).prod(axis=-1) for b in (first_px, second_px)]
    union = area[0][:, None] + area[1][None] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def intrinsics_from_fov(width: int, height: int, fov_rad: float) -> FloatArray:
    """Pinhole matrix ``(3, 3)`` of a horizontal field of view: f = w / (2 tan(fov / 2)), centre of the image."""
    focal = width / (2.0 * math.tan(fov_rad / 2.0))
    return np.array([[focal, 0.0, width / 2.0], [0.0, focal, height / 2.0], [0.0, 0.0, 1.0]])


def project(intrinsics: FloatArray, points_camera_m: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Pixels ``(n, 2)`` and depths ``(n,)`` of points ``(n, 3)`` in the optical frame; NaN pixels where the point is
    not at least ``NEAR_M`` in front."""
    points = np.asarray(points_camera_m, dtype=np.float64)
    depth = points[:, 2]
    safe = np.where(depth > NEAR_M, depth, np.nan)
    pixels = points[:, :2] / safe[:, None] * (intrinsics[0, 0], intrinsics[1, 1]) + intrinsics[:2, 2]
    return pixels, depth


def in_image(pixels: FloatArray, width: int, height: int) -> npt.NDArray[np.bool_]:
    """Which pixels ``(n, 2)`` lie in the picture (NaN does not)."""
    with np.errstate(invalid="ignore"):
        inside = (pixels >= 0.0) & (pixels < (width, height))
    return np.asarray(inside.all(axis=1))


_EDGES = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]])


def box_image_bounds(corners_camera_m: FloatArray, intrinsics: FloatArray) -> FloatArray:
    """Bounds ``x0 y0 x1 y1`` (n, 4) of projected boxes (optical-frame corners ``(n, 8, 3)``), not cut to the image.

    Edges that cross the near plane are cut there, so a box beside the camera has finite bounds; NaN for a box entirely
    behind it.
    """
    bounds = np.full((len(corners_camera_m), 4), np.nan)
    for row, corners in enumerate(corners_camera_m):
        a, b = corners[_EDGES[:, 0]], corners[_EDGES[:, 1]]  # (12, 3)
        front_a, front_b = a[:, 2] > NEAR_M, b[:, 2] > NEAR_M
        keep = [corners[corners[:, 2] > NEAR_M]]
        crossing = front_a != front_b
        if crossing.any():
            t = (NEAR_M - a[crossing, 2]) / (b[crossing, 2] - a[crossing, 2])
            keep.append(a[crossing] + t[:, None] * (b[crossing] - a[crossing]) + (0.0, 0.0, 1e-9))
        points = np.concatenate(keep)
        if len(points):
            pixels = points[:, :2] / points[:, 2:] * (intrinsics[0, 0], intrinsics[1, 1]) + intrinsics[:2, 2]
            bounds[row] = (*pixels.min(axis=0), *pixels.max(axis=0))
    return bounds


OPTICAL_FROM_BODY = np.array([[0.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
"""From a camera body's axes (x forward, y left, z up) to its optical axes (x right, y down, z forward)."""
