"""Drives in a process of its own, so that a drive that ends its process still leaves scores and a report.

The client's traffic manager is C++ and aborts the process when a call of its own finds the server gone. So
``roadlab run`` (this side: ``Driver``) only starts things and scores what was recorded; ``python -m sim.driver``
drives. They exchange lines of JSON: the configuration, then where to drive and record, go to its standard input,
which stays open as long as the run lives; ``ready``, ``began`` and the ending, or the error that prevents one, come
back through the pipe whose number is its argument.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import yaml
from rich.console import Console

from sim.config import RunConfig, build, dump_config
from sim.display import Display
from sim.folder import point_latest, provenance
from sim.interrupt import was_interrupted
from sim.log.mend import mend_log
from sim.log.schema import World
from sim.log.writer import LogWriter
from sim.loop import Ending, drive
from sim.orphan import when_stdin_ends
from sim.pipeline import Pipeline
from sim.source.base import FrameSource

FAULT_STREAM = 1
"""Number of the random stream that faults draw from; the source draws from stream 0 of the same seed."""
LAST_WORDS_S = 60.0
"""How long a driver that was interrupted twice may take to close its log."""


class DriveError(RuntimeError):
    """A drive that could not begin; the message says why and what to do."""


class Driver:
    """The driving process, from this side. A context manager: the process does not outlive the block."""

    def __init__(self, config: RunConfig, quiet: bool = False) -> None:
        """Start it and wait until its networks are loaded. Raises DriveError where that fails."""
        read, write = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sim.driver", str(write)],
            stdin=subprocess.PIPE,
            text=True,
            pass_fds=(write,),
            start_new_session=True,  # Ctrl-C is passed on, once
        )
        os.close(write)
        self._answers = os.fdopen(read, encoding="utf-8")
        self._interrupted = False
        try:
            self._tell({"config": dump_config(config), "quiet": quiet})
            self._answer("ready")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the process end, or end it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._answers.close()
        try:
            self._process.wait(LAST_WORDS_S if self._interrupted else 5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def drive(self, folder: Path, host: str, port: int, server: str) -> Ending:
        """Drive on the server at this address and record into the folder; server is what the record calls it.

        Raises DriveError where it did not begin. A process that died on the way is a lost source: then the log is
        mended.
        """
        self._tell({"folder": str(folder), "host": host, "port": port, "server": server})
        self._answer("began")
        began = time.perf_counter()
        answer = self._next()
        if answer is not None:
            return Ending(**self._checked(answer)["ending"])
        code = self._process.wait()
        frames, simulated_s = mend_log(folder / "log.mcap")
        if not frames:
            raise DriveError(f"{host}:{port}: the drive ended before its first frame, {_death(code)}")
        reason = "interrupted" if self._interrupted else "source lost"
        return Ending(reason, f"{host}:{port}: {_death(code)}", frames, simulated_s, time.perf_counter() - began)

    def _tell(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is gone: its answer will say so
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _answer(self, word: str) -> None:
        answer = self._next()
        if answer is None:
            code = self._process.wait()
            if self._interrupted:
                raise KeyboardInterrupt
            raise DriveError(f"the driving process gave no sign of being {word}: {_death(code)}")
        self._checked(answer)

    def _next(self) -> dict[str, Any] | None:
        """Its next message; None when it is gone. Ctrl-C is passed on, a second one ends it."""
        while True:
            try:
                line = self._answers.readline()
            except KeyboardInterrupt:
                number = signal.SIGTERM if self._interrupted else signal.SIGINT
                self._interrupted = True
                self._process.send_signal(number)
                continue
            message: dict[str, Any] | None = json.loads(line) if line else None
            return message

    @staticmethod
    def _checked(answer: dict[str, Any]) -> dict[str, Any]:
        if "error" in answer:
            raise DriveError(answer["error"])
        return answer


def _death(code: int) -> str:
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with status {code}"


def record_drive(
    source: FrameSource, pipeline: Pipeline, config: RunConfig, folder: Path, facts: dict[str, str], console: Console
) -> Ending:
    """Give the pipeline its route, drive it and record everything."""
    route = source.route
    pipeline.planning.set_route(
        np.array(route.start_world), np.array(route.goal_world), tuple(map(np.array, route.via_world))
    )
    world = World(source.vehicle, source.step_s, source.route, tuple(source.map_lights), source.lane_graph)
    with (
        LogWriter(folder / "log.mcap", config.log, world, facts) as log,
        Display(console, config.duration_s) as display,
    ):
        point_latest(folder)
        return drive(source, pipeline, [log, display], config.duration_s)


# --- the driving process ------------------------------------------------------------------------------------------


def _drive_here(config: RunConfig, orders: Mapping[str, Any], detector: Any, answers: TextIO, quiet: bool) -> Ending:
    from sim.faults import FaultySource
    from sim.source.carla import CarlaSource

    plain = CarlaSource(orders["host"], orders["port"], config)
    try:
        source: FrameSource = plain
        if config.faults:
            source = FaultySource(plain, config.faults, np.random.default_rng([config.seed, FAULT_STREAM]))
        pipeline = Pipeline(config, detector, source.lane_graph, source.map_lights, source.vehicle)
        _say(answers, {"began": True})
        facts = provenance(config, orders["server"])
        return record_drive(source, pipeline, config, Path(orders["folder"]), facts, Console(quiet=quiet))
    finally:
        plain.close()


def _say(answers: TextIO, message: Mapping[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def main() -> int:
    """The driving process. Its last message is the ending, or the error of the user's or the machine's."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as answers:
        try:
            from perception.camera.detector import YoloDetector

            first = json.loads(sys.stdin.readline())
            config = build(RunConfig, yaml.safe_load(first["config"]))
            detector = YoloDetector(config.perception.detector, config.device)
            _say(answers, {"ready": True})
            orders = json.loads(sys.stdin.readline() or "null")
            if orders is None:  # the run ended before it had a server
                return 1
            when_stdin_ends(lambda: os._exit(1))  # nobody is left who would score the drive
            _say(answers, {"ending": asdict(_drive_here(config, orders, detector, answers, first["quiet"]))})
        except (KeyboardInterrupt, SystemError) as error:
            if not was_interrupted(error):
                raise
            return 1
        except (ValueError, OSError, RuntimeError) as error:
            _say(answers, {"error": str(error)})
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
