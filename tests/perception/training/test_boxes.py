"""Labelled pictures: what is read is what was written, and boxes follow their pixels through every augmentation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from perception.training.boxes import Augmentation, DataSetError, LabelRule, Split, augmented, read_split, targets

SIZE = (192, 256)


def split_with_square(colour: int = 255) -> Split:
    """Four dark pictures, each with one bright square of 40 pixels at (100, 60)."""
    images = np.full((4, *SIZE, 3), 40, np.uint8)
    images[:, 60:100, 100:140] = colour
    box = np.array([[2, 100 / 256, 60 / 192, 140 / 256, 100 / 192, 1.0]], np.float32)
    return Split(images, (box,) * 4, ("a", "b", "c", "d"))


def test_boxes_follow_their_pixels() -> None:
    split = split_with_square()
    how = Augmentation(min_box_share=0.0, min_box_px=0.0, value=0.1, saturation=0.1)
    for seed in range(40):
        picture, boxes = augmented(split, 0, SIZE, LabelRule(), how, np.random.default_rng(seed))
        bright = picture[..., 0] > 150
        covered = np.zeros_like(bright)
        for _, x0, y0, x1, y1 in boxes:
            covered[round(y0) : round(y1), round(x0) : round(x1)] = True
        assert bright.sum() > 0 or len(boxes) == 0
        assert (bright & ~covered).sum() <= 0.05 * max(bright.sum(), 1) + 80, seed  # a pixel of blur around squares
        assert (covered & ~bright).sum() <= 0.05 * covered.sum() + 80, seed


def test_the_same_generator_gives_the_same_picture() -> None:
    split = split_with_square()
    first = augmented(split, 1, SIZE, LabelRule(), Augmentation(), np.random.default_rng(7))
    again = augmented(split, 1, SIZE, LabelRule(), Augmentation(), np.random.default_rng(7))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])


def test_without_mosaic_the_scale_is_kept_within_its_range() -> None:
    how = Augmentation(mosaic=0.0, scale=(0.5, 0.5), flip=0.0)
    _, boxes = augmented(split_with_square(), 0, SIZE, LabelRule(), how, np.random.default_rng(0))
    assert boxes[0, 3] - boxes[0, 1] == pytest.approx(20.0)  # half of 40 pixels
    assert boxes[0, 0] == 2


def test_small_and_hidden_objects_are_not_asked_for() -> None:
    labels = np.array(
        [
            [0, 0.1, 0.10, 0.2, 0.30, 1.0],  # 120 of 600 pixels high, whole
            [1, 0.1, 0.10, 0.2, 0.30, 0.2],  # mostly hidden
            [5, 0.1, 0.10, 0.2, 0.115, 1.0],  # 9 pixels high
        ],
        np.float32,
    )
    rows = targets(labels, LabelRule(), (600, 800))
    assert rows.tolist() == [pytest.approx([0, 80, 60, 160, 180])]


def write_picture(folder: Path, name: str, label: str | None) -> None:
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "images" / f"{name}.jpg"), np.full((60, 80, 3), 90, np.uint8))
    if label is not None:
        (folder / "labels" / f"{name}.txt").write_text(label)


def test_a_split_is_read_in_order_and_scaled(tmp_path: Path) -> None:
    write_picture(tmp_path, "b", "3 0.1 0.2 0.3 0.4 0.5\n")
    write_picture(tmp_path, "a", "")
    split = read_split(tmp_path, (30, 40))
    assert split.names == ("a", "b")
    assert split.images.shape == (2, 30, 40, 3)
    assert len(split.labels[0]) == 0
    assert split.labels[1].tolist() == [pytest.approx([3, 0.1, 0.2, 0.3, 0.4, 0.5])]


@pytest.mark.parametrize(("label", "says"), [(None, "missing"), ("1 2 3\n", "6 numbers"), ("a b c d e f\n", "numbers")])
def test_a_broken_label_names_its_file(tmp_path: Path, label: str | None, says: str) -> None:
    write_picture(tmp_path, "a", label)
    with pytest.raises(DataSetError, match=says) as error:
        read_split(tmp_path, (30, 40))
    assert "a.txt" in str(error.value)


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="roadlab train detector"):
        read_split(tmp_path, (30, 40))
