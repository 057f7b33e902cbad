"""The connections of the two ports: what is read and not yet run, what is to be sent and not yet gone."""

from __future__ import annotations

import selectors
import socket
from collections import deque

from sim.server.protocol.wire import Malformed, Request, RpcReader


class RpcConnection:
    """One client: requests waiting for their turn, replies waiting for the socket."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.sock, self.peer = sock, peer
        self.reader = RpcReader()
        self.requests: deque[Request | Malformed] = deque()
        self.out = bytearray()
        self.events = selectors.EVENT_READ  # that the selector watches for
        self.closing = False  # close once the replies are out


class StreamConnection:
    """One subscriber of one stream."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.sock, self.peer = sock, peer
        self.events = selectors.EVENT_READ
        self.hello = b""
        self.stream_id = 0  # 0 until the four bytes have come
        self.out: deque[memoryview] = deque()
        self.backlog_bytes = 0
        self.dropped = 0
        self.held_until_s = 0.0  # monotonic clock: frames wait for it


def bound(host: str, port: int) -> socket.socket:
    """A socket that is bound and does not listen yet; port 0 takes a free one. Raises OSError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
