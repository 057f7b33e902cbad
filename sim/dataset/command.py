"""What ``roadlab dataset`` does, by where the frames come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sim.config import ConfigError
from sim.dataset.build import Result, build, claim, finish
from sim.dataset.config import load_dataset_config
from sim.dataset.from_log import import_log
from sim.dataset.lock import alone_in
from sim.dataset.store import make_folder, sweep_up
from sim.log.reader import LogReader, find_log

DEFAULT = "small"


def make_dataset(
    name: str | None,
    overrides: Sequence[str],
    folder: Path,
    workers: int,
    carla: str | None,
    log: Path | None,
    console: Console,
) -> Result:
    """Render a configuration into ``folder``, or take the recorded run ``log`` for its one scene.

    Raises what ``build``, ``import_log`` and ``load_dataset_config`` raise.
    """
    if log is not None:
        return _of_log(name, overrides, folder, log, console)
    return build(load_dataset_config(name or DEFAULT, overrides), folder, workers, carla, console)


def _of_log(name: str | None, overrides: Sequence[str], folder: Path, log: Path, console: Console) -> Result:
    """A recorded run as a data set. Of the configuration only name, exports, images and key frames matter."""
    if name is not None:
        raise ConfigError(f"--from {log}: the recording says what there is; leave the configuration {name!r} out")
    reader = LogReader(find_log(log))
    chosen = [f"name={reader.metadata.get('scenario', 'run')}", "mode=sequences", "exports=[coco,yolo,kitti,nuscenes]"]
    config = load_dataset_config(None, [*chosen, "images.quality=98", *overrides])
    make_folder(folder)
    with alone_in(folder, console.print):
        claim(folder, config)
        sweep_up(folder)
        import_log(reader, folder, config)
        return finish(config, folder, console)
