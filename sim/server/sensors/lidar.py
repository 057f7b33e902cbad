"""LiDARs: ``sensor.lidar.ray_cast`` and ``sensor.lidar.ray_cast_semantic`` (carla-protocol 5.7, 5.8).

Behaviour follows the reference sensor: channel 0 looks along the upper limit, the others follow linearly to the lower
one; each tick shoots round(points_per_second * dt / channels) rays per channel, evenly over the azimuth that the
head turns in dt, and the next tick continues where this one ended; rays that meet nothing within range give no point.
The body that carries the sensor is not seen (rays of CARLA 0.9.16 hit it; programs filter such points out).

Intensity is exp(-atmosphere_attenuation_rate * range): as in the reference, surfaces have no reflectivity, and
programs take the range back out of it. A tick has its own length's share of points and of the turn, whatever
``sensor_tick`` says (``scans_per_tick``).

Beyond the reference, all by attribute and without effect in clear air by default (``docs/sensors.md``): weather and
snowfall, reflectivity by material, beam divergence, two returns, a rolling shutter, noise of the intensity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perception.augment.lidar_weather import Fate
from sim.server.protocol.payloads import lidar_body, semantic_lidar_body
from sim.server.scene.mesh import Tag
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.beams import Beam, Targets, targets
from sim.server.sensors.fans import Fan
from sim.server.sensors.instances import View
from sim.server.sensors.rays import RayCaster
from sim.server.sensors.reflectance import Receiver, painted
from sim.server.sensors.spinning import Geometry, Rays, Spinning
from sim.server.sensors.weathering import Air, Weathering

Array = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

REFLECTIVITIES = ("carla", "material")
WEATHER_SEED = 7
"""Sets the weather's random numbers apart from the sensor's own, which it must not shift."""
HEAVIEST_SNOW_MMPH = 20.0


class _Skies:
    """The weather that a LiDAR feels: its models, remade when the weather changes."""

    def __init__(self, attributes: Attributes, default: bool, range_m: float, seed: tuple[int, ...]) -> None:
        self._felt = attributes.boolean("weather", default)
        self._snowfall_mmph = attributes.number("snowfall", 0.0, 0.0, HEAVIEST_SNOW_MMPH)
        self._range_m = range_m
        self._seed = (*seed, WEATHER_SEED)
        self._models: Weathering | None = None

    def now(self, view: View) -> Weathering | None:
        """None in clear air."""
        air = Air.of(view.weather, self._snowfall_mmph) if self._felt else None
        if air is None:
            self._models = None
        elif self._models is None or self._models.air != air:
            self._models = Weathering(air, self._range_m)
        return self._models

    def seed(self, view: View) -> list[int]:
        """Of one frame's drops and flakes."""
        return [*self._seed, view.frame]


@dataclass(frozen=True)
class _Returns:
    """Returns of a tick: number of the ray and range (n,); share (n,) of the light of clear air that comes back from a
    target, with bright (n,) its reflectivity; from the air itself bright is 1 and share its own reflectivity."""

    ray: Rays
    range_m: Float32
    share: Float32
    bright: Float32

    def rows(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> _Returns:
        row = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen  # numbers are quicker to look up by
        return _Returns(self.ray[row], self.range_m[row], self.share[row], self.bright[row])

    def with_more(self, more: _Returns) -> _Returns:
        """Both, by ray, these first."""
        order = np.argsort(np.concatenate([self.ray, more.ray]), kind="stable")
        return _Returns(
            np.concatenate([self.ray, more.ray])[order],
            np.concatenate([self.range_m, more.range_m])[order],
            np.concatenate([self.share, more.share])[order],
            np.concatenate([self.bright, more.bright])[order],
        )


class LidarSensor:
    """``sensor.lidar.ray_cast``."""

    stream_index = 11
    scans_per_tick = True

    def __init__(self, attributes: Attributes, caster: RayCaster, seed: int, serial: int = 0) -> None:
        geometry = Geometry.of(attributes)
        self._beam = Beam(attributes.number("beam_divergence", 0.0, 0.0, 0.1), attributes.boolean("dual_return", False))
        self._head = Spinning(geometry, caster, attributes.boolean("rolling_shutter", False), self._beam.samples)
        self._attenuation_pm = attributes.number("atmosphere_attenuation_rate", 0.004, 0.0)
        self._dropoff_rate = attributes.number("dropoff_general_rate", 0.45, 0.0, 1.0)
        self._dropoff_limit = attributes.number("dropoff_intensity_limit", 0.8, 0.0)
        self._dropoff_zero = attributes.number("dropoff_zero_intensity", 0.4, 0.0, 1.0)
        self._noise_m = attributes.number("noise_stddev", 0.0, 0.0)
        self._intensity_noise = attributes.number("noise_intensity_stddev", 0.0, 0.0, 1.0)
        by_material = _choice(attributes, "reflectivity", REFLECTIVITIES) == "material"
        self._receiver = Receiver(geometry.range_m) if by_material else None
        self._rng = np.random.default_rng([attributes.seed(), seed])
        self._skies = _Skies(attributes, True, geometry.range_m, (attributes.seed(), seed, serial))

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        fan = self._head.fan(dt_s)
        if self._dropoff_rate > 0.0:
            fan.alive[:] = self._rng.random(fan.alive.shape, dtype=np.float32) >= self._dropoff_rate
        returns = self._returns((position_m, rotation_rad), fan, view, parent_id)
        clear = np.exp(-np.float32(self._attenuation_pm) * returns.range_m)  # share that CARLA's air lets through
        kept, intensity = self._kept(clear), clear * returns.share
        if self._receiver is None and self._noise_m <= 0.0 and self._intensity_noise <= 0.0:
            points = self._head.points(fan, returns.ray, returns.range_m, intensity, kept)
            return lidar_body(self._head.angle_rad, *self._head.by_channel(*points))
        returns, intensity = returns.rows(kept), intensity[kept]
        if self._receiver is not None:
            strength = intensity * returns.bright
            found = self._receiver.finds(strength, returns.range_m, self._rng)
            returns = returns.rows(found)
            intensity = self._receiver.reported(strength[found], returns.range_m)
        range_m = returns.range_m
        if self._noise_m > 0.0:
            range_m = range_m + self._rng.normal(0.0, self._noise_m, len(range_m)).astype(np.float32)
        if self._intensity_noise > 0.0:
            spread = self._rng.normal(0.0, self._intensity_noise, len(range_m)).astype(np.float32)
            intensity = np.clip(intensity + spread, 0.0, 1.0)
        points = self._head.points(fan, returns.ray, range_m, intensity)
        return lidar_body(self._head.angle_rad, *self._head.by_channel(*points))

    def _returns(self, pose: tuple[Array, Array], fan: Fan, view: View, parent_id: int) -> _Returns:
        weather = self._skies.now(view)
        plain = weather is None and self._receiver is None and self._beam == Beam()
        ray, sampled = self._head.shoot(pose, self._beam.fans(fan), view, parent_id, surfaces=not plain)
        if plain:
            whole = np.ones(len(ray), np.float32)
            return _Returns(ray, sampled[0].range_m, whole, whole)
        strongest, last = targets(sampled, self._head.geometry.range_m)
        if self._receiver is not None:
            strongest, last = (
                replace(one, bright=painted(one.bright, one.hits, view.instances)) for one in (strongest, last)
            )
        if weather is None:
            first = _clear(ray, strongest)
        else:
            got = weather.strike(strongest.hits, strongest.bright, self._skies.seed(view), self._head.caster.pool)
            air = got.fate == Fate.SCATTERED
            bright = np.where(air, np.float32(1.0), strongest.bright)
            first = _Returns(ray, got.range_m, got.strength, bright).rows(got.fate != Fate.LOST)
        return first.with_more(self._second(ray, last, first, weather)) if self._beam.dual else first

    def _second(self, ray: Rays, last: Targets, first: _Returns, weather: Weathering | None) -> _Returns:
        """The last targets that are not the first return already, as far as the weather lets them through."""
        share = np.ones(len(ray), np.float32) if weather is None else weather.through(last.hits, last.bright)
        second = _Returns(ray, last.hits.range_m, share, last.bright)
        before = np.full(int(ray.max(initial=0)) + 1, -np.inf, np.float32)
        before[first.ray] = first.range_m
        return second.rows(np.isfinite(second.range_m) & (share > 0.0) & (second.range_m > before[ray] + 0.1))

    def _kept(self, clear: Float32) -> npt.NDArray[np.bool_]:
        """Drop-off by intensity: certain to stay above the limit, linear down to ``1 - dropoff_zero`` at zero."""
        if self._dropoff_zero <= 0.0 or self._dropoff_limit <= 0.0:
            return np.ones(len(clear), bool)
        chance = (1.0 - self._dropoff_zero) + self._dropoff_zero / self._dropoff_limit * clear
        return (clear > self._dropoff_limit) | (self._rng.random(len(clear)) < chance)


class SemanticLidarSensor:
    """``sensor.lidar.ray_cast_semantic``: every hit, with incidence cosine, actor id and semantic tag.

    It is truth, so weather acts only where ``weather`` asks for it; returns from the air then have tag 0.
    """

    stream_index = 10
    scans_per_tick = True

    def __init__(self, attributes: Attributes, caster: RayCaster, seed: int = 0, serial: int = 0) -> None:
        geometry = Geometry.of(attributes)
        self._head = Spinning(geometry, caster, attributes.boolean("rolling_shutter", False))
        self._skies = _Skies(attributes, False, geometry.range_m, (seed, serial))

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        fan = self._head.fan(dt_s)
        ray, (hits,) = self._head.shoot((position_m, rotation_rad), [fan], view, parent_id)
        range_m, air, seen = hits.range_m, np.zeros(len(ray), bool), np.isfinite(hits.range_m)
        weather = self._skies.now(view)
        if weather is not None:
            target = targets([hits], self._head.geometry.range_m)[0]
            got = weather.strike(hits, target.bright, self._skies.seed(view), self._head.caster.pool)
            range_m, air, seen = got.range_m, got.fate == Fate.SCATTERED, got.fate != Fate.LOST
        row = np.flatnonzero(seen)
        cosine = np.where(air, np.float32(1.0), hits.cosine)
        counts, points = self._head.points(fan, ray[row], range_m[row], cosine[row])
        actor_id = np.where(air, 0, hits.actor_id)[row].astype(np.uint32)
        tag = np.where(air, int(Tag.NONE), hits.tag)[row].astype(np.uint32)
        return semantic_lidar_body(self._head.angle_rad, *self._head.by_channel(counts, points, actor_id, tag))


def _clear(ray: Rays, target: Targets) -> _Returns:
    whole = np.ones(len(ray), np.float32)
    return _Returns(ray, target.hits.range_m, whole, target.bright).rows(np.isfinite(target.hits.range_m))


def _choice(attributes: Attributes, name: str, known: tuple[str, ...]) -> str:
    """One of some words, the first where the attribute is absent. Raises ValueError."""
    value = attributes.values.get(name, known[0])
    if value not in known:
        raise ValueError(f"{attributes.type_id}: attribute {name!r} must be {' or '.join(known)}, got {value!r}")
    return value
