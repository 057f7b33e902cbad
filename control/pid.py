"""A PI controller with conditional integration (anti-windup)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PiConfig:
    """Gains per unit of error, and the largest integral term in units of the output."""

    p: float
    i: float
    integral_most: float


@dataclass
class Pi:
    """``step`` returns (output, P term, I term). The integral grows only while the output is not saturated in the same
    direction (Åström & Hägglund, "PID Controllers", 1995, section 3.5)."""

    config: PiConfig
    integral: float = 0.0

    def step(self, error: float, dt_s: float, saturated: float = 0.0) -> tuple[float, float, float]:
        """One step. ``saturated``: +1 where the actuator cannot give more, -1 where it cannot give less, else 0."""
        if saturated * error <= 0.0:
            self.integral += self.config.i * error * dt_s
            self.integral = min(max(self.integral, -self.config.integral_most), self.config.integral_most)
        proportional = self.config.p * error
        return proportional + self.integral, proportional, self.integral

    def reset(self) -> None:
        """Forget the integral."""
        self.integral = 0.0
