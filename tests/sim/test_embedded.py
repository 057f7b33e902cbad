"""A run that does not come to its end: a killed server, Ctrl-C, a killed run. What was recorded stays, nothing else."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sim.embedded import READY, ServerStartError, embedded_server
from sim.log.reader import LogReader
from sim.log.writer import CHUNK_BYTES
from tests.sim.conftest import ROOT, TinyRun, command, roadlab
from tests.sim.streams import streams
from tests.sim.test_end_to_end import broken_references

PATIENCE_S = 120.0


@dataclass
class Going:
    """A run that drives, and the server it drives on."""

    process: subprocess.Popen[str]
    server: psutil.Process
    folder: Path
    said: Path

    def end(self) -> tuple[str, str]:
        """What it said, and what it complained about, once it is over."""
        complaint = self.process.communicate(timeout=PATIENCE_S)[1]
        return self.said.read_text(), complaint


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"{what}: did not happen"
        time.sleep(0.05)


def is_over(process: psutil.Process) -> bool:
    """Whether it runs no more; without its parent nobody may have asked how it ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two questions
        return True


@contextlib.contextmanager
def going(run: TinyRun, out: Path, *overrides: str) -> Iterator[Going]:
    """The tiny scenario without an end in sight, some frames into the drive (a chunk of the log is on the disk)."""
    said = out / "said"
    with said.open("w") as stdout:
        process = subprocess.Popen(
            command("run", run.scenario, "duration_s=600", "sim.timeout_s=10", *overrides, "--out", out),
            cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    log = out / "latest" / "log.mcap"
    family: list[psutil.Process] = []
    try:
        until(lambda: process.poll() is not None or "real-time factor" in said.read_text(), "first frame")
        assert process.poll() is None, process.communicate()[1]
        family = psutil.Process(process.pid).children()
        (server,) = [child for child in family if "serve" in child.cmdline()]
        before = log.stat().st_size
        until(lambda: process.poll() is not None or log.stat().st_size > before + CHUNK_BYTES // 4, "log")
        yield Going(process, server, log.parent, said)
    finally:
        for left in (process, *family):
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                left.kill()
        process.wait()


def check_record(folder: Path, original: Path) -> int:
    """Assert that log, scores and report are there and the drive is the start of ``original``; frames in the log."""
    log = LogReader(folder / "log.mcap")
    times = [tick.t_us for tick in log.ticks(sensors=False)]
    assert not log.truncated
    assert times == [100_000 * k for k in range(len(times))]
    assert len(times) > 3
    last = min(times[-1], 2_000_000)
    assert streams(folder / "log.mcap", last) == streams(original, last)
    assert (folder / "metrics.json").is_file()
    assert broken_references(folder / "report.html") == []
    return len(times)


def test_a_lost_server_ends_the_run_with_a_whole_record(tiny_run: TinyRun, tmp_path: Path) -> None:
    """Also where it is lost in the middle of a step of the client's traffic manager, which then aborts its process."""
    with going(tiny_run, tmp_path) as run:
        run.server.kill()
        said, complaint = run.end()
    assert run.process.returncode == 1
    (line,) = [line for line in complaint.splitlines() if line.startswith("roadlab:")]
    assert "source lost 127.0.0.1" in line
    assert "Traceback" not in said + complaint
    frames = check_record(run.folder, tiny_run.log)
    assert f"{frames} frames" in said
    scored = roadlab("eval", run.folder)
    assert scored.returncode == 0, scored.stderr
    assert str(frames) in scored.stdout


def test_a_driving_process_that_dies_leaves_a_whole_record_too(tiny_run: TinyRun, tmp_path: Path) -> None:
    with going(tiny_run, tmp_path) as run:
        (driver,) = [child for child in psutil.Process(run.process.pid).children() if "sim.driver" in child.cmdline()]
        driver.send_signal(signal.SIGABRT)
        said, complaint = run.end()
        until(lambda: not run.server.is_running(), "end of the server")
    assert run.process.returncode == 1
    assert "ended by SIGABRT" in complaint
    assert "Traceback" not in said + complaint
    assert f"{check_record(run.folder, tiny_run.log)} frames" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_its_record_and_ends_its_server(
    tiny_run: TinyRun, tmp_path: Path, number: signal.Signals
) -> None:
    with going(tiny_run, tmp_path) as run:
        run.process.send_signal(number)
        said, complaint = run.end()
        until(lambda: not run.server.is_running(), "end of the server")
    assert run.process.returncode == 1
    assert "roadlab: interrupted" in complaint
    assert "Traceback" not in said + complaint
    check_record(run.folder, tiny_run.log)


def test_a_killed_run_leaves_no_server_and_a_readable_log(tiny_run: TinyRun, tmp_path: Path) -> None:
    with going(tiny_run, tmp_path) as run:
        run.process.kill()
        until(lambda: is_over(run.server), "end of the server")
    log = LogReader(run.folder / "log.mcap")
    times = [tick.t_us for tick in log.ticks()]
    assert log.truncated
    assert len(times) > 3
    assert times == [100_000 * k for k in range(len(times))]


def test_a_server_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(ServerStartError, match=r"^the embedded server did not start: .*Roadlab01") as caught,
        embedded_server("Roadlap01", 0, tmp_path / "server.log"),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert "Roadlap01" in (tmp_path / "server.log").read_text()


def test_what_the_server_says_when_it_listens_is_understood(tiny_run: TinyRun) -> None:
    lines = (tiny_run.folder / "server.log").read_text().splitlines()
    (said,) = [ready for ready in map(READY.match, lines) if ready]
    assert 1024 <= int(said[1]) < 65536
