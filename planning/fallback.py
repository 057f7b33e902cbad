"""What to do when nothing else is possible: brake along the last good path, or simply brake."""

from __future__ import annotations

import math

import numpy as np

from perception.frame import FloatArray
from planning.records import Plan
from planning.speed import PLAN_STEP_S


def braking_speeds(speed_mps: float, deceleration_mps2: float, steps: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distance, speed and acceleration (steps,) of braking to a stop."""
    t = np.arange(steps) * PLAN_STEP_S
    speed = np.maximum(speed_mps - deceleration_mps2 * t, 0.0)
    stop_s = speed_mps / deceleration_mps2
    within = np.minimum(t, stop_s)
    return (
        speed_mps * within - 0.5 * deceleration_mps2 * within**2,
        speed,
        np.where(t < stop_s, -deceleration_mps2, 0.0),
    )


def brake_on_curve(
    t_us: int,
    pose: tuple[float, float, float],
    speed_mps: float,
    curvature_pm: float,
    deceleration_mps2: float,
    reason: str,
    progress: tuple[float, float],
    steps: int = 61,
) -> Plan:
    """Brake on a circle of ``curvature_pm`` from ``pose`` (x, y, yaw): needs no map and no tracks. ``progress`` is
    (route progress, route length)."""
    speed_mps = speed_mps if math.isfinite(speed_mps) else 0.0
    x, y, yaw = (value if math.isfinite(value) else 0.0 for value in pose)
    distance, speed, acceleration = braking_speeds(max(speed_mps, 0.0), deceleration_mps2, steps)
    heading = yaw + curvature_pm * distance
    middle = yaw + 0.5 * curvature_pm * distance  # chord direction
    chord = distance * np.sinc(0.5 * curvature_pm * distance / np.pi)
    points = np.stack([x + chord * np.cos(middle), y + chord * np.sin(middle), heading], -1)
    return Plan(
        t_us=t_us,
        times_s=np.arange(steps, dtype=np.float64) * PLAN_STEP_S,
        points_world_m=points,
        speed_mps=speed,
        acceleration_mps2=acceleration,
        curvature_pm=np.full(steps, curvature_pm),
        behavior="emergency",
        target=reason,
        cost=math.inf,
        terms={},
        rejected={},
        route_progress_m=progress[0],
        route_length_m=progress[1],
    )
