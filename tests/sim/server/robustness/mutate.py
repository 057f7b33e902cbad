"""Broken versions of good messages."""

from __future__ import annotations

import copy
from typing import Any

import msgpack
import numpy as np

JUNK: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 255, 256, 65_536, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1,
    (1 << 64) - 1, -(1 << 63), 0.0, -0.0, 1e-300, 1e300, -1e300, float("nan"), float("inf"), -float("inf"), 1e7, "",
    "a", "../../etc/passwd", "/etc/passwd", "\x00", "vehicle.", "sensor.camera.rgb", "nan", "1e999", "x" * 10_000, b"",
    b"\x00" * 24, b"\xff" * 300, [], [[]], [None], [[[[[[[[]]]]]]]], [0] * 300, [[1.0, 2.0, 3.0]], [float("nan")] * 3,
)  # fmt: skip


def _places(value: Any, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    found = [path]
    if isinstance(value, list):
        for k, part in enumerate(value[:40]):
            found += _places(part, (*path, k))
    return found


def _put(value: Any, path: tuple[int, ...], new: Any) -> Any:
    if not path:
        return new
    value = copy.copy(value)
    value[path[0]] = _put(value[path[0]], path[1:], new)
    return value


def mutated_arguments(arguments: list[Any], rng: np.random.Generator) -> list[Any]:
    """The arguments with up to three places replaced, dropped, doubled or nudged."""
    for _ in range(int(rng.integers(0, 4))):
        places = _places(arguments)[1:]
        if not places:
            return [JUNK[int(rng.integers(len(JUNK)))]]
        path = places[int(rng.integers(len(places)))]
        old = arguments
        for step in path:
            old = old[step]
        kind = int(rng.integers(0, 5))
        if kind <= 1:
            new = JUNK[int(rng.integers(len(JUNK)))]
        elif kind == 2 and isinstance(old, int | float) and not isinstance(old, bool):
            new = old * float(rng.choice((-1.0, 0.0, 2.0, 1e9))) if isinstance(old, float) else old + 1
        elif kind == 3 and isinstance(old, list) and old:
            new = old[:-1]
        else:
            new = [old, old]
        arguments = _put(arguments, path, new)
    return arguments


def packed(message_id: int, name: str, arguments: list[Any]) -> bytes:
    """A request as the client packs it: floats in 32 bits where they fit; integers beyond 64 bits are cut."""
    try:
        data: bytes = msgpack.packb([0, message_id, name, [[False], *arguments]], use_single_float=True)
    except OverflowError:
        data = msgpack.packb([0, message_id, name, [[False], *_cut(arguments)]])
    return data


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut(part) for part in value]
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return (1 << 64) - 1
    return value


def mutated_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """The message with some bytes flipped, dropped, doubled, or with a length that promises more than follows."""
    raw = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(raw)))
        kind = int(rng.integers(0, 5))
        if kind == 0:
            raw[at] = int(rng.integers(256))
        elif kind == 1:
            del raw[at : at + int(rng.integers(1, 8))]
        elif kind == 2:
            raw[at:at] = raw[at : at + 8]
        elif kind == 3:
            raw[at:at] = bytes((int(rng.choice((0xDB, 0xC6, 0xDD, 0xDF, 0xC9))), 0xFF, 0xFF, 0xFF, 0xFF))
        else:
            raw[at] ^= 1 << int(rng.integers(8))
        if not raw:
            return b"\xc1"
    return bytes(raw)
