"""``Planning``: the stage. World model in, forecasts and a trajectory out, at every frame.

| step | reads | writes |
|---|---|---|
| select, predict | tracks | forecasts |
| locate | ego, reference | s, offset; a new route when far off it |
| obstacles | forecasts, reference | Frenet boxes |
| behaviour | features, lights, obstacles | stops |
| candidates | stops, blocks | motions x offsets |
| collision, cost | candidates, forecasts | the plan, or the fallback |
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from perception.frame import FloatArray, VehicleModel
from perception.objects import EgoEstimate, MapLight, ObjectClass, Tracks
from planning import candidates as lateral
from planning.behavior import Behavior, BehaviorConfig, Memory, Situation, Stop
from planning.candidates import CandidateConfig, Shift
from planning.collision import CollisionConfig, first_collisions
from planning.fallback import brake_on_curve
from planning.features import EyeConfig, Features, features
from planning.lane_change import LaneChangeConfig, decide_changes
from planning.lanes import LaneGraph
from planning.network import LanePosition, Network, PlanningError, wrap
from planning.obstacles import Blocks, ObstacleConfig, Obstacles, along_reference, blocks, select, take
from planning.prediction.constant_turn import ConstantTurn, PredictionConfig
from planning.records import Forecasts, Plan
from planning.reference import Reference, ReferenceConfig, build_reference, default_change_starts
from planning.route import Route, RouteConfig, find_route
from planning.speed import PLAN_STEP_S, Motion, SpeedConfig, limit_profile, lowered, roll_out
from planning.yielding import YieldConfig, Yielding


@dataclass(frozen=True)
class PlanningConfig:
    """Everything that can be set in planning."""

    route: RouteConfig = field(default_factory=RouteConfig)
    reference: ReferenceConfig = field(default_factory=ReferenceConfig)
    prediction: PredictionConfig = field(default_factory=PredictionConfig)
    obstacles: ObstacleConfig = field(default_factory=ObstacleConfig)
    behavior: BehaviorConfig = field(default_factory=BehaviorConfig)
    yielding: YieldConfig = field(default_factory=YieldConfig)
    speed: SpeedConfig = field(default_factory=SpeedConfig)
    candidates: CandidateConfig = field(default_factory=CandidateConfig)
    collision: CollisionConfig = field(default_factory=CollisionConfig)
    lane_change: LaneChangeConfig = field(default_factory=LaneChangeConfig)
    eye: EyeConfig = field(default_factory=EyeConfig)
    off_route_m: float = 4.5  # further beside the reference than a lane's width: find a new route
    goal_m: float = 2.0  # so close to the goal the route is done
    speed_trust_mps: float = 1.0  # the plan goes on from its own speed while the car is this close to it
    offset_trust_m: float = 0.6  # ... and from its own lateral position
    stale_s: float = 1.0  # a plan older than this is not gone on from
    lost_brake_mps2: float = 3.0  # braking when the car does not know where it is
    emergency_brake_mps2: float = 8.0


@dataclass(frozen=True)
class _Chosen:
    """One evaluated candidate."""

    motion: Motion
    shift: Shift
    poses: FloatArray
    curvature: FloatArray
    blocks: Blocks
    cap: float


class Planning:
    """Plans for one vehicle on one map. Call ``set_route`` once, then ``plan`` at every frame."""

    def __init__(
        self,
        graph: LaneGraph,
        vehicle: VehicleModel,
        config: PlanningConfig | None = None,
        lights: Sequence[MapLight] = (),
    ) -> None:
        """``lights``: where the map's lights are, so that the car stops where it can still see them."""
        self._lights = {light.signal_id: light for light in lights}
        self.config = config or PlanningConfig()
        self.network = Network(graph)
        self.vehicle = vehicle
        self.predictor = ConstantTurn(self.network, self.config.prediction)
        self.yielding = Yielding(self.network, vehicle, self.config.yielding, self.config.speed)
        self.behavior = Behavior(vehicle, self.config.behavior, self.config.speed, self.yielding)
        self.route: Route | None = None
        self._goals: tuple[LanePosition, ...] = ()
        self._driven_m = 0.0  # on routes given up for a new one

    def set_route(self, start_world: FloatArray, goal_world: FloatArray, via: tuple[FloatArray, ...] = ()) -> Route:
        """Find the route from ``start_world`` (x, y, yaw) through ``via`` to ``goal_world`` ((2,) or (3,) with yaw).
        Raises PlanningError where one of them is off the map or out of reach."""
        start = self._locate(start_world, "start", self.config.route.start_radius_m)[0]
        goals = [self._locate(place, "goal", self.config.route.start_radius_m) for place in (*via, goal_world)]
        self._goals = tuple(goal[0] for goal in goals)
        self._driven_m = 0.0
        route = find_route(self.network, start, self._goals, self.config.route)
        self._follow(route)
        self._warm_up()
        self.behavior.memory = Memory()
        return self._follow(route)

    def _warm_up(self) -> None:
        """One plan with a car and a walker ahead, so that every kernel is compiled before the car moves."""
        xy, yaw, _ = self.reference.at(np.array([0.0, 15.0, 25.0]))
        pose = np.eye(4)
        c, s = math.cos(yaw[0]), math.sin(yaw[0])
        pose[:2, :2], pose[:2, 3] = [[c, -s], [s, c]], xy[0]
        ego = EgoEstimate(pose, np.array([5.0, 0.0]), 0.0, 0.0, np.zeros((3, 3)))
        boxes = np.zeros((2, 7))
        boxes[:, :2], boxes[:, 3:6], boxes[:, 6] = xy[1:], [[4.5, 1.9, 1.5], [0.5, 0.5, 1.8]], yaw[1:]
        velocity = 3.0 * np.stack([np.cos(yaw[1:]), np.sin(yaw[1:])], -1)
        classes = np.array([ObjectClass.CAR, ObjectClass.PEDESTRIAN], np.int64)
        frames = np.full(2, 10, np.int64)
        none = np.zeros(2)
        for index in range(2):
            self.plan(
                Tracks(
                    index, index * 100_000, ego, np.arange(2), boxes, velocity, none, none + 1.0, classes, frames,
                    np.zeros(2, np.int64), np.zeros((2, 4, 4)),
                )
            )  # fmt: skip

    def _locate(self, place: FloatArray, what: str, radius_m: float) -> list[LanePosition]:
        yaw = float(place[2]) if len(place) > 2 else None
        found = self.network.nearest(float(place[0]), float(place[1]), yaw, radius_m=radius_m)
        if not found:
            raise PlanningError(
                f"{what} ({place[0]:.1f}, {place[1]:.1f}): expected a lane within {radius_m:g} m on map "
                f"{self.network.graph.name!r}, found none; choose a place on the road"
            )
        return found

    def _follow(self, route: Route) -> Route:
        self.route = route
        self._change_starts = default_change_starts(self.network, route, self.config.reference)
        self._draw(route)
        self._s_m = 0.0
        self._last: Plan | None = None
        self._shift: Shift | None = None
        return route

    def _draw(self, route: Route) -> None:
        """The reference along the route with the lane changes where they are now, and what depends on it."""
        self.reference: Reference = build_reference(self.network, route, self._change_starts, self.config.reference)
        self.features: Features = features(self.network, self.reference, self._lights, self.vehicle, self.config.eye)
        self.limits_mps: FloatArray = limit_profile(self.reference, self.config.speed)

    def plan(self, tracks: Tracks) -> tuple[Forecasts, Plan]:
        """Forecasts of the believed tracks, and the trajectory. Raises PlanningError before ``set_route``."""
        if self.route is None:
            raise PlanningError("plan: no route; call set_route first")
        believed = take(tracks, select(tracks, self.vehicle, self.config.obstacles))
        places = self.yielding.places(believed)
        forecasts = self.predictor.predict(believed, places)
        pose, speed = self._ego(tracks)
        if not np.isfinite(pose).all() or not math.isfinite(speed):
            return forecasts, self._lost(tracks, pose, speed)
        s, d = self._place(pose)
        if abs(d) > self.config.off_route_m and self._reroute(pose):
            s, d = self._place(pose)
        start = self._start(tracks, s, speed)
        if s >= self.reference.goal_s_m - self.config.goal_m:
            return forecasts, self._arrived(tracks, pose, start, s)
        obstacles = along_reference(believed, forecasts, self.reference, s, self.config.obstacles)
        waits = self._change_lanes(obstacles, places, s, speed)
        now = Situation(
            s_m=s, speed_mps=speed, limits_mps=self.limits_mps, obstacles=obstacles,
            places=places, lights={view.signal_id: view for view in tracks.lights},
            tracks=believed, own_lanes=self._own_lanes(s), time_s=tracks.t_us * 1e-6,
        )  # fmt: skip
        stops = [*self.behavior.decide(now, self.features, self.reference.goal_s_m), *waits]
        limits = lowered(self.limits_mps, self.behavior.slow_zones(now, self.features), self.config.speed)
        plan = self._best(tracks, forecasts, obstacles, stops, limits, start, pose, d)
        self._last = plan
        return forecasts, plan

    @staticmethod
    def _ego(tracks: Tracks) -> tuple[FloatArray, float]:
        pose = tracks.ego.world_from_ego
        yaw = math.atan2(pose[1, 0], pose[0, 0])
        return np.array([pose[0, 3], pose[1, 3], yaw]), float(tracks.ego.velocity_ego_mps[0])

    def _place(self, pose: FloatArray) -> tuple[float, float]:
        s, d = self.reference.project(pose[None, :2], self._s_m - 15.0, self._s_m + 40.0)
        self._s_m = float(s[0])
        return self._s_m, float(d[0])

    def _reroute(self, pose: FloatArray) -> bool:
        """A new route from here through the goals that are left; False where there is none (the old one stays)."""
        try:
            start = self._locate(pose, "ego", self.config.route.start_radius_m)[0]
            route = find_route(self.network, start, self._goals[-1:], self.config.route)
        except PlanningError:
            return False
        self._driven_m += self._s_m
        self._follow(route)
        return True

    def _change_lanes(
        self, obstacles: Obstacles, places: dict[int, list[LanePosition]], s: float, speed: float
    ) -> list[Stop]:
        """Push lane changes that have no gap ahead of the car (a new reference); the stop where one must wait."""
        if self.route is None or not self._change_starts:
            return []
        station = float(np.interp(s, self.reference.s_m, self.reference.station_m))
        decision = decide_changes(
            self.network, self.route, self.reference, self._change_starts, station, s, speed, obstacles, places,
            self.vehicle, self.config.lane_change, self.config.reference,
        )  # fmt: skip
        if decision.starts_m != self._change_starts:
            self._change_starts = decision.starts_m
            self._draw(self.route)
        if not math.isfinite(decision.wait_station_m):
            return []
        wait_s = float(np.interp(decision.wait_station_m, self.reference.station_m, self.reference.s_m))
        return [Stop(wait_s - 1.0, "yield", decision.target)]

    def _own_lanes(self, s: float) -> frozenset[int]:
        """Lanes of the route from 40 m behind to 40 m ahead."""
        first, last = self.reference.index(s - 40.0), self.reference.index(s + 40.0)
        return frozenset(np.unique(self.reference.lane[first : last + 1]).tolist())

    def _start(self, tracks: Tracks, s: float, speed: float) -> tuple[float, float, float]:
        """Arc length, speed and acceleration to plan from: the last plan's own where the car is close to it."""
        last = self._last
        measured = tracks.ego.acceleration_mps2
        acceleration = float(np.clip(measured, -8.0, 3.0)) if math.isfinite(measured) else 0.0
        if last is None:
            return s, max(speed, 0.0), acceleration
        age = (tracks.t_us - last.t_us) * 1e-6
        if not 0.0 <= age <= self.config.stale_s:
            return s, max(speed, 0.0), acceleration
        planned = float(np.interp(age, last.times_s, last.speed_mps))
        if abs(planned - speed) > self.config.speed_trust_mps:
            planned = speed + math.copysign(self.config.speed_trust_mps, planned - speed)
        at = min(int(age / PLAN_STEP_S + 0.5), len(last.times_s) - 1)
        before = max(at - 1, 0)
        return s, max(planned, 0.0), float(last.acceleration_mps2[before])

    def _best(
        self, tracks: Tracks, forecasts: Forecasts, obstacles: Obstacles, stops: list[Stop], limits_mps: FloatArray,
        start: tuple[float, float, float], pose: FloatArray, d: float,
    ) -> Plan:  # fmt: skip
        tried = self._candidates(obstacles, stops, limits_mps, start, pose, d)
        poses = np.stack([one.poses for one in tried])
        speeds = np.stack([one.motion.speed_mps for one in tried])
        times: FloatArray = np.arange(poses.shape[1], dtype=np.float64) * PLAN_STEP_S
        ours = self._ours_to_avoid(obstacles, start[0])
        hit_s, hit_row = first_collisions(
            poses, speeds, times, forecasts, obstacles.counts * ours[:, None, None], self.vehicle, self.config.collision
        )
        last_offset = self._shift.to_m if self._shift is not None else 0.0
        free_end = max(float(one.motion.s_m[-1]) for one in tried)
        terms = [
            lateral.cost_terms(
                one.motion, free_end, one.shift, last_offset, math.isinf(one.cap), self.config.candidates
            )
            for one in tried
        ]
        rejected: Counter[str] = Counter()
        best, best_cost = -1, math.inf
        for k in range(len(tried)):
            if hit_row[k] >= 0:
                rejected["collision"] += 1
                continue
            cost = sum(terms[k].values())
            if cost < best_cost:
                best, best_cost = k, cost
        if best < 0:
            best = max(range(len(tried)), key=lambda k: (hit_s[k], -tried[k].cap, -abs(tried[k].shift.to_m)))
            behavior, target = "emergency", str(int(obstacles.ids[int(hit_row[best])]))
        else:
            rejected["cost"] = len(tried) - 1 - rejected["collision"]
            behavior, target = self._reason(tried[best], stops, obstacles, hit_row, tried)
        one = tried[best]
        self._shift = one.shift
        return Plan(
            t_us=tracks.t_us, times_s=times, points_world_m=one.poses, speed_mps=one.motion.speed_mps,
            acceleration_mps2=one.motion.acceleration_mps2, curvature_pm=one.curvature, behavior=behavior,
            target=target, cost=best_cost, terms=terms[best], rejected=dict(rejected),
            route_progress_m=self._driven_m + start[0], route_length_m=self._driven_m + self.reference.goal_s_m,
            candidates_world_m=poses[:, ::4, :2].copy(),
        )  # fmt: skip

    def _candidates(
        self, obstacles: Obstacles, stops: list[Stop], limits_mps: FloatArray, start: tuple[float, float, float],
        pose: FloatArray, d: float,
    ) -> list[_Chosen]:  # fmt: skip
        config, speed = self.config, self.config.speed
        s, v, _ = start
        lateral_start = self._lateral_start(s, d, pose)
        stops_m = np.array([stop.s_m for stop in stops])
        none = np.zeros((0, 0))
        free = roll_out(start, limits_mps, stops_m, none, none, none, math.inf, speed)
        every = round(config.prediction.step_s / PLAN_STEP_S)
        length = max(v * config.candidates.shift_s, config.candidates.shift_min_m)
        width = float(self.reference.width_m[self.reference.index(s)])
        out: list[_Chosen] = []
        for to in lateral.offsets(width, self.vehicle, config.candidates):
            same = self._shift is not None and abs(self._shift.to_m - to) < 1e-6 and lateral_start is None
            path = self._shift if same and self._shift is not None else lateral.shift(
                s, lateral_start or self._shift_state(s), to, length
            )  # fmt: skip
            ways = blocks(obstacles, free.s_m[::every], path.at(free.s_m[::every])[0], self.vehicle, config.obstacles)
            caps = config.candidates.caps_mps2
            motions = [
                roll_out(start, limits_mps, stops_m, ways.s_m, ways.speed_mps, ways.firm, cap, speed) for cap in caps
            ]
            poses, curvature = lateral.to_world(
                self.reference, np.stack([motion.s_m for motion in motions]), path, self.vehicle
            )
            out += [_Chosen(motion, path, poses[k], curvature[k], ways, caps[k]) for k, motion in enumerate(motions)]
        return out

    def _shift_state(self, s: float) -> tuple[float, float, float]:
        if self._shift is None:
            return 0.0, 0.0, 0.0
        d, slope, bend = self._shift.at(np.array([s]))
        return float(d[0]), float(slope[0]), float(bend[0])

    def _lateral_start(self, s: float, d: float, pose: FloatArray) -> tuple[float, float, float] | None:
        """The measured lateral state where the car is not where the plan has it, else None."""
        if self._shift is not None and abs(self._shift_state(s)[0] - d) < self.config.offset_trust_m:
            return None
        if self._shift is None and abs(d) < 0.05:
            return None
        _, yaw, _ = self.reference.at(np.array([s]))
        return d, math.tan(min(max(wrap(float(pose[2] - yaw[0])), -0.5), 0.5)), 0.0

    def _ours_to_avoid(self, obstacles: Obstacles, s: float) -> FloatArray:
        """1 for what the ego must not run into, 0 for what comes from behind on its lane (n,)."""
        if not len(obstacles.ids):
            return np.zeros(0)
        rear = s - 0.5 * self.vehicle.length_m
        behind = obstacles.s_m[:, 0, 0] + obstacles.half_s_m[:, 0, 0] < rear + 0.5
        return np.where(behind, 0.0, 1.0)

    def _reason(
        self, one: _Chosen, stops: list[Stop], obstacles: Obstacles, hit_row: FloatArray, tried: list[_Chosen]
    ) -> tuple[str, str]:
        if math.isfinite(one.cap):
            row = next((int(hit) for hit in hit_row if hit >= 0), -1)
            name = "emergency" if one.cap < -3.0 else "obstacle"
            return name, str(int(obstacles.ids[row])) if row >= 0 else ""
        k = one.motion.binding
        if k < 0:
            return "cruise", ""
        if k < len(stops):
            return stops[k].behavior, stops[k].target
        row = int(one.blocks.row[k - len(stops)])
        moving = obstacles.speed_mps[row] > 0.5 and obstacles.classes[row] != ObjectClass.PEDESTRIAN
        return ("follow" if moving else "obstacle"), str(int(obstacles.ids[row]))

    def _arrived(self, tracks: Tracks, pose: FloatArray, start: tuple[float, float, float], s: float) -> Plan:
        curvature = float(self.reference.at(np.array([s]))[2][0])
        stop = brake_on_curve(
            tracks.t_us, (pose[0], pose[1], pose[2]), start[1], curvature, self.config.speed.brake_mps2, "", (0.0, 0.0)
        )
        return _with(stop, "finish", "", self._driven_m + s, self._driven_m + self.reference.goal_s_m, True)

    def _lost(self, tracks: Tracks, pose: FloatArray, speed: float) -> Plan:
        """The ego estimate is not finite: hold the last curve and brake."""
        curvature = float(self._last.curvature_pm[0]) if self._last is not None else 0.0
        known = speed if math.isfinite(speed) else (float(self._last.speed_mps[1]) if self._last is not None else 0.0)
        progress = (self._driven_m + self._s_m, self._driven_m + self.reference.goal_s_m)
        plan = brake_on_curve(
            tracks.t_us, (pose[0], pose[1], pose[2]), known, curvature, self.config.lost_brake_mps2, "ego", progress
        )
        self._last = plan
        return plan


def _with(plan: Plan, behavior: str, target: str, progress_m: float, length_m: float, done: bool) -> Plan:
    return Plan(
        plan.t_us, plan.times_s, plan.points_world_m, plan.speed_mps, plan.acceleration_mps2, plan.curvature_pm,
        behavior, target, 0.0, {}, {}, progress_m, length_m, done,
    )  # fmt: skip
