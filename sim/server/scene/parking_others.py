"""Parked two-wheelers and lorries: bicycles at racks, motorcycles side by side, a lorry or two in a lay-by.

Two-wheelers stand on paved ground between the sidewalk and the houses, lorries, for which towns have no room, on gravel
beside the roads that lead out of them; all where nothing else is, never on a lane or a sidewalk. They are few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sim.server.scene.catalogue import RIDERLESS, model_for
from sim.server.scene.ground import Ground
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.occupancy import rectangle
from sim.server.scene.parking_places import LIFT_M, Clear, Spot, Surroundings, beside, draw, uneven
from sim.server.scene.static import Box
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

LORRY_VIEW = 1.8
"""Lorries stay so many times as far from junctions, crossings and signals as cars: nobody looks over them."""
APART_M = 45.0
"""Between two places of one kind: the few that there are spread over the town."""
TO_HOUSE_M = 1.2
"""Free behind a place, on the way to a door."""
SLOPPY_RAD = 0.05
TURNED_SHARE = 0.35
"""Of two-wheelers that stand with their front wheel to the street."""
EMPTY_SHARE = 0.25
"""Of the places at a rack."""
BICYCLES = (("vehicle.gazelle.omafiets", 5.0), ("vehicle.bh.crossbike", 4.0), ("vehicle.diamondback.century", 2.0))
MOTORCYCLES = (("vehicle.vespa.zx125", 4.0), ("vehicle.yamaha.yzf", 2.0), ("vehicle.harley-davidson.low_rider", 2.0),
               ("vehicle.kawasaki.ninja", 2.0))  # fmt: skip
LORRIES = (("vehicle.carlamotors.carlacola", 5.0), ("vehicle.carlamotors.european_hgv", 3.0))
"""Blueprints and how often each is drawn."""
HOOP_M = (0.36, 0.025, 0.76)
"""Half length, tube radius and height of the bent tube that bicycles lean at."""
AT_HOOP = 0.4
"""Of a rider's sloppiness, what is left to a bicycle that leans at a hoop: bars would foul it."""
STEEL_RGB = 0x9A9FA3


@dataclass(frozen=True)
class _Kind:
    """Places of one kind: how many at most, how many stand side by side, and the room of each.

    pitch_m: from one to the next; away_m: from the sidewalk; lay_by: parallel to a road without one; view: how many
    times as far from junctions, crossings and signals as cars.
    """

    vehicles: Sequence[tuple[str, float]]
    most: int
    side_by_side: tuple[int, int]
    pitch_m: float
    lay_by: bool = False
    away_m: float = 0.4
    view: float = 1.0
    rack: bool = False


KINDS = (
    _Kind(LORRIES, 2, (1, 1), 3.3, lay_by=True, away_m=0.9, view=LORRY_VIEW),
    _Kind(BICYCLES, 4, (2, 4), 0.85, rack=True),
    _Kind(MOTORCYCLES, 3, (1, 2), 1.25),
)
"""In the order in which they look for room: the largest first."""


@dataclass(frozen=True)
class Hoop:
    """One hoop of a bicycle rack: foot (3,) of its middle on the paving, direction of its length."""

    foot_m: Array
    yaw_rad: float


def place_others(around: Surroundings, rng: np.random.Generator) -> tuple[list[Spot], list[Hoop]]:
    """Two-wheelers and lorries where there is room, and the racks of the bicycles. Marks their ground."""
    spots: list[Spot] = []
    hoops: list[Hoop] = []
    for kind in KINDS:
        found: list[Array] = []
        for k in rng.permutation(beside(around, Clear(around, kind.view), not kind.lay_by)).tolist():
            names = [draw(kind.vehicles, rng) for _ in range(int(rng.integers(*kind.side_by_side, endpoint=True)))]
            chance = rng.random((len(names), 2))
            yaw_off = rng.normal(0.0, SLOPPY_RAD, len(names))
            place = around.edges.point_m[k, :2]
            if len(found) >= kind.most:
                break
            if any(float(np.hypot(*(place - other))) < APART_M for other in found):
                continue
            row = _row(around, k, kind, names)
            if row is None:
                continue
            found.append(place)
            spots += _stand_in(row, kind, names, chance, yaw_off)
            if kind.rack:
                hoops += _hoops(row, around.ground)
    return spots, hoops


@dataclass(frozen=True)
class _Row:
    """Ground for vehicles side by side: their middles (n, 2), the paving under each (n, 4, 2), directions along the
    street and away from it, height of the sidewalk."""

    middle_m: Array
    bay_m: Array
    half_out_m: float
    heading_rad: float
    outward: Array
    level_m: float


def _row(around: Surroundings, k: int, kind: _Kind, names: Sequence[str]) -> _Row | None:
    """Room for these vehicles at sample ``k`` of the edges, or None."""
    edges, occupancy = around.edges, around.occupancy
    forward, outward = edges.forward[k, :2], edges.outward[k, :2]
    heading, level = math.atan2(forward[1], forward[0]), float(edges.point_m[k, 2])
    length = max(model_for(name, RIDERLESS).size_m[0] for name in names)
    wide, deep = (length + 2.0, kind.pitch_m) if kind.lay_by else (kind.pitch_m, length + 0.3)
    half_along = wide * len(names) / 2.0
    depth = kind.away_m + deep
    foot = edges.point_m[k, :2]
    outline = rectangle(foot + outward * (0.3 + (depth - 0.3) / 2.0), (half_along, (depth - 0.3) / 2.0), heading)
    behind = rectangle(foot + outward * (depth + TO_HOUSE_M / 2.0), (half_along, TO_HOUSE_M / 2.0), heading)
    if not occupancy.is_open(outline) or (edges.town[k] and not occupancy.is_free(behind)):
        return None
    if uneven(around.ground, rectangle(foot + outward * (depth / 2.0), (half_along, depth / 2.0), heading), level):
        return None
    occupancy.take(outline)
    shift = (np.arange(len(names)) - (len(names) - 1) / 2.0) * wide
    feet = foot + forward * shift[:, None]
    bays = [rectangle(f + outward * (depth / 2.0 - 0.05), (wide / 2.0, depth / 2.0 + 0.05), heading) for f in feet]
    return _Row(feet + outward * (kind.away_m + deep / 2.0), np.array(bays), deep / 2.0, heading, outward, level)


def _stand_in(row: _Row, kind: _Kind, names: Sequence[str], chance: Array, yaw_off: Array) -> list[Spot]:
    """The vehicles of a row; a rack may have empty places, whose paving the neighbours' spots do not bring."""
    out = []
    for k, name in enumerate(names):
        turned = math.pi if chance[k, 1] < TURNED_SHARE else 0.0
        if kind.lay_by:
            yaw = row.heading_rad + 0.3 * float(yaw_off[k])
        else:
            yaw = (
                math.atan2(row.outward[1], row.outward[0])
                + turned
                + (AT_HOOP if kind.rack else 1.0) * float(yaw_off[k])
            )
        if kind.rack and k > 0 and chance[k, 0] < EMPTY_SHARE:
            continue
        out.append(Spot(name, row.middle_m[k], yaw, row.level_m, row.bay_m[k], kind.lay_by))
    return out


def _hoops(row: _Row, ground: Ground) -> list[Hoop]:
    """One between every two places, and one behind the last where their number is odd."""
    along = np.array([math.cos(row.heading_rad), math.sin(row.heading_rad)])
    half_pitch = float(np.linalg.norm(row.bay_m[0, 1] - row.bay_m[0, 0])) / 2.0
    out = []
    for k in range(0, len(row.middle_m), 2):
        plan = row.middle_m[k] + along * half_pitch
        z = float(ground.heights(np.array([[*plan, row.level_m]]))[0]) + LIFT_M
        out.append(Hoop(np.array([*plan, z]), math.atan2(row.outward[1], row.outward[0])))
    return out


def add_racks(triangles: Triangles, hoops: Sequence[Hoop], ground: Ground, book: ObjectBook) -> list[Box]:
    """Bent steel tubes; returns them as obstacles."""
    if not hoops:
        return []
    foot = np.array([hoop.foot_m for hoop in hoops])
    yaw = np.array([hoop.yaw_rad for hoop in hoops])
    owners = book.add(book.number("BP_BikeRack", len(hoops)), Tag.STATIC, Layer.PROPS, foot, yaw)
    reach, radius, height = HOOP_M
    ahead = np.column_stack([np.cos(yaw), np.sin(yaw), np.zeros(len(yaw))])
    up = np.array([0.0, 0.0, 1.0])
    bend = 0.12
    corners = [(-reach, -0.1), (-reach, height - bend), (bend - reach, height), (reach - bend, height),
               (reach, height - bend), (reach, -0.1)]  # fmt: skip
    points = [foot + ahead * x + up * z for x, z in corners]
    for start, end in pairwise(points):
        triangles.add_cylinders(start, end, radius, Material.FURNITURE, 8, STEEL_RGB, owners)
    half = (reach + radius, radius, height / 2.0)
    return [
        Box((x, y, z + height / 2.0), half, angle, int(Tag.STATIC), owner)
        for (x, y, z), angle, owner in zip(foot.tolist(), yaw.tolist(), owners.tolist(), strict=True)
    ]
