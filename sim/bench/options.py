"""What a benchmark run is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[str], None]


@dataclass(frozen=True)
class BenchOptions:
    """``quick`` takes a fifth of the samples: to see that it works, not to quote. ``overrides`` change the default
    scenario of the families that drive it (``KEY.PATH=VALUE``)."""

    quick: bool = False
    seed: int = 0
    map: str = "Roadlab01"
    overrides: tuple[str, ...] = ()

    def rounds(self, full: int) -> int:
        """Rounds to take where a full run takes ``full``."""
        return max(1, full // 5) if self.quick else full
