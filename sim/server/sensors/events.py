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
    """``sensor.other.obstacle``: the nearest thing ahead within ``distance``.

    The reference sweeps a sphere of ``hit_radius``; here its centre line and eight lines on its rim are cast.
    """

    stream_index = 7
    RIM_LINES = 8

    def __init__(self, attributes: Attributes, caster: RayCaster, describe: DescribeActor) -> None:
        self._distance_m = attributes.number("distance", 5.0, 0.01, 10_000.0)
        self._radius_m = attributes.number("hit_radius", 0.5, 0.0, 100.0)
        self._only_dynamics = attributes.boolean("only_dynamics", False)
        self._caster, self._describe = caster, describe

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        rotation = rotation_matrix(*(float(a) for a in rotation_rad))
        turn = np.arange(self.RIM_LINES) * (2.0 * math.pi / self.RIM_LINES)
        rim = np.stack([np.zeros(self.RIM_LINES), np.cos(turn), np.sin(turn)], axis=1) * self._radius_m
        starts = np.concatenate([np.zeros((1, 3)), rim]) @ rotation.T + position_m
        rays = np.concatenate([starts, np.broadcast_to(rotation[:, 0], starts.shape)], axis=1).astype(np.float32)
        hits = self._caster.cast_rays(rays, self._distance_m, self._caster.bodies(view.instances, without=parent_id))
        range_m = np.where(hits.actor_id > 0, hits.range_m, np.inf) if self._only_dynamics else hits.range_m
        nearest = int(np.argmin(range_m))
        if parent_id == 0 or not np.isfinite(range_m[nearest]):
            return None
        other = self._describe(int(hits.actor_id[nearest]), int(hits.tag[nearest]))
        return obstacle_body(self._describe(parent_id, 0), other, float(range_m[nearest]))


class RadarSensor:
    """``sensor.other.radar``: random rays in the elliptic field of view, with the radial speed of what they meet."""

    stream_index = 9

    def __init__(self, attributes: Attributes, caster: RayCaster, seed: int) -> None:
        self._range_m = attributes.number("range", 100.0, 0.01, 10_000.0)
        self._half_y = math.tan(math.radians(0.5 * attributes.number("horizontal_fov", 30.0, 0.01, 179.0)))
        self._half_z = math.tan(math.radians(0.5 * attributes.number("vertical_fov", 30.0, 0.01, 179.0)))
        self._points_per_second = attributes.integer("points_per_second", 1500, 1, 10_000_000)
        self._rng = np.random.default_rng([attributes.integer("noise_seed", 0, 0), seed])
        self._caster = caster
        self._last_m: Array | None = None

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        count = int(self._points_per_second * dt_s)
        radius, turn = self._rng.random(count), self._rng.random(count) * 2.0 * math.pi
        way = np.stack([np.ones(count), self._half_y * radius * np.cos(turn), self._half_z * radius * np.sin(turn)], 1)
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        position = np.asarray(position_m, dtype=np.float64)
        world_way = way @ rotation_matrix(*(float(a) for a in rotation_rad)).T
        rays = np.concatenate([np.broadcast_to(position, way.shape), world_way], axis=1).astype(np.float32)
        hits = self._caster.cast_rays(rays, self._range_m, self._caster.bodies(view.instances, without=parent_id))
        own = np.zeros(3) if self._last_m is None or dt_s <= 0.0 else (position - self._last_m) / dt_s
        self._last_m = position
        hit = np.isfinite(hits.range_m)
        relative = _velocities(view, hits.actor_id[hit]) - own
        out = np.empty((int(hit.sum()), 4), np.float32)
        out[:, 0] = np.einsum("ki,ki->k", relative, world_way[hit])
        out[:, 1] = np.arctan2(way[hit, 1], way[hit, 0])
        out[:, 2] = np.arcsin(way[hit, 2])
        out[:, 3] = hits.range_m[hit]
        return radar_body(out)


def _velocities(view: View, actor_id: npt.NDArray[np.int64]) -> Array:
    """World velocities ``(k, 3)`` of the named actors; zero for static scenery (id 0)."""
    known = view.instances.actor_id
    if len(known) == 0:
        return np.zeros((len(actor_id), 3))
    row = np.minimum(np.searchsorted(known, actor_id), len(known) - 1)
    return np.where((known[row] == actor_id)[:, None], view.instances.velocity_mps[row], 0.0)
