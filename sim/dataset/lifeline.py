"""Notices that a server is gone: the system itself ends an open connection when the process at its other end ends.

Nothing has to ask the server, so one that compiles for minutes is not taken for lost; and the one who looks is another
process than the one that renders, for the client holds Python's lock in some of its calls (``apply_batch_sync`` is
one) until they are answered or out of time.
"""

from __future__ import annotations

import socket

CONNECT_S = 5.0
"""For the system at the other end to take the connection: milliseconds on one machine, also of a busy server."""
IDLE_S, EVERY_S, PROBES = 10, 5, 3
"""Of silence before the other machine is asked, between questions; how many: one that is off is noticed in 25 s."""


class Lifeline:
    """An idle connection to a server's port; ready to be read (``fileno``) when it may be cut.

    Raises OSError where nothing listens.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=CONNECT_S)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", IDLE_S), ("TCP_KEEPINTVL", EVERY_S), ("TCP_KEEPCNT", PROBES)):
            if hasattr(socket, option):  # not every system has all of them
                self._socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """The number by which the system knows the connection."""
        return self._socket.fileno()

    def cut(self) -> bool:
        """Whether the other end is gone."""
        try:
            while self._socket.recv(4096):  # a server says nothing unasked; if it does, it is alive
                pass
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Let go of it. Idempotent."""
        self._socket.close()
