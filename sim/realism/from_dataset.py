"""Pictures of a data set that ``roadlab dataset`` rendered, for the same judge: traffic that drives, seen from a car.

Outlines are those of the data set's labels. Heights are of the whole outline inside the picture; the share seen is
that of its pixels times what of its projected box lies inside the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sim.dataset.label import EGO_ID
from sim.dataset.records import TWO_WHEELERS, ObjectLabel, ViewLabel
from sim.dataset.store import DataSet, Frame
from sim.realism.judge import Picture
from sim.realism.rule import F32, Row, no_boxes, objects
from sim.realism.truth import FEWEST_PX

KIND_OF_CATEGORY = {"adult": "person", "child": "person"}


def dataset_pictures(folder: Path, camera: str | None = None) -> Iterator[Picture]:
    """Every picture of a data set with masks, or those of one camera. Raises DataSetError, ValueError."""
    data = DataSet.open(folder)
    for info in data.scenes:
        if not info.has_masks:
            raise ValueError(f"{folder}: scene {info.name} has no masks, so nobody knows what is seen (a recorded run "
                             "has none); render one with `roadlab dataset CONFIG`")  # fmt: skip
        if camera is not None and camera not in info.cameras:
            raise ValueError(f"{folder}: no camera {camera!r} in {info.name}; there are: {', '.join(info.cameras)}")
        for frame in data.frames_of(info):
            for name in info.cameras if camera is None else (camera,):
                yield _picture(frame, name)


def _picture(frame: Frame, camera: str) -> Picture:
    rows: list[Row] = []
    for view in frame.labels.cameras[camera].objects:
        rows += _rows(frame.labels.object(view.id), view)
    info = frame.info
    return Picture(
        f"{frame.stem}_{camera}", Path(info.map).stem, info.weather, frame.bgr(camera), objects(rows),
        unlabelled=_own_car(frame, camera),
    )  # fmt: skip


def _own_car(frame: Frame, camera: str) -> F32:
    """Box (1, 4) of what the camera sees of the car that carries it, or none: a detection of it is no false alarm."""
    rows, columns = np.nonzero(frame.instance(camera) == EGO_ID)
    if not len(rows):
        return no_boxes()
    return np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)


def _rows(label: ObjectLabel, view: ViewLabel) -> list[Row]:
    """A body as the rule's rows; two-wheelers with a rider as machine and rider."""
    if view.visible_px is None or view.pixels < FEWEST_PX:
        return []
    tall = view.amodal_px[3] - view.amodal_px[1]
    share = view.visibility * (1.0 - view.truncation)
    away = float("nan") if view.depth_m is None else view.depth_m
    kind = KIND_OF_CATEGORY.get(label.category, label.category)
    common = (tall, share, away, True)
    if kind not in TWO_WHEELERS or view.rider_px is None:
        return [(kind, label.type_id, view.visible_px, view.visible_px, *common)]
    rows: list[Row] = []
    if view.body_px is not None and view.body_pixels >= FEWEST_PX:
        rows.append((kind, label.type_id, view.body_px, view.visible_px, *common))
    if view.rider_pixels >= FEWEST_PX:
        rows.append(("rider", label.type_id, view.rider_px, view.rider_px, *common))
    return rows
