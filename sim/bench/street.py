"""A street for the sensor families: the shipped town with bodies along a road, without sockets and without a client."""

from __future__ import annotations

import math

import numpy as np

from perception.frame import FloatArray
from sim.server.maps import MapCatalogue
from sim.server.protocol.structs import ActorDescription, Pose
from sim.server.sensors.instances import View, Weather
from sim.server.world.parts import PARTS
from sim.server.world.vehicle_spec import VEHICLES, VehicleControl
from sim.server.world.world import SpawnError, World
from sim.weather import resolve_weather

STEP_S = 0.05
SPEED_MPS = 8.0
"""Of the sensor along the road: every frame is another picture."""
LAP_M = 60.0
"""The sensor drives this far and begins again."""
SPAWN_LIFT_M = 0.3
SIDEWALK_M = 5.5
"""Walkers stand this far beside the middle of the sensor's lane."""


class Street:
    """A world of ``vehicles`` and ``walkers`` round a sensor that drives along a road of the map."""

    def __init__(self, map_name: str, seed: int, vehicles: int, walkers: int) -> None:
        """Build the scene and place the bodies. Same seed, same street. Raises UnknownMapError, BrokenMapError."""
        rng = np.random.default_rng([seed, 7])
        scene = MapCatalogue(PARTS.build_scene, seed).scene(map_name)
        self.world = World(scene, PARTS, seed, 1, 0, 2, 0)
        x, y = (float(v) for v in scene.spawn_points[0, :2])
        self._first = min(
            scene.carla_map.generate_waypoints(2.0),
            key=lambda w: math.hypot(w.transform.location.x - x, w.transform.location.y - y),
        )
        self._rng = rng
        self.vehicles = self._park(vehicles, (x, y))
        self.walkers = self._people(walkers)
        self._travelled_m = 0.0

    def _park(self, count: int, xy_m: tuple[float, float]) -> int:
        """Vehicles on the spawn points nearest to the sensor, rolling slowly; how many there was room for."""
        points = self.world.scene.spawn_points
        away = np.hypot(points[:, 0] - xy_m[0], points[:, 1] - xy_m[1])
        names = sorted(VEHICLES)
        placed = 0
        for row in np.argsort(away, kind="stable")[1:]:
            if placed == count:
                break
            x, y, z, pitch, yaw, roll = points[row].tolist()
            name = names[int(self._rng.integers(len(names)))]
            try:
                actor = self._spawn(name, (x, y, z), (pitch, yaw, roll))
            except SpawnError:  # a long vehicle reaches into its neighbour: the next point will do
                continue
            self.world.control_vehicle(actor, VehicleControl(throttle=0.2))
            placed += 1
        return placed

    def _people(self, count: int) -> int:
        """Walkers on both sides of the road ahead of the sensor; how many there was room for."""
        placed = 0
        for number in range(count):
            x, y, z, yaw = self._along(3.0 * number + 4.0)
            side = SIDEWALK_M if number % 2 else -SIDEWALK_M
            position = (x - side * math.sin(yaw), y + side * math.cos(yaw), z + 1.0)
            kind = f"walker.pedestrian.{int(self._rng.integers(1, 49)):04d}"
            try:
                actor = self._spawn(kind, position, (0.0, yaw, 0.0))
            except SpawnError:
                continue
            self.world.control_walker(actor, (math.cos(yaw), math.sin(yaw), 0.0), 1.3, False)
            placed += 1
        return placed

    def _spawn(self, type_id: str, position_m: tuple[float, float, float], rotation: tuple[float, ...]) -> int:
        pitch, yaw, roll = rotation
        x, y, z = position_m
        pose = Pose((x, y, z + SPAWN_LIFT_M), (pitch, yaw, roll))
        return self.world.spawn(ActorDescription(0, type_id, {}), pose).actor_id

    def _along(self, distance_m: float) -> tuple[float, float, float, float]:
        """x, y, z and yaw of the road so far ahead of where the sensor starts (CARLA frame)."""
        ahead = self._first.next(max(distance_m, 0.1))
        transform = (ahead[0] if ahead else self._first).transform
        here = transform.location
        return here.x, here.y, here.z, math.radians(transform.rotation.yaw)

    def weather(self, preset: str) -> None:
        """Set the weather to one of CARLA's presets. Raises ValueError."""
        self.world.weather = Weather(**resolve_weather(preset).as_dict())

    def advance(self) -> View:
        """One tick; what sensors see of it. The sensor moves on."""
        self.world.tick(STEP_S, ())
        self._travelled_m = math.fmod(self._travelled_m + SPEED_MPS * STEP_S, LAP_M)
        return self.world.view()

    def pose(self, height_m: float) -> tuple[FloatArray, FloatArray]:
        """Position (3,) and rotation (3,) (pitch, yaw, roll) of a sensor at this height over the road."""
        x, y, z, yaw = self._along(self._travelled_m)
        return np.array([x, y, z + height_m]), np.array([0.0, yaw, 0.0])
