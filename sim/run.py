"""One run from configuration to report: server, source, stack, record, score."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from perception.camera.detector import YoloDetector
from sim.config import RunConfig
from sim.driver import Driver, record_drive
from sim.embedded import embedded_server
from sim.evaluation.evaluate import evaluate_ticks
from sim.folder import new_run_folder, provenance
from sim.log.reader import LogReader, LogReadError
from sim.loop import Ending
from sim.pipeline import Pipeline
from sim.report.page import gallery_frames, write_report
from sim.report.video import write_video
from sim.source.replay import ReplaySource


@dataclass(frozen=True)
class RunResult:
    """Where everything is, how the drive ended, and its metrics."""

    folder: Path
    ending: Ending
    metrics: dict[str, Any]


def parse_address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` (or ``HOST``, port 2000). Raises ValueError."""
    host, _, port = text.partition(":")
    if not host or (port and not port.isdigit()):
        raise ValueError(f"--carla {text!r}: expected HOST:PORT, for example localhost:2000")
    return host, int(port or 2000)


@contextlib.contextmanager
def _server(config: RunConfig, carla: str | None, folder: Path, console: Console) -> Iterator[tuple[str, int]]:
    """Address of the server to drive on: the given one, or an embedded one for the length of the block."""
    if carla is not None:
        yield parse_address(carla)
        return

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, highlight=False)

    with embedded_server(config.map, config.seed, folder / "server.log", say=say) as server:
        yield "127.0.0.1", server.port


def run(config: RunConfig, root: Path, carla: str | None, console: Console) -> RunResult:
    """Drive a scenario and leave a run folder. Raises what source and server raise before the first frame; after it
    every ending leaves a readable log and a report."""
    if carla is not None:
        parse_address(carla)
    with Driver(config, console.quiet) as driver:
        folder = new_run_folder(root, config)
        console.print(f"run folder: {folder}", soft_wrap=True)
        with _server(config, carla, folder, console) as (host, port):
            console.print(f"connecting to {host}:{port}, map {config.map}, {config.traffic.vehicles} vehicles")
            ending = driver.drive(folder, host, port, carla or "embedded")
    return _finish(folder, ending, config, console)


def _finish(folder: Path, ending: Ending, config: RunConfig, console: Console) -> RunResult:
    """Score the record and show it."""
    console.print(f"ended: {ending.reason} after {ending.simulated_s:.1f} s, {ending.frames} frames", highlight=False)
    console.print("scoring the log")
    log = LogReader(folder / "log.mcap")
    ticks = list(log.ticks(sensors=gallery_frames(ending.frames)))
    metrics = evaluate_ticks(log, ticks)
    metrics["ending"] = {
        "reason": ending.reason,
        "message": ending.message,
        "frames": ending.frames,
        "simulated_s": ending.simulated_s,
        "wall_s": ending.wall_s,
        "real_time_factor": ending.simulated_s / ending.wall_s if ending.wall_s > 0 else 0.0,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True), encoding="utf-8")
    if config.log.video:
        console.print("drawing the video")
        write_video(folder / "log.mcap", folder / "drive.mp4")
    write_report(folder, log, ticks, metrics)
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True)
    return RunResult(folder, ending, metrics)


def replay(log: Path, config: RunConfig, root: Path, console: Console) -> RunResult:
    """Run the stack again over a recorded drive's sensors; leaves a run folder like a drive does. Raises LogReadError
    for a log without a whole frame."""
    source = ReplaySource(log)
    if next(source.log.ticks(sensors=False), None) is None:
        raise LogReadError(f"{log}: the log holds no whole frame: it ended before the drive began")
    detector = YoloDetector(config.perception.detector, config.device)
    folder = new_run_folder(root, config)
    console.print(f"run folder: {folder}", soft_wrap=True)
    pipeline = Pipeline(config, detector, source.lane_graph, source.map_lights, source.vehicle)
    facts = provenance(config, f"replay of {log}")
    ending = record_drive(source, pipeline, config, folder, facts, console)
    return _finish(folder, ending, config, console)
