"""From a request to the bytes of its reply. Whatever goes wrong inside a call, a reply comes out."""

from __future__ import annotations

import difflib
import logging
from typing import Any

from sim.server.calls import (
    actors,
    batch,
    bones,
    debug,
    episode,
    lights,
    navigation,
    recorder,
    registry,
    scenery,
    sensors,
    vehicles,
)
from sim.server.calls.table import Answer, Method
from sim.server.protocol import wire
from sim.server.protocol.wire import Request
from sim.server.session import Session
from sim.server.world.world import SpawnError

log = logging.getLogger(__name__)

FAMILIES: dict[str, dict[str, Method]] = {
    "Connection, map, settings, weather": episode.METHODS,
    "Batches": batch.METHODS,
    "Actors": actors.METHODS,
    "Vehicles and walkers": vehicles.METHODS,
    "Pedestrian navigation": navigation.METHODS,
    "Traffic lights": lights.METHODS,
    "Scenery: things, lights, rays, paint": scenery.METHODS,
    "Sensors' extras": sensors.METHODS,
    "Recorder": recorder.METHODS,
    "Bones, doors, wheels": bones.METHODS,
    "Debug shapes": debug.METHODS,
    "Traffic managers": registry.METHODS,
}
METHODS: dict[str, Method] = {name: method for family in FAMILIES.values() for name, method in family.items()}


def ticks(request: Request) -> bool:
    """Whether this request advances the world."""
    if request.name == "apply_batch":
        return len(request.arguments) > 1 and request.arguments[1] is True
    method = METHODS.get(request.name)
    return method is not None and method.ticks


def waits(session: Session, request: Request) -> bool:
    """Whether this request cannot be run now: sensors are measuring, or what it asks for is still being made."""
    method = METHODS.get(request.name)
    if method is None:
        return False
    if session.measuring and (method.alone or ticks(request)):
        return True
    return method.ready is not None and not method.ready(session)


def answer(session: Session, request: Request) -> bytes:
    """Run a request; the bytes to send back."""
    method = METHODS.get(request.name)
    if method is None:
        near = difflib.get_close_matches(request.name, METHODS, 1)
        message = f"no function {request.name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        log.warning("unknown call: %s", message)
        return wire.rpc_error(request.message_id, message)
    count = len(request.arguments)
    try:
        if count < method.arity:
            raise wire.WireError(f"expected {method.arity} arguments, got {count}")
        return _success(method, request.message_id, method.run(session, request.arguments))
    except SpawnError as error:
        log.info("%s: %s", request.name, error)
        message = str(error)
    except ValueError as error:
        message = f"Responding error from function {request.name}: {error}"
        log.warning("%s", message)
    except Exception as error:  # a fault in one call must not end the server
        log.exception("%s failed", request.name)
        message = f"Responding error from function {request.name}: {type(error).__name__}: {error}"
    return _failure(method, request.message_id, message)


def _success(method: Method, message_id: int, result: Any) -> bytes:
    if method.answer == Answer.PACKED:
        return wire.packed_reply(message_id, result)
    if method.answer == Answer.VOID:
        return wire.reply(message_id, wire.VOID)
    return wire.reply(message_id, result if method.answer == Answer.BARE else wire.value(result))


def _failure(method: Method, message_id: int, message: str) -> bytes:
    if method.answer == Answer.BARE:
        return wire.rpc_error(message_id, message)
    return wire.reply(
        message_id, wire.void_error(message) if method.answer == Answer.VOID else wire.value_error(message)
    )
