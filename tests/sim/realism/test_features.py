"""Fréchet distance of sets whose distance is known."""

from __future__ import annotations

import numpy as np
import pytest

from sim.realism.features import SQUARE_PX, SQUARES, distances, frechet, squares


def test_distance_of_normals_that_differ_in_mean_and_spread():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4000, 3))
    a = (a - a.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(a, rowvar=False))).T  # exactly white
    # means 2 apart, deviations 1 and 3 on each of 3 axes: 4 + 3 (1 + 9 - 2 * 3)
    assert frechet(a, 3.0 * a + (2.0, 0.0, 0.0)) == pytest.approx(4.0 + 3.0 * 4.0, rel=1e-6)
    assert frechet(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet(a, 2.0 * a) == pytest.approx(frechet(2.0 * a, a), rel=1e-9)


def test_a_set_is_nearer_to_its_own_half_than_to_another_set():
    rng = np.random.default_rng(1)
    sets = {"a": rng.normal(size=(30, SQUARES, 8)), "b": rng.normal(loc=1.0, size=(40, SQUARES, 8))}
    told = distances(sets, np.random.default_rng(2))
    assert told["a"]["a"][0] < told["a"]["b"][0]
    assert told["a"]["b"] == told["b"]["a"]
    assert told == distances(sets, np.random.default_rng(2))


def test_squares_lie_side_by_side_about_the_middle_row():
    picture = np.zeros((100, 400, 3), np.uint8)
    picture[:, 300:] = 200
    tiles = squares(picture)
    assert len(tiles) == SQUARES
    assert tiles[0].shape == (SQUARE_PX, SQUARE_PX, 3)
    assert [int(tile.mean()) for tile in tiles] == [0, 0, 0, 200]
