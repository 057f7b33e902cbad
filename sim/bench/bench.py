"""``roadlab bench``: families of measurements, each against a baseline measured beside it, as tables and as JSON.

Machines differ and are busy; what can be compared between them is the ratio to a baseline of the same minute.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sim.bench.measure import Clocks, Result, interleaved
from sim.bench.options import BenchOptions, Progress
from sim.bench.reference import NAME, Reference
from sim.folder import commit

FORMAT = "roadlab-bench/1"
SPEED_ROUNDS = 50


def _server(options: BenchOptions, progress: Progress) -> Result:
    from sim.bench import server

    return server.run(options, progress)


def _camera(options: BenchOptions, progress: Progress) -> Result:
    from sim.bench import camera

    return camera.run(options, progress)


def _lidar(options: BenchOptions, progress: Progress) -> Result:
    from sim.bench import lidar

    return lidar.run(options, progress)


def _stack(options: BenchOptions, progress: Progress) -> Result:
    from sim.bench import drive

    return drive.stack(options, progress)


def _run(options: BenchOptions, progress: Progress) -> Result:
    from sim.bench import drive

    return drive.run(options, progress)


FAMILIES: dict[str, Callable[[BenchOptions, Progress], Result]] = {
    "server": _server,
    "camera": _camera,
    "lidar": _lidar,
    "stack": _stack,
    "run": _run,
}


@dataclass(frozen=True)
class Machine:
    """Where and when: so that a number can be read later."""

    cpu: str
    cores: int
    load_1min: float
    reference_per_second: float
    python: str
    date: str
    commit: str


def choose(families: Sequence[str]) -> list[str]:
    """The families asked for in their fixed order; all where none is named. Raises ValueError naming the nearest."""
    for name in families:
        if name not in FAMILIES:
            near = difflib.get_close_matches(name, FAMILIES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(FAMILIES)}"
            raise ValueError(f"no benchmark family {name!r}; {hint}")
    return [name for name in FAMILIES if not families or name in families]


def run_families(names: Sequence[str], options: BenchOptions, progress: Progress) -> list[Result]:
    """Results of the families; one that cannot run says why and does not keep the others from running."""
    results = []
    for name in names:
        progress(name)
        try:
            results.append(FAMILIES[name](options, progress))
        except (ValueError, OSError, RuntimeError) as error:
            results.append(Result(name, "", fault=str(error)))
    return results


def machine() -> Machine:
    """The machine now, with its speed in reference units."""
    laps = interleaved({NAME: Reference()}, SPEED_ROUNDS, Clocks())[NAME]
    return Machine(
        cpu=_cpu_model(),
        cores=os.cpu_count() or 1,
        load_1min=os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan,
        reference_per_second=1.0 / float(np.percentile(laps.wall_s, 10.0)),
        python=platform.python_version(),
        date=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        commit=commit(),
    )


def _cpu_model() -> str:
    """Name of the processor as the system has it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def document(where: Machine, options: BenchOptions, results: Sequence[Result]) -> dict[str, Any]:
    """Everything as plain data for JSON; what is not finite becomes null."""
    tree = {
        "format": FORMAT,
        "machine": asdict(where),
        "options": asdict(options),
        "families": {result.family: asdict(result) for result in results},
    }
    plain: dict[str, Any] = _finite(tree)
    return plain


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def show(where: Machine, options: BenchOptions, results: Sequence[Result], console: Console) -> None:
    """Tables of all results."""
    console.print(
        f"{where.cpu}, {where.cores} cores, load {where.load_1min:.1f}; {where.reference_per_second:.0f} reference "
        f"units/s; {where.date}; commit {where.commit}; seed {options.seed}{'; quick' if options.quick else ''}",
        highlight=False,
    )
    for result in results:
        if result.fault:
            console.print(f"[bold]{result.family}[/]: [red]not measured:[/] {result.fault}", highlight=False)
            continue
        console.print(_table(result))
        for quantity in result.quantities:
            console.print(f"  {quantity.name}: {quantity.value:.4g} {quantity.unit}".rstrip(), highlight=False)


def _table(result: Result) -> Table:
    """One row a measurement, one column a baseline."""
    rows = result.measurements
    processes = list(rows[0].cpu_ms) if rows else []
    baselines = list(dict.fromkeys(name for row in rows for name in row.ratio))
    unit = rows[0].unit if rows else ""
    title = f"[bold]{result.family}[/], times of a {unit}; baseline: {result.baseline}"
    table = Table(title=title, title_justify="left", title_style="", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    cpu_title = "CPU ms" if len(processes) < 2 else "CPU ms: " + "+".join(processes)
    for name in ("per s", "p10 ms", "median", cpu_title, *(f"x {name}" for name in baselines)):
        table.add_column(name, justify="right", overflow="fold")
    for row in rows:
        ratios = [f"{row.ratio[name]:.3g}" if name in row.ratio else "" for name in baselines]
        cpu = " + ".join(f"{ms:.2f}" for ms in row.cpu_ms.values())
        table.add_row(row.name, f"{row.per_second:.4g}", f"{row.p10_ms:.2f}", f"{row.median_ms:.2f}", cpu, *ratios)
    return table


def bench(families: Sequence[str], options: BenchOptions, console: Console, json_file: Path | None) -> list[Result]:
    """The command: measure, show, write. Raises ValueError for an unknown family before anything is measured."""
    names = choose(families)
    where = machine()
    with console.status("") as status:
        results = run_families(names, options, lambda line: status.update(line))
    show(where, options, results, console)
    if json_file is not None:
        json_file.write_text(json.dumps(document(where, options, results), indent=1), encoding="utf-8")
        console.print(f"written: {json_file}", highlight=False)
    return results
