"""Robustness: the metrics are what the papers say they are, and the measurement repeats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from perception.augment.sample import Boxes3D, Cloud
from perception.training import robustness
from perception.training.boxes import LabelRule, Split, further
from perception.training.detector import TrainingConfig, train
from perception.training.lidar_robustness import (
    SweepRule,
    average_precision_bev,
    cluster_detector,
    lidar_robustness,
)
from perception.training.robustness import Robustness, camera_robustness, draw_curves, markdown
from tests.perception.augment.scenes import LIDAR_HEIGHT_M, street

# PointPillars and, as baseline, CenterPoint on Robo3D's KITTI-C (Kong et al. 2023): mean over severities, percent
POINT_PILLARS = Robustness(
    0.6670,
    {
        k: (v,)
        for k, v in zip("abcdefgh", (0.4570, 0.6671, 0.3577, 0.4709, 0.5224, 0.6001, 0.5484, 0.3750), strict=True)
    },
    (1,),
)
CENTER_POINT = Robustness(
    0.6870,
    {
        k: (v,)
        for k, v in zip("abcdefgh", (0.5310, 0.6871, 0.4856, 0.4794, 0.4988, 0.6600, 0.5890, 0.4512), strict=True)
    },
    (1,),
)


def test_robo3ds_published_rates_come_out() -> None:
    assert POINT_PILLARS.mrr == pytest.approx(0.7494, abs=2e-4)
    assert CENTER_POINT.mrr == pytest.approx(0.7973, abs=3e-4)
    assert POINT_PILLARS.mce(CENTER_POINT) == pytest.approx(1.1067, abs=3e-3)
    assert CENTER_POINT.mce(CENTER_POINT) == pytest.approx(1.0)


def test_mpc_is_the_mean_over_corruptions_of_means_over_severities() -> None:
    made = Robustness(0.8, {"a": (0.6, 0.4), "b": (0.2, 0.0)}, (1, 5))
    assert made.mpc == pytest.approx(0.3)
    assert made.rpc == pytest.approx(0.375)
    assert np.isnan(Robustness(0.0, {"a": (0.0,)}, (1,)).rpc)
    assert Robustness.from_dict(json.loads(json.dumps(made.as_dict()))) == made
    assert "| a | 0.600 | 0.400 | 62% |" in markdown(made)
    with pytest.raises(ValueError, match="baseline"):
        made.error("a", CENTER_POINT)


def test_precision_falls_with_misses_and_false_alarms() -> None:
    truth = [np.array([[10.0, 0, 0, 4, 2, 1.5, 0], [20.0, 5, 0, 4, 2, 1.5, 0]])]
    both = (truth[0].copy(), np.array([0.9, 0.8]))
    counted = [np.array([True, True])]
    assert average_precision_bev(truth, counted, [both], 2.0) == pytest.approx(1.0)
    assert average_precision_bev(truth, counted, [(both[0][:1], both[1][:1])], 2.0) == pytest.approx(0.5)
    false_first = (np.vstack([[[40.0, 0, 0, 4, 2, 1.5, 0]], both[0]]), np.array([0.95, 0.9, 0.8]))
    assert average_precision_bev(truth, counted, [false_first], 2.0) == pytest.approx(2 / 3)
    twice = (np.vstack([both[0], both[0][:1]]), np.array([0.9, 0.8, 0.1]))
    assert average_precision_bev(truth, counted, [twice], 2.0) == pytest.approx(1.0)  # the second comes after all hits
    ignored = [np.array([True, False])]
    assert average_precision_bev(truth, ignored, [both], 2.0) == pytest.approx(1.0)
    assert np.isnan(average_precision_bev(truth, [np.array([False, False])], [both], 2.0))


def test_the_stacks_lidar_detector_finds_cars_and_loses_them_in_fog() -> None:
    sample = street(image=False)
    assert sample.cloud is not None
    boxes, scores = cluster_detector(sample.cloud)
    assert len(boxes) == len(scores) >= 2
    away = np.hypot(*(sample.objects.m[:2, None, :2] - boxes[None, :, :2]).transpose(2, 0, 1)).min(axis=1)
    assert away.max() < 1.5
    assert boxes[:, 2].max() < 0.5 - LIDAR_HEIGHT_M / 2
    made = lidar_robustness(cluster_detector, [sample], "robo3d", 0, corruptions=("fog", "incomplete_echo"))
    assert made.clean >= 0.6
    assert made.table["fog"][2] < made.clean
    again = lidar_robustness(cluster_detector, [sample], "robo3d", 0, corruptions=("fog", "incomplete_echo"))
    assert again == made
    with pytest.raises(ValueError, match="robo3d"):
        lidar_robustness(cluster_detector, [sample], "kitti-c", 0)


def test_things_outside_of_the_labelled_view_do_not_count() -> None:
    rule = SweepRule(half_view_rad=0.7, max_range_m=50.0)
    rows = np.array([[10.0, 0, 0, 4, 2, 1.5, 0], [0.0, 10, 0, 4, 2, 1.5, 0], [60.0, 0, 0, 4, 2, 1.5, 0]])
    assert rule.covers(rows).tolist() == [True, False, False]
    assert Boxes3D.of(rows, [1, 1, 1])[rule.covers(rows)].m.tolist() == [rows[0].tolist()]
    assert len(Cloud.of(np.zeros((0, 3)))) == 0


@pytest.fixture(scope="module")
def split() -> Split:
    """Eight grey pictures with a red square each, called a car."""
    rng = np.random.default_rng(0)
    images, labels = np.full((8, 96, 128, 3), 120, np.uint8), []
    for picture in images:
        x, y = int(rng.integers(0, 80)), int(rng.integers(0, 48))
        picture[y : y + 48, x : x + 48] = (0, 0, 200)
        labels.append(np.array([[0, x / 128, y / 96, (x + 48) / 128, (y + 48) / 96, 1.0]], np.float32))
    return Split(images, tuple(labels), tuple("abcdefgh"))


def test_each_picture_is_corrupted_by_itself_and_alike_every_time(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A detector that finds the square by its colour: noise of half the pictures does not change the other half's."""
    seen: list[np.ndarray] = []

    def find(network: object, pictures: Split) -> list[np.ndarray]:
        seen.append(np.asarray(pictures.images))
        return [np.array([[*row[0, 1:5], 0.9, 0.0]], np.float32) for row in pictures.labels]

    monkeypatch.setattr("perception.training.detector.detect", find)
    names = ("car",)
    made = camera_robustness(None, split, names, 0, corruptions=("gaussian_noise",), severities=(1, 5))  # type: ignore[arg-type]
    assert made.clean == made.mpc == pytest.approx(1.0)
    half = Split(split.images[:4], split.labels[:4], split.names[:4])
    camera_robustness(None, half, names, 0, corruptions=("gaussian_noise",), severities=(1, 5))  # type: ignore[arg-type]
    assert np.array_equal(seen[1][:4], seen[4])
    assert not np.array_equal(seen[1], seen[2])


def test_the_curves_are_drawn(tmp_path: Path) -> None:
    made = Robustness(0.8, dict.fromkeys("abcdefg", (0.7, 0.5, 0.3)), (1, 3, 5))
    draw_curves(made, tmp_path / "curves.png", "test:")
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    assert robustness.SEVERITIES == (1, 2, 3, 4, 5)


def test_training_takes_further_steps_and_keeps_its_default(split: Split, tmp_path: Path) -> None:
    from perception.augment.pipeline import build_pipeline

    rows = np.array([[0, 10, 10, 50, 50]], np.float32)
    rng = np.random.default_rng(0)
    picture, boxes = further(
        split.images[0], rows, build_pipeline([{"name": "flip", "p": 1.0}]), split, LabelRule(), rng
    )
    assert np.array_equal(picture, split.images[0][:, ::-1])
    assert boxes.tolist() == [[0, 78, 10, 118, 50]]
    smaller = build_pipeline([{"name": "crop", "share": 0.5}])
    with pytest.raises(ValueError, match="letterbox"):
        further(split.images[0], rows, smaller, split, LabelRule(), rng)
    with pytest.raises(ValueError, match="'fog'"):
        TrainingConfig(augment=({"name": "fgo"},))
    for part in ("images", "labels"):
        (tmp_path / "train" / part).mkdir(parents=True)
    import cv2

    for name, image, label in zip(split.names, split.images, split.labels, strict=True):
        cv2.imwrite(str(tmp_path / "train" / "images" / f"{name}.jpg"), image)
        (tmp_path / "train" / "labels" / f"{name}.txt").write_text(" ".join(str(v) for v in label[0]) + "\n")
    config = TrainingConfig(
        epochs=1,
        batch=4,
        width=0.125,
        image_size=(96, 128),
        small_size=(96, 128),
        threads=1,
        augment=({"name": "mosaic", "p": 0.5}, {"name": "fog", "p": 0.5}, {"name": "jpeg", "p": 1.0}),
    )
    train(tmp_path, tmp_path / "w.pt", tmp_path / "c.pt", config, "test")
    with pytest.raises(ValueError, match="augment"):
        train(
            tmp_path,
            tmp_path / "w.pt",
            tmp_path / "c.pt",
            TrainingConfig(epochs=1, batch=4, width=0.125, image_size=(96, 128), small_size=(96, 128), threads=1),
            "test",
        )
