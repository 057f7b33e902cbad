"""The folder of a run: what was asked, what ran, what came out. ``latest`` points to the newest."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

from sim.config import RunConfig, dump_config

RECORDED_PACKAGES = ("roadlab", "carla", "numpy", "numba", "torch", "ultralytics", "open3d", "opencv-python-headless")


def new_run_folder(root: Path, config: RunConfig) -> Path:
    """A fresh folder under ``root`` with the resolved configuration in it."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for attempt in range(100):
        suffix = f"-{attempt}" if attempt else ""
        folder = root / f"{stamp}-{config.name}-seed{config.seed}{suffix}"
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            continue
    else:
        raise FileExistsError(f"{root}: a hundred runs in one second; choose another --out")
    (folder / "config.yaml").write_text(dump_config(config), encoding="utf-8")
    return folder


def point_latest(folder: Path) -> None:
    """Let ``latest`` beside a run's folder point to it: to be called once there is a log to look at."""
    link = folder.parent / "latest"
    with contextlib.suppress(OSError):  # a file system without links is no reason not to drive
        if link.is_symlink() or not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(folder.name)


def provenance(config: RunConfig, server: str) -> dict[str, str]:
    """What ran where, for the log and the report: versions, commit, machine, seed, date."""
    facts = {f"version.{name}": _version(name) for name in RECORDED_PACKAGES}
    return facts | {
        "commit": commit(),
        "scenario": config.name,
        "map": config.map,
        "seed": str(config.seed),
        "server": server,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "config": dump_config(config),
    }


def commit() -> str:
    """Commit of the checkout this code runs from, with ``+`` where files differ; ``unknown`` outside one."""
    root = Path(__file__).resolve().parents[1]
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],
            cwd=root, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return described.stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"
