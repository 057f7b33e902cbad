"""``Capture``: one instant as sensors and simulator gave it, right-handed, before anything is labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from perception.frame import CameraModel, FloatArray
from perception.objects import IntArray

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Body:
    """A road user as the simulator knows it: pose, box in its own frame, velocity."""

    actor_id: int
    category: str
    type_id: str
    world_from_actor: FloatArray  # (4, 4)
    box_center_m: FloatArray  # (3,) in the actor's frame
    size_m: FloatArray  # (3,) length, width, height
    velocity_mps: FloatArray  # (3,) world
    in_wheelchair: bool = False


@dataclass(frozen=True)
class Silhouettes:
    """What each actor would cover of a picture without others before it: rows by actor. boxes are cut to the picture
    (NaN where nothing lies in it)."""

    actor_id: IntArray  # (n,)
    amodal_px: FloatArray  # (n, 4)
    amodal_pixels: IntArray  # (n,)


@dataclass(frozen=True)
class CameraCapture:
    """One camera's pictures: bgr (h, w, 3); numbers (h, w) of instances and tags (h, w), semantic, as CARLA's instance
    camera gives them; depth_m (h, w) along the axis; flow_px (h, w, 2) from the frame before to this one."""

    model: CameraModel
    bgr: U8
    numbers: U16
    tags: U8
    depth_m: F32 | None = None
    flow_px: F32 | None = None
    silhouettes: Silhouettes | None = None


@dataclass(frozen=True)
class SweepCapture:
    """One sweep in the LiDAR's frame: points (n, 4) x y z intensity; actor ids (n,) and tags (n,) of what was hit, None
    without a semantic LiDAR; 0 where it is not known."""

    points: F32
    ego_from_lidar: FloatArray
    actor_id: IntArray | None = None
    tag: U8 | None = None


@dataclass(frozen=True)
class Capture:
    """Everything of one frame. lights: signal id -> LightState."""

    index: int
    t_us: int
    world_from_ego: FloatArray
    ego_velocity_mps: FloatArray
    weather: Mapping[str, float]
    bodies: tuple[Body, ...]
    cameras: Mapping[str, CameraCapture]
    sweeps: Mapping[str, SweepCapture] = field(default_factory=dict)
    lights: Mapping[str, int] = field(default_factory=dict)
