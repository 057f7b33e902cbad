"""From a capture to labels: everything about one frame from the same pixels, points and boxes, so that it agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from perception.frame import FloatArray
from perception.objects import IntArray, LightState, ObjectClass
from sim.dataset.capture import U8, U16, Body, CameraCapture, Capture
from sim.dataset.geometry import Outline, angles_of, corners, inverse, moved, project_box
from sim.dataset.lanes import MapLine, image_lines, near_lines
from sim.dataset.records import (
    TWO_WHEELERS,
    Box,
    CameraLabels,
    Labels,
    LightLabel,
    ObjectLabel,
    ViewLabel,
    pose_rows,
    vec,
)
from sim.source.truth_boxes import FILL, FIRST_TAG, TAG_COUNT, Lights, Objects, boxes_2d, points_in_boxes

Flags = npt.NDArray[np.bool_]

RIDER_TAG = 13
EGO_ID = 0xFFFF
"""The car itself in instance masks."""
FREE, PARTLY = 0.85, 0.5
"""Visible shares of an outline above which it is free or only partly hidden: KITTI's "fully visible" was judged by eye,
and people call a car free whose corner is behind a pole."""
MARGIN_M = 0.1
"""Without a semantic LiDAR: a point this far outside a box still is a hit (range noise; mirrors)."""
INSIDE_SHARE = 0.7
"""Of a number's pixel box that must lie in an object's projected box, where a simulator numbers in its own way."""
STATE = {
    LightState.RED: "red",
    LightState.YELLOW: "yellow",
    LightState.GREEN: "green",
    LightState.OFF: "off",
    LightState.UNKNOWN: "unknown",
}
CLASS_OF = {
    "car": ObjectClass.CAR,
    "van": ObjectClass.CAR,
    "truck": ObjectClass.TRUCK,
    "bus": ObjectClass.BUS,
    "motorcycle": ObjectClass.MOTORCYCLE,
    "bicycle": ObjectClass.BICYCLE,
    "adult": ObjectClass.PEDESTRIAN,
    "child": ObjectClass.PEDESTRIAN,
}
NO_OBJECTS = Objects(np.zeros(0, np.int64), np.zeros((0, 7)), np.zeros(0, np.int64))


@dataclass(frozen=True)
class Masks:
    """Of one picture: instance (h, w): ids of objects, 0 elsewhere, ``EGO_ID`` the car itself; semantic (h, w): CARLA's
    tags."""

    instance: U16
    semantic: U8


@dataclass(frozen=True)
class PointLabels:
    """Of one sweep: instance ids (n,) as in masks, tags (n,)."""

    instance: U16
    semantic: U8


@dataclass(frozen=True)
class Labelled:
    """Labels of a frame with the masks and point labels they were made with, by sensor."""

    labels: Labels
    masks: Mapping[str, Masks]
    points: Mapping[str, PointLabels]


@dataclass(frozen=True)
class Surroundings:
    """What a scene's frames share: ids by actor, the car's actor, the map's lane lines, its lights (their state
    is the capture's)."""

    ids: Mapping[int, int]
    ego_actor: int
    lines: Sequence[MapLine]
    lights: Lights


def label(capture: Capture, around: Surroundings, key: bool) -> Labelled:
    """Everything that can be said of one frame."""
    bodies = [body for body in capture.bodies if body.actor_id in around.ids]
    points = {
        name: PointLabels(_table(around)[sweep.actor_id & 0xFFFF].astype(np.uint16), sweep.tag)
        for name, sweep in capture.sweeps.items()
        if sweep.actor_id is not None and sweep.tag is not None
    }
    objects = tuple(
        _object(body, around.ids[body.actor_id], hits)
        for body, hits in zip(bodies, _hits(capture, bodies, around.ids, points), strict=True)
    )
    near = near_lines(around.lines, capture.world_from_ego)
    cameras, masks = {}, {}
    for name, camera in capture.cameras.items():
        numbers = _numbers(camera, capture, bodies, around)
        masks[name] = _masks(camera, numbers, around)
        cameras[name] = CameraLabels(
            _views(camera, capture, bodies, around.ids, masks[name]),
            _lights(name, camera, capture, around.lights),
            image_lines(near, camera),
        )
    labels = Labels(
        index=capture.index,
        t_us=capture.t_us,
        key=key,
        world_from_ego=pose_rows(capture.world_from_ego),
        ego_velocity_mps=vec(capture.ego_velocity_mps),
        weather={name: round(float(value), 4) for name, value in capture.weather.items()},
        objects=objects,
        cameras=cameras,
        lane_lines=tuple(near),
        lights={signal: STATE[LightState(state)] for signal, state in sorted(capture.lights.items())},
    )
    return Labelled(labels, masks, points)


def box_of(body: Body) -> tuple[FloatArray, FloatArray]:
    """Centre ``(3,)`` of a body's box in the world, and the box's rotation ``(3, 3)``."""
    return moved(body.box_center_m[None], body.world_from_actor)[0], body.world_from_actor[:3, :3]


def _object(body: Body, number: int, hits: int) -> ObjectLabel:
    center, rotation = box_of(body)
    yaw, pitch, roll = vec(angles_of(rotation), 6)
    return ObjectLabel(
        id=number,
        category=body.category,
        type_id=body.type_id,
        center_world_m=vec(center),
        size_m=vec(body.size_m),
        yaw_rad=yaw,
        pitch_rad=pitch,
        roll_rad=roll,
        velocity_world_mps=vec(body.velocity_mps),
        lidar_points=hits,
        in_wheelchair=body.in_wheelchair,
    )


def _hits(
    capture: Capture, bodies: Sequence[Body], ids: Mapping[int, int], points: Mapping[str, PointLabels]
) -> list[int]:
    """LiDAR points on each body, over all sweeps; -1 each without a LiDAR."""
    if not capture.sweeps:
        return [-1] * len(bodies)
    total = np.zeros(len(bodies), np.int64)
    for name, sweep in capture.sweeps.items():
        if name in points:
            counts = np.bincount(points[name].instance, minlength=EGO_ID + 1)
            total += np.array([counts[ids[body.actor_id]] for body in bodies], np.int64)
        elif bodies:
            world = moved(sweep.points[:, :3].astype(np.float64), capture.world_from_ego @ sweep.ego_from_lidar)
            boxes = [[*box_of(b)[0], *b.size_m, angles_of(b.world_from_actor[:3, :3])[0]] for b in bodies]
            total += points_in_boxes(world, np.array(boxes), MARGIN_M)
    return [int(n) for n in total]


# --- pictures -------------------------------------------------------------------------------------------------------


def _table(around: Surroundings) -> IntArray:
    """Id by the lower 16 bits of an actor's id."""
    table = np.zeros(0x10000, np.int64)
    for actor, number in around.ids.items():
        table[actor & 0xFFFF] = number
    table[around.ego_actor & 0xFFFF] = EGO_ID
    return table


def _numbers(camera: CameraCapture, capture: Capture, bodies: Sequence[Body], around: Surroundings) -> IntArray:
    """Object id by the number of the instance camera: the actor's, or what fits best where a simulator numbers in
    its own way."""
    alive = alive_tags(camera.tags)
    present = np.unique(camera.numbers[alive])
    table = _table(around)
    table[0] = 0
    if not len(present) or (table[present[present > 0]] > 0).any():
        return table
    return _fitted(camera, capture, bodies, around.ids, alive)


def _fitted(
    camera: CameraCapture, capture: Capture, bodies: Sequence[Body], ids: Mapping[int, int], alive: Flags
) -> IntArray:
    """Numbers given to bodies from near to far: the largest group of pixels that lies in the projected box."""
    table = np.zeros(0x10000, np.int64)
    groups = {
        k: (rows, columns)
        for k, found in enumerate(find_objects(np.where(alive, camera.numbers, 0).astype(np.int32)), start=1)
        if found is not None
        for rows, columns in [found]
    }
    outlines = [(body, outline) for body in _near_first(bodies, camera, capture) if (outline := _outline(
        body, camera, capture)) is not None]  # fmt: skip
    for body, outline in outlines:
        x0, y0, x1, y1 = outline.cut_px
        best, most = 0, 0
        for k, (rows, columns) in groups.items():
            wide = min(columns.stop, x1 + 1) - max(columns.start, x0 - 1)
            high = min(rows.stop, y1 + 1) - max(rows.start, y0 - 1)
            area = (columns.stop - columns.start) * (rows.stop - rows.start)
            if min(wide, high) > 0 and wide * high >= INSIDE_SHARE * area and area > most:
                best, most = k, area
        if best:
            table[best] = ids[body.actor_id]
            del groups[best]
    return table


def _near_first(bodies: Sequence[Body], camera: CameraCapture, capture: Capture) -> list[Body]:
    eye = (capture.world_from_ego @ camera.model.ego_from_camera)[:3, 3]
    return sorted(bodies, key=lambda body: float(np.linalg.norm(box_of(body)[0] - eye)))


def alive_tags(tags: U8) -> Flags:
    """Where people and vehicles are ``(h, w)`` bool."""
    return (tags >= FIRST_TAG) & (tags < FIRST_TAG + TAG_COUNT)


def _masks(camera: CameraCapture, table: IntArray, around: Surroundings) -> Masks:
    instance = np.where(alive_tags(camera.tags), table[camera.numbers], 0)
    return Masks(instance.astype(np.uint16), camera.tags)


def _outline(body: Body, camera: CameraCapture, capture: Capture) -> Outline | None:
    camera_from_world = inverse(capture.world_from_ego @ camera.model.ego_from_camera)
    center, rotation = box_of(body)
    return project_box(moved(corners(center, body.size_m, rotation), camera_from_world), camera.model)


def _views(
    camera: CameraCapture, capture: Capture, bodies: Sequence[Body], ids: Mapping[int, int], masks: Masks
) -> tuple[ViewLabel, ...]:
    """Objects in a picture, nearest first."""
    whole = _Extents(np.where(masks.instance == EGO_ID, 0, masks.instance), camera.depth_m)
    on_bike = masks.semantic == RIDER_TAG
    rider = _Extents(np.where(on_bike & (masks.instance != EGO_ID), masks.instance, 0), None)
    machine = _Extents(np.where(~on_bike & (masks.instance != EGO_ID), masks.instance, 0), None)
    shapes = camera.silhouettes
    row_of = {} if shapes is None else {int(actor): k for k, actor in enumerate(shapes.actor_id)}
    views: list[ViewLabel] = []
    for body in _near_first(bodies, camera, capture):
        number, outline = ids[body.actor_id], _outline(body, camera, capture)
        visible = whole.box(number)
        if outline is None:
            continue
        amodal, amodal_pixels = outline.cut_px, -1
        if shapes is not None:
            k = row_of.get(body.actor_id)
            if k is None or not np.isfinite(shapes.amodal_px[k]).all():
                if visible is None:
                    continue  # not in the picture, or wholly hidden by the air
            else:
                amodal, amodal_pixels = shapes.amodal_px[k], int(shapes.amodal_pixels[k])
        if visible is not None:
            low, high = np.minimum(amodal[:2], visible[:2]), np.maximum(amodal[2:], visible[2:])
            amodal = np.concatenate([low, high])
        pixels = int(whole.pixels(number))
        expected = amodal_pixels if amodal_pixels >= 0 else FILL[CLASS_OF[body.category]] * outline.area_px
        share = min(1.0, pixels / max(1.0, expected))
        two = body.category in TWO_WHEELERS
        views.append(
            ViewLabel(
                id=number,
                visible_px=visible,
                amodal_px=vec(amodal, 3),
                projected_px=vec(outline.box_px, 3),
                pixels=pixels,
                amodal_pixels=amodal_pixels,
                visibility=round(share, 4),
                truncation=round(outline.truncation, 4),
                occlusion=_occlusion(pixels, share),
                order=len(views),
                depth_m=whole.depth(number),
                rider_px=rider.box(number) if two else None,
                rider_pixels=int(rider.pixels(number)) if two else 0,
                body_px=machine.box(number) if two else None,
                body_pixels=int(machine.pixels(number)) if two else 0,
            )
        )
    return tuple(views)


def _occlusion(pixels: int, visibility: float) -> int:
    return 3 if pixels == 0 else 0 if visibility >= FREE else 1 if visibility >= PARTLY else 2


class _Extents:
    """Tight boxes, pixel counts and mean depths of the ids in an instance picture."""

    def __init__(self, instance: U16, depth_m: object | None) -> None:
        self._count = np.bincount(instance.ravel(), minlength=EGO_ID + 1)
        self._found = find_objects(instance.astype(np.int32))
        self._depth: FloatArray | None = None
        if depth_m is not None:
            weights = np.asarray(depth_m, np.float64).ravel()
            self._depth = np.bincount(instance.ravel(), weights, minlength=EGO_ID + 1).astype(np.float64)

    def box(self, number: int) -> Box | None:
        if number > len(self._found) or self._found[number - 1] is None:
            return None
        rows, columns = self._found[number - 1]
        return float(columns.start), float(rows.start), float(columns.stop), float(rows.stop)

    def pixels(self, number: int) -> int:
        return int(self._count[number])

    def depth(self, number: int) -> float | None:
        if self._depth is None or not self._count[number]:
            return None
        return round(float(self._depth[number] / self._count[number]), 3)


def _lights(name: str, camera: CameraCapture, capture: Capture, lights: Lights) -> tuple[LightLabel, ...]:
    """Heads that show their face. The rows of ``boxes_2d`` name the actor, the map its signal."""
    camera_from_world = inverse(capture.world_from_ego @ camera.model.ego_from_camera)
    now = Lights(lights.places, capture.lights, lights.actor_id, lights.half_m)
    picture = np.zeros((*camera.tags.shape, 3), np.uint8)
    picture[..., 2] = camera.tags
    found = boxes_2d(name, picture, camera.model, camera_from_world, NO_OBJECTS, now)
    signal_of = {actor: signal for signal, actor in lights.actor_id.items()}
    rows = []
    for k in range(len(found.actor_id)):
        visible = None if np.isnan(found.visible_px[k]).any() else vec(found.visible_px[k], 3)
        rows.append(
            LightLabel(
                signal_of.get(int(found.actor_id[k]), ""),
                STATE[LightState(int(found.light_state[k]))],
                vec(found.full_px[k], 3),
                visible,
                int(found.pixels[k]),
                round(float(found.visibility[k]), 4),
                round(float(found.truncation[k]), 4),
            )
        )
    return tuple(rows)
