"""What a command may be: bounds, rates, and a safe stop where the numbers are not finite."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LimitConfig:
    """Rates per second and bounds."""

    steer_radps: float = 1.2  # a driver's fast turn of the wheel, 1000 degrees/s at a ratio of 15
    throttle_ps: float = 2.0  # jerk of about 6 m/s3 at full range; starts softly
    brake_ps: float = 12.0  # full brake in 0.08 s: emergencies are not delayed
    release_ps: float = 5.0  # of either pedal
    lateral_mps2: float = 5.0  # steering never asks for more: half of what dry tyres give
    safe_brake: float = 0.45  # about 4 m/s2: stops in 10 m from 9 m/s, nobody falls
    plan_age_s: float = 0.8  # a plan older than this is no plan


class Limits:
    """Remembers the last command and bounds the next one."""

    def __init__(self, config: LimitConfig) -> None:
        self.config = config
        self.steer_rad = 0.0
        self.throttle = 0.0
        self.brake = 0.0

    def curvature(self, curvature_pm: float, speed_mps: float) -> float:
        """``curvature_pm`` bounded by lateral acceleration."""
        most = self.config.lateral_mps2 / max(speed_mps, 1.0) ** 2
        return min(max(curvature_pm, -most), most)

    def steer(self, steer_rad: float, most_rad: float, dt_s: float) -> float:
        """The wheel angle after rate and bound; the last one where ``steer_rad`` is not finite."""
        if math.isfinite(steer_rad):
            step = self.config.steer_radps * dt_s
            steer_rad = min(max(steer_rad, self.steer_rad - step), self.steer_rad + step)
            self.steer_rad = min(max(steer_rad, -most_rad), most_rad)
        return self.steer_rad

    def pedals(self, throttle: float, brake: float, dt_s: float) -> tuple[float, float]:
        """Pedals after rates and bounds; the safe brake where they are not finite. Never both at once."""
        if not (math.isfinite(throttle) and math.isfinite(brake)):
            throttle, brake = 0.0, self.config.safe_brake
        self.throttle = _approach(
            self.throttle, throttle, self.config.throttle_ps * dt_s, self.config.release_ps * dt_s
        )
        self.brake = _approach(self.brake, brake, self.config.brake_ps * dt_s, self.config.release_ps * dt_s)
        if brake > 0.0:
            self.throttle = 0.0
        elif throttle > 0.0 and self.throttle > 0.0:
            self.brake = 0.0
        return self.throttle, self.brake


def _approach(now: float, wanted: float, up: float, down: float) -> float:
    return min(max(min(max(wanted, now - down), now + up), 0.0), 1.0)
