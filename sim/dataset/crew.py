"""The rendering processes of ``roadlab dataset``: they are handed scenes, heard, watched over, and ended."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from sim.dataset.config import DatasetConfig
from sim.dataset.lifeline import Lifeline
from sim.dataset.lock import FolderLock
from sim.dataset.plan import Scene
from sim.dataset.worker import KEPT, Said, address_of, log_of, work

STOP_S = 10.0
"""For a worker to end after it was told that nothing is left: it stops its server."""


class RenderError(RuntimeError):
    """Rendering cannot go on; what is whole is kept."""


@dataclass
class _Hand:
    """A rendering process, the map that its server has, and how that is watched while it is needed."""

    process: SpawnProcess
    map_name: str
    log_file: Path | None  # of its server, if that is its own
    server: Lifeline | None = None
    address: str = ""

    def let_go(self) -> None:
        """Watch the server no longer."""
        if self.server is not None:
            self.server.close()
            self.server = None

    def lost(self) -> RenderError:
        """What there is to say when its server has ended before it was through with it."""
        words = f"; its last words are in {self.log_file}" if self.log_file is not None else ""
        return RenderError(f"{self.address}: the server is gone{words}; {KEPT}")


def render_scenes(
    config: DatasetConfig,
    folder: Path,
    scenes: Sequence[Scene],
    workers: int,
    carla: str | None,
    report: Callable[[Said], None],
    lock: FolderLock,
) -> None:
    """Render scenes with that many processes, which hold the folder's lock, too.

    Raises RenderError when one of them cannot go on.
    """
    left = list(scenes)
    context = multiprocessing.get_context("spawn")
    crew: dict[Connection, _Hand] = {}
    try:
        for number in range(min(workers, len(left))):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs, config, folder, number, carla, lock), daemon=True)
            process.start()
            theirs.close()
            crew[ours] = _Hand(process, _hand_out(ours, left, ""), None if carla else log_of(folder, number))
        while crew:
            servers = {hand.server.fileno(): pipe for pipe, hand in crew.items() if hand.server is not None}
            ready = wait([*crew, *servers])
            for pipe in [pipe for pipe in crew if pipe in ready]:
                said = _hear(pipe, crew[pipe])
                report(said)
                _heed(said, pipe, crew, left)
            for pipe in [pipe for number, pipe in servers.items() if number in ready and pipe in crew]:
                _look_after(pipe, crew[pipe])
    finally:
        _dismiss(crew.values())


def _heed(said: Said, pipe: Connection, crew: dict[Connection, _Hand], left: list[Scene]) -> None:
    """Do what a rendering process's message asks for. Raises RenderError where it cannot go on."""
    hand = crew[pipe]
    if said.kind == "serves":
        hand.address = said.text
        try:
            hand.server = Lifeline(*address_of(said.text))
        except OSError:
            if not pipe.poll():  # it may be through with the server already
                raise hand.lost() from None
    elif said.kind == "left":
        hand.let_go()
    elif said.kind == "done":
        hand.map_name = _hand_out(pipe, left, hand.map_name)
    elif said.kind == "over":
        crew.pop(pipe).process.join(STOP_S)
    elif said.kind == "lost":
        raise hand.lost()
    elif said.kind in ("fault", "full"):
        raise RenderError(said.text)


def _look_after(pipe: Connection, hand: _Hand) -> None:
    """See what there is on the connection to a server. Raises RenderError where that is gone."""
    if pipe.poll():
        return  # the process may say that it is through with the server
    if hand.server is not None and hand.server.cut():
        raise hand.lost()


def _dismiss(hands: Iterable[_Hand]) -> None:
    """End processes in the midst of their work; servers of their own end with them."""
    for hand in hands:
        hand.let_go()
        hand.process.terminate()  # also from within a call of the client: nothing in there hears of the signal
    for hand in hands:
        hand.process.join(STOP_S)


def _hand_out(pipe: Connection, left: list[Scene], map_name: str) -> str:
    """Send the next scene, one on the map that the worker has if there is one; None when all are given. Its map."""
    same = (k for k, scene in enumerate(left) if scene.map == map_name)
    scene = left.pop(next(same, 0)) if left else None
    pipe.send(scene)
    return scene.map if scene is not None else ""


def _hear(pipe: Connection, hand: _Hand) -> Said:
    try:
        said = pipe.recv()
    except (EOFError, OSError):
        gone = hand.server is not None and hand.server.cut()
        hand.process.join(STOP_S)
        code = hand.process.exitcode
        killed = code == -signal.SIGKILL
        why = "was killed, perhaps for want of memory (fewer --workers need less)" if killed else "ended"
        where = f", and its server at {hand.address} is gone" if gone and not killed else ""
        return Said("fault", f"a rendering process {why} with exit code {code}{where}; {KEPT}")
    assert isinstance(said, Said)
    return said
