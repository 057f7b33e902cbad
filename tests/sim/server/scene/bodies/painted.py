"""What is painted on heavies, for tests."""

from __future__ import annotations

import numpy as np

from sim.server.scene.bodies.charts import SUPERSAMPLE
from sim.server.scene.bodies.heavy import paint_heavy
from sim.server.scene.bodies.heavy_styles import HEAVY_STYLES, HeavyStyle

PAINT, GLASS, LAMP, DARK = range(4)
STYLES = {style.shape.name: style for style in HEAVY_STYLES}


def patch(style: HeavyStyle, chart: int, u: tuple[float, float], v: tuple[float, float]) -> np.ndarray:
    """Weights (rows, columns, 4) of the chart between u and v, metres."""
    painter = paint_heavy(style)[chart]
    u0, u1, v0, v1 = painter.span
    height, width = painter.canvas.shape[:2]
    columns = [int((x - u0) / (u1 - u0) * width) for x in u]
    rows = [int((z - v0) / (v1 - v0) * height) for z in v]
    assert height == painter.shape[0] * SUPERSAMPLE
    return painter.canvas[rows[0] : rows[1], columns[0] : columns[1]]
