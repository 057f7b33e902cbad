"""Pictures of others as the judge gets them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from sim.realism.recorded import COCO_SCALES, coco_pictures


def test_photographs_are_scaled_with_their_boxes(tmp_path: Path) -> None:
    images, labels = (tmp_path / "coco128" / kind / "val2017" for kind in ("images", "labels"))
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    photograph = np.zeros((400, 600, 3), np.uint8)
    photograph[100:300, 150:450] = 255
    cv2.imwrite(str(images / "one.jpg"), photograph)
    (labels / "one.txt").write_text("2 0.5 0.5 0.5 0.5\n56 0.1 0.1 0.1 0.1\n")  # a car, and a chair
    cv2.imwrite(str(images / "two.jpg"), photograph)
    (labels / "two.txt").write_text("56 0.1 0.1 0.1 0.1\n")  # nothing that is asked for

    found = list(coco_pictures(tmp_path))

    assert [picture.name for picture in found] == [f"one_{scale:.2f}" for scale in COCO_SCALES]
    for picture, scale in zip(found, COCO_SCALES, strict=True):
        assert picture.bgr.shape == (600, 800, 3)
        assert picture.real.kind == ("car",)
        white = np.argwhere(picture.bgr.min(axis=2) > 200)
        (top, left), (bottom, right) = white.min(axis=0), white.max(axis=0) + 1
        assert picture.real.box[0] == pytest.approx([left, top, right, bottom], abs=1.5)
        assert picture.real.height_px[0] == pytest.approx(200.0 * scale, abs=1.0)
