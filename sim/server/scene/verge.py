"""What joins the road to the land: banks beside it, bridges with decks, pillars and guard rails over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim.server.scene.edges import Edges
from sim.server.scene.ground import Ground
from sim.server.scene.lanes import Lane
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import NO_OWNER, Layer, ObjectBook
from sim.server.scene.roads import on_driving_lane
from sim.server.scene.static import Box
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

BANK_M = 2.5
"""Width of the strip between a road's edge and the land."""
BANK_DROP_M = 0.02
BANK_SINK_M = 0.06
"""Banks begin a little under the edge of the road and end a little under the land."""
HIGHEST_BANK_M = 2.5
"""Where a road lies higher than this above the land it stands on a bridge."""
DECK_M = 0.9
"""Thickness of a bridge's deck: a girder for spans of 20 m."""
OVERHANG_M = 0.5
RAIL_FROM_EDGE_M = 0.3
RAIL_HEIGHT_M = (0.45, 0.80)
RAIL_HALF_THICKNESS_M = 0.05
RAIL_FOR_DROP_M = 1.5
"""A bank this high has a guard rail, too."""
PILLAR_GAP_M = 18.0
PILLAR_RADIUS_M = 0.6


def land_below(edges: Edges, land: Ground, distance_m: float) -> Array:
    """Height (n,) of the bare land beside each edge sample."""
    beside = edges.point_m + edges.outward * distance_m
    return land.heights(beside)


def add_banks(triangles: Triangles, edges: Edges, land: Ground, owner: int) -> None:
    """Slopes of grass from the outer edges of roads down to the land."""
    height = land_below(edges, land, BANK_M)
    low = edges.point_m[:, 2] - height < HIGHEST_BANK_M
    inner = edges.point_m - np.array([0.0, 0.0, BANK_DROP_M])
    outer = edges.point_m + edges.outward * BANK_M
    outer[:, 2] = np.minimum(height - BANK_SINK_M, inner[:, 2])
    first = edges.neighbours()
    first = first[low[first] & low[first + 1]]
    corners = np.stack([inner[first], inner[first + 1], outer[first + 1], outer[first]], axis=1)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0])
    normal *= np.where(normal[:, 2:] < 0.0, -1.0, 1.0)
    length = np.linalg.norm(normal, axis=1)
    real = length > 1e-6
    corners, normal = corners[real], normal[real] / length[real, None]
    triangles.add_quads(corners, normal, corners, Material.GRASS, owner=owner)


def add_bridges(
    triangles: Triangles, edges: Edges, lanes: Sequence[Lane], land: Ground, driving: Ground, book: ObjectBook
) -> list[Box]:
    """Decks, sides, pillars and rails where roads leave the land below. Returns rails and pillars as obstacles."""
    drop = edges.point_m[:, 2] - land_below(edges, land, BANK_M)
    first = edges.neighbours()
    high = first[(drop[first] >= HIGHEST_BANK_M) & (drop[first + 1] >= HIGHEST_BANK_M)]
    deck = _deck_owner(book, edges, high)
    _add_sides(triangles, edges, high, deck)
    railed = first[(drop[first] >= RAIL_FOR_DROP_M) & (drop[first + 1] >= RAIL_FOR_DROP_M) & ~edges.junction[first]]
    obstacles = _add_rails(triangles, edges, railed, driving, book)
    pillars: list[Array] = []
    for lane in lanes:
        centre = lane.centre_m
        raised = centre[:, 2] - land.heights(centre) >= HIGHEST_BANK_M
        pieces = np.flatnonzero(raised[:-1] & raised[1:])
        if len(pieces) == 0:
            continue
        down = np.array([0.0, 0.0, DECK_M])
        corners = np.stack(
            [lane.left_m[pieces], lane.left_m[pieces + 1], lane.right_m[pieces + 1], lane.right_m[pieces]], axis=1
        )
        triangles.add_quads(corners - down, [[0.0, 0.0, -1.0]], corners, Material.BRIDGE, owner=deck)
        if lane.is_driving:
            pillars.extend(_pillar_spots(centre[pieces], pillars, land, driving))
    return obstacles + _add_pillars(triangles, pillars, land, book)


def _deck_owner(book: ObjectBook, edges: Edges, high: npt.NDArray[np.int64]) -> int:
    """The object of all decks of the map; ``NO_OWNER`` where nothing is raised."""
    if len(high) == 0:
        return NO_OWNER
    middle = edges.point_m[high].mean(axis=0)
    return int(book.add(["Road_Bridge_0_SM_0"], Tag.BRIDGE, Layer.NONE, middle)[0])


def _add_sides(triangles: Triangles, edges: Edges, first: npt.NDArray[np.int64], owner: int) -> None:
    """The deck's overhanging border: a ledge on top and a vertical face."""
    top = edges.point_m - np.array([0.0, 0.0, BANK_DROP_M])
    out = top + edges.outward * OVERHANG_M
    bottom = out - np.array([0.0, 0.0, DECK_M])
    ledge = np.stack([top[first], top[first + 1], out[first + 1], out[first]], axis=1)
    triangles.add_quads(ledge, [[0.0, 0.0, 1.0]], ledge, Material.BRIDGE, owner=owner)
    face = np.stack([out[first], out[first + 1], bottom[first + 1], bottom[first]], axis=1)
    triangles.add_quads(face, edges.outward[first], face, Material.BRIDGE, owner=owner)
    inner = top - np.array([0.0, 0.0, DECK_M])
    under = np.stack([inner[first], inner[first + 1], bottom[first + 1], bottom[first]], axis=1)
    triangles.add_quads(under, [[0.0, 0.0, -1.0]], under, Material.BRIDGE, owner=owner)


def _add_rails(
    triangles: Triangles, edges: Edges, first: npt.NDArray[np.int64], driving: Ground, book: ObjectBook
) -> list[Box]:
    """A beam and posts beside the edge."""
    line = edges.point_m + edges.outward * RAIL_FROM_EDGE_M
    clear = ~on_driving_lane(driving, line)
    first = first[clear[first] & clear[first + 1]]
    a, b = line[first], line[first + 1]
    middle, along = (a + b) / 2.0, b - a
    length = np.linalg.norm(along[:, :2], axis=1)
    yaw = np.arctan2(along[:, 1], along[:, 0])
    low, high = RAIL_HEIGHT_M
    owners = book.add(book.number("SM_GuardRail", len(first)), Tag.GUARD_RAIL, Layer.WALLS, middle, yaw)
    for level, normal in ((-1.0, -edges.outward), (1.0, edges.outward)):
        shift = edges.outward * (level * RAIL_HALF_THICKNESS_M)
        p, q = (line + shift)[first], (line + shift)[first + 1]
        up_low, up_high = np.array([0.0, 0.0, low]), np.array([0.0, 0.0, high])
        beam = np.stack([p + up_low, q + up_low, q + up_high, p + up_high], axis=1)
        triangles.add_quads(beam, normal[first], beam, Material.GUARD_RAIL, owner=owners)
    posts = a + np.array([0.0, 0.0, high / 2.0])
    triangles.add_boxes(posts, (0.05, 0.05, high / 2.0), yaw, Material.GUARD_RAIL, owner=owners)
    return [
        Box(
            (x, y, z + high / 2.0 + abs(rise) / 4.0),
            (half, RAIL_HALF_THICKNESS_M, high / 2.0 + abs(rise) / 4.0),
            turn,
            int(Tag.GUARD_RAIL),
            owner,
        )
        for (x, y, z), half, turn, rise, owner in zip(
            middle.tolist(), (length / 2.0).tolist(), yaw.tolist(), along[:, 2].tolist(), owners.tolist(), strict=True
        )
    ]


def _pillar_spots(centres: Array, others: Sequence[Array], land: Ground, driving: Ground) -> list[Array]:
    """Points under a lane, ``PILLAR_GAP_M`` apart, that stand on no lane below."""
    spots: list[Array] = []
    angle = np.arange(8) * (np.pi / 4.0)
    ring = (PILLAR_RADIUS_M + 0.5) * np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
    for centre in centres:
        if any(np.linalg.norm(centre[:2] - other[:2]) < PILLAR_GAP_M for other in (*others, *spots)):
            continue
        foot = centre + ring
        foot[:, 2] = land.heights(foot)
        if not on_driving_lane(driving, foot).any():
            spots.append(centre)
    return spots


def _add_pillars(triangles: Triangles, spots: Sequence[Array], land: Ground, book: ObjectBook) -> list[Box]:
    if not spots:
        return []
    top = np.array(spots) - np.array([0.0, 0.0, DECK_M])
    foot = top.copy()
    foot[:, 2] = land.heights(top) - 0.5
    owners = book.add(book.number("SM_Pillar", len(spots)), Tag.BRIDGE, Layer.NONE, foot)
    triangles.add_cylinders(foot, top, PILLAR_RADIUS_M, Material.BRIDGE, 10, owner=owners)
    radius, tag = PILLAR_RADIUS_M, int(Tag.BRIDGE)
    return [
        Box((x, y, (low + high) / 2.0), (radius, radius, (high - low) / 2.0), 0.0, tag, owner)
        for (x, y, high), low, owner in zip(top.tolist(), foot[:, 2].tolist(), owners.tolist(), strict=True)
    ]
