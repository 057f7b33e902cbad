"""Bones and components of actors: what they are called and where they are at this moment.

Walkers have CARLA's skeleton, vehicles a base and their wheels; their sockets bear the names of their bones. What
has no skinned mesh has no bones. Wheels are where the model has them, so that a camera on a wheel sees it still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sim.server.scene.bodies.body import Lamp
from sim.server.scene.doors import Door, panels
from sim.server.world.actors import Actor
from sim.server.world.blueprints import Kind
from sim.server.world.pose import euler_of, rotation_matrix
from sim.server.world.skeleton import MODEL_FROM_COMPONENT, NAMES, Bones, whole_of

if TYPE_CHECKING:
    from sim.server.sensors.instances import Instances
    from sim.server.world.world import World

Array = npt.NDArray[np.float64]
Place = tuple[Array, Array]
"""Position (3,) and rotation (3, 3)."""

BASE = "Vehicle_Base"
WHEELS = ("Wheel_Front_Left", "Wheel_Front_Right", "Wheel_Rear_Left", "Wheel_Rear_Right")
TWO_WHEELS = {0: "Wheel_Front", 2: "Wheel_Rear"}
ROOT = "DefaultSceneRoot"
LAMPS = {Lamp.HEAD: "low-beam", Lamp.TAIL: "position", Lamp.LEFT_BLINKER: "blinker", Lamp.RIGHT_BLINKER: "blinker",
         Lamp.REVERSE: "reverse", Lamp.BEACON: "beacon"}  # fmt: skip


class NoSkeletonError(ValueError):
    """The actor has no skinned mesh, or no component of that name."""


@dataclass(frozen=True)
class Rig:
    """Bones by name, in the frame of the mesh component, and where that is in the world."""

    names: tuple[str, ...]
    bones: Bones
    local: Bones
    component: Place

    def world(self) -> Bones:
        """The bones in the world."""
        return self.bones.moved(self.component[1], self.component[0])


@dataclass(frozen=True)
class Looks:
    """What the model library knows of a body: its row among the instances, model and scale."""

    instances: Instances
    row: int
    model: int
    name: str
    scale: Array


def looks_of(world: World, actor: Actor) -> Looks:
    """Model of a vehicle, walker or prop. Raises NoSkeletonError for anything else."""
    if actor.kind not in (Kind.VEHICLE, Kind.WALKER, Kind.PROP):
        raise NoSkeletonError(f"component not found: actor {actor.actor_id} ({actor.type_id}) has no mesh")
    instances = world.view().instances
    row = int(np.searchsorted(instances.actor_id, actor.actor_id))
    model = int(instances.model[row])
    return Looks(instances, row, model, world.bench.library().names[model], instances.scale[row].astype(np.float64))


def rig_of(world: World, actor: Actor) -> Rig:
    """Bones of a walker or a vehicle. Raises NoSkeletonError for what has none."""
    if actor.kind not in (Kind.VEHICLE, Kind.WALKER):
        raise NoSkeletonError(f"component not found: actor {actor.actor_id} ({actor.type_id}) has no skinned mesh")
    looks = looks_of(world, actor)
    position = looks.instances.position_m[looks.row]
    rotation = rotation_matrix(*looks.instances.rotation_rad[looks.row].tolist())
    if actor.kind == Kind.WALKER:
        local = world.postures.local_bones(actor.actor_id, looks.name, float(looks.scale[2]))
        return Rig(NAMES, whole_of(local), local, (position, rotation @ MODEL_FROM_COMPONENT))
    return _vehicle_rig(world, actor, looks, (position, rotation))


def _vehicle_rig(world: World, actor: Actor, looks: Looks, where: Place) -> Rig:
    wheels = world.bench.library().wheels_m[looks.model].astype(np.float64)
    there = [k for k in range(4) if wheels[k, 3] > 0.0]
    names = [WHEELS[k] if len(there) == 4 else TWO_WHEELS.get(k, WHEELS[k]) for k in there]
    steer, pitch = wheel_angles(world, actor, looks)
    position = np.zeros((1 + len(there), 3))
    turn = np.tile(np.eye(3), (1 + len(there), 1, 1))
    for row, k in enumerate(there, start=1):
        position[row] = wheels[k, :3] * looks.scale
        turn[row] = rotation_matrix(float(pitch[k]), float(steer[k]), 0.0)
    bones = Bones(position, turn)
    return Rig((BASE, *names), bones, bones, where)


def wheel_angles(world: World, actor: Actor, looks: Looks | None = None) -> tuple[Array, Array]:
    """Steering and pitch (4,) of a vehicle's wheels, radians: as set by hand, or as it drives.

    The wheel inside the curve steers as commanded, the outer one as much less as a common centre asks (Ackermann).
    """
    by_hand = world.postures.wheels(actor.actor_id)
    if by_hand is not None:
        return by_hand
    looks = looks or looks_of(world, actor)
    steer = float(looks.instances.steer_rad[looks.row])
    wheels = world.bench.library().wheels_m[looks.model].astype(np.float64) * np.append(looks.scale, 1.0)
    left = right = steer
    base, track = wheels[0, 0] - wheels[2, 0], wheels[1, 1] - wheels[0, 1]
    if wheels[:, 3].all() and abs(steer) > 1e-6:
        outer = math.atan(base / (base / math.tan(abs(steer)) + track))
        left, right = (math.copysign(outer, steer), steer) if steer > 0.0 else (steer, math.copysign(outer, steer))
    return np.array([left, right, 0.0, 0.0]), np.full(4, -float(looks.instances.wheel_angle_rad[looks.row]))


def bone_pose(world: World, actor: Actor, bone: str) -> tuple[Array, Array]:
    """World position and rotation (pitch, yaw, roll) of a bone; of the actor where it has no such bone, as in CARLA."""
    if bone and actor.kind in (Kind.VEHICLE, Kind.WALKER):
        rig = rig_of(world, actor)
        if bone in rig.names:
            bones, row = rig.world(), rig.names.index(bone)
            return bones.position_m[row], np.array(euler_of(bones.rotation[row]))
    return world.pose_of(actor)


def components(world: World, actor: Actor) -> dict[str, Place]:
    """Scene components of an actor by name, each relative to the actor."""
    origin = (np.zeros(3), np.eye(3))
    if actor.kind == Kind.WALKER:
        feet = np.array([0.0, 0.0, -actor.half_m[2]])
        return {"CollisionCylinder": origin, "CharacterMesh0": (feet, MODEL_FROM_COMPONENT)}
    if actor.kind == Kind.PROP:
        return {ROOT: origin, "StaticMesh": origin}
    if actor.kind != Kind.VEHICLE:
        return {ROOT: origin}
    looks = looks_of(world, actor)
    out = {"VehicleMesh": origin, "VehicleBounds": (np.array(actor.centre_m), np.eye(3))}
    for door, panel in panels(looks.name.partition("@")[0]).items():
        out[f"door-{door.name.lower().replace('_', '-')}"] = (np.array(panel.hinge_m) * looks.scale, np.eye(3))
    return out | _lamps(world, looks)


def _lamps(world: World, looks: Looks) -> dict[str, Place]:
    out: dict[str, Place] = {}
    for x, y, z, kind in world.bench.library().lamps_m[looks.model].tolist():
        if kind:
            end, side = ("front" if x > 0.0 else "back"), ("l" if y < 0.0 else "r")
            name, number = f"{end}-{LAMPS[Lamp(int(kind))]}-{side}", 1
            while f"{name}-{number}" in out:
                number += 1
            out[f"{name}-{number}"] = (np.array([x, y, z]) * looks.scale, np.eye(3))
    return out


def move_door(world: World, actor: Actor, door: Door, is_open: bool) -> None:
    """Open or close a door of a vehicle, or all; a vehicle without such a door stays as it is, as in CARLA."""
    if actor.attributes.get("has_dynamic_doors") == "true":
        model = looks_of(world, actor).name.partition("@")[0]
        world.postures.move_door(actor.actor_id, model, door, is_open)
