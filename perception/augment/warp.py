"""Geometry of pictures: every layer, image boxes and the camera matrix moved by one similarity or affine map.

A map is ``target_from_source (2, 3)`` in continuous pixels (origin at the corner of the top-left pixel). A picture that
is turned is a camera that has rolled: the turned camera matrix is split into an upper triangular one and a rotation of
the camera (RQ decomposition), so that points projected after the change land where their pixels went.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from perception.augment.sample import FAR_M, Boxes2D, Calibration, Sample
from perception.frame import FloatArray

GREY = (114, 114, 114)
"""What lies outside of a picture: Ultralytics' grey, which detectors know as nothing."""


def similarity(
    size: tuple[int, int], scale: float = 1.0, turn_rad: float = 0.0, shift_px: tuple[float, float] = (0.0, 0.0)
) -> FloatArray:
    """``target_from_source (2, 3)``: scaled and turned (clockwise on the screen) about the middle, then shifted."""
    height, width = size
    c, s = scale * math.cos(turn_rad), scale * math.sin(turn_rad)
    linear = np.array([[c, -s], [s, c]])
    middle = np.array([width / 2.0, height / 2.0])
    return np.column_stack([linear, middle - linear @ middle + shift_px])


def warp(sample: Sample, target_from_source: FloatArray, size: tuple[int, int], min_share: float = 0.3) -> Sample:
    """The sample seen through an affine map, in a picture of ``size`` (height, width).

    Boxes are the bounds of their turned corners, cut to the picture; one of which less than ``min_share`` of the area
    stays in the picture is dropped. Masks take the nearest pixel; outside they are 0, depth is ``FAR_M``.
    """
    height, width = size
    centred = target_from_source.astype(np.float64).copy()
    centred[:, 2] += centred[:, :2] @ (0.5, 0.5) - 0.5  # cv2 counts from the middle of the top-left pixel

    def move(layer: npt.NDArray[Any], smooth: bool) -> npt.NDArray[Any]:
        # cv2 would blend the four nearest pixels of a picture that is made smaller and let it sparkle
        shrinks = math.sqrt(abs(float(np.linalg.det(centred[:, :2]))))
        if smooth and shrinks < 0.6:
            layer = cv2.GaussianBlur(layer, (0, 0), 0.5 * (1.0 / shrinks - 1.0))
        fill: Any = GREY if smooth else FAR_M if layer.dtype == np.float32 else 0
        how = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
        source = layer.astype(np.float32) if layer.dtype == np.int32 else layer  # ids below 2^24 survive
        out = cv2.warpAffine(
            source, centred, (width, height), flags=how, borderMode=cv2.BORDER_CONSTANT, borderValue=fill
        )
        return np.asarray(out, layer.dtype)

    boxes = moved_boxes(sample.boxes, target_from_source, size, min_share)
    calibration = None if sample.calibration is None else moved_camera(sample.calibration, target_from_source)
    return replace(sample, **sample.with_layers(move), boxes=boxes, calibration=calibration)


def moved_boxes(boxes: Boxes2D, target_from_source: FloatArray, size: tuple[int, int], min_share: float) -> Boxes2D:
    """Boxes behind the same map: bounds of their corners, cut to the picture, the mostly lost ones dropped."""
    x0, y0, x1, y1 = boxes.px.astype(np.float64).T
    corners = np.stack([np.stack([x0, x1, x1, x0], 1), np.stack([y0, y0, y1, y1], 1)], 1)  # (n, 2, 4)
    there = target_from_source[:, :2] @ corners + target_from_source[:, 2:]  # (n, 2, 4)
    whole = np.concatenate([there.min(axis=2), there.max(axis=2)], 1)  # (n, 4)
    return cut(boxes.at(whole), (0.0, 0.0, float(size[1]), float(size[0])), min_share)


def cut(boxes: Boxes2D, area: tuple[float, float, float, float], min_share: float, min_side_px: float = 1.0) -> Boxes2D:
    """Boxes cut to an area ``x0 y0 x1 y1``, without those that lose more than ``1 - min_share`` of theirs."""
    whole = boxes.px.astype(np.float64)
    low, high = np.array(area[:2] * 2), np.array(area[2:] * 2)
    clipped = whole.clip(low, high)
    before = (whole[:, 2:] - whole[:, :2]).prod(axis=1)
    sides = clipped[:, 2:] - clipped[:, :2]
    keep = (sides.min(axis=1, initial=np.inf) >= min_side_px) & (sides.prod(axis=1) >= min_share * before)
    return boxes.at(clipped)[keep]


def moved_camera(calibration: Calibration, target_from_source: FloatArray) -> Calibration:
    """The camera that took the changed picture."""
    affine = np.vstack([target_from_source, (0.0, 0.0, 1.0)])
    intrinsics, roll = _upper_and_rotation(affine @ calibration.intrinsics)
    turned = np.eye(4)
    turned[:3, :3] = roll
    return Calibration(intrinsics, turned @ calibration.camera_from_lidar)


def _upper_and_rotation(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``matrix = upper @ rotation``, the diagonal of ``upper`` positive."""
    flipped = np.flipud(np.eye(3))
    q, r = np.linalg.qr((flipped @ matrix).T)
    upper, rotation = flipped @ r.T @ flipped, flipped @ q.T
    signs = np.sign(np.diag(upper))
    upper, rotation = upper * signs, signs[:, None] * rotation
    return upper / upper[2, 2], rotation


def flip(sample: Sample) -> Sample:
    """The moment as in a mirror, left and right exchanged: picture, boxes, sweep, objects and calibration.

    The world is mirrored on the LiDAR's x-z plane and the camera with it, so the calibration stays a proper one.
    """
    changed: dict[str, Any] = {}
    if sample.image is not None:
        width = sample.size[1]
        changed = sample.with_layers(lambda layer, smooth: layer[:, ::-1])
        px = sample.boxes.px[:, [2, 1, 0, 3]] * (-1.0, 1.0, -1.0, 1.0) + (width, 0.0, width, 0.0)
        changed["boxes"] = sample.boxes.at(px)
    if sample.calibration is not None:
        intrinsics = sample.calibration.intrinsics.copy()
        intrinsics[0, 2] = (sample.size[1] if sample.image is not None else 2.0 * intrinsics[0, 2]) - intrinsics[0, 2]
        intrinsics[0, 1] = -intrinsics[0, 1]
        mirrored = (
            np.diag([-1.0, 1.0, 1.0, 1.0]) @ sample.calibration.camera_from_lidar @ np.diag([1.0, -1.0, 1.0, 1.0])
        )
        changed["calibration"] = Calibration(intrinsics, mirrored)
    if sample.cloud is not None:
        changed["cloud"] = sample.cloud.at(sample.cloud.points_m * np.array([1, -1, 1], np.float32))
    if len(sample.objects):
        changed["objects"] = sample.objects.at(sample.objects.m * (1, -1, 1, 1, 1, 1, -1))
    return replace(sample, **changed)


def resize(sample: Sample, size: tuple[int, int]) -> Sample:
    """The picture scaled to ``size`` (height, width), its sides each by their own factor."""
    height, width = sample.size
    target_from_source = np.array([[size[1] / width, 0.0, 0.0], [0.0, size[0] / height, 0.0]])

    def move(layer: npt.NDArray[Any], smooth: bool) -> npt.NDArray[Any]:
        smaller = size[0] < height or size[1] < width
        # the exact kind takes the pixel under the middle, where boxes and picture have it; the other one's upper left
        how = (cv2.INTER_AREA if smaller else cv2.INTER_LINEAR) if smooth else cv2.INTER_NEAREST_EXACT
        return np.asarray(cv2.resize(layer, (size[1], size[0]), interpolation=how), layer.dtype)

    boxes = moved_boxes(sample.boxes, target_from_source, size, 0.0)
    calibration = None if sample.calibration is None else moved_camera(sample.calibration, target_from_source)
    return replace(sample, **sample.with_layers(move), boxes=boxes, calibration=calibration)


def crop(sample: Sample, area: tuple[int, int, int, int], min_share: float = 0.3) -> Sample:
    """The part ``x0 y0 x1 y1`` (whole pixels, inside the picture)."""
    x0, y0, x1, y1 = area
    target_from_source = np.array([[1.0, 0.0, -x0], [0.0, 1.0, -y0]])
    boxes = moved_boxes(sample.boxes, target_from_source, (y1 - y0, x1 - x0), min_share)
    calibration = None if sample.calibration is None else moved_camera(sample.calibration, target_from_source)
    layers = sample.with_layers(lambda layer, smooth: layer[y0:y1, x0:x1])
    return replace(sample, **layers, boxes=boxes, calibration=calibration)


def letterbox(sample: Sample, size: tuple[int, int]) -> Sample:
    """The whole picture inside one of ``size`` (height, width), its shape kept, grey bars around it."""
    height, width = sample.size
    scale = min(size[0] / height, size[1] / width)
    shift = ((size[1] - scale * width) / 2.0, (size[0] - scale * height) / 2.0)
    return warp(sample, np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]]), size, 0.0)
