"""Boxes in pictures: COCO average precision, counted by faster-coco-eval.

A true object counts if its visible box is at least ``MIN_HEIGHT_PX`` high and at least ``MIN_VISIBILITY`` of it is
visible; smaller or more hidden ones are ignored: finding them is neither rewarded nor punished (COCO's crowd rule).
AP50 is average precision at IoU 0.5, AP the mean over IoU 0.50:0.05:0.95 (101 recall points).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception.objects import Detections2D, ObjectClass
from sim.truth import TruthBoxes2D

MIN_HEIGHT_PX = 20.0
MIN_VISIBILITY = 0.4
CLASSES = (
    ObjectClass.CAR,
    ObjectClass.TRUCK,
    ObjectClass.BUS,
    ObjectClass.MOTORCYCLE,
    ObjectClass.BICYCLE,
    ObjectClass.PEDESTRIAN,
)


@dataclass(frozen=True)
class ImagePair:
    """What was there and what was found in one picture."""

    truth: TruthBoxes2D
    found: Detections2D
    width: int
    height: int


def counts(truth: TruthBoxes2D) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which true boxes ``(n,)`` must be found."""
    tall = truth.visible_px[:, 3] - truth.visible_px[:, 1] >= MIN_HEIGHT_PX
    return np.asarray(tall & (truth.visibility >= MIN_VISIBILITY))


def evaluate_boxes(pairs: Iterable[ImagePair]) -> dict[str, Any]:
    """AP and AP50 per class and as mean over the classes that occur; number of objects and pictures.

    A class without a single object that counts has no AP: it is left out, it is not zero.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    objects = dict.fromkeys(CLASSES, 0)
    for number, pair in enumerate(pairs):
        images.append({"id": number + 1, "width": pair.width, "height": pair.height})
        must = counts(pair.truth)
        for row in np.flatnonzero(np.isfinite(pair.truth.visible_px).all(axis=1)):
            kind = int(pair.truth.classes[row])
            if kind not in set(CLASSES):
                continue
            objects[ObjectClass(kind)] += int(must[row])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number + 1,
                    "category_id": kind,
                    "bbox": _xywh(pair.truth.visible_px[row]),
                    "area": float(np.prod(pair.truth.visible_px[row, 2:] - pair.truth.visible_px[row, :2])),
                    "iscrowd": int(not must[row]),
                }
            )
        for box, score, kind in zip(pair.found.boxes_px, pair.found.scores, pair.found.classes, strict=True):
            if int(kind) in set(CLASSES):
                results.append(
                    {"image_id": number + 1, "category_id": int(kind), "bbox": _xywh(box), "score": float(score)}
                )
    present = [kind for kind in CLASSES if objects[kind]]
    out: dict[str, Any] = {"images": len(images), "objects": {k.name.lower(): objects[k] for k in present}}
    if not present:
        return out
    precision = _precision(images, annotations, results)
    ap, ap50 = {}, {}
    for kind in present:
        values = precision[:, :, CLASSES.index(kind)]
        ap[kind.name.lower()] = float(values.mean())
        ap50[kind.name.lower()] = float(values[0].mean())
    out |= {
        "AP": ap,
        "AP50": ap50,
        "mAP": float(np.mean(list(ap.values()))),
        "mAP50": float(np.mean(list(ap50.values()))),
    }
    return out


def _xywh(box: np.ndarray[Any, Any]) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


def _precision(
    images: list[dict[str, Any]], annotations: list[dict[str, Any]], results: list[dict[str, Any]]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Interpolated precision ``(10 IoU, 101 recall, classes)``; zero where a class was never found."""
    from faster_coco_eval import COCO, COCOeval_faster

    categories = [{"id": kind.value, "name": kind.name.lower()} for kind in CLASSES]
    if not results:
        return np.zeros((10, 101, len(CLASSES)))
    truth = COCO({"images": images, "annotations": annotations, "categories": categories})
    run = COCOeval_faster(truth, truth.loadRes(results), iouType="bbox", print_function=lambda *_: None)
    run.evaluate()
    run.accumulate()
    precision = np.asarray(run.eval["precision"])[:, :, :, 0, -1]  # all areas, 100 detections
    return np.clip(precision, 0.0, None)
