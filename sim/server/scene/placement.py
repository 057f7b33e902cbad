"""Where buildings, trees and street furniture go: along the outer edges of the roads, where nothing else is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.buildings import Building, draw_height
from sim.server.scene.edges import Edges
from sim.server.scene.ground import Ground
from sim.server.scene.occupancy import Occupancy, rectangle
from sim.server.scene.signals import PlacedSignal
from sim.server.scene.vegetation import CROWN_KINDS, HEDGE, Trees

Array = npt.NDArray[np.float64]

TOWN_BUILDING_SHARE = 0.95
COUNTRY_BUILDING_SHARE = 0.12
ROADSIDE_TREE_GAP_M = 9.0
ROADSIDE_TREE_SHARE = 0.5
MOST_ROADSIDE_TREES = 120
MOST_FIELD_TREES = 170
MOST_HEDGES = 120
"""Limits of memory and of the time to load a map: a roadside tree is 2,000 triangles, one in the
fields 1,100, a piece of hedge 560."""
VIEW_M = 35.0
"""A signal is not hidden from this far before its stop line."""
VIEW_HALF_WIDTH_M = 3.0
"""Room for a tree's crown beside the line of sight."""
FRONT_M = 0.9
"""Walls and hedges stand this far behind the sidewalk."""
FRONT_PIECE_M = 4.0
FRONT_RUN = 5
"""Pieces of one kind in a row, about the width of a plot."""
FRONT_SHARES = (0.24, 0.24)
"""Of plots with a wall, with a hedge; the others are open."""
AWAY_STEP_M, AWAY_LIMIT_M = 0.5, 8.0
"""A house on a corner stands back, in steps and so far at most, where a car that cuts the corner would touch it."""
STEEP_M = 3.0
"""Ground that differs by more under one building takes none."""


def keep_clear(placed: Sequence[PlacedSignal], occupancy: Occupancy) -> None:
    """Reserve the foot of every signal and the view of it from the lanes that obey it."""
    for item in placed:
        foot = np.array(item.signal.position_m[:2])
        occupancy.take(rectangle(foot, (0.6, 0.6), 0.0))
        right = np.array([-item.forward[1], item.forward[0]])
        for lane in item.approaches:
            eye = lane.point_m[:2] - lane.forward * VIEW_M
            outline = np.array(
                [eye - right, foot - right * VIEW_HALF_WIDTH_M, foot + right * VIEW_HALF_WIDTH_M, eye + right]
            )
            occupancy.take(outline)


def place_buildings(edges: Edges, occupancy: Occupancy, ground: Ground, rng: np.random.Generator) -> list[Building]:
    """Buildings facing the road, dense beside sidewalks, rare in the country. Marks their ground as busy."""
    buildings: list[Building] = []
    count = len(edges.point_m)
    wide, deep = rng.uniform(10.0, 24.0, count), rng.uniform(8.0, 15.0, count)
    setback = np.where(edges.town, rng.uniform(1.5, 6.0, count), rng.uniform(9.0, 22.0, count))
    share = np.where(edges.town, TOWN_BUILDING_SHARE, COUNTRY_BUILDING_SHARE)
    chosen = rng.uniform(size=count) < share
    yaw = np.arctan2(edges.forward[:, 1], edges.forward[:, 0])
    centre = edges.point_m + edges.outward * (setback + deep / 2.0)[:, None]
    chosen &= occupancy.at(occupancy.island, centre) == 0
    clear = occupancy.at(occupancy.distance_m, centre) >= np.minimum(setback, 4.0) + np.minimum(deep, wide) / 2.0 - 1.0
    for k in rng.permutation(count):
        if not chosen[k] or not clear[k]:
            continue
        half = (float(wide[k]) / 2.0, float(deep[k]) / 2.0)
        if not occupancy.is_free(_plot(centre[k], half, float(yaw[k]))):
            continue
        centre[k] = _out_of_corners(occupancy, centre[k], (edges.outward[k], edges.forward[k]), half)
        corners = rectangle(centre[k], half, float(yaw[k]))
        heights = ground.heights(np.column_stack([corners, np.full(4, edges.point_m[k, 2])]))
        if np.ptp(heights) > STEEP_M:
            continue
        occupancy.take(_plot(centre[k], half, float(yaw[k])))
        height = draw_height(rng) if edges.town[k] else 3.2 * float(rng.integers(1, 4))
        # walls face the road with their first side, so the width runs against the outward turn
        buildings.append(
            Building(
                (float(centre[k, 0]), float(centre[k, 1])),
                float(heights.min()),
                half,
                height,
                float(yaw[k]),
                int(rng.integers(0, 1 << 20)),
            )
        )
    return buildings


def _plot(centre: Array, half_m: tuple[float, float], yaw_rad: float) -> Array:
    """Outline (4, 2) of a house with eaves and a passage."""
    return rectangle(centre, (half_m[0] + 1.0, half_m[1] + 1.0), yaw_rad)


def _out_of_corners(
    occupancy: Occupancy, centre: Array, edge: tuple[Array, Array], half_m: tuple[float, float]
) -> Array:
    """The nearest place (3,) for a house where nobody who cuts a corner comes; where it is if there is no room.

    edge: outward and forward direction (3,) of the street's edge that it stands at.
    """
    outward, forward = edge
    yaw = float(np.arctan2(forward[1], forward[0]))
    if occupancy.misses_corners(rectangle(centre, half_m, yaw)):
        return centre
    steps = np.arange(-AWAY_LIMIT_M, AWAY_LIMIT_M + AWAY_STEP_M, AWAY_STEP_M)
    ways = [(back, side) for back in steps[steps >= 0.0].tolist() for side in steps.tolist()]
    for back, side in sorted(ways, key=lambda way: (math.hypot(*way), way)):
        there: Array = centre + outward * back + forward * side
        if occupancy.misses_corners(rectangle(there, half_m, yaw)) and occupancy.is_free(_plot(there, half_m, yaw)):
            return there
    return centre


@dataclass(frozen=True)
class Fronts:
    """Pieces of walls or hedges before houses in columns (n,): foot (n, 3) of the middle, direction."""

    foot_m: Array
    yaw_rad: Array


def place_fronts(edges: Edges, occupancy: Occupancy, ground: Ground, rng: np.random.Generator) -> tuple[Fronts, Fronts]:
    """Walls and hedges between sidewalks and houses, plot by plot. Marks their ground as busy."""
    following = edges.neighbours()
    following = following[edges.town[following]]
    plots = rng.uniform(size=len(following) // FRONT_RUN + 1)
    found: tuple[list[tuple[float, ...]], list[tuple[float, ...]]] = ([], [])
    for order, k in enumerate(following.tolist()):
        draw = plots[order // FRONT_RUN]
        if draw >= sum(FRONT_SHARES):
            continue
        kind = 0 if draw < FRONT_SHARES[0] else 1
        if kind == 1 and len(found[1]) >= MOST_HEDGES:
            continue
        a, b = (edges.point_m[i] + edges.outward[i] * FRONT_M for i in (k, k + 1))
        yaw = float(np.arctan2(b[1] - a[1], b[0] - a[0]))
        middle = (a + b) / 2.0
        outline = rectangle(middle, (FRONT_PIECE_M / 2.0 - 0.2, 0.45), yaw)
        whole = rectangle(middle, (FRONT_PIECE_M / 2.0 + 0.1, 0.15), yaw)
        if occupancy.is_free(outline) and (kind == 1 or occupancy.misses_corners(whole)):  # hedges: see with_hedges
            occupancy.take(outline)
            found[kind].append((*middle.tolist(), yaw))
    fronts = []
    for rows in found:
        table = np.array(rows).reshape(-1, 4)
        table[:, 2] = ground.heights(table[:, :3])
        fronts.append(Fronts(table[:, :3], table[:, 3]))
    return fronts[0], fronts[1]


def with_hedges(trees: Trees, hedges: Fronts, occupancy: Occupancy, rng: np.random.Generator) -> Trees:
    """Trees and pieces of hedge in one table, without those that stand in a corner that cars cut."""
    count = len(hedges.yaw_rad)
    foot_m = np.concatenate([trees.foot_m, hedges.foot_m])
    seed = np.concatenate([trees.seed, rng.integers(0, 256, count)])
    yaw_rad = np.concatenate([trees.yaw_rad, hedges.yaw_rad])
    half_m = np.concatenate([np.zeros(len(trees.seed)), np.full(count, FRONT_PIECE_M / 2.0 + 0.1)])
    along = half_m[:, None] * np.stack([np.cos(yaw_rad), np.sin(yaw_rad)], axis=1)
    places = foot_m[:, :2] + np.array([-1.0, 0.0, 1.0])[:, None, None] * along  # both ends and the middle
    stays = np.all(occupancy.at(occupancy.corner, places) == 0, axis=0)  # last: nothing else is drawn differently
    return Trees(
        foot_m=foot_m[stays],
        radius_m=np.concatenate([trees.radius_m, np.ones(count)])[stays],
        stem_m=np.concatenate([trees.stem_m, np.zeros(count)])[stays],
        kind=np.concatenate([trees.kind, np.full(count, HEDGE)])[stays],
        near=np.concatenate([trees.near, np.ones(count, bool)])[stays],
        yaw_rad=yaw_rad[stays],
        seed=seed[stays],
    )


def place_trees(edges: Edges, occupancy: Occupancy, ground: Ground, rng: np.random.Generator) -> Trees:
    """Trees beside the roads and in the fields around them; never on a lane, a sidewalk or a house."""
    order = rng.permutation(len(edges.point_m))
    offset = np.where(edges.town, rng.uniform(1.2, 2.5, len(order)), rng.uniform(3.5, 8.0, len(order)))
    spot = edges.point_m + edges.outward * offset[:, None]
    wanted = rng.uniform(size=len(order)) < ROADSIDE_TREE_SHARE
    feet: list[Array] = []
    cells: set[tuple[int, int]] = set()
    for k in order:
        cell = (int(spot[k, 0] // ROADSIDE_TREE_GAP_M), int(spot[k, 1] // ROADSIDE_TREE_GAP_M))
        if not wanted[k] or cell in cells or len(feet) >= MOST_ROADSIDE_TREES:
            continue
        stem = rectangle(spot[k], (0.5, 0.5), 0.0)
        if occupancy.is_free(stem):
            cells.add(cell)
            occupancy.take(stem)
            feet.append(spot[k])
    near_count = len(feet)
    free = _field_spots(occupancy, rng)
    level = float(np.median(edges.point_m[:, 2])) if len(edges.point_m) else 0.0
    foot = np.concatenate([np.array(feet).reshape(-1, 3), np.column_stack([free, np.full(len(free), level + 50.0)])])
    foot[:, 2] = ground.heights(foot + np.array([0.0, 0.0, 5.0]))
    count = len(foot)
    near = np.arange(count) < near_count
    return Trees(
        foot_m=foot,
        radius_m=np.where(near, rng.uniform(1.6, 2.5, count), rng.uniform(1.9, 3.6, count)),
        stem_m=np.where(near, rng.uniform(2.4, 3.4, count), rng.uniform(1.6, 3.0, count)),
        kind=rng.integers(0, CROWN_KINDS, count),
        near=near,
        yaw_rad=rng.uniform(0.0, 2.0 * np.pi, count),
        seed=rng.integers(0, 256, count),
    )


def _field_spots(occupancy: Occupancy, rng: np.random.Generator) -> Array:
    """Random free points (n, 2), 6 to 70 m from any lane."""
    spot = rng.uniform(occupancy.low_m, occupancy.high_m, (4 * MOST_FIELD_TREES, 2))
    distance = occupancy.at(occupancy.distance_m, spot)
    free = (distance > 6.0) & (distance < 70.0) & (occupancy.at(occupancy.busy, spot) == 0)
    return spot[free][:MOST_FIELD_TREES]
