"""One list of objects from LiDAR clusters and camera boxes.

The LiDAR says where, the camera says what. A camera box claims the clusters whose points fall into it; where the
cluster is part of something bigger (a person leaning on a wall) it cuts its own points out of the frustum; where the
LiDAR has nothing it stands on the ground plane at the box's lower edge, with little confidence. Clusters that no camera
sees keep a class by their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perception.frame import Float32Array, FloatArray, Image
from perception.geometry import invert, iou_bev, project, transform_points
from perception.lidar.boxes import TYPICAL_SIZE_M, BoxConfig, complete_box, fit_box, guess_class
from perception.objects import Detections2D, Detections3D, IntArray, ObjectClass

SOLID = (ObjectClass.CAR, ObjectClass.TRUCK, ObjectClass.BUS)
"""Too big for a working LiDAR to miss within the range of the ground-plane boxes: without points it is not there."""


@dataclass(frozen=True)
class FusionConfig:
    """How a camera box and a cluster find each other."""

    min_inside: float = 0.6  # share of a cluster's visible points that must fall into the box
    shrink: float = 0.05  # the box's rim shows background
    min_frustum_points: int = 3
    depth_bin_m: float = 0.6
    camera_only_range_m: float = 35.0  # beyond, one pixel of the lower edge is metres on the ground
    camera_only_score: float = 0.5  # of the camera's score: no range was measured
    lidar_only_in_view: float = 0.5  # a cluster in plain view that the camera does not name is believed half as much
    max_unknown_length_m: float = 13.0  # longer than a bus: a wall, a hedge, a house
    max_unknown_range_m: float = 45.0


@dataclass(frozen=True)
class Cloud:
    """A sweep prepared for fusion, ego frame: points (n, 3), height above ground (n,), cluster number (n,) or -1."""

    points_ego_m: Float32Array
    above_ground_m: Float32Array
    cluster: IntArray


@dataclass
class _Object:
    rows: IntArray  # points in the cloud
    kind: ObjectClass
    score: float


def fuse(
    cloud: Cloud,
    clusters: Sequence[IntArray],
    cameras: Sequence[tuple[Image, Detections2D]],
    config: FusionConfig,
    boxes: BoxConfig,
) -> Detections3D:
    """Objects in the ego frame from clusters (index arrays into the cloud) and each camera's boxes."""
    taken = np.full(len(clusters), -1, np.int64)
    in_view = np.zeros(len(clusters), np.bool_)
    objects: list[_Object] = []
    flat: list[tuple[FloatArray, ObjectClass, float]] = []
    for image, found in cameras:
        pixels, depth = _into_picture(image, cloud.points_ego_m)
        visible = np.isfinite(pixels[:, 0]) & (pixels >= 0).all(1)
        visible &= (pixels < (image.camera.width, image.camera.height)).all(1)
        for number, rows in enumerate(clusters):
            in_view[number] |= bool(visible[rows].mean() > 0.8)
        for k in range(len(found.boxes_px)):
            kind = ObjectClass(int(found.classes[k]))
            if kind not in TYPICAL_SIZE_M:
                continue
            score = float(found.scores[k])
            rows, claimed = _claim(found.boxes_px[k], kind, pixels, depth, visible, cloud, clusters, taken, config)
            if len(rows):
                taken[claimed] = len(objects)
                objects.append(_Object(rows, kind, score))
            else:
                if len(cloud.points_ego_m) and kind in SOLID:
                    continue
                standing = _on_ground(found.boxes_px[k], kind, image, config)
                if standing is not None:
                    flat.append((standing, kind, score * config.camera_only_score))
    for number, rows in enumerate(clusters):
        if taken[number] < 0:
            box = fit_box(cloud.points_ego_m[rows], _floor(cloud, rows), boxes)
            kind, score = guess_class(box)
            if kind == ObjectClass.UNKNOWN and _is_scenery(box, config):
                continue
            objects.append(_Object(rows, kind, score * (config.lidar_only_in_view if in_view[number] else 1.0)))
    return _boxes(cloud, objects, flat, boxes)


def _into_picture(image: Image, points_ego_m: Float32Array) -> tuple[FloatArray, FloatArray]:
    return project(image.camera.intrinsics, transform_points(invert(image.camera.ego_from_camera), points_ego_m))


def _claim(
    box_px: FloatArray,
    kind: ObjectClass,
    pixels: FloatArray,
    depth: FloatArray,
    visible: np.ndarray[tuple[int], np.dtype[np.bool_]],
    cloud: Cloud,
    clusters: Sequence[IntArray],
    taken: IntArray,
    config: FusionConfig,
) -> tuple[IntArray, IntArray]:
    """Points that belong to a camera box and the clusters it takes over."""
    none = np.zeros(0, np.int64)
    margin = config.shrink * (box_px[2:] - box_px[:2])
    with np.errstate(invalid="ignore"):
        inside = visible & (pixels >= box_px[:2] + margin).all(1) & (pixels <= box_px[2:] - margin).all(1)
    solid = np.flatnonzero(inside & (cloud.cluster >= 0))
    if len(solid) < config.min_frustum_points:
        return none, none
    numbers, counts = np.unique(cloud.cluster[solid], return_counts=True)
    owned = []
    for number, count in zip(numbers, counts, strict=True):
        if taken[number] < 0 and count >= config.min_inside * len(clusters[number]):
            owned.append(int(number))
    length = TYPICAL_SIZE_M[kind][0]
    nearest = _front_depth(depth[solid], config)
    owned = [n for n in owned if abs(float(np.median(depth[clusters[n]])) - nearest) < 0.5 * length + 1.5]
    if owned:
        return np.concatenate([clusters[n] for n in owned]), np.array(owned, np.int64)
    slab = solid[(depth[solid] > nearest - 0.5) & (depth[solid] < nearest + length)]
    slab = slab[[taken[cloud.cluster[row]] < 0 for row in slab]] if len(slab) else slab
    return (slab, none) if len(slab) >= config.min_frustum_points else (none, none)


def _front_depth(depth: FloatArray, config: FusionConfig) -> float:
    """Depth of the nearest group of points: the object, not what is seen past it."""
    order = np.sort(depth)
    count = np.searchsorted(order, order + config.depth_bin_m, side="right") - np.arange(len(order))
    enough = max(config.min_frustum_points, int(0.15 * len(order)))
    dense = np.flatnonzero(count >= enough)
    return float(order[dense[0]] if len(dense) else order[len(order) // 2])


def _on_ground(box_px: FloatArray, kind: ObjectClass, image: Image, config: FusionConfig) -> FloatArray | None:
    """Box of an object whose picture touches the ground plane z = 0 of the ego frame at its lower edge."""
    camera = image.camera
    if box_px[3] >= camera.height - 2:
        return None  # cut off below: its foot is not in the picture
    u, v = (box_px[0] + box_px[2]) / 2, box_px[3]
    ray = np.linalg.solve(camera.intrinsics, np.array([u, v, 1.0]))
    direction = camera.ego_from_camera[:3, :3] @ ray
    origin = camera.ego_from_camera[:3, 3]
    if direction[2] > -1e-3:
        return None
    foot = origin - direction * (origin[2] / direction[2])
    distance = float(np.hypot(foot[0], foot[1]))
    if distance > config.camera_only_range_m:
        return None
    length, width, height = TYPICAL_SIZE_M[kind]
    outward = foot[:2] / max(distance, 1e-6) * (min(length, width) / 2)
    yaw = 0.0
    return np.array([foot[0] + outward[0], foot[1] + outward[1], height / 2, length, width, height, yaw])


def _floor(cloud: Cloud, rows: IntArray) -> float:
    """Height of the ground under a cluster."""
    return float(np.median(cloud.points_ego_m[rows, 2] - cloud.above_ground_m[rows]))


def _is_scenery(box_m: FloatArray, config: FusionConfig) -> bool:
    far = float(np.hypot(box_m[0], box_m[1])) > config.max_unknown_range_m
    return far or float(box_m[3]) > config.max_unknown_length_m


def _boxes(
    cloud: Cloud, objects: Sequence[_Object], flat: Sequence[tuple[FloatArray, ObjectClass, float]], boxes: BoxConfig
) -> Detections3D:
    fitted = [complete_box(fit_box(cloud.points_ego_m[o.rows], _floor(cloud, o.rows), boxes), o.kind) for o in objects]
    rows = [(b, o.score, o.kind, len(o.rows)) for b, o in zip(fitted, objects, strict=True)]
    rows += [(b, score, kind, 0) for b, kind, score in flat]
    if not rows:
        return Detections3D.empty()
    rows.sort(key=lambda row: -row[1])
    box = np.array([row[0] for row in rows])
    keep = _without_doubles(box)
    return Detections3D(
        box[keep],
        np.array([rows[k][1] for k in keep]),
        np.array([rows[k][2].value for k in keep], np.int64),
        np.array([rows[k][3] for k in keep], np.int64),
    )


def _without_doubles(boxes_m: FloatArray, max_iou: float = 0.3) -> IntArray:
    """Rows kept when, best first, boxes that overlap a kept one are dropped: two solid things do not share a place."""
    iou = iou_bev(boxes_m, boxes_m)
    kept: list[int] = []
    for k in range(len(boxes_m)):
        if not kept or float(iou[k, kept].max()) < max_iou:
            kept.append(k)
    return np.array(kept, np.int64)
