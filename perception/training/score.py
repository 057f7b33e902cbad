"""Average precision of a detector on labelled pictures, counted by COCO's reference evaluation.

Objects at least ``min_height_px`` high and ``min_visibility`` visible must be found. The others, and detections
lower than that height, count neither for nor against (as KITTI does with small and hidden objects).
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception.training.boxes import FloatArray


@dataclass(frozen=True)
class ScoreRule:
    """What must be found, in pixels of the camera's own picture."""

    camera_px: tuple[int, int] = (600, 800)  # height, width
    min_height_px: float = 20.0
    min_visibility: float = 0.4


@dataclass(frozen=True)
class ClassScore:
    """``ap50`` is NaN where there is no object to be found."""

    name: str
    ap50: float
    objects: int


def average_precision(
    labels: list[FloatArray],
    detections: list[FloatArray],
    names: tuple[str, ...],
    rule: ScoreRule | None = None,
) -> list[ClassScore]:
    """AP at IoU 0.5 for every class.

    ``labels``: per picture ``(k, 6)`` rows ``class x0 y0 x1 y1 visibility``; ``detections``: per picture ``(m, 6)``
    rows ``x0 y0 x1 y1 score class``; both as shares of the picture.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    rule = rule or ScoreRule()
    height, width = rule.camera_px
    to_px = np.array([width, height, width, height], np.float64)
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image, rows in enumerate(labels):
        for kind, *box, visibility in rows.tolist():
            x0, y0, x1, y1 = np.array(box) * to_px
            sought = y1 - y0 >= rule.min_height_px and visibility >= rule.min_visibility
            truth.append(
                _record(image, int(kind), (x0, y0, x1, y1)) | {"id": len(truth) + 1, "iscrowd": int(not sought)}
            )
    for image, rows in enumerate(detections):
        for *box, score, kind in rows.tolist():
            x0, y0, x1, y1 = np.array(box) * to_px
            if y1 - y0 >= rule.min_height_px:
                found.append(_record(image, int(kind), (x0, y0, x1, y1)) | {"score": score})
    counts = [sum(row["category_id"] == i and not row["iscrowd"] for row in truth) for i in range(len(names))]
    if not truth or not found:
        return [
            ClassScore(name, 0.0 if count else float("nan"), count) for name, count in zip(names, counts, strict=True)
        ]
    dataset = {
        "images": [{"id": i, "height": height, "width": width} for i in range(len(labels))],
        "annotations": truth,
        "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO(dataset)
        evaluation = COCOeval_faster(reference, reference.loadRes(found), "bbox")
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][0, :, :, 0, -1]  # (recall steps, classes): all areas, most detections
    scores = []
    for i, (name, count) in enumerate(zip(names, counts, strict=True)):
        column = precision[:, i]
        ap50 = float(column[column > -1].mean()) if count and (column > -1).any() else (0.0 if count else float("nan"))
        scores.append(ClassScore(name, ap50, count))
    return scores


def _record(image: int, kind: int, corners: tuple[float, float, float, float]) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(value) for value in corners)
    return {
        "image_id": image,
        "category_id": kind,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
    }
