"""Depth for pictures that come without one: from the sweep where there is one, else from what a street looks like.

The street: flat ground below the horizon, walls at both sides, and every labelled thing standing where the lower edge
of its box meets the ground. It is right to a factor of two or so, which is enough for weather that thickens with
distance (Sakaridis et al., "Semantic foggy scene understanding", IJCV 2018, need no more than that of far depth).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from perception.augment.sample import FAR_M, Sample
from perception.frame import Float32Array, FloatArray


@dataclass(frozen=True)
class Street:
    """What is assumed where nothing is known."""

    camera_height_m: float = 1.6  # roof of a car
    wall_m: float = 9.0  # house fronts left and right of the middle of the street
    focal: float = 0.9  # of the picture's width, where there is no calibration: 58°


def intrinsics_of(sample: Sample, street: Street) -> FloatArray:
    """The sample's camera matrix, or an assumed one with the horizon in the middle."""
    if sample.calibration is not None:
        return sample.calibration.intrinsics
    height, width = sample.size
    focal = street.focal * width
    return np.array([[focal, 0.0, width / 2.0], [0.0, focal, height / 2.0], [0.0, 0.0, 1.0]])


def ground_depth(size: tuple[int, int], intrinsics: FloatArray, street: Street) -> Float32Array:
    """Depth ``(h, 1)`` of flat ground in each row, ``FAR_M`` at the horizon and above it."""
    rows = np.arange(size[0], dtype=np.float64) + 0.5 - intrinsics[1, 2]
    with np.errstate(divide="ignore"):
        depth = np.where(rows > 0.0, street.camera_height_m * intrinsics[1, 1] / rows, FAR_M)
    return np.minimum(depth, FAR_M).astype(np.float32)[:, None]


def assumed(sample: Sample, street: Street | None = None) -> Float32Array:
    """Depth ``(h, w)`` of the assumed street with the sample's boxes in it, its edges drawn to the picture's."""
    return _fitted(_street(sample, street or Street()), sample)


def _street(sample: Sample, street: Street) -> Float32Array:
    height, width = sample.size
    camera = intrinsics_of(sample, street)
    ground = ground_depth(sample.size, camera, street)
    across = np.abs(np.arange(width) + 0.5 - camera[0, 2])
    wall = np.minimum(street.wall_m * camera[0, 0] / np.maximum(across, 1e-3), 0.1 * FAR_M).astype(np.float32)[None]
    depth = np.minimum(ground, wall)
    for x0, y0, x1, y1 in sample.boxes.px[np.argsort(sample.boxes.px[:, 3])].tolist():  # the far ones first
        foot = min(max(round(y1) - 1, 0), height - 1)
        if y1 > camera[1, 2] + 2.0:  # it stands on the ground; a traffic light's box does not
            part = depth[max(round(y0), 0) : foot + 1, max(round(x0), 0) : round(x1)]
            np.minimum(part, ground[foot, 0], out=part)
    return depth


def sky(sample: Sample, street: Street | None = None) -> npt.NDArray[np.bool_]:
    """Which pixels ``(h, w)`` look like sky: above the horizon, bright, without texture.

    A white wall may pass for it; at night nothing does.
    """
    assert sample.image is not None
    grey = cv2.cvtColor(sample.image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    mean = cv2.blur(grey, (5, 5))
    rough = cv2.blur(grey * grey, (5, 5)) - mean * mean
    horizon = intrinsics_of(sample, street or Street())[1, 2]
    smooth = (rough < 36.0) & (mean > max(110.0, float(np.quantile(mean, 0.7))))
    smooth &= (np.arange(len(grey)) < horizon)[:, None]
    kernel = np.ones((5, 5), np.uint8)
    return np.asarray(cv2.morphologyEx(smooth.astype(np.uint8), cv2.MORPH_OPEN, kernel), bool)


def _fitted(depth_m: Float32Array, sample: Sample) -> Float32Array:
    """Depth with the sky taken out and its edges moved to edges of the picture: a guided filter on 1 / depth.

    He, Sun, Tang, "Guided image filtering", ECCV 2010, the guide grey.
    """
    assert sample.image is not None
    inverse = np.where(sky(sample), np.float32(1.0 / FAR_M), 1.0 / depth_m)
    guide = cv2.cvtColor(sample.image, cv2.COLOR_BGR2GRAY).astype(np.float32) * np.float32(1.0 / 255.0)
    side = 2 * (depth_m.shape[1] // 80) + 1
    mean_g, mean_p, mean_gp, mean_gg = (
        cv2.blur(x, (side, side)) for x in (guide, inverse, guide * inverse, guide * guide)
    )
    slope = (mean_gp - mean_g * mean_p) / (mean_gg - mean_g * mean_g + np.float32(3e-4))
    offset = mean_p - slope * mean_g
    fitted = cv2.blur(slope, (side, side)) * guide + cv2.blur(offset, (side, side))
    low, high = float(inverse.min()), float(inverse.max())
    return (1.0 / np.clip(fitted, low, high)).astype(np.float32)


def from_sweep(sample: Sample, street: Street | None = None, reach_px: int = 12) -> Float32Array:
    """Depth ``(h, w)`` of the nearest return within ``reach_px`` of a pixel; above the sweep what is below goes on
    upwards, as houses and trees do; the assumed street elsewhere.

    Raises ValueError without sweep, image and calibration.
    """
    if sample.cloud is None or sample.calibration is None or sample.image is None:
        raise ValueError("depth from a sweep: the sample needs a cloud, an image and a calibration")
    height, width = sample.size
    depth = _street(sample, street or Street())
    pixels, away = sample.calibration.pixels(sample.cloud.points_m)
    with np.errstate(invalid="ignore"):
        seen = (pixels >= 0.0).all(axis=1) & (pixels < (width, height)).all(axis=1)
    rows, columns = pixels[seen, 1].astype(np.int64), pixels[seen, 0].astype(np.int64)
    hit = np.full((height, width), np.inf, np.float32)
    np.minimum.at(hit, (rows, columns), away[seen].astype(np.float32))
    empty = ~np.isfinite(hit)
    if empty.all():
        return depth
    distance, nearest = cv2.distanceTransformWithLabels(
        empty.astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros(int(nearest.max()) + 1, np.float32)
    by_label[nearest[~empty]] = hit[~empty]
    known = distance <= reach_px
    depth = np.where(known, by_label[nearest], depth).astype(np.float32)
    first = np.argmax(known, axis=0)  # (w,) the highest known pixel of each column
    higher = (np.arange(height)[:, None] < first[None]) & known.any(axis=0)
    depth = np.where(higher, depth[first, np.arange(width)][None], depth)
    return _fitted(depth, sample)


def depth_of(sample: Sample, street: Street | None = None) -> Float32Array:
    """The best depth there is: the sample's own (what is infinite or unknown there is far), the sweep's, or the
    assumed one."""
    if sample.depth_m is not None:
        return np.fmin(sample.depth_m, np.float32(FAR_M))
    if sample.cloud is not None and sample.calibration is not None and len(sample.cloud):
        return from_sweep(sample, street)
    return assumed(sample, street)


def range_of(depth_m: Float32Array, intrinsics: FloatArray) -> Float32Array:
    """Distance ``(h, w)`` along the ray of each pixel, from depth along the optical axis."""
    height, width = depth_m.shape
    x = (np.arange(width) + 0.5 - intrinsics[0, 2]) / intrinsics[0, 0]
    y = (np.arange(height) + 0.5 - intrinsics[1, 2]) / intrinsics[1, 1]
    return depth_m * np.sqrt(1.0 + x[None] ** 2 + y[:, None] ** 2).astype(np.float32)
