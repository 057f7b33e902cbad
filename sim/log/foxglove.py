"""Frames, detections and plans as Foxglove's schemas, to be looked at. Pure functions: records in, messages out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from foxglove_schemas_protobuf.CameraCalibration_pb2 import CameraCalibration
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.FrameTransforms_pb2 import FrameTransforms
from foxglove_schemas_protobuf.ImageAnnotations_pb2 import ImageAnnotations
from foxglove_schemas_protobuf.LocationFix_pb2 import LocationFix
from foxglove_schemas_protobuf.PackedElementField_pb2 import PackedElementField
from foxglove_schemas_protobuf.PointCloud_pb2 import PointCloud
from foxglove_schemas_protobuf.PointsAnnotation_pb2 import PointsAnnotation
from foxglove_schemas_protobuf.SceneUpdate_pb2 import SceneUpdate
from scipy.spatial.transform import Rotation

from perception.frame import CameraModel, FloatArray, Gnss, Sweep
from perception.objects import Detections2D, ObjectClass, Tracks
from planning.records import Plan

COLORS: dict[ObjectClass, tuple[float, float, float]] = {
    ObjectClass.UNKNOWN: (0.6, 0.6, 0.6),
    ObjectClass.CAR: (0.13, 0.59, 0.95),
    ObjectClass.TRUCK: (1.0, 0.6, 0.0),
    ObjectClass.BUS: (1.0, 0.85, 0.2),
    ObjectClass.MOTORCYCLE: (0.6, 0.4, 0.9),
    ObjectClass.BICYCLE: (0.0, 0.75, 0.65),
    ObjectClass.PEDESTRIAN: (0.95, 0.26, 0.4),
    ObjectClass.TRAFFIC_LIGHT: (0.45, 0.85, 0.3),
}


def stamp(message: Any, t_us: int) -> None:
    """Set a message's timestamp from microseconds."""
    message.timestamp.FromMicroseconds(t_us)


def image_message(data: bytes, encoding: str, name: str, t_us: int) -> CompressedImage:
    """An encoded picture (``png``, ``jpeg``)."""
    message = CompressedImage(frame_id=f"camera_{name}", data=data, format=encoding)
    stamp(message, t_us)
    return message


def calibration_message(camera: CameraModel, name: str, t_us: int) -> CameraCalibration:
    """Pinhole calibration; the mounting pose is in the transforms."""
    k = camera.intrinsics
    message = CameraCalibration(frame_id=f"camera_{name}", width=camera.width, height=camera.height)
    message.K.extend(k.ravel().tolist())
    message.R.extend(np.eye(3).ravel().tolist())
    message.P.extend(np.column_stack([k, np.zeros(3)]).ravel().tolist())
    stamp(message, t_us)
    return message


def cloud_message(sweep: Sweep, name: str, t_us: int) -> PointCloud:
    """Points x y z intensity as packed float32."""
    packed = np.column_stack([sweep.points_lidar_m, sweep.intensity]).astype("<f4")
    message = PointCloud(frame_id=f"lidar_{name}", point_stride=16, data=packed.tobytes())
    message.pose.orientation.w = 1.0
    for number, field in enumerate(("x", "y", "z", "intensity")):
        message.fields.append(PackedElementField(name=field, offset=4 * number, type=PackedElementField.FLOAT32))
    stamp(message, t_us)
    return message


def points_of(message: PointCloud) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Points ``(n, 3)`` and intensities ``(n,)`` of a message written by ``cloud_message``."""
    packed = np.frombuffer(message.data, "<f4").reshape(-1, 4)
    return np.ascontiguousarray(packed[:, :3], np.float32), np.ascontiguousarray(packed[:, 3], np.float32)


def fix_message(gnss: Gnss, t_us: int) -> LocationFix:
    """A GNSS fix."""
    message = LocationFix(
        frame_id="ego", latitude=gnss.latitude_deg, longitude=gnss.longitude_deg, altitude=gnss.altitude_m
    )
    stamp(message, t_us)
    return message


def transforms_message(poses: Iterable[tuple[str, str, FloatArray]], t_us: int) -> FrameTransforms:
    """Rows (parent, child, parent_from_child)."""
    message = FrameTransforms()
    for parent, child, matrix in poses:
        transform = message.transforms.add(parent_frame_id=parent, child_frame_id=child)
        stamp(transform, t_us)
        transform.translation.x, transform.translation.y, transform.translation.z = matrix[:3, 3]
        q = Rotation.from_matrix(matrix[:3, :3]).as_quat()
        transform.rotation.x, transform.rotation.y, transform.rotation.z, transform.rotation.w = q
    return message


def annotation_message(found: Detections2D, t_us: int) -> ImageAnnotations:
    """Detected boxes over the picture."""
    message = ImageAnnotations()
    for box, kind, score in zip(found.boxes_px, found.classes, found.scores, strict=True):
        color = COLORS[ObjectClass(int(kind))]
        points = message.points.add(type=PointsAnnotation.LINE_LOOP, thickness=2.0)
        stamp(points, t_us)
        for x, y in ((box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])):
            points.points.add(x=x, y=y)
        points.outline_color.r, points.outline_color.g, points.outline_color.b = color
        points.outline_color.a = 1.0
        text = message.texts.add(text=f"{ObjectClass(int(kind)).name.lower()} {score:.2f}", font_size=10.0)
        stamp(text, t_us)
        text.position.x, text.position.y = box[0], box[1]
        text.text_color.r = text.text_color.g = text.text_color.b = text.text_color.a = 1.0
    return message


def scene_message(tracks: Tracks | None, plan: Plan | None, t_us: int) -> SceneUpdate:
    """Tracks as boxes with velocity arrows, the plan as a line, in the world frame."""
    message = SceneUpdate()
    if tracks is not None:
        entity = message.entities.add(frame_id="world", id="tracks")
        stamp(entity, t_us)
        for box, kind, velocity in zip(tracks.boxes_world_m, tracks.classes, tracks.velocity_world_mps, strict=True):
            cube = entity.cubes.add()
            _place(cube.pose, box[:3], float(box[6]))
            cube.size.x, cube.size.y, cube.size.z = box[3:6]
            cube.color.r, cube.color.g, cube.color.b = COLORS[ObjectClass(int(kind))]
            cube.color.a = 0.5
            speed = float(np.hypot(*velocity))
            if speed > 0.5:
                arrow = entity.arrows.add(shaft_length=speed, shaft_diameter=0.1, head_length=0.4, head_diameter=0.3)
                _place(arrow.pose, box[:3], float(np.arctan2(velocity[1], velocity[0])))
                arrow.color.CopyFrom(cube.color)
    if plan is not None:
        entity = message.entities.add(frame_id="world", id="plan")
        stamp(entity, t_us)
        line = entity.lines.add(thickness=0.3)
        line.pose.orientation.w = 1.0
        z = 0.0 if tracks is None else float(tracks.ego.world_from_ego[2, 3])
        for x, y, _ in plan.points_world_m:
            line.points.add(x=x, y=y, z=z + 0.2)
        line.color.g = line.color.a = 1.0
    return message


def _place(pose: Any, position: FloatArray, yaw_rad: float) -> None:
    pose.position.x, pose.position.y, pose.position.z = position
    pose.orientation.z, pose.orientation.w = np.sin(yaw_rad / 2), np.cos(yaw_rad / 2)
