"""The detector's network and its weights file.

The network is Ultralytics' YOLO11 at a width of its own, trained from scratch. The weights file holds no code:
``{"yaml", "names", "imgsz", "state_dict", "meta"}``, read with ``torch.load(weights_only=True)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

CLASS_NAMES = ("car", "truck", "bus", "motorcycle", "bicycle", "pedestrian", "traffic_light")
"""What the detector knows, in the order of its output."""

IMAGE_SIZE = (480, 640)
"""Height and width that pictures are scaled to: an 800x600 camera keeps its shape."""

WIDTH = 0.1875
"""Channels relative to YOLO11's table: three quarters of YOLO11n. A training step costs 0.7 of n's in float32."""


class WeightsError(ValueError):
    """A weights file is not what the detector needs; the message says what to do."""


def network_table(names: tuple[str, ...] = CLASS_NAMES, width: float = WIDTH) -> dict[str, Any]:
    """The layers of YOLO11 (Ultralytics' ``yolo11.yaml``), each ``[from, repeats, module, arguments]``."""
    backbone: list[list[Any]] = [
        [-1, 1, "Conv", [64, 3, 2]],
        [-1, 1, "Conv", [128, 3, 2]],
        [-1, 2, "C3k2", [256, False, 0.25]],
        [-1, 1, "Conv", [256, 3, 2]],
        [-1, 2, "C3k2", [512, False, 0.25]],
        [-1, 1, "Conv", [512, 3, 2]],
        [-1, 2, "C3k2", [512, True]],
        [-1, 1, "Conv", [1024, 3, 2]],
        [-1, 2, "C3k2", [1024, True]],
        [-1, 1, "SPPF", [1024, 5]],
        [-1, 2, "C2PSA", [1024]],
    ]
    head: list[list[Any]] = [
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
        [[-1, 6], 1, "Concat", [1]],
        [-1, 2, "C3k2", [512, False]],
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
        [[-1, 4], 1, "Concat", [1]],
        [-1, 2, "C3k2", [256, False]],
        [-1, 1, "Conv", [256, 3, 2]],
        [[-1, 13], 1, "Concat", [1]],
        [-1, 2, "C3k2", [512, False]],
        [-1, 1, "Conv", [512, 3, 2]],
        [[-1, 10], 1, "Concat", [1]],
        [-1, 2, "C3k2", [1024, True]],
        [[16, 19, 22], 1, "Detect", ["nc"]],
    ]
    return {"nc": len(names), "scales": {"p": [0.5, width, 1024]}, "scale": "p", "backbone": backbone, "head": head}


def build_network(table: dict[str, Any]) -> nn.Module:
    """An Ultralytics ``DetectionModel`` with random weights."""
    import copy

    from ultralytics.nn.tasks import DetectionModel

    make: Any = DetectionModel
    network: nn.Module = make(copy.deepcopy(table), ch=3, nc=table["nc"], verbose=False)
    return network


def save_detector(path: Path, network: nn.Module, table: dict[str, Any], meta: dict[str, Any]) -> None:
    """Write a weights file: half precision, plain containers. ``meta`` holds only numbers, text, lists and dicts."""
    import torch

    half = {
        key: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for key, value in network.state_dict().items()
    }
    content = {
        "yaml": table,
        "names": list(meta["names"]),
        "imgsz": list(meta["imgsz"]),
        "state_dict": half,
        "meta": meta,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)


def read_detector(path: Path | str) -> tuple[nn.Module, dict[str, Any]]:
    """The network in float32 as it was trained, and the file's content.

    Raises FileNotFoundError, and WeightsError for a file of another kind.
    """
    import torch

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"detector weights {path} not found; train them with `roadlab train detector`")
    content = torch.load(path, map_location="cpu", weights_only=True)
    missing = {"yaml", "names", "imgsz", "state_dict", "meta"} - set(content if isinstance(content, dict) else ())
    if missing:
        raise WeightsError(f"{path}: no {sorted(missing)} in the file; write it with `roadlab train detector`")
    network = build_network(content["yaml"])
    network.load_state_dict({key: value.float() for key, value in content["state_dict"].items()})
    return network, content


def load_detector(path: Path | str, device: str) -> tuple[nn.Module, dict[str, Any]]:
    """The network in float32 and evaluation mode with its convolutions and norms fused, and what is known of it.

    The second value is the file's ``meta`` with ``names`` (output order) and ``imgsz`` (height, width).
    Raises as ``read_detector``.
    """
    import torch

    network, content = read_detector(path)
    network.requires_grad_(False)
    network.eval()
    fused: Any = network
    network = fused.fuse(verbose=False)
    network.to(device=device, memory_format=torch.channels_last)
    return network, {**content["meta"], "names": content["names"], "imgsz": content["imgsz"]}
