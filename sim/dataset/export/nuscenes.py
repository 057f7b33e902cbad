"""nuScenes."""

from pathlib import Path

from sim.dataset.config import DatasetConfig
from sim.dataset.store import DataSet


def export(data: DataSet, folder: Path, config: DatasetConfig) -> None:
    """Fill."""
