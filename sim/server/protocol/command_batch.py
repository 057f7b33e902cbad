"""Reads a batch of the commonest commands straight from its bytes into columns.

A traffic manager sends one command per vehicle and tick, walkers' navigation one per walker: always the same few
shapes, as the client packs them (floats as msgpack float 32). Anything else is left to the general reader, which
also words the errors; so this one may simply give up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt
from numba import njit

CONTROL, TRANSFORM, WALKER_STATE = 2, 6, 7
"""Variant indices of ApplyVehicleControl, ApplyTransform, ApplyWalkerState."""
VALUES = 7
"""Columns of a command. Control: throttle, steer, brake, hand brake, reverse, manual gear shift, gear; transform:
x, y, z in m, pitch, yaw, roll in degrees; walker state: a transform and a speed in m/s."""
SHORTEST_COMMAND_BYTES = 10
_NAME = b"\xabapply_batch\x93\x91"  # name, three parameters, Metadata of one
_LONGEST_HEAD = 3 + 4 + len(_NAME) + 1 + 5

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class CommandColumns:
    """Commands in order, one row each: kind (n,), actor_id (n,), values (n, VALUES), all finite; and their bytes."""

    kind: npt.NDArray[np.int64]
    actor_id: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    packed: bytes

    def commands(self) -> list[Any]:
        """The same as plain values, as the general reader gives them."""
        plain: list[Any] = msgpack.unpackb(self.packed, raw=False)
        return plain


@dataclass(frozen=True)
class Batch:
    """A whole request ``apply_batch``; used: its bytes."""

    message_id: int
    asynchronous: bool
    commands: CommandColumns
    tick: bool
    used: int


def read_batch(data: bytes) -> Batch | None:
    """The request that data begins with, if it is a batch of nothing but the known shapes and all there."""
    at = data.find(_NAME, 3, _LONGEST_HEAD)
    if at < 0 or data[:2] != b"\x94\x00":
        return None
    buffer = np.frombuffer(data, np.uint8)
    message_id, end = _integer(buffer, 2)
    begin = at + len(_NAME) + 1
    if end != at or message_id < 0 or begin + 5 > len(data) or data[begin - 1] not in b"\xc2\xc3":
        return None
    count, first = _array(buffer, begin)
    if count < 0 or count * SHORTEST_COMMAND_BYTES > len(data) - first:
        return None
    kind, actor = np.empty(count, np.int64), np.empty(count, np.int64)
    values = np.zeros((count, VALUES))
    end = _scan(buffer, first, kind, actor, values)
    if end < 0 or end >= len(data) or data[end] not in b"\xc2\xc3":
        return None
    commands = CommandColumns(kind, actor, values, data[begin:end])
    return Batch(int(message_id), data[begin - 1] == 0xC3, commands, data[end] == 0xC3, end + 1)


@njit(cache=True, nogil=True)
def _integer(data: Bytes, at: int) -> tuple[int, int]:
    """A msgpack integer of at most 32 bits and where it ends; (-1, -1) if there is none, or it is negative."""
    if at >= len(data):
        return -1, -1
    head = data[at]
    if head < 0x80:
        return int(head), at + 1
    size = 1 if head == 0xCC else 2 if head == 0xCD else 4 if head == 0xCE else 0
    if size == 0 or at + size >= len(data):
        return -1, -1
    value = 0
    for k in range(size):
        value = value * 256 + int(data[at + 1 + k])
    return value, at + 1 + size


@njit(cache=True, nogil=True)
def _array(data: Bytes, at: int) -> tuple[int, int]:
    """Length of a msgpack array and where its items begin; (-1, -1) if there is none."""
    head = data[at]
    if 0x90 <= head <= 0x9F:
        return int(head) - 0x90, at + 1
    size = 2 if head == 0xDC else 4 if head == 0xDD else 0
    if size == 0 or at + size >= len(data):
        return -1, -1
    value = 0
    for k in range(size):
        value = value * 256 + int(data[at + 1 + k])
    return value, at + 1 + size


@njit(cache=True, nogil=True)
def _floats(data: Bytes, at: int, word: Any, count: int, out: Any) -> int:
    """Read count floats of 32 bits; where they end, or -1. word: room for one."""
    if at < 0 or at + 5 * count > len(data):
        return -1
    for k in range(count):
        if data[at] != 0xCA:
            return -1
        for byte in range(4):
            word[byte] = data[at + 4 - byte]  # big-endian on the wire
        value = word.view(np.float32)[0]
        if not np.isfinite(value):
            return -1
        out[k] = value
        at += 5
    return at


@njit(cache=True, nogil=True)
def _is(data: Bytes, at: int, head: int) -> bool:
    return 0 <= at < len(data) and data[at] == head


@njit(cache=True, nogil=True)
def _control(data: Bytes, at: int, word: Any, out: Any) -> int:
    if not _is(data, at, 0x97):
        return -1
    at = _floats(data, at + 1, word, 3, out)
    if at < 0 or at + 4 > len(data):
        return -1
    for k in range(3):
        if data[at + k] != 0xC2 and data[at + k] != 0xC3:
            return -1
        out[3 + k] = data[at + k] == 0xC3
    if data[at + 3] >= 0x80:  # gears are small; a negative one is for the general reader
        return -1
    out[6] = data[at + 3]
    return at + 4


@njit(cache=True, nogil=True)
def _transform(data: Bytes, at: int, word: Any, out: Any) -> int:
    if not (_is(data, at, 0x92) and _is(data, at + 1, 0x93)):
        return -1
    at = _floats(data, at + 2, word, 3, out)
    if not _is(data, at, 0x93):
        return -1
    return _floats(data, at + 1, word, 3, out[3:])


@njit(cache=True, nogil=True)
def _scan(data: Bytes, at: int, kind: Any, actor: Any, values: Any) -> int:
    """Read len(kind) commands from ``at``; where they end, or -1."""
    word = np.empty(4, np.uint8)
    for k in range(len(kind)):
        if not (_is(data, at, 0x91) and _is(data, at + 1, 0x92) and at + 2 < len(data)):
            return -1
        what = int(data[at + 2])
        if not _is(data, at + 3, 0x93 if what == WALKER_STATE else 0x92):
            return -1
        who, at = _integer(data, at + 4)
        if at < 0:
            return -1
        kind[k], actor[k] = what, who
        if what == CONTROL:
            at = _control(data, at, word, values[k])
        elif what == TRANSFORM:
            at = _transform(data, at, word, values[k])
        elif what == WALKER_STATE:
            at = _floats(data, _transform(data, at, word, values[k]), word, 1, values[k, 6:])
        else:
            return -1
        if at < 0:
            return -1
    return at
