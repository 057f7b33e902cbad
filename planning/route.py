"""``Route``: the lanes to drive from a start to a goal, and where lanes may be changed on the way.

Dijkstra over the lane graph in seconds of free driving. Lane changes cost extra seconds, more where the lane is too
short to change comfortably. The found lanes are grouped into *sections*, pieces of road driven through once; a section
in which a change may happen holds several lanes side by side.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, replace

from planning.network import LanePosition, Network, PlanningError


@dataclass(frozen=True)
class RouteConfig:
    """What a lane change costs in the search."""

    change_cost_s: float = 6.0  # worth a detour of about 80 m at town speed
    comfortable_change_m: float = 40.0  # 4 s at 10 m/s: shorter lanes are avoided for changing
    short_change_cost_s: float = 1.0  # per missing metre of lane length
    turn_cost_s: float = 1.0  # a turn at a junction is slower than its length says
    max_zone_m: float = 150.0  # a change is not looked for further than this before it is needed
    least_zone_m: float = 15.0  # a change that the goal leaves less room for is left out: the car ends beside the goal
    start_radius_m: float = 10.0  # further from every lane there is nothing to drive on


@dataclass(frozen=True)
class Section:
    """A piece of road between ``from_fraction`` and ``to_fraction`` of its lanes' lengths. ``lanes[k]`` is the lane to
    be on after ``first_order + k`` lane changes since the route's start."""

    lanes: tuple[int, ...]
    first_order: int
    from_fraction: float
    to_fraction: float

    def lane_of_order(self, order: int) -> int:
        """The lane to be on after ``order`` changes; the nearest one where the section does not reach so far."""
        return self.lanes[min(max(order - self.first_order, 0), len(self.lanes) - 1)]


@dataclass(frozen=True)
class LaneChange:
    """The change from order ``order`` to ``order + 1``; ``direction`` 1 left, -1 right; possible in the sections
    ``first_section`` .. ``last_section`` (both included)."""

    order: int
    direction: int
    first_section: int
    last_section: int


@dataclass(frozen=True)
class Route:
    """Sections in driving order and the lane changes among them; ``goal`` is the place where it ends."""

    sections: tuple[Section, ...]
    changes: tuple[LaneChange, ...]
    goal: LanePosition

    @property
    def lanes(self) -> tuple[int, ...]:
        """Every lane that the route touches, in driving order."""
        return tuple(lane for section in self.sections for lane in section.lanes)


def find_route(
    network: Network, start: LanePosition, goals: tuple[LanePosition, ...], config: RouteConfig | None = None
) -> Route:
    """The quickest route from ``start`` through ``goals`` in order. Raises PlanningError where a goal cannot be
    reached."""
    config = config or RouteConfig()
    if not goals:
        raise PlanningError("find_route: expected at least one goal, got none")
    steps: list[tuple[int, bool]] = [(start.lane, False)]
    here = start
    for goal in goals:
        steps += _search(network, here, goal, config)[1:]
        here = goal
    return _sections(network, steps, start, goals[-1], config)


def _search(network: Network, start: LanePosition, goal: LanePosition, config: RouteConfig) -> list[tuple[int, bool]]:
    """(lane, entered by a lane change) from start to goal. A node is (lane, fresh): not fresh while still beside the
    start, so that a goal behind the start is reached by driving round."""
    start_fraction = start.s_m / max(network.lane(start.lane).length_m, 1e-6)
    goal_fraction = goal.s_m / max(network.lane(goal.lane).length_m, 1e-6)
    source = (start.lane, False)
    cost = {source: 0.0}
    came: dict[tuple[int, bool], tuple[tuple[int, bool], bool]] = {}
    queue: list[tuple[float, tuple[int, bool]]] = [(0.0, source)]
    while queue:
        spent, node = heapq.heappop(queue)
        if spent > cost[node]:
            continue
        lane_id, fresh = node
        if lane_id == goal.lane and (fresh or goal_fraction >= start_fraction):
            return _unwind(came, node)
        for following, seconds, change in _edges(network, node, 0.0 if fresh else start_fraction, config):
            if spent + seconds < cost.get(following, math.inf):
                cost[following] = spent + seconds
                came[following] = (node, change)
                heapq.heappush(queue, (spent + seconds, following))
    raise PlanningError(
        f"no route on map {network.graph.name!r} from lane {start.lane} to lane {goal.lane}: {len(cost)} lanes can be "
        "reached from the start; choose a goal on one of them"
    )


def _edges(
    network: Network, node: tuple[int, bool], from_fraction: float, config: RouteConfig
) -> list[tuple[tuple[int, bool], float, bool]]:
    lane_id, fresh = node
    lane = network.lane(lane_id)
    remaining = lane.length_m * (1.0 - from_fraction)
    seconds = remaining / max(lane.speed_limit_mps, 1.0) + (config.turn_cost_s if lane.turn else 0.0)
    edges = [((after, True), seconds, False) for after in lane.successors]
    change = config.change_cost_s + config.short_change_cost_s * max(config.comfortable_change_m - remaining, 0.0)
    edges += [((side, fresh), change, True) for side in (lane.left, lane.right) if side >= 0]
    return edges


def _unwind(
    came: dict[tuple[int, bool], tuple[tuple[int, bool], bool]], node: tuple[int, bool]
) -> list[tuple[int, bool]]:
    path: list[tuple[int, bool]] = []
    while node in came:
        before, change = came[node]
        path.append((node[0], change))
        node = before
    path.append((node[0], False))
    return path[::-1]


def _sections(
    network: Network, steps: list[tuple[int, bool]], start: LanePosition, goal: LanePosition, config: RouteConfig
) -> Route:
    sections: list[Section] = []
    order = 0
    for lane, change in steps:
        if change:
            order += 1
            sections[-1] = replace(sections[-1], lanes=(*sections[-1].lanes, lane))
        else:
            sections.append(Section((lane,), order, 0.0, 1.0))
    for number in range(order):
        _widen(network, sections, number, config)
    start_fraction = start.s_m / max(network.lane(start.lane).length_m, 1e-6)
    goal_fraction = goal.s_m / max(network.lane(goal.lane).length_m, 1e-6)
    sections[0] = replace(sections[0], from_fraction=start_fraction)
    sections[-1] = replace(sections[-1], to_fraction=goal_fraction)
    while order and _zone_m(network, sections, order - 1) < config.least_zone_m and _holds(sections[-1], order - 1):
        order -= 1
        sections = [_without(section, order) for section in sections]
        goal = replace(goal, lane=sections[-1].lanes[-1])
    return Route(tuple(sections), tuple(_change(network, sections, number) for number in range(order)), goal)


def _holds(section: Section, order: int) -> bool:
    return section.first_order <= order and order + 1 < section.first_order + len(section.lanes)


def _zone_m(network: Network, sections: list[Section], order: int) -> float:
    """Length of road on which change ``order`` can happen."""
    return sum(
        network.lane(section.lanes[0]).length_m * (section.to_fraction - section.from_fraction)
        for section in sections
        if _holds(section, order)
    )


def _without(section: Section, order: int) -> Section:
    """The section without the lanes behind change ``order``."""
    keep = order + 1 - section.first_order
    return replace(section, lanes=section.lanes[:keep]) if len(section.lanes) > keep else section


def _change(network: Network, sections: list[Section], order: int) -> LaneChange:
    indices = [i for i, section in enumerate(sections) if _holds(section, order)]
    section = sections[indices[0]]
    before, after = section.lane_of_order(order), section.lane_of_order(order + 1)
    return LaneChange(order, 1 if network.lane(before).left == after else -1, indices[0], indices[-1])


def _widen(network: Network, sections: list[Section], order: int, config: RouteConfig) -> None:
    """Let change ``order`` begin in earlier sections and end in later ones wherever both lanes run on."""
    home = next(i for i, section in enumerate(sections) if _holds(section, order))
    direction = (
        1 if network.lane(sections[home].lane_of_order(order)).left == sections[home].lane_of_order(order + 1) else -1
    )
    length = network.lane(sections[home].lane_of_order(order)).length_m
    at = home
    while at > 0 and length < config.max_zone_m:
        earlier, lane = sections[at - 1], network.lane(sections[at - 1].lanes[-1])
        side = lane.left if direction > 0 else lane.right
        last_order = earlier.first_order + len(earlier.lanes) - 1
        if (
            last_order != order
            or side < 0
            or sections[at].lane_of_order(order + 1) not in network.lane(side).successors
        ):
            break
        sections[at - 1] = replace(earlier, lanes=(*earlier.lanes, side))
        length += lane.length_m
        at -= 1
    at = home
    while at + 1 < len(sections) and length < config.max_zone_m:
        later, lane = sections[at + 1], network.lane(sections[at + 1].lanes[0])
        side = lane.right if direction > 0 else lane.left
        if later.first_order != order + 1 or side not in network.lane(sections[at].lane_of_order(order)).successors:
            break
        back = network.lane(side).left if direction > 0 else network.lane(side).right
        if side < 0 or back != lane.id or network.lane(side).junction >= 0:
            break
        sections[at + 1] = replace(later, lanes=(side, *later.lanes), first_order=order)
        length += lane.length_m
        at += 1
