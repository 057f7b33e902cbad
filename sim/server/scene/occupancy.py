"""Which ground is taken: a raster of the map that placement asks and fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sim.server.scene.corners import corner_outlines
from sim.server.scene.lanes import Lane

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.uint8]

CELL_M = 0.5
MARGIN_M = 80.0
"""Things are placed up to this far outside the lanes."""
SMALLEST_BLOCK_M2 = 2500.0
"""Ground between roads that is smaller holds no buildings (a roundabout of 50 m has 2,000)."""
_SUBPIXEL_BITS = 4


class Occupancy:
    """Boolean rasters over the map, 0.5 m cells; all rasters grow only.

    ``paved``: any lane; ``driving``: driving lanes; ``busy``: paved or built on;
    ``island``: unpaved ground too small for a house, such as the middle of a roundabout; ``corner``: the inside of
    narrow bends, where a car that cuts them would touch what stands there.
    """

    def __init__(self, lanes: Sequence[Lane]) -> None:
        edges = np.concatenate([np.concatenate([lane.left_m, lane.right_m]) for lane in lanes])[:, :2]
        self.low_m: Array = edges.min(axis=0) - MARGIN_M
        self.high_m: Array = edges.max(axis=0) + MARGIN_M
        columns, rows = np.ceil((self.high_m - self.low_m) / CELL_M).astype(int) + 1
        self.paved: Mask = np.zeros((rows, columns), np.uint8)
        self.driving: Mask = np.zeros((rows, columns), np.uint8)
        for lane in lanes:
            outline = np.concatenate([lane.left_m, lane.right_m[::-1]])[:, :2]
            pixels = self._subpixels(outline)
            cv2.fillPoly(self.paved, [pixels], 1, cv2.LINE_8, _SUBPIXEL_BITS)
            if lane.is_driving:
                cv2.fillPoly(self.driving, [pixels], 1, cv2.LINE_8, _SUBPIXEL_BITS)
        self.corner: Mask = np.zeros((rows, columns), np.uint8)
        for outline in corner_outlines(lanes):
            cv2.fillConvexPoly(self.corner, self._subpixels(outline), 1, cv2.LINE_8, _SUBPIXEL_BITS)
        self.busy: Mask = self.paved.copy()
        self.island: Mask = _islands(self.paved)
        self.distance_m: npt.NDArray[np.float32] = (
            cv2.distanceTransform(1 - self.paved, cv2.DIST_L2, 5).astype(np.float32) * CELL_M
        )

    def _subpixels(self, points: Array) -> npt.NDArray[np.int32]:
        scaled: npt.NDArray[np.int32] = np.round((points - self.low_m) / CELL_M * 2**_SUBPIXEL_BITS).astype(np.int32)
        return scaled

    def at(self, raster: npt.NDArray[Any], points_m: Array) -> npt.NDArray[Any]:
        """Values of a raster at points (n, >= 2); outside it the border's."""
        rows, columns = raster.shape
        index = np.round((np.asarray(points_m)[..., :2] - self.low_m) / CELL_M).astype(int)
        return raster[np.clip(index[..., 1], 0, rows - 1), np.clip(index[..., 0], 0, columns - 1)]

    def is_free(self, corners_m: Array) -> bool:
        """Whether a convex outline (n, 2) lies inside the raster and on nothing busy."""
        return self._misses(self.busy, corners_m)

    def is_open(self, corners_m: Array) -> bool:
        """Whether it is free, and nobody who cuts a corner comes there."""
        return self.is_free(corners_m) and self.misses_corners(corners_m)

    def misses_corners(self, corners_m: Array) -> bool:
        """Whether nobody who cuts a corner comes there."""
        return self._misses(self.corner, corners_m)

    def _misses(self, raster: Mask, corners_m: Array) -> bool:
        pixels = np.round((corners_m - self.low_m) / CELL_M).astype(np.int32)
        (x0, y0), (x1, y1) = pixels.min(axis=0), pixels.max(axis=0)
        rows, columns = raster.shape
        if x0 < 0 or y0 < 0 or x1 >= columns or y1 >= rows:
            return False
        window: Mask = np.zeros((y1 - y0 + 1, x1 - x0 + 1), np.uint8)
        cv2.fillConvexPoly(window, pixels - np.array([x0, y0], np.int32), 1)
        return not bool(np.any(raster[y0 : y1 + 1, x0 : x1 + 1] & window))

    def take(self, corners_m: Array) -> None:
        """Mark a convex outline (n, 2) as busy."""
        pixels = np.round((corners_m - self.low_m) / CELL_M).astype(np.int32)
        cv2.fillConvexPoly(self.busy, pixels, 1)


def _islands(paved: Mask) -> Mask:
    _, label, stats, _ = cv2.connectedComponentsWithStats(1 - paved, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] * CELL_M**2 < SMALLEST_BLOCK_M2
    out: Mask = small[label].astype(np.uint8)
    return out


def rectangle(centre_m: Array, half_m: tuple[float, float], yaw_rad: float) -> Array:
    """Corners (4, 2) of a rectangle."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    signs = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * half_m
    out: Array = signs @ np.array([[c, s], [-s, c]]) + np.asarray(centre_m)[:2]
    return out
