"""Debug shapes that clients draw into the world: points, lines, arrows, boxes and texts, each for its life time.

As in CARLA's source: all of them are made of lines and points; a life time of 0 or less lasts for good; time is that
of the simulation. What CARLA puts on the screen of its own window (texts and the HUD variants) is not in the
pictures of its sensors. This server has no window: those shapes are drawn into RGB pictures where ``ROADLAB_HUD=1``
asks for it, and nowhere otherwise.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from sim.server.sensors.drawing import HUD_LINE, LINE, POINT, STROKE_COLUMNS, Drawing, Text
from sim.server.world.pose import rotation_matrix

Vector = tuple[float, float, float]
Color = tuple[int, int, int]
Stroke = tuple[Vector, Vector]

MAX_STROKES = 50_000
"""Lines and points kept at once, some 5 MB; when there are more, the oldest go. A box has twelve, an arrow five."""
MAX_TEXTS = 2_000
"""Texts kept at once; when there are more, the oldest go."""
MAX_WIDTH = 1_000.0
"""Metres or pixels: wider lines, longer tips of arrows fill every picture anyway."""
MAX_TEXT_LENGTH = 1_000
"""Characters of a text; what is longer is no label but a mistake."""
CENTIMETRES = 100.0
"""A point's size is in hundredths of a pixel: CARLA hands it to the engine in centimetres, which takes it as pixels."""
LIFE_SLACK_S = 1e-6
"""Sums of time steps round."""
BORN, EXPIRES = STROKE_COLUMNS, STROKE_COLUMNS + 1
"""Columns behind those of a drawing: number of the frame that was there when the shape came, end of its life, s."""


def box_strokes(centre_m: Vector, half_m: Vector, rotation_rad: Vector) -> list[Stroke]:
    """The twelve edges of a box that is turned about its centre."""
    turn = rotation_matrix(*rotation_rad)
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
    corner = [tuple(c) for c in (signs * half_m @ turn.T + centre_m).tolist()]
    edges = [(a, a | bit) for bit in (4, 2, 1) for a in range(8) if not a & bit]
    return [(corner[a], corner[b]) for a, b in edges]


def arrow_strokes(begin_m: Vector, end_m: Vector, size_m: float) -> list[Stroke]:
    """The shaft and the four edges of the tip of an arrow; size_m: length of the tip, and half its width."""
    begin, end, size_m = np.array(begin_m), np.array(end_m), min(max(size_m, -MAX_WIDTH), MAX_WIDTH)
    way = end - begin
    length = float(np.linalg.norm(way))
    yaw, pitch = math.atan2(way[1], way[0]), math.asin(max(-1.0, min(1.0, way[2] / length))) if length else 0.0
    turn = rotation_matrix(pitch, yaw, 0.0)
    barbs = [(length - size_m, y * size_m, z * size_m) for y in (1, -1) for z in (1, -1)]
    feet = [tuple((begin + turn @ np.array(barb)).tolist()) for barb in barbs]
    return [(begin_m, end_m), *((foot, end_m) for foot in feet)]


class DebugShapes:
    """The shapes of one episode. ``hud``: texts and HUD shapes are drawn too; None asks ``ROADLAB_HUD``."""

    def __init__(self, hud: bool | None = None) -> None:
        self._hud = os.environ.get("ROADLAB_HUD", "") == "1" if hud is None else hud
        self._fresh: list[tuple[float, ...]] = []
        self._fresh_bgr: list[Color] = []
        self._table: npt.NDArray[np.float64] = np.zeros((0, STROKE_COLUMNS + 2))
        self._bgr: npt.NDArray[np.uint8] = np.zeros((0, 3), np.uint8)
        self._texts: list[tuple[int, float, Text]] = []
        self._dirty = False

    def point(self, now: tuple[int, float], life_s: float, rgb: Color, position_m: Vector, size: float) -> None:
        """Add a square of 100 * size pixels. now: frame number and elapsed seconds, as in all of these."""
        self._add(now, life_s, rgb, [(position_m, position_m)], CENTIMETRES * size, POINT)

    def lines(
        self, now: tuple[int, float], life_s: float, rgb: Color, strokes: Iterable[Stroke], width: float, hud: bool
    ) -> None:
        """Add lines, ``width`` metres wide, or pixels where they belong to the HUD."""
        if self._hud or not hud:
            self._add(now, life_s, rgb, strokes, width, HUD_LINE if hud else LINE)

    def text(
        self, now: tuple[int, float], life_s: float, rgb: Color, position_m: Vector, text: str, shadow: bool
    ) -> None:
        """Add a text; it lasts one frame where its life time is 0 or less. Raises ValueError for a page of it."""
        if len(text) > MAX_TEXT_LENGTH:
            raise ValueError(f"debug string: expected at most {MAX_TEXT_LENGTH} characters, got {len(text)}")
        if self._hud:
            self._texts = self._texts[1 - MAX_TEXTS :]
            end_s = now[1] + life_s - LIFE_SLACK_S
            self._texts.append(
                (now[0], end_s, Text(position_m, text.replace("\0", ""), shadow, (rgb[2], rgb[1], rgb[0])))
            )

    def clear(self) -> None:
        """Forget all lines and points; texts stay, as in CARLA."""
        self._fresh, self._fresh_bgr = [], []
        self._table, self._bgr = self._table[:0], self._bgr[:0]

    def clear_texts(self) -> None:
        """Forget all texts."""
        self._texts = []

    def drawing(self, frame: int, elapsed_s: float) -> Drawing | None:
        """What cameras draw in this frame, None for nothing. A shape is in the first frame after it came at least."""
        if not self._fresh and not len(self._table) and not self._texts:
            return None
        if self._fresh:
            self._table = np.concatenate([self._table, np.array(self._fresh)])[-MAX_STROKES:]
            self._bgr = np.concatenate([self._bgr, np.array(self._fresh_bgr, np.uint8)])[-MAX_STROKES:]
            self._fresh, self._fresh_bgr = [], []
        alive = (self._table[:, EXPIRES] > elapsed_s) | (self._table[:, BORN] + 1 >= frame)
        if not alive.all():
            self._table, self._bgr = self._table[alive], self._bgr[alive]
        self._texts = [row for row in self._texts if row[1] > elapsed_s or row[0] + 1 >= frame]
        if not len(self._table) and not self._texts:
            return None
        return Drawing(self._table[:, :STROKE_COLUMNS], self._bgr, tuple(text for _, _, text in self._texts))

    def _add(
        self, now: tuple[int, float], life_s: float, rgb: Color, strokes: Iterable[Stroke], width: float, kind: int
    ) -> None:
        frame, elapsed_s = now
        end_s = math.inf if life_s <= 0.0 else elapsed_s + life_s - LIFE_SLACK_S
        for begin, end in strokes:
            self._fresh.append((*begin, *end, min(max(width, 0.0), MAX_WIDTH), float(kind), float(frame), end_s))
            self._fresh_bgr.append((rgb[2], rgb[1], rgb[0]))
        if len(self._fresh) > 2 * MAX_STROKES:
            self._fresh, self._fresh_bgr = self._fresh[-MAX_STROKES:], self._fresh_bgr[-MAX_STROKES:]
