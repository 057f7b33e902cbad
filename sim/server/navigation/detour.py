"""Detour's navigation-mesh file, as the client reads it: little-endian, one tile. (D: x, y up, z = our x, z, y.)

The layout is that of Recast's sample programs (``MSET`` version 1, tiles of version 7) with 32-bit references.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.navigation.areas import AGENT_HEIGHT_M, AGENT_RADIUS_M, Area
from sim.server.navigation.convex import MAX_CORNERS
from sim.server.navigation.partition import Partition

SET_MAGIC = int.from_bytes(b"TESM", "little")
SET_VERSION = 1
TILE_MAGIC = int.from_bytes(b"VAND", "little")
TILE_VERSION = 7
SET_HEADER = struct.Struct("<3i5f2i")
TILE_HEADER = struct.Struct("<Ii")
MESH_HEADER = struct.Struct("<5iI9i3f3f3ff")
MAX_POLYGONS = 0x7FFF
"""A neighbour is a 16-bit number plus one, whose highest bit has another meaning."""
MAX_VERTICES = 0xFFFF
CLIMB_M = 0.5
FLAGS = {Area.SIDEWALK: 0x02, Area.CROSSWALK: 0x04, Area.ROAD: 0x08, Area.GRASS: 0x10}
"""What the client's filters ask for."""
BOUNDARY = 1
"""Detail edge that is one of the polygon's."""

POLYGON = np.dtype(
    [
        ("first_link", "<u4"),
        ("corner", "<u2", (MAX_CORNERS,)),
        ("neighbour", "<u2", (MAX_CORNERS,)),
        ("flags", "<u2"),
        ("corner_count", "u1"),
        ("area", "u1"),
    ]
)
DETAIL = np.dtype(
    [("vertex", "<u4"), ("triangle", "<u4"), ("vertex_count", "u1"), ("triangle_count", "u1"), ("pad", "<u2")]
)
NODE = np.dtype([("low", "<u2", (3,)), ("high", "<u2", (3,)), ("index", "<i4")])
LINK_BYTES = 12
LEAF_SIZE = 4
"""Polygons under one inner node of the search tree."""


class TooLargeError(ValueError):
    """More polygons or corners than a tile can name."""


def encode(mesh: Partition) -> bytes:
    """The file of a mesh with at least one polygon. Raises TooLargeError."""
    count, vertices = len(mesh.polygons), mesh.corners_m[:, [0, 2, 1]].astype("<f4")
    if count > MAX_POLYGONS or len(vertices) > MAX_VERTICES:
        raise TooLargeError(
            f"navigation mesh: {count} polygons and {len(vertices)} corners, but a tile holds {MAX_POLYGONS} and "
            f"{MAX_VERTICES}"
        )
    low, high = vertices.min(axis=0) - 1.0, vertices.max(axis=0) + 1.0
    polygons, links = _polygons(mesh)
    detail, triangles = _details(mesh)
    quantum = 60000.0 / float((high - low).max())
    nodes = _search_tree(vertices, mesh.polygons, low, quantum)
    header = MESH_HEADER.pack(
        TILE_MAGIC, TILE_VERSION, 0, 0, 0, 0, count, len(vertices), links, len(detail), 0, len(triangles),
        len(nodes), 0, count, AGENT_HEIGHT_M, AGENT_RADIUS_M, CLIMB_M, *low.tolist(), *high.tolist(), quantum,
    )  # fmt: skip
    tile = b"".join(
        (header, vertices.tobytes(), polygons.tobytes(), bytes(LINK_BYTES * links), detail.tobytes(),
         triangles.tobytes(), nodes.tobytes())
    )  # fmt: skip
    side = float(max(high[0] - low[0], high[2] - low[2])) + 1.0
    poly_bits = max(1, (count - 1).bit_length())
    head = SET_HEADER.pack(SET_MAGIC, SET_VERSION, 1, *low.tolist(), side, side, 1, 1 << poly_bits)
    return head + TILE_HEADER.pack(1 << poly_bits, len(tile)) + tile


def _polygons(mesh: Partition) -> tuple[npt.NDArray[np.void], int]:
    """Records (p,) and the number of links between them."""
    out = np.zeros(len(mesh.polygons), POLYGON)
    out["first_link"] = 0xFFFFFFFF
    out["area"] = mesh.area
    out["flags"] = np.array([FLAGS.get(Area(a), 0) if a else 0 for a in range(5)], np.uint16)[mesh.area]
    links = 0
    for index, (ring, beyond) in enumerate(zip(mesh.polygons, mesh.neighbours(), strict=True)):
        n = len(ring)
        out["corner_count"][index] = n
        # Detour's polygons run the other way round, and side k joins corners k and k + 1 there, too
        out["corner"][index, :n] = ring[::-1]
        sides = [*beyond[-2::-1], beyond[-1]]
        out["neighbour"][index, :n] = [other + 1 for other in sides]
        links += sum(other >= 0 for other in beyond)
    return out, links


def _details(mesh: Partition) -> tuple[npt.NDArray[np.void], npt.NDArray[np.uint8]]:
    """The surface of each polygon: its own triangles; corners numbered as in ``_polygons``."""
    counts = np.array([len(inside) for inside in mesh.triangles], np.int64)
    out = np.zeros(len(counts), DETAIL)
    out["triangle"] = np.cumsum(counts) - counts
    out["triangle_count"] = counts
    rows: list[tuple[int, int, int, int]] = []
    for ring, inside in zip(mesh.polygons, mesh.triangles, strict=True):
        n = len(ring)
        for a, b, c in inside:
            corner = (n - 1 - c, n - 1 - b, n - 1 - a)
            flags = 0
            for k in range(3):
                if (corner[(k + 1) % 3] - corner[k]) % n == 1:
                    flags |= BOUNDARY << (2 * k)
            rows.append((*corner, flags))
    return out, np.array(rows, np.uint8).reshape(-1, 4)


def _search_tree(
    vertices: npt.NDArray[np.float32],
    polygons: tuple[tuple[int, ...], ...],
    low: npt.NDArray[np.float32],
    quantum: float,
) -> npt.NDArray[np.void]:
    """Boxes of all polygons as a tree in preorder: a leaf names its polygon, an inner node says how many to skip."""
    counts = np.array([len(ring) for ring in polygons])
    flat = vertices[np.concatenate([np.array(ring) for ring in polygons])]
    first = np.cumsum(counts) - counts
    box_low = np.minimum.reduceat(flat, first)
    box_high = np.maximum.reduceat(flat, first)
    floor = np.floor((box_low - low) * quantum).astype(np.int64)
    ceil = np.ceil((box_high - low) * quantum).astype(np.int64)
    nodes: list[tuple[list[int], list[int], int]] = []

    def add(items: npt.NDArray[np.int64]) -> None:
        if len(items) > 1:
            at = len(nodes)
            nodes.append(([], [], 0))
            middle = floor[items] + ceil[items]
            axis = int(np.argmax(np.ptp(middle, axis=0)))
            if len(items) > LEAF_SIZE:
                order = items[np.argsort(middle[:, axis], kind="stable")]
                half = len(items) // 2
                add(order[:half])
                add(order[half:])
            else:
                for item in items:
                    add(items[items == item])
            nodes[at] = (floor[items].min(axis=0).tolist(), ceil[items].max(axis=0).tolist(), at - len(nodes))
        else:
            item = int(items[0])
            nodes.append((floor[item].tolist(), ceil[item].tolist(), item))

    add(np.arange(len(polygons)))
    return np.array([(tuple(a), tuple(b), i) for a, b, i in nodes], NODE)


@dataclass(frozen=True)
class Tile:
    """A file taken apart: what the client sees. Axes are Detour's."""

    header: tuple[float, ...]
    vertices: npt.NDArray[np.float32]
    polygons: npt.NDArray[np.void]
    link_count: int
    detail: npt.NDArray[np.void]
    triangles: npt.NDArray[np.uint8]
    nodes: npt.NDArray[np.void]


def decode(data: bytes) -> Tile:
    """Read a file that ``encode`` wrote. Raises ValueError if it is none, or cut short."""
    if len(data) < SET_HEADER.size + TILE_HEADER.size + MESH_HEADER.size:
        raise ValueError(f"navigation mesh: {len(data)} bytes are no file")
    head = SET_HEADER.unpack_from(data)
    _, size = TILE_HEADER.unpack_from(data, SET_HEADER.size)
    at = SET_HEADER.size + TILE_HEADER.size
    if head[:3] != (SET_MAGIC, SET_VERSION, 1) or size != len(data) - at:
        raise ValueError("navigation mesh: not a file of one tile, or cut short")
    header = MESH_HEADER.unpack_from(data, at)
    at += MESH_HEADER.size
    counts = header[6:14]
    layout: tuple[tuple[npt.DTypeLike, int], ...] = (
        ("<f4", 3 * counts[1]),
        (POLYGON, counts[0]),
        ("u1", LINK_BYTES * counts[2]),
        (DETAIL, counts[3]),
        ("<f4", 3 * counts[4]),
        ("u1", 4 * counts[5]),
        (NODE, counts[6]),
    )
    parts: list[npt.NDArray[Any]] = []
    for dtype, n in layout:
        size = n * np.dtype(dtype).itemsize
        if n < 0 or at + size > len(data):
            raise ValueError("navigation mesh: counts do not fit the file")
        parts.append(np.frombuffer(data, dtype, n, at))
        at += size
    if at != len(data):
        raise ValueError(f"navigation mesh: {len(data) - at} bytes too many")
    return Tile(header, parts[0].reshape(-1, 3), parts[1], counts[2], parts[3], parts[5].reshape(-1, 4), parts[6])
