"""Where vehicles can park: what stands around, how far from junctions and crossings, and the bays under them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sim.server.scene.edges import Edges
from sim.server.scene.ground import Ground
from sim.server.scene.lanes import Lane, resampled
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.occupancy import Occupancy
from sim.server.scene.static import Box
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

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
LIFT_M = 0.03
"""Bays lie so much above the lawn."""
TILE_M = 1.0
STREET_MPS = 57.0 / 3.6
"""Nobody parks beside faster roads: 50 km/h, or 35 mph."""
LAY_BY_MPS = 66.0 / 3.6
"""Nor is there a lay-by on faster ones outside towns: 60 km/h, or 40 mph."""
WIDE_SHOULDER_M = 1.8
"""Lanes beside the road from this width hold parked cars: there is no way past them."""


@dataclass(frozen=True)
class Spot:
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


class Clear:
    """Places where nobody parks: near junctions, crossings, signals and bus stops.

    view: how many times as far from junctions, crossings and signals as cars, for what nobody can look over.
    """

    def __init__(self, around: Surroundings, view: float = 1.0) -> None:
        inside = [resampled(lane, 3.0) for lane in around.lanes if lane.junction >= 0 and lane.is_driving]
        junctions = [np.concatenate([lane.left_m[:, :2], lane.right_m[:, :2]]) for lane in inside]
        self._rules = [
            (cKDTree(points), distance)
            for points, distance in (
                (np.concatenate(junctions) if junctions else np.zeros((0, 2)), view * FROM_JUNCTION_M),
                (around.crossings_m, view * FROM_CROSSING_M),
                (around.signals_m, view * FROM_SIGNAL_M),
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


def beside(around: Surroundings, clear: Clear, town: bool = True) -> npt.NDArray[np.int64]:
    """Samples of the edges beside which things may be parked: straight, where nobody drives fast.

    town: with a sidewalk; else along roads through the country that are no faster than ``LAY_BY_MPS`` and have no
    room for parking themselves.
    """
    edges = around.edges
    ok = (edges.town == town) & ~edges.junction & straight(edges)
    if not town:
        ok &= edges.width_m < WIDE_SHOULDER_M
    ok[ok] = clear.of(edges.point_m[ok])
    roads = [around.lanes[run // 2].road for run in edges.run[ok].tolist()]  # as outer_edges counts
    if town:
        ok[ok] = [around.is_slow(road) for road in roads]
    else:
        ok[ok] = [around.limits_mps.get(road, math.inf) <= LAY_BY_MPS for road in roads]
    return np.flatnonzero(ok)


def straight(edges: Edges) -> npt.NDArray[np.bool_]:
    """Whether the edge (n,) keeps its direction round each sample, and goes on."""
    n = len(edges.point_m)
    index = np.arange(n)
    before, after = np.maximum(index - BEND_SAMPLES, 0), np.minimum(index + BEND_SAMPLES, n - 1)
    same = (edges.run[before] == edges.run) & (edges.run[after] == edges.run)
    cosine = np.einsum("ij,ij->i", edges.forward[before], edges.forward[after])
    return np.asarray(same & (cosine > math.cos(BEND_RAD)))


def uneven(ground: Ground, corners_m: Array, level_m: float) -> bool:
    """Whether the ground under a rectangle (4, 2) differs by more than ``STEEP_M``."""
    points = np.concatenate([corners_m, corners_m.mean(axis=0)[None]])
    return bool(np.ptp(ground.heights(np.column_stack([points, np.full(5, level_m)]))) > STEEP_M)


def pave(triangles: Triangles, spots: Sequence[Spot], ground: Ground, book: ObjectBook, what: str = "Bay") -> None:
    """Slabs or gravel under those that have a bay, following the ground; what: part of the bays' names."""
    for gravel, material, tag in ((False, Material.SIDEWALK, Tag.SIDEWALKS), (True, Material.DIRT, Tag.TERRAIN)):
        chosen = [spot for spot in spots if spot.bay is not None and spot.gravel == gravel]
        middles = np.array([(*spot.centre_m, spot.level_m) for spot in chosen]).reshape(-1, 3)
        names = book.number(f"SM_Gravel{what}" if gravel else f"SM_Paved{what}", len(chosen))
        owners = book.add(names, tag, Layer.GROUND, middles, [spot.yaw_rad for spot in chosen])
        for spot, owner in zip(chosen, owners.tolist(), strict=True):
            assert spot.bay is not None
            tile(triangles, spot.bay, spot.level_m, ground, material, owner)


def tile(triangles: Triangles, bay: Array, level_m: float, ground: Ground, material: Material, owner: int) -> None:
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


def draw(table: Sequence[tuple[str, float]], rng: np.random.Generator) -> str:
    """One of a table of names and shares."""
    shares = np.cumsum([share for _, share in table])
    return table[min(int(np.searchsorted(shares, rng.random() * shares[-1])), len(table) - 1)][0]
