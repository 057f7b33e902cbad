"""A tiny drive that tests of the whole app share: the real command, server, sensors and stack, at toy size."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TINY = """\
name: tiny
map: Roadlab01
route: {length_m: 120}
traffic: {vehicles: 4, walkers: 2}
sensors:
  cameras: {front: {width: 160, height: 120}}
  lidars: {top: {channels: 8, points_per_second: 20000}}
sim: {warm_up_s: 0.5}
log: {video: false}
perception: {detector: {min_score: 0.001}}
duration_s: 2.0
"""
"""Twenty-one frames. With a threshold this low even a detector of random weights finds something."""


def roadlab(*arguments: str | Path, timeout_s: float = 900.0) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it."""
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False)


def command(*arguments: str | Path) -> Sequence[str]:
    return [sys.executable, "-m", "sim.cli", *map(str, arguments)]


@dataclass(frozen=True)
class TinyRun:
    """A finished run of the tiny scenario, and what it was made of."""

    scenario: Path
    weights: Path
    out: Path
    process: subprocess.CompletedProcess[str]

    @property
    def folder(self) -> Path:
        return self.out / "latest"

    @property
    def log(self) -> Path:
        return self.folder / "log.mcap"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of random numbers: a real network that has learnt nothing."""
    import torch

    from perception.camera.network import CLASS_NAMES, build_network, network_table, save_detector

    path = tmp_path_factory.mktemp("weights") / "detector.pt"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        table = network_table()
        save_detector(path, build_network(table), table, {"names": list(CLASS_NAMES), "imgsz": [128, 160]})
    return path


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    path = tmp_path_factory.mktemp("scenario") / "tiny.yaml"
    path.write_text(TINY.replace("{min_score", f"{{weights: {weights}, min_score"))
    return path


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, scenario: Path, weights: Path) -> TinyRun:
    """One drive through the command line, shared."""
    out = tmp_path_factory.mktemp("runs")
    return TinyRun(scenario, weights, out, roadlab("run", scenario, "--out", out))
