"""``Sample``: one labelled moment, everything of which is moved together.

Image boxes are ``x0 y0 x1 y1`` in continuous pixels, origin at the corner of the top-left pixel; object boxes are
``x y z length width height yaw`` in the LiDAR's frame (see ``perception.objects``). Rows of ``boxes_px`` and
``boxes_m`` with the same id are the same thing; an id of -1 belongs to nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perception.frame import Float32Array, FloatArray, RecordError, check
from perception.objects import IntArray

Picture = npt.NDArray[np.uint8]
Int32Array = npt.NDArray[np.int32]

FAR_M = 1000.0
"""Depth of the sky, and of whatever has none: fog of any kind hides a thing at this distance."""


@dataclass(frozen=True)
class Boxes2D:
    """``px (n, 4)`` float32, ``classes (n,)`` and ``ids (n,)`` int64."""

    px: Float32Array
    classes: IntArray
    ids: IntArray

    def __post_init__(self) -> None:
        check("Boxes2D.px", self.px, (None, 4), np.float32)
        check("Boxes2D.classes", self.classes, (len(self.px),), np.int64)
        check("Boxes2D.ids", self.ids, (len(self.px),), np.int64)

    def __len__(self) -> int:
        return len(self.px)

    def __getitem__(self, rows: Any) -> Boxes2D:
        return Boxes2D(self.px[rows], self.classes[rows], self.ids[rows])

    def at(self, px: FloatArray | Float32Array) -> Boxes2D:
        """The same boxes somewhere else."""
        return replace(self, px=np.ascontiguousarray(px, np.float32))

    @staticmethod
    def of(px: npt.ArrayLike, classes: npt.ArrayLike, ids: npt.ArrayLike | None = None) -> Boxes2D:
        """From anything that makes arrays."""
        rows = np.asarray(px, np.float32).reshape(-1, 4)
        numbers = np.full(len(rows), -1, np.int64) if ids is None else np.asarray(ids, np.int64)
        return Boxes2D(rows, np.asarray(classes, np.int64).reshape(-1), numbers)

    @staticmethod
    def joined(parts: list[Boxes2D]) -> Boxes2D:
        """All rows of several."""
        if not parts:
            return Boxes2D.of(np.zeros((0, 4)), np.zeros(0))
        return Boxes2D(*(np.concatenate([getattr(b, name) for b in parts]) for name in ("px", "classes", "ids")))


@dataclass(frozen=True)
class Boxes3D:
    """``m (n, 7)`` float64, ``classes (n,)`` and ``ids (n,)`` int64."""

    m: FloatArray
    classes: IntArray
    ids: IntArray

    def __post_init__(self) -> None:
        check("Boxes3D.m", self.m, (None, 7), np.float64)
        check("Boxes3D.classes", self.classes, (len(self.m),), np.int64)
        check("Boxes3D.ids", self.ids, (len(self.m),), np.int64)

    def __len__(self) -> int:
        return len(self.m)

    def __getitem__(self, rows: Any) -> Boxes3D:
        return Boxes3D(self.m[rows], self.classes[rows], self.ids[rows])

    def at(self, m: FloatArray) -> Boxes3D:
        """The same boxes somewhere else."""
        return replace(self, m=np.ascontiguousarray(m, np.float64))

    @staticmethod
    def of(m: npt.ArrayLike, classes: npt.ArrayLike, ids: npt.ArrayLike | None = None) -> Boxes3D:
        """From anything that makes arrays."""
        rows = np.asarray(m, np.float64).reshape(-1, 7)
        numbers = np.full(len(rows), -1, np.int64) if ids is None else np.asarray(ids, np.int64)
        return Boxes3D(rows, np.asarray(classes, np.int64).reshape(-1), numbers)


@dataclass(frozen=True)
class Cloud:
    """A sweep: ``points_m (n, 3)`` float32 in the LiDAR's frame, all finite, ``intensity (n,)`` float32 0..1, ``ring
    (n,)`` int32 beam numbers, -1 where they are not known."""

    points_m: Float32Array
    intensity: Float32Array
    ring: Int32Array

    def __post_init__(self) -> None:
        check("Cloud.points_m", self.points_m, (None, 3), np.float32)
        check("Cloud.intensity", self.intensity, (len(self.points_m),), np.float32)
        check("Cloud.ring", self.ring, (len(self.points_m),), np.int32)
        if not np.isfinite(self.points_m).all():
            raise RecordError("Cloud.points_m: some are no numbers; leave beams without a return out, as Cloud.of does")

    def __len__(self) -> int:
        return len(self.points_m)

    def __getitem__(self, rows: Any) -> Cloud:
        return Cloud(self.points_m[rows], self.intensity[rows], self.ring[rows])

    def at(self, points_m: npt.NDArray[Any]) -> Cloud:
        """The same returns somewhere else."""
        return replace(self, points_m=np.ascontiguousarray(points_m, np.float32))

    @staticmethod
    def of(points_m: npt.ArrayLike, intensity: npt.ArrayLike | None = None, ring: npt.ArrayLike | None = None) -> Cloud:
        """From anything that makes arrays; without intensity all ones. Points that are not finite are left out."""
        points = np.ascontiguousarray(points_m, np.float32).reshape(-1, 3)
        shine = np.ones(len(points), np.float32) if intensity is None else np.asarray(intensity, np.float32)
        rings = np.full(len(points), -1, np.int32) if ring is None else np.asarray(ring, np.int32)
        returned = np.isfinite(points).all(axis=1)
        if returned.all():
            return Cloud(points, shine, rings)
        return Cloud(points[returned], shine[returned], rings[returned])

    @staticmethod
    def joined(parts: list[Cloud]) -> Cloud:
        """All returns of several."""
        return Cloud(*(np.concatenate([getattr(c, name) for c in parts]) for name in ("points_m", "intensity", "ring")))


@dataclass(frozen=True)
class Calibration:
    """``intrinsics (3, 3)`` upper triangular, pixels; ``camera_from_lidar (4, 4)``, optical axes from the LiDAR's."""

    intrinsics: FloatArray
    camera_from_lidar: FloatArray

    def __post_init__(self) -> None:
        check("Calibration.intrinsics", self.intrinsics, (3, 3), np.float64)
        check("Calibration.camera_from_lidar", self.camera_from_lidar, (4, 4), np.float64)

    def pixels(self, points_lidar_m: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        """Pixels ``(n, 2)`` and depths ``(n,)`` of points ``(n, 3)``; skewed cameras too; NaN behind the camera."""
        points = np.asarray(points_lidar_m, np.float64)
        camera = points @ self.camera_from_lidar[:3, :3].T + self.camera_from_lidar[:3, 3]
        depth = camera[:, 2]
        homogeneous = camera @ self.intrinsics.T
        with np.errstate(divide="ignore", invalid="ignore"):
            px = homogeneous[:, :2] / homogeneous[:, 2:]
        return np.where((depth > 0.1)[:, None], px, np.nan), depth


def _no_boxes_2d() -> Boxes2D:
    return Boxes2D.of(np.zeros((0, 4)), np.zeros(0))


def _no_boxes_3d() -> Boxes3D:
    return Boxes3D.of(np.zeros((0, 7)), np.zeros(0))


@dataclass(frozen=True)
class Sample:
    """What is known of one moment; what is not there is None.

    ``image (h, w, 3)`` uint8 BGR; ``instance (h, w)`` int32 pixels' ids (0: nothing); ``semantic (h, w)`` uint8
    pixels' classes; ``depth_m (h, w)`` float32 along the optical axis.
    """

    image: Picture | None = None
    boxes: Boxes2D = field(default_factory=_no_boxes_2d)
    instance: Int32Array | None = None
    semantic: Picture | None = None
    depth_m: Float32Array | None = None
    cloud: Cloud | None = None
    objects: Boxes3D = field(default_factory=_no_boxes_3d)
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if self.image is None:
            if len(self.boxes) or any(layer is not None for layer in (self.instance, self.semantic, self.depth_m)):
                raise RecordError("Sample: image boxes and masks need the image that they belong to")
            return
        check("Sample.image", self.image, (None, None, 3), np.uint8)
        for name, kind in (("instance", np.int32), ("semantic", np.uint8), ("depth_m", np.float32)):
            layer = getattr(self, name)
            if layer is not None:
                check(f"Sample.{name}", layer, self.image.shape[:2], kind)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image. Raises RecordError where there is none."""
        if self.image is None:
            raise RecordError("Sample.size: there is no image")
        return self.image.shape[0], self.image.shape[1]

    def with_layers(self, move: Callable[[npt.NDArray[Any], bool], npt.NDArray[Any]]) -> dict[str, Any]:
        """The image and its masks, each moved by ``move(layer, smooth)``: masks and depth hold no mixtures."""
        layers = {"image": True, "instance": False, "semantic": False, "depth_m": False}
        return {
            name: np.ascontiguousarray(move(getattr(self, name), smooth))
            for name, smooth in layers.items()
            if getattr(self, name) is not None
        }
