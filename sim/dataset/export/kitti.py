"""KITTI object: ``training/{image_2,velodyne,calib,label_2}`` and ``ImageSets/SPLIT.txt``.

Frames are numbered through the data set; every camera is a frame of its own. ``ImageSets/names.txt`` says which is
which. Boxes are in the camera's frame as KITTI has them: h w l, x y z of the middle of the lower face, rotation about
the camera's y axis (right for cameras that are mounted level, as KITTI's; a pitched camera's boxes stand on its own
ground). Who rides a bicycle is part of the Cyclist. Motorcycles and buses have no class of their own in KITTI: Misc.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from perception.frame import FloatArray
from sim.dataset.config import DatasetConfig
from sim.dataset.export.pictures import FEWEST_PIXELS, png_of
from sim.dataset.geometry import inverse, rotation_of
from sim.dataset.records import ObjectLabel, ViewLabel, matrix_of
from sim.dataset.store import DataSet, Frame, write_bytes

TYPES = {
    "car": "Car", "van": "Van", "truck": "Truck", "bus": "Misc", "motorcycle": "Misc", "bicycle": "Cyclist",
    "adult": "Pedestrian", "child": "Pedestrian",
}  # fmt: skip


def export(data: DataSet, folder: Path, config: DatasetConfig) -> None:
    """Fill ``folder``. Raises DataSetError for a damaged data set, DiskFull."""
    base = folder / "training"
    for part in ("image_2", "label_2", "calib", "velodyne"):
        (base / part).mkdir(parents=True)
    sets: dict[str, list[str]] = {split: [] for split in data.splits}
    names: list[str] = []
    for frame in data.frames():
        for camera in frame.info.cameras:
            number = f"{len(names):06d}"
            names.append(f"{number} {frame.stem} {camera}\n")
            sets[frame.info.split].append(number + "\n")
            png_of(frame, camera, base / "image_2" / f"{number}.png")
            write_bytes(base / "calib" / f"{number}.txt", _calibration(frame, camera).encode())
            lines = [
                _line(frame, camera, view)
                for view in frame.labels.cameras[camera].objects
                if view.visible_px is not None and view.pixels >= FEWEST_PIXELS
            ]
            write_bytes(base / "label_2" / f"{number}.txt", "".join(lines).encode())
            if frame.info.lidars:
                points = frame.points(next(iter(frame.info.lidars)))
                write_bytes(base / "velodyne" / f"{number}.bin", points.astype("<f4").tobytes())
    (folder / "ImageSets").mkdir()
    for split, numbers in sets.items():
        write_bytes(folder / "ImageSets" / f"{split}.txt", "".join(numbers).encode())
    write_bytes(folder / "ImageSets" / "names.txt", "".join(names).encode())


def _calibration(frame: Frame, camera: str) -> str:
    """The calibration file: all four cameras of KITTI are this one; the IMU is the car's own frame."""
    info = frame.info
    ego_from_camera = matrix_of(info.cameras[camera].ego_from_camera)
    ego_from_lidar = matrix_of(next(iter(info.lidars.values())).ego_from_lidar) if info.lidars else np.eye(4)
    projection = np.zeros((3, 4))
    projection[:, :3] = matrix_of(info.cameras[camera].intrinsics)
    rows = {f"P{k}": projection for k in range(4)}
    rows["R0_rect"] = np.eye(3)
    rows["Tr_velo_to_cam"] = (inverse(ego_from_camera) @ ego_from_lidar)[:3]
    rows["Tr_imu_to_velo"] = inverse(ego_from_lidar)[:3]
    return "".join(f"{name}: {' '.join(f'{v:.12e}' for v in matrix.ravel())}\n" for name, matrix in rows.items())


def _line(frame: Frame, camera: str, view: ViewLabel) -> str:
    """One object: type, truncation, occlusion, alpha, box in the picture, h w l, x y z, rotation."""
    label = frame.labels.object(view.id)
    bottom, turn = camera_pose(frame, camera, label)
    alpha = turn - math.atan2(bottom[0], bottom[2])
    alpha = math.atan2(math.sin(alpha), math.cos(alpha))
    assert view.visible_px is not None
    length, width, height = label.size_m
    numbers = [view.truncation, view.occlusion, alpha, *view.visible_px, height, width, length, *bottom, turn]
    words = [f"{n:d}" if isinstance(n, int) else f"{n:.2f}" for n in numbers]
    return " ".join([TYPES[label.category], *words]) + "\n"


def camera_pose(frame: Frame, camera: str, label: ObjectLabel) -> tuple[FloatArray, float]:
    """Middle of the lower face ``(3,)`` and rotation about y of an object in a camera's frame."""
    world_from_camera = matrix_of(frame.labels.world_from_ego) @ matrix_of(frame.info.cameras[camera].ego_from_camera)
    camera_from_world = inverse(world_from_camera)
    turn = rotation_of(label.yaw_rad, label.pitch_rad, label.roll_rad)
    bottom = np.array(label.center_world_m) - turn @ np.array([0.0, 0.0, 0.5 * label.size_m[2]])
    forward = camera_from_world[:3, :3] @ turn[:, 0]
    place = camera_from_world[:3, :3] @ bottom + camera_from_world[:3, 3]
    return place, math.atan2(-float(forward[2]), float(forward[0]))
