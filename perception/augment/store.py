"""Objects cut out of labelled moments, with their points and pixels, to be put into others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from perception.augment.cloud import IN_BOX_MARGIN_M
from perception.augment.sample import Cloud, Picture, Sample
from perception.frame import Float32Array, FloatArray
from perception.geometry import points_in_box


@dataclass(frozen=True)
class CutObject:
    """One thing as one moment showed it.

    ``kind`` its class; ``box_m (7,)`` and ``cloud`` in the LiDAR's frame of that moment. With a picture: ``patch
    (h, w, 3)`` uint8 BGR and ``alpha (h, w)`` uint8, the middle of its footprint at ``foot_px (2,)`` from the patch's
    corner, ``depth_m`` of that, the camera's ``focal_px``, ``light (3,)`` the mean of that picture's lower half,
    ``tag`` the semantic class of its pixels. Without one the patch is (0, 0, 3).
    """

    kind: int
    box_m: FloatArray
    cloud: Cloud
    patch: Picture
    alpha: Picture
    foot_px: FloatArray
    depth_m: float
    focal_px: float
    light: FloatArray
    tag: int

    @property
    def pictured(self) -> bool:
        """Whether it has pixels."""
        return self.patch.size > 0


@dataclass(frozen=True)
class CutRule:
    """What is worth keeping."""

    min_points: int = 20  # fewer say little of a shape
    min_height_px: float = 25.0
    max_range_m: float = 50.0
    max_overlap: float = 0.15  # of its box, by boxes of nearer things
    min_fill: float = 0.25  # of its box that is its own pixels: less is a thing behind a fence


@dataclass(frozen=True)
class ObjectStore:
    """Cut objects to draw from."""

    objects: tuple[CutObject, ...] = ()

    def __len__(self) -> int:
        return len(self.objects)

    def only(self, classes: Sequence[int]) -> ObjectStore:
        """Those of some classes; of all where none is named."""
        return self if not classes else ObjectStore(tuple(o for o in self.objects if o.kind in classes))

    def save(self, path: Path) -> None:
        """Write all to one ``.npz`` (arrays only)."""
        arrays: dict[str, Any] = {"count": np.array(len(self))}
        for number, thing in enumerate(self.objects):
            for field in fields(thing):
                value = getattr(thing, field.name)
                if isinstance(value, Cloud):
                    arrays[f"{number}/points_m"], arrays[f"{number}/intensity"] = value.points_m, value.intensity
                    arrays[f"{number}/ring"] = value.ring
                else:
                    arrays[f"{number}/{field.name}"] = np.asarray(value)
        np.savez_compressed(path, **arrays)

    @staticmethod
    def load(path: Path) -> ObjectStore:
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as held:
            objects = []
            for number in range(int(held["count"])):
                cloud = Cloud(*(held[f"{number}/{name}"] for name in ("points_m", "intensity", "ring")))
                plain = {f.name: held[f"{number}/{f.name}"] for f in fields(CutObject) if f.name != "cloud"}
                numbers = {name: plain[name].item() for name in ("kind", "depth_m", "focal_px", "tag")}
                objects.append(CutObject(**{**plain, **numbers, "cloud": cloud}))
        return ObjectStore(tuple(objects))


def cut_objects(samples: Iterable[Sample], rule: CutRule | None = None) -> ObjectStore:
    """Everything in the samples that is whole, near and not hidden.

    Pixels come from the instance mask; without one GrabCut tells the thing from what is around its box, with the
    returns on it as sure pixels (Rother, Kolmogorov, Blake, SIGGRAPH 2004).
    """
    rule = rule or CutRule()
    found: list[CutObject] = []
    for sample in samples:
        for row in range(len(sample.objects)):
            thing = _cut(sample, row, rule)
            if thing is not None:
                found.append(thing)
    return ObjectStore(tuple(found))


def _cut(sample: Sample, row: int, rule: CutRule) -> CutObject | None:
    box = sample.objects.m[row]
    if np.hypot(box[0], box[1]) > rule.max_range_m:
        return None
    cloud = Cloud.of(np.zeros((0, 3)))
    if sample.cloud is not None:
        inside = points_in_box(sample.cloud.points_m, box, IN_BOX_MARGIN_M)
        inside &= sample.cloud.points_m[:, 2] > box[2] - box[5] / 2.0 + 0.08  # the road under it stays where it is
        cloud = sample.cloud[inside]
        if len(cloud) < rule.min_points:
            return None
    empty = np.zeros((0, 0, 3), np.uint8)
    kind = int(sample.objects.classes[row])
    if sample.image is None:
        none = np.zeros(2)
        return CutObject(kind, box.copy(), cloud, empty, empty[..., 0], none, 0.0, 1.0, np.ones(3), 0)
    matches = np.flatnonzero((sample.boxes.ids == sample.objects.ids[row]) & (sample.boxes.ids >= 0))
    if sample.calibration is None or len(matches) != 1:
        return None
    px = sample.boxes.px[matches[0]].astype(np.float64)
    height, width = sample.size
    cut_off = px[0] < 1.0 or px[1] < 1.0 or px[2] > width - 1.0 or px[3] > height - 1.0
    if cut_off or px[3] - px[1] < rule.min_height_px or _hidden(sample, row, px) > rule.max_overlap:
        return None
    return _pictured(sample, row, cloud, px, rule)


def _hidden(sample: Sample, row: int, px: FloatArray) -> float:
    """Share of an image box that boxes of nearer things cover, the largest of them."""
    away = np.hypot(sample.objects.m[:, 0], sample.objects.m[:, 1])
    nearer = sample.objects.ids[away < away[row]]
    others = sample.boxes.px[np.isin(sample.boxes.ids, nearer[nearer >= 0])]
    low, high = np.maximum(others[:, :2], px[:2]), np.minimum(others[:, 2:], px[2:])
    covered = np.clip(high - low, 0.0, None).prod(axis=1)
    return float(covered.max(initial=0.0) / (px[2:] - px[:2]).prod())


def _pictured(sample: Sample, row: int, cloud: Cloud, px: FloatArray, rule: CutRule) -> CutObject | None:
    assert sample.image is not None
    assert sample.calibration is not None
    x0, y0 = np.maximum(np.floor(px[:2]).astype(np.int64) - 2, 0)
    x1, y1 = np.minimum(np.ceil(px[2:]).astype(np.int64) + 2, sample.size[::-1])
    box = sample.objects.m[row]
    if sample.instance is not None:
        inside = sample.instance[y0:y1, x0:x1] == sample.objects.ids[row]
        alpha = (inside * 255).astype(np.uint8)
    else:
        alpha = _grabbed(sample.image, px, sample.calibration.pixels(cloud.points_m)[0])[y0:y1, x0:x1]
    if (alpha > 127).sum() < rule.min_fill * (px[2:] - px[:2]).prod():
        return None
    alpha = cv2.GaussianBlur(alpha, (3, 3), 0)
    foot, depth = sample.calibration.pixels(np.array([[box[0], box[1], box[2] - box[5] / 2.0]]))
    if not np.isfinite(foot).all():
        return None
    tags = np.zeros(1, np.uint8) if sample.semantic is None else sample.semantic[y0:y1, x0:x1][alpha > 127]
    return CutObject(
        int(sample.objects.classes[row]),
        box.copy(),
        cloud,
        sample.image[y0:y1, x0:x1].copy(),
        alpha,
        foot[0] - (x0, y0),
        float(depth[0]),
        float(sample.calibration.intrinsics[0, 0]),
        sample.image[sample.size[0] // 2 :].mean(axis=(0, 1)),
        int(np.bincount(tags).argmax()) if len(tags) else 0,
    )


def _grabbed(image: Picture, px: FloatArray, points_px: FloatArray | Float32Array) -> Picture:
    """Mask ``(h, w)`` 0 or 255 of the thing in a box."""
    height, width = image.shape[:2]
    margin = 0.25 * (px[2:] - px[:2])
    ax, ay = np.maximum(np.floor(px[:2] - margin).astype(np.int64), 0)
    bx, by = np.minimum(np.ceil(px[2:] + margin).astype(np.int64), (width, height))
    part = np.ascontiguousarray(image[ay:by, ax:bx])
    mask = np.full(part.shape[:2], cv2.GC_BGD, np.uint8)
    x0, y0, x1, y1 = np.rint(px).astype(np.int64) - np.array([ax, ay, ax, ay])
    mask[y0:y1, x0:x1] = cv2.GC_PR_FGD
    spots = np.rint(points_px[np.isfinite(points_px).all(axis=1)] - (ax, ay)).astype(np.int64)
    spots = spots[((spots >= (x0, y0)) & (spots < (x1, y1))).all(axis=1)]
    mask[spots[:, 1], spots[:, 0]] = cv2.GC_FGD
    cv2.setRNGSeed(0)  # GrabCut clusters colours at random
    cv2.grabCut(part, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    rough = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    sure = np.asarray(cv2.morphologyEx(rough, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(sure)
    if count > 1:
        sure = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    out = np.zeros((height, width), np.uint8)
    out[ay:by, ax:bx] = sure * 255
    return out
