"""The command as a user runs it: killed and run again, with the server gone, with two processes at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from sim.config import ConfigError
from sim.dataset.build import build, claim
from sim.dataset.config import load_dataset_config
from sim.dataset.store import DataSetError, checksums, verify
from tests.sim.server.serving import ROOT, Running, running_server

WORDS = [
    "maps=[Roadlab01]",
    "weathers=[ClearNoon,WetSunset]",
    "count=3",
    "shots.per_scene=1",
    "traffic.vehicles=[3,4]",
    "traffic.walkers=[2,3]",
    "sensors.cameras={front: {width: 160, height: 120}}",
    "sensors.lidars={top: {channels: 8, points_per_second: 20000}}",
    "exports=[coco]",
    "split.test_maps=[]",
]


def started(folder: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sim.cli", "dataset", *WORDS, "--out", str(folder), "--carla", f"127.0.0.1:{port}"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            start_new_session=True)  # fmt: skip


def until_a_scene(folder: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120.0
    while not list((folder / "scenes").glob("0*/scene.json")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "no scene within two minutes"
        time.sleep(0.05)


def test_killed_and_run_again_it_has_the_same_bytes(server: Running, tmp_path: Path) -> None:
    config = load_dataset_config("small", WORDS)
    whole = build(config, tmp_path / "whole", 1, f"127.0.0.1:{server.port}", Console(quiet=True))
    process = started(tmp_path / "killed", server.port)
    until_a_scene(tmp_path / "killed", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    again = started(tmp_path / "killed", server.port)
    _, complaint = again.communicate(timeout=240.0)
    assert again.returncode == 0, complaint
    assert checksums(tmp_path / "killed") == checksums(whole.folder)
    assert verify(whole.folder) == []


def test_a_lost_server_is_said_soon_and_whole_scenes_stay(tmp_path: Path) -> None:
    with running_server("real", "Roadlab01") as own:
        process = started(tmp_path, own.port)
        until_a_scene(tmp_path, process)
    _, complaint = process.communicate(timeout=60.0)
    if process.returncode == 0:
        pytest.fail("it was through before the server ended: make the data set larger")
    assert "whole scenes are kept: run the same command again" in complaint.replace("\n", " ")
    assert list((tmp_path / "scenes").glob("0*/scene.json"))


def test_where_nothing_listens_it_says_how_to_start_something(tmp_path: Path) -> None:
    process = started(tmp_path, 9)
    _, complaint = process.communicate(timeout=60.0)
    assert process.returncode == 1
    assert "127.0.0.1:9" in complaint


def test_scenes_of_the_map_that_a_worker_has_come_first() -> None:
    from sim.dataset.build import _hand_out
    from sim.dataset.plan import scenes_of

    class Pipe:
        def __init__(self) -> None:
            self.sent: list[object] = []

        def send(self, scene: object) -> None:
            self.sent.append(scene)

    words = [*WORDS, "maps=[Roadlab01,Roadlab02]", "count=4"]
    left = list(scenes_of(load_dataset_config("small", words)))
    pipe = Pipe()
    maps = [""]
    while left:
        maps.append(_hand_out(pipe, left, maps[-1]))  # type: ignore[arg-type]
    assert maps == ["", "Roadlab01", "Roadlab01", "Roadlab02", "Roadlab02"]
    assert _hand_out(pipe, left, "Roadlab02") == ""  # type: ignore[arg-type]
    assert pipe.sent[-1] is None


@pytest.mark.parametrize("name", ["Roadlab1", "nowhere.xodr"])
def test_a_map_that_is_not_there_is_said_before_anything_is_rendered(name: str, tmp_path: Path) -> None:
    config = load_dataset_config("small", [*WORDS, f"maps=[Roadlab01,{name}]"])
    with pytest.raises(ConfigError, match=r"maps: .*(Roadlab01|nowhere.xodr)"):
        build(config, tmp_path / "out", 1, None, Console(quiet=True))
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_scene_takes_another_configuration(tmp_path: Path) -> None:
    claim(tmp_path, load_dataset_config("small", WORDS))
    other = load_dataset_config("small", [*WORDS, "seed=5"])
    claim(tmp_path, other)
    assert load_dataset_config(str(tmp_path / "config.yaml")) == other
    (tmp_path / "scenes" / "00000_Roadlab01_ClearNoon").mkdir(parents=True)
    (tmp_path / "scenes" / "00000_Roadlab01_ClearNoon" / "scene.json").write_text("{}")
    with pytest.raises(DataSetError, match=r"another configuration \(seed differ\)"):
        claim(tmp_path, load_dataset_config("small", WORDS))
