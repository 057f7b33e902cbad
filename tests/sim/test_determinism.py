"""A drive is a function of code, scenario and seed."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from sim.config import load_config
from sim.run import run
from tests.sim.conftest import TinyRun
from tests.sim.streams import streams

SENSED = ("/lidar/top/points", "/camera/front/image", "/gnss/fix", "/roadlab/frame")


def test_the_same_seed_in_two_processes_gives_the_same_drive_to_the_bit(tiny_run: TinyRun, tmp_path: Path) -> None:
    """The shared run drove in a process of the command, this one drives in ours; each has a server of its own."""
    again = run(load_config(tiny_run.scenario), tmp_path, None, Console(quiet=True))
    first, second = streams(tiny_run.log), streams(again.folder / "log.mcap")
    assert {"/roadlab/truth", "/roadlab/command", *SENSED} <= first.keys()
    assert second == first


def test_another_seed_gives_another_drive(tiny_run: TinyRun, tmp_path: Path) -> None:
    other = run(load_config(tiny_run.scenario, ["seed=1", "duration_s=0.2"]), tmp_path, None, Console(quiet=True))
    first, second = streams(tiny_run.log, until_us=200_000), streams(other.folder / "log.mcap", until_us=200_000)
    for topic in ("/roadlab/truth", *SENSED):
        assert first[topic] != second[topic], topic
