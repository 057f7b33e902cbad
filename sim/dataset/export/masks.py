"""Semantic masks as Cityscapes has them: ``leftImg8bit/SPLIT/SCENE`` and ``gtFine/SPLIT/SCENE``.

``..._gtFine_labelIds.png`` (ids), ``_labelTrainIds.png`` (19 classes, 255 elsewhere), ``_instanceIds.png`` (id x 1000 +
number of the object for things, the id alone for the rest), ``_color.png``; and, which Cityscapes has not,
``_drivable.png`` (255 where the road is to be seen). Pixels of the car itself are Cityscapes' "ego vehicle".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from sim.dataset.config import DatasetConfig
from sim.dataset.export.pictures import png_of
from sim.dataset.label import EGO_ID
from sim.dataset.store import DataSet, write_bytes

U8 = npt.NDArray[np.uint8]
TRAIN_NONE = 255
EGO_LABEL = 1
ROAD, ROAD_LINES = 1, 24
INSTANCES_A_CLASS = 1000


class Row(NamedTuple):
    """Cityscapes' id, its training id and its colour (R, G, B) for one of CARLA's tags."""

    label: int
    train: int
    color: tuple[int, int, int]


TABLE: dict[int, Row] = {
    0: Row(0, TRAIN_NONE, (0, 0, 0)),
    1: Row(7, 0, (128, 64, 128)),  # road
    2: Row(8, 1, (244, 35, 232)),  # sidewalk
    3: Row(11, 2, (70, 70, 70)),  # building
    4: Row(12, 3, (102, 102, 156)),  # wall
    5: Row(13, 4, (190, 153, 153)),  # fence
    6: Row(17, 5, (153, 153, 153)),  # pole
    7: Row(19, 6, (250, 170, 30)),  # traffic light
    8: Row(20, 7, (220, 220, 0)),  # traffic sign
    9: Row(21, 8, (107, 142, 35)),  # vegetation
    10: Row(22, 9, (152, 251, 152)),  # terrain
    11: Row(23, 10, (70, 130, 180)),  # sky
    12: Row(24, 11, (220, 20, 60)),  # person
    13: Row(25, 12, (255, 0, 0)),  # rider
    14: Row(26, 13, (0, 0, 142)),  # car
    15: Row(27, 14, (0, 0, 70)),  # truck
    16: Row(28, 15, (0, 60, 100)),  # bus
    17: Row(31, 16, (0, 80, 100)),  # train
    18: Row(32, 17, (0, 0, 230)),  # motorcycle
    19: Row(33, 18, (119, 11, 32)),  # bicycle
    20: Row(4, TRAIN_NONE, (0, 0, 0)),  # static
    21: Row(5, TRAIN_NONE, (111, 74, 0)),  # dynamic
    22: Row(4, TRAIN_NONE, (0, 0, 0)),  # other
    23: Row(4, TRAIN_NONE, (0, 0, 0)),  # water
    24: Row(7, 0, (128, 64, 128)),  # road line: road
    25: Row(6, TRAIN_NONE, (81, 0, 81)),  # ground
    26: Row(15, TRAIN_NONE, (150, 100, 100)),  # bridge
    27: Row(10, TRAIN_NONE, (230, 150, 140)),  # rail track
    28: Row(14, TRAIN_NONE, (180, 165, 180)),  # guard rail
}
"""By CARLA's tag (0.9.14 and later)."""
THINGS = range(24, 34)
"""Cityscapes' ids of what is counted one by one."""


def export(data: DataSet, folder: Path, config: DatasetConfig) -> None:
    """Fill ``folder``; frames without masks (of a recording) are left out. Raises DataSetError, DiskFull."""
    for frame in data.frames():
        if not frame.info.has_masks:
            continue
        place = f"{frame.info.split}/{frame.info.name}"
        (folder / "gtFine" / place).mkdir(parents=True, exist_ok=True)
        for camera in frame.info.cameras:
            stem = f"{frame.stem}_{camera}"
            png_of(frame, camera, folder / "leftImg8bit" / place / f"{stem}_leftImg8bit.png")
            for name, picture in masks_of(frame.semantic(camera), frame.instance(camera)).items():
                _, encoded = cv2.imencode(".png", picture)
                write_bytes(folder / "gtFine" / place / f"{stem}_gtFine_{name}.png", encoded.tobytes())


def masks_of(semantic: U8, instance: npt.NDArray[np.uint16]) -> dict[str, npt.NDArray[np.integer[Any]]]:
    """Pictures by the ending of their name, from CARLA's tags and ids ``(h, w)``; colours are BGR."""
    labels, trains, colors = np.zeros(256, np.uint8), np.full(256, TRAIN_NONE, np.uint8), np.zeros((256, 3), np.uint8)
    for tag, row in TABLE.items():
        labels[tag], trains[tag], colors[tag] = row.label, row.train, row.color[::-1]
    label, train, color = labels[semantic], trains[semantic], colors[semantic]
    ego = instance == EGO_ID
    label[ego], train[ego], color[ego] = EGO_LABEL, TRAIN_NONE, 0
    thing = np.isin(label, list(THINGS)) & (instance > 0) & ~ego
    numbered = np.where(thing, label.astype(np.uint16) * INSTANCES_A_CLASS + instance % INSTANCES_A_CLASS, label)
    drivable = np.where(np.isin(semantic, (ROAD, ROAD_LINES)), 255, 0).astype(np.uint8)
    return {
        "labelIds": label,
        "labelTrainIds": train,
        "instanceIds": numbered.astype(np.uint16),
        "color": color,
        "drivable": drivable,
    }
