"""Where frames come from: a simulator, a recording. The loop knows only this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from control.command import Command
from perception.frame import Frame, VehicleModel
from perception.objects import MapLight
from planning.lanes import LaneGraph
from sim.truth import Truth


@dataclass(frozen=True)
class Route:
    """What to drive, world frame: x, y, yaw of the start, the goal and the places to pass."""

    start_world: tuple[float, float, float]
    goal_world: tuple[float, float, float]
    via_world: tuple[tuple[float, float, float], ...] = ()


class SourceEnded(Exception):  # noqa: N818 - an end, not an error
    """The source has no further frame (a recording is over)."""


class SourceLost(ConnectionError):  # noqa: N818 - reads as a state of the source
    """The source went away in the middle of a run (server gone, socket closed, time-out)."""


class FrameSource(Protocol):
    """A world to drive in, or a recording of one.

    ``reset`` prepares the first frame; ``step`` applies the command, advances by one step of the scenario and returns
    what is sensed then and what is true then (None where the source does not know). ``close`` is idempotent.
    """

    lane_graph: LaneGraph
    map_lights: tuple[MapLight, ...]
    vehicle: VehicleModel
    step_s: float
    route: Route

    def reset(self) -> tuple[Frame, Truth | None]:
        """First frame. Raises SourceLost."""
        ...

    def step(self, command: Command) -> tuple[Frame, Truth | None]:
        """Next frame. Raises SourceEnded, SourceLost."""
        ...

    def close(self) -> None:
        """Give everything back (actors destroyed, settings restored, sockets closed)."""
        ...
