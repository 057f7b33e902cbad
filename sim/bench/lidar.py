"""Family ``lidar``: whole turns of spinning LiDARs along a street with traffic."""

from __future__ import annotations

from collections.abc import Callable

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

    def turn(kind: str, channels: int) -> Callable[[], object]:
        attributes = {
            "channels": str(channels),
            "range": str(RANGE_M),
            "points_per_second": str(channels * COLUMNS * TURNS_PER_SECOND),
            "rotation_frequency": str(TURNS_PER_SECOND),
            "dropoff_general_rate": "0",  # every ray is shot
        }
        sensor = create_sensor(kind, attributes, shared)
        return lambda: sensor.measure(*street.pose(HEIGHT_M), view, 0, 1.0 / TURNS_PER_SECOND)

    progress("lidar: building the ray scenes")
    works: dict[str, Callable[[], object]] = {reference.NAME: reference.Reference()}
    works |= {f"{STATIC} {n}x{COLUMNS}": _static(shared, street, n) for n in CHANNELS}
    works |= {f"lidar {n}x{COLUMNS}": turn("sensor.lidar.ray_cast", n) for n in CHANNELS}
    works |= {f"semantic lidar {n}x{COLUMNS}": turn("sensor.lidar.ray_cast_semantic", n) for n in CHANNELS}
    progress("lidar: turning")
    laps = interleaved(works, options.rounds(ROUNDS), Clocks(), before=move)
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
