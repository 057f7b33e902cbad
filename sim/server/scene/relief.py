"""What stands out from the walls of houses: balconies, awnings over shops, doorsteps, chimneys, downpipes.

Few triangles each (a balcony has 18), on the side that faces the road.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Material
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

STOREY_M = 3.2
BALCONY_DEEP_M, BALCONY_RAIL_M, SLAB_M = 1.1, 1.02, 0.14
AWNING_DEEP_M, AWNING_Z_M = 1.15, (2.55, 2.2)
PIPE_M = 0.05
AWNINGS = (0x8C1C1C, 0x1F4F7A, 0x2B5D34, 0xB08A3C, 0x5A5A58)
"""sRGB of the cloth."""
RAILS = (0x3A3C3E, 0xC9C6BE, 0x6E7376)
STONE = 0xA9A49A


@dataclass(frozen=True)
class Wall:
    """The wall of a house that faces the road: in the house's frame along x from ``left_m`` at y = ``front_m``, whose
    windows are ``cell_m`` apart; ground and top in world metres."""

    left_m: float
    length_m: float
    front_m: float
    cell_m: float
    ground_m: float
    top_m: float
    shops: bool


@dataclass(frozen=True)
class Relief:
    """Boxes (b, 6: centre and half sizes) and quads (q, 4, 3) with normals (q, 3) in the house's frame, and colours."""

    boxes: Array
    box_rgb: npt.NDArray[np.int64]
    quads: Array
    normals: Array
    quad_rgb: npt.NDArray[np.int64]


def relief_of(wall: Wall, rng: np.random.Generator) -> Relief:
    """What this wall has, as drawn by ``rng``."""
    boxes: list[list[float]] = []
    box_rgb: list[int] = []
    quads: list[list[list[float]]] = []
    normals: list[list[float]] = []
    quad_rgb: list[int] = []
    cells = round(wall.length_m / wall.cell_m)
    storeys = int((wall.top_m - wall.ground_m) / STOREY_M + 0.01)
    if storeys >= 3 and rng.random() < 0.55:
        rail = int(rng.choice(RAILS))
        every, first = int(rng.integers(2, 4)), int(rng.integers(0, 2))
        for cell in range(first, cells, every):
            middle = wall.left_m + (cell + 0.5) * wall.cell_m
            half = min(wall.cell_m * 0.46, 1.5)
            for storey in range(1, storeys):
                z = wall.ground_m + storey * STOREY_M + 0.42
                _balcony(boxes, quads, normals, middle, wall.front_m, z, half)
                box_rgb.append(STONE)
                quad_rgb += [rail] * 3
    if wall.shops:
        for cell in range(0, cells - 1, 2):
            if rng.random() < 0.35:
                cloth = int(rng.choice(AWNINGS))
                x0 = wall.left_m + cell * wall.cell_m + 0.15
                _awning(quads, normals, x0, x0 + 2 * wall.cell_m - 0.3, wall.front_m, wall.ground_m)
                quad_rgb += [cloth] * 2
    for x in (wall.left_m + 0.12, wall.left_m + wall.length_m - 0.12):
        half_z = (wall.top_m - wall.ground_m) / 2.0
        boxes.append([x, wall.front_m - PIPE_M, wall.ground_m + half_z, PIPE_M, PIPE_M, half_z])
        box_rgb.append(0x7D8083)
    return Relief(
        np.array(boxes).reshape(-1, 6),
        np.array(box_rgb, np.int64),
        np.array(quads).reshape(-1, 4, 3),
        np.array(normals).reshape(-1, 3),
        np.array(quad_rgb, np.int64),
    )


def _balcony(
    boxes: list[list[float]],
    quads: list[list[list[float]]],
    normals: list[list[float]],
    x: float,
    front: float,
    z: float,
    half: float,
) -> None:
    """A slab and a parapet of three panels; z is the slab's top."""
    deep, out = BALCONY_DEEP_M, front - BALCONY_DEEP_M
    boxes.append([x, front - deep / 2.0, z - SLAB_M / 2.0, half, deep / 2.0, SLAB_M / 2.0])
    up = z + BALCONY_RAIL_M
    quads.append([[x - half, out, z], [x + half, out, z], [x + half, out, up], [x - half, out, up]])
    normals.append([0.0, -1.0, 0.0])
    for side in (-half, half):
        quads.append([[x + side, front, z], [x + side, out, z], [x + side, out, up], [x + side, front, up]])
        normals.append([side / half, 0.0, 0.0])


def _awning(
    quads: list[list[list[float]]], normals: list[list[float]], x0: float, x1: float, front: float, ground: float
) -> None:
    """A slope of cloth and its valance."""
    (high, low), out = AWNING_Z_M, front - AWNING_DEEP_M
    high, low = ground + high, ground + low
    quads.append([[x0, front, high], [x1, front, high], [x1, out, low], [x0, out, low]])
    slope = np.array([0.0, low - high, AWNING_DEEP_M])
    normals.append((slope / np.linalg.norm(slope)).tolist())
    quads.append([[x0, out, low], [x1, out, low], [x1, out, low - 0.22], [x0, out, low - 0.22]])
    normals.append([0.0, -1.0, 0.0])


def add_chimneys(
    triangles: Triangles, place: Array, yaw_rad: float, half_m: tuple[float, float, float], owner: int
) -> None:
    """Brick shafts with a pot each at ``place`` (n, 3), world, the middle of the shafts."""
    triangles.add_boxes(place, half_m, yaw_rad, Material.COVER, 0x7A4A3A, owner)
    top = place + np.array([0.0, 0.0, half_m[2] + 0.12])
    triangles.add_boxes(top, (0.12, 0.12, 0.14), yaw_rad, Material.COVER, 0x8F5A44, owner)
