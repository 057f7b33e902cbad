"""The empty world of the server's bench is ticked by a process of its own."""

from __future__ import annotations

import time

import carla
import pytest

from sim.bench.apart import ApartClient
from tests.sim.server.serving import running_server


def test_it_ticks_the_world_that_it_was_given_and_lets_it_go():
    with running_server() as server:
        apart = ApartClient("127.0.0.1", server.port)
        client = carla.Client("127.0.0.1", server.port)
        client.set_timeout(60.0)
        world = client.get_world()
        assert world.get_settings().synchronous_mode
        first = world.get_snapshot().frame
        apart.tick(5)
        deadline = time.monotonic() + 60.0  # the snapshot comes on its own stream
        while world.get_snapshot().frame < first + 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert world.get_snapshot().frame == first + 5
        apart.end()
        assert not world.get_settings().synchronous_mode


def test_a_client_that_ends_is_told():
    with running_server() as server:
        apart = ApartClient("127.0.0.1", server.port)
        apart._process.kill()
        with pytest.raises(RuntimeError, match="client of the empty server"):
            apart.tick(1)
