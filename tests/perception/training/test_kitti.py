"""KITTI's object format: what is read lies where the pictures show it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from perception.augment.paste import PasteRule, paste
from perception.augment.store import cut_objects
from perception.geometry import box_corners, intersection_bev, points_in_box
from perception.training.boxes import DataSetError
from perception.training.kitti import read_moments

DATA = Path(os.environ.get("ROADLAB_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
FOLDER = DATA / "kitti_object" / "training"
needs_data = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real KITTI data at {FOLDER}")


@needs_data
def test_boxes_project_onto_their_image_boxes_and_hold_points() -> None:
    moments = read_moments(FOLDER)
    assert len(moments) == 10
    seen = 0
    for moment in moments:
        assert moment.calibration is not None
        assert moment.cloud is not None
        for box, px in zip(moment.objects.m, moment.boxes.px, strict=True):
            corners = moment.calibration.pixels(box_corners(box[None])[0])[0]
            cut = px[0] < 2 or px[2] > moment.size[1] - 2 or px[3] > moment.size[0] - 2
            if cut or not np.isfinite(corners).all():
                continue
            bounds = np.array([*corners.min(axis=0), *corners.max(axis=0)])
            size = (px[2:] - px[:2]).max()
            assert bounds == pytest.approx(px, abs=float(0.12 * size + 3.0))
            seen += 1
            if np.hypot(*box[:2]) < 25.0:
                assert points_in_box(moment.cloud.points_m, box, 0.1).sum() >= 20
    assert seen >= 15


@needs_data
def test_real_traffic_is_pasted_onto_real_roads() -> None:
    moments = read_moments(FOLDER, 8)
    store = cut_objects(moments)
    assert len(store) >= 4
    placed = 0
    for k, moment in enumerate(moments[4:]):
        after, what = paste(moment, store, 4, PasteRule(), np.random.default_rng(k))
        placed += len(what.chosen)
        boxes = after.objects.m
        overlap = intersection_bev(what.boxes_m, boxes)
        own = what.boxes_m[:, 3] * what.boxes_m[:, 4]
        assert overlap.sum(axis=1) == pytest.approx(own, rel=1e-6)
        for box in what.boxes_m:
            assert box[2] - box[5] / 2 == pytest.approx(-1.7, abs=1.0)  # the LiDAR stands 1.73 m above the road
    assert placed >= 4


def test_a_folder_of_another_kind_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="velodyne"):
        read_moments(tmp_path)
    (tmp_path / "velodyne").mkdir()
    (tmp_path / "velodyne" / "000000.bin").write_bytes(b"123")
    with pytest.raises(DataSetError, match="P2"):
        read_moments(tmp_path)
    (tmp_path / "calib").mkdir()
    eye = "1 0 0 0 0 1 0 0 0 0 1 0"
    text = f"P2: {eye}\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: {eye}\n"
    (tmp_path / "calib" / "000000.txt").write_text(text)
    with pytest.raises(DataSetError, match="points"):
        read_moments(tmp_path)
