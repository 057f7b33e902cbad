"""Hashes all streams of a busy world: ``python -m tests.sim.server.robustness.repeat``.

Traffic under the client's traffic manager (deterministic), people under its navigation, six sensors and the snapshots
themselves, each hashed with its time. Every run is a server process and a client process of its own, on one
core or on two, with another hash seed each.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.sim.server.serving import ROOT, running_server

STEP_S = 0.05
START_S = 1.0
SENSORS: tuple[tuple[str, dict[str, str]], ...] = (
    ("sensor.camera.rgb", {"image_size_x": "160", "image_size_y": "120"}),
    ("sensor.camera.instance_segmentation", {"image_size_x": "160", "image_size_y": "120"}),
    ("sensor.lidar.ray_cast", {"range": "50", "points_per_second": "100000"}),
    ("sensor.other.radar", {}),
    ("sensor.other.imu", {"noise_accel_stddev_x": "0.1"}),
    ("sensor.other.gnss", {"noise_lat_stddev": "0.000001"}),
)


class Streams:
    """One running hash per sensor, fed by the client's own threads; a tick waits for all of them."""

    def __init__(self) -> None:
        self._hashes: dict[str, Any] = {}
        self._frames: dict[str, int] = {}
        self._news = threading.Condition()

    def listener(self, name: str) -> Callable[[Any], None]:
        told = self._hashes.setdefault(name, hashlib.sha256())

        def listen(data: Any) -> None:
            if hasattr(data, "raw_data"):
                payload = bytes(data.raw_data)
            elif hasattr(data, "accelerometer"):
                a, g = data.accelerometer, data.gyroscope
                payload = repr((a.x, a.y, a.z, g.x, g.y, g.z, data.compass)).encode()
            else:
                payload = repr((data.latitude, data.longitude, data.altitude)).encode()
            with self._news:  # frames are counted since the server began, the time since the episode did
                told.update(f"{data.timestamp:.6f}".encode() + payload)
                self._frames[name] = data.frame
                self._news.notify_all()

        return listen

    def add(self, name: str, payload: bytes) -> None:
        self._hashes.setdefault(name, hashlib.sha256()).update(payload)

    def wait_for(self, frame: int) -> None:
        names = [f"{k} {kind}" for k, (kind, _) in enumerate(SENSORS)]
        with self._news:
            if not self._news.wait_for(lambda: all(self._frames.get(name, 0) >= frame for name in names), 60.0):
                raise TimeoutError(f"frame {frame}: sensors are at {self._frames}")

    def digests(self) -> dict[str, str]:
        return {name: told.hexdigest() for name, told in sorted(self._hashes.items())}


def drive(port: int, vehicles: int, walkers: int, ticks: int) -> dict[str, str]:
    """Hashes by stream of one episode."""
    import carla

    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    world = client.reload_world(False)
    while world.get_snapshot().timestamp.elapsed_seconds < START_S - 1e-6:
        world.tick()
    manager = client.get_trafficmanager(port + 50)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(7)
    library = world.get_blueprint_library()
    cars = [b for b in library.filter("vehicle.*") if b.get_attribute("base_type").as_str() == "car"]
    points = world.get_map().get_spawn_points()
    spawn = carla.command.SpawnActor
    autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, port + 50)
    batch = [spawn(cars[k % len(cars)], points[k]).then(autopilot) for k in range(min(vehicles, len(points)))]
    ids = [r.actor_id for r in client.apply_batch_sync(batch, True) if not r.error]
    controllers = _walk(client, world, library, walkers)
    streams = Streams()
    carrier = world.get_actor(ids[0])
    sensors = []
    for k, (kind, attributes) in enumerate(SENSORS):
        blueprint = library.find(kind)
        for name, value in attributes.items():
            blueprint.set_attribute(name, value)
        above = carla.Transform(carla.Location(x=0.5, z=2.4))
        sensors.append(world.spawn_actor(blueprint, above, attach_to=carrier))
        sensors[-1].listen(streams.listener(f"{k} {kind}"))
    time.sleep(0.5)
    for _ in range(ticks):
        frame = world.tick()
        streams.wait_for(frame)
        streams.add("snapshot", _told(world.get_snapshot()))
    for controller in controllers:
        controller.stop()
    for sensor in sensors:
        sensor.stop()
    manager.set_synchronous_mode(False)
    manager.shut_down()
    return streams.digests()


def _walk(client: Any, world: Any, library: Any, count: int) -> list[Any]:
    import carla

    world.set_pedestrians_seed(11)
    kinds = sorted(library.filter("walker.pedestrian.*"), key=lambda b: b.id)
    controllers = []
    for k in range(count):
        place = world.get_random_location_from_navigation()
        walker = place and world.try_spawn_actor(kinds[k % len(kinds)], carla.Transform(place))
        if walker:
            controller = world.spawn_actor(library.find("controller.ai.walker"), carla.Transform(), walker)
            controllers.append(controller)
    world.tick()
    for controller in controllers:
        controller.start()
        controller.go_to_location(world.get_random_location_from_navigation())
        controller.set_max_speed(1.4)
    return controllers


def _told(snapshot: Any) -> bytes:
    rows = []
    for actor in sorted(snapshot, key=lambda a: a.id):
        at, v = actor.get_transform(), actor.get_velocity()
        place = (at.location.x, at.location.y, at.location.z, at.rotation.pitch, at.rotation.yaw, at.rotation.roll)
        rows.append((actor.id, *place, v.x, v.y, v.z))
    return repr(rows).encode()


def main() -> None:
    """Command line: runs, each in processes of its own, or one client of a running server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="drive on this server and print the hashes")
    parser.add_argument("--map", default="Roadlab01")
    parser.add_argument("--vehicles", type=int, default=30)
    parser.add_argument("--walkers", type=int, default=20)
    parser.add_argument("--ticks", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    if options.port:
        for name, digest in drive(options.port, options.vehicles, options.walkers, options.ticks).items():
            print(f"{digest}  {name}", flush=True)
        os._exit(0)  # the client's threads end the process with an abort otherwise
    seen = [run_once(k, options) for k in range(options.runs)]
    same = all(run == seen[0] for run in seen)
    print(f"{len(seen)} runs: {'one hash' if same else 'HASHES DIFFER'}")
    sys.exit(0 if same else 1)


def run_once(number: int, options: argparse.Namespace) -> str:
    """One server, one client: on both cores for even numbers, on one for odd ones."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores if number % 2 == 0 else cores[:1])
    os.environ["PYTHONHASHSEED"] = str(number)
    try:
        with running_server("real", options.map) as server:
            arguments = ["--port", str(server.port), "--vehicles", str(options.vehicles)]
            arguments += ["--walkers", str(options.walkers), "--ticks", str(options.ticks)]
            command = [sys.executable, "-m", "tests.sim.server.robustness.repeat", *arguments]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    finally:
        os.sched_setaffinity(0, cores)
    print(
        f"run {number} on {len(cores) if number % 2 == 0 else 1} core(s):\n{done.stdout}{done.stderr[-2000:]}",
        flush=True,
    )
    assert done.stdout.count("\n") == len(SENSORS) + 1, "the client did not get to its end"
    return done.stdout


if __name__ == "__main__":
    main()
