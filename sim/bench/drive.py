"""Families ``run`` and ``stack``: the default scenario, driven and taken apart.

``run`` drives for 20 simulated seconds with everything on and says where the wall time went. ``stack`` keeps a few
seconds of frames of such a drive and runs the stack over them again with nothing else going on.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from perception.camera.detector import YoloDetector
from perception.frame import Frame
from sim.bench import reference
from sim.bench.measure import Measurement, Quantity, Result, spread
from sim.bench.options import BenchOptions, Progress
from sim.config import RunConfig, load_config
from sim.embedded import embedded_server
from sim.folder import provenance
from sim.log.schema import World
from sim.log.writer import LogWriter
from sim.loop import Sink, Tick, drive
from sim.pipeline import Pipeline
from sim.source.carla import CarlaSource

DRIVE_S, QUICK_DRIVE_S = 20.0, 4.0
STACK_S, QUICK_STACK_S = 6.0, 1.5
SKIPPED_FRAMES = 3
"""At the beginning: the first frame waits for the traffic to spawn, and the first pictures warm the network up."""
SOURCE, RECORD = "world and sensors", "record and rest"


@dataclass
class Stages(Sink):
    """A sink that keeps every tick's times and measures one reference unit beside it, whose time it knows."""

    unit: reference.Reference

    def __post_init__(self) -> None:
        self.source_ms: list[float] = []
        self.stage_ms: list[dict[str, float]] = []
        self.reference_ms: list[float] = []

    def write(self, tick: Tick) -> None:
        """Take one tick."""
        self.source_ms.append(tick.source_ms)
        self.stage_ms.append(dict(tick.step.timing_ms))
        began = time.perf_counter()
        self.unit()
        self.reference_ms.append((time.perf_counter() - began) * 1e3)

    def measurements(self) -> tuple[Measurement, ...]:
        """Every stage's times over all frames but the first ones."""
        stages = self.stage_ms[SKIPPED_FRAMES:]
        against = np.array(self.reference_ms[SKIPPED_FRAMES:])
        names = sorted({name for times in stages for name in times})
        rows = []
        for name in names:
            there = np.array([name in times for times in stages])
            samples = np.array([times[name] for times in stages if name in times])
            rows.append(spread(name, "frame", samples, reference.NAME, against[there]))
        return tuple(rows)


class Kept(Sink):
    """A sink that keeps the frames."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def write(self, tick: Tick) -> None:
        """Take one tick."""
        self.frames.append(tick.frame)


def config_of(options: BenchOptions, duration_s: float) -> RunConfig:
    """The default scenario, shortened. Raises ConfigError."""
    words = [f"map={options.map}", f"seed={options.seed}", f"duration_s={duration_s}", "log.video=false"]
    return load_config("default", [*words, *options.overrides])


@contextlib.contextmanager
def _scene(config: RunConfig, folder: Path) -> Iterator[tuple[CarlaSource, Pipeline, psutil.Process]]:
    """A source on an embedded server, a stack that knows its route, and the server's process."""
    detector = YoloDetector(config.perception.detector, config.device)  # first: without weights nothing is started
    with embedded_server(config.map, config.seed, folder / "server.log") as server:
        source = CarlaSource("127.0.0.1", server.port, config)
        try:
            yield source, stack_for(source, config, detector), psutil.Process(server.pid)
        finally:
            source.close()


def stack_for(source: CarlaSource, config: RunConfig, detector: YoloDetector) -> Pipeline:
    """A fresh stack for the route of a source."""
    pipeline = Pipeline(config, detector, source.lane_graph, source.map_lights, source.vehicle)
    route = source.route
    pipeline.planning.set_route(
        np.array(route.start_world), np.array(route.goal_world), tuple(map(np.array, route.via_world))
    )
    return pipeline


def run(options: BenchOptions, progress: Progress) -> Result:
    """Real-time factor of the default scenario, by stage. Raises what server, source and detector raise."""
    config = config_of(options, QUICK_DRIVE_S if options.quick else DRIVE_S)
    with tempfile.TemporaryDirectory(prefix="roadlab-bench-") as name:
        folder = Path(name)
        progress("run: start")
        with _scene(config, folder) as (source, pipeline, server):
            world = World(source.vehicle, source.step_s, source.route, tuple(source.map_lights), source.lane_graph)
            stages = Stages(reference.Reference())
            progress(f"run: {config.duration_s:g} s of the default scenario")
            cpu_server, cpu_app = server.cpu_times(), time.process_time()
            with LogWriter(folder / "log.mcap", config.log, world, provenance(config, "embedded")) as log:
                ending = drive(source, pipeline, [log, stages], config.duration_s)
            spent = server.cpu_times()
            server_s = spent.user + spent.system - cpu_server.user - cpu_server.system
            app_s = time.process_time() - cpu_app
            log_mb = (folder / "log.mcap").stat().st_size / 1e6
    if ending.frames <= SKIPPED_FRAMES:
        return Result(
            "run", "", fault=f"the drive ended after {ending.frames} frames: {ending.reason} {ending.message}"
        )
    against = np.array(stages.reference_ms[SKIPPED_FRAMES:])
    source_row = spread(SOURCE, "frame", np.array(stages.source_ms[SKIPPED_FRAMES:]), reference.NAME, against)
    return Result(
        "run",
        "reference unit, once a frame and not counted",
        (source_row, *stages.measurements()),
        quantities_of(ending.simulated_s, ending.wall_s, stages, server_s, app_s, log_mb),
    )


def quantities_of(
    simulated_s: float, wall_s: float, stages: Stages, server_s: float, app_s: float, log_mb: float
) -> tuple[Quantity, ...]:
    """Where the wall time ``wall_s`` of a drive went, from its first frame to its last.

    The time of the reference units is taken out; the wait for the first frame (traffic spawns, the world warms up) is
    not in it and stands apart.
    """
    frames = len(stages.source_ms)
    setup_s = stages.source_ms[0] * 1e-3
    driving_s = wall_s - sum(stages.reference_ms) * 1e-3
    source_s = sum(stages.source_ms[1:]) * 1e-3
    top = {
        stage: sum(t.get(stage, 0.0) for t in stages.stage_ms) * 1e-3 for stage in ("perception", "planning", "control")
    }
    rest_s = driving_s - source_s - sum(top.values())
    shares = {SOURCE: source_s, **top, RECORD: rest_s}
    return (
        Quantity("real-time factor", simulated_s / driving_s, ""),
        Quantity("spawning and warm-up", setup_s, "s"),
        Quantity("driving", driving_s, "s"),
        *(Quantity(f"share: {name}", 100.0 * seconds / driving_s, "%") for name, seconds in shares.items()),
        Quantity("server CPU a frame (with spawning and warm-up)", server_s / frames * 1e3, "ms"),
        Quantity("app CPU a frame (with spawning and warm-up)", app_s / frames * 1e3, "ms"),
        Quantity("log a frame", log_mb / frames, "MB"),
    )


def stack(options: BenchOptions, progress: Progress) -> Result:
    """Milliseconds of every stage over rendered frames, alone on the machine. Raises what the parts raise."""
    config = config_of(options, QUICK_STACK_S if options.quick else STACK_S)
    with tempfile.TemporaryDirectory(prefix="roadlab-bench-") as name:
        progress("stack: driving to get frames")
        with _scene(config, Path(name)) as (source, pipeline, _):
            kept = Kept()
            drive(source, pipeline, [kept], config.duration_s)
            again = stack_for(source, config, YoloDetector(config.perception.detector, config.device))
    progress(f"stack: {len(kept.frames)} frames again")
    stages = Stages(reference.Reference())
    began = time.process_time()
    for frame in kept.frames:
        stages.write(Tick(frame, None, again.step(frame), 0.0))
    cpu_s = time.process_time() - began - sum(stages.reference_ms) * 1e-3
    if len(kept.frames) <= SKIPPED_FRAMES:
        return Result("stack", "", fault=f"only {len(kept.frames)} frames came")
    points = sum(len(s.points_lidar_m) for s in kept.frames[-1].sweeps.values())
    return Result(
        "stack",
        "reference unit, after every frame",
        stages.measurements(),
        (
            Quantity("CPU a frame, all threads", cpu_s / len(kept.frames) * 1e3, "ms"),
            Quantity("points a frame", points, ""),
        ),
    )
