"""Programs that a user would write: pedestrians led by the client's own controller. They print what they saw as JSON.

``python -m tests.sim.server.navigation.walking PROGRAM PORT``; in a process of its own, because the client's random
numbers are the process's.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import carla

STEP_S = 0.05
ADULT, CHILD = "walker.pedestrian.0002", "walker.pedestrian.0009"


def start(port: int, seed: int, cross_factor: float) -> tuple[carla.Client, carla.World]:
    """A new episode, one second old, in synchronous mode."""
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    world = client.reload_world(False)
    while world.get_snapshot().timestamp.elapsed_seconds < 1.0 - 1e-6:
        world.tick()
    world.set_pedestrians_seed(seed)
    world.set_pedestrians_cross_factor(cross_factor)
    return client, world


def people(client: carla.Client, world: carla.World, count: int) -> tuple[list[carla.Actor], list[Any]]:
    """Walkers, children among them, on the sidewalks, and their controllers, in one order."""
    library = world.get_blueprint_library()
    spawn = carla.command.SpawnActor
    walkers: list[int] = []
    while len(walkers) < count:
        places = [world.get_random_location_from_navigation() for _ in range(count - len(walkers))]
        batch = [
            spawn(library.find(CHILD if k % 3 == 0 else ADULT), carla.Transform(p + carla.Location(z=1.0)))
            for k, p in enumerate(places)
        ]
        walkers += [r.actor_id for r in client.apply_batch_sync(batch, True) if not r.error]
    brain = library.find("controller.ai.walker")
    made = client.apply_batch_sync([spawn(brain, carla.Transform(), walker) for walker in walkers], True)
    assert not [r.error for r in made if r.error]
    world.tick()
    controllers = {c.parent.id: c for c in world.get_actors([r.actor_id for r in made])}
    bodies = {a.id: a for a in world.get_actors(walkers)}
    return [bodies[k] for k in walkers], [controllers[k] for k in walkers]


def state(world: carla.World, actor: carla.Actor) -> list[float]:
    """x, y, z, yaw deg, velocity x, y of the last snapshot."""
    seen = world.get_snapshot().find(actor.id)
    place, velocity = seen.get_transform(), seen.get_velocity()
    at = place.location
    return [at.x, at.y, at.z, place.rotation.yaw, velocity.x, velocity.y]


def stroll(port: int) -> dict[str, Any]:
    """Fifteen people go to places near by; where they are in every frame of a minute."""
    client, world = start(port, seed=5, cross_factor=0.0)
    walkers, controllers = people(client, world, 15)
    targets = []
    for k, (walker, controller) in enumerate(zip(walkers, controllers, strict=True)):
        here = walker.get_location()
        choice = [world.get_random_location_from_navigation() for _ in range(200)]
        target = min((p for p in choice if p.distance(here) > 8.0), key=lambda p: p.distance(here))
        controller.start()
        controller.go_to_location(target)
        controller.set_max_speed(1.2 + 0.1 * (k % 5))
        targets.append([target.x, target.y, target.z])
    tracks = []
    for _ in range(1200):
        world.tick()
        tracks.append([state(world, walker) for walker in walkers])
    return {"tracks": tracks, "targets": targets, "half_m": [w.bounding_box.extent.z for w in walkers]}


def run_over(port: int) -> dict[str, Any]:
    """A car drives over somebody who stands on the road with a controller."""
    _, world = start(port, seed=3, cross_factor=1.0)
    library = world.get_blueprint_library()
    place = world.get_map().get_spawn_points()[10]
    ahead = place.location + place.get_forward_vector() * 20.0
    car = world.spawn_actor(library.find("vehicle.tesla.model3"), place)
    sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), car)
    hits: list[int] = []
    sensor.listen(lambda event: hits.append(event.other_actor.id))
    walker = world.spawn_actor(library.find(ADULT), carla.Transform(ahead + carla.Location(z=0.5)))
    world.tick()
    controller = world.spawn_actor(library.find("controller.ai.walker"), carla.Transform(), walker)
    world.tick()
    controller.start()
    world.tick()
    car.enable_constant_velocity(carla.Vector3D(8.0, 0.0, 0.0))
    dead_frame = gone_frame = None
    for frame in range(400):
        world.tick()
        seen = world.get_snapshot()
        if dead_frame is None and seen.find(controller.id) is None:
            dead_frame = frame
            speed_mps = car.get_velocity().length()
        if seen.find(walker.id) is None:
            gone_frame = frame
            break
    return {
        "dead_frame": dead_frame, "gone_frame": gone_frame, "hit_walker": walker.id in hits, "speed_mps": speed_mps,
    }  # fmt: skip


def files(port: int) -> dict[str, Any]:
    """What the client says about files, and what it does with wrong names."""
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    errors = []
    for name in ("../../../etc/passwd", "/etc/passwd", "Carla/Maps/Nav/Other.bin", ""):
        try:
            client.request_file(name)
            errors.append("none")
        except RuntimeError as error:
            errors.append(str(error))
    return {
        "all": list(client.get_required_files("", False)),
        "nav": list(client.get_required_files("Nav", False)),
        "traffic_manager": list(client.get_required_files("TM", False)),
        "errors": errors,
    }


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](int(sys.argv[2]))), flush=True)
    os._exit(0)  # the client's threads may abort an orderly exit
