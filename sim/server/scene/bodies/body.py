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


Rows = tuple[tuple[float, float, float, float], ...]


def vehicle_lamps(
    half_length_m: float,
    half_width_m: float,
    head_m: tuple[float, float],
    tail_m: tuple[float, float],
    beacons_m: tuple[tuple[float, float], ...] = (),
) -> Rows:
    """At most eight lamps: two head and two tail lamps at (y, z), blinkers at the corners, beacons at (x, z).

    With beacons only the front blinkers find room.
    """
    ends = ((Lamp.HEAD, half_length_m - 0.08, head_m), (Lamp.TAIL, 0.06 - half_length_m, tail_m))
    main = [(x, side * y, z, float(kind)) for kind, x, (y, z) in ends for side in (-1.0, 1.0)]
    corners = [(half_length_m - 0.22, head_m[1]), (0.12 - half_length_m, tail_m[1])][: 1 if beacons_m else 2]
    sides = ((Lamp.LEFT_BLINKER, -1.0), (Lamp.RIGHT_BLINKER, 1.0))
    blink = [(x, side * half_width_m * 0.93, z, float(kind)) for kind, side in sides for x, z in corners]
    return (*main, *blink, *((x, 0.0, z, float(Lamp.BEACON)) for x, z in beacons_m))
