"""Logs made by hand and by chance, and the real ones."""

from __future__ import annotations

import os
import string
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from sim.server.recorder.log_file import LogHeader
from sim.server.recorder.packets import (
    FRAME,
    HEAD,
    TABLES,
    WHEEL,
    ActorAdded,
    Attribute,
    PacketId,
    RecordedPhysics,
    VehicleWheels,
    WalkerBones,
    encode,
)

DATA = Path(os.environ.get("ROADLAB_DATA", Path(__file__).resolve().parents[5] / "shared" / "data"))
REAL = [DATA / "carla_recorder" / f"{name}.log" for name in ("DistanceBetweenVehicles", "DistanceToLaneCenter")]
needs_real_logs = pytest.mark.skipif(not REAL[0].is_file(), reason="CARLA's own logs are not here ($ROADLAB_DATA)")


def log_bytes(frames: Sequence[tuple[float, float, list[tuple[int, Any]]]], map_name: str = "Town01") -> bytes:
    """A log of frames: duration s, seconds since the beginning, packets (id, content)."""
    parts = [LogHeader(2, 0, map_name).to_bytes()]
    for number, (duration_s, elapsed_s, packets) in enumerate(frames, 1):
        start = FRAME.pack(number, duration_s, elapsed_s)
        parts.append(HEAD.pack(PacketId.FRAME_START, len(start)) + start)
        parts += [encode(packet, content) for packet, content in packets]
        parts.append(HEAD.pack(PacketId.FRAME_END, 0))
    return b"".join(parts)


def table(packet: PacketId, *rows: tuple[Any, ...]) -> Any:
    return np.array(list(rows), TABLES[packet])


def vehicle(actor_id: int, x_m: float = 0.0, role: str = "", type_id: str = "vehicle.tesla.model3") -> ActorAdded:
    attributes = (Attribute(4, "role_name", role),) if role else ()
    return ActorAdded(actor_id, 1, (100.0 * x_m, 0.0, 0.0), (0.0, 0.0, 0.0), 7, type_id, attributes)


u32 = st.integers(0, (1 << 32) - 1)
f32 = st.floats(width=32, allow_nan=False)
texts = st.text(string.printable + "äß日", max_size=12)
triples = st.tuples(f32, f32, f32)


def _array(width: int) -> st.SearchStrategy[Any]:
    rows = st.lists(st.tuples(*[f32] * width), max_size=4)
    return rows.map(lambda r: np.array(r, np.float32).reshape(-1, width))


def _table(packet: int) -> st.SearchStrategy[Any]:
    kind = TABLES[packet]
    return st.lists(st.binary(min_size=kind.itemsize, max_size=kind.itemsize), max_size=4).map(
        lambda rows: np.frombuffer(b"".join(rows), kind)
    )


added = st.builds(
    ActorAdded,
    u32,
    st.integers(0, 255),
    triples,
    triples,
    u32,
    texts,
    st.lists(st.builds(Attribute, st.integers(0, 255), texts, texts), max_size=3).map(tuple),
)
physics = st.builds(
    RecordedPhysics,
    u32,
    st.tuples(*[f32] * 5).map(np.float32),
    st.integers(0, 1),
    st.tuples(*[f32] * 4).map(np.float32),
    triples.map(np.float32),
    _array(2),
    _array(3),
    _array(2),
    _array(12),
)
bones = st.lists(st.tuples(texts, st.tuples(*[f32] * 6)), max_size=3).map(
    lambda b: WalkerBones(1, tuple(n for n, _ in b), np.array([p for _, p in b], np.float32).reshape(-1, 6))
)
wheels = st.lists(st.tuples(st.integers(0, 255), f32, f32), max_size=4).map(
    lambda rows: VehicleWheels(2, np.array(rows, WHEEL))
)
packets: st.SearchStrategy[tuple[int, Any]] = st.one_of(
    *(st.tuples(st.just(int(p)), _table(p)) for p in TABLES),
    st.tuples(st.just(int(PacketId.EVENT_ADD)), st.lists(added, max_size=3)),
    st.tuples(st.just(int(PacketId.PHYSICS_CONTROL)), st.lists(physics, max_size=2)),
    st.tuples(st.just(int(PacketId.WALKER_BONES)), st.lists(bones, max_size=2)),
    st.tuples(st.just(int(PacketId.ANIM_VEHICLE_WHEELS)), st.lists(wheels, max_size=2)),
    st.tuples(st.sampled_from([int(PacketId.PLATFORM_TIME), int(PacketId.VISUAL_TIME)]), st.floats(allow_nan=False)),
    st.tuples(st.just(int(PacketId.FRAME_COUNTER)), st.integers(0, (1 << 64) - 1)),
    st.tuples(st.integers(24, 255), st.binary(max_size=20)),
)


def u16(value: int) -> bytes:
    return struct.pack("<H", value)
