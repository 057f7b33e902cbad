"""Labelled moments in KITTI's object format: image_2, velodyne, calib, label_2 (Geiger et al., CVPR 2012).

Data sets that ``roadlab dataset`` exports as KITTI read the same. Sweeps may be compressed (``.bin.xz``).
"""

from __future__ import annotations

import lzma
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from perception.augment.sample import Boxes2D, Boxes3D, Calibration, Cloud, Sample
from perception.frame import Float32Array, FloatArray
from perception.geometry import invert, wrap_angle
from perception.objects import ObjectClass
from perception.training.boxes import DataSetError

CLASSES: Mapping[str, ObjectClass] = MappingProxyType(
    {
        "Car": ObjectClass.CAR,
        "Van": ObjectClass.CAR,
        "Truck": ObjectClass.TRUCK,
        "Tram": ObjectClass.BUS,
        "Bus": ObjectClass.BUS,
        "Motorcycle": ObjectClass.MOTORCYCLE,
        "Cyclist": ObjectClass.BICYCLE,
        "Bicycle": ObjectClass.BICYCLE,
        "Pedestrian": ObjectClass.PEDESTRIAN,
        "Person_sitting": ObjectClass.PEDESTRIAN,
    }
)
SWEEP_FOLDERS = ("velodyne", "velodyne_reduced")


def read_moments(folder: Path, limit: int | None = None, image: bool = True) -> list[Sample]:
    """All moments of a folder that have a sweep, in order. Raises DataSetError for none or a bad file."""
    files: dict[str, Path] = {}
    for name in reversed(SWEEP_FOLDERS):  # the whole turn where there is one
        files |= {file.name.split(".")[0]: file for file in sorted((folder / name).glob("*.bin*"))}
    if not files:
        raise DataSetError(f"{folder}: no velodyne/*.bin; expected KITTI's object format")
    return [_moment(folder, stem, files[stem], image) for stem in sorted(files)[:limit]]


def _moment(folder: Path, stem: str, sweep: Path, image: bool) -> Sample:
    calibration, lidar_from_camera = _calibration(folder / "calib" / f"{stem}.txt")
    label = folder / "label_2" / f"{stem}.txt"
    boxes, objects = _labels(label, lidar_from_camera) if label.is_file() else (Sample().boxes, Sample().objects)
    points = _sweep(sweep)
    cloud = Cloud.of(points[:, :3], points[:, 3])
    if not image:
        return Sample(cloud=cloud, objects=objects, calibration=calibration)
    picture = cv2.imread(str(folder / "image_2" / f"{stem}.png"), cv2.IMREAD_COLOR)
    if picture is None:
        raise DataSetError(f"{folder}/image_2/{stem}.png is missing or no picture")
    return Sample(
        image=np.asarray(picture, np.uint8), boxes=boxes, cloud=cloud, objects=objects, calibration=calibration
    )


def _sweep(file: Path) -> Float32Array:
    raw = lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()
    if len(raw) % 16:
        raise DataSetError(f"{file}: {len(raw)} bytes are no whole number of points (x, y, z, intensity as float32)")
    return np.frombuffer(raw, np.float32).reshape(-1, 4)


def _calibration(file: Path) -> tuple[Calibration, FloatArray]:
    """The calibration of camera 2, and ``lidar_from_camera`` of the rectified camera 0, in which labels are given."""
    try:
        rows = dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)
        numbers = {key.strip(): np.array(value.split(), np.float64) for key, value in rows.items()}
        projection = numbers["P2"].reshape(3, 4)
        rectified = numbers["R0_rect"].reshape(3, 3)
        camera_from_velo = numbers["Tr_velo_to_cam"].reshape(3, 4)
    except (OSError, KeyError, ValueError) as error:
        raise DataSetError(f"{file}: expected P2, R0_rect and Tr_velo_to_cam ({error})") from None
    rotate, velo, second = np.eye(4), np.eye(4), np.eye(4)
    rotate[:3, :3], velo[:3] = rectified, camera_from_velo
    second[:3, 3] = np.linalg.inv(projection[:, :3]) @ projection[:, 3]  # camera 2 stands beside camera 0
    u, _, v = np.linalg.svd((rotate @ velo)[:3, :3])  # written with few digits: not quite a rotation
    camera_from_lidar = rotate @ velo
    camera_from_lidar[:3, :3] = u @ v
    return Calibration(projection[:, :3].copy(), second @ camera_from_lidar), invert(camera_from_lidar)


def _labels(file: Path, lidar_from_camera: FloatArray) -> tuple[Boxes2D, Boxes3D]:
    px, kinds, rows = [], [], []
    for line in file.read_text().splitlines():
        fields = line.split()
        if len(fields) < 15 or fields[0] not in CLASSES:
            continue
        numbers = [float(value) for value in fields[1:15]]
        height, width, length, x, y, z, turn = numbers[7:14]
        px.append(numbers[3:7])
        kinds.append(int(CLASSES[fields[0]]))
        rows.append(_box(np.array([x, y - height / 2.0, z]), (length, width, height), turn, lidar_from_camera))
    ids = np.arange(1, len(kinds) + 1)
    return Boxes2D.of(np.array(px), kinds, ids), Boxes3D.of(np.array(rows), kinds, ids)


def _box(
    centre: FloatArray, size: tuple[float, float, float], turn: float, lidar_from_camera: FloatArray
) -> FloatArray:
    """A label's box, given in the rectified frame of camera 0, in the LiDAR's frame."""
    place = lidar_from_camera[:3, :3] @ centre + lidar_from_camera[:3, 3]
    heading = lidar_from_camera[:3, :3] @ (math.cos(turn), 0.0, -math.sin(turn))
    yaw = float(wrap_angle(math.atan2(heading[1], heading[0])))
    return np.array([*place, *size, yaw])
