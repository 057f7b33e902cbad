"""What stands beside sidewalks: street lamps and garden walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.edges import Edges
from sim.server.scene.ground import Ground
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.occupancy import Occupancy, rectangle
from sim.server.scene.placement import Fronts
from sim.server.scene.static import Box
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

LAMP_GAP_M = 28.0
"""Usual spacing of street lamps 8 m high."""
LAMP_HEIGHT_M = 7.6
LAMP_ARM_M = 1.9
LAMP_RADIUS_M = (0.10, 0.06)
LAMP_TILT = 0.22
"""Rise of the arm over its length."""
WIDE_SIDEWALK_M = 2.6
"""On sidewalks this wide a lamp stands on the kerb's side and leaves a metre and a half to walk; else behind it."""
FROM_KERB_M = 1.0
"""Out of the way of cars that cut a corner or swing wide, as CARLA's agents do at 30 km/h by more than half a metre."""
BEHIND_SIDEWALK_M = 0.45
BESIDE_ROAD_M = 1.0
WALL_HALF_M = (2.02, 0.11, 0.55)
WALL_FOOT_M = 0.3
"""Walls reach this far into the ground, which may slope."""


@dataclass(frozen=True)
class Lamps:
    """Street lamps in columns (n,): foot (n, 3), unit vector towards the road (n, 3)."""

    foot_m: Array
    inward: Array

    def heads_m(self) -> Array:
        """Middle of each luminaire (n, 3)."""
        out: Array = self.foot_m + self.inward * LAMP_ARM_M
        out[:, 2] += LAMP_HEIGHT_M + LAMP_ARM_M * LAMP_TILT
        return out

    def lights(self) -> npt.NDArray[np.float32]:
        """Position just below the luminaire and pointing direction (n, 6): down and a little to the road."""
        down = self.inward * 0.25 - np.array([0.0, 0.0, 1.0])
        down /= np.linalg.norm(down, axis=1, keepdims=True)
        return np.concatenate([self.heads_m() - np.array([0.0, 0.0, 0.1]), down], axis=1).astype(np.float32)


def place_lamps(edges: Edges, occupancy: Occupancy, ground: Ground) -> Lamps:
    """Lamps along the edges with sidewalks, and sparser beside other roads in the order of the edges."""
    setback = np.where(edges.width_m >= WIDE_SIDEWALK_M, FROM_KERB_M - edges.width_m, BEHIND_SIDEWALK_M)
    spot = edges.point_m + edges.outward * np.where(edges.town, setback, BESIDE_ROAD_M)[:, None]
    gap = np.where(edges.town, LAMP_GAP_M, 1.5 * LAMP_GAP_M)
    nearest = np.full(len(spot), np.inf)
    spots: list[Array] = []
    inwards: list[Array] = []
    for k in range(len(spot)):
        if nearest[k] < gap[k] or _is_taken(occupancy, spot[k], bool(edges.town[k])):
            continue
        np.minimum(nearest, np.hypot(spot[:, 0] - spot[k, 0], spot[:, 1] - spot[k, 1]), out=nearest)
        occupancy.take(rectangle(spot[k], (0.5, 0.5), 0.0))
        spots.append(spot[k])
        inwards.append(-edges.outward[k])
    foot = np.array(spots).reshape(-1, 3)
    foot[:, 2] = ground.heights(foot)
    return Lamps(foot, np.array(inwards).reshape(-1, 3))


def _is_taken(occupancy: Occupancy, spot: Array, town: bool) -> bool:
    around = rectangle(spot, (0.4, 0.4), 0.0)
    if np.any(occupancy.at(occupancy.driving, around)) or not occupancy.misses_corners(around):
        return True
    return not town and not occupancy.is_free(around)


def open_lamps(book: ObjectBook, lamps: Lamps) -> npt.NDArray[np.int32]:
    """An object for each street lamp (n,); its x axis points to the road."""
    yaw = np.arctan2(lamps.inward[:, 1], lamps.inward[:, 0])
    names = book.number("BP_StreetLight", len(yaw))
    return book.add(names, Tag.POLES, Layer.STREET_LIGHTS, lamps.foot_m, yaw)


def open_walls(book: ObjectBook, walls: Fronts) -> npt.NDArray[np.int32]:
    """An object for each piece of garden wall (n,)."""
    names = book.number("SM_GardenWall", len(walls.yaw_rad))
    return book.add(names, Tag.WALLS, Layer.WALLS, walls.foot_m, walls.yaw_rad)


def add_lamps(triangles: Triangles, lamps: Lamps, owners: npt.NDArray[np.int32]) -> list[Box]:
    """Poles, arms and luminaires of the objects ``owners (n,)``. Returns the poles as obstacles."""
    up = np.array([0.0, 0.0, 1.0])
    top = lamps.foot_m + up * LAMP_HEIGHT_M
    heads = lamps.heads_m()
    triangles.add_cylinders(lamps.foot_m - 0.3 * up, top, LAMP_RADIUS_M, Material.POLE, owner=owners)
    triangles.add_cylinders(top, heads, (0.05, 0.035), Material.POLE, 6, owner=owners)
    yaw = np.arctan2(lamps.inward[:, 1], lamps.inward[:, 0])
    triangles.add_boxes(heads + 0.02 * up, (0.36, 0.14, 0.06), yaw, Material.POLE, owner=owners)
    triangles.add_boxes(heads - 0.05 * up, (0.28, 0.11, 0.015), yaw, Material.STREET_LAMP, owner=owners)
    half = LAMP_HEIGHT_M / 2.0
    return [
        Box((x, y, z + half), (LAMP_RADIUS_M[0], LAMP_RADIUS_M[0], half), 0.0, int(Tag.POLES), owner)
        for (x, y, z), owner in zip(lamps.foot_m.tolist(), owners.tolist(), strict=True)
    ]


def add_walls(triangles: Triangles, walls: Fronts, owners: npt.NDArray[np.int32]) -> list[Box]:
    """Low garden walls with a coping, the objects ``owners (n,)``. Returns them as obstacles."""
    if len(walls.yaw_rad) == 0:
        return []
    up = np.array([0.0, 0.0, 1.0])
    half = np.array(WALL_HALF_M)
    half[2] = WALL_HALF_M[2] + WALL_FOOT_M / 2.0
    middle = walls.foot_m + (WALL_HALF_M[2] - WALL_FOOT_M / 2.0) * up
    triangles.add_boxes(middle, half, walls.yaw_rad, Material.WALL, owner=owners)
    coping = (WALL_HALF_M[0], WALL_HALF_M[1] + 0.04, 0.03)
    top = walls.foot_m + (2.0 * WALL_HALF_M[2] + 0.03) * up
    triangles.add_boxes(top, coping, walls.yaw_rad, Material.WALL, owner=owners)
    return [
        Box((x, y, z + WALL_HALF_M[2]), WALL_HALF_M, yaw, int(Tag.WALLS), owner)
        for (x, y, z), yaw, owner in zip(walls.foot_m.tolist(), walls.yaw_rad.tolist(), owners.tolist(), strict=True)
    ]
