"""COCO: ``SPLIT/*.jpg`` and ``annotations/instances_SPLIT.json`` with boxes and run-length masks.

Category ids are COCO's. Beyond COCO's fields an annotation has ``visibility``, ``truncation``, ``occlusion``,
``amodal_bbox``, ``track_id`` (within the scene), ``depth_m``, and ``state`` for traffic lights; readers ignore them.
Masks are kept as run lengths: polygons cannot have holes, and a car behind a fence is all holes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sim.dataset.config import DatasetConfig
from sim.dataset.export.pictures import Flags, Thing, picture_name, share, things
from sim.dataset.records import Box
from sim.dataset.store import DataSet, Frame, write_bytes

CATEGORIES = {"person": 1, "bicycle": 2, "car": 3, "motorcycle": 4, "bus": 6, "truck": 8, "traffic light": 10}
"""COCO's ids of the classes that are here."""
SUPER = {"person": "person", "traffic light": "outdoor"}


def export(data: DataSet, folder: Path, config: DatasetConfig) -> None:
    """Fill ``folder``. Raises DataSetError for a damaged data set, DiskFull."""
    for split in data.splits:
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for frame in data.frames(split):
            for camera, info in frame.info.cameras.items():
                name = picture_name(frame, camera)
                share(frame.picture(camera), folder / split / name)
                number = len(images) + 1
                images.append(
                    {"id": number, "file_name": name, "width": info.width, "height": info.height, "license": 1,
                     "scene": frame.info.name, "frame": frame.labels.index, "camera": camera,
                     "map": frame.info.map, "weather": frame.info.weather}
                )  # fmt: skip
                for row in _annotations(frame, camera):
                    annotations.append({"id": len(annotations) + 1, "image_id": number, **row})
        whole = {
            "info": {"description": config.name, "version": "1.0", "contributor": "roadlab"},
            "licenses": [{"id": 1, "name": config.licence, "url": ""}],
            "categories": [
                {"id": number, "name": name, "supercategory": SUPER.get(name, "vehicle")}
                for name, number in CATEGORIES.items()
            ],
            "images": images,
            "annotations": annotations,
        }
        (folder / "annotations").mkdir(exist_ok=True)
        write_bytes(folder / "annotations" / f"instances_{split}.json", json.dumps(whole).encode())


def _annotations(frame: Frame, camera: str) -> list[dict[str, Any]]:
    masks = (frame.instance(camera), frame.semantic(camera)) if frame.info.has_masks else None
    out = []
    for thing in things(frame, camera):
        x0, y0, x1, y1 = thing.box
        row: dict[str, Any] = {
            "category_id": CATEGORIES[thing.name],
            "bbox": [x0, y0, round(x1 - x0, 3), round(y1 - y0, 3)],
            "iscrowd": 0,
        }
        if masks is None:
            row |= {"area": round((x1 - x0) * (y1 - y0), 3), "segmentation": [_rectangle(thing.box)]}
        else:
            mask = thing.mask(*masks)
            row |= {"area": int(mask.sum()), "segmentation": run_lengths(mask)}
        out.append(row | _more(thing))
    return out


def _more(thing: Thing) -> dict[str, Any]:
    if thing.view is None:
        return {"state": thing.state}
    view = thing.view
    x0, y0, x1, y1 = view.amodal_px
    return {
        "track_id": view.id,
        "visibility": view.visibility,
        "truncation": view.truncation,
        "occlusion": view.occlusion,
        "depth_m": view.depth_m,
        "amodal_bbox": [x0, y0, round(x1 - x0, 3), round(y1 - y0, 3)],
    }


def _rectangle(box: Box) -> list[float]:
    x0, y0, x1, y1 = box
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def run_lengths(mask: Flags) -> dict[str, Any]:
    """COCO's compressed run lengths of a mask ``(h, w)``: column by column."""
    from faster_coco_eval.core import mask as coco_mask

    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    counts = encoded["counts"]
    return {"size": list(mask.shape), "counts": counts.decode() if isinstance(counts, bytes) else counts}
