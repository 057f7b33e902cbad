"""Forecasts without learning: constant turn rate and velocity, and for vehicles following the lanes they are on.

Constant turn: yaw(t) = yaw + w tau (1 - exp(-t / tau)): the turn rate dies away, because a measured turn rate says
little about the time after a second or two. Pedestrians keep their velocity. A vehicle close to a lane and aligned with
it is expected to stay on it: one hypothesis per branch, the straightest first. (Schoeller et al., "What the Constant
Velocity Model Can Teach Us About Pedestrian Motion Prediction", RA-L 2020, for why so little goes so far.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from perception.frame import FloatArray
from perception.objects import IntArray, ObjectClass, Tracks
from planning.network import LanePosition, Network
from planning.records import Forecasts

HYPOTHESES = 3
"""Constant turn, and at most two lanes to follow."""


@dataclass(frozen=True)
class PredictionConfig:
    """What is assumed about others."""

    horizon_s: float = 6.0
    step_s: float = 0.2  # a car at 15 m/s moves 3 m, less than its length, between two steps
    turn_decay_s: float = 1.0  # mean duration of a change of heading that no lane explains
    min_turn_speed_mps: float = 1.5  # slower things have no trustworthy turn rate
    course_mps: float = 2.0  # faster vehicles point where they go, whatever the box says
    max_turn_rate_radps: float = 0.6  # 10 m/s on a radius of 17 m; more is measurement noise
    lane_offset_m: float = 1.6  # within half a lane's width of its centre
    lane_heading_rad: float = 0.5  # a lane change rarely exceeds 10 degrees; the rest is estimation error
    lane_return_s: float = 2.0  # time constant with which a vehicle comes back to its lane's centre
    lane_probability: float = 0.85  # share of vehicles on a lane that go on following it
    leaving_rad: float = 0.2  # one that points so far off its lane may be leaving it ...
    leaving_probability: float = 0.3  # ... with this probability (the lane's is lowered by as much)
    std_speed_share: float = 0.12  # along-track growth per second, share of the speed
    std_growth_mps: float = 0.15  # growth per second of everything that moves
    std_still_mps: float = 0.02  # ... and of what stands (parked cars stay where they are)
    still_mps: float = 0.7  # slower vehicles stand: a tracker's noise on a parked car reaches half a metre a second
    still_walker_mps: float = 0.25
    std_start_m: float = 0.15
    walker_std_growth_mps: float = 0.3  # walkers turn on the spot
    max_path_m: float = 160.0


class ConstantTurn:
    """Predictor. ``predict(tracks)`` -> ``Forecasts`` with ``HYPOTHESES`` hypotheses per track: 0 is constant turn, 1
    and 2 follow lanes (probability 0 where there is none)."""

    def __init__(self, network: Network, config: PredictionConfig | None = None) -> None:
        self.network = network
        self.config = config or PredictionConfig()
        self.times_s: FloatArray = np.arange(0.0, self.config.horizon_s + 1e-9, self.config.step_s)
        self._paths: dict[int, tuple[tuple[int, ...], ...]] = {}

    def predict(self, tracks: Tracks, places: dict[int, list[LanePosition]] | None = None) -> Forecasts:
        """Forecasts of all tracks, in their order. ``places``: row -> lanes that the track may be on (found here where
        not given)."""
        n, h, config = len(tracks.ids), len(self.times_s), self.config
        means = np.zeros((n, HYPOTHESES, h, 3))
        probabilities = np.zeros((n, HYPOTHESES))
        if n:
            means[:] = self._constant_turn(tracks)[:, None]
            probabilities[:, 0] = 1.0
            self._follow_lanes(tracks, places, means, probabilities)
        speed = np.hypot(tracks.velocity_world_mps[:, 0], tracks.velocity_world_mps[:, 1])
        walker = tracks.classes == ObjectClass.PEDESTRIAN
        moving = np.where(walker, config.walker_std_growth_mps, config.std_growth_mps + config.std_speed_share * speed)
        growth = np.where(walker | (speed > config.still_mps), moving, config.std_still_mps)
        std = config.std_start_m + growth[:, None] * self.times_s  # (n, h)
        return Forecasts(
            t_us=tracks.t_us,
            ids=tracks.ids.copy(),
            times_s=self.times_s.copy(),
            means_world_m=means,
            std_m=np.repeat(std[:, None], HYPOTHESES, axis=1),
            probabilities=probabilities,
            half_size_m=0.5 * tracks.boxes_world_m[:, 3:5],
        )

    def _constant_turn(self, tracks: Tracks) -> FloatArray:
        """(n, h, 3) in closed steps: the heading is exact, the position integrated by the mid-point rule."""
        config, t = self.config, self.times_s
        velocity = tracks.velocity_world_mps
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        walker = tracks.classes == ObjectClass.PEDESTRIAN
        speed = np.where(speed > np.where(walker, config.still_walker_mps, config.still_mps), speed, 0.0)
        turns = ~walker & (speed > config.min_turn_speed_mps)
        limit = config.max_turn_rate_radps
        rate = np.where(turns, np.clip(np.nan_to_num(tracks.yaw_rate_radps), -limit, limit), 0.0)
        tau = config.turn_decay_s
        course = np.arctan2(velocity[:, 1], velocity[:, 0])

        def turned(at: FloatArray) -> FloatArray:
            return rate[:, None] * tau * (1.0 - np.exp(-at / tau))  # (n, len(at))

        middle = course[:, None] + turned(0.5 * (t[1:] + t[:-1]))
        step = speed[:, None] * np.diff(t)
        out = np.zeros((len(speed), len(t), 3))
        out[:, 0, :2] = tracks.boxes_world_m[:, :2]
        out[:, 1:, 0] = tracks.boxes_world_m[:, 0:1] + np.cumsum(step * np.cos(middle), axis=1)
        out[:, 1:, 1] = tracks.boxes_world_m[:, 1:2] + np.cumsum(step * np.sin(middle), axis=1)
        points = np.where(~walker & (speed > config.course_mps), course, tracks.boxes_world_m[:, 6])
        out[:, :, 2] = points[:, None] + turned(t)
        return out

    def _follow_lanes(
        self, tracks: Tracks, places: dict[int, list[LanePosition]] | None, means: FloatArray, probabilities: FloatArray
    ) -> None:
        network, config = self.network, self.config
        velocity = tracks.velocity_world_mps
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        drives = np.isin(tracks.classes, [ObjectClass.CAR, ObjectClass.TRUCK, ObjectClass.BUS, ObjectClass.MOTORCYCLE])
        drives |= (tracks.classes != ObjectClass.PEDESTRIAN) & (speed > 3.0)
        rows = np.flatnonzero(drives & (speed > config.still_mps))
        if places is None:
            course = np.arctan2(velocity[rows, 1], velocity[rows, 0])
            xy = tracks.boxes_world_m[rows, :2]
            matched = network.match(xy, course, config.lane_offset_m, config.lane_heading_rad)
            places = {int(row): lanes for row, lanes in zip(rows, matched, strict=True)}
        for i in rows:
            found = [
                place
                for place in places.get(int(i), [])
                if abs(place.offset_m) < config.lane_offset_m and abs(place.heading_rad) < config.lane_heading_rad
            ]
            paths = [(place, path) for place in found[:2] for path in self._branches(place.lane)]
            paths = paths[: HYPOTHESES - 1]
            for k, (place, path) in enumerate(paths, start=1):
                means[i, k] = _follow(
                    np.array(path), network.first, network.flat_xy_m, network.flat_yaw_rad, network.flat_s_m,
                    place.s_m, place.offset_m, float(speed[i]), self.times_s, config.lane_return_s,
                )  # fmt: skip
            if paths:
                leaves = abs(paths[0][0].heading_rad) > config.leaving_rad
                stays = 1.0 - config.leaving_probability if leaves else config.lane_probability
                probabilities[i, 1 : len(paths) + 1] = stays / len(paths)
                probabilities[i, 0] = 1.0 - stays

    def _branches(self, lane: int) -> tuple[tuple[int, ...], ...]:
        """At most two ways to go on from ``lane``, as lane ids up to ``max_path_m``: they differ at the first fork."""
        if lane not in self._paths:
            graph = self.network.graph.lanes
            stem, length = [lane], graph[lane].length_m
            while len(graph[stem[-1]].successors) == 1 and length < self.config.max_path_m:
                stem.append(graph[stem[-1]].successors[0])
                length += graph[stem[-1]].length_m
            forks = sorted(graph[stem[-1]].successors, key=lambda i: abs(graph[i].turn))[: HYPOTHESES - 1]
            ways = [[*stem, fork] for fork in forks] if length < self.config.max_path_m and forks else [stem]
            for way in ways:
                total = sum(graph[i].length_m for i in way)
                while graph[way[-1]].successors and total < self.config.max_path_m:
                    way.append(min(graph[way[-1]].successors, key=lambda i: abs(graph[i].turn)))
                    total += graph[way[-1]].length_m
            self._paths[lane] = tuple(tuple(way) for way in ways)
        return self._paths[lane]


@njit(cache=True, nogil=True)
def _follow(
    path: IntArray, first: IntArray, xy: FloatArray, yaw: FloatArray, s: FloatArray,
    s0: float, offset: float, speed: float, times: FloatArray, return_s: float,
) -> FloatArray:  # fmt: skip
    """Poses (h, 3) along a chain of lanes, the offset dying away."""
    out = np.empty((len(times), 3))
    at, base = 0, 0.0
    row = first[path[0]]
    for k in range(len(times)):
        target = s0 + speed * times[k]
        while at + 1 < len(path) and target - base > s[first[path[at] + 1] - 1]:
            base += s[first[path[at] + 1] - 1]
            at += 1
            row = first[path[at]]
        last = first[path[at] + 1] - 2
        while row < last and s[row + 1] < target - base:
            row += 1
        span = max(s[row + 1] - s[row], 1e-6)
        u = (target - base - s[row]) / span
        turn = (yaw[row + 1] - yaw[row] + math.pi) % (2.0 * math.pi) - math.pi
        heading = yaw[row] + min(max(u, 0.0), 1.0) * turn
        left = offset * math.exp(-times[k] / return_s)
        out[k, 0] = xy[row, 0] + u * (xy[row + 1, 0] - xy[row, 0]) - math.sin(heading) * left
        out[k, 1] = xy[row, 1] + u * (xy[row + 1, 1] - xy[row, 1]) + math.cos(heading) * left
        out[k, 2] = heading
    return out
