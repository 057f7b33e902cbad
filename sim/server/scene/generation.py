"""Worlds made of a client's own OpenDRIVE text: what is accepted, wider junction lanes, walls instead of a town."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sim.server.scene.edges import Edges
from sim.server.scene.lanes import Lane
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.static import Box
from sim.server.scene.triangles import Triangles

MAX_TEXT_CHARS = 32 << 20
"""Ten times the largest of CARLA's towns."""
MAX_ROADS_M = 1.0e6
"""Length of all roads together: a large city's, at ten metres and some lanes a sample 100 MB."""
MAX_PLACE_M = 1.0e5
"""Coordinates beyond have no millimetres left in float32."""
WALL_HALF_THICKNESS_M = 0.1
WALL_FOOT_M = 0.3
"""Walls reach this far into the ground, which may slope."""


@dataclass(frozen=True)
class Generation:
    """CARLA's ``OpendriveGenerationParameters``, as far as they change anything here.

    wall_height_m: of the walls along roads, outside junctions; additional_width_m: by which each edge of a junction's
    lanes is moved outwards; visible: cameras see the roads; pedestrians: a navigation mesh is offered.
    """

    wall_height_m: float = 1.0
    additional_width_m: float = 0.6
    visible: bool = True
    pedestrians: bool = True


def check_opendrive(text: str) -> None:
    """Raises ValueError for what is no OpenDRIVE, or too large to be built."""
    if len(text) > MAX_TEXT_CHARS:
        raise ValueError(f"expected at most {MAX_TEXT_CHARS} characters, got {len(text)}")
    if "<!DOCTYPE" in text:
        raise ValueError("document type declarations are not accepted")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        raise ValueError(f"not well-formed XML: {error}") from None
    if root.tag != "OpenDRIVE":
        raise ValueError(f"the root element is <{root.tag}>, expected <OpenDRIVE>")
    roads = root.findall("road")
    if not roads:
        raise ValueError("there is no <road>")
    total_m = sum(_number(road, "length", f"road {road.get('id')}") for road in roads)
    if not 0.0 < total_m <= MAX_ROADS_M:
        raise ValueError(f"the roads are {total_m:g} m long together, expected more than 0 and at most {MAX_ROADS_M:g}")
    for road in roads:
        for piece in road.iter("geometry"):
            for name in ("x", "y", "length"):
                place = _number(piece, name, f"road {road.get('id')}, geometry")
                if abs(place) > MAX_PLACE_M:
                    raise ValueError(f"road {road.get('id')}: {name}={place:g}, expected within {MAX_PLACE_M:g} m")


def _number(element: ET.Element, name: str, what: str) -> float:
    text = element.get(name, "")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{what}: {name} is {text!r}, expected a number")
    return number


def widened(lanes: Sequence[Lane], by_m: float) -> list[Lane]:
    """The lanes, of which those in junctions are wider by ``by_m`` on both sides."""
    out: list[Lane] = []
    for lane in lanes:
        if lane.junction < 0 or not lane.is_driving or by_m <= 0.0:
            out.append(lane)
            continue
        across = lane.right_m - lane.left_m
        across = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6) * by_m
        out.append(replace(lane, left_m=lane.left_m - across, right_m=lane.right_m + across))
    return out


def add_road_walls(triangles: Triangles, edges: Edges, height_m: float, book: ObjectBook) -> list[Box]:
    """Walls along the outer edges (outside junctions); each edge of a road is one object. They are obstacles, too."""
    first = edges.neighbours()
    if height_m <= 0.0 or len(first) == 0:
        return []
    line = edges.point_m + edges.outward * WALL_HALF_THICKNESS_M
    a, b = line[first], line[first + 1]
    along = b - a
    yaw = np.arctan2(along[:, 1], along[:, 0])
    rise = np.abs(along[:, 2])
    half = np.column_stack(
        [
            np.linalg.norm(along[:, :2], axis=1) / 2.0,
            np.full(len(first), WALL_HALF_THICKNESS_M),
            (height_m + WALL_FOOT_M + rise) / 2.0,
        ]
    )
    centre = (a + b) / 2.0
    centre[:, 2] += (height_m - WALL_FOOT_M) / 2.0
    owner = _owners(book, edges, first)
    triangles.add_boxes(centre, half, yaw, Material.WALL, owner=owner)
    return [
        Box((x, y, z), (u, v, w), turn, int(Tag.WALLS), number)
        for (x, y, z), (u, v, w), turn, number in zip(
            centre.tolist(), half.tolist(), yaw.tolist(), owner.tolist(), strict=True
        )
    ]


def _owners(book: ObjectBook, edges: Edges, first: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Object (k,) of each piece of wall."""
    runs, begin, number = np.unique(edges.run[first], return_index=True, return_inverse=True)
    names = book.number("SM_RoadWall", len(runs))
    return book.add(names, Tag.WALLS, Layer.NONE, edges.point_m[first[begin]])[number]
