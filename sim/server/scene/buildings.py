"""Houses and blocks along the roads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.relief import Wall, add_chimneys, relief_of
from sim.server.scene.static import Box
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

STOREY_M = 3.2
STOREYS = (2, 3, 4, 5, 6, 8)
STOREY_SHARE = (0.22, 0.26, 0.24, 0.15, 0.08, 0.05)
FOUNDATION_M = 1.0
"""Walls reach this far below the lowest corner's ground."""
GABLE_UP_TO_M = 10.0
"""Higher buildings have flat roofs."""
EAVES_M = 0.4
CELL_M = (2.4, 3.5)
"""Distance of the axes of neighbouring windows."""
SHOP_BIT = 1 << 20
"""Of the walls' param, beside the seed of 20 bits."""
PARAPET_M = 0.5


@dataclass(frozen=True)
class Building:
    """A house: width along the road, depth away from it; ``yaw_rad`` is the direction of the width."""

    centre_m: tuple[float, float]
    ground_m: float  # lowest ground at its corners
    half_m: tuple[float, float]
    height_m: float
    yaw_rad: float
    seed: int


def draw_height(rng: np.random.Generator) -> float:
    """Height of the walls: whole storeys."""
    return STOREY_M * float(rng.choice(STOREYS, p=STOREY_SHARE))


def look(building: Building) -> int:
    """Param of the walls: the building's seed and whether there are shops on the ground floor."""
    return building.seed | (SHOP_BIT if has_shops(building) else 0)


def has_shops(building: Building) -> bool:
    """Whether shops take the ground floor: of blocks more often than of houses."""
    return style(building, 0) < (0.2 if building.height_m < GABLE_UP_TO_M else 0.6)


def style(building: Building, what: int) -> float:
    """A number 0..1 for each thing to choose about a building."""
    return float(np.random.default_rng([building.seed, 11, what]).random())


def cell_m(building: Building, length_m: Array) -> Array:
    """Width of the wall for each window: whole numbers of them on walls of these lengths."""
    usual = CELL_M[0] + (CELL_M[1] - CELL_M[0]) * style(building, 1)
    cells = np.maximum(np.round(length_m / usual), 1.0)
    out: Array = length_m / cells
    return out


def open_buildings(book: ObjectBook, buildings: Sequence[Building]) -> npt.NDArray[np.int32]:
    """An object for each building (n,): houses, and blocks of flats."""
    names = [f"BP_{'House' if b.height_m < GABLE_UP_TO_M else 'Apartment'}_{k}_SM_0" for k, b in enumerate(buildings)]
    foot = np.array([(*b.centre_m, b.ground_m) for b in buildings], np.float64).reshape(-1, 3)
    return book.add(names, Tag.BUILDINGS, Layer.BUILDINGS, foot, np.array([b.yaw_rad for b in buildings]))


def add_building(triangles: Triangles, building: Building, owner: int, rng: np.random.Generator) -> Box:
    """Walls, roof and what stands on it, all of the object ``owner``. Returns the box of the walls."""
    wide, deep = building.half_m
    bottom = building.ground_m - FOUNDATION_M
    top = building.ground_m + building.height_m
    _add_walls(triangles, building, owner, (0.0, 0.0), building.half_m, bottom, top)
    low = building.height_m < GABLE_UP_TO_M
    kind = rng.random()
    if low and kind < 0.7:
        _add_pitched_roof(triangles, building, owner, top, float(rng.uniform(1.8, 3.2)), hipped=kind < 0.3)
    else:
        _add_slab(triangles, building, owner, (0.0, 0.0), building.half_m, top)
        if not low and kind < 0.35 and min(wide, deep) > 5.0:
            upper = (wide * float(rng.uniform(0.45, 0.75)), deep * float(rng.uniform(0.5, 0.8)))
            shift = (float(rng.uniform(-1.0, 1.0)) * (wide - upper[0]), deep - upper[1])
            _add_walls(triangles, building, owner, shift, upper, top, top + STOREY_M)
            _add_slab(triangles, building, owner, shift, upper, top + STOREY_M)
        else:
            _add_roof_boxes(triangles, building, owner, top + PARAPET_M, rng)
    _add_relief(triangles, building, owner, top)
    x, y = building.centre_m
    half_height = (top - bottom) / 2.0
    return Box((x, y, bottom + half_height), (wide, deep, half_height), building.yaw_rad, int(Tag.BUILDINGS), owner)


def _add_relief(triangles: Triangles, building: Building, owner: int, top: float) -> None:
    """Balconies, awnings and pipes on the side of the road; chimneys on pitched roofs."""
    wide, deep = building.half_m
    rng = np.random.default_rng([building.seed, 12])
    cell = float(cell_m(building, np.array(2.0 * wide)))
    wall = Wall(-wide, 2.0 * wide, -deep, cell, building.ground_m, top, has_shops(building))
    relief = relief_of(wall, rng)
    centres = _place(building, relief.boxes[:, :3])
    yaw = building.yaw_rad
    triangles.add_boxes(centres, relief.boxes[:, 3:], yaw, Material.COVER, relief.box_rgb, owner)
    normals = _turn(building, relief.normals)
    triangles.add_quads(
        _place(building, relief.quads), normals, (0.0, 0.0, 0.0), Material.COVER, relief.quad_rgb, owner
    )
    if building.height_m < GABLE_UP_TO_M and rng.random() < 0.7:
        spot = np.array([[float(rng.uniform(-0.5, 0.5)) * wide, 0.3 * deep, top + 1.6]])
        add_chimneys(triangles, _place(building, spot), yaw, (0.32, 0.26, 1.2), owner)


def _place(building: Building, local: Array) -> Array:
    """World points of local ones (n, 3): x along the width, y along the depth, z absolute."""
    c, s = np.cos(building.yaw_rad), np.sin(building.yaw_rad)
    out = local.copy()
    out[..., 0] = local[..., 0] * c - local[..., 1] * s + building.centre_m[0]
    out[..., 1] = local[..., 0] * s + local[..., 1] * c + building.centre_m[1]
    return out


def _turn(building: Building, normals: Array) -> Array:
    c, s = np.cos(building.yaw_rad), np.sin(building.yaw_rad)
    out: Array = normals @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    return out


def _add_walls(
    triangles: Triangles,
    building: Building,
    owner: int,
    shift: tuple[float, float],
    half: tuple[float, float],
    low: float,
    high: float,
) -> None:
    corner = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * half + shift
    following = np.roll(corner, -1, axis=0)
    quads = np.zeros((4, 4, 3))
    quads[:, [0, 3], :2] = corner[:, None]
    quads[:, [1, 2], :2] = following[:, None]
    quads[:, :2, 2], quads[:, 2:, 2] = low, high
    uvw = np.zeros((4, 4, 3))
    uvw[:, [1, 2], 0] = np.linalg.norm(following - corner, axis=1)[:, None]
    uvw[:, :, 1] = quads[:, :, 2] - building.ground_m
    uvw[:, :, 2] = cell_m(building, 2.0 * np.asarray(half))[[0, 1, 0, 1]][:, None]
    normals = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    triangles.add_quads(_place(building, quads), _turn(building, normals), uvw, Material.FACADE, look(building), owner)


def _add_slab(
    triangles: Triangles,
    building: Building,
    owner: int,
    shift: tuple[float, float],
    half: tuple[float, float],
    top: float,
) -> None:
    """A flat roof with its coping."""
    centre = _place(building, np.array([[*shift, top + PARAPET_M / 2.0]]))
    size = (half[0] + 0.25, half[1] + 0.25, PARAPET_M / 2.0)
    triangles.add_boxes(centre, size, building.yaw_rad, Material.CONCRETE, building.seed, owner)


def _add_roof_boxes(triangles: Triangles, building: Building, owner: int, top: float, rng: np.random.Generator) -> None:
    """Stair heads and air conditioning."""
    count = int(rng.integers(1, 4))
    half = np.stack([rng.uniform(0.6, 1.8, count), rng.uniform(0.6, 1.5, count), rng.uniform(0.4, 1.3, count)], axis=1)
    room = np.maximum(np.array(building.half_m) - half[:, :2] - 0.8, 0.0)
    local = np.concatenate([rng.uniform(-1.0, 1.0, (count, 2)) * room, top + half[:, 2:]], axis=1)
    triangles.add_boxes(_place(building, local), half, building.yaw_rad, Material.CONCRETE, building.seed, owner)


def _add_pitched_roof(
    triangles: Triangles, building: Building, owner: int, top: float, rise: float, hipped: bool
) -> None:
    """Two long slopes; the ends are gables in the wall's material or, hipped, slopes, too."""
    wide, deep = building.half_m[0] + EAVES_M, building.half_m[1] + EAVES_M
    across = wide < deep  # the ridge follows the longer side
    long, short = (deep, wide) if across else (wide, deep)
    ridge = long - short * 0.8 if hipped else long
    a, b = np.array([-ridge, 0.0, top + rise]), np.array([ridge, 0.0, top + rise])
    corner = np.array([[-long, -short, top], [long, -short, top], [long, short, top], [-long, short, top]])
    slope = np.array([0.0, -rise, short]) / np.hypot(rise, short)
    polygons = [
        (np.array([corner[0], corner[1], b, a]), np.array([slope[0], -short * 0 - rise, short])),
        (np.array([corner[2], corner[3], a, b]), np.array([0.0, rise, short])),
        (np.array([corner[1], corner[2], b, b]), np.array([rise, 0.0, long - ridge])),
        (np.array([corner[3], corner[0], a, a]), np.array([-rise, 0.0, long - ridge])),
    ]
    for index, (points, normal) in enumerate(polygons):
        unit = normal / np.linalg.norm(normal)
        along = np.linalg.norm(points[1] - points[0])
        height = np.linalg.norm((points[2] + points[3] - points[0] - points[1]) / 2.0)
        uvw = np.array([[0, 0, 0], [along, 0, 0], [along, height, 0], [0, height, 0]])
        gable = index >= 2 and not hipped
        if across:  # turn the roof by 90 degrees
            points, unit = points[:, [1, 0, 2]] * (-1.0, 1.0, 1.0), unit[[1, 0, 2]] * (-1.0, 1.0, 1.0)
        material = Material.CONCRETE if gable else Material.ROOF
        triangles.add_quads(
            _place(building, points)[None], _turn(building, unit[None]), uvw, material, building.seed, owner
        )
    under = corner.copy()
    if across:
        under = under[:, [1, 0, 2]] * (-1.0, 1.0, 1.0)
    triangles.add_quads(
        _place(building, under)[None], [[0.0, 0.0, -1.0]], under, Material.CONCRETE, building.seed, owner
    )
