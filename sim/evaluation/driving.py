"""How well it drove: route completion, infractions and CARLA's driving score, from the true states alone.

Definitions follow the CARLA Leaderboard 2.0: driving score = route completion × product of one factor per infraction
(``PENALTY``). The route is the shortest way over the lane graph; it is complete within 10 m of its end and from 99 %
on. A collision with the same body within 5 s or 5 m is one collision, and none below 0.1 m/s. A red light is run, and a
stop sign ignored, when the front bumper crosses the stop line; a stop sign wants less than 0.1 m/s within 4 m before
the line. Driving beyond the lanes' edge by more than 0.5 m multiplies by the share of the distance driven inside.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception.frame import FloatArray
from perception.geometry import wrap_angle
from perception.objects import LightState
from planning.lanes import LaneGraph, StopKind, StopLine
from sim.log.schema import World
from sim.truth import Truth

PENALTY = {
    "collision_pedestrian": 0.50,
    "collision_vehicle": 0.60,
    "collision_static": 0.65,
    "red_light": 0.70,
    "stop_sign": 0.80,
}
GOAL_RADIUS_M = 10.0
COMPLETE_SHARE = 0.99
SAME_COLLISION_S, SAME_COLLISION_M = 5.0, 5.0
STANDING_MPS = 0.1
STOP_SIGN_M = 4.0
OUTSIDE_M = 0.5
LANE_CHANGE_COST_M = 10.0  # of the shortest way: changing lanes is not free
OFF_PATH_M = 8.0  # a position farther from the route than two lanes makes no progress on it


@dataclass(frozen=True)
class Infraction:
    """What happened, when, and with whom."""

    kind: str
    t_us: int
    other: str


def route_path(graph: LaneGraph, start: Sequence[float], places: Sequence[Sequence[float]]) -> FloatArray:
    """Centre line ``(n, 2)`` of the shortest way from ``start`` (x, y, yaw) through ``places`` over the lane graph; the
    straight line where there is no way."""
    parts = []
    here = start
    for place in places:
        a, i = nearest_lane(graph, here)
        b, j = nearest_lane(graph, place)
        lanes = _shortest(graph, a, i, b, j)
        if lanes is None:
            parts.append(np.array([here[:2], place[:2]], np.float64))
        else:
            parts += [graph.lanes[lane].center_m[low:high, :2] for lane, low, high in _pieces(graph, lanes, i, j)]
        here = place
    return np.concatenate(parts)


def nearest_lane(graph: LaneGraph, place: Sequence[float]) -> tuple[int, int]:
    """Lane and row of the nearest centre-line sample, of lanes that point the way of ``place`` (x, y, yaw)."""
    distance = np.hypot(*(graph.sample_xy_m - np.asarray(place[:2])).T)
    if len(place) > 2:
        yaw = np.concatenate([lane.yaw_rad for lane in graph.lanes])
        distance = distance + 20.0 * (np.abs(wrap_angle(yaw - place[2])) > math.pi / 2)
    best = int(distance.argmin())
    return int(graph.sample_lane[best]), int(graph.sample_index[best])


def _shortest(graph: LaneGraph, a: int, i: int, b: int, j: int) -> list[int] | None:
    """Lanes from a to b (Dijkstra on length)."""
    if a == b and i <= j:
        return [a]
    queue: list[tuple[float, int, tuple[int, ...]]] = [(0.0, a, (a,))]
    done: set[int] = set()
    while queue:
        cost, lane, way = heapq.heappop(queue)
        if lane == b and len(way) > 1:
            return list(way)
        if lane in done:
            continue
        done.add(lane)
        here = graph.lanes[lane]
        for after in here.successors:
            heapq.heappush(queue, (cost + here.length_m, after, (*way, after)))
        for side in (here.left, here.right):
            if side >= 0:
                heapq.heappush(queue, (cost + LANE_CHANGE_COST_M, side, (*way, side)))
    return None


def _pieces(graph: LaneGraph, lanes: list[int], i: int, j: int) -> list[tuple[int, int, int]]:
    """(lane, first row, end row) of each part of the way; a lane that is left sideways is driven halfway."""
    pieces = []
    low = i
    for k, lane in enumerate(lanes):
        rows = len(graph.lanes[lane].s_m)
        if k + 1 == len(lanes):
            pieces.append((lane, low, max(low + 1, j + 1)))
        elif lanes[k + 1] in graph.lanes[lane].successors:
            pieces.append((lane, low, rows))
            low = 0
        else:
            middle = max(low + 1, (low + rows) // 2)
            pieces.append((lane, low, middle))
            low = min(round(middle / rows * len(graph.lanes[lanes[k + 1]].s_m)), len(graph.lanes[lanes[k + 1]].s_m) - 1)
    return pieces


def completion(path_m: FloatArray, positions_m: FloatArray) -> float:
    """Share 0..1 of a route ``(n, 2)`` that positions ``(k, 2)`` covered in order, without jumps."""
    steps = np.hypot(*np.diff(path_m, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    if along[-1] < 1e-6:
        return 1.0
    reached = 0
    for position in positions_m:
        window = slice(reached, int(np.searchsorted(along, along[reached] + 30.0)) + 1)
        distance = np.hypot(*(path_m[window] - position).T)
        best = int(distance.argmin())
        if distance[best] < OFF_PATH_M:
            reached += best
    share = float(along[reached] / along[-1])
    near = len(positions_m) > 0 and float(np.hypot(*(positions_m[-1] - path_m[-1]))) < GOAL_RADIUS_M
    return 1.0 if share >= COMPLETE_SHARE or (near and share > 0.9) else share


def evaluate_driving(world: World, truths: Sequence[Truth]) -> dict[str, Any]:
    """Route completion, infractions, driving score, distance, speeds and comfort of one drive."""
    if len(truths) < 2:
        return {}
    xy = np.array([t.world_from_ego[:2, 3] for t in truths])
    path = route_path(world.lane_graph, world.route.start_world, (*world.route.via_world, world.route.goal_world))
    done = completion(path, xy)
    infractions = [*_collisions(truths), *_line_infractions(world, truths)]
    infractions.sort(key=lambda i: i.t_us)
    counts = {kind: sum(i.kind == kind for i in infractions) for kind in PENALTY}
    outside = _outside_share(world.lane_graph, xy, np.array([_yaw(t) for t in truths]))
    penalty = math.prod(PENALTY[kind] ** count for kind, count in counts.items()) * (1.0 - outside)
    speed = np.array([float(np.hypot(*t.ego_velocity_mps[:2])) for t in truths])
    return {
        "route_length_m": float(np.hypot(*np.diff(path, axis=0).T).sum()),
        "route_completion": done,
        "driving_score": 100.0 * done * penalty,
        "infraction_penalty": penalty,
        "infractions": counts,
        "events": [{"kind": i.kind, "t_s": (i.t_us - truths[0].t_us) * 1e-6, "other": i.other} for i in infractions],
        "outside_lanes_share": outside,
        "distance_m": float(np.hypot(*np.diff(xy, axis=0).T).sum()),
        "mean_speed_mps": float(speed.mean()),
        "max_speed_mps": float(speed.max()),
        "standing_share": float((speed < STANDING_MPS).mean()),
        **_comfort(truths, speed),
    }


def _yaw(truth: Truth) -> float:
    return math.atan2(float(truth.world_from_ego[1, 0]), float(truth.world_from_ego[0, 0]))


def _collisions(truths: Sequence[Truth]) -> list[Infraction]:
    last: dict[object, tuple[int, FloatArray]] = {}
    out = []
    for truth in truths:
        here = truth.world_from_ego[:2, 3]
        for event in truth.events:
            if event.get("kind") != "collision":
                continue
            other = event.get("other_id", 0) or str(event.get("other_type", "static"))
            before = last.get(other)
            last[other] = (truth.t_us, here)
            near = before is not None and float(np.hypot(*(here - before[1]))) < SAME_COLLISION_M
            soon = before is not None and (truth.t_us - before[0]) * 1e-6 < SAME_COLLISION_S
            speed = event.get("ego_speed_mps", float("inf"))
            if near or soon or (isinstance(speed, float) and speed < STANDING_MPS):
                continue
            kind = str(event.get("other_type", ""))
            name = (
                "pedestrian" if kind.startswith("walker.") else "vehicle" if kind.startswith("vehicle.") else "static"
            )
            out.append(Infraction(f"collision_{name}", truth.t_us, kind))
    return out


def _line_infractions(world: World, truths: Sequence[Truth]) -> list[Infraction]:
    """Stop lines of red lights and stop signs that the front bumper crossed against the rule."""
    half = world.vehicle.length_m / 2
    front = np.array([t.world_from_ego[:2, 3] + half * t.world_from_ego[:2, 0] for t in truths])
    out = []
    for line in world.lane_graph.stop_lines:
        if line.kind not in (StopKind.LIGHT, StopKind.STOP_SIGN):
            continue
        for k in _crossings(world.lane_graph, line, front, truths):
            if line.kind == StopKind.LIGHT and truths[k].lights.get(line.signal_id) == LightState.RED.value:
                out.append(Infraction("red_light", truths[k + 1].t_us, line.signal_id))
            if line.kind == StopKind.STOP_SIGN and not _stopped_before(world.lane_graph, line, front, truths, k):
                out.append(Infraction("stop_sign", truths[k + 1].t_us, line.signal_id))
    unique: dict[tuple[str, str, int], Infraction] = {}
    for infraction in out:  # a light has a line on each of its lanes: one crossing is one infraction
        unique.setdefault((infraction.kind, infraction.other, infraction.t_us // 2_000_000), infraction)
    return list(unique.values())


def _in_line_frame(graph: LaneGraph, line: StopLine, points_m: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Distance past the line and to its left of points ``(n, 2)``; half width of the lane."""
    lane = graph.lanes[line.lane]
    row = int(np.abs(lane.s_m - line.s_m).argmin())
    yaw, centre = float(lane.yaw_rad[row]), lane.center_m[row, :2]
    c, s = math.cos(yaw), math.sin(yaw)
    delta = points_m - centre
    past = c * delta[:, 0] + s * delta[:, 1] - (line.s_m - float(lane.s_m[row]))
    return past, -s * delta[:, 0] + c * delta[:, 1], float(lane.width_m[row]) / 2


def _crossings(graph: LaneGraph, line: StopLine, front: FloatArray, truths: Sequence[Truth]) -> list[int]:
    past, left, half = _in_line_frame(graph, line, front)
    lane = graph.lanes[line.lane]
    yaw = float(lane.yaw_rad[int(np.abs(lane.s_m - line.s_m).argmin())])
    crossed = np.flatnonzero((past[:-1] <= 0.0) & (past[1:] > 0.0) & (np.abs(left[1:]) <= half))
    along = [int(k) for k in crossed if abs(float(wrap_angle(_yaw(truths[int(k)]) - yaw))) < math.pi / 3]
    return [k for k in along if past[k + 1] - past[k] < 10.0]


def _stopped_before(graph: LaneGraph, line: StopLine, front: FloatArray, truths: Sequence[Truth], k: int) -> bool:
    past, _, _ = _in_line_frame(graph, line, front)
    for row in range(k, -1, -1):
        if past[row] < -STOP_SIGN_M:
            return False
        if float(np.hypot(*truths[row].ego_velocity_mps[:2])) < STANDING_MPS:
            return True
    return False


def _outside_share(graph: LaneGraph, xy: FloatArray, yaw: FloatArray) -> float:
    """Share of the driven distance with the centre beyond every lane's edge by more than OUTSIDE_M."""
    width = np.concatenate([lane.width_m for lane in graph.lanes])
    lane_yaw = np.concatenate([lane.yaw_rad for lane in graph.lanes])
    step = np.hypot(*np.diff(xy, axis=0).T)
    outside = np.zeros(len(step))
    for k in range(len(step)):
        distance = np.hypot(*(graph.sample_xy_m - xy[k]).T)
        with_us = np.abs(wrap_angle(lane_yaw - yaw[k])) < math.pi / 2
        outside[k] = float((distance - width / 2)[with_us].min(initial=np.inf)) > OUTSIDE_M
    total = float(step.sum())
    return float((step * outside).sum() / total) if total > 0 else 0.0


def _comfort(truths: Sequence[Truth], speed: FloatArray) -> dict[str, float]:
    """Largest accelerations, smoothed over half a second as a passenger feels them."""
    t = np.array([truth.t_us for truth in truths]) * 1e-6
    dt = float(np.median(np.diff(t)))
    if dt <= 0 or len(speed) < 8:
        return {}
    window = max(1, round(0.5 / dt))
    smooth = np.convolve(np.gradient(speed, dt), np.ones(window) / window, mode="valid")
    yaw = np.unwrap([_yaw(truth) for truth in truths])
    lateral = np.convolve(speed * np.gradient(yaw, dt), np.ones(window) / window, mode="valid")
    return {
        "max_acceleration_mps2": float(smooth.max()),
        "max_deceleration_mps2": float(-smooth.min()),
        "max_lateral_mps2": float(np.abs(lateral).max()),
    }
