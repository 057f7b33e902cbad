"""What is happening, live in the terminal: a Sink that shows the drive while it goes on."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from sim.loop import Tick

REFRESH_S = 0.25


class Display:
    """Progress along the route, speed, what the planner does and why, real-time factor. On a terminal it stays in
    place; where output is no terminal (CI) it prints a line every ten simulated seconds."""

    def __init__(self, console: Console, duration_s: float) -> None:
        self._console = console
        self._duration_s = duration_s
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(40), TaskProgressColumn(), console=console
        )
        self._route = self._progress.add_task("route", total=1.0)
        self._time = self._progress.add_task("time ", total=duration_s)
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._first_us: int | None = None
        self._began = 0.0
        self._shown = 0.0
        self._printed_s = -10.0

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def write(self, tick: Tick) -> None:
        """Show one tick, at most every REFRESH_S."""
        now = time.monotonic()
        if self._first_us is None:
            self._first_us, self._began = tick.frame.t_us, now
        simulated_s = (tick.frame.t_us - self._first_us) * 1e-6
        if self._live is None:
            if simulated_s - self._printed_s >= 10.0:
                self._printed_s = simulated_s
                self._console.print(self._line(tick, simulated_s, now))
            return
        if now - self._shown < REFRESH_S:
            return
        self._shown = now
        plan = tick.step.plan
        if plan is not None and plan.route_length_m > 0:
            self._progress.update(self._route, completed=plan.route_progress_m / plan.route_length_m)
        self._progress.update(self._time, completed=simulated_s)
        self._live.update(Group(self._progress, self._table(tick, simulated_s, now)))

    def _line(self, tick: Tick, simulated_s: float, now: float) -> str:
        plan = tick.step.plan
        progress = f"{plan.route_progress_m:.0f}/{plan.route_length_m:.0f} m {plan.behavior}" if plan else "no plan"
        factor = simulated_s / max(now - self._began, 1e-3)
        return (
            f"{simulated_s:6.1f} s  {tick.frame.speed_mps * 3.6:5.1f} km/h  {progress}  real-time factor {factor:.2f}"
        )

    def _table(self, tick: Tick, simulated_s: float, now: float) -> Table:
        plan, tracks = tick.step.plan, tick.step.tracks
        table = Table.grid(padding=(0, 3))
        table.add_row("speed", f"{tick.frame.speed_mps * 3.6:.1f} km/h")
        table.add_row("plan", f"{plan.behavior} {plan.target}".strip() if plan else "-")
        table.add_row("tracks", str(len(tracks.ids)) if tracks is not None else "-")
        table.add_row("real-time factor", f"{simulated_s / max(now - self._began, 1e-3):.2f}")
        if tick.step.health:
            table.add_row("[yellow]health", f"[yellow]{'; '.join(tick.step.health)}")
        return table
