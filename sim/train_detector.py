"""``roadlab train detector``: photograph a data set on the embedded server, train on it, write the weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from perception.training.detector import Progress as Step
from perception.training.detector import TrainingConfig, train
from perception.training.score import ClassScore, ScoreRule
from sim.embedded import embedded_server

TRAINING_MAPS = ("Roadlab01", "Roadlab02", "Roadlab03")
HELD_OUT_MAPS = ("Roadlab04",)
TRAINING_WEATHERS = (
    "ClearNoon",
    "CloudyNoon",
    "WetNoon",
    "WetCloudyNoon",
    "SoftRainNoon",
    "MidRainyNoon",
    "CloudySunset",
    "WetSunset",
    "SoftRainSunset",
    "HardRainSunset",
    "ClearNight",
    "WetNight",
    "SoftRainNight",
    "FogNoon",
)
HELD_OUT_WEATHERS = ("HardRainNoon", "ClearSunset", "WetCloudySunset", "CloudyNight")


@dataclass(frozen=True)
class DetectorPlan:
    """What to photograph and where to put it. ``images`` counts the training pictures, shared by the maps."""

    images: int = 1350
    held_out_images: int = 160
    data: Path = Path("datasets/detector")
    out: Path = Path("configs/weights/detector.pt")
    maps: tuple[str, ...] = TRAINING_MAPS
    held_out_maps: tuple[str, ...] = HELD_OUT_MAPS  # add any other map to judge on, by name or as an .xodr file
    seed: int = 0


def train_detector(plan: DetectorPlan, config: TrainingConfig, console: Console | None = None) -> list[ClassScore]:
    """Photograph what is missing, train (going on from the last checkpoint), write ``plan.out``; AP on held-out data.

    Raises ServerStartError when the server does not start, DataSetError for a broken data set and ValueError for a
    checkpoint that belongs to another configuration.
    """
    console = console or Console()
    photograph_data_set(plan, console)
    config = replace(config, seed=plan.seed)
    command = f"roadlab train detector --images {plan.images} --epochs {config.epochs} --seed {plan.seed}"
    if config.augment:
        command += f" --augment FILE with {len(config.augment)} steps"
    if config.start is not None:
        command += f" --start {config.start.name} --learning-rate {config.learning_rate:g}"
    with _progress(console) as bar:
        task = bar.add_task("training", total=None)

        def report(step: Step) -> None:
            note = f"training, loss {step.loss:.2f}, {step.images_per_s:.1f} pictures/s"
            bar.update(task, completed=step.step, total=step.steps, description=note)

        scores = train(plan.data, plan.out, plan.data / "checkpoint.pt", config, command, report)
    console.print(score_table(scores))
    console.print(f"weights: {plan.out} ({plan.out.stat().st_size / 1e6:.1f} MB)")
    return scores


def photograph_data_set(plan: DetectorPlan, console: Console) -> None:
    """Render the training and held-out pictures that are not there yet, one server per map."""
    from sim.source.detector_data import Shots, photograph

    plan.data.mkdir(parents=True, exist_ok=True)
    for split, maps, images, weathers, seed in (
        ("held_out", plan.held_out_maps, plan.held_out_images, HELD_OUT_WEATHERS, plan.seed + 1),
        ("train", plan.maps, plan.images, TRAINING_WEATHERS, plan.seed),
    ):
        for i, name in enumerate(maps):
            count = (images * (i + 1)) // len(maps) - (images * i) // len(maps)
            shots = Shots(count, weathers, seed)
            stem = Path(name).stem
            if len(list((plan.data / split / "labels").glob(f"{stem}_*.txt"))) >= count:
                continue
            with _progress(console) as bar:
                task = bar.add_task(f"photographing {stem} ({split})", total=count)
                with embedded_server(name, seed, plan.data / f"server_{stem}.log") as server:
                    photograph("127.0.0.1", server.port, plan.data / split, shots, partial(bar.advance, task))


def score_table(scores: list[ClassScore]) -> Table:
    """The result as a table."""
    rule = ScoreRule()
    asked = f"≥ {rule.min_height_px:.0f} px high, ≥ {rule.min_visibility:.0%} visible"
    title = f"AP at IoU 0.5, held-out maps and weathers, {asked}"
    table = Table("class", "AP50", "objects", title=title)
    for row in scores:
        table.add_row(row.name, "–" if row.objects == 0 else f"{row.ap50:.3f}", str(row.objects))
    return table


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
