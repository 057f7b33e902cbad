"""Vehicles that belong to the map: parked cars as environment objects, which no snapshot tells of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perception.frame import FloatArray
from perception.objects import IntArray, ObjectClass
from sim.source import conversion

if TYPE_CHECKING:
    import carla

FIRST_ID = 0xFF0000
"""Their numbers are this and the lower 16 bits of the environment object's id: above those of actors. The embedded
server numbers them so in instance pictures, label tables and semantic sweeps, too."""
TYPE = "parked."
"""Begins their type ids: parked.car, parked.van, ..."""
LABELS = (
    ("Car", "car", ObjectClass.CAR),
    ("Truck", "truck", ObjectClass.TRUCK),
    ("Bus", "bus", ObjectClass.BUS),
    ("Motorcycle", "motorcycle", ObjectClass.MOTORCYCLE),
    ("Bicycle", "bicycle", ObjectClass.BICYCLE),
)
"""CARLA's label, category, class."""
VAN_FROM_M = 1.95
"""A "car" of this height is a van: the highest cars measure 1.9 m, the lowest vans 1.98."""
REACH_M = 150.0
"""Beyond, a car is 4 px high in a picture 640 px wide."""
SMALLEST_M = 0.5
"""Boxes shorter than this are loose parts, not vehicles."""


@dataclass(frozen=True)
class Parked:
    """Parked vehicles in columns (n,): actor_id (made up, ``FIRST_ID``), boxes_world_m (n, 7), classes, category."""

    actor_id: IntArray
    boxes_world_m: FloatArray
    classes: IntArray
    category: tuple[str, ...]

    @property
    def type_id(self) -> tuple[str, ...]:
        """What they are called where actors have the ids of their blueprints."""
        return tuple(TYPE + category for category in self.category)

    def __len__(self) -> int:
        return len(self.actor_id)

    def near(self, centre_world_m: FloatArray, besides: npt.NDArray[np.bool_] | None = None) -> Parked:
        """Those within ``REACH_M`` of a place (>= 2,), and those of ``besides`` (n,)."""
        away = np.hypot(*(self.boxes_world_m[:, :2] - centre_world_m[:2]).T)
        rows = np.flatnonzero((away < REACH_M) | (False if besides is None else besides))
        return Parked(
            self.actor_id[rows],
            self.boxes_world_m[rows],
            self.classes[rows],
            tuple(self.category[k] for k in rows.tolist()),
        )


def parked_vehicles(world: carla.World) -> Parked:
    """Every vehicle of the map, sorted by number. A box within another is a part of it and left out."""
    from carla import CityObjectLabel

    rows: list[tuple[int, list[float], int, str]] = []
    for name, category, kind in LABELS:
        for thing in world.get_environment_objects(getattr(CityObjectLabel, name)):
            box = _box(thing)
            if max(box[3:5]) >= SMALLEST_M:
                van = category == "car" and box[5] >= VAN_FROM_M
                rows.append((int(thing.id), box, int(kind), "van" if van else category))
    rows.sort(key=lambda row: row[0] & 0xFFFF)
    boxes = np.array([box for _, box, _, _ in rows], np.float64).reshape(-1, 7)
    whole = [row for k, row in enumerate(rows) if not _is_part(k, boxes)]
    numbers: list[int] = []
    for key, _, _, _ in whole:
        wanted = FIRST_ID | key & 0xFFFF
        numbers.append(wanted if not numbers else max(wanted, numbers[-1] + 1))
    return Parked(
        np.array(numbers, np.int64),
        np.array([box for _, box, _, _ in whole], np.float64).reshape(-1, 7),
        np.array([kind for _, _, kind, _ in whole], np.int64),
        tuple(category for _, _, _, category in whole),
    )


def _box(thing: Any) -> list[float]:
    """x y z length width height yaw of an environment object; its box is in the world's frame."""
    box = thing.bounding_box
    centre = conversion.vector(box.location)
    size = (2.0 * box.extent.x, 2.0 * box.extent.y, 2.0 * box.extent.z)
    return [*centre.tolist(), *size, -math.radians(box.rotation.yaw)]


def _is_part(k: int, boxes: FloatArray) -> bool:
    """Whether the centre of box ``k`` lies in a larger one."""
    volume = np.prod(boxes[:, 3:6], axis=1)
    offset = boxes[k, :3] - boxes[:, :3]
    c, s = np.cos(boxes[:, 6]), np.sin(boxes[:, 6])
    along, across = c * offset[:, 0] + s * offset[:, 1], c * offset[:, 1] - s * offset[:, 0]
    inside = np.abs(np.column_stack([along, across, offset[:, 2]])) <= boxes[:, 3:6] / 2.0
    return bool((inside.all(axis=1) & (volume > volume[k] * 1.001)).any())
