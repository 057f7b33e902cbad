"""A recorder log read from its file: header, index of frames, and where it is damaged.

CARLA writes a header and then frames, each from a frame start to a frame end. ``RecorderLog`` walks over the packet
heads once; payloads are decoded when somebody asks. A log that breaks off (a server that was killed) or is damaged
stays usable up to the last whole frame before the damage; ``fault`` says at which byte it begins.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.server.recorder.packets import FRAME, HEAD, BrokenLogError, Cursor, PacketId, decode, encode, text_bytes

MAGIC = "CARLA_RECORDER"
VERSION = 2
"""What CARLA 0.9.16 writes; 1 numbered the types of attributes from 0."""
MAX_LOG_BYTES = 2 << 30
"""CARLA counts 200 MB for an hour of 100 vehicles; more than ten hours are a mistake or an attack on the memory."""
_VERSION = struct.Struct("<H")
_DATE = struct.Struct("<q")


@dataclass(frozen=True)
class LogHeader:
    """date_s: seconds since 1970 when the recording began. map_name as the episode calls it: ``Town01``."""

    version: int
    date_s: int
    map_name: str

    def to_bytes(self) -> bytes:
        """The first bytes of a log."""
        head = _VERSION.pack(self.version) + text_bytes(MAGIC)
        return head + _DATE.pack(self.date_s) + text_bytes(self.map_name)


class Packet(NamedTuple):
    """One packet of a frame. at: byte of the file where its payload begins."""

    packet: int
    at: int
    payload: memoryview

    def content(self) -> Any:
        """What it says, see ``packets.decode``. Raises BrokenLogError."""
        return decode(self.packet, self.payload, self.at)


class RecorderLog:
    """A log in memory.

    number (n,), duration_s (n,) and elapsed_s (n,) of its frames; the duration of a last frame is -1.
    """

    header: LogHeader
    number: npt.NDArray[np.uint64]
    duration_s: npt.NDArray[np.float64]
    elapsed_s: npt.NDArray[np.float64]
    fault: BrokenLogError | None

    def __init__(self, data: bytes) -> None:
        """Index a log. Raises BrokenLogError if it is none; damage further on goes to ``fault``."""
        self._data = memoryview(data)
        self.header, at = _read_header(self._data)
        self._begin: list[int] = []
        frames: list[tuple[int, float, float]] = []
        self.fault = None
        try:
            self._index(at, frames)
        except BrokenLogError as fault:
            self.fault = fault
        del frames[len(self._begin) :]  # one that has no end
        self.number = np.array([f[0] for f in frames], np.uint64)
        self.duration_s = np.array([f[1] for f in frames], np.float64)
        self.elapsed_s = np.array([f[2] for f in frames], np.float64)

    @property
    def total_s(self) -> float:
        """Recorded time."""
        return float(self.elapsed_s[-1]) if len(self.elapsed_s) else 0.0

    def __len__(self) -> int:
        return len(self._begin)

    def packets(self, frame: int) -> Iterator[Packet]:
        """The packets between start and end of a frame, 0 <= frame < len."""
        at = self._begin[frame]
        while True:
            packet, size = HEAD.unpack_from(self._data, at)
            at += HEAD.size
            if packet == PacketId.FRAME_END:
                return
            yield Packet(packet, at, self._data[at : at + size])
            at += size

    def _index(self, at: int, frames: list[tuple[int, float, float]]) -> None:
        data, end = self._data, len(self._data)
        begin, last_s = -1, 0.0
        while at < end:
            if end - at < HEAD.size:
                raise BrokenLogError(at, f"the file ends within the head of a packet ({end - at} of {HEAD.size} bytes)")
            packet, size = HEAD.unpack_from(data, at)
            if size > end - at - HEAD.size:
                left = end - at - HEAD.size
                raise BrokenLogError(at, f"packet {packet} of {size} bytes, but the file has only {left} more")
            if packet == PacketId.FRAME_START:
                if begin >= 0:
                    raise BrokenLogError(at, "a frame starts within another")
                frame = Cursor(data[at + HEAD.size : at + HEAD.size + size], at + HEAD.size).unpack(
                    FRAME, "frame start"
                )
                if not (math.isfinite(frame[1]) and math.isfinite(frame[2]) and frame[2] >= last_s):
                    raise BrokenLogError(at, f"frame {frame[0]}: time {frame[2]} s does not follow {last_s} s")
                frames.append(frame)
                begin, last_s = at + HEAD.size + size, frame[2]
            elif packet == PacketId.FRAME_END:
                if begin < 0:
                    raise BrokenLogError(at, "a frame ends that has not started")
                self._begin.append(begin)
                begin = -1
            at += HEAD.size + size
        if begin >= 0:
            raise BrokenLogError(begin, f"frame {frames[-1][0]} has no end: the recording broke off")


def read_log(path: Path) -> RecorderLog:
    """Read a log. Raises OSError, and BrokenLogError if it is none or is larger than ``MAX_LOG_BYTES``."""
    with path.open("rb") as stream:
        data = stream.read(MAX_LOG_BYTES + 1)
    if len(data) > MAX_LOG_BYTES:
        raise BrokenLogError(MAX_LOG_BYTES, f"logs of more than {MAX_LOG_BYTES} bytes are not read")
    return RecorderLog(data)


def rewritten(log: RecorderLog) -> bytes:
    """Every packet of a log decoded and encoded again: of an undamaged log its own bytes."""
    parts = [log.header.to_bytes()]
    for k in range(len(log)):
        frame = FRAME.pack(int(log.number[k]), log.duration_s[k], log.elapsed_s[k])
        parts.append(HEAD.pack(PacketId.FRAME_START, len(frame)) + frame)
        parts += [encode(packet.packet, packet.content()) for packet in log.packets(k)]
        parts.append(HEAD.pack(PacketId.FRAME_END, 0))
    return b"".join(parts)


def _read_frame(payload: memoryview, at: int) -> tuple[int, float, float]:
    """Number, duration s and time s of a frame start."""
    cursor = Cursor(payload, at)
    number, duration_s, elapsed_s = cursor.unpack(FRAME, "frame start")
    cursor.end("frame start")
    return number, duration_s, elapsed_s


def _read_header(data: memoryview) -> tuple[LogHeader, int]:
    """The header and the byte after it. Raises BrokenLogError."""
    cursor = Cursor(data, 0)
    try:
        (version,) = cursor.unpack(_VERSION, "version")
        magic = cursor.text("magic")
    except BrokenLogError:
        magic = ""
    if magic != MAGIC:
        raise BrokenLogError(0, "File is not a CARLA recorder")
    (date_s,) = cursor.unpack(_DATE, "date")
    header = LogHeader(version, date_s, cursor.text("map name"))
    return header, len(header.to_bytes())
