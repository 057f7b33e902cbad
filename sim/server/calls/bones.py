"""Bones, sockets and components of actors; poses of walkers; doors and wheels of vehicles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.server.calls.table import Arguments, Method, value, void
from sim.server.protocol import structs
from sim.server.protocol.wire import WireError
from sim.server.scene.doors import Door
from sim.server.session import Session
from sim.server.world.actors import Actor
from sim.server.world.blueprints import Kind
from sim.server.world.pose import euler_of, rotation_matrix
from sim.server.world.rig import NoSkeletonError, Rig, components, looks_of, move_door, rig_of, wheel_angles
from sim.server.world.skeleton import Bones

MAX_BONES = 1000
"""Bones of one request: a skeleton has 66, more is a mistake."""


def _actor(session: Session, arguments: Arguments, *kinds: Kind) -> Actor:
    return session.world.actors.get(structs.integer(arguments[0], "actor id"), *kinds)


def _rig(session: Session, arguments: Arguments, *kinds: Kind) -> Rig:
    return rig_of(session.world, _actor(session, arguments, *kinds))


def _transforms(bones: Bones) -> list[Any]:
    return [
        structs.transform_value(position, euler_of(rotation))
        for position, rotation in zip(bones.position_m.tolist(), bones.rotation, strict=True)
    ]


def _socket_rig(session: Session, arguments: Arguments) -> Rig | None:
    """Sockets are those of the skeleton; a mesh without one has none, which is no error."""
    actor = _actor(session, arguments)
    return rig_of(session.world, actor) if actor.kind in (Kind.VEHICLE, Kind.WALKER) else None


def _socket_names(session: Session, arguments: Arguments) -> list[str]:
    rig = _socket_rig(session, arguments)
    return list(rig.names) if rig else []


def _socket_world(session: Session, arguments: Arguments) -> list[Any]:
    rig = _socket_rig(session, arguments)
    return _transforms(rig.world()) if rig else []


def _socket_relative(session: Session, arguments: Arguments) -> list[Any]:
    """Relative to the actor."""
    rig = _socket_rig(session, arguments)
    if rig is None:
        return []
    position, rotation = session.world.pose_of(_actor(session, arguments))
    back = rotation_matrix(*rotation.tolist()).T
    return _transforms(rig.world().moved(back, -back @ position))


def _component(session: Session, arguments: Arguments) -> tuple[Actor, Any]:
    actor, name = _actor(session, arguments), structs.text(arguments[1], "component name")
    known = components(session.world, actor)
    if name not in known:
        raise NoSkeletonError(f"component not found: {name!r} of {actor.type_id}; it has {', '.join(known)}")
    return actor, known[name]


def _component_relative(session: Session, arguments: Arguments) -> Any:
    _, (position, rotation) = _component(session, arguments)
    return structs.transform_value(position.tolist(), euler_of(rotation))


def _component_world(session: Session, arguments: Arguments) -> Any:
    actor, (position, rotation) = _component(session, arguments)
    origin, angles = session.world.pose_of(actor)
    turn = rotation_matrix(*angles.tolist())
    return structs.transform_value((origin + turn @ position).tolist(), euler_of(turn @ rotation))


# --- walkers ------------------------------------------------------------------------------------------------


def _figure(session: Session, arguments: Arguments) -> tuple[int, str, float]:
    """Id, present model and scale of a walker."""
    walker = _actor(session, arguments, Kind.WALKER)
    looks = looks_of(session.world, walker)
    return walker.actor_id, looks.name, float(looks.scale[2])


def _bones(session: Session, arguments: Arguments) -> list[Any]:
    rig = _rig(session, arguments, Kind.WALKER)
    rows = (_transforms(rig.world()), _transforms(rig.bones), _transforms(rig.local))
    return [[list(row) for row in zip(rig.names, *rows, strict=True)]]


def _set_bones(session: Session, arguments: Arguments) -> None:
    (listed,) = structs.fields(arguments[1], 1, "walker bones")
    rows = structs.sequence(listed, "walker bones")
    if len(rows) > MAX_BONES:
        raise WireError(f"walker bones: expected at most {MAX_BONES}, got {len(rows)}")
    bones = []
    for row in rows:
        name, transform = structs.fields(row, 2, "walker bone")
        pose = structs.pose(transform, "walker bone")
        place, turn = np.array(pose.position_m), rotation_matrix(*pose.rotation_rad)
        bones.append((structs.text(name, "bone name"), place, turn))
    session.world.postures.set_bones(*_figure(session, arguments), bones)


def _blend(session: Session, arguments: Arguments) -> None:
    share = structs.number(arguments[1], "blend")
    session.world.postures.blend(*_figure(session, arguments), share)


def _take_walk(session: Session, arguments: Arguments) -> None:
    session.world.postures.take_walk(*_figure(session, arguments))


# --- vehicles -----------------------------------------------------------------------------------------------


def _move_door(session: Session, arguments: Arguments, is_open: bool) -> None:
    vehicle = _actor(session, arguments, Kind.VEHICLE)
    door = Door(structs.integer(arguments[1], "door", 0, Door.ALL))
    move_door(session.world, vehicle, door, is_open)


def _wheel(arguments: Arguments) -> int:
    return structs.integer(arguments[1], "wheel", 0, 3)


def _turn_wheel(session: Session, arguments: Arguments, steers: bool) -> None:
    """Physics turns the wheels while it is on; then the call has no effect, as in CARLA."""
    vehicle, wheel = _actor(session, arguments, Kind.VEHICLE), _wheel(arguments)
    angle = math.radians(structs.number(arguments[2], "angle"))
    if session.world.postures.is_frozen(vehicle.actor_id):
        changed = (angle, None) if steers else (None, angle)
        session.world.postures.turn_wheel(vehicle.actor_id, wheel, *changed)


def _wheel_angle(session: Session, arguments: Arguments, steers: bool) -> float:
    vehicle, wheel = _actor(session, arguments, Kind.VEHICLE), _wheel(arguments)
    return math.degrees(float(wheel_angles(session.world, vehicle)[0 if steers else 1][wheel])) + 0.0  # no -0.0


_NAMES = "The skeletons of vehicles have a base and the wheels, whatever else CARLA's model of it has."
_PARTS = "Names as far as known: mesh, bounds, lamps and doors of vehicles, capsule and mesh of walkers."
_DOORS = "Doors are seen by cameras and rays and collide with nothing; which a vehicle has follows its own model."

METHODS: dict[str, Method] = {
    "get_actor_bone_names": value(1, lambda s, a: list(_rig(s, a).names), _NAMES),
    "get_actor_bone_world_transforms": value(1, lambda s, a: _transforms(_rig(s, a).world()), _NAMES),
    "get_vehicle_bone_world_transforms": value(1, lambda s, a: _transforms(_rig(s, a, Kind.VEHICLE).world()), _NAMES),
    "get_actor_bone_relative_transforms": value(1, lambda s, a: _transforms(_rig(s, a).bones), _NAMES),
    "get_actor_socket_names": value(1, _socket_names, _NAMES),
    "get_actor_socket_world_transforms": value(1, _socket_world, _NAMES),
    "get_actor_socket_relative_transforms": value(1, _socket_relative, _NAMES),
    "get_actor_component_names": value(1, lambda s, a: list(components(s.world, _actor(s, a))), _PARTS),
    "get_actor_component_world_transform": value(2, _component_world, _PARTS),
    "get_actor_component_relative_transform": value(2, _component_relative, _PARTS),
    "get_bones_transform": value(1, _bones),
    "set_bones_transform": void(2, _set_bones),
    "blend_pose": void(2, _blend),
    "get_pose_from_animation": void(1, _take_walk),
    "open_vehicle_door": void(2, lambda s, a: _move_door(s, a, True), _DOORS),
    "close_vehicle_door": void(2, lambda s, a: _move_door(s, a, False), _DOORS),
    "set_wheel_steer_direction": void(3, lambda s, a: _turn_wheel(s, a, True)),
    "get_wheel_steer_angle": value(2, lambda s, a: _wheel_angle(s, a, True)),
    "set_wheel_pitch_angle": void(3, lambda s, a: _turn_wheel(s, a, False)),
    "get_wheel_pitch_angle": value(2, lambda s, a: _wheel_angle(s, a, False)),
}
