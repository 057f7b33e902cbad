"""Truth cannot reach a stage: not by type, not past the type checker, not by value."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import typing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from control.command import Command
from control.control import Control
from perception.camera.detector import YoloDetector
from perception.frame import Frame
from perception.perceive import Perception
from planning.plan import Planning
from sim.loop import Tick, drive
from sim.pipeline import Pipeline
from sim.replay import replay_config
from sim.source.replay import ReplaySource
from sim.truth import Truth
from tests.sim.conftest import ROOT, TinyRun

STAGES = (Perception.__init__, Perception.perceive, Planning.__init__, Planning.set_route, Planning.plan,
          Control.__init__, Control.control)  # fmt: skip
VISIBLE = {"perception", "planning", "control"}


def reachable(kind: Any, seen: set[type]) -> set[type]:
    """Every class that a value of this type can hold, through containers, unions and the fields of dataclasses."""
    for argument in typing.get_args(kind):
        reachable(argument, seen)
    if isinstance(kind, type) and kind not in seen:
        seen.add(kind)
        if dataclasses.is_dataclass(kind):
            for hint in typing.get_type_hints(kind).values():
                reachable(hint, seen)
    return seen


def taken(function: Callable[..., Any]) -> set[type]:
    hints = typing.get_type_hints(function)
    hints.pop("return", None)
    found: set[type] = set()
    for hint in hints.values():
        reachable(hint, found)
    return found


@pytest.mark.parametrize("function", STAGES, ids=lambda f: f.__qualname__)
def test_no_stage_takes_anything_of_the_simulation(function: Callable[..., Any]) -> None:
    assert [kind for kind in taken(function) if kind.__module__.split(".")[0] == "sim"] == []


def test_the_search_would_find_truth() -> None:
    assert Truth in taken(Tick.__init__)
    assert Frame in taken(Perception.perceive)


SNIPPET = """\
from perception.frame import Frame
from perception.perceive import Perception
from planning.plan import Planning
from perception.objects import Tracks
from sim.truth import Truth


def honest(perception: Perception, planning: Planning, frame: Frame, tracks: Tracks) -> None:
    perception.perceive(frame)
    planning.plan(tracks)


def cheat(perception: Perception, planning: Planning, truth: Truth) -> None:
    perception.perceive(truth)
    planning.plan(truth)
"""


def test_the_type_checker_refuses_truth(tmp_path: Path) -> None:
    file = tmp_path / "cheat.py"
    file.write_text(SNIPPET)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--follow-imports", "silent", file],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    errors = [line for line in checked.stdout.splitlines() if "error:" in line]
    assert [int(line.split(":")[1]) for line in errors] == [14, 15], checked.stdout + checked.stderr
    assert all('has incompatible type "Truth"' in line for line in errors)


class Lying:
    """A recording whose every truth is garbage."""

    def __init__(self, path: Path) -> None:
        self._source = ReplaySource(path)
        self._rng = np.random.default_rng(0)
        self.lane_graph, self.map_lights = self._source.lane_graph, self._source.map_lights
        self.vehicle, self.step_s, self.route = self._source.vehicle, self._source.step_s, self._source.route
        self.lies = 0

    def reset(self) -> tuple[Frame, Truth | None]:
        return self._lie(*self._source.reset())

    def step(self, command: Command) -> tuple[Frame, Truth | None]:
        return self._lie(*self._source.step(command))

    def close(self) -> None:
        self._source.close()

    def _lie(self, frame: Frame, truth: Truth | None) -> tuple[Frame, Truth | None]:
        assert truth is not None
        self.lies += 1
        return frame, replace(
            truth,
            world_from_ego=self._rng.normal(size=(4, 4)),
            ego_velocity_mps=np.full(3, np.nan),
            boxes_world_m=self._rng.normal(0.0, 10.0, truth.boxes_world_m.shape),
            velocity_world_mps=np.full_like(truth.velocity_world_mps, np.inf),
            classes=np.full_like(truth.classes, 6),
            cameras=(),
            lights=MappingProxyType(dict.fromkeys(truth.lights, 1)),
            events=({"kind": "collision"},),
        )


class Commands:
    def __init__(self) -> None:
        self.given: list[Command] = []

    def write(self, tick: Tick) -> None:
        self.given.append(tick.step.command)


def test_false_truth_changes_no_command(tiny_run: TinyRun) -> None:
    config = replay_config(tiny_run.folder, [])
    source = Lying(tiny_run.log)
    detector = YoloDetector(config.perception.detector, config.device)
    pipeline = Pipeline(config, detector, source.lane_graph, source.map_lights, source.vehicle)
    route = source.route
    pipeline.planning.set_route(
        np.array(route.start_world), np.array(route.goal_world), tuple(map(np.array, route.via_world))
    )
    sink = Commands()
    drive(source, pipeline, [sink], config.duration_s)
    recorded = [tick.command for tick in ReplaySource(tiny_run.log).log.ticks(sensors=False)]
    assert source.lies == len(recorded) == 21
    assert sink.given == recorded
    assert any(command.throttle > 0.0 for command in recorded)
