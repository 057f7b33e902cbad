"""What ``roadlab dataset`` does, by where the frames come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sim.dataset.build import Result, build
from sim.dataset.config import load_dataset_config

DEFAULT = "small"


def make_dataset(
    name: str | None,
    overrides: Sequence[str],
    folder: Path,
    workers: int,
    carla: str | None,
    log: Path | None,
    console: Console,
) -> Result:
    """Render a configuration into ``folder``. Raises what ``build`` and ``load_dataset_config`` raise."""
    return build(load_dataset_config(name or DEFAULT, overrides), folder, workers, carla, console)
