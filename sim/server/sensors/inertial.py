"""IMU and GNSS (carla-protocol 5.10, 5.11), each a function of the sensor's own poses over time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import gnss_body, imu_body
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.instances import View
from sim.server.world.pose import rotation_matrix

Array = npt.NDArray[np.float64]

GRAVITY_MPS2 = 9.81  # as the reference sensor has it
EARTH_RADIUS_M = 6378137.0  # WGS 84 equatorial, as the client's map projection has it
MERCATOR_SCALE = 0.9996  # k0 of the transverse Mercator projection that the client uses


class Differences:
    """Acceleration as the second difference of the last three positions."""

    def __init__(self) -> None:
        self._velocity: Array | None = None  # mean over the last interval, world
        self._interval_s = 0.0
        self._position: Array | None = None

    def acceleration(self, position: Array, dt_s: float) -> Array:
        """World acceleration (3,) in the middle of the last three positions; zero while they are not there."""
        acceleration = np.zeros(3)
        if self._position is not None and dt_s > 0.0:
            velocity = (position - self._position) / dt_s
            if self._velocity is not None:
                acceleration = (velocity - self._velocity) / (0.5 * (dt_s + self._interval_s))
            self._velocity, self._interval_s = velocity, dt_s
        self._position = np.array(position, np.float64)
        return acceleration


class ImuSensor:
    """``sensor.other.imu``: specific force, turn rate and compass in the sensor frame.

    Acceleration is the second difference of the sensor's position over the last three measurements; it is zero until
    there are three (the reference reads garbage then). The turn rate is the rotation since the last measurement over
    its time: the exact mean rate.
    """

    stream_index = 5

    def __init__(self, attributes: Attributes, seed: int) -> None:
        self._accel_std = np.array([attributes.number(f"noise_accel_stddev_{a}", 0.0, 0.0) for a in "xyz"])
        self._gyro_std = np.array([attributes.number(f"noise_gyro_stddev_{a}", 0.0, 0.0) for a in "xyz"])
        self._gyro_bias = np.array([attributes.number(f"noise_gyro_bias_{a}", 0.0) for a in "xyz"])
        self._rng = np.random.default_rng([attributes.seed(), seed])
        self._track = Differences()
        self._rotation: Array | None = None

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        rotation = rotation_matrix(*(float(a) for a in rotation_rad))
        acceleration = self._track.acceleration(np.asarray(position_m, dtype=np.float64), dt_s)
        acceleration[2] += view.imu_gravity_mps2
        turn = np.zeros(3)
        if self._rotation is not None and dt_s > 0.0:
            turn = rotation_vector(self._rotation.T @ rotation) / dt_s
        self._rotation = rotation
        force = rotation.T @ acceleration + self._rng.normal(size=3) * self._accel_std
        turn = turn + self._gyro_bias + self._rng.normal(size=3) * self._gyro_std
        return imu_body(force, turn, compass_rad(rotation))


def rotation_vector(rotation: Array) -> Array:
    """Axis times angle (rad) of a rotation matrix ``(3, 3)``; for turns of less than half a circle."""
    axis = 0.5 * np.array(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]
    )
    sine = float(np.linalg.norm(axis))
    angle = math.atan2(sine, 0.5 * (float(np.trace(rotation)) - 1.0))
    return axis * (angle / sine) if sine > 1e-12 else axis


def compass_rad(rotation: Array) -> float:
    """Heading of the forward axis: 0 along world -y (north), growing clockwise from above, in 0..2 pi."""
    x, y = float(rotation[0, 0]), float(rotation[1, 0])
    if math.hypot(x, y) < 1e-9:  # looking straight up or down
        return 0.0
    return (math.atan2(y, x) + 0.5 * math.pi) % (2.0 * math.pi)


def geolocation(position_m: Array, latitude_deg: float, longitude_deg: float) -> tuple[float, float, float]:
    """Latitude, longitude (degrees), altitude (m) of a world position; the arguments are the map's origin.

    Inverse spherical transverse Mercator as in the client's ``Map.transform_to_geolocation``, which takes CARLA's y
    without changing its sign: latitude grows with +y.
    """
    x = float(position_m[0]) / (MERCATOR_SCALE * EARTH_RADIUS_M)
    d = float(position_m[1]) / (MERCATOR_SCALE * EARTH_RADIUS_M) + math.radians(latitude_deg)
    latitude = math.asin(math.sin(d) / math.cosh(x))
    longitude = math.radians(longitude_deg) + math.atan2(math.sinh(x), math.cos(d))
    return math.degrees(latitude), math.degrees(longitude), float(position_m[2])


class GnssSensor:
    """``sensor.other.gnss``; origin is the map's (latitude, longitude) in degrees."""

    stream_index = 4

    def __init__(self, attributes: Attributes, origin_deg: tuple[float, float], seed: int) -> None:
        self._origin_deg = origin_deg
        axes = ("lat", "lon", "alt")
        self._std = np.array([attributes.number(f"noise_{a}_stddev", 0.0, 0.0) for a in axes])
        self._bias = np.array([attributes.number(f"noise_{a}_bias", 0.0) for a in axes])
        self._rng = np.random.default_rng([attributes.seed(), seed])

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        fix = np.array(geolocation(position_m, *self._origin_deg))
        fix = fix + self._bias + self._rng.normal(size=3) * self._std
        return gnss_body(float(fix[0]), float(fix[1]), float(fix[2]))
