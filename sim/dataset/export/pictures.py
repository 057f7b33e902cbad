"""What the picture formats share: which objects to name, their boxes and masks, and pictures without copying them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from sim.dataset.records import TWO_WHEELERS, Box, ViewLabel
from sim.dataset.store import DataSetError, DiskFull, Frame

FEWEST_PIXELS = 10
"""Of an object in an annotation: people annotate nothing smaller, COCO's smallest boxes are of this size."""
RIDER_TAG, LIGHT_TAG = 13, 7
COCO_NAME = {"adult": "person", "child": "person", "van": "car"}
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Thing:
    """One annotation: COCO's name of the class, tight box of what is visible, the label it comes from (None: a light),
    the light's state, and what of the masks belongs to it: instance id and whether the rider or the machine."""

    name: str
    box: Box
    view: ViewLabel | None
    state: str = ""
    instance: int = 0
    part: str = "whole"

    def mask(self, instance: npt.NDArray[np.uint16], semantic: npt.NDArray[np.uint8]) -> Flags:
        """Its visible pixels ``(h, w)``."""
        if self.view is None:
            x0, y0, x1, y1 = (round(v) for v in self.box)
            out = np.zeros(semantic.shape, bool)
            out[y0:y1, x0:x1] = semantic[y0:y1, x0:x1] == LIGHT_TAG
            return out
        own = instance == self.instance
        if self.part == "whole":
            return np.asarray(own)
        return np.asarray(own & ((semantic == RIDER_TAG) == (self.part == "rider")))


def things(frame: Frame, camera: str) -> Iterator[Thing]:
    """Everything to annotate in a picture as COCO does: who rides a bicycle is a person, the bicycle another thing.

    Where a recording does not tell rider and machine apart, the machine's box is the whole one.
    """
    labels = frame.labels.cameras[camera]
    for view in labels.objects:
        kind = frame.labels.object(view.id).category
        if kind in TWO_WHEELERS and view.rider_px is not None:
            if view.rider_pixels >= FEWEST_PIXELS:
                yield Thing("person", view.rider_px, view, instance=view.id, part="rider")
            if view.body_px is not None and view.body_pixels >= FEWEST_PIXELS:
                yield Thing(kind, view.body_px, view, instance=view.id, part="body")
        elif view.visible_px is not None and view.pixels >= FEWEST_PIXELS:
            yield Thing(COCO_NAME.get(kind, kind), view.visible_px, view, instance=view.id)
    for light in labels.lights:
        if light.visible_px is not None and light.pixels >= FEWEST_PIXELS:
            yield Thing("traffic light", light.visible_px, None, light.state)


def picture_name(frame: Frame, camera: str, ending: str | None = None) -> str:
    """File name of a picture, unique in its data set."""
    return f"{frame.stem}_{camera}.{ending or frame.info.picture}"


def share(source: Path, target: Path) -> None:
    """The same file in another place: a hard link where the disk can, else a copy. Raises DiskFull."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise DataSetError(f"{source}: missing; delete its scene and render again") from error
        try:
            shutil.copyfile(source, target)
        except OSError as again:
            if again.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(again.errno, f"{target.parent}: the disk is full; free some and export again") from again
            raise


def png_of(frame: Frame, camera: str, target: Path) -> None:
    """The picture as PNG."""
    if frame.info.picture == "png":
        share(frame.picture(camera), target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(target), frame.bgr(camera)):
        raise DiskFull(errno.ENOSPC, f"{target}: cannot be written; is the disk full?")
