"""What people may walk on: sidewalks, crossings, roads and medians of one map as flat polygons, level by level.

Taken from the map's lanes in plan view (x, y); heights come later, from the ground. Roads that pass above others
(bridges) form levels of their own, so that every level is a plane map without overlaps.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from sim.server.navigation.crossings import Crossing, find_crossings
from sim.server.scene.junctions import level_junctions
from sim.server.scene.lanes import Lane, read_lanes
from sim.server.scene.static import Box, StaticScene

Array = npt.NDArray[np.float64]

GRID_M = 1.0 / 64.0
"""Coordinates are multiples of this: exact in 32-bit floats up to 131 km, so what is convex here is so in the file."""
AGENT_RADIUS_M = 0.3
AGENT_HEIGHT_M = 1.8
"""Size of the client's pedestrians: their centres keep this radius from walls and from the end of all pavement."""
STOREY_M = 2.5
"""Roads that overlap and differ more than this in height are levels of their own."""
SMALLEST_OVERLAP_M2 = 1.0
CLOSE_M = 0.25
"""Sidewalks whose gap is less than twice this belong together: editors leave such gaps at the ends of roads."""
RAMP_M = 0.2
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
    lanes = level_junctions(read_lanes(scene.carla_map, ET.fromstring(scene.opendrive)))
    by_level = _split_levels(lanes)
    obstacles = _footprints(scene.obstacles)
    crossings = find_crossings(scene.carla_map, lanes)
    return [_level(group, crossings, obstacles) for group in by_level]


def outline(lane: Lane) -> Any:
    """A lane in plan view."""
    ring = np.concatenate([lane.left_m, lane.right_m[::-1]])[:, :2]
    return shapely.make_valid(shapely.polygons(ring))


def _join(shapes: Sequence[Any]) -> Any:
    return shapely.union_all(np.array(shapes, object), grid_size=GRID_M) if len(shapes) else shapely.MultiPolygon()


def cut(shape: Any, other: Any, keep: bool) -> Any:
    """What of a shape lies in the other (keep) or outside it; without the lines and points where they only touch."""
    overlay = shapely.intersection if keep else shapely.difference
    parts = shapely.get_parts(overlay(shape, other, grid_size=GRID_M))
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])


def _grown(shape: Any, by_m: float) -> Any:
    return shapely.buffer(shape, by_m, join_style="mitre", mitre_limit=2.0)


def _level(
    lanes: Sequence[Lane], crossings: Sequence[Crossing], obstacles: Sequence[tuple[Any, float, float]]
) -> Level:
    kinds: dict[Area, list[Any]] = {area: [] for area in Area}
    driving: list[Any] = []
    for lane in lanes:
        shape = outline(lane)
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
    free = cut(free, _blocked(obstacles, low, high), keep=False)
    areas: dict[Area, Any] = {}
    for area, shape in zip(_PRECEDENCE, (sidewalk, crosswalk, grass, road), strict=True):
        areas[area] = cut(shape, free, keep=True)
        free = cut(free, areas[area], keep=False)
    return Level(areas, _grown(_join([areas[Area.SIDEWALK], areas[Area.GRASS]]), RAMP_M), tuple(lanes))


def _footprints(boxes: Sequence[Box]) -> list[tuple[Any, float, float]]:
    """Obstacles in plan view, grown by a person's radius, with their lowest and highest z."""
    if not boxes:
        return []
    half = np.array([box.half_m for box in boxes])
    centre = np.array([box.centre_m for box in boxes])
    yaw = np.array([box.yaw_rad for box in boxes])
    reach = half[:, :2] + AGENT_RADIUS_M
    signs = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    corner = signs[None] * reach[:, None]  # (n, 4, 2)
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    turned = np.stack(
        [cos * corner[..., 0] - sin * corner[..., 1], sin * corner[..., 0] + cos * corner[..., 1]], axis=2
    )
    shapes = shapely.polygons(turned + centre[:, None, :2])
    return list(zip(shapes, (centre[:, 2] - half[:, 2]).tolist(), (centre[:, 2] + half[:, 2]).tolist(), strict=True))


def _blocked(obstacles: Sequence[tuple[Any, float, float]], low_m: float, high_m: float) -> Any:
    return _join([shape for shape, low, high in obstacles if low < high_m and high > low_m])


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
    if np.ptp(np.concatenate([lane.left_m[:, 2] for group in members.values() for lane in group])) < STOREY_M:
        return []
    roads = list(members)
    shapes = np.array([_join([outline(lane) for lane in members[road]]) for road in roads], object)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = [(a, b) for a, b in zip(first.tolist(), second.tolist(), strict=True) if a < b]
    out: list[tuple[int, int]] = []
    for a, b in pairs:
        shared = shapely.intersection(shapes[a], shapes[b])
        if shared.area < SMALLEST_OVERLAP_M2:
            continue
        place = np.array(shared.representative_point().coords[0])
        z = [_height_near(members[roads[k]], place) for k in (a, b)]
        if abs(z[0] - z[1]) > STOREY_M:
            out.append((roads[a], roads[b]) if z[0] < z[1] else (roads[b], roads[a]))
    return out


def _height_near(lanes: Sequence[Lane], place: Array) -> float:
    points = np.concatenate([lane.centre_m for lane in lanes])
    return float(points[np.argmin(np.sum((points[:, :2] - place) ** 2, axis=1)), 2])
