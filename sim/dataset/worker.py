"""One process that renders scenes: with an embedded server of its own, or on a server that is there.

A process for each, also where there is but one: the client ends its process when a server with a running traffic
manager goes away, and it holds Python's lock while it waits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path

from sim.config import ConfigError
from sim.dataset.config import DatasetConfig
from sim.dataset.drivable import write_mask
from sim.dataset.lock import FolderLock
from sim.dataset.plan import Scene
from sim.dataset.records import to_json
from sim.dataset.store import SCENES, DiskFull, begin_folder, finish_folder, write_bytes, write_frame

MAPS_VARIABLE = "ROADLAB_MAPS"
"""Names a folder in which the embedded server finds maps (``sim.server.maps``)."""
KEPT = "whole scenes are kept: run the same command again"


@dataclass(frozen=True)
class Said:
    """A message to the parent.

    ``kind`` is say, serves (its server is at ``text``, HOST:PORT), frame, done (with a scene), left (it is through with
    its server, which may end now), over (with all), lost (its server), full (disk), or fault.
    """

    kind: str
    text: str = ""
    scene: int = -1


def address_of(carla: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``. Raises ConfigError."""
    host, _, port = carla.rpartition(":")
    if not (port.isdecimal() and 0 < int(port) < 65535):
        raise ConfigError(f"--carla {carla}: expected HOST:PORT, for example 127.0.0.1:2000")
    return host or "127.0.0.1", int(port)


def log_of(folder: Path, number: int) -> Path:
    """Where the server of a process of its own says what goes on; kept where it ended badly."""
    return folder / f"server_{number}.log"


def work(
    pipe: Connection, config: DatasetConfig, folder: Path, number: int, carla: str | None, lock: FolderLock
) -> None:
    """Render the scenes that come through the pipe until None comes; says how it goes.

    The folder's lock is held until the process ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, and that ends us
    _end_with_parent()
    try:
        first: Scene | None = pipe.recv()
        if first is not None:
            with _server(config, folder, number, carla, first.map, pipe) as address:
                _render_all(pipe, config, folder, address, first, carla is None)
        pipe.send(Said("over"))
    except DiskFull as error:
        pipe.send(Said("full", error.strerror or str(error)))
    except EOFError:
        pass  # the parent is gone
    except (ValueError, OSError, RuntimeError) as error:
        pipe.send(Said("fault", str(error)))
    pipe.close()
    os._exit(0)  # not by way of the client's destructors, which wait for servers


def _render_all(
    pipe: Connection, config: DatasetConfig, folder: Path, address: tuple[str, int], first: Scene, own: bool
) -> None:
    from sim.source.studio import Studio

    studio = Studio(*address, config, own)
    scene: Scene | None = first
    with _watched(address, pipe), contextlib.closing(studio):
        while scene is not None:
            render_scene(studio, config, folder, scene, pipe)
            pipe.send(Said("done", scene=scene.number))
            scene = pipe.recv()


@contextlib.contextmanager
def _watched(address: tuple[str, int], pipe: Connection) -> Iterator[None]:
    """The parent watches the server while the block runs: a call to one that is gone lasts for minutes, and some let no
    thread of ours run."""
    from sim.source.studio import alive

    pipe.send(Said("serves", f"{address[0]}:{address[1]}"))
    try:
        yield
    except DiskFull:
        raise
    except (OSError, RuntimeError):
        if not alive(*address):
            pipe.send(Said("lost"))  # that is why, whatever the client made of it
        raise
    finally:
        with contextlib.suppress(OSError):  # the parent is gone
            pipe.send(Said("left"))  # before the server is stopped, or the parent takes it for lost


def render_scene(studio: object, config: DatasetConfig, folder: Path, scene: Scene, pipe: Connection) -> None:
    """Render one scene into its folder, which appears when it is whole."""
    from sim.source.scenes import render
    from sim.source.studio import Studio

    assert isinstance(studio, Studio)
    final = folder / SCENES / scene.name
    filling = begin_folder(final)
    info, frames = render(studio, scene)
    write_mask(folder, scene.map, studio.facts.graph)
    with contextlib.closing(frames):
        for capture, made in frames:
            write_frame(filling, capture, made, info, config.images.quality)
            pipe.send(Said("frame", scene=scene.number))
    write_bytes(filling / "scene.json", to_json(info))
    finish_folder(filling, final)


@contextlib.contextmanager
def _server(
    config: DatasetConfig, folder: Path, number: int, carla: str | None, map_name: str, pipe: Connection
) -> Iterator[tuple[str, int]]:
    if carla is not None:
        yield address_of(carla)
        return
    from sim.embedded import embedded_server

    log_file = log_of(folder, number)
    with tempfile.TemporaryDirectory() as maps:
        gather_maps(config, Path(maps))
        os.environ[MAPS_VARIABLE] = maps
        with embedded_server(map_name, config.seed, log_file, say=lambda line: pipe.send(Said("say", line))) as own:
            yield "127.0.0.1", own.port
    log_file.unlink(missing_ok=True)


def gather_maps(config: DatasetConfig, folder: Path) -> None:
    """Links to the maps of ``$ROADLAB_MAPS`` and, before those, to the map files of the configuration.

    So the server finds a file by its name whenever its turn comes, and builds the same world whichever map was first.
    """
    known = os.environ.get(MAPS_VARIABLE)
    files = {file.name: file for file in sorted(Path(known).glob("*.xodr"))} if known else {}
    files |= {Path(name).name: Path(name) for name in config.maps if name.endswith(".xodr")}
    for name, file in files.items():
        (folder / name).symlink_to(file.resolve())


def _end_with_parent() -> None:
    """End the process as soon as its parent is gone, though that was killed: what it leaves is swept up."""
    parent = parent_process()
    if parent is None:
        return

    def look() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=look, name="parent-watch", daemon=True).start()
