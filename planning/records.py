"""``Forecasts`` and ``Plan``: what planning makes of the world model. World frame, SI, radians."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from perception.frame import FloatArray, check
from perception.objects import IntArray


@dataclass(frozen=True)
class Forecasts:
    """Predicted motion of the tracks.

    ids (n,), times_s (h,) from now, means_world_m (n, m, h, 3) x, y, yaw of m hypotheses, std_m (n, m, h),
    probabilities (n, m), half_size_m (n, 2) half length and width.
    """

    t_us: int
    ids: IntArray
    times_s: FloatArray
    means_world_m: FloatArray
    std_m: FloatArray
    probabilities: FloatArray
    half_size_m: FloatArray

    def __post_init__(self) -> None:
        n, h = len(self.ids), len(self.times_s)
        check("Forecasts.means_world_m", self.means_world_m, (n, None, h, 3), np.float64)
        m = self.means_world_m.shape[1]
        check("Forecasts.std_m", self.std_m, (n, m, h), np.float64)
        check("Forecasts.probabilities", self.probabilities, (n, m), np.float64)
        check("Forecasts.half_size_m", self.half_size_m, (n, 2), np.float64)


@dataclass(frozen=True)
class Plan:
    """A trajectory to follow and why it was chosen.

    times_s (h,) from now starting at 0, points_world_m (h, 3) x, y, yaw of the ego origin, speed_mps (h,) >= 0,
    acceleration_mps2 (h,), curvature_pm (h,). behavior: cruise, follow, stop_light, stop_sign, yield, crosswalk,
    obstacle, finish, emergency. target: what it reacts to (track id or signal id), empty for nothing. cost and terms of
    the chosen candidate; rejected: reasons of the others with their counts. route_progress_m and route_length_m; done
    when the goal is reached.
    """

    t_us: int
    times_s: FloatArray
    points_world_m: FloatArray
    speed_mps: FloatArray
    acceleration_mps2: FloatArray
    curvature_pm: FloatArray
    behavior: str
    target: str
    cost: float
    terms: dict[str, float]
    rejected: dict[str, int]
    route_progress_m: float
    route_length_m: float
    done: bool = False
    candidates_world_m: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0, 2)))  # for pictures

    def __post_init__(self) -> None:
        h = len(self.times_s)
        check("Plan.times_s", self.times_s, (h,), np.float64)
        check("Plan.points_world_m", self.points_world_m, (h, 3), np.float64)
        for name in ("speed_mps", "acceleration_mps2", "curvature_pm"):
            check(f"Plan.{name}", getattr(self, name), (h,), np.float64)
