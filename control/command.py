"""``Command``: what goes to the actuators, with the controller's terms."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from perception.frame import RecordError


@dataclass(frozen=True)
class Command:
    """throttle 0..1, brake 0..1, steer -1..1 (left positive, fraction of the maximum road-wheel angle), reverse.

    acceleration_mps2 and curvature_pm are what the pedals and the wheel are meant to bring about; ``terms`` are the
    controllers' inner values (errors, P, I, D, feed-forward, saturation), for the log.
    """

    t_us: int
    throttle: float
    brake: float
    steer: float
    reverse: bool = False
    acceleration_mps2: float = 0.0
    curvature_pm: float = 0.0
    terms: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, low in (("throttle", 0.0), ("brake", 0.0), ("steer", -1.0)):
            value = getattr(self, name)
            if not math.isfinite(value) or not low <= value <= 1.0:
                raise RecordError(f"Command.{name}: expected {low:g}..1, got {value}")
