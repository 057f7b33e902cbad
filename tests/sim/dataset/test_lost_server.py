"""A server that dies in the midst of rendering: its process hangs in a call, and the command says so nevertheless."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing.connection
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from sim.dataset import crew
from sim.dataset.build import build, claim
from sim.dataset.config import DatasetConfig, load_dataset_config
from sim.dataset.crew import RenderError, render_scenes
from sim.dataset.lifeline import Lifeline
from sim.dataset.lock import FolderLock, alone_in
from sim.dataset.plan import scenes_of
from sim.dataset.store import make_folder, verify
from sim.dataset.worker import Said
from tests.sim.dataset.test_build import WORDS

LISTENS = """\
import socket, signal
door = socket.create_server(("127.0.0.1", 0))
print(door.getsockname()[1], flush=True)
signal.pause()
"""
"""A server that never answers and does not even let in who knocks, like one that compiles."""
HANG_S = 600
"""What a client waits for an answer; no test takes as long, for nobody waits for it."""
PORT, PID, ANSWERED = "port", "pid", "answered"


@contextlib.contextmanager
def silent_server(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Its port and its process id are in files for those who come."""
    with subprocess.Popen([sys.executable, "-c", LISTENS], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            (folder / PORT).write_text(process.stdout.readline().strip())
            (folder / PID).write_text(str(process.pid))
            yield process
        finally:
            process.kill()


def hanging(pipe: Connection, config: object, folder: Path, number: int, carla: str | None, lock: FolderLock) -> None:
    """Renders a frame and then calls a server that never answers, as the client does: no thread of Python's may run."""
    pipe.recv()
    pipe.send(Said("serves", f"127.0.0.1:{(folder / PORT).read_text()}"))
    pipe.send(Said("frame"))
    ctypes.PyDLL(None).sleep(HANG_S)
    (folder / ANSWERED).touch()
    pipe.send(Said("over"))


def crashing(pipe: Connection, config: object, folder: Path, number: int, carla: str | None, lock: FolderLock) -> None:
    """Ends as the client ends its process when a server with a running traffic manager goes away."""
    pipe.recv()
    pipe.send(Said("serves", f"127.0.0.1:{(folder / PORT).read_text()}"))
    pipe.send(Said("frame"))
    with socket.create_connection(("127.0.0.1", int((folder / PORT).read_text()))) as connection:
        connection.recv(1)  # until the server is gone
    os._exit(134)


def tidy(pipe: Connection, config: object, folder: Path, number: int, carla: str | None, lock: FolderLock) -> None:
    """Is through with its server and stops it, before anybody has heard that."""
    pipe.recv()
    pipe.send(Said("serves", f"127.0.0.1:{(folder / PORT).read_text()}"))
    pipe.send(Said("frame"))
    with socket.create_connection(("127.0.0.1", int((folder / PORT).read_text()))) as connection:
        pipe.send(Said("left"))
        os.kill(int((folder / PID).read_text()), signal.SIGKILL)
        with contextlib.suppress(ConnectionError):
            connection.recv(1)
    pipe.send(Said("over"))


def small() -> DatasetConfig:
    return load_dataset_config("small", WORDS)


def test_the_death_of_a_server_ends_the_process_that_hangs_in_a_call_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "work", hanging)
    log_file = tmp_path / "server_0.log"
    with silent_server(tmp_path) as server:

        def report(said: Said) -> None:
            if said.kind == "frame":
                server.kill()

        with pytest.raises(RenderError) as told:
            render_scenes(small(), tmp_path, scenes_of(small()), 1, None, report, FolderLock(os.dup(1)))
    words = f"the server is gone; its last words are in {log_file}; whole scenes are kept: run the same command again"
    assert str(told.value) == f"127.0.0.1:{(tmp_path / PORT).read_text()}: {words}"
    assert not (tmp_path / ANSWERED).exists(), "the call was waited for"
    assert not multiprocessing.active_children()


def test_a_process_that_ends_with_its_server_is_told_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "work", crashing)
    with (
        silent_server(tmp_path) as server,
        pytest.raises(RenderError, match=r"server .*is gone.*; whole scenes are kept"),
    ):
        render_scenes(
            small(), tmp_path, scenes_of(small()), 1, None,
            lambda said: server.kill() if said.kind == "frame" else None, FolderLock(os.dup(1)),
        )  # fmt: skip


def test_a_server_that_its_process_has_stopped_is_not_taken_for_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "work", tidy)
    kinds: list[str] = []
    with silent_server(tmp_path) as server:

        def report(said: Said) -> None:
            kinds.append(said.kind)
            if said.kind == "frame":
                server.wait()  # so that its end is there to be seen before that it was meant

        render_scenes(small(), tmp_path, scenes_of(small())[:1], 1, None, report, FolderLock(os.dup(1)))
    assert kinds == ["serves", "frame", "left", "over"]


def test_a_server_that_is_killed_costs_the_scene_that_was_begun_and_nothing_else(tmp_path: Path) -> None:
    config = small()
    make_folder(tmp_path)
    claim(tmp_path, config)

    def report(said: Said) -> None:
        if said.kind == "done":  # and waits for the next scene
            for child in psutil.Process().children(recursive=True):
                if "serve" in child.cmdline():
                    child.kill()

    with alone_in(tmp_path, print) as lock, pytest.raises(RenderError, match="the server is gone; its last words"):
        render_scenes(config, tmp_path, scenes_of(config), 1, None, report, lock)
    assert (tmp_path / "server_0.log").is_file()
    whole = list((tmp_path / "scenes").glob("0*/scene.json"))
    assert [file.parent.name for file in whole] == [scenes_of(config)[0].name]
    rendered = whole[0].stat().st_mtime_ns

    result = build(config, tmp_path, 1, None, Console(quiet=True))
    assert sum(result.frames.values()) == 3
    assert verify(tmp_path) == []
    assert whole[0].stat().st_mtime_ns == rendered, "what was whole is kept"


def test_a_server_that_lets_nobody_in_is_there_until_its_process_ends(tmp_path: Path) -> None:
    with silent_server(tmp_path) as server:
        line = Lifeline("127.0.0.1", int((tmp_path / PORT).read_text()))
        assert not line.cut()
        server.kill()
        server.wait()
        assert line.cut()
        line.close()
        with pytest.raises(OSError, match="refused"):
            Lifeline("127.0.0.1", int((tmp_path / PORT).read_text()))


def test_a_server_that_says_something_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        line = Lifeline(*door.getsockname())
        theirs, _ = door.accept()
        theirs.sendall(b"something")
        assert not line.cut()
        theirs.close()
        multiprocessing.connection.wait([line.fileno()])
        assert line.cut()
        line.close()
