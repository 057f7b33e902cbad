"""Broken messages and files: answered with an error or a closed connection, never by a crash, a hang or a fault."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sim.server.calls import dispatch
from tests.sim.server.robustness.examples import examples
from tests.sim.server.robustness.fuzz import Client, fuzz
from tests.sim.server.robustness.fuzz_maps import fuzz_maps
from tests.sim.server.serving import OPENDRIVE, Running, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running_server("real") as running:
        yield running


def test_every_call_has_an_example() -> None:
    assert set(examples(1, 2, 3, 4)) == set(dispatch.METHODS)


def test_a_server_survives_broken_messages(server: Running) -> None:
    tally = fuzz(server, 6_000, seed=1)
    assert tally.messages >= 6_000
    assert 1_000 < tally.errors < tally.replies  # many are refused, and said so; some are good by chance
    assert "Traceback" not in server.log(), server.log()[-4000:]


def test_a_server_survives_broken_maps_even_those_that_kill_the_map_library(server: Running) -> None:
    """Of these fifteen one ends every process that reads it with a segmentation fault."""
    loaded, refused = fuzz_maps(server.port, OPENDRIVE, 15, seed=0)
    assert loaded >= 1
    assert refused >= 1
    assert "does not survive it (signal 11)" in server.log()
    assert "Traceback" not in server.log(), server.log()[-4000:]


def test_sixty_four_clients_at_once_and_a_quarter_of_them_vanish_in_mid_call(server: Running) -> None:
    clients = [Client(server.port) for _ in range(64)]
    for k, client in enumerate(clients):
        if k % 4 == 0:
            client.sock.sendall(b"\x94\x00\x05\xa8get_map_")  # and no more
            client.sock.close()
    for k, client in enumerate(clients):
        if k % 4:
            assert client.call("version") == [[1, "0.9.16"]]
            client.sock.close()
