"""Giving way: which vehicles of other lanes arrive at a conflict at about the same time as the ego.

Every track on (or upstream of) the other lane gets an interval in which it occupies the conflict, at its present speed;
the ego gets its own from free driving. The ego goes if the intervals stay apart by a time gap.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np

from perception.frame import FloatArray, VehicleModel
from perception.objects import ObjectClass, Tracks
from planning.features import ConflictAhead
from planning.lanes import StopKind
from planning.network import LanePosition, Network, wrap
from planning.speed import SpeedConfig, travel_time


@dataclass(frozen=True)
class YieldConfig:
    """Gap acceptance."""

    gap_s: float = 1.8  # between the ego leaving and the other arriving
    behind_s: float = 0.6  # between the other leaving and the ego arriving
    patience_s: float = 12.0  # standing so long, the gaps shrink to ...
    least_gap_s: float = 0.9  # ... this
    upstream_m: float = 90.0  # 6 s at 15 m/s
    still_mps: float = 0.4  # what stands is waiting itself
    before_conflict_m: float = 1.5  # where to wait inside a junction
    signal_brake_mps2: float = 4.0  # one who faces red is expected to stop if this suffices
    match_offset_m: float = 1.8
    match_heading_rad: float = 0.6
    oncoming_rad: float = 2.36  # 135 degrees


@dataclass(frozen=True)
class Arrival:
    """One vehicle on its way to a conflict."""

    track: int
    from_s: float
    to_s: float


class Yielding:
    """Judges conflicts. Stateless but for a cache of upstream lanes."""

    def __init__(self, network: Network, vehicle: VehicleModel, config: YieldConfig, speed: SpeedConfig) -> None:
        self.network = network
        self.vehicle = vehicle
        self.config = config
        self.speed = speed
        self._upstream: dict[int, dict[int, float]] = {}

    def places(self, tracks: Tracks) -> dict[int, list[LanePosition]]:
        """Row of each vehicle track -> the lanes it may be on, best first. What stands may point anywhere."""
        rows = np.flatnonzero(tracks.classes != ObjectClass.PEDESTRIAN)
        velocity = tracks.velocity_world_mps[rows]
        moves = np.hypot(velocity[:, 0], velocity[:, 1]) > self.config.still_mps
        course = np.where(moves, np.arctan2(velocity[:, 1], velocity[:, 0]), np.nan)
        found = self.network.match(
            tracks.boxes_world_m[rows, :2], course, self.config.match_offset_m, self.config.match_heading_rad
        )
        return {int(row): lanes for row, lanes in zip(rows, found, strict=True)}

    def must_wait(
        self,
        ahead: ConflictAhead,
        tracks: Tracks,
        places: dict[int, list[LanePosition]],
        limits_mps: FloatArray,
        s_m: float,
        speed_mps: float,
        own_green: bool,
        waited_s: float,
        own_lanes: frozenset[int],
    ) -> int:
        """Row of the track to give way to at this conflict, -1 for none. Who drives on ``own_lanes``, ahead or behind,
        is followed or follows; lanes that part from the same one are no crossing."""
        entered = self.network.lane(ahead.conflict.a).predecessors
        if set(entered) & set(self.network.lane(ahead.conflict.b).predecessors):
            return -1
        half = 0.5 * self.vehicle.length_m
        own = travel_time(
            limits_mps, s_m, speed_mps, np.array([ahead.from_s_m - half, ahead.to_s_m + half]), self.speed
        )
        patient = max(1.0 - waited_s / self.config.patience_s, 0.0)
        gap = self.config.least_gap_s + (self.config.gap_s - self.config.least_gap_s) * patient
        for row, lanes in places.items():
            if math.hypot(*tracks.velocity_world_mps[row]) < self.config.still_mps:
                continue  # waits itself
            if lanes and lanes[0].lane in own_lanes:
                continue
            for place in lanes:
                arrival = self._arrival(ahead, tracks, row, place, own_green)
                if arrival is None:
                    continue
                clear_before = own[1] + gap < arrival.from_s
                clear_after = own[0] > arrival.to_s + self.config.behind_s
                if not (clear_before or clear_after):
                    return row
        return -1

    def _arrival(
        self, ahead: ConflictAhead, tracks: Tracks, row: int, place: LanePosition, own_green: bool
    ) -> Arrival | None:
        conflict = ahead.conflict
        upstream = self._upstream_of(conflict.b)
        if place.lane not in upstream:
            return None
        speed = math.hypot(*tracks.velocity_world_mps[row])
        half = 0.5 * float(tracks.boxes_world_m[row, 3])
        to_start = upstream[place.lane] - place.s_m + conflict.b_s_m[0] - half
        to_end = upstream[place.lane] - place.s_m + conflict.b_s_m[1] + half
        if to_end < 0.0:
            return None
        in_junction = self.network.lane(place.lane).junction >= 0
        if not in_junction:
            if not conflict.a_yields:
                return None
            if own_green and self._held_by_light(ahead, place, speed):
                return None
        return Arrival(row, max(to_start, 0.0) / speed, to_end / speed)

    def _held_by_light(self, ahead: ConflictAhead, place: LanePosition, speed: float) -> bool:
        """Whether a vehicle on a side road faces a light that must be red while ours is green, and can still stop."""
        lane = self.network.lane(place.lane)
        lights = [line for line in self.network.stop_lines(lane.id) if line.kind == StopKind.LIGHT]
        if not lights:
            return False
        yaw = float(lane.yaw_rad[-1])
        if abs(wrap(yaw - ahead.entry_yaw_rad)) > self.config.oncoming_rad:
            return False  # oncoming traffic has green with us
        distance = max(line.s_m for line in lights) - place.s_m
        return distance > 0.0 and speed**2 / (2.0 * max(distance, 0.1)) < self.config.signal_brake_mps2

    def _upstream_of(self, lane_id: int) -> dict[int, float]:
        """Lanes that lead to ``lane_id`` -> distance from their start to the start of ``lane_id``."""
        if lane_id not in self._upstream:
            distances: dict[int, float] = {}
            queue = [(0.0, lane_id)]
            while queue:
                distance, lane = heapq.heappop(queue)
                if lane in distances:
                    continue
                distances[lane] = distance
                if distance < self.config.upstream_m:
                    for before in self.network.lane(lane).predecessors:
                        heapq.heappush(queue, (distance + self.network.lane(before).length_m, before))
            self._upstream[lane_id] = distances
        return self._upstream[lane_id]
