"""Pictures of others for the same judge: CARLA 0.9.5 itself, KITTI, and photographs of COCO.

What differs from our own pictures. CARLA: boxes are those of the data set's maker, of whole objects and without a word
on how much is seen, so everything high enough is asked for; people and parked cars are not labelled, so only vehicles
and two-wheelers are judged and a detection of an unlabelled car counts against the detector. KITTI: boxes are whole
too, drawn by people; of "occluded" 0 and 1 at least half is taken to be seen (``SHARE_OF_OCCLUDED``); a cyclist's box
holds the bicycle too; a detection inside a region marked as not labelled is no false alarm. COCO: photographs are
scaled down to the sizes that are asked for in streets, so each object is met at several of them; boxes are of what is
seen, and how much of an object that is nobody says.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from sim.realism.judge import U8, Picture
from sim.realism.rule import F32, Row, objects

CARLA_KINDS = {"vehicle": "car", "bike": "bicycle", "motobike": "motorcycle"}
KITTI_KINDS = {"Car": "car", "Van": "van", "Truck": "truck", "Tram": "bus", "Pedestrian": "person",
               "Person_sitting": "person"}  # fmt: skip
COCO_KINDS = {0: "person", 1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck"}
COCO_SCALES = (1.0, 0.6, 0.36, 0.22)
COCO_CANVAS = (600, 800)
"""Height and width of the grey sheet on which photographs lie, as large as our pictures."""
COCO_GREY = 114  # with which the detector itself fills up
SHARE_OF_OCCLUDED = {0: 1.0, 1: 0.7, 2: 0.3, 3: 0.0}
"""KITTI's levels: fully visible, partly, largely occluded, unknown."""


def carla_pictures(data: Path, every_size: bool = False) -> Iterator[Picture]:
    """The 36 frames of CARLA 0.9.5; every_size asks for what is low, too. Raises FileNotFoundError."""
    folder = data / "carla_frames"
    images = sorted((folder / "images").glob("*.png"))
    if not images:
        raise FileNotFoundError(f"no CARLA frames in {folder}")
    for path in images:
        rows: list[Row] = []
        for thing in ET.parse(folder / "labels_voc" / f"{path.stem}.xml").getroot().iter("object"):
            name = str(thing.findtext("name"))
            if name not in CARLA_KINDS:
                continue
            left, top, right, bottom = (float(thing.findtext(f"bndbox/{key}") or "nan")
                                        for key in ("xmin", "ymin", "xmax", "ymax"))  # fmt: skip
            box = (left, top, right + 1.0, bottom + 1.0)
            height = math.inf if every_size else box[3] - box[1]
            rows.append((CARLA_KINDS[name], name, box, box, height, 1.0, math.nan, True))
        yield Picture(path.stem, path.stem.split("_")[0], "CARLA 0.9.5", read_bgr(path), objects(rows))


def kitti_pictures(data: Path) -> Iterator[Picture]:
    """KITTI's labelled frames: 10 of the object set, 4 of a raw drive. Raises FileNotFoundError."""
    raw = data / "kitti_raw" / "2011_09_26_drive_0052_sync"
    places = [
        (data / "kitti_object" / "training" / "label_2", data / "kitti_object" / "training" / "image_2"),
        (raw / "label_2_object", raw / "image_02" / "data"),
    ]
    for labels, images in places:
        files = sorted(labels.glob("*.txt"))
        if not files:
            raise FileNotFoundError(f"no KITTI labels in {labels}")
        for path in files:
            rows, free = kitti_rows(path.read_text(encoding="utf-8"))
            picture = read_bgr(images / f"{path.stem}.png")
            yield Picture(path.stem, images.parent.name, "KITTI", picture, objects(rows), unlabelled=free)


def kitti_rows(text: str) -> tuple[list[Row], F32]:
    """Objects of a label file, and the boxes (k, 4) of the regions without labels."""
    rows: list[Row] = []
    free = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        kind, box = words[0], (float(words[4]), float(words[5]), float(words[6]), float(words[7]))
        if kind in ("DontCare", "Misc"):
            free.append(box)
            continue
        share = SHARE_OF_OCCLUDED.get(int(float(words[2])), 0.0) * (1.0 - min(max(float(words[1]), 0.0), 1.0))
        away = math.hypot(float(words[11]), float(words[13]))
        kinds = ("bicycle", "rider") if kind == "Cyclist" else (KITTI_KINDS[kind],)
        rows += [(name, kind, box, box, box[3] - box[1], share, away, True) for name in kinds]
    return rows, np.array(free, np.float32).reshape(-1, 4)


def coco_pictures(data: Path) -> Iterator[Picture]:
    """128 photographs of COCO val2017 at four scales, on a grey sheet. Raises FileNotFoundError."""
    images = sorted((data / "coco128" / "images" / "val2017").glob("*.jpg"))
    if not images:
        raise FileNotFoundError(f"no photographs in {data / 'coco128' / 'images' / 'val2017'}")
    for path in images:
        labels = data / "coco128" / "labels" / "val2017" / f"{path.stem}.txt"
        things = np.loadtxt(labels, ndmin=2) if labels.is_file() else np.zeros((0, 5))
        things = things[np.isin(things[:, 0], list(COCO_KINDS))]
        if not len(things):
            continue
        photograph = read_bgr(path)
        for scale in COCO_SCALES:
            yield _scaled(f"{path.stem}_{scale:.2f}", photograph, things, scale)


def _scaled(name: str, photograph: U8, things: npt.NDArray[np.float64], scale: float) -> Picture:
    """things (n, 5): class, then centre and size as shares of the photograph."""
    height, width = (round(scale * side) for side in photograph.shape[:2])
    small = cv2.resize(photograph, (width, height), interpolation=cv2.INTER_AREA)[: COCO_CANVAS[0], : COCO_CANVAS[1]]
    sheet = np.full((*COCO_CANVAS, 3), COCO_GREY, np.uint8)
    top, left = (COCO_CANVAS[0] - small.shape[0]) // 2, (COCO_CANVAS[1] - small.shape[1]) // 2
    sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
    rows: list[Row] = []
    for kind, x, y, w, h in things:
        box = (
            left + float(x - w / 2.0) * width, top + float(y - h / 2.0) * height,
            left + float(x + w / 2.0) * width, top + float(y + h / 2.0) * height,
        )  # fmt: skip
        rows.append((COCO_KINDS[int(kind)], "photograph", box, box, box[3] - box[1], 1.0, math.nan, True))
    return Picture(name, f"scale {scale}", "COCO", sheet, objects(rows))


def read_bgr(path: Path) -> U8:
    """A picture (h, w, 3). Raises FileNotFoundError."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise FileNotFoundError(f"no picture at {path}")
    return np.asarray(picture, np.uint8)
