"""The pixels of a pasted object: scaled to its distance, lit as the picture is, before and behind what it should be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from perception.augment.corrupt_blur import gaussian
from perception.augment.sample import Boxes2D, Picture, Sample
from perception.augment.store import CutObject
from perception.frame import FloatArray
from perception.geometry import box_corners
from perception.objects import IntArray

INSIDE = 0.7
"""Share of an object's picture that must lie in the picture."""


@dataclass(frozen=True)
class Patch:
    """An object's pixels where they go: ``bgr (h, w, 3)`` and ``alpha (h, w)`` 0..1 at ``corner`` (x, y), whole pixels
    inside the picture; ``depth_m`` of its nearest part; ``whole`` the pixels that it would have outside too."""

    bgr: Picture
    alpha: npt.NDArray[np.float32]
    corner: tuple[int, int]
    depth_m: float
    whole: float


def place_patch(thing: CutObject, box_m: FloatArray, sample: Sample) -> Patch | None:
    """The object's pixels at its new place; None where they lie mostly outside, or it is behind the camera."""
    assert sample.calibration is not None
    assert sample.image is not None
    foot, depth = sample.calibration.pixels(np.array([[box_m[0], box_m[1], box_m[2] - box_m[5] / 2.0]]))
    if not depth[0] > 1.0:
        return None
    scale = thing.depth_m / float(depth[0]) * float(sample.calibration.intrinsics[0, 0]) / thing.focal_px
    height, width = (max(2, round(side * scale)) for side in thing.alpha.shape)
    how = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    bgr = cv2.resize(thing.patch, (width, height), interpolation=how)
    alpha = cv2.resize(thing.alpha, (width, height), interpolation=how).astype(np.float32) / np.float32(255.0)
    x, y = np.rint(foot[0] - thing.foot_px * scale).astype(np.int64).tolist()
    whole = float((alpha > 0.5).sum())
    x0, y0 = max(0, -x), max(0, -y)
    x1, y1 = min(width, sample.size[1] - x), min(height, sample.size[0] - y)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    alpha, bgr = alpha[y0:y1, x0:x1], bgr[y0:y1, x0:x1]
    if (alpha > 0.5).sum() < INSIDE * whole:
        return None
    corners = sample.calibration.pixels(box_corners(box_m[None])[0])[1]
    gain = np.clip(sample.image[sample.size[0] // 2 :].mean(axis=(0, 1)) / np.maximum(thing.light, 8.0), 0.4, 1.6)
    lit = np.clip(bgr * (0.3 + 0.7 * gain), 0.0, 255.0).astype(np.uint8)
    return Patch(lit, alpha, (x + x0, y + y0), max(float(corners.min()), 0.5), whole)


def paint(
    sample: Sample,
    patch: Patch,
    thing: CutObject,
    box_m: FloatArray,
    number: int,
    min_visible: float,
    min_rest: float,
) -> tuple[Sample, IntArray] | None:
    """The sample with the patch in it under the id ``number``, and the ids of things that it hides too much of.

    None where less than ``min_visible`` of it would be seen.
    """
    assert sample.image is not None
    (x, y), (height, width) = patch.corner, patch.alpha.shape
    alpha = patch.alpha * _unhidden(sample, patch, box_m)
    seen = alpha > 0.5
    if seen.sum() < max(min_visible * patch.whole, 16):
        return None
    image = _shaded(sample, thing, box_m)
    part = image[y : y + height, x : x + width]
    part[:] = np.rint(part + alpha[..., None] * (patch.bgr.astype(np.float32) - part)).astype(np.uint8)
    mask = np.zeros(sample.size, bool)
    mask[y : y + height, x : x + width] = seen
    boxes, hidden = _rest_of(sample, mask, min_rest)
    rows, columns = np.nonzero(mask)
    new = Boxes2D.of([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], [thing.kind], [number])
    changed: dict[str, Any] = {"image": image, "boxes": Boxes2D.joined([boxes, new])}
    for name, fill in (("instance", number), ("semantic", thing.tag), ("depth_m", patch.depth_m)):
        layer = getattr(sample, name)
        if layer is not None:
            changed[name] = np.where(mask, layer.dtype.type(fill), layer)
    return replace(sample, **changed), hidden


def _unhidden(sample: Sample, patch: Patch, box_m: FloatArray) -> npt.NDArray[np.float32]:
    """1 where nothing nearer is in the picture, ``(h, w)`` of the patch, else 0.

    By depth where there is one; else by the pixels, or the boxes, of labelled things that are nearer.
    """
    (x, y), (height, width) = patch.corner, patch.alpha.shape
    here = (slice(y, y + height), slice(x, x + width))
    if sample.depth_m is not None:
        # the ground before it is nearer than its far end, and does not hide it
        return (sample.depth_m[here] > patch.depth_m - 0.2).astype(np.float32)
    assert sample.calibration is not None
    free = np.ones((height, width), np.float32)
    depth = sample.calibration.pixels(sample.objects.m[:, :3])[1]
    mine = float(sample.calibration.pixels(box_m[None, :3])[1][0])
    for ident in sample.objects.ids[(depth > 0.0) & (depth < mine)]:
        if ident < 0:
            continue
        if sample.instance is not None:
            free[sample.instance[here] == ident] = 0.0
            continue
        for px in sample.boxes.px[sample.boxes.ids == ident]:
            x0, y0, x1, y1 = np.rint(px).astype(np.int64) - np.array([x, y, x, y])
            free[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = 0.0
    return free


def _shaded(sample: Sample, thing: CutObject, box_m: FloatArray) -> Picture:
    """A copy of the picture with a soft shadow on the ground under the object."""
    assert sample.image is not None
    assert sample.calibration is not None
    image = sample.image.copy()
    corners = sample.calibration.pixels(box_corners(box_m[None])[0][:4])[0]
    if not np.isfinite(corners).all():
        return image
    reach = max(1.0, 0.03 * float(np.ptp(corners[:, 0])))
    low = np.floor(corners.min(axis=0) - 4.0 * reach).astype(np.int64).clip(0)
    high = np.ceil(corners.max(axis=0) + 4.0 * reach).astype(np.int64)
    part = image[low[1] : high[1], low[0] : high[0]]
    if not part.size:
        return image
    dark = np.zeros(part.shape[:2], np.float32)
    cv2.fillConvexPoly(dark, np.rint(corners - low).astype(np.int32), 0.4)
    part[:] = (part * (1.0 - gaussian(dark, reach)[..., None])).astype(np.uint8)
    return image


def _rest_of(sample: Sample, mask: npt.NDArray[np.bool_], min_rest: float) -> tuple[Boxes2D, IntArray]:
    """Boxes that are left beside a pasted ``mask (h, w)``, and the ids of those that are not.

    With instance pixels boxes are tightened to what is still seen; without them a box is taken for full.
    """
    keep = np.ones(len(sample.boxes), bool)
    px = sample.boxes.px.copy()
    for row, (box, ident) in enumerate(zip(sample.boxes.px, sample.boxes.ids, strict=True)):
        x0, y0, x1, y1 = np.rint(box).astype(np.int64).clip(0)
        part = mask[y0:y1, x0:x1]
        if not part.any():
            continue
        if sample.instance is None or ident < 0:
            keep[row] = part.mean() <= 1.0 - min_rest
            continue
        before = sample.instance[y0:y1, x0:x1] == ident
        rest = before & ~part
        keep[row] = rest.sum() >= max(min_rest * before.sum(), 1)
        if keep[row] and rest.sum() < before.sum():
            rows, columns = np.nonzero(rest)
            px[row] = columns.min() + x0, rows.min() + y0, columns.max() + x0 + 1, rows.max() + y0 + 1
    gone = sample.boxes.ids[~keep]
    return sample.boxes.at(px)[keep], gone[gone >= 0]
