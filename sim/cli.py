"""The ``roadlab`` command."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sim.interrupt import was_interrupted

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Drive in a simulated world from sensor data, replay recorded drives, measure what the stack sees.",
)
train_app = typer.Typer(no_args_is_help=True, help="Train the networks that ship, from data that we render.")
app.add_typer(train_app, name="train")

Overrides = Annotated[list[str] | None, typer.Argument(help="KEY.PATH=VALUE, for example traffic.vehicles=40")]
RunsDir = Annotated[Path, typer.Option("--out", help="folder that receives the run folder")]


def expected_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """End with one clear line and exit code 1 where the fault is the user's or the machine's, not ours."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except typer.Exit:  # a RuntimeError too, but a decision
            raise
        except (ValueError, OSError, RuntimeError) as error:
            _complain(str(error))
            raise typer.Exit(1) from error

    return guarded


def _complain(message: str) -> None:
    """One line on standard error."""
    Console(stderr=True, soft_wrap=True).print(f"[bold red]roadlab:[/] {escape(message)}", highlight=False)


@app.command()
@expected_errors
def run(
    scenario: Annotated[str, typer.Argument(help="a YAML file, or a name from configs/scenarios")] = "default",
    overrides: Overrides = None,
    carla: Annotated[str | None, typer.Option(help="HOST:PORT of a CARLA 0.9.16 server; default: embedded")] = None,
    out: RunsDir = Path("runs"),
    video: Annotated[bool, typer.Option(help="draw the annotated video")] = True,
) -> None:
    """Drive a scenario, record it, score it, write the report."""
    from sim.config import load_config
    from sim.run import run as run_scenario

    words = list(overrides or [])
    if "=" in scenario:  # `roadlab run weather=HardRainNoon` means the default scenario
        words, scenario = [scenario, *words], "default"
    if not video:
        words.append("log.video=false")
    result = run_scenario(load_config(scenario, words), out, carla, Console())
    _print_summary(result.metrics)
    if not result.ending.complete:
        _complain(f"{result.ending.reason} {result.ending.message}".rstrip())
        raise typer.Exit(1)


@app.command()
@expected_errors
def replay(
    log: Annotated[Path, typer.Argument(help="a log.mcap, or a run folder")],
    overrides: Overrides = None,
    out: RunsDir = Path("runs"),
) -> None:
    """Run perception and planning again over the recorded sensors of a drive."""
    from sim.replay import replay_config
    from sim.run import replay as replay_log

    result = replay_log(log, replay_config(log, list(overrides or [])), out, Console())
    _print_summary(result.metrics)


@app.command(name="eval")
@expected_errors
def evaluate(
    log: Annotated[Path, typer.Argument(help="a log.mcap, or a run folder")],
    output: Annotated[Path | None, typer.Option("--json", help="write the metrics here too")] = None,
) -> None:
    """Score a log: detection, tracking, driving."""
    from sim.evaluation.evaluate import evaluate_log
    from sim.log.reader import find_log

    metrics = evaluate_log(find_log(log))
    if not metrics["frames"]:
        raise ValueError(f"{log}: the log holds no whole frame: it ended before the drive began")
    if metrics["truncated"]:
        Console().print("the log is truncated: scored are the frames that are whole", highlight=False)
    if output is not None:
        output.write_text(json.dumps(metrics, indent=1, sort_keys=True), encoding="utf-8")
    _print_summary(metrics)


@app.command()
@expected_errors
def serve(
    map_name: Annotated[str, typer.Option("--map", help="a map's name, or an OpenDRIVE file")] = "Roadlab01",
    host: Annotated[str, typer.Option(help="address to listen on; loopback unless told otherwise")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65534, help="RPC port, streaming on the next; 0: any two")] = 2000,
    seed: Annotated[int, typer.Option(help="seed of the world")] = 0,
    maps: Annotated[Path | None, typer.Option(help="folder with further OpenDRIVE maps")] = None,
    recordings: Annotated[Path | None, typer.Option(help="folder of recorder logs; default: the user's data")] = None,
    until_stdin_ends: Annotated[bool, typer.Option("--until-stdin-ends", hidden=True)] = False,
) -> None:
    """Be a CARLA 0.9.16 server, headless, on the CPU."""
    from sim.server.serve import run_server

    if until_stdin_ends:  # whoever started this server is gone then, however it ended
        from sim.orphan import when_stdin_ends

        when_stdin_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
    folders = [None if folder is None else str(folder) for folder in (maps, recordings)]
    raise typer.Exit(run_server(map_name, host, port, seed, folders[0], recordings=folders[1]))


@train_app.command(name="detector")
@expected_errors
def train_detector(
    images: Annotated[int, typer.Option(min=1, help="training pictures to photograph")] = 2400,
    epochs: Annotated[int, typer.Option(min=1, help="passes over the pictures")] = 8,
    held_out: Annotated[list[str] | None, typer.Option(help="further maps or .xodr files to judge on only")] = None,
    data: Annotated[Path, typer.Option(help="folder of the data set")] = Path("datasets/detector"),
    out: Annotated[Path, typer.Option(help="weights file to write")] = Path("configs/weights/detector.pt"),
    seed: Annotated[int, typer.Option(help="seed of pictures and training")] = 0,
    augment: Annotated[Path | None, typer.Option(help="YAML list of further augmentation steps")] = None,
    start: Annotated[Path | None, typer.Option(help="weights file to go on from [default: random weights]")] = None,
    learning_rate: Annotated[float, typer.Option(help="largest rate of the schedule; half of it to go on")] = 2e-3,
) -> None:
    """Photograph streets on the embedded server and train the camera detector on them; resumable."""
    from perception.augment.pipeline import read_pipeline
    from perception.training.detector import TrainingConfig
    from sim.train_detector import HELD_OUT_MAPS, DetectorPlan
    from sim.train_detector import train_detector as train

    plan = DetectorPlan(images=images, data=data, out=out, seed=seed, held_out_maps=(*HELD_OUT_MAPS, *(held_out or ())))
    steps = () if augment is None else read_pipeline(augment)
    config = TrainingConfig(epochs=epochs, augment=steps, start=start, learning_rate=learning_rate)
    train(plan, config, Console())


@app.command()
@expected_errors
def robustness(
    sensor: Annotated[str, typer.Argument(help="camera; or lidar-dong (KITTI-C), lidar-robo3d")] = "camera",
    data: Annotated[Path | None, typer.Option(help="labelled pictures; lidar: a folder of KITTI objects")] = None,
    weights: Annotated[Path, typer.Option(help="camera: weights to judge")] = Path("configs/weights/detector.pt"),
    pictures: Annotated[int, typer.Option(min=1, help="how many pictures or sweeps")] = 40,
    out: Annotated[Path, typer.Option(help="folder for numbers, table and picture")] = Path("runs/robustness"),
    baseline: Annotated[Path | None, typer.Option(help="robustness.json of another detector, for mCE")] = None,
    seed: Annotated[int, typer.Option(help="seed of the noise")] = 0,
) -> None:
    """Measure what corrupted pictures or sweeps leave of a detector: mPC, rPC, mRR, mCE."""
    from dataclasses import replace

    from sim.robustness import RobustnessPlan, measure_camera, measure_lidar

    plan = RobustnessPlan(weights=weights, pictures=pictures, out=out, seed=seed, baseline=baseline)
    if data is not None:
        plan = replace(plan, data=data)
    if sensor == "camera":
        measure_camera(plan, Console())
    elif sensor in ("lidar-dong", "lidar-robo3d"):
        if data is None:
            raise ValueError(f"robustness {sensor}: --data is needed, a folder in KITTI's object format")
        measure_lidar(plan, sensor.removeprefix("lidar-"), Console())
    else:
        raise ValueError(f"robustness: no sensor {sensor!r}; there are camera, lidar-dong, lidar-robo3d")


@app.command()
@expected_errors
def bench(
    families: Annotated[
        list[str] | None, typer.Argument(help="server, camera, lidar, stack, run; default: all")
    ] = None,
    output: Annotated[Path | None, typer.Option("--json", help="write the numbers here too")] = None,
    quick: Annotated[bool, typer.Option(help="a fifth of the samples: to see that it works")] = False,
    seed: Annotated[int, typer.Option(help="seed of worlds and traffic")] = 0,
) -> None:
    """Measure this machine: server, sensors, stack and a whole run, each against a baseline beside it."""
    from sim.bench.bench import bench as measure
    from sim.bench.options import BenchOptions

    results = measure(families or [], BenchOptions(quick, seed), Console(), output)
    if any(result.fault for result in results):
        raise typer.Exit(1)


@app.command()
@expected_errors
def dataset(
    config: Annotated[str | None, typer.Argument(help="a YAML file, or a name from configs/datasets")] = None,
    overrides: Overrides = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY.PATH=VALUE, as after the config")] = None,
    out: Annotated[Path, typer.Option(help="folder of the data set; call again to go on")] = Path("datasets/new"),
    workers: Annotated[int, typer.Option(min=1, max=256, help="rendering processes, a server each")] = 1,
    carla: Annotated[str | None, typer.Option(help="HOST:PORT of a CARLA 0.9.16 server; default: embedded")] = None,
    log: Annotated[Path | None, typer.Option("--from", help="a recorded run instead: log.mcap or its folder")] = None,
) -> None:
    """Render a labelled data set, or take a recorded run for one; export it for COCO, YOLO, KITTI, nuScenes."""
    from sim.dataset.command import make_dataset

    words = [*(overrides or []), *(settings or [])]
    if config is not None and "=" in config:
        words, config = [config, *words], None
    result = make_dataset(config, words, out, workers, carla, log, Console())
    counts = ", ".join(f"{n} {split}" for split, n in result.frames.items())
    Console().print(f"{result.folder}: {counts} frames; see {result.folder / 'datasheet.html'}", highlight=False)


@app.command()
@expected_errors
def realism(
    frames: Annotated[int, typer.Option(min=1, help="pictures in all")] = 324,
    seed: Annotated[int, typer.Option(help="seed of the streets")] = 0,
    maps: Annotated[str, typer.Option(help="maps, by commas")] = "Roadlab01,Roadlab02,Town02",
    parts: Annotated[str, typer.Option(help="what to run, by commas")] = "judge,driven,recorded,features,sweeps,page",
    dataset: Annotated[
        Path | None, typer.Option(help="a rendered data set: only say what the detector finds in its pictures")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="YOLO11n with COCO classes; default: $ROADLAB_DATA")] = None,
    out: Annotated[Path, typer.Option(help="folder of the run")] = Path("runs/realism"),
    docs: Annotated[Path, typer.Option(help="folder that receives realism.md and its pictures")] = Path("docs"),
) -> None:
    """Ask a detector that never saw our pictures what it sees; compare pictures and sweeps with CARLA's and KITTI's."""
    from sim.realism.judge import JudgePlan
    from sim.realism.measure import measure

    if dataset is not None:
        from sim.realism.detector import Judge
        from sim.realism.from_dataset import dataset_pictures
        from sim.realism.report import judge_to_folder

        folder = out / f"of_{dataset.resolve().name}"  # beside a run's own counts
        text = judge_to_folder(dataset_pictures(dataset), Judge(weights), folder)
        Console().print(f"{text}\n{folder}", highlight=False, soft_wrap=True, markup=False)
        return
    plan = JudgePlan(frames=frames, seed=seed, maps=tuple(name.strip() for name in maps.split(",")))
    command = f"roadlab realism --frames {frames} --seed {seed} --maps {maps}"
    console = Console()
    chosen = [part.strip() for part in parts.split(",")]
    console.print(measure(plan, chosen, out, docs, weights, command, lambda what: console.print(what, highlight=False)))


@app.command()
@expected_errors
def sensors(
    sweep: Annotated[Path, typer.Argument(help="a KITTI sweep, .bin or .bin.xz")],
    page: Annotated[Path, typer.Option(help="page that receives the table and, beside it, the picture")] = Path(
        "docs/sensors.md"
    ),
    seed: Annotated[int, typer.Option(help="seed of the street and of drops and flakes")] = 0,
    throws: Annotated[int, typer.Option(min=100, help="beams in which every drop and flake is thrown")] = 20_000,
) -> None:
    """Draw what LiDARs see in weather, and hold the weather models against their papers' equations."""
    from sim.sensor_page import read_sweep, table, write

    print(table(write(page, read_sweep(sweep), seed=seed, throws=throws)))


@app.command()
def doctor() -> None:
    """Check the installation, and say how to mend what is wrong."""
    from sim.doctor import examine

    console = Console()
    findings = examine()
    for finding in findings:
        mark = "[green]ok  [/]" if finding.ok else "[red]FAIL[/]"
        console.print(f"{mark} {finding.name}: {escape(finding.found)}", highlight=False, soft_wrap=True)
        if not finding.ok:
            console.print(f"     → {escape(finding.remedy)}", highlight=False, soft_wrap=True)
    raise typer.Exit(0 if all(f.ok for f in findings) else 1)


def _print_summary(metrics: dict[str, Any]) -> None:
    """The numbers that matter most, as a table."""
    table = Table(show_header=False, box=None)
    for name, value in metrics.get("summary", {}).items():
        table.add_row(escape(name), f"{value:.3f}" if isinstance(value, float) else str(value))
    Console().print(table)


def main() -> None:
    """Entry point of the ``roadlab`` script."""
    # torch's threads would spin between layers and, beside the server's, take six times the CPU time for a picture
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who is asked to end does it as after Ctrl-C
    try:
        app()
    except SystemError as error:
        if not was_interrupted(error):
            raise
        print("Aborted.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
