"""What perception says: ``Detections`` of one instant, ``Tracks`` over time with the ego estimate.

Object boxes: ``boxes_m (n, 7)`` = centre x y z, length, width, height, yaw (about z, counter-clockwise from x),
centre in the middle of the box. Image boxes: ``x0 y0 x1 y1`` pixels, continuous, origin at the corner of the
top-left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from perception.frame import FloatArray, RecordError, check

IntArray = npt.NDArray[np.int64]


class ObjectClass(IntEnum):
    """What a thing is. UNKNOWN: something solid that no classifier has named."""

    UNKNOWN = 0
    CAR = 1
    TRUCK = 2
    BUS = 3
    MOTORCYCLE = 4
    BICYCLE = 5
    PEDESTRIAN = 6
    TRAFFIC_LIGHT = 7


class LightState(IntEnum):
    """State of a traffic light; also CARLA's numbers for the first four."""

    RED = 0
    YELLOW = 1
    GREEN = 2
    OFF = 3
    UNKNOWN = 4


@dataclass(frozen=True)
class Detections2D:
    """Boxes in one camera: ``boxes_px (n, 4)``, ``scores (n,)``, ``classes (n,)`` (ObjectClass), ``light_state (n,)``
    (LightState; UNKNOWN for everything that is no traffic light)."""

    camera: str
    boxes_px: FloatArray
    scores: FloatArray
    classes: IntArray
    light_state: IntArray

    def __post_init__(self) -> None:
        n = len(self.boxes_px)
        check("Detections2D.boxes_px", self.boxes_px, (n, 4), np.float64)
        check("Detections2D.scores", self.scores, (n,), np.float64)
        check("Detections2D.classes", self.classes, (n,), np.int64)
        check("Detections2D.light_state", self.light_state, (n,), np.int64)


@dataclass(frozen=True)
class Detections3D:
    """Boxes in the ego frame: ``boxes_ego_m (n, 7)``, ``scores (n,)``, ``classes (n,)``, ``points (n,)`` LiDAR points
    inside (0 for camera-only boxes)."""

    boxes_ego_m: FloatArray
    scores: FloatArray
    classes: IntArray
    points: IntArray

    def __post_init__(self) -> None:
        n = len(self.boxes_ego_m)
        check("Detections3D.boxes_ego_m", self.boxes_ego_m, (n, 7), np.float64)
        check("Detections3D.scores", self.scores, (n,), np.float64)
        check("Detections3D.classes", self.classes, (n,), np.int64)
        check("Detections3D.points", self.points, (n,), np.int64)

    @staticmethod
    def empty() -> Detections3D:
        none = np.zeros(0, np.int64)
        return Detections3D(np.zeros((0, 7)), np.zeros(0), none, none)


@dataclass(frozen=True)
class Detections:
    """Everything detected in the frame ``index``: per camera, and fused in the ego frame."""

    index: int
    t_us: int
    cameras: tuple[Detections2D, ...]
    objects: Detections3D

    def camera(self, name: str) -> Detections2D | None:
        """Boxes of one camera, None where it gave none."""
        return next((d for d in self.cameras if d.camera == name), None)


@dataclass(frozen=True)
class EgoEstimate:
    """Where the car thinks it is: ``world_from_ego (4, 4)``, ``velocity_ego_mps (2,)`` along x and y of the ego frame,
    ``yaw_rate_radps``, ``acceleration_mps2`` along x, ``covariance (3, 3)`` of x, y, yaw."""

    world_from_ego: FloatArray
    velocity_ego_mps: FloatArray
    yaw_rate_radps: float
    acceleration_mps2: float
    covariance: FloatArray

    def __post_init__(self) -> None:
        check("EgoEstimate.world_from_ego", self.world_from_ego, (4, 4), np.float64)
        check("EgoEstimate.velocity_ego_mps", self.velocity_ego_mps, (2,), np.float64)
        check("EgoEstimate.covariance", self.covariance, (3, 3), np.float64)


@dataclass(frozen=True)
class TrafficLightView:
    """What is believed of one light of the map's: ``signal_id`` as in LaneGraph.stop_lines, ``state`` (LightState),
    ``confidence`` 0..1, ``age_s`` since it was last seen."""

    signal_id: str
    state: LightState
    confidence: float
    age_s: float


@dataclass(frozen=True)
class Tracks:
    """Objects followed over time, in the world frame.

    ids (n,), boxes_world_m (n, 7), velocity_world_mps (n, 2), yaw_rate_radps (n,), scores (n,), classes (n,),
    age (n,) frames since birth, misses (n,) frames since the last detection, covariance (n, 4, 4) of x, y, vx, vy.
    """

    index: int
    t_us: int
    ego: EgoEstimate
    ids: IntArray
    boxes_world_m: FloatArray
    velocity_world_mps: FloatArray
    yaw_rate_radps: FloatArray
    scores: FloatArray
    classes: IntArray
    age: IntArray
    misses: IntArray
    covariance: FloatArray
    lights: tuple[TrafficLightView, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.ids)
        check("Tracks.ids", self.ids, (n,), np.int64)
        check("Tracks.boxes_world_m", self.boxes_world_m, (n, 7), np.float64)
        check("Tracks.velocity_world_mps", self.velocity_world_mps, (n, 2), np.float64)
        check("Tracks.yaw_rate_radps", self.yaw_rate_radps, (n,), np.float64)
        check("Tracks.scores", self.scores, (n,), np.float64)
        for name in ("classes", "age", "misses"):
            check(f"Tracks.{name}", getattr(self, name), (n,), np.int64)
        check("Tracks.covariance", self.covariance, (n, 4, 4), np.float64)
        if len(np.unique(self.ids)) != n:
            raise RecordError(f"Tracks.ids: {n} tracks but {len(np.unique(self.ids))} distinct ids")


@dataclass(frozen=True)
class MapLight:
    """Prior knowledge of a traffic light from the map: where its heads are. ``heads_world_m (k, 3)`` centres."""

    signal_id: str
    heads_world_m: FloatArray
    facing_world: FloatArray  # (2,) unit vector out of the lamp's face

    def __post_init__(self) -> None:
        check("MapLight.heads_world_m", self.heads_world_m, (None, 3), np.float64)
        check("MapLight.facing_world", self.facing_world, (2,), np.float64)
