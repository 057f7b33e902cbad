"""The sensors of a scenario as CARLA blueprints, and what they deliver as parts of a ``Frame``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from perception.frame import CameraModel, FloatArray
from sim.scenario import CameraSpec, LidarSpec, Scenario
from sim.source.conversion import EARTH_RADIUS_M, MERCATOR_SCALE, camera_model, mounting
from sim.weather import resolve_weather

IMU, GNSS = "imu", "gnss"
TRUTH_PREFIX = "truth/"
"""Streams whose name begins so are recorded as truth and never become part of a Frame."""
ACTOR_SEEDS = 1009
"""Between the noise seeds of a scenario: a prime, so that neighbouring scenario seeds share no sensor's noise."""


@dataclass(frozen=True)
class Mount:
    """One sensor to spawn on the car. ``every``: it measures in every k-th step of the stack."""

    name: str
    type_id: str
    attributes: Mapping[str, str]
    ego_from_sensor: FloatArray
    every: int = 1
    camera: CameraModel | None = field(default=None)
    extras: Mapping[str, str] = field(default_factory=dict)
    """Attributes that the embedded server's sensors have and those of a real CARLA server lack: left out there."""

    @property
    def is_truth(self) -> bool:
        return self.name.startswith(TRUTH_PREFIX)


def mounts(scenario: Scenario, latitude_deg: float) -> tuple[Mount, ...]:
    """Everything that the scenario's rig and its truth need. latitude_deg of the map, for the GNSS noise in degrees."""
    out: list[Mount] = []
    seed = scenario.seed * ACTOR_SEEDS
    for name, camera in scenario.sensors.cameras.items():
        out.append(camera_mount(name, camera, "sensor.camera.rgb", 1))
        if scenario.truth.boxes2d_every > 0:
            kind = "sensor.camera.instance_segmentation"
            out.append(camera_mount(TRUTH_PREFIX + name, camera, kind, scenario.truth.boxes2d_every))
    for name, lidar in scenario.sensors.lidars.items():
        seed += 1
        out.append(lidar_mount(name, lidar, scenario.sim.step_s, scenario.sim.substeps, seed))
    if scenario.sensors.imu:
        out.append(_imu(scenario, seed + 1))
    if scenario.sensors.gnss:
        out.append(_gnss(scenario, seed + 2, latitude_deg))
    weather = resolve_weather(scenario.weather)
    return tuple(replace(mount, extras=weather.sensor_attributes(mount.type_id)) for mount in out)


def camera_mount(name: str, spec: CameraSpec, type_id: str, every: int = 1) -> Mount:
    """A camera of some type as the rig has it."""
    pose = mounting(spec.x_m, spec.y_m, spec.z_m, math.radians(spec.yaw_deg), math.radians(spec.pitch_deg))
    attributes = {"image_size_x": str(spec.width), "image_size_y": str(spec.height), "fov": str(spec.fov_deg)}
    model = camera_model(spec.width, spec.height, math.radians(spec.fov_deg), pose)
    return Mount(name, type_id, attributes, pose, every, model)


def lidar_mount(name: str, spec: LidarSpec, step_s: float, substeps: int, seed: int) -> Mount:
    """A LiDAR that turns once a step.

    CARLA's scans for the length of one tick a measurement, whatever its ``sensor_tick``: so one turn and all points of
    a step belong into the tick in which it measures.
    """
    attributes: dict[str, Any] = {
        "channels": spec.channels,
        "range": spec.range_m,
        "points_per_second": spec.points_per_second * substeps,
        "rotation_frequency": substeps / step_s,  # one turn per measurement
        "upper_fov": spec.upper_fov_deg,
        "lower_fov": spec.lower_fov_deg,
        "dropoff_general_rate": spec.dropoff_general_rate,
        "noise_stddev": spec.noise_stddev_m,
        "noise_seed": seed,
    }
    pose = mounting(spec.x_m, spec.y_m, spec.z_m)
    return Mount(name, "sensor.lidar.ray_cast", {key: str(value) for key, value in attributes.items()}, pose)


def _imu(scenario: Scenario, seed: int) -> Mount:
    attributes: dict[str, Any] = {"noise_seed": seed}
    for axis in "xyz":
        attributes[f"noise_accel_stddev_{axis}"] = scenario.sensors.imu_noise_accel_mps2
        attributes[f"noise_gyro_stddev_{axis}"] = scenario.sensors.imu_noise_gyro_radps
    return Mount(IMU, "sensor.other.imu", {key: str(value) for key, value in attributes.items()}, mounting(0, 0, 0))


def _gnss(scenario: Scenario, seed: int, latitude_deg: float) -> Mount:
    metre = math.degrees(1.0 / (MERCATOR_SCALE * EARTH_RADIUS_M))  # of latitude
    noise_m = scenario.sensors.gnss_noise_m
    attributes = {
        "noise_seed": seed,
        "noise_lat_stddev": noise_m * metre,
        "noise_lon_stddev": noise_m * metre / max(math.cos(math.radians(latitude_deg)), 1e-3),
        "noise_alt_stddev": 2.0 * noise_m,  # satellites stand above: height is about twice as uncertain
    }
    return Mount(GNSS, "sensor.other.gnss", {key: str(value) for key, value in attributes.items()}, mounting(0, 0, 0))
