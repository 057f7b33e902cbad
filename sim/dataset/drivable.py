"""Where one may drive: a map's lanes from above, as a picture."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from perception.frame import FloatArray
from planning.lanes import LaneGraph
from sim.dataset.store import DataSetError, write_bytes

PIXEL_M = 0.1
"""nuScenes' resolution of map masks."""
MARGIN_M = 60.0
"""Around the outermost lane: what a LiDAR sees from there lies in the mask, too."""
STEPS = 16
"""Corners of polygons are drawn to a sixteenth of a pixel."""
MOST_PIXELS = 30_000
"""Of a side: 3 km. A larger map gets larger pixels."""


@dataclass(frozen=True)
class MapMask:
    """``drivable (h, w)`` uint8, 255 on lanes, north (y) up; the world point ``origin_m (2,)`` is the lower left
    corner."""

    drivable: npt.NDArray[np.uint8]
    origin_m: FloatArray
    pixel_m: float


def write_mask(folder: Path, map_name: str, graph: LaneGraph) -> None:
    """Keep the mask of a map in a data set, ``maps/MAP.png`` and ``.json``, if it is not there yet.

    Several processes may do so at once: each writes files of its own, which become the map's at once.
    """
    png, place = _files(folder, map_name)
    if png.is_file() and place.is_file():
        return
    png.parent.mkdir(parents=True, exist_ok=True)
    mask = mask_of(graph)
    facts = {"origin_m": mask.origin_m.tolist(), "pixel_m": mask.pixel_m}
    _, picture = cv2.imencode(".png", mask.drivable)
    for file, content in ((png, picture.tobytes()), (place, json.dumps(facts).encode() + b"\n")):
        own = file.with_suffix(f".{os.getpid()}")
        write_bytes(own, content)
        os.replace(own, file)


def read_mask(folder: Path, map_name: str) -> MapMask:
    """The mask of one of a data set's maps. Raises DataSetError where it is missing."""
    png, place = _files(folder, map_name)
    picture = cv2.imread(str(png), cv2.IMREAD_GRAYSCALE)
    if picture is None or not place.is_file():
        raise DataSetError(f"{png}: missing or damaged; delete one scene on that map and render again")
    facts = json.loads(place.read_bytes())
    return MapMask(np.asarray(picture, np.uint8), np.array(facts["origin_m"]), float(facts["pixel_m"]))


def _files(folder: Path, map_name: str) -> tuple[Path, Path]:
    name = Path(map_name).stem
    return folder / "maps" / f"{name}.png", folder / "maps" / f"{name}.json"


def mask_of(graph: LaneGraph) -> MapMask:
    """Mask of a lane graph."""
    centers = [lane.center_m[:, :2] for lane in graph.lanes]
    low = np.concatenate(centers).min(axis=0) - MARGIN_M
    high = np.concatenate(centers).max(axis=0) + MARGIN_M
    low = np.floor(low)
    pixel_m = max(PIXEL_M, math.ceil(float((high - low).max()) / MOST_PIXELS / PIXEL_M) * PIXEL_M)
    width, height = (math.ceil(float(side) / pixel_m) for side in high - low)
    mask = np.zeros((height, width), np.uint8)
    for lane in graph.lanes:
        left = np.stack([-np.sin(lane.yaw_rad), np.cos(lane.yaw_rad)], axis=1) * 0.5 * lane.width_m[:, None]
        ring = np.concatenate([lane.center_m[:, :2] + left, (lane.center_m[:, :2] - left)[::-1]])
        pixels = (ring - low) / pixel_m
        pixels[:, 1] = height - pixels[:, 1]
        cv2.fillPoly(mask, [np.rint(pixels * STEPS).astype(np.int32)], 255, shift=int(math.log2(STEPS)))
    return MapMask(mask, low, pixel_m)
