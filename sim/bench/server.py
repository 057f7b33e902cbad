"""Family ``server``: the server as a process, and the official client with its traffic manager."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from sim.bench import reference
from sim.bench.apart import ApartClient
from sim.bench.measure import Clocks, Measurement, Quantity, Result, Work, interleaved, measurement
from sim.bench.options import BenchOptions, Progress
from sim.embedded import embedded_server
from sim.source.bare import BareClient

LADDER = (1, 10, 50, 100, 250)
DRIVERS: dict[str, Callable[[BareClient, int, int], int]] = {
    "": lambda client, vehicles, seed: client.drive(vehicles, seed),
    ", hybrid physics": lambda client, vehicles, seed: client.drive(vehicles, seed, hybrid=True),
    ", no traffic manager": lambda client, vehicles, seed: client.roll(vehicles),
}
"""The three columns of CARLA's own benchmark; without a hero, hybrid physics has no vehicle with physics."""
TICKS, QUICK_TICKS = 1000, 200
TICKS_A_LAP = 20
SETTLE_TICKS = 60
"""Before the ladder counts: vehicles have settled and drive."""
MEMORY_TICKS = (500, 5000)
QUICK_MEMORY_TICKS = (50, 200)
MEMORY_VEHICLES = 10
OTHER_MAP = "Roadlab02"
MEGABYTE = 1e6
EMPTY = "empty"


def run(options: BenchOptions, progress: Progress) -> Result:
    """Start, maps, ticks a second of a growing traffic, memory. Raises ServerStartError.

    Two servers run: the second one stays empty and ticks in turn with the first, as the baseline.
    Raises RuntimeError too, where a server no longer answers.
    """
    quantities: list[Quantity] = []
    measurements: list[Measurement] = []
    progress("server: start")
    with _started(options, quantities) as (port, server), _started(options, []) as (other, _):
        client, empty = BareClient("127.0.0.1", port), ApartClient("127.0.0.1", other)
        client.begin()
        quantities += _loading(client, options)
        for name in DRIVERS:
            for vehicles in LADDER:
                progress(f"server: {vehicles} vehicles{name}")
                measurements.append(_traffic(client, empty, server, name, vehicles, options))
        empty.end()
        progress("server: memory")
        quantities += _memory(client, server, options)
        client.end()
    return Result("server", "a second server without actors; reference unit", tuple(measurements), tuple(quantities))


@contextlib.contextmanager
def _started(options: BenchOptions, quantities: list[Quantity]) -> Iterator[tuple[int, psutil.Process]]:
    """A server with the map that has answered once, as its port and process; the time to that answer is noted."""
    with tempfile.TemporaryDirectory(prefix="roadlab-bench-") as folder:
        began = time.perf_counter()
        with embedded_server(options.map, options.seed, Path(folder) / "server.log") as server:
            BareClient("127.0.0.1", server.port).ask()
            quantities.append(Quantity("start to first answer", time.perf_counter() - began, "s"))
            yield server.port, psutil.Process(server.pid)


def _loading(client: BareClient, options: BenchOptions) -> list[Quantity]:
    """Seconds of a first and of a second load of a map."""
    seconds = []
    for name in (OTHER_MAP, options.map):
        began = time.perf_counter()
        client.load(name)
        seconds.append(time.perf_counter() - began)
    client.begin()
    return [
        Quantity(f"load_world {OTHER_MAP}, first time", seconds[0], "s"),
        Quantity(f"load_world {options.map}, loaded before", seconds[1], "s"),
    ]


def _traffic(
    client: BareClient, empty: ApartClient, server: psutil.Process, drivers: str, vehicles: int, options: BenchOptions
) -> Measurement:
    """Ticks a second with vehicles, without sensors; against the empty world and the reference."""
    client.begin()
    there = DRIVERS[drivers](client, vehicles, options.seed)
    client.tick(SETTLE_TICKS)
    ticks = QUICK_TICKS if options.quick else TICKS
    unit = reference.Reference()
    works: dict[str, Work] = {
        "traffic": lambda: client.tick(TICKS_A_LAP),
        EMPTY: lambda: empty.tick(TICKS_A_LAP),
        reference.NAME: unit,
    }
    clocks = Clocks(cpu_s={"server": lambda: _cpu_s(server), "client": time.process_time})
    laps = interleaved(works, ticks // TICKS_A_LAP, clocks)
    client.clear()
    baselines = {EMPTY: laps[EMPTY].per(TICKS_A_LAP), reference.NAME: laps[reference.NAME]}
    name = f"{there} vehicles" if there != 1 else "1 vehicle"
    return measurement(name + drivers, "tick", laps["traffic"].per(TICKS_A_LAP), baselines)


def _memory(client: BareClient, server: psutil.Process, options: BenchOptions) -> list[Quantity]:
    """Resident memory of the server with one camera and one LiDAR, early and late."""
    early, late = QUICK_MEMORY_TICKS if options.quick else MEMORY_TICKS
    client.begin()
    client.drive(MEMORY_VEHICLES, options.seed)
    client.sense()
    client.tick(early)
    first_mb = server.memory_info().rss / MEGABYTE
    began, cpu_began = time.perf_counter(), _cpu_s(server)
    client.tick(late - early)
    wall_s, cpu_s = time.perf_counter() - began, _cpu_s(server) - cpu_began
    last_mb = server.memory_info().rss / MEGABYTE
    client.clear()
    return [
        Quantity(f"memory after {early} ticks with camera and LiDAR", first_mb, "MB"),
        Quantity(f"memory after {late} ticks with camera and LiDAR", last_mb, "MB"),
        Quantity("growth between them", 100.0 * (last_mb / first_mb - 1.0), "%"),
        Quantity("ticks with camera and LiDAR", (late - early) / wall_s, "ticks/s"),
        Quantity("server CPU a tick with camera and LiDAR", cpu_s / (late - early) * 1e3, "ms"),
    ]


def _cpu_s(process: psutil.Process) -> float:
    """CPU time that a process has used so far, in the kernel and outside."""
    times = process.cpu_times()
    return float(times.user + times.system)
