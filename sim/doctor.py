"""Checks the installation and says how to mend what is wrong."""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from perception.camera.detector import WEIGHTS
from sim.config import CONFIGS

NEEDED_DISK_GB = 2.0
"""A minute of the default scenario leaves about 0.5 GB; caches another 0.1 GB."""

CARLA_VERSION = "0.9.16"


@dataclass(frozen=True)
class Finding:
    """One check: ``ok``, what was found, and what to do about it if it is not."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def check_python() -> Finding:
    """Python 3.10 to 3.12: the versions that the CARLA client is built for."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = (3, 10) <= sys.version_info[:2] <= (3, 12)
    return Finding("Python", good, version, "use Python 3.10, 3.11 or 3.12: `uv sync --python 3.11`")


def check_client() -> Finding:
    """The official client, of the version whose protocol the server speaks."""
    try:
        version = metadata.version("carla")
    except metadata.PackageNotFoundError:
        return Finding("CARLA client", False, "not installed", "run `uv sync`")
    return Finding("CARLA client", version == CARLA_VERSION, version, f"install carla=={CARLA_VERSION}: `uv sync`")


def check_packages() -> Finding:
    """Everything that is imported late can be imported."""
    broken = []
    for name in ("numba", "cv2", "open3d", "torch", "ultralytics", "mcap"):
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:
            broken.append(f"{name}: {error}")
    return Finding("packages", not broken, "; ".join(broken) or "all import", "run `uv sync`")


def check_device() -> Finding:
    """Torch's device; a CPU is fine."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding("device", False, f"torch does not import: {error}", "run `uv sync`")
    if torch.cuda.is_available():
        return Finding("device", True, f"CUDA: {torch.cuda.get_device_name(0)}")
    return Finding("device", True, f"CPU, {os.cpu_count()} cores (no CUDA GPU; everything works without)")


def check_ports(port: int = 2000) -> Finding:
    """CARLA's default ports are free (an own server on them is worth knowing too)."""
    busy = []
    for number in (port, port + 1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                busy.append(str(number))
    remedy = "another server listens there: stop it, connect to it with --carla, or use `roadlab serve --port 3000`"
    return Finding("ports", not busy, f"busy: {', '.join(busy)}" if busy else f"{port} and {port + 1} are free", remedy)


def check_disk(folder: Path | None = None) -> Finding:
    """Room for a recording where the run would be written."""
    free_gb = shutil.disk_usage(folder or Path.cwd()).free / 1e9
    remedy = f"free {NEEDED_DISK_GB:g} GB, or write elsewhere: `roadlab run --out DIR`"
    return Finding("disk", free_gb >= NEEDED_DISK_GB, f"{free_gb:.1f} GB free", remedy)


def check_shipped() -> Finding:
    """Maps and weights that belong to the installation."""
    missing = [str(p) for p in (WEIGHTS, CONFIGS / "maps" / "Roadlab01.xodr") if not p.is_file()]
    found = f"missing: {', '.join(missing)}" if missing else "maps and weights are there"
    return Finding("shipped files", not missing, found, "restore them: `git checkout -- configs`")


CHECKS: tuple[Callable[[], Finding], ...] = (
    check_python,
    check_client,
    check_packages,
    check_device,
    check_ports,
    check_disk,
    check_shipped,
)


def examine() -> list[Finding]:
    """All checks, in order."""
    return [check() for check in CHECKS]
