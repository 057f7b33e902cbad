"""Wears a server: ``python -m tests.sim.server.robustness.soak``. Memory and speed, first tenth against last.

Sensors come and go, the world is loaded anew, and ticks go on for as long as asked, with traffic and sensors. Traffic
thins out and jams over an hour, so speed is told by the same short drive before and after it all as well.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil

from tests.sim.server.serving import running_server

STEP_S = 0.05
TENTHS = 10
WARM_UPS = 24
"""Of each kind of work before it is measured: kernels load and caches fill once."""
PROBE_TICKS = 1000
PROBES = 5  # the quickest counts: the machine's other work only ever slows one down


class Soak:
    """One client of a server whose process is watched."""

    def __init__(self, port: int, process: psutil.Process) -> None:
        import carla

        self._carla, self._process, self._port = carla, process, port
        self._client = carla.Client("127.0.0.1", port)
        self._client.set_timeout(60.0)
        self._world = self._client.get_world()
        settings = self._world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
        self._world.apply_settings(settings)

    def measure(self, name: str, work: Callable[[], None], count: int) -> None:
        """Do work count times; print memory and seconds of CPU of the server in the first and the last tenth."""
        size = max(count // TENTHS, 1)
        memory, cpu = [], []
        for _ in range(WARM_UPS):
            work()
        for k in range(TENTHS):
            before = self._cpu_s()
            for _ in range(size):
                work()
            cpu.append((self._cpu_s() - before) / size * 1e3)
            memory.append(self._process.memory_info().rss / 1e6)
            print(
                f"{name} {(k + 1) * size}: {memory[-1]:.1f} MB, {cpu[-1]:.2f} ms of the server's CPU each", flush=True
            )
        self._report(name, memory, cpu)

    def ticks(self, seconds: float) -> None:
        """Tick for so many simulated seconds; as ``measure``, in tenths."""
        memory, cpu, rates = [], [], []
        count = round(seconds / STEP_S / TENTHS)
        for k in range(TENTHS):
            before, began = self._cpu_s(), time.monotonic()
            for _ in range(count):
                self._world.tick()
            cpu.append((self._cpu_s() - before) / count * 1e3)
            rates.append(count / (time.monotonic() - began))
            memory.append(self._process.memory_info().rss / 1e6)
            line = f"{rates[-1]:.0f} ticks/s, {memory[-1]:.1f} MB, {cpu[-1]:.2f} ms CPU a tick"
            print(f"ticks, tenth {k + 1}: {line}", flush=True)
        self._report("ticks", memory, cpu)

    def sensor(self) -> None:
        """A sensor comes, is listened to for a tick, and goes; the kinds take turns."""
        library = self._world.get_blueprint_library()
        kinds = ("camera.rgb", "camera.depth", "lidar.ray_cast", "other.imu", "other.radar", "other.collision")
        self._turn = getattr(self, "_turn", 0) + 1
        blueprint = library.find(f"sensor.{kinds[self._turn % len(kinds)]}")
        if blueprint.has_attribute("image_size_x"):
            blueprint.set_attribute("image_size_x", "160")
            blueprint.set_attribute("image_size_y", "120")
        sensor = self._world.spawn_actor(blueprint, self._carla.Transform(self._carla.Location(z=3.0)))
        sensor.listen(lambda data: None)
        self._world.tick()
        sensor.stop()
        sensor.destroy()

    def reload(self) -> None:
        """The same map anew, with a vehicle on it."""
        self._world = self._client.reload_world(False)
        blueprint = self._world.get_blueprint_library().find("vehicle.tesla.model3")
        self._world.spawn_actor(blueprint, self._world.get_map().get_spawn_points()[0])
        self._world.tick()

    def populate(self, vehicles: int) -> Any:
        """Vehicles under a traffic manager, a camera and a LiDAR; the manager, to be kept."""
        carla, port = self._carla, self._port + 60
        self._world = self._client.reload_world(False)
        manager = self._client.get_trafficmanager(port)
        manager.set_synchronous_mode(True)
        manager.set_random_device_seed(3)
        cars = self._world.get_blueprint_library().filter("vehicle.*.*")
        points = self._world.get_map().get_spawn_points()
        autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, port)
        spawn = carla.command.SpawnActor
        batch = [spawn(cars[k % len(cars)], points[k]).then(autopilot) for k in range(vehicles)]
        ids = [r.actor_id for r in self._client.apply_batch_sync(batch, True) if not r.error]
        for kind in ("sensor.camera.semantic_segmentation", "sensor.lidar.ray_cast"):
            blueprint = self._world.get_blueprint_library().find(kind)
            above = carla.Transform(carla.Location(z=2.5))
            self._world.spawn_actor(blueprint, above, attach_to=self._world.get_actor(ids[0])).listen(lambda data: None)
        return manager

    def probe(self, vehicles: int) -> float:
        """CPU of the server in ms for a tick of one and the same drive: the quickest of some."""
        quickest = np.inf
        for _ in range(PROBES):
            manager = self.populate(vehicles)
            self._world.tick()
            before = self._cpu_s()
            for _ in range(PROBE_TICKS):
                self._world.tick()
            quickest = min(quickest, (self._cpu_s() - before) / PROBE_TICKS * 1e3)
            self.dismiss(manager)
        return float(quickest)

    def dismiss(self, manager: Any) -> None:
        """Let the traffic manager go before its world does."""
        manager.set_synchronous_mode(False)
        manager.shut_down()

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _report(self, name: str, memory_mb: list[float], cpu_ms: list[float]) -> None:
        grown = 100.0 * (memory_mb[-1] / memory_mb[0] - 1.0)
        slower = 100.0 * (cpu_ms[-1] / cpu_ms[0] - 1.0) if cpu_ms[0] else np.nan
        print(f"{name}: memory {grown:+.1f} %, CPU {slower:+.1f} %, last tenth against first", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--map", default="Roadlab01")
    parser.add_argument("--sensors", type=int, default=3000)
    parser.add_argument("--reloads", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=60.0, help="simulated time of the ticks")
    parser.add_argument("--vehicles", type=int, default=20)
    options = parser.parse_args()
    with running_server("real", options.map) as server:
        soak = Soak(server.port, psutil.Process(server.process.pid))
        fresh = soak.probe(options.vehicles)
        soak.measure("sensors", soak.sensor, options.sensors)
        soak.measure("reloads", soak.reload, options.reloads)
        manager = soak.populate(options.vehicles)
        soak.ticks(60.0 * options.minutes)
        soak.dismiss(manager)
        worn = soak.probe(options.vehicles)
        change = 100.0 * (worn / fresh - 1.0)
        print(f"the same drive before and after: {fresh:.3f}, {worn:.3f} ms CPU a tick, {change:+.1f} %", flush=True)
        print("faults logged:", server.log().count("Traceback"), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
