"""Stream messages of the sensors: values in, little-endian packed bytes out (CARLA 0.9.16).

A message is the 48-byte header of ``header`` followed by one body. The client trusts every byte: a wrong
stream index or a short body ends its process, so shapes are checked here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

HEADER_BYTES = 48
_HEADER = struct.Struct("<QQd6f")
_IMAGE = struct.Struct("<IIf")
_DEGREES = 180.0 / np.pi

ActorValue = Sequence[Any]
"""An actor as the wire wants it: [id, parent, description, bounding box, tags, token]; see ``structs``."""


class StreamIndex(IntEnum):
    """Sensor type index of the header: how the client decodes the body."""

    COLLISION = 0
    DEPTH = 1
    NORMALS = 2
    DVS = 3
    GNSS = 4
    IMU = 5
    OBSTACLE = 7
    OPTICAL_FLOW = 8
    RADAR = 9
    SEMANTIC_LIDAR = 10
    LIDAR = 11
    RGB = 13
    SEMANTIC = 14
    INSTANCE = 15
    COSMOS = 16
    WORLD = 17
    GBUFFER_UINT8 = 18
    GBUFFER_FLOAT = 19
    V2X_CAM = 20
    V2X_CUSTOM = 21


DVS_EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("pol", "u1")])
"""One event of the dynamic vision sensor, 13 bytes; t in nanoseconds, pol 1 = brighter, 0 = darker."""


def header(index: int, frame: int, elapsed_s: float, position_m: npt.ArrayLike, rotation_rad: npt.ArrayLike) -> bytes:
    """The 48 bytes before every body. rotation_rad = pitch, yaw, roll; the wire has degrees."""
    position = np.asarray(position_m, np.float64)
    degrees = np.asarray(rotation_rad, np.float64) * _DEGREES
    return _HEADER.pack(index, frame, elapsed_s, *position.tolist(), *degrees.tolist())


def image_body(bgra: npt.NDArray[np.uint8], fov_deg: float) -> bytes:
    """Any 4-byte-per-pixel image. bgra (h, w, 4), top row first; fov_deg horizontal."""
    if bgra.ndim != 3 or bgra.shape[2] != 4 or bgra.dtype != np.uint8:
        raise ValueError(f"image: expected (h, w, 4) uint8, got {bgra.shape} {bgra.dtype}")
    return _IMAGE.pack(bgra.shape[1], bgra.shape[0], fov_deg) + bgra.tobytes()


def flow_body(flow: npt.NDArray[np.float32], fov_deg: float) -> bytes:
    """Optical flow (h, w, 2) float32: motion right and down as a share of the image size."""
    if flow.ndim != 3 or flow.shape[2] != 2 or flow.dtype != np.float32:
        raise ValueError(f"optical flow: expected (h, w, 2) float32, got {flow.shape} {flow.dtype}")
    return _IMAGE.pack(flow.shape[1], flow.shape[0], fov_deg) + flow.tobytes()


def dvs_body(width: int, height: int, fov_deg: float, events: npt.NDArray[Any]) -> bytes:
    """Events (n,) of ``DVS_EVENT`` in the order of their time."""
    if events.dtype != DVS_EVENT or events.ndim != 1:
        raise ValueError(f"events: expected (n,) DVS_EVENT, got {events.shape} {events.dtype}")
    return _IMAGE.pack(width, height, fov_deg) + events.tobytes()


def lidar_body(horizontal_angle_rad: float, points_per_channel: npt.ArrayLike, xyzi: npt.NDArray[np.float32]) -> bytes:
    """Points (n, 4) float32 x, y, z, intensity in the sensor frame, sorted by channel.

    points_per_channel (channels,) must add up to n.
    """
    if xyzi.ndim != 2 or xyzi.shape[1] != 4 or xyzi.dtype != np.float32:
        raise ValueError(f"lidar: expected (n, 4) float32, got {xyzi.shape} {xyzi.dtype}")
    head = _scan_header(horizontal_angle_rad, points_per_channel, len(xyzi))
    return b"".join((head, np.ascontiguousarray(xyzi).data))


def semantic_lidar_body(
    horizontal_angle_rad: float,
    points_per_channel: npt.ArrayLike,
    xyz_cos: npt.NDArray[np.float32],
    object_id: npt.NDArray[np.uint32],
    tag: npt.NDArray[np.uint32],
) -> bytes:
    """Points (n, 4) float32 x, y, z, cosine of incidence; object_id (n,) actor id, 0 = static; tag (n,)."""
    if xyz_cos.ndim != 2 or xyz_cos.shape[1] != 4 or xyz_cos.dtype != np.float32:
        raise ValueError(f"semantic lidar: expected (n, 4) float32, got {xyz_cos.shape} {xyz_cos.dtype}")
    n = len(xyz_cos)
    if object_id.shape != (n,) or tag.shape != (n,):
        raise ValueError(f"semantic lidar: expected ({n},) ids and tags, got {object_id.shape} and {tag.shape}")
    words = np.empty((n, 6), "<u4")
    words[:, :4] = np.ascontiguousarray(xyz_cos).view(np.uint32)
    words[:, 4] = object_id
    words[:, 5] = tag
    return b"".join((_scan_header(horizontal_angle_rad, points_per_channel, n), words.data))


def _scan_header(horizontal_angle_rad: float, points_per_channel: npt.ArrayLike, points: int) -> bytes:
    counts = np.asarray(points_per_channel, "<u4")
    if counts.ndim != 1 or int(counts.sum()) != points:
        raise ValueError(f"points_per_channel {counts.shape} adds up to {int(counts.sum())}, expected {points}")
    return struct.pack("<fI", horizontal_angle_rad, len(counts)) + counts.tobytes()


def radar_body(velocity_azimuth_altitude_depth: npt.NDArray[np.float32]) -> bytes:
    """Detections (n, 4) float32: m/s (positive = going away), azimuth rad, altitude rad, depth m."""
    detections = velocity_azimuth_altitude_depth
    if detections.ndim != 2 or detections.shape[1] != 4 or detections.dtype != np.float32:
        raise ValueError(f"radar: expected (n, 4) float32, got {detections.shape} {detections.dtype}")
    return detections.tobytes()


def gnss_body(latitude_deg: float, longitude_deg: float, altitude_m: float) -> bytes:
    """One position."""
    return _pack([float(latitude_deg), float(longitude_deg), float(altitude_m)])


def imu_body(accelerometer_mps2: npt.ArrayLike, gyroscope_radps: npt.ArrayLike, compass_rad: float) -> bytes:
    """Specific force (3,) and turn rate (3,) in the sensor frame; compass 0 = world -y, clockwise."""
    return _pack([_triple(accelerometer_mps2), _triple(gyroscope_radps), float(compass_rad)])


def collision_body(self_actor: ActorValue, other_actor: ActorValue, impulse_ns: npt.ArrayLike) -> bytes:
    """One contact: both actors as wire values and the impulse (3,) on the first, N s, world."""
    return _pack([self_actor, other_actor, _triple(impulse_ns)])


def obstacle_body(self_actor: ActorValue, other_actor: ActorValue, distance_m: float) -> bytes:
    """The nearest thing ahead: both actors as wire values and its distance."""
    return _pack([self_actor, other_actor, float(distance_m)])


def v2x_body(records: npt.NDArray[Any]) -> bytes:
    """Received messages (n,), one or more, of ``CAM_RECORD`` (464 bytes each) or ``CUSTOM_RECORD`` (136)."""
    if records.ndim != 1 or not len(records) or records.dtype.itemsize not in (464, 136):
        raise ValueError(
            f"V2X: expected (n,) records of 464 or 136 bytes, got {records.shape} {records.dtype.itemsize}"
        )
    return records.tobytes()


def _triple(vector: npt.ArrayLike) -> list[float]:
    values: list[float] = np.asarray(vector, np.float64).tolist()
    if len(values) != 3:
        raise ValueError(f"expected a vector of 3, got {len(values)}")
    return values


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed
