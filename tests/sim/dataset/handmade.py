"""A data set made by hand: one car and one cyclist before a camera, every number known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from perception.frame import CameraModel
from sim.dataset.capture import Body, CameraCapture, Capture, Silhouettes, SweepCapture
from sim.dataset.config import DatasetConfig
from sim.dataset.label import Labelled, Surroundings, label
from sim.dataset.lanes import MapLine
from sim.dataset.records import CameraInfo, LidarInfo, SceneInfo, pose_rows, to_json
from sim.dataset.store import DataSet, write_bytes, write_frame
from sim.source.conversion import camera_model, mounting
from sim.source.truth_boxes import Lights

WIDTH, HEIGHT, EGO, CAR, BIKE = 160, 120, 70, 71, 72
"""Actor ids; the picture's focal length is 80 pixels (90 degrees)."""


def camera() -> CameraModel:
    """At (0, 0, 1.5) on the car, looking ahead."""
    return camera_model(WIDTH, HEIGHT, math.radians(90.0), mounting(0.0, 0.0, 1.5))


def body(actor: int, category: str, x: float, y: float, size: tuple[float, float, float]) -> Body:
    """A body on the ground at (x, y), heading as the car does."""
    pose = np.eye(4)
    pose[:2, 3] = x, y
    middle = np.array([0.0, 0.0, 0.5 * size[2]])
    return Body(actor, category, f"vehicle.{category}", pose, middle, np.array(size), np.array([3.0, 0.0, 0.0]))


def capture(index: int = 0) -> Capture:
    """A car of 4 x 2 x 1.5 m whose rear is 8 m ahead, a cyclist 4 m to the left with its rear 9 m ahead.

    The rear of the car spans columns 70..90 and rows 60..75; of the cyclist (0.5 m wide, 1.8 m high) columns
    42..46: rows 57..66 the rider, 66..73 the machine.
    """
    numbers, tags = np.zeros((HEIGHT, WIDTH), np.uint16), np.full((HEIGHT, WIDTH), 1, np.uint8)
    tags[:60] = 11
    depth = np.full((HEIGHT, WIDTH), 50.0, np.float32)
    numbers[60:75, 70:90], tags[60:75, 70:90], depth[60:75, 70:90] = CAR, 14, 8.0
    numbers[58:74, 42:47], depth[58:74, 42:47] = BIKE, 9.0
    tags[58:66, 42:47], tags[66:74, 42:47] = 13, 19
    whole = Silhouettes(
        np.array([CAR, BIKE]), np.array([[70.0, 60, 90, 75], [42, 58, 47, 74]]), np.array([20 * 15, 2 * 5 * 16])
    )
    points = np.array([[8.0, 0.0, -1.0, 0.5], [8.0, 0.5, -1.2, 0.4], [9.0, 4.0, -1.0, 0.3], [6.0, 2.0, -1.9, 0.2]])
    sweep = SweepCapture(
        points.astype(np.float32), mounting(0.0, 0.0, 1.9), np.array([CAR, CAR, BIKE, 0]),
        np.array([14, 14, 13, 1], np.uint8),
    )  # fmt: skip
    pose = np.eye(4)
    picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    return Capture(
        index=index,
        t_us=index * 100_000,
        world_from_ego=pose,
        ego_velocity_mps=np.zeros(3),
        weather={"fog_density": 0.0},
        bodies=(body(CAR, "car", 10.0, 0.0, (4.0, 2.0, 1.5)), body(BIKE, "bicycle", 10.0, 4.0, (2.0, 0.5, 1.8))),
        cameras={"front": CameraCapture(camera(), picture, numbers, tags, depth, None, whole)},
        sweeps={"top": sweep},
    )


def labelled(index: int = 0) -> Labelled:
    """Its labels."""
    line = MapLine("Solid", "White", np.stack([np.arange(2.0, 20.0), np.full(18, -2.0), np.zeros(18)], axis=1))
    lights = Lights((), {}, {})
    return label(capture(index), Surroundings({CAR: 1, BIKE: 2}, EGO, (line,), lights), True)


def info(name: str = "00000_Straight_ClearNoon", split: str = "train", mode: str = "shots") -> SceneInfo:
    """Of its scene."""
    model = camera()
    return SceneInfo(
        name=name, map="Straight", weather="ClearNoon", split=split, mode=mode, seed=1, frame_s=0.1, frames=2,
        picture="png", ego_type="vehicle.car", ego_size_m=(4.0, 2.0, 1.5),
        cameras={"front": CameraInfo(WIDTH, HEIGHT, pose_rows(model.intrinsics), pose_rows(model.ego_from_camera))},
        lidars={"top": LidarInfo(pose_rows(mounting(0.0, 0.0, 1.9)), 32, -30.0, 10.0)},
        has_masks=True, has_depth=True, has_flow=False, amodal="silhouettes",
    )  # fmt: skip


def data_set(folder: Path, mode: str = "shots") -> DataSet:
    """Two scenes of two frames, one to train on and one to validate."""
    for number, split in enumerate(("train", "val")):
        scene = info(f"{number:05d}_Straight_ClearNoon", split, mode)
        place = folder / "scenes" / scene.name
        place.mkdir(parents=True)
        for index in range(scene.frames):
            write_frame(place, capture(index), labelled(index), scene, 95)
        write_bytes(place / "scene.json", to_json(scene))
    return DataSet.open(folder)


def config() -> DatasetConfig:
    """The configuration that goes with it."""
    return replace(DatasetConfig(), name="handmade", maps=("Straight",), count=4)
