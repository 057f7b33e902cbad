"""Sends broken messages to a server and sees that it lives: ``python -m tests.sim.server.robustness.fuzz``.

Messages are good calls with broken arguments, and broken bytes. After each round a fresh client asks for the version
and ticks the world: no answer within ``ANSWER_S`` counts as a hang, a dead process as a crash.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import time
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
import psutil

from tests.sim.server.robustness.examples import CAMERA, CAR, POSE, SETTINGS, examples
from tests.sim.server.robustness.mutate import mutated_arguments, mutated_bytes, packed
from tests.sim.server.serving import Running, running_server

ANSWER_S = 60.0
"""A call that takes longer hangs: the longest honest ones (loading a town, reading a log) take seconds, on a busy
machine a dozen."""
ROUND = 400
"""Messages between two looks at the server's health."""
RARE = {
    "load_new_episode": 0.02, "copy_opendrive_to_file": 0.05, "get_actor_definitions": 0.05, "get_map_data": 0.1,
    "replay_file": 0.05, "start_recorder": 0.05, "tick_cue": 0.2, "get_environment_objects": 0.1,
    "get_all_level_BBs": 0.1, "get_navigation_mesh": 0.1, "request_file": 0.2, "get_names_of_all_objects": 0.2,
}  # fmt: skip
"""Calls that take long are sent less often than the others."""
WALKER = [60, "walker.pedestrian.0001", [["role_name", 4, "pedestrian"]]]


@dataclass
class Tally:
    """What came of it."""

    messages: int = 0
    replies: int = 0
    errors: int = 0
    closed: int = 0
    memory_mb: tuple[float, float] = (0.0, 0.0)


class Client:
    """A raw connection."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, unicode_errors="replace")

    def call(self, name: str, *arguments: Any) -> Any:
        """Result of a good call. Raises TimeoutError for a hang."""
        self.sock.sendall(packed(1, name, list(arguments)))
        while True:
            for message in self.unpacker:
                return message[3]
            data = self.sock.recv(1 << 16)
            if not data:
                raise ConnectionError(f"{name}: the server closed the connection")
            self.unpacker.feed(data)

    def drain(self, count: int, tally: Tally) -> bool:
        """Read count replies; False where the server closed the connection before."""
        while count:
            for message in self.unpacker:
                tally.replies += 1
                tally.errors += message[2] is not None or _is_error(message[3])
                count -= 1
                if not count:
                    return True
            data = self.sock.recv(1 << 16)
            if not data:
                return False
            self.unpacker.feed(data)
        return True


def _is_error(result: Any) -> bool:
    """Whether this is ``[[0, [message]]]`` (of a value) or ``[[True, [message]]]`` (of nothing)."""
    head = result[0] if isinstance(result, list) and result else None
    return isinstance(head, list) and len(head) == 2 and (head[0] is True or (head[0] == 0 and head[0] is not False))


def prepare(port: int) -> dict[str, list[Any]]:
    """A small world in synchronous mode; examples about its actors."""
    client = Client(port)
    client.call("load_new_episode", "", True, 65535)
    client.call("set_episode_settings", SETTINGS)
    car = client.call("spawn_actor", CAR, [[30.0, 1.75, 0.5], [0.0, 0.0, 0.0]])[0][1][0]
    walker = client.call("spawn_actor", WALKER, [[60.0, 8.0, 1.5], [0.0, 0.0, 0.0]])[0][1][0]
    sensor = client.call("spawn_actor_with_parent", CAMERA, POSE, car, 0, "")[0][1][0]
    client.call("tick_cue")
    client.sock.close()
    return examples(car, walker, 1, sensor)


def _healthy(port: int) -> None:
    """Raises TimeoutError or OSError where the server does not answer any more."""
    client = Client(port)
    with client.sock:
        assert client.call("version") == [[1, "0.9.16"]]
        client.call("tick_cue")


def _round(port: int, calls: dict[str, list[Any]], rng: np.random.Generator, tally: Tally) -> None:
    names = list(calls)
    weights = np.array([RARE.get(name, 1.0) for name in names])
    weights /= weights.sum()
    client = Client(port)
    raw = rng.random() < 0.25
    messages = []
    for name in rng.choice(names, ROUND, p=weights).tolist():
        message = packed(int(rng.integers(1 << 16)), name, mutated_arguments(calls[name], rng))
        messages.append(mutated_bytes(message, rng) if raw and rng.random() < 0.1 else message)
    tally.messages += len(messages)
    try:
        if raw:  # replies cannot be counted: send, and go in the middle of everything
            for message in messages:
                client.sock.sendall(message)
            client.sock.close()
            return
        for k in range(0, len(messages), 20):
            client.sock.sendall(b"".join(messages[k : k + 20]))
            if not client.drain(len(messages[k : k + 20]), tally):
                tally.closed += 1
                return
        client.sock.close()
    except (ConnectionError, BrokenPipeError):
        tally.closed += 1


def _stream_round(streaming_port: int, rng: np.random.Generator) -> None:
    """Subscribers that send rubbish, nothing, or too much, and go."""
    for _ in range(3):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", streaming_port), 5.0) as sock:
            sock.sendall(rng.integers(0, 256, int(rng.integers(0, 40)), dtype=np.uint8).tobytes())


def fuzz(server: Running, count: int, seed: int, report_every: int = 0) -> Tally:
    """Send count broken messages. Raises AssertionError, TimeoutError or OSError for a crash or a hang."""
    rng, tally = np.random.default_rng(seed), Tally()
    port, process = server.port, psutil.Process(server.process.pid)
    calls, began = prepare(port), time.monotonic()
    warm_mb = 0.0
    rounds = 0
    while tally.messages < count:
        _round(port, calls, rng, tally)
        _stream_round(server.streaming_port, rng)
        rounds += 1
        if rounds % 5 == 0:
            _healthy(port)
            calls = prepare(port)
            if not warm_mb and tally.messages >= min(20_000, count // 4):
                warm_mb = process.memory_info().rss / 1e6  # everything that is loaded on first use is loaded
        if report_every and rounds % report_every == 0:
            memory = process.memory_info().rss / 1e6
            rate = tally.messages / (time.monotonic() - began)
            print(
                f"{tally.messages} messages, {rate:.0f}/s, {tally.errors} errors answered, {memory:.1f} MB", flush=True
            )
    _healthy(port)
    assert process.is_running()
    tally.memory_mb = (warm_mb, process.memory_info().rss / 1e6)
    return tally


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", default="real", choices=("real", "fake"))
    parser.add_argument("--map", default="straight")
    options = parser.parse_args()
    with running_server(options.parts, options.map) as server:
        tally = fuzz(server, options.messages, options.seed, 50)
        print(tally)
        print("faults logged:", server.log().count("Traceback"))
        print(
            server.log()[max(server.log().find("Traceback") - 300, 0) :][:3000] if "Traceback" in server.log() else ""
        )
        for line in sorted({line for line in server.log().splitlines() if "Error:" in line})[:40]:
            print("  ", line[:200])


if __name__ == "__main__":
    main()
