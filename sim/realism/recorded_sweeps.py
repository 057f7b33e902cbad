"""LiDAR sweeps of others: KITTI's HDL-64E with labelled bodies, CARLA 0.9.9 and 0.9.4.

CARLA before 0.9.10 had z down in its point clouds, and no intensity. The one labelled sweep (0.9.4) has a tag at each
point and no boxes: its bodies are the heaps of points with a vehicle's or person's tag.
"""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
from scipy import ndimage

from sim.realism.sweeps import Floats, Sweep, Things, ring_by_elevation, ring_by_turns

CARLA_099_DEG = np.linspace(60.0, -30.0, 256)
"""Elevations of the recorded CARLA 0.9.9 sensor, read off its points."""
TAGS_094 = {10: "car", 4: "person"}
HDL64_RAYS = 2083  # of a beam in a turn at 10 turns a second (manual: 0.1728 degrees a step)
HEAP_CELL_M = 0.5
LEAST_POINTS = 3
KINDS = {"Car": "car", "Van": "car", "Pedestrian": "person", "Person_sitting": "person"}


def kitti_sweeps(data: Path) -> list[Sweep]:
    """The whole sweeps of the recorded data that have labels: four of the object set, four of a raw drive."""
    training = data / "kitti_object" / "training"
    raw = data / "kitti_raw" / "2011_09_26_drive_0052_sync"
    sweeps = []
    for path in sorted((training / "velodyne").glob("*.bin.xz")):
        stem = path.name.split(".")[0]
        calib = training / "calib" / f"{stem}.txt"
        sweeps.append(_kitti(path, training / "label_2" / f"{stem}.txt", calib))
    for label in sorted((raw / "label_2_object").glob("*.txt")):
        path = raw / "velodyne_points" / "data" / f"{label.stem}.bin.xz"
        sweeps.append(_kitti(path, label, raw / "calib_object_format.txt"))
    return sweeps


def _kitti(path: Path, label: Path, calib: Path) -> Sweep:
    raw = np.frombuffer(lzma.decompress(path.read_bytes()), np.float32).reshape(-1, 4).astype(np.float64)
    points = raw[:, :3]
    things = kitti_things(label.read_text(encoding="utf-8"), calib.read_text(encoding="utf-8"))
    return Sweep(points, raw[:, 3], ring_by_turns(points), things, rays=HDL64_RAYS)


def kitti_things(label: str, calib: str) -> Things:
    """Bodies of a label file (camera frame, bottom centres) in the LiDAR's frame."""
    matrices = {line.split(":")[0]: np.array(line.split(":")[1].split(), np.float64)
                for line in calib.splitlines() if ":" in line}  # fmt: skip
    rectified = matrices["R0_rect"].reshape(3, 3)
    camera_from_lidar = matrices["Tr_velo_to_cam"].reshape(3, 4)
    lidar_from_camera = np.linalg.inv(rectified @ camera_from_lidar[:, :3])
    offset = rectified @ camera_from_lidar[:, 3]
    kinds, centres, sizes, yaws = [], [], [], []
    for line in label.splitlines():
        words = line.split()
        if not words or words[0] not in KINDS:
            continue
        height, width, length = (float(v) for v in words[8:11])
        bottom = np.array([float(v) for v in words[11:14]])
        centre = lidar_from_camera @ (bottom - np.array([0.0, height / 2.0, 0.0]) - offset)
        kinds.append(KINDS[words[0]])
        centres.append(centre)
        sizes.append((length, width, height))
        yaws.append(-float(words[14]) - np.pi / 2.0)
    return Things(
        tuple(kinds), np.array(centres).reshape(-1, 3), np.array(sizes).reshape(-1, 3), np.array(yaws, np.float64)
    )


def carla_sweeps(data: Path) -> list[Sweep]:
    """The sweeps of CARLA 0.9.9 (256 beams, 50 m): no intensity, no labels."""
    folder = data / "carla_lidar" / "co_perception_31_85_autopilot"
    sweeps = []
    for path in sorted(folder.glob("*.ply.xz")):
        _, body = _ply(path)
        points = np.array(body.split(), np.float64).reshape(-1, 3) * (1.0, 1.0, -1.0)
        sweeps.append(Sweep(points, ring=ring_by_elevation(points, np.radians(CARLA_099_DEG))))
    return sweeps


def carla_labelled(data: Path) -> list[Sweep]:
    """The one sweep of CARLA 0.9.4 whose points have tags."""
    path = data / "carla_lidar" / "labelled_2019-05-31_22_05" / "Lidar" / "labeled" / "labeled_045.ply.xz"
    head, body = _ply(path)
    count = int(next(line.split()[2] for line in head.decode().splitlines() if line.startswith("element vertex")))
    kinds = [("xyz", "<f4", 3), ("rgb", "u1", 3), ("tag", "u1")]
    rows = np.frombuffer(body, np.dtype(kinds), count=count)
    points = rows["xyz"].astype(np.float64) * (1.0, 1.0, -1.0)
    counts = [(kind, *heap) for tag, kind in TAGS_094.items() for heap in heaps(points[rows["tag"] == tag])]
    return [Sweep(points, counts=tuple(counts))]


def heaps(points_m: Floats) -> list[tuple[float, int]]:
    """Distance and size of each heap of points that touch in plan, cell by cell."""
    if not len(points_m):
        return []
    cell = np.floor(points_m[:, :2] / HEAP_CELL_M).astype(np.int64)
    cell -= cell.min(axis=0)
    plan = np.zeros(cell.max(axis=0) + 1, np.int8)
    plan[cell[:, 0], cell[:, 1]] = 1
    names, _ = ndimage.label(plan, structure=np.ones((3, 3)))
    own = names[cell[:, 0], cell[:, 1]]
    out = []
    for name in np.unique(own):
        heap = points_m[own == name]
        if len(heap) >= LEAST_POINTS:
            out.append((float(np.linalg.norm(heap.mean(axis=0))), len(heap)))
    return out


def _ply(path: Path) -> tuple[bytes, bytes]:
    head, body = lzma.decompress(path.read_bytes()).split(b"end_header\n", 1)
    return head, body
