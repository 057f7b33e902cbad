"""How things are timed: several workloads in turn, so that a busy machine slows all of them alike.

A *lap* is one call of one workload. In every round each workload has one lap; the ratio of a workload to its baseline
is the median over the rounds of lap over baseline's lap *of the same round*, which a machine that is busy for a while
does not change. The 10th percentile of the laps is what the machine does when it is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from perception.frame import FloatArray

Work = Callable[[], object]
Clock = Callable[[], float]
"""Seconds since whenever."""


@dataclass(frozen=True)
class Clocks:
    """Where seconds come from: the wall, and the CPU time of each process that works."""

    wall_s: Clock = time.perf_counter
    cpu_s: Mapping[str, Clock] = field(default_factory=lambda: {"process": time.process_time})


@dataclass(frozen=True)
class Laps:
    """Seconds of each lap of one workload: on the wall (n,), and of every CPU clock (n,)."""

    wall_s: FloatArray
    cpu_s: Mapping[str, FloatArray]

    def per(self, units: int) -> Laps:
        """The same laps, of ``units`` units each, as seconds a unit."""
        return Laps(self.wall_s / units, {clock: seconds / units for clock, seconds in self.cpu_s.items()})


@dataclass(frozen=True)
class Measurement:
    """One workload in milliseconds a ``unit`` of its work (a frame, a tick).

    p10_ms is the fast 10th percentile of the wall times, per_second what follows from it; cpu_ms the mean CPU time by
    process, of all its threads together; ratio, by baseline, the median of time over the baseline's in the same round.
    """

    name: str
    unit: str
    laps: int
    p10_ms: float
    median_ms: float
    per_second: float
    cpu_ms: Mapping[str, float]
    ratio: Mapping[str, float]


@dataclass(frozen=True)
class Quantity:
    """A number that is not a distribution: seconds of a start, megabytes, a factor."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True)
class Result:
    """What one family found. ``baseline`` says what the ratios are relative to; ``fault`` why it could not finish."""

    family: str
    baseline: str
    measurements: tuple[Measurement, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    fault: str = ""


def interleaved(
    works: Mapping[str, Work], rounds: int, clocks: Clocks, before: Work | None = None, warm_up: int = 2
) -> dict[str, Laps]:
    """Laps of every workload, taken in turn for ``rounds`` rounds after ``warm_up`` rounds that do not count.

    ``before`` is called at the beginning of each round and is not timed. Raises ValueError for less than one round.
    """
    if rounds < 1:
        raise ValueError(f"rounds: expected at least 1, got {rounds}")
    wall: dict[str, list[float]] = {name: [] for name in works}
    cpu: dict[str, dict[str, list[float]]] = {name: {clock: [] for clock in clocks.cpu_s} for name in works}
    for number in range(-warm_up, rounds):
        if before is not None:
            before()
        for name, work in works.items():
            cpu_began = {clock: now() for clock, now in clocks.cpu_s.items()}
            began = clocks.wall_s()
            work()
            took = clocks.wall_s() - began
            if number >= 0:
                wall[name].append(took)
                for clock, now in clocks.cpu_s.items():
                    cpu[name][clock].append(now() - cpu_began[clock])
    return {
        name: Laps(np.array(wall[name]), {clock: np.array(values) for clock, values in cpu[name].items()})
        for name in works
    }


def measurement(name: str, unit: str, laps: Laps, baselines: Mapping[str, Laps]) -> Measurement:
    """Summary of laps of one unit each, relative to laps of baselines in the same rounds."""
    ratio = {baseline: _ratio(laps.wall_s, against.wall_s) for baseline, against in baselines.items()}
    cpu_ms = {clock: float(seconds.mean()) * 1e3 for clock, seconds in laps.cpu_s.items()}
    return _summary(name, unit, laps.wall_s * 1e3, cpu_ms, ratio)


def spread(name: str, unit: str, samples_ms: FloatArray, baseline: str, baseline_ms: FloatArray) -> Measurement:
    """Summary of times that were measured elsewhere (the stages of a pipeline, ``(n,)`` ms), without CPU times."""
    return _summary(name, unit, samples_ms, {}, {baseline: _ratio(samples_ms, baseline_ms)})


def _summary(
    name: str, unit: str, wall_ms: FloatArray, cpu_ms: Mapping[str, float], ratio: Mapping[str, float]
) -> Measurement:
    p10, median = (float(v) for v in np.percentile(wall_ms, [10.0, 50.0]))
    rate = 1e3 / p10 if p10 > 0.0 else float("nan")
    return Measurement(name, unit, len(wall_ms), p10, median, rate, cpu_ms, ratio)


def _ratio(numerator_s: FloatArray, denominator_s: FloatArray) -> float:
    """Median of the rounds' ratios; NaN where a baseline took no time at all."""
    if not (denominator_s > 0.0).all():
        return float("nan")
    return float(np.median(numerator_s / denominator_s))
