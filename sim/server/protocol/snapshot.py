"""The world snapshot: one packed record of 119 bytes per actor, filled column by column."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import StreamIndex, header

RECORD_BYTES = 119
MAP_CHANGE = 1
"""Simulation-state flag: the map is new, the client must fetch it again."""
PENDING_LIGHT_UPDATE = 2
ACTIVE = 1
"""ActorState of a living actor."""

_BODY = struct.Struct("<Qdf3ii")
_COMMON: list[tuple[str, Any, int]] = [
    ("actor_id", "<u4", 0),
    ("state", "u1", 4),
    ("location", ("<f4", 3), 5),
    ("rotation", ("<f4", 3), 17),
    ("velocity", ("<f4", 3), 29),
    ("angular_velocity", ("<f4", 3), 41),
    ("acceleration", ("<f4", 3), 53),
]
_VEHICLE: list[tuple[str, Any, int]] = [
    ("throttle", "<f4", 65),
    ("steer", "<f4", 69),
    ("brake", "<f4", 73),
    ("hand_brake", "u1", 77),
    ("reverse", "u1", 78),
    ("manual_gear_shift", "u1", 79),
    ("gear", "<i4", 80),
    ("speed_limit_kmh", "<f4", 84),
    ("light_state", "u1", 88),
    ("has_light", "u1", 89),
    ("light_id", "<u4", 90),
    ("failure", "u1", 94),
]
_WALKER: list[tuple[str, Any, int]] = [("direction", ("<f4", 3), 65), ("speed", "<f4", 77), ("jump", "u1", 81)]
_LIGHT: list[tuple[str, Any, int]] = [
    ("sign_id", "S32", 65),
    ("green_s", "<f4", 97),
    ("yellow_s", "<f4", 101),
    ("red_s", "<f4", 105),
    ("elapsed_s", "<f4", 109),
    ("pole_index", "<u4", 113),
    ("frozen", "u1", 117),
    ("light", "u1", 118),
]


def _record(*parts: list[tuple[str, Any, int]]) -> np.dtype[Any]:
    rows = [row for part in parts for row in part]
    return np.dtype(
        {
            "names": [name for name, _, _ in rows],
            "formats": [kind for _, kind, _ in rows],
            "offsets": [offset for _, _, offset in rows],
            "itemsize": RECORD_BYTES,
        }
    )


COMMON = _record(_COMMON)
"""Fields of every actor: location m, rotation deg (pitch, yaw, roll), velocity m/s, angular velocity deg/s,
acceleration m/s2, all in the world frame."""
VEHICLE = _record(_COMMON, _VEHICLE)
WALKER = _record(_COMMON, _WALKER)
LIGHT = _record(_COMMON, _LIGHT)
"""Traffic lights; signs use its ``sign_id`` only."""


def records(count: int) -> npt.NDArray[Any]:
    """Zeroed ``COMMON`` records; ``view(VEHICLE)`` etc. shows the type-dependent part of the same bytes."""
    return np.zeros(count, COMMON)


def snapshot(
    frame: int,
    elapsed_s: float,
    episode_id: int,
    platform_s: float,
    delta_s: float,
    flags: int,
    actors: npt.NDArray[Any],
) -> bytes:
    """One message of stream 1. actors (n,) of ``COMMON``."""
    if actors.dtype.itemsize != RECORD_BYTES or actors.ndim != 1:
        raise ValueError(f"actors: expected (n,) records of {RECORD_BYTES} bytes, got {actors.shape} {actors.dtype}")
    zero = (0.0, 0.0, 0.0)
    return b"".join(
        (
            header(StreamIndex.WORLD, frame, elapsed_s, zero, zero),
            _BODY.pack(episode_id, platform_s, delta_s, 0, 0, 0, flags),
            actors.tobytes(),
        )
    )
