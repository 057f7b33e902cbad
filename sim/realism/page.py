"""``docs/realism.md``: the judge's counts, the figures of sweeps and the distances of features, as one page.

A run is a folder of parts (``judge.json``, ``recorded/``, ``sweeps.json``, ``features.json``); the page is made of
what is there, so that a long run can be taken in pieces.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sim.realism.feature_sets import features_text
from sim.realism.judge import U8
from sim.realism.recorded import read_bgr
from sim.realism.sweep_tables import sweeps_text
from sim.realism.tables import cell, judge_text, precision_table, recall_table, short, table
from sim.realism.tally import CLASSES, PRECISION_TARGETS, TARGET_PER_WEATHER, TARGETS

MOST_BYTES = 150_000
QUALITIES = (90, 85, 80, 72, 64, 55)
FEWEST_ASKED = 3
"""A picture that shows a weather has at least so many objects that the rule asks for."""
WEAK_BELOW = 0.8
WEAK_LEAST = 4  # of a blueprint asked for so seldom nothing can be said
SIDE_HEIGHT_PX = 300
SMALL_FOLDER, DRIVEN_FOLDER = "640x384", "driven"


@dataclass(frozen=True)
class Run:
    """Where a run lies and how it was made. asked: rows of the judge, as ``rows.json`` has them."""

    folder: Path
    command: str
    commit: str

    def read(self, name: str) -> Any:
        """A part as data; None where it was not run."""
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def write_page(run: Run, docs: Path) -> Path:
    """The page and its pictures into ``docs``. Raises FileNotFoundError where the judge has not run."""
    counts, rows = run.read("judge.json"), run.read("rows.json")
    if counts is None or rows is None:
        raise FileNotFoundError(f"no judge.json in {run.folder}; run the judge first")
    shown = write_pictures(rows, run.folder / "pictures", docs / "pictures")
    parts = [HEAD.format(command=run.command, commit=run.commit, pictures=counts["pictures"])]
    small = run.read(f"{SMALL_FOLDER}/judge.json")
    parts += [
        _verdict(counts, small),
        _in_full_view(counts),
        "## What the judge finds in our pictures\n",
        judge_text(counts),
        _weak(counts),
    ]
    if small is not None:
        parts += [SMALL_PICTURES, recall_table(small) + "\n", precision_table(small)]
    if (driven := run.read(f"{DRIVEN_FOLDER}/judge.json")) is not None:
        parts += [DRIVEN.format(pictures=driven["pictures"]), recall_table(driven) + "\n", precision_table(driven)]
    recorded = {"small": small, "driven": driven} | {
        name: run.read(f"recorded/{name}/judge.json") for name in ("carla", "carla_every", "kitti", "kitti_640", "coco")
    }
    if recorded["carla"] is not None:
        parts += [BESIDE, _beside(counts, recorded)]
    if (photographs := recorded["coco"]) is not None:
        parts += [PHOTOGRAPHS, _by_size(counts, photographs)]
    if (found := run.read("features.json")) is not None:
        parts += [FEATURES, features_text(found)]
    if (sets := run.read("sweeps.json")) is not None:
        parts += [SWEEPS, sweeps_text(sets)]
    if shown:
        parts += [PICTURES, *(f"![{weather}](pictures/{name})\n" for weather, name in shown.items())]
    page = docs / "realism.md"
    page.write_text("\n".join(part.rstrip("\n") + "\n" for part in parts), encoding="utf-8")
    return page


HEAD = """# How real the sensors' data look

A simulator for perception is only as good as what its sensors show. Here a detector that never saw our pictures
(YOLO11n, trained on COCO, 640 pixels, confidence 0.25) is asked what it sees in them, and our LiDAR sweeps are
counted beside those of CARLA and of a real sensor. Written by

    {command}

at commit {commit}, {pictures} pictures, each another street; the numbers with few objects have wide intervals (95 %,
Wilson). Needed beside the package: the judge's weights and the recorded data, of which nothing is part of this
repository.

**The rule.** Asked for is what is high enough in the 800 × 600, 90° picture (cars, vans, lorries, buses 25 px; people
and two-wheelers with their riders 40 px) and of which at least half is seen. It is found if a detection of its group
(car, bus, truck | bicycle, motorcycle | person) has an IoU of 0.5 with the box of its visible pixels; for a two-wheeler
with or without its rider, who is a person too. A detection is right if it overlaps any real object of its group, of any
size, by 0.3, or lies mostly inside one.

**The streets.** A camera 1.2 to 1.8 m over a lane, 6 to 12 vehicles of all of CARLA's classes on the lanes before it,
of the four-wheeled ones one in eight a lorry or bus, a fifth of all two-wheelers, 8 to 14 people on pavements, every
seventh crossing. Lamps are on as drivers have them. Fog is 100 m of visibility. Boxes come from the triangles that the
picture is drawn of.
"""
SMALL_PICTURES = """## In pictures of 640 × 384

The same streets, 90° again: the judge sees these pictures as they are, while it scales those of 800 × 600 down to 640,
where 25 pixels are 20. By the same rule an object must be nearer to be asked for (a car at 19 m instead of 24 m).
"""
DRIVEN = """## In traffic that drives

The streets above are set up by hand and crowded, so that there is enough to count. Here CARLA's own traffic manager
drives 30 vehicles within 150 m, 20 people walk, and a car among them looks ahead (`configs/datasets/driven.yaml`,
pictures of 800 × 600: {pictures}; five seconds apart, nine of a drive; rendered through the official client). The rule
is the same. Who stands before a red light is counted again in every picture, so the intervals are too narrow; what is
seen of the camera's own car counts neither way.
"""
BESIDE = """## The same judge on real CARLA and on KITTI

CARLA 0.9.5: 36 frames of another's data set, 640 × 380, for which our 640 × 384 are the fair comparison; its boxes are
whole, nobody says how much of an object is seen, people and parked cars are not labelled (a detection of one counts as
false). KITTI: 14 frames; boxes are whole, "largely occluded" is taken for less than half visible, pictures are scaled
by 0.8 for the detector as ours of 800 × 600 are. Both sets are small. What the judge misses of real photographs no
renderer can be blamed for.
"""
PHOTOGRAPHS = """## What the judge finds in photographs

128 photographs of COCO val2017, which the judge was not trained on, scaled to 1, .6, .36 and .22 of their size and laid
on a grey sheet as large as our pictures; asked for by the same rule, only that nobody says how much of an object is
seen: half hidden and cut ones count. So the rows below are no ceiling, but they show what sizes cost this detector.
"""
FEATURES = """## Distance of features

Fréchet distances between sets of pictures in the features of the judge's own backbone (two layers, 24 principal
components; ± is the spread over draws), in brackets the number of pictures. A set against itself is two halves of it:
what is left of the distance for want of pictures. The last set is a mixture of a few photographs of many kinds and as
far from itself as from anything else; it bounds what can be read here.
"""
PICTURES = """## Pictures

Of this very run: of each weather the street with most objects found. Green is what the judge found, red what it missed.
"""
SWEEPS = """## LiDAR sweeps

Ours on the judge's streets, laid out as a Velodyne HDL-64E (its 64 beams evenly spread; reflectivity by material,
divergence 2 mrad, 2 cm noise, 6 % drop-off), as the same with CARLA's defaults, and as the recorded CARLA 0.9.9 sensor
(256 beams, 50 m, no drop-off). KITTI: eight whole sweeps. Streets differ, so shares by range compare only roughly;
points of an object by distance do.
"""


def _verdict(counts: Mapping[str, Any], small: Mapping[str, Any] | None) -> str:
    """Targets and whether they are met, in a few lines; at both sizes of pictures where both were judged."""
    sizes = {"800 × 600": counts} | ({} if small is None else {"640 × 384": small})
    lines = []
    for what, least, *rates in zip(*_targets(), *(_measured(of) for of in sizes.values()), strict=True):
        line = [what, f"{least:.2f}"]
        for text, rate in rates:
            line += [cell(rate) + text, "yes" if (rate["share"] or 0.0) >= least else "**no**"]
        lines.append(line)
    return table(["target", "at least", *(text for size in sizes for text in (size, "met"))], lines) + "\n"


def _in_full_view(counts: Mapping[str, Any]) -> str:
    """What is found of objects that hardly anything hides, as a sentence: the rest of a miss is a detector's trouble
    with halves."""
    label = list(counts["vehicles"]["share_visible"])[-1]
    found = [f"{name.replace('_', '-')} {cell(counts[name]['share_visible'][label])}" for name in TARGETS]
    return f"At 800 × 600 and of objects of which {label} is seen it finds: " + ", ".join(found) + ".\n"


def _targets() -> tuple[list[str], list[float]]:
    """What is asked for, and how much of it at least."""
    whats = [f"{name.replace('_', '-')} found" for name in TARGETS]
    whats += [f"{name} found in the worst weather" for name in TARGET_PER_WEATHER]
    whats += [f"{group.value} detections right" for group in PRECISION_TARGETS]
    return whats, [*TARGETS.values(), *TARGET_PER_WEATHER.values(), *PRECISION_TARGETS.values()]


def _measured(counts: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """A remark and a rate for each of ``_targets``."""
    rates: list[tuple[str, Mapping[str, Any]]] = [("", counts[name]["all"]) for name in TARGETS]
    for name in TARGET_PER_WEATHER:
        worst = min(counts[name]["weather"].items(), key=lambda item: item[1]["share"] or 0.0)
        rates.append((f" ({worst[0]})", worst[1]))
    return rates + [("", counts["precision"][group.value]["all"]) for group in PRECISION_TARGETS]


def _weak(counts: Mapping[str, Any]) -> str:
    """Blueprints that the judge misses often."""
    weak = []
    for name in ("vehicles", "two_wheelers", "walkers"):
        for blueprint, rate in counts[name]["blueprint"].items():
            if rate["total"] >= WEAK_LEAST and rate["share"] < WEAK_BELOW:
                weak.append((rate["share"], f"{blueprint} {rate['hits']}/{rate['total']}"))
    if not weak:
        return ""
    return f"Blueprints found less often than {WEAK_BELOW:.0%}: " + ", ".join(text for _, text in sorted(weak)) + ".\n"


def _beside(ours: Mapping[str, Any], recorded: Mapping[str, Any]) -> str:
    columns = {"ours": ours, "ours, 640 × 384": recorded["small"], "ours, driven": recorded["driven"],
               "CARLA 0.9.5": recorded["carla"],
               "CARLA 0.9.5, any size": recorded["carla_every"], "KITTI": recorded["kitti"],
               "KITTI, 640 px": recorded["kitti_640"]}  # fmt: skip
    columns = {name: counts for name, counts in columns.items() if counts is not None}
    silent = {"persons", "walkers", "riders"}  # nobody labelled people in the frames of CARLA
    rows = []
    for name in CLASSES:
        cells = ["–" if name in silent and column.startswith("CARLA") else cell(counts[name]["all"])
                 for column, counts in columns.items()]  # fmt: skip
        rows.append([f"{name.replace('_', '-')} found", *cells])
    for group in PRECISION_TARGETS:
        cells = ["–" if group.value == "person" and column.startswith("CARLA") else
                 cell(counts["precision"][group.value]["all"]) for column, counts in columns.items()]  # fmt: skip
        rows.append([f"{group.value} detections right", *cells])
    return table(["", *columns], rows) + "\n"


def _by_size(ours: Mapping[str, Any], photographs: Mapping[str, Any]) -> str:
    """Recall by height, ours and the photographs'."""
    bins = list(ours["persons"]["height_px"])
    nothing = {"total": 0}
    rows = []
    for name in ("cars", "trucks", "buses", "two_wheelers", "persons"):
        for whose, counts in (("ours", ours), ("photographs", photographs)):
            found = counts[name]["height_px"]
            rows.append([f"{name.replace('_', '-')}, {whose}", *(short(found.get(label, nothing)) for label in bins)])
    return table(["recall by height, px", *bins], rows) + "\n"


def write_pictures(rows: Mapping[str, Any], pictures: Path, folder: Path) -> dict[str, str]:
    """Of each weather the street with most found objects, as a JPEG below ``MOST_BYTES``; weather -> file name."""
    by_picture: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows["asked"]:
        by_picture.setdefault(row["picture"], []).append(row)
    best: dict[str, str] = {}
    for name, asked in sorted(by_picture.items(), key=lambda item: -sum(row["found"] for row in item[1])):
        if len(asked) >= FEWEST_ASKED:
            best.setdefault(asked[0]["weather"], name)
    shown = {}
    order = list(dict.fromkeys(row["weather"] for row in rows["asked"]))
    for weather in sorted(best, key=order.index):
        path = pictures / f"{best[weather]}.png"
        if not path.is_file():
            continue
        picture = read_bgr(path)
        for row in by_picture[best[weather]]:
            low, high = (tuple(round(v) for v in row["box"][k : k + 2]) for k in (0, 2))
            cv2.rectangle(picture, low, high, (60, 200, 60) if row["found"] else (40, 40, 235), 1)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"realism_{weather}.jpg"
        (folder / name).write_bytes(jpeg_below(picture, MOST_BYTES))
        shown[weather] = name
    return shown


def jpeg_below(picture: U8, most_bytes: int) -> bytes:
    """A JPEG of the best quality that is small enough. Raises ValueError where none is."""
    for quality in QUALITIES:
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(coded) < most_bytes:
            return coded.tobytes()
    raise ValueError(f"picture {picture.shape}: no JPEG below {most_bytes} bytes; make it smaller")


def side_by_side(run: Run, data: Path) -> Path:
    """Ours, CARLA's and KITTI's pictures in rows, for the eye of who made the run; KITTI's licence forbids passing on.

    Raises FileNotFoundError.
    """
    sources = {
        "ours": sorted((run.folder / "pictures").glob("*.png")),
        "CARLA 0.9.5": sorted((data / "carla_frames" / "images").glob("*.png")),
        "KITTI": sorted((data / "kitti_object" / "training" / "image_2").glob("*.png")),
    }
    rows = []
    width = 4 * SIDE_HEIGHT_PX
    for name, paths in sources.items():
        if not paths:
            raise FileNotFoundError(f"no pictures of {name}")
        tiles = []
        for path in paths[:: max(1, len(paths) // 4)][:4]:
            picture = read_bgr(path)
            scale = SIDE_HEIGHT_PX / picture.shape[0]
            tiles.append(cv2.resize(picture, (round(picture.shape[1] * scale), SIDE_HEIGHT_PX)))
        row = np.hstack(tiles)[:, :width]
        row = np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)))
        cv2.putText(row, name, (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2, cv2.LINE_AA)
        rows.append(row)
    path = run.folder / "side_by_side.png"
    cv2.imwrite(str(path), np.vstack(rows))
    return path
