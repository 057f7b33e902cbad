"""Scores a log. Reads the record and nothing else: no stage is imported, so no stage is scored by its own bug, and an
old drive can be scored by a new metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception.frame import FloatArray
from perception.geometry import euler_from_rotation, invert, transform_boxes, wrap_angle
from perception.objects import EgoEstimate
from sim.evaluation import detection2d, detection3d, tracking
from sim.evaluation.driving import evaluate_driving
from sim.log.reader import LoggedTick, LogReader
from sim.truth import Truth

KNOWN = np.array(sorted(kind.value for kind in detection3d.RANGE_M))
TRACK_MIN_POINTS = 5
"""True objects with fewer LiDAR returns than this neither must nor must not be tracked."""


def evaluate_log(path: Path) -> dict[str, Any]:
    """All metrics of a log. Raises LogReadError."""
    log = LogReader(path)
    return evaluate_ticks(log, list(log.ticks(sensors=False)))


def evaluate_ticks(log: LogReader, ticks: Sequence[LoggedTick]) -> dict[str, Any]:
    """All metrics of a log whose ticks were read (their sensor data is not needed). What a log has no truth for is
    absent, not zero."""
    out: dict[str, Any] = {"frames": len(ticks), "truncated": log.truncated}
    if not ticks:
        return out | {"summary": {"frames": 0}}
    pairs = [(tick, tick.truth) for tick in ticks if tick.truth is not None]
    if pairs:
        out["detection_2d"] = detection2d.evaluate_boxes(_image_pairs(pairs))
        out["detection_3d"] = detection3d.evaluate_boxes([_box_sets(tick, truth) for tick, truth in pairs])
        out["tracking"] = tracking.evaluate_tracks([_track_frame(tick, truth) for tick, truth in pairs])
        out["localization"] = _localization(pairs)
        out["lights"] = _lights(pairs)
        out["driving"] = evaluate_driving(log.world, [truth for _, truth in pairs])
    out["timing_ms"] = _timing(ticks)
    out["summary"] = _summary(out)
    return out


def _image_pairs(pairs: list[tuple[LoggedTick, Truth]]) -> list[detection2d.ImagePair]:
    out = []
    for tick, truth in pairs:
        for seen in truth.cameras:
            found = tick.detections.camera(seen.camera)
            if found is not None:
                finite = seen.full_px[np.isfinite(seen.full_px).all(axis=1)]
                width, height = (int(np.ceil(v)) for v in finite[:, 2:].max(axis=0, initial=1.0))
                out.append(detection2d.ImagePair(seen, found, width, height))
    return out


def _box_sets(tick: LoggedTick, truth: Truth) -> tuple[detection3d.BoxSet, detection3d.BoxSet]:
    """Truth and detections of a frame in the true ego frame; velocities of detections are those of their tracks."""
    ego_from_world = invert(truth.world_from_ego)
    velocity = truth.velocity_world_mps @ ego_from_world[:3, :3].T
    true = detection3d.BoxSet(
        transform_boxes(ego_from_world, truth.boxes_world_m),
        truth.classes,
        np.ones(len(truth.classes)),
        velocity[:, :2],
        np.where(truth.lidar_points < 0, 1, truth.lidar_points),
    )
    objects = tick.detections.objects
    return true, detection3d.BoxSet(
        objects.boxes_ego_m, objects.classes, objects.scores, _velocities(tick, objects.boxes_ego_m), objects.points
    )


def _velocities(tick: LoggedTick, boxes_ego_m: FloatArray) -> FloatArray:
    """Velocity (n, 2) in the ego frame of each detection: of the track within 1.5 m of it, NaN where there is none."""
    out = np.full((len(boxes_ego_m), 2), np.nan)
    tracks = tick.tracks
    if tracks is None or not len(tracks.ids) or not len(boxes_ego_m):
        return out
    ego_from_world = invert(tracks.ego.world_from_ego)
    boxes = transform_boxes(ego_from_world, tracks.boxes_world_m)
    velocity = np.column_stack([tracks.velocity_world_mps, np.zeros(len(boxes))]) @ ego_from_world[:3, :3].T
    gap = np.hypot(*np.moveaxis(boxes_ego_m[:, None, :2] - boxes[None, :, :2], -1, 0))
    near = gap.argmin(axis=1)
    good = gap[np.arange(len(gap)), near] < 1.5
    out[good] = velocity[near[good], :2]
    return out


def _track_frame(tick: LoggedTick, truth: Truth) -> tracking.TrackFrame:
    centre = truth.world_from_ego[:2, 3]
    distance = np.hypot(*(truth.boxes_world_m[:, :2] - centre).T)
    points = np.where(truth.lidar_points < 0, TRACK_MIN_POINTS, truth.lidar_points)
    wanted = (distance < tracking.RANGE_M - 5.0) & (points >= TRACK_MIN_POINTS) & np.isin(truth.classes, KNOWN)
    none = np.zeros(0, np.int64)
    ids, xy = none, np.zeros((0, 2))
    if tick.tracks is not None:
        reach = np.hypot(*(tick.tracks.boxes_world_m[:, :2] - centre).T)
        named = np.isin(tick.tracks.classes, KNOWN) & (reach < tracking.RANGE_M - 5.0)
        ids, xy = tick.tracks.ids[named], tick.tracks.boxes_world_m[named, :2]
    return tracking.TrackFrame(
        truth.actor_id[wanted], truth.boxes_world_m[wanted, :2], truth.boxes_world_m[~wanted, :2], ids, xy
    )


def _localization(pairs: list[tuple[LoggedTick, Truth]]) -> dict[str, float]:
    """Errors of the ego estimate: root mean square and worst position error, heading error."""
    estimates: list[tuple[EgoEstimate, Truth]] = [(t.tracks.ego, truth) for t, truth in pairs if t.tracks is not None]
    if not estimates:
        return {}
    offset = np.array([np.hypot(*(e.world_from_ego[:2, 3] - t.world_from_ego[:2, 3])) for e, t in estimates])
    turn = [wrap_angle(_yaw(e.world_from_ego) - _yaw(t.world_from_ego)) for e, t in estimates]
    return {
        "position_rmse_m": float(np.sqrt((offset**2).mean())),
        "position_max_m": float(offset.max()),
        "heading_rmse_rad": float(np.sqrt(np.square(turn).mean())),
    }


def _yaw(world_from_ego: FloatArray) -> float:
    return euler_from_rotation(world_from_ego[:3, :3])[2]


def _lights(pairs: list[tuple[LoggedTick, Truth]]) -> dict[str, float]:
    """Share of light views that agree with the truth, of those that name a state."""
    right = total = 0
    for tick, truth in pairs:
        for view in tick.tracks.lights if tick.tracks is not None else ():
            if view.signal_id in truth.lights:
                total += 1
                right += int(view.state.value == truth.lights[view.signal_id])
    return {"views": total, "accuracy": right / total} if total else {"views": 0}


def _timing(ticks: Sequence[LoggedTick]) -> dict[str, dict[str, float]]:
    """Mean, median and 95th percentile of each stage; ``source`` is the world's share (simulation and transport)."""
    columns: dict[str, list[float]] = defaultdict(list)
    for tick in ticks[1:]:  # the first frame carries start-up costs
        columns["source"].append(tick.step.source_ms)
        for name, value in tick.step.timing_ms.items():
            columns[name].append(value)
    return {
        name: {"mean": float(np.mean(v)), "median": float(np.median(v)), "p95": float(np.percentile(v, 95))}
        for name, v in columns.items()
    }


def _summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """The numbers that matter most, flat."""
    driving, flat, solid = (metrics.get(k, {}) for k in ("driving", "detection_2d", "detection_3d"))
    rows = {
        "driving score": driving.get("driving_score"),
        "route completion": driving.get("route_completion"),
        "collisions": sum(n for k, n in driving.get("infractions", {}).items() if k.startswith("collision")),
        "red lights run": driving.get("infractions", {}).get("red_light"),
        "2-D mAP50": flat.get("mAP50"),
        "2-D AP50 car": flat.get("AP50", {}).get("car"),
        "3-D mAP": solid.get("mAP"),
        "3-D AP car": solid.get("AP", {}).get("car"),
        "MOTA": metrics.get("tracking", {}).get("MOTA"),
        "IDF1": metrics.get("tracking", {}).get("IDF1"),
        "HOTA": metrics.get("tracking", {}).get("HOTA"),
        "light state accuracy": metrics.get("lights", {}).get("accuracy"),
        "position RMSE [m]": metrics.get("localization", {}).get("position_rmse_m"),
        "frames": metrics["frames"],
    }
    if not driving:
        del rows["collisions"]
    return {name: value for name, value in rows.items() if value is not None}
