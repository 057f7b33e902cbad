"""Family ``lidar``: whole turns of spinning LiDARs along a street with traffic, in clear air and in weather.

A turn is shared out between two threads. The CPU time of the thread that asks for it is what it would take on a
machine whose two cores have nothing else to do: it does its half and what cannot be shared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from sim.bench import reference
from sim.bench.measure import Clocks, Quantity, Result, interleaved, measurement
from sim.bench.options import BenchOptions, Progress
from sim.bench.street import Street
from sim.server.scene.library import load_library
from sim.server.sensors.create import SensorWorld, create_sensor

VEHICLES, WALKERS = 30, 20
HEIGHT_M = 1.9
RANGE_M = 100.0
COLUMNS = 1024
TURNS_PER_SECOND = 10
CHANNELS = (32, 64)
ROUNDS = 60
WEATHERS: Mapping[str, tuple[Mapping[str, float], Mapping[str, str]]] = {
    # what the world's weather says, and attributes of the sensor
    "fog": ({"fog_density": 60.0, "fog_distance": 0.0}, {}),
    "rain": ({"precipitation": 80.0, "precipitation_deposits": 80.0}, {}),
    "snow": ({}, {"snowfall": "2.0"}),
}
STATIC = "embree"
"""Baseline beside the reference: as many rays straight into Embree, nothing that moves, no points made."""


def run(options: BenchOptions, progress: Progress) -> Result:
    """Turns a second of 32 and 64 channels with 1,024 columns: rays, bodies, points, bytes."""
    street = Street(options.map, options.seed, VEHICLES, WALKERS)
    shared = SensorWorld(street.world.scene, load_library, options.seed)
    view = street.advance()

    def move() -> None:
        nonlocal view
        view = street.advance()

    def turn(
        kind: str, channels: int, weather: Mapping[str, float] | None = None, more: Mapping[str, str] | None = None
    ) -> Callable[[], object]:
        attributes = {
            "channels": str(channels),
            "range": str(RANGE_M),
            "points_per_second": str(channels * COLUMNS * TURNS_PER_SECOND),
            "rotation_frequency": str(TURNS_PER_SECOND),
            "dropoff_general_rate": "0",  # every ray is shot
            **(more or {}),
        }
        sensor = create_sensor(kind, attributes, shared)

        def measure() -> object:
            seen = replace(view, weather=replace(view.weather, **weather)) if weather else view
            return sensor.measure(*street.pose(HEIGHT_M), seen, 0, 1.0 / TURNS_PER_SECOND)

        return measure

    progress("lidar: building the ray scenes")
    works: dict[str, Callable[[], object]] = {reference.NAME: reference.Reference()}
    works |= {f"{STATIC} {n}x{COLUMNS}": _static(shared, street, n) for n in CHANNELS}
    works |= {f"lidar {n}x{COLUMNS}": turn("sensor.lidar.ray_cast", n) for n in CHANNELS}
    works |= {f"semantic lidar {n}x{COLUMNS}": turn("sensor.lidar.ray_cast_semantic", n) for n in CHANNELS}
    for name, (weather, more) in WEATHERS.items():
        for n in CHANNELS:
            works[f"lidar in {name} {n}x{COLUMNS}"] = turn("sensor.lidar.ray_cast", n, weather, more)
    progress("lidar: turning")
    clocks = Clocks(cpu_s={"process": time.process_time, "thread": time.thread_time})
    laps = interleaved(works, options.rounds(ROUNDS), clocks, before=move)
    measurements = []
    for name in works:
        baselines = {reference.NAME: laps[reference.NAME]}
        rays = f"{STATIC} {name.split()[-1]}"
        if name not in (reference.NAME, rays):
            baselines[STATIC] = laps[rays]
        if name != reference.NAME:
            measurements.append(measurement(name, "turn", laps[name], baselines))
    bodies = (
        Quantity("vehicles", street.vehicles, ""),
        Quantity("walkers", street.walkers, ""),
    )
    return Result("lidar", "reference unit; as many rays against the static world", tuple(measurements), bodies)


def _static(shared: SensorWorld, street: Street, channels: int) -> Callable[[], object]:
    """A turn's rays (32 or 64 elevations from +10 to -30 degrees) against the static world alone."""
    elevation, azimuth = np.meshgrid(
        np.radians(np.linspace(10.0, -30.0, channels)), np.linspace(-np.pi, np.pi, COLUMNS, endpoint=False),
        indexing="ij",
    )  # fmt: skip
    along = np.cos(elevation)
    ways = np.stack([along * np.cos(azimuth), along * np.sin(azimuth), np.sin(elevation)], axis=-1).reshape(-1, 3)
    rays = np.concatenate([np.zeros_like(ways), ways], axis=1).astype(np.float32)
    caster = shared.caster

    def cast() -> object:
        rays[:, :3] = street.pose(HEIGHT_M)[0]
        return caster.cast_rays(rays, RANGE_M)

    return cast
