"""Lateral control: curvature feed-forward plus feedback of lateral and heading error with poles set in arc length.

In arc length the error of the ego origin obeys e'' = k - k_ref for a kinematic bicycle, so
k = k_ref - e / L^2 - 2 z h / L (e left of the path, h heading error) gives e'' + 2 z / L e' + e / L^2 = 0: the same
shape of approach at every speed, L metres long; L grows with speed, so that in time it never gets faster than the
steering. (Snider, "Automatic Steering Methods for Autonomous Automobile Path Tracking", CMU 2009, compares the family.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perception.frame import VehicleModel
from planning.records import Plan


@dataclass(frozen=True)
class LateralConfig:
    """Gains."""

    length_s: float = 0.55  # L per speed: 0.55 s is three times the delay of plan and steering
    length_min_m: float = 3.5  # about a wheelbase: sharper asks for full lock at 0.5 m of error
    damping: float = 1.0
    delay_s: float = 0.12  # steering actuator and half a control period: the curvature is taken so far ahead
    integral_p: float = 0.15  # 1/s share of e / L^2 that is integrated: takes out a bent steering or a cross slope
    integral_most_pm: float = 0.008  # 1/m, 2 % of full lock
    error_most_m: float = 1.5  # further off the approach angle stays that of 1.5 m
    understeer_s2pm: float = 0.0012  # rad per m/s2 of lateral acceleration / gravity share: steer = L k + K v^2 k


class Lateral:
    """Steering angle for a plan."""

    def __init__(self, vehicle: VehicleModel, config: LateralConfig) -> None:
        self.vehicle = vehicle
        self.config = config
        self._integral_pm = 0.0

    def step(
        self, plan: Plan, age_s: float, pose: tuple[float, float, float], speed_mps: float, dt_s: float
    ) -> tuple[float, float, dict[str, float]]:
        """(road-wheel angle rad, path curvature 1/m, terms) for the ego origin at ``pose`` = x, y, yaw."""
        config, vehicle = self.config, self.vehicle
        x, y, yaw = (float(np.interp(age_s, plan.times_s, np.unwrap(plan.points_world_m[:, k]) if k == 2 else
                                     plan.points_world_m[:, k])) for k in range(3))  # fmt: skip
        here = float(np.interp(age_s, plan.times_s, plan.curvature_pm))
        ahead = float(np.interp(age_s + config.delay_s, plan.times_s, plan.curvature_pm))
        course = yaw + math.asin(min(max(vehicle.rear_axle_to_center_m * here, -0.7), 0.7))
        error = -math.sin(course) * (pose[0] - x) + math.cos(course) * (pose[1] - y)
        heading = math.remainder(pose[2] - yaw, 2.0 * math.pi)
        length = max(config.length_s * speed_mps, config.length_min_m)
        bounded = min(max(error, -config.error_most_m), config.error_most_m)
        from_error = -bounded / length**2
        from_heading = -2.0 * config.damping * math.sin(heading) / length
        if speed_mps > 1.0 and abs(error) < 0.5:
            self._integral_pm += config.integral_p * from_error * dt_s
            self._integral_pm = min(max(self._integral_pm, -config.integral_most_pm), config.integral_most_pm)
        curvature = ahead + from_error + from_heading + self._integral_pm
        rear = curvature / math.sqrt(max(1.0 - (vehicle.rear_axle_to_center_m * curvature) ** 2, 0.3))
        steer = math.atan(vehicle.wheelbase_m * rear) + config.understeer_s2pm * speed_mps**2 * curvature
        terms = {
            "lateral_error_m": error, "heading_error_rad": heading, "curvature_feed_forward_pm": ahead,
            "curvature_error_pm": from_error, "curvature_heading_pm": from_heading,
            "curvature_integral_pm": self._integral_pm, "approach_length_m": length,
        }  # fmt: skip
        return steer, curvature, terms

    def reset(self) -> None:
        """Forget the integral."""
        self._integral_pm = 0.0
