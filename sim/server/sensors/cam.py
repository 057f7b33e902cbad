"""Cooperative awareness messages (CAM, ETSI EN 302 637-2): when a vehicle sends one, and the bytes of its record.

The record is CARLA's C++ struct of 464 bytes, as the client reads it. It holds two ``std::vector`` (protected zones
of a road-side unit, path history): they point into the server's memory and cannot travel, so both stay empty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Tag
from sim.server.sensors.attributes import Attributes

Array = npt.NDArray[np.float64]

PROTOCOL_VERSION = 2
CUSTOM_MESSAGE, CAM_MESSAGE = 0, 2
HEADING_DEG, DISTANCE_M, SPEED_MPS = 4.0, 4.0, 0.5
"""A vehicle that turned, moved or changed its speed by more than this since its last message sends the next."""
LOW_FREQUENCY_S = 0.5
ROAD_SIDE_S = 0.5
LOW_DYNAMICS_LIMIT = 3
"""N_GenCam of the standard: messages at a raised rate before the interval returns to its maximum."""
EPOCH_MS = 691_200_000_000
"""Generation time at simulated second 0, ms since 2004: CARLA takes the clock, here a run repeats to the byte."""
UNKNOWN, PEDESTRIAN, CYCLIST, MOTORCYCLE, CAR, BUS, TRUCK, SPECIAL, TRAM, ROAD_SIDE = 0, 1, 2, 4, 5, 6, 7, 10, 11, 15
"""StationType."""
STATION = {
    Tag.PEDESTRIANS: PEDESTRIAN, Tag.BICYCLE: CYCLIST, Tag.MOTORCYCLE: MOTORCYCLE, Tag.CAR: CAR, Tag.BUS: BUS,
    Tag.TRUCK: TRUCK, Tag.TRAIN: TRAM, Tag.BUILDINGS: ROAD_SIDE, Tag.WALLS: ROAD_SIDE, Tag.FENCES: ROAD_SIDE,
    Tag.POLES: ROAD_SIDE, Tag.TRAFFIC_LIGHT: ROAD_SIDE, Tag.TRAFFIC_SIGNS: ROAD_SIDE,
}  # fmt: skip
PUBLIC_TRANSPORT, EMERGENCY = 1, 6
"""VehicleRole."""
ROLE = {BUS: PUBLIC_TRANSPORT, TRAM: PUBLIC_TRANSPORT, SPECIAL: EMERGENCY}
LIGHT_BITS = ((0x2, 0), (0x4, 1), (0x20, 2), (0x10, 3), (0x40, 5), (0x80, 6), (0x1, 7))
"""VehicleLightState bit, ExteriorLights bit counted from the highest: low, high, left, right, reverse, fog, parking."""

CAM_RECORD = np.dtype(
    {
        "names": [
            "power_dbm", "version", "message", "station", "time_ms", "station_type", "latitude", "longitude",
            "semi_major", "semi_minor", "semi_orientation", "altitude", "altitude_confidence", "high_kind",
            "heading", "heading_confidence", "speed", "speed_confidence", "direction", "length", "length_confidence",
            "width", "acceleration", "acceleration_confidence", "curvature", "curvature_confidence",
            "curvature_mode", "yaw_rate", "yaw_rate_confidence", "has_lateral", "lateral", "lateral_confidence",
            "has_vertical", "vertical", "vertical_confidence", "low_kind", "role", "lights",
        ],
        "formats": ["<f4"] + ["<i8"] * 28 + ["u1", "<i8", "<i8", "u1", "<i8", "<i8", "<i8", "<i8", "u1"],
        "offsets": [0, *range(8, 232, 8), 272, 280, 288, 296, 304, 312, 408, 416, 424],
        "itemsize": 464,
    }
)  # fmt: skip
"""One received CAM; what is not named stays zero."""
CUSTOM_RECORD = np.dtype(
    {
        "names": ["power_dbm", "version", "message", "station", "text"],
        "formats": ["<f4", "<i8", "<i8", "<i8", "S100"],
        "offsets": [0, 8, 16, 24, 32],
        "itemsize": 136,
    }
)
"""One received custom message."""
MOST_NOISE = 1e9
"""In degrees, m, m/s, m/s2, rad/s: a record's whole numbers of 1e-7 degrees, which have 63 bits, hold no more."""
UNAVAILABLE_AXIS, UNAVAILABLE_HEADING, UNAVAILABLE_ALTITUDE = 4095, 3601, 15
HEADING_WITHIN_ONE_DEGREE, SPEED_WITHIN_3_CM, UNAVAILABLE_LENGTH, UNAVAILABLE_ACCELERATION = 10, 3, 4, 102
UNAVAILABLE_CURVATURE, UNAVAILABLE_CURVATURE_CONFIDENCE, UNAVAILABLE_YAW, UNAVAILABLE_YAW_CONFIDENCE = (
    30001,
    7,
    32767,
    8,
)


@dataclass(frozen=True)
class Station:
    """Who sends: actor id, StationType, length and width in m, role, and whether a vehicle's data are known."""

    actor_id: int
    kind: int
    length_m: float
    width_m: float


@dataclass(frozen=True)
class Moment:
    """A station at one instant: where and how it moves; world frame, lights as VehicleLightState."""

    elapsed_s: float
    geo: tuple[float, float, float]  # degrees, degrees, m
    position_m: Array
    forward: Array  # (3,) unit
    speed_mps: float  # forward
    acceleration_mps2: Array  # (3,) in the station's frame, gravity included as in CARLA
    yaw_rate_radps: float
    lights: int


def station_type(tag: int, special: str) -> int:
    """StationType of an actor with a semantic tag and ``special_type``."""
    if special == "emergency":
        return SPECIAL
    return STATION.get(Tag(tag), UNKNOWN) if tag in set(Tag) else UNKNOWN


class Trigger:
    """When a station sends: the rules of the standard as CARLA applies them."""

    def __init__(self, shortest_s: float, longest_s: float, fixed: bool) -> None:
        self._shortest_s, self._longest_s, self._fixed = shortest_s, longest_s, fixed
        self._interval_s = longest_s
        self._quiet = 0
        self._last: Moment | None = None

    def due(self, station: Station, now: Moment) -> bool:
        """Whether a message goes out now; if so, remembers this moment."""
        last = self._last
        if last is None:
            fires = True
        elif station.kind == ROAD_SIDE:
            fires = now.elapsed_s - last.elapsed_s >= ROAD_SIDE_S - 1e-6
        else:
            fires = self._moving_due(last, now)
        if fires:
            self._last = now
        return fires

    def _moving_due(self, last: Moment, now: Moment) -> bool:
        passed = round(now.elapsed_s - last.elapsed_s, 6)  # sums of time steps round
        if passed < self._shortest_s:
            return False
        if self._fixed:
            return True
        turned = math.degrees(math.acos(min(1.0, max(-1.0, float(last.forward @ now.forward)))))
        moved = float(np.linalg.norm(now.position_m - last.position_m))
        if turned > HEADING_DEG or moved > DISTANCE_M or abs(now.speed_mps - last.speed_mps) > SPEED_MPS:
            self._interval_s, self._quiet = min(passed, self._longest_s), 0
            return True
        if passed < self._interval_s:
            return False
        self._quiet += 1
        if self._quiet >= LOW_DYNAMICS_LIMIT:
            self._interval_s = self._longest_s
        return True


class CamWriter:
    """Records of one sender, with the measurement noise of its attributes."""

    def __init__(self, values: Attributes, rng: np.random.Generator) -> None:
        def spread(name: str) -> float:
            return values.number(name, 0.0, 0.0, MOST_NOISE)

        def bias(name: str) -> float:
            return values.number(name, 0.0, -MOST_NOISE, MOST_NOISE)

        places = ("lat", "lon", "alt", "head")
        self._spread = np.array([*(spread(f"noise_{a}_stddev") for a in places), spread("noise_vel_stddev_x")])
        self._yaw_spread = spread("noise_yawrate_stddev")
        self._bias = np.array([bias(f"noise_{a}_bias") for a in places])
        self._yaw_bias = bias("noise_yawrate_bias")
        self._accel = np.array([spread(f"noise_accel_stddev_{a}") for a in "xyz"])
        self._rng = rng
        self._low_s = -math.inf

    def write(self, station: Station, now: Moment) -> npt.NDArray[np.void]:
        """One ``CAM_RECORD`` without its power."""
        record = np.zeros((), CAM_RECORD)
        noise = self._rng.normal(size=5) * self._spread
        latitude, longitude, altitude = np.array(now.geo) + self._bias[:3] + noise[:3]
        record["version"], record["message"], record["station"] = PROTOCOL_VERSION, CAM_MESSAGE, station.actor_id
        record["time_ms"] = (EPOCH_MS + int(now.elapsed_s * 1000.0)) % 65536
        record["station_type"] = station.kind
        record["latitude"], record["longitude"] = round(latitude * 1e6) * 10, round(longitude * 1e6) * 10
        record["semi_major"] = record["semi_minor"] = UNAVAILABLE_AXIS
        record["semi_orientation"] = UNAVAILABLE_HEADING
        record["altitude"], record["altitude_confidence"] = round(altitude * 100.0), UNAVAILABLE_ALTITUDE
        if station.kind == ROAD_SIDE:
            record["high_kind"] = 2
        elif station.kind != PEDESTRIAN:
            self._write_vehicle(record, station, now, noise)
        return record

    def _write_vehicle(self, record: npt.NDArray[np.void], station: Station, now: Moment, noise: Array) -> None:
        record["high_kind"] = 1
        heading = math.degrees(math.atan2(now.forward[1], now.forward[0]) + 0.5 * math.pi) % 360.0
        record["heading"] = round((heading + self._bias[3] + noise[3]) * 10.0)
        record["heading_confidence"] = HEADING_WITHIN_ONE_DEGREE
        record["speed"] = min(round(max(now.speed_mps + noise[4], 0.0) * 100.0), 16382)
        record["speed_confidence"] = SPEED_WITHIN_3_CM
        record["direction"] = 0 if now.speed_mps >= 0.0 else 1
        record["length"], record["width"] = round(station.length_m * 10.0), round(station.width_m * 10.0)
        record["length_confidence"] = UNAVAILABLE_LENGTH
        force = now.acceleration_mps2 + self._rng.normal(size=3) * self._accel
        for name, value in zip(("acceleration", "lateral", "vertical"), (force * 10.0).tolist(), strict=True):
            record[name] = round(value) if -160.0 <= value <= 161.0 else 161
            record[f"{name}_confidence"] = UNAVAILABLE_ACCELERATION
        record["has_lateral"] = record["has_vertical"] = 1
        record["curvature"], record["curvature_confidence"] = UNAVAILABLE_CURVATURE, UNAVAILABLE_CURVATURE_CONFIDENCE
        yaw = now.yaw_rate_radps + self._yaw_bias + float(self._rng.normal()) * self._yaw_spread
        centi = round(math.degrees(yaw) * 100.0)
        record["yaw_rate"] = centi if abs(centi) <= 32766 else UNAVAILABLE_YAW
        record["yaw_rate_confidence"] = UNAVAILABLE_YAW_CONFIDENCE
        if now.elapsed_s - self._low_s >= LOW_FREQUENCY_S - 1e-6:
            self._low_s = now.elapsed_s
            record["low_kind"], record["role"] = 1, ROLE.get(station.kind, 0)
            record["lights"] = sum(0x80 >> place for bit, place in LIGHT_BITS if now.lights & bit)
