"""``roadlab robustness``: what corrupted sensor data leave of the detectors, as numbers, a table and a picture."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from perception.training.robustness import Robustness, camera_robustness, draw_curves, markdown

KITTI_HALF_VIEW_RAD = math.radians(40.0)
"""Half of what KITTI's camera sees, within which things are labelled."""


@dataclass(frozen=True)
class RobustnessPlan:
    """What to measure and where to put it."""

    data: Path = Path("datasets/detector/held_out")  # camera: as `roadlab train detector` makes it
    weights: Path = Path("configs/weights/detector.pt")
    pictures: int = 40
    out: Path = Path("runs/robustness")
    seed: int = 0
    baseline: Path | None = None  # a robustness.json of another detector, for mCE


def measure_camera(plan: RobustnessPlan, console: Console, corruptions: tuple[str, ...] = ()) -> Robustness:
    """The camera detector under the 19 common corruptions at five severities (or some of them).

    Raises DataSetError without pictures, FileNotFoundError without weights.
    """
    from perception.augment.corruptions import NAMES
    from perception.camera.network import load_detector
    from perception.training.boxes import Split, read_split

    network, meta = load_detector(plan.weights, "cpu")
    size = (int(meta["imgsz"][0]), int(meta["imgsz"][1]))
    whole = read_split(plan.data, size)
    step = max(1, len(whole) // plan.pictures)  # spread over maps and weathers, which follow each other
    rows = list(range(0, len(whole), step))[: plan.pictures]
    split = Split(whole.images[rows], tuple(whole.labels[i] for i in rows), tuple(whole.names[i] for i in rows))
    measured = camera_robustness(
        network,
        split,
        tuple(meta["names"]),
        plan.seed,
        corruptions=corruptions or NAMES,
        report=lambda line: console.print(line, highlight=False),
    )
    about = {**measured.about, "weights": str(plan.weights), "data": str(plan.data)}
    return _written(replace(measured, about=about), plan, console, "camera detector:")


def measure_lidar(plan: RobustnessPlan, suite: str, console: Console) -> Robustness:
    """The stack's LiDAR detector by itself on a folder in KITTI's object format, under a suite of corruptions.

    Raises DataSetError without sweeps, ValueError for a suite other than dong and robo3d.
    """
    from perception.training.kitti import read_moments
    from perception.training.lidar_robustness import SweepRule, cluster_detector, lidar_robustness

    samples = read_moments(plan.data, plan.pictures, image=False)
    measured = lidar_robustness(
        cluster_detector,
        samples,
        suite,
        plan.seed,
        SweepRule(half_view_rad=KITTI_HALF_VIEW_RAD),
        report=lambda line: console.print(line, highlight=False),
    )
    about = {**measured.about, "data": str(plan.data)}
    return _written(replace(measured, about=about), plan, console, f"LiDAR detector, {suite}:")


def _written(measured: Robustness, plan: RobustnessPlan, console: Console, title: str) -> Robustness:
    plan.out.mkdir(parents=True, exist_ok=True)
    (plan.out / "robustness.json").write_text(json.dumps(measured.as_dict(), indent=1), encoding="utf-8")
    (plan.out / "robustness.md").write_text(markdown(measured), encoding="utf-8")
    draw_curves(measured, plan.out / "robustness.png", title)
    line = f"clean {measured.clean:.3f}, mPC {measured.mpc:.3f}, rPC {measured.rpc:.3f}, mRR {measured.mrr:.3f}"
    if plan.baseline is not None:
        baseline = Robustness.from_dict(json.loads(plan.baseline.read_text(encoding="utf-8")))
        line += f", mCE {measured.mce(baseline):.3f}"
    console.print(f"{line}: {plan.out}/robustness.json, .md, .png", highlight=False)
    return measured
