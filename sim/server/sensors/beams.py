"""Beams with a width: what a LiDAR makes of one whose spot lies on several things at once.

A beam of divergence theta is sampled by five rays, its axis and four at three quarters of its half-width. Targets that
lie within a pulse's length of each other answer together; the strongest such group is the return, and with two returns
the last group is the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.sensors.fans import Fan
from sim.server.sensors.hits import Hits
from sim.server.sensors.reflectance import reflectivity
from sim.server.sensors.weathering import REFLECTIVITY_AT_RANGE

Float32 = npt.NDArray[np.float32]

RING = 0.75
"""Of the half-width: axis and ring weigh alike, and the spot's mean square radius comes out right to a tenth."""
PULSE_M = 0.75
"""Half of a five-nanosecond pulse in range: nearer targets melt into one."""


@dataclass(frozen=True)
class Beam:
    """Full width of the beam, and whether the last return is sent beside the strongest."""

    divergence_rad: float = 0.0
    dual: bool = False

    @property
    def samples(self) -> int:
        """Rays of one beam."""
        return 5 if self.divergence_rad > 0.0 else 1

    def fans(self, fan: Fan) -> list[Fan]:
        """The rays that sample each beam of a fan, its axis first."""
        if self.samples == 1:
            return [fan]
        aside = RING * 0.5 * self.divergence_rad
        return [fan] + [fan.aside(x * aside, y * aside) for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))]


@dataclass(frozen=True)
class Targets:
    """What each of n beams lies on: one group of hits each, and how bright it is as a whole (n,), 0 for none."""

    hits: Hits
    bright: Float32


def targets(sampled: list[Hits], max_range_m: float) -> tuple[Targets, Targets]:
    """The strongest group of each beam, and the last one; where there is one group they are the same.

    sampled: hits of the rays that sample each beam. A last group too weak to be seen does not count.
    """
    if len(sampled) == 1:
        only = Targets(sampled[0], reflectivity(sampled[0]))
        return only, only
    ranges = np.stack([hits.range_m for hits in sampled])  # (b, n)
    order = np.argsort(ranges, axis=0, kind="stable")
    ranges = np.take_along_axis(ranges, order, axis=0)
    bright = np.take_along_axis(np.stack([reflectivity(hits) for hits in sampled]), order, axis=0) / len(sampled)
    met = np.isfinite(ranges)
    near = np.where(met, ranges, np.float32(1.0))
    power = np.where(met, bright / near**2, np.float32(0.0))
    with np.errstate(invalid="ignore"):  # inf - inf: beams that meet nothing
        group = np.concatenate(
            [np.zeros((1, ranges.shape[1]), np.int64), np.cumsum(np.diff(ranges, axis=0) > PULSE_M, axis=0)]
        )
    count = len(sampled)
    totals = np.stack([np.where(group == g, power, 0.0).sum(axis=0) for g in range(count)])
    seen = totals >= REFLECTIVITY_AT_RANGE / max_range_m**2
    strongest = np.argmax(totals, axis=0)
    last = np.where(seen.any(axis=0), count - 1 - np.argmax(seen[::-1], axis=0), strongest)
    return tuple(_of_group(sampled, order, group, power, near, chosen) for chosen in (strongest, last))  # type: ignore[return-value]


def _of_group(
    sampled: list[Hits],
    order: npt.NDArray[np.int64],
    group: npt.NDArray[np.int64],
    power: Float32,
    near: Float32,
    chosen: npt.NDArray[np.int64],
) -> Targets:
    """One group of every beam: surfaces of its brightest ray, the mean range by power, the brightness of all of it."""
    mine = np.where(group == chosen, power, 0.0)
    total = mine.sum(axis=0)
    column = np.arange(mine.shape[1])
    best = order[np.argmax(mine, axis=0), column]
    fields = {
        name: np.stack([getattr(hits, name) for hits in sampled])[best, column] for name in Hits.__dataclass_fields__
    }
    mean = (mine * near).sum(axis=0) / np.maximum(total, 1e-30)
    fields["range_m"] = np.where(total > 0.0, mean, np.inf).astype(np.float32)
    bright = np.where(total > 0.0, total * mean**2, 0.0).astype(np.float32)
    return Targets(Hits(**fields), bright)
