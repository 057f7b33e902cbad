"""LiDAR corruptions: the numbers of the papers come out."""

from __future__ import annotations

import numpy as np
import pytest

from perception.augment.cloud_corruptions import DONG, ROBO3D, corrupt_sweep
from perception.augment.rings import rings_of
from perception.augment.sample import Cloud, Sample
from perception.geometry import points_in_box
from tests.perception.augment.scenes import street

SAMPLE = street(image=False)
assert SAMPLE.cloud is not None
CLOUD = SAMPLE.cloud
RNG = np.random.default_rng


def made(suite: str, name: str, severity: int, seed: int = 0) -> Cloud:
    cloud = corrupt_sweep(SAMPLE, suite, name, severity, RNG(seed)).cloud
    assert cloud is not None
    return cloud


@pytest.mark.parametrize(("suite", "name"), [("dong", n) for n in DONG] + [("robo3d", n) for n in ROBO3D])
def test_every_corruption_runs_repeats_and_leaves_its_input_alone(suite: str, name: str) -> None:
    before = CLOUD.points_m.copy()
    for severity in (1, len(DONG[name] if suite == "dong" else ROBO3D[name])):
        first = corrupt_sweep(SAMPLE, suite, name, severity, RNG(3))
        again = corrupt_sweep(SAMPLE, suite, name, severity, RNG(3))
        assert first.cloud is not None
        assert again.cloud is not None
        assert np.array_equal(first.cloud.points_m, again.cloud.points_m)
        assert np.array_equal(first.cloud.intensity, again.cloud.intensity)
        assert np.isfinite(first.cloud.points_m).all()
        assert np.array_equal(first.objects.m, SAMPLE.objects.m)
        same = len(first.cloud) == len(CLOUD) and np.array_equal(first.cloud.points_m, CLOUD.points_m)
        same = same and np.array_equal(first.cloud.intensity, CLOUD.intensity)
        assert not same or name == "spatial_misalignment"
    assert np.array_equal(before, CLOUD.points_m)


def test_shares_and_sizes_are_the_papers() -> None:
    n = len(CLOUD)
    assert len(made("dong", "density_decrease", 5)) == pytest.approx(0.70 * n, abs=2)
    assert len(made("dong", "cutout", 1)) == pytest.approx(0.98**2 * n, rel=0.002)
    moved = np.linalg.norm(made("dong", "crosstalk", 5).points_m - CLOUD.points_m, axis=1)
    assert (moved > 0).mean() == pytest.approx(0.02, abs=1e-3)
    assert np.sqrt((moved[moved > 0] ** 2).mean() / 3) == pytest.approx(3.0, rel=0.1)
    noise = made("dong", "gaussian_noise", 3).points_m - CLOUD.points_m
    assert noise.std() == pytest.approx(0.06, rel=0.02)
    even = made("dong", "uniform_noise", 5).points_m - CLOUD.points_m
    assert np.abs(even).max() <= 0.1001
    assert even.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.02)


def test_the_view_is_narrowed_around_straight_ahead() -> None:
    cloud = made("dong", "fov_lost", 5)
    azimuth = np.degrees(np.arctan2(cloud.points_m[:, 1], cloud.points_m[:, 0]))
    assert np.abs(azimuth).max() <= 45.0
    assert len(cloud) == (np.abs(np.degrees(np.arctan2(CLOUD.points_m[:, 1], CLOUD.points_m[:, 0]))) <= 45.0).sum()


def test_corruptions_of_objects_leave_the_rest_alone() -> None:
    inside = np.zeros(len(CLOUD), bool)
    for box in SAMPLE.objects.m:
        inside |= points_in_box(CLOUD.points_m, box, 0.02)
    rest = {tuple(p) for p in CLOUD.points_m[~inside].tolist()}
    for name in ("local_density_decrease", "local_cutout", "shear", "scale", "rotation", "moving_object"):
        cloud = made("dong", name, 5)
        assert rest <= {tuple(p) for p in cloud.points_m.tolist()}, name
    left = made("dong", "local_density_decrease", 5)
    assert len(left) - (~inside).sum() == pytest.approx(0.5 * inside.sum(), abs=3)


def test_beams_go_missing_by_the_share_of_64() -> None:
    beams = len(np.unique(CLOUD.ring))
    for severity, lost in enumerate((16, 32, 48), 1):
        left = len(np.unique(made("robo3d", "beam_missing", severity).ring))
        assert left == pytest.approx(beams - round((CLOUD.ring.max() + 1) * lost / 64), abs=1)
        other = made("robo3d", "cross_sensor", severity)
        assert len(other) / len(CLOUD) == pytest.approx(0.5 * (64 - lost) / 64, abs=0.06)


def test_vehicles_give_no_echo() -> None:
    before = [int(points_in_box(CLOUD.points_m, box, 0.02).sum()) for box in SAMPLE.objects.m]
    cloud = made("robo3d", "incomplete_echo", 3)
    after = [int(points_in_box(cloud.points_m, box, 0.02).sum()) for box in SAMPLE.objects.m]
    for was, left in zip(before, after, strict=True):
        assert left == pytest.approx(0.05 * was, abs=1.01)


def test_fog_and_snow_take_points_away_the_more_the_thicker() -> None:
    for suite, name in (("dong", "fog"), ("robo3d", "fog"), ("dong", "rain")):
        table = DONG[name] if suite == "dong" else ROBO3D[name]
        moved = []
        for severity in (1, len(table)):
            cloud = made(suite, name, severity)
            moved.append(float(np.linalg.norm(cloud.points_m, axis=1).mean()))
        assert moved[1] < moved[0], (suite, name)


def test_the_camera_is_moved_in_the_calibration_only() -> None:
    after = corrupt_sweep(SAMPLE, "dong", "spatial_misalignment", 5, RNG(0))
    assert after.cloud is SAMPLE.cloud
    assert after.calibration is not None
    assert SAMPLE.calibration is not None
    off = after.calibration.camera_from_lidar @ np.linalg.inv(SAMPLE.calibration.camera_from_lidar)
    assert 0.0 < np.linalg.norm(off[:3, 3]) < 1.0
    assert off[:3, :3] @ off[:3, :3].T == pytest.approx(np.eye(3))


def test_rings_are_read_from_the_order_of_the_file() -> None:
    azimuth = np.tile(-np.linspace(0.001, 2 * np.pi - 0.001, 200), 32)
    elevation = np.repeat(np.linspace(0.05, -0.4, 32), 200)
    flat = np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], 1)
    rings = rings_of(Cloud.of(10.0 * flat))
    assert np.array_equal(rings, np.repeat(np.arange(32), 200)) or len(np.unique(rings)) == 32


@pytest.mark.parametrize(
    ("suite", "name", "severity", "says"),
    [("dong", "crostalk", 1, "crosstalk"), ("robo3d", "fog", 4, "1 to 3"), ("kitti", "fog", 1, "robo3d")],
)
def test_wrong_names_are_told(suite: str, name: str, severity: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        corrupt_sweep(SAMPLE, suite, name, severity, RNG(0))
    with pytest.raises(ValueError, match="no cloud"):
        corrupt_sweep(Sample(), "dong", "fog", 1, RNG(0))
