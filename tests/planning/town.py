"""Kinematic town traffic on a lane graph, for closed loops without a server: cars on lanes that follow each other, obey
lights and enter junctions one at a time per conflict, and walkers on crosswalks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from perception.objects import LightState, ObjectClass, Tracks, TrafficLightView
from planning.lanes import LaneGraph, StopKind
from tests.planning.world import Actor, Car, tracks_of, walker

GREEN_S, YELLOW_S, CLEAR_S = 8.0, 3.0, 2.0
SIZE = (4.6, 1.9, 1.5)


@dataclass
class Mover:
    """A car of the traffic."""

    lane: int
    s: float
    speed: float
    following: int  # lane after this one


@dataclass
class Stroller:
    """A walker going to and fro over a crosswalk."""

    ends: np.ndarray  # (2, 2)
    at: float  # 0..1
    direction: int
    wait_s: float
    speed: float = 1.3


@dataclass
class Town:
    """All that moves. ``step`` advances, ``tracks`` is what a perfect perception would see within 60 m."""

    graph: LaneGraph
    rng: np.random.Generator
    movers: list[Mover] = field(default_factory=list)
    strollers: list[Stroller] = field(default_factory=list)
    time_s: float = 0.0

    def __post_init__(self) -> None:
        graph = self.graph
        self.conflicts: dict[int, set[int]] = {}
        for conflict in graph.conflicts:
            self.conflicts.setdefault(conflict.a, set()).add(conflict.b)
            self.conflicts.setdefault(conflict.b, set()).add(conflict.a)
        self.lines = {line.lane: line for line in graph.stop_lines if line.kind == StopKind.LIGHT}
        self.cycle: dict[str, tuple[int, int]] = {}  # signal -> phase, phases
        groups: dict[int, dict[int, set[str]]] = {}
        for line in self.lines.values():
            lane = graph.lanes[line.lane]
            junction = lane.junction if lane.junction >= 0 else graph.lanes[lane.successors[0]].junction
            quarter = round(float(lane.yaw_rad[0 if lane.junction >= 0 else -1]) / (0.5 * math.pi)) % 4
            groups.setdefault(junction, {}).setdefault(quarter, set()).add(line.signal_id)
        for approaches in groups.values():
            for phase, signals in enumerate(approaches.values()):
                for signal in signals:
                    self.cycle[signal] = (phase, len(approaches))

    def populate(self, cars: int, walkers: int, keep_free: np.ndarray) -> None:
        """Cars on lanes outside junctions, not within 20 m of ``keep_free``; walkers at crosswalks."""
        graph = self.graph
        for _ in range(cars * 20):
            if len(self.movers) == cars:
                break
            row = int(self.rng.integers(len(graph.sample_xy_m)))
            lane = graph.lanes[graph.sample_lane[row]]
            xy = graph.sample_xy_m[row]
            others = [self.pose(m)[:2] for m in self.movers]
            if lane.junction >= 0 or np.hypot(*(xy - keep_free)) < 20 or any(math.dist(xy, o) < 12 for o in others):
                continue
            self.movers.append(Mover(lane.id, float(lane.s_m[graph.sample_index[row]]), 5.0, self._next(lane.id)))
        for _ in range(walkers if graph.crosswalks_m else 0):
            polygon = graph.crosswalks_m[int(self.rng.integers(len(graph.crosswalks_m)))]
            sides = np.roll(polygon[:4], -1, axis=0) - polygon[:4]
            k = int(np.argmin(np.hypot(*sides.T)))
            ends = np.array([polygon[k] + 0.5 * sides[k], polygon[(k + 2) % 4] + 0.5 * sides[(k + 2) % 4]])
            out = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
            self.strollers.append(Stroller(ends + np.array([-out, out]) * 1.5, 0.0, 1, float(self.rng.uniform(0, 20))))

    def _next(self, lane: int) -> int:
        successors = self.graph.lanes[lane].successors
        return int(successors[int(self.rng.integers(len(successors)))]) if successors else -1

    def pose(self, mover: Mover) -> tuple[float, float, float, float]:
        lane = self.graph.lanes[mover.lane]
        x, y = (float(np.interp(mover.s, lane.s_m, lane.center_m[:, k])) for k in (0, 1))
        return x, y, float(np.interp(mover.s, lane.s_m, np.unwrap(lane.yaw_rad))), mover.speed

    def lights(self) -> dict[str, LightState]:
        out = {}
        slot = GREEN_S + YELLOW_S + CLEAR_S
        for signal, (phase, phases) in self.cycle.items():
            t = (self.time_s - phase * slot) % (phases * slot)
            out[signal] = (
                LightState.GREEN if t < GREEN_S else LightState.YELLOW if t < GREEN_S + YELLOW_S else LightState.RED
            )
        return out

    def step(self, dt: float, car: Car) -> None:
        self.time_s += dt
        lights = self.lights()
        places = np.array([self.pose(m)[:2] for m in self.movers] + [(car.x, car.y)])
        speeds = [m.speed for m in self.movers] + [car.speed]
        on_lane = {m.lane for m in self.movers}
        crossing = [s for s in self.strollers if 0.0 < s.at < 1.0]
        for i, mover in enumerate(self.movers):
            self._drive(i, mover, dt, lights, places, speeds, on_lane, crossing, car)
        for stroller in self.strollers:
            if stroller.wait_s > 0.0:
                stroller.wait_s -= dt
                continue
            length = float(np.hypot(*(stroller.ends[1] - stroller.ends[0])))
            stroller.at += stroller.direction * stroller.speed * dt / length
            if not 0.0 < stroller.at < 1.0:
                stroller.at = min(max(stroller.at, 0.0), 1.0)
                stroller.direction *= -1
                stroller.wait_s = float(self.rng.uniform(5, 20))

    def _drive(self, i, mover, dt, lights, places, speeds, on_lane, crossing, car) -> None:  # type: ignore[no-untyped-def]
        lane = self.graph.lanes[mover.lane]
        x, y, yaw, _ = self.pose(mover)
        rel = places - (x, y)
        along = rel @ [math.cos(yaw), math.sin(yaw)]
        across = abs(rel @ [-math.sin(yaw), math.cos(yaw)])
        ahead = [(along[k] - 4.7, speeds[k]) for k in range(len(places))
                 if k != i and 0.5 < along[k] < 40 and across[k] < 1.2 + 0.06 * along[k]]  # fmt: skip
        for s in crossing:
            p = s.ends[0] + s.at * (s.ends[1] - s.ends[0]) - (x, y)
            a, c = p @ [math.cos(yaw), math.sin(yaw)], abs(p @ [-math.sin(yaw), math.cos(yaw)])
            if 0 < a < 25 and c < 4.0:
                ahead.append((a - 4.0, 0.0))
        line = self.lines.get(mover.lane)
        if line is not None and mover.s + 2.3 < line.s_m:
            state = lights.get(line.signal_id, LightState.GREEN)
            room = line.s_m - mover.s - 2.3
            if state == LightState.RED or (state == LightState.YELLOW and mover.speed**2 < 6.0 * room):
                ahead.append((room - 0.5, 0.0))
        after = self.graph.lanes[mover.following] if mover.following >= 0 else None
        if after is not None and after.junction >= 0 and lane.junction < 0:
            taken = self.conflicts.get(after.id, set())
            near_ego = any(
                math.dist(self.graph.lanes[b].center_m[k, :2], (car.x, car.y)) < 4.0
                for b in taken for k in range(0, len(self.graph.lanes[b].s_m), 4)
            )  # fmt: skip
            if (taken & on_lane) or near_ego:
                ahead.append((lane.length_m - mover.s - 3.0, 0.0))
        wish = min(lane.speed_limit_mps, 12.0, math.sqrt(2.5 / max(float(np.abs(lane.curvature_pm).max()), 1e-3)))
        acceleration = 1.5 * (1 - (mover.speed / wish) ** 4)
        for gap, speed in ahead:
            want = 2.0 + max(mover.speed * 1.2 + mover.speed * (mover.speed - speed) / 4.0, 0.0)
            acceleration = min(acceleration, 1.5 * (1 - (want / max(gap, 0.3)) ** 2))
        mover.speed = max(mover.speed + max(acceleration, -6.0) * dt, 0.0)
        mover.s += mover.speed * dt
        if mover.s > lane.length_m and mover.following >= 0:
            mover.s -= lane.length_m
            mover.lane = mover.following
            mover.following = self._next(mover.lane)

    def actors(self) -> list[Actor]:
        out = []
        for k, mover in enumerate(self.movers):
            pose = self.pose(mover)
            out.append(Actor(100 + k, ObjectClass.CAR, lambda t, pose=pose: pose, SIZE))  # type: ignore[misc]
        for k, s in enumerate(self.strollers):
            x, y = s.ends[0] + s.at * (s.ends[1] - s.ends[0])
            way = s.direction * (s.ends[1] - s.ends[0])
            state = (float(x), float(y), math.atan2(way[1], way[0]), s.speed if s.wait_s <= 0 else 0.0)
            out.append(walker(500 + k, lambda t, state=state: state))  # type: ignore[misc]
        return out

    def tracks(self, car: Car, index: int, actors: list[Actor], light_sight_m: float = 45.0) -> Tracks:
        near = [a for a in actors if math.dist(a.state(0.0)[:2], (car.x, car.y)) < 60.0]
        views = []
        lights = self.lights()
        for line in self.lines.values():
            lane = self.graph.lanes[line.lane]
            at = [float(np.interp(line.s_m, lane.s_m, lane.center_m[:, k])) for k in (0, 1)]
            if math.dist(at, (car.x, car.y)) < light_sight_m:
                views.append(TrafficLightView(line.signal_id, lights[line.signal_id], 0.9, 0.0))
        unique = {view.signal_id: view for view in views}
        return tracks_of(near, car.ego(), self.time_s, index, tuple(unique.values()))
