"""Where the car is: an extended Kalman filter over GNSS, IMU and wheel odometry.

State: x, y, yaw, speed, gyro bias. Prediction: constant turn rate and velocity with the gyro as input (Thrun, Burgard,
Fox, "Probabilistic Robotics", ch. 3.3, 5.3). Updates: GNSS position, wheel speed, compass heading; each is gated by its
Mahalanobis distance, so one wild fix does not move the car. Height and pitch follow GNSS height and the accelerometer
by complementary filters: they place the camera, they are not driven by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perception.frame import FloatArray, Frame
from perception.geometry import pose, rotation_from_euler, wrap_angle
from perception.objects import EgoEstimate

GRAVITY_MPS2 = 9.81


@dataclass(frozen=True)
class LocalizationConfig:
    """Noise of what comes in (standard deviations) and how fast the unmeasured may change."""

    gnss_m: float = 0.5  # differential receiver, a little pessimistic
    gnss_height_tau_s: float = 1.0
    speed_mps: float = 0.1
    heading_rad: float = 0.02  # compass
    gyro_radps: float = 0.01
    gyro_bias_walk_radps: float = 1e-4
    acceleration_mps2: float = 3.0  # of the unknown motion between two frames
    lateral_mps: float = 0.1  # slip that the motion model does not know
    pitch_tau_s: float = 1.5
    gate: float = 16.0  # squared Mahalanobis distance; 99.97 % of honest 2-D fixes pass
    max_rejections: int = 10  # after that many in a row the fixes are right and the filter is wrong: start anew


class Localization:
    """The filter. ``update(frame)`` once per frame, in order. ``rear_axle_to_center_m``: the rear wheels roll straight,
    so the ego origin, that far ahead of them, swings sideways in a turn."""

    def __init__(self, config: LocalizationConfig, rear_axle_to_center_m: float = 0.0) -> None:
        self.config = config
        self._lever_m = rear_axle_to_center_m
        self._x: FloatArray | None = None
        self._p = np.eye(5)
        self._t_us = 0
        self._z_m = 0.0
        self._pitch_rad = 0.0  # nose down positive
        self._acceleration = 0.0
        self._yaw_rate = 0.0
        self._rejected = 0
        self._last_gnss: FloatArray | None = None

    def update(self, frame: Frame) -> EgoEstimate | None:
        """Estimate after this frame's measurements; None until a position and a heading were seen."""
        if self._x is None:
            return self._start(frame)
        dt = max(0.0, (frame.t_us - self._t_us) * 1e-6)
        self._t_us = frame.t_us
        gyro = float(frame.imu.angular_velocity_radps[2]) if frame.imu is not None else float("nan")
        before = float(self._x[3])
        self._predict(dt, gyro)
        if math.isfinite(frame.speed_mps):
            self._correct(
                np.array([[0.0, 0, 0, 1, 0]]), np.array([frame.speed_mps - self._x[3]]), self.config.speed_mps
            )
        if frame.gnss is not None and np.isfinite(frame.gnss.position_world_m).all():
            self._correct_position(frame, dt)
        if frame.imu is not None and math.isfinite(frame.imu.heading_rad):
            error = np.array([float(wrap_angle(frame.imu.heading_rad - self._x[2]))])
            self._correct(np.array([[0.0, 0, 1, 0, 0]]), error, self.config.heading_rad)
        if dt > 0.0:
            self._follow_slope(frame, dt, (float(self._x[3]) - before) / dt)
        return self._estimate()

    def _start(self, frame: Frame) -> EgoEstimate | None:
        gnss = frame.gnss
        if gnss is None or not np.isfinite(gnss.position_world_m).all():
            return None
        heading = frame.imu.heading_rad if frame.imu is not None else float("nan")
        if not math.isfinite(heading):
            moved = None if self._last_gnss is None else gnss.position_world_m[:2] - self._last_gnss[:2]
            self._last_gnss = gnss.position_world_m if self._last_gnss is None else self._last_gnss
            if moved is None or math.hypot(*moved) < 3.0 * self.config.gnss_m:
                return None  # no compass: drive on until the track of fixes shows a heading
            heading = math.atan2(moved[1], moved[0])
        speed = frame.speed_mps if math.isfinite(frame.speed_mps) else 0.0
        self._x = np.array([*gnss.position_world_m[:2], heading, speed, 0.0])
        self._p = np.diag([self.config.gnss_m**2, self.config.gnss_m**2, 0.1**2, 0.5**2, 0.01**2])
        self._z_m = float(gnss.position_world_m[2])
        self._t_us = frame.t_us
        return self._estimate()

    def _predict(self, dt: float, gyro: float) -> None:
        assert self._x is not None
        cfg = self.config
        x, y, yaw, v, bias = self._x
        rate = gyro - bias if math.isfinite(gyro) else self._yaw_rate
        middle = yaw + rate * dt / 2.0
        c, s = math.cos(middle), math.sin(middle)
        side = self._lever_m * rate * dt
        self._x = np.array(
            [x + v * dt * c - side * s, y + v * dt * s + side * c, float(wrap_angle(yaw + rate * dt)), v, bias]
        )
        F = np.eye(5)
        F[0, 2], F[1, 2] = -v * dt * s, v * dt * c
        F[0, 3], F[1, 3] = dt * c, dt * s
        F[2, 4] = -dt
        slip = cfg.lateral_mps * dt * min(1.0, abs(v))
        Q = np.diag([slip**2, slip**2, (cfg.gyro_radps * dt) ** 2, (cfg.acceleration_mps2 * dt) ** 2, 0.0])
        Q[4, 4] = (cfg.gyro_bias_walk_radps * dt) ** 2
        self._p = F @ self._p @ F.T + Q
        self._yaw_rate = rate

    def _correct_position(self, frame: Frame, dt: float) -> None:
        assert self._x is not None
        assert frame.gnss is not None
        fix = frame.gnss.position_world_m
        H = np.zeros((2, 5))
        H[0, 0] = H[1, 1] = 1.0
        accepted = self._correct(H, fix[:2] - self._x[:2], self.config.gnss_m)
        self._rejected = 0 if accepted else self._rejected + 1
        if self._rejected > self.config.max_rejections:
            self._x[:2] = fix[:2]
            self._p[:2, :] = self._p[:, :2] = 0.0
            self._p[0, 0] = self._p[1, 1] = self.config.gnss_m**2
            self._rejected = 0
        blend = 1.0 - math.exp(-dt / self.config.gnss_height_tau_s)
        self._z_m += float(self._x[3]) * dt * -math.sin(self._pitch_rad)
        self._z_m += blend * (float(fix[2]) - self._z_m)

    def _correct(self, H: FloatArray, innovation: FloatArray, sigma: float) -> bool:
        """Kalman update with one noise for every row; False where the gate rejected it."""
        S = H @ self._p @ H.T + np.eye(len(innovation)) * sigma**2
        gain = np.linalg.solve(S, H @ self._p).T  # (5, k)
        if float(innovation @ np.linalg.solve(S, innovation)) > self.config.gate:
            return False
        assert self._x is not None
        self._x = self._x + gain @ innovation
        self._x[2] = float(wrap_angle(self._x[2]))
        rest = np.eye(5) - gain @ H
        self._p = rest @ self._p @ rest.T + gain @ gain.T * sigma**2  # Joseph form stays symmetric
        return True

    def _follow_slope(self, frame: Frame, dt: float, acceleration: float) -> None:
        """Pitch from what the accelerometer feels along the car beyond the change of speed."""
        self._acceleration += (1.0 - math.exp(-dt / 0.3)) * (acceleration - self._acceleration)
        if frame.imu is not None and np.isfinite(frame.imu.acceleration_mps2).all():
            slope = (float(frame.imu.acceleration_mps2[0]) - acceleration) / GRAVITY_MPS2
            blend = 1.0 - math.exp(-dt / self.config.pitch_tau_s)
            self._pitch_rad += blend * (-math.asin(max(-0.3, min(0.3, slope))) - self._pitch_rad)

    def _estimate(self) -> EgoEstimate:
        assert self._x is not None
        x, y, yaw, v, _ = (float(value) for value in self._x)
        world_from_ego = pose(rotation_from_euler(0.0, self._pitch_rad, yaw), (x, y, self._z_m))
        return EgoEstimate(
            world_from_ego,
            np.array([v, self._lever_m * self._yaw_rate]),
            self._yaw_rate,
            self._acceleration,
            self._p[:3, :3].copy(),
        )
