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
    integral_p: float = 0.3  # 1/s share of e / L^2 that is integrated: takes out a bent steering or a cross slope
    integral_most_pm: float = 0.002  # 1/m: 0.3 degrees at the wheels
    integral_curvature_pm: float = 0.01  # only on straights; in curves the error has other reasons
    error_most_m: float = 1.5  # further off the approach angle stays that of 1.5 m
    understeer_s2pm: float = 0.004  # rad per m/s2 of lateral acceleration: steer = atan(L k) + K v^2 k
    response_lag_s: float = 0.2  # steering actuator and yaw inertia together: command and yaw rate are compared so late
    response_memory_s: float = 15.0  # of turning: the steering's response changes with speed and tyres
    response_prior_pm2: float = 0.004  # 1/m2 s: outweighed by half a second on a radius of 11 m
    response_least: float = 0.5  # some cars turn their wheels half as far as told when fast (CARLA's steering curve)
    response_most: float = 1.8
    response_speed_mps: float = 2.0  # slower, the yaw rate is mostly noise


class SteeringResponse:
    """How much of the commanded curvature the car really drives: regression of the measured on the commanded curvature
    through the origin, with a prior at 1 and exponential forgetting (by time spent turning)."""

    def __init__(self, config: LateralConfig) -> None:
        self.config = config
        self._commanded = 0.0
        self._weight = config.response_prior_pm2
        self._product = config.response_prior_pm2

    @property
    def ratio(self) -> float:
        """Driven over commanded curvature, within its bounds."""
        return min(max(self._product / self._weight, self.config.response_least), self.config.response_most)

    def observe(self, commanded_pm: float, yaw_rate_radps: float, speed_mps: float, dt_s: float) -> None:
        """Take the last command and the yaw rate measured now."""
        config = self.config
        self._commanded += (commanded_pm - self._commanded) * min(dt_s / config.response_lag_s, 1.0)
        if speed_mps < config.response_speed_mps or not math.isfinite(yaw_rate_radps):
            return
        square = self._commanded**2
        forget = math.exp(-dt_s / config.response_memory_s * min(square / 0.0025, 1.0))
        prior = config.response_prior_pm2
        self._weight = prior + (self._weight - prior) * forget + square * dt_s
        measured = yaw_rate_radps / speed_mps
        self._product = prior + (self._product - prior) * forget + self._commanded * measured * dt_s


class Lateral:
    """Steering angle for a plan."""

    def __init__(self, vehicle: VehicleModel, config: LateralConfig) -> None:
        self.vehicle = vehicle
        self.config = config
        self._integral_pm = 0.0
        self._commanded_pm = 0.0
        self.response = SteeringResponse(config)

    def step(
        self, plan: Plan, age_s: float, pose: tuple[float, float, float], speed_mps: float, yaw_rate_radps: float,
        dt_s: float,
    ) -> tuple[float, float, dict[str, float]]:  # fmt: skip
        """(road-wheel angle rad, path curvature 1/m, terms) for the ego origin at ``pose`` = x, y, yaw."""
        config, vehicle = self.config, self.vehicle
        self.response.observe(self._commanded_pm, yaw_rate_radps, speed_mps, dt_s)
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
        if speed_mps > 3.0 and abs(error) < 0.5 and abs(ahead) < config.integral_curvature_pm:
            self._integral_pm += config.integral_p * from_error * dt_s
            self._integral_pm = min(max(self._integral_pm, -config.integral_most_pm), config.integral_most_pm)
        curvature = ahead + from_error + from_heading + self._integral_pm
        ratio = self.response.ratio
        self._commanded_pm = curvature / ratio
        rear = self._commanded_pm / math.sqrt(max(1.0 - (vehicle.rear_axle_to_center_m * self._commanded_pm) ** 2, 0.3))
        steer = math.atan(vehicle.wheelbase_m * rear) + config.understeer_s2pm * speed_mps**2 * self._commanded_pm
        terms = {
            "lateral_error_m": error, "heading_error_rad": heading, "curvature_feed_forward_pm": ahead,
            "curvature_error_pm": from_error, "curvature_heading_pm": from_heading,
            "curvature_integral_pm": self._integral_pm, "approach_length_m": length,
            "steering_response": ratio,
        }  # fmt: skip
        return steer, curvature, terms

    def reset(self) -> None:
        """Forget the integral."""
        self._integral_pm = 0.0
