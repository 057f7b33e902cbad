"""Street furniture behind the sidewalks: benches, bins, cabinets, hydrants, letter boxes, bus stops, fences.

Nothing stands on a sidewalk or a lane, so walkers and vehicles go where they went.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.edges import Edges
from sim.server.scene.ground import Ground
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.occupancy import Occupancy, rectangle
from sim.server.scene.static import Box
from sim.server.scene.triangles import Triangles, yaw_matrices

Array = npt.NDArray[np.float64]
Point = tuple[float, float, float]

MOST_THINGS, MOST_FENCES = 200, 160
"""Limits of the time to load a map: a thing is about 60 triangles, a piece of fence 36."""
SHARE = 0.30
"""Of the samples of the edges, 4 m apart, at which something is tried."""
FENCE_PIECE_M = 4.0
FENCE_RUN = 6
"""Pieces of one kind in a row, about the width of a plot."""
FENCE_SHARE = 0.35
FROM_SIDEWALK_M = 0.35
FENCE_FROM_SIDEWALK_M = 0.9
FENCE_HEIGHT_M = 1.05
FOOT_M = 0.15
"""Everything reaches this far into the ground, which may slope."""
FENCE_RGB = (0xD8D4C8, 0x4A3A2A, 0x2E3230, 0x7C6A50)


@dataclass(frozen=True)
class Solid:
    """A box (radius 0) or an upright cylinder of a thing: centre and half sizes (m) in its frame, material, colour."""

    centre: Point
    half: Point
    rgb: int
    material: Material = Material.FURNITURE
    round: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of thing: how often of all, half sizes (m) along and across the road and of its height, its solids."""

    stem: str
    share: float
    half: Point
    solids: tuple[Solid, ...]


def _slats(z: float, ys: tuple[float, ...], rgb: int) -> tuple[Solid, ...]:
    return tuple(Solid((0.0, y, z), (0.85, 0.055, 0.02), rgb) for y in ys)


WOOD, IRON, STEEL, GLASS = 0x8A6440, 0x2C2E30, 0x8C9296, Material.SHELTER_GLASS
KINDS = (
    Kind("BP_Bench", 0.22, (0.9, 0.35, 0.45), (
        *_slats(0.45, (-0.18, -0.03, 0.12), WOOD),
        Solid((0.0, 0.24, 0.66), (0.85, 0.02, 0.06), WOOD), Solid((0.0, 0.27, 0.83), (0.85, 0.02, 0.06), WOOD),
        *(Solid((x, 0.0, 0.15), (0.03, 0.22, 0.30), IRON) for x in (-0.7, 0.7)),
        *(Solid((x, 0.25, 0.5), (0.03, 0.03, 0.40), IRON) for x in (-0.7, 0.7)),
    )),
    Kind("BP_Trashbin", 0.24, (0.28, 0.28, 0.52), (
        Solid((0.0, 0.0, 0.40), (0.24, 0.24, 0.55), 0x2F4A38, round=True),
        Solid((0.0, 0.0, 0.97), (0.26, 0.26, 0.03), 0x1E2420, round=True),
    )),
    Kind("BP_ElectricBox", 0.16, (0.5, 0.22, 0.6), (
        Solid((0.0, 0.0, 0.52), (0.48, 0.20, 0.66), 0x9AA39A), Solid((0.0, 0.0, 1.19), (0.51, 0.23, 0.02), 0x80887F),
        Solid((0.0, -0.205, 0.6), (0.008, 0.004, 0.5), IRON),
    )),
    Kind("BP_Hydrant", 0.12, (0.18, 0.18, 0.38), (
        Solid((0.0, 0.0, 0.22), (0.10, 0.10, 0.37), 0xA82A20, round=True),
        Solid((0.0, 0.0, 0.64), (0.13, 0.13, 0.06), 0xA82A20, round=True),
        Solid((0.0, 0.0, 0.45), (0.19, 0.05, 0.05), 0xC8C4B8),
    )),
    Kind("BP_MailBox", 0.12, (0.28, 0.22, 0.6), (
        Solid((0.0, 0.0, 0.2), (0.04, 0.04, 0.35), IRON), Solid((0.0, 0.0, 0.85), (0.26, 0.20, 0.34), 0xD9A514),
        Solid((0.0, -0.205, 1.02), (0.18, 0.005, 0.02), IRON),
    )),
    Kind("BP_BusStop", 0.08, (2.0, 0.75, 1.25), (
        *(Solid((x, y, 1.1), (0.04, 0.04, 1.25), STEEL) for x in (-1.9, 1.9) for y in (-0.55, 0.6)),
        Solid((0.0, 0.0, 2.42), (2.05, 0.78, 0.06), 0x50585C),
        Solid((0.0, 0.6, 1.2), (1.85, 0.012, 1.0), 0, GLASS), Solid((-1.9, 0.05, 1.2), (0.012, 0.5, 1.0), 0, GLASS),
        Solid((0.2, 0.38, 0.46), (1.1, 0.18, 0.03), WOOD), Solid((1.9, 0.05, 1.25), (0.05, 0.45, 0.85), 0xB4452F),
        *(Solid((x, 0.4, 0.2), (0.03, 0.12, 0.25), STEEL) for x in (-0.7, 1.1)),
    )),
    Kind("BP_Planter", 0.06, (0.6, 0.35, 0.35), (
        Solid((0.0, 0.0, 0.2), (0.58, 0.32, 0.35), 0x8E8A82), Solid((0.0, 0.0, 0.6), (0.5, 0.25, 0.1), 0x4C6A2C),
    )),
)  # fmt: skip


@dataclass(frozen=True)
class Things:
    """Things in columns (n,): foot (n, 3), yaw of the x axis, which has the road on its left, number in ``KINDS``; of
    fences foot (m, 3) of the middle, yaw and colour (m,)."""

    foot_m: Array
    yaw_rad: Array
    kind: npt.NDArray[np.int64]
    fence_foot_m: Array
    fence_yaw_rad: Array
    fence_rgb: npt.NDArray[np.int64]

    @property
    def bus_stops_m(self) -> Array:
        """Feet (k, 3) of the shelters."""
        return self.foot_m[[KINDS[number].stem == "BP_BusStop" for number in self.kind.tolist()]]


def place_things(edges: Edges, occupancy: Occupancy, ground: Ground, rng: np.random.Generator) -> Things:
    """Things and fences where nothing else is yet. Marks their ground as busy."""
    rows: list[tuple[float, ...]] = []
    shares = np.cumsum([kind.share for kind in KINDS])
    wanted = np.flatnonzero(edges.town & (rng.uniform(size=len(edges.town)) < SHARE))
    for k in rng.permutation(wanted).tolist():
        number = min(int(np.searchsorted(shares, rng.random() * shares[-1])), len(KINDS) - 1)
        half = KINDS[number].half
        spot = edges.point_m[k] + edges.outward[k] * (FROM_SIDEWALK_M + half[1])
        yaw = _yaw(edges.outward[k])
        outline = rectangle(spot, (half[0] + 0.1, half[1]), yaw)
        if len(rows) < MOST_THINGS and occupancy.is_open(outline):
            occupancy.take(outline)
            rows.append((*spot.tolist(), yaw, number))
    table = np.array(rows).reshape(-1, 5)
    fences = _place_fences(edges, occupancy, rng)
    for columns in (table, fences):
        columns[:, 2] = ground.heights(columns[:, :3])
    return Things(
        table[:, :3], table[:, 3], table[:, 4].astype(np.int64), fences[:, :3], fences[:, 3],
        fences[:, 4].astype(np.int64),
    )  # fmt: skip


def _yaw(outward: Array) -> float:
    """Of the x axis whose y axis points away from the road."""
    return float(np.arctan2(-outward[0], outward[1]))


def _place_fences(edges: Edges, occupancy: Occupancy, rng: np.random.Generator) -> Array:
    """(m, 5): middle, yaw, colour."""
    following = edges.neighbours()
    following = following[edges.town[following]]
    plots = rng.uniform(size=len(following) // FENCE_RUN + 1)
    paints = rng.integers(0, len(FENCE_RGB), len(plots))
    rows: list[tuple[float, ...]] = []
    for order, k in enumerate(following.tolist()):
        plot = order // FENCE_RUN
        if plots[plot] >= FENCE_SHARE or len(rows) >= MOST_FENCES:
            continue
        a, b = (edges.point_m[i] + edges.outward[i] * FENCE_FROM_SIDEWALK_M for i in (k, k + 1))
        yaw = float(np.arctan2(b[1] - a[1], b[0] - a[0]))
        middle = (a + b) / 2.0
        outline = rectangle(middle, (FENCE_PIECE_M / 2.0 - 0.2, 0.3), yaw)
        whole = rectangle(middle, (FENCE_PIECE_M / 2.0 + 0.1, 0.15), yaw)
        if occupancy.is_free(outline) and occupancy.misses_corners(whole):
            occupancy.take(outline)
            rows.append((*middle.tolist(), yaw, FENCE_RGB[paints[plot]]))
    return np.array(rows).reshape(-1, 5)


def add_things(triangles: Triangles, things: Things, book: ObjectBook) -> list[Box]:
    """Shapes and objects of all things; returns them as obstacles."""
    boxes: list[Box] = []
    for number, kind in enumerate(KINDS):
        chosen = np.flatnonzero(things.kind == number)
        foot, yaw = things.foot_m[chosen], things.yaw_rad[chosen]
        names = book.number(kind.stem, len(chosen))
        owners = book.add(names, Tag.STATIC, Layer.PROPS, foot, yaw)
        turn = yaw_matrices(yaw)
        for solid in kind.solids:
            centre = foot + np.einsum("nij,j->ni", turn, np.array(solid.centre))
            if solid.round:
                up = np.array([0.0, 0.0, solid.half[2]])
                radius = (solid.half[0], solid.half[0])
                triangles.add_cylinders(centre - up, centre + up, radius, solid.material, 8, solid.rgb, owners)
                lid = (solid.half[0] * 0.7, solid.half[0] * 0.7, 0.01)
                triangles.add_boxes(centre + up, lid, yaw, solid.material, solid.rgb, owners)
            else:
                triangles.add_boxes(centre, solid.half, yaw, solid.material, solid.rgb, owners)
        boxes += [
            Box((x, y, z + kind.half[2]), kind.half, angle, int(Tag.STATIC), owner)
            for (x, y, z), angle, owner in zip(foot.tolist(), yaw.tolist(), owners.tolist(), strict=True)
        ]
    return boxes + _add_fences(triangles, things, book)


def _add_fences(triangles: Triangles, things: Things, book: ObjectBook) -> list[Box]:
    """Pickets on two rails, thin as boards."""
    foot, yaw = things.fence_foot_m, things.fence_yaw_rad
    owners = book.add(book.number("SM_Fence", len(yaw)), Tag.FENCES, Layer.WALLS, foot, yaw)
    half, height = FENCE_PIECE_M / 2.0, FENCE_HEIGHT_M
    boards = [(0.0, half, 0.30, 0.38), (0.0, half, 0.78, 0.86)]  # middle, half width, low, high
    boards += [(x, 0.045, -FOOT_M, height) for x in np.linspace(-half + 0.12, half - 0.12, 16)]
    quads = np.array([[[x - w, 0.0, a], [x + w, 0.0, a], [x + w, 0.0, b], [x - w, 0.0, b]] for x, w, a, b in boards])
    quads[2:, :, 1] = -0.02
    turn = yaw_matrices(yaw)
    corners = np.einsum("nij,qkj->nqki", turn, quads) + foot[:, None, None]
    normals = np.repeat(-turn[:, None, :, 1], len(boards), axis=1)
    rgb, of = (np.repeat(column, len(boards)) for column in (things.fence_rgb, owners))
    triangles.add_quads(corners.reshape(-1, 4, 3), normals.reshape(-1, 3), (0.0, 0.0, 0.0), Material.FENCE, rgb, of)
    size = (half, 0.05, height / 2.0)
    return [
        Box((x, y, z + height / 2.0), size, angle, int(Tag.FENCES), owner)
        for (x, y, z), angle, owner in zip(foot.tolist(), yaw.tolist(), owners.tolist(), strict=True)
    ]
