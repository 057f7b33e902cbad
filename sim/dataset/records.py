"""The labels of a data set as it lies on disk: one ``Labels`` a frame, one ``SceneInfo`` a scene. JSON both ways.

World and ego frames are right-handed (ego: x forward, y left, z up, origin on the ground under the footprint's centre;
cameras optical), metres, radians, microseconds. Image boxes are ``x0 y0 x1 y1`` in pixels, continuous, origin at the
outer corner of the top-left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter

from perception.frame import FloatArray

CATEGORIES = ("car", "van", "truck", "bus", "motorcycle", "bicycle", "adult", "child")
"""Of objects. Motorcycles and bicycles include whoever rides them."""
TWO_WHEELERS = ("motorcycle", "bicycle")

Box = tuple[float, float, float, float]
Vec = tuple[float, float, float]
Pose = tuple[tuple[float, ...], ...]
"""A 4x4 matrix ``dst_from_src`` by rows."""


@dataclass(frozen=True)
class ObjectLabel:
    """One road user in one frame.

    id: within its scene, the same in all frames. center_world_m, size_m (length, width, height) and the rotation
    (yaw, pitch, roll) of its box. lidar_points: hits on it over all LiDARs (-1 without one). in_wheelchair: a person
    that sits in one, which is part of the object.
    """

    id: int
    category: str
    type_id: str
    center_world_m: Vec
    size_m: Vec
    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    velocity_world_mps: Vec
    lidar_points: int
    in_wheelchair: bool = False


@dataclass(frozen=True)
class ViewLabel:
    """An object in one camera's picture.

    visible_px: tight box of its visible pixels, None where there are none. amodal_px: box of its whole outline as if
    nothing stood before it, cut to the picture. projected_px: of its 3-D box's corners, not cut. pixels: visible ones;
    amodal_pixels: of the whole outline inside the picture (-1: not known). visibility: pixels over amodal ones.
    truncation: share of the projected outline outside the picture. occlusion: 0 free, 1 partly, 2 largely hidden,
    3 wholly. order: 0 for the nearest in this picture. depth_m: mean of its visible pixels along the optical axis.
    For two-wheelers: rider_px, rider_pixels of the person on it, body_px, body_pixels of the machine alone.
    """

    id: int
    visible_px: Box | None
    amodal_px: Box
    projected_px: Box
    pixels: int
    amodal_pixels: int
    visibility: float
    truncation: float
    occlusion: int
    order: int
    depth_m: float | None
    rider_px: Box | None = None
    rider_pixels: int = 0
    body_px: Box | None = None
    body_pixels: int = 0


@dataclass(frozen=True)
class LightLabel:
    """One traffic-light head that shows its face to a camera. state: red, yellow, green, off, unknown."""

    signal: str
    state: str
    full_px: Box
    visible_px: Box | None
    pixels: int
    visibility: float
    truncation: float


@dataclass(frozen=True)
class ImageLine:
    """A piece of a lane line in a picture: points (u, v) and whether each can be seen. line: row in ``lane_lines``."""

    line: int
    points_px: tuple[tuple[float, float], ...]
    seen: tuple[bool, ...]


@dataclass(frozen=True)
class CameraLabels:
    """Everything labelled in one picture."""

    objects: tuple[ViewLabel, ...] = ()
    lights: tuple[LightLabel, ...] = ()
    lane_lines: tuple[ImageLine, ...] = ()


@dataclass(frozen=True)
class LaneLine:
    """A lane line near the car: kind (solid, broken, ...), colour, points in the ego frame."""

    kind: str
    color: str
    points_ego_m: tuple[Vec, ...]


@dataclass(frozen=True)
class Labels:
    """One frame: ``index`` and ``t_us`` within its scene, ``key``: a key frame of a sequence (shots: always)."""

    index: int
    t_us: int
    key: bool
    world_from_ego: Pose
    ego_velocity_mps: Vec
    weather: dict[str, float]
    objects: tuple[ObjectLabel, ...]
    cameras: dict[str, CameraLabels]
    lane_lines: tuple[LaneLine, ...] = ()
    lights: dict[str, str] = field(default_factory=dict)

    def object(self, number: int) -> ObjectLabel:
        """The object of an id. Raises KeyError."""
        for label in self.objects:
            if label.id == number:
                return label
        raise KeyError(f"frame {self.index} has no object {number}")


@dataclass(frozen=True)
class CameraInfo:
    """Of one camera: size, intrinsics (3x3, pixels), pose on the car."""

    width: int
    height: int
    intrinsics: Pose
    ego_from_camera: Pose


@dataclass(frozen=True)
class LidarInfo:
    """Of one LiDAR: pose on the car, and its channels, evenly from the lower to the upper elevation."""

    ego_from_lidar: Pose
    channels: int
    lower_deg: float
    upper_deg: float


@dataclass(frozen=True)
class SceneInfo:
    """What holds for all frames of a scene. amodal: how whole outlines were found: ``silhouettes`` (rendered alone)
    or ``projected boxes``."""

    name: str
    map: str
    weather: str
    split: str
    mode: str
    seed: int
    frame_s: float
    frames: int
    picture: str  # file ending of the camera's pictures
    ego_type: str
    ego_size_m: Vec
    cameras: dict[str, CameraInfo]
    lidars: dict[str, LidarInfo]
    has_masks: bool
    has_depth: bool
    has_flow: bool
    amodal: str


T = TypeVar("T")


def to_json(record: Any) -> bytes:
    """A record as JSON. Who makes a record rounds its numbers, so that the same labels are the same bytes."""
    return TypeAdapter(type(record)).dump_json(record, indent=1) + b"\n"


def from_json(kind: type[T], file: Path) -> T:
    """A record read back. Raises ValueError naming the file where it is damaged."""
    try:
        return TypeAdapter(kind).validate_json(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file}: damaged: {str(error).splitlines()[0]}; delete its scene and render again") from error


def pose_rows(pose: FloatArray) -> Pose:
    """A matrix as nested tuples, rounded to a nanometre or nanoradian."""
    return tuple(tuple(round(float(v), 9) + 0.0 for v in row) for row in pose)


def matrix_of(pose: Pose) -> FloatArray:
    """The matrix of nested tuples."""
    return np.array(pose, np.float64)


def vec(values: Any, digits: int = 4) -> Any:
    """A tuple of rounded numbers (0.1 mm for metres)."""
    return tuple(round(float(v), digits) + 0.0 for v in values)
