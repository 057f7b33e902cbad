"""Bad weather in LiDAR sweeps: one call for recordings, and the models that the simulated LiDARs use too.

For a sweep ``points (n, 4)`` = x, y, z (metres, sensor frame) and intensity 0..1::

    rng = np.random.default_rng(seed)
    foggy = apply(points, Fog(extinction_pm=0.03), rng)            # lidar_weather_fog, Hahner 2021
    snowy = apply(points, Snow(rate_mm_per_h=2.5), rng)            # lidar_weather_snow, Hahner 2022
    rainy = apply(points, Drops.rain(rate_mm_per_h=10.0), rng)     # lidar_weather_drops, LISA; also .snow, .fog
    wet = wet_ground(points, ground_mask, WetGround(water_mm=1.0)) # lidar_weather_wet
    foggy.points, foggy.fate                                       # all n rows, in order; what became of each
    foggy.seen()                                                   # what such a sensor would deliver

Every model is a frozen dataclass of its parameters. Rows keep their number and order; ``fate`` says whether a point
was kept, came back weaker, was replaced by a return from the air (moved along its ray), or was lost. Same arguments
and generator state, same result. Intensities of other scales (0..255) are divided by the caller first: the models
compare target and air by reflectivity.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
NEAREST_M = 1e-6
DARKEST = 0.01
"""Reflectivity of recorded points whose intensity is rounded to less: they were seen, so they are not black."""


class Fate(IntEnum):
    """What weather did to one return."""

    KEPT = 0
    ATTENUATED = 1
    """At the same place, weaker by more than ``KEPT_SHARE``."""
    SCATTERED = 2
    """Not the target any more: fog, a drop or a flake in front of it, nearer than the target."""
    LOST = 3
    """Too weak to be told from noise."""


KEPT_SHARE = 0.99
"""A return that keeps more than this share of its strength counts as kept: eight-bit intensities show no less."""


@dataclass(frozen=True)
class Returns:
    """What rays bring home: range_m (n,), strength (n,) in the unit of the target's, fate (n,) of ``Fate``."""

    range_m: Float32
    strength: Float32
    fate: npt.NDArray[np.uint8]


class WeatherModel(Protocol):
    """Weather as rays feel it."""

    def strike(self, range_m: Float32, reflectivity: Float32, rng: np.random.Generator) -> Returns:
        """Returns of n rays whose targets lie at ``range_m`` (n,) with reflectivity (n,), 0..1 of a white surface."""
        ...


@dataclass(frozen=True)
class Weathered:
    """A sweep after weather: points (n, 4) float32 with all rows of the input, fate (n,) of each.

    Lost rows stay where they were, with intensity 0.
    """

    points: Float32
    fate: npt.NDArray[np.uint8]

    def seen(self) -> Float32:
        """The points that are not lost."""
        return self.points[self.fate != Fate.LOST]

    def share(self, fate: Fate) -> float:
        """Share of the sweep's points with this fate; NaN for an empty sweep."""
        return float((self.fate == fate).mean()) if len(self.fate) else float("nan")


def apply(points: Float32, model: WeatherModel, rng: np.random.Generator) -> Weathered:
    """A sweep ``(n, 4)`` through a weather. Raises ValueError for another shape."""
    points = checked(points)
    distance = np.linalg.norm(points[:, :3], axis=1)
    returns = model.strike(distance, np.maximum(points[:, 3], np.float32(DARKEST)), rng)
    scale = returns.range_m / np.maximum(distance, np.float32(NEAREST_M))
    out = np.empty_like(points)
    np.multiply(points[:, :3], scale[:, None], out=out[:, :3])
    out[:, 3] = returns.strength
    return Weathered(out, returns.fate)


def checked(points: Float32) -> Float32:
    """Points as float32. Raises ValueError for another shape than ``(n, 4)``."""
    if points.ndim != 2 or points.shape[1] != 4:
        raise ValueError(f"sweep: expected points (n, 4) = x, y, z, intensity, got {points.shape}")
    return np.ascontiguousarray(points, dtype=np.float32)


def fates(range_m: Float32, new_range_m: Float32, share: Float32, lost: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Fate (n,) of returns that moved, or kept a share of their strength, or fell below the detection limit."""
    fate = np.where(share < KEPT_SHARE, np.uint8(Fate.ATTENUATED), np.uint8(Fate.KEPT))
    fate[new_range_m != range_m] = Fate.SCATTERED
    fate[lost] = Fate.LOST
    return fate
