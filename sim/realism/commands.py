"""The commands of ``python -m sim.realism``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sim.realism.conditions import DEFAULT_WEATHERS

app = typer.Typer(add_completion=False, no_args_is_help=True, help="How real the sensors' data look.")


@app.callback()
def _realism() -> None:
    """How real the sensors' data look."""


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"size: expected WIDTHxHEIGHT as 800x600, got {text!r}")
    return int(parts[0]), int(parts[1])


@app.command()
def judge(
    frames: Annotated[int, typer.Option(min=1, help="pictures in all")] = 324,
    seed: Annotated[int, typer.Option(help="seed of the streets")] = 0,
    maps: Annotated[str, typer.Option(help="maps, by commas")] = "Roadlab01,Roadlab02,Town02",
    weathers: Annotated[str, typer.Option(help="weathers, by commas")] = ",".join(DEFAULT_WEATHERS),
    size: Annotated[str, typer.Option(help="of the pictures")] = "800x600",
    weights: Annotated[Path | None, typer.Option(help="YOLO11n with COCO classes")] = None,
    out: Annotated[Path, typer.Option(help="folder for counts, tables and sheets")] = Path("runs/realism"),
    maps_folder: Annotated[Path | None, typer.Option(help="folder with further OpenDRIVE maps")] = None,
    keep: Annotated[bool, typer.Option(help="write all pictures too")] = False,
    same_streets: Annotated[bool, typer.Option(help="the same streets in every weather")] = False,
) -> None:
    """Count what a COCO-trained detector finds in our pictures."""
    from sim.realism.detector import Judge
    from sim.realism.judge import JudgePlan, rendered
    from sim.realism.report import judge_to_folder

    folder = None if maps_folder is None else str(maps_folder)
    plan = JudgePlan(
        frames, seed, _names(maps), _names(weathers), _size(size), maps_folder=folder, same_streets=same_streets
    )
    console = Console(stderr=True)
    pictures = rendered(plan, lambda what: console.print(what, highlight=False))
    text = judge_to_folder(pictures, Judge(weights), out, keep)
    (out / "plan.json").write_text(json.dumps(plan.__dict__, indent=1), encoding="utf-8")
    Console().print(text, highlight=False, soft_wrap=True, markup=False)


@app.command()
def models(
    only: Annotated[str, typer.Option(help="base types or parts of names, by commas; empty: all")] = "",
    weather: Annotated[str, typer.Option(help="one weather")] = "noon",
    map_name: Annotated[str, typer.Option("--map", help="where")] = "Roadlab01",
    weights: Annotated[Path | None, typer.Option(help="YOLO11n with COCO classes")] = None,
    out: Annotated[Path, typer.Option(help="folder for the sheets")] = Path("runs/realism/models"),
) -> None:
    """Each body by itself, turned round, at three distances: what a change of a model did."""
    from sim.realism.detector import Judge
    from sim.realism.models import looks, names_of, tabled
    from sim.realism.report import write_looks

    console = Console(stderr=True)
    seen = list(looks(names_of(_names(only)), weather, map_name, Judge(weights), lambda what: console.print(what)))
    write_looks(seen, out)
    Console().print(tabled(seen), highlight=False, soft_wrap=True, markup=False)


@app.command()
def recorded(
    weights: Annotated[Path | None, typer.Option(help="YOLO11n with COCO classes")] = None,
    out: Annotated[Path, typer.Option(help="folder for counts, tables and sheets")] = Path("runs/realism/recorded"),
) -> None:
    """The same judge and rule on frames of CARLA 0.9.5 and of KITTI (recorded data needed)."""
    from sim.realism.detector import data_folder
    from sim.realism.report import judge_recorded

    for name, text in judge_recorded(data_folder(), weights, out).items():
        Console().print(f"{name}\n\n{text}", highlight=False, soft_wrap=True, markup=False)


@app.command()
def sweeps(
    count: Annotated[int, typer.Option(min=1, help="streets of each map")] = 8,
    maps: Annotated[str, typer.Option(help="maps, by commas")] = "Roadlab01,Roadlab02,Town02",
    seed: Annotated[int, typer.Option(help="seed of the streets")] = 0,
    out: Annotated[Path, typer.Option(help="folder for the figures")] = Path("runs/realism"),
    maps_folder: Annotated[Path | None, typer.Option(help="folder with further OpenDRIVE maps")] = None,
) -> None:
    """Figures of our LiDAR sweeps beside CARLA's and KITTI's (recorded data needed)."""
    from sim.realism.detector import data_folder
    from sim.realism.sweep_tables import all_figures, sweeps_text

    folder = None if maps_folder is None else str(maps_folder)
    sets = all_figures(data_folder(), _names(maps), count, seed, folder)
    out.mkdir(parents=True, exist_ok=True)
    (out / "sweeps.json").write_text(json.dumps(sets, indent=1), encoding="utf-8")
    Console().print(sweeps_text(sets), highlight=False, soft_wrap=True, markup=False)


@app.command()
def features(
    pictures: Annotated[Path, typer.Argument(help="folder of a judged run's pictures (--keep)")],
    weights: Annotated[Path | None, typer.Option(help="YOLO11n with COCO classes")] = None,
    out: Annotated[Path, typer.Option(help="folder for the figures")] = Path("runs/realism"),
) -> None:
    """Fréchet distances of our pictures to CARLA's, KITTI's and others' (recorded data needed)."""
    from sim.realism.detector import Judge, data_folder
    from sim.realism.feature_sets import compare_features, features_text
    from sim.realism.report import pictures_by_weather

    result = compare_features(pictures_by_weather(pictures), data_folder(), Judge(weights))
    out.mkdir(parents=True, exist_ok=True)
    (out / "features.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    Console().print(features_text(result), highlight=False, soft_wrap=True, markup=False)


@app.command()
def join(
    parts: Annotated[list[Path], typer.Argument(help="folders of judged runs, say one a map")],
    out: Annotated[Path, typer.Option(help="folder for counts, tables and pictures of all")] = Path("runs/realism"),
) -> None:
    """Make one run of several that were taken in pieces."""
    from sim.realism.report import join_runs

    Console().print(join_runs(parts, out), highlight=False, soft_wrap=True, markup=False)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
