"""Boxes in which tyres have another friction: CARLA's ``static.trigger.friction``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.server.world.blueprints import leading_float
from sim.server.world.bodies import VEHICLE, Bodies
from sim.server.world.pose import rotation_matrix

FRICTION_TRIGGER = "static.trigger.friction"
DEFAULT_FRICTION = 3.5
DEFAULT_EXTENT_CM = 1.0
MAX_FRICTION = 1e6
MAX_EXTENT_M = 1e4
"""Ten kilometres: larger than any town."""
NO_TRIGGER = -1.0
"""``trigger_friction`` of a vehicle that is in no trigger."""


@njit(cache=True, nogil=True)
def _apply(
    bodies: Bodies,
    friction: npt.NDArray[np.float64],
    half: npt.NDArray[np.float64],
    position: npt.NDArray[np.float64],
    world_from_box: npt.NDArray[np.float64],
) -> None:
    for i in range(len(bodies)):
        b = bodies[i]
        if b.kind != VEHICLE:
            continue
        b.trigger_friction = NO_TRIGGER
        for k in range(len(friction)):
            if _touches(b, half[k], position[k], world_from_box[k]):
                b.trigger_friction = friction[k]


@njit(cache=True, nogil=True)
def _touches(b: Any, half: Any, position: Any, frame: Any) -> bool:
    """Whether the vehicle's box, upright, reaches into the trigger: separating axes of both boxes in the level plane
    and the height of both."""
    cos, sin = np.cos(b.rotation[1]), np.sin(b.rotation[1])
    dx = b.position[0] + cos * b.centre[0] - sin * b.centre[1] - position[0]
    dy = b.position[1] + sin * b.centre[0] + cos * b.centre[1] - position[1]
    dz = b.position[2] + b.centre[2] - position[2]
    tall = abs(frame[2, 0]) * half[0] + abs(frame[2, 1]) * half[1] + abs(frame[2, 2]) * half[2]
    if abs(dz) > tall + b.half[2]:
        return False
    ax, ay = frame[0, 0], frame[1, 0]
    size = max(np.hypot(ax, ay), 1e-9)
    ax, ay = ax / size, ay / size
    along, across = abs(cos * ax + sin * ay), abs(sin * ax - cos * ay)
    if abs(dx * cos + dy * sin) > b.half[0] + along * half[0] + across * half[1]:
        return False
    if abs(dy * cos - dx * sin) > b.half[1] + across * half[0] + along * half[1]:
        return False
    if abs(dx * ax + dy * ay) > half[0] + along * b.half[0] + across * b.half[1]:
        return False
    return bool(abs(dy * ax - dx * ay) <= half[1] + across * b.half[0] + along * b.half[1])


def trigger_box(attributes: Mapping[str, str]) -> tuple[float, tuple[float, float, float]]:
    """Friction and half size in metres of a trigger, from its attributes (extents in cm, as CARLA has them)."""
    friction = leading_float(attributes.get("friction", str(DEFAULT_FRICTION)))
    x, y, z = (
        min(max(leading_float(attributes.get(f"extent_{axis}", str(DEFAULT_EXTENT_CM))) / 100.0, 0.0), MAX_EXTENT_M)
        for axis in "xyz"
    )
    return min(max(friction, 0.0), MAX_FRICTION), (x, y, z)


class FrictionTriggers:
    """The triggers of one episode, by actor id; where two overlap, the later one counts, as in CARLA."""

    def __init__(self) -> None:
        self._boxes: dict[int, tuple[float, npt.NDArray[np.float64]]] = {}
        self._pack()

    def __bool__(self) -> bool:
        return bool(self._boxes)

    def add(
        self,
        actor_id: int,
        friction: float,
        half_m: Sequence[float] | npt.NDArray[np.float64],
        position_m: Sequence[float] | npt.NDArray[np.float64],
        rotation_rad: Sequence[float] | npt.NDArray[np.float64],
    ) -> None:
        """Add or move a box. Raises ValueError for a negative friction."""
        if friction < 0.0:
            raise ValueError(f"friction of a trigger must not be below 0, got {friction}")
        frame = rotation_matrix(*(float(angle) for angle in rotation_rad))
        row = np.concatenate([np.asarray(half_m, np.float64), np.asarray(position_m, np.float64), frame.ravel()])
        self._boxes[actor_id] = (friction, row)
        self._pack()

    def remove(self, actor_id: int) -> None:
        """Take a box out, if there is one."""
        self._boxes.pop(actor_id, None)
        self._pack()

    def apply(self, bodies: Bodies) -> None:
        """Set ``trigger_friction`` of every vehicle."""
        _apply(bodies, self._friction, self._half, self._position, self._frame)

    def _pack(self) -> None:
        rows = np.array([row for _, row in self._boxes.values()], np.float64).reshape(-1, 15)
        self._friction = np.array([friction for friction, _ in self._boxes.values()], np.float64)
        self._half, self._position = rows[:, :3].copy(), rows[:, 3:6].copy()
        self._frame = rows[:, 6:].reshape(-1, 3, 3).copy()
