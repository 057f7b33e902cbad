"""What lies on disk: whole or not at all, checked by its manifest, read back as it was written."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from sim.dataset.build import claim
from sim.dataset.store import (
    DataSet,
    DataSetError,
    DiskFull,
    begin_folder,
    depth_steps,
    finish_folder,
    flow_steps,
    sweep_up,
    verify,
    write_bytes,
    write_manifest,
)
from tests.sim.dataset.handmade import capture, config, data_set, labelled


def test_a_frame_reads_back_as_it_was_written(tmp_path: Path) -> None:
    frame = next(data_set(tmp_path).frames("train"))
    made, seen = labelled(), capture()
    assert frame.labels == made.labels
    np.testing.assert_array_equal(frame.bgr("front"), seen.cameras["front"].bgr)
    np.testing.assert_array_equal(frame.instance("front"), made.masks["front"].instance)
    np.testing.assert_array_equal(frame.semantic("front"), seen.cameras["front"].tags)
    np.testing.assert_allclose(frame.depth_m("front"), seen.cameras["front"].depth_m, atol=0.5 / 256)
    np.testing.assert_array_equal(frame.points("top"), seen.sweeps["top"].points)
    known = frame.point_labels("top")
    assert known is not None
    assert known[0].tolist() == [1, 1, 2, 0]
    assert known[1].tolist() == [14, 14, 13, 1]


def test_depth_and_flow_are_kitti_s_steps() -> None:
    assert depth_steps(np.array([[1.0, 255.99, 256.0, 1000.0]], np.float32)).tolist() == [[256, 65533, 0, 0]]
    assert flow_steps(np.array([[[1.5, -2.0]]], np.float32)).tolist() == [[[1, 32768 - 128, 32768 + 96]]]


def test_the_manifest_finds_what_was_damaged(tmp_path: Path) -> None:
    data = data_set(tmp_path)
    write_manifest(data, {"seed": 0})
    assert verify(tmp_path) == []
    (tmp_path / "scenes" / data.scenes[0].name / "000001_top.bin").write_bytes(b"less")
    assert verify(tmp_path) == [f"{data.scenes[0].name}/000001_top.bin"]


def test_an_unfinished_scene_is_none(tmp_path: Path) -> None:
    data_set(tmp_path)
    left = begin_folder(tmp_path / "scenes" / "00002_Straight_ClearNoon")
    (left / "scene.json").write_text("{}")
    assert len(DataSet.open(tmp_path).scenes) == 2
    sweep_up(tmp_path)
    assert not left.exists()


def test_a_finished_folder_replaces_an_older_one(tmp_path: Path) -> None:
    final = tmp_path / "coco"
    final.mkdir()
    (final / "old").touch()
    filling = begin_folder(final)
    (filling / "new").touch()
    finish_folder(filling, final)
    assert [file.name for file in final.iterdir()] == ["new"]


def test_a_full_disk_says_that_whole_scenes_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFull, match="whole scenes are kept"):
        write_bytes(tmp_path / "x", b"y")


def test_a_folder_of_another_configuration_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    claim(tmp_path, config())
    claim(tmp_path, replace(config(), exports=("nuscenes",)))  # further exports are welcome
    data_set(tmp_path)  # without a scene there is nothing to lose
    with pytest.raises(DataSetError, match=r"\(count, seed differ\)"):
        claim(tmp_path, replace(config(), count=9, seed=3))


def test_a_folder_without_scenes_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="roadlab dataset"):
        DataSet.open(tmp_path)
