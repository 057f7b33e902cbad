"""A small closed-loop world for planning and control: lane graphs by hand, a bicycle model, scripted others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from control.command import Command
from control.control import Control, ControlConfig
from perception.frame import VehicleModel
from perception.objects import EgoEstimate, LightState, MapLight, ObjectClass, Tracks, TrafficLightView
from planning.lanes import Conflict, Lane, LaneGraph, StopKind, StopLine
from planning.plan import Planning, PlanningConfig
from planning.records import Forecasts, Plan

MKZ = VehicleModel(4.9, 2.06, 1.5, 2.86, 1.43, 1.22)
LANE_M = 3.5


def line(*points: tuple[float, float], step: float = 1.0) -> np.ndarray:
    """Samples (k, 2) along straight pieces."""
    out = [np.array(points[:1], float)]
    for a, b in itertools.pairwise(points):
        k = max(int(math.hypot(b[0] - a[0], b[1] - a[1]) / step), 1)
        out.append(np.linspace(a, b, k + 1)[1:])
    return np.concatenate(out)


def arc(x: float, y: float, yaw: float, radius: float, angle: float, step: float = 0.5) -> np.ndarray:
    """Samples (k, 2) of a circle that starts at (x, y) heading yaw and turns by ``angle`` (left positive)."""
    k = max(int(abs(angle) * radius / step), 4)
    a = np.linspace(0.0, abs(angle), k + 1)
    side = math.copysign(1.0, angle)
    along, left = radius * np.sin(a), side * radius * (1.0 - np.cos(a))
    c, s = math.cos(yaw), math.sin(yaw)
    return np.stack([x + c * along - s * left, y + s * along + c * left], -1)


@dataclass
class Roads:
    """Collects lanes and builds the graph."""

    lanes: list[dict] = field(default_factory=list)
    lines: list[StopLine] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    crosswalks: list[np.ndarray] = field(default_factory=list)

    def add(self, xy: np.ndarray, *, after: tuple[int, ...] = (), limit: float = 13.9, junction: int = -1,
            turn: int = 0, width: float = LANE_M) -> int:  # fmt: skip
        self.lanes.append({"xy": np.asarray(xy, float), "after": set(after), "limit": limit, "junction": junction,
                           "turn": turn,
                               "width": width, "left": -1, "right": -1})  # fmt: skip
        return len(self.lanes) - 1

    def beside(self, left: int, right: int) -> None:
        self.lanes[left]["right"], self.lanes[right]["left"] = right, left

    def graph(self, name: str = "test") -> LaneGraph:
        built = []
        for i, lane in enumerate(self.lanes):
            xy = lane["xy"]
            s = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
            yaw = np.arctan2(np.gradient(xy[:, 1]), np.gradient(xy[:, 0]))
            curvature = np.gradient(np.unwrap(yaw), s)
            successors = tuple(k for k, other in enumerate(self.lanes) if i in other["after"])
            built.append(Lane(i, np.column_stack([xy, np.zeros(len(xy))]), yaw, curvature, s,
                              np.full(len(xy), lane["width"]), successors, tuple(sorted(lane["after"])),
                              lane["left"], lane["right"], lane["limit"],
                              lane["junction"], lane["turn"]))  # fmt: skip
        counts = [len(lane.s_m) for lane in built]
        return LaneGraph(
            name, tuple(built), tuple(self.lines), tuple(self.conflicts), tuple(self.crosswalks),
            np.concatenate([lane.center_m[:, :2] for lane in built]), np.repeat(np.arange(len(built)), counts),
            np.concatenate([np.arange(k) for k in counts]),
        )  # fmt: skip


@dataclass
class Actor:
    """Something that moves by script: ``state(t)`` -> x, y, yaw, speed."""

    id: int
    kind: ObjectClass
    state: Callable[[float], tuple[float, float, float, float]]
    size: tuple[float, float, float] = (4.5, 1.9, 1.5)


def walker(id_: int, state: Callable[[float], tuple[float, float, float, float]]) -> Actor:
    return Actor(id_, ObjectClass.PEDESTRIAN, state, (0.5, 0.5, 1.8))


def still(x: float, y: float, yaw: float = 0.0) -> Callable[[float], tuple[float, float, float, float]]:
    return lambda t: (x, y, yaw, 0.0)


def steady(x: float, y: float, yaw: float, speed: float, start: float = 0.0, until: float = math.inf):
    """Straight on at a constant speed between two times."""

    def state(t: float) -> tuple[float, float, float, float]:
        moved = speed * (min(max(t, start), until) - start)
        now = speed if start <= t < until else 0.0
        return x + math.cos(yaw) * moved, y + math.sin(yaw) * moved, yaw, now

    return state


@dataclass
class Car:
    """Kinematic bicycle about the rear axle with lags in steering (0.1 s) and drive (0.15 s), an engine that gives
    ``strength`` times what the pedal map expects, and drag."""

    x: float
    y: float
    yaw: float
    speed: float = 0.0
    steer: float = 0.0
    acceleration: float = 0.0
    strength: float = 1.0
    steer_gain: float = 1.0
    understeer: float = 0.0012
    model: VehicleModel = MKZ

    def step(self, command: Command, dt: float) -> None:
        target = command.steer * self.model.max_steer_rad * self.steer_gain
        n = 5
        for _ in range(n):
            h = dt / n
            self.steer += (target - self.steer) * min(h / 0.1, 1.0)
            if command.brake > 0.0:
                drive = -8.5 * command.brake * self.strength
            else:
                drive = (
                    np.interp(self.speed, [0, 10, 20, 30, 40], [3.8, 3.8, 3.2, 2.6, 2.2])
                    * command.throttle
                    * self.strength
                )
            drive -= 0.1 + 0.0007 * self.speed**2 + 0.015 * self.speed
            self.acceleration += (drive - self.acceleration) * min(h / 0.15, 1.0)
            rear = self.model.rear_axle_to_center_m
            curvature = math.tan(self.steer) / (self.model.wheelbase_m + self.understeer * self.speed**2)
            speed = max(self.speed + self.acceleration * h, 0.0)
            if speed == 0.0:
                self.acceleration = max(self.acceleration, 0.0)
            moved = 0.5 * (speed + self.speed) * h
            self.speed = speed
            bx, by = self.x - rear * math.cos(self.yaw), self.y - rear * math.sin(self.yaw)
            mid = self.yaw + 0.5 * curvature * moved
            bx, by = bx + moved * math.cos(mid), by + moved * math.sin(mid)
            self.yaw += curvature * moved
            self.x, self.y = bx + rear * math.cos(self.yaw), by + rear * math.sin(self.yaw)

    def ego(self) -> EgoEstimate:
        pose = np.eye(4)
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        pose[:2, :2] = [[c, -s], [s, c]]
        pose[:2, 3] = self.x, self.y
        rate = self.speed * math.tan(self.steer) / self.model.wheelbase_m
        return EgoEstimate(pose, np.array([self.speed, 0.0]), rate, self.acceleration, np.eye(3) * 1e-4)


def tracks_of(
    actors: list[Actor], ego: EgoEstimate, t: float, index: int, lights: tuple[TrafficLightView, ...] = ()
) -> Tracks:
    n = len(actors)
    states = np.array([actor.state(t) for actor in actors]).reshape(n, 4)
    boxes = np.zeros((n, 7))
    boxes[:, :2], boxes[:, 6] = states[:, :2], states[:, 2]
    boxes[:, 3:6] = np.array([actor.size for actor in actors]).reshape(n, 3)
    boxes[:, 2] = 0.5 * boxes[:, 5]
    velocity = states[:, 3:4] * np.stack([np.cos(states[:, 2]), np.sin(states[:, 2])], -1)
    return Tracks(
        index, round(t * 1e6), ego, np.array([a.id for a in actors], np.int64), boxes, velocity, np.zeros(n),
        np.ones(n), np.array([int(a.kind) for a in actors], np.int64), np.full(n, index + 5, np.int64),
        np.zeros(n, np.int64), np.tile(np.eye(4) * 0.01, (n, 1, 1)), lights,
    )  # fmt: skip


@dataclass
class Drive:
    """What happened: one row per step."""

    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    yaw: np.ndarray
    speed: np.ndarray
    acceleration: np.ndarray
    lateral_error: np.ndarray  # of the ego origin from the reference
    progress: np.ndarray
    plans: list[Plan]
    commands: list[Command]
    collided: int  # id of the actor that was hit, -1 for none
    planning: Planning

    @property
    def done(self) -> bool:
        return self.plans[-1].done

    @property
    def behaviors(self) -> set[str]:
        return {plan.behavior for plan in self.plans}


def drive(
    graph: LaneGraph,
    start: tuple[float, float, float],
    goal: tuple[float, ...],
    *,
    actors: list[Actor] | None = None,
    lights: Callable[[float], dict[str, LightState]] | None = None,
    speed: float = 0.0,
    seconds: float = 60.0,
    dt: float = 0.1,
    planning: PlanningConfig | None = None,
    control: ControlConfig | None = None,
    disturb: Callable[[int, Tracks], Tracks] | None = None,
    car: Car | None = None,
    map_lights: tuple[MapLight, ...] = (),
) -> Drive:
    """Drive closed-loop until the goal, a collision or the time is up."""
    actors = actors or []
    car = car or Car(*start, speed=speed)
    stage = Planning(graph, car.model, planning, map_lights)
    stage.set_route(np.array(start), np.array(goal))
    controller = Control(car.model, control)
    rows, plans, commands = [], [], []
    hit = -1
    for k in range(int(seconds / dt)):
        t = k * dt
        views = tuple(
            TrafficLightView(name, state, 0.0 if state == LightState.UNKNOWN else 0.95, 0.0)
            for name, state in (lights(t) if lights else {}).items()
        )
        tracks = tracks_of(actors, car.ego(), t, k, views)
        if disturb is not None:
            tracks = disturb(k, tracks)
        _, plan = stage.plan(tracks)
        command = controller.control(plan, tracks.ego, car.steer, tracks.t_us)
        _s, d = stage.reference.project(
            np.array([[car.x, car.y]]), plan.route_progress_m - 20, plan.route_progress_m + 20
        )
        rows.append((t, car.x, car.y, car.yaw, car.speed, car.acceleration, d[0], plan.route_progress_m))
        plans.append(plan)
        commands.append(command)
        if plan.done:
            break
        car.step(command, dt)
        hit = next((a.id for a in actors if overlaps(car, a, t + dt)), -1)
        if hit >= 0:
            break
    columns = np.array(rows).T
    return Drive(*columns, plans, commands, hit, stage)


def overlaps(car: Car, actor: Actor, t: float) -> bool:
    """Whether the two boxes touch: corners and mid-sides of each in the other."""
    x, y, yaw, _ = actor.state(t)
    a = (car.x, car.y, car.yaw, car.model.length_m, car.model.width_m)
    b = (x, y, yaw, actor.size[0], actor.size[1])

    def inside(of: tuple, other: tuple) -> bool:
        u = np.array([(i, j) for i in (-0.5, 0.0, 0.5) for j in (-0.5, 0.0, 0.5)]) * [of[3], of[4]]
        c, s = math.cos(of[2]), math.sin(of[2])
        world = u @ np.array([[c, s], [-s, c]]) + of[:2]
        c, s = math.cos(other[2]), math.sin(other[2])
        local = (world - np.array(other[:2])) @ np.array([[c, -s], [s, c]])
        return bool(((np.abs(local[:, 0]) < 0.5 * other[3]) & (np.abs(local[:, 1]) < 0.5 * other[4])).any())

    return inside(a, b) or inside(b, a)


def straight(length: float = 300.0, limit: float = 13.9, light_at: float | None = None) -> LaneGraph:
    """One lane along x; a light's stop line at ``light_at``, signal "1"."""
    roads = Roads()
    roads.add(line((0, 0), (length, 0)), limit=limit)
    if light_at is not None:
        roads.lines.append(StopLine(0, light_at, StopKind.LIGHT, "1"))
    return roads.graph()


__all__ = [
    "LANE_M",
    "MKZ",
    "Actor",
    "Car",
    "Drive",
    "Forecasts",
    "Roads",
    "arc",
    "drive",
    "line",
    "steady",
    "still",
    "straight",
    "tracks_of",
    "walker",
]
