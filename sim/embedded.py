"""The embedded CARLA server as a child process: started for a run, stopped with it."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 900.0
"""A first start on a slow machine compiles kernels and builds the models, and says so; later ones take seconds."""

STOP_TIMEOUT_S = 5.0
READY = re.compile(r"ready: .* on \S+:(\d+), streams on \d+")
"""What ``sim.server.serve.run_server`` prints once it listens, with the port."""


class ServerStartError(RuntimeError):
    """The embedded server did not come up; the message ends with the last line it printed."""


@dataclass(frozen=True)
class EmbeddedServer:
    """A server that listens: its RPC port and the id of its process."""

    port: int
    pid: int


@contextlib.contextmanager
def embedded_server(
    map_name: str, seed: int, log_file: Path, host: str = "127.0.0.1", say: Callable[[str], None] | None = None
) -> Iterator[EmbeddedServer]:
    """A server with a map loaded, listening when the block begins.

    It takes free ports by itself: one that somebody else looks for it may be taken again before it has started. Its
    output goes to ``log_file``, and ``say`` is told what it prints until it is ready. Raises ServerStartError with its
    last line where it does not come up.
    """
    command = [sys.executable, "-m", "sim.cli", "serve", "--map", map_name, "--host", host]
    command += ["--port", "0", "--seed", str(seed), "--until-stdin-ends"]
    with log_file.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # closed by the system if this process is killed: then the server ends by itself
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C ends the run first, then the run ends the server
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_copy, args=(process, output, lines), name="server-output", daemon=True)
        reader.start()
        try:
            yield EmbeddedServer(_wait_until_ready(lines, say or (lambda line: None)), process.pid)
        finally:
            _stop(process)
            reader.join(STOP_TIMEOUT_S)


def _copy(process: subprocess.Popen[str], output: object, lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        with contextlib.suppress(ValueError):  # the file is closed when the run is over
            output.write(line)  # type: ignore[attr-defined]
            output.flush()  # type: ignore[attr-defined]
        lines.put(line)
    lines.put(None)


def _wait_until_ready(lines: queue.Queue[str | None], say: Callable[[str], None]) -> int:
    """The port on which it says that it listens."""
    last = "it said nothing"
    deadline = time.monotonic() + START_TIMEOUT_S
    with contextlib.suppress(queue.Empty):
        while (line := lines.get(timeout=max(0.0, deadline - time.monotonic()))) is not None:
            if ready := READY.match(line):
                return int(ready[1])
            if line.strip():
                last = line.strip()
                say(last)
        raise ServerStartError(f"the embedded server did not start: {last}")  # it closed its output: it is over
    raise ServerStartError(f"the embedded server was not ready within {START_TIMEOUT_S:g} s; its last words: {last}")


def _stop(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
