"""Objects in a picture: the detector protocol, and the YOLO that ships with the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from perception.frame import Image
from perception.objects import Detections2D, LightState, ObjectClass

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = Path(__file__).resolve().parents[2] / "configs" / "weights" / "detector.pt"


@dataclass(frozen=True)
class DetectorConfig:
    """Which weights, and what counts as a detection."""

    weights: str = str(WEIGHTS.relative_to(WEIGHTS.parents[2]))  # relative paths: from the project's root
    min_score: float = 0.25
    nms_iou: float = 0.6  # parked cars overlap a lot in the picture
    max_detections: int = 100


class Detector(Protocol):
    """Anything that finds objects in one picture."""

    def detect(self, camera: str, image: Image) -> Detections2D:
        """Boxes in this picture, best score first."""
        ...


def resolve_device(device: str) -> str:
    """``auto`` is CUDA where torch finds a GPU, else the CPU. Raises ValueError for a CUDA that is not there."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device {device!r}: torch finds no CUDA GPU; use device=auto or device=cpu")
    return device


def resolve_weights(path: str) -> Path:
    """Weights file of a configured path, relative ones from the project's root. Raises FileNotFoundError."""
    given = Path(path)
    found = given if given.is_absolute() or given.exists() else WEIGHTS.parents[2] / given
    if not found.is_file():
        raise FileNotFoundError(f"detector weights {path!r} not found; train them with `roadlab train detector`")
    return found


class YoloDetector:
    """An Ultralytics YOLO with the project's own weights. Letterboxes, runs, suppresses, maps back to pixels."""

    def __init__(self, config: DetectorConfig, device: str) -> None:
        from perception.camera.network import load_detector

        self.config = config
        self.device = resolve_device(device)
        self._network: nn.Module
        self._network, self._meta = load_detector(resolve_weights(config.weights), self.device)
        self._classes = np.array([ObjectClass[name.upper()].value for name in self._meta["names"]], np.int64)
        self._size: tuple[int, int] = (int(self._meta["imgsz"][0]), int(self._meta["imgsz"][1]))

    def detect(self, camera: str, image: Image) -> Detections2D:
        """See Detector."""
        import torch

        tensor, scale, left, top = letterbox(image.bgr, self._size)
        batch = torch.from_numpy(tensor).to(self.device).float() / 255.0
        with torch.inference_mode():
            output = self._network(batch[None])
        found = self._suppress(output[0] if isinstance(output, tuple | list) else output)
        boxes = (found[:, :4].astype(np.float64) - (left, top, left, top)) / scale
        boxes = np.clip(boxes, 0.0, (image.camera.width, image.camera.height) * 2)
        keep = (boxes[:, 2] - boxes[:, 0] > 1.0) & (boxes[:, 3] - boxes[:, 1] > 1.0)
        found, boxes = found[keep], boxes[keep]
        unknown = np.full(len(boxes), LightState.UNKNOWN.value, np.int64)
        return Detections2D(
            camera, boxes, found[:, 4].astype(np.float64), self._classes[found[:, 5].astype(np.int64)], unknown
        )

    def _suppress(self, output: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Rows x0 y0 x1 y1 score class after non-maximum suppression within each class."""
        from ultralytics.utils.nms import non_max_suppression

        rows = non_max_suppression(
            output, self.config.min_score, self.config.nms_iou, max_det=self.config.max_detections
        )[0]
        return np.asarray(rows[:, :6].cpu().numpy(), np.float32)


def letterbox(
    bgr: np.ndarray[Any, np.dtype[np.uint8]], size: tuple[int, int]
) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], float, int, int]:
    """Picture scaled into ``size`` (height, width) with grey bars, as RGB planes ``(3, h, w)``; scale, left, top."""
    height, width = bgr.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    new_w, new_h = round(width * scale), round(height * scale)
    resized = bgr if scale == 1.0 else cv2.resize(bgr, (new_w, new_h), interpolation=cv2.INTER_LINEAR)
    left, top = (size[1] - new_w) // 2, (size[0] - new_h) // 2
    canvas = np.full((*size, 3), 114, np.uint8)  # Ultralytics' grey
    canvas[top : top + new_h, left : left + new_w] = resized
    return np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)), scale, left, top
