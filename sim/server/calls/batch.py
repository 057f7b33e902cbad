"""Batches: the same commands as single calls, many in one message, each with its own result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sim.server.calls import actors, lights, vehicles
from sim.server.calls.table import Answer, Arguments, Method
from sim.server.protocol import structs
from sim.server.protocol.command_batch import CommandColumns
from sim.server.protocol.wire import WireError, value_error
from sim.server.protocol.wire import value as value_response
from sim.server.session import Session

log = logging.getLogger(__name__)

SPAWN, DESTROY, CONSOLE = 0, 1, 20
MAX_FOLLOW_UP = 4
"""Depth of commands done after a spawn: a spawn after a spawn is rare, an endless chain a mistake."""


def _nothing(session: Session, arguments: Arguments) -> None:
    session.world.actors.get(structs.integer(arguments[0], "actor id"))


_COMMANDS: dict[int, tuple[int, Callable[[Session, Arguments], Any]]] = {
    2: (2, vehicles.control_vehicle),
    3: (2, vehicles.control_ackermann),
    4: (2, vehicles.control_walker),
    5: (2, vehicles.set_physics),
    6: (2, actors.set_transform),
    7: (3, vehicles.set_walker_state),
    8: (2, actors.set_velocity),
    9: (2, actors.set_angular_velocity),
    10: (2, actors.add_impulse),
    11: (2, actors.add_force),
    12: (2, actors.add_angular_impulse),
    13: (2, actors.add_torque),
    14: (2, actors.set_simulate_physics),
    15: (2, actors.set_gravity),
    16: (2, _nothing),  # autopilot: the client's traffic manager drives
    17: (2, _nothing),  # debug telemetry is drawn nowhere
    18: (2, vehicles.set_light_flags),
    19: (2, actors.set_location),
    21: (2, lights.set_state),
}
"""Variant index: number of fields and what it does; the first field is the actor."""


def _run(session: Session, index: int, body: list[Any], depth: int) -> int:
    """Do one command; the id of the actor it was about. Raises WireError and the errors of the commands."""
    if index == SPAWN:
        description, transform, parent, attachment, bone, do_after = structs.fields(body, 6, "SpawnActor")
        actor = actors.spawn(session, description, transform, structs.optional(parent, "parent"), attachment, bone)
        _follow_up(session, do_after, actor.actor_id, depth)
        return actor.actor_id
    if index == CONSOLE:
        return 0
    if index == DESTROY:
        actor_id = structs.integer(structs.fields(body, 1, "DestroyActor")[0], "actor id")
        if not session.world.destroy(actor_id):
            raise WireError(f"unable to destroy actor {actor_id}: it does not exist or cannot be destroyed")
        return actor_id
    if index not in _COMMANDS:
        raise WireError(f"unknown command {index}")
    count, run = _COMMANDS[index]
    arguments = structs.fields(body, count, f"command {index}")
    run(session, arguments)
    return int(arguments[0])


def _follow_up(session: Session, commands: Any, actor_id: int, depth: int) -> None:
    """Commands on a newly spawned actor; their errors are logged, not reported."""
    if depth >= MAX_FOLLOW_UP:
        raise WireError(f"do_after is nested deeper than {MAX_FOLLOW_UP}")
    for command in structs.sequence(commands, "do_after"):
        result = _result(session, command, depth + 1, actor_id)
        if result[0][0] == 0:
            log.warning("command after spawning actor %d: %s", actor_id, result[0][1][0])


def _result(session: Session, command: Any, depth: int, actor_id: int | None = None) -> list[Any]:
    """Response<u32> of one command; actor_id, if given, is put in as the actor that it is about."""
    try:
        index, body = structs.command(command)
        if actor_id is not None and index not in (SPAWN, CONSOLE):
            body = [actor_id, *body[1:]]
        return value_response(_run(session, index, body, depth))
    except ValueError as error:
        return value_error(str(error))


def _all_at_once(session: Session, columns: CommandColumns) -> list[Any]:
    """The commands of every tick in one pass, or one by one where they need more care."""
    world = session.world
    if world.deaths.empty and world.dynamics.apply_commands(columns.kind, columns.actor_id, columns.values):
        return [value_response(actor_id) for actor_id in columns.actor_id.tolist()]
    return [_result(session, command, 0) for command in columns.commands()]


def apply_batch(session: Session, arguments: Arguments) -> list[Any]:
    """Commands in order, then a tick if asked for; one Response<u32> each."""
    tick = structs.boolean(arguments[1], "do_tick_cue")
    commands = arguments[0]
    if isinstance(commands, CommandColumns):
        results = _all_at_once(session, commands)
    else:
        results = [_result(session, command, 0) for command in structs.sequence(commands, "commands")]
    if tick:
        session.tick()
    return results


METHODS: dict[str, Method] = {"apply_batch": Method(Answer.BARE, 2, apply_batch, ticks=True)}
