"""Debug shapes as cameras see them: columns of strokes, and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# columns of ``Drawing.strokes``
BEGIN, END, WIDTH, KIND, STROKE_COLUMNS = 0, 3, 6, 7, 8
LINE, POINT, HUD_LINE = 0, 1, 2
"""Kinds of strokes: a line whose width is in metres and which the scene hides; a square whose width is in pixels (at
a field of view of 90 degrees) and which the scene hides; a line whose width is in pixels and which nothing hides."""


class Text(NamedTuple):
    """A text at a place of the world, not hidden by anything."""

    position_m: tuple[float, float, float]
    content: str
    shadow: bool
    bgr: tuple[int, int, int]


@dataclass(frozen=True)
class Drawing:
    """All shapes of one tick. strokes (n, STROKE_COLUMNS): ends in the world, m, width and kind; bgr (n, 3)."""

    strokes: npt.NDArray[np.float64]
    bgr: npt.NDArray[np.uint8]
    texts: tuple[Text, ...] = ()
