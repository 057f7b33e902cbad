"""Two commands in one folder: the second ends at once, and nothing of the first can be in the way once it is gone."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import subprocess
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from rich.console import Console

from sim.dataset.build import build
from sim.dataset.config import load_dataset_config
from sim.dataset.lock import FolderLock, alone_in
from sim.dataset.store import DataSetError, verify
from tests.sim.dataset.test_build import WORDS, started, until_a_scene
from tests.sim.server.serving import Running

COMPLAINT = "another `roadlab dataset` is writing there; wait until it has ended, or give another --out"
SOON_S = 120.0
"""For a killed command's rendering processes to be gone; milliseconds where the machine has time for them."""


def quiet(line: str) -> None:
    raise AssertionError(line)


def ended(process: subprocess.Popen[str]) -> str:
    """Its complaint, on one line."""
    return process.communicate(timeout=600.0)[1].replace("\n", " ")


def test_of_two_commands_the_second_is_refused_at_once_and_the_first_goes_on(server: Running, tmp_path: Path) -> None:
    first = started(tmp_path / "out", server.port)
    until_a_scene(tmp_path / "out", first)
    os.killpg(first.pid, signal.SIGSTOP)  # so that it cannot be through before the second one looks
    config, another = (tmp_path / "out" / "config.yaml").read_bytes(), load_dataset_config("small", [*WORDS, "seed=9"])
    try:
        second = started(tmp_path / "out", server.port)
        assert COMPLAINT in ended(second)
        with pytest.raises(DataSetError, match="is writing there"):
            build(another, tmp_path / "out", 1, "127.0.0.1:9", Console(quiet=True))
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    assert second.returncode == 1
    assert (tmp_path / "out" / "config.yaml").read_bytes() == config
    complaint = ended(first)
    assert first.returncode == 0, complaint
    assert verify(tmp_path / "out") == []


def test_a_killed_command_takes_its_processes_and_their_lock_with_it(server: Running, tmp_path: Path) -> None:
    first = started(tmp_path, server.port)
    until_a_scene(tmp_path, first)
    first.kill()  # it alone, with a signal that it cannot see: not its rendering process
    deadline = time.monotonic() + SOON_S
    while True:
        try:
            with alone_in(tmp_path, quiet):
                break
        except DataSetError:
            assert time.monotonic() < deadline, "a rendering process outlives its parent"
            time.sleep(0.02)
    ended(first)
    assert not [file for file in tmp_path.iterdir() if "lock" in file.name], "a lock is no file"


def hold(pipe: Connection, lock: FolderLock) -> None:
    pipe.send("held")
    pipe.recv()


def test_a_rendering_process_holds_the_lock_when_its_parent_has_let_go(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with alone_in(tmp_path, quiet) as lock:
        process = context.Process(target=hold, args=(theirs, lock), daemon=True)
        process.start()
        assert ours.recv() == "held"
    with pytest.raises(DataSetError, match="another `roadlab dataset`"), alone_in(tmp_path, quiet):
        pass
    ours.send("go")
    process.join(SOON_S)
    with alone_in(tmp_path, quiet):
        pass


def test_the_folder_is_free_again_after_a_fault(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="fault"), alone_in(tmp_path, quiet):
        raise RuntimeError("fault")
    with alone_in(tmp_path, quiet), alone_in(tmp_path.parent, quiet):
        pass


def test_a_file_system_without_locks_is_said_and_worked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    said: list[str] = []
    with alone_in(tmp_path, said.append):
        assert said == [f"{tmp_path}: its file system has no locks for folders: see that no other command writes there"]
