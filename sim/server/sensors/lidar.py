"""LiDARs: ``sensor.lidar.ray_cast`` and ``sensor.lidar.ray_cast_semantic`` (carla-protocol 5.7, 5.8).

Behaviour follows the reference sensor: channel 0 looks along the upper limit, the others follow linearly down to the
lower one; each tick shoots round(points_per_second * dt / channels) rays per channel, evenly over the azimuth that the
head turns in dt, and the next tick continues where this one ended; rays that meet nothing within range give no point.
The body that carries the sensor is not seen (rays of CARLA 0.9.16 hit it; programs filter such points out).

Intensity is exp(-atmosphere_attenuation_rate * range): as in the reference, surfaces have no reflectivity, and
programs take the range back out of it. A tick has its own length's share of points and of the turn, whatever
``sensor_tick`` says (``scans_per_tick``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import lidar_body, semantic_lidar_body
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.fans import Fan
from sim.server.sensors.hits import Hits
from sim.server.sensors.instances import View
from sim.server.sensors.ray_kernels import place_points
from sim.server.sensors.rays import RayCaster
from sim.server.world.pose import rotation_matrix

Array = npt.NDArray[np.float64]

MAX_CHANNELS = 512
MAX_RAYS_PER_TICK = 4_000_000
"""More than any real sensor in a second; a larger request is a mistake in the attributes and would exhaust memory."""


@dataclass(frozen=True)
class Geometry:
    """What both LiDARs are told: channels, metres, points per second, turns per second, radians."""

    channels: int
    range_m: float
    points_per_second: int
    rotation_hz: float
    upper_rad: float
    lower_rad: float
    horizontal_rad: float

    @staticmethod
    def of(attributes: Attributes) -> Geometry:
        """Checked attributes of a LiDAR blueprint. Raises ValueError."""
        upper = attributes.number("upper_fov", 10.0, -90.0, 90.0)
        lower = attributes.number("lower_fov", -30.0, -90.0, 90.0)
        return Geometry(
            channels=attributes.integer("channels", 32, 1, MAX_CHANNELS),
            range_m=attributes.number("range", 10.0, 0.01, 10_000.0),
            points_per_second=attributes.integer("points_per_second", 56000, 1),
            rotation_hz=attributes.number("rotation_frequency", 10.0, 1e-3, 1e4),
            upper_rad=math.radians(upper),
            lower_rad=math.radians(lower),
            horizontal_rad=math.radians(attributes.number("horizontal_fov", 360.0, 0.1, 360.0)),
        )

    def elevations_rad(self) -> Array:
        """Of the channels ``(m,)``, from the upper limit to the lower."""
        return np.linspace(self.upper_rad, self.lower_rad, self.channels)


class _Spinning:
    """The part both LiDARs share: where the head stands, and one tick's rays."""

    def __init__(self, geometry: Geometry, caster: RayCaster) -> None:
        self.geometry = geometry
        self.angle_rad = 0.0  # of the head, 0..horizontal field of view
        self._caster = caster

    def fan(self, dt_s: float) -> Fan:
        """Rays of the next ``dt_s`` seconds, all alive; turns the head. Raises ValueError where there are too many."""
        g = self.geometry
        columns = math.floor(g.points_per_second * dt_s / g.channels + 0.5)
        if columns * g.channels > MAX_RAYS_PER_TICK:
            raise ValueError(
                f"lidar: {columns * g.channels} rays in one tick of {dt_s:g} s, at most {MAX_RAYS_PER_TICK} are shot; "
                "lower points_per_second or the tick"
            )
        sweep = g.rotation_hz * g.horizontal_rad * dt_s
        turned = self.angle_rad + sweep / max(columns, 1) * np.arange(columns)
        azimuth = np.mod(turned, g.horizontal_rad)
        starts = np.flatnonzero(np.diff(azimuth, prepend=np.inf) < 0) if columns else np.zeros(0, np.int64)
        runs = np.stack([starts, np.diff(starts, append=columns)], axis=1).astype(np.int64)
        self.angle_rad = math.fmod(self.angle_rad + sweep, g.horizontal_rad)
        return Fan(
            elevation_rad=g.elevations_rad(),
            azimuth_rad=azimuth - 0.5 * g.horizontal_rad,
            step_rad=sweep / max(columns, 1),
            runs=runs,
            alive=np.ones((g.channels, columns), bool),
        )

    def shoot(
        self, position_m: Array, rotation_rad: Array, fan: Fan, view: View, parent_id: int, surfaces: bool = True
    ) -> tuple[npt.NDArray[np.int64], Hits]:
        """Number of each ray shot (channel * columns + column), and the hits; without surfaces only their ranges."""
        bodies = self._caster.bodies(view.instances, without=parent_id)
        world_from_sensor = rotation_matrix(*(float(a) for a in rotation_rad))
        position = np.asarray(position_m, dtype=np.float64)
        return self._caster.cast_fan(position, world_from_sensor, fan, self.geometry.range_m, bodies, surfaces)

    def points(
        self, fan: Fan, ray: npt.NDArray[np.int64], range_m: npt.NDArray[np.float32], value: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Points of each channel (m,) and the points (n, 4) of rays (n,) that came home, in the sensor frame."""
        out = np.empty((len(ray), 4), np.float32)
        place_points(ray, fan.elevation_rad, fan.azimuth_rad, range_m, value, out)
        counts = np.bincount(ray // max(1, len(fan.azimuth_rad)), minlength=self.geometry.channels)
        return counts, out


class LidarSensor:
    """``sensor.lidar.ray_cast``."""

    stream_index = 11
    scans_per_tick = True

    def __init__(self, attributes: Attributes, caster: RayCaster, seed: int) -> None:
        self._head = _Spinning(Geometry.of(attributes), caster)
        self._attenuation_pm = attributes.number("atmosphere_attenuation_rate", 0.004, 0.0)
        self._dropoff_rate = attributes.number("dropoff_general_rate", 0.45, 0.0, 1.0)
        self._dropoff_limit = attributes.number("dropoff_intensity_limit", 0.8, 0.0)
        self._dropoff_zero = attributes.number("dropoff_zero_intensity", 0.4, 0.0, 1.0)
        self._noise_m = attributes.number("noise_stddev", 0.0, 0.0)
        self._rng = np.random.default_rng([attributes.seed(), seed])

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        fan = self._head.fan(dt_s)
        if self._dropoff_rate > 0.0:
            fan.alive[:] = self._rng.random(fan.alive.shape, dtype=np.float32) >= self._dropoff_rate
        ray, hits = self._head.shoot(position_m, rotation_rad, fan, view, parent_id, surfaces=False)
        row = np.flatnonzero(np.isfinite(hits.range_m))
        ray, range_m = ray[row], hits.range_m[row]
        clear = np.exp(-np.float32(self._attenuation_pm) * range_m)  # share that the air lets through
        kept = self._kept(clear)
        ray, range_m, clear = ray[kept], range_m[kept], clear[kept]
        if self._noise_m > 0.0:
            range_m = range_m + self._rng.normal(0.0, self._noise_m, len(range_m)).astype(np.float32)
        return lidar_body(self._head.angle_rad, *self._head.points(fan, ray, range_m, clear))

    def _kept(self, clear: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Drop-off by intensity: certain to stay above the limit, linear down to ``1 - dropoff_zero`` at zero."""
        if self._dropoff_zero <= 0.0 or self._dropoff_limit <= 0.0:
            return np.ones(len(clear), bool)
        chance = (1.0 - self._dropoff_zero) + self._dropoff_zero / self._dropoff_limit * clear
        return (clear > self._dropoff_limit) | (self._rng.random(len(clear)) < chance)


class SemanticLidarSensor:
    """``sensor.lidar.ray_cast_semantic``: every hit, with incidence cosine, actor id and semantic tag."""

    stream_index = 10
    scans_per_tick = True

    def __init__(self, attributes: Attributes, caster: RayCaster) -> None:
        self._head = _Spinning(Geometry.of(attributes), caster)

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        fan = self._head.fan(dt_s)
        ray, hits = self._head.shoot(position_m, rotation_rad, fan, view, parent_id)
        hit = np.flatnonzero(np.isfinite(hits.range_m))
        counts, points = self._head.points(fan, ray[hit], hits.range_m[hit], hits.cosine[hit])
        return semantic_lidar_body(
            self._head.angle_rad,
            counts,
            points,
            hits.actor_id[hit].astype(np.uint32),
            hits.tag[hit].astype(np.uint32),
        )
