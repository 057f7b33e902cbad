"""What a builder hands to the library: one model with its levels of detail, charts, wheels and lamps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from sim.server.scene.bodies.charts import ChartFrame, Painter
from sim.server.scene.bodies.parts import Part
from sim.server.scene.mesh import Tag


class Lamp(IntEnum):
    """Kinds of ``ModelLibrary.lamps_m``."""

    HEAD = 1
    TAIL = 2
    LEFT_BLINKER = 3
    RIGHT_BLINKER = 4
    REVERSE = 5
    BEACON = 6


@dataclass(frozen=True)
class Body:
    """One model. ``lods`` holds the parts of each level of detail, finest first; ``charts`` the four painted
    views (None where all is plain); ``wheels_m`` up to four (x, y, z, radius) in the order FL, FR, BL, BR;
    ``lamps_m`` up to eight (x, y, z, kind)."""

    name: str
    tag: Tag
    frame: ChartFrame
    lods: tuple[list[Part], list[Part], list[Part]]
    charts: tuple[Painter, Painter, Painter, Painter] | None = None
    wheels_m: tuple[tuple[float, float, float, float], ...] = ()
    lamps_m: tuple[tuple[float, float, float, float], ...] = ()
    pose: int = 0


def fit(parts: list[Part], size_m: tuple[float, float, float]) -> tuple[list[Part], npt.NDArray[np.float64]]:
    """Parts moved so that they stand on z = 0 and scaled to ``size_m``; also the three factors used.

    x and y stay centred on the bounding box.
    """
    points = np.concatenate([p.points_m for p in parts])
    low, high = points.min(axis=0), points.max(axis=0)
    factors = np.asarray(size_m) / (high - low)
    shift = -np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    return [p.moved(shift).scaled(factors) for p in parts], factors


def lamp_pairs(*lamps: tuple[Lamp, float, float, float]) -> tuple[tuple[float, float, float, float], ...]:
    """(kind, x, y, z) of lamps on the right side, each repeated on the left."""
    return tuple((x, side * y, z, float(kind)) for kind, x, y, z in lamps for side in (-1.0, 1.0))
