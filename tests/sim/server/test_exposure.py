"""Calls are answered while the sensors of an asynchronous world measure, and while a navigation mesh is built."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sim.server.exposure import Exposure
from sim.server.navigation import store
from sim.server.serve import Server
from sim.server.world.measuring import Message
from tests.sim.server.fakes import FAKE_PARTS, FakeBench, FakeSensor
from tests.sim.server.serving import OPENDRIVE
from tests.sim.server.test_net import ASYNC, SYNC, WAIT_S, Peer, read_frame

CAMERA = [1, "sensor.camera.rgb", [["image_size_x", 1, "4"], ["image_size_y", 1, "3"]]]
HERE = [[0.0, 0.0, 9.0], [0.0, 0.0, 0.0]]


class Shutter:
    """Lets the sensors of a server finish, or not; working tells that one has begun."""

    def __init__(self) -> None:
        self.open, self.working = threading.Event(), threading.Event()
        self.open.set()


class _SlowBench(FakeBench):
    def __init__(self, shutter: Shutter) -> None:
        self._shutter = shutter

    def create(self, type_id: str, attributes: Any, actor_id: int, serial: int) -> Any:
        sensor, shutter = FakeSensor(type_id, attributes), self._shutter
        measure = sensor.measure

        def slowly(*arguments: Any) -> bytes:
            shutter.working.set()
            assert shutter.open.wait(WAIT_S)
            return measure(*arguments)

        sensor.measure = slowly  # type: ignore[method-assign]
        return sensor


@pytest.fixture
def shutter() -> Shutter:
    return Shutter()


@pytest.fixture
def peer(shutter: Shutter, tmp_path: Path) -> Iterator[Peer]:
    """A client of a server whose sensors finish when the shutter is open."""
    (tmp_path / "straight.xodr").write_text(OPENDRIVE)
    parts = replace(FAKE_PARTS, make_bench=lambda scene, seed: _SlowBench(shutter))
    with Server("straight", port=0, maps=str(tmp_path), parts=parts).start() as server:
        yield Peer(server.port)
        shutter.open.set()


def measuring(peer: Peer, shutter: Shutter) -> socket.socket:
    """An asynchronous world whose camera has begun and cannot end; its stream."""
    actor = peer.value("spawn_actor", CAMERA, HERE)
    stream_id = int.from_bytes(bytes(actor[5])[:4], "little")
    stream = peer.subscribe(stream_id)
    shutter.open.clear()
    shutter.working.clear()
    peer.value("set_episode_settings", ASYNC)
    assert shutter.working.wait(WAIT_S)
    return stream


def test_calls_are_answered_and_the_snapshot_is_out_while_a_camera_works(peer: Peer, shutter: Shutter) -> None:
    stream = measuring(peer, shutter)
    frame = peer.value("set_episode_settings", ASYNC)  # answers with the frame that is being photographed
    snapshots = peer.subscribe(1)
    snapshots.settimeout(WAIT_S)
    assert int.from_bytes(read_frame(snapshots)[8:16], "little") == frame
    car = peer.value("spawn_actor", [1, "vehicle.audi.tt", []], [[20.0, 1.75, 0.5], [0.0, 0.0, 0.0]])
    assert peer.value("get_weather_parameters")
    assert peer.value("destroy_actor", car[0]) is True
    shutter.open.set()
    assert int.from_bytes(read_frame(stream)[8:16], "little") == frame


@pytest.mark.parametrize(
    "call", [("tick_cue",), ("load_new_episode", "", True), ("enable_environment_objects", [], False)]
)
def test_what_would_disturb_a_camera_waits_until_it_is_done(
    peer: Peer, shutter: Shutter, call: tuple[Any, ...]
) -> None:
    measuring(peer, shutter)
    peer.value("set_episode_settings", SYNC)
    peer.send(*call)
    peer.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        peer.receive()
    shutter.open.set()
    peer.sock.settimeout(WAIT_S)
    assert peer.receive()[2] is None


def test_a_mesh_that_is_being_built_keeps_only_those_waiting_who_ask_for_it(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = threading.Event()

    def slowly(scene: Any) -> bytes:
        assert built.wait(WAIT_S)
        return b""

    monkeypatch.setattr(store, "_read", lambda path: None)
    monkeypatch.setattr(store, "_write", lambda path, content: None)
    monkeypatch.setattr(store, "_built", slowly)
    other = Peer(peer.sock.getpeername()[1])
    other.send("get_navigation_mesh")
    other.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        other.receive()
    assert peer.value("version") == "0.9.16"
    assert peer.call("load_new_episode", "", True)[0] is None
    built.set()
    other.sock.settimeout(WAIT_S)
    assert other.receive()[3][0][0] == 1


def message(number: int) -> Message:
    return Message(number, 0, None, None, b"")  # type: ignore[arg-type]


def test_messages_come_one_by_one_and_a_sensor_at_fault_ends_the_frame() -> None:
    woken, gate = threading.Semaphore(0), threading.Event()

    def measured() -> Iterator[Message]:
        yield message(1)
        assert gate.wait(WAIT_S)
        yield message(2)
        raise ZeroDivisionError("a lens of no size")

    exposure = Exposure(woken.release)
    assert not exposure.busy
    exposure.begin(measured())
    assert woken.acquire(timeout=WAIT_S)
    assert [m.stream_id for m in exposure.take()] == [1]
    assert exposure.busy
    gate.set()
    assert woken.acquire(timeout=WAIT_S)
    assert woken.acquire(timeout=WAIT_S)
    assert [m.stream_id for m in exposure.take()] == [2]
    assert not exposure.busy
    exposure.close()


def test_closing_does_not_wait_for_the_sensors_that_have_not_begun() -> None:
    exposure, begun, closes = Exposure(lambda: None), [], threading.Event()

    def measured() -> Iterator[Message]:
        for number in range(1000):
            begun.append(number)
            assert closes.wait(WAIT_S)
            yield message(number)

    put = exposure._frames.put

    def put_and_measure_on(frame: Iterator[Message] | None) -> None:
        put(frame)
        if frame is None:  # it is closing: from now on the sensor may finish
            closes.set()

    exposure._frames = SimpleNamespace(put=put_and_measure_on, get=exposure._frames.get)  # type: ignore[assignment]
    exposure.begin(measured())
    exposure.close()
    assert len(begun) <= 1
