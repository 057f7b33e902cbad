"""Objects over time: MOTA, IDF1 and HOTA, counted by the ``trackers`` package's reproduction of TrackEval.

Similarity of a true object and a track of any class is ``1 - d / 4 m`` of the distance d of their centres on the
ground, so that CLEAR and identity scores match at 2 m as nuScenes does (threshold 0.5). A track on a true object that
does not count (too far, too few LiDAR returns) is neither right nor wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception.frame import FloatArray
from perception.objects import IntArray

ZERO_AT_M = 4.0
RANGE_M = 50.0


@dataclass(frozen=True)
class TrackFrame:
    """One frame: ids and centres (n, 2) in the world of true objects that count, centres of those that are ignored,
    ids and centres of tracks."""

    truth_ids: IntArray
    truth_xy_m: FloatArray
    ignored_xy_m: FloatArray
    track_ids: IntArray
    track_xy_m: FloatArray


def evaluate_tracks(frames: Sequence[TrackFrame]) -> dict[str, Any]:
    """MOTA, MOTP (as similarity), IDF1, HOTA and their counts; empty where there was nothing to track."""
    if not any(len(f.truth_ids) for f in frames):
        return {}
    from trackers.eval import compute_clear_metrics, compute_hota_metrics, compute_identity_metrics

    truth_number: dict[int, int] = {}
    track_number: dict[int, int] = {}
    truth_ids, track_ids, similarity = [], [], []
    for frame in frames:
        keep = _not_ignored(frame)
        truth_ids.append(
            np.array([truth_number.setdefault(int(i), len(truth_number)) for i in frame.truth_ids], np.int64)
        )
        track_ids.append(
            np.array([track_number.setdefault(int(i), len(track_number)) for i in frame.track_ids[keep]], np.int64)
        )
        similarity.append(_similarity(frame.truth_xy_m, frame.track_xy_m[keep]))
    clear = compute_clear_metrics(truth_ids, track_ids, similarity)
    identity = compute_identity_metrics(truth_ids, track_ids, similarity)
    hota = compute_hota_metrics(truth_ids, track_ids, similarity)
    return {
        "MOTA": float(clear["MOTA"]),
        "MOTP": float(clear["MOTP"]),
        "IDF1": float(identity["IDF1"]),
        "HOTA": float(hota["HOTA"]),
        "DetA": float(hota["DetA"]),
        "AssA": float(hota["AssA"]),
        "id_switches": int(clear["IDSW"]),
        "misses": int(clear["CLR_FN"]),
        "false_positives": int(clear["CLR_FP"]),
        "objects": len(truth_number),
    }


def _similarity(truth_xy_m: FloatArray, track_xy_m: FloatArray) -> FloatArray:
    gap = np.hypot(*np.moveaxis(truth_xy_m[:, None] - track_xy_m[None], -1, 0))
    return np.clip(1.0 - gap / ZERO_AT_M, 0.0, 1.0)


def _not_ignored(frame: TrackFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tracks that are not nearer to an ignored object than to every one that counts."""
    if not len(frame.ignored_xy_m) or not len(frame.track_ids):
        return np.ones(len(frame.track_ids), np.bool_)
    ignored = _similarity(frame.ignored_xy_m, frame.track_xy_m).max(axis=0)
    wanted = _similarity(frame.truth_xy_m, frame.track_xy_m).max(axis=0) if len(frame.truth_ids) else 0.0 * ignored
    return np.asarray(~((ignored >= 0.5) & (ignored > wanted)))
