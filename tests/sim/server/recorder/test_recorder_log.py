"""The log format: what is written is read again, CARLA's own logs to the last byte, damage is found and named."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.server.recorder.log_file import MAGIC, RecorderLog, read_log, rewritten
from sim.server.recorder.packets import HEAD, BrokenLogError, PacketId, decode, encode
from tests.sim.server.recorder.logs import REAL, log_bytes, needs_real_logs, packets, table, vehicle


@given(packets)
def test_every_packet_survives_writing_and_reading(packet: tuple[int, object]) -> None:
    data = encode(*packet)
    payload = memoryview(data)[HEAD.size :]
    assert HEAD.unpack_from(data) == (packet[0], len(payload))
    assert encode(packet[0], decode(packet[0], payload, 0)) == data


@given(st.lists(st.lists(packets, max_size=4), max_size=3))
def test_a_log_survives_writing_and_reading(frames: list[list[tuple[int, object]]]) -> None:
    data = log_bytes([(0.05, 0.05 * k, content) for k, content in enumerate(frames)])
    log = RecorderLog(data)
    assert (log.fault, len(log), log.header.map_name) == (None, len(frames), "Town01")
    assert rewritten(log) == data


@needs_real_logs
@pytest.mark.parametrize("path", REAL, ids=lambda p: p.stem)
def test_carlas_own_logs_are_read_to_the_last_byte_and_written_again_the_same(path) -> None:
    log = read_log(path)
    assert log.fault is None
    assert rewritten(log) == path.read_bytes()


@needs_real_logs
def test_what_carlas_own_log_says() -> None:
    log = read_log(REAL[0])
    assert (log.header.version, log.header.map_name, log.header.date_s, len(log)) == (1, "Town01", 1637676528, 847)
    assert log.duration_s[-1] == -1.0
    assert log.total_s == pytest.approx(24.7237, abs=1e-4)
    content = {p.packet: p.content() for p in log.packets(0)}
    hero = next(a for a in content[PacketId.EVENT_ADD] if a.hero)
    assert (hero.actor_id, hero.kind, hero.type_id) == (174, 1, "vehicle.lincoln.mkz_2017")
    assert hero.location_cm == pytest.approx((10700.0, 13300.0, 64.5025))
    assert [len(content[packet]) for packet in (PacketId.POSITION, PacketId.STATE)] == [118, 36]
    machine = content[PacketId.PHYSICS_CONTROL][0]
    assert machine.drive.tolist() == pytest.approx([10.0, 3.21, 1696.0, 0.3])
    assert machine.gears.shape == (6, 3)
    assert machine.wheels[0, 3] == 35.5


def test_bytes_of_a_frame_by_hand() -> None:
    data = log_bytes([(-1.0, 0.0, [(PacketId.EVENT_DEL, table(PacketId.EVENT_DEL, (258,)))])], "M")
    head = struct.pack("<HH", 2, 14) + MAGIC.encode() + struct.pack("<qH", 0, 1) + b"M"
    frame = struct.pack("<BIQdd", 0, 24, 1, -1.0, 0.0) + bytes((3, 6, 0, 0, 0, 1, 0, 2, 1, 0, 0, 1, 0, 0, 0, 0))
    assert data == head + frame


def test_a_log_that_breaks_off_anywhere_is_usable_up_to_its_last_whole_frame() -> None:
    packet = (PacketId.POSITION, table(PacketId.POSITION, (1, (1.0, 2.0, 3.0), (0.0, 0.0, 0.0))))
    data = log_bytes([(0.1, 0.0, [packet]), (-1.0, 0.1, [packet])])
    begin = len(log_bytes([]))
    frame = (len(data) - begin) // 2
    for end in range(begin, len(data)):
        log = RecorderLog(data[:end])
        assert len(log) == len(log.elapsed_s) == (end - begin) // frame
        if (end - begin) % frame:
            assert log.fault is not None
            assert begin <= log.fault.at <= end
        else:
            assert log.fault is None


def test_a_fault_names_the_byte_and_what_is_missing() -> None:
    data = log_bytes([(0.1, 0.0, [])])
    cut = RecorderLog(data + b"\x06\xff\x00\x00\x00abc")
    assert str(cut.fault) == f"byte {len(data)}: packet 6 of 255 bytes, but the file has only 3 more"
    count = encode(PacketId.EVENT_DEL, table(PacketId.EVENT_DEL, (1,))).replace(b"\x01\x00\x01", b"\x09\x00\x01")
    with pytest.raises(BrokenLogError, match="byte 102: 9 records of EVENT_DEL: needs 36 bytes, its packet has 4 left"):
        decode(PacketId.EVENT_DEL, memoryview(count)[HEAD.size :], 100)


@pytest.mark.parametrize("data", [b"", b"\x01\x00", b"PK\x03\x04" * 9, log_bytes([])[:18]])
def test_what_is_no_log_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenLogError):
        RecorderLog(data)


@settings(max_examples=300)
@given(st.data())
def test_flipped_bytes_are_damage_and_nothing_worse(data: st.DataObject) -> None:
    frames = [(0.1, 0.1 * k, [(PacketId.EVENT_ADD, [vehicle(k + 1, role="hero")])]) for k in range(2)]
    broken = bytearray(log_bytes(frames))
    for at in data.draw(st.lists(st.integers(0, len(broken) - 1), min_size=1, max_size=4)):
        broken[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BrokenLogError):
        log = RecorderLog(bytes(broken))
        assert np.all(np.diff(log.elapsed_s) >= 0.0)
        for k in range(len(log)):
            for packet in log.packets(k):
                packet.content()
