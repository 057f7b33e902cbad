"""The perception stage: a ``Frame`` in, ``Detections`` and ``Tracks`` out. Who runs when:

| step | reads | gives |
|---|---|---|
| localisation | GNSS, IMU, odometry | ego estimate |
| camera detector | images | boxes per camera |
| traffic lights | images, ego estimate, map lights | light views |
| LiDAR ground, clusters | sweeps | clusters |
| fusion | clusters, camera boxes | 3-D objects |
| tracking | 3-D objects, ego estimate | tracks |

Sensors that are absent from a frame are simply not there: the stage goes on with the others and says so in ``health``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from perception.camera.detector import Detector, DetectorConfig
from perception.camera.lights import LightConfig, TrafficLights
from perception.frame import Float32Array, FloatArray, Frame, Image, Sweep, VehicleModel
from perception.fusion import Cloud, FusionConfig, fuse
from perception.geometry import euler_from_rotation, transform_points, wrap_angle
from perception.lidar.boxes import BoxConfig, complete_box
from perception.lidar.clusters import ClusterConfig, cluster, height_ok
from perception.lidar.ground import GroundConfig, ground_mask
from perception.localization import Localization, LocalizationConfig
from perception.objects import (
    Detections,
    Detections2D,
    Detections3D,
    EgoEstimate,
    IntArray,
    LightState,
    MapLight,
    ObjectClass,
    Tracks,
    TrafficLightView,
)
from perception.tracking import Tracker, TrackingConfig


@dataclass(frozen=True)
class PerceptionConfig:
    """All of the stage's configuration."""

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    lights: LightConfig = field(default_factory=LightConfig)
    ground: GroundConfig = field(default_factory=GroundConfig)
    clusters: ClusterConfig = field(default_factory=ClusterConfig)
    boxes: BoxConfig = field(default_factory=BoxConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    localization: LocalizationConfig = field(default_factory=LocalizationConfig)
    own_length_m: float = 5.6  # returns from inside this footprint are the car itself
    own_width_m: float = 2.4


@dataclass(frozen=True)
class Perceived:
    """Result of one frame. ``tracks`` is None until the car knows where it is. ``timing_ms`` by step; ``health`` names
    what was missing or unusable."""

    detections: Detections
    tracks: Tracks | None
    timing_ms: dict[str, float]
    health: tuple[str, ...]


class Perception:
    """The stage. ``perceive`` once per frame, in order; ``detector`` is made by the caller (it may own a GPU)."""

    def __init__(
        self, config: PerceptionConfig, detector: Detector, map_lights: Sequence[MapLight], vehicle: VehicleModel
    ) -> None:
        self.config = config
        self._detector = detector
        self._lights = TrafficLights(map_lights, config.lights)
        self._localization = Localization(config.localization, vehicle.rear_axle_to_center_m)
        self._tracker = Tracker(config.tracking)

    def perceive(self, frame: Frame) -> Perceived:
        """Everything made of one frame."""
        timing: dict[str, float] = {}
        health = [f"{name}: missing" for name in frame.missing]
        start = time.perf_counter()

        def lap(name: str) -> None:
            nonlocal start
            now = time.perf_counter()
            timing[name] = (now - start) * 1e3
            start = now

        ego = self._localization.update(frame)
        lap("localization")
        images = list(frame.images.items())
        found = [self._detector.detect(name, image) for name, image in images]
        lap("camera")
        views: tuple[TrafficLightView, ...] = ()
        seen: list[tuple[int, FloatArray, LightState, float]] = []
        if ego is not None:
            views, seen = self._lights.update([image for _, image in images], ego.world_from_ego, frame.t_us)
        found = [_with_lights(d, seen, k) for k, d in enumerate(found)]
        lap("lights")
        cloud, clusters, dirty = self._cloud(list(frame.sweeps.values()))
        health += dirty
        lap("lidar")
        pairs: list[tuple[Image, Detections2D]] = [(i, d) for (_, i), d in zip(images, found, strict=True)]
        objects = fuse(cloud, clusters, pairs, self.config.fusion, self.config.boxes)
        lap("fusion")
        tracks = None
        if ego is None:
            health.append("localization: no position yet")
        else:
            tracks = self._tracker.update(objects, ego, frame.index, frame.t_us, views)
            objects = _pointed(_named(objects, self._tracker.kind), self._tracker.heading_rad, ego)
        lap("tracking")
        return Perceived(Detections(frame.index, frame.t_us, tuple(found), objects), tracks, timing, tuple(health))

    def _cloud(self, sweeps: Sequence[Sweep]) -> tuple[Cloud, list[IntArray], list[str]]:
        """All sweeps in the ego frame without the car itself, the ground marked, clustered."""
        parts: list[Float32Array] = [np.zeros((0, 3), np.float32)]
        dirty = []
        for sweep in sweeps:
            finite = np.isfinite(sweep.points_lidar_m).all(axis=1)
            if not finite.all():
                dirty.append(f"lidar: {int((~finite).sum())} non-finite points dropped")
            parts.append(transform_points(sweep.ego_from_lidar, sweep.points_lidar_m[finite]).astype(np.float32))
        points = np.concatenate(parts)
        own = (np.abs(points[:, 0]) < self.config.own_length_m / 2) & (
            np.abs(points[:, 1]) < self.config.own_width_m / 2
        )
        points = np.ascontiguousarray(points[~own])
        ground, above = ground_mask(points, self.config.ground)
        rows = height_ok(above, ground)
        clusters = [rows[local] for local in cluster(points[rows], above[rows], self.config.clusters)]
        number = np.full(len(points), -1, np.int64)
        for k, members in enumerate(clusters):
            number[members] = k
        return Cloud(points, above, number), clusters, dirty


def _named(objects: Detections3D, kind: IntArray) -> Detections3D:
    """Objects by the names of their tracks: what the camera has named keeps its name, and the size that goes with it,
    where only the LiDAR sees it."""
    renamed = (kind != ObjectClass.UNKNOWN.value) & (kind != objects.classes)
    if not renamed.any():
        return objects
    boxes = objects.boxes_ego_m.copy()
    for row in np.flatnonzero(renamed).tolist():
        boxes[row] = complete_box(boxes[row], ObjectClass(int(kind[row])))
    return replace(objects, boxes_ego_m=boxes, classes=np.where(renamed, kind, objects.classes))


def _pointed(objects: Detections3D, heading_world_rad: FloatArray, ego: EgoEstimate) -> Detections3D:
    """Boxes turned by half a turn where their track says that the car points the other way: a box has no front."""
    yaw = heading_world_rad - euler_from_rotation(ego.world_from_ego[:3, :3])[2]
    backwards = np.cos(objects.boxes_ego_m[:, 6] - yaw) < 0.0  # NaN compares false
    boxes = objects.boxes_ego_m.copy()
    boxes[backwards, 6] = wrap_angle(boxes[backwards, 6] + np.pi)
    return replace(objects, boxes_ego_m=boxes)


def _with_lights(
    found: Detections2D,
    seen: Sequence[tuple[int, FloatArray, LightState, float]],
    k: int,
) -> Detections2D:
    """A camera's boxes with the lights that the map let us look at in it."""
    mine = [(box, state, score) for number, box, state, score in seen if number == k and state != LightState.UNKNOWN]
    if not mine:
        return found
    return Detections2D(
        found.camera,
        np.concatenate([found.boxes_px, np.array([box for box, _, _ in mine])]),
        np.concatenate([found.scores, np.array([score for _, _, score in mine])]),
        np.concatenate([found.classes, np.full(len(mine), ObjectClass.TRAFFIC_LIGHT.value, np.int64)]),
        np.concatenate([found.light_state, np.array([state.value for _, state, _ in mine], np.int64)]),
    )


def lost_estimate() -> EgoEstimate:
    """The estimate of a car that does not know where it is: all NaN, for records that need one."""
    nan = np.full((4, 4), np.nan)
    nan[:3, :3], nan[3] = np.eye(3), (0.0, 0.0, 0.0, 1.0)
    return EgoEstimate(nan, np.full(2, np.nan), float("nan"), float("nan"), np.full((3, 3), np.nan))
