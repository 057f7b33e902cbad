"""Traffic lights and signs of a map: where they stand, which lanes obey them, who shares a phase.

``carla.Map`` says where each signal stands (it also knows the speed signs that OpenDRIVE keeps as objects). Its
rotation is the travel direction that the signal is for; CARLA's actors are turned by another 90 degrees, so the
actor's x axis points to the right across the lanes and the trigger volume lies along it. That is what the client's
``get_stop_waypoints`` relies on.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.scene.ground import Ground
from sim.server.scene.roads import SAME_LEVEL_M, on_driving_lane
from sim.server.scene.static import Signal
from sim.server.scene.triggers import Approach, Conflicts, effect_boxes, trigger_volume

Array = npt.NDArray[np.float64]

LIGHT, YIELD, STOP, SPEED_LIMIT = "1000001", "205", "206", "274"

SAME_DIRECTION_RAD = math.radians(60.0)
"""A lane whose direction differs more from the signal's is not meant by it."""
FURTHEST_BACK_M = 40.0
"""A reference inside a junction is followed back this far at most to find the lane that enters."""
BEFORE_JUNCTION_M = 0.5
BEFORE_POLE_M = 2.5
"""The first car must see the head beside it: the stop line lies this far before a pole at the near side."""
NEAR_SIDE_M = 8.0
"""A pole this far ahead of or behind the end of the lane is a near-side one."""
BEFORE_CROSSWALK_M = 1.0
CROSSWALK_SEARCH_M = 14.0
CROSSWALK_NEAR_M = 40.0
"""No crosswalk is longer."""
CROSSWALK_STEP_M = 0.5
NUDGE_STEP_M, NUDGE_LIMIT_M = 0.25, 8.0
POLE_CLEARANCE_M = 0.35
"""Between a pole's axis and the nearest driving lane."""
DEEPEST_FOOT_M = 1.0
"""A signal beside a bridge's deck hangs on it; elsewhere a pole may stand this far below the road."""
LOOSE_GROUP = 1_000_000
"""Lights outside junctions form groups of their own from this number on."""
SAME_AXIS_RAD = math.radians(35.0)
"""Approaches this parallel are opposite arms of one street."""


@dataclass(frozen=True)
class PlacedSignal:
    """A signal with what its shape needs beside the contract's data; ``forward`` is the traffic's direction."""

    signal: Signal
    kind: str
    value: float
    forward: Array
    approaches: tuple[Approach, ...]


def read_signals(carla_map: Any, root: ET.Element, driving: Ground, ground: Ground) -> list[PlacedSignal]:
    """All lights, stop, yield and speed signs, ordered by their OpenDRIVE id, without lamps (the shapes add them)."""
    references: dict[str, list[Any]] = {}
    for landmark in carla_map.get_all_landmarks():
        if landmark.type in (LIGHT, YIELD, STOP, SPEED_LIMIT):
            references.setdefault(landmark.id, []).append(landmark)
    crosswalks = _crosswalks(carla_map)
    ends, conflicts = _LaneEnds(carla_map, root), Conflicts(carla_map, root)
    placed: list[PlacedSignal] = []
    junctions: list[int] = []
    for key in sorted(references, key=_numeric_first):
        landmarks = references[key]
        yaw = math.radians(landmarks[0].transform.rotation.yaw)
        forward = np.array([math.cos(yaw), math.sin(yaw)])
        at = landmarks[0].transform.location
        gate = landmarks[0].type != SPEED_LIMIT
        lanes = _controlled_lanes(carla_map, landmarks, yaw, at)
        foot = np.array([at.x, at.y, _level(carla_map, at, lanes)])
        if gate:
            found = [ends.approach(waypoint, foot, crosswalks) for waypoint in lanes]
        else:
            found = [_approach_at(waypoint, math.inf) for waypoint in lanes]
        approaches = tuple({(a.road, a.lane): a for a in found}.values())
        foot = _off_the_lanes(foot, forward, driving)
        foot[2] = max(float(ground.heights(foot[None])[0]), foot[2] - DEEPEST_FOOT_M)
        signal = _signal(landmarks[0], foot, yaw, approaches, gate)
        junctions.append(ends.junction_of(lanes))
        if landmarks[0].type in (STOP, YIELD):
            signal = replace(signal, clear_area_m=conflicts.area(junctions[-1], approaches))
        placed.append(PlacedSignal(signal, landmarks[0].type, float(landmarks[0].value), forward, approaches))
    return _with_phases(placed, junctions, root)


def _level(carla_map: Any, at: Any, lanes: Sequence[Any]) -> float:
    """Height of the road beside a signal. The landmark's own height is no guide: on bridges it says zero."""
    height = lanes[0].transform.location.z if lanes else at.z
    beside = carla_map.get_waypoint(type(at)(at.x, at.y, height))
    return float(height if beside is None else beside.transform.location.z)


def _numeric_first(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdigit() else (1 << 60, key)


def _signal(landmark: Any, foot: Array, yaw: float, approaches: Sequence[Approach], gate: bool) -> Signal:
    actor_yaw = math.remainder(yaw + math.pi / 2.0, 2.0 * math.pi)
    centre, extent = trigger_volume(foot, actor_yaw, approaches, gate, landmark.type == LIGHT)
    return Signal(
        opendrive_id=landmark.id,
        type_id=_type_id(landmark),
        position_m=(float(foot[0]), float(foot[1]), float(foot[2])),
        yaw_rad=actor_yaw,
        trigger_centre_m=centre,
        trigger_extent_m=extent,
        group=-1,
        phase=-1,
        lamp_boxes=np.zeros((0, 7)),
        stop_points_m=np.array([a.point_m for a in approaches]).reshape(-1, 3) if gate else np.zeros((0, 3)),
        affected_lanes=tuple((a.road, a.lane) for a in approaches),
        effect_boxes=effect_boxes(approaches, gate),
    )


def _type_id(landmark: Any) -> str:
    if landmark.type == SPEED_LIMIT:
        return f"traffic.speed_limit.{round(landmark.value)}"
    return {LIGHT: "traffic.traffic_light", STOP: "traffic.stop", YIELD: "traffic.yield"}[landmark.type]


def _controlled_lanes(carla_map: Any, landmarks: Sequence[Any], yaw: float, at: Any) -> list[Any]:
    """Waypoints of the driving lanes named by the signal's validities, or the nearest one with its direction."""
    found = []
    for landmark in landmarks:
        for first, last in landmark.get_lane_validities():
            for lane in range(min(first, last), max(first, last) + 1):
                waypoint = carla_map.get_waypoint_xodr(landmark.road_id, lane, landmark.s) if lane else None
                if waypoint is not None and _is_meant(waypoint, yaw):
                    found.append(waypoint)
    if not found:
        nearest = carla_map.get_waypoint(at)
        if nearest is not None and _is_meant(nearest, yaw) and nearest.transform.location.distance(at) < 15.0:
            found.append(nearest)
            beside = nearest.get_left_lane()
            while beside is not None and _is_meant(beside, yaw) and beside.lane_id * nearest.lane_id > 0:
                found.append(beside)
                beside = beside.get_left_lane()
    return found


def _is_meant(waypoint: Any, yaw: float) -> bool:
    turn = math.remainder(math.radians(waypoint.transform.rotation.yaw) - yaw, 2.0 * math.pi)
    return str(waypoint.lane_type) == "Driving" and abs(turn) < SAME_DIRECTION_RAD


def _approach_at(waypoint: Any, room_m: float = 0.0, beyond_m: float = 0.0) -> Approach:
    at, yaw = waypoint.transform.location, math.radians(waypoint.transform.rotation.yaw)
    return Approach(
        waypoint.road_id,
        waypoint.lane_id,
        np.array([at.x, at.y, at.z]),
        np.array([math.cos(yaw), math.sin(yaw)]),
        float(waypoint.lane_width),
        room_m,
        beyond_m,
    )


class _LaneEnds:
    """Finds the lanes that lead into a junction and the points where they stop."""

    def __init__(self, carla_map: Any, root: ET.Element) -> None:
        self._map = carla_map
        self._length = {int(road.get("id", "0")): float(road.get("length", "0")) for road in root.iter("road")}
        self._junction = {int(road.get("id", "0")): int(road.get("junction", "-1")) for road in root.iter("road")}

    def approach(self, waypoint: Any, foot: Array, crosswalks: Sequence[Array]) -> Approach:
        """Where a lane stops for a signal whose pole stands at ``foot``; reference lanes may lie in the junction."""
        end = waypoint
        if waypoint.is_junction:
            end = self._entering(waypoint)
        elif waypoint.road_id in self._length:
            end = self._at_end(waypoint)
        stop = _back(end, BEFORE_JUNCTION_M)
        at = _approach_at(end)
        ahead = float((foot[:2] - at.point_m[:2]) @ at.forward)
        if -NEAR_SIDE_M < ahead < BEFORE_POLE_M:
            stop = _back(end, BEFORE_POLE_M - ahead)
        near = [p for p in crosswalks if np.linalg.norm(p[0, :2] - at.point_m[:2]) < CROSSWALK_NEAR_M]
        if near:
            stop = max((stop, self._before_crosswalks(end, near)), key=lambda w: _distance(w, end))
        length = self._length.get(stop.road_id, math.inf)
        return _approach_at(stop, stop.s if stop.lane_id < 0 else length - stop.s, _distance(stop, end))

    def _before_crosswalks(self, end: Any, crosswalks: Sequence[Array]) -> Any:
        """The waypoint before all crosswalks on the last metres of a lane; its end if there is none."""
        distances = np.arange(0.0, CROSSWALK_SEARCH_M, CROSSWALK_STEP_M)
        points = np.array([_approach_at(_back(end, float(d))).point_m for d in distances])
        covered = np.any([_inside(polygon, points) for polygon in crosswalks], axis=0)
        if not covered.any():
            return end
        return _back(end, float(distances[covered].max()) + BEFORE_CROSSWALK_M)

    def junction_of(self, lanes: Sequence[Any]) -> int:
        """Junction that the controlled lanes are in or lead to; -1 if there is none."""
        for waypoint in lanes:
            if self._junction.get(waypoint.road_id, -1) >= 0:
                return self._junction[waypoint.road_id]
        for waypoint in lanes:
            for step in (1.0, 3.0, 6.0, 12.0):
                for ahead in waypoint.next(step):
                    if self._junction.get(ahead.road_id, -1) >= 0:
                        return self._junction[ahead.road_id]
        return -1

    def _entering(self, waypoint: Any) -> Any:
        travelled = 0.0
        here = waypoint
        while here.is_junction and travelled < FURTHEST_BACK_M:
            before = here.previous(1.0)
            if not before:
                return waypoint
            here = before[0]
            travelled += 1.0
        return self._at_end(here) if not here.is_junction else waypoint

    def _at_end(self, waypoint: Any) -> Any:
        """The last waypoint of the lane, if that is near and in front of a junction; else the waypoint itself."""
        s = self._length[waypoint.road_id] - 1e-3 if waypoint.lane_id < 0 else 1e-3
        if abs(s - waypoint.s) > NEAR_SIDE_M:
            return waypoint
        return self._map.get_waypoint_xodr(waypoint.road_id, waypoint.lane_id, s) or waypoint


def _distance(a: Any, b: Any) -> float:
    return float(a.transform.location.distance(b.transform.location))


def _back(waypoint: Any, distance_m: float) -> Any:
    """The waypoint ``distance_m`` before; on a road that begins earlier, as far as it goes."""
    if distance_m <= 0.0:
        return waypoint
    for fraction in (1.0, 0.5, 0.25):
        before = [w for w in waypoint.previous(distance_m * fraction) if not w.is_junction]
        if before:
            return before[0]
    return waypoint


def _crosswalks(carla_map: Any) -> list[Array]:
    """Outlines (n, 3) of the map's crosswalks."""
    outlines: list[Array] = []
    loop: list[tuple[float, float, float]] = []
    for location in carla_map.get_crosswalks():
        point = (location.x, location.y, location.z)
        if loop and math.dist(point, loop[0]) < 0.01:
            outlines.append(np.array(loop))
            loop = []
        else:
            loop.append(point)
    return outlines


def _inside(polygon: Array, points: Array) -> npt.NDArray[np.bool_]:
    """Which points (n, 3) lie over a polygon (m, 3) of their own level."""
    corner = polygon[None, :, :2] - points[:, None, :2]  # (n, m, 2)
    following = np.roll(corner, -1, axis=1)
    crosses = (corner[..., 1] > 0) != (following[..., 1] > 0)
    rise = np.where(crosses, following[..., 1] - corner[..., 1], 1.0)
    at = corner[..., 0] - corner[..., 1] * (following[..., 0] - corner[..., 0]) / rise
    inside: npt.NDArray[np.bool_] = np.sum(crosses & (at > 0), axis=1) % 2 == 1
    return inside & (np.abs(points[:, 2] - polygon[0, 2]) < SAME_LEVEL_M)


def _off_the_lanes(foot: Array, forward: Array, driving: Ground) -> Array:
    """The foot of the pole, moved to the right of the traffic until no driving lane is below or close to it."""
    right = np.array([-forward[1], forward[0], 0.0])
    angle = np.arange(8) * (math.pi / 4.0)
    ring = POLE_CLEARANCE_M * np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
    for distance in np.arange(0.0, NUDGE_LIMIT_M, NUDGE_STEP_M):
        for side in (1.0, -1.0):
            there = foot + right * (distance * side)
            if not np.any(on_driving_lane(driving, there + ring)):
                out: Array = there
                return out
    return foot + right * NUDGE_LIMIT_M


def _with_phases(placed: Sequence[PlacedSignal], junctions: Sequence[int], root: ET.Element) -> list[PlacedSignal]:
    """Lights with their group (junction) and phase.

    A controller of the junction is a phase, in the order of their sequence. Lights without one share a phase
    with the opposite approach. Directions in one phase are equal modulo half a turn, whatever a controller says:
    crossing streets are never green together.
    """
    controller_of = _controllers(root)
    out = list(placed)
    members: dict[int, list[int]] = {}
    for index, item in enumerate(placed):
        if item.kind == LIGHT:
            group = junctions[index] if junctions[index] >= 0 else LOOSE_GROUP + index
            members.setdefault(group, []).append(index)
    for group, indices in members.items():
        phases: list[tuple[tuple[int, str] | None, float]] = []  # controller and direction of each phase's first light
        keys = {i: controller_of.get(placed[i].signal.opendrive_id) for i in indices}
        for index in sorted(indices, key=lambda i: (keys[i] is None, keys[i] or (0, ""), i)):
            axis = math.atan2(placed[index].forward[1], placed[index].forward[0])
            same = [
                phase
                for phase, (key, other) in enumerate(phases)
                if key == keys[index] and abs(math.remainder(axis - other, math.pi)) < SAME_AXIS_RAD
            ]
            if not same:
                same = [len(phases)]
                phases.append((keys[index], axis))
            out[index] = replace(out[index], signal=replace(out[index].signal, group=group, phase=same[0]))
    return out


def _controllers(root: ET.Element) -> dict[str, tuple[int, str]]:
    """(sequence, id) of each signal's controller: of several, the one that names it most often."""
    votes: dict[str, Counter[tuple[int, str]]] = {}
    for controller in root.findall("controller"):
        order = int(controller.get("sequence") or 0), controller.get("id", "")
        for control in controller.iter("control"):
            votes.setdefault(control.get("signalId", ""), Counter())[order] += 1
    return {signal: min(count, key=lambda order: (-count[order], order)) for signal, count in votes.items()}
