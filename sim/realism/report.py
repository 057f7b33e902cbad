"""A run of the judge as files: counts, tables, sheets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv2

from sim.realism.detector import INPUT_PX, Judge
from sim.realism.judge import U8, Picture, judge, keep_pictures
from sim.realism.models import HEADINGS, Look
from sim.realism.recorded import carla_pictures, coco_pictures, kitti_pictures, read_bgr
from sim.realism.rule import Group
from sim.realism.sheet import Crops, sheet
from sim.realism.tables import judge_text
from sim.realism.tally import Asked, Said, summary


def judge_to_folder(pictures: Iterator[Picture], detector: Judge, folder: Path, keep: bool = False) -> str:
    """Judge pictures; write ``judge.json``, ``judge.md``, ``rows.json`` and the sheets; the tables as text."""
    folder.mkdir(parents=True, exist_ok=True)
    asked: list[Asked] = []
    said: list[Said] = []
    crops = Crops()
    findings = judge(pictures, detector)
    count = 0
    for finding in keep_pictures(findings, folder / "pictures") if keep else findings:
        asked += finding.asked_rows
        said += finding.said_rows
        crops.add(finding)
        count += 1
    crops.write(folder)
    return _write_counts(asked, said, count, folder)


def _write_counts(asked: Sequence[Asked], said: Sequence[Said], pictures: int, folder: Path) -> str:
    counts = summary(asked, said) | {"pictures": pictures}
    text = judge_text(counts)
    (folder / "judge.json").write_text(json.dumps(counts, indent=1), encoding="utf-8")
    rows = {"asked": [asdict(row) for row in asked], "said": [asdict(row) for row in said]}
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "judge.md").write_text(text, encoding="utf-8")
    return text


def join_runs(parts: Sequence[Path], folder: Path) -> str:
    """Runs taken one by one (a map each) as one: counts, tables and kept pictures; their sheets stay where they are.

    Raises FileNotFoundError for a part that is no run.
    """
    asked: list[Asked] = []
    said: list[Said] = []
    pictures = 0
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for part in parts:
        rows = json.loads((part / "rows.json").read_text(encoding="utf-8"))
        asked += [Asked(**{**row, "box": tuple(row["box"])}) for row in rows["asked"]]
        said += [Said(**{**row, "box": tuple(row["box"]), "group": Group(row["group"])}) for row in rows["said"]]
        pictures += json.loads((part / "judge.json").read_text(encoding="utf-8"))["pictures"]
        for path in (part / "pictures").glob("*.png"):
            shutil.copyfile(path, folder / "pictures" / path.name)
    return _write_counts(asked, said, pictures, folder)


KITTI_INPUT_PX = 992
"""KITTI's 1242 pixels scaled by 0.8, as our 800 are: an object as high in the picture is as high for the detector."""


def judge_recorded(data: Path, weights: Path | None, folder: Path) -> dict[str, str]:
    """Judge the pictures of others; tables by name of the set. Files as ``judge_to_folder``, in a folder each."""
    runs: dict[str, tuple[Callable[[Path], Iterator[Picture]], int]] = {
        "carla": (carla_pictures, INPUT_PX),
        "carla_every": (partial(carla_pictures, every_size=True), INPUT_PX),
        "kitti": (kitti_pictures, KITTI_INPUT_PX),
        "kitti_640": (kitti_pictures, INPUT_PX),
        "coco": (coco_pictures, INPUT_PX),
    }
    return {
        name: judge_to_folder(pictures(data), Judge(weights, size), folder / name)
        for name, (pictures, size) in runs.items()
    }


def write_looks(looks: Sequence[Look], folder: Path) -> None:
    """A sheet a blueprint: headings across, distances down."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys(look.name for look in looks):
        tiles = [
            (
                look.tile,
                (f"{look.distance_m:.0f} m {look.heading_deg:.0f} {'found' if look.found else 'MISSED'}", look.said),
            )
            for look in looks
            if look.name == name
        ]
        cv2.imwrite(str(folder / f"{name}.png"), sheet(tiles, HEADINGS))


DAY = ("noon", "overcast", "sunset")


def pictures_by_weather(folder: Path) -> dict[str, list[U8]]:
    """Kept pictures of a run (MAP_WEATHER_NUMBER.png): those by day, and all others by weather.

    Raises FileNotFoundError.
    """
    sets: dict[str, list[U8]] = {}
    for path in sorted(folder.glob("*.png")):
        weather = path.stem.split("_", 1)[1].rsplit("_", 1)[0]
        sets.setdefault("ours, day" if weather in DAY else f"ours, {weather}", []).append(read_bgr(path))
    if not sets:
        raise FileNotFoundError(f"no pictures in {folder}; judge with --keep first")
    return sets
