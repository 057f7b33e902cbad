"""Spawning, destroying, moving and asking for actors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.server.calls.table import Arguments, Method, value, void
from sim.server.protocol import structs
from sim.server.session import Session
from sim.server.world.actors import Actor
from sim.server.world.attachment import Attachment

UNREAL_ANGULAR = math.pi / 180.0 * 1e-4
"""Unreal's angular impulses are in kg cm^2 deg/s: this many N m s."""


def _actors(session: Session, arguments: Arguments) -> list[Any]:
    ids = [structs.integer(i, "actor id") for i in structs.sequence(arguments[0], "actor ids")]
    found = (session.world.actors.find(i) for i in ids)
    return [actor.wire(session.port) for actor in found if actor is not None]


def _spawn(session: Session, arguments: Arguments) -> list[Any]:
    actor = session.world.spawn(structs.description(arguments[0]), structs.pose(arguments[1], "transform"))
    return actor.wire(session.port)


def _spawn_attached(session: Session, arguments: Arguments) -> list[Any]:
    bone = arguments[4] if len(arguments) > 4 else ""
    return spawn(session, arguments[0], arguments[1], arguments[2], arguments[3], bone).wire(session.port)


def spawn(session: Session, description: Any, transform: Any, parent: Any, attachment: Any, bone: Any) -> Actor:
    """Spawn from wire values; parent None for none, bone empty for the parent itself. Raises SpawnError, WireError.

    The client's batch command leaves the attachment uninitialised unless a program names one: garbage means rigid.
    """
    wanted, pose = structs.description(description), structs.pose(transform, "transform")
    if not parent:
        return session.world.spawn(wanted, pose)
    kind = structs.integer(attachment, "attachment type")
    known = Attachment(kind) if kind in set(Attachment) else Attachment.RIGID
    name = structs.text(bone, "bone")
    return session.world.spawn(wanted, pose, structs.integer(parent, "parent"), known, bone=name)


def find(session: Session, arguments: Arguments) -> Actor:
    """The actor that the first argument names. Raises UnknownActorError, WireError."""
    return session.world.actors.get(structs.integer(arguments[0], "actor id"))


def _destroy(session: Session, arguments: Arguments) -> bool:
    return session.world.destroy(structs.integer(arguments[0], "actor id"))


def _bounding_box(session: Session, arguments: Arguments) -> list[Any]:
    """An actor that is gone has an empty box, as in CARLA: the traffic manager asks for it, and an error ends it."""
    actor = session.world.actors.find(structs.integer(arguments[0], "actor id"))
    if actor is None:
        return structs.box_value((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    return structs.box_value(actor.centre_m, actor.half_m, owner=actor.actor_id)


def set_location(session: Session, arguments: Arguments) -> None:
    """Teleport, keeping the rotation."""
    session.world.place(find(session, arguments), np.array(structs.vector(arguments[1], "location")), None)


def set_transform(session: Session, arguments: Arguments) -> None:
    """Teleport."""
    pose = structs.pose(arguments[1], "transform")
    session.world.place(find(session, arguments), np.array(pose.position_m), np.array(pose.rotation_rad))


def _body(session: Session, arguments: Arguments) -> int | None:
    """Id of the actor that the first argument names if the dynamics move it, else None: a push has no effect."""
    actor = find(session, arguments)
    return actor.actor_id if actor.moved else None


def _push(arguments: Arguments, factor: float = 1.0) -> Any:
    """A force or impulse of any finite size: the dynamics bound what it does."""
    return np.array(structs.numbers(arguments[1], 3, "vector")) * factor


def _vector(arguments: Arguments, factor: float = 1.0) -> Any:
    return np.array(structs.vector(arguments[1], "vector")) * factor


def set_velocity(session: Session, arguments: Arguments) -> None:
    """Target velocity, m/s, world frame."""
    if body := _body(session, arguments):
        session.world.dynamics.set_velocity(body, _vector(arguments))


def set_angular_velocity(session: Session, arguments: Arguments) -> None:
    """Target angular velocity, deg/s."""
    if body := _body(session, arguments):
        session.world.dynamics.set_angular_velocity(body, _vector(arguments, math.pi / 180.0))


def _constant_velocity(session: Session, arguments: Arguments) -> None:
    if body := _body(session, arguments):
        session.world.dynamics.set_constant_velocity(body, _vector(arguments))


def _no_constant_velocity(session: Session, arguments: Arguments) -> None:
    if body := _body(session, arguments):
        session.world.dynamics.set_constant_velocity(body, None)


def add_impulse(session: Session, arguments: Arguments) -> None:
    """Impulse at the centre of mass, N s."""
    if body := _body(session, arguments):
        session.world.dynamics.add_impulse(body, _push(arguments))


def add_force(session: Session, arguments: Arguments) -> None:
    """Force during the next tick, N."""
    if body := _body(session, arguments):
        session.world.dynamics.add_force(body, _push(arguments))


def _place(arguments: Arguments) -> Any:
    return np.array(structs.vector(arguments[2], "location"))


def _impulse_at(session: Session, arguments: Arguments) -> None:
    if body := _body(session, arguments):
        session.world.dynamics.add_impulse(body, _push(arguments), _place(arguments))


def _force_at(session: Session, arguments: Arguments) -> None:
    if body := _body(session, arguments):
        session.world.dynamics.add_force(body, _push(arguments), _place(arguments))


def add_angular_impulse(session: Session, arguments: Arguments) -> None:
    """Angular impulse in Unreal's unit, kg cm^2 deg/s, as in CARLA. The client's ``add_torque`` is this call too."""
    if body := _body(session, arguments):
        session.world.dynamics.add_angular_impulse(body, _push(arguments, UNREAL_ANGULAR))


def add_torque(session: Session, arguments: Arguments) -> None:
    """Torque during the next tick, in the same unit a second."""
    if body := _body(session, arguments):
        session.world.dynamics.add_torque(body, _push(arguments, UNREAL_ANGULAR))


def set_simulate_physics(session: Session, arguments: Arguments) -> None:
    """Whether forces move the actor."""
    enabled = structs.boolean(arguments[1], "enabled")
    if body := _body(session, arguments):
        session.world.dynamics.set_simulate_physics(body, enabled)
        session.world.postures.physics_switched(body, enabled)


def set_gravity(session: Session, arguments: Arguments) -> None:
    """Whether gravity pulls the actor."""
    enabled = structs.boolean(arguments[1], "enabled")
    if body := _body(session, arguments):
        session.world.dynamics.set_gravity(body, enabled)


def _set_collisions(session: Session, arguments: Arguments) -> None:
    enabled = structs.boolean(arguments[1], "enabled")
    if body := _body(session, arguments):
        session.world.dynamics.set_collisions(body, enabled)


METHODS: dict[str, Method] = {
    "get_actors_by_id": value(1, _actors),
    "spawn_actor": value(2, _spawn),
    "spawn_actor_with_parent": value(4, _spawn_attached),
    "destroy_actor": value(1, _destroy),
    "get_actor_bounding_box": value(1, _bounding_box),
    "set_actor_location": void(2, set_location),
    "set_actor_transform": void(2, set_transform),
    "set_actor_target_velocity": void(2, set_velocity),
    "set_actor_target_angular_velocity": void(2, set_angular_velocity),
    "enable_actor_constant_velocity": void(2, _constant_velocity),
    "disable_actor_constant_velocity": void(1, _no_constant_velocity),
    "add_actor_impulse": void(2, add_impulse),
    "add_actor_force": void(2, add_force),
    "add_actor_angular_impulse": void(2, add_angular_impulse),
    "add_actor_torque": void(2, add_torque),
    "add_actor_impulse_at_location": void(3, _impulse_at),
    "add_actor_force_at_location": void(
        3, _force_at, "the force acts at the location; CARLA takes the one for the other"
    ),
    "set_actor_simulate_physics": void(2, set_simulate_physics),
    "set_actor_collisions": void(2, _set_collisions),
    "set_actor_enable_gravity": void(2, set_gravity),
    "set_actor_autopilot": void(2, lambda session, arguments: None),  # the client's traffic manager drives
}
