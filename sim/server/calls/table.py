"""How a call is described: what it answers with, how many arguments it takes, who does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from sim.server.session import Session

Arguments = list[Any]


class Answer(Enum):
    """How the result travels."""

    VALUE = "value"  # Response<T>
    VOID = "void"  # Response<void>
    BARE = "bare"  # as it is: apply_batch
    PACKED = "packed"  # Response<T>, packed already


class Support(Enum):
    """How far a call does what CARLA's does."""

    FULL = "as in CARLA"
    DEVIATES = "with a deviation"
    INERT = "accepted, without effect"


@dataclass(frozen=True)
class Method:
    """One RPC. run gets the session and at least ``arity`` arguments. ticks: it may advance a synchronous world.
    alone: it changes what sensors that are measuring work with, and waits until they are done. ready: whether it need
    not wait for what is being made beside.

    note says what differs from CARLA; ``docs/compatibility.md`` is made from it.
    """

    answer: Answer
    arity: int
    run: Callable[[Session, Arguments], Any]
    ticks: bool = False
    support: Support = Support.FULL
    note: str = ""
    alone: bool = False
    ready: Callable[[Session], bool] | None = None


def value(arity: int, run: Callable[[Session, Arguments], Any], deviation: str = "") -> Method:
    """A call that answers with a value; deviation says what differs from CARLA, if anything."""
    return Method(Answer.VALUE, arity, run, False, Support.DEVIATES if deviation else Support.FULL, deviation)


def void(arity: int, run: Callable[[Session, Arguments], Any], deviation: str = "") -> Method:
    """A call that answers with success or an error; deviation as in ``value``."""
    return Method(Answer.VOID, arity, run, False, Support.DEVIATES if deviation else Support.FULL, deviation)


def inert(arity: int, run: Callable[[Session, Arguments], Any], why: str) -> Method:
    """A call whose arguments are checked, and which changes nothing that anybody could see; why says the reason."""
    return Method(Answer.VOID, arity, run, False, Support.INERT, why)


def alone(method: Method) -> Method:
    """The call, but run when no sensor is measuring."""
    return replace(method, alone=True)
