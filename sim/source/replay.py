"""A recorded drive as a source: the frames of a log again, in order, whatever is commanded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from control.command import Command
from perception.frame import Frame
from sim.log.reader import LoggedTick, LogReader, find_log
from sim.source.base import SourceEnded
from sim.truth import Truth


class ReplaySource:
    """FrameSource over a log. ``recorded`` is the tick last given: what the stack made of the frame then."""

    def __init__(self, path: Path) -> None:
        self.log = LogReader(find_log(path))
        self.lane_graph = self.log.world.lane_graph
        self.map_lights = self.log.world.map_lights
        self.vehicle = self.log.world.vehicle
        self.step_s = self.log.world.step_s
        self.route = self.log.world.route
        self.recorded: LoggedTick | None = None
        self._ticks: Iterator[LoggedTick] = iter(())

    def reset(self) -> tuple[Frame, Truth | None]:
        """First frame. Raises SourceEnded for a log without one."""
        self._ticks = self.log.ticks()
        return self._next()

    def step(self, command: Command) -> tuple[Frame, Truth | None]:
        """Next frame; the command goes nowhere. Raises SourceEnded."""
        del command
        return self._next()

    def close(self) -> None:
        """Nothing to give back."""
        self._ticks = iter(())

    def _next(self) -> tuple[Frame, Truth | None]:
        self.recorded = next(self._ticks, None)
        if self.recorded is None or self.recorded.frame is None:
            raise SourceEnded
        return self.recorded.frame, self.recorded.truth
