"""Objects followed over time: a constant-velocity Kalman filter per object and globally optimal assignment.

State x, y, vx, vy in the world frame (Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and
Navigation", ch. 6: white-noise acceleration); size, height and heading are smoothed beside it. Detections are assigned
to predicted tracks by the Hungarian method on centre distance (Weng et al., "3D Multi-Object Tracking: A Baseline",
IROS 2020; centre distance as in CenterPoint, Yin et al., CVPR 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from perception.frame import FloatArray
from perception.geometry import intersection_bev, transform_boxes, wrap_angle
from perception.objects import Detections3D, EgoEstimate, IntArray, ObjectClass, Tracks, TrafficLightView

CLASSES = len(ObjectClass)


@dataclass(frozen=True)
class TrackingConfig:
    """Gates, noise, birth and death."""

    gate_m: float = 3.0  # cars; CenterPoint uses 4 m at 2 Hz
    gate_person_m: float = 1.4
    gate_large_m: float = 5.0  # trucks and buses: their measured centre jumps as more of them comes into view
    acceleration_mps2: float = 3.0  # of vehicles, standard deviation of the white noise
    acceleration_person_mps2: float = 1.5
    position_std_m: float = 0.35
    initial_speed_std_mps: float = 6.0
    gate_unknown_m: float = 1.2
    unknown_speed_std_mps: float = 1.0  # what nobody can name is most likely a tree, a post, a wall
    unknown_acceleration_mps2: float = 1.0
    confirm_hits: int = 3
    max_misses: int = 6  # at 10 Hz: an object hidden for longer is a new one
    max_misses_tentative: int = 1
    size_gain: float = 0.15
    heading_gain: float = 0.3
    moving_mps: float = 1.5  # faster things point where they go
    min_score: float = 0.1
    merge_overlap: float = 0.25  # of the smaller footprint


@dataclass
class _Columns:
    """All tracks as columns; grows and shrinks by whole rows."""

    ids: IntArray
    state: FloatArray  # (n, 4)
    covariance: FloatArray  # (n, 4, 4)
    shape: FloatArray  # (n, 4) z, length, width, height
    yaw: FloatArray
    yaw_rate: FloatArray
    votes: FloatArray  # (n, CLASSES) sums of scores
    score: FloatArray
    age: IntArray
    hits: IntArray
    misses: IntArray

    def rows(self, keep: IntArray | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> _Columns:
        return _Columns(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))

    def append(self, other: _Columns) -> _Columns:
        names = self.__dataclass_fields__
        return _Columns(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))

    @staticmethod
    def empty() -> _Columns:
        i, f = np.zeros(0, np.int64), np.zeros(0)
        return _Columns(
            i, np.zeros((0, 4)), np.zeros((0, 4, 4)), np.zeros((0, 4)), f, f, np.zeros((0, CLASSES)), f, i, i, i
        )


class Tracker:
    """Call ``update`` once per frame, in order."""

    def __init__(self, config: TrackingConfig) -> None:
        self.config = config
        self._tracks = _Columns.empty()
        self._next_id = 1
        self._t_us: int | None = None
        self.heading_rad: FloatArray = np.zeros(0)  # of each detection last given, world frame; NaN where not tracked
        self.kind: IntArray = np.zeros(0, np.int64)  # class of each detection's track; UNKNOWN where not tracked

    def update(
        self, found: Detections3D, ego: EgoEstimate, index: int, t_us: int, lights: tuple[TrafficLightView, ...] = ()
    ) -> Tracks:
        """Tracks after this frame's detections (ego frame); tentative ones are kept inside until confirmed."""
        dt = 0.0 if self._t_us is None else (t_us - self._t_us) * 1e-6
        self._t_us = t_us
        keep = found.scores >= self.config.min_score
        boxes = transform_boxes(ego.world_from_ego, found.boxes_ego_m[keep])
        scores, classes = found.scores[keep], found.classes[keep]
        self._predict(dt)
        pairs = self._assign(boxes, classes)
        self._correct(pairs, boxes, scores, classes, dt)
        self.heading_rad = np.full(len(found.scores), np.nan)
        self.heading_rad[np.flatnonzero(keep)[pairs[:, 1]]] = self._tracks.yaw[pairs[:, 0]]
        self.kind = np.full(len(found.scores), ObjectClass.UNKNOWN.value, np.int64)
        self.kind[np.flatnonzero(keep)[pairs[:, 1]]] = _kinds(self._tracks.votes)[pairs[:, 0]]
        self._bury(pairs)
        self._merge()
        self._bear(np.setdiff1d(np.arange(len(boxes)), pairs[:, 1]), boxes, scores, classes)
        return self._output(ego, index, t_us, lights)

    def _predict(self, dt: float) -> None:
        t = self._tracks
        F = np.eye(4)
        F[0, 2] = F[1, 3] = dt
        t.state = t.state @ F.T
        kind = t.votes.argmax(1)
        q = np.full(len(kind), self.config.acceleration_mps2) ** 2  # (n,)
        q[kind == ObjectClass.PEDESTRIAN.value] = self.config.acceleration_person_mps2**2
        q[kind == ObjectClass.UNKNOWN.value] = self.config.unknown_acceleration_mps2**2
        G = np.array([[dt**2 / 2, 0], [0, dt**2 / 2], [dt, 0], [0, dt]])
        t.covariance = F @ t.covariance @ F.T + q[:, None, None] * (G @ G.T)
        t.age = t.age + 1

    def _gates(self, classes: IntArray) -> FloatArray:
        gate = np.full(len(classes), self.config.gate_m)
        gate[np.isin(classes, [ObjectClass.PEDESTRIAN.value])] = self.config.gate_person_m
        gate[np.isin(classes, [ObjectClass.TRUCK.value, ObjectClass.BUS.value])] = self.config.gate_large_m
        gate[classes == ObjectClass.UNKNOWN.value] = self.config.gate_unknown_m
        return gate

    def _assign(self, boxes: FloatArray, classes: IntArray) -> IntArray:
        """Pairs (track row, detection row) ``(k, 2)``."""
        t = self._tracks
        if not len(t.ids) or not len(boxes):
            return np.zeros((0, 2), np.int64)
        distance = np.hypot(*np.moveaxis(t.state[:, None, :2] - boxes[None, :, :2], -1, 0))
        gate = np.maximum(self._gates(t.votes.argmax(1))[:, None], self._gates(classes)[None])
        cost = np.where(distance < gate, distance / gate, 1e3)
        rows, columns = linear_sum_assignment(cost)
        good = cost[rows, columns] < 1e3
        return np.stack([rows[good], columns[good]], axis=1).astype(np.int64)

    def _correct(self, pairs: IntArray, boxes: FloatArray, scores: FloatArray, classes: IntArray, dt: float) -> None:
        t, cfg = self._tracks, self.config
        i, j = pairs[:, 0], pairs[:, 1]
        t.misses = t.misses + 1
        t.score = t.score * 0.95
        if not len(i):
            return
        P = t.covariance[i]
        S = P[:, :2, :2] + np.eye(2) * cfg.position_std_m**2
        K = P[:, :, :2] @ np.linalg.inv(S)  # (k, 4, 2)
        innovation = boxes[j, :2] - t.state[i, :2]
        t.state[i] += np.einsum("kab,kb->ka", K, innovation)
        t.covariance[i] = P - K @ P[:, :2, :]
        t.shape[i] += cfg.size_gain * (boxes[j][:, [2, 3, 4, 5]] - t.shape[i])
        t.shape[i, 0] = boxes[j, 2]
        t.votes[i, classes[j]] += scores[j]
        t.score[i] = np.maximum(t.score[i], 0.0) * 0.5 + 0.5 * scores[j]
        t.hits[i] += 1
        t.misses[i] = 0
        self._turn(i, boxes[j, 6], dt)

    def _turn(self, rows: IntArray, measured_rad: FloatArray, dt: float) -> None:
        """Heading from the velocity of what moves, from the box (mod pi) of what stands; yaw rate from its change."""
        t, cfg = self._tracks, self.config
        velocity = t.state[rows, 2:]
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        by_box = t.yaw[rows] + (measured_rad - t.yaw[rows] + np.pi / 2) % np.pi - np.pi / 2
        target = np.where(speed > cfg.moving_mps, np.arctan2(velocity[:, 1], velocity[:, 0]), by_box)
        step = cfg.heading_gain * wrap_angle(target - t.yaw[rows])
        fresh = t.hits[rows] <= cfg.confirm_hits  # young tracks take the heading over as it comes
        step = np.where(fresh, wrap_angle(target - t.yaw[rows]), step)
        if dt > 0:
            rate = np.where((speed > cfg.moving_mps) & ~fresh, np.clip(step / dt, -1.0, 1.0), 0.0)
            t.yaw_rate[rows] += 0.3 * (rate - t.yaw_rate[rows])
        t.yaw[rows] = wrap_angle(t.yaw[rows] + step)

    def _bury(self, pairs: IntArray) -> None:
        t, cfg = self._tracks, self.config
        limit = np.where(t.hits >= cfg.confirm_hits, cfg.max_misses, cfg.max_misses_tentative)
        self._tracks = t.rows(t.misses <= limit)

    def _merge(self) -> None:
        """Of tracks that share a place the oldest stays: a long vehicle seen in parts is still one."""
        t = self._tracks
        if len(t.ids) < 2:
            return
        boxes = np.column_stack([t.state[:, :2], t.shape, t.yaw])
        area = t.shape[:, 1] * t.shape[:, 2]
        share = intersection_bev(boxes, boxes) / np.minimum(area[:, None], area[None])
        order = np.argsort(-t.hits, kind="stable")
        keep = np.ones(len(t.ids), np.bool_)
        for rank, row in enumerate(order):
            if keep[row]:
                rest = order[rank + 1 :]
                keep[rest[share[row, rest] > self.config.merge_overlap]] = False
        self._tracks = t.rows(keep)

    def _bear(self, rows: IntArray, boxes: FloatArray, scores: FloatArray, classes: IntArray) -> None:
        n = len(rows)
        if not n:
            return
        votes = np.zeros((n, CLASSES))
        votes[np.arange(n), classes[rows]] = scores[rows]
        covariance = np.zeros((n, 4, 4))
        covariance[:, [0, 1], [0, 1]] = self.config.position_std_m**2
        unknown = classes[rows] == ObjectClass.UNKNOWN.value
        speed_std = np.where(unknown, self.config.unknown_speed_std_mps, self.config.initial_speed_std_mps)
        covariance[:, [2, 3], [2, 3]] = speed_std[:, None] ** 2
        zeros, ones = np.zeros(n, np.int64), np.ones(n, np.int64)
        born = _Columns(
            np.arange(self._next_id, self._next_id + n),
            np.column_stack([boxes[rows, :2], np.zeros((n, 2))]),
            covariance,
            boxes[rows][:, [2, 3, 4, 5]],
            boxes[rows, 6].copy(),
            np.zeros(n),
            votes,
            scores[rows].copy(),
            ones,
            ones.copy(),
            zeros,
        )
        self._next_id += n
        self._tracks = self._tracks.append(born)

    def _output(self, ego: EgoEstimate, index: int, t_us: int, lights: tuple[TrafficLightView, ...]) -> Tracks:
        t = self._tracks.rows(self._tracks.hits >= min(self.config.confirm_hits, index + 1))
        return Tracks(
            index=index,
            t_us=t_us,
            ego=ego,
            ids=t.ids.copy(),
            boxes_world_m=np.column_stack([t.state[:, :2], t.shape, t.yaw]),
            velocity_world_mps=t.state[:, 2:].copy(),
            yaw_rate_radps=t.yaw_rate.copy(),
            scores=t.score.copy(),
            classes=_kinds(t.votes),
            age=t.age.copy(),
            misses=t.misses.copy(),
            covariance=t.covariance.copy(),
            lights=lights,
        )


def _kinds(votes: FloatArray) -> IntArray:
    """Class (n,) that votes (n, CLASSES) speak for: a name, once given, outweighs frames without one."""
    named = votes.copy()
    named[:, ObjectClass.UNKNOWN.value] *= 0.5
    return named.argmax(1).astype(np.int64)
