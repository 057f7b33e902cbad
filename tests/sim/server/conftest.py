"""A real server on Roadlab01 in a process of its own, and the official client at it; one for each file of tests."""

from __future__ import annotations

import time
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


def await_actor(world: carla.World, actor_id: int) -> None:
    """Until a snapshot with the actor has come: in a synchronous world nobody waits for the first."""
    deadline = time.monotonic() + CLIENT_TIMEOUT_S
    while actor_id not in [actor.id for actor in world.get_snapshot()] and time.monotonic() < deadline:
        time.sleep(0.01)


def first_spawn_on_ground(world: carla.World) -> carla.Transform:
    """Where the map's first spawn point meets the street."""
    point = world.get_map().get_spawn_points()[0]
    ground = world.ground_projection(point.location + carla.Location(z=1.0), 5.0)
    return carla.Transform(ground.location, point.rotation)
