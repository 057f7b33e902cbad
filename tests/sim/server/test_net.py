"""Peers that misbehave: rubbish, half messages, sudden ends, slow readers. The server goes on."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import carla
import msgpack
import pytest

from sim.server import net, serve
from tests.sim.server.fakes import FAKE_PARTS
from tests.sim.server.serving import OPENDRIVE, Running, running_server

SYNC = [True, False, [True, 0.05], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]
WAIT_S = 60.0
"""For what comes in milliseconds where the machine has time for it."""
ASYNC = [False, False, [False], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running_server() as running:
        yield running


class Peer:
    """A bare RPC connection."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self._unpacker = msgpack.Unpacker(raw=False)
        self._id = 0

    def receive(self) -> Any:
        """The next reply; None where the server closed the connection."""
        while True:
            for message in self._unpacker:
                return message
            data = self.sock.recv(65536)
            if not data:
                return None
            self._unpacker.feed(data)

    def send(self, name: str, *arguments: Any) -> None:
        self._id += 1
        self.sock.sendall(msgpack.packb([0, self._id, name, [[False], *arguments]]))

    def call(self, name: str, *arguments: Any) -> Any:
        """Error and result of a call."""
        self.send(name, *arguments)
        kind, message_id, error, result = self.receive()
        assert (kind, message_id) == (1, self._id)
        return error, result

    def value(self, name: str, *arguments: Any) -> Any:
        """Value of a call that succeeds."""
        error, ((index, value),) = self.call(name, *arguments)
        assert (error, index) == (None, 1), value
        return value

    def subscribe(self, stream_id: int) -> socket.socket:
        """A connection to a stream, as the token tells it."""
        (token,) = self.value("get_sensor_token", stream_id)
        identity, port, protocol = struct.unpack_from("<IHB", token)
        assert (identity, protocol, len(token)) == (stream_id, 1, 24)
        stream = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        stream.sendall(struct.pack("<I", stream_id))
        return stream


def read_frame(stream: socket.socket) -> bytes:
    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = stream.recv(count - len(data))
            assert part, "stream closed"
            data += part
        return data

    return exactly(struct.unpack("<I", exactly(4))[0])


def frame_number(frame: bytes) -> int:
    return int(struct.unpack_from("<Q", frame, 8)[0])


@pytest.fixture
def peer(server: Running) -> Iterator[Peer]:
    with contextlib.closing(socket.socket()):
        peer = Peer(server.port)
        peer.value("set_episode_settings", SYNC)
        yield peer
        peer.sock.close()


def test_version_byte_for_byte(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as sock:
        sock.sendall(bytes.fromhex("940001a7") + b"version" + bytes.fromhex("9191c2"))
        assert sock.recv(100) == bytes.fromhex("940101c0919201a6") + b"0.9.16"


def test_request_in_single_bytes_and_many_in_one_packet(peer: Peer) -> None:
    for byte in msgpack.packb([0, 7, "version", [[False]]]):
        peer.sock.sendall(bytes([byte]))
    assert peer.receive() == [1, 7, None, [[1, "0.9.16"]]]
    peer.sock.sendall(b"".join(msgpack.packb([0, k, "version", [[False]]]) for k in range(500)))
    assert [peer.receive()[1] for _ in range(500)] == list(range(500))


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ([0, 3, "no_such_call", [[False]]], "no function 'no_such_call'"),
        ([0, 3, "tick_queue", [[False]]], "did you mean 'tick_cue'"),
        ([0, 3, "version", []], "first parameter must be Metadata"),
        ([0, 3, "version", 5], "expected a name (str) and parameters (array)"),
        ([2, 3], "expected a request"),
        (5, "expected a request"),
    ],
)
def test_what_is_no_call_gets_an_rpc_error_and_a_log_line(
    server: Running, peer: Peer, message: Any, error: str
) -> None:
    peer.sock.sendall(msgpack.packb(message))
    kind, _, got, result = peer.receive()
    assert (kind, result) == (1, None)
    assert error in got
    assert got in server.log()
    assert peer.value("version") == "0.9.16"


@pytest.mark.parametrize("rubbish", [b"\xc1", b"\xdd\xff\xff\xff\xff", b"\x94\x00\x01\xc1", b"\x81\x90\x00"])
def test_bytes_that_are_no_msgpack_end_that_connection_only(server: Running, peer: Peer, rubbish: bytes) -> None:
    bad = Peer(server.port)
    bad.sock.sendall(rubbish)
    kind, _, error, _ = bad.receive()
    assert kind == 1
    assert "cannot parse the request" in error
    assert bad.receive() is None
    assert "cannot parse the request" in server.log()
    assert peer.value("version") == "0.9.16"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("get_actor_bone_names", 4000), "unable to find actor 4000"),
        (("get_actor_bounding_box", -1), "expected an integer in 0..4294967295, got -1"),
        (("get_actor_bounding_box", "5"), "expected an integer, got str"),
        (("get_actor_bounding_box",), "expected 1 arguments, got 0"),
        (("get_vehicle_light_state", 1), "this call needs a vehicle"),
        (("spawn_actor", [1, "vehicle.tesla.model", []], [[0, 0, 0], [0, 0, 0]]), "did you mean 'vehicle.tesla.model3"),
        (("spawn_actor", [1, "vehicle.audi.tt", [["colour", 4, "x"]]], [[0, 0, 9], [0, 0, 0]]), "'color'?"),
        (("spawn_actor", [1, "vehicle.audi.tt", []], [[0, 0], [0, 0, 0]]), "location: expected 3 fields, got 2"),
        (("spawn_actor", [1, "vehicle.audi.tt", []], [[0, float("nan"), 0], [0, 0, 0]]), "expected a finite number"),
        (("spawn_actor", [1, "vehicle.audi.tt", []], [[0, 1e30, 0], [0, 0, 0]]), "components must be within"),
        (("cast_ray", [0, 0, 0], [1, 1]), "to: expected 3 fields"),
        (("get_wheel_steer_angle", 4000, 0), "unable to find actor 4000"),
        (("get_group_traffic_lights", 2), "needs a light"),
    ],
)  # fmt: skip
def test_bad_arguments_get_an_error_response(peer: Peer, call: tuple[Any, ...], message: str) -> None:
    error, ((index, (text,)),) = peer.call(*call)
    assert (error, index) == (None, 0)
    assert message in text


def test_void_calls_answer_with_void_errors(peer: Peer) -> None:
    assert peer.call("set_traffic_light_state", 4000, 1) == (
        None,
        [[True, ["Responding error from function set_traffic_light_state: unable to find actor 4000: "
                 "it does not exist or was destroyed"]]],
    )  # fmt: skip
    assert peer.call("freeze_all_traffic_lights", False) == (None, [[False]])
    error, result = peer.call("apply_batch", 5, False)
    assert "expected an array" in error
    assert result is None


def test_a_client_that_vanishes_in_the_middle_of_a_message_is_forgotten(server: Running, peer: Peer) -> None:
    for _ in range(20):
        bad = Peer(server.port)
        bad.sock.sendall(msgpack.packb([0, 1, "get_map_data", [[False]]]) + b"\x94\x00")
        bad.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        bad.sock.close()  # a reset, not a goodbye
    assert peer.value("tick_cue") + 1 == peer.value("tick_cue")


def test_new_subscriber_gets_the_current_snapshot_at_once(peer: Peer) -> None:
    frame = peer.value("tick_cue")
    with peer.subscribe(1) as stream:
        first = read_frame(stream)
        assert frame_number(first) == frame
        assert (len(first) - 48 - 36) % 119 == 0
        assert struct.unpack_from("<Q", first)[0] == 17
        assert peer.value("tick_cue") == frame + 1
        assert frame_number(read_frame(stream)) == frame + 1


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[serve.Server]:
    """A synchronous server that waits for others as long as it takes: a busy machine's seconds tell nothing."""
    for name in ("EXPECT_S", "ANNOUNCE_S"):
        monkeypatch.setattr(net, name, 3600.0)
    monkeypatch.setattr(serve, "SETTINGS_WAIT_S", 3600.0)
    (tmp_path / "straight.xodr").write_text(OPENDRIVE)
    with serve.Server("straight", port=0, maps=str(tmp_path), parts=FAKE_PARTS).start() as server:
        Peer(server.port).value("set_episode_settings", SYNC)
        yield server


def turns(server: serve.Server) -> None:
    """Let the server look at all its sockets a few times: what it does not wait for is done then."""
    other = Peer(server.port)
    for _ in range(5):
        assert other.value("version") == "0.9.16"
    other.sock.close()


def test_a_tick_waits_for_the_subscriber_that_was_just_announced(patient: serve.Server) -> None:
    peer = Peer(patient.port)
    frame = peer.value("tick_cue")
    (token,) = peer.value("get_sensor_token", 1)
    peer.send("tick_cue")
    turns(patient)
    with socket.create_connection(("127.0.0.1", struct.unpack_from("<H", token, 4)[0]), timeout=WAIT_S) as stream:
        stream.sendall(struct.pack("<I", 1))
        assert frame_number(read_frame(stream)) == frame
        assert peer.receive()[3] == [[1, frame + 1]]
        assert frame_number(read_frame(stream)) == frame + 1


def test_a_subscriber_at_the_door_is_not_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the server had to wait itself before it could open."""
    monkeypatch.setattr(net, "EXPECT_S", 0.0)
    network = net.Network(
        "127.0.0.1", 0, lambda request: (b"", 0.0), lambda request: True, lambda one, other: False, lambda stream: None
    )
    network.open()
    doors = [socket.create_connection(("127.0.0.1", network.streaming_port), timeout=WAIT_S) for _ in range(3)]
    for stream_id, door in enumerate(doors, 5):
        network.expect(stream_id)
        door.sendall(struct.pack("<I", stream_id))
    while not network.settled():
        network.poll(0.0)
    assert sorted(network.subscribers) == [5, 6, 7]
    network.expect(8)
    assert not network.settled()
    network.poll(0.0)
    assert network.settled(), "nobody knocks"
    for door in doors:
        door.close()
    network.close()


def test_slow_reader_loses_nothing_in_a_synchronous_world(peer: Peer) -> None:
    with peer.subscribe(1) as stream:
        first = frame_number(read_frame(stream))
        for k in range(3000):  # more than the socket holds
            assert peer.value("tick_cue") == first + 1 + k
        assert [frame_number(read_frame(stream)) for _ in range(3000)] == list(range(first + 1, first + 3001))


def big_camera(peer: Peer) -> int:
    """Stream id of a new 1024 x 1024 camera: 4 MB a frame."""
    description = [1, "sensor.camera.rgb", [["image_size_x", 2, "1024"], ["image_size_y", 2, "1024"]]]
    actor = peer.value("spawn_actor", description, [[0.0, 0.0, 9.0], [0.0, 0.0, 0.0]])
    return int(struct.unpack_from("<I", actor[5])[0])


def test_synchronous_world_waits_for_a_reader_that_is_far_behind(peer: Peer) -> None:
    with peer.subscribe(big_camera(peer)) as stream:
        for _ in range(40):
            peer.send("tick_cue")
        answered = 10
        for _ in range(answered):  # fewer than it may lag behind
            peer.receive()
        peer.sock.settimeout(1.0)
        with contextlib.suppress(TimeoutError):
            while answered < 40:
                peer.receive()
                answered += 1
        assert answered < 40
        frames = [frame_number(read_frame(stream)) for _ in range(40)]
        assert frames == list(range(frames[0], frames[0] + 40))
        peer.sock.settimeout(WAIT_S)
        for _ in range(40 - answered):
            peer.receive()


def test_stalled_reader_does_not_stop_an_asynchronous_world(peer: Peer) -> None:
    with peer.subscribe(big_camera(peer)) as stalled, peer.subscribe(1) as stream:
        peer.value("set_episode_settings", ASYNC)
        frames = [frame_number(read_frame(stream)) for _ in range(40)]
        assert frames == list(range(frames[0], frames[0] + 40))
        got = [frame_number(read_frame(stalled)) for _ in range(5)]
        assert got == sorted(set(got))
        peer.value("set_episode_settings", SYNC)


def test_frames_of_a_client_that_left_are_dropped(peer: Peer) -> None:
    stream = peer.subscribe(big_camera(peer))
    peer.value("tick_cue")
    stream.close()
    first = peer.value("tick_cue")
    assert [peer.value("tick_cue") for _ in range(30)] == list(range(first + 1, first + 31))


def test_a_new_episode_is_announced_to_those_who_saw_the_old_one(patient: serve.Server) -> None:
    flags = 48 + 32  # offset of the simulation state in a snapshot
    peer = Peer(patient.port)
    assert peer.value("tick_cue") > 0
    with peer.subscribe(1) as old, peer.subscribe(1) as own:
        (episode,) = struct.unpack_from("<Q", read_frame(old), 48)
        assert frame_number(read_frame(own)) > 0
        assert peer.call("load_new_episode", "", False, 0xFFFF) == (None, [[False]])
        turns(patient)  # however long the client that loads it takes to close its old subscription,
        for waiting in (own, old):  # no frame of the new episode comes before
            waiting.setblocking(False)
            with pytest.raises(BlockingIOError):
                waiting.recv(1)
            waiting.settimeout(WAIT_S)
        own.close()
        with peer.subscribe(1) as new:
            first = read_frame(new)
            ticked = peer.value("tick_cue")
            assert frame_number(read_frame(new)) == ticked
        announced, second = read_frame(old), read_frame(old)
    assert struct.unpack_from("<Q", announced, 48)[0] == struct.unpack_from("<Q", first, 48)[0] != episode
    assert [struct.unpack_from("<i", f, flags)[0] for f in (first, announced, second)] == [0, 1, 0]
    assert frame_number(second) == ticked


def test_traffic_manager_registry(peer: Peer) -> None:
    assert not peer.value("is_traffic_manager_running", 8123)
    assert peer.value("get_traffic_manager_running", 8123) == ["", 0]
    assert peer.value("add_traffic_manager_running", ["10.0.0.1", 8123])
    assert not peer.value("add_traffic_manager_running", ["10.0.0.2", 8123])
    assert peer.value("get_traffic_manager_running", 8123) == ["10.0.0.1", 8123]
    assert peer.call("destroy_traffic_manager", 8123) == (None, [[False]])
    assert not peer.value("is_traffic_manager_running", 8123)


def test_the_official_client_still_connects(server: Running) -> None:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(WAIT_S)
    assert client.get_world().get_map().name == "Carla/Maps/straight"


def test_a_tick_waits_for_the_settings_that_a_traffic_manager_asks_for_after_its_commands(
    patient: serve.Server,
) -> None:
    """Answered before the tick, they keep the manager's wake-up apart from the snapshot's."""
    peer = Peer(patient.port)
    peer.value("add_traffic_manager_running", ["127.0.0.1", 8123])
    for name, arguments in (("get_vehicle_light_states", ()), ("apply_batch", ([], False)), ("tick_cue", ())):
        peer.send(name, *arguments)
    first = peer._id - 2
    assert [peer.receive()[1] - first for _ in range(2)] == [0, 1]
    turns(patient)  # without waiting the tick would be over
    peer.send("get_episode_settings")
    assert [peer.receive()[1] - first for _ in range(2)] == [3, 2]
