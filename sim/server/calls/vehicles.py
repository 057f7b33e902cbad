"""Vehicles and walkers: control, physics, lights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sim.server.calls.actors import find
from sim.server.calls.table import Arguments, Method, inert, value, void
from sim.server.protocol import structs, vehicles
from sim.server.protocol.wire import WireError
from sim.server.session import Session
from sim.server.world.actors import Actor
from sim.server.world.blueprints import Kind


def _vehicle(session: Session, arguments: Arguments) -> Actor:
    return session.world.actors.get(structs.integer(arguments[0], "actor id"), Kind.VEHICLE)


def _walker(session: Session, arguments: Arguments) -> Actor:
    return session.world.actors.get(structs.integer(arguments[0], "actor id"), Kind.WALKER)


def _embodied(session: Session, arguments: Arguments) -> int:
    """Id of a vehicle that moves by itself. Raises WireError for one that was attached to another actor."""
    vehicle = _vehicle(session, arguments)
    if not vehicle.moved:
        raise WireError(
            f"vehicle {vehicle.actor_id} is attached to actor {vehicle.parent_id} and moves with it: it has no physics"
        )
    return vehicle.actor_id


def control_vehicle(session: Session, arguments: Arguments) -> None:
    """VehicleControl."""
    session.world.control_vehicle(structs.integer(arguments[0], "actor id"), vehicles.control(arguments[1]))


def control_ackermann(session: Session, arguments: Arguments) -> None:
    """VehicleAckermannControl."""
    control = vehicles.ackermann_control(arguments[1])
    session.world.dynamics.apply_ackermann_control(_embodied(session, arguments), control)


def _ackermann_settings(session: Session, arguments: Arguments) -> Any:
    settings = session.world.dynamics.ackermann_settings(_embodied(session, arguments))
    return vehicles.ackermann_settings_value(settings)


def _set_ackermann_settings(session: Session, arguments: Arguments) -> None:
    settings = vehicles.ackermann_settings(arguments[1])
    session.world.dynamics.apply_ackermann_settings(_embodied(session, arguments), settings)


def _doubled(wheels: tuple[Any, ...]) -> tuple[Any, ...]:
    """The wheels as clients see them: CARLA's bicycles and motorcycles, too, have two on each axle."""
    return tuple(wheel for wheel in wheels for _ in range(2)) if len(wheels) == 2 else wheels


def _physics(session: Session, arguments: Arguments) -> Any:
    physics = session.world.dynamics.physics_control(_embodied(session, arguments))
    return vehicles.physics_value(replace(physics, wheels=_doubled(physics.wheels)))


def set_physics(session: Session, arguments: Arguments) -> None:
    """VehiclePhysicsControl."""
    physics, actor_id = vehicles.physics(arguments[1]), _embodied(session, arguments)
    if _vehicle(session, arguments).attributes.get("number_of_wheels") == "2" and len(physics.wheels) == 4:
        physics = replace(physics, wheels=physics.wheels[::2])
    session.world.dynamics.apply_physics_control(actor_id, physics)


def _telemetry(session: Session, arguments: Arguments) -> Any:
    telemetry = session.world.dynamics.telemetry(_embodied(session, arguments))
    return vehicles.telemetry_value(replace(telemetry, wheels=_doubled(telemetry.wheels)))


def set_light_flags(session: Session, arguments: Arguments) -> None:
    """Light flags as a bare u32."""
    _vehicle(session, arguments).light_state = structs.integer(arguments[1], "light state")


def _set_light_state(session: Session, arguments: Arguments) -> None:
    set_light_flags(session, [arguments[0], structs.fields(arguments[1], 1, "light state")[0]])


def _light_states(session: Session, _: Arguments) -> Any:
    return [[actor.actor_id, actor.light_state] for actor in session.world.actors.of_kind(Kind.VEHICLE)]


def _check_vehicle(session: Session, arguments: Arguments) -> None:
    _vehicle(session, arguments)


def control_walker(session: Session, arguments: Arguments) -> None:
    """WalkerControl."""
    direction, speed, jump = structs.fields(arguments[1], 3, "walker control")
    session.world.control_walker(
        structs.integer(arguments[0], "actor id"),
        structs.vector(direction, "direction"),
        structs.number(speed, "speed"),
        structs.boolean(jump, "jump"),
    )


def set_walker_state(session: Session, arguments: Arguments) -> None:
    """Transform and speed m/s of a walker that a client moves."""
    walker = _walker(session, arguments)
    pose, speed = structs.pose(arguments[1], "transform"), structs.number(arguments[2], "speed")
    session.world.deaths.check(walker.actor_id)
    # the client's navigation gives the foot point; a walker's origin is the middle of its capsule
    position = np.add(pose.position_m, (0.0, 0.0, walker.half_m[2]))
    session.world.dynamics.set_walker_state(walker.actor_id, position, np.array(pose.rotation_rad), speed)


def _check_actor(session: Session, arguments: Arguments) -> None:
    find(session, arguments)


_MACHINES = "impossible values are refused and change nothing; other figures than CARLA's, see vehicles.md"
_NO_HUD = "the server has no window that it could be drawn in"
_NO_CARSIM = "as in a CARLA that was built without CarSim, which is what is released"
_NO_CHRONO = "as in a CARLA that was built without Chrono: the vehicle keeps its own physics"

METHODS: dict[str, Method] = {
    "apply_control_to_vehicle": void(2, control_vehicle),
    "apply_ackermann_control_to_vehicle": void(2, control_ackermann),
    "get_ackermann_controller_settings": value(1, _ackermann_settings),
    "apply_ackermann_controller_settings": void(2, _set_ackermann_settings),
    "get_physics_control": value(1, _physics),
    "apply_physics_control": void(2, set_physics, _MACHINES),
    "get_telemetry_data": value(1, _telemetry),
    "show_vehicle_debug_telemetry": inert(2, _check_vehicle, _NO_HUD),
    "get_vehicle_light_state": value(1, lambda s, a: [_vehicle(s, a).light_state]),
    "set_vehicle_light_state": void(2, _set_light_state),
    "get_vehicle_light_states": value(0, _light_states),
    "enable_carsim": inert(1, _check_vehicle, _NO_CARSIM),
    "use_carsim_road": inert(1, _check_vehicle, _NO_CARSIM),
    "enable_chrono_physics": inert(1, _check_vehicle, _NO_CHRONO),
    "restore_physx_physics": inert(1, _check_vehicle, "the vehicle never had other physics"),
    "apply_control_to_walker": void(2, control_walker),
}
