"""Control: pedals, limits, safe stops, and the steering response that it learns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from control.control import Control
from control.lateral import LateralConfig, SteeringResponse
from control.limits import LimitConfig, Limits
from control.pid import Pi, PiConfig
from control.vehicle import PedalMap
from perception.objects import EgoEstimate
from planning.records import Plan
from tests.planning.world import MKZ


def plan(speed: float = 10.0, acceleration: float = 0.0, t_us: int = 0) -> Plan:
    t = np.arange(61) * 0.1
    points = np.stack([speed * t, np.zeros(61), np.zeros(61)], -1)
    return Plan(
        t_us, t, points, np.maximum(speed + acceleration * t, 0.0), np.full(61, acceleration), np.zeros(61), "cruise",
        "", 0.0, {}, {}, 0.0, 100.0,
    )  # fmt: skip


def ego(x: float = 0.0, y: float = 0.0, yaw: float = 0.0, speed: float = 10.0) -> EgoEstimate:
    pose = np.eye(4)
    pose[:2, :2] = [[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]]
    pose[:2, 3] = x, y
    return EgoEstimate(pose, np.array([speed, 0.0]), 0.0, 0.0, np.eye(3))


@pytest.mark.parametrize("acceleration", [-9.0, -4.0, -1.0, -0.3, 0.0, 0.5, 2.0, 6.0])
def test_pedal_map_uses_one_pedal_and_is_monotonic(acceleration: float) -> None:
    pedals = PedalMap()
    throttle, brake = pedals.pedals(acceleration, 10.0)
    assert throttle * brake == 0.0
    more_throttle, less_brake = pedals.pedals(acceleration + 0.5, 10.0)
    assert more_throttle >= throttle
    assert less_brake <= brake
    assert 0.0 <= throttle <= 1.0
    assert 0.0 <= brake <= 1.0


def test_car_left_of_its_path_steers_right() -> None:
    assert Control(MKZ).control(plan(), ego(y=0.5), 0.0, 0).steer < -0.001
    assert Control(MKZ).control(plan(), ego(y=-0.5), 0.0, 0).steer > 0.001
    assert Control(MKZ).control(plan(), ego(yaw=0.1), 0.0, 0).steer < -0.001


def test_too_slow_gives_throttle_too_fast_brakes() -> None:
    assert Control(MKZ).control(plan(), ego(speed=8.0), 0.0, 0).throttle > 0.05
    assert Control(MKZ).control(plan(), ego(speed=13.0), 0.0, 0).brake > 0.05


def test_stands_firm_when_the_plan_stands() -> None:
    control = Control(MKZ)
    commands = [control.control(plan(0.0, t_us=k * 100_000), ego(speed=0.0), 0.0, k * 100_000) for k in range(5)]
    assert commands[-1].brake >= 0.3
    assert commands[-1].throttle == 0.0


@pytest.mark.parametrize("broken", ["pose", "speed", "plan", "old"])
def test_numbers_that_are_no_numbers_end_in_a_safe_stop(broken: str) -> None:
    control = Control(MKZ)
    control.control(plan(), ego(y=0.4), 0.0, 0)
    made, where, t_us = plan(t_us=100_000), ego(y=0.4), 100_000
    if broken == "pose":
        where.world_from_ego[0, 3] = np.nan
    elif broken == "speed":
        where.velocity_ego_mps[0] = np.inf
    elif broken == "plan":
        made.curvature_pm[0] = np.nan
    else:
        t_us = 2_000_000
    before = control.limits.steer_rad
    command = control.control(made, where, math.nan, t_us)
    assert command.brake > 0.3
    assert command.throttle == 0.0
    assert command.steer == pytest.approx(before / MKZ.max_steer_rad)
    assert "safe_stop" in command.terms


def test_steering_rate_and_lock_are_bounded() -> None:
    limits = Limits(LimitConfig(steer_radps=1.0))
    assert limits.steer(2.0, 0.6, 0.1) == pytest.approx(0.1)
    for _ in range(20):
        limits.steer(2.0, 0.6, 0.1)
    assert limits.steer_rad == 0.6
    assert limits.steer(math.nan, 0.6, 0.1) == 0.6


def test_integral_does_not_wind_up_against_a_saturated_actuator() -> None:
    pi = Pi(PiConfig(p=1.0, i=1.0, integral_most=2.0))
    for _ in range(100):
        pi.step(1.0, 0.1, saturated=1.0)
    assert pi.integral == 0.0
    for _ in range(100):
        pi.step(1.0, 0.1)
    assert pi.integral == 2.0


def test_steering_response_finds_the_ratio_and_keeps_to_one_on_a_straight() -> None:
    response = SteeringResponse(LateralConfig())
    for _ in range(100):
        response.observe(0.0, 0.01, 10.0, 0.1)
    assert response.ratio == pytest.approx(1.0, abs=0.02)
    for k in range(200):
        commanded = 0.05 * math.sin(0.05 * k)
        response.observe(commanded, 0.7 * response._commanded * 8.0, 8.0, 0.1)
    assert response.ratio == pytest.approx(0.7, abs=0.08)
