"""``roadlab realism``: every part of a run, and the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from sim.dataset.build import build
from sim.dataset.config import load_dataset_config
from sim.folder import commit
from sim.realism.detector import Judge, data_folder
from sim.realism.feature_sets import compare_features
from sim.realism.from_dataset import dataset_pictures
from sim.realism.judge import JudgePlan, Progress, rendered
from sim.realism.page import DRIVEN_FOLDER, SMALL_FOLDER, Run, side_by_side, write_page
from sim.realism.report import judge_recorded, judge_to_folder, pictures_by_weather
from sim.realism.sweep_tables import all_figures

PARTS = ("judge", "driven", "recorded", "features", "sweeps", "page")
SWEEP_STREETS = 8
SMALL = (640, 384)
"""Width and height of the second run: about those of the recorded frames of CARLA, and not scaled for the judge."""
COMMIT_FILE = "commit.txt"
DRIVEN_CONFIG, DRIVEN_WORKERS = "driven", 2


def measure(
    plan: JudgePlan, parts: Sequence[str], out: Path, docs: Path, weights: Path | None, command: str, progress: Progress
) -> Path:
    """Run the parts, in the order of ``PARTS``, into ``out``; the page into ``docs``. Where the page lies, or ``out``.

    Raises ValueError for an unknown part, FileNotFoundError where recorded data or weights are absent.
    """
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise ValueError(f"realism: no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    out.mkdir(parents=True, exist_ok=True)
    data = data_folder()
    if "judge" in parts:
        (out / COMMIT_FILE).write_text(commit(), encoding="utf-8")
        judge_to_folder(rendered(plan, progress), Judge(weights), out, keep=True)
        progress(f"the same streets at {SMALL[0]} x {SMALL[1]}")
        judge_to_folder(rendered(replace(plan, size=SMALL), progress), Judge(weights), out / SMALL_FOLDER)
    if "driven" in parts:
        judge_driven(plan, weights, out, progress)
    if "recorded" in parts:
        progress("judging pictures of CARLA and KITTI")
        judge_recorded(data, weights, out / "recorded")
    if "features" in parts:
        progress("comparing features")
        result = compare_features(pictures_by_weather(out / "pictures"), data, Judge(weights))
        (out / "features.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    if "sweeps" in parts:
        progress("counting sweeps")
        sets = all_figures(data, plan.maps, SWEEP_STREETS, plan.seed, plan.maps_folder)
        (out / "sweeps.json").write_text(json.dumps(sets, indent=1), encoding="utf-8")
    if "page" not in parts:
        return out
    judged = out / COMMIT_FILE
    run = Run(out, command, judged.read_text(encoding="utf-8") if judged.is_file() else "unknown")
    side_by_side(run, data)
    return write_page(run, docs)


def judge_driven(plan: JudgePlan, weights: Path | None, out: Path, progress: Progress) -> str:
    """Render ``configs/datasets/driven.yaml`` on the plan's maps and judge it; the tables as text.

    Raises what ``sim.dataset.build.build`` raises.
    """
    chosen = [f"count={plan.frames}", f"seed={plan.seed}", f"maps=[{','.join(plan.maps)}]"]
    config = load_dataset_config(DRIVEN_CONFIG, chosen)
    progress(f"driving on {', '.join(plan.maps)}: {config.count} pictures")
    rendered_set = build(config, out / DRIVEN_FOLDER / "dataset", DRIVEN_WORKERS, None, Console(stderr=True))
    return judge_to_folder(dataset_pictures(rendered_set.folder), Judge(weights), out / DRIVEN_FOLDER)
