"""``LaneGraph``: the map as planning sees it. Plain arrays; knows no simulator and no file format.

World frame (right-handed, metres, radians). A lane is a directed piece of driving lane between two places where
lanes begin, end or branch; its centre line is sampled every ``STEP_M`` or less.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perception.frame import FloatArray, check
from perception.objects import IntArray

STEP_M = 1.0
"""Spacing of centre-line samples: a chord error of 2 cm at a curve radius of 6 m."""


class StopKind(IntEnum):
    """Why one must be ready to stop at a line."""

    LIGHT = 0
    STOP_SIGN = 1
    YIELD = 2
    CROSSWALK = 3


@dataclass(frozen=True)
class Lane:
    """One lane.

    center_m (k, 3) centre line in driving direction; yaw_rad (k,), curvature_pm (k,) left positive, s_m (k,) arc
    length from 0, width_m (k,). successors / predecessors: lane ids. left / right: neighbour lane id of the same
    direction that may be changed into (road marks allow it), -1 for none. speed_limit_mps. junction: id, -1 outside.
    turn: -1 right, 0 straight or outside a junction, 1 left.
    """

    id: int
    center_m: FloatArray
    yaw_rad: FloatArray
    curvature_pm: FloatArray
    s_m: FloatArray
    width_m: FloatArray
    successors: tuple[int, ...]
    predecessors: tuple[int, ...]
    left: int
    right: int
    speed_limit_mps: float
    junction: int
    turn: int

    def __post_init__(self) -> None:
        k = len(self.center_m)
        check("Lane.center_m", self.center_m, (k, 3), np.float64)
        for name in ("yaw_rad", "curvature_pm", "s_m", "width_m"):
            check(f"Lane.{name}", getattr(self, name), (k,), np.float64)

    @property
    def length_m(self) -> float:
        """Arc length."""
        return float(self.s_m[-1])


@dataclass(frozen=True)
class StopLine:
    """A line to stop at, on lane ``lane`` at arc length ``s_m``; ``signal_id`` names the light or sign (empty for
    crosswalks)."""

    lane: int
    s_m: float
    kind: StopKind
    signal_id: str


@dataclass(frozen=True)
class Conflict:
    """Two lanes of a junction cross or merge: lane ``a`` between ``a_s_m`` (2,), lane ``b`` between ``b_s_m``.
    ``a_yields``: lane a must give way to lane b (sign, or right before left, or left turn before oncoming)."""

    a: int
    b: int
    a_s_m: tuple[float, float]
    b_s_m: tuple[float, float]
    a_yields: bool


@dataclass(frozen=True)
class LaneGraph:
    """All lanes of a map; ``lanes[i].id == i``. ``crosswalks_m``: polygons (k, 2) in the world frame."""

    name: str
    lanes: tuple[Lane, ...]
    stop_lines: tuple[StopLine, ...]
    conflicts: tuple[Conflict, ...]
    crosswalks_m: tuple[FloatArray, ...]
    sample_xy_m: FloatArray  # (n, 2) every centre-line sample, for nearest-lane search
    sample_lane: IntArray  # (n,)
    sample_index: IntArray  # (n,) row in the lane
