"""A real server on Roadlab01 in a process of its own, and the official client at it; one for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import carla
import pytest

from tests.sim.server.serving import Running, running_server

CLIENT_TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running_server("real", "Roadlab01") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Running) -> carla.Client:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(CLIENT_TIMEOUT_S)
    return client


def synchronous(client: carla.Client, step_s: float) -> carla.World:
    """The client's world, in synchronous mode from now on."""
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, step_s
    world.apply_settings(settings)
    return world
