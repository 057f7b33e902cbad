"""Lanes of an OpenDRIVE map as sampled ribbons with their road marks.

Positions come from ``carla.Map`` (the same code that answers the client's waypoint questions), so that what is
drawn is where a waypoint says it is; lane types, marks and the places to sample come from the XML. World frame
(left-handed), metres. A lane's left and right are those of its own travel direction, which for CARLA makes the
left edge always the one nearer to the reference line.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

STRAIGHT_STEP_M = 10.0
"""Longest piece of a straight lane: short against a 40 m chunk."""
SHORTEST_STEP_M = 1.0
CHORD_ERROR_M = 0.015
"""Largest distance between the true edge and its chord: less than a tenth of a marking's width."""
WIDENING_STEP_M = 2.5
"""Step where a lane's width changes: tapers of 20-60 m stay smooth."""
SHORTEST_PIECE_M = 0.05
"""Breaks nearer to each other than this are numerical leftovers of an editor and would give slivers."""
SECTION_END_M = 1e-4
"""Samples stay this far inside their lane section, because both ends belong to a neighbour, too."""
NARROWEST_M = 0.05
"""A lane never wider than this is a leftover of the map's editor."""

MARK_TYPES = {
    "broken": 1,
    "solid": 2,
    "solid solid": 3,
    "solid broken": 4,
    "broken solid": 5,
    "broken broken": 6,
    "edge": 7,
    "custom": 7,
}
"""OpenDRIVE road mark type to the number in ``STRIP_DTYPE``; all others (kerb, grass, botts dots) are none, 0."""
MIRRORED_MARK = {4: 5, 5: 4}
STANDARD_MARK_WIDTH_M = 0.12
"""OpenDRIVE's standard weight; bold is twice that."""

Mark = tuple[int, bool, float]
"""Type, is yellow, width in metres."""
NO_MARK: Mark = (0, False, 0.0)


@dataclass(frozen=True)
class Lane:
    """One lane of one lane section, sampled along its length.

    s_m (n,) along the road; left_m, right_m (n, 3) edges in travel direction, in order of s (so a lane with a
    positive id is sampled against its travel direction); marks: (first sample, last sample, left, right).
    """

    road: int
    section: int
    lane: int
    kind: str
    junction: int
    s_m: Array
    left_m: Array
    right_m: Array
    marks: tuple[tuple[int, int, Mark, Mark], ...]

    @property
    def centre_m(self) -> Array:
        return (self.left_m + self.right_m) / 2.0

    @property
    def width_m(self) -> Array:
        out: Array = np.linalg.norm(self.right_m - self.left_m, axis=1)
        return out

    @property
    def is_driving(self) -> bool:
        return self.kind in DRIVING_KINDS


DRIVING_KINDS = frozenset({"driving", "bidirectional", "entry", "exit", "onRamp", "offRamp", "connectingRamp"})
RAISED_KINDS = frozenset({"sidewalk", "median", "curb"})


def resampled(lane: Lane, piece_m: float) -> Lane:
    """The lane with additional samples, so that none is further than ``piece_m`` from the next along s."""
    gaps = np.diff(lane.s_m)
    pieces = np.maximum(1, np.ceil(gaps / piece_m)).astype(int)
    spans = zip(lane.s_m[:-1], lane.s_m[1:], pieces, strict=True)
    s = np.concatenate([np.linspace(a, b, n, endpoint=False) for a, b, n in spans] + [lane.s_m[-1:]])
    left, right = (
        np.stack([np.interp(s, lane.s_m, edge[:, k]) for k in range(3)], axis=1) for edge in (lane.left_m, lane.right_m)
    )
    at = np.concatenate([[0], np.cumsum(pieces)])  # new number of each old sample
    marks = tuple((int(at[first]), int(at[last]), a, b) for first, last, a, b in lane.marks)
    return replace(lane, s_m=s, left_m=left, right_m=right, marks=marks)


def thinned(left_m: Array, right_m: Array, s_m: Array, off_m: float) -> npt.NDArray[np.int64]:
    """Rows of two edges (n, 3) to keep: the others lie within ``off_m`` of the line between their neighbours."""
    keep = [0]
    for k in range(1, len(s_m) - 1):
        a, b = keep[-1], k + 1
        t = (s_m[k] - s_m[a]) / max(s_m[b] - s_m[a], 1e-9)
        off = max(np.abs(edge[k] - edge[a] * (1 - t) - edge[b] * t).max() for edge in (left_m, right_m))
        if off > off_m or s_m[b] - s_m[a] > STRAIGHT_STEP_M:
            keep.append(k)
    keep.append(len(s_m) - 1)
    return np.array(keep)


def read_lanes(carla_map: Any, root: ET.Element) -> list[Lane]:
    """All lanes but those of type ``none``, in the order of the file."""
    lanes: list[Lane] = []
    for road in root.iter("road"):
        sections = road.findall("lanes/laneSection")
        starts = [float(section.get("s", "0")) for section in sections] + [float(road.get("length", "0"))]
        for index, section in enumerate(sections):
            if starts[index + 1] - starts[index] > SHORTEST_PIECE_M:
                lanes.extend(_section_lanes(carla_map, road, index, section, starts[index], starts[index + 1]))
    return lanes


def _section_lanes(
    carla_map: Any, road: ET.Element, index: int, section: ET.Element, start: float, end: float
) -> Iterator[Lane]:
    elements = {int(lane.get("id", "0")): lane for lane in section.iter("lane")}
    marks = {lane: _road_marks(element, start, end) for lane, element in elements.items()}
    s = _samples(road, section, marks, start, end)
    road_id = int(road.get("id", "0"))
    centres: dict[int, Array] = {}
    widths: dict[int, Array] = {}
    waypoints: dict[int, list[Any]] = {}
    for lane in sorted(elements):
        if lane == 0 or elements[lane].get("type", "none") == "none":
            continue
        found = [carla_map.get_waypoint_xodr(road_id, lane, at) for at in s.tolist()]
        if any(waypoint is None for waypoint in found):
            continue
        waypoints[lane] = found
        places = [waypoint.transform.location for waypoint in found]
        centres[lane] = np.array([(place.x, place.y, place.z) for place in places])
        widths[lane] = np.array([waypoint.lane_width for waypoint in found])
    for lane in centres:
        if widths[lane].max() < NARROWEST_M:
            continue
        outward = _outward(lane, centres)
        if outward is None:
            outward = np.array([_right_vector(waypoint.transform.rotation) for waypoint in waypoints[lane]])
        half = outward * widths[lane][:, None] / 2.0
        inner_id = lane + (1 if lane < 0 else -1)
        yield Lane(
            road=road_id,
            section=index,
            lane=lane,
            kind=elements[lane].get("type", "none"),
            junction=int(road.get("junction", "-1")),
            s_m=s,
            left_m=centres[lane] - half,
            right_m=centres[lane] + half,
            marks=_mark_runs(s, marks.get(inner_id, []), marks[lane], mirror_left=lane > 0 and inner_id == 0),
        )


def _right_vector(rotation: Any) -> tuple[float, float, float]:
    yaw, roll = math.radians(rotation.yaw), math.radians(rotation.roll)
    return -math.sin(yaw) * math.cos(roll), math.cos(yaw) * math.cos(roll), -math.sin(roll)


def _outward(lane: int, centres: dict[int, Array]) -> Array | None:
    """Unit vectors (n, 3) across the road, away from the reference line; None where a lane is alone.

    Two lanes of one section lie on one line across the road; a waypoint's own right vector follows the lane's
    taper and would open cracks between neighbours, so it only serves where there is no second lane.
    """
    own = centres[lane]
    for other, centre in centres.items():
        across = (own - centre) * (1.0 if abs(lane) > abs(other) or lane * other < 0 else -1.0)
        distance = np.linalg.norm(across, axis=1, keepdims=True)
        if other != lane and distance.min() > 0.3:  # closer centres give no reliable direction
            outward: Array = across / distance
            return outward
    return None


def _road_marks(lane: ET.Element, start: float, end: float) -> list[tuple[float, Mark]]:
    """(first s, mark) of a lane's outer edge within its section."""
    found: list[tuple[float, Mark]] = []
    for element in lane.findall("roadMark"):
        at = start + float(element.get("sOffset", "0"))
        if at >= end - 0.05:  # a mark of five centimetres is none
            continue
        width = float(element.get("width", "0")) or STANDARD_MARK_WIDTH_M
        if element.get("weight") == "bold" and not element.get("width"):
            width *= 2.0
        mark_type = MARK_TYPES.get(element.get("type", "none"), 0)
        found.append((at, (mark_type, element.get("color") == "yellow", width) if mark_type else NO_MARK))
    return found


def _mark_runs(
    s: Array, left: list[tuple[float, Mark]], right: list[tuple[float, Mark]], mirror_left: bool
) -> tuple[tuple[int, int, Mark, Mark], ...]:
    """Ranges of samples over which both marks stay the same."""
    middles = (s[:-1] + s[1:]) / 2.0
    pairs = []
    for at in middles:
        left_mark, right_mark = _mark_at(left, at), _mark_at(right, at)
        if mirror_left:  # the centre line is described along s, this lane runs against it
            left_mark = (MIRRORED_MARK.get(left_mark[0], left_mark[0]), *left_mark[1:])
        pairs.append((left_mark, right_mark))
    cuts = [0] + [k for k in range(1, len(pairs)) if pairs[k] != pairs[k - 1]] + [len(pairs)]
    return tuple((a, b, *pairs[a]) for a, b in pairwise(cuts))


def _mark_at(marks: list[tuple[float, Mark]], s: float) -> Mark:
    found = NO_MARK
    for at, mark in marks:
        if at <= s:
            found = mark
    return found


def _samples(
    road: ET.Element, section: ET.Element, marks: dict[int, list[tuple[float, Mark]]], start: float, end: float
) -> Array:
    """Increasing s of the section's samples: dense where the road bends, rises unevenly or widens."""
    pieces: list[tuple[float, float, float]] = []  # first s, last s, step
    for geometry in road.iter("geometry"):
        first = float(geometry.get("s", "0"))
        pieces.append((first, first + float(geometry.get("length", "0")), _bend_step(geometry)))
    records = [tuple(float(e.get(k, "0")) for k in ("s", "a", "b", "c", "d")) for e in road.iter("elevation")]
    for k, (first, _, _, c, d) in enumerate(records):
        last = records[k + 1][0] if k + 1 < len(records) else end
        bend = max(abs(2 * c), abs(2 * c + 6 * d * (last - first)))
        pieces.append((first, last, _chord_step(bend)))
    for record in [*section.iter("width"), *road.iter("laneOffset"), *road.iter("superelevation")]:
        first = float(record.get("s", "nan")) if record.tag != "width" else start + float(record.get("sOffset", "0"))
        if any(abs(float(record.get(k, "0"))) > 1e-9 for k in ("b", "c", "d")):
            pieces.append((first, end, WIDENING_STEP_M))
    cuts = {start, end}
    cuts.update(at for edge in marks.values() for at, _ in edge)
    cuts.update(at for piece in pieces for at in piece[:2])
    inside = [start]
    for at in sorted(cuts):
        if inside[-1] + SHORTEST_PIECE_M < at < end - SHORTEST_PIECE_M:
            inside.append(at)
    inside.append(end)
    s: list[float] = []
    for a, b in pairwise(inside):
        step = min([STRAIGHT_STEP_M] + [piece[2] for piece in pieces if piece[0] < b - 1e-6 and piece[1] > a + 1e-6])
        count = max(1, math.ceil((b - a) / step))
        s.extend(a + k * ((b - a) / count) for k in range(count))
    s.append(end)
    return np.clip(np.array(s), start + SECTION_END_M, end - SECTION_END_M)


def _bend_step(geometry: ET.Element) -> float:
    shape = geometry[0] if len(geometry) else None
    if shape is None or shape.tag == "line":
        return STRAIGHT_STEP_M
    if shape.tag == "arc":
        return _chord_step(abs(float(shape.get("curvature", "0"))))
    if shape.tag == "spiral":
        return _chord_step(max(abs(float(shape.get("curvStart", "0"))), abs(float(shape.get("curvEnd", "0")))))
    return WIDENING_STEP_M


def _chord_step(curvature: float) -> float:
    """Length whose chord departs by ``CHORD_ERROR_M`` from an arc: sagitta = step^2 * curvature / 8."""
    if curvature < 1e-9:
        return STRAIGHT_STEP_M
    return min(STRAIGHT_STEP_M, max(SHORTEST_STEP_M, math.sqrt(8.0 * CHORD_ERROR_M / curvature)))
