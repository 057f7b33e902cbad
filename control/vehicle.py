"""Pedal map: which throttle or brake gives an acceleration at a speed.

Defaults lie between what CARLA's saloons do (lincoln.mkz_2020, measured on flat road) and an ordinary car. A speed
controller with feedback corrects what the map gets wrong (tested to +-30 %).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perception.frame import FloatArray


@dataclass(frozen=True)
class PedalConfig:
    """Measured behaviour of car, engine and brakes."""

    speeds_mps: tuple[float, ...] = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0)
    full_throttle_mps2: tuple[float, ...] = (5.0, 5.2, 5.0, 4.6, 4.0, 2.8, 1.5)  # drag at that speed taken off
    coast_mps2: tuple[float, ...] = (-0.1, -0.4, -0.65, -0.8, -0.9, -1.2, -1.6)  # no pedal: drag, rolling, engine
    full_brake_mps2: float = 9.5
    deadband_mps2: float = 0.12  # between throttle and brake: no pedal flutter


class PedalMap:
    """Inverse of the car's longitudinal response."""

    def __init__(self, config: PedalConfig | None = None) -> None:
        self.config = config or PedalConfig()
        self._speeds: FloatArray = np.array(self.config.speeds_mps)
        self._full: FloatArray = np.array(self.config.full_throttle_mps2)
        self._coast: FloatArray = np.array(self.config.coast_mps2)

    def limits(self, speed_mps: float) -> tuple[float, float]:
        """Lowest and highest acceleration at this speed."""
        return -self.config.full_brake_mps2, float(np.interp(speed_mps, self._speeds, self._full))

    def pedals(self, acceleration_mps2: float, speed_mps: float) -> tuple[float, float]:
        """(throttle, brake), each 0..1, at most one above 0."""
        coast = float(np.interp(speed_mps, self._speeds, self._coast))
        full = float(np.interp(speed_mps, self._speeds, self._full))
        if acceleration_mps2 >= coast:
            return min((acceleration_mps2 - coast) / max(full - coast, 0.1), 1.0), 0.0
        if acceleration_mps2 > coast - self.config.deadband_mps2:
            return 0.0, 0.0
        return 0.0, min((coast - acceleration_mps2) / (self.config.full_brake_mps2 + coast), 1.0)
