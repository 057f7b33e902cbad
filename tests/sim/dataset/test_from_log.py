"""A recorded run as a data set: what the log says is what the data set says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sim.config import ConfigError
from sim.dataset.command import make_dataset
from sim.dataset.store import DataSet, DataSetError
from sim.log.options import LogConfig
from sim.log.reader import LogReader
from sim.log.writer import LogWriter
from tests.builders import make_tick, make_world


def record(path: Path, ticks: int) -> Path:
    facts = {"seed": "3", "map": "Roadlab01", "scenario": "default"}
    with LogWriter(path, LogConfig(), make_world(), facts) as log:
        for k in range(ticks):
            log.write(make_tick(k, seed=k))
    return path


def taken(log: Path, folder: Path, *words: str) -> DataSet:
    make_dataset(None, words, folder, 1, None, log, Console(quiet=True))
    return DataSet.open(folder)


def test_frames_objects_and_points_are_those_of_the_log(tmp_path: Path) -> None:
    log = record(tmp_path / "log.mcap", 4)
    data = taken(log, tmp_path / "out", "images.format=png", "sequence.keyframe_every=2")
    (info,) = data.scenes
    assert (info.map, info.frames, info.mode, info.amodal) == ("Roadlab01", 4, "sequences", "projected boxes")
    for frame, tick in zip(data.frames(), LogReader(log).ticks(), strict=True):
        assert tick.frame is not None
        assert tick.truth is not None
        np.testing.assert_array_equal(frame.bgr("front"), tick.frame.images["front"].bgr)
        sweep = tick.frame.sweeps["top"]
        finite = np.isfinite(sweep.points_lidar_m).all(axis=1)
        np.testing.assert_array_equal(frame.points("top")[:, :3], sweep.points_lidar_m[finite])
        assert [label.id for label in frame.labels.objects] == tick.truth.actor_id.tolist()
        centers = [label.center_world_m for label in frame.labels.objects]
        np.testing.assert_allclose(centers, tick.truth.boxes_world_m[:, :3], atol=1e-4)
        assert frame.labels.key == (frame.labels.index % 2 == 0)
        assert frame.labels.lights == {"7": "green"}


def test_it_is_exported_and_has_a_data_sheet(tmp_path: Path) -> None:
    data = taken(record(tmp_path / "log.mcap", 2), tmp_path / "out")
    assert {folder.name for folder in (data.folder / "exports").iterdir()} == {"coco", "yolo", "kitti", "nuscenes"}
    assert "driven sequences" in (data.folder / "datasheet.html").read_text()


def test_the_same_log_gives_the_same_bytes(tmp_path: Path) -> None:
    log = record(tmp_path / "log.mcap", 2)
    sets = [taken(log, tmp_path / name).folder for name in ("a", "b")]
    files = [sorted(p.relative_to(s) for p in s.rglob("*") if p.is_file()) for s in sets]
    assert files[0] == files[1]
    for file in files[0]:
        assert (sets[0] / file).read_bytes() == (sets[1] / file).read_bytes(), file


def test_a_configuration_beside_a_log_is_refused(tmp_path: Path) -> None:
    log = record(tmp_path / "log.mcap", 1)
    with pytest.raises(ConfigError, match="leave the configuration 'small' out"):
        make_dataset("small", [], tmp_path / "out", 1, None, log, Console(quiet=True))


def test_a_log_without_frames_says_what_to_record(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="boxes2d_every"):
        taken(record(tmp_path / "log.mcap", 0), tmp_path / "out")


def test_a_camera_or_sweep_that_comes_later_is_left_out(tmp_path: Path) -> None:
    facts = {"seed": "3", "map": "Roadlab01", "scenario": "default"}
    with LogWriter(tmp_path / "log.mcap", LogConfig(), make_world(), facts) as log:
        for k in range(3):
            tick = make_tick(k, seed=k)
            assert tick.truth is not None
            front = replace(tick.truth.cameras[0], camera="front")
            rear = replace(front, camera="rear")  # its picture is lost in the first frame, as is the sweep
            images = {**tick.frame.images, "rear": tick.frame.images["front"]} if k else tick.frame.images
            frame = replace(tick.frame, images=images, sweeps=tick.frame.sweeps if k else {})
            log.write(replace(tick, frame=frame, truth=replace(tick.truth, cameras=(front, rear))))
    data = taken(tmp_path / "log.mcap", tmp_path / "out")
    (info,) = data.scenes
    assert (list(info.cameras), list(info.lidars), info.frames) == (["front"], [], 3)
    assert {file.name for file in (data.folder / "scenes" / info.name).glob("000002*")} == {
        "000002.json", "000002_front.jpg",
    }  # fmt: skip


def test_a_log_that_breaks_off_gives_what_is_whole(tmp_path: Path) -> None:
    log = record(tmp_path / "log.mcap", 60)
    log.write_bytes(log.read_bytes()[: int(0.7 * log.stat().st_size)])
    data = taken(log, tmp_path / "out")
    assert 1 <= data.scenes[0].frames < 60


def test_a_folder_of_another_recording_is_refused(tmp_path: Path) -> None:
    taken(record(tmp_path / "log.mcap", 1), tmp_path / "out")
    facts = {"seed": "3", "map": "Roadlab02", "scenario": "default"}
    with LogWriter(tmp_path / "other.mcap", LogConfig(), make_world(), facts) as log:
        log.write(make_tick(0))
    with pytest.raises(DataSetError, match="00000_Roadlab01_default of another recording"):
        taken(tmp_path / "other.mcap", tmp_path / "out")
    assert [info.map for info in DataSet.open(tmp_path / "out").scenes] == ["Roadlab01"]
