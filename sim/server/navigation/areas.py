"""What people may walk on: sidewalks, crossings, roads and medians of one map as flat polygons, level by level.

Taken from the map's lanes in plan view (x, y); heights come later, from the ground. Roads that pass above others
(bridges) form levels of their own, so that every level is a plane map without overlaps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from sim.server.navigation.crossings import Crossing, find_crossings
from sim.server.scene.lanes import Lane
from sim.server.scene.static import Box, StaticScene

Array = npt.NDArray[np.float64]

GRID_M = 1.0 / 64.0
"""Coordinates are multiples of this: exact in 32-bit floats up to 131 km, so what is convex here is so in the file."""
AGENT_RADIUS_M = 0.3
AGENT_HEIGHT_M = 1.8
"""Size of the client's pedestrians: their centres keep this radius from walls and from the end of all pavement."""
THINNED_M = 0.1
"""What thinning the borders (``coverage.SIMPLIFY_M``) may take of the radius around an obstacle beside one."""
STOREY_M = 2.5
"""Roads that overlap and differ more than this in height are levels of their own."""
SMALLEST_OVERLAP_M2 = 1.0
CLOSE_M = 0.25
"""Sidewalks whose gap is less than twice this belong together: editors leave such gaps at the ends of roads."""
RAMP_M = 0.1
"""Over this length beside the kerb the mesh goes from sidewalk down to the road: a step, as slopes go."""
HIGHEST_STEP_OVER_M = 0.25
"""What is lower than this is stepped over, and no obstacle."""
SMALLEST_AREA_M2 = 0.25
"""Islands of pavement smaller than a person's stance are left out."""


class Area(IntEnum):
    """Area numbers of the mesh: the client's."""

    SIDEWALK = 1
    CROSSWALK = 2
    ROAD = 3
    GRASS = 4


_PRECEDENCE = (Area.SIDEWALK, Area.CROSSWALK, Area.GRASS, Area.ROAD)
"""Where two overlap, the first counts."""


@dataclass(frozen=True)
class Level:
    """The pavement of one level, as areas that touch but do not overlap, in plan view.

    ``ramp`` is what of crosswalks and roads lies beside a kerb; lanes: those of the level, for heights.
    """

    areas: Mapping[Area, Any]  # shapely (multi)polygons
    ramp: Any
    lanes: tuple[Lane, ...]

    def without(self, left_out: Collection[Area]) -> Level:
        """The level with some areas emptied."""
        if not left_out:
            return self
        nothing = shapely.MultiPolygon()
        areas = {area: nothing if area in left_out else shape for area, shape in self.areas.items()}
        return replace(self, areas=areas)


def walkable_levels(scene: StaticScene) -> list[Level]:
    """The levels of a scene, the lowest first; none where the map has nothing to walk on."""
    if not scene.lanes:
        return []
    by_level = _split_levels(scene.lanes)
    obstacles = _obstacles(scene.obstacles)
    crossings = find_crossings(scene.carla_map, scene.lanes)
    return [_level(group, crossings, obstacles) for group in by_level]


def outlines(lanes: Sequence[Lane]) -> npt.NDArray[Any]:
    """Lanes in plan view."""
    rings = [shapely.linearrings(np.concatenate([lane.left_m, lane.right_m[::-1]])[:, :2]) for lane in lanes]
    out: npt.NDArray[Any] = shapely.make_valid(shapely.polygons(rings))
    return out


def _join(shapes: Sequence[Any]) -> Any:
    return shapely.union_all(np.array(shapes, object), grid_size=GRID_M) if len(shapes) else shapely.MultiPolygon()


def cut(shape: Any, other: Any, keep: bool) -> Any:
    """What of a shape lies in the other (keep) or outside it; without the lines and points where they only touch."""
    overlay = shapely.intersection if keep else shapely.difference
    parts = shapely.get_parts(overlay(shape, other, grid_size=GRID_M))
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])


def _grown(shape: Any, by_m: float) -> Any:
    return shapely.buffer(shape, by_m, join_style="mitre", mitre_limit=2.0)


def _level(lanes: Sequence[Lane], crossings: Sequence[Crossing], obstacles: Obstacles) -> Level:
    kinds: dict[Area, list[Any]] = {area: [] for area in Area}
    driving: list[Any] = []
    for lane, shape in zip(lanes, outlines(lanes), strict=True):
        if lane.kind == "sidewalk":
            kinds[Area.SIDEWALK].append(shape)
        elif lane.kind in ("median", "curb"):
            kinds[Area.GRASS].append(shape)
        else:
            kinds[Area.ROAD].append(shape)
        if lane.is_driving:
            driving.append(shape)
    sidewalk = cut(_grown(_grown(_join(kinds[Area.SIDEWALK]), CLOSE_M), -CLOSE_M), _join(driving), keep=False)
    z = np.concatenate([lane.centre_m[:, 2] for lane in lanes])
    low, high = float(z.min()) - STOREY_M, float(z.max()) + STOREY_M
    here = [crossing.reaching(sidewalk) for crossing in crossings if low < crossing.height_m < high]
    kinds[Area.CROSSWALK] = [shape for shape in here if shape is not None]
    crosswalk, road, grass = (_join(kinds[area]) for area in (Area.CROSSWALK, Area.ROAD, Area.GRASS))
    free = _grown(_join([sidewalk, crosswalk, road, grass]), -AGENT_RADIUS_M)
    free = cut(free, obstacles.on(free, lanes), keep=False)
    areas: dict[Area, Any] = {}
    for area, shape in zip(_PRECEDENCE, (sidewalk, crosswalk, grass, road), strict=True):
        areas[area] = cut(shape, free, keep=True)
        free = cut(free, areas[area], keep=False)
    return Level(areas, _grown(_join([areas[Area.SIDEWALK], areas[Area.GRASS]]), RAMP_M), tuple(lanes))


@dataclass(frozen=True)
class Obstacles:
    """What people walk around: shapes (n,) in plan view, grown by their radius; boxes_m (n, 4) x, y, low z, high z."""

    shapes: npt.NDArray[Any]
    boxes_m: Array

    def on(self, pavement: Any, lanes: Sequence[Lane]) -> Any:
        """Those that stand on the pavement of these lanes: too high to step over, too low to pass under."""
        near = np.sort(shapely.STRtree(self.shapes).query(pavement, predicate="intersects"))
        if not len(near):
            return shapely.MultiPolygon()
        samples = np.concatenate([edge for lane in lanes for edge in (lane.left_m, lane.right_m)])
        box = self.boxes_m[near]
        z = samples[cKDTree(samples[:, :2]).query(box[:, :2])[1], 2]
        return _join(self.shapes[near][(box[:, 2] < z + AGENT_HEIGHT_M) & (box[:, 3] > z + HIGHEST_STEP_OVER_M)])


def _obstacles(boxes: Sequence[Box]) -> Obstacles:
    half = np.array([box.half_m for box in boxes]).reshape(-1, 3)
    centre = np.array([box.centre_m for box in boxes]).reshape(-1, 3)
    yaw = np.array([box.yaw_rad for box in boxes])
    reach = half[:, :2] + AGENT_RADIUS_M + THINNED_M
    signs = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    x, y = np.moveaxis(signs[None] * reach[:, None], 2, 0)  # (n, 4) each
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    corner = np.stack([cos * x - sin * y, sin * x + cos * y], axis=2) + centre[:, None, :2]
    shapes = shapely.polygons(corner) if len(boxes) else np.zeros(0, object)
    return Obstacles(shapes, np.column_stack([centre[:, :2], centre[:, 2] - half[:, 2], centre[:, 2] + half[:, 2]]))


def _split_levels(lanes: Sequence[Lane]) -> list[list[Lane]]:
    """Lanes by level: a road that passes above another is one level higher than that."""
    members: dict[int, list[Lane]] = {}
    for lane in lanes:
        members.setdefault(lane.road, []).append(lane)
    roads = list(members)
    level = dict.fromkeys(roads, 0)
    above = _overlaps(members)
    for _ in range(len(roads)):  # at most as many rounds as roads: a chain of bridges, each above the next
        raised = [(upper, level[lower] + 1) for lower, upper in above if level[upper] <= level[lower]]
        if not raised or max(level.values()) > 4:  # five storeys: a road that winds above itself would go on
            break
        for upper, to in raised:
            level[upper] = max(level[upper], to)
    return [[lane for lane in lanes if level[lane.road] == k] for k in sorted(set(level.values()))]


def _overlaps(members: Mapping[int, Sequence[Lane]]) -> list[tuple[int, int]]:
    """(lower road, upper road) wherever two roads overlap at different heights."""
    lanes = [lane for group in members.values() for lane in group]
    height = [(float(lane.centre_m[:, 2].min()), float(lane.centre_m[:, 2].max())) for lane in lanes]
    if max(high for _, high in height) - min(low for low, _ in height) < STOREY_M:
        return []
    shapes = outlines(lanes)
    out: set[tuple[int, int]] = set()
    for a, b in shapely.STRtree(shapes).query(shapes).T.tolist():
        apart = max(height[a][1] - height[b][0], height[b][1] - height[a][0])
        if a >= b or lanes[a].road == lanes[b].road or apart < STOREY_M:
            continue
        shared = shapely.intersection(shapes[a], shapes[b])
        if shared.area < SMALLEST_OVERLAP_M2:
            continue
        place = np.array(shared.representative_point().coords[0])
        z = [_height_near(lanes[k], place) for k in (a, b)]
        if abs(z[0] - z[1]) > STOREY_M:
            out.add((lanes[a].road, lanes[b].road) if z[0] < z[1] else (lanes[b].road, lanes[a].road))
    return sorted(out)


def _height_near(lane: Lane, place: Array) -> float:
    centre = lane.centre_m
    return float(centre[np.argmin(np.sum((centre[:, :2] - place) ** 2, axis=1)), 2])
