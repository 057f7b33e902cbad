"""Lanes to triangles: carriageways with their marking strips, raised sidewalks with kerbs, crosswalks, stop lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sim.server.scene.ground import ROAD, SIDEWALK, Ground
from sim.server.scene.junctions import add_fillings
from sim.server.scene.lanes import NO_MARK, RAISED_KINDS, Lane, Mark, resampled, thinned
from sim.server.scene.mesh import Material, Mesh, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.paint import Stroke, bare, junction_strokes
from sim.server.scene.static import STRIP_DTYPE
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

KERB_HEIGHT_M = 0.14
"""A usual European kerb (12-15 cm)."""
KERB_FOOT_M = 0.05
"""Kerb faces reach below the carriageway, so that no light shines under them."""
MARKED_LIFT_M = 0.012
UNMARKED_SHOULDER_DROP_M = 0.015
JUNCTION_SHOULDER_DROP_M = 0.004
"""Marked lanes are drawn on top, shoulders and parking below driving lanes; in junctions, in whose corners banks of
grass come near, no deeper than is needed."""
TUCK_M = 0.25
"""A lower surface reaches so far under the higher one beside it: nobody looks through the step to the land below."""
TUCK_DROP_M = 0.003
CROSSWALK_LIFT_M = 0.026
CROSSWALK_STEP_M = 0.25
"""A crosswalk ends so near before kerbs."""
STOP_LINE_LIFT_M = 0.022
STOP_LINE_LENGTH_M = 0.4
SIDEWALK_PIECE_M = 1.0
"""Sidewalks are cut away over carriageways piece by piece of this length."""
TRIM_PARTS = 12
"""A sidewalk is tested in this many parts across."""
NARROWEST_SIDEWALK_M = 0.8
SAME_END_M = 0.75
"""Ends of lanes' middles nearer to each other are one place: less than half a lane."""
NO_ENDS = 0.0, 0.0, 0
"""Of a strip that does not run into a junction, as ``STRIP_DTYPE`` has it."""
THIN_M = 0.01
"""A sample this close to the line between its neighbours is left out."""
SAME_LEVEL_M = 2.0
"""Surfaces nearer than this in height belong to one level; bridges clear more than 4 m."""


@dataclass(frozen=True)
class Carriageway:
    """What ``build_roads`` leaves for the next steps.

    mesh: roads and sidewalks; strips (k,) STRIP_DTYPE; solid_faces (t,) faces of the mesh that carry weight and
    their kinds (t,) of ``ground``; driving: surface of the driving lanes alone, far below which there is nothing.
    """

    mesh: Mesh
    owner: npt.NDArray[np.int32]  # (f,) object of each face
    strips: npt.NDArray[Any]
    solid_faces: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.uint8]
    driving: Ground


NOTHING_M = -1e6
"""Height of the terrain of ``Carriageway.driving``: no driving lane there."""


def build_roads(lanes: Sequence[Lane], book: ObjectBook) -> Carriageway:
    """Triangles of all lanes, of which sidewalks are cut where they cross driving lanes."""
    triangles = Triangles()
    paved = [bare(lane) for lane in lanes if lane.kind not in RAISED_KINDS]
    raised = [lane for lane in lanes if lane.kind in RAISED_KINDS]
    owner_of_road = _open_objects(book, paved, "Road_Road", Tag.ROADS)
    strips = _add_lanes(triangles, paved, owner_of_road)
    strips.append((*NO_MARK, *NO_MARK, True, True, *NO_ENDS))
    add_fillings(triangles, lanes, len(strips) - 1, owner_of_road)
    road_faces = len(triangles.mesh().faces)
    driving = driving_surface(lanes)
    _add_strokes(triangles, junction_strokes(lanes, driving), strips, owner_of_road)
    painted_faces = len(triangles.mesh().faces)
    owner_of_side = _open_objects(book, raised, "Road_Sidewalk", Tag.SIDEWALKS)
    for lane in raised:
        _add_raised(triangles, lane, driving, owner_of_side[lane.road])
    mesh = triangles.mesh()
    carries = mesh.material != Material.KERB
    carries[road_faces:painted_faces] = False
    solid = np.flatnonzero(carries)
    kinds = np.where(solid < road_faces, ROAD, SIDEWALK).astype(np.uint8)
    return Carriageway(mesh, triangles.owners(), np.array(strips, STRIP_DTYPE), solid, kinds, driving)


def _open_objects(book: ObjectBook, lanes: Sequence[Lane], stem: str, tag: Tag) -> dict[int, int]:
    """An object for what each road has of a kind; by road id."""
    first = {lane.road: lane.centre_m[0] for lane in reversed(lanes)}
    names = [f"{stem}_{road}_SM_0" for road in first]
    numbers = book.add(names, tag, Layer.NONE, np.array(list(first.values())).reshape(-1, 3))
    return dict(zip(first, numbers.tolist(), strict=True))


def driving_surface(lanes: Sequence[Lane]) -> Ground:
    """Surface of the driving lanes alone: its heights are ``NOTHING_M`` where there is none."""
    triangles = Triangles()
    chosen = [lane for lane in lanes if lane.is_driving]
    left, right = (np.concatenate([getattr(lane, side) for lane in chosen]) for side in ("left_m", "right_m"))
    ribbon = np.repeat(np.arange(len(chosen)), [len(lane.s_m) for lane in chosen])
    triangles.add_ribbons(left, right, np.zeros((len(left), 2, 3)), ribbon, Material.ROAD, 0)
    mesh = triangles.mesh()
    return Ground(
        mesh.vertices_m,
        mesh.faces,
        np.full(len(mesh.faces), ROAD, np.uint8),
        np.full((2, 2), NOTHING_M),
        (0.0, 0.0),
        1.0,
    )


def on_driving_lane(driving: Ground, points_m: Array) -> npt.NDArray[np.bool_]:
    """Which points ``(n, 3)`` lie over or under a driving lane of their own level."""
    heights = driving.heights(points_m + np.array([0.0, 0.0, SAME_LEVEL_M]))
    out: npt.NDArray[np.bool_] = np.abs(heights - points_m[:, 2]) < 2.0 * SAME_LEVEL_M
    return out


def _edge_uvw(s_m: Array, width_m: Array) -> Array:
    """(n, 2, 3): s, distance to the left edge, distance to the right edge, at both edges."""
    uvw = np.zeros((len(s_m), 2, 3))
    uvw[:, :, 0] = s_m[:, None]
    uvw[:, 1, 1] = width_m
    uvw[:, 0, 2] = width_m
    return uvw


def _add_lanes(triangles: Triangles, lanes: Sequence[Lane], owner_of_road: dict[int, int]) -> list[tuple[Any, ...]]:
    """All carriageways as one batch of ribbons; returns the rows of the strip table, one per ribbon."""
    strips: list[tuple[Any, ...]] = []
    left, right, uvw, ribbon, owners = [], [], [], [], []
    roads: list[int] = []
    by_place = {(lane.road, lane.section, lane.lane): lane for lane in lanes}
    for lane in lanes:
        beside = [by_place.get((lane.road, lane.section, lane.lane + step)) for step in (-1, 1)]
        inner, outer = beside if lane.lane > 0 else beside[::-1]
        for first, last, left_mark, right_mark in lane.marks:
            lift = _lift(lane, left_mark, right_mark)
            part, middle = slice(first, last + 1), (first + last) / 2.0
            below_inner, below_outer = (_lift_at(neighbour, middle) > lift for neighbour in (inner, outer))
            alone = inner is None and not lane.is_driving  # a shoulder between lanes that are roads of their own
            a, b, coordinates = _tucked(lane, part, below_inner or alone, below_outer or alone, lift <= 0.0)
            up = np.array([0.0, 0.0, lift])
            left.append(a + up)
            right.append(b + up)
            uvw.append(coordinates)
            ribbon.append(np.full(len(a), len(strips)))
            owners.append(owner_of_road[lane.road])
            strips.append((*left_mark, *right_mark, lane.is_driving, lane.junction >= 0))
            roads.append(lane.road)
    strips = [(*strip, *place) for strip, place in zip(strips, _road_ends(lanes, roads), strict=True)]
    if strips:
        number, rows = np.concatenate(ribbon), np.arange(len(strips))
        edges = np.concatenate(left), np.concatenate(right)
        triangles.add_ribbons(*edges, np.concatenate(uvw), number, Material.ROAD, rows, owners)
    return strips


def _add_strokes(
    triangles: Triangles, strokes: Sequence[Stroke], strips: list[tuple[Any, ...]], owner_of_road: dict[int, int]
) -> None:
    """Paint of junctions; a row of the strip table for each."""
    if not strokes:
        return
    rows = np.arange(len(strips), len(strips) + len(strokes))
    ribbon = np.repeat(np.arange(len(strokes)), [len(stroke.left_m) for stroke in strokes])
    left, right, uvw = (np.concatenate([getattr(s, name) for s in strokes]) for name in ("left_m", "right_m", "uvw"))
    owners = [owner_of_road[stroke.road] for stroke in strokes]
    triangles.add_ribbons(left, right, uvw, ribbon, Material.ROAD, rows, owners)
    strips.extend((*stroke.left, *stroke.right, stroke.driving, True, *NO_ENDS) for stroke in strokes)


def _road_ends(lanes: Sequence[Lane], roads: Sequence[int]) -> list[tuple[float, float, int]]:
    """Begin and end (m) of each of these roads and which of them join a junction, as ``STRIP_DTYPE`` has them."""
    inside = [lane for lane in lanes if lane.junction >= 0 and lane.is_driving]
    if not inside:
        return [NO_ENDS] * len(roads)
    mouths = cKDTree(np.concatenate([lane.centre_m[[0, -1]] for lane in inside]))
    ends: dict[int, tuple[float, float]] = {}
    for lane in lanes:
        begin, end = ends.get(lane.road, (math.inf, -math.inf))
        ends[lane.road] = min(begin, float(lane.s_m[0])), max(end, float(lane.s_m[-1]))
    joins = dict.fromkeys(ends, 0)
    for lane in lanes:
        if lane.is_driving and lane.junction < 0:
            for bit, at in ((1, 0), (2, -1)):
                off = abs(float(lane.s_m[at]) - ends[lane.road][-at])
                if off < SAME_END_M and mouths.query(lane.centre_m[at])[0] < SAME_END_M:
                    joins[lane.road] |= bit
    return [(*ends[road], joins[road]) for road in roads]


def _lift(lane: Lane, left_mark: Mark, right_mark: Mark) -> float:
    """Height, m, at which a part of a lane is drawn over its own."""
    if left_mark[0] or right_mark[0]:
        return MARKED_LIFT_M
    drop = UNMARKED_SHOULDER_DROP_M if lane.junction < 0 else JUNCTION_SHOULDER_DROP_M
    return 0.0 if lane.is_driving else -drop


def _lift_at(lane: Lane | None, sample: float) -> float:
    """The same at a sample; minus infinity where there is no lane."""
    if lane is None:
        return -math.inf
    for first, last, left_mark, right_mark in lane.marks:
        if first <= sample <= last:
            return _lift(lane, left_mark, right_mark)
    return -math.inf


def _tucked(
    lane: Lane, part: slice, under_left: bool, under_right: bool, under_ends: bool
) -> tuple[Array, Array, Array]:
    """Edges (n, 3) and coordinates (n, 2, 3) of a part of a lane that reaches under its higher neighbours."""
    left, right, width = lane.left_m[part].copy(), lane.right_m[part].copy(), lane.width_m[part]
    coordinates = _edge_uvw(lane.s_m[part], width)
    across = (right - left) * (TUCK_M / np.maximum(width, TUCK_M))[:, None]
    for edge, side, other, under in ((left, 0, -across, under_left), (right, 1, across, under_right)):
        if under:
            edge += other - np.array([0.0, 0.0, TUCK_DROP_M])
            coordinates[:, side, 1:] += np.array([-TUCK_M, TUCK_M]) if side == 0 else np.array([TUCK_M, -TUCK_M])
    if under_ends:
        left, right = _lengthened(left), _lengthened(right)
        coordinates = np.concatenate([coordinates[:1], coordinates, coordinates[-1:]])
        coordinates[0, :, 0] -= TUCK_M
        coordinates[-1, :, 0] += TUCK_M
    return left, right, coordinates


def _lengthened(edge: Array) -> Array:
    """A polyline (n, 3) with a straight piece of ``TUCK_M`` more at each end."""
    ends = []
    for end, before in ((edge[0], edge[1]), (edge[-1], edge[-2])):
        along = end - before
        ends.append(
            end + along * (TUCK_M / max(float(np.linalg.norm(along)), 1e-6)) - np.array([0.0, 0.0, TUCK_DROP_M])
        )
    return np.concatenate([ends[:1], edge, ends[1:]])


def _add_raised(triangles: Triangles, lane: Lane, driving: Ground, owner: int) -> None:
    """A sidewalk or median with its kerbs, without the pieces that lie on driving lanes."""
    s, left, right, wide_enough = _trim(resampled(lane, SIDEWALK_PIECE_M), driving)
    keep = wide_enough[:-1] & wide_enough[1:]
    up = np.array([0.0, 0.0, KERB_HEIGHT_M])
    top = Material.SIDEWALK if lane.kind == "sidewalk" else Material.GRASS if lane.kind == "median" else Material.KERB
    for first, last in _runs(keep):
        kept = first + thinned(left[first : last + 1], right[first : last + 1], s[first : last + 1], THIN_M)
        a, b, along = left[kept], right[kept], s[kept]
        uvw = _edge_uvw(along, np.linalg.norm(b - a, axis=1))
        uvw[:, :, 2] = 0.0
        # the top of a kerb lane carries a foot like a sidewalk, and must not be mistaken for a kerb's face
        top_material = Material.SIDEWALK if top is Material.KERB else top
        triangles.add_ribbons(a + up, b + up, uvw, np.zeros(len(a), np.int64), top_material, 0, owner)
        _add_kerb(triangles, np.concatenate([a, b[::-1], a[:1]]), up, owner)


def _trim(lane: Lane, driving: Ground) -> tuple[Array, Array, Array, npt.NDArray[np.bool_]]:
    """Edges drawn in to the widest part that is on no driving lane, and where that part is wide enough."""
    s, left, right = lane.s_m, lane.left_m, lane.right_m
    fractions = (np.arange(TRIM_PARTS) + 0.5) / TRIM_PARTS
    across = left[:, None] * (1.0 - fractions[:, None]) + right[:, None] * fractions[:, None]  # (n, parts, 3)
    free = ~on_driving_lane(driving, across.reshape(-1, 3)).reshape(len(s), TRIM_PARTS)
    first, last = np.zeros(len(s)), np.ones(len(s))
    for k in np.flatnonzero(~free.all(axis=1)):
        runs = _runs(free[k])
        begin, end = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
        first[k], last[k] = begin / TRIM_PARTS, end / TRIM_PARTS
    width = np.linalg.norm(right - left, axis=1) * (last - first)
    trimmed = [left * (1.0 - f[:, None]) + right * f[:, None] for f in (first, last)]
    return s, trimmed[0], trimmed[1], width >= NARROWEST_SIDEWALK_M


def _add_kerb(triangles: Triangles, outline: Array, up: Array, owner: int) -> None:
    """Vertical faces along a closed outline (n, 3), facing outwards whichever way it runs."""
    a, b = outline[:-1], outline[1:]
    along = b - a
    length = np.linalg.norm(along, axis=1)
    real = length > 1e-6
    a, b, along, length = a[real], b[real], along[real], length[real]
    normal = np.stack([along[:, 1], -along[:, 0], np.zeros(len(a))], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    area = float(np.sum(outline[:-1, 0] * outline[1:, 1] - outline[1:, 0] * outline[:-1, 1]))
    foot = np.array([0.0, 0.0, KERB_FOOT_M])
    corners = np.stack([a - foot, b - foot, b + up, a + up], axis=1)
    distance = np.concatenate([[0.0], np.cumsum(length)])
    uvw = np.zeros((len(a), 4, 3))
    uvw[:, [0, 3], 0] = distance[:-1, None]
    uvw[:, [1, 2], 0] = distance[1:, None]
    uvw[:, 2:, 1] = KERB_HEIGHT_M + KERB_FOOT_M
    triangles.add_quads(corners, normal if area > 0 else -normal, uvw, Material.KERB, owner=owner)


def _runs(keep: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first sample, last sample) of consecutive kept pieces."""
    padded = np.concatenate([[False], keep, [False]]).astype(np.int8)
    change = np.diff(padded)
    return list(zip(np.flatnonzero(change == 1).tolist(), np.flatnonzero(change == -1).tolist(), strict=True))


def build_crosswalks(carla_map: Any, ground: Ground, book: ObjectBook) -> Triangles:
    """Zebra crossings from the map's crosswalk objects, laid on the ground."""
    triangles = Triangles()
    loop: list[tuple[float, float, float]] = []
    count = 0
    for location in carla_map.get_crosswalks():
        point = (location.x, location.y, location.z)
        if loop and np.allclose(point, loop[0], atol=0.01):  # CARLA closes every polygon with its first point
            if len(loop) >= 4:
                corners = np.array(loop[:4])
                name = [f"Road_Crosswalk_{count}_SM_0"]
                owner = int(book.add(name, Tag.ROAD_LINES, Layer.NONE, corners.mean(axis=0))[0])
                _add_crosswalk(triangles, corners, ground, owner)
                count += 1
            loop = []
        else:
            loop.append(point)
    return triangles


def _add_crosswalk(triangles: Triangles, corners: Array, ground: Ground, owner: int) -> None:
    """Small quads follow the crown of the road, between kerbs; x of uvw runs along the longer side."""
    if np.linalg.norm(corners[1] - corners[0]) < np.linalg.norm(corners[3] - corners[0]):
        corners = np.roll(corners, -1, axis=0)
    length = float(np.linalg.norm(corners[1] - corners[0]))
    along = corners[1, :2] - corners[0, :2] + corners[2, :2] - corners[3, :2]
    along /= np.linalg.norm(along)
    columns = max(1, math.ceil(length / CROSSWALK_STEP_M))
    u = np.linspace(0.0, 1.0, columns + 1)[None, :, None]
    v = np.linspace(0.0, 1.0, 3)[:, None, None]
    point = (corners[0] * (1 - u) + corners[1] * u) * (1 - v) + (corners[3] * (1 - u) + corners[2] * u) * v
    heights, kinds = (found.reshape(3, columns + 1) for found in ground.look(point.reshape(-1, 3)))
    point[..., 2] = heights + CROSSWALK_LIFT_M
    on_road = kinds == ROAD
    free = on_road[:2] & on_road[1:]
    runs = [(k, *run) for k in range(2) for run in _runs(free[k, :-1] & free[k, 1:])]
    # the halves share the samples of the middle, or one would look between them
    shared = {end for _, *run in runs for end in run}.union(
        *(thinned(point[k], point[k + 1], np.linspace(0.0, length, columns + 1), THIN_M).tolist() for k in range(2))
    )
    kept = np.array(sorted(shared), np.int64)
    for k, first, last in runs:
        part = kept[(kept >= first) & (kept <= last)]
        _add_bars(triangles, point[k : k + 2, part], corners[0, :2], along, owner)


def _add_bars(triangles: Triangles, point: Array, origin: Array, along: Array, owner: int) -> None:
    """Quads between two rows of points ``(2, n, 3)``, with surface coordinates in which bars are straight."""
    off, n = point[..., :2] - origin, point.shape[1]
    uvw = np.stack([off @ along, off @ np.array([-along[1], along[0]]), np.zeros((2, n))], axis=-1)
    i = np.arange(n - 1)
    faces = np.concatenate([np.stack([i, i + 1, i + n + 1], 1), np.stack([i, i + n + 1, i + n], 1)])
    triangles.add(point.reshape(-1, 3), (0.0, 0.0, 1.0), uvw.reshape(-1, 3), faces, Material.CROSSWALK, owner=owner)
