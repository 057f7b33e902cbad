"""Behaviour: where to stop along the reference, and why.

Traffic lights with the dilemma zone, stop signs, giving way, crosswalks and the end of the route become *stops*: arc
lengths for the ego origin with a reason. Leaders and other things in the corridor are the roll-out's business.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from perception.frame import FloatArray, VehicleModel
from perception.objects import LightState, ObjectClass, Tracks, TrafficLightView
from planning.features import CrosswalkAhead, Features, LineAhead, in_polygon
from planning.lanes import StopKind
from planning.network import LanePosition
from planning.obstacles import Obstacles
from planning.speed import SpeedConfig, travel_time
from planning.yielding import Yielding


@dataclass(frozen=True)
class BehaviorConfig:
    """When to stop."""

    light_gap_m: float = 1.0  # front bumper before the line: within 1.5 m of it and never past it
    sign_gap_m: float = 0.8
    walk_gap_m: float = 1.5
    look_m: float = 90.0  # braking from 17 m/s at 2 m/s2 takes 72 m
    passed_m: float = 0.5  # a front this far past a line has left it behind
    yellow_brake_mps2: float = 3.0  # a yellow is taken when stopping would need more
    red_brake_mps2: float = 6.5  # a red cannot be obeyed when stopping would need more
    confidence: float = 0.4  # a light's state believed less than this is unknown
    green_hold_s: float = 4.0  # a green that left the field of view when the car stood at the line
    red_hold_s: float = 30.0  # a red that went out of view: it has surely changed by then
    recommit_s: float = 4.0  # standing so long, a decision to go through is void
    yellow_s: float = 3.0  # a yellow not seen for so long has become red
    unknown_patience_s: float = 15.0  # standing at a light that nobody sees: go on as if it were off
    sign_speed_mps: float = 0.1  # the driving score's full stop
    sign_reach_m: float = 4.0  # ... and its distance to the line
    sign_dwell_s: float = 0.5
    kerb_m: float = 1.8  # a walker this close outside a crosswalk belongs to it
    walk_side_m: float = 7.0  # from the ego's path; further ones arrive after the ego has gone
    walk_lead_s: float = 2.0  # pass in front of a walker only with this much time to spare
    walk_least_mps: float = 0.25  # slower is standing
    walk_wait_mps: float = 5.5  # past people who stand at a crosswalk: stops within 5 m at 3 m/s2
    walk_wait_m: float = 6.0  # ... no further than this from the ego's path


@dataclass(frozen=True)
class Stop:
    """Where the ego origin must stop (``s_m``), and why."""

    s_m: float
    behavior: str
    target: str


@dataclass(frozen=True)
class Situation:
    """What is known when deciding: ego arc length and speed, the allowed speeds along the reference, others along it,
    the lanes that other vehicles are on, the lights by signal id, the lanes of the route near the ego, the time."""

    s_m: float
    speed_mps: float
    limits_mps: FloatArray
    obstacles: Obstacles
    places: dict[int, list[LanePosition]]
    lights: dict[str, TrafficLightView]
    tracks: Tracks  # the rows of ``obstacles``
    own_lanes: frozenset[int]
    time_s: float


@dataclass
class Memory:
    """What was decided before, by signal id or position: keeps decisions from flickering."""

    committed: set[str] = field(default_factory=set)
    sign_since: dict[str, float] = field(default_factory=dict)
    sign_done: set[str] = field(default_factory=set)
    unknown_since: dict[str, float] = field(default_factory=dict)
    standing_since: float = math.inf
    lights: dict[str, tuple[LightState, float]] = field(default_factory=dict)  # last known state, and when


class Behavior:
    """Decides the stops of one plan. Keeps only ``Memory``."""

    def __init__(self, vehicle: VehicleModel, config: BehaviorConfig, speed: SpeedConfig, yielding: Yielding) -> None:
        self.config = config
        self.speed = speed
        self.yielding = yielding
        self.half_m = 0.5 * vehicle.length_m
        self.vehicle = vehicle
        self.memory = Memory()

    def decide(self, now: Situation, ahead: Features, goal_s_m: float) -> list[Stop]:
        """All stops within sight, unordered."""
        memory = self.memory
        if now.speed_mps > 0.3:
            memory.standing_since = math.inf
        elif not math.isfinite(memory.standing_since):
            memory.standing_since = now.time_s
        front = now.s_m + self.half_m
        stops = [Stop(goal_s_m, "finish", "")]
        for line in ahead.lines:
            key = f"{line.signal_id}@{line.lane}"
            if line.s_m < front - self.config.passed_m:
                memory.committed.discard(key)
                memory.sign_done.discard(key)
                continue
            if line.s_m > front + self.config.look_m:
                break
            if line.kind == StopKind.LIGHT and self._stop_at_light(line, key, now, line.s_m - front):
                # in full view of the light, but no harder than for a yellow
                feasible = line.s_m - front - now.speed_mps**2 / (2.0 * self.config.yellow_brake_mps2)
                gap = max(min(line.view_gap_m, feasible), self.config.light_gap_m)
                stops.append(Stop(line.s_m - gap - self.half_m, "stop_light", line.signal_id))
            if line.kind == StopKind.STOP_SIGN and self._stop_at_sign(key, now, line.s_m - front):
                stops.append(Stop(line.s_m - self.config.sign_gap_m - self.half_m, "stop_sign", line.signal_id))
        stops += self._give_way(now, ahead, front)
        stops += [stop for walk in ahead.crosswalks for stop in self._crosswalk(walk, now, ahead, front)]
        return stops

    def slow_zones(self, now: Situation, ahead: Features) -> list[tuple[float, float, float]]:
        """(from, to, speed) where to drive slowly: past crosswalks at which people stand who might begin to cross."""
        o, front = now.obstacles, now.s_m + self.half_m
        zones = []
        standing = np.flatnonzero((o.classes == ObjectClass.PEDESTRIAN) & (o.speed_mps < 0.5))
        for walk in ahead.crosswalks if len(standing) else ():
            if not front - 1.0 < walk.from_s_m < front + 50.0:
                continue
            near = np.abs(o.d_m[standing, 0, 0]) < self.config.walk_wait_m
            if near.any() and in_polygon(now.tracks.boxes_world_m[standing[near], :2], self._grown(walk)).any():
                zones.append(
                    (walk.from_s_m - self.half_m - 3.0, walk.from_s_m - self.half_m, self.config.walk_wait_mps)
                )
        return zones

    def _grown(self, walk: CrosswalkAhead) -> FloatArray:
        """The crosswalk's polygon with ``kerb_m`` around its corners."""
        center = walk.polygon_m.mean(0)
        out = walk.polygon_m - center
        return center + out * (1.0 + self.config.kerb_m / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1.0))

    def light(self, signal_id: str, now: Situation) -> LightState:
        """The state to act on: the one seen, or remembered for a while; UNKNOWN where neither is to be had."""
        view = now.lights.get(signal_id)
        known = view is not None and view.state != LightState.UNKNOWN and view.confidence >= self.config.confidence
        if view is not None and known:
            self.memory.lights[signal_id] = (view.state, now.time_s - view.age_s)
        state, since = self.memory.lights.get(signal_id, (LightState.UNKNOWN, -math.inf))
        if state == LightState.YELLOW and now.time_s - since > self.config.yellow_s:
            state = LightState.RED
        hold = self.config.green_hold_s if state == LightState.GREEN else self.config.red_hold_s
        return state if now.time_s - since <= hold else LightState.UNKNOWN

    def _stop_at_light(self, line: LineAhead, key: str, now: Situation, distance_m: float) -> bool:
        config, memory = self.config, self.memory
        state = self.light(line.signal_id, now)
        if memory.standing_since < now.time_s - config.recommit_s and key not in memory.unknown_since:
            memory.committed.discard(key)  # waits before the line after all: look again
        if state in (LightState.GREEN, LightState.OFF):
            memory.unknown_since.pop(key, None)
            if distance_m < line.view_gap_m and now.speed_mps > 0.5:
                memory.committed.add(key)  # the light leaves the view now: go through
            else:
                memory.committed.discard(key)
            return False
        room = max(distance_m - now.speed_mps * self.speed.reaction_s, 0.05)
        needed = now.speed_mps**2 / (2.0 * room)
        if state == LightState.RED:
            memory.unknown_since.pop(key, None)
            if key in memory.committed and needed > config.yellow_brake_mps2:
                return False
            memory.committed.discard(key)
            return needed <= config.red_brake_mps2 or now.speed_mps < 2.0
        if key in memory.committed:
            return False
        if state == LightState.YELLOW:
            if needed > config.yellow_brake_mps2 and now.speed_mps > 2.0:
                memory.committed.add(key)
                return False
            return True
        if now.speed_mps < 0.3 and distance_m < max(line.view_gap_m, config.light_gap_m) + 5.0:
            since = memory.unknown_since.setdefault(key, now.time_s)
            if now.time_s - since > config.unknown_patience_s:
                memory.committed.add(key)
                return False
        return needed <= config.red_brake_mps2 or now.speed_mps < 2.0

    def _stop_at_sign(self, key: str, now: Situation, distance_m: float) -> bool:
        memory, config = self.memory, self.config
        if key in memory.sign_done:
            return False
        if now.speed_mps < config.sign_speed_mps and distance_m < config.sign_reach_m:
            since = memory.sign_since.setdefault(key, now.time_s)
            if now.time_s - since >= config.sign_dwell_s:
                memory.sign_done.add(key)
                memory.sign_since.pop(key, None)
                return False
        else:
            memory.sign_since.pop(key, None)
        return True

    def _give_way(self, now: Situation, ahead: Features, front: float) -> list[Stop]:
        waited = now.time_s - self.memory.standing_since if math.isfinite(self.memory.standing_since) else 0.0
        stops = []
        for conflict in ahead.conflicts:
            if conflict.from_s_m < front - 0.5:
                continue
            if conflict.from_s_m > front + 60.0:
                break
            line = self._line_before(ahead, conflict.entry_s_m)
            green = (
                line is not None and line.kind == StopKind.LIGHT and self.light(line.signal_id, now) == LightState.GREEN
            )
            stop_s = conflict.from_s_m - self.yielding.config.before_conflict_m
            if line is not None and not green and line.s_m > front - self.config.passed_m:
                stop_s = line.s_m - self.config.sign_gap_m
            room = stop_s - front
            if now.speed_mps**2 > 2.0 * max(room + 0.5, 0.1) * 4.5:
                continue  # past the point of no return
            row = self.yielding.must_wait(
                conflict,
                now.tracks,
                now.places,
                now.limits_mps,
                now.s_m,
                now.speed_mps,
                green,
                waited,
                now.own_lanes,
            )
            if row >= 0:
                stops.append(Stop(stop_s - self.half_m, "yield", str(int(now.obstacles.ids[row]))))
        return stops

    @staticmethod
    def _line_before(ahead: Features, entry_s_m: float) -> LineAhead | None:
        """The last stop line that belongs to a junction entered at ``entry_s_m``."""
        lines = [
            line for line in ahead.lines
            if line.kind != StopKind.CROSSWALK and entry_s_m - 25.0 < line.s_m < entry_s_m + 3.0
        ]  # fmt: skip
        return lines[-1] if lines else None

    def _crosswalk(self, walk: CrosswalkAhead, now: Situation, ahead: Features, front: float) -> list[Stop]:
        config, o = self.config, now.obstacles
        if walk.from_s_m < front or walk.from_s_m > front + config.look_m:
            return []
        lines = [
            line.s_m
            for line in ahead.lines
            if line.kind == StopKind.CROSSWALK and walk.from_s_m - 6.0 < line.s_m <= walk.from_s_m + 0.5
        ]
        stop_s = (lines[-1] - 0.5 if lines else walk.from_s_m - config.walk_gap_m) - self.half_m
        if now.speed_mps**2 > 2.0 * max(stop_s - now.s_m + 0.5, 0.1) * 6.0:
            return []  # no longer possible; the collision check has the word
        people = np.flatnonzero(o.classes == ObjectClass.PEDESTRIAN)
        if not len(people):
            return []
        through = travel_time(
            now.limits_mps, now.s_m, now.speed_mps, np.array([walk.to_s_m + self.half_m]), self.speed
        )[0]
        corridor = 0.5 * self.vehicle.width_m + 0.8
        inside = in_polygon(now.tracks.boxes_world_m[people, :2], self._grown(walk))
        for row in people[inside]:
            d, v = float(o.d_m[row, 0, 0]), float(o.v_d_mps[row, 0, 0])
            if abs(d) > config.walk_side_m:
                continue
            if abs(d) < corridor:
                return [Stop(stop_s, "crosswalk", str(int(o.ids[row])))]
            toward = abs(v) if d * v < 0.0 else 0.0
            if toward < config.walk_least_mps:
                continue
            if (abs(d) - corridor) / toward < through + config.walk_lead_s:
                return [Stop(stop_s, "crosswalk", str(int(o.ids[row])))]
        return []
