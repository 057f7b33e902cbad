"""CARLA's left-handed degrees to our right-handed radians and back: the one place where handedness is converted.

CARLA: x forward, y right, z up, yaw clockwise seen from above. Here: y left, yaw counter-clockwise. With
S = diag(1, -1, 1): points S p, matrices S M S, axial vectors (turn rates) -S w, because a mirror turns them around.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from perception.frame import CameraModel, FloatArray, Gnss, Imu

if TYPE_CHECKING:
    import carla

MIRROR = np.array([1.0, -1.0, 1.0])
MIRROR_4 = np.diag([1.0, -1.0, 1.0, 1.0])
OPTICAL_FROM_SENSOR = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""Rotation from x forward, y left, z up to x right, y down, z forward."""
EARTH_RADIUS_M = 6378137.0
MERCATOR_SCALE = 0.9996  # both as the client's ``Map.transform_to_geolocation`` has them


def mirrored(points: npt.ArrayLike) -> FloatArray:
    """Points or polar vectors ``(..., 3)`` from either handedness to the other."""
    return np.asarray(points, dtype=np.float64) * MIRROR


def vector(value: carla.Vector3D) -> FloatArray:
    """A CARLA location or vector as a right-handed ``(3,)``."""
    return np.array([value.x, -value.y, value.z], dtype=np.float64)


def turn_rate(value: carla.Vector3D) -> FloatArray:
    """A CARLA angular velocity as a right-handed ``(3,)``, in the unit it had."""
    return np.array([-value.x, value.y, -value.z], dtype=np.float64)


def matrix(transform: carla.Transform) -> FloatArray:
    """``(4, 4)`` right-handed pose of a CARLA transform. Computed in double precision from its angles."""
    rotation = transform.rotation
    sp, cp = math.sin(math.radians(rotation.pitch)), math.cos(math.radians(rotation.pitch))
    sy, cy = math.sin(math.radians(rotation.yaw)), math.cos(math.radians(rotation.yaw))
    sr, cr = math.sin(math.radians(rotation.roll)), math.cos(math.radians(rotation.roll))
    pose = np.eye(4)
    pose[:3, :3] = [  # columns: forward, right, up axes, as in Unreal's FRotationMatrix
        [cp * cy, sr * sp * cy - cr * sy, -(cr * sp * cy + sr * sy)],
        [cp * sy, sr * sp * sy + cr * cy, cy * sr - cr * sp * sy],
        [sp, -sr * cp, cr * cp],
    ]
    pose[:3, 3] = transform.location.x, transform.location.y, transform.location.z
    return MIRROR_4 @ pose @ MIRROR_4


def carla_transform(pose: FloatArray) -> carla.Transform:
    """CARLA transform of a right-handed pose ``(4, 4)``; inverse of ``matrix`` (roll 0 where pitch is +-90 degrees)."""
    import carla

    left = MIRROR_4 @ pose @ MIRROR_4
    pitch = math.asin(max(-1.0, min(1.0, float(left[2, 0]))))
    if abs(left[2, 0]) > 1.0 - 1e-9:
        yaw, roll = math.atan2(-float(left[0, 1]), float(left[1, 1])), 0.0
    else:
        yaw = math.atan2(float(left[1, 0]), float(left[0, 0]))
        roll = math.atan2(-float(left[2, 1]), float(left[2, 2]))
    return carla.Transform(
        carla.Location(float(left[0, 3]), float(left[1, 3]), float(left[2, 3])),
        carla.Rotation(math.degrees(pitch), math.degrees(yaw), math.degrees(roll)),
    )


def mounting(x_m: float, y_m: float, z_m: float, yaw_rad: float = 0.0, pitch_rad: float = 0.0) -> FloatArray:
    """``ego_from_sensor (4, 4)`` of a sensor at x, y (left), z, turned left by yaw and its nose lifted by pitch."""
    cy, sy, cp, sp = math.cos(yaw_rad), math.sin(yaw_rad), math.cos(pitch_rad), math.sin(pitch_rad)
    pose = np.eye(4)
    pose[:3, :3] = [[cy * cp, -sy, -cy * sp], [sy * cp, cy, -sy * sp], [sp, 0.0, cp]]
    pose[:3, 3] = x_m, y_m, z_m
    return pose


def camera_model(width: int, height: int, fov_rad: float, ego_from_sensor: FloatArray) -> CameraModel:
    """Pinhole model of a CARLA camera: horizontal field of view, square pixels, centre in the middle."""
    focal = 0.5 * width / math.tan(0.5 * fov_rad)
    intrinsics = np.array([[focal, 0.0, 0.5 * width], [0.0, focal, 0.5 * height], [0.0, 0.0, 1.0]])
    pose = ego_from_sensor.copy()
    pose[:3, :3] = ego_from_sensor[:3, :3] @ OPTICAL_FROM_SENSOR.T
    return CameraModel(width, height, intrinsics, pose)


def bgr(image: Any) -> npt.NDArray[np.uint8]:
    """Pixels ``(h, w, 3)`` of a CARLA image, copied: the client reuses its buffer."""
    pixels = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
    return cast(npt.NDArray[np.uint8], cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR))  # ten times as fast as a strided copy


def sweep_points(measurement: Any) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """``points_lidar_m (n, 3)`` right-handed and ``intensity (n,)`` of a CARLA LiDAR measurement."""
    raw = np.frombuffer(measurement.raw_data, np.float32).reshape(-1, 4)
    return raw[:, :3] * MIRROR.astype(np.float32), np.ascontiguousarray(raw[:, 3])


def imu(measurement: Any) -> Imu:
    """CARLA's accelerometer, gyroscope and compass (0 = world -y, clockwise) in our axes."""
    heading = 0.5 * math.pi - measurement.compass
    return Imu(
        acceleration_mps2=vector(measurement.accelerometer),
        angular_velocity_radps=turn_rate(measurement.gyroscope),
        heading_rad=math.atan2(math.sin(heading), math.cos(heading)),
    )


def gnss(measurement: Any, origin_deg: tuple[float, float]) -> Gnss:
    """The fix, and its place in the map whose origin is (latitude, longitude)."""
    latitude, longitude = measurement.latitude, measurement.longitude
    x, y = local_from_geographic(latitude, longitude, origin_deg)
    return Gnss(np.array([x, -y, measurement.altitude]), latitude, longitude, measurement.altitude)


def local_from_geographic(
    latitude_deg: float, longitude_deg: float, origin_deg: tuple[float, float]
) -> tuple[float, float]:
    """CARLA's x and y (left-handed, m) of a geographic position: the inverse of ``Map.transform_to_geolocation``.

    Spherical transverse Mercator; CARLA's y goes into the latitude without a change of sign.
    """
    latitude = math.radians(latitude_deg)
    away = math.radians(longitude_deg - origin_deg[1])
    x = math.atanh(math.cos(latitude) * math.sin(away))
    y = math.atan2(math.sin(latitude), math.cos(latitude) * math.cos(away)) - math.radians(origin_deg[0])
    return MERCATOR_SCALE * EARTH_RADIUS_M * x, MERCATOR_SCALE * EARTH_RADIUS_M * y
