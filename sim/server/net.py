"""Sockets: RPC connections in, stream frames out, all of it non-blocking in one thread.

The world runs in the same thread as this poll loop, so nothing here needs a lock. A peer may vanish, stall or send
rubbish at any point; only its own connection suffers.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import struct
import time
from collections.abc import Callable

from sim.server.connections import RpcConnection, StreamConnection, bound
from sim.server.protocol.wire import Malformed, Request, WireError, rpc_error

log = logging.getLogger(__name__)

READ_BYTES = 1 << 18
MAX_REPLY_BACKLOG_BYTES = 64 << 20
"""A client that does not fetch its replies is not read any further beyond this."""
MAX_STREAM_BACKLOG_BYTES = 64 << 20
"""Unread frames (30 pictures of 800x600) of one subscriber before a synchronous world waits for it."""
EXPECT_S = 1.0
"""How long a tick waits for the stream connection of a client that has just asked for its address. It comes within
milliseconds; a client that asks and stays away costs this much once."""
ANNOUNCE_S = 5.0
"""How long at most the subscribers of an old episode wait for the first frame of the new one. The client that loaded it
closes its old subscription as soon as it has its answer, and crashes if a frame of the new episode comes first; where
one has closed, the others wait no longer."""
BACKLOG = 64
"""Connections waiting to be accepted: a client opens one per sensor at once."""
_SIZE = struct.Struct("<I")


class Network:
    """Both ports of the server.

    on_request answers one request with the bytes of its reply and the seconds to hold them back; may_run tells
    whether it can be run yet (a request that may not, and those behind it, wait); overtakes whether a
    request may be answered before the one that came just before it. on_subscribe is told of every new
    subscriber's stream id and returns a frame to send to it at once, or None.
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_request: Callable[[Request], tuple[bytes, float]],
        may_run: Callable[[Request], bool],
        overtakes: Callable[[Request, Request], bool],
        on_subscribe: Callable[[int], bytes | None],
    ) -> None:
        """Take port and port + 1 (0: any two free ports); ``open`` them later. Raises OSError where one is taken."""
        self._on_request, self._may_run = on_request, may_run
        self._overtakes, self._on_subscribe = overtakes, on_subscribe
        self._held: list[tuple[float, RpcConnection, bytes]] = []  # replies by the time they are due
        self._selector = selectors.DefaultSelector()
        self._rpc_listener = bound(host, port)
        self.port: int = self._rpc_listener.getsockname()[1]
        try:
            self._stream_listener = bound(host, port + 1 if port else 0)
        except OSError:
            self._rpc_listener.close()
            raise
        self.streaming_port: int = self._stream_listener.getsockname()[1]
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._rpc: dict[socket.socket, RpcConnection] = {}
        self._streams: dict[socket.socket, StreamConnection] = {}
        self.subscribers: dict[int, list[StreamConnection]] = {}
        self._expected: dict[int, tuple[float, int]] = {}  # until when how many subscribers should have come
        self._holding: list[StreamConnection] = []
        self._quiet_s = 0.0  # when the last look at the sockets began that found no subscriber on its way

    def open(self) -> None:
        """Let clients in. A client that comes earlier is refused, rather than kept waiting for its first answer."""
        self._stream_listener.listen(BACKLOG)
        self._rpc_listener.listen(BACKLOG)
        for sock in (self._rpc_listener, self._stream_listener, self._wake_receiver):
            self._selector.register(sock, selectors.EVENT_READ)

    # --- what the server asks -------------------------------------------------------------------------------

    @property
    def clients(self) -> int:
        """Open RPC connections."""
        return len(self._rpc)

    def expect(self, stream_id: int, another: bool = False) -> None:
        """A client was just told where to subscribe to this stream; another: besides those who already do."""
        present = len(self.subscribers.get(stream_id, ()))
        if another:
            _, awaited = self._expected.get(stream_id, (0.0, present))
            self._expected[stream_id] = (time.monotonic() + EXPECT_S, awaited + 1)
        elif not present:
            self._expected[stream_id] = (time.monotonic() + EXPECT_S, 1)

    def settled(self) -> bool:
        """Whether every announced subscriber has come (or is overdue) and none lags behind too far.

        Overdue is who has not knocked by then: the server itself may have had to wait and have many at the door.
        """
        if self._expected:
            self._expected = {
                stream_id: (until, count)
                for stream_id, (until, count) in self._expected.items()
                if until > self._quiet_s and len(self.subscribers.get(stream_id, ())) < count
            }
        return not self._expected and not any(
            c.backlog_bytes > MAX_STREAM_BACKLOG_BYTES for c in self._streams.values()
        )

    def wake(self) -> None:
        """End a poll from another thread; without effect when closed."""
        with contextlib.suppress(OSError):
            self._wake_sender.send(b"x")

    def publish(self, stream_id: int, message: bytes, lossless: bool) -> None:
        """Send a frame to every subscriber; without ``lossless`` one that still has unread frames misses it."""
        for connection in list(self.subscribers.get(stream_id, ())):
            if connection.out and not lossless:
                connection.dropped += 1
                continue
            self._send_frame(connection, message)

    def announce(self, stream_id: int, message: bytes) -> None:
        """Send a frame to the present subscribers of a stream, and what follows after it, once one of them has closed
        or ``ANNOUNCE_S`` have passed."""
        until = time.monotonic() + ANNOUNCE_S
        for connection in list(self.subscribers.get(stream_id, ())):
            connection.held_until_s = until
            self._holding.append(connection)
            self._send_frame(connection, message)

    def poll(self, timeout_s: float) -> None:
        """Serve what is ready, waiting at most timeout_s for the first event."""
        waiting = [c for c in self._rpc.values() if c.requests]
        if waiting or self._held or self._holding:
            timeout_s = min(timeout_s, 0.001)  # something waits for a subscriber or for its time: look again soon
        began_s, quiet = time.monotonic(), True
        for key, events in self._selector.select(max(0.0, timeout_s)):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            quiet = quiet and sock is not self._stream_listener and sock not in self._streams
            if sock is self._rpc_listener:
                self._accept(sock, self._add_rpc)
            elif sock is self._stream_listener:
                self._accept(sock, self._add_stream)
            elif sock is self._wake_receiver:
                sock.recv(4096)
            else:
                self._serve(sock, events)
        if quiet:
            self._quiet_s = began_s
        for connection in waiting:
            if connection.sock in self._rpc:
                self._run_requests(connection)
        self._release()
        self._resume()

    def close(self) -> None:
        """Close every socket."""
        for sock in (*self._rpc, *self._streams, self._rpc_listener, self._stream_listener):
            sock.close()
        self._wake_receiver.close()
        self._wake_sender.close()
        self._selector.close()

    def _serve(self, sock: socket.socket, events: int) -> None:
        """Serve one connection; a fault in doing so ends that connection, not the server."""
        try:
            if sock in self._rpc:
                self._serve_rpc(self._rpc[sock], events)
            elif sock in self._streams:
                self._serve_stream(self._streams[sock], events)
        except Exception:
            log.exception("connection closed after a fault of the server")
            if sock in self._rpc:
                self._drop_rpc(self._rpc[sock])
            elif sock in self._streams:
                self._drop_stream(self._streams[sock])

    # --- RPC ------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket, add: Callable[[socket.socket, str], None]) -> None:
        try:
            sock, address = listener.accept()
        except OSError:  # the peer has gone before it was accepted
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(sock, selectors.EVENT_READ)
        add(sock, f"{address[0]}:{address[1]}")

    def _add_rpc(self, sock: socket.socket, peer: str) -> None:
        self._rpc[sock] = RpcConnection(sock, peer)
        log.debug("client %s connected", peer)

    def _serve_rpc(self, connection: RpcConnection, events: int) -> None:
        if events & selectors.EVENT_READ:
            try:
                data = connection.sock.recv(READ_BYTES)
            except BlockingIOError:
                data = None
            except OSError:
                data = b""
            if data == b"":
                self._drop_rpc(connection)
                return
            if data is not None:
                self._read_requests(connection, data)
        self._run_requests(connection)

    def _read_requests(self, connection: RpcConnection, data: bytes) -> None:
        try:
            for request in connection.reader.feed(data):
                connection.requests.append(request)
        except WireError as error:
            log.warning("client %s: %s; connection closed", connection.peer, error)
            connection.requests.append(Malformed(0, str(error)))
            connection.closing = True

    def _run_requests(self, connection: RpcConnection) -> None:
        while connection.requests and len(connection.out) <= MAX_REPLY_BACKLOG_BYTES:
            self._let_overtake(connection)
            if not connection.requests:  # the client has gone meanwhile
                return
            request = connection.requests[0]
            if isinstance(request, Request) and not self._may_run(request):
                break
            connection.requests.popleft()
            self._reply(connection, request)
            self._flush_rpc(connection)  # at once: the next request may be a tick, which takes its time
        if connection.out or connection.closing:
            self._flush_rpc(connection)

    def _let_overtake(self, connection: RpcConnection) -> None:
        """Answer what stands right behind the first request and may overtake it."""
        while len(connection.requests) > 1:
            first, second = connection.requests[0], connection.requests[1]
            if isinstance(first, Malformed) or isinstance(second, Malformed) or not self._overtakes(second, first):
                return
            del connection.requests[1]
            self._reply(connection, second)
            self._flush_rpc(connection)

    def _reply(self, connection: RpcConnection, request: Request | Malformed) -> None:
        if isinstance(request, Malformed):
            log.warning("client %s: %s", connection.peer, request.reason)
            connection.out += rpc_error(request.message_id, request.reason)
            return
        answer, hold_s = self._on_request(request)
        if hold_s > 0.0:
            self._held.append((time.monotonic() + hold_s, connection, answer))
        else:
            connection.out += answer

    def _release(self) -> None:
        """Send the replies that were held back long enough."""
        if not self._held:
            return
        now = time.monotonic()
        due = [held for held in self._held if held[0] <= now]
        self._held = [held for held in self._held if held[0] > now]
        for _, connection, answer in due:
            connection.out += answer
            self._flush_rpc(connection)

    def _flush_rpc(self, connection: RpcConnection) -> None:
        if connection.sock not in self._rpc:
            return
        try:
            while connection.out:
                sent = connection.sock.send(connection.out)
                del connection.out[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._drop_rpc(connection)
            return
        if connection.closing and not connection.out and not connection.requests:
            self._drop_rpc(connection)
            return
        read = not connection.closing and len(connection.out) <= MAX_REPLY_BACKLOG_BYTES
        self._watch(connection, read, bool(connection.out))

    def _drop_rpc(self, connection: RpcConnection) -> None:
        self._rpc.pop(connection.sock, None)
        self._selector.unregister(connection.sock)
        connection.sock.close()
        connection.requests.clear()
        log.debug("client %s left", connection.peer)

    # --- streams --------------------------------------------------------------------------------------------

    def _add_stream(self, sock: socket.socket, peer: str) -> None:
        self._streams[sock] = StreamConnection(sock, peer)

    def _serve_stream(self, connection: StreamConnection, events: int) -> None:
        if events & selectors.EVENT_READ:
            try:
                data = connection.sock.recv(4096)
            except BlockingIOError:
                data = None
            except OSError:
                data = b""
            if data == b"":
                self._drop_stream(connection)
                return
            if data and not connection.stream_id:
                self._hello(connection, data)
        if events & selectors.EVENT_WRITE and connection.sock in self._streams:
            self._flush_stream(connection)

    def _hello(self, connection: StreamConnection, data: bytes) -> None:
        connection.hello += data[:4]
        if len(connection.hello) < _SIZE.size:
            return
        (connection.stream_id,) = _SIZE.unpack(connection.hello[:4])
        self.subscribers.setdefault(connection.stream_id, []).append(connection)
        first = self._on_subscribe(connection.stream_id)
        if first is not None:
            self._send_frame(connection, first)

    def _send_frame(self, connection: StreamConnection, message: bytes) -> None:
        frame = memoryview(_SIZE.pack(len(message)) + message)
        connection.out.append(frame)
        connection.backlog_bytes += len(frame)
        if len(connection.out) == 1:
            self._flush_stream(connection)

    def _resume(self) -> None:
        """Let the frames go that were held back long enough."""
        now = time.monotonic()
        over = [connection for connection in self._holding if connection.held_until_s <= now]
        self._holding = [connection for connection in self._holding if connection.held_until_s > now]
        for connection in over:
            if connection.sock in self._streams:
                self._flush_stream(connection)

    def _flush_stream(self, connection: StreamConnection) -> None:
        if connection.held_until_s > time.monotonic():
            return
        try:
            while connection.out:
                frame = connection.out[0]
                sent = connection.sock.send(frame)
                connection.backlog_bytes -= sent
                if sent == len(frame):
                    connection.out.popleft()
                else:
                    connection.out[0] = frame[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self._drop_stream(connection)
            return
        self._watch(connection, True, bool(connection.out))

    def _drop_stream(self, connection: StreamConnection) -> None:
        if self._streams.pop(connection.sock, None) is None:
            return
        if connection in self._holding:  # it has loaded the new episode: the others may learn of it
            for other in self._holding:
                other.held_until_s = 0.0
        remaining = [c for c in self.subscribers.get(connection.stream_id, ()) if c is not connection]
        if remaining:
            self.subscribers[connection.stream_id] = remaining
        else:
            self.subscribers.pop(connection.stream_id, None)
        if connection.dropped:
            log.info("stream %d of %s: %d frames skipped", connection.stream_id, connection.peer, connection.dropped)
        self._selector.unregister(connection.sock)
        connection.sock.close()

    def _watch(self, connection: RpcConnection | StreamConnection, read: bool, write: bool) -> None:
        events = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
        if events and connection.events != events:
            self._selector.modify(connection.sock, events)
            connection.events = events
