"""The bodies of one world by actor id, and their columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.world.bodies import BODY, VEHICLE, Bodies
from sim.server.world.pushes import Vector

Array = npt.NDArray[np.float64]


class BodyTable:
    """Rows sorted by actor id; every method raises LookupError for an unknown one."""

    def __init__(self) -> None:
        self._bodies: Bodies = np.zeros(0, BODY)
        self._row: dict[int, int] = {}

    def _new(self, actor_id: int, kind: int, position_m: Vector, rotation_rad: Vector) -> Any:
        if actor_id in self._row:
            raise ValueError(f"actor {actor_id} already has a body")
        body = np.zeros(1, BODY)[0]
        body["actor_id"], body["kind"] = actor_id, kind
        body["position"], body["rotation"] = position_m, rotation_rad
        body["simulate"] = body["collide"] = body["gravity"] = True
        body["normal"] = (0.0, 0.0, 1.0)
        return body

    def _insert(self, body: Any) -> None:
        at = int(np.searchsorted(self._bodies["actor_id"], body["actor_id"]))
        self._bodies = np.insert(self._bodies, at, body)
        self._reindex()

    def _reindex(self) -> None:
        self._row = {int(actor_id): row for row, actor_id in enumerate(self._bodies["actor_id"])}

    def _index(self, actor_id: int) -> int:
        row = self._row.get(actor_id)
        if row is None:
            raise LookupError(f"actor {actor_id} has no body; it was never added or has been destroyed")
        return row

    def _body(self, actor_id: int) -> Any:
        return self._bodies[self._index(actor_id)]

    def _vehicle(self, actor_id: int) -> Any:
        body = self._body(actor_id)
        if body["kind"] != VEHICLE:
            raise LookupError(f"actor {actor_id} is not a vehicle")
        return body

    # columns

    @property
    def actor_id(self) -> npt.NDArray[np.int64]:
        """Actor ids (n,), ascending: the order of all columns."""
        return np.ascontiguousarray(self._bodies["actor_id"])

    @property
    def position_m(self) -> Array:
        """Origins (n, 3)."""
        return np.ascontiguousarray(self._bodies["position"])

    @property
    def rotation_rad(self) -> Array:
        """Pitch, yaw, roll (n, 3)."""
        return np.ascontiguousarray(self._bodies["rotation"])

    @property
    def velocity_mps(self) -> Array:
        """Velocities of the mass centres (n, 3), world."""
        return np.ascontiguousarray(self._bodies["velocity"])

    @property
    def angular_velocity_radps(self) -> Array:
        """Angular velocities (n, 3), world."""
        return np.ascontiguousarray(self._bodies["angular_velocity"])

    @property
    def acceleration_mps2(self) -> Array:
        """Mean accelerations over the last tick (n, 3), world."""
        return np.ascontiguousarray(self._bodies["acceleration"])

    @property
    def bodies(self) -> Bodies:
        """The table itself (n,), to read: rows in the order of ``actor_id``."""
        return self._bodies

    @property
    def failure(self) -> npt.NDArray[np.int64]:
        """VehicleFailureState of each body (n,): 1 for a vehicle that has lain on its roof for five seconds, else 0."""
        return np.ascontiguousarray(self._bodies["failure"])

    @property
    def wheel_angle_rad(self) -> Array:
        """Rolling angles of the front wheels (n,); 0 for what has no wheels."""
        return np.ascontiguousarray(self._bodies["wheel_angle"])

    @property
    def steer_rad(self) -> Array:
        """Steering angles of the centre line (n,), positive to the right."""
        return np.ascontiguousarray(self._bodies["steer_angle"])
