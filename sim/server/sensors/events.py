"""Sensors of what is near: obstacle and radar (carla-protocol 5.9, 5.13). Collisions are told by the world itself."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import ActorValue, obstacle_body, radar_body
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
        bodies = self._caster.bodies(view.instances, without=parent_id)
        start = np.asarray(position_m, np.float64)
        hit = self._caster.sweep(start, ahead, self._radius_m, self._distance_m, bodies, not self._only_dynamics)
        if hit is None:
            return None
        distance_m, other_id, tag = hit
        return obstacle_body(self._describe(self._actor_id, 0), self._describe(other_id, tag), distance_m)


class RadarSensor:
    """``sensor.other.radar``: random rays in the elliptic field of view, with the radial speed of what they meet.

    The range is how far the rays reach along the axis of the sensor. A tick has ``points_per_second`` times its own
    length rays, whatever ``sensor_tick`` says.
    """

    stream_index = 9
    scans_per_tick = True

    def __init__(self, attributes: Attributes, caster: RayCaster, seed: int) -> None:
        self._range_m = attributes.number("range", 100.0, 0.01, 10_000.0)
        self._half_y = math.tan(math.radians(0.5 * attributes.number("horizontal_fov", 30.0, 0.01, 179.0)))
        self._half_z = math.tan(math.radians(0.5 * attributes.number("vertical_fov", 30.0, 0.01, 179.0)))
        self._points_per_second = attributes.integer("points_per_second", 1500, 1, 10_000_000)
        self._rng = np.random.default_rng([attributes.seed(), seed])
        self._caster = caster
        self._last: tuple[Array, float] | None = None  # position and time of the last measurement

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        count = int(self._points_per_second * dt_s + 1e-6)
        radius, turn = self._rng.random(count), self._rng.random(count) * 2.0 * math.pi
        way = np.stack([np.ones(count), self._half_y * radius * np.cos(turn), self._half_z * radius * np.sin(turn)], 1)
        stretch = np.linalg.norm(way, axis=1)  # of each ray against the axis
        way /= stretch[:, None]
        position = np.asarray(position_m, dtype=np.float64)
        world_way = way @ rotation_matrix(*(float(a) for a in rotation_rad)).T
        rays = np.concatenate([np.broadcast_to(position, way.shape), world_way], axis=1).astype(np.float32)
        reach = self._range_m * (float(stretch.max()) if count else 1.0)
        hits = self._caster.cast_rays(rays, reach, self._caster.bodies(view.instances, without=parent_id))
        own = self._own_velocity(position, view.elapsed_s, dt_s)
        hit = hits.range_m <= self._range_m * stretch
        relative = _velocities(view, hits.actor_id[hit]) - own
        out = np.empty((int(hit.sum()), 4), np.float32)
        out[:, 0] = np.einsum("ki,ki->k", relative, world_way[hit])
        out[:, 1] = np.arctan2(way[hit, 1], way[hit, 0])
        out[:, 2] = np.arcsin(way[hit, 2])
        out[:, 3] = hits.range_m[hit]
        return radar_body(out)

    def _own_velocity(self, position: Array, now_s: float, dt_s: float) -> Array:
        """Mean world velocity (3,) since the last measurement, zero at the first."""
        last, self._last = self._last, (position, now_s)
        if last is None:
            return np.zeros(3)
        passed_s = now_s - last[1] if now_s > last[1] else dt_s
        return (position - last[0]) / passed_s if passed_s > 0.0 else np.zeros(3)


def _velocities(view: View, actor_id: npt.NDArray[np.int64]) -> Array:
    """World velocities ``(k, 3)`` of the named actors; zero for static scenery (id 0)."""
    known = view.instances.actor_id
    if len(known) == 0:
        return np.zeros((len(actor_id), 3))
    row = np.minimum(np.searchsorted(known, actor_id), len(known) - 1)
    return np.where((known[row] == actor_id)[:, None], view.instances.velocity_mps[row], 0.0)
