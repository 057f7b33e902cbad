"""Speed and steering-angle targets turned into pedals: CARLA's Ackermann controller, two PIDs in a row.

The outer loop asks for an acceleration from the speed error, the inner one moves the pedal by the acceleration
error: it integrates, so that the small default gains reach the target without a steady error.
"""

from __future__ import annotations

import math
from typing import Any

from sim.server.world.vehicle_spec import AckermannControl, AckermannSettings, VehicleControl

MAX_ACCEL_MPS2 = 3.0
"""Bound where the command gives none: brisk, below what a loaded family car can do."""
MAX_DECEL_MPS2 = 8.0
"""Bound on braking: a full stop on dry road."""
STOP_MPS = 0.3
"""Slower than this with target speed 0, the vehicle is stopped and its brake stays on."""
TICK_S = 0.05
"""The gains are CARLA's, made for per-tick increments of the pedal at 20 Hz; other ticks scale the increment."""
ACCEL_LAG_S = 0.1
"""The measured acceleration is smoothed: tyres, gear changes and kerbs make it rough."""


class _Pid:
    """A PID whose derivative acts on the measurement, so that a new target gives no kick; bounded to +-1."""

    def __init__(self, kp: float, ki: float, kd: float) -> None:
        self._gains = (kp, ki, kd)
        self._sum = 0.0
        self._last: float | None = None

    def run(self, target: float, measured: float, dt_s: float) -> float:
        kp, ki, kd = self._gains
        error = target - measured
        self._sum = min(max(self._sum + ki * error * dt_s, -1.0), 1.0)
        rate = 0.0 if self._last is None else (measured - self._last) / dt_s
        self._last = measured
        return min(max(kp * error + self._sum - kd * rate, -1.0), 1.0)


class AckermannController:
    """State of one vehicle's controller; ``target`` may change at any time."""

    def __init__(self, settings: AckermannSettings) -> None:
        self.settings = settings
        self.target = AckermannControl()
        self._speed = _Pid(settings.speed_kp, settings.speed_ki, settings.speed_kd)
        self._accel = _Pid(settings.accel_kp, settings.accel_ki, settings.accel_kd)
        self._wanted_mps2 = 0.0
        self._pedal = 0.0  # -1 brake .. 1 throttle
        self._measured_mps2 = 0.0

    def run(self, body: Any, dt_s: float) -> VehicleControl:
        """Pedals and steering for the next ``dt_s``; ``body`` is the vehicle's row of ``BODY``."""
        cos, sin = math.cos(body["rotation"][1]), math.sin(body["rotation"][1])
        speed_mps = float(cos * body["velocity"][0] + sin * body["velocity"][1])
        accel_mps2 = float(cos * body["acceleration"][0] + sin * body["acceleration"][1])
        steer = self._steer(body, speed_mps, dt_s)
        backwards = self.target.speed_mps < 0.0
        if self.target.speed_mps == 0.0 and abs(speed_mps) < STOP_MPS:
            self._pedal = self._wanted_mps2 = 0.0
            return VehicleControl(steer=steer, brake=1.0, reverse=bool(body["reverse"]))
        if speed_mps * self.target.speed_mps < 0.0 and abs(speed_mps) > STOP_MPS:  # wrong way: stop first
            self._pedal = self._wanted_mps2 = 0.0
            return VehicleControl(steer=steer, brake=0.6, reverse=bool(body["reverse"]))
        sign = -1.0 if backwards or (self.target.speed_mps == 0.0 and speed_mps < 0.0) else 1.0
        self._move_pedal(sign * speed_mps, sign * accel_mps2, dt_s)
        return VehicleControl(
            throttle=max(self._pedal, 0.0), brake=max(-self._pedal, 0.0), steer=steer, reverse=sign < 0.0
        )

    def _move_pedal(self, speed_mps: float, accel_mps2: float, dt_s: float) -> None:
        """Both loops, in the direction of travel."""
        self._measured_mps2 += (accel_mps2 - self._measured_mps2) * min(dt_s / ACCEL_LAG_S, 1.0)
        bound = abs(self.target.acceleration_mps2)
        low, high = -(bound or MAX_DECEL_MPS2), bound or MAX_ACCEL_MPS2
        change = self._speed.run(abs(self.target.speed_mps), speed_mps, dt_s)
        wanted = self._wanted_mps2 + change * dt_s / TICK_S
        wanted = min(max(wanted, low), high)
        if self.target.jerk_mps3 > 0.0:
            step = self.target.jerk_mps3 * dt_s
            wanted = min(max(wanted, self._wanted_mps2 - step), self._wanted_mps2 + step)
        self._wanted_mps2 = wanted
        move = self._accel.run(wanted, self._measured_mps2, dt_s) * dt_s / TICK_S
        self._pedal = min(max(self._pedal + move, -1.0), 1.0)

    def _steer(self, body: Any, speed_mps: float, dt_s: float) -> float:
        """The command that brings the wheels to the wanted angle, through the steering curve at this speed."""
        angle = float(body["steer_angle"])
        wanted = self.target.steer_rad
        if self.target.steer_speed_radps > 0.0:
            step = self.target.steer_speed_radps * dt_s
            wanted = min(max(wanted, angle - step), angle + step)
        count = int(body["steering_points"])
        curve = body["steering_curve"][:count]
        factor = float(_interpolate(abs(speed_mps), curve)) if count else 1.0
        reach = float(body["max_steer"]) * factor
        return min(max(wanted / reach, -1.0), 1.0) if reach > 1e-6 else 0.0


def _interpolate(x: float, curve: Any) -> float:
    for k in range(1, len(curve)):
        if x < curve[k, 0]:
            x0, x1 = float(curve[k - 1, 0]), float(curve[k, 0])
            part = max(x - x0, 0.0) / max(x1 - x0, 1e-9)
            return float(curve[k - 1, 1]) + part * float(curve[k, 1] - curve[k - 1, 1])
    return float(curve[-1, 1])
