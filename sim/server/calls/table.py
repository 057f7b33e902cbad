"""How a call is described: what it answers with, how many arguments it takes, who does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


class UnsupportedError(ValueError):
    """The call exists in CARLA and not here."""


@dataclass(frozen=True)
class Method:
    """One RPC. run gets the session and at least ``arity`` arguments. ticks: it may advance a synchronous world."""

    answer: Answer
    arity: int
    run: Callable[[Session, Arguments], Any]
    ticks: bool = False


def value(arity: int, run: Callable[[Session, Arguments], Any]) -> Method:
    """A call that answers with a value."""
    return Method(Answer.VALUE, arity, run)


def void(arity: int, run: Callable[[Session, Arguments], Any]) -> Method:
    """A call that answers with success or an error."""
    return Method(Answer.VOID, arity, run)


def unsupported(answer: Answer, name: str, why: str) -> Method:
    """A call that always fails, saying why."""

    def run(session: Session, arguments: Arguments) -> Any:
        raise UnsupportedError(f"{name} is not available in this server: {why}")

    return Method(answer, 0, run)
