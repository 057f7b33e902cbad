"""YOLO: ``images/SPLIT/*.jpg``, ``labels/SPLIT/*.txt`` (class, centre and size as shares of a picture), ``data.yaml``.

Classes in the order of the project's own detector. Boxes as COCO's: riders are persons, the machines below them apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sim.dataset.config import DatasetConfig
from sim.dataset.export.pictures import picture_name, share, things
from sim.dataset.store import DataSet, write_bytes

NAMES = ("car", "truck", "bus", "motorcycle", "bicycle", "person", "traffic light")


def export(data: DataSet, folder: Path, config: DatasetConfig) -> None:
    """Fill ``folder``. Raises DataSetError for a damaged data set, DiskFull."""
    for split in data.splits:
        (folder / "labels" / split).mkdir(parents=True)
        for frame in data.frames(split):
            for camera, info in frame.info.cameras.items():
                name = picture_name(frame, camera)
                share(frame.picture(camera), folder / "images" / split / name)
                lines = []
                for thing in things(frame, camera):
                    x0, y0, x1, y1 = thing.box
                    place = (x0 + x1) / 2 / info.width, (y0 + y1) / 2 / info.height
                    size = (x1 - x0) / info.width, (y1 - y0) / info.height
                    numbers = " ".join(f"{value:.6f}" for value in (*place, *size))
                    lines.append(f"{NAMES.index(thing.name)} {numbers}\n")
                file = folder / "labels" / split / f"{Path(name).stem}.txt"
                write_bytes(file, "".join(lines).encode())
    tree: dict[str, Any] = {  # without a path: readers look beside the file, wherever they were started
        **{split: f"images/{split}" for split in data.splits},
        "names": dict(enumerate(NAMES)),
    }
    tree.setdefault("val", tree.get("test", tree.get("train")))
    write_bytes(folder / "data.yaml", yaml.safe_dump(tree, sort_keys=False).encode())
