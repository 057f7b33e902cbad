"""Wakes a traffic manager that sleeps through its call.

In synchronous mode ``World.tick`` of the 0.9.16 client first waits for the new snapshot and then for one step of each
of its traffic managers. It tells a manager to begin by setting a flag and notifying a condition without holding its
lock; a manager that is just about to wait misses that, and the client waits for good: the call has no time limit.
It was seen on a very busy machine, rarely. Leaving synchronous mode notifies the same condition again, and the step
that was missed is made; the manager and the clock stay in step. The client's own call for that waits for the sleeper,
so it is asked for on the port where a manager serves other clients.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import msgpack

log = logging.getLogger(__name__)

PATIENCE_S = 30.0
"""From the new snapshot to the end of a step that 250 vehicles make in 0.1 s on an idle machine. A manager that is only
slow and is woken makes a step too many, and the drive becomes another one; the embedded server knows which of them
sleeps, and wakes it sooner."""
LOOK_S = 0.5
ANSWER_S = 2.0


def wake(port: int) -> None:
    """Have the traffic manager on this port of this machine make one step. What goes wrong is logged."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as connection:
            for number, mode in enumerate((False, True)):
                connection.sendall(msgpack.packb([0, number, "set_synchronous_mode", [mode]]))
                connection.recv(4096)
    except OSError as error:
        log.error("the traffic manager on port %d cannot be woken: %s", port, error)


class TickWatch:
    """Ticks a world and looks after a traffic manager meanwhile. ``close`` it before the manager is shut down."""

    def __init__(
        self, world: Any, port: int, clock: Callable[[], float] = time.monotonic, wake: Callable[[int], None] = wake
    ) -> None:
        self._world, self._port, self._clock, self._wake = world, port, clock, wake
        self._frame_before: int | None = None  # while a tick is under way
        self._stuck: tuple[int, float] | None = None  # frame that a tick waits after, and since when
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tick-watch", daemon=True)
        self._thread.start()

    def tick(self) -> int:
        """Advance the world; the number of the new frame."""
        self._frame_before = int(self._world.get_snapshot().frame)
        try:
            return int(self._world.tick())
        finally:
            self._frame_before = None

    def close(self) -> None:
        """End the watch. Idempotent."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        """Wake the manager if the snapshot of this tick has been here for PATIENCE_S and the tick is not over."""
        before = self._frame_before
        frame = int(self._world.get_snapshot().frame)
        if before is None or frame <= before:
            self._stuck = None
            return
        now = self._clock()
        if self._stuck is None or self._stuck[0] != frame:
            self._stuck = (frame, now)
        elif now - self._stuck[1] >= PATIENCE_S:
            log.warning("the traffic manager has slept through frame %d; waking it", frame)
            self._stuck = None
            self._wake(self._port)
