"""How well the client's own traffic manager drives on this server: one map, some vehicles, some minutes.

``python -m tests.sim.server.traffic.soak --map Roadlab01 --vehicles 30 --ticks 2000 [--port N]`` prints one row of
the table; without ``--port`` it starts a server of its own.

What is counted, over all ticks:

- collisions: pairs of vehicles that touched; touching again within ``SAME_CONTACT_S`` is the same collision.
- off road: vehicles whose centre was at some time over no driving lane.
- stuck: vehicles that stood for ``STUCK_S`` on end, neither before a light nor behind others who stand there.
- red runs: crossings of a stop line under a light that was red for more than ``RED_GRACE_S``.
- destroyed: vehicles that the traffic manager removed because they blocked the road.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import carla

STEP_S = 0.05
STUCK_S = 90.0
"""The traffic manager's own blocked time."""
STANDING_MPS = 0.1
SAME_CONTACT_S = 2.0
RED_GRACE_S = 0.5
"""A vehicle whose front is over the line while the light turns has not run it."""
QUEUE_GAP_M = 12.0
"""Whoever stands nearer than this behind a vehicle that waits, waits, too."""
BETWEEN_LANES_M = 0.3
"""Lanes of a bend or a taper do not touch everywhere: so far from the edge of the nearest one nobody left the road."""
LOOK_EVERY = 10
"""Places are looked up in the map every half second."""


@dataclass
class Tally:
    """What happened."""

    vehicles: int = 0
    ticks: int = 0
    collisions: list[tuple[float, int, int]] = field(default_factory=list)
    off_road: dict[int, tuple[float, carla.Location]] = field(default_factory=dict)
    stuck: dict[int, tuple[float, carla.Location]] = field(default_factory=dict)
    red_runs: list[tuple[float, int, carla.Location]] = field(default_factory=list)
    destroyed: list[tuple[float, int]] = field(default_factory=list)
    driven_m: float = 0.0

    def row(self, name: str) -> str:
        """One line of the table."""
        mean_kmh = 3.6 * self.driven_m / max(1e-9, self.vehicles * self.ticks * STEP_S)
        counts = [len(x) for x in (self.collisions, self.off_road, self.stuck, self.red_runs, self.destroyed)]
        cells = [name, self.vehicles, self.ticks, *counts, f"{mean_kmh:.1f}"]
        return "| " + " | ".join(str(cell) for cell in cells) + " |"


HEAD = (
    "| map | vehicles | ticks | collisions | off road | stuck | red runs | destroyed | mean km/h |\n" + "|---" * 9 + "|"
)


class Observer:
    """Counts what the module says, from the client's snapshots and collision sensors."""

    def __init__(self, world: carla.World, vehicles: list[carla.Actor]) -> None:
        self._world, self._map = world, world.get_map()
        self.vehicles = {vehicle.id: vehicle for vehicle in vehicles}
        self.kinds = {vehicle.id: vehicle.type_id for vehicle in vehicles}
        self.tally = Tally(vehicles=len(vehicles))
        self._touched: dict[tuple[int, int], float] = {}
        self._still_since: dict[int, float] = {}
        self._red_since: dict[int, float] = {}
        blueprint = world.get_blueprint_library().find("sensor.other.collision")
        self._sensors = [world.spawn_actor(blueprint, carla.Transform(), attach_to=v) for v in vehicles]
        for sensor in self._sensors:
            sensor.listen(self._touch)

    def _touch(self, event: Any) -> None:
        if not event.other_actor.type_id.startswith("vehicle."):
            return
        low, high = sorted((event.actor.id, event.other_actor.id))
        last = self._touched.get((low, high), -math.inf)
        if event.timestamp - last > SAME_CONTACT_S:
            self.tally.collisions.append((event.timestamp, low, high))
        self._touched[low, high] = event.timestamp

    def tick(self) -> None:
        """One step of the world."""
        self._world.tick()
        snapshot = self._world.get_snapshot()
        now = snapshot.timestamp.elapsed_seconds
        for gone in [key for key in self.vehicles if not snapshot.has_actor(key)]:
            self.tally.destroyed.append((now, gone))
            del self.vehicles[gone]
        waiting: dict[int, bool] = {}
        for key, vehicle in self.vehicles.items():
            speed = snapshot.find(key).get_velocity().length()
            self.tally.driven_m += speed * STEP_S
            if speed >= STANDING_MPS:
                self._still_since.pop(key, None)
            else:
                self._still_since.setdefault(key, now)
            waiting[key] = self._light(key, vehicle, speed, now)
        self.tally.ticks += 1
        if self.tally.ticks % LOOK_EVERY == 0:
            self._places(now)
            self._stand(now, waiting)

    def _light(self, key: int, vehicle: carla.Vehicle, speed: float, now: float) -> bool:
        """Whether the vehicle waits for a light; counts the one that does not."""
        state = vehicle.get_traffic_light_state()
        at_red = vehicle.is_at_traffic_light() and state == carla.TrafficLightState.Red
        if at_red:
            self._red_since.setdefault(key, now)
        else:
            since = self._red_since.pop(key, now)
            gone_on = not vehicle.is_at_traffic_light() and speed > 1.0
            if gone_on and now - since > RED_GRACE_S:
                self.tally.red_runs.append((now, key, vehicle.get_location()))
        return vehicle.is_at_traffic_light() and state != carla.TrafficLightState.Green

    def _places(self, now: float) -> None:
        for key, vehicle in self.vehicles.items():
            if key in self.tally.off_road:
                continue
            where = vehicle.get_location()
            lane = self._map.get_waypoint(where)
            offset = where - lane.transform.location
            if math.hypot(offset.x, offset.y) > lane.lane_width / 2.0 + BETWEEN_LANES_M:
                self.tally.off_road[key] = (now, where)

    def _stand(self, now: float, waiting: dict[int, bool]) -> None:
        """Spread the excuse of a red light backwards along the queue, then count who has none."""
        still = {key: self.vehicles[key].get_transform() for key in self._still_since if key in self.vehicles}
        excused = {key for key in still if waiting[key]}
        fresh = set(excused)
        while fresh:
            fresh = {k for k in still if k not in excused and any(_behind(still[k], still[f]) for f in fresh)}
            excused |= fresh
        for key in still:
            if key in excused:
                self._still_since[key] = now
            elif now - self._still_since[key] > STUCK_S and key not in self.tally.stuck:
                self.tally.stuck[key] = (now, still[key].location)

    def close(self) -> None:
        """End the sensors."""
        for sensor in self._sensors:
            sensor.stop()


def _behind(one: carla.Transform, other: carla.Transform) -> bool:
    """Whether one stands close behind other, looking at it."""
    offset = other.location - one.location
    ahead = offset.dot(one.get_forward_vector())
    return ahead > 0.0 and offset.length() < QUEUE_GAP_M


def populate(
    client: carla.Client, manager: carla.TrafficManager, count: int, seed: int, pattern: str = "vehicle.*"
) -> list[carla.Actor]:
    """Spawn up to count vehicles at random spawn points and hand them to the manager, as CARLA's examples do."""
    world, rng = client.get_world(), random.Random(seed)
    points = world.get_map().get_spawn_points()
    rng.shuffle(points)
    blueprints = sorted(world.get_blueprint_library().filter(pattern), key=lambda blueprint: blueprint.id)
    batch = []
    for point in points[:count]:
        blueprint = rng.choice(blueprints)
        blueprint.set_attribute("role_name", "autopilot")
        pilot = carla.command.SetAutopilot(carla.command.FutureActor, True, manager.get_port())
        batch.append(carla.command.SpawnActor(blueprint, point).then(pilot))
    results = client.apply_batch_sync(batch, False)
    world.tick()
    return list(world.get_actors([result.actor_id for result in results if not result.error]))


def synchronous(world: carla.World) -> None:
    """Steps of ``STEP_S`` by this client's ticks."""
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)


def soak(client: carla.Client, vehicles: int, ticks: int, seed: int, manager_port: int) -> Observer:
    """Drive on the loaded map; prints nothing."""
    world = client.get_world()
    synchronous(world)
    manager = client.get_trafficmanager(manager_port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(seed)
    manager.set_global_distance_to_leading_vehicle(2.5)
    observer = Observer(world, populate(client, manager, vehicles, seed))
    for _ in range(ticks):
        observer.tick()
    observer.close()
    return observer


@contextlib.contextmanager
def _server(map_name: str, port: int) -> Iterator[int]:
    if port:
        yield port
        return
    from tests.sim.server.scene.maps import DATA
    from tests.sim.server.serving import running_server

    file = DATA / "maps" / f"{map_name}.xodr"
    with running_server("real", str(file) if file.exists() else map_name) as running:
        yield running.port


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--map", default="Roadlab01")
    parser.add_argument("--vehicles", type=int, default=30)
    parser.add_argument("--ticks", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="say who, where and when")
    arguments = parser.parse_args()
    with _server(arguments.map, arguments.port) as port:
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(120.0)
        if arguments.port:
            client.load_world(arguments.map)
        observer = soak(client, arguments.vehicles, arguments.ticks, arguments.seed, port + 50)
        tally = observer.tally
        print(HEAD + "\n" + tally.row(arguments.map), flush=True)
        if arguments.verbose:
            _details(observer)
    sys.stdout.flush()
    os._exit(0)  # the traffic manager's threads may abort an orderly exit


def _details(observer: Observer) -> None:
    def name(key: int) -> str:
        return f"{key} {observer.kinds.get(key, '?')}"

    tally = observer.tally
    for at, low, high in tally.collisions:
        print(f"  {at:7.2f} s collision {name(low)} - {name(high)}")
    for what, table in (("off road", tally.off_road), ("stuck", tally.stuck)):
        for key, (at, where) in table.items():
            print(f"  {at:7.2f} s {what} {name(key)} at {where.x:.1f} {where.y:.1f} {where.z:.1f}")
    for at, key, where in tally.red_runs:
        print(f"  {at:7.2f} s red run {name(key)} at {where.x:.1f} {where.y:.1f} {where.z:.1f}")
    for at, key in tally.destroyed:
        print(f"  {at:7.2f} s destroyed {name(key)}")


if __name__ == "__main__":
    main()
