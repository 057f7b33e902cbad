"""The turning head that both LiDARs share: one tick's rays, and what they meet.

With a rolling shutter each column is shot from where the head was at its own time: between the last measurement and
this one the head goes evenly, and bodies go with their velocity. The columns are taken in groups short enough that
nothing moves by more than ``STILL_M`` within one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from sim.server.sensors.attributes import Attributes
from sim.server.sensors.fans import Channels, Fan
from sim.server.sensors.hits import Hits
from sim.server.sensors.inertial import rotation_vector
from sim.server.sensors.instances import Instances, View
from sim.server.sensors.ray_kernels import place_points
from sim.server.sensors.rays import RayCaster
from sim.server.world.pose import rotation_matrix

Array = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Rays = npt.NDArray[np.int64]

MAX_CHANNELS = 512
MAX_RAYS_PER_TICK = 4_000_000
"""More than any real sensor in a second; a larger request is a mistake in the attributes and would exhaust memory."""
STILL_M = 0.02
"""The range noise of such sensors."""
STILL_RAD = 1e-3
FASTEST_MPS = 150.0
"""What has gone farther since the last measurement has been put there by a client."""
MAX_GROUPS = 128


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

    @property
    def rises(self) -> bool:
        """Whether the channels go upwards: CARLA takes an upper limit below the lower one, too."""
        return self.upper_rad < self.lower_rad

    def elevations_rad(self) -> Array:
        """Of the channels ``(m,)``, the highest first."""
        elevations = np.linspace(self.upper_rad, self.lower_rad, self.channels)
        return elevations[::-1] if self.rises else elevations


class Spinning:
    """Where the head stands, and what it meets. ``rolling``: with the shutter of a real one; samples: rays a beam."""

    def __init__(self, geometry: Geometry, caster: RayCaster, rolling: bool = False, samples: int = 1) -> None:
        self.geometry, self._samples = geometry, samples
        self.caster = caster
        self._channels = Channels.at(geometry.elevations_rad())
        self.angle_rad = 0.0  # of the head, 0..horizontal field of view
        self._rolling = rolling
        self._last: tuple[Array, Array, float] | None = None  # position, axes and time of the last measurement

    def fan(self, dt_s: float) -> Fan:
        """Beams of the next ``dt_s`` seconds, all alive; turns the head. Raises ValueError where they are too many."""
        g = self.geometry
        columns = math.floor(g.points_per_second * dt_s / g.channels + 0.5)
        rays = columns * g.channels * self._samples
        if rays > MAX_RAYS_PER_TICK:
            raise ValueError(
                f"lidar: {rays} rays in one tick of {dt_s:g} s, at most {MAX_RAYS_PER_TICK} are shot; "
                "lower points_per_second or the tick"
            )
        sweep = g.rotation_hz * g.horizontal_rad * dt_s
        turned = self.angle_rad + sweep / max(columns, 1) * np.arange(columns)
        azimuth = np.mod(turned, g.horizontal_rad)
        starts = [0, *(np.flatnonzero(azimuth[1:] < azimuth[:-1]) + 1).tolist(), columns]
        runs = [(first, end - first) for first, end in pairwise(starts) if end > first]
        self.angle_rad = math.fmod(self.angle_rad + sweep, g.horizontal_rad)
        return Fan(
            channels=self._channels,
            azimuth_rad=azimuth - 0.5 * g.horizontal_rad,
            step_rad=sweep / max(columns, 1),
            runs=np.array(runs, np.int64).reshape(-1, 2),
            alive=np.ones((g.channels, columns), bool),
        )

    def shoot(
        self, pose: tuple[Array, Array], fans: list[Fan], view: View, parent_id: int, surfaces: bool = True
    ) -> tuple[Rays, list[Hits]]:
        """Number of each ray shot (channel * columns + column), and the hits of each fan; the fans differ in nothing
        but where they look. Without surfaces: of one fan, only the rays that met something, and only their ranges.

        pose: position (3,) and rotation (3,) of the sensor, world.
        """
        position, frame = np.asarray(pose[0], np.float64), rotation_matrix(*(float(a) for a in pose[1]))
        since, self._last = self._last, (position, frame, view.elapsed_s)
        if self._rolling and since is not None:
            moved, turned = position - since[0], rotation_vector(since[1].T @ frame)
            passed_s = view.elapsed_s - since[2]
            fastest = float(np.abs(view.instances.velocity_mps).max(initial=0.0)) * passed_s
            away = float(np.linalg.norm(moved))
            groups = max((away + fastest) / STILL_M, float(np.linalg.norm(turned)) / STILL_RAD)
            count = min(math.ceil(groups), MAX_GROUPS, len(fans[0].azimuth_rad))
            if count > 1 and passed_s > 0.0 and away < FASTEST_MPS * passed_s:
                way, asked = (moved, turned, passed_s), (parent_id, surfaces)
                return self._rolled((position, frame), way, fans, view, asked, count)
        return self._still(position, frame, fans, view.instances, parent_id, surfaces)

    def _still(
        self,
        position: Array,
        frame: Array,
        fans: list[Fan],
        instances: Instances,
        parent_id: int,
        surfaces: bool = True,
    ) -> tuple[Rays, list[Hits]]:
        bodies = self.caster.bodies(instances, without=parent_id)
        reach = self.geometry.range_m
        caster = self.caster.fans(position, frame, reach, bodies)
        if not surfaces:
            ray, range_m = caster.met(fans[0])
            return ray, [Hits.of_ranges(range_m)]
        hits = [caster.hits(fan) for fan in fans]
        return hits[0][0], [one for _, one in hits]

    def _rolled(
        self,
        pose: tuple[Array, Array],
        way: tuple[Array, Array, float],
        fans: list[Fan],
        view: View,
        asked: tuple[int, bool],
        groups: int,
    ) -> tuple[Rays, list[Hits]]:
        """``shoot`` in groups of columns, each from the pose and with the bodies of its own time.

        pose: position (3,) and axes (3, 3) now; way: metres moved (3,), rotation vector turned (3,), in the sensor's
        own axes, and the seconds that took.
        """
        (position, frame), (moved, turned, passed_s), (parent_id, surfaces) = pose, way, asked
        columns = len(fans[0].azimuth_rad)
        ends = np.linspace(0, columns, groups + 1).astype(np.int64)
        rays: list[Rays] = []
        parts: list[list[Hits]] = [[] for _ in fans]
        for first, end in pairwise(ends.tolist()):
            before = 1.0 - (first + end) / (2.0 * columns)  # share of the tick still to come
            instances = view.instances
            then = replace(instances, position_m=instances.position_m - instances.velocity_mps * (before * passed_s))
            some = [fan.columns(first, end) for fan in fans]
            axes = frame @ Rotation.from_rotvec(-before * turned).as_matrix()
            ray, hits = self._still(position - moved * before, axes, some, then, parent_id, surfaces)
            width = end - first
            rays.append(ray // width * columns + first + ray % width)
            for part, one in zip(parts, hits, strict=True):
                part.append(one)
        ray = np.concatenate(rays)
        order = np.argsort(ray, kind="stable")
        return ray[order], [Hits.joined(part).rows(order) for part in parts]

    def points(
        self, fan: Fan, ray: Rays, range_m: Float32, value: Float32, kept: npt.NDArray[np.bool_] | None = None
    ) -> tuple[Rays, Float32]:
        """Points of each channel of the fan (m,) and the points (n, 4), in the sensor frame, of rays (k,) that came
        home, in ascending order; of the kept ones (k,) alone."""
        chosen = np.ones(len(ray), np.bool_) if kept is None else kept
        out, counts = np.empty((len(ray), 4), np.float32), np.zeros(self.geometry.channels, np.int64)
        place: Any = place_points
        n = place(ray, chosen, *fan.ways(), range_m, value, out, counts)
        return counts, out[:n]

    def by_channel(self, counts: Rays, *columns: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
        """Points of each channel (m,) and what is known of each point (n, ...), channel 0 first: fans begin at the top,
        channel 0 is at the upper limit even where that is the lower one."""
        if not self.geometry.rises:
            return counts, *columns
        order = np.argsort(np.repeat(-np.arange(len(counts)), counts), kind="stable")
        return counts[::-1], *(column[order] for column in columns)
