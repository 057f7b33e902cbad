"""``Control``: the stage. A plan and where the car is in, one actuator command out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from control.command import Command
from control.lateral import Lateral, LateralConfig
from control.limits import LimitConfig, Limits
from control.longitudinal import Longitudinal, LongitudinalConfig
from control.vehicle import PedalConfig, PedalMap
from perception.frame import VehicleModel
from perception.objects import EgoEstimate
from planning.records import Plan


@dataclass(frozen=True)
class ControlConfig:
    """Everything that can be set in control."""

    pedals: PedalConfig = field(default_factory=PedalConfig)
    longitudinal: LongitudinalConfig = field(default_factory=LongitudinalConfig)
    lateral: LateralConfig = field(default_factory=LateralConfig)
    limits: LimitConfig = field(default_factory=LimitConfig)
    first_step_s: float = 0.05  # assumed before the first command


class Control:
    """Follows plans with one vehicle. Keeps integrals and the last command."""

    def __init__(self, vehicle: VehicleModel, config: ControlConfig | None = None) -> None:
        self.vehicle = vehicle
        self.config = config or ControlConfig()
        self.lateral = Lateral(vehicle, self.config.lateral)
        self.longitudinal = Longitudinal(PedalMap(self.config.pedals), self.config.longitudinal)
        self.limits = Limits(self.config.limits)
        self._last_us: int | None = None

    def control(self, plan: Plan, ego: EgoEstimate, steer_rad: float, t_us: int) -> Command:
        """The command at ``t_us``. ``steer_rad`` is the measured road-wheel angle (NaN where unknown; the last
        commanded one is used then). Input that is not finite, or a plan that is too old, ends in a safe stop."""
        elapsed = (t_us - self._last_us) * 1e-6 if self._last_us is not None else self.config.first_step_s
        dt = min(max(elapsed, 1e-3), 0.5)
        self._last_us = t_us
        pose = ego.world_from_ego
        place = (float(pose[0, 3]), float(pose[1, 3]), math.atan2(pose[1, 0], pose[0, 0]))
        speed = float(ego.velocity_ego_mps[0])
        age = (t_us - plan.t_us) * 1e-6
        trouble = self._trouble(plan, place, speed, age)
        if trouble:
            return self._safe_stop(t_us, dt, trouble)
        age = max(age, 0.0)
        throttle, brake, acceleration, terms = self.longitudinal.step(plan, age, speed, dt)
        wheel, curvature, lateral_terms = self.lateral.step(plan, age, place, abs(speed), ego.yaw_rate_radps, dt)
        bounded = self.limits.curvature(curvature, speed)
        if bounded != curvature:
            wheel *= bounded / curvature
        wheel = self.limits.steer(wheel, self.vehicle.max_steer_rad, dt)
        throttle, brake = self.limits.pedals(throttle, brake, dt)
        terms.update(lateral_terms)
        terms["steer_measured_rad"] = steer_rad if math.isfinite(steer_rad) else wheel
        terms["curvature_bounded"] = float(bounded != curvature)
        return Command(t_us, throttle, brake, wheel / self.vehicle.max_steer_rad, False, acceleration, bounded, terms)

    def _trouble(self, plan: Plan, place: tuple[float, float, float], speed: float, age_s: float) -> int:
        """0 for none, 1 the ego estimate, 2 the plan is not finite, 3 the plan is too old."""
        if not all(math.isfinite(value) for value in (*place, speed)):
            return 1
        arrays = (plan.points_world_m, plan.speed_mps, plan.acceleration_mps2, plan.curvature_pm)
        if not all(np.isfinite(values).all() for values in arrays):
            return 2
        return 3 if not -0.1 <= age_s <= self.config.limits.plan_age_s else 0

    def _safe_stop(self, t_us: int, dt_s: float, reason: int) -> Command:
        self.longitudinal.reset()
        self.lateral.reset()
        throttle, brake = self.limits.pedals(0.0, self.config.limits.safe_brake, dt_s)
        wheel = self.limits.steer_rad
        return Command(
            t_us, throttle, brake, wheel / self.vehicle.max_steer_rad, False, -4.0, 0.0, {"safe_stop": float(reason)}
        )
