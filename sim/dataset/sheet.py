"""Sheet."""

from sim.dataset.config import DatasetConfig
from sim.dataset.store import DataSet


def write_sheet(data: DataSet, config: DatasetConfig) -> None:
    """Sheet."""
