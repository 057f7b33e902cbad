"""Radar: ``sensor.other.radar`` (carla-protocol 5.9), and what of it a real one would see.

By default it is the reference's: every ray that meets something is a detection. With ``rcs`` on, what a ray meets has
a radar cross-section sigma, the mean of its class, that fluctuates from scan to scan by Swerling's first model (an
exponential, one draw per body and scan; per ray for what stands). It is detected where sigma exceeds

    max((R / range)^4 L(R), CFAR * eta * V(R))  m^2,

so that 1 m^2 is just seen at ``range`` in clear air. Rain and dry snow weaken by L, both ways (ITU-R P.838-3, 2005, at
77 GHz; Gunn and East, "The microwave properties of precipitation particles", Q. J. R. Meteorol. Soc. 80, 1954). Rain
also answers from the radar's cell of volume V with eta per metre: at this wave length drops answer with about their
cross-section, half of what they take from light. ``clutter`` adds false detections anywhere in the field of view.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import radar_body
from sim.server.scene.mesh import Material, Tag
from sim.server.sensors.atmosphere import extinction_per_m, rain_mmph
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.hits import Hits
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.rays import RayCaster
from sim.server.world.pose import rotation_matrix

Array = npt.NDArray[np.float64]

RCS_DBSM: dict[Tag, float] = {
    # round means at 76-81 GHz: people after the measurements of Fortuny-Guasch and Chareau ("Radar Cross Section
    # Measurements of Pedestrian Dummies and Humans in the 24/77 GHz Frequency Bands", EUR 25762, 2013); vehicles in the
    # middle of what is published (a car 10, lorries 20 and more, two-wheelers in between); all else by its order
    Tag.PEDESTRIANS: -8.5, Tag.RIDER: -5.0, Tag.BICYCLE: -3.0, Tag.MOTORCYCLE: 5.0, Tag.CAR: 10.0, Tag.TRUCK: 20.0,
    Tag.BUS: 20.0, Tag.TRAIN: 25.0, Tag.DYNAMIC: -5.0, Tag.STATIC: -5.0, Tag.GUARD_RAIL: 10.0, Tag.POLES: 3.0,
    Tag.TRAFFIC_LIGHT: 0.0, Tag.TRAFFIC_SIGNS: 8.0, Tag.FENCES: 0.0, Tag.WALLS: 5.0, Tag.BUILDINGS: 10.0,
    Tag.BRIDGE: 10.0, Tag.VEGETATION: -5.0, Tag.ROADS: -25.0, Tag.ROAD_LINES: -25.0, Tag.SIDEWALKS: -22.0,
    Tag.TERRAIN: -15.0, Tag.GROUND: -20.0,
}  # fmt: skip
OTHER_DBSM = -5.0
RAIN_K, RAIN_ALPHA = 1.1276, 0.7073
"""ITU-R P.838-3 at 77 GHz: dB/km one way = k R^alpha, vertical polarisation (horizontal: 1.1320, 0.7177)."""
WAVE_CM = 0.39
CFAR = 10.0
"""A target stands out where it is ten times its surroundings (10 dB), as in cell-averaging detectors."""
CELL_SR_M = math.radians(3.0) * math.radians(8.0) * 0.4
"""Beam of 3 by 8 degrees and range cells of 0.4 m: V = this R^2."""
MAX_RAYS_PER_TICK = 1_000_000
"""A thousand times what CARLA's radar shoots in a long tick; more is a mistake in the attributes."""
CLUTTER_MPS = 3.0
"""Spread of the false detections' speeds: reflections of reflections, moving leaves."""


class RadarSensor:
    """``sensor.other.radar``: random rays in the elliptic field of view, with the radial speed of what they meet.

    The range is how far the rays reach along the axis of the sensor. A tick has ``points_per_second`` times its own
    length rays, whatever ``sensor_tick`` says; ``measure`` raises ValueError where these are more than
    ``MAX_RAYS_PER_TICK``. ``rcs`` and ``clutter``: see the top of the file.
    """

    stream_index = 9
    scans_per_tick = True

    def __init__(self, attributes: Attributes, caster: RayCaster, seed: int) -> None:
        self._range_m = attributes.number("range", 100.0, 0.01, 10_000.0)
        self._half_y = math.tan(math.radians(0.5 * attributes.number("horizontal_fov", 30.0, 0.01, 179.0)))
        self._half_z = math.tan(math.radians(0.5 * attributes.number("vertical_fov", 30.0, 0.01, 179.0)))
        self._points_per_second = attributes.integer("points_per_second", 1500, 1, 10_000_000)
        self._cross_sections = attributes.boolean("rcs", False)
        self._snowfall_mmph = attributes.number("snowfall", 0.0, 0.0, 20.0)
        self._clutter = attributes.number("clutter", 0.0, 0.0, 1e5)
        self._rng = np.random.default_rng([attributes.seed(), seed])
        self._caster = caster
        self._last: tuple[Array, float] | None = None  # position and time of the last measurement

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        count = int(self._points_per_second * dt_s + 1e-6)
        if count > MAX_RAYS_PER_TICK:
            raise ValueError(
                f"radar: {count} rays in one tick of {dt_s:g} s, at most {MAX_RAYS_PER_TICK} are shot; "
                "lower points_per_second or the tick"
            )
        radius, turn = self._rng.random(count), self._rng.random(count) * 2.0 * math.pi
        way = np.stack([np.ones(count), self._half_y * radius * np.cos(turn), self._half_z * radius * np.sin(turn)], 1)
        stretch = np.linalg.norm(way, axis=1)  # of each ray against the axis
        way /= stretch[:, None]
        position = np.asarray(position_m, dtype=np.float64)
        world_way = way @ rotation_matrix(*(float(a) for a in rotation_rad)).T
        rays = np.concatenate([np.broadcast_to(position, way.shape), world_way], axis=1).astype(np.float32)
        reach = self._range_m * (float(stretch.max()) if count else 1.0)
        hits = self._caster.cast_rays(rays, reach, self._caster.bodies(view.instances, without=parent_id))
        own = self._own_velocity(position, view, parent_id, dt_s)
        hit = hits.range_m <= self._range_m * stretch
        if self._cross_sections:
            hit &= self._detected(hits, view.weather)
        relative = _velocities(view, hits.actor_id[hit]) - own
        out = np.empty((int(hit.sum()), 4), np.float32)
        out[:, 0] = np.einsum("ki,ki->k", relative, world_way[hit])
        out[:, 1] = np.arctan2(way[hit, 1], way[hit, 0])
        out[:, 2] = np.arcsin(way[hit, 2])
        out[:, 3] = hits.range_m[hit]
        if self._clutter > 0.0:
            out = np.concatenate([out, self._false_detections()])
        return radar_body(out)

    def _detected(self, hits: Hits, weather: Weather) -> npt.NDArray[np.bool_]:
        """Which hits (n,) a radar tells from noise and rain."""
        ids, body = np.unique(hits.actor_id, return_inverse=True)
        same = self._rng.standard_exponential(len(ids))[body]
        fluctuation = np.where(hits.actor_id > 0, same, self._rng.standard_exponential(len(body)))
        sigma = _MEAN_M2[hits.tag] * np.where(hits.material == Material.GLASS, 0.3, 1.0) * fluctuation
        return sigma > least_m2(
            np.where(np.isfinite(hits.range_m), hits.range_m, 1.0), self._range_m, weather, self._snowfall_mmph
        )

    def _false_detections(self) -> npt.NDArray[np.float32]:
        """Detections (k, 4) of nothing, evenly over range and field of view."""
        count = int(self._rng.poisson(self._clutter))
        radius, turn = np.sqrt(self._rng.random(count)), self._rng.random(count) * 2.0 * math.pi
        side, up = self._half_y * radius * np.cos(turn), self._half_z * radius * np.sin(turn)
        speed, share = self._rng.normal(0.0, CLUTTER_MPS, count), self._rng.random(count)
        azimuth, altitude = np.arctan(side), np.arctan(up / np.hypot(1.0, side))
        return np.stack([speed, azimuth, altitude, share * self._range_m], axis=1).astype(np.float32)

    def _own_velocity(self, position: Array, view: View, parent_id: int, dt_s: float) -> Array:
        """Mean world velocity (3,) since the last measurement; at the first, that of the carrier, zero on nobody."""
        last, self._last = self._last, (position, view.elapsed_s)
        if last is None:
            return _velocities(view, np.array([parent_id]))[0] if parent_id else np.zeros(3)
        passed_s = view.elapsed_s - last[1] if view.elapsed_s > last[1] else dt_s
        return (position - last[0]) / passed_s if passed_s > 0.0 else np.zeros(3)


def least_m2(range_m: npt.ArrayLike, reach_m: float, weather: Weather, snowfall_mmph: float = 0.0) -> Array:
    """Smallest cross-section, m^2, that a radar of this range detects at these ranges (n,)."""
    r = np.asarray(range_m, np.float64)
    rain = rain_mmph(weather)
    if rain <= 0.0 and snowfall_mmph <= 0.0:
        return (r / reach_m) ** 4
    # Gunn and East's theory as Skolnik's Introduction to Radar Systems sums it up; meant for waves of a centimetre
    snow_db_per_km = 0.00349 * snowfall_mmph**1.6 / WAVE_CM**4 + 0.00224 * snowfall_mmph / WAVE_CM
    loss_db = 2.0 * (RAIN_K * max(rain, 0.0) ** RAIN_ALPHA + snow_db_per_km) * r / 1000.0
    dry = Weather(precipitation=weather.precipitation)
    eta = 0.5 * extinction_per_m(dry)  # 1/m: of rain alone
    return np.maximum((r / reach_m) ** 4 * 10.0 ** (loss_db / 10.0), CFAR * eta * CELL_SR_M * r**2)


def _mean_m2() -> Array:
    table = np.full(256, 10.0 ** (OTHER_DBSM / 10.0))
    for tag, dbsm in RCS_DBSM.items():
        table[tag] = 10.0 ** (dbsm / 10.0)
    table.setflags(write=False)
    return table


_MEAN_M2 = _mean_m2()


def _velocities(view: View, actor_id: npt.NDArray[np.int64]) -> Array:
    """World velocities ``(k, 3)`` of the named actors; zero for static scenery (id 0)."""
    known = view.instances.actor_id
    if len(known) == 0:
        return np.zeros((len(actor_id), 3))
    row = np.minimum(np.searchsorted(known, actor_id), len(known) - 1)
    return np.where((known[row] == actor_id)[:, None], view.instances.velocity_mps[row], 0.0)
