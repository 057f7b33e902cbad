"""Parked vehicles as objects of the map: on the ground, painted, each with a name, a number and a box."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim.server.scene.bodies.parked_cycles import LEAN_RAD, SUFFIX
from sim.server.scene.catalogue import RIDERLESS, model_for
from sim.server.scene.ground import Ground
from sim.server.scene.mesh import Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.parking_places import LIFT_M, Spot
from sim.server.scene.static import Box, Parked

Array = npt.NDArray[np.float64]

TURNED_SHARE, TURNED_RAD = 0.3, 0.45
"""Share of front wheels left turned, and by how much at most."""
PAINTS: tuple[tuple[int, float], ...] = (
    (0xE3E3E1, 22), (0x16171A, 21), (0x5A5D60, 19), (0xA9ACAE, 14), (0x1F3A66, 9), (0x7D1719, 6), (0x2F3B33, 3),
    (0x6B5B48, 3), (0x2C6A8C, 2), (0xC7A23A, 1),
)  # fmt: skip
"""sRGB, and share of new cars in Europe (ACEA, 2015-2020, rounded)."""
TWO_WHEELED = (Tag.MOTORCYCLE, Tag.BICYCLE)
CYCLE_PAINTS: tuple[tuple[int, float], ...] = (
    (0x17181A, 34), (0x23356B, 13), (0x1F4A38, 11), (0x8A1C1E, 10), (0x7C8084, 12), (0xD8D6CE, 8), (0x3B2A22, 6),
    (0x4C86A0, 6),
)  # fmt: skip
"""Of two-wheelers: black first, then dark colours."""
WHITE_VANS = ("vehicle.mercedes.sprinter",)


def enter(
    spots: Sequence[Spot], ground: Ground, book: ObjectBook, rng: np.random.Generator, first: int = 0
) -> tuple[Parked, list[Box]]:
    """Vehicles on the ground under their wheels, as objects with boxes; ``first`` were entered before them."""
    if not spots:
        return Parked.none(), []
    choices = [model_for(spot.type_id, RIDERLESS) for spot in spots]
    size = np.array([choice.size_m for choice in choices])
    lean = np.array([LEAN_RAD.get(choice.name.removesuffix(SUFFIX), 0.0) for choice in choices])
    poses = [_stand(spot, size[k], ground) for k, spot in enumerate(spots)]
    position, rotation = np.array([pose[0] for pose in poses]), np.array([pose[1] for pose in poses])
    turned = rng.random(len(spots)) < TURNED_SHARE
    steer = np.where(turned, rng.uniform(-TURNED_RAD, TURNED_RAD, len(spots)), 0.0)
    rgb = np.array([_paint(s.type_id, c.tag in TWO_WHEELED, rng) for s, c in zip(spots, choices, strict=True)])
    tags = np.array([int(choice.tag) for choice in choices], np.uint8)
    rotation[:, 2] -= lean
    centre, half = _boxes(position, rotation[:, 1], size, lean)
    owner = np.zeros(len(spots), np.int32)
    boxes: list[Box] = []
    for k, spot in enumerate(spots):
        number = first + k
        stem = "".join(word.title().replace("_", "") for word in spot.type_id.split(".")[1:])
        name, yaw = f"SM_Parked_{stem}_{number}_SM_0", float(rotation[k, 1])
        owner[k] = book.add([name], Tag(tags[k]), Layer.PARKED_VEHICLES, position[k], yaw)[0]
        book.enclose(int(owner[k]), centre[k], half[k], Parked.FIRST_ID + number)
        c, h = centre[k].tolist(), half[k].tolist()
        boxes.append(Box((c[0], c[1], c[2]), (h[0], h[1], h[2]), yaw, int(tags[k]), int(owner[k])))
    seed = rng.integers(0, 1 << 32, len(spots), dtype=np.uint32)
    return Parked(tuple(s.type_id for s in spots), owner, position, rotation, rgb, steer, seed), boxes


def _stand(spot: Spot, size_m: Array, ground: Ground) -> tuple[Array, Array]:
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


def _boxes(position_m: Array, yaw_rad: Array, size_m: Array, lean_rad: Array) -> tuple[Array, Array]:
    """Centres and half sizes (n, 3) of upright boxes round vehicles of size_m (n, 3) that lean to the left."""
    cos, sin = np.cos(lean_rad), np.sin(lean_rad)
    half = size_m / 2.0
    half = np.column_stack([half[:, 0], cos * half[:, 1] + sin * half[:, 2], cos * half[:, 2] + sin * half[:, 1]])
    left = sin * size_m[:, 2] / 2.0
    offset = np.column_stack([left * np.sin(yaw_rad), -left * np.cos(yaw_rad), cos * size_m[:, 2] / 2.0])
    return position_m + offset, half


def _paint(type_id: str, two_wheeled: bool, rng: np.random.Generator) -> tuple[float, float, float]:
    """sRGB 0..1."""
    paints = CYCLE_PAINTS if two_wheeled else PAINTS
    shares = np.cumsum([share for _, share in paints])
    k = min(int(np.searchsorted(shares, rng.random() * shares[-1])), len(paints) - 1)
    rgb = PAINTS[0][0] if type_id in WHITE_VANS and rng.random() < 0.7 else paints[k][0]
    return (rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0
