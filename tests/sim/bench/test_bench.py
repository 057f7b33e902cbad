"""Families are chosen, survive each other's faults, and come out as tables and JSON with the machine beside them."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from sim.bench import bench as harness
from sim.bench.bench import Machine, bench, choose, document, run_families
from sim.bench.drive import SKIPPED_FRAMES, Stages, config_of, quantities_of
from sim.bench.measure import Laps, Measurement, Quantity, Result, measurement
from sim.bench.options import BenchOptions
from sim.bench.reference import Reference, _multiply
from sim.bench.street import LAP_M, SPEED_MPS, STEP_S, Street
from sim.cli import app
from tests.builders import make_tick

WHERE = Machine("a processor", 2, 0.5, 1000.0, "3.11.0", "2026-01-01 00:00 UTC", "0123456789ab")


def row(name: str = "rgb 800x600 day") -> Measurement:
    one = Laps(np.array([0.02]), {"process": np.array([0.03])})
    return measurement(name, "frame", one, {"reference": Laps(np.array([0.001]), {})})


def test_families_come_in_their_order_and_a_wrong_name_is_answered_with_the_nearest():
    assert choose([]) == ["server", "camera", "lidar", "stack", "run"]
    assert choose(["run", "camera"]) == ["camera", "run"]
    with pytest.raises(ValueError, match="no benchmark family 'camra'; did you mean 'camera'"):
        choose(["camra"])


def test_quick_takes_a_fifth_of_the_samples():
    assert BenchOptions().rounds(50) == 50
    assert BenchOptions(quick=True).rounds(50) == 10
    assert BenchOptions(quick=True).rounds(3) == 1


def test_a_family_at_fault_says_why_and_the_others_run(monkeypatch):
    def broken(options, progress):
        raise FileNotFoundError("detector weights 'x' not found")

    monkeypatch.setitem(harness.FAMILIES, "stack", broken)
    monkeypatch.setitem(harness.FAMILIES, "lidar", lambda options, progress: Result("lidar", "reference", (row(),)))
    found = run_families(["lidar", "stack"], BenchOptions(), lambda line: None)
    assert [(r.family, r.fault) for r in found] == [("lidar", ""), ("stack", "detector weights 'x' not found")]


def test_the_document_has_machine_options_and_every_number_and_is_json():
    broken = replace(row("never"), ratio={"reference": float("nan")})
    results = [Result("camera", "reference", (row(), broken), (Quantity("vehicles", 30, ""),))]
    tree = json.loads(json.dumps(document(WHERE, BenchOptions(seed=4), results), allow_nan=False))
    assert tree["machine"] == {
        "cpu": "a processor", "cores": 2, "load_1min": 0.5, "reference_per_second": 1000.0, "python": "3.11.0",
        "date": "2026-01-01 00:00 UTC", "commit": "0123456789ab",
    }  # fmt: skip
    assert tree["options"]["seed"] == 4
    first, second = tree["families"]["camera"]["measurements"]
    assert (first["per_second"], first["ratio"]) == (50.0, {"reference": 20.0})
    assert first["cpu_ms"] == {"process": 30.0}
    assert second["ratio"] == {"reference": None}


def test_the_command_shows_what_was_measured_and_writes_it(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(harness, "machine", lambda: WHERE)
    monkeypatch.setitem(harness.FAMILIES, "camera", lambda options, progress: Result("camera", "reference", (row(),)))
    out = io.StringIO()
    bench(["camera"], BenchOptions(quick=True, seed=3), Console(file=out, width=80), tmp_path / "b.json")
    text = out.getvalue()
    assert "a processor, 2 cores" in text
    assert "seed 3; quick" in text
    line = next(line for line in text.splitlines() if line.strip().startswith("rgb 800x600 day"))
    assert line.split() == ["rgb", "800x600", "day", "50", "20.00", "20.00", "30.00", "20"]
    assert json.loads((tmp_path / "b.json").read_text())["families"]["camera"]["fault"] == ""


def test_the_command_line_knows_it_and_fails_where_something_could_not_be_measured(monkeypatch):
    monkeypatch.setattr(harness, "machine", lambda: WHERE)
    monkeypatch.setitem(harness.FAMILIES, "run", lambda options, progress: Result("run", "", fault="no weights"))
    answer = CliRunner().invoke(app, ["bench", "run"])
    assert answer.exit_code == 1
    assert "run: not measured: no weights" in answer.output
    assert "did you mean 'server'" in CliRunner().invoke(app, ["bench", "serve"]).output


def test_the_reference_unit_is_the_matrix_product_and_always_the_same():
    left, right = np.random.default_rng(1).random((2, 160, 160)).astype(np.float32)
    product = np.zeros_like(left)
    _multiply(left, right, product)
    np.testing.assert_allclose(product, left @ right, rtol=1e-5)
    unit = Reference()
    assert unit() == unit() == Reference()()


def test_the_wall_time_of_a_drive_is_divided_without_rest_or_overlap():
    stages = Stages(Reference())
    stages.source_ms = [2000.0, 40.0, 60.0]
    stages.stage_ms = [{"perception": 20.0, "perception/camera": 15.0, "planning": 5.0, "control": 1.0}] * 3
    stages.reference_ms = [2.0, 2.0, 2.0]
    found = {q.name: q.value for q in quantities_of(0.1, 0.206, stages, 0.3, 0.15, 3.0)}
    assert found["spawning and warm-up"] == pytest.approx(2.0)
    assert found["driving"] == pytest.approx(0.2)  # 0.206 s less 3 x 2 ms of reference; the start is not in it
    assert found["real-time factor"] == pytest.approx(0.5)
    assert found["share: world and sensors"] == pytest.approx(50.0)
    assert found["share: perception"] == pytest.approx(30.0)  # its steps are inside it and not counted twice
    assert found["share: record and rest"] == pytest.approx(11.0)
    assert sum(v for name, v in found.items() if name.startswith("share: ")) == pytest.approx(100.0)
    assert found["server CPU a frame (with spawning and warm-up)"] == pytest.approx(100.0)
    assert found["app CPU a frame (with spawning and warm-up)"] == pytest.approx(50.0)


def test_the_first_frames_are_left_out_of_the_stages():
    stages = Stages(Reference())
    for index in range(SKIPPED_FRAMES + 4):
        stages.write(make_tick(index))
    assert len(stages.reference_ms) == SKIPPED_FRAMES + 4
    assert [(m.name, m.laps) for m in stages.measurements()] == [("perception", 4)]


def test_the_scenario_is_the_default_one_shortened():
    config = config_of(BenchOptions(seed=2, overrides=("traffic.vehicles=7",)), 20.0)
    assert (config.name, config.seed, config.duration_s, config.traffic.vehicles) == ("default", 2, 20.0, 7)
    assert (config.traffic.walkers, config.log.video) == (10, False)


def test_a_street_has_its_bodies_and_the_sensor_drives_along_it():
    street = Street("Roadlab01", 0, 6, 4)
    assert (street.vehicles, street.walkers) == (6, 4)
    street.weather("ClearNight")
    before, _ = street.pose(1.6)
    view = street.advance()
    after, rotation = street.pose(1.6)
    assert len(view.instances.actors().actor_id) == 10
    assert view.weather.sun_altitude_angle == -90.0
    step = after - before
    assert np.linalg.norm(step) == pytest.approx(SPEED_MPS * STEP_S, abs=0.11)  # the first pose is 0.1 m ahead
    assert np.dot(step[:2], [np.cos(rotation[1]), np.sin(rotation[1])]) > 0.2
    for _ in range(int(LAP_M / SPEED_MPS / STEP_S)):
        street.advance()
    assert np.linalg.norm(street.pose(1.6)[0] - before) < 1.0  # round again
