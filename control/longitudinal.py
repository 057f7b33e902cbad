"""Longitudinal control: the plan's acceleration through the pedal map, a PI controller on speed, and holding still."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from control.pid import Pi, PiConfig
from control.vehicle import PedalMap
from planning.records import Plan


@dataclass(frozen=True)
class LongitudinalConfig:
    """Gains and standstill."""

    speed: PiConfig = field(default_factory=lambda: PiConfig(p=1.2, i=0.35, integral_most=1.5))  # m/s2 per m/s
    delay_s: float = 0.15  # pedals, engine and half a control period
    hold_brake: float = 0.5  # holds on any road slope
    hold_below_mps: float = 0.2
    go_above_mps: float = 0.12  # the plan wants to be this fast within ``look_s``: release the brake
    look_s: float = 0.6


class Longitudinal:
    """Pedals for a plan."""

    def __init__(self, pedals: PedalMap, config: LongitudinalConfig) -> None:
        self.pedals = pedals
        self.config = config
        self.pi = Pi(config.speed)
        self._saturated = 0.0

    def step(
        self, plan: Plan, age_s: float, speed_mps: float, dt_s: float
    ) -> tuple[float, float, float, dict[str, float]]:
        """(throttle, brake, wanted acceleration m/s2, terms)."""
        config = self.config
        target = float(np.interp(age_s + 0.5 * config.delay_s, plan.times_s, plan.speed_mps))
        soon = float(np.interp(age_s + config.look_s, plan.times_s, plan.speed_mps))
        forward = float(np.interp(age_s + config.delay_s, plan.times_s, plan.acceleration_mps2))
        if speed_mps < config.hold_below_mps and max(target, soon) < config.go_above_mps:
            self.reset()
            return 0.0, config.hold_brake, 0.0, {"hold": 1.0, "target_speed_mps": target}
        error = target - speed_mps
        feedback, proportional, integral = self.pi.step(error, dt_s, self._saturated)
        wanted = forward + feedback
        low, high = self.pedals.limits(speed_mps)
        self._saturated = 1.0 if wanted > high else -1.0 if wanted < low else 0.0
        throttle, brake = self.pedals.pedals(wanted, speed_mps)
        return throttle, brake, wanted, {
            "hold": 0.0, "target_speed_mps": target, "speed_error_mps": error,
            "acceleration_feed_forward_mps2": forward, "speed_p_mps2": proportional,
            "speed_i_mps2": integral, "saturated": self._saturated,
        }  # fmt: skip

    def reset(self) -> None:
        """Forget the integral."""
        self.pi.reset()
        self._saturated = 0.0
