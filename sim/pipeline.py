"""The stages in order: one ``Frame`` in, one ``Step`` out. Nothing here knows where frames come from.

| stage | reads | gives |
|---|---|---|
| perception | Frame | Detections, Tracks |
| planning | Tracks | Forecasts, Plan |
| control | Plan, ego estimate, Frame's steering angle | Command |
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from control.command import Command
from control.control import Control
from perception.camera.detector import Detector
from perception.frame import Frame, VehicleModel
from perception.objects import Detections, MapLight, Tracks
from perception.perceive import Perception
from planning.lanes import LaneGraph
from planning.plan import Planning
from planning.records import Forecasts, Plan
from sim.config import RunConfig

STANDSTILL_BRAKE = 0.6
"""Pedal that holds a car on any road while it does not know where it is."""


@dataclass(frozen=True)
class Step:
    """What the stack made of one frame. Tracks, Forecasts and Plan are None until the car knows where it is.
    timing_ms by stage and by step of perception (``perception/camera``)."""

    detections: Detections
    tracks: Tracks | None
    forecasts: Forecasts | None
    plan: Plan | None
    command: Command
    timing_ms: dict[str, float]
    health: tuple[str, ...]


class Pipeline:
    """The stack. ``step`` once per frame, in order."""

    def __init__(
        self,
        config: RunConfig,
        detector: Detector,
        graph: LaneGraph,
        map_lights: Sequence[MapLight],
        vehicle: VehicleModel,
    ) -> None:
        self._perception = Perception(config.perception, detector, map_lights, vehicle)
        self.planning = Planning(graph, vehicle, config.planning, map_lights)
        self._control = Control(vehicle, config.control)

    def step(self, frame: Frame) -> Step:
        """Perceive, plan, control."""
        timing: dict[str, float] = {}
        start = time.perf_counter()
        seen = self._perception.perceive(frame)
        timing.update({f"perception/{name}": ms for name, ms in seen.timing_ms.items()})
        perceived = time.perf_counter()
        timing["perception"] = (perceived - start) * 1e3
        if seen.tracks is None:
            hold = Command(frame.t_us, 0.0, STANDSTILL_BRAKE, 0.0)
            return Step(seen.detections, None, None, None, hold, timing, seen.health)
        forecasts, plan = self.planning.plan(seen.tracks)
        planned = time.perf_counter()
        timing["planning"] = (planned - perceived) * 1e3
        steer = frame.steer_rad if math.isfinite(frame.steer_rad) else 0.0
        command = self._control.control(plan, seen.tracks.ego, steer, frame.t_us)
        timing["control"] = (time.perf_counter() - planned) * 1e3
        return Step(seen.detections, seen.tracks, forecasts, plan, command, timing, seen.health)
