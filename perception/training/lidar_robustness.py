"""LiDAR detection under corrupted sweeps: KITTI-C and Robo3D (see ``robustness`` for the metrics).

Performance is the average precision of bird's-eye-view detection without classes: a detection is right if its centre
lies within ``match_m`` of that of a labelled object that has no better one (nuScenes' rule). Objects with few returns
in the clean sweep count neither for nor against; nor do detections on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perception.augment.cloud import IN_BOX_MARGIN_M
from perception.augment.cloud_corruptions import DONG, ROBO3D, corrupt_sweep
from perception.augment.sample import Cloud, Sample
from perception.augment.standing import floor_z_m
from perception.frame import FloatArray
from perception.geometry import points_in_box
from perception.training.robustness import Robustness

BoolArray = npt.NDArray[np.bool_]
SweepDetector = Callable[[Cloud], tuple[FloatArray, FloatArray]]
"""A sweep in, boxes ``(n, 7)`` in the LiDAR's frame and scores ``(n,)`` out."""


@dataclass(frozen=True)
class SweepRule:
    """What must be found."""

    match_m: float = 2.0
    min_points: int = 10
    max_range_m: float = 50.0
    half_view_rad: float = math.pi  # of the azimuth around straight ahead: KITTI labels only what its camera sees

    def covers(self, boxes_m: FloatArray) -> BoolArray:
        """Which boxes ``(n, 7)`` lie where things are labelled."""
        near = np.hypot(boxes_m[:, 0], boxes_m[:, 1]) <= self.max_range_m
        return np.asarray(near & (np.abs(np.arctan2(boxes_m[:, 1], boxes_m[:, 0])) <= self.half_view_rad))


def average_precision_bev(
    truth: Sequence[FloatArray],
    counted: Sequence[BoolArray],
    found: Sequence[tuple[FloatArray, FloatArray]],
    match_m: float,
) -> float:
    """Area under the precision-recall curve, precision made monotone; NaN without counted objects.

    Per frame: boxes ``truth (n, 7)``, ``counted (n,)`` bool, and found boxes ``(m, 7)`` with scores ``(m,)``.
    """
    sought = int(sum(np.asarray(c, bool).sum() for c in counted))
    if sought == 0:
        return float("nan")
    frame = np.concatenate([np.full(len(scores), i) for i, (_, scores) in enumerate(found)]).astype(np.int64)
    scores = np.concatenate([scores for _, scores in found])
    boxes = np.concatenate([rows for rows, _ in found])
    taken = [np.zeros(len(rows), bool) for rows in truth]
    hits, misses = [], []
    for k in np.argsort(-scores, kind="stable"):
        there = truth[frame[k]]
        away = np.hypot(*(there[:, :2] - boxes[k, :2]).T) if len(there) else np.zeros(0)
        away = np.where(taken[frame[k]], np.inf, away)
        best = int(np.argmin(away)) if len(away) else -1
        if best >= 0 and away[best] <= match_m:
            taken[frame[k]][best] = True
            if counted[frame[k]][best]:
                hits.append(1.0)
                misses.append(0.0)
        else:
            hits.append(0.0)
            misses.append(1.0)
    if not hits:
        return 0.0
    right, wrong = np.cumsum(hits), np.cumsum(misses)
    precision = np.maximum.accumulate((right / (right + wrong))[::-1])[::-1]
    recall = np.concatenate([[0.0], right / sought])
    return float((np.diff(recall) * precision).sum())


def lidar_robustness(
    detect: SweepDetector,
    samples: Sequence[Sample],
    suite: str,
    seed: int = 0,
    rule: SweepRule | None = None,
    corruptions: Sequence[str] | None = None,
    report: Callable[[str], None] | None = None,
) -> Robustness:
    """A detector of sweeps under a suite of corruptions, ``dong`` or ``robo3d``. Samples without a cloud are an error.

    Raises ValueError for an unknown suite or corruption.
    """
    rule = rule or SweepRule()
    table_of = {"dong": DONG, "robo3d": ROBO3D}
    if suite not in table_of:
        raise ValueError(f"LiDAR robustness: no suite {suite!r}; there are dong and robo3d")
    names = [n for n in table_of[suite] if n != "spatial_misalignment"] if corruptions is None else list(corruptions)
    truth = [sample.objects.m for sample in samples]
    counted = [_counted(sample, rule) for sample in samples]

    def performance(changed: Sequence[Sample]) -> float:
        found = []
        for sample in changed:
            assert sample.cloud is not None
            boxes, scores = detect(sample.cloud)
            here = rule.covers(boxes)
            found.append((boxes[here], scores[here]))
        return average_precision_bev(truth, counted, found, rule.match_m)

    clean = performance(samples)
    table: dict[str, tuple[float, ...]] = {}
    for name in names:
        row = []
        for severity in range(1, len(table_of[suite][name]) + 1):
            rngs = [np.random.default_rng([seed, names.index(name), severity, i]) for i in range(len(samples))]
            changed = [
                corrupt_sweep(sample, suite, name, severity, rng) for sample, rng in zip(samples, rngs, strict=True)
            ]
            row.append(performance(changed))
        table[name] = tuple(row)
        if report is not None:
            report(f"{name} {' '.join(f'{value:.3f}' for value in row)}")
    severities = tuple(range(1, max((len(row) for row in table.values()), default=0) + 1))
    about = {"sweeps": len(samples), "suite": suite, "seed": seed, "metric": f"AP, centres within {rule.match_m:g} m"}
    return Robustness(clean, table, severities, about)


def _counted(sample: Sample, rule: SweepRule) -> BoolArray:
    """Which objects must be found: near, with returns enough in the clean sweep."""
    if sample.cloud is None:
        raise ValueError("LiDAR robustness: a sample has no cloud")
    points = np.array([points_in_box(sample.cloud.points_m, box, IN_BOX_MARGIN_M).sum() for box in sample.objects.m])
    return rule.covers(sample.objects.m) & (points.reshape(-1) >= rule.min_points)


def cluster_detector(cloud: Cloud) -> tuple[FloatArray, FloatArray]:
    """The stack's own LiDAR detector by itself: ground, clusters, boxes by size; things of no known size left out."""
    from perception.lidar.boxes import BoxConfig, complete_box, fit_box, guess_class
    from perception.lidar.clusters import ClusterConfig, cluster, height_ok
    from perception.lidar.ground import GroundConfig, ground_mask
    from perception.objects import ObjectClass

    floor = floor_z_m(cloud.points_m)
    points = cloud.points_m[np.isfinite(cloud.points_m).all(axis=1)] - np.array([0.0, 0.0, floor], np.float32)
    own = (np.abs(points[:, 0]) < 2.8) & (np.abs(points[:, 1]) < 1.2)
    points = np.ascontiguousarray(points[~own])
    ground, above = ground_mask(points, GroundConfig())
    rows = height_ok(above, ground)
    boxes, scores = [], []
    for members in cluster(points[rows], above[rows], ClusterConfig()):
        part = points[rows][members]
        tight = fit_box(part, float((part[:, 2] - above[rows][members]).mean()), BoxConfig())
        kind, score = guess_class(tight)
        if kind is not ObjectClass.UNKNOWN:
            boxes.append(complete_box(tight, kind))
            scores.append(score * min(1.0, len(members) / 50.0))  # more returns, surer
    found = np.array(boxes).reshape(-1, 7)
    found[:, 2] += floor
    return found, np.array(scores)
