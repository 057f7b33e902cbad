"""Blueprint attributes of a sensor as numbers: strings in, checked values out.

Numbers are read as CARLA reads them, up to the first character that does not belong: ``64.0`` is the integer 64,
``3.5f`` the number 3.5. What starts with no number at all is refused here; CARLA takes it for 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_FLOAT = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_INTEGER = re.compile(r"\s*[+-]?\d{1,18}")
_YES = ("true", "yes", "on")
_NO = ("false", "no", "off")


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
        match = _FLOAT.match(text)
        value = float(match.group()) if match else math.nan
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"{self.type_id}: attribute {name!r} must be a number in {low:g}..{high:g}, got {text!r}")
        return value

    def integer(self, name: str, default: int, low: int = -(2**31), high: int = 2**31 - 1) -> int:
        """A whole number within ``low..high``."""
        text = self.values.get(name, str(default))
        match = _INTEGER.match(text)
        value = int(match.group()) if match else low - 1
        if not low <= value <= high:
            raise ValueError(f"{self.type_id}: attribute {name!r} must be an integer in {low}..{high}, got {text!r}")
        return value

    def seed(self, name: str = "noise_seed") -> int:
        """A seed from 0: CARLA takes any 32-bit integer, a negative one counts from the top."""
        return self.integer(name, 0) & 0xFFFFFFFF

    def boolean(self, name: str, default: bool) -> bool:
        """``true`` or ``false`` in any case, or what Unreal takes for them: yes, no, on, off, a number."""
        text = self.values.get(name, str(default)).strip().lower()
        match = _FLOAT.match(text)
        if text not in _YES + _NO and not match:
            raise ValueError(f"{self.type_id}: attribute {name!r} must be true or false, got {text!r}")
        return text in _YES or (match is not None and float(match.group()) != 0.0)
