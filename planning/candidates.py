"""Candidate trajectories: lateral offsets times longitudinal motions in the Frenet frame.

Lateral: a quintic in arc length from the planned offset, slope and curvature to a constant offset (after Werling et
al., "Optimal Trajectory Generation for Dynamic Street Scenarios in a Frenet Frame", ICRA 2010, with arc length for
time, so
that a car that stops does not slide sideways). Longitudinal: the behaviour's own motion and harder brakings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perception.frame import FloatArray, VehicleModel
from planning.reference import Reference
from planning.speed import Motion


@dataclass(frozen=True)
class CandidateConfig:
    """Which candidates are tried and what they cost."""

    offset_shares: tuple[float, ...] = (0.0, 0.5, -0.5, 1.0, -1.0)  # of the room that the lane leaves beside the car
    offset_most_m: float = 1.2  # on a wide lane
    edge_m: float = 0.15  # free space kept to the lane's edge
    caps_mps2: tuple[float, ...] = (math.inf, -1.0, -2.5, -4.5, -8.0)  # nominal, then harder brakings
    shift_s: float = 3.0  # a sideways shift of 0.7 m in 3 s stays below 0.5 m/s2
    shift_min_m: float = 8.0
    weight_offset: float = 2.5  # per m
    weight_change: float = 1.0  # per m away from the offset last chosen: no dithering, yet back in the end
    weight_progress: float = 0.5  # per metre lost in the horizon against free driving
    weight_acceleration: float = 0.15  # per (m/s2)2, mean
    weight_brake: float = 1.0  # per m/s2 of the hardest braking beyond comfort
    weight_caution: float = 3.0  # braking harder than the situation asks: only where all else collides


@dataclass(frozen=True)
class Shift:
    """Lateral motion d(s): a quintic from (d, d', d'') at ``s_m`` to (to_m, 0, 0) at ``s_m + length_m``."""

    s_m: float
    length_m: float
    coefficients: tuple[float, float, float, float, float, float]
    to_m: float

    def at(self, s_m: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """d, d', d'' at arc lengths of any shape."""
        if not any(self.coefficients[1:]):  # no sideways motion
            nothing = np.zeros_like(s_m)
            return np.full_like(s_m, self.to_m), nothing, nothing
        u = np.clip((s_m - self.s_m) / self.length_m, 0.0, 1.0)
        c = self.coefficients
        d = c[0] + u * (c[1] + u * (c[2] + u * (c[3] + u * (c[4] + u * c[5]))))
        slope = (c[1] + u * (2 * c[2] + u * (3 * c[3] + u * (4 * c[4] + u * 5 * c[5])))) / self.length_m
        bend = (2 * c[2] + u * (6 * c[3] + u * (12 * c[4] + u * 20 * c[5]))) / self.length_m**2
        inside = (s_m >= self.s_m) & (s_m <= self.s_m + self.length_m)
        return d, np.where(inside, slope, 0.0), np.where(inside, bend, 0.0)


def shift(s_m: float, start: tuple[float, float, float], to_m: float, length_m: float) -> Shift:
    """The quintic from ``start`` = (d, d', d'') at ``s_m`` to the constant offset ``to_m``."""
    d0, v0, a0 = start[0], start[1] * length_m, start[2] * length_m**2
    e = to_m - d0 - v0 - 0.5 * a0
    f, g = -v0 - a0, -a0
    c3 = 10 * e - 4 * f + 0.5 * g
    c4 = -15 * e + 7 * f - g
    c5 = 6 * e - 3 * f + 0.5 * g
    return Shift(s_m, length_m, (d0, v0, 0.5 * a0, c3, c4, c5), to_m)


def offsets(width_m: float, vehicle: VehicleModel, config: CandidateConfig) -> list[float]:
    """Offsets that keep the car within a lane of ``width_m``; always 0."""
    room = min(0.5 * width_m - 0.5 * vehicle.width_m - config.edge_m, config.offset_most_m)
    if room < 0.1:
        return [0.0]
    return [round(share * room, 2) for share in config.offset_shares]


def to_world(
    reference: Reference, s_m: FloatArray, lateral: Shift, vehicle: VehicleModel
) -> tuple[FloatArray, FloatArray]:
    """Poses (..., 3) x, y, yaw (of the body: the path's direction less the slip of the footprint's centre) and path
    curvature (...,) at the arc lengths ``s_m`` (...,) along a lateral shift."""
    xy, yaw, curvature = reference.at(s_m)
    d, slope, bend = lateral.at(s_m)
    stretch = np.maximum(1.0 - curvature * d, 0.2)
    angle = np.arctan2(slope, stretch)
    turn = np.cos(angle) * (curvature + bend * np.cos(angle) ** 2 / stretch) / stretch
    slip = np.arcsin(np.clip(vehicle.rear_axle_to_center_m * turn, -0.7, 0.7))
    poses = np.empty((*s_m.shape, 3))
    poses[..., 0] = xy[..., 0] - d * np.sin(yaw)
    poses[..., 1] = xy[..., 1] + d * np.cos(yaw)
    poses[..., 2] = yaw + angle - slip
    return poses, turn


def cost_terms(
    motion: Motion, free_end_m: float, lateral: Shift, last_offset_m: float, asked: bool, config: CandidateConfig
) -> dict[str, float]:
    """The weighted terms of one candidate; their sum is its cost. ``asked``: the motion is what the situation asks for,
    not a harder braking."""
    acceleration = motion.acceleration_mps2
    return {
        "offset": config.weight_offset * abs(lateral.to_m),
        "change": config.weight_change * abs(lateral.to_m - last_offset_m),
        "progress": config.weight_progress * max(free_end_m - float(motion.s_m[-1]), 0.0),
        "acceleration": config.weight_acceleration * float(np.mean(acceleration**2)),
        "brake": config.weight_brake * max(-float(acceleration.min()) - 2.5, 0.0),
        "caution": 0.0 if asked else config.weight_caution,
    }
