"""Training: it learns, goes on where it stopped, and its weights come back as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from perception.camera.network import CLASS_NAMES, WeightsError, load_detector
from perception.training.boxes import read_split
from perception.training.detector import Progress, TrainingConfig, detect, train

CONFIG = TrainingConfig(
    epochs=2, batch=4, width=0.125, image_size=(96, 128), small_size=(96, 128), threads=1, checkpoint_every=2
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight grey pictures, each with a red square that is called a car."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split in ("train", "held_out"):
        for part in ("images", "labels"):
            (root / split / part).mkdir(parents=True)
        for i in range(8):
            picture = np.full((96, 128, 3), 120, np.uint8)
            x, y = int(rng.integers(0, 80)), int(rng.integers(0, 48))
            picture[y : y + 48, x : x + 48] = (0, 0, 200)
            cv2.imwrite(str(root / split / "images" / f"{i}.jpg"), picture)
            line = f"0 {x / 128} {y / 96} {(x + 48) / 128} {(y + 48) / 96} 1.0\n"
            (root / split / "labels" / f"{i}.txt").write_text(line)
    return root


def test_the_loss_falls(data: Path, tmp_path: Path) -> None:
    losses: list[float] = []

    def note(progress: Progress) -> None:
        losses.append(progress.loss)

    config = replace(CONFIG, epochs=8, warmup_steps=3)
    train(data, tmp_path / "w.pt", tmp_path / "c.pt", config, "test", note)
    assert len(losses) == 16
    assert np.mean(losses[-4:]) < 0.85 * np.mean(losses[:4])


def test_an_interrupted_run_ends_as_an_uninterrupted_one(data: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    train(data, tmp_path / "whole.pt", tmp_path / "c1.pt", CONFIG, "test")
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "parts.pt", tmp_path / "c2.pt", CONFIG, "test", stop)
    assert not (tmp_path / "parts.pt").exists()
    train(data, tmp_path / "parts.pt", tmp_path / "c2.pt", CONFIG, "test")
    whole = torch.load(tmp_path / "whole.pt", weights_only=True)["state_dict"]
    parts = torch.load(tmp_path / "parts.pt", weights_only=True)["state_dict"]
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_a_checkpoint_of_another_run_is_refused(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path / "w.pt", tmp_path / "c.pt", CONFIG, "test")
    with pytest.raises(ValueError, match="learning_rate"):
        train(data, tmp_path / "w.pt", tmp_path / "c.pt", replace(CONFIG, learning_rate=1e-4), "test")


def test_training_goes_on_from_weights(data: Path, tmp_path: Path) -> None:
    first = tmp_path / "first.pt"
    train(data, first, tmp_path / "c1.pt", CONFIG, "test")
    still = replace(CONFIG, epochs=1, start=first, learning_rate=0.0, ema_decay=0.0)
    train(data, tmp_path / "second.pt", tmp_path / "c2.pt", still, "test")
    weights = [torch.load(tmp_path / f"{name}.pt", weights_only=True)["state_dict"] for name in ("first", "second")]
    learned = [key for key in weights[0] if key.endswith((".weight", ".bias"))]
    assert learned
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in learned), "a rate of 0 changes no weight"
    with pytest.raises(ValueError, match="start"):
        train(data, tmp_path / "second.pt", tmp_path / "c2.pt", replace(still, start=tmp_path / "second.pt"), "test")


def test_weights_of_another_network_are_no_start(data: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pt"):
        train(data, tmp_path / "w.pt", tmp_path / "c.pt", replace(CONFIG, start=tmp_path / "none.pt"), "test")
    train(data, tmp_path / "narrow.pt", tmp_path / "c1.pt", CONFIG, "test")
    wide = replace(CONFIG, width=0.1875, start=tmp_path / "narrow.pt")
    with pytest.raises(WeightsError, match="same width"):
        train(data, tmp_path / "w.pt", tmp_path / "c2.pt", wide, "test")


def test_weights_come_back_with_what_is_known_of_them(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    scores = train(data, path, tmp_path / "c.pt", CONFIG, "roadlab train detector")
    assert path.stat().st_size < 15e6
    network, meta = load_detector(path, "cpu")
    assert tuple(meta["names"]) == CLASS_NAMES
    assert meta["imgsz"] == [96, 128]
    assert meta["command"] == "roadlab train detector"
    assert meta["ap50"]["car"] == scores[0].ap50
    assert not network.training
    boxes = detect(network, read_split(data / "held_out", (96, 128)))
    assert len(boxes) == 8
    assert all(rows.shape[1] == 6 for rows in boxes)


def test_files_of_another_kind_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="roadlab train detector"):
        load_detector(tmp_path / "none.pt", "cpu")
    torch.save({"state_dict": {}}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="names"):
        load_detector(tmp_path / "other.pt", "cpu")


def test_sizes_that_the_network_cannot_halve_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        TrainingConfig(image_size=(240, 320))
