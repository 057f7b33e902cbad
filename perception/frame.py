"""``Frame``: all that the car may know at one instant, and nothing else.

Frames (right-handed, ROS REP-103): ``ego`` is x forward, y left, z up, origin on the ground under the centre of
the footprint; a camera is optical (z forward, x right, y down); a LiDAR is x forward, y left, z up; ``world`` is
x east-ish, y left of it, z up, its origin the map's (for CARLA maps: CARLA's world with y negated).
Poses are 4x4 ``dst_from_src`` matrices. SI units, radians, integer microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]


class RecordError(ValueError):
    """A record does not have the shape, dtype or values that its definition demands."""


def check(name: str, array: npt.NDArray[Any], shape: tuple[int | None, ...], dtype: npt.DTypeLike) -> None:
    """Raise RecordError unless ``array`` has ``shape`` (None = any) and ``dtype``; says what came."""
    if not isinstance(array, np.ndarray):
        raise RecordError(f"{name}: expected an array {shape} {np.dtype(dtype)}, got {type(array).__name__}")
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=False))
    if not fits or array.dtype != np.dtype(dtype):
        raise RecordError(f"{name}: expected {shape} {np.dtype(dtype)}, got {array.shape} {array.dtype}")


def _check_pose(name: str, pose: npt.NDArray[Any]) -> None:
    check(name, pose, (4, 4), np.float64)
    if not np.isfinite(pose).all() or not np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-6):
        raise RecordError(f"{name}: not a rigid transform")


@dataclass(frozen=True)
class CameraModel:
    """Pinhole camera: ``intrinsics (3, 3)`` in pixels, ``ego_from_camera (4, 4)`` (camera is optical)."""

    width: int
    height: int
    intrinsics: FloatArray
    ego_from_camera: FloatArray

    def __post_init__(self) -> None:
        check("CameraModel.intrinsics", self.intrinsics, (3, 3), np.float64)
        _check_pose("CameraModel.ego_from_camera", self.ego_from_camera)


@dataclass(frozen=True)
class Image:
    """One picture: ``bgr (h, w, 3) uint8`` as the camera gave it, and the camera that took it."""

    bgr: npt.NDArray[np.uint8]
    camera: CameraModel

    def __post_init__(self) -> None:
        check("Image.bgr", self.bgr, (self.camera.height, self.camera.width, 3), np.uint8)


@dataclass(frozen=True)
class Sweep:
    """One LiDAR sweep: ``points_lidar_m (n, 3)`` and ``intensity (n,)`` 0..1, both float32, in the LiDAR frame."""

    points_lidar_m: Float32Array
    intensity: Float32Array
    ego_from_lidar: FloatArray

    def __post_init__(self) -> None:
        check("Sweep.points_lidar_m", self.points_lidar_m, (None, 3), np.float32)
        check("Sweep.intensity", self.intensity, (len(self.points_lidar_m),), np.float32)
        _check_pose("Sweep.ego_from_lidar", self.ego_from_lidar)


@dataclass(frozen=True)
class Imu:
    """``acceleration_mps2 (3,)`` specific force and ``angular_velocity_radps (3,)`` in the ego axes (x fwd, y left,
    z up); ``heading_rad`` is the compass as a world yaw (counter-clockwise from world x), NaN where there is none."""

    acceleration_mps2: FloatArray
    angular_velocity_radps: FloatArray
    heading_rad: float

    def __post_init__(self) -> None:
        check("Imu.acceleration_mps2", self.acceleration_mps2, (3,), np.float64)
        check("Imu.angular_velocity_radps", self.angular_velocity_radps, (3,), np.float64)


@dataclass(frozen=True)
class Gnss:
    """``position_world_m (3,)`` of the antenna: the fix projected to the map's local frame; and the raw fix in
    degrees and metres."""

    position_world_m: FloatArray
    latitude_deg: float
    longitude_deg: float
    altitude_m: float

    def __post_init__(self) -> None:
        check("Gnss.position_world_m", self.position_world_m, (3,), np.float64)


@dataclass(frozen=True)
class VehicleModel:
    """The car that is driven: sizes in metres, ``max_steer_rad`` of the (virtual) front centre wheel."""

    length_m: float
    width_m: float
    height_m: float
    wheelbase_m: float
    rear_axle_to_center_m: float  # distance from the rear axle forward to the footprint's centre (ego origin)
    max_steer_rad: float


@dataclass(frozen=True)
class Frame:
    """Everything sensed at ``t_us`` (frame number ``index``). Sensors that were not due, failed or were cut out by
    a fault are absent from their mapping and named in ``missing``; nothing is silently reused."""

    index: int
    t_us: int
    images: Mapping[str, Image] = field(default_factory=lambda: MappingProxyType({}))
    sweeps: Mapping[str, Sweep] = field(default_factory=lambda: MappingProxyType({}))
    imu: Imu | None = None
    gnss: Gnss | None = None
    speed_mps: float = float("nan")  # from wheel odometry, signed along the car
    steer_rad: float = float("nan")  # road-wheel angle, left positive
    missing: tuple[str, ...] = ()
