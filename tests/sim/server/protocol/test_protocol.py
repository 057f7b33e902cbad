"""Encodings: round trips through msgpack and struct, sizes that the client insists on, errors that name the field."""

from __future__ import annotations

import contextlib
import math
import struct

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.server.protocol import payloads, snapshot, structs, vehicles, wire
from sim.server.world.vehicle_spec import VEHICLES, VehicleControl

finite = st.floats(-1e6, 1e6)
angle = st.floats(-170.0, 170.0)
vectors = st.tuples(finite, finite, finite)
messages = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**32) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(messages, max_size=5), st.integers(1, 9))
def test_reader_gives_the_same_messages_however_the_bytes_are_cut(values: list[object], size: int) -> None:
    requests = [wire.pack([0, k, "call", [[k % 2 == 0], value]]) for k, value in enumerate(values)]
    reader, got = wire.RpcReader(), []
    data = b"".join(requests)
    for k in range(0, len(data), size):
        got += list(reader.feed(data[k : k + size]))
    assert got == [wire.Request(k, "call", [value], k % 2 == 0) for k, value in enumerate(values)]


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with contextlib.suppress(wire.WireError):  # the one error that a connection survives by being closed
        assert all(isinstance(m, wire.Request | wire.Malformed) for m in wire.RpcReader().feed(data))


def test_reader_refuses_more_than_its_bound_before_it_has_it() -> None:
    reader = wire.RpcReader(max_bytes=1000)
    assert list(reader.feed(b"\xc6\x00\x10\x00\x00" + 500 * b"x")) == []  # says: a megabyte follows
    with pytest.raises(wire.WireError, match="cannot parse"):
        list(reader.feed(600 * b"x"))


@given(st.integers(0, 2**32 - 1), st.integers(0, 65535))
def test_token_is_24_bytes_of_tcp_without_an_address(stream_id: int, port: int) -> None:
    token = wire.token(stream_id, port)
    assert struct.unpack("<IHBB", token[:8]) == (stream_id, port, 1, 0)
    assert token[8:] == bytes(16)


@given(vectors, st.tuples(angle, angle, angle))
def test_transform_survives_the_wire(position: tuple[float, ...], degrees: tuple[float, ...]) -> None:
    radians = [math.radians(a) for a in degrees]
    value = msgpack.unpackb(wire.pack(structs.transform_value(position, radians)))
    pose = structs.pose(value, "transform")
    assert pose.position_m == pytest.approx(position)
    assert pose.rotation_rad == pytest.approx(radians, abs=1e-12)


@given(angle, st.integers(-3, 3))
def test_whole_turns_do_not_count(degrees: float, turns: int) -> None:
    pitch, _, _ = structs.rotation([degrees + 360.0 * turns, 0, 0], "rotation")
    assert pitch == pytest.approx(math.radians(degrees), abs=1e-9)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "location: expected an array of 3 fields, got int"),
        ([1, 2], "location: expected 3 fields, got 2"),
        ([1, None, 3], r"location\[1\]: expected a number, got nil"),
        ([1, True, 3], r"location\[1\]: expected a number, got bool"),
        ([1, 2, float("inf")], r"location\[2\]: expected a finite number"),
    ],
)
def test_bad_vectors_are_named(value: object, message: str) -> None:
    with pytest.raises(wire.WireError, match=message):
        structs.vector(value, "location")


@pytest.mark.parametrize("type_id", ["vehicle.tesla.model3", "vehicle.vespa.zx125"])
def test_physics_control_survives_the_wire(type_id: str) -> None:
    physics = VEHICLES[type_id].physics
    assert vehicles.physics(msgpack.unpackb(wire.pack(vehicles.physics_value(physics)))) == physics


def test_control_is_clamped_to_its_ranges() -> None:
    got = vehicles.control([2.0, -3.0, -1.0, True, False, True, -1])
    assert got == VehicleControl(1.0, -1.0, 0.0, True, False, True, -1)
    with pytest.raises(wire.WireError, match="hand_brake: expected a bool, got int"):
        vehicles.control([0.0, 0.0, 0.0, 1, False, False, 0])


def test_snapshot_records_lie_where_the_client_reads_them() -> None:
    records = snapshot.records(2)
    records["actor_id"] = (7, 9)
    records["location"][1] = (1.0, 2.0, 3.0)
    vehicle = records.view(snapshot.VEHICLE)
    vehicle["speed_limit_kmh"][1], vehicle["light_id"][1], vehicle["gear"][1] = 50.0, 77, -1
    light = records.view(snapshot.LIGHT)
    light["sign_id"][0], light["light"][0], light["red_s"][0] = b"123", 2, 4.5
    message = snapshot.snapshot(5, 0.25, 3, 9.5, 0.05, snapshot.MAP_CHANGE, records)
    assert len(message) == 48 + 36 + 2 * 119
    assert struct.unpack_from("<QQd", message) == (17, 5, 0.25)
    assert struct.unpack_from("<Qdf3ii", message, 48) == (3, 9.5, pytest.approx(0.05), 0, 0, 0, 1)
    first, second = message[84 : 84 + 119], message[84 + 119 :]
    assert (struct.unpack_from("<I", first)[0], first[65:69], first[118]) == (7, b"123\0", 2)
    assert struct.unpack_from("<f", first, 105)[0] == 4.5
    assert struct.unpack_from("<3f", second, 5) == (1.0, 2.0, 3.0)
    assert struct.unpack_from("<if", second, 80) == (-1, 50.0)
    assert struct.unpack_from("<I", second, 90)[0] == 77


def test_bodies_are_as_long_as_the_client_expects() -> None:
    assert len(payloads.header(13, 1, 0.5, (1, 2, 3), (0, 0, 0))) == payloads.HEADER_BYTES
    assert len(payloads.image_body(np.zeros((3, 5, 4), np.uint8), 90.0)) == 12 + 60
    assert struct.unpack_from("<IIf", payloads.image_body(np.zeros((3, 5, 4), np.uint8), 90.0)) == (5, 3, 90.0)
    points = np.arange(12, dtype=np.float32).reshape(3, 4)
    body = payloads.lidar_body(0.5, [1, 2], points)
    assert struct.unpack_from("<fIII", body) == (0.5, 2, 1, 2)
    assert np.frombuffer(body, np.float32, offset=16).tolist() == list(range(12))
    semantic = payloads.semantic_lidar_body(
        0.5, [3], points, np.array([7, 8, 9], np.uint32), np.array([14, 1, 2], np.uint32)
    )
    assert struct.unpack_from("<4fII", semantic, 12 + 24) == (4.0, 5.0, 6.0, 7.0, 8, 1)
    assert len(payloads.radar_body(np.zeros((4, 4), np.float32))) == 64
    assert payloads.DVS_EVENT.itemsize == 13
    assert msgpack.unpackb(payloads.imu_body((1, 2, 3), (4, 5, 6), 7)) == [[1, 2, 3], [4, 5, 6], 7]


@pytest.mark.parametrize(
    "make",
    [
        lambda: payloads.image_body(np.zeros((3, 5, 3), np.uint8), 90.0),
        lambda: payloads.image_body(np.zeros((3, 5, 4), np.float32), 90.0),
        lambda: payloads.lidar_body(0.0, [1], np.zeros((2, 4), np.float32)),
        lambda: payloads.lidar_body(0.0, [2], np.zeros((2, 4))),
        lambda: payloads.radar_body(np.zeros((2, 3), np.float32)),
        lambda: snapshot.snapshot(1, 0.0, 1, 0.0, 0.0, 0, np.zeros(3, np.uint8)),
    ],
)
def test_shapes_that_would_end_the_client_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()  # type: ignore[operator]
