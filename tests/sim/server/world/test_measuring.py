"""When sensors are due, and where spring arms are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.server.scene.static import Box
from sim.server.world.attachment import Attachment, SpringArm, Walls
from sim.server.world.measuring import SensorState


def due_ticks(tick_s: float, dt_s: float, ticks: int) -> list[int]:
    state = SensorState(None, tick_s)
    return [k for k in range(ticks) if state.due(1.0 + k * dt_s, dt_s)]


def test_an_interval_that_is_no_multiple_of_the_tick_keeps_its_mean_rate():
    assert due_ticks(0.0, 0.05, 4) == [0, 1, 2, 3]
    assert due_ticks(0.05, 0.05, 4) == [0, 1, 2, 3]
    assert due_ticks(0.1, 0.05, 7) == [0, 2, 4, 6]
    assert due_ticks(0.12, 0.05, 13) == [0, 3, 5, 8, 10, 12]  # 0, 0.12, 0.24, 0.36, 0.48, 0.60 s
    assert len(due_ticks(0.07, 0.01, 7001)) == 1001


def test_a_shorter_interval_than_the_tick_measures_once_a_tick():
    assert due_ticks(0.02, 0.05, 5) == [0, 1, 2, 3, 4]


def test_an_arm_follows_the_yaw_with_unreals_lag():
    arm = SpringArm(Attachment.SPRING_ARM_GHOST, 0.0)
    arm.follow(1.0, 1.0 / 60.0)
    assert arm.yaw_rad == pytest.approx(8.0 / 60.0)  # one step of 1/60 s covers 8/60 of the way
    arm = SpringArm(Attachment.SPRING_ARM_GHOST, 3.0)
    arm.follow(-3.0, 1.0 / 60.0)
    assert arm.yaw_rad == pytest.approx(3.0 + 8.0 / 60.0 * (2.0 * math.pi - 6.0))  # the short way round
    coarse, fine = SpringArm(Attachment.SPRING_ARM_GHOST, 0.0), SpringArm(Attachment.SPRING_ARM_GHOST, 0.0)
    coarse.follow(1.0, 0.1)
    for k in range(6):
        fine.follow((k + 1) / 6.0, 1.0 / 60.0)
    assert coarse.yaw_rad == pytest.approx(fine.yaw_rad)  # steps of 1/60 s inside a long tick


def test_a_wall_draws_the_arm_in_but_not_the_ghost():
    walls = Walls([Box((-3.0, 0.0, 2.0), (0.5, 4.0, 2.0), 0.0, 4)], None)
    relative = np.array([-6.0, 0.0, 0.0])
    arm = SpringArm(Attachment.SPRING_ARM, 0.0, walls)
    position, _ = arm.pose(np.array([0.0, 0.0, 1.0]), relative, np.zeros(3))
    assert np.allclose(position, (-2.38, 0.0, 1.3))  # the near side at 2.5 m, less the probe's 0.12
    ghost = SpringArm(Attachment.SPRING_ARM_GHOST, 0.0, walls)
    position, _ = ghost.pose(np.array([0.0, 0.0, 1.0]), relative, np.zeros(3))
    assert np.allclose(position, (-6.0, 0.0, 1.0))


def test_an_arm_straight_up_looks_down():
    _, rotation = SpringArm(Attachment.SPRING_ARM_GHOST, 0.5).pose(np.zeros(3), np.array([0.0, 0.0, 9.0]), np.zeros(3))
    assert rotation[0] == pytest.approx(-math.pi / 2)
