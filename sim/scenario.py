"""What a run is, as data: the map, the drive, the traffic, the weather, the sensors, the faults.

World poses in a scenario are right-handed metres and radians like everywhere in the app; a spawn point is the
number of one of the map's recommended spawn points.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

PlaceSpec = int | tuple[float, float, float]
"""A spawn point's number, or ``(x, y, yaw)``."""


@dataclass(frozen=True)
class RouteSpec:
    """From where to where. ``goal`` None: drive on, lane after lane, for ``length_m``. ``via`` are passed in order."""

    start: PlaceSpec | None = None  # None: drawn with the seed
    goal: PlaceSpec | None = None
    via: tuple[PlaceSpec, ...] = ()
    length_m: float = 600.0


@dataclass(frozen=True)
class TrafficSpec:
    """Other road users, driven by the client's traffic manager and by walker control."""

    vehicles: int = 20
    walkers: int = 10
    walkers_running_share: float = 0.1
    walkers_crossing_share: float = 0.2
    speed_difference_percent: float = 10.0  # below the limit, as the traffic manager counts it
    leading_distance_m: float = 3.0
    ignore_lights_percent: float = 0.0
    two_wheelers: bool = True
    radius_m: float = 250.0  # around the start: traffic at the other end of the town would never be met


@dataclass(frozen=True)
class CameraSpec:
    """A camera on the car, ego frame: metres from the footprint's centre on the ground, angles in degrees as
    mounted (yaw left positive, pitch up positive)."""

    x_m: float = 0.6
    y_m: float = 0.0
    z_m: float = 1.6
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    width: int = 800
    height: int = 600
    fov_deg: float = 90.0


@dataclass(frozen=True)
class LidarSpec:
    """A spinning LiDAR on the car; fields as CARLA's blueprint names them."""

    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 1.9
    channels: int = 32
    range_m: float = 80.0
    points_per_second: int = 320_000
    upper_fov_deg: float = 10.0
    lower_fov_deg: float = -30.0
    dropoff_general_rate: float = 0.05
    noise_stddev_m: float = 0.01


@dataclass(frozen=True)
class SensorsSpec:
    """The rig. Every sensor ticks with the stack."""

    cameras: dict[str, CameraSpec] = field(default_factory=lambda: {"front": CameraSpec()})
    lidars: dict[str, LidarSpec] = field(default_factory=lambda: {"top": LidarSpec()})
    imu: bool = True
    gnss: bool = True
    gnss_noise_m: float = 0.3  # standard deviation of a differential receiver
    imu_noise_accel_mps2: float = 0.05
    imu_noise_gyro_radps: float = 0.002


@dataclass(frozen=True)
class FaultSpec:
    """A sensor that fails: ``drop`` (absent), ``freeze`` (last picture again), ``noise`` (strength: share of the
    full scale), ``nan`` (points become NaN), each frame with ``probability`` in a span of time."""

    sensor: str
    kind: Literal["drop", "freeze", "noise", "nan"]
    from_s: float = 0.0
    to_s: float = 1e9
    probability: float = 1.0
    strength: float = 0.1


@dataclass(frozen=True)
class TruthSpec:
    """What is recorded of the truth. Image boxes need an instance camera beside every camera: it costs render
    time, so they can be had every k-th frame (0 = never)."""

    boxes2d_every: int = 1


@dataclass(frozen=True)
class SimSpec:
    """Clock and connection. ``step_s`` is the stack's period; the world advances ``substeps`` ticks in it."""

    step_s: float = 0.1
    substeps: int = 2
    timeout_s: float = 60.0
    warm_up_s: float = 2.0  # the world runs before the drive starts, so that traffic moves and cars have settled


@dataclass(frozen=True)
class Scenario:
    """Everything that defines a run but the stack's own configuration."""

    name: str = "default"
    map: str = "Roadlab01"
    ego: str = "vehicle.lincoln.mkz_2020"
    route: RouteSpec = field(default_factory=RouteSpec)
    traffic: TrafficSpec = field(default_factory=TrafficSpec)
    weather: str | dict[str, float | str] = "ClearNoon"
    sensors: SensorsSpec = field(default_factory=SensorsSpec)
    faults: tuple[FaultSpec, ...] = ()
    truth: TruthSpec = field(default_factory=TruthSpec)
    sim: SimSpec = field(default_factory=SimSpec)
    duration_s: float = 120.0
    seed: int = 0
