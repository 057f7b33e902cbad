"""The sets of pictures whose features are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim.realism.detector import Judge
from sim.realism.features import LAYERS, distances, features
from sim.realism.judge import U8
from sim.realism.recorded import read_bgr
from sim.realism.tables import table

RAW_STEP = 4  # of KITTI's raw drive every fourth frame: neighbours show the same street
STREET_CLASSES = frozenset({1, 2, 3, 5, 7, 9})
STREET_THINGS = 2
"""A COCO picture with at least so many vehicles and traffic lights is taken for one of a street."""
SEED = 0


def recorded_sets(data: Path) -> dict[str, list[U8]]:
    """Pictures of real CARLA, of KITTI, and of other real cameras: nuScenes and COCO's streets."""
    raw = data / "kitti_raw" / "2011_09_26_drive_0052_sync" / "image_02" / "data"
    kitti = [*sorted((data / "kitti_object" / "training" / "image_2").glob("*.png")),
             *sorted(raw.glob("*.png"))[::RAW_STEP],
             *sorted((data / "kitti_tracking" / "image_02_mini").glob("*/*.png"))]  # fmt: skip
    other = [*sorted((data / "nuscenes_sample").glob("*CAM_*.jpg")), *_coco_streets(data / "coco128")]
    carla = sorted((data / "carla_frames" / "images").glob("*.png"))
    return {
        "CARLA 0.9.5": [read_bgr(path) for path in carla],
        "KITTI": [read_bgr(path) for path in kitti],
        "nuScenes, COCO streets": [read_bgr(path) for path in other],
    }


def _coco_streets(folder: Path) -> list[Path]:
    chosen = []
    for label in sorted((folder / "labels" / "val2017").glob("*.txt")):
        classes = [int(line.split()[0]) for line in label.read_text(encoding="utf-8").splitlines() if line.strip()]
        if sum(c in STREET_CLASSES for c in classes) >= STREET_THINGS:
            chosen.append(folder / "images" / "val2017" / f"{label.stem}.jpg")
    return chosen


def compare_features(own: Mapping[str, Sequence[U8]], data: Path, judge: Judge) -> dict[str, Any]:
    """Distances by layer between our sets of pictures and the recorded ones."""
    sets = {**own, **recorded_sets(data)}
    found = {name: features(pictures, judge) for name, pictures in sets.items()}
    return {
        "pictures": {name: len(pictures) for name, pictures in sets.items()},
        **{
            layer: distances({name: rows[layer] for name, rows in found.items()}, np.random.default_rng(SEED))
            for layer in LAYERS
        },
    }


def features_text(result: Mapping[str, Any]) -> str:
    """A table a layer."""
    names = list(result["pictures"])
    parts = []
    for layer in LAYERS:
        rows = [
            [
                f"{one} ({result['pictures'][one]})",
                *("{:.1f} ± {:.1f}".format(*result[layer][one][two]) for two in names),
            ]
            for one in names
        ]
        parts.append(table([f"{layer} (layer {LAYERS[layer]})", *names], rows))
    return "\n\n".join(parts) + "\n"
