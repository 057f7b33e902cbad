"""The judge: YOLO11n trained on COCO, which has never seen a rendered picture of ours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.realism.rule import GROUP_OF_COCO, Detections

DATA_VARIABLE = "ROADLAB_DATA"
WEIGHTS = Path("weights") / "yolo11n_dequantised.pt"
INPUT_PX = 640
CONFIDENCE = 0.25
U8 = npt.NDArray[np.uint8]


def data_folder() -> Path:
    """Folder of the recorded data of others: ``$ROADLAB_DATA``, else ``../shared/data``.

    Raises FileNotFoundError.
    """
    folder = Path(os.environ.get(DATA_VARIABLE, "../shared/data"))
    if not folder.is_dir():
        raise FileNotFoundError(f"recorded data: no folder {folder}; set {DATA_VARIABLE} to where it lies")
    return folder


class Judge:
    """Detects street users in pictures."""

    def __init__(self, weights: Path | None = None, input_px: int = INPUT_PX) -> None:
        """weights: a YOLO file of ultralytics with COCO's 80 classes; None: the one of the recorded data. input_px: the
        longer side that pictures are scaled to.

        Raises FileNotFoundError.
        """
        path = weights or data_folder() / WEIGHTS
        if not path.is_file():
            raise FileNotFoundError(f"judge: no weights at {path}; give a YOLO11n file with COCO classes by --weights")
        os.environ.setdefault("YOLO_OFFLINE", "true")
        from ultralytics.models import YOLO

        self.model: Any = YOLO(str(path), task="detect")
        self._input_px = input_px

    def look(self, pictures: Sequence[U8]) -> list[Detections]:
        """Detections of each picture (h, w, 3) BGR, in the picture's own pixels."""
        found = []
        for picture in pictures:
            result = self.model.predict(
                picture,
                imgsz=self._input_px,
                conf=CONFIDENCE,
                classes=sorted(GROUP_OF_COCO),
                verbose=False,
                device="cpu",
            )[0]
            found.append(
                Detections(
                    result.boxes.xyxy.numpy().astype(np.float32).reshape(-1, 4),
                    result.boxes.cls.numpy().astype(np.int64),
                    result.boxes.conf.numpy().astype(np.float32),
                )
            )
        return found
