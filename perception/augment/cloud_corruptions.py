"""Corruptions of LiDAR sweeps: KITTI-C / nuScenes-C at five severities and Robo3D's eight at three.

Dong et al., "Benchmarking robustness of 3D object detection to common corruptions in autonomous driving", CVPR 2023:
of its 27 those that concern the sweep, its objects and its alignment with the camera. Kong et al., "Robo3D", ICCV 2023.
Both give the numbers in ``DONG`` and ``ROBO3D``; everything here is written from the papers' definitions.

A corruption takes a ``Sweep``-like sample (cloud, objects, calibration) and changes the cloud or the calibration;
labels stay as they are: what is asked is whether a detector still finds what is there.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from perception.augment import lidar_weather
from perception.augment.cloud import IN_BOX_MARGIN_M, box_frame, from_box_frame
from perception.augment.lidar_weather_drops import Drops
from perception.augment.lidar_weather_fog import Fog
from perception.augment.lidar_weather_snow import Snow
from perception.augment.lidar_weather_wet import WetGround, wet_ground
from perception.augment.rings import rings_of
from perception.augment.sample import Calibration, Cloud, Sample
from perception.augment.standing import floor_z_m
from perception.frame import FloatArray
from perception.geometry import points_in_box, rotation_from_euler
from perception.lidar.ground import GroundConfig, ground_mask

CloudCorruption = Callable[[Sample, Any, np.random.Generator], Sample]

DONG: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        # weather: mm/h of water twice, extinction per metre, share of points that the sun displaces
        "rain": (0.20, 0.73, 1.5625, 3.125, 7.29),
        "snow": (0.20, 0.73, 1.5625, 3.125, 7.29),
        "fog": (0.005, 0.01, 0.02, 0.03, 0.06),
        "sunlight": (0.01, 0.02, 0.03, 0.04, 0.05),
        # sensor: shares lost, patches of 2 % lost, share displaced, half of the view left (degrees), metres
        "density_decrease": (0.06, 0.12, 0.18, 0.24, 0.30),
        "cutout": (2, 3, 5, 7, 10),
        "crosstalk": (0.004, 0.008, 0.012, 0.016, 0.020),
        "fov_lost": (105.0, 90.0, 75.0, 60.0, 45.0),
        "gaussian_noise": (0.02, 0.04, 0.06, 0.08, 0.10),
        "uniform_noise": (0.02, 0.04, 0.06, 0.08, 0.10),
        "impulse_noise": (1 / 30, 1 / 25, 1 / 20, 1 / 15, 1 / 10),
        # motion: metres and radians of each hundredth of a turn; metres along the heading
        "motion_compensation": ((0.02, 0.002), (0.04, 0.004), (0.06, 0.006), (0.08, 0.008), (0.10, 0.010)),
        "moving_object": (0.2, 0.4, 0.6, 0.8, 1.0),
        # objects: share of each one's points lost (anywhere, in one patch), metres, shear, scale, degrees
        "local_density_decrease": (0.1, 0.2, 0.3, 0.4, 0.5),
        "local_cutout": (0.3, 0.4, 0.5, 0.6, 0.7),
        "local_gaussian_noise": (0.02, 0.04, 0.06, 0.08, 0.10),
        "local_uniform_noise": (0.02, 0.04, 0.06, 0.08, 0.10),
        "local_impulse_noise": (1 / 30, 1 / 25, 1 / 20, 1 / 15, 1 / 10),
        "shear": (0.05, 0.10, 0.15, 0.20, 0.25),
        "scale": (0.04, 0.08, 0.12, 0.16, 0.20),
        "rotation": (1.0, 3.0, 5.0, 7.0, 9.0),
        # alignment with the camera: metres and radians
        "spatial_misalignment": ((0.04, 0.004), (0.08, 0.008), (0.12, 0.012), (0.16, 0.016), (0.20, 0.020)),
    }
)
"""Parameter of each severity 1..5."""

TEMPORAL_MISALIGNMENT_FRAMES = (2, 4, 6, 8, 10)
"""Dong's 23rd: by how many frames one sensor is late; a matter of which sweep is read, not of the sweep."""

ROBO3D: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "fog": (0.008, 0.05, 0.2),  # extinction per metre
        "wet_ground": (0.2, 1.0, 1.2),  # mm of water
        "snow": (0.5, 1.0, 2.5),  # mm/h
        "motion_blur": (0.04, 0.08, 0.10),  # m
        "beam_missing": (16, 32, 48),  # beams lost of 64
        "crosstalk": (0.006, 0.008, 0.010),  # share of points
        "incomplete_echo": (0.75, 0.85, 0.95),  # share of the points on vehicles lost
        "cross_sensor": (16, 32, 48),  # beams lost of 64, evenly; then every second point
    }
)
"""Parameter of light, moderate and heavy."""

ECHO_CLASSES = (1, 2, 3, 4, 5)
"""Cars, trucks, buses, motorcycles, bicycles (``ObjectClass``): dark paint and glass give no echo."""


def corrupt_sweep(sample: Sample, suite: str, name: str, severity: int, rng: np.random.Generator) -> Sample:
    """A sample with its cloud corrupted: ``suite`` is ``dong`` (severity 1..5) or ``robo3d`` (1..3).

    Raises ValueError for an unknown suite, name (naming the nearest) or severity, and for a sample without a cloud.
    """
    tables = {"dong": DONG, "robo3d": ROBO3D}
    if suite not in tables:
        raise ValueError(f"LiDAR corruptions: no suite {suite!r}; there are dong and robo3d")
    table = tables[suite]
    if name not in table:
        near = difflib.get_close_matches(name, table, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(table)}"
        raise ValueError(f"no LiDAR corruption {name!r} in {suite}; {hint}")
    if severity not in range(1, len(table[name]) + 1):
        raise ValueError(f"LiDAR corruption {name}: expected a severity of 1 to {len(table[name])}, got {severity!r}")
    if sample.cloud is None:
        raise ValueError(f"LiDAR corruption {name}: the sample has no cloud")
    functions = _DONG_FUNCTIONS if suite == "dong" else _ROBO3D_FUNCTIONS
    return functions[name](sample, table[name][severity - 1], rng)


def _on_cloud(change: Callable[[Cloud, Any, np.random.Generator], Cloud]) -> CloudCorruption:
    """A corruption of the cloud alone."""

    def corruption(sample: Sample, how: Any, rng: np.random.Generator) -> Sample:
        assert sample.cloud is not None
        return replace(sample, cloud=change(sample.cloud, how, rng))

    return corruption


def weathered(cloud: Cloud, model: lidar_weather.WeatherModel, rng: np.random.Generator) -> Cloud:
    """The cloud in a weather of ``lidar_weather``, without the returns that are lost."""
    rows = np.column_stack([cloud.points_m, cloud.intensity]).astype(np.float32)
    after = lidar_weather.apply(rows, model, rng)
    seen = after.fate != lidar_weather.Fate.LOST
    return Cloud(
        np.ascontiguousarray(after.points[seen, :3]), np.ascontiguousarray(after.points[seen, 3]), cloud.ring[seen]
    )


def wetted(cloud: Cloud, water_mm: float, rng: np.random.Generator) -> Cloud:
    """The cloud over ground with a film of water."""
    level = cloud.points_m - np.array([0.0, 0.0, floor_z_m(cloud.points_m)], np.float32)
    ground, _ = ground_mask(level, GroundConfig())
    rows = np.column_stack([cloud.points_m, cloud.intensity]).astype(np.float32)
    after = wet_ground(rows, ground, WetGround(water_mm=water_mm))
    seen = after.fate != lidar_weather.Fate.LOST
    return Cloud(
        np.ascontiguousarray(after.points[seen, :3]), np.ascontiguousarray(after.points[seen, 3]), cloud.ring[seen]
    )


def _noisy(cloud: Cloud, rows: Any, noise: FloatArray) -> Cloud:
    """Noise ``(k, 4)`` added to position and intensity of some rows, as Dong has it."""
    points, intensity = cloud.points_m.copy(), cloud.intensity.copy()
    points[rows] += noise[:, :3].astype(np.float32)
    intensity[rows] = np.clip(intensity[rows] + noise[:, 3], 0.0, 1.0)
    return replace(cloud, points_m=points, intensity=intensity)


def _displaced(deviation_m: float) -> CloudCorruption:
    """A share of the returns thrown about: strong sun (2 m) and other LiDARs' light (3 m)."""

    def change(cloud: Cloud, share: float, rng: np.random.Generator) -> Cloud:
        rows = rng.choice(len(cloud), int(share * len(cloud)), replace=False)
        return _noisy(cloud, rows, rng.normal(0.0, deviation_m, (len(rows), 4)))

    return _on_cloud(change)


def _fewer(cloud: Cloud, share: float, rng: np.random.Generator) -> Cloud:
    lost = rng.choice(len(cloud), int(share * len(cloud)), replace=False)
    return cloud[np.delete(np.arange(len(cloud)), lost)]


def _patches(cloud: Cloud, count: int, size: int, rng: np.random.Generator) -> Cloud:
    """Without the ``size`` points nearest to a random one, ``count`` times."""
    for _ in range(count):
        if not 0 < size < len(cloud):
            break
        away = ((cloud.points_m - cloud.points_m[rng.integers(len(cloud))]) ** 2).sum(axis=1)
        keep = np.ones(len(cloud), bool)
        keep[np.argpartition(away, size)[:size]] = False
        cloud = cloud[keep]
    return cloud


def _gaussian(cloud: Cloud, deviation_m: float, rng: np.random.Generator) -> Cloud:
    return _noisy(cloud, slice(None), rng.normal(0.0, deviation_m, (len(cloud), 4)))


def _uniform(cloud: Cloud, most_m: float, rng: np.random.Generator) -> Cloud:
    return _noisy(cloud, slice(None), rng.uniform(-most_m, most_m, (len(cloud), 4)))


def _impulse(cloud: Cloud, share: float, rng: np.random.Generator) -> Cloud:
    rows = rng.choice(len(cloud), int(share * len(cloud)), replace=False)
    return _noisy(cloud, rows, rng.choice([-0.1, 0.1], (len(rows), 4)))


def _narrow(cloud: Cloud, half_deg: float, rng: np.random.Generator) -> Cloud:
    return cloud[np.abs(np.arctan2(cloud.points_m[:, 1], cloud.points_m[:, 0])) <= math.radians(half_deg)]


def _uncompensated(cloud: Cloud, how: tuple[float, float], rng: np.random.Generator) -> Cloud:
    """Each hundredth of the turn seen from a wrong pose."""
    turn = np.arctan2(cloud.points_m[:, 1], cloud.points_m[:, 0]) / (2.0 * math.pi) + 0.5
    sector = np.minimum((turn * 100.0).astype(np.int64), 99)
    shifts, turns = rng.normal(0.0, how[0], (100, 3)), rng.normal(0.0, how[1], (100, 3))
    rotations = np.stack([rotation_from_euler(*angles) for angles in turns]).astype(np.float32)
    return cloud.at(np.einsum("nij,nj->ni", rotations[sector], cloud.points_m) + shifts[sector])


def _blurred(cloud: Cloud, deviation_m: float, rng: np.random.Generator) -> Cloud:
    """Robo3D's motion blur: the whole sweep shaken, every point a tenth of it."""
    shake = rng.normal(0.0, deviation_m, 3)
    jitter = rng.normal(0.0, 1.0, (len(cloud), 3)) * (0.1 * deviation_m, 0.1 * deviation_m, 0.05 * deviation_m)
    return cloud.at(cloud.points_m + shake + np.clip(jitter, -3.0 * deviation_m, 3.0 * deviation_m))


def _beams_missing(cloud: Cloud, lost_of_64: int, rng: np.random.Generator) -> Cloud:
    rings = rings_of(cloud)
    beams = int(rings.max(initial=0)) + 1
    lost = rng.choice(beams, round(beams * lost_of_64 / 64), replace=False)
    return cloud[~np.isin(rings, lost)]


def _other_sensor(cloud: Cloud, lost_of_64: int, rng: np.random.Generator) -> Cloud:
    rings = rings_of(cloud)
    beams = int(rings.max(initial=0)) + 1
    count = max(1, round(beams * (64 - lost_of_64) / 64))
    kept = np.floor(np.arange(count) * beams / count).astype(np.int64)
    return cloud[np.isin(rings, kept)][::2]


def _per_object(change: Callable[[Cloud, Any, FloatArray, np.random.Generator], Cloud]) -> CloudCorruption:
    """A corruption of the points of each object by itself; a point of two boxes belongs to the first."""

    def corruption(sample: Sample, how: Any, rng: np.random.Generator) -> Sample:
        assert sample.cloud is not None
        free = np.ones(len(sample.cloud), bool)
        parts = []
        for box in sample.objects.m:
            rows = np.flatnonzero(points_in_box(sample.cloud.points_m, box, IN_BOX_MARGIN_M) & free)
            free[rows] = False
            parts.append(change(sample.cloud[rows], how, box, rng))
        return replace(sample, cloud=Cloud.joined([sample.cloud[free], *parts]))

    return corruption


def _in_box(change: Callable[[FloatArray, Any, FloatArray, np.random.Generator], FloatArray]) -> CloudCorruption:
    """A change of an object's points in its own axes, metres from the middle of its box ``(7,)``."""

    def moved(cloud: Cloud, how: Any, box: FloatArray, rng: np.random.Generator) -> Cloud:
        local = change(box_frame(cloud.points_m, box), how, box, rng)
        return cloud.at(from_box_frame(local, box))

    return _per_object(moved)


def _moved(points: FloatArray, most_m: float, box: FloatArray, rng: np.random.Generator) -> FloatArray:
    """It drove on during the sweep: its rear third lags by half."""
    shift = np.where(points[:, 0] < -box[3] / 6.0, 0.5 * most_m, most_m)
    return points + np.stack([shift, np.zeros_like(shift), np.zeros_like(shift)], 1)


def _sheared(points: FloatArray, amount: float, box: FloatArray, rng: np.random.Generator) -> FloatArray:
    b, d, e, f = rng.uniform(amount - 0.05, amount + 0.05, 4) * rng.choice([-1.0, 1.0], 4)
    after = points @ np.array([[1.0, 0.0, b], [d, 1.0, e], [f, 0.0, 1.0]])
    reach = np.abs(after).max(axis=0, initial=1e-6) / (box[3:6] / 2.0)
    return np.asarray(after / np.maximum(reach, 1.0))  # no farther than the box


def _stretched(points: FloatArray, amount: float, box: FloatArray, rng: np.random.Generator) -> FloatArray:
    factors = np.ones(3)
    axis = int(rng.integers(3))
    factors[axis] += amount * rng.choice([-1.0, 1.0])
    after = points * factors
    after[:, 2] += (factors[2] - 1.0) * box[5] / 2.0  # it still stands on the ground
    return np.asarray(after)


def _turned(points: FloatArray, degrees: float, box: FloatArray, rng: np.random.Generator) -> FloatArray:
    angle = math.radians(rng.uniform(degrees - 1.0, degrees + 1.0) * rng.choice([-1.0, 1.0]))
    return points @ rotation_from_euler(0.0, 0.0, angle).T


def _no_echo(sample: Sample, share: float, rng: np.random.Generator) -> Sample:
    """Vehicles with more than ten points lose a share of them."""
    assert sample.cloud is not None
    keep = np.ones(len(sample.cloud), bool)
    for box, kind in zip(sample.objects.m, sample.objects.classes, strict=True):
        rows = np.flatnonzero(points_in_box(sample.cloud.points_m, box, IN_BOX_MARGIN_M))
        if kind in ECHO_CLASSES and len(rows) > 10:
            keep[rng.choice(rows, int(share * len(rows)), replace=False)] = False
    return replace(sample, cloud=sample.cloud[keep])


def _misaligned(sample: Sample, how: tuple[float, float], rng: np.random.Generator) -> Sample:
    """The camera is not where the calibration says. Raises ValueError without a calibration."""
    if sample.calibration is None:
        raise ValueError("spatial misalignment: the sample has no calibration")
    off = np.eye(4)
    off[:3, :3] = rotation_from_euler(*rng.normal(0.0, how[1], 3))
    off[:3, 3] = rng.normal(0.0, how[0], 3)
    there = off @ sample.calibration.camera_from_lidar
    return replace(sample, calibration=Calibration(sample.calibration.intrinsics, there))


_DONG_FUNCTIONS: Mapping[str, CloudCorruption] = MappingProxyType(
    {
        "rain": _on_cloud(lambda cloud, rate, rng: weathered(cloud, Drops.rain(rate_mm_per_h=rate), rng)),
        "snow": _on_cloud(lambda cloud, rate, rng: weathered(cloud, Drops.snow(rate_mm_per_h=rate), rng)),
        "fog": _on_cloud(lambda cloud, alpha, rng: weathered(cloud, Fog(extinction_pm=alpha), rng)),
        "sunlight": _displaced(2.0),
        "density_decrease": _on_cloud(_fewer),
        "cutout": _on_cloud(lambda cloud, count, rng: _patches(cloud, count, int(0.02 * len(cloud)), rng)),
        "crosstalk": _displaced(3.0),
        "fov_lost": _on_cloud(_narrow),
        "gaussian_noise": _on_cloud(_gaussian),
        "uniform_noise": _on_cloud(_uniform),
        "impulse_noise": _on_cloud(_impulse),
        "motion_compensation": _on_cloud(_uncompensated),
        "moving_object": _in_box(_moved),
        "local_density_decrease": _per_object(lambda cloud, share, box, rng: _fewer(cloud, share, rng)),
        "local_cutout": _per_object(lambda cloud, share, box, rng: _patches(cloud, 1, int(share * len(cloud)), rng)),
        "local_gaussian_noise": _per_object(lambda cloud, deviation, box, rng: _gaussian(cloud, deviation, rng)),
        "local_uniform_noise": _per_object(lambda cloud, most, box, rng: _uniform(cloud, most, rng)),
        "local_impulse_noise": _per_object(lambda cloud, share, box, rng: _impulse(cloud, share, rng)),
        "shear": _in_box(_sheared),
        "scale": _in_box(_stretched),
        "rotation": _in_box(_turned),
        "spatial_misalignment": _misaligned,
    }
)

_ROBO3D_FUNCTIONS: Mapping[str, CloudCorruption] = MappingProxyType(
    {
        "fog": _on_cloud(lambda cloud, alpha, rng: weathered(cloud, Fog(extinction_pm=alpha), rng)),
        "wet_ground": _on_cloud(wetted),
        "snow": _on_cloud(lambda cloud, rate, rng: weathered(cloud, Snow(rate_mm_per_h=rate), rng)),
        "motion_blur": _on_cloud(_blurred),
        "beam_missing": _on_cloud(_beams_missing),
        "crosstalk": _displaced(3.0),
        "incomplete_echo": _no_echo,
        "cross_sensor": _on_cloud(_other_sensor),
    }
)
