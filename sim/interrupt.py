"""Ctrl-C and SIGTERM that wait for the end of a step: raised anywhere, they land in compiled code or a callback too,
which turns KeyboardInterrupt into another error or loses it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """A context manager: within it the first SIGINT or SIGTERM only sets ``asked``; the next one acts as before.

    Elsewhere than in the main thread, which alone may do this, nothing changes.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in NUMBERS}
            for number in NUMBERS:
                signal.signal(number, self._take)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._restore()

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


def was_interrupted(error: BaseException) -> bool:
    """Whether an interrupt lies at the root of this error; compiled code makes a SystemError of it."""
    root: BaseException | None = error
    while root is not None and not isinstance(root, KeyboardInterrupt):
        root = root.__cause__ or root.__context__
    return root is not None
