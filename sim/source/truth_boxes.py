"""True image boxes of one camera from its instance picture, and LiDAR hits in true boxes.

The instance picture (CARLA's ``sensor.camera.instance_segmentation``) has the semantic tag in red and a 16-bit number
in green (low byte) and blue. Where the number is the actor id, an object has its own; a simulator may also number in
its own way, then an object takes the number that fills its projected box best.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from numba import njit

from perception.frame import CameraModel, FloatArray
from perception.objects import IntArray, LightState, MapLight, ObjectClass
from sim.dataset.geometry import NEAR_M, in_front
from sim.truth import TruthBoxes2D

TAGS: Mapping[ObjectClass, tuple[int, ...]] = {
    ObjectClass.PEDESTRIAN: (12,),
    ObjectClass.CAR: (14,),
    ObjectClass.TRUCK: (15,),
    ObjectClass.BUS: (16,),
    ObjectClass.MOTORCYCLE: (18, 13),
    ObjectClass.BICYCLE: (19, 13),
}
"""Semantic tags that pixels of a class may have (13 is a rider)."""
FIRST_TAG, TAG_COUNT = 12, 8
"""Tags of people, riders and vehicles: 12..19."""
LIGHT_TAG = 7
FILL: Mapping[ObjectClass, float] = {
    ObjectClass.PEDESTRIAN: 0.52,
    ObjectClass.CAR: 0.65,
    ObjectClass.TRUCK: 0.7,
    ObjectClass.BUS: 0.75,
    ObjectClass.MOTORCYCLE: 0.38,
    ObjectClass.BICYCLE: 0.28,
    ObjectClass.TRAFFIC_LIGHT: 0.8,
}
"""Pixels of an unoccluded body over the area of its projected 3-D box (convex hull), by class: medians over the
embedded server's 41 vehicles and ten of its people, each from six sides at 9-22 m (cars 0.64, pedestrians 0.51)."""
MIN_PX = 2.0
"""Objects whose projected box is smaller than this in either direction are left out: nobody could detect them."""
INSIDE_SHARE = 0.7
"""Share of a number's pixel box that must lie in an object's projected box to belong to it."""
MARGIN_PX = 3.0
HEAD_HALF_M = (0.15, 0.2, 0.5)
"""Half depth, width and height of a light's head where the simulator does not tell: three 0.3 m lenses in a housing."""
HEAD_FACING = 0.3
"""A head is seen from the front where its facing and the direction to the camera have at least this cosine (72 deg)."""
LIGHT_REACH_M = 100.0


@dataclass(frozen=True)
class Objects:
    """True bodies around the car, world frame: actor_id (n,), boxes_world_m (n, 7), pitch-free; classes (n,)."""

    actor_id: IntArray
    boxes_world_m: FloatArray
    classes: IntArray


@dataclass(frozen=True)
class Lights:
    """Lights of the map with their state now: signal id -> LightState, the actor behind each, and half depth, width and
    height (k, 3) of their heads (HEAD_HALF_M where absent)."""

    places: tuple[MapLight, ...]
    state: Mapping[str, int]
    actor_id: Mapping[str, int]
    half_m: Mapping[str, FloatArray] = field(default_factory=lambda: MappingProxyType({}))


def boxes_2d(
    name: str,
    bgr: npt.NDArray[np.uint8],
    camera: CameraModel,
    camera_from_world: FloatArray,
    objects: Objects,
    lights: Lights,
) -> TruthBoxes2D:
    """True boxes of everything in the picture ``bgr (h, w, 3)`` of the instance camera at ``camera``'s place."""
    table = PixelTable(*pixel_table(np.ascontiguousarray(bgr)))
    poses = objects.boxes_world_m[:, :3] @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
    seen: list[tuple[int, ObjectClass, _Hull]] = []
    for k in np.argsort(np.linalg.norm(poses, axis=1), kind="stable"):
        kind = ObjectClass(int(objects.classes[k]))
        hull = _project(_corners(objects.boxes_world_m[k]), camera, camera_from_world)
        if hull is not None and kind in TAGS:
            seen.append((int(objects.actor_id[k]), kind, hull))
    numbered_by_id = any(actor & 0xFFFF in table.inside(kind, hull.full_px) for actor, kind, hull in seen)
    rows: list[_Row] = []
    taken: set[int] = set()
    for actor, kind, hull in seen:
        fitting = table.inside(kind, hull.full_px)
        own = {actor & 0xFFFF} if numbered_by_id else {n for n in fitting if n not in taken}
        number = max((n for n in fitting if n in own), key=lambda n: fitting[n], default=None)
        if number is None:
            rows.append(_Row(actor, hull, None, 0, kind, LightState.UNKNOWN))
        else:
            taken.add(number)
            pixels, visible = table.body(kind, number)
            rows.append(_Row(actor, hull, visible, pixels, kind, LightState.UNKNOWN))
    rows.extend(_light_rows(bgr, camera, camera_from_world, lights))
    return _columns(name, rows)


@dataclass(frozen=True)
class PixelTable:
    """What ``pixel_table`` counted: pixels ``(TAG_COUNT, 65536)`` and extent ``(TAG_COUNT, 65536, 4)``."""

    count: npt.NDArray[np.int32]
    extent: npt.NDArray[np.int32]

    @cached_property
    def _present(self) -> list[tuple[IntArray, FloatArray]]:
        """By tag: the numbers that have pixels, ascending, and their boxes ``(k, 4)``."""
        tags, numbers = np.nonzero(self.count)
        spans = self.extent[tags, numbers] + np.array([0.0, 0.0, 1.0, 1.0])
        return [(numbers[tags == tag], spans[tags == tag]) for tag in range(TAG_COUNT)]

    def inside(self, kind: ObjectClass, full_px: FloatArray) -> dict[int, int]:
        """Numbers of a class whose pixels lie (by INSIDE_SHARE) in a projected box, with their pixel counts."""
        tag = TAGS[kind][0] - FIRST_TAG
        present, spans = self._present[tag]
        low, high = np.maximum(spans[:, :2], full_px[:2] - MARGIN_PX), np.minimum(spans[:, 2:], full_px[2:] + MARGIN_PX)
        share = np.prod(np.clip(high - low, 0.0, None), axis=1) / np.prod(spans[:, 2:] - spans[:, :2], axis=1)
        return {int(n): int(self.count[tag, n]) for n in present[share >= INSIDE_SHARE]}

    def body(self, kind: ObjectClass, number: int) -> tuple[int, FloatArray]:
        """Pixels and tight box ``(4,)`` of one number, the rider's included."""
        tags = [tag - FIRST_TAG for tag in TAGS[kind] if self.count[tag - FIRST_TAG, number]]
        spans = self.extent[tags, number]
        box = np.concatenate([spans[:, :2].min(axis=0), spans[:, 2:].max(axis=0) + 1])
        return int(self.count[tags, number].sum()), box.astype(np.float64)


@dataclass(frozen=True)
class _Hull:
    full_px: FloatArray  # (4,) cut to the image
    truncation: float
    area_px: float  # of the convex hull inside the image


@dataclass(frozen=True)
class _Row:
    actor_id: int
    hull: _Hull
    visible_px: FloatArray | None
    pixels: int
    kind: ObjectClass
    state: LightState


def _columns(name: str, rows: list[_Row]) -> TruthBoxes2D:
    none = np.full(4, np.nan)
    expected = [max(1.0, row.hull.area_px * FILL[row.kind]) for row in rows]
    return TruthBoxes2D(
        camera=name,
        actor_id=np.array([row.actor_id for row in rows], dtype=np.int64),
        full_px=np.array([row.hull.full_px for row in rows], dtype=np.float64).reshape(-1, 4),
        visible_px=np.array(
            [none if row.visible_px is None else row.visible_px for row in rows], dtype=np.float64
        ).reshape(-1, 4),
        pixels=np.array([row.pixels for row in rows], dtype=np.int64),
        visibility=np.array(
            [min(1.0, row.pixels / e) for row, e in zip(rows, expected, strict=True)], dtype=np.float64
        ),
        truncation=np.array([row.hull.truncation for row in rows], dtype=np.float64),
        classes=np.array([row.kind for row in rows], dtype=np.int64),
        light_state=np.array([row.state for row in rows], dtype=np.int64),
    )


def _corners(box: FloatArray) -> FloatArray:
    """Corners ``(8, 3)`` of one box x y z length width height yaw."""
    signs = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    local = signs * box[3:6]
    c, s = math.cos(box[6]), math.sin(box[6])
    return local @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) + box[:3]


def _project(corners: FloatArray, camera: CameraModel, camera_from_world: FloatArray) -> _Hull | None:
    """What a box covers in the image; None where it is behind the camera, beside the image or too small."""
    points = corners @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
    if (points[:, 2] > NEAR_M).sum() == 0:
        return None
    points = in_front(points)
    image = points @ camera.intrinsics.T
    uv = image[:, :2] / image[:, 2:]
    low, high = uv.min(axis=0), uv.max(axis=0)
    size = (camera.width, camera.height)
    cut_low, cut_high = np.clip(low, 0.0, size), np.clip(high, 0.0, size)
    if (cut_high - cut_low < MIN_PX).any():
        return None
    from shapely.geometry import MultiPoint, box

    outline = MultiPoint(uv).convex_hull
    whole = max(float(outline.area), 1e-9)
    if (low >= 0.0).all() and (high <= size).all():
        return _Hull(np.concatenate([low, high]), 0.0, whole)
    inside = float(outline.intersection(box(0.0, 0.0, *size)).area)
    return _Hull(np.concatenate([cut_low, cut_high]), 1.0 - inside / whole, inside)


def _light_rows(
    bgr: npt.NDArray[np.uint8], camera: CameraModel, camera_from_world: FloatArray, lights: Lights
) -> list[_Row]:
    """One row per head that shows its face to the camera."""
    eye = -camera_from_world[:3, :3].T @ camera_from_world[:3, 3]
    rows = []
    for light in lights.places:
        yaw = math.atan2(light.facing_world[1], light.facing_world[0])
        halves = lights.half_m.get(light.signal_id, np.tile(HEAD_HALF_M, (len(light.heads_world_m), 1)))
        for head, half in zip(light.heads_world_m, halves, strict=True):
            to_eye = eye[:2] - head[:2]
            distance = float(np.linalg.norm(to_eye))
            if distance > LIGHT_REACH_M or to_eye @ light.facing_world < HEAD_FACING * distance:
                continue
            hull = _project(_corners(np.array([*head, *(2.0 * half), yaw])), camera, camera_from_world)
            if hull is None:
                continue
            x0, y0 = np.floor(hull.full_px[:2]).astype(int)
            x1, y1 = np.ceil(hull.full_px[2:]).astype(int)
            rows_px, columns_px = np.nonzero(bgr[y0:y1, x0:x1, 2] == LIGHT_TAG)
            visible = None
            if len(rows_px):
                visible = np.array(
                    [x0 + columns_px.min(), y0 + rows_px.min(), x0 + columns_px.max() + 1, y0 + rows_px.max() + 1],
                    dtype=np.float64,
                )
            state = LightState(lights.state.get(light.signal_id, LightState.UNKNOWN))
            actor = lights.actor_id.get(light.signal_id, 0)
            rows.append(_Row(actor, hull, visible, len(rows_px), ObjectClass.TRAFFIC_LIGHT, state))
    return rows


@njit(cache=True, nogil=True)
def pixel_table(bgr):  # type: ignore[no-untyped-def]
    """Per semantic tag (from FIRST_TAG) and instance number: pixel count and extent x0 y0 x1 y1, see PixelTable."""
    count = np.zeros((TAG_COUNT, 65536), np.int32)
    extent = np.zeros((TAG_COUNT, 65536, 4), np.int32)
    for y in range(bgr.shape[0]):
        for x in range(bgr.shape[1]):
            tag = np.int64(bgr[y, x, 2]) - FIRST_TAG
            if tag < 0 or tag >= TAG_COUNT:
                continue
            number = np.int64(bgr[y, x, 1]) + 256 * np.int64(bgr[y, x, 0])
            if count[tag, number] == 0:
                extent[tag, number, 0], extent[tag, number, 1] = x, y
                extent[tag, number, 2], extent[tag, number, 3] = x, y
            else:
                extent[tag, number, 0] = min(extent[tag, number, 0], x)
                extent[tag, number, 2] = max(extent[tag, number, 2], x)
                extent[tag, number, 3] = y
            count[tag, number] += 1
    return count, extent


@njit(cache=True, nogil=True)
def points_in_boxes(points, boxes, margin_m):  # type: ignore[no-untyped-def]
    """How many of ``points (n, 3)`` lie in each of ``boxes (k, 7)`` widened by ``margin_m``; same frame."""
    inside = np.zeros(len(boxes), np.int64)
    for k in range(len(boxes)):
        c, s = math.cos(boxes[k, 6]), math.sin(boxes[k, 6])
        hx, hy, hz = 0.5 * boxes[k, 3] + margin_m, 0.5 * boxes[k, 4] + margin_m, 0.5 * boxes[k, 5] + margin_m
        reach = hx * hx + hy * hy
        for n in range(len(points)):
            dx, dy = points[n, 0] - boxes[k, 0], points[n, 1] - boxes[k, 1]
            if dx * dx + dy * dy > reach or abs(points[n, 2] - boxes[k, 2]) > hz:
                continue
            if abs(c * dx + s * dy) <= hx and abs(-s * dx + c * dy) <= hy:
                inside[k] += 1
    return inside
