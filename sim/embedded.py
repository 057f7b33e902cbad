"""The embedded CARLA server as a child process: started for a run, stopped with it."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

START_TIMEOUT_S = 900.0
"""A first start on a slow machine compiles kernels and builds the models, and says so; later ones take seconds."""

STOP_TIMEOUT_S = 5.0


class ServerStartError(RuntimeError):
    """The embedded server did not come up; the message ends with the last line it printed."""


def free_port_pair(host: str = "127.0.0.1") -> int:
    """A port P such that P and P+1 (streaming) are free at this moment. Raises ServerStartError."""
    for _ in range(50):
        with socket.socket() as first, socket.socket() as second:
            first.bind((host, 0))
            port = int(first.getsockname()[1])
            with contextlib.suppress(OSError, OverflowError):
                second.bind((host, port + 1))
                return port
    raise ServerStartError(f"no two neighbouring free ports on {host}; close some programs and try again")


@contextlib.contextmanager
def embedded_server(
    map_name: str, seed: int, log_file: Path, host: str = "127.0.0.1", say: Callable[[str], None] | None = None
) -> Iterator[int]:
    """A server with a map loaded, listening when the block begins; yields its port.

    Its output goes to ``log_file``, and ``say`` is told what it prints until it is ready. Raises ServerStartError with
    its last line where it does not come up.
    """
    port = free_port_pair(host)
    command = [sys.executable, "-m", "sim.cli", "serve", "--map", map_name, "--host", host]
    command += ["--port", str(port), "--seed", str(seed), "--until-stdin-ends"]
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
            _wait_until_ready(lines, host, port, say or (lambda line: None))
            yield port
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


def _wait_until_ready(lines: queue.Queue[str | None], host: str, port: int, say: Callable[[str], None]) -> None:
    last = "it said nothing"
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        line: str | None = ""
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=0.05)
        if line is None:  # it closed its output: it is over
            raise ServerStartError(f"the embedded server did not start: {last}")
        if line.strip():
            last = line.strip()
            say(last)
            continue
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=0.2):
            return
    raise ServerStartError(f"the embedded server did not answer within {START_TIMEOUT_S:g} s; its last words: {last}")


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
