"""nuScenes v1.0: all thirteen tables, ``samples`` and ``sweeps``, and a mask of the drivable area for each map.

Key frames are samples; the frames of a sequence between them are sweeps, without annotations, as in nuScenes. A shot is
a scene of one sample. The world is moved so that the map's mask begins at (0, 0), as the devkit wants it; LiDAR points
and their sensor's frame are turned to nuScenes' axes (x right, y forward). Our ego frame has its origin under the
middle of the car, nuScenes' under the rear axle. An annotation is written where a LiDAR point or a pixel shows the
object. Tokens are hashes of what they name, so the same data set has the same tokens.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from perception.frame import FloatArray
from sim.dataset.config import DatasetConfig
from sim.dataset.drivable import MapMask, read_mask
from sim.dataset.export.pictures import share
from sim.dataset.geometry import quaternion_of, rotation_of
from sim.dataset.records import LidarInfo, ObjectLabel, SceneInfo, matrix_of
from sim.dataset.store import DataSet, Frame, write_bytes
from sim.source.parked import TYPE as PARKED

VERSION = "v1.0-roadlab"
CATEGORIES = {
    "car": "vehicle.car",
    "van": "vehicle.car",
    "truck": "vehicle.truck",
    "bus": "vehicle.bus.rigid",
    "motorcycle": "vehicle.motorcycle",
    "bicycle": "vehicle.bicycle",
    "adult": "human.pedestrian.adult",
    "child": "human.pedestrian.child",
}
WHEELCHAIR = "human.pedestrian.wheelchair"
EMERGENCY = {"police": "vehicle.emergency.police", "ambulance": "vehicle.emergency.ambulance"}
"""By what the blueprint's id contains. A fire engine is a truck there as here: nuScenes has no class for it."""
ATTRIBUTES = (
    "vehicle.moving", "vehicle.stopped", "vehicle.parked", "cycle.with_rider", "cycle.without_rider",
    "pedestrian.moving", "pedestrian.standing", "pedestrian.sitting_lying_down",
)  # fmt: skip
MOVING_MPS = 0.2
"""Slower than this a body stands: noise of physics at rest is below it, a child's slowest walk above."""
VISIBILITY = ((0.4, "v0-40"), (0.6, "v40-60"), (0.8, "v60-80"), (1.01, "v80-100"))
"""Upper end of the visible share over all cameras, and nuScenes' name of the level; its token is the row's number."""
NUSCENES_FROM_LIDAR = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""x right, y forward, z up from x forward, y left, z up."""
START_US = 1_600_000_000_000_000
"""Timestamps want to be microseconds since 1970; scenes follow each other with a minute between."""
GAP_US = 60_000_000


def token(*parts: object) -> str:
    """The token of what the parts name: 32 hexadecimal digits."""
    return hashlib.sha256("/".join(str(part) for part in parts).encode()).hexdigest()[:32]


TABLES = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample", "sample_annotation",
    "sample_data", "scene", "sensor", "visibility",
)  # fmt: skip


class _Tables:
    """Rows of the tables as they are filled."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}

    def add(self, table: str, key: str, **row: Any) -> str:
        """Append a row; its token."""
        self.rows[table].append({"token": key, **row})
        return key


def export(data: DataSet, folder: Path, config: DatasetConfig) -> None:
    """Fill ``folder``. Raises DataSetError for a damaged data set or a map that is not there, DiskFull."""
    tables = _Tables()
    _constants(tables)
    masks = {name: read_mask(data.folder, name) for name in sorted({info.map for info in data.scenes})}
    for name, mask in masks.items():
        _, png = cv2.imencode(".png", mask.drivable)
        (folder / "maps").mkdir(exist_ok=True)
        write_bytes(folder / "maps" / f"{token('map', name)}.png", png.tobytes())
    sensors = {c for info in data.scenes for c in info.cameras}, {c for info in data.scenes for c in info.lidars}
    for channel, modality in (*((channel_of(c), "camera") for c in sorted(sensors[0])),
                              *((lidar_channel(c), "lidar") for c in sorted(sensors[1]))):  # fmt: skip
        tables.add("sensor", token("sensor", channel), channel=channel, modality=modality)
    start_us = START_US
    splits: dict[str, list[str]] = {split: [] for split in data.splits}
    for info in data.scenes:
        frames = list(data.frames_of(info))
        splits[info.split] += _Scene(tables, folder, info, masks[info.map], start_us).write(frames)
        start_us += GAP_US + max(frame.labels.t_us for frame in frames)
    for name in masks:
        logs = [row["token"] for row in tables.rows["log"] if row["location"] == Path(name).stem]
        file = f"maps/{token('map', name)}.png"
        tables.add("map", token("map", name), log_tokens=logs, category="semantic_prior", filename=file)
    (folder / VERSION).mkdir()
    for table, rows in tables.rows.items():
        write_bytes(folder / VERSION / f"{table}.json", json.dumps(rows, indent=0).encode())
    write_bytes(folder / VERSION / "splits.json", json.dumps(splits, indent=1).encode())


def channel_of(camera: str) -> str:
    """Channel of a camera: ``front_left`` is CAM_FRONT_LEFT."""
    return camera.upper() if camera.upper().startswith("CAM") else f"CAM_{camera.upper()}"


def lidar_channel(lidar: str) -> str:
    """Channel of a LiDAR: ``top`` is LIDAR_TOP."""
    return lidar.upper() if lidar.upper().startswith("LIDAR") else f"LIDAR_{lidar.upper()}"


def category_of(label: ObjectLabel) -> str:
    """nuScenes' category of an object."""
    if label.in_wheelchair:
        return WHEELCHAIR
    return next((name for part, name in EMERGENCY.items() if part in label.type_id), CATEGORIES[label.category])


def attribute_of(label: ObjectLabel) -> str:
    """nuScenes' attribute of an object. Two-wheelers in traffic have riders; a car that stands may drive on, unless it
    belongs to the map."""
    if label.type_id.startswith(PARKED):
        return "cycle.without_rider" if label.category in ("motorcycle", "bicycle") else "vehicle.parked"
    moving = float(np.linalg.norm(label.velocity_world_mps)) > MOVING_MPS
    if label.category in ("motorcycle", "bicycle"):
        return "cycle.with_rider"
    if label.category in ("adult", "child"):
        still = "pedestrian.sitting_lying_down" if label.in_wheelchair else "pedestrian.standing"
        return "pedestrian.moving" if moving else still
    return "vehicle.moving" if moving else "vehicle.stopped"


def _constants(tables: _Tables) -> None:
    for name in sorted({*CATEGORIES.values(), WHEELCHAIR, *EMERGENCY.values()}):
        tables.add("category", token("category", name), name=name, description="")
    for name in ATTRIBUTES:
        tables.add("attribute", token("attribute", name), name=name, description="")
    for k, (_, level) in enumerate(VISIBILITY, start=1):
        tables.add("visibility", str(k), level=level, description=f"visibility of whole object is in {level[1:]} %")


class _Scene:
    """Writes one scene (a sequence) or one scene a frame (shots)."""

    def __init__(self, tables: _Tables, folder: Path, info: SceneInfo, mask: MapMask, start_us: int) -> None:
        self.tables, self.folder, self.info, self.start_us = tables, folder, info, start_us
        self.origin_m = np.array([*mask.origin_m, 0.0])
        place = Path(info.map).stem
        self.log = tables.add(
            "log", token("log", info.name), logfile=info.name, vehicle=info.ego_type, date_captured="2020-09-13",
            location=place,
        )  # fmt: skip
        self.calibrated = self._calibrations()

    def _calibrations(self) -> dict[str, str]:
        out = {}
        for name, camera in self.info.cameras.items():
            pose = matrix_of(camera.ego_from_camera)
            out[name] = self._calibrated(name, channel_of(name), pose, [list(row) for row in camera.intrinsics])
        for name, lidar in self.info.lidars.items():
            pose = matrix_of(lidar.ego_from_lidar)
            pose[:3, :3] = pose[:3, :3] @ NUSCENES_FROM_LIDAR.T
            out[name] = self._calibrated(name, lidar_channel(name), pose, [])
        return out

    def _calibrated(self, name: str, channel: str, pose: FloatArray, intrinsics: list[list[float]]) -> str:
        return self.tables.add(
            "calibrated_sensor", token("calibrated", self.info.name, name), sensor_token=token("sensor", channel),
            translation=_numbers(pose[:3, 3]), rotation=_numbers(quaternion_of(pose[:3, :3])),
            camera_intrinsic=intrinsics,
        )  # fmt: skip

    def write(self, frames: Sequence[Frame]) -> list[str]:
        """All frames of the scene; the names of the rows that it makes in the table of scenes."""
        named = {frame.stem: [frame] for frame in frames} if self.info.mode == "shots" else {self.info.name: frames}
        for name, own in named.items():
            self._scene(name, own)
        return list(named)

    def _scene(self, name: str, frames: Sequence[Frame]) -> None:
        samples = [frame for frame in frames if frame.labels.key]
        keys = [token("sample", frame.stem) for frame in samples]
        scene = token("scene", name)
        for frame, key, before, after in zip(samples, keys, ["", *keys], [*keys[1:], ""], strict=False):
            stamp = self.start_us + frame.labels.t_us
            self.tables.add("sample", key, timestamp=stamp, prev=before, next=after, scene_token=scene)
        text = f"{self.info.map}, {self.info.weather}, {self.info.mode}, {self.info.split}"
        self.tables.add(
            "scene", scene, log_token=self.log, nbr_samples=len(keys), first_sample_token=keys[0] if keys else "",
            last_sample_token=keys[-1] if keys else "", name=name, description=text,
        )  # fmt: skip
        self._data(frames, samples)
        self._annotations(name, samples)

    def _data(self, frames: Sequence[Frame], samples: Sequence[Frame]) -> None:
        """ego_pose and sample_data rows, and the files that they name."""
        owner = {frame.labels.index: token("sample", _nearest(frame, samples).stem) for frame in frames}
        for frame in frames:
            pose = matrix_of(frame.labels.world_from_ego)
            self.tables.add(
                "ego_pose", token("ego", frame.stem), timestamp=self.start_us + frame.labels.t_us,
                rotation=_numbers(quaternion_of(pose[:3, :3])), translation=_numbers(pose[:3, 3] - self.origin_m),
            )  # fmt: skip
        for name in (*self.info.cameras, *self.info.lidars):
            keys = [token("data", frame.stem, name) for frame in frames]
            for frame, key, before, after in zip(frames, keys, ["", *keys], [*keys[1:], ""], strict=False):
                file, size = self._file(frame, name)
                self.tables.add(
                    "sample_data", key, sample_token=owner[frame.labels.index],
                    ego_pose_token=token("ego", frame.stem), calibrated_sensor_token=self.calibrated[name],
                    timestamp=self.start_us + frame.labels.t_us, fileformat=file.suffix[1:].replace("bin", "pcd"),
                    is_key_frame=frame.labels.key, height=size[1], width=size[0], filename=file.as_posix(),
                    prev=before, next=after,
                )  # fmt: skip

    def _file(self, frame: Frame, name: str) -> tuple[Path, tuple[int, int]]:
        """Write a sensor's file; its path in the data set, and its width and height (0 for points)."""
        part, stamp = ("samples" if frame.labels.key else "sweeps"), self.start_us + frame.labels.t_us
        if name in self.info.cameras:
            channel, camera = channel_of(name), self.info.cameras[name]
            file = Path(part, channel, f"{frame.stem}__{channel}__{stamp}.{self.info.picture}")
            share(frame.picture(name), self.folder / file)
            return file, (camera.width, camera.height)
        channel = lidar_channel(name)
        file = Path(part, channel, f"{frame.stem}__{channel}__{stamp}.pcd.bin")
        points = frame.points(name)
        rows = np.zeros((len(points), 5), "<f4")  # x y z intensity ring
        rows[:, :3] = points[:, :3] @ NUSCENES_FROM_LIDAR.T
        rows[:, 3] = 255.0 * points[:, 3]
        rows[:, 4] = rings(points, self.info.lidars[name])
        (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(self.folder / file, rows.tobytes())
        return file, (0, 0)

    def _annotations(self, name: str, samples: Sequence[Frame]) -> None:
        shown: dict[int, list[tuple[Frame, ObjectLabel, int]]] = {}
        for frame in samples:
            for label in frame.labels.objects:
                level = visibility_level(frame, label)
                if level or label.lidar_points > 0:
                    shown.setdefault(label.id, []).append((frame, label, max(level, 1)))
        for number, rows in sorted(shown.items()):
            keys = [token("annotation", frame.stem, number) for frame, _, _ in rows]
            kind = token("category", category_of(rows[0][1]))
            instance = self.tables.add(
                "instance", token("instance", name, number), category_token=kind, nbr_annotations=len(keys),
                first_annotation_token=keys[0], last_annotation_token=keys[-1],
            )  # fmt: skip
            for (frame, label, level), key, before, after in zip(
                rows, keys, ["", *keys], [*keys[1:], ""], strict=False
            ):
                self._annotation(frame, label, level, key, instance, before, after)

    def _annotation(
        self, frame: Frame, label: ObjectLabel, level: int, key: str, instance: str, before: str, after: str
    ) -> None:
        length, width, height = label.size_m
        turn = rotation_of(label.yaw_rad, label.pitch_rad, label.roll_rad)
        self.tables.add(
            "sample_annotation", key, sample_token=token("sample", frame.stem), instance_token=instance,
            visibility_token=str(level), attribute_tokens=[token("attribute", attribute_of(label))],
            translation=_numbers(np.array(label.center_world_m) - self.origin_m), size=[width, length, height],
            rotation=_numbers(quaternion_of(turn)), prev=before, next=after,
            num_lidar_pts=max(label.lidar_points, 0), num_radar_pts=0,
        )  # fmt: skip


def visibility_level(frame: Frame, label: ObjectLabel) -> int:
    """nuScenes' level of the best camera: 1 (to 40 %) to 4 (80 % and more); 0 where no pixel shows the object."""
    seen = [v for camera in frame.labels.cameras.values() for v in camera.objects if v.id == label.id and v.pixels > 0]
    if not seen:
        return 0
    share_seen = max(view.visibility for view in seen)
    return next(k for k, (limit, _) in enumerate(VISIBILITY, start=1) if share_seen < limit)


def rings(points: npt.NDArray[np.float32], lidar: LidarInfo) -> FloatArray:
    """Number of each point's channel ``(n,)``, 0 the lowest: that of its elevation."""
    elevation = np.degrees(np.arctan2(points[:, 2], np.maximum(np.hypot(points[:, 0], points[:, 1]), 1e-6)))
    step = (lidar.upper_deg - lidar.lower_deg) / max(lidar.channels - 1, 1)
    ring = np.rint((elevation - lidar.lower_deg) / max(step, 1e-6))
    return np.asarray(np.clip(ring, 0, lidar.channels - 1), np.float64)


def _nearest(frame: Frame, samples: Sequence[Frame]) -> Frame:
    """The sample that a frame belongs to: the next one in time, as in nuScenes; behind the last, the last."""
    later = [sample for sample in samples if sample.labels.index >= frame.labels.index]
    return later[0] if later else samples[-1]


def _numbers(values: Sequence[float] | FloatArray) -> list[float]:
    return [round(float(v), 9) + 0.0 for v in values]
