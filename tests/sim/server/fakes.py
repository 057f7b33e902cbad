"""The smallest world behind the server's own interfaces: a kinematic Dynamics, a grey camera, a bare scene."""

from __future__ import annotations

import math
from typing import Any

import carla
import numpy as np

from sim.server.protocol.payloads import StreamIndex, gnss_body, image_body, imu_body, lidar_body
from sim.server.scene.catalogue import ModelChoice
from sim.server.scene.ground import Ground
from sim.server.scene.mesh import Mesh, Tag
from sim.server.scene.static import STRIP_DTYPE, Signal, StaticScene
from sim.server.world.bodies import BODY
from sim.server.world.parts import Parts
from sim.server.world.traffic_lights import TrafficLights
from sim.server.world.vehicle_spec import VehicleControl


class FakeDynamics:
    """Vehicles obey throttle (3 m/s2), brake and steer (bicycle of 3 m); nothing collides but boxes on spawn."""

    def __init__(self) -> None:
        self.actor_id = np.zeros(0, np.int64)
        self.position_m = np.zeros((0, 3))
        self.rotation_rad = np.zeros((0, 3))
        self.velocity_mps = np.zeros((0, 3))
        self.angular_velocity_radps = np.zeros((0, 3))
        self.acceleration_mps2 = np.zeros((0, 3))
        self.wheel_angle_rad = np.zeros(0)
        self.steer_rad = np.zeros(0)
        self._control: dict[int, VehicleControl] = {}
        self._walk: dict[int, tuple[np.ndarray, float]] = {}
        self.contacts: list[Any] = []

    @property
    def bodies(self) -> np.ndarray:
        table = np.zeros(len(self.actor_id), BODY)
        for field, column in (
            ("actor_id", self.actor_id),
            ("position", self.position_m),
            ("rotation", self.rotation_rad),
            ("velocity", self.velocity_mps),
            ("angular_velocity", self.angular_velocity_radps),
            ("acceleration", self.acceleration_mps2),
        ):
            table[field] = column
        for row, actor_id in enumerate(self.actor_id.tolist()):
            control = self._control.get(actor_id)
            if control is not None:
                table[row]["throttle"], table[row]["steer"] = control.throttle, control.steer
                table[row]["brake"], table[row]["hand_brake"] = control.brake, control.hand_brake
                table[row]["reverse"], table[row]["manual"] = control.reverse, control.manual_gear_shift
                table[row]["gear"] = control.gear
        return table

    def _add(self, actor_id: int, position: Any, rotation: Any) -> None:
        self.actor_id = np.append(self.actor_id, actor_id)
        self.position_m = np.vstack((self.position_m, position))
        self.rotation_rad = np.vstack((self.rotation_rad, rotation))
        for name in ("velocity_mps", "angular_velocity_radps", "acceleration_mps2"):
            setattr(self, name, np.vstack((getattr(self, name), np.zeros(3))))
        self.wheel_angle_rad = np.append(self.wheel_angle_rad, 0.0)
        self.steer_rad = np.append(self.steer_rad, 0.0)

    def add_vehicle(self, actor_id: int, spec: Any, position: Any, rotation: Any) -> None:
        self._add(actor_id, position, rotation)
        self._control[actor_id] = VehicleControl()

    def add_walker(
        self, actor_id: int, half: float, radius: float, position: Any, rotation: Any, mass_kg: float = 0.0
    ) -> None:
        self._add(actor_id, position, rotation)

    def add_prop(
        self, actor_id: int, half: Any, centre: Any, position: Any, rotation: Any, mass_kg: float = 0.0
    ) -> None:
        self._add(actor_id, position, rotation)

    def remove(self, actor_id: int) -> None:
        keep = self.actor_id != actor_id
        for name in ("actor_id", "position_m", "rotation_rad", "velocity_mps", "angular_velocity_radps",
                     "acceleration_mps2", "wheel_angle_rad", "steer_rad"):  # fmt: skip
            setattr(self, name, getattr(self, name)[keep])
        self._control.pop(actor_id, None)

    def overlaps(self, half: Any, centre: Any, position: Any, rotation: Any, ignore: int = 0) -> int | None:
        near = np.linalg.norm(self.position_m - position, axis=1) < half[0] + 0.5
        return int(self.actor_id[near][0]) if near.any() else None

    def set_vehicle_control(self, actor_id: int, control: VehicleControl) -> None:
        self._control[actor_id] = control

    def apply_commands(self, kind: Any, actor_id: Any, values: Any) -> bool:
        return False

    def set_walker_control(self, actor_id: int, direction: Any, speed_mps: float, jump: bool) -> None:
        self._walk[actor_id] = (direction, speed_mps)

    def control(self, actor_id: int) -> VehicleControl:
        return self._control[actor_id]

    def teleport(self, actor_id: int, position: Any, rotation: Any) -> None:
        row = self.actor_id == actor_id
        if position is not None:
            self.position_m[row] = position
        if rotation is not None:
            self.rotation_rad[row] = rotation

    def step(self, dt_s: float, weather: Any) -> list[Any]:
        for row, actor_id in enumerate(self.actor_id.tolist()):
            if actor_id in self._walk:
                direction, speed = self._walk[actor_id]
                self.velocity_mps[row] = np.asarray(direction) * speed
            control = self._control.get(actor_id)
            if control is not None:
                yaw = self.rotation_rad[row, 1]
                ahead = np.array((math.cos(yaw), math.sin(yaw), 0.0))
                speed = float(self.velocity_mps[row] @ ahead)
                speed = max(0.0, speed + (3.0 * control.throttle - 8.0 * control.brake) * dt_s)
                self.rotation_rad[row, 1] = yaw + speed / 3.0 * math.tan(1.2 * control.steer) * dt_s
                self.velocity_mps[row] = speed * ahead
            self.position_m[row] += self.velocity_mps[row] * dt_s
        return self.contacts

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("set_", "enable_", "add_", "remove_")):
            return lambda *arguments: None
        if name == "failure":
            return np.zeros(len(self.actor_id), np.int64)
        raise AttributeError(name)


class FakeSensor:
    """A picture of one colour, a scan of one point, a still IMU."""

    def __init__(self, type_id: str, attributes: Any) -> None:
        self.stream_index = {
            "sensor.camera.rgb": StreamIndex.RGB,
            "sensor.lidar.ray_cast": StreamIndex.LIDAR,
            "sensor.other.imu": StreamIndex.IMU,
            "sensor.other.gnss": StreamIndex.GNSS,
        }[type_id]
        self.attributes = attributes

    def measure(self, position: Any, rotation: Any, view: Any, parent_id: int, dt_s: float) -> bytes:
        if self.stream_index == StreamIndex.RGB:
            width, height = int(self.attributes["image_size_x"]), int(self.attributes["image_size_y"])
            return image_body(np.full((height, width, 4), view.frame % 256, np.uint8), float(self.attributes["fov"]))
        if self.stream_index == StreamIndex.LIDAR:
            return lidar_body(0.0, [1, 0], np.array([[1.0, 2.0, 3.0, 0.5]], np.float32))
        if self.stream_index == StreamIndex.IMU:
            return imu_body((0.0, 0.0, 9.81), (0.0, 0.0, 0.0), 1.0)
        return gnss_body(1.0, 2.0, float(position[2]))


class FakeModels:
    """A library of one cube."""

    names = ("cube",)
    size_m = np.ones((1, 3), np.float32)

    def index(self, name: str) -> int:
        return self.names.index(name)


class FakeBench:
    def first_hit(self, start: Any, direction: Any, reach_m: float, instances: Any) -> Any:
        """The ground z = 0, a road."""
        distance = -start[2] / direction[2] if direction[2] != 0.0 else -1.0
        return (float(distance), int(Tag.ROADS)) if 0.0 <= distance <= reach_m else None

    def describe_with(self, describe: Any) -> None:
        pass

    def prepare(self) -> None:
        pass

    def close(self) -> None:
        pass

    def hits(self, start: Any, direction: Any, reach_m: float, instances: Any) -> Any:
        hit = self.first_hit(start, direction, reach_m, instances)
        return [] if hit is None else [hit]

    def show(self, appearance: Any) -> None:
        pass

    def library(self) -> Any:
        return FakeModels()

    def choose(self, type_id: str, attributes: Any) -> Any:
        return ModelChoice("cube", (1.0, 1.0, 1.0), Tag.NONE)

    def create(self, type_id: str, attributes: Any, actor_id: int, serial: int) -> Any:
        return FakeSensor(type_id, attributes)


def fake_scene(name: str, opendrive: str, seed: int, generation: Any = None) -> StaticScene:
    """Roads only: spawn points of the client's map, one traffic light at the first of them."""
    road_map = carla.Map(name, opendrive)
    spawn = [
        (p.location.x, p.location.y, p.location.z + 0.5, 0.0, math.radians(p.rotation.yaw), 0.0)
        for p in (w.transform for w in road_map.generate_waypoints(20.0))
    ]
    x, y, z, _, yaw, _ = spawn[0]
    light = Signal("950", "traffic.traffic_light", (x, y, z), yaw, (0.0, 0.0, 0.0), (4.0, 2.0, 1.0), 0, 0,
                   np.array([[x, y, z + 5, 0.2, 0.2, 0.5, yaw]]), np.zeros((0, 3)), (),
                   np.array([[x, y, z, 4.0, 2.0, 1.0, yaw]]))  # fmt: skip
    none = np.zeros((0, 2), np.int64)
    flat = Ground(np.zeros((0, 3)), none, np.zeros(0, np.uint8), np.zeros((2, 2)), (0.0, 0.0), 1.0)
    return StaticScene(
        name, opendrive, road_map, Mesh.empty(), none, np.zeros((0, 4), np.float32), none,
        np.zeros((0, 4), np.float32), np.zeros(0, STRIP_DTYPE), np.zeros((0, 6), np.float32), (light,), (),
        np.array(spawn), flat,
    )  # fmt: skip


FAKE_PARTS = Parts(
    fake_scene,
    lambda scene, rng: FakeDynamics(),  # type: ignore[arg-type,return-value]
    lambda scene: TrafficLights(scene.signals),
    lambda scene, seed: FakeBench(),
)
