"""Copy-paste of traffic: cut objects put into another moment, with their points and pixels, where they can stand.

As the ground-truth sampling of SECOND (Yan 2018) for sweeps, for camera and sweep together after Wang et al.,
"PointAugmenting" (CVPR 2021): an object is turned about the sensor and moved along its ray, so that both sensors see
the side of it that they saw. It stands on ground that the moment shows, of a kind that its class stands on, touches
nothing in bird's eye view, hides what is behind it and is hidden by what is before it, in the sweep and in the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from perception.augment.cloud import IN_BOX_MARGIN_M, box_to_box
from perception.augment.occlude import Shadow, cast, thinned
from perception.augment.paste_image import paint, place_patch
from perception.augment.sample import Boxes2D, Boxes3D, Cloud, Sample
from perception.augment.standing import OTHER, ROAD, SIDEWALK, UNKNOWN, Ground, footprint, ground_of
from perception.augment.store import CutObject, ObjectStore
from perception.frame import FloatArray
from perception.geometry import intersection_bev, points_in_box, wrap_angle
from perception.objects import ObjectClass

STANDS_ON: dict[int, tuple[int, ...]] = {
    ObjectClass.PEDESTRIAN: (UNKNOWN, ROAD, SIDEWALK, OTHER),
    ObjectClass.BICYCLE: (UNKNOWN, ROAD, SIDEWALK),
}
"""Kinds of ground by class; every other class stands on roads, or where nothing is known of the ground."""


@dataclass(frozen=True)
class PasteRule:
    """Where an object may go."""

    range_change: tuple[float, float] = (0.9, 1.4)  # nearer would need returns and pixels that there are none of
    gap_m: float = 0.3  # to other footprints
    max_tilt_m: float = 0.15  # of the ground under it: a kerb, or a slope of 3 % over a car's length
    min_visible: float = 0.35  # of its points and of its pixels
    min_rest: float = 0.3  # of another thing's points or pixels that must stay, else its label goes
    tries: int = 12  # for each object


@dataclass(frozen=True)
class Pasted:
    """What was put where: rows of the new ``boxes_m (n, 7)``, and which of the store's objects they are."""

    boxes_m: FloatArray
    chosen: tuple[int, ...]


def paste(
    sample: Sample, store: ObjectStore, count: int, rule: PasteRule, rng: np.random.Generator
) -> tuple[Sample, Pasted]:
    """Up to ``count`` objects pasted. With an image only objects with pixels are, into the camera's view.

    Nothing is pasted where the sample shows no ground, or has an image but no calibration.
    """
    pictured = sample.image is not None
    usable = [i for i, thing in enumerate(store.objects) if thing.pictured or not pictured]
    ground = ground_of(sample)
    if not usable or ground is None or (pictured and sample.calibration is None):
        return sample, Pasted(np.zeros((0, 7)), ())
    chosen: dict[int, int] = {}  # id in the sample -> which object
    for _ in range(count):
        number = usable[int(rng.integers(len(usable)))]
        for _ in range(rule.tries):
            box = _somewhere(sample, store.objects[number], rule, rng)
            after = _pasted(sample, store.objects[number], box, ground, rule, rng)
            if after is not None:
                sample = after
                chosen[int(sample.objects.ids[-1])] = number
                break
    left = np.isin(sample.objects.ids, list(chosen))  # one that a later one hides is gone again
    return sample, Pasted(sample.objects.m[left], tuple(chosen[int(ident)] for ident in sample.objects.ids[left]))


def _somewhere(sample: Sample, thing: CutObject, rule: PasteRule, rng: np.random.Generator) -> FloatArray:
    """Its box turned about the sensor and moved along the ray, still at its old height."""
    azimuth = math.atan2(thing.box_m[1], thing.box_m[0])
    if sample.image is not None and sample.calibration is not None:
        lidar_from_camera = np.linalg.inv(sample.calibration.camera_from_lidar)
        u = rng.uniform(0.05, 0.95) * sample.size[1]
        ray = lidar_from_camera[:3, :3] @ np.linalg.inv(sample.calibration.intrinsics) @ (u, sample.size[0] / 2.0, 1.0)
        there = math.atan2(float(ray[1]), float(ray[0]))
    else:
        there = float(rng.uniform(-math.pi, math.pi))
    factor = float(rng.uniform(*rule.range_change))
    away = math.hypot(thing.box_m[0], thing.box_m[1]) * factor
    box = thing.box_m.copy()
    box[:2] = away * math.cos(there), away * math.sin(there)
    box[6] = wrap_angle(box[6] + there - azimuth)
    return box


def _pasted(
    sample: Sample, thing: CutObject, box: FloatArray, ground: Ground, rule: PasteRule, rng: np.random.Generator
) -> Sample | None:
    """The sample with the thing in that box, put on the ground; None where it cannot stand or would not be seen."""
    floor = standing_height(box, thing.kind, ground, rule)
    if floor is None or not _free(box, sample.objects, rule.gap_m):
        return None
    box = box.copy()
    box[2] = floor + box[5] / 2.0
    cloud, kept = sample.cloud, np.ones(len(sample.objects), bool)
    if sample.cloud is not None:
        moved = thing.cloud.at(box_to_box(thing.cloud.points_m, thing.box_m, box))
        moved = thinned(moved, math.hypot(*thing.box_m[:2]) / math.hypot(*box[:2]), rng)
        if not len(moved):  # too far away, or cut from a moment without a sweep
            return None
        shadow = Shadow.of(moved.points_m)
        seen = cast(sample.cloud.points_m, moved.points_m)
        if seen.sum() < max(rule.min_visible * len(moved), 3):
            return None
        behind = shadow.hides(sample.cloud.points_m)
        kept = _rest(sample, ~behind) >= rule.min_rest
        cloud = Cloud.joined([sample.cloud[~behind], moved[seen]])
    number = _new_id(sample)
    after = replace(sample, cloud=cloud)
    gone = sample.objects.ids[~kept]
    if sample.image is not None:
        patch = place_patch(thing, box, sample)
        painted = None if patch is None else paint(after, patch, thing, box, number, rule.min_visible, rule.min_rest)
        if painted is None:
            return None
        after, hidden = painted
        gone = np.concatenate([gone[gone >= 0], hidden])
        kept &= ~(np.isin(sample.objects.ids, hidden) & (sample.objects.ids >= 0))
    objects = sample.objects[kept]
    joined = Boxes3D(
        np.concatenate([objects.m, box[None]]),
        np.append(objects.classes, thing.kind),
        np.append(objects.ids, number),
    )
    return replace(after, objects=joined, boxes=_without(after.boxes, gone))


def _new_id(sample: Sample) -> int:
    """One that no object, box or pixel has: pixels may have ids of things that nobody labelled."""
    pixels = 0 if sample.instance is None else sample.instance.max(initial=0)
    return int(max(sample.objects.ids.max(initial=0), sample.boxes.ids.max(initial=0), pixels)) + 1


def _without(boxes: Boxes2D, ids: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Boxes2D:
    return boxes[~(np.isin(boxes.ids, ids) & (boxes.ids >= 0))]


def standing_height(box_m: FloatArray, kind: int, ground: Ground, rule: PasteRule) -> float | None:
    """Height of the ground under a box; None where it is unknown, uneven, taken or of a kind on which it cannot be."""
    height, kinds, blocked = ground.under(footprint(box_m))
    allowed = STANDS_ON.get(kind, (UNKNOWN, ROAD))
    if not np.isfinite(height).all() or blocked.any() or not np.isin(kinds, allowed).all():
        return None
    if float(height.max() - height.min()) > rule.max_tilt_m:
        return None
    return float(np.median(height))


def _free(box_m: FloatArray, objects: Boxes3D, gap_m: float) -> bool:
    grown = box_m.copy()
    grown[3:5] += 2.0 * gap_m
    return not (intersection_bev(grown[None], objects.m) > 0.0).any()


def _rest(sample: Sample, stays: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> FloatArray:
    """Share of each object's points that stays; 1 for objects without points."""
    assert sample.cloud is not None
    shares = np.ones(len(sample.objects))
    for row, box in enumerate(sample.objects.m):
        inside = points_in_box(sample.cloud.points_m, box, IN_BOX_MARGIN_M)
        if inside.any():
            shares[row] = stays[inside].mean()
    return shares
