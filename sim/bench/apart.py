"""A client in a process of its own, whose ticks are no business of this process' traffic managers.

CARLA's client lets every traffic manager of its process make a step in each tick, whichever server is ticked: an empty
world would be timed with the other world's traffic, and the manager would step in frames that never came.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from multiprocessing.connection import Connection

from sim.source.bare import BareClient


class ApartClient:
    """Ticks one server, without actors, from another process. Raises RuntimeError where that process ends."""

    def __init__(self, host: str, port: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_tick_when_told, args=(host, port, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._wait()

    def tick(self, count: int) -> None:
        """Advance the world so many ticks, waiting for each."""
        with contextlib.suppress(BrokenPipeError):  # waiting says so better
            self._pipe.send(count)
        self._wait()

    def end(self) -> None:
        """Let the world run by itself again."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.send(0)
        self._process.join()

    def _wait(self) -> None:
        try:
            self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            code = self._process.exitcode
            raise RuntimeError(
                f"the client of the empty server ended with code {code}; see its message above"
            ) from None


def _tick_when_told(host: str, port: int, pipe: Connection) -> None:
    client = BareClient(host, port)
    client.begin()
    pipe.send(None)
    while count := pipe.recv():
        client.tick(count)
        pipe.send(None)
    client.end()
