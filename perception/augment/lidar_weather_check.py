"""The equations of the LiDAR weather papers evaluated a second time, slowly and without tables.

The models of ``lidar_weather_*`` integrate once and draw from tables; here fog is integrated by adaptive quadrature
for one target at a time, and every drop and every flake is thrown. Tests and ``docs/sensors.md`` hold one against the
other, because the papers give formulas and pictures but no counts of points.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from perception.augment.lidar_weather_drops import SMALLEST_M, Drops
from perception.augment.lidar_weather_fog import LIGHT_MPS, Fog
from perception.augment.lidar_weather_snow import Snow

Float64 = npt.NDArray[np.float64]
BEAM_STRIPES = 1500
"""Stripes of equal angle into which a beam is cut to see which flake hides what."""


def fog_answer(fog: Fog, range_m: float) -> float:
    """i_fog / i of a target (Hahner 2021, equation of the soft return), maximised over R by golden section."""
    from scipy.integrate import quad
    from scipy.optimize import minimize_scalar

    tau, alpha = fog.half_pulse_s, fog.extinction_pm

    def response(r: float) -> float:
        if r <= 0.9 or r > range_m:
            return 0.0
        return math.exp(-2.0 * alpha * r) * min((r - 0.9) / 0.1, 1.0) / (r * r)

    def signal(place_m: float) -> float:
        def integrand(t: float) -> float:
            return math.sin(math.pi * t / (2.0 * tau)) ** 2 * response(place_m - LIGHT_MPS * t / 2.0)

        edges = [2.0 * (place_m - edge) / LIGHT_MPS for edge in (0.9, 1.0, range_m)]
        inner = sorted(edge for edge in edges if 0.0 < edge < 2.0 * tau)
        ends = [0.0, *inner, 2.0 * tau]
        return float(sum(quad(integrand, a, b, epsrel=1e-8)[0] for a, b in pairwise(ends)))

    longest = 0.9 + LIGHT_MPS * tau
    best = minimize_scalar(lambda place: -signal(place), bounds=(1.0, longest), method="bounded")
    beta = fog.backscatter_visibility / (math.log(20.0) / alpha)
    return -float(best.fun) * range_m**2 * beta / fog.target_reflectivity


def thrown_drops(
    drops: Drops, range_m: float, reflectivity: float, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Range and power of the return of one beam with every drop in it thrown; None where nothing is seen."""
    near, slope = drops.min_range_m, drops.slope_pm
    low, high = math.exp(-slope * SMALLEST_M), math.exp(-slope * drops.largest_m)
    volume = math.pi / 12.0 * drops.divergence_rad**2 * max(range_m**3 - near**3, 0.0)
    n = int(rng.poisson(volume * drops.intercept_pm4 / slope * (low - high)))
    r = np.cbrt(near**3 + rng.random(n) * (range_m**3 - near**3))
    diameter = -np.log(high + (low - high) * rng.random(n)) / slope
    filled = np.minimum((diameter / (drops.divergence_rad * r)) ** 2, 1.0)
    power = drops.reflects * np.exp(-2.0 * drops.extinction_pm * r) / r**2 * filled
    target = reflectivity * math.exp(-2.0 * drops.extinction_pm * range_m) / range_m**2
    if n and power.max() > max(target, drops.weakest):
        k = int(np.argmax(power))
        return float(r[k]), float(power[k])
    return (range_m, target) if target >= drops.weakest else None


def thrown_flakes(snow: Snow, range_m: float, reflectivity: float, rng: np.random.Generator) -> tuple[float, float]:
    """Range and power of the return of one beam, every flake up to the target thrown into the plane round it."""
    edge = 0.5 * snow.divergence_rad * range_m + 0.02
    n = int(rng.poisson(snow.flakes_pm2 * 2.0 * edge * range_m))
    x, y = range_m * rng.random(n), edge * (2.0 * rng.random(n) - 1.0)
    diameter = np.minimum(rng.exponential(1.0 / snow.slope_pm, n), 0.02)
    diameter *= np.sqrt(1.0 - rng.uniform(-1.0, 1.0, n) ** 2)  # where the plane cuts them
    touches = (x > 0.9) & (np.abs(y) < 0.5 * (snow.divergence_rad * x + diameter))
    order = np.flatnonzero(touches)[np.argsort(x[touches])]
    stripe = (np.arange(BEAM_STRIPES) + 0.5) / BEAM_STRIPES * snow.divergence_rad - 0.5 * snow.divergence_rad
    free = np.ones(BEAM_STRIPES, bool)
    place, share = x[order], np.zeros(len(order))
    for k, row in enumerate(order):
        hides = free & (np.abs(stripe * x[row] - y[row]) < 0.5 * diameter[row])
        share[k] = hides.mean()
        free &= ~hides
    if snow.behind_flakes is not None and len(order):
        reflectivity = snow.behind_flakes
    target = reflectivity * float(free.mean()) / range_m**2
    if not len(order):
        return range_m, target
    pulse = LIGHT_MPS * snow.half_pulse_s
    overlap = np.clip((place - 0.9) / 0.1, 0.0, 1.0)
    lag = place[:, None] - place[None, :] + 0.5 * pulse
    shape = np.where((lag > 0.0) & (lag < pulse), np.sin(math.pi * lag / pulse) ** 2, 0.0)
    signal = shape @ (snow.flake_reflectivity * share * overlap / place**2)
    best = int(np.argmax(signal))
    return (float(place[best]), float(signal[best])) if signal[best] > target else (range_m, target)
