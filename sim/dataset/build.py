"""``roadlab dataset``: render what is missing with as many processes as asked, then manifest, exports, data sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sim.config import ConfigError
from sim.dataset.config import DatasetConfig, dump_dataset_config, load_dataset_config
from sim.dataset.crew import render_scenes
from sim.dataset.export import exporters
from sim.dataset.lock import FolderLock, alone_in
from sim.dataset.plan import SPLITS, scenes_of
from sim.dataset.sheet import write_sheet
from sim.dataset.store import (
    CONFIG,
    EXPORTS,
    SCENES,
    DataSet,
    DataSetError,
    begin_folder,
    finish_folder,
    make_folder,
    sweep_up,
    write_bytes,
    write_manifest,
)
from sim.dataset.worker import Said, address_of


@dataclass(frozen=True)
class Result:
    """What there is now: the data set's folder and its number of frames by split."""

    folder: Path
    frames: Mapping[str, int]


def build(config: DatasetConfig, folder: Path, workers: int, carla: str | None, console: Console) -> Result:
    """Make the data set in ``folder``, going on from what is there.

    Raises DataSetError where the folder holds another data set or another command is in it, ConfigError for a map that
    there is not, RenderError where a server or the disk gives up.
    """
    if carla is None:
        check_maps(config)
    else:
        address_of(carla)
    make_folder(folder)
    with alone_in(folder, console.print) as lock:
        claim(folder, config)
        sweep_up(folder)
        _render_what_is_missing(config, folder, workers, carla, console, lock)
        return finish(config, folder, console)


def _render_what_is_missing(
    config: DatasetConfig, folder: Path, workers: int, carla: str | None, console: Console, lock: FolderLock
) -> None:
    scenes = scenes_of(config)
    left = [scene for scene in scenes if not (folder / SCENES / scene.name / "scene.json").is_file()]
    if not left:
        return
    with _progress(console) as bar:
        total = sum(scene.frames for scene in scenes)
        task = bar.add_task("rendering", total=total, completed=total - sum(scene.frames for scene in left))

        def report(said: Said) -> None:
            if said.kind == "frame":
                bar.advance(task)
            elif said.kind == "say":
                bar.update(task, description=said.text[:60])
            elif said.kind == "done":
                bar.update(task, description="rendering")

        render_scenes(config, folder, left, 1 if carla else workers, carla, report, lock)


def finish(config: DatasetConfig, folder: Path, console: Console) -> Result:
    """Manifest, exports and data sheet of the scenes that are there."""
    for log_file in folder.glob("server_*.log"):  # of servers that ended badly, in an earlier call
        log_file.unlink()
    data = DataSet.open(folder)
    facts: dict[str, Any] = {
        "name": config.name, "seed": config.seed, "mode": config.mode, "licence": config.licence,
        "amodal_boxes": sorted({info.amodal for info in data.scenes}),
    }  # fmt: skip
    write_manifest(data, facts)
    for name in config.exports:
        with console.status(f"exporting {name}"):
            final = folder / EXPORTS / name
            filling = begin_folder(final)
            exporters()[name](data, filling, config)
            finish_folder(filling, final)
    write_sheet(data, config)
    counts = {split: sum(info.frames for info in data.scenes if info.split == split) for split in SPLITS}
    return Result(folder, {split: n for split, n in counts.items() if n})


def check_maps(config: DatasetConfig) -> None:
    """See that the embedded server will find every map: its own complaint comes when the map's turn has come.

    Raises ConfigError naming the nearest.
    """
    from sim.server.maps import MapCatalogue, UnknownMapError

    catalogue = MapCatalogue(_builds_nothing, config.seed)
    try:
        for name in config.maps:
            if name.endswith(".xodr"):
                catalogue.add_file(Path(name))
            else:
                catalogue.known_as(name)
    except UnknownMapError as error:
        raise ConfigError(f"maps: {error}") from error


def _builds_nothing(*_: object) -> Any:
    raise AssertionError("only names are asked for")


def claim(folder: Path, config: DatasetConfig) -> None:
    """Write the configuration, or see that the one that is there is the same but for ``exports``.

    Raises DataSetError where it is another and there are scenes of it.
    """
    file = folder / CONFIG
    if file.is_file() and any((folder / SCENES).glob("*/scene.json")):
        there = load_dataset_config(str(file))
        if replace(there, exports=()) != replace(config, exports=()):
            keys = [key for key, value in vars(config).items() if key != "exports" and value != getattr(there, key)]
            raise DataSetError(
                f"{folder}: holds a data set of another configuration ({', '.join(keys)} differ); give another --out, "
                "or delete that folder"
            )
    write_bytes(file, dump_dataset_config(config).encode())


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console)
