"""Parked vehicles: on parking lanes and wide shoulders, and on paved bays between sidewalks and houses.

They are things of the map, as CARLA's are, but drawn as bodies: ``world.parked`` puts them among the instances that
sensors see. So they have the library's shapes, paint and levels of detail, are culled, cast shadows and are labelled
as other vehicles are, at no other cost; in the static mesh they would need shading of their own in every kernel.

Everything else is placed before them, and they draw from a generator of their own: nothing else moves for them.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sim.server.scene.catalogue import model_for
from sim.server.scene.edges import Edges
from sim.server.scene.ground import Ground
from sim.server.scene.lanes import Lane, resampled
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.occupancy import Occupancy, rectangle
from sim.server.scene.static import Box, Parked
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

SALT = 0x9A4C
"""Of the generator, beside the scene's seed and the map's digest."""
MOST_PARKED = 40
"""About as many as a town of this size shows beside its streets; each is one more body for every camera."""
FROM_JUNCTION_M = 12.0
"""Road law asks for 5 m; where traffic is to be seen from a stop line, twice that."""
FROM_CROSSING_M = 7.0
FROM_SIGNAL_M = 9.0
FROM_BUS_STOP_M = 14.0
BEND_RAD = 0.2
"""The edge may turn by so much over five samples (20 m: a radius of 100 m): bends stay open to the view."""
BEND_SAMPLES = 2
STEEP_M = 0.3
"""Ground that differs by more under one vehicle takes none."""
BESIDE_SIDEWALK_M = (0.35, 0.8, 1.4)
"""Between the sidewalk and a vehicle on a bay: the first at which there is room."""
ALONG_M = (0.0, 1.3, -1.3)
"""Places along the road that are tried round each sample of the edge."""
MARGIN_M = (0.35, 0.3)
"""Of a bay before and behind a vehicle, and beside it: doors open."""
PARALLEL_SHARE, BACKED_SHARE, REVERSED_SHARE = 0.5, 0.3, 0.15
"""Of the places on which both have room, those along the road; of those across it, tail to the house; of those along
it, against the traffic."""
GRAVEL_SHARE = 0.3
LIFT_M = 0.03
"""Bays lie so much above the lawn."""
TILE_M = 1.0
SLOPPY_RAD, TURNED_SHARE, TURNED_RAD = 0.02, 0.3, 0.45
"""Spread of a driver's heading; share of front wheels left turned, and by how much at most."""
STREET_MPS = 57.0 / 3.6
"""Nobody parks beside faster roads: 50 km/h, or 35 mph."""
SLOT_M = 6.6
SLOT_SHARE = {"parking": 0.55, "shoulder": 0.15}
NARROWEST_M = {"parking": 2.2, "shoulder": 2.45}
FROM_KERB_M, FROM_LANE_M = 0.15, 0.5
"""A vehicle on a lane beside the road: to its outer edge, and at least to the lane of the traffic."""
BESIDE_POST_M = 4.0
VEHICLES: tuple[tuple[str, float], ...] = (
    ("vehicle.seat.leon", 11), ("vehicle.audi.a2", 9), ("vehicle.citroen.c3", 8), ("vehicle.nissan.micra", 8),
    ("vehicle.toyota.prius", 8), ("vehicle.lincoln.mkz_2020", 8), ("vehicle.mercedes.coupe_2020", 7),
    ("vehicle.tesla.model3", 7), ("vehicle.audi.etron", 7), ("vehicle.nissan.patrol", 6), ("vehicle.audi.tt", 3),
    ("vehicle.mini.cooper_s", 5), ("vehicle.bmw.grandtourer", 4), ("vehicle.ford.mustang", 2),
    ("vehicle.chevrolet.impala", 2), ("vehicle.jeep.wrangler_rubicon", 2), ("vehicle.micro.microlino", 1),
    ("vehicle.mercedes.sprinter", 4), ("vehicle.volkswagen.t2_2021", 3),
)  # fmt: skip
"""Blueprints and how often each is drawn: small cars and estates first, one van in fourteen."""
PAINTS: tuple[tuple[int, float], ...] = (
    (0xE3E3E1, 22), (0x16171A, 21), (0x5A5D60, 19), (0xA9ACAE, 14), (0x1F3A66, 9), (0x7D1719, 6), (0x2F3B33, 3),
    (0x6B5B48, 3), (0x2C6A8C, 2), (0xC7A23A, 1),
)  # fmt: skip
"""sRGB, and share of new cars in Europe (ACEA, 2015-2020, rounded)."""
WHITE_VANS = ("vehicle.mercedes.sprinter",)
SPEED_MPS = {"mph": 0.44704, "km/h": 1.0 / 3.6, "m/s": 1.0}


@dataclass(frozen=True)
class _Spot:
    """One vehicle: where on the plane, heading; bay: the pavement under it (4, 2) from the sidewalk on, or None."""

    type_id: str
    centre_m: Array
    yaw_rad: float
    level_m: float
    bay: Array | None = None
    gravel: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What parking looks at: lanes and their speed limits by road (m/s), edges where houses stand, ground, taken
    ground, places of signals, crossings and bus stops (n, 2), obstacles."""

    lanes: Sequence[Lane]
    limits_mps: dict[int, float]
    edges: Edges
    ground: Ground
    occupancy: Occupancy
    signals_m: Array
    crossings_m: Array
    bus_stops_m: Array
    obstacles: Sequence[Box]

    def is_slow(self, road: int) -> bool:
        """Whether a road is a street, or does not say how fast it is."""
        return self.limits_mps.get(road, 0.0) <= STREET_MPS


def park(triangles: Triangles, around: Surroundings, book: ObjectBook, seed: Sequence[int]) -> tuple[Parked, list[Box]]:
    """Place vehicles, pave their bays, enter both in the book; the vehicles, and their boxes as obstacles."""
    rng = np.random.default_rng([*seed, SALT])
    clear = _Clear(around)
    spots = _beside_lanes(around, clear, rng)
    spots += _on_bays(around, clear, MOST_PARKED - len(spots), rng)
    if not spots:
        return Parked.none(), []
    _pave(triangles, [spot for spot in spots if spot.bay is not None], around.ground, book)
    return _enter(spots, around.ground, book, rng)


def speed_limits(root: ET.Element) -> dict[int, float]:
    """Highest limit (m/s) of each road of an OpenDRIVE document that states one."""
    limits: dict[int, float] = {}
    for road in root.findall("road"):
        found = [
            float(speed.get("max", "nan")) * SPEED_MPS.get(speed.get("unit", "m/s"), 1.0)
            for speed in road.iter("speed")
            if speed.get("max", "").replace(".", "", 1).isdigit()
        ]
        if found:
            limits[int(road.get("id", "-1"))] = max(found)
    return limits


class _Clear:
    """Places where nobody parks: near junctions, crossings, signals and bus stops."""

    def __init__(self, around: Surroundings) -> None:
        inside = [resampled(lane, 3.0) for lane in around.lanes if lane.junction >= 0 and lane.is_driving]
        junctions = [np.concatenate([lane.left_m[:, :2], lane.right_m[:, :2]]) for lane in inside]
        self._rules = [
            (cKDTree(points), distance)
            for points, distance in (
                (np.concatenate(junctions) if junctions else np.zeros((0, 2)), FROM_JUNCTION_M),
                (around.crossings_m, FROM_CROSSING_M),
                (around.signals_m, FROM_SIGNAL_M),
                (around.bus_stops_m, FROM_BUS_STOP_M),
            )
            if len(points)
        ]

    def of(self, points_m: Array) -> npt.NDArray[np.bool_]:
        """Whether points (n, >= 2) are far enough from all of them."""
        ok = np.ones(len(points_m), np.bool_)
        for tree, distance in self._rules:
            ok &= tree.query(points_m[:, :2])[0] > distance
        return ok


# --- lanes beside the road ----------------------------------------------------------------------------------------


def _beside_lanes(around: Surroundings, clear: _Clear, rng: np.random.Generator) -> list[_Spot]:
    """On parking lanes, and here and there on wide shoulders of streets: roads with a sidewalk."""
    streets = {lane.road for lane in around.lanes if lane.kind == "sidewalk" and around.is_slow(lane.road)}
    posts = np.array([box.centre_m[:2] for box in around.obstacles]).reshape(-1, 2)
    tree = cKDTree(posts) if len(posts) else None
    spots: list[_Spot] = []
    for lane in around.lanes:
        if lane.kind not in SLOT_SHARE or lane.junction >= 0 or len(lane.s_m) < 2:
            continue
        if lane.kind == "shoulder" and lane.road not in streets:
            continue
        fine = resampled(lane, 1.0)
        for s in np.arange(fine.s_m[0] + SLOT_M / 2.0, fine.s_m[-1] - SLOT_M / 2.0, SLOT_M).tolist():
            share = rng.random()
            spot = _slot(fine, s, around.occupancy, rng)
            if spot is None or share > SLOT_SHARE[lane.kind] or not clear.of(spot.centre_m[None])[0]:
                continue
            if tree is None or tree.query(spot.centre_m)[0] > BESIDE_POST_M:
                spots.append(spot)
    chosen = np.sort(rng.permutation(len(spots))[:MOST_PARKED])
    return [spots[k] for k in chosen.tolist()]


def _slot(lane: Lane, s: float, occupancy: Occupancy, rng: np.random.Generator) -> _Spot | None:
    """A vehicle beside the outer edge of a lane at ``s``, if it is wide enough."""
    type_id = _draw(VEHICLES, rng)
    yaw_off, reverse = rng.normal(0.0, 0.5 * SLOPPY_RAD), rng.random() < REVERSED_SHARE / 2.0
    left, right = (
        np.array([np.interp(s, lane.s_m, edge[:, axis]) for axis in range(3)]) for edge in (lane.left_m, lane.right_m)
    )
    across = right - left
    width = float(np.linalg.norm(across[:2]))
    length, wide, _ = model_for(type_id).size_m
    if width < NARROWEST_M[lane.kind] or wide > width - FROM_KERB_M - FROM_LANE_M or length > SLOT_M - 0.6:
        return None
    across /= width
    traffic = [bool(occupancy.at(occupancy.driving, point[None])[0]) for point in (left - across, right + across)]
    if traffic[0] == traffic[1]:
        return None  # between two lanes, or beside none
    outer, inward = (right, -across) if traffic[0] else (left, across)
    centre = outer + inward * (FROM_KERB_M + wide / 2.0)
    yaw = math.atan2(-across[0], across[1]) + (math.pi if reverse else 0.0) + float(yaw_off)
    return _Spot(type_id, centre[:2], yaw, float(centre[2]))


# --- bays ---------------------------------------------------------------------------------------------------------


def _on_bays(around: Surroundings, clear: _Clear, most: int, rng: np.random.Generator) -> list[_Spot]:
    """Between sidewalks and houses, where nothing else is; along the street or across it. Marks their ground."""
    edges = around.edges
    ok = edges.town & ~edges.junction & _straight(edges)
    ok[ok] = clear.of(edges.point_m[ok])
    ok[ok] = [around.is_slow(around.lanes[run // 2].road) for run in edges.run[ok].tolist()]  # as outer_edges counts
    spots: list[_Spot] = []
    for k in rng.permutation(np.flatnonzero(ok)).tolist():
        type_id, parallel = _draw(VEHICLES, rng), bool(rng.random() < PARALLEL_SHARE)
        turned, gravel = rng.random(), bool(rng.random() < GRAVEL_SHARE)
        yaw_off = float(rng.normal(0.0, SLOPPY_RAD))
        if len(spots) >= most:
            break
        for along in (parallel, not parallel):
            spot = _bay(around, k, type_id, along, turned, yaw_off, gravel)
            if spot is not None:
                spots.append(spot)
                break
    return spots


def _straight(edges: Edges) -> npt.NDArray[np.bool_]:
    """Whether the edge (n,) keeps its direction round each sample, and goes on."""
    n = len(edges.point_m)
    index = np.arange(n)
    before, after = np.maximum(index - BEND_SAMPLES, 0), np.minimum(index + BEND_SAMPLES, n - 1)
    same = (edges.run[before] == edges.run) & (edges.run[after] == edges.run)
    cosine = np.einsum("ij,ij->i", edges.forward[before], edges.forward[after])
    return np.asarray(same & (cosine > math.cos(BEND_RAD)))


def _bay(
    around: Surroundings, k: int, type_id: str, along: bool, turned: float, yaw_off: float, gravel: bool
) -> _Spot | None:
    """A vehicle with a bay at sample ``k`` of the edges, if there is room."""
    edges, occupancy = around.edges, around.occupancy
    forward, outward = edges.forward[k, :2], edges.outward[k, :2]
    length, width, _ = model_for(type_id).size_m
    half_along, half_out = (length / 2.0, width / 2.0) if along else (width / 2.0, length / 2.0)
    half = half_along + MARGIN_M[0 if along else 1], half_out + MARGIN_M[1 if along else 0]
    heading = math.atan2(forward[1], forward[0])
    for away in BESIDE_SIDEWALK_M:
        for shift in ALONG_M:
            foot = edges.point_m[k, :2] + forward * shift
            centre = foot + outward * (away + half[1])
            outline = rectangle(centre, half, heading)
            way = rectangle(foot + outward * (0.3 + away / 2.0), (half[0], away / 2.0), heading)
            if not (occupancy.is_free(outline) and occupancy.is_free(way)):
                continue
            depth = away + 2.0 * half[1]
            paved = rectangle(foot + outward * (depth / 2.0 - 0.05), (half[0], depth / 2.0 + 0.05), heading)
            if _uneven(around.ground, paved, float(edges.point_m[k, 2])):
                continue
            occupancy.take(outline)
            occupancy.take(way)
            if along:
                yaw = heading + (math.pi if turned < REVERSED_SHARE else 0.0)
            else:
                yaw = math.atan2(outward[1], outward[0]) + (math.pi if turned < BACKED_SHARE else 0.0)
            return _Spot(type_id, centre, yaw + yaw_off, float(edges.point_m[k, 2]), paved, gravel)
    return None


def _uneven(ground: Ground, corners_m: Array, level_m: float) -> bool:
    points = np.concatenate([corners_m, corners_m.mean(axis=0)[None]])
    return bool(np.ptp(ground.heights(np.column_stack([points, np.full(5, level_m)]))) > STEEP_M)


def _pave(triangles: Triangles, spots: Sequence[_Spot], ground: Ground, book: ObjectBook) -> None:
    """Slabs or gravel under the vehicles, following the ground."""
    for gravel, material, tag in ((False, Material.SIDEWALK, Tag.SIDEWALKS), (True, Material.DIRT, Tag.TERRAIN)):
        chosen = [spot for spot in spots if spot.gravel == gravel]
        middles = np.array([(*spot.centre_m, spot.level_m) for spot in chosen]).reshape(-1, 3)
        names = book.number("SM_GravelBay" if gravel else "SM_PavedBay", len(chosen))
        owners = book.add(names, tag, Layer.GROUND, middles, [spot.yaw_rad for spot in chosen])
        for spot, owner in zip(chosen, owners.tolist(), strict=True):
            assert spot.bay is not None
            _tile(triangles, spot.bay, spot.level_m, ground, material, owner)


def _tile(triangles: Triangles, bay: Array, level_m: float, ground: Ground, material: Material, owner: int) -> None:
    """A rectangle (4, 2) as a grid of about ``TILE_M``, just above the ground."""
    u, v = bay[1] - bay[0], bay[3] - bay[0]
    sides = float(np.linalg.norm(u)), float(np.linalg.norm(v))
    nu, nv = (max(1, math.ceil(side / TILE_M)) for side in sides)
    a, b = np.meshgrid(np.linspace(0.0, 1.0, nu + 1), np.linspace(0.0, 1.0, nv + 1), indexing="ij")
    flat = bay[0] + a[..., None] * u + b[..., None] * v
    points = np.concatenate([flat, np.full((nu + 1, nv + 1, 1), level_m)], axis=2).reshape(-1, 3)
    points[:, 2] = ground.heights(points) + LIFT_M
    uvw = np.column_stack([a.ravel() * sides[0], b.ravel() * sides[1], np.zeros(a.size)])
    i, j = np.meshgrid(np.arange(nu), np.arange(nv), indexing="ij")
    first = (i * (nv + 1) + j).ravel()
    faces = np.concatenate([
        np.column_stack([first, first + nv + 1, first + nv + 2]), np.column_stack([first, first + nv + 2, first + 1])
    ])  # fmt: skip
    triangles.add(points, (0.0, 0.0, 1.0), uvw, faces, material, 0, owner)


# --- into the map -------------------------------------------------------------------------------------------------


def _enter(
    spots: Sequence[_Spot], ground: Ground, book: ObjectBook, rng: np.random.Generator
) -> tuple[Parked, list[Box]]:
    """Vehicles on the ground under their wheels, as objects with boxes."""
    choices = [model_for(spot.type_id) for spot in spots]
    size = np.array([choice.size_m for choice in choices])
    poses = [_stand(spot, size[k], ground) for k, spot in enumerate(spots)]
    position, rotation = np.array([pose[0] for pose in poses]), np.array([pose[1] for pose in poses])
    turned = rng.random(len(spots)) < TURNED_SHARE
    steer = np.where(turned, rng.uniform(-TURNED_RAD, TURNED_RAD, len(spots)), 0.0)
    rgb = np.array([_paint(spot.type_id, rng) for spot in spots])
    tags = np.array([int(choice.tag) for choice in choices], np.uint8)
    centre = position + np.column_stack([np.zeros((len(spots), 2)), size[:, 2] / 2.0])
    owner = np.zeros(len(spots), np.int32)
    boxes: list[Box] = []
    for k, spot in enumerate(spots):
        stem = "".join(word.title().replace("_", "") for word in spot.type_id.split(".")[1:])
        name, yaw = f"SM_Parked_{stem}_{k}_SM_0", float(rotation[k, 1])
        owner[k] = book.add([name], Tag(tags[k]), Layer.PARKED_VEHICLES, position[k], yaw)[0]
        book.enclose(int(owner[k]), centre[k], size[k] / 2.0, Parked.FIRST_ID + k)
        c, h = centre[k].tolist(), (size[k] / 2.0).tolist()
        boxes.append(Box((c[0], c[1], c[2]), (h[0], h[1], h[2]), yaw, int(tags[k]), int(owner[k])))
    seed = rng.integers(0, 1 << 32, len(spots), dtype=np.uint32)
    return Parked(tuple(s.type_id for s in spots), owner, position, rotation, rgb, steer, seed), boxes


def _stand(spot: _Spot, size_m: Array, ground: Ground) -> tuple[Array, Array]:
    """Position (3,) on the ground and pitch, yaw, roll (3,) of a vehicle whose four wheels touch it."""
    c, s = math.cos(spot.yaw_rad), math.sin(spot.yaw_rad)
    x, y = 0.3 * float(size_m[0]), 0.4 * float(size_m[1])
    wheel = np.array([(x, -y), (x, y), (-x, -y), (-x, y)])
    place = spot.centre_m + wheel @ np.array([[c, s], [-s, c]])
    height = ground.heights(np.column_stack([place, np.full(4, spot.level_m)]))
    height += LIFT_M if spot.bay is not None else 0.0
    pitch = math.atan2(height[:2].mean() - height[2:].mean(), 2.0 * x)
    roll = math.atan2(height[[0, 2]].mean() - height[[1, 3]].mean(), 2.0 * y)
    position: Array = np.array([*spot.centre_m, float(height.mean())])
    return position, np.array([pitch, math.remainder(spot.yaw_rad, 2.0 * math.pi), roll])


def _draw(table: Sequence[tuple[str, float]], rng: np.random.Generator) -> str:
    shares = np.cumsum([share for _, share in table])
    return table[min(int(np.searchsorted(shares, rng.random() * shares[-1])), len(table) - 1)][0]


def _paint(type_id: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """sRGB 0..1."""
    shares = np.cumsum([share for _, share in PAINTS])
    k = min(int(np.searchsorted(shares, rng.random() * shares[-1])), len(PAINTS) - 1)
    rgb = PAINTS[0][0] if type_id in WHITE_VANS and rng.random() < 0.7 else PAINTS[k][0]
    return (rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0
