"""Puddles: how much of the ground they cover, and how large they are."""

from __future__ import annotations

import numpy as np
import pytest

from sim.server.sensors.columns import FOOT, FRAGMENT_COLUMNS, POS
from sim.server.sensors.renderer import PATTERN_SEED
from sim.server.sensors.shade_ground import standing_water
from sim.server.sensors.textures import value_noise

GRID_M = 0.25
SIDE = 240  # points of a square of 60 m


@pytest.fixture(scope="module")
def grain():
    return value_noise(256, (4, 8, 16, 32, 64, 128), 0.55, np.random.default_rng(PATTERN_SEED))


def water(deposits: float, grain, foot_m: float = 0.005) -> np.ndarray:
    """Share that is water at points ``(SIDE, SIDE)`` of the ground."""
    q = np.zeros(FRAGMENT_COLUMNS, np.float32)
    q[FOOT] = foot_m
    out = np.zeros((SIDE, SIDE))
    for row in range(SIDE):
        for column in range(SIDE):
            q[POS], q[POS + 1] = column * GRID_M - 13.0, row * GRID_M + 40.0
            out[row, column] = standing_water(q, deposits, grain)
    return out


@pytest.mark.parametrize(("deposits", "low", "high"), [(0.2, 0.0, 0.05), (0.5, 0.04, 0.2), (1.0, 0.35, 0.65)])
def test_hollows_fill_as_deposits_grow(grain, deposits, low, high):
    assert low <= water(deposits, grain).mean() <= high


def test_puddles_are_of_metres(grain):
    wet = water(1.0, grain) > 0.5
    shores = np.count_nonzero(wet[:, 1:] != wet[:, :-1], axis=1)
    between_m = SIDE * GRID_M / shores.mean()  # from shore to shore along a line
    assert 1.0 < between_m < 6.0
    assert wet.mean(axis=1).max() < 1.0, "no street mirrors from end to end"


def test_shores_fade_where_a_pixel_is_large(grain):
    sharp, blurred = (water(0.7, grain, foot_m) for foot_m in (0.005, 1.0))
    assert ((sharp > 0.05) & (sharp < 0.95)).mean() < 0.25
    assert np.abs(np.diff(blurred, axis=1)).max() < 0.5 * np.abs(np.diff(sharp, axis=1)).max()
