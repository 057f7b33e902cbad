"""Painted detail: four planar views of a vehicle as small textures of weights.

A texel holds the weights of paint, glass, lamp and dark trim, 0..255 each. What is missing to 255 is bright
trim: number plates, chrome. Row 0 is the bottom of the view (v = 0), column 0 its left end (u = 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from sim.server.scene.bodies.parts import SIDE, TOP, Floats

MIPS = 5
PAINTED = (1.0, 0.0, 0.0, 0.0)
GLAZED = (0.0, 1.0, 0.0, 0.0)
LAMP = (0.0, 0.0, 1.0, 0.0)
DARK = (0.0, 0.0, 0.0, 1.0)
BRIGHT = (0.0, 0.0, 0.0, 0.0)
GAP = (0.2, 0.0, 0.0, 0.8)  # door and panel gaps: thinner than a texel from afar
SUPERSAMPLE = 2
MARGIN_M = 0.03  # the charts reach this far beyond the body: no texel is needed from outside

Weights = tuple[float, float, float, float]


@dataclass(frozen=True)
class ChartFrame:
    """Where the four charts lie on a body: metres of length, width and height that they span."""

    length_m: float
    width_m: float
    height_m: float

    def span(self, chart: int) -> tuple[float, float, float, float]:
        """(u at 0, u at 1, v at 0, v at 1) in metres: x and z, x and y, or y and z."""
        x, y = self.length_m / 2 + MARGIN_M, self.width_m / 2 + MARGIN_M
        if chart == SIDE:
            return -x, x, 0.0, self.height_m + MARGIN_M
        if chart == TOP:
            return -x, x, -y, y
        return -y, y, 0.0, self.height_m + MARGIN_M

    def uv(self, points_m: Floats, chart: npt.NDArray[np.uint8]) -> Floats:
        """Chart position (n, 2), 0..1, of points (n, 3) seen in ``chart`` (n,)."""
        out = np.empty((len(points_m), 2))
        for c in range(4):
            u0, u1, v0, v1 = self.span(c)
            use = chart == c
            p = points_m[use]
            u = p[:, 0] if c in (SIDE, TOP) else p[:, 1]
            v = p[:, 1] if c == TOP else p[:, 2]
            out[use] = np.stack([(u - u0) / (u1 - u0), (v - v0) / (v1 - v0)], 1)
        return np.clip(out, 0.0, 1.0)


def texels(frame: ChartFrame, chart: int) -> tuple[int, int]:
    """Height and width of the finest level: 512 x 192 for a car's side, more for long vehicles."""
    wide = 1024 if frame.length_m > 7.0 else 512
    if chart in (SIDE, TOP):
        return 192, wide
    return 192, 256


class Painter:
    """Draws on one chart in metres. ``mirrored`` charts (top, front, rear) repeat every shape at -y."""

    def __init__(self, frame: ChartFrame, chart: int, base: Weights = PAINTED) -> None:
        height, width = texels(frame, chart)
        self.chart = chart
        self.shape = height, width
        self.span = frame.span(chart)
        self.canvas = np.empty((height * SUPERSAMPLE, width * SUPERSAMPLE, 4), np.float32)
        self.canvas[:] = base

    def polygon(self, points_m: npt.ArrayLike, weights: Weights, mirror: bool = True) -> None:
        """Fill a polygon (n, 2) of chart metres."""
        points = np.asarray(points_m, np.float64)
        self._fill(points, weights)
        if mirror and self.chart != SIDE:
            flip = np.array([1.0, -1.0]) if self.chart == TOP else np.array([-1.0, 1.0])
            self._fill(points * flip, weights)

    def box(self, u0: float, u1: float, v0: float, v1: float, weights: Weights, mirror: bool = True) -> None:
        """Fill a rectangle."""
        self.polygon([(u0, v0), (u1, v0), (u1, v1), (u0, v1)], weights, mirror)

    def disc(self, u: float, v: float, radius_m: float, weights: Weights, aspect: float = 1.0) -> None:
        """Fill an ellipse, ``aspect`` times as wide as high."""
        angle = np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False)
        ring = np.stack([u + aspect * radius_m * np.cos(angle), v + radius_m * np.sin(angle)], 1)
        self.polygon(ring, weights)

    def line(
        self, points_m: Sequence[tuple[float, float]], width_m: float, weights: Weights, mirror: bool = True
    ) -> None:
        """Draw a polyline of some width."""
        for (u0, v0), (u1, v1) in pairwise(points_m):
            along = np.array([u1 - u0, v1 - v0])
            across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9) * (width_m / 2)
            a, b = np.array([u0, v0]), np.array([u1, v1])
            self.polygon(np.stack([a - across, b - across, b + across, a + across]), weights, mirror)

    def plate(self, v: float, width_m: float = 0.52, height_m: float = 0.12) -> None:
        """Number plate in the middle at height ``v`` (its centre), with characters."""
        w, h = width_m / 2, height_m / 2
        self.box(-w - 0.02, w + 0.02, v - h - 0.02, v + h + 0.02, DARK, mirror=False)
        self.box(-w, w, v - h, v + h, BRIGHT, mirror=False)
        for k in range(7):
            u = (k - 3) * width_m / 8.5 + (0.012 if k > 1 else -0.012)
            self.box(u - 0.018, u + 0.018, v - h * 0.55, v + h * 0.55, (0.0, 0.0, 0.0, 0.75), mirror=False)

    def _fill(self, points: Floats, weights: Weights) -> None:
        u0, u1, v0, v1 = self.span
        height, width = self.canvas.shape[:2]
        pixel = (points - [u0, v0]) / [u1 - u0, v1 - v0] * [width, height] - 0.5
        fixed = np.round(pixel * 16.0).astype(np.int32)
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_AA, shift=4)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows) == 0:
            return
        window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        share = mask[window][..., None].astype(np.float32) / 255.0
        self.canvas[window] += share * (np.array(weights, np.float32) - self.canvas[window])

    def mips(self) -> list[npt.NDArray[np.uint8]]:
        """The chart as uint8 (height, width, 4), finest first, each level half the one before."""
        levels = []
        image: npt.NDArray[np.float32] = self.canvas
        for level in range(MIPS):
            height, width = self.shape[0] >> level, self.shape[1] >> level
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.float32)
            levels.append(np.clip(np.rint(image * 255.0), 0, 255).astype(np.uint8))
        return levels
