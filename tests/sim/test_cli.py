"""What goes wrong ends with one clear line and exit code 1; what is asked for is done."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from sim.cli import app
from sim.config import load_config
from sim.log.options import LogConfig
from sim.log.reader import LogReader
from sim.log.writer import LogWriter
from sim.run import RunResult, run
from tests.builders import make_world
from tests.sim.conftest import TinyRun, roadlab


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def complaint(result: Result) -> str:
    """The one line with which a command ended."""
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    (line,) = [line for line in result.stderr.splitlines() if line.strip()]
    assert line.startswith("roadlab: ")
    return line


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """A port where somebody takes calls and never says a word."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        yield mute.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "defualt"], r"no scenario 'defualt'.*did you mean 'default'"),
        (["run", "trafic.vehicles=3"], r"trafic: no such key.*did you mean 'traffic'"),
        (["run", "default", "traffic.vehicles=many"], r"traffic\.vehicles: .*'many'"),
        (["run", "default", "traffic.vehicles"], r"expected KEY\.PATH=VALUE"),
        (["run", "weather=HardRainNon"], r"HardRainNon.*HardRainNoon"),
        (["run", "perception.detector.weights=nowhere.pt"], r"nowhere\.pt.*roadlab train detector"),
        (["run", "--carla", "localhost:port"], r"expected HOST:PORT"),
        (["replay", "nowhere"], r"nowhere: no log there"),
        (["eval", "nowhere.mcap"], r"nowhere\.mcap: no log there"),
    ],
)
def test_a_wrong_wish_is_named(arguments: list[str], told: str, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path)] if arguments[0] != "eval" else []
    assert re.search(told, complaint(invoke(*arguments, *out)))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_map_names_the_nearest(scenario: Path, tmp_path: Path) -> None:
    line = complaint(invoke("run", scenario, "map=Roadlap04", "--out", tmp_path))
    assert re.search(r"Roadlap04.*did you mean Roadlab04", line)
    assert not (tmp_path / "latest").exists()


def test_nobody_on_the_line_is_said_at_once(scenario: Path, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        line = complaint(invoke("run", scenario, "--carla", f"127.0.0.1:{port}", "--out", tmp_path))
    assert f"127.0.0.1:{port}: no server listens there" in line


def test_somebody_who_is_no_server_is_given_up(scenario: Path, tmp_path: Path) -> None:
    with listening() as port:
        line = complaint(invoke("run", scenario, "sim.timeout_s=1", "--carla", f"127.0.0.1:{port}", "--out", tmp_path))
    assert f"127.0.0.1:{port}: lost while trying to connect" in line


def test_a_taken_port_is_refused_by_the_server() -> None:
    with listening() as port:
        said = roadlab("serve", "--port", str(port))
    assert said.returncode == 1
    (line,) = said.stderr.splitlines()
    assert f"cannot listen on 127.0.0.1:{port}" in line
    assert "choose another --port" in line


def cut(log: Path, at: float, path: Path) -> Path:
    data = log.read_bytes()
    path.write_bytes(data[: int(len(data) * at)])
    return path


def test_a_log_cut_off_at_its_start_is_refused(tiny_run: TinyRun, tmp_path: Path) -> None:
    for share in (0.0, 0.0001):
        stump = cut(tiny_run.log, share, tmp_path / "log.mcap")
        for verb in ("eval", "replay"):
            assert "cut off" in complaint(invoke(verb, stump))


def test_a_log_without_a_whole_frame_is_refused(weights: Path, tmp_path: Path) -> None:
    with LogWriter(tmp_path / "log.mcap", LogConfig(), make_world(), {"config": ""}):
        pass
    assert "no whole frame" in complaint(invoke("eval", tmp_path))
    detector = f"perception.detector.weights={weights}"
    assert "no whole frame" in complaint(invoke("replay", tmp_path, detector, "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_log_cut_off_later_is_scored_as_far_as_it_goes(tiny_run: TinyRun, tmp_path: Path) -> None:
    result = invoke("eval", cut(tiny_run.log, 0.8, tmp_path / "log.mcap"))
    assert result.exit_code == 0
    assert "the log is truncated" in result.output
    frames = re.search(r"frames +(\d+)", result.output)
    assert frames is not None
    assert 0 < int(frames[1]) < 21


def test_doctor_names_every_check_and_how_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim import doctor

    good = doctor.Finding("Python", True, "3.11")
    bad = doctor.Finding("ports", False, "busy: 2000", "stop the [other] server")
    monkeypatch.setattr(doctor, "CHECKS", (lambda: good, lambda: bad))
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "ok   Python: 3.11" in result.output
    assert "FAIL ports: busy: 2000" in result.output
    assert "→ stop the [other] server" in result.output
    monkeypatch.setattr(doctor, "CHECKS", (lambda: good,))
    assert invoke("doctor").exit_code == 0


def test_doctor_looks_at_this_machine() -> None:
    from sim.doctor import CHECKS

    findings = {finding.name: finding for finding in (check() for check in CHECKS)}
    assert findings["Python"].ok
    assert findings["CARLA client"].ok
    assert findings["packages"].ok, findings["packages"].found
    assert all(finding.ok or finding.remedy for finding in findings.values())


FAULTS = """
duration_s: 1.5
faults:
  - {sensor: front, kind: drop, from_s: 0.2, to_s: 0.45}
  - {sensor: top, kind: nan, from_s: 0.5, to_s: 0.75, strength: 0.3}
  - {sensor: gnss, kind: drop, from_s: 0.3, to_s: 1.25}
"""


@pytest.fixture(scope="module")
def faulty_run(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("faulty")
    broken = folder / "faulty.yaml"
    broken.write_text(scenario.read_text().replace("duration_s: 2.0\n", FAULTS))
    return run(load_config(broken), folder, None, Console(quiet=True))


def test_a_car_with_failing_sensors_drives_on_and_says_so(faulty_run: RunResult) -> None:
    assert (faulty_run.ending.reason, faulty_run.ending.frames) == ("duration", 16)
    ticks = list(LogReader(faulty_run.folder / "log.mcap").ticks())
    frames = [tick.frame for tick in ticks]

    def when(sensor: str) -> list[int]:
        return [frame.index for frame in frames if frame is not None and sensor in frame.missing]

    def complained(words: str) -> list[int]:
        return [tick.index for tick in ticks if any(words in line for line in tick.step.health)]

    assert when("front") == complained("front: missing") == [2, 3, 4]
    assert when("gnss") == complained("gnss: missing") == list(range(3, 13))
    assert complained("non-finite points") == [5, 6, 7]
    assert all("front" not in frames[k].images for k in (2, 3, 4))  # type: ignore[union-attr]
    assert all(tick.plan is not None and tick.tracks is not None for tick in ticks)
    assert faulty_run.metrics["localization"]["position_max_m"] < 2.0
