"""Several pictures made into one: mosaic, mix-up, cut-mix. Only image, boxes and masks: no camera took the result.

Mosaic as in Bochkovskiy et al. (YOLOv4, arXiv:2004.10934); mix-up for detection as in Zhang et al. (arXiv:1902.04103):
pictures blended, all boxes kept; cut-mix as in Yun et al. (arXiv:1905.04899), boxes of the covered part dropped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from perception.augment.sample import FAR_M, Boxes2D, Sample
from perception.augment.warp import GREY, cut, resize

PARTS = 4
"""Of a mosaic, and what ids are multiplied by to stay apart."""


def mosaic(
    samples: list[Sample],
    size: tuple[int, int],
    rng: np.random.Generator,
    scale: tuple[float, float] = (0.5, 1.0),
    min_share: float = 0.3,
) -> Sample:
    """Four pictures around a random point, each scaled so that its height is ``scale`` of the result's.

    Raises ValueError unless there are four.
    """
    if len(samples) != 4:
        raise ValueError(f"mosaic: expected 4 samples, got {len(samples)}")
    height, width = size
    cx, cy = round(width * rng.uniform(0.35, 0.65)), round(height * rng.uniform(0.35, 0.65))
    areas = [(0, 0, cx, cy), (cx, 0, width, cy), (0, cy, cx, height), (cx, cy, width, height)]
    layers = _canvas(samples, size)
    boxes = []
    for k, (sample, area) in enumerate(zip(samples, areas, strict=True)):
        factor = rng.uniform(*scale) * height / sample.size[0]
        part = resize(sample, (max(1, round(sample.size[0] * factor)), max(1, round(sample.size[1] * factor))))
        left, top = (_place(area[i], area[i + 2], part.size[1 - i], rng) for i in (0, 1))
        inside = (
            max(area[0], left),
            max(area[1], top),
            min(area[2], left + part.size[1]),
            min(area[3], top + part.size[0]),
        )
        x0, y0, x1, y1 = inside
        for name, canvas in layers.items():
            canvas[y0:y1, x0:x1] = getattr(part, name)[y0 - top : y1 - top, x0 - left : x1 - left]
        moved = part.boxes.px + np.array([left, top, left, top], np.float32)
        boxes.append(_own_ids(cut(part.boxes.at(moved), tuple(map(float, inside)), min_share), k))  # type: ignore[arg-type]
        if "instance" in layers:
            _own_pixels(layers["instance"][y0:y1, x0:x1], k)
    return replace(Sample(layers.pop("image"), Boxes2D.joined(boxes)), **layers)


def _place(low: int, high: int, length: int, rng: np.random.Generator) -> int:
    """Where a part of this length begins so that it fills the span, or lies within it where it is shorter."""
    spare = length - (high - low)
    return low - round(rng.uniform(min(0, spare), max(0, spare)))


def _own_ids(boxes: Boxes2D, k: int) -> Boxes2D:
    """Ids of the k-th picture, apart from those of the others."""
    return replace(boxes, ids=np.where(boxes.ids > 0, boxes.ids * PARTS + k, boxes.ids))


def _own_pixels(instance: npt.NDArray[np.int32], k: int) -> None:
    """Pixels' ids as ``_own_ids``, in place."""
    instance[instance > 0] = instance[instance > 0] * PARTS + k


def _canvas(samples: list[Sample], size: tuple[int, int]) -> dict[str, Any]:
    """Empty layers of those that all samples have."""
    layers: dict[str, npt.NDArray[Any]] = {"image": np.full((*size, 3), GREY[0], np.uint8)}
    if all(sample.instance is not None for sample in samples):
        layers["instance"] = np.zeros(size, np.int32)
    if all(sample.semantic is not None for sample in samples):
        layers["semantic"] = np.zeros(size, np.uint8)
    if all(sample.depth_m is not None for sample in samples):
        layers["depth_m"] = np.full(size, FAR_M, np.float32)
    return layers


def mixup(first: Sample, second: Sample, share: float) -> Sample:
    """``share`` of the first picture and the rest of the second, boxes of both; masks are the stronger one's.

    Ids are made anew, so that no two things have the same; sweep and calibration are given up.
    """
    if first.image is None or second.image is None:
        raise ValueError("mix-up: both samples need an image")
    other = second if second.size == first.size else resize(second, first.size)
    k = 0 if share >= 0.5 else 1
    strong = (first, other)[k]
    assert other.image is not None
    image = np.asarray(cv2.addWeighted(first.image, share, other.image, 1.0 - share, 0.0), np.uint8)
    boxes = Boxes2D.joined([_own_ids(first.boxes, 0), _own_ids(other.boxes, 1)])
    instance = None if strong.instance is None else strong.instance.copy()
    if instance is not None:
        _own_pixels(instance, k)
    return Sample(image, boxes, instance, strong.semantic, strong.depth_m)


def cutmix(first: Sample, second: Sample, area: tuple[int, int, int, int], min_share: float = 0.3) -> Sample:
    """The first picture with the part ``x0 y0 x1 y1`` of the second over it.

    Ids are made anew, so that no two things have the same. A box of the first stays if no more than ``1 - min_share``
    of it is covered, one of the second if so much is seen.
    """
    if first.image is None or second.image is None:
        raise ValueError("cut-mix: both samples need an image")
    other = second if second.size == first.size else resize(second, first.size)
    x0, y0, x1, y1 = area
    layers = _canvas([first, other], first.size)
    for name, canvas in layers.items():
        canvas[:] = getattr(first, name)
        if name == "instance":
            _own_pixels(canvas, 0)
        canvas[y0:y1, x0:x1] = getattr(other, name)[y0:y1, x0:x1]
        if name == "instance":
            _own_pixels(canvas[y0:y1, x0:x1], 1)
    low = np.maximum(first.boxes.px[:, :2], (x0, y0))
    high = np.minimum(first.boxes.px[:, 2:], (x1, y1))
    covered = np.clip(high - low, 0.0, None).prod(axis=1)
    whole = (first.boxes.px[:, 2:] - first.boxes.px[:, :2]).prod(axis=1)
    kept = first.boxes[covered <= (1.0 - min_share) * whole]
    new = cut(other.boxes, (float(x0), float(y0), float(x1), float(y1)), min_share)
    boxes = Boxes2D.joined([_own_ids(kept, 0), _own_ids(new, 1)])
    return replace(Sample(layers.pop("image"), boxes), **layers)
