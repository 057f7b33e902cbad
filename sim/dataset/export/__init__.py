"""Data sets in the formats of others: each module has ``export(data, folder, config)``, which fills an empty folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sim.dataset.config import DatasetConfig
from sim.dataset.store import DataSet

Exporter = Callable[[DataSet, Path, DatasetConfig], None]


def exporters() -> Mapping[str, Exporter]:
    """Exporters by the name of their format."""
    from sim.dataset.export import coco, kitti, masks, nuscenes, yolo

    return {
        "coco": coco.export,
        "yolo": yolo.export,
        "kitti": kitti.export,
        "nuscenes": nuscenes.export,
        "masks": masks.export,
    }
