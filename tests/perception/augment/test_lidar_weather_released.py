"""The LiDAR weather models against the programs that the papers' authors released, run unchanged on a KITTI sweep.

Points of object frame 000001, intensities as they are (LISA) or in whole 1/255, at least one (fog, snow). Counts of the
programs: shares of points that come from the air, and of lost ones. For the settings of each see ``docs/sensors.md``.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from perception.augment.lidar_weather import Fate, apply
from perception.augment.lidar_weather_drops import Drops
from perception.augment.lidar_weather_fog import Fog
from perception.augment.lidar_weather_snow import Snow
from sim.sensor_page import read_sweep

DATA = Path(os.environ.get("ROADLAB_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
SWEEP = DATA / "kitti_object" / "training" / "velodyne" / "000001.bin.xz"
WITHIN = 0.15
FOG = {0.06: 0.0980, 0.1: 0.2184, 0.2: 0.4188}
"""LiDAR_fog_sim by extinction, 1/m; it loses no point."""
LISA = {
    Drops.rain(10.0): (0.0046, 0.0497),
    Drops.rain(25.0): (0.0077, 0.0481),
    Drops.rain(50.0): (0.0119, 0.0466),
    Drops.snow(0.5): (0.0022, 0.0510),
    Drops.snow(1.0): (0.0035, 0.0503),
    Drops.snow(2.5): (0.0058, 0.0497),
}
"""LISA, 110,000 points: false and lost ones."""
SNOW = {0.5: 0.0244, 1.0: 0.0280, 2.5: 0.0314}
"""LiDAR_snow_sim by mm/h, 24,000 points nearer than ``SNOW_REACH_M``, before its own noise floor."""
SNOW_REACH_M = 39.0
BEHIND = {0.5: (0.3658, 0.4700), 1.0: (0.2972, 0.3766), 2.5: (0.2319, 0.2830)}
"""The same of points with a flake before them, and, of those over ``SNOW_FLOOR``, with one that does not outshine them:
the program loses these or leaves them the laser's smallest intensity."""
SNOW_FLOOR = (0.0643, -4.3397, 110.14)
"""Of intensities up to 255, by distance squared, distance and one: the floor that the program fits to the sweep."""

pytestmark = pytest.mark.skipif(not SWEEP.is_file(), reason="KITTI recordings are not here ($ROADLAB_DATA)")


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return read_sweep(SWEEP).copy()


@pytest.fixture(scope="module")
def whole(points: np.ndarray) -> np.ndarray:
    """The sweep with intensities in whole 1/255, none of them 0."""
    out = points.copy()
    out[:, 3] = np.maximum(np.rint(out[:, 3] * 255.0), 1.0) / 255.0
    return out


@pytest.mark.parametrize("alpha", FOG)
def test_fog_takes_the_points_that_the_released_program_takes(whole: np.ndarray, alpha: float) -> None:
    fog, range_m = Fog(alpha, step=1.0 / 255.0, spread=0.0), np.linalg.norm(whole[:, :3], axis=1)
    got = fog.strike(range_m, whole[:, 3], np.random.default_rng(0))
    assert (got.fate == Fate.SCATTERED).mean() == pytest.approx(FOG[alpha], rel=0.01)
    assert (got.fate == Fate.LOST).sum() == 0


@pytest.mark.parametrize("drops", LISA, ids=("rain 10", "rain 25", "rain 50", "snow 0.5", "snow 1", "snow 2.5"))
def test_drops_take_as_many_points_as_the_released_program(points: np.ndarray, drops: Drops) -> None:
    got = [apply(points, drops, np.random.default_rng(seed)) for seed in range(4)]
    shares = [float(np.mean([one.share(fate) for one in got])) for fate in (Fate.SCATTERED, Fate.LOST)]
    assert shares == pytest.approx(LISA[drops], rel=WITHIN)


@pytest.mark.parametrize("rate", SNOW)
def test_snow_takes_as_many_points_as_the_released_program(whole: np.ndarray, rate: float) -> None:
    near = whole[np.linalg.norm(whole[:, :3], axis=1) < SNOW_REACH_M]
    got = [apply(near, Snow(rate, behind_flakes=0.9), np.random.default_rng(seed)) for seed in range(4)]
    assert np.mean([one.share(Fate.SCATTERED) for one in got]) == pytest.approx(SNOW[rate], rel=WITHIN)


@pytest.mark.parametrize("rate", BEHIND)
def test_as_many_points_lie_behind_flakes_as_in_the_released_program(whole: np.ndarray, rate: float) -> None:
    range_m = np.linalg.norm(whole[:, :3], axis=1)
    near, range_m = whole[range_m < SNOW_REACH_M], range_m[range_m < SNOW_REACH_M]
    over = near[:, 3] * 255.0 > np.polyval(SNOW_FLOOR, range_m)
    rng, black = np.random.default_rng(0), np.full(len(near), 1e-9, np.float32)  # any flake outshines such targets
    behind = Snow(rate, limit=1e-12).strike(range_m, black, rng).fate == Fate.SCATTERED
    scattered = apply(near, Snow(rate, behind_flakes=0.9), rng).fate == Fate.SCATTERED
    got = behind.mean(), behind[over].mean() - scattered[over].mean()
    assert got == pytest.approx(BEHIND[rate], rel=0.03)
