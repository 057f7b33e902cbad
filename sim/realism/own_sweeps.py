"""LiDAR sweeps of our own on the judge's streets, from sensors laid out like KITTI's and like the recorded CARLA's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from sim.realism.stage import Shot, Stage
from sim.realism.sweeps import Floats, Sweep, Things, ring_by_elevation
from sim.server.scene.library import load_library
from sim.server.scene.models import ModelLibrary
from sim.server.sensors.create import SensorWorld, create_sensor
from sim.server.world.pose import rotation_matrix

HEIGHT_M = 1.73  # of KITTI's LiDAR over the road
TURN_S = 0.1
HDL64 = {
    "channels": "64", "upper_fov": "2", "lower_fov": "-24.8", "range": "120", "rotation_frequency": "10",
    "points_per_second": str(64 * 2083 * 10),
}  # fmt: skip
"""Velodyne HDL-64E at 10 turns a second: 0.173 degrees a step (manual); its beams are evenly spread here."""
HDL64_REAL = HDL64 | {
    "reflectivity": "material", "beam_divergence": "0.002", "rolling_shutter": "true", "noise_stddev": "0.02",
    "noise_intensity_stddev": "0.05", "dropoff_general_rate": "0.06", "dropoff_zero_intensity": "0",
}  # fmt: skip
"""The same with what this server has beyond CARLA: divergence 2 mrad and range noise 2 cm by the manual, drop-off as
KITTI's sweeps have it."""
CARLA_099 = {
    "channels": "256", "upper_fov": "60", "lower_fov": "-30", "range": "50", "rotation_frequency": "10",
    "points_per_second": str(256 * 708 * 10), "dropoff_general_rate": "0", "dropoff_zero_intensity": "0",
}  # fmt: skip
"""The recorded CARLA 0.9.9 sensor, which had no drop-off."""
HEADER_WORDS = 2  # of the payload: angle and number of channels, then the points of each


def own_sweeps(
    stage: Stage, attributes: Mapping[str, str], weather: str, count: int, first: int = 0
) -> Iterator[Sweep]:
    """Sweeps of ``count`` streets; bodies from the vehicles' and people's boxes."""
    shared = SensorWorld(stage.world.scene, load_library, stage.seed)
    try:
        for number in range(first, first + count):
            shot = stage.shot(number, weather)
            sensor = create_sensor("sensor.lidar.ray_cast", dict(attributes), shared)
            eye = shot.road_m + np.array([0.0, 0.0, HEIGHT_M])
            rotation = np.array([0.0, shot.rotation_rad[1], 0.0])
            payload = sensor.measure(eye, rotation, shot.view, 0, TURN_S)
            assert payload is not None
            points, intensity = read_payload(payload)
            elevations = np.radians(
                np.linspace(float(attributes["upper_fov"]), float(attributes["lower_fov"]), int(attributes["channels"]))
            )
            things = things_of(shot, shared.library, eye, rotation)
            rays = round(int(attributes["points_per_second"]) * TURN_S / int(attributes["channels"]))
            yield Sweep(points, intensity, ring_by_elevation(points, elevations), things, rays=rays)
    finally:
        shared.close()


def read_payload(payload: bytes) -> tuple[Floats, Floats]:
    """Points (n, 3), y left, and intensity (n,) of a LiDAR's payload."""
    channels = int(np.frombuffer(payload, np.uint32, 1, 4)[0])
    start = 4 * (HEADER_WORDS + channels)
    rows = np.frombuffer(payload, np.float32, offset=start).reshape(-1, 4).astype(np.float64)
    return rows[:, :3] * (1.0, -1.0, 1.0), rows[:, 3]


def things_of(shot: Shot, library: ModelLibrary, eye_m: Floats, rotation_rad: Floats) -> Things:
    """The street's cars, vans and people in the sensor's frame, x forward, y left."""
    sensor_from_world = rotation_matrix(*(float(v) for v in rotation_rad)).T
    bodies = shot.view.instances
    kinds, centres, sizes, yaws = [], [], [], []
    for row, actor in enumerate(bodies.actor_id.tolist()):
        kind = {"car": "car", "van": "car", "person": "person"}.get(shot.kinds.get(actor, ("", ""))[0])
        if kind is None:
            continue
        size = library.size_m[bodies.model[row]] * bodies.scale[row]
        centre = sensor_from_world @ (bodies.position_m[row] + (0.0, 0.0, float(size[2]) / 2.0) - eye_m)
        kinds.append(kind)
        centres.append(centre * (1.0, -1.0, 1.0))
        sizes.append(size)
        turn = float(bodies.rotation_rad[row, 1]) - float(rotation_rad[1])
        yaws.append(-math.remainder(turn, 2.0 * math.pi))
    return Things(
        tuple(kinds), np.array(centres).reshape(-1, 3), np.array(sizes).reshape(-1, 3), np.array(yaws, np.float64)
    )
