"""KITTI folders as readers see them that are not ours: Open3D's (calibration, boxes, points) and torchvision's
(pictures, labels). Nothing of ``sim.dataset`` takes part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ReadBox:
    """An object as Open3D understands it; boxes in the picture are x0 y0 x1 y1."""

    kind: str  # DontCare for what Open3D has no class for
    truncation: float
    occlusion: float
    labelled_px: Array  # (4,)
    projected_px: Array  # (4,) of the 3-D box's corners
    corners_m: Array  # (8, 3) in the camera's frame


@dataclass(frozen=True)
class ReadFrame:
    """A frame of a KITTI folder: points (n, 4) as stored; seen_m (n, 3) the same in the camera's frame; pixel (n, 2)
    and depth_m (n,) where P2 R0_rect Tr_velo_to_cam takes them."""

    number: str
    points: Array
    seen_m: Array
    pixel: Array
    depth_m: Array
    boxes: tuple[ReadBox, ...]


def read_by_open3d(folder: Path, cache: Path) -> list[ReadFrame]:
    """All frames that have points."""
    from open3d.ml.datasets import KITTI, utils

    split = KITTI(str(folder), cache_dir=str(cache), test_result_folder=str(cache)).get_split("training")
    frames = []
    for index in range(len(split)):
        data = split.get_data(index)
        points, calib = data["full_point"], data["calib"]
        seen = utils.DataProcessing.world2cam(points[:, :3], calib["world_cam"])
        pixel, depth = utils.DataProcessing.cam2img(seen, calib["cam_img"])
        boxes = tuple(_box(one) for one in data["bounding_boxes"])
        frames.append(ReadFrame(split.get_attr(index)["name"], points, seen, pixel, depth, boxes))
    return frames


def _box(one: Any) -> ReadBox:
    middle, size = np.split(np.asarray(one.to_img(), np.float64), 2)
    projected = np.concatenate([middle - size / 2, middle + size / 2])
    corners = np.asarray(one.generate_corners3d(), np.float64)
    return ReadBox(one.label_class, one.truncation, one.occlusion, np.asarray(one.box2d), projected, corners)


def within(points_m: Array, corners_m: Array, margin_m: float = 0.1) -> npt.NDArray[np.bool_]:
    """Points (n, 3) inside a box of KITTI's corners: 0 to 1 is its width, 0 to 3 its length, 0 to 4 its height."""
    inside = np.ones(len(points_m), bool)
    for corner in (1, 3, 4):
        edge = corners_m[corner] - corners_m[0]
        length = float(np.linalg.norm(edge))
        along = (points_m - corners_m[0]) @ (edge / length)
        inside &= (along > -margin_m) & (along < length + margin_m)
    return inside


def read_by_torchvision(folder: Path, place: Path) -> dict[str, tuple[Any, list[dict[str, Any]]]]:
    """Picture and labels of each frame by its number; ``place`` is an empty folder for the layout that it wants."""
    from torchvision.datasets import Kitti

    (place / "Kitti").mkdir(parents=True)
    (place / "Kitti" / "raw").symlink_to(folder, target_is_directory=True)
    data = Kitti(str(place), train=True)
    return {Path(data.images[index]).stem: data[index] for index in range(len(data))}
