"""Wakes traffic managers that sleep through their call.

In synchronous mode a client's tick first waits for the snapshot and then for one step of each of its traffic managers.
The 0.9.16 client tells a manager to begin by setting a flag and notifying a condition without holding its lock; a
manager that is just about to wait misses that, and the program waits for good. The faster a server, the likelier:
snapshots then come while the manager is still on its way to bed. Leaving synchronous mode notifies the same condition
again, and the step that was missed is made; so the server does that, on the port where a manager serves other clients.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable

import msgpack

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""From a tick to the first call of a manager's step: milliseconds on an idle machine. A manager that is only kept from
its core for so long and is woken makes a step too many; one that sleeps costs its client this pause."""
ANSWER_S = 2.0
FIRST_CALL = "get_vehicle_light_states"
"""What each manager asks first in each of its steps."""


def wake(port: int) -> None:
    """Have the traffic manager on this port of this machine make one step. What goes wrong is logged."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as connection:
            for number, mode in enumerate((False, True)):
                connection.sendall(msgpack.packb([0, number, "set_synchronous_mode", [mode]]))
                connection.recv(4096)
    except OSError as error:
        log.warning("the traffic manager on port %d sleeps and cannot be woken: %s", port, error)


def _in_background(port: int) -> None:
    threading.Thread(target=wake, args=(port,), name="wake-manager", daemon=True).start()


class StepWatch:
    """Counts the steps of the managers in each frame of a synchronous world.

    A frame is expected to have as many steps as the one before it, and one more for each manager that has come since:
    it may sleep through its very first call. So may all of them when the world has just become synchronous. Managers of
    one client step in the order of their ports, so the number of steps that were made tells which one sleeps.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wake: Callable[[int], None] = _in_background
    ) -> None:
        self._clock, self._wake = clock, wake
        self._expected = self._made = self._managers = 0
        self._since_s = 0.0
        self._overdue = False  # at the last look

    @property
    def begun(self) -> bool:
        """Whether all the managers that are expected to have begun their steps in this frame."""
        return 0 < self._expected <= self._made

    def now_synchronous(self) -> None:
        """Ticks are asked for from now on: every manager is as good as new."""
        self._managers = 0

    def ticked(self, managers: int) -> None:
        """A new frame is out, and so many managers are there."""
        come = max(0, managers - self._managers)
        self._expected = max(self._made, min(managers, self._made + come))  # one may have made a step as it came
        self._made, self._managers, self._since_s, self._overdue = 0, managers, self._clock(), False

    def stepped(self) -> None:
        """A manager has begun its step."""
        self._made += 1
        self._since_s, self._overdue = self._clock(), False

    def look(self, ports: Iterable[int]) -> None:
        """Wake the manager whose step is overdue at the second look, if any; ports of all managers.

        Between two looks everything is read that has come: where the server itself had to wait, for a core or another
        thread, the call may have been there all the time. A manager that is awake and woken makes a step too many.
        """
        if self._made >= self._expected or self._clock() - self._since_s < PATIENCE_S:
            return
        if not self._overdue:
            self._overdue = True
            return
        inorder = sorted(ports)
        if self._made < len(inorder):
            log.warning("the traffic manager on port %d has slept through a frame; waking it", inorder[self._made])
            self._wake(inorder[self._made])
        self._since_s, self._overdue = self._clock(), False
