"""Where a scenario's drive begins and ends, on a given map."""

from __future__ import annotations

import math

import numpy as np

from perception.frame import FloatArray
from planning.lanes import Lane, LaneGraph
from sim.scenario import PlaceSpec, RouteSpec
from sim.source.base import Route

Place = tuple[float, float, float]
"""x, y, yaw in the world frame."""

MIN_GOAL_LANE_M = 12.0
"""A drawn goal or via place lies in the middle of a lane at least this long, clear of junctions."""


def resolve_route(spec: RouteSpec, spawn_points: FloatArray, graph: LaneGraph, rng: np.random.Generator) -> Route:
    """The route of a scenario. ``spawn_points (n, 3)`` x, y, yaw of the map's recommended ones.

    Without a start one is drawn, without a goal the route follows drawn turns for ``length_m``. Raises ValueError for a
    spawn point that the map does not have.
    """
    if spec.start is None:
        if len(spawn_points) == 0:
            raise ValueError(f"map {graph.name} has no spawn points; give route.start as [x, y, yaw]")
        start = place(int(rng.integers(len(spawn_points))), spawn_points)
    else:
        start = place(spec.start, spawn_points)
    if spec.goal is not None:
        return Route(start, place(spec.goal, spawn_points), tuple(place(v, spawn_points) for v in spec.via))
    given = tuple(place(v, spawn_points) for v in spec.via)
    stops = _wander(given[-1] if given else start, spec.length_m, graph, rng)
    return Route(start, stops[-1], (*given, *stops[:-1]))


def place(spec: PlaceSpec, spawn_points: FloatArray) -> Place:
    """A place given by the number of a spawn point or by itself. Raises ValueError."""
    if isinstance(spec, int):
        if not 0 <= spec < len(spawn_points):
            raise ValueError(f"spawn point {spec}: the map has 0..{len(spawn_points) - 1}")
        x, y, yaw = spawn_points[spec].tolist()
        return x, y, yaw
    return spec


def nearest_lane(at: Place, graph: LaneGraph) -> tuple[Lane, int]:
    """The lane nearest to a place and heading its way, and the row of its nearest sample."""
    apart = np.linalg.norm(graph.sample_xy_m - at[:2], axis=1)
    for k in np.argsort(apart, kind="stable")[:200]:
        lane = graph.lanes[int(graph.sample_lane[k])]
        if math.cos(float(lane.yaw_rad[graph.sample_index[k]]) - at[2]) > 0.7:  # within 45 degrees
            return lane, int(graph.sample_index[k])
    k = int(np.argmin(apart))
    return graph.lanes[int(graph.sample_lane[k])], int(graph.sample_index[k])


def _wander(start: Place, length_m: float, graph: LaneGraph, rng: np.random.Generator) -> list[Place]:
    """Places along drawn turns: one on every long lane outside junctions, the last about ``length_m`` from the start.

    Lanes already driven are taken again only where there is no other way, so that routes do not circle.
    """
    lane, row = nearest_lane(start, graph)
    driven_m = lane.length_m - float(lane.s_m[row])
    visited = {lane.id}
    stops: list[Place] = []
    while True:
        ways = [k for k in lane.successors if k not in visited] or list(lane.successors)
        if not ways:
            break
        lane = graph.lanes[ways[int(rng.integers(len(ways)))]]
        visited.add(lane.id)
        if lane.junction < 0 and lane.length_m >= MIN_GOAL_LANE_M:
            into_m = min(0.5 * lane.length_m, max(0.5 * MIN_GOAL_LANE_M, length_m - driven_m))
            stops.append(_on(lane, into_m))
            if driven_m + lane.length_m >= length_m:
                stops[-1] = _on(lane, min(max(length_m - driven_m, 5.0), lane.length_m - 5.0))
                break
        driven_m += lane.length_m
        if driven_m > 20.0 * length_m:  # nothing but short lanes: a map that cannot be driven as asked
            break
    if not stops:
        raise ValueError(f"map {graph.name}: no lane to drive to from ({start[0]:.1f}, {start[1]:.1f})")
    return stops


def _on(lane: Lane, s_m: float) -> Place:
    k = int(np.argmin(np.abs(lane.s_m - s_m)))
    return float(lane.center_m[k, 0]), float(lane.center_m[k, 1]), float(lane.yaw_rad[k])
