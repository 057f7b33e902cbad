"""The ego filter against trajectories that are known."""

import math

import numpy as np
import pytest

from perception.frame import Frame, Gnss, Imu
from perception.localization import Localization, LocalizationConfig


def frame(index: int, x: float, y: float, yaw: float, speed: float, rate: float, gnss: bool = True) -> Frame:
    fix = Gnss(np.array([x, y, 3.0]), 0.0, 0.0, 3.0) if gnss else None
    imu = Imu(np.array([0.0, 0.0, 9.81]), np.array([0.0, 0.0, rate]), yaw)
    return Frame(index, index * 100_000, imu=imu, gnss=fix, speed_mps=speed, steer_rad=0.0)


def circle(index: int, radius: float = 20.0, speed: float = 8.0) -> tuple[float, float, float, float]:
    angle = speed / radius * index * 0.1
    return radius * math.sin(angle), radius * (1 - math.cos(angle)), angle, speed / radius


def wrapped(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def test_noisy_fixes_on_a_circle_are_smoothed_below_their_noise() -> None:
    rng = np.random.default_rng(4)
    filter_ = Localization(LocalizationConfig())
    errors = []
    for k in range(300):
        x, y, yaw, rate = circle(k)
        noisy = rng.normal(0, 0.5, 2)
        estimate = filter_.update(frame(k, x + noisy[0], y + noisy[1], wrapped(yaw), 8.0, rate))
        assert estimate is not None
        errors.append(math.hypot(estimate.world_from_ego[0, 3] - x, estimate.world_from_ego[1, 3] - y))
    assert np.sqrt(np.mean(np.square(errors[50:]))) < 0.25  # half the 0.71 m of a single fix, and more


def test_without_fixes_odometry_carries_the_car_on() -> None:
    filter_ = Localization(LocalizationConfig())
    for k in range(150):
        x, y, yaw, rate = circle(k)
        estimate = filter_.update(frame(k, x, y, wrapped(yaw), 8.0, rate, gnss=k < 100))
    assert estimate is not None
    x, y, _, _ = circle(149)
    assert math.hypot(estimate.world_from_ego[0, 3] - x, estimate.world_from_ego[1, 3] - y) < 0.5  # after 40 m


def test_one_wild_fix_does_not_move_the_car() -> None:
    filter_ = Localization(LocalizationConfig())
    for k in range(50):
        filter_.update(frame(k, k * 0.8, 0.0, 0.0, 8.0, 0.0))
    estimate = filter_.update(frame(50, 140.0, 60.0, 0.0, 8.0, 0.0))
    assert estimate is not None
    assert estimate.world_from_ego[:2, 3] == pytest.approx([40.0, 0.0], abs=0.3)


def test_a_car_that_was_carried_away_is_found_again() -> None:
    filter_ = Localization(LocalizationConfig())
    for k in range(50):
        filter_.update(frame(k, k * 0.8, 0.0, 0.0, 8.0, 0.0))
    for k in range(50, 80):
        estimate = filter_.update(frame(k, 500.0 + k * 0.8, 0.0, 0.0, 8.0, 0.0))
    assert estimate is not None
    assert estimate.world_from_ego[0, 3] == pytest.approx(500.0 + 79 * 0.8, abs=0.5)


def test_nothing_is_known_before_the_first_fix_and_nan_is_no_fix() -> None:
    filter_ = Localization(LocalizationConfig())
    assert filter_.update(Frame(0, 0)) is None
    broken = Frame(1, 100_000, gnss=Gnss(np.full(3, np.nan), 0.0, 0.0, 0.0))
    assert filter_.update(broken) is None
    assert filter_.update(frame(2, 1.0, 2.0, 0.5, 3.0, 0.0)) is not None


def test_the_car_swings_about_its_rear_axle_in_a_turn() -> None:
    """Rear axle on a circle of 6 m at 5 m/s; the ego origin 1.4 m ahead of it; fixes only in the beginning."""
    radius, speed, lever = 6.0, 5.0, 1.4
    filter_ = Localization(LocalizationConfig(), lever)
    for k in range(80):
        yaw = speed / radius * 0.1 * k
        x = radius * math.sin(yaw) + lever * math.cos(yaw)
        y = radius * (1 - math.cos(yaw)) + lever * math.sin(yaw)
        estimate = filter_.update(frame(k, x, y, wrapped(yaw), speed, speed / radius, gnss=k < 30))
    assert estimate is not None
    assert math.hypot(estimate.world_from_ego[0, 3] - x, estimate.world_from_ego[1, 3] - y) < 0.4
    assert estimate.velocity_ego_mps == pytest.approx([speed, lever * speed / radius], abs=0.1)
