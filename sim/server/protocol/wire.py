"""msgpack-rpc framing, CARLA's Response encodings and stream tokens.

Requests are bare msgpack values on the socket, so a reader must be fed piecewise; every size that a peer
claims is held against a bound before anything is allocated for it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgpack

from sim.server.protocol.command_batch import read_batch

MAX_MESSAGE_BYTES = 64 << 20
"""Largest request: an OpenDRIVE text of a big town is a few MB, a texture 64 MB at most."""
MAX_ARRAY_ITEMS = 1 << 20
"""Longest array of a request: a batch of commands or a texture of a million pixels."""
TOKEN_BYTES = 24
_TOKEN = struct.Struct("<IHBB16x")
_TCP = 1
_ADDRESS_NOT_SET = 0  # the client then uses the host that it reached the RPC port with


class WireError(ValueError):
    """Bytes or values from a peer that are not what the protocol says. The message is meant for the peer."""


@dataclass(frozen=True)
class Request:
    """One call. arguments exclude the leading Metadata; the commands of a batch may come as ``CommandColumns``."""

    message_id: int
    name: str
    arguments: list[Any]
    asynchronous: bool


@dataclass(frozen=True)
class Malformed:
    """A well-formed msgpack value that is no request; message_id as far as it could be read, else 0."""

    message_id: int
    reason: str


class RpcReader:
    """Turns the bytes of one connection into requests."""

    def __init__(self, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._unpacker = msgpack.Unpacker(
            raw=False,
            strict_map_key=False,
            unicode_errors="replace",
            max_buffer_size=max_bytes,
            max_str_len=max_bytes,
            max_bin_len=max_bytes,
            max_array_len=MAX_ARRAY_ITEMS,
            max_map_len=0,  # the protocol has neither maps nor extensions
            max_ext_len=0,
        )
        self._fed_bytes = 0

    def feed(self, data: bytes) -> Iterator[Request | Malformed]:
        """The messages that data completes. Raises WireError where the byte stream cannot be followed further."""
        if self._fed_bytes == self._unpacker.tell():  # no message has begun
            batch = read_batch(data)
            if batch is not None:
                yield Request(batch.message_id, "apply_batch", [batch.commands, batch.tick], batch.asynchronous)
                data = data[batch.used :]
        try:
            self._fed_bytes += len(data)
            self._unpacker.feed(data)
            yield from map(parse_request, self._unpacker)
        except (msgpack.exceptions.BufferFull, msgpack.exceptions.UnpackException, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise WireError(f"cannot parse the request as msgpack within {MAX_MESSAGE_BYTES} bytes: {reason}") from None


def parse_request(message: Any) -> Request | Malformed:
    """``[0, id, name, [[asynchronous], argument...]]`` as a Request."""
    if not isinstance(message, list):
        return Malformed(0, f"expected a request [0, id, name, parameters], got {type(message).__name__}")
    message_id = message[1] if len(message) > 1 and _is_id(message[1]) else 0
    if len(message) != 4 or message[0] != 0 or not _is_id(message[1]):
        return Malformed(message_id, f"expected a request [0, id, name, parameters], got an array of {len(message)}")
    name, parameters = message[2], message[3]
    if not isinstance(name, str) or not isinstance(parameters, list):
        return Malformed(message_id, "expected a name (str) and parameters (array) in the request")
    metadata = parameters[0] if parameters else None
    if not (isinstance(metadata, list) and metadata and isinstance(metadata[0], bool)):
        return Malformed(message_id, f"{name}: the first parameter must be Metadata [asynchronous: bool]")
    return Request(message_id, name, parameters[1:], metadata[0])


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32


def pack(value: Any) -> bytes:
    """msgpack bytes of plain Python values (no numpy scalars). Damaged files give text that is no UTF-8."""
    packed: bytes = msgpack.packb(value, use_bin_type=True, unicode_errors="surrogateescape")
    return packed


def reply(message_id: int, result: Any) -> bytes:
    """The answer to a call; result already is a Response."""
    return pack([1, message_id, None, result])


def packed_reply(message_id: int, result: bytes) -> bytes:
    """As ``reply``, of a result that is packed already (large constant answers are packed once)."""
    return b"\x94\x01" + pack(message_id) + b"\xc0" + result


def rpc_error(message_id: int, message: str) -> bytes:
    """An error of the RPC layer itself: unknown function, unreadable request."""
    return pack([1, message_id, message, None])


def value(result: Any) -> list[Any]:
    """Response<T> with a value."""
    return [[1, result]]


def value_error(message: str) -> list[Any]:
    """Response<T> with an error: the client raises RuntimeError(message)."""
    return [[0, [message]]]


VOID: list[Any] = [[False]]


def void_error(message: str) -> list[Any]:
    """Response<void> with an error."""
    return [[True, [message]]]


def token(stream_id: int, port: int) -> bytes:
    """The 24 bytes that tell a client where to subscribe: TCP, the host it already knows."""
    return _TOKEN.pack(stream_id, port, _TCP, _ADDRESS_NOT_SET)
