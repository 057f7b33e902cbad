"""Do the labels of a frame agree with each other? Measured in pixels, metres and shares, from the files on disk.

The data sheet prints these numbers, the tests bound them. Zero or one is perfect; what keeps them from it is said at
each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perception.frame import CameraModel, FloatArray
from perception.objects import IntArray
from sim.dataset.geometry import NEAR_M, corners, inverse, moved, rotation_of
from sim.dataset.label import EGO_ID
from sim.dataset.records import TWO_WHEELERS, CameraInfo, ObjectLabel, matrix_of
from sim.dataset.store import Frame

TAGS_OF = {
    "car": (14,), "van": (14, 15), "truck": (15,), "bus": (16,), "motorcycle": (18, 13), "bicycle": (19, 13),
    "adult": (12,), "child": (12,),
}  # fmt: skip
"""Semantic tags that an object's pixels may have."""
BEHIND_M = 0.5
"""A LiDAR point this far behind what the camera sees there is hidden from it: the two stand in different places."""


@dataclass(frozen=True)
class Overshoot:
    """How far the farthest visible pixel of an object lies outside its projected 3-D box: pixels, and metres at its
    depth. Bodies reach out of their boxes where boxes are the simulator's: mirrors, hands."""

    category: str
    pixels: float
    meters: float


def camera_of(info: CameraInfo) -> CameraModel:
    """The camera of a scene as a model."""
    return CameraModel(info.width, info.height, matrix_of(info.intrinsics), matrix_of(info.ego_from_camera))


def box_corners(label: ObjectLabel) -> FloatArray:
    """Corners ``(8, 3)`` of an object's box in the world."""
    turn = rotation_of(label.yaw_rad, label.pitch_rad, label.roll_rad)
    return corners(np.array(label.center_world_m), np.array(label.size_m), turn)


def overshoots(frame: Frame, camera: str) -> list[Overshoot]:
    """Of every object of a picture whose box lies wholly before the camera."""
    from shapely import points as shapely_points
    from shapely.geometry import MultiPoint

    model = camera_of(frame.info.cameras[camera])
    camera_from_world = inverse(matrix_of(frame.labels.world_from_ego) @ model.ego_from_camera)
    instance = frame.instance(camera)
    out = []
    for view in frame.labels.cameras[camera].objects:
        label = frame.labels.object(view.id)
        ends = moved(box_corners(label), camera_from_world)
        if view.visible_px is None or (ends[:, 2] < NEAR_M).any():
            continue
        x0, y0, x1, y1 = (int(v) for v in view.visible_px)
        rows, columns = np.nonzero(instance[y0:y1, x0:x1] == view.id)
        image = ends @ model.intrinsics.T
        hull = MultiPoint(image[:, :2] / image[:, 2:]).convex_hull
        away = hull.distance(shapely_points(columns + x0 + 0.5, rows + y0 + 0.5))
        worst = float(np.max(away)) if len(rows) else 0.0
        depth = float(ends[:, 2].mean())
        out.append(Overshoot(label.category, worst, worst * depth / float(model.intrinsics[0, 0])))
    return out


def nesting_px(frame: Frame, camera: str) -> tuple[float, float]:
    """How far at most a visible box reaches out of its amodal box, and an amodal box out of the box around the
    projected 3-D box (people left out: their limbs swing)."""
    size = np.array([frame.info.cameras[camera].width, frame.info.cameras[camera].height] * 2, np.float64)
    inner, outer = 0.0, 0.0
    for view in frame.labels.cameras[camera].objects:
        amodal = np.array(view.amodal_px)
        if view.visible_px is not None:
            inner = max(inner, _sticks_out(np.array(view.visible_px), amodal))
        if frame.labels.object(view.id).category not in ("adult", "child"):
            outer = max(outer, _sticks_out(amodal, np.clip(np.array(view.projected_px), 0.0, size)))
    return inner, outer


def _sticks_out(small: FloatArray, large: FloatArray) -> float:
    return max(0.0, float(np.max(large[:2] - small[:2])), float(np.max(small[2:] - large[2:])))


def wrong_tags(frame: Frame, camera: str) -> int:
    """Pixels of an object whose semantic tag is not one of its class."""
    instance, semantic = frame.instance(camera), frame.semantic(camera)
    wrong = 0
    for label in frame.labels.objects:
        own = semantic[instance == label.id]
        wrong += int((~np.isin(own, TAGS_OF[label.category])).sum())
    return wrong


def loose_riders(frame: Frame, camera: str) -> list[int]:
    """Two-wheelers without extent, or whose boxes of rider and machine do not make up the whole one."""
    loose = [v.id for v in frame.labels.objects if v.category in TWO_WHEELERS and min(v.size_m) < 0.3]
    for view in frame.labels.cameras[camera].objects:
        if frame.labels.object(view.id).category not in TWO_WHEELERS or view.visible_px is None:
            continue
        parts = np.array([box for box in (view.rider_px, view.body_px) if box is not None])
        whole = np.concatenate([parts[:, :2].min(axis=0), parts[:, 2:].max(axis=0)])
        if not np.allclose(whole, view.visible_px) or view.rider_pixels + view.body_pixels != view.pixels:
            loose.append(view.id)
    return loose


@dataclass(frozen=True)
class PointAgreement:
    """LiDAR against one picture. points that the camera sees, the share of those on objects (and of pixels' objects)
    with the same id in both (less at outlines, where a point is between two pixels), median and 95th percentile of the
    difference of depths in metres (range noise; one pixel of slanted surface), and the share of points with an id
    that lie in their object's 3-D box widened by 0.1 m."""

    points: int
    same_object: float
    depth_median_m: float
    depth_p95_m: float
    inside_box: float


def point_agreement(frame: Frame, camera: str, lidar: str) -> PointAgreement | None:
    """None where the frame has no depth picture, no ids of points, or none of them in view."""
    known = frame.point_labels(lidar)
    if known is None or not frame.info.has_depth:
        return None
    model = camera_of(frame.info.cameras[camera])
    ego = moved(frame.points(lidar)[:, :3].astype(np.float64), matrix_of(frame.info.lidars[lidar].ego_from_lidar))
    ids = known[0].astype(np.int64)
    seen = moved(ego, inverse(model.ego_from_camera))
    depth = np.maximum(seen[:, 2], NEAR_M)
    uv = (seen / depth[:, None]) @ model.intrinsics.T
    inside = (seen[:, 2] > 1.0) & (uv[:, 0] >= 0) & (uv[:, 0] < model.width) & (uv[:, 1] >= 0)
    inside &= uv[:, 1] < model.height
    column, row = uv[inside, 0].astype(int), uv[inside, 1].astype(int)
    picture = frame.depth_m(camera)[row, column]
    own = frame.instance(camera)[row, column].astype(np.int64)
    point, depth = ids[inside], depth[inside]
    visible = (picture > depth - BEHIND_M) & np.isfinite(picture) & (own != EGO_ID)
    if not visible.any():
        return None
    apart = np.abs(picture - depth)[visible]
    on_object = visible & ((point > 0) | (own > 0)) & (np.abs(picture - depth) < BEHIND_M)
    same = float((point == own)[on_object].mean()) if on_object.any() else 1.0
    return PointAgreement(
        int(visible.sum()), same, float(np.median(apart)), float(np.percentile(apart, 95.0)), _inside(frame, ego, ids)
    )


def _inside(frame: Frame, points_ego_m: FloatArray, ids: IntArray) -> float:
    """Share of points with an id in the box of their object widened by 0.1 m."""
    world = moved(points_ego_m, matrix_of(frame.labels.world_from_ego))
    total, inside = 0, 0
    for label in frame.labels.objects:
        own = world[ids == label.id]
        turn = rotation_of(label.yaw_rad, label.pitch_rad, label.roll_rad)
        local = (own - np.array(label.center_world_m)) @ turn
        total += len(own)
        inside += int((np.abs(local) <= 0.5 * np.array(label.size_m) + 0.1).all(axis=1).sum())
    return inside / total if total else 1.0


def flow_errors_px(before: Frame, after: Frame, camera: str) -> tuple[float, float]:
    """Median difference in pixels between the flow picture of ``after`` and what depth and motion say: of everything
    that stands still, and of the objects (their boxes' motion; turning wheels and limbs differ)."""
    model = camera_of(after.info.cameras[camera])
    depth, flow, ids = after.depth_m(camera), after.flow_px(camera), after.instance(camera)
    world_from_now = matrix_of(after.labels.world_from_ego) @ model.ego_from_camera
    then_from_world = inverse(matrix_of(before.labels.world_from_ego) @ model.ego_from_camera)
    row, column = np.nonzero(np.isfinite(depth) & (depth < 100.0) & (ids != EGO_ID))
    uv = np.stack([column + 0.5, row + 0.5], axis=1)
    rays = np.concatenate([uv, np.ones((len(uv), 1))], axis=1) @ np.linalg.inv(model.intrinsics).T
    world = moved(rays * depth[row, column][:, None], world_from_now)
    owner = ids[row, column]
    for label in after.labels.objects:
        known = [old for old in before.labels.objects if old.id == label.id]
        if known:
            own = owner == label.id
            world[own] = moved(world[own], _pose(known[0]) @ inverse(_pose(label)))
    then = moved(world, then_from_world)
    ahead = then[:, 2] > 0.5
    image = then[ahead] @ model.intrinsics.T
    wanted = uv[ahead] - image[:, :2] / image[:, 2:]
    apart = np.linalg.norm(flow[row, column][ahead] - wanted, axis=1)
    moving = owner[ahead] > 0
    return _median(apart[~moving]), _median(apart[moving])


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if len(values) else 0.0


def _pose(label: ObjectLabel) -> FloatArray:
    pose = np.eye(4)
    pose[:3, :3] = rotation_of(label.yaw_rad, label.pitch_rad, label.roll_rad)
    pose[:3, 3] = label.center_world_m
    return pose


def worst_overshoots(frames: Sequence[Frame]) -> dict[str, tuple[float, float, int]]:
    """By category: 95th percentile and maximum of the overshoot in metres, and how many objects."""
    found: dict[str, list[float]] = {}
    for frame in frames:
        for camera in frame.info.cameras:
            for one in overshoots(frame, camera):
                found.setdefault(one.category, []).append(one.meters)
    return {
        kind: (float(np.percentile(values, 95.0)), float(np.max(values)), len(values))
        for kind, values in sorted(found.items())
    }
