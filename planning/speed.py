"""Speeds along the reference: what curves, limits and comfort allow, and the roll-out of a longitudinal motion.

The roll-out integrates one scalar law every ``PLAN_STEP_S``: the lowest acceleration asked for by the speed limit, by
every place to stop at and by everything ahead, limited in jerk. A stop at distance d is approached on
v(d) = b (sqrt(tau^2 + 2 d / b) - tau): constant deceleration b far out, exponential (time constant tau) at the end, so
that the car comes to rest without a jolt. Things ahead are approached on the same curve, relative to their speed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from perception.frame import FloatArray
from planning.reference import REFERENCE_STEP_M, Reference

PLAN_STEP_S = 0.1
"""Spacing of the plan: two steps of a 20 Hz controller."""


@dataclass(frozen=True)
class SpeedConfig:
    """Comfort and manners. nuPlan's comfort bounds: -4.05..2.40 m/s2 along, 4.89 across, jerk 4.13 m/s3 along."""

    horizon_s: float = 6.0
    lateral_mps2: float = 2.2  # passengers lean from about 2.5
    accelerate_mps2: float = 2.0
    brake_mps2: float = 2.0  # comfortable; the plan starts to brake for stops at this
    brake_hard_mps2: float = 8.0  # dry tyres
    jerk_mps3: float = 3.0
    jerk_hard_mps3: float = 25.0  # a brake system reaches full force in 0.3 s
    curve_brake_mps2: float = 1.5  # for lower limits and curves ahead
    limit_share: float = 0.98  # of the posted limit: room for the controller's overshoot
    crawl_mps: float = 2.5  # no curve is so tight that it asks for less
    speed_gain_ps: float = 0.9  # 1/s, acceleration per speed error
    stop_tau_s: float = 0.6  # time constant of the last metre
    headway_s: float = 1.2  # to a leader; 2 s is taught, 1 s is what town traffic does
    gap_m: float = 3.0  # to a standing leader
    reaction_s: float = 0.3  # perception, planning and brakes together, where braking is judged feasible


def limit_profile(reference: Reference, config: SpeedConfig) -> FloatArray:
    """Allowed speed (n,) at every sample of the reference: posted limit, curvature, braking in time for both."""
    curve = np.sqrt(config.lateral_mps2 / np.maximum(np.abs(reference.curvature_pm), 1e-4))
    allowed = np.minimum(config.limit_share * reference.limit_mps, np.maximum(curve, config.crawl_mps))
    return _backward(np.ascontiguousarray(allowed), config.curve_brake_mps2)


@njit(cache=True, nogil=True)
def _backward(allowed: FloatArray, brake: float) -> FloatArray:
    out = allowed.copy()
    for i in range(len(out) - 2, -1, -1):
        out[i] = min(out[i], math.sqrt(out[i + 1] ** 2 + 2.0 * brake * REFERENCE_STEP_M))
    return out


def lowered(limits_mps: FloatArray, zones: list[tuple[float, float, float]], config: SpeedConfig) -> FloatArray:
    """The profile with lower speeds in ``zones`` (from, to, speed), braking for them in time; itself without zones."""
    if not zones:
        return limits_mps
    allowed = limits_mps.copy()
    for from_s, to_s, speed in zones:
        first, last = max(int(from_s / REFERENCE_STEP_M), 0), max(int(to_s / REFERENCE_STEP_M) + 1, 0)
        allowed[first:last] = np.minimum(allowed[first:last], speed)
    return _backward(allowed, config.curve_brake_mps2)


def travel_time(
    limits_mps: FloatArray, s_m: float, speed_mps: float, to_s_m: FloatArray, config: SpeedConfig
) -> FloatArray:
    """Time (k,) to reach the arc lengths ``to_s_m`` (k,) when nothing is in the way; 0 for those already passed."""
    return _travel_time(limits_mps, s_m, speed_mps, np.ascontiguousarray(to_s_m), 0.8 * config.accelerate_mps2)


@njit(cache=True, nogil=True)
def _travel_time(limits: FloatArray, s0: float, v0: float, targets: FloatArray, accelerate: float) -> FloatArray:
    out = np.zeros(len(targets))
    for k in range(len(targets)):
        s, v, t = s0, max(v0, 0.3), 0.0
        while s < targets[k] and t < 60.0:
            row = min(max(int(s / REFERENCE_STEP_M), 0), len(limits) - 1)
            v = max(min(math.sqrt(v * v + 2.0 * accelerate * REFERENCE_STEP_M), limits[row]), 0.3)
            step = min(REFERENCE_STEP_M, targets[k] - s)
            t += step / v
            s += step
        out[k] = t
    return out


@dataclass(frozen=True)
class Motion:
    """A longitudinal motion on the time grid: s_m, speed_mps, acceleration_mps2 (h,); ``binding``: -1 the limit, k the
    k-th stop, stops + k the k-th obstacle: what asked for the lowest acceleration at the start."""

    s_m: FloatArray
    speed_mps: FloatArray
    acceleration_mps2: FloatArray
    binding: int


def roll_out(
    start: tuple[float, float, float],
    limits_mps: FloatArray,
    stops_m: FloatArray,
    block_s_m: FloatArray,
    block_speed_mps: FloatArray,
    block_firm: FloatArray,
    cap_mps2: float,
    config: SpeedConfig,
) -> Motion:
    """Roll the car out from ``start`` = (s, speed, acceleration).

    stops_m (k,): arc lengths at which the ego origin must stop. block_s_m, block_speed_mps (m, h): arc length that the
    ego origin must stay behind at each time, and how fast it moves; inf where there is nothing; block_firm (m, h): 1
    where it is in the way at that time, 0 where it only soon will be: a reason for comfortable braking, no more.
    cap_mps2: upper bound on the acceleration (to brake harder than the law asks).
    """
    h = round(config.horizon_s / PLAN_STEP_S) + 1
    out = np.empty((3, h))
    binding = _roll_out(
        out, start[0], start[1], start[2], limits_mps, stops_m, block_s_m, block_speed_mps, block_firm, cap_mps2,
        np.array([
            config.accelerate_mps2, config.brake_mps2, config.brake_hard_mps2, config.jerk_mps3, config.jerk_hard_mps3,
            config.speed_gain_ps, config.stop_tau_s, config.headway_s, config.gap_m,
        ]),
    )  # fmt: skip
    return Motion(out[0], out[1], out[2], int(binding))


@njit(cache=True, nogil=True)
def _approach(distance: float, speed: float, relative: float, brake: float, tau: float, headway: float) -> float:
    """Lowest acceleration that keeps to the approach curve; ``relative`` is the speed of what is approached."""
    closing = speed - relative
    if distance <= 0.0:
        return (
            min(1.2 * (relative - min(-0.4 * distance, 1.5) - speed), 0.0) if relative > 0.5 else -1.2 * closing - 0.5
        )
    if closing > 0.0:  # above the comfortable curve: take the steeper one through here
        brake = min(max(brake, closing * closing / (2.0 * max(distance - tau * closing, 0.1))), 8.0)
    root = math.sqrt(tau * tau + 2.0 * distance / brake)
    return 1.2 * (brake * (root - tau) - closing) - closing / (root + headway)


@njit(cache=True, nogil=True)
def _roll_out(
    out: FloatArray, s: float, v: float, a: float, limits: FloatArray, stops: FloatArray, block_s: FloatArray,
    block_v: FloatArray, firm: FloatArray, cap: float, p: FloatArray,
) -> int:  # fmt: skip
    accelerate, brake, hard, jerk, jerk_hard, gain, tau, headway, gap = p
    binding = -1
    h = out.shape[1]
    for t in range(h):
        out[0, t], out[1, t] = s, v
        row = min(max(int((s + v * 0.4) / REFERENCE_STEP_M), 0), len(limits) - 1)
        ahead = min(row + 2, len(limits) - 1)
        slope = min((limits[ahead] - limits[row]) / (2.0 * REFERENCE_STEP_M), 0.0)
        want = min(gain * (limits[row] - v) + slope * v, accelerate)
        chosen = -1
        for k in range(len(stops)):
            ask = _approach(stops[k] - s, v, 0.0, brake, tau, 0.0)
            if ask < want:
                want, chosen = ask, k
        for k in range(len(block_s)):
            if block_s[k, t] < np.inf:
                lead = max(block_v[k, t], 0.0)
                space = block_s[k, t] - s
                ask = _approach(space - gap - headway * v, v, lead, brake, tau, headway)
                closing = v - lead
                if closing > 0.0:  # what it takes not to touch it, 1 m kept
                    needed = closing * closing / (2.0 * max(space - 1.0, 0.2))
                    if needed > brake:
                        ask = min(ask, -needed)
                if firm[k, t] <= 0.0:
                    ask = max(ask, -brake)
                if ask < want:
                    want, chosen = ask, len(stops) + k
        want = max(min(want, cap), -hard)
        if t == 0:
            binding = chosen
        down = jerk
        if want < -1.5 * brake:
            down = jerk_hard if want < -2.2 * brake else 2.0 * jerk
        up = jerk if a > -1.0 else 2.5 * jerk  # a brake may be let go faster than the throttle is pressed
        a = max(want, a - down * PLAN_STEP_S) if want < a else min(a + up * PLAN_STEP_S, want)
        if a > 0.0 and want <= 0.0:
            a = max(want, a - 3.0 * jerk * PLAN_STEP_S)
        if v + a * PLAN_STEP_S < 0.0:
            stop_time = v / max(-a, 1e-3)
            s += 0.5 * v * stop_time
            a_out = a
            v, a = 0.0, 0.0
            out[2, t] = a_out if out[1, t] > 0.0 else 0.0
            continue
        out[2, t] = a
        s += v * PLAN_STEP_S + 0.5 * a * PLAN_STEP_S**2
        v += a * PLAN_STEP_S
    return binding
