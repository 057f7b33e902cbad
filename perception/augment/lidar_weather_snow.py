"""Snowfall in LiDAR sweeps after Hahner, Sakaridis, Bijelic, Heide, Yu, Dai, Van Gool, "LiDAR Snowfall Simulation for
Robust 3D Object Detection" (CVPR 2022).

In the plane that a beam sweeps, flakes cover the share rho_w R_s / (3.6e6 rho_s v) of the area. They are balls with
diameters after Gunn and Marshall (or Sekhon and Srivastava) that the plane cuts at any height. The beam is a wedge; a
flake at r hides the share of it that it covers and that nothing nearer hides, and answers with C rho_s share xi(r) /
r^2 sin^2(pi (R - r) / (c tau)); the target answers with what is left of the wedge. Pulses add up; the strongest peak
is the return.

The paper throws flakes into the whole plane; beams that do not overlap see different flakes, so they are thrown into
each beam's wedge alone here. Flakes too far away to beat the target take their mean share of the light instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from perception.augment.lidar_weather import KEPT_SHARE, Fate, Float32, Returns
from perception.augment.lidar_weather_fog import LIGHT_MPS, OVERLAP_BEGINS_M, OVERLAP_WHOLE_M

WATER_DENSITY, SNOW_DENSITY = 1.0, 0.1  # g / cm^3
CRYSTAL_M = 0.003
"""Size of the crystals in Rasmussen's relation of snow rate and visibility (Koh and Lacroix 1989), as in the paper."""
FALL_MPS = {0.5: 2.0, 1.0: 1.6, 1.5: 0.6, 2.0: 2.0, 2.5: 1.6}
"""The paper's falling speeds by snow rate, mm/h."""
LARGEST_M = 20e-3
"""Larger flakes fall apart."""
MAX_FLAKES = 96
"""Of one beam that are told apart: the nearest of them; the snow of one beam is a tenth of that in heavy snowfall."""
_KEPT, _ATTENUATED = np.uint8(Fate.KEPT), np.uint8(Fate.ATTENUATED)
_SCATTERED, _LOST = np.uint8(Fate.SCATTERED), np.uint8(Fate.LOST)


@dataclass(frozen=True)
class Snow:
    """Snowfall of one rate.

    rate_mm_per_h: R_s of melted water. fall_mps: of the flakes; None: the paper's nearest value. sekhon: sizes after
    Sekhon and Srivastava 1970 instead of Gunn and Marshall 1958. flake_reflectivity, half_pulse_s, divergence_rad: the
    paper's. limit: the sensor sees a target of this reflectivity at max_range_m and nothing weaker. behind_flakes: of
    all targets behind flakes, instead of their own; the authors' program compares flakes with targets of 0.9.
    """

    rate_mm_per_h: float
    fall_mps: float | None = None
    sekhon: bool = False
    flake_reflectivity: float = 0.9
    half_pulse_s: float = 10e-9
    divergence_rad: float = 3e-3
    limit: float = 0.1
    max_range_m: float = 200.0
    behind_flakes: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.rate_mm_per_h <= 100.0:
            raise ValueError(f"snow: rate_mm_per_h must be within 0..100 and not 0, got {self.rate_mm_per_h}")

    @property
    def speed_mps(self) -> float:
        """Falling speed."""
        if self.fall_mps is not None:
            return self.fall_mps
        return FALL_MPS[min(FALL_MPS, key=lambda rate: abs(rate - self.rate_mm_per_h))]

    @property
    def occupancy(self) -> float:
        """Share of the plane that flakes cover."""
        return WATER_DENSITY * self.rate_mm_per_h / (3.6e6 * SNOW_DENSITY * self.speed_mps)

    @property
    def rain_rate_mm_per_h(self) -> float:
        """R_r of the size distributions: R_s = 487 rho_s d v R_r^(2/3)."""
        return (self.rate_mm_per_h / (487.0 * SNOW_DENSITY * CRYSTAL_M * self.speed_mps)) ** 1.5

    @property
    def slope_pm(self) -> float:
        """Of the exponential distribution of diameters, 1/m."""
        rate = self.rain_rate_mm_per_h
        return 22.9e2 * rate**-0.45 if self.sekhon else 25.5e2 * rate**-0.48

    @property
    def flakes_pm2(self) -> float:
        """Number per square metre of the plane: occupancy over a cut's mean area, 2/3 of pi / 4 times 2 / slope^2."""
        return self.occupancy / (math.pi / 3.0 / self.slope_pm**2)

    @property
    def mean_diameter_m(self) -> float:
        """Of the flakes where the plane cuts them: pi / 4 of their own."""
        return math.pi / 4.0 / self.slope_pm

    def strike(self, range_m: Float32, reflectivity: Float32, rng: np.random.Generator) -> Returns:
        """See ``WeatherModel``."""
        n = len(range_m)
        out = Returns(np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint8))
        _strike(
            range_m, reflectivity, rng, self.flakes_pm2, self.slope_pm, self.mean_diameter_m, self.divergence_rad,
            self.flake_reflectivity, LIGHT_MPS * self.half_pulse_s, self.limit / self.max_range_m**2,
            -1.0 if self.behind_flakes is None else self.behind_flakes,
            out.range_m, out.strength, out.fate,
        )  # fmt: skip
        return out


@njit(cache=True, nogil=True, error_model="numpy")
def _hidden(left, right, count, low, high):  # type: ignore[no-untyped-def]
    """Length of ``low..high`` that none of the first ``count`` disjoint spans covers; the spans then cover it.

    Returns the length and the new count. Spans are in no order: there are few of them, and they seldom touch.
    """
    touched = False
    for k in range(count):
        touched |= (left[k] <= high) & (right[k] >= low)
    free, new_low, new_high = high - low, low, high
    if touched:
        kept = 0
        for k in range(count):
            if left[k] <= high and right[k] >= low:
                free -= max(0.0, min(right[k], high) - max(left[k], low))
                new_low, new_high = min(new_low, left[k]), max(new_high, right[k])
            else:
                left[kept], right[kept] = left[k], right[k]
                kept += 1
        count = kept
    left[count], right[count] = new_low, new_high
    return max(free, 0.0), count + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _throw(rng, near, far, width, density, slope, size, place, share, left, right):  # type: ignore[no-untyped-def]
    """Flakes that touch one beam, nearest first: place (m) and share of the beam that each hides. Returns how many.

    A flake of which the plane cuts out a disc d touches where its middle lies within width r + d: the density of (r, d)
    is that of a wedge with any flake plus that of a strip with flakes drawn by d = D sqrt(1 - u^2). Any flake is cut at
    u even in -1..1; drawn by d, u has the density sqrt(1 - u^2), which is that of an abscissa in a disc.
    """
    wedge, strip = 0.5 * width * (far * far - near * near), 0.25 * math.pi * (far - near) / slope
    mean, u = density * (wedge + strip), rng.random()
    if u <= 1.0 - mean:  # exp(-mean) is more than that: none
        return 0
    chance = math.exp(-mean)
    below, n = chance, 0
    while u > below and n < len(place):  # a Poisson number by inversion
        n += 1
        chance *= mean / n
        below += chance
    for k in range(n):
        if rng.random() * (wedge + strip) < wedge:
            r = math.sqrt(near * near + (far * far - near * near) * rng.random())
            u = 2.0 * rng.random() - 1.0
            diameter = rng.standard_exponential() * math.sqrt(1.0 - u * u)
        else:
            r = near + (far - near) * rng.random()
            u = math.sqrt(rng.random()) * math.cos(math.pi * rng.random())
            diameter = (rng.standard_exponential() + rng.standard_exponential()) * math.sqrt(1.0 - u * u)
        j = k
        while j > 0 and place[j - 1] > r:
            place[j], size[j] = place[j - 1], size[j - 1]
            j -= 1
        place[j], size[j] = r, min(diameter / slope, LARGEST_M)
    spans = 0
    for k in range(n):
        beam = width * place[k]
        middle = (rng.random() - 0.5) * (beam + size[k])
        low, high = max(middle - 0.5 * size[k], -0.5 * beam), min(middle + 0.5 * size[k], 0.5 * beam)
        share[k] = 0.0
        if high > low:
            share[k], spans = _hidden(left, right, spans, low / beam, high / beam)
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _answers(place, share, n, reflects, alone):  # type: ignore[no-untyped-def]
    """Strength (over 1 m^-2) of each flake's pulse; returns what ``_peak`` never exceeds: all of them together."""
    total = 0.0
    for j in range(n):
        overlap = min(max((place[j] - OVERLAP_BEGINS_M) / (OVERLAP_WHOLE_M - OVERLAP_BEGINS_M), 0.0), 1.0)
        alone[j] = reflects * share[j] * overlap / place[j] ** 2
        total += alone[j]
    return 1.000001 * total  # rounding


@njit(cache=True, nogil=True, error_model="numpy")
def _peak(place, alone, n, pulse_m):  # type: ignore[no-untyped-def]
    """Strength (over 1 m^-2) and place of the strongest peak of the pulses of flakes, nearest first, together."""
    best, at, first, end = 0.0, 0.0, 0, 0
    for k in range(n):
        while place[k] - place[first] + 0.5 * pulse_m >= pulse_m:
            first += 1
        most = 0.0
        end = max(end, k)
        while end < n and place[k] - place[end] + 0.5 * pulse_m > 0.0:
            end += 1
        for j in range(first, end):
            most += alone[j]
        if 1.000001 * most <= best:
            continue
        total = 0.0
        for j in range(first, end):
            lag = place[k] - place[j] + 0.5 * pulse_m
            total += alone[j] * math.sin(math.pi * lag / pulse_m) ** 2
        if total > best:
            best, at = total, place[k]
    return best, at


@njit(cache=True, nogil=True, error_model="numpy")
def _strike(  # type: ignore[no-untyped-def]
    ranges, reflectivity, rng, density, slope, mean_diameter, width, reflects, pulse_m, weakest, behind, new_range,
    strength, fate,
):  # fmt: skip
    size, place = np.empty(MAX_FLAKES), np.empty(MAX_FLAKES)
    share, alone = np.empty(MAX_FLAKES), np.empty(MAX_FLAKES)
    left, right = np.empty(MAX_FLAKES + 1), np.empty(MAX_FLAKES + 1)
    biggest = min(9.0 / slope, LARGEST_M)  # one flake in 8000 is larger
    for k in range(len(ranges)):
        r = float(ranges[k])
        new_range[k], fate[k] = r, _KEPT
        power = reflectivity[k] / (r * r) if r > 0.0 else 0.0
        # farther than this not even a large flake answers with half of the target's strength or of the weakest
        cube = reflects * biggest / (width * 0.5 * max(power, weakest))
        far = r if cube >= r * r * r else cube ** (1.0 / 3.0)
        n, rest, best, at = 0, 1.0, 0.0, 0.0
        if far > OVERLAP_BEGINS_M:
            n = _throw(rng, OVERLAP_BEGINS_M, far, width, density, slope, size, place, share, left, right)
            for j in range(n):
                rest -= share[j]
            rest = max(0.0, rest)
            if n > 0 and behind >= 0.0:
                power = behind / (r * r)
        kept = rest * math.exp(-density * mean_diameter * (r - far)) if far < r else rest
        if n > 0 and _answers(place, share, n, reflects, alone) >= max(weakest, power * kept):
            best, at = _peak(place, alone, n, pulse_m)
        if best > power * kept and best >= weakest:
            new_range[k], fate[k] = at, _SCATTERED
            strength[k] = min(best * at * at, 1.0)
        elif power * kept < weakest:
            fate[k], strength[k] = _LOST, 0.0
        else:
            strength[k] = reflectivity[k] * kept
            if kept < KEPT_SHARE:
                fate[k] = _ATTENUATED
