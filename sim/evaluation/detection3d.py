"""Boxes in space: the nuScenes detection metric (Caesar et al., "nuScenes", CVPR 2020; devkit ``detection_cvpr_2019``).

Detections are matched to true boxes of the class greedily by score on the distance of their centres on the ground, at
0.5, 1, 2 and 4 m. AP is the normalised area under precision over recall above 10 % recall and 10 % precision, over 101
recall points; mAP the mean over classes and distances. True-positive errors are taken at 2 m: translation (m), scale
(1 - IoU of aligned boxes), orientation (rad), velocity (m/s; only tracks have one). Objects beyond the class range, and
true objects without a LiDAR return, do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception.frame import FloatArray
from perception.geometry import wrap_angle
from perception.objects import IntArray, ObjectClass

DISTANCES_M = (0.5, 1.0, 2.0, 4.0)
ERROR_DISTANCE_M = 2.0
MIN_RECALL = MIN_PRECISION = 0.1
RANGE_M: dict[ObjectClass, float] = {
    ObjectClass.CAR: 50.0,
    ObjectClass.TRUCK: 50.0,
    ObjectClass.BUS: 50.0,
    ObjectClass.MOTORCYCLE: 40.0,
    ObjectClass.BICYCLE: 40.0,
    ObjectClass.PEDESTRIAN: 40.0,
}
ERRORS = ("ATE", "ASE", "AOE", "AVE")


@dataclass(frozen=True)
class BoxSet:
    """Boxes of one frame in the ego frame: boxes_m (n, 7), classes (n,), scores (n,) (1 for true ones), velocity_mps
    (n, 2) (NaN where unknown), points (n,) LiDAR returns (1 where not counted)."""

    boxes_m: FloatArray
    classes: IntArray
    scores: FloatArray
    velocity_mps: FloatArray
    points: IntArray


def evaluate_boxes(frames: Sequence[tuple[BoxSet, BoxSet]]) -> dict[str, Any]:
    """Metrics of (truth, found) frames: AP per class, mAP, the errors as means over classes.

    A class without a true object is left out.
    """
    ap: dict[str, float] = {}
    errors: dict[str, dict[str, float]] = {}
    objects: dict[str, int] = {}
    for kind, reach in RANGE_M.items():
        pairs = [(_select(truth, kind, reach, 1), _select(found, kind, reach, 0)) for truth, found in frames]
        total = sum(len(truth.classes) for truth, _ in pairs)
        if not total:
            continue
        name = kind.name.lower()
        objects[name] = total
        curves = {distance: _curve(pairs, total, distance) for distance in DISTANCES_M}
        ap[name] = float(np.mean([_average_precision(*curves[d][:2]) for d in DISTANCES_M]))
        errors[name] = _errors(*curves[ERROR_DISTANCE_M])
    if not ap:
        return {"objects": {}}
    means = {}
    for error in ERRORS:
        values = [e[error] for e in errors.values() if np.isfinite(e[error])]
        if values:
            means[f"m{error}"] = float(np.mean(values))
    return {"objects": objects, "AP": ap, "mAP": float(np.mean(list(ap.values()))), "errors": errors, **means}


def _select(boxes: BoxSet, kind: ObjectClass, reach_m: float, min_points: int) -> BoxSet:
    keep = boxes.classes == kind.value
    keep &= np.hypot(boxes.boxes_m[:, 0], boxes.boxes_m[:, 1]) < reach_m
    keep &= boxes.points >= min_points
    return BoxSet(*(getattr(boxes, name)[keep] for name in boxes.__dataclass_fields__))


def _curve(
    pairs: Sequence[tuple[BoxSet, BoxSet]], total: int, distance_m: float
) -> tuple[FloatArray, FloatArray, dict[str, FloatArray]]:
    """Recall and precision after each detection, best score first, and the errors of the true positives (NaN else)."""
    rows = [(-float(score), f, k) for f, (_, found) in enumerate(pairs) for k, score in enumerate(found.scores)]
    rows.sort()
    taken = [np.zeros(len(truth.classes), np.bool_) for truth, _ in pairs]
    hit = np.zeros(len(rows), np.bool_)
    errors = {name: np.full(len(rows), np.nan) for name in ERRORS}
    for i, (_, f, k) in enumerate(rows):
        truth, found = pairs[f]
        gap = np.hypot(*(truth.boxes_m[:, :2] - found.boxes_m[k, :2]).T)
        gap = np.where(taken[f], np.inf, gap)
        if len(gap) and float(gap.min()) < distance_m:
            match = int(gap.argmin())
            taken[f][match] = hit[i] = True
            for name, value in _pair_errors(truth, match, found, k).items():
                errors[name][i] = value
    found_so_far = np.cumsum(hit)
    return found_so_far / total, found_so_far / np.arange(1, len(rows) + 1), errors


def _pair_errors(truth: BoxSet, t: int, found: BoxSet, k: int) -> dict[str, float]:
    a, b = truth.boxes_m[t], found.boxes_m[k]
    inter = float(np.minimum(a[3:6], b[3:6]).prod())
    return {
        "ATE": float(np.hypot(*(a[:2] - b[:2]))),
        "ASE": 1.0 - inter / float(a[3:6].prod() + b[3:6].prod() - inter),
        "AOE": abs(float(wrap_angle(a[6] - b[6]))),
        "AVE": float(np.hypot(*(truth.velocity_mps[t] - found.velocity_mps[k]))),
    }


def _average_precision(recall: FloatArray, precision: FloatArray) -> float:
    """Area above MIN_RECALL and MIN_PRECISION, normalised to 1."""
    if not len(recall):
        return 0.0
    at = np.linspace(0.0, 1.0, 101)
    values = np.interp(at, recall, precision, right=0.0)
    values = values[round(100 * MIN_RECALL) + 1 :] - MIN_PRECISION
    return float(np.clip(values, 0.0, None).mean() / (1.0 - MIN_PRECISION))


def _errors(recall: FloatArray, precision: FloatArray, errors: dict[str, FloatArray]) -> dict[str, float]:
    """Mean over recall above MIN_RECALL of the running mean error; 1 if recall never gets there, NaN if unknown."""
    del precision
    out = {}
    for name, values in errors.items():
        good = np.isfinite(values)
        if name == "AVE" and not good.any():
            out[name] = float("nan")
            continue
        if not len(recall) or recall[-1] <= MIN_RECALL or not good.any():
            out[name] = 1.0
            continue
        running = np.cumsum(np.where(good, values, 0.0)) / np.maximum(np.cumsum(good), 1)
        at = np.arange(0.0, 1.005, 0.01)
        along = np.interp(at, recall, running)
        usable = (at > MIN_RECALL) & (at <= recall[-1] + 1e-9)
        out[name] = float(along[usable].mean()) if usable.any() else 1.0
    return out
