"""When to change lanes: as early as the route allows, but only into a gap.

The reference holds every lane change at a station. As long as a change has not begun and the gap beside the car is not
safe, its start is pushed ahead of the car, at the latest to where the lanes part; there the car waits.
"""

from __future__ import annotations

from dataclasses import dataclass

from perception.frame import VehicleModel
from planning.network import LanePosition, Network
from planning.obstacles import Obstacles
from planning.reference import Reference, ReferenceConfig, change_length, change_zone, section_stations
from planning.route import LaneChange, Route


@dataclass(frozen=True)
class LaneChangeConfig:
    """What a safe gap is."""

    decide_s: float = 1.0  # the gap is judged from this long before the change begins until it begins
    decide_min_m: float = 4.0
    gap_m: float = 2.5  # bumper to bumper at equal speeds, both ways ...
    headway_s: float = 0.4  # ... and this much time on top
    closing_s: float = 2.5  # ... and what a faster one catches up in this time
    last_length_m: float = 14.0  # the shortest change, done slowly, right before the lanes part
    push_m: float = 6.0  # how far a start is pushed ahead at once


@dataclass(frozen=True)
class ChangeDecision:
    """``starts_m``: stations of all changes; ``wait_station_m``: stop before this station, inf for none; ``target`` id
    of the track that is in the way."""

    starts_m: tuple[float, ...]
    wait_station_m: float
    target: str


def decide_changes(
    network: Network, route: Route, reference: Reference, starts_m: tuple[float, ...], station_m: float, s_m: float,
    speed_mps: float, obstacles: Obstacles, places: dict[int, list[LanePosition]], vehicle: VehicleModel,
    config: LaneChangeConfig, drawing: ReferenceConfig,
) -> ChangeDecision:  # fmt: skip
    """Keep or push the next lane change."""
    stations = section_stations(network, route)
    for k, change in enumerate(route.changes):
        to_start = starts_m[k] - station_m
        if to_start <= 0.0:
            continue  # begun or done
        if to_start > max(config.decide_s * speed_mps, config.decide_min_m):
            break
        row = _in_the_way(network, route, change, s_m, speed_mps, obstacles, places, vehicle, config)
        if row < 0:
            break
        latest = max(change_zone(stations, change)[1] - config.last_length_m, starts_m[k])
        pushed = min(max(starts_m[k], station_m + max(config.decide_s * speed_mps, config.decide_min_m)) + 1.0, latest)
        pushed = min(pushed + config.push_m, latest)
        starts = [*starts_m[:k], pushed, *starts_m[k + 1 :]]
        for later in range(k + 1, len(starts)):
            before = route.changes[later - 1]
            done = starts[later - 1] + change_length(network, route, before, starts[later - 1], drawing)
            starts[later] = max(starts[later], done)
        waits = pushed >= latest - 0.5
        return ChangeDecision(tuple(starts), pushed if waits else float("inf"), str(int(obstacles.ids[row])))
    return ChangeDecision(starts_m, float("inf"), "")


def _in_the_way(
    network: Network, route: Route, change: LaneChange, s_m: float, speed_mps: float, obstacles: Obstacles,
    places: dict[int, list[LanePosition]], vehicle: VehicleModel, config: LaneChangeConfig,
) -> int:  # fmt: skip
    """Row of a vehicle on the lane to change into that leaves no safe gap, -1 for none."""
    targets = {
        route.sections[i].lane_of_order(change.order + 1) for i in range(change.first_section, change.last_section + 1)
    }
    targets |= {before for lane in list(targets) for before in network.lane(lane).predecessors}
    half = 0.5 * vehicle.length_m
    for row, found in places.items():
        if not found or found[0].lane not in targets:
            continue
        s, v = float(obstacles.s_m[row, 0, 0]), float(obstacles.v_s_mps[row, 0, 0])
        room = abs(s - s_m) - half - float(obstacles.half_s_m[row, 0, 0])
        ahead = s > s_m
        closing = max(speed_mps - v if ahead else v - speed_mps, 0.0)
        needed = config.gap_m + config.headway_s * (speed_mps if ahead else v) + config.closing_s * closing
        if room < needed:
            return row
    return -1
