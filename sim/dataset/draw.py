"""A frame with its labels drawn: what the data sheet shows, and what to look at when labels seem wrong."""

from __future__ import annotations

import cv2
import numpy as np

from sim.dataset.capture import U8
from sim.dataset.geometry import NEAR_M, corners, inverse, moved, rotation_of
from sim.dataset.label import EGO_ID
from sim.dataset.records import CameraLabels, ObjectLabel, matrix_of
from sim.dataset.store import Frame

COLORS = {
    "car": (235, 160, 50), "van": (235, 200, 50), "truck": (200, 90, 200), "bus": (120, 60, 220),
    "motorcycle": (60, 200, 250), "bicycle": (60, 250, 160), "adult": (60, 60, 240), "child": (150, 90, 250),
}  # fmt: skip
"""BGR by category."""
LIGHT = {"red": (40, 40, 255), "yellow": (40, 220, 255), "green": (80, 220, 80)}
GREY = (200, 200, 200)
LINE = (255, 255, 80)
EDGES = ((0, 1), (2, 3), (4, 5), (6, 7), (0, 2), (1, 3), (4, 6), (5, 7), (0, 4), (1, 5), (2, 6), (3, 7))
FRONT = (4, 5, 7, 6)
"""Corners of the face ahead, in ring order (``geometry.SIGNS``)."""
MASK_SHARE = 0.45


def draw(frame: Frame, camera: str) -> U8:
    """The picture ``(h, w, 3)`` with masks, 3-D boxes, visible (thick) and amodal (thin) boxes, lights, lane lines."""
    picture = frame.bgr(camera)
    labels = frame.labels.cameras[camera]
    kind = {label.id: label.category for label in frame.labels.objects}
    if frame.info.has_masks:
        _tint(picture, frame, camera, kind)
    _lanes(picture, labels)
    for view in reversed(labels.objects):
        if view.visible_px is None:
            continue
        label = frame.labels.object(view.id)
        color = COLORS[label.category]
        _box_3d(picture, frame, camera, label, color)
        _rectangle(picture, view.amodal_px, GREY, 1)
        _rectangle(picture, view.visible_px, color, 2)
        if view.rider_px is not None:
            _rectangle(picture, view.rider_px, COLORS["adult"], 1)
        text = f"{label.category} {view.id} {100 * view.visibility:.0f}%"
        at = round(view.visible_px[0]), max(9, round(view.visible_px[1]) - 3)
        if view.visible_px[3] - view.visible_px[1] > 18:
            cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.35, color, 1, cv2.LINE_AA)
    for light in labels.lights:
        if light.visible_px is not None:
            _rectangle(picture, light.visible_px, LIGHT.get(light.state, GREY), 2)
    return picture


def side_by_side(frame: Frame, camera: str) -> U8:
    """Picture, labels, tags in Cityscapes' colours and depth in one: ``(2 h, 2 w, 3)`` where there are masks."""
    from sim.dataset.export.masks import masks_of

    first = np.hstack([frame.bgr(camera), draw(frame, camera)])
    if not frame.info.has_masks:
        return np.asarray(first, np.uint8)
    color = masks_of(frame.semantic(camera), frame.instance(camera))["color"]
    if frame.info.has_depth:
        near = 1.0 - np.log1p(np.minimum(frame.depth_m(camera), 100.0)) / np.log1p(100.0)
        depth = cv2.applyColorMap((255 * near).astype(np.uint8), cv2.COLORMAP_TURBO)
    else:
        depth = np.zeros_like(color)
    return np.asarray(np.vstack([first, np.hstack([color, depth])]), np.uint8)


def _tint(picture: U8, frame: Frame, camera: str, kind: dict[int, str]) -> None:
    instance = frame.instance(camera)
    table = np.zeros((EGO_ID + 1, 3), np.float32)
    for number, category in kind.items():
        table[number] = COLORS[category]
    inside = (instance > 0) & (instance != EGO_ID)
    tint = table[instance[inside]]
    picture[inside] = ((1.0 - MASK_SHARE) * picture[inside] + MASK_SHARE * tint).astype(np.uint8)


def _lanes(picture: U8, labels: CameraLabels) -> None:
    for line in labels.lane_lines:
        for a, b, seen in zip(line.points_px, line.points_px[1:], line.seen, strict=False):
            if seen:
                _line(picture, a, b, LINE)


def _line(picture: U8, a: tuple[float, float], b: tuple[float, float], color: tuple[int, int, int]) -> None:
    cv2.line(picture, (round(a[0]), round(a[1])), (round(b[0]), round(b[1])), color, 1, cv2.LINE_AA)


def _rectangle(picture: U8, box: tuple[float, float, float, float], color: tuple[int, int, int], width: int) -> None:
    x0, y0, x1, y1 = (round(v) for v in box)
    cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), color, width)


def _box_3d(picture: U8, frame: Frame, camera: str, label: ObjectLabel, color: tuple[int, int, int]) -> None:
    info = frame.info.cameras[camera]
    camera_from_world = inverse(matrix_of(frame.labels.world_from_ego) @ matrix_of(info.ego_from_camera))
    turn = rotation_of(label.yaw_rad, label.pitch_rad, label.roll_rad)
    points = moved(corners(np.array(label.center_world_m), np.array(label.size_m), turn), camera_from_world)
    if (points[:, 2] < NEAR_M).any():
        return
    image = points @ matrix_of(info.intrinsics).T
    uv = [(float(u), float(v)) for u, v in np.clip(image[:, :2] / image[:, 2:], -5000, 5000)]
    for a, b in EDGES:
        _line(picture, uv[a], uv[b], color)
    ring = [uv[k] for k in FRONT]
    _line(picture, ring[0], ring[2], color)
    _line(picture, ring[1], ring[3], color)
