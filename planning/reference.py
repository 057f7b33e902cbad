"""``Reference``: one smooth line along a route, with arc length, curvature and limits, and the Frenet frame on it.

Lanes are strung together, lane changes blended in with a quintic step, the result resampled every ``REFERENCE_STEP_M``
and smoothed by a Gaussian; on a circle of radius R the smoothing shifts the line inwards by sigma^2 / 2R.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from perception.frame import FloatArray
from perception.objects import IntArray
from planning.network import Network
from planning.route import LaneChange, Route, Section

REFERENCE_STEP_M = 0.5
"""Spacing of the reference's samples: the chord error is 6 mm at a curve radius of 5 m."""


@dataclass(frozen=True)
class ReferenceConfig:
    """How the line is drawn."""

    smoothing_m: float = 1.2  # Gaussian sigma: rounds the kinks where lanes meet, shifts a 6 m turn by 0.12 m
    change_s: float = 4.0  # duration of a lane change: 1.3 m/s2 lateral for 3.5 m
    change_min_m: float = 20.0  # a slow car still changes lanes at an angle below 15 degrees
    run_out_m: float = 40.0  # the line goes on behind the goal, so that stopping there needs no special case


@dataclass(frozen=True)
class Reference:
    """Samples along the route, ``n`` of them every ``REFERENCE_STEP_M``; arc length starts at 0.

    xy_m (n, 2), yaw_rad (n,), curvature_pm (n,) left positive, limit_mps (n,) posted speed limit, width_m (n,) of the
    lane, lane (n,) id of the lane that the line is on, fraction (n,) of that lane's length, section (n,) of the route,
    station_m (n,) nominal distance along the sections (before blending). ``goal_s_m`` is where the route ends.
    """

    s_m: FloatArray
    xy_m: FloatArray
    yaw_rad: FloatArray
    curvature_pm: FloatArray
    limit_mps: FloatArray
    width_m: FloatArray
    lane: IntArray
    fraction: FloatArray
    section: IntArray
    station_m: FloatArray
    goal_s_m: float

    @property
    def length_m(self) -> float:
        """Length with the run-out behind the goal."""
        return float(self.s_m[-1])

    def index(self, s_m: float) -> int:
        """Row of the sample nearest to ``s_m``."""
        return min(max(int(s_m / REFERENCE_STEP_M + 0.5), 0), len(self.s_m) - 1)

    def project(
        self, xy_m: FloatArray, from_s_m: float = -math.inf, to_s_m: float = math.inf
    ) -> tuple[FloatArray, FloatArray]:
        """Arc length (n,) and offset to the left (n,) of points (n, 2), searched between two arc lengths. Points before
        the start or behind the end are measured along the end tangents."""
        first = self.index(max(from_s_m, 0.0))
        last = max(self.index(min(to_s_m, self.length_m)), first)
        s, d = _project(self.xy_m, self.yaw_rad, self.curvature_pm, np.ascontiguousarray(xy_m), first, last)
        return s, d

    def at(self, s_m: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Position (..., 2), yaw (...,) and curvature (...,) at arc lengths of any shape; straight on past the ends."""
        clipped = np.clip(s_m, 0.0, self.length_m)
        row = np.minimum((clipped / REFERENCE_STEP_M).astype(np.int64), len(self.s_m) - 2)
        part = clipped / REFERENCE_STEP_M - row
        yaw = self.yaw_rad[row] + part * (self.yaw_rad[row + 1] - self.yaw_rad[row])
        curvature = self.curvature_pm[row] + part * (self.curvature_pm[row + 1] - self.curvature_pm[row])
        xy = self.xy_m[row] + part[..., None] * (self.xy_m[row + 1] - self.xy_m[row])
        over = (s_m - clipped)[..., None]
        xy = xy + over * np.stack([np.cos(yaw), np.sin(yaw)], -1)
        return xy, yaw, curvature


@njit(cache=True, nogil=True)
def _project(
    xy: FloatArray, yaw: FloatArray, curvature: FloatArray, points: FloatArray, first: int, last: int
) -> tuple[FloatArray, FloatArray]:
    n = len(points)
    s_out = np.empty(n)
    d_out = np.empty(n)
    stride = 8
    for k in range(n):
        x, y = points[k, 0], points[k, 1]
        best, best_row = np.inf, first
        row = first
        while row <= last:
            distance = (x - xy[row, 0]) ** 2 + (y - xy[row, 1]) ** 2
            if distance < best:
                best, best_row = distance, row
            row += stride
        for row in range(max(best_row - stride, first), min(best_row + stride, last) + 1):
            distance = (x - xy[row, 0]) ** 2 + (y - xy[row, 1]) ** 2
            if distance < best:
                best, best_row = distance, row
        c, s = math.cos(yaw[best_row]), math.sin(yaw[best_row])
        dx, dy = x - xy[best_row, 0], y - xy[best_row, 1]
        along, across = c * dx + s * dy, -s * dx + c * dy
        if 0 < best_row < len(xy) - 1:
            along /= max(1.0 - curvature[best_row] * across, 0.2)
            along = min(max(along, -REFERENCE_STEP_M), REFERENCE_STEP_M)
        s_out[k] = best_row * REFERENCE_STEP_M + along
        d_out[k] = across - 0.5 * curvature[best_row] * along * along
    return s_out, d_out


def section_stations(network: Network, route: Route) -> FloatArray:
    """Nominal distance (sections + 1,) at which each section begins and the last one ends."""
    lengths = [
        float(np.mean([network.lane(lane).length_m for lane in section.lanes]))
        * (section.to_fraction - section.from_fraction)
        for section in route.sections
    ]
    return np.concatenate([[0.0], np.cumsum(lengths)])


def change_zone(stations_m: FloatArray, change: LaneChange) -> tuple[float, float]:
    """Stations between which the lane change must happen."""
    return float(stations_m[change.first_section]), float(stations_m[change.last_section + 1])


def default_change_starts(network: Network, route: Route, config: ReferenceConfig) -> tuple[float, ...]:
    """Station at which each change begins when nothing speaks against it: as early as possible, one after another."""
    stations = section_stations(network, route)
    starts: list[float] = []
    free = 0.0
    for change in route.changes:
        begin = max(change_zone(stations, change)[0] + 2.0, free)
        starts.append(begin)
        free = begin + change_length(network, route, change, begin, config)
    return tuple(starts)


def change_length(network: Network, route: Route, change: LaneChange, start_m: float, config: ReferenceConfig) -> float:
    """Length of a lane change that begins at station ``start_m``: its duration at the speed limit, or what is left of
    the zone."""
    begin, end = change_zone(section_stations(network, route), change)
    lane = network.lane(route.sections[change.first_section].lane_of_order(change.order))
    wanted = max(config.change_s * lane.speed_limit_mps, config.change_min_m)
    return float(min(wanted, max(end - start_m, min(end - begin, 8.0))))


def build_reference(
    network: Network,
    route: Route,
    change_starts_m: tuple[float, ...] | None = None,
    config: ReferenceConfig | None = None,
) -> Reference:
    """The reference along ``route`` with lane change k beginning at station ``change_starts_m[k]``."""
    config = config or ReferenceConfig()
    starts = default_change_starts(network, route, config) if change_starts_m is None else change_starts_m
    lengths = [change_length(network, route, c, s, config) for c, s in zip(route.changes, starts, strict=True)]
    stations = section_stations(network, route)
    sections = [*route.sections, *_run_out(network, route, config)]
    pieces = []
    base = 0.0
    for i, section in enumerate(sections):
        if i < len(route.sections):
            base = float(stations[i])
        piece = _draw(network, section, base, starts, lengths)
        base = float(piece[-1, _STATION])
        piece[:, _SECTION] = i
        pieces.append(piece)
    rows = np.concatenate(pieces)  # (k, 9)
    goal_row = sum(len(piece) for piece in pieces[: len(route.sections)]) - 1
    return _smooth(rows, goal_row, config)


_X, _Y, _LIMIT, _WIDTH, _LANE, _FRACTION, _SECTION, _STATION = range(8)


def _run_out(network: Network, route: Route, config: ReferenceConfig) -> list[Section]:
    last = route.sections[-1]
    lane, fraction, order = last.lanes[-1], last.to_fraction, last.first_order + len(last.lanes) - 1
    sections: list[Section] = []
    length = 0.0
    while length < config.run_out_m:
        if fraction < 1.0:
            sections.append(Section((lane,), order, fraction, 1.0))
            length += network.lane(lane).length_m * (1.0 - fraction)
        successors = network.lane(lane).successors
        if not successors or len(sections) > 20:
            break
        lane, fraction = min(successors, key=lambda i: abs(network.lane(i).turn)), 0.0
    return sections


def _draw(
    network: Network, section: Section, base_m: float, starts: tuple[float, ...], lengths: list[float]
) -> FloatArray:
    """Rows (k, 8) of one section: x, y, limit, width, lane, fraction, section, station."""
    lanes = [network.lane(lane) for lane in section.lanes]
    span = section.to_fraction - section.from_fraction
    length = float(np.mean([lane.length_m for lane in lanes])) * span
    k = max(math.ceil(length / REFERENCE_STEP_M) + 1, 2)
    fraction = np.linspace(section.from_fraction, section.to_fraction, k)
    rows = np.zeros((k, 8))
    rows[:, _FRACTION] = fraction
    rows[:, _STATION] = base_m + np.linspace(0.0, length, k)

    def sample(which: int, values: FloatArray) -> FloatArray:
        lane = lanes[which]
        return np.interp(fraction * lane.length_m, lane.s_m, values)

    rows[:, _X], rows[:, _Y] = sample(0, lanes[0].center_m[:, 0]), sample(0, lanes[0].center_m[:, 1])
    rows[:, _LANE] = section.lanes[0]
    rows[:, _LIMIT] = lanes[0].speed_limit_mps
    rows[:, _WIDTH] = sample(0, lanes[0].width_m)
    for which in range(1, len(lanes)):
        order = section.first_order + which - 1
        u = np.clip((rows[:, _STATION] - starts[order]) / lengths[order], 0.0, 1.0)
        weight = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
        for column, axis in ((_X, 0), (_Y, 1)):
            shift = sample(which, lanes[which].center_m[:, axis]) - sample(
                which - 1, lanes[which - 1].center_m[:, axis]
            )
            rows[:, column] += weight * shift
        over = weight > 0.5
        rows[over, _LANE] = section.lanes[which]
        rows[over, _LIMIT] = lanes[which].speed_limit_mps
        rows[over, _WIDTH] = sample(which, lanes[which].width_m)[over]
    return rows


def _smooth(rows: FloatArray, goal_row: int, config: ReferenceConfig) -> Reference:
    """Resample to even arc length, smooth, measure yaw and curvature."""
    keep = np.concatenate([[True], np.hypot(*np.diff(rows[:, :2], axis=0).T) > 0.05])
    keep[0] = True
    goal_row = int(np.count_nonzero(keep[: goal_row + 1])) - 1
    rows = rows[keep]
    if len(rows) < 2:
        rows = np.concatenate([rows, rows + np.eye(8)[_X]])
    s = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(rows[:, :2], axis=0).T))])
    even = np.arange(0.0, max(s[-1], 2 * REFERENCE_STEP_M), REFERENCE_STEP_M)
    xy = np.stack([np.interp(even, s, rows[:, _X]), np.interp(even, s, rows[:, _Y])], -1)
    sigma = config.smoothing_m / REFERENCE_STEP_M
    half = min(math.ceil(3.0 * sigma), len(xy) - 1)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(xy, ((half, half), (0, 0)), mode="reflect", reflect_type="odd")
    xy = np.stack([np.convolve(padded[:, axis], kernel, mode="valid") for axis in (0, 1)], -1)
    # smoothing shortens curves a little: measure the arc length again and resample
    s_smooth = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    final = np.arange(0.0, s_smooth[-1] + 1e-9, REFERENCE_STEP_M)
    source = np.interp(final, s_smooth, even)  # arc length on the unsmoothed line
    xy = np.stack([np.interp(final, s_smooth, xy[:, axis]) for axis in (0, 1)], -1)
    yaw = np.unwrap(np.arctan2(np.gradient(xy[:, 1]), np.gradient(xy[:, 0])))
    curvature = np.gradient(yaw) / REFERENCE_STEP_M
    nearest = np.clip(np.searchsorted(s, source), 0, len(rows) - 1)
    return Reference(
        s_m=final,
        xy_m=np.ascontiguousarray(xy),
        yaw_rad=yaw,
        curvature_pm=curvature,
        limit_mps=rows[nearest, _LIMIT],
        width_m=np.interp(source, s, rows[:, _WIDTH]),
        lane=rows[nearest, _LANE].astype(np.int64),
        fraction=rows[nearest, _FRACTION],
        section=rows[nearest, _SECTION].astype(np.int64),
        station_m=np.interp(source, s, rows[:, _STATION]),
        goal_s_m=float(np.interp(s[goal_row], even, np.interp(even, even, s_smooth[: len(even)]))),
    )
