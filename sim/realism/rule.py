"""The rule by which the judge counts: which objects it must find, what is a hit, what is a false alarm.

*Asked* is an object that is high enough in the picture (``MIN_HEIGHT_PX`` of its group, its whole outline where that
lies inside the picture) and of which at least half is seen: visible pixels over all pixels that it would cover, those
beyond the picture's edges counted in. It is *found* if a detection of its group has an IoU of 0.5 with the tight box
of its visible pixels; detections are not shared out one to one.

Groups: cars, vans, trucks and buses are vehicles, whatever of these three (car, bus, truck) the detector says;
motorcycles and bicycles are two-wheelers, whose box may be the machine's (as COCO draws it) or that of machine and
rider (as KITTI does); riders are persons too. A detection is *right* if it has an IoU of 0.3 with the visible pixels
of any real object of its group, whatever its size, or lies mostly inside one; parked cars of the scenery, which are
nobody's actors, count as real.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

HIT_IOU = 0.5
REAL_IOU = 0.3
MOSTLY = 0.7
"""Share of a detection inside a real object from which it is no false alarm: a lorry's cab is a part of a lorry."""
MIN_SHARE_VISIBLE = 0.5


class Group(str, Enum):
    """What detections and objects are compared within."""

    VEHICLE = "vehicle"
    TWO_WHEELER = "two_wheeler"
    PERSON = "person"


MIN_HEIGHT_PX = {Group.VEHICLE: 25.0, Group.TWO_WHEELER: 40.0, Group.PERSON: 40.0}
"""At 800 x 600 and 90 degrees a car is so high at 24 m, a person or a two-wheeler with its rider at 17 m."""
GROUP_OF_COCO = {
    0: Group.PERSON, 1: Group.TWO_WHEELER, 2: Group.VEHICLE, 3: Group.TWO_WHEELER, 5: Group.VEHICLE, 7: Group.VEHICLE,
}  # fmt: skip
"""COCO-80 class numbers of street users."""
NAME_OF_COCO = {0: "person", 1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck"}
GROUP_OF_KIND = {
    "car": Group.VEHICLE, "van": Group.VEHICLE, "truck": Group.VEHICLE, "bus": Group.VEHICLE,
    "motorcycle": Group.TWO_WHEELER, "bicycle": Group.TWO_WHEELER, "person": Group.PERSON, "rider": Group.PERSON,
}  # fmt: skip
"""Kinds of objects, and the group of each."""


@dataclass(frozen=True)
class Objects:
    """Real objects of one picture, n rows.

    kind (n,) a key of ``GROUP_OF_KIND``; name (n,) blueprint or file's label; box (n, 4) left, top, right, bottom of
    the visible pixels; whole_box (n, 4) with the rider, of the others the same; height_px (n,) of the whole outline
    inside the picture; share_visible (n,) 0..1 of the whole outline; distance_m (n,), NaN where it is not known. asked
    (n,) False takes a row out of recall (it stays real).
    """

    kind: tuple[str, ...]
    name: tuple[str, ...]
    box: F32
    whole_box: F32
    height_px: Floats
    share_visible: Floats
    distance_m: Floats
    asked: Bools

    def group_is(self, group: Group) -> Bools:
        """Rows (n,) of a group."""
        return np.array([GROUP_OF_KIND[kind] is group for kind in self.kind], np.bool_)

    def must_be_found(self) -> Bools:
        """Rows (n,) that the rule asks for."""
        low = np.array([MIN_HEIGHT_PX[GROUP_OF_KIND[kind]] for kind in self.kind], np.float64)
        return self.asked & (self.height_px >= low) & (self.share_visible >= MIN_SHARE_VISIBLE)


Row = tuple[str, str, Sequence[float], Sequence[float], float, float, float, bool]
"""An object as the fields of ``Objects``."""


def objects(rows: Sequence[Row]) -> Objects:
    """Rows as columns."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * 8
    return Objects(
        tuple(columns[0]),
        tuple(columns[1]),
        np.array(columns[2], np.float32).reshape(-1, 4),
        np.array(columns[3], np.float32).reshape(-1, 4),
        np.array(columns[4], np.float64),
        np.array(columns[5], np.float64),
        np.array(columns[6], np.float64),
        np.array(columns[7], np.bool_),
    )


@dataclass(frozen=True)
class Detections:
    """What the detector says of one picture: box (m, 4), coco (m,) class number, score (m,); street users only."""

    box: F32
    coco: npt.NDArray[np.int64]
    score: F32

    def group_is(self, group: Group) -> Bools:
        """Rows (m,) of a group."""
        return np.array([GROUP_OF_COCO.get(int(c)) is group for c in self.coco], np.bool_)


@dataclass(frozen=True)
class Verdict:
    """asked, found (n,) of the objects; named (n,) found and called by its own class (a van may be car or truck);
    noticed (n,) found, or a two-wheeler whose box, with its rider or without, is found as a person's; best_iou (n,)
    with a detection of the group; right (m,) of the detections."""

    asked: Bools
    found: Bools
    named: Bools
    noticed: Bools
    best_iou: Floats
    right: Bools


OWN_CLASSES = {
    "car": {2}, "van": {2, 5, 7}, "truck": {7}, "bus": {5}, "motorcycle": {3}, "bicycle": {1}, "person": {0},
    "rider": {0},
}  # fmt: skip


def judge_frame(real: Objects, said: Detections, parked: F32, unlabelled: F32) -> Verdict:
    """Compare one picture's objects and detections.

    parked (k, 4): vehicles of the scenery, nobody's actors. unlabelled (k, 4): regions of which nobody said what is
    there.
    """
    n, m = len(real.kind), len(said.coco)
    found, named, right = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(m, np.bool_)
    best = np.zeros(n)
    for group in Group:
        rows, columns = np.flatnonzero(real.group_is(group)), np.flatnonzero(said.group_is(group))
        if not len(columns):
            continue
        overlap = np.maximum(iou(real.box[rows], said.box[columns]), iou(real.whole_box[rows], said.box[columns]))
        best[rows] = overlap.max(axis=1, initial=0.0)
        found[rows] = best[rows] >= HIT_IOU
        for r, row in enumerate(rows):
            own = np.isin(said.coco[columns], sorted(OWN_CLASSES[real.kind[row]]))
            named[row] = bool((own & (overlap[r] >= HIT_IOU)).any())
        others = np.concatenate([parked, unlabelled]) if group is Group.VEHICLE else unlabelled
        there = np.concatenate([real.box[rows], real.whole_box[rows], others])
        right[columns] = (iou(there, said.box[columns]) >= REAL_IOU).any(axis=0)
        right[columns] |= (inside(said.box[columns], there) >= MOSTLY).any(axis=1)
    machines, people = real.group_is(Group.TWO_WHEELER), said.box[said.group_is(Group.PERSON)]
    as_person = np.maximum(iou(real.box, people), iou(real.whole_box, people)).max(axis=1, initial=0.0) >= HIT_IOU
    return Verdict(real.must_be_found(), found, named, found | (machines & as_person), best, right)


def no_boxes() -> F32:
    """(0, 4)."""
    return np.zeros((0, 4), np.float32)


def iou(a: F32, b: F32) -> Floats:
    """Intersection over union (n, m) of boxes a (n, 4) and b (m, 4); 0 where both are empty."""
    common = _common(a, b)
    union = area(a)[:, None] + area(b)[None, :] - common
    return np.asarray(np.where(union > 0.0, common / np.maximum(union, 1e-9), 0.0), np.float64)


def inside(a: F32, b: F32) -> Floats:
    """Share (n, m) of each box of a (n, 4) that lies inside each of b (m, 4)."""
    return np.asarray(_common(a, b) / np.maximum(area(a)[:, None], 1e-9), np.float64)


def area(box: F32) -> Floats:
    """Area (n,) of boxes (n, 4); 0 where one is turned inside out."""
    wide, high = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
    return np.asarray(np.maximum(wide, 0.0) * np.maximum(high, 0.0), np.float64)


def _common(a: F32, b: F32) -> Floats:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    side = np.maximum(high - low, 0.0).astype(np.float64)
    return np.asarray(side[..., 0] * side[..., 1], np.float64)
