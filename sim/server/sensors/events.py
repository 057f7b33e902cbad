"""The sensor of what is near: obstacle (carla-protocol 5.13). Collisions are told by the world itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import ActorValue, obstacle_body
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.instances import View
from sim.server.sensors.rays import RayCaster
from sim.server.world.pose import rotation_matrix

Array = npt.NDArray[np.float64]

DescribeActor = Callable[[int, int], ActorValue]
"""(actor id, semantic tag) -> the actor as the wire has it; id 0 is static scenery of that tag."""


class ObstacleSensor:
    """``sensor.other.obstacle``: the first thing that a sphere of ``hit_radius`` meets on its way ahead.

    As in CARLA the event names the sensor itself as ``actor``, the distance is how far the sphere's centre comes (0
    where it overlaps something from the start), and the actor that carries the sensor is passed through.
    """

    stream_index = 7

    def __init__(self, attributes: Attributes, caster: RayCaster, describe: DescribeActor, actor_id: int = 0) -> None:
        self._distance_m = attributes.number("distance", 5.0, 0.01, 10_000.0)
        self._radius_m = attributes.number("hit_radius", 0.5, 0.0, 100.0)
        self._only_dynamics = attributes.boolean("only_dynamics", False)
        self._caster, self._describe, self._actor_id = caster, describe, actor_id

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        ahead = rotation_matrix(*(float(a) for a in rotation_rad))[:, 0]
        around = view.instances.actors() if self._only_dynamics else view.instances
        bodies = self._caster.bodies(around, without=parent_id)
        start = np.asarray(position_m, np.float64)
        hit = self._caster.sweep(start, ahead, self._radius_m, self._distance_m, bodies, not self._only_dynamics)
        if hit is None:
            return None
        distance_m, other_id, tag = hit
        return obstacle_body(self._describe(self._actor_id, 0), self._describe(other_id, tag), distance_m)
