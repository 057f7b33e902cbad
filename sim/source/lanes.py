"""From a CARLA map (OpenDRIVE) to planning's ``LaneGraph`` and the lights that perception looks for.

One lane of the graph is one driving lane of one lane section, sampled in driving direction. Everything is read through
``carla.Map``, except the extent of the lane sections and the speed limits, which its interface does not show.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from shapely.geometry import LineString, Point, Polygon

from perception.frame import FloatArray
from perception.objects import MapLight
from planning.lanes import STEP_M, Lane, LaneGraph, StopKind, StopLine
from sim.source.conversion import vector
from sim.source.lane_conflicts import find_conflicts

if TYPE_CHECKING:
    import carla

Key = tuple[int, int, int]
"""Road id, number of the lane section, lane id."""

TOWN_LIMIT_MPS = 30.0 / 3.6
"""Where the map tells no limit: that of a residential zone, the lowest that a through road has."""
LIGHT, YIELD_SIGN, STOP_SIGN, SPEED_SIGN = "1000001", "205", "206", "274"
STOP_KINDS = {LIGHT: StopKind.LIGHT, STOP_SIGN: StopKind.STOP_SIGN, YIELD_SIGN: StopKind.YIELD}
INSIDE_M = 1e-3
"""Samples stay this far inside a lane section: at its very end a road position may belong to the next one."""
STRAIGHT_RAD = math.radians(30.0)
"""A junction lane that turns by less is straight."""
BEFORE_JUNCTION_M = 0.5
"""A light or sign of a junction holds traffic this far before the junction lane begins."""
BEFORE_CROSSWALK_M = 1.0
SHORT_LANE_M = 0.05
"""Lane sections shorter than this are seams of the map; they keep two samples."""
HEAD_HEIGHT_M = 5.0
"""Of a light's head above the foot of its pole where the simulator does not tell: the usual mounting height."""


def lane_graph(carla_map: carla.Map) -> tuple[LaneGraph, tuple[MapLight, ...]]:
    """Lanes, stop lines, conflicts and crosswalks of a map, and where its lights are thought to hang.

    Raises ValueError for a map without driving lanes.
    """
    sections = _sections(carla_map)
    limits = _road_limits(carla_map)
    links = [(_key(a), _key(b)) for a, b in carla_map.get_topology()]
    keys = sorted({key for link in links for key in link})
    if not keys:
        raise ValueError(f"map {carla_map.name!r} has no driving lanes; is it the OpenDRIVE of a road network?")
    number = {key: k for k, key in enumerate(keys)}
    successors: dict[int, list[int]] = {k: [] for k in range(len(keys))}
    predecessors: dict[int, list[int]] = {k: [] for k in range(len(keys))}
    for a, b in links:
        if number[b] not in successors[number[a]]:
            successors[number[a]].append(number[b])
            predecessors[number[b]].append(number[a])
    speed_signs = _speed_signs(carla_map, number, sections)
    lanes = []
    for key, k in number.items():
        waypoints = _waypoints(carla_map, key, sections[key[0]][key[1]])
        left, right = _neighbours(waypoints[len(waypoints) // 2], number)
        limit = speed_signs.get(k, limits.get(key[0], math.nan))
        lanes.append(_lane(k, waypoints, tuple(successors[k]), tuple(predecessors[k]), left, right, limit))
    lanes = _fill_limits(lanes)
    signals, lights = _signals(carla_map, number, sections, lanes)
    crosswalks = _crosswalks(carla_map)
    lines = tuple(sorted({*signals, *_crosswalk_lines(lanes, crosswalks)}, key=lambda line: (line.lane, line.s_m)))
    samples = [lane.center_m[:, :2] for lane in lanes]
    graph = LaneGraph(
        name=carla_map.name.split("/")[-1],
        lanes=tuple(lanes),
        stop_lines=lines,
        conflicts=find_conflicts(lanes, lines),
        crosswalks_m=crosswalks,
        sample_xy_m=np.concatenate(samples),
        sample_lane=np.repeat(np.arange(len(lanes)), [len(s) for s in samples]).astype(np.int64),
        sample_index=np.concatenate([np.arange(len(s)) for s in samples]).astype(np.int64),
    )
    return graph, lights


def _key(waypoint: Any) -> Key:
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def _sections(carla_map: carla.Map) -> dict[int, list[tuple[float, float]]]:
    """Road id -> (begin, end) of each lane section along the road's reference line, metres."""
    out: dict[int, list[tuple[float, float]]] = {}
    for road in ET.fromstring(carla_map.to_opendrive()).iter("road"):
        begins = [float(section.get("s", 0.0)) for section in road.iter("laneSection")]
        ends = [*begins[1:], float(road.get("length", 0.0))]
        out[int(road.get("id", -1))] = list(zip(begins, ends, strict=True))
    return out


def _road_limits(carla_map: carla.Map) -> dict[int, float]:
    """Road id -> the limit of its first ``<type>`` that has one, m/s."""
    factor = {"mph": 0.44704, "km/h": 1.0 / 3.6, "m/s": 1.0}
    out: dict[int, float] = {}
    for road in ET.fromstring(carla_map.to_opendrive()).iter("road"):
        for speed in road.iter("speed"):
            try:
                out.setdefault(int(road.get("id", -1)), float(speed.get("max", "")) * factor[speed.get("unit", "m/s")])
            except (ValueError, KeyError):  # "no limit", "undefined": as if it were not there
                continue
    return out


def _waypoints(carla_map: carla.Map, key: Key, section: tuple[float, float]) -> list[Any]:
    """Waypoints of one lane in driving direction, at most STEP_M apart along the reference line."""
    road, _, lane = key
    begin, end = section
    inside = min(INSIDE_M, 0.25 * (end - begin))
    count = max(2, math.ceil((end - begin) / STEP_M) + 1)
    waypoints = _sampled(carla_map, road, lane, begin + inside, end - inside, count)
    longest = max((a.transform.location.distance(b.transform.location) for a, b in pairwise(waypoints)), default=0.0)
    if longest > STEP_M:  # on the outside of a bend the lane is longer than the reference line
        count = math.ceil((count - 1) * longest / STEP_M) + 2
        waypoints = _sampled(carla_map, road, lane, begin + inside, end - inside, count)
    if len(waypoints) < 2:
        raise ValueError(f"map: lane {lane} of road {road} has no two positions between s = {begin:g} and {end:g} m")
    return waypoints if lane < 0 else waypoints[::-1]


def _sampled(carla_map: carla.Map, road: int, lane: int, begin: float, end: float, count: int) -> list[Any]:
    found = [carla_map.get_waypoint_xodr(road, lane, float(s)) for s in np.linspace(begin, end, count)]
    return [waypoint for waypoint in found if waypoint is not None]


def _neighbours(waypoint: Any, number: dict[Key, int]) -> tuple[int, int]:
    """Lanes that the marks allow to change into, left and right in driving direction, -1 for none."""
    import carla

    out = []
    for allowed, beside in (
        (carla.LaneChange.Left, waypoint.get_left_lane),
        (carla.LaneChange.Right, waypoint.get_right_lane),
    ):
        other = beside() if waypoint.lane_change in (allowed, carla.LaneChange.Both) else None
        same_way = other is not None and other.lane_id * waypoint.lane_id > 0
        out.append(number.get(_key(other), -1) if other is not None and same_way else -1)
    return out[0], out[1]


def _lane(
    k: int,
    waypoints: list[Any],
    successors: tuple[int, ...],
    predecessors: tuple[int, ...],
    left: int,
    right: int,
    limit: float,
) -> Lane:
    center = np.array([vector(w.transform.location) for w in waypoints])
    step = np.linalg.norm(np.diff(center, axis=0), axis=1)
    keep = np.concatenate([[True], step > 1e-6])
    center, waypoints = center[keep], [w for w, kept in zip(waypoints, keep, strict=True) if kept]
    s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(center, axis=0), axis=1))])
    yaw = np.unwrap([-math.radians(w.transform.rotation.yaw) for w in waypoints])
    curvature = np.gradient(yaw, s) if s[-1] > SHORT_LANE_M else np.zeros(len(s))
    change = float(yaw[-1] - yaw[0])
    first = waypoints[0]
    inside = first.is_junction
    return Lane(
        id=k,
        center_m=center,
        yaw_rad=np.arctan2(np.sin(yaw), np.cos(yaw)),
        curvature_pm=curvature,
        s_m=s,
        width_m=np.array([w.lane_width for w in waypoints], dtype=np.float64),
        successors=successors,
        predecessors=predecessors,
        left=left,
        right=right,
        speed_limit_mps=limit,
        junction=first.get_junction().id if inside else -1,
        turn=int(np.sign(change)) if inside and abs(change) > STRAIGHT_RAD else 0,
    )


def _fill_limits(lanes: list[Lane]) -> list[Lane]:
    """Lanes without a limit of their own take that of the lanes before them, at last TOWN_LIMIT_MPS."""
    limit = np.array([lane.speed_limit_mps for lane in lanes])
    for _ in range(len(lanes)):
        unknown = [k for k in np.flatnonzero(np.isnan(limit)) if not np.isnan(limit[list(lanes[k].predecessors)]).all()]
        if not unknown:
            break
        for k in unknown:
            limit[k] = np.nanmin(limit[list(lanes[k].predecessors)])
    limit[np.isnan(limit)] = TOWN_LIMIT_MPS
    return [Lane(**{**vars(lane), "speed_limit_mps": float(limit[lane.id])}) for lane in lanes]


def _places(
    carla_map: carla.Map, kind: str, number: dict[Key, int], sections: dict[int, list[tuple[float, float]]]
) -> Iterator[tuple[Any, int, float]]:
    """Every (landmark, lane, s along the lane's section from its beginning in driving direction) of a signal type."""
    for mark in carla_map.get_all_landmarks_of_type(kind):
        spans = sections.get(mark.road_id, [])
        if not spans:
            continue
        at = next((n for n, (begin, end) in enumerate(spans) if begin <= mark.s <= end), len(spans) - 1)
        for first, last in mark.get_lane_validities():
            for lane in range(min(first, last), max(first, last) + 1):
                k = number.get((mark.road_id, at, lane))
                if k is not None:
                    begin, end = spans[at]
                    yield mark, k, (mark.s - begin if lane < 0 else end - mark.s)


def _speed_signs(
    carla_map: carla.Map, number: dict[Key, int], sections: dict[int, list[tuple[float, float]]]
) -> dict[int, float]:
    """Lane -> limit of the first speed sign on it, m/s. A sign in the lane's last quarter speaks of what follows."""
    out: dict[int, tuple[float, float]] = {}
    for mark, k, s in _places(carla_map, SPEED_SIGN, number, sections):
        begin, end = next(span for span in sections[mark.road_id] if span[0] <= mark.s <= span[1] + 1e-6)
        if s < 0.75 * (end - begin) and mark.value > 0.0 and s < out.get(k, (math.inf, 0.0))[0]:
            out[k] = (s, mark.value / 3.6)  # CARLA reads these numbers as km/h, whatever the map says of the unit
    return {k: limit for k, (_, limit) in out.items()}


def _signals(
    carla_map: carla.Map,
    number: dict[Key, int],
    sections: dict[int, list[tuple[float, float]]],
    lanes: list[Lane],
) -> tuple[set[StopLine], tuple[MapLight, ...]]:
    """Stop lines of lights and signs, and the lights' places.

    A signal on a junction lane holds the traffic before the junction. It is put on the lane before where all ways out
    of that lane obey it, else on the beginning of the junction lane, so that a route obeys only the signals of its
    own turn.
    """
    lines: set[StopLine] = set()
    heads: dict[str, tuple[FloatArray, list[float]]] = {}
    for kind, stop in STOP_KINDS.items():
        on_junction: dict[str, set[int]] = {}
        for mark, k, s in _places(carla_map, kind, number, sections):
            if stop is StopKind.LIGHT:
                _, yaws = heads.setdefault(mark.id, (vector(mark.transform.location), []))
                yaws.append(float(lanes[k].yaw_rad[0 if lanes[k].junction >= 0 else -1]))
            if lanes[k].junction >= 0:
                on_junction.setdefault(mark.id, set()).add(k)
            else:
                lines.add(StopLine(k, min(max(s, 0.0), lanes[k].length_m), stop, mark.id))
        for signal, inner in on_junction.items():
            lines.update(_before_junction(lanes, inner, stop, signal))
    return lines, tuple(_light(signal, place, yaws) for signal, (place, yaws) in sorted(heads.items()))


def _before_junction(lanes: list[Lane], inner: set[int], kind: StopKind, signal: str) -> Iterable[StopLine]:
    for k in sorted(inner):
        before = [b for b in lanes[k].predecessors if lanes[b].junction != lanes[k].junction]
        if not before and any(b in inner for b in lanes[k].predecessors):
            continue  # deeper in the junction than a lane that already holds
        if before and all(set(lanes[b].successors) <= inner for b in before):
            for b in before:
                yield StopLine(b, max(0.0, lanes[b].length_m - BEFORE_JUNCTION_M), kind, signal)
        else:
            yield StopLine(k, 0.0, kind, signal)


def _light(signal: str, foot: FloatArray, yaws: list[float]) -> MapLight:
    """A light at its pole: it faces against the traffic it holds."""
    facing = -np.array([np.mean(np.cos(yaws)), np.mean(np.sin(yaws))])
    head = foot + np.array([0.0, 0.0, HEAD_HEIGHT_M])
    return MapLight(signal, head[None], facing / max(float(np.linalg.norm(facing)), 1e-9))


def _crosswalks(carla_map: carla.Map) -> tuple[FloatArray, ...]:
    """Polygons ``(k, 2)``; the client gives one list in which each polygon ends with its first corner."""
    polygons: list[FloatArray] = []
    corners: list[FloatArray] = []
    for corner in carla_map.get_crosswalks():
        point = vector(corner)[:2]
        if len(corners) >= 3 and np.linalg.norm(point - corners[0]) < 1e-3:
            polygons.append(np.array(corners))
            corners = []
        else:
            corners.append(point)
    return tuple(polygons)


def _crosswalk_lines(lanes: list[Lane], crosswalks: tuple[FloatArray, ...]) -> Iterator[StopLine]:
    """Before each crosswalk that a lane runs over."""
    areas = [Polygon(corners).buffer(0) for corners in crosswalks]
    for lane in lanes:
        line = LineString(lane.center_m[:, :2])
        for area in areas:
            part = line.intersection(area)
            if not part.is_empty and part.length > 0.2:  # shorter: it only touches the lane
                s = min(line.project(Point(corner)) for corner in _corners(part))
                yield StopLine(lane.id, max(0.0, s - BEFORE_CROSSWALK_M), StopKind.CROSSWALK, "")


def _corners(shape: Any) -> list[tuple[float, ...]]:
    return [corner for part in getattr(shape, "geoms", [shape]) for corner in part.coords]
