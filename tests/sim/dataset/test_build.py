"""The command as a user runs it: killed and run again, with the server gone, with two processes at once."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from sim.config import ConfigError
from sim.dataset import worker
from sim.dataset.build import build, claim
from sim.dataset.config import load_dataset_config
from sim.dataset.crew import _Hand, _hand_out, _hear
from sim.dataset.lock import FolderLock
from sim.dataset.plan import scenes_of
from sim.dataset.store import DataSetError, DiskFull, checksums, verify
from sim.dataset.worker import Said, gather_maps
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


SOON_S = 120.0
"""A second where the machine has time for it; a call of the client to a server that is gone lasts 600 s."""


def started(folder: Path, port: int, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sim.cli", "dataset", *WORDS, *more, "--out", str(folder)]
    command += ["--carla", f"127.0.0.1:{port}"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            start_new_session=True)  # fmt: skip


def until_a_scene(folder: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 600.0
    while not list((folder / "scenes").glob("0*/scene.json")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "no scene within ten minutes"
        time.sleep(0.05)


def test_killed_and_run_again_it_has_the_same_bytes(server: Running, tmp_path: Path) -> None:
    config = load_dataset_config("small", WORDS)
    whole = build(config, tmp_path / "whole", 1, f"127.0.0.1:{server.port}", Console(quiet=True))
    process = started(tmp_path / "killed", server.port)
    until_a_scene(tmp_path / "killed", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    again = started(tmp_path / "killed", server.port)
    _, complaint = again.communicate(timeout=600.0)
    assert again.returncode == 0, complaint
    assert checksums(tmp_path / "killed") == checksums(whole.folder)
    assert verify(whole.folder) == []


def test_a_lost_server_is_said_soon_and_whole_scenes_stay(tmp_path: Path) -> None:
    with running_server("real", "Roadlab01") as own:
        process = started(tmp_path, own.port, "count=1000")  # more than it has time for
        until_a_scene(tmp_path, process)
    _, complaint = process.communicate(timeout=SOON_S)
    assert process.returncode == 1
    assert "whole scenes are kept: run the same command again" in complaint.replace("\n", " ")
    assert list((tmp_path / "scenes").glob("0*/scene.json"))


def test_where_nothing_listens_it_says_how_to_start_something(tmp_path: Path) -> None:
    process = started(tmp_path, 9)
    _, complaint = process.communicate(timeout=600.0)
    assert process.returncode == 1
    assert "127.0.0.1:9" in complaint


def test_scenes_of_the_map_that_a_worker_has_come_first() -> None:
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


@pytest.mark.parametrize("carla", ["localhost", "localhost:", "localhost:two", "127.0.0.1:99999"])
def test_an_address_that_is_none_is_refused(carla: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        build(load_dataset_config("small", WORDS), tmp_path / "out", 1, carla, Console(quiet=True))


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(DataSetError, match=r"taken: cannot be made a folder .*another --out"):
        build(load_dataset_config("small", WORDS), tmp_path / "taken", 1, None, Console(quiet=True))


def test_a_killed_worker_is_told_from_a_lost_server() -> None:
    class Process:
        exitcode = -signal.SIGKILL

        def join(self, timeout_s: float) -> None:
            pass

    ours, theirs = Pipe()
    theirs.close()
    said = _hear(ours, _Hand(Process(), "", None))  # type: ignore[arg-type]
    assert said.kind == "fault"
    assert "was killed, perhaps for want of memory" in said.text
    assert "server" not in said.text


def test_a_map_file_is_the_same_world_whether_the_server_began_with_it_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generated OpenDRIVE world is bare roads; a map that the server is given as a file has its houses."""
    from sim.source.studio import Studio

    for name in ("theirs/Other.xodr", "theirs/Mine.xodr", "ours/Mine.xodr", "links/"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name) if name.endswith("xodr") else (tmp_path / name).mkdir()
    monkeypatch.setenv("ROADLAB_MAPS", str(tmp_path / "theirs"))
    config = load_dataset_config("small", [*WORDS, f"maps=[Roadlab01,{tmp_path}/ours/Mine.xodr]"])
    gather_maps(config, tmp_path / "links")
    found = {file.name: file.read_text() for file in (tmp_path / "links").iterdir()}
    assert found == {"Mine.xodr": "ours/Mine.xodr", "Other.xodr": "theirs/Other.xodr"}

    asked: list[str] = []
    client = SimpleNamespace(
        get_world=lambda: SimpleNamespace(get_map=lambda: SimpleNamespace(name="Carla/Maps/Roadlab01")),
        load_world=lambda name: asked.append(f"load {name}"),
        generate_opendrive_world=lambda text: asked.append(f"generate {text}"),
    )
    for finds_files in (True, False):
        studio = object.__new__(Studio)
        studio.client, studio._finds_files, studio.address = client, finds_files, ""
        studio._load(config.maps[1])
    assert asked == ["load Mine", "generate ours/Mine.xodr"]


def test_a_full_disk_is_not_taken_for_a_lost_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.source import studio

    config = load_dataset_config("small", WORDS)
    ours, theirs = Pipe()

    @contextlib.contextmanager
    def server(*_: object) -> Iterator[tuple[str, int]]:
        try:
            yield "127.0.0.1", 1
        finally:
            theirs.send(Said("say", "stopped"))

    def full(*_: object) -> None:
        raise DiskFull(errno.ENOSPC, "disk full")

    monkeypatch.setattr(worker, "_server", server)
    monkeypatch.setattr(worker, "render_scene", full)
    monkeypatch.setattr(studio, "Studio", lambda *_: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(worker.os, "_exit", lambda code: None)
    monkeypatch.setattr(worker.signal, "signal", lambda number, what: None)
    ours.send(scenes_of(config)[0])
    worker.work(theirs, config, tmp_path, 0, None, FolderLock(-1))
    assert [(one.kind, one.text) for one in heard(ours)] == [
        ("serves", "127.0.0.1:1"), ("left", ""), ("say", "stopped"), ("full", "disk full"),
    ]  # fmt: skip


@pytest.mark.parametrize("there", [True, False])
def test_what_the_client_makes_of_a_lost_server_is_told_from_its_other_complaints(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.source import studio

    config = load_dataset_config("small", WORDS)

    def fails(*_: object) -> None:
        raise RuntimeError("rpc::rpc_error during call")

    monkeypatch.setattr(worker, "render_scene", fails)
    monkeypatch.setattr(studio, "Studio", lambda *_: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(studio, "alive", lambda host, port: there)
    monkeypatch.setattr(worker.os, "_exit", lambda code: None)
    monkeypatch.setattr(worker.signal, "signal", lambda number, what: None)
    ours, theirs = Pipe()
    ours.send(scenes_of(config)[0])
    worker.work(theirs, config, tmp_path, 0, "127.0.0.1:1", FolderLock(-1))
    said = [one.kind for one in heard(ours)]
    assert said == ["serves", *([] if there else ["lost"]), "left", "fault"]


def heard(pipe: Connection) -> list[Said]:
    """All that was said before the other end was closed."""
    said = []
    with contextlib.suppress(EOFError):
        while True:
            said.append(pipe.recv())
    return said
