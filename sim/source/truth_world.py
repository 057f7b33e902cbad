"""``Truth`` read from the client's snapshot of the world."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from perception.frame import FloatArray, Frame
from perception.objects import MapLight, ObjectClass
from sim.source import conversion
from sim.source.parked import parked_vehicles
from sim.source.rig import TRUTH_PREFIX, Mount
from sim.source.truth_boxes import Lights, Objects, boxes_2d, points_in_boxes
from sim.truth import Truth, TruthBoxes2D

if TYPE_CHECKING:
    import carla

BOX_MARGIN_M = 0.1
"""A LiDAR point this far outside a box still is a hit: range noise, and mirrors that boxes leave out."""
CLASS_OF_TAG = {
    12: ObjectClass.PEDESTRIAN,
    14: ObjectClass.CAR,
    15: ObjectClass.TRUCK,
    16: ObjectClass.BUS,
    18: ObjectClass.MOTORCYCLE,
    19: ObjectClass.BICYCLE,
}
CLASS_OF_BASE_TYPE = {
    "car": ObjectClass.CAR,
    "van": ObjectClass.CAR,
    "truck": ObjectClass.TRUCK,
    "bus": ObjectClass.BUS,
    "motorcycle": ObjectClass.MOTORCYCLE,
    "bicycle": ObjectClass.BICYCLE,
}


@dataclass(frozen=True)
class _Body:
    """What never changes of an actor that is an object."""

    type_id: str
    kind: ObjectClass
    actor_from_box: FloatArray  # (4, 4) right-handed
    size_m: FloatArray  # (3,) length, width, height


class TruthReader:
    """Turns snapshots into Truth. Asks the server only once about each actor, and about the map's parked vehicles."""

    def __init__(self, world: carla.World, ego_id: int, from_map: Sequence[MapLight], mounts: Sequence[Mount]) -> None:
        self._world = world
        self._ego_id = ego_id
        self._mounts = mounts
        self._bodies: dict[int, _Body | None] = {}
        self._light_actors: dict[str, Any] = {}
        self._head_half_m: dict[str, FloatArray] = {}
        for actor in world.get_actors().filter("traffic.traffic_light*"):
            self._light_actors[str(actor.get_opendrive_id())] = actor
        self.map_lights = tuple(self._with_heads(light) for light in from_map)
        self._parked = parked_vehicles(world)

    def _with_heads(self, light: MapLight) -> MapLight:
        """The light with its heads where the simulator has them; the map's guess where it does not tell."""
        actor = self._light_actors.get(light.signal_id)
        boxes = actor.get_light_boxes() if actor is not None else []
        if not boxes:
            return light
        self._head_half_m[light.signal_id] = np.array([[b.extent.x, b.extent.y, b.extent.z] for b in boxes], np.float64)
        heads = np.array([conversion.vector(box.location) for box in boxes])
        return MapLight(light.signal_id, heads, light.facing_world)

    def read(self, index: int, t_us: int, snapshot: Any, sensed: Frame, data: Mapping[str, Any]) -> Truth:
        """The truth of a snapshot; LiDAR hits from the first sweep of ``sensed``, image boxes from ``data``."""
        ids: list[int] = []
        poses: list[FloatArray] = []
        velocities: list[FloatArray] = []
        world_from_ego, ego_velocity = np.eye(4), np.zeros(3)
        for actor in snapshot:
            if actor.id == self._ego_id:
                world_from_ego = conversion.matrix(actor.get_transform())
                ego_velocity = conversion.vector(actor.get_velocity())
            elif self._body(actor.id) is not None:
                ids.append(actor.id)
                poses.append(conversion.matrix(actor.get_transform()))
                velocities.append(conversion.vector(actor.get_velocity()))
        bodies = [body for body in map(self._body, ids) if body is not None]
        moving = np.array([_box(pose, body) for pose, body in zip(poses, bodies, strict=True)]).reshape(-1, 7)
        parked = self._parked.near(world_from_ego[:3, 3])
        boxes = np.concatenate([moving, parked.boxes_world_m])
        objects = Objects(
            np.concatenate([np.array(ids, np.int64), parked.actor_id]),
            boxes,
            np.concatenate([np.array([body.kind for body in bodies], np.int64), parked.classes]),
        )
        velocity = np.zeros((len(boxes), 3))
        velocity[: len(bodies)] = np.array(velocities, np.float64).reshape(-1, 3)
        states = {signal: int(actor.get_state()) for signal, actor in self._light_actors.items()}
        actors = {signal: int(actor.id) for signal, actor in self._light_actors.items()}
        lights = Lights(self.map_lights, states, actors, self._head_half_m)
        return Truth(
            index=index,
            t_us=t_us,
            world_from_ego=world_from_ego,
            ego_velocity_mps=ego_velocity,
            actor_id=objects.actor_id,
            boxes_world_m=boxes,
            velocity_world_mps=velocity,
            classes=objects.classes,
            lidar_points=_hits(boxes, world_from_ego, sensed),
            type_id=(*(body.type_id for body in bodies), *parked.type_id),
            cameras=self._cameras(world_from_ego, objects, lights, data),
            lights=MappingProxyType(states),
        )

    def _cameras(
        self, world_from_ego: FloatArray, objects: Objects, lights: Lights, data: Mapping[str, Any]
    ) -> tuple[TruthBoxes2D, ...]:
        out = []
        for mount in self._mounts:
            if mount.is_truth and mount.camera is not None and mount.name in data:
                world_from_camera = world_from_ego @ mount.camera.ego_from_camera
                camera_from_world = np.linalg.inv(world_from_camera).astype(np.float64)
                name = mount.name[len(TRUTH_PREFIX) :]
                picture = conversion.bgr(data[mount.name])
                out.append(boxes_2d(name, picture, mount.camera, camera_from_world, objects, lights))
        return tuple(out)

    def _body(self, actor_id: int) -> _Body | None:
        """What an actor is; None for what is no object (sensors, lights, signs, props, the car itself)."""
        if actor_id not in self._bodies:
            actor = self._world.get_actor(actor_id) if actor_id != self._ego_id else None
            self._bodies[actor_id] = None if actor is None else _body(actor)
        return self._bodies[actor_id]


def _body(actor: Any) -> _Body | None:
    if not actor.type_id.startswith(("vehicle.", "walker.")):
        return None
    kind = next((CLASS_OF_TAG[tag] for tag in actor.semantic_tags if tag in CLASS_OF_TAG), None)
    if kind is None:
        base = actor.attributes.get("base_type", "").lower()
        walks = actor.type_id.startswith("walker.")
        kind = ObjectClass.PEDESTRIAN if walks else CLASS_OF_BASE_TYPE.get(base, ObjectClass.CAR)
    box = actor.bounding_box
    pose = np.eye(4)
    pose[:3, 3] = conversion.vector(box.location)
    size = 2.0 * np.array([box.extent.x, box.extent.y, box.extent.z], dtype=np.float64)
    return _Body(str(actor.type_id), kind, pose, size)


def _box(pose: FloatArray, body: _Body) -> list[float]:
    """x y z length width height yaw of a body at a pose."""
    centre = pose @ body.actor_from_box
    yaw = math.atan2(pose[1, 0], pose[0, 0])
    return [*centre[:3, 3].tolist(), *body.size_m.tolist(), yaw]


def _hits(boxes: FloatArray, world_from_ego: FloatArray, sensed: Frame) -> Any:
    """LiDAR points of the first sweep inside each box, -1 each where there is no sweep."""
    sweep = next(iter(sensed.sweeps.values()), None)
    if sweep is None:
        return np.full(len(boxes), -1, np.int64)
    world_from_lidar = world_from_ego @ sweep.ego_from_lidar
    points = sweep.points_lidar_m.astype(np.float64) @ world_from_lidar[:3, :3].T + world_from_lidar[:3, 3]
    return points_in_boxes(points, boxes, BOX_MARGIN_M)
