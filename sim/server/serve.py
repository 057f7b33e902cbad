"""The server: sockets, session and clock put together.

``serve`` starts one in a thread of this process; ``run_server`` is the body of ``roadlab serve``.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sim.server.calls import dispatch
from sim.server.maps import BrokenMapError, MapCatalogue, UnknownMapError
from sim.server.net import Network
from sim.server.protocol.wire import Request
from sim.server.recorder.folder import Recordings
from sim.server.session import Session
from sim.server.sleepers import FIRST_CALL, StepWatch
from sim.server.warm import compile_kernels
from sim.server.world.parts import PARTS, Parts
from sim.server.world.world import WORLD_STREAM

log = logging.getLogger(__name__)

FREE_RUN_HZ = 30.0
"""Frame rate of an asynchronous world with variable step: what CARLA reaches on a desktop."""
FREE_RUN_FIXED_HZ = 120.0
"""Most frames a second of an asynchronous world with fixed step, which otherwise runs as fast as it can."""
IDLE_HZ = 10.0
"""Frame rate of an asynchronous world with no client."""
SYNC_POLL_S = 0.5


SETTINGS = "get_episode_settings"
APART_S = 0.001
"""Keeps the two wake-ups of a traffic manager apart: a scheduler's slice is some milliseconds, a wake-up 0.05 ms."""


SETTINGS_WAIT_S = 0.02
"""How long a tick waits for a traffic manager that has sent its commands to ask for the settings, too: it does so at
once, but on a busy machine its thread may have to wait for a core."""


class ServerError(RuntimeError):
    """The server cannot start; the message says why and what to do."""


class Server:
    """One server. ``start`` runs it in a thread; ``run`` in the caller's."""

    def __init__(
        self,
        map_name: str,
        host: str = "127.0.0.1",
        port: int = 2000,
        seed: int = 0,
        maps: str | None = None,
        parts: Parts = PARTS,
        progress: Callable[[str], None] = log.info,
        recordings: str | None = None,
        before_world: Callable[[], None] = lambda: None,
    ) -> None:
        """Build the map and listen. map_name is a name or a path of an .xodr file; port 0 takes free ports.

        recordings is the folder of recorder logs. progress is told what a first start has to compile; before_world is
        called when all is there but the world. Raises ServerError: port taken, map unknown or broken.
        """
        try:
            self._network = Network(host, port, self._answer, self._may_run, _overtakes, self._first_frame)
        except OSError as error:
            raise ServerError(_port_taken(host, port, error)) from None
        self.host, self.port, self.streaming_port = host, self._network.port, self._network.streaming_port
        try:
            if parts is PARTS:
                compile_kernels(progress)
            catalogue = MapCatalogue(parts.build_scene, seed, maps)
            name = catalogue.add_file(Path(map_name)) if map_name.endswith(".xodr") else map_name
            scene = catalogue.scene(name)
            before_world()
            self.session = Session(
                parts=parts,
                maps=catalogue,
                seed=seed,
                scene=scene,
                publish=self._network.publish,
                announce=self._network.announce,
                listened=self._network.subscribers,
                expect=self._network.expect,
                port=self.streaming_port,
                wake=self._network.wake,
                recordings=Recordings(recordings),
            )
            self._network.open()
        except (UnknownMapError, BrokenMapError) as error:
            self._network.close()
            raise ServerError(str(error)) from None
        except OSError as error:
            self._network.close()
            raise ServerError(_port_taken(host, port, error)) from None
        self._stepping = False  # a traffic manager has begun a step and not yet asked for the settings
        self._settings_due_s = 0.0  # until when a tick waits for a traffic manager to ask for the settings
        self._steps = StepWatch()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until ``stop``."""
        due = time.monotonic()
        try:
            while not self._stopping.is_set():
                if self.session.measuring:
                    self._network.poll(SYNC_POLL_S)
                    self.session.collect()
                    continue
                if self.session.settings.synchronous_mode:
                    self._network.poll(SYNC_POLL_S)
                    self._steps.look(self.session.traffic_managers)
                    due = time.monotonic()
                    continue
                self._network.poll(due - time.monotonic())
                now = time.monotonic()
                if now >= due and not self.session.settings.synchronous_mode:
                    self._free_tick()
                    due = max(due + 1.0 / self._free_rate_hz(), time.monotonic())
        finally:
            self.session.close()
            self._network.close()

    def start(self) -> Server:
        """Serve in a thread of its own until ``stop``."""
        self._thread = threading.Thread(target=self.run, name="carla-server", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End serving; from any thread."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._network.wake()
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _free_rate_hz(self) -> float:
        if not self._network.clients:
            return IDLE_HZ
        return FREE_RUN_HZ if self.session.settings.fixed_delta_seconds is None else FREE_RUN_FIXED_HZ

    def _free_tick(self) -> None:
        try:
            self.session.begin_tick()
        except Exception:  # the next frame may work; clients see the world stand still meanwhile
            log.exception("frame %d failed", self.session.world.frame)

    def _answer(self, request: Request) -> tuple[bytes, float]:
        if request.name == FIRST_CALL:
            self._steps.stepped()
            self._stepping = self._has_manager()  # others may ask this, too
        elif request.name == SETTINGS:
            self._stepping, self._settings_due_s = False, 0.0
        elif request.name == "apply_batch" and self._stepping:
            self._settings_due_s = time.monotonic() + SETTINGS_WAIT_S
        free = not self.session.settings.synchronous_mode
        answer = dispatch.answer(self.session, request)
        if free and self.session.settings.synchronous_mode:
            self._steps.now_synchronous()
        if dispatch.ticks(request):
            self._steps.ticked(len(self.session.traffic_managers))
            self._stepping = False  # whoever began a step and vanished delays one tick, not all
        return answer, self._hold_s(request)

    def _hold_s(self, request: Request) -> float:
        """How long to hold back the settings that a traffic manager asks for after each of its steps.

        Its two threads wake each other without a lock. If the settings reach the one while the snapshot reaches
        the other, a wake-up is sometimes lost and the client hangs for good; so they keep apart from the
        snapshot: answered before a tick (``_overtakes``) or well after it. In asynchronous mode the traffic
        manager asks in a tight loop, which the same delay slows down.
        """
        if request.name != SETTINGS:
            return 0.0
        synchronous = self.session.settings.synchronous_mode
        soon = not self._steps.begun and time.monotonic() - self.session.ticked_s < APART_S
        return APART_S if soon or (not synchronous and self._has_manager()) else 0.0

    def _has_manager(self) -> bool:
        return bool(self.session.traffic_managers)

    def _may_run(self, request: Request) -> bool:
        """A tick waits for subscribers, and for the settings that a traffic manager asks for after its commands:
        coming before the tick they need not be kept apart from its snapshot. Sensors at work are left alone."""
        if dispatch.waits(self.session, request):
            return False
        if not dispatch.ticks(request):
            return True
        return self._network.settled() and time.monotonic() >= self._settings_due_s

    def _first_frame(self, stream_id: int) -> bytes | None:
        return self.session.snapshot(first=True) if stream_id == WORLD_STREAM else None


def _overtakes(request: Request, ahead: Request) -> bool:
    """Settings do not change by a tick, so they need not wait for one."""
    return request.name == SETTINGS and dispatch.ticks(ahead)


def _port_taken(host: str, port: int, error: OSError) -> str:
    return (
        f"cannot listen on {host}:{port} and {port + 1}: {error.strerror or error}; "
        "stop the other server or choose another --port"
    )


def serve(
    map_name_or_file: str,
    host: str = "127.0.0.1",
    port: int = 2000,
    seed: int = 0,
    maps: str | None = None,
    parts: Parts = PARTS,
) -> Server:
    """Start a server in a thread of this process; ``stop`` it when done. Raises ServerError."""
    return Server(map_name_or_file, host, port, seed, maps, parts).start()


def run_server(
    map_name: str,
    host: str = "127.0.0.1",
    port: int = 2000,
    seed: int = 0,
    maps: str | None = None,
    parts: Parts = PARTS,
    recordings: str | None = None,
) -> int:
    """``roadlab serve``: run until SIGINT or SIGTERM, which end the process. One line says it is ready, or why not.

    Returns the exit status where the server could not start.
    """
    began = time.monotonic()
    try:
        server = Server(
            map_name,
            host,
            port,
            seed,
            maps,
            parts,
            lambda line: print(f"roadlab serve: {line}", flush=True),
            recordings,
            gc.freeze,  # what is there by then stays: collections, as at the end of an episode, need not look at it
        )
    except ServerError as error:
        print(f"roadlab serve: {error}", file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    seconds = time.monotonic() - began
    name = server.session.scene.name
    print(
        f"ready: {name} on {server.host}:{server.port}, streams on {server.streaming_port} ({seconds:.1f} s)",
        flush=True,
    )
    server.session.prepare()
    server.run()
    _leave(0)
    return 0


def _leave(status: int) -> None:
    """End the process at once: all is closed, and libraries that still build or render in threads of their own would
    turn an orderly end into an abort, or make it last."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
