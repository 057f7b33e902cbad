"""Debug shapes over a finished picture: strokes that face the camera, hidden by what stands before them.

Each stroke becomes a strip on the screen whose edges and depth run straight between its ends (one over the depth is
linear on the screen). Strips are tested sample by sample against the picture's own depth, two by two samples a pixel,
so that their edges are as smooth as the scene's. Their colours are those that the client asked for, by day and night.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from sim.server.sensors.drawing import BEGIN, END, HUD_LINE, KIND, POINT, WIDTH, Drawing, Text
from sim.server.sensors.kernel import F32, F64, I32, U8, kernel
from sim.server.sensors.pool import WorkerPool

NEAR_M = 0.05  # strokes end this far before the eye
THINNEST_PX = 1.0
NEARER = 1.003  # a stroke counts as 0.3 % nearer than it is: one on a surface is not half hidden by it
FOREGROUND = 1.0e6  # inverse depth of what nothing hides, 1/m
NOTHING = -1
TEXT_HEIGHT_PX = 11.0
SAMPLES = 2  # along each axis of a pixel


def draw(bgr: U8, inverse_depth: F32, cam: F64, focal_px: float, drawing: Drawing, pool: WorkerPool) -> None:
    """Draw over ``bgr (h, w, 3)``, whose samples are ``inverse_depth (2h, 2w)``, seen by ``cam (12,)``."""
    strips, rows = project(drawing, cam, focal_px, bgr.shape[1], bgr.shape[0])
    if len(strips):
        colors = np.ascontiguousarray(drawing.bgr[rows])
        owner = np.full(inverse_depth.shape, NOTHING, np.int32)
        pool.run(draw_strips, strips, corners_of(strips), colors, inverse_depth.copy(), owner, bgr)
    for text in drawing.texts:
        write(bgr, text, cam, focal_px)


def project(drawing: Drawing, cam: F64, focal_px: float, width: int, height: int) -> tuple[F64, np.ndarray]:
    """Strips (k, 8) that reach into the picture, and the row of ``drawing`` of each.

    x, y, half width and inverse depth of either end, in samples and 1/m.
    """
    table = drawing.strokes
    axes = cam[3:].reshape(3, 3).T  # columns: right, down, forward
    a, b = (table[:, BEGIN : BEGIN + 3] - cam[:3]) @ axes, (table[:, END : END + 3] - cam[:3]) @ axes
    rows = np.flatnonzero(np.maximum(a[:, 2], b[:, 2]) > NEAR_M)
    a, b, table = a[rows], b[rows], table[rows]
    a, b = _clipped(a, b), _clipped(b, a)
    scale = SAMPLES * focal_px
    kind, size = table[:, KIND], table[:, WIDTH]
    # a point of s pixels at 90 degrees, where half the picture's width is the focal length
    pixels = np.where(kind == POINT, size * focal_px / (width / 2.0), size)
    strips = np.empty((len(rows), 8))
    for first, end in ((0, a), (4, b)):
        depth = end[:, 2]
        strips[:, first] = SAMPLES * width / 2.0 + scale * end[:, 0] / depth
        strips[:, first + 1] = SAMPLES * height / 2.0 + scale * end[:, 1] / depth
        across = np.where(kind == 0, size * scale / depth, SAMPLES * pixels)
        strips[:, first + 2] = 0.5 * np.maximum(across, SAMPLES * THINNEST_PX)
        strips[:, first + 3] = np.where(kind == HUD_LINE, FOREGROUND, NEARER / depth)
    square = np.abs(strips[:, 0:2] - strips[:, 4:6]).max(axis=1, initial=0.0) < 1e-3  # points, and lines seen end on
    strips[square, 0] -= strips[square, 2]
    strips[square, 4] += strips[square, 6]
    reach = np.maximum(strips[:, 2], strips[:, 6])
    low = np.minimum(strips[:, 0:2], strips[:, 4:6]) - reach[:, None]
    high = np.maximum(strips[:, 0:2], strips[:, 4:6]) + reach[:, None]
    seen = (high > 0.0).all(axis=1) & (low[:, 0] < SAMPLES * width) & (low[:, 1] < SAMPLES * height)
    return np.ascontiguousarray(strips[seen]), rows[seen]


def _clipped(end: F64, other: F64) -> F64:
    """``end`` moved along its stroke to the near plane where it lies behind."""
    share = np.clip((NEAR_M - end[:, 2]) / np.where(other[:, 2] == end[:, 2], 1.0, other[:, 2] - end[:, 2]), 0.0, 1.0)
    share = np.where(end[:, 2] < NEAR_M, share, 0.0)
    return np.asarray(end + share[:, None] * (other - end))


def corners_of(strips: F64) -> F64:
    """The four corners (k, 4, 2) of strips, around."""
    a, b = strips[:, 0:2], strips[:, 4:6]
    way = (b - a) / np.linalg.norm(b - a, axis=1, keepdims=True)
    side = np.stack([-way[:, 1], way[:, 0]], axis=1)
    wide_a, wide_b = side * strips[:, 2:3], side * strips[:, 6:7]
    return np.stack([a + wide_a, b + wide_b, b - wide_b, a - wide_a], axis=1)


@kernel
def draw_strips(
    worker: int, workers: int, strips: F64, corners: F64, colors: U8, nearest: F32, owner: I32, bgr: U8
) -> None:
    """Fill the strips into the samples of this worker's rows, then mix them into the picture.

    nearest (2h, 2w) is overwritten; owner (2h, 2w) NOTHING or the strip that a sample shows.
    """
    height, width = bgr.shape[0], bgr.shape[1]
    first, last = worker * height // workers, (worker + 1) * height // workers
    for k in range(len(strips)):
        ax, ay, near_a, near_b = strips[k, 0], strips[k, 1], strips[k, 3], strips[k, 7]
        dx, dy = strips[k, 4] - ax, strips[k, 5] - ay
        per = 1.0 / (dx * dx + dy * dy)
        low_y = min(min(corners[k, 0, 1], corners[k, 1, 1]), min(corners[k, 2, 1], corners[k, 3, 1]))
        high_y = max(max(corners[k, 0, 1], corners[k, 1, 1]), max(corners[k, 2, 1], corners[k, 3, 1]))
        y0 = max(2 * first, math.ceil(max(low_y, -1.0) - 0.5))
        y1 = min(2 * last - 1, math.floor(min(high_y, 2.0 * height) - 0.5))
        for y in range(y0, y1 + 1):
            fy = y + 0.5
            low, high = 1.0e9, -1.0e9  # where the row crosses the strip's edges
            for c in range(4):
                d = (c + 1) & 3
                py, qy = corners[k, c, 1], corners[k, d, 1]
                if (py <= fy) != (qy <= fy):
                    px = corners[k, c, 0]
                    x_cross = px + (corners[k, d, 0] - px) * (fy - py) / (qy - py)
                    low, high = min(low, x_cross), max(high, x_cross)
            if high < low:
                continue
            x0 = max(0, math.ceil(max(low, -1.0) - 0.5))
            x1 = min(2 * width - 1, math.floor(min(high, 2.0 * width) - 0.5))
            for x in range(x0, x1 + 1):
                along = ((x + 0.5 - ax) * dx + (fy - ay) * dy) * per
                near = near_a + (near_b - near_a) * min(max(along, 0.0), 1.0)
                if near > nearest[y, x]:
                    nearest[y, x] = near
                    owner[y, x] = k
    for y in range(first, last):
        for x in range(width):
            covered, blue, green, red = 0, 0, 0, 0
            for k in range(4):
                strip = owner[2 * y + (k >> 1), 2 * x + (k & 1)]
                if strip >= 0:
                    covered += 1
                    blue += colors[strip, 0]
                    green += colors[strip, 1]
                    red += colors[strip, 2]
            if covered > 0:
                rest = 4 - covered
                bgr[y, x, 0] = (blue + rest * bgr[y, x, 0] + 2) >> 2
                bgr[y, x, 1] = (green + rest * bgr[y, x, 1] + 2) >> 2
                bgr[y, x, 2] = (red + rest * bgr[y, x, 2] + 2) >> 2


def write(bgr: U8, text: Text, cam: F64, focal_px: float) -> None:
    """Write a text whose lower left corner is at its place, if that is before the eye."""
    across, down, depth = cam[3:].reshape(3, 3) @ (np.array(text.position_m) - cam[:3])
    if depth < NEAR_M:
        return
    x, y = bgr.shape[1] / 2.0 + focal_px * across / depth, bgr.shape[0] / 2.0 + focal_px * down / depth
    if not (-1.0e4 < x < 1.0e4 and -1.0e4 < y < 1.0e4):
        return
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, round(TEXT_HEIGHT_PX))
    place = (round(x), round(y))
    if text.shadow:
        under = (place[0] + 1, place[1] + 1)
        cv2.putText(bgr, text.content, under, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 2, cv2.LINE_AA)
    cv2.putText(bgr, text.content, place, cv2.FONT_HERSHEY_SIMPLEX, scale, text.bgr, 1, cv2.LINE_AA)
