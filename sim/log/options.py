"""How a run is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LogConfig:
    """What a run leaves behind. ``png`` keeps the pixels (replay is exact), ``jpeg`` is five times smaller."""

    images: Literal["png", "jpeg"] = "png"
    jpeg_quality: int = 90
    video: bool = True
