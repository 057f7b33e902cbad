"""Blueprint attributes of a sensor as numbers: strings in, checked values out."""

from __future__ import annotations

import math
from collections.abc import Mapping


class Attributes:
    """Reads the attributes of one sensor; an absent one has the blueprint's default.

    Every reader raises ValueError naming the sensor, the attribute, what was expected and what came.
    """

    def __init__(self, type_id: str, values: Mapping[str, str]) -> None:
        self.type_id = type_id
        self.values = values

    def number(self, name: str, default: float, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number within ``low..high``."""
        text = self.values.get(name, str(default))
        try:
            value = float(text.rstrip("fF"))
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"{self.type_id}: attribute {name!r} must be a number in {low:g}..{high:g}, got {text!r}")
        return value

    def integer(self, name: str, default: int, low: int = -(2**31), high: int = 2**31 - 1) -> int:
        """A whole number within ``low..high``."""
        text = self.values.get(name, str(default))
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ValueError(f"{self.type_id}: attribute {name!r} must be an integer in {low}..{high}, got {text!r}")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        """``true`` or ``false`` in any case."""
        text = self.values.get(name, str(default)).lower()
        if text not in ("true", "false"):
            raise ValueError(f"{self.type_id}: attribute {name!r} must be true or false, got {text!r}")
        return text == "true"
