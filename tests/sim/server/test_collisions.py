"""Collision events through the official client: both sides of a crash hear of it."""

from __future__ import annotations

import time
from typing import Any

import carla

from tests.sim.server.serving import running_server


def crash(port: int) -> dict[str, list[Any]]:
    """Events heard by a car that runs into the back of another one, and by that one."""
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    library = world.get_blueprint_library()
    car = library.find("vehicle.tesla.model3")
    ahead = world.spawn_actor(car, carla.Transform(carla.Location(60.0, 1.75, 0.3)))
    behind = world.spawn_actor(car, carla.Transform(carla.Location(50.0, 1.75, 0.3)))
    heard: dict[str, list[Any]] = {"ahead": [], "behind": []}
    sensors = []
    for name, vehicle in (("ahead", ahead), ("behind", behind)):
        sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=vehicle)
        sensor.listen(
            lambda e, told=heard[name]: told.append(
                (e.frame, e.actor.id, e.other_actor.id, e.normal_impulse.x, e.other_actor.type_id)
            )
        )
        sensors.append(sensor)
    world.tick()
    behind.enable_constant_velocity(carla.Vector3D(10.0, 0.0, 0.0))
    for _ in range(40):
        world.tick()
    end = time.monotonic() + 60.0
    while time.monotonic() < end and not (heard["ahead"] and heard["behind"]):
        time.sleep(0.01)
    for sensor in sensors:
        sensor.stop()
    heard["ids"] = [ahead.id, behind.id]
    return heard


def test_both_cars_of_a_crash_hear_of_it_with_opposite_impulses() -> None:
    with running_server("real") as server:
        heard = crash(server.port)
    ahead, behind = heard["ids"]
    (frame, me, other, pushed_ns, _), (same_frame, hitter, victim, stopped_ns, _) = (
        heard["ahead"][0],
        heard["behind"][0],
    )
    assert (me, other, hitter, victim) == (ahead, behind, behind, ahead)
    assert frame == same_frame
    assert pushed_ns > 1000.0  # 1,800 kg that change their speed by some m/s, forwards
    assert stopped_ns == -pushed_ns
