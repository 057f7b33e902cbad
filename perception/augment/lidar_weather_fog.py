"""Fog in LiDAR sweeps after Hahner, Sakaridis, Dai, Van Gool, "Fog Simulation on Real LiDAR Point Clouds for 3D
Object Detection in Adverse Weather" (ICCV 2021).

The target at R0 comes back weaker, i' = i exp(-2 alpha R0). The fog itself answers with

    i_fog = i R0^2 (beta / beta0) max_R I(R),
    I(R)  = integral over t = 0..2 tau of sin^2(pi t / 2 tau) exp(-2 alpha r) xi(r) / r^2,  r = R - c t / 2,

where xi, the overlap of the sender's and the receiver's cones, grows from 0 at 0.9 m to 1 at 1.0 m, and nothing comes
from behind the target (r > R0). A LiDAR that reports the strongest return sees the fog where i_fog > i'. The integral
depends on alpha and R0 alone and is tabulated once per density.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perception.augment.lidar_weather import Float32, Returns, fates

LIGHT_MPS = 299_792_458.0
OVERLAP_BEGINS_M, OVERLAP_WHOLE_M = 0.9, 1.0
TABLE_STEP_M = 0.1
INTEGRAL_STEP_M = 0.01
SETTLED_M = 12.0
"""Targets beyond this do not change the fog's answer: its peak lies within the first few metres."""
SILENT_FROM_M = 6.0
"""Fog that begins farther away answers too weakly, by 1 / r^2, to outshine anything."""


@dataclass(frozen=True)
class Fog:
    """Fog of one density.

    extinction_pm: alpha, 1/m (visibility 3 / alpha). spread: the fog's return lies at its mean distance times
    ``2 ** u``, u uniform in ``-spread..spread``, since real fog is not even (0: always at the mean).
    reference_reflectivity: the paper takes the sender's power from each target's own intensity, so that only range
    decides which points move (None). With a number all targets share one sender, calibrated on a surface of that
    reflectivity: dark targets drown in fog before bright ones, as they do. begins_m: no fog nearer than this. limit:
    the sensor sees a target of this reflectivity at max_range_m and nothing weaker (0: everything, as in the paper).
    step: targets' strengths are multiples of this when they are compared with the fog's: 1 / 255 in the authors'
    program, where fog wins as soon as the target rounds to nothing (0: no steps).
    """

    extinction_pm: float
    backscatter_visibility: float = 0.046  # beta = this / visibility (Rasshofer 2011)
    target_reflectivity: float = 1e-6 / math.pi  # beta0, fitted by the paper to its sensor
    half_pulse_s: float = 20e-9
    spread: float = 1.0
    reference_reflectivity: float | None = None
    begins_m: float = 0.0
    limit: float = 0.0
    max_range_m: float = 200.0
    step: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.extinction_pm < math.inf:
            raise ValueError(f"fog: extinction_pm must be 0 or more per metre, got {self.extinction_pm}")

    def table(self) -> FogTable:
        """The fog's answer by range of the target; about 10 ms."""
        return FogTable.of(self)

    def strike(self, range_m: Float32, reflectivity: Float32, rng: np.random.Generator) -> Returns:
        """See ``WeatherModel``."""
        return self.table().strike(range_m, reflectivity, rng)


@dataclass(frozen=True)
class FogTable:
    """Fog with its integral: answer (k,) = i_fog / i and place_m (k,) of the fog's return, by R0 in steps of 0.1 m.

    Beyond the table the answer grows with R0^2.
    """

    fog: Fog
    answer: npt.NDArray[np.float64]
    place_m: npt.NDArray[np.float64]

    @staticmethod
    def of(fog: Fog) -> FogTable:
        """Integrates over range; the pulse is half a period of sin^2 long c tau, in range."""
        ranges = np.arange(0.0, SETTLED_M + TABLE_STEP_M / 2, TABLE_STEP_M)
        if fog.begins_m > SILENT_FROM_M:
            return FogTable(fog, np.zeros(len(ranges)), np.full(len(ranges), fog.begins_m))
        alpha, pulse_m = fog.extinction_pm, LIGHT_MPS * fog.half_pulse_s
        r = np.arange(INTEGRAL_STEP_M / 2, SETTLED_M, INTEGRAL_STEP_M)
        overlap = np.clip((r - OVERLAP_BEGINS_M) / (OVERLAP_WHOLE_M - OVERLAP_BEGINS_M), 0.0, 1.0)
        density = np.exp(-2.0 * alpha * (r - fog.begins_m)) * overlap / r**2 * (r >= fog.begins_m)
        lag = np.arange(INTEGRAL_STEP_M / 2, pulse_m, INTEGRAL_STEP_M)  # c t / 2
        pulse = np.sin(math.pi * lag / pulse_m) ** 2 * (2.0 / LIGHT_MPS * INTEGRAL_STEP_M)
        beta = fog.backscatter_visibility * alpha / math.log(20.0)
        scale = beta / fog.target_reflectivity
        peak, place = np.zeros(len(ranges)), np.zeros(len(ranges))
        for k in range(len(ranges)):
            signal = np.convolve(np.where(r <= ranges[k], density, 0.0), pulse)
            best = int(np.argmax(signal))
            peak[k] = signal[best]
            place[k] = (best + 1) * INTEGRAL_STEP_M - pulse_m / 2  # where the middle of the pulse was
        return FogTable(fog, peak * scale * ranges**2, np.clip(place, OVERLAP_WHOLE_M, np.maximum(ranges, 1.0)))

    def answer_at(self, range_m: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """i_fog / i of targets at these ranges (n,)."""
        r = np.asarray(range_m, np.float64)
        ranges = np.arange(len(self.answer)) * TABLE_STEP_M
        return np.interp(r, ranges, self.answer) * np.maximum(1.0, r / ranges[-1]) ** 2

    def strike(self, range_m: Float32, reflectivity: Float32, rng: np.random.Generator) -> Returns:
        """See ``WeatherModel``."""
        fog = self.fog
        clear = np.exp(-2.0 * fog.extinction_pm * np.maximum(range_m - fog.begins_m, 0.0)).astype(np.float32)
        answer = self.answer_at(range_m).astype(np.float32)
        source = reflectivity if fog.reference_reflectivity is None else np.float32(fog.reference_reflectivity)
        from_fog, from_target = answer * source, clear * reflectivity
        if fog.step > 0.0:
            from_target = np.rint(from_target / np.float32(fog.step)) * np.float32(fog.step)
        place = np.interp(range_m, np.arange(len(self.place_m)) * TABLE_STEP_M, self.place_m)
        place = place * np.exp2(fog.spread * (2.0 * rng.random(len(range_m)) - 1.0))
        moved = (from_fog > from_target) & (place < range_m)
        new_range = np.where(moved, place.astype(np.float32), range_m)
        strength = np.minimum(np.where(moved, from_fog, from_target), np.float32(1.0))
        lost = strength < fog.limit * (range_m / fog.max_range_m) ** 2
        return Returns(new_range, np.where(lost, np.float32(0), strength), fates(range_m, new_range, clear, lost))
