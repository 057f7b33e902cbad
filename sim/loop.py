"""The loop that drives: source → stack → record → source, until the scenario ends. Run, replay and tests share it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from perception.frame import Frame
from sim.interrupt import Interrupts, was_interrupted
from sim.pipeline import Pipeline, Step
from sim.source.base import FrameSource, SourceEnded, SourceLost
from sim.truth import Truth


@dataclass(frozen=True)
class Tick:
    """Everything that happened in one step of the loop. source_ms: the world's share of the wall time (simulation,
    rendering, transport); record_ms of the previous tick."""

    frame: Frame
    truth: Truth | None
    step: Step
    source_ms: float


class Sink(Protocol):
    """Something that hangs off the loop: the log, the display, a video."""

    def write(self, tick: Tick) -> None:
        """Take one tick. Must not change it."""
        ...


@dataclass(frozen=True)
class Ending:
    """Why the loop ended: ``goal``, ``duration``, ``source ended``, ``source lost``, ``interrupted``; with the
    message of a fault, and how long it took."""

    reason: str
    message: str
    frames: int
    simulated_s: float
    wall_s: float

    @property
    def complete(self) -> bool:
        """Whether the drive came to the end that was meant."""
        return self.reason not in ("source lost", "interrupted")


def drive(source: FrameSource, pipeline: Pipeline, sinks: Sequence[Sink], duration_s: float) -> Ending:
    """Drive until the plan is done, the time is up, or the source ends; every tick goes to every sink.

    A lost source and Ctrl-C end the drive, they do not raise: what was recorded is kept. Ctrl-C and SIGTERM wait for
    the end of the step; a second one does not.
    """
    began = time.perf_counter()
    frames, simulated_s = 0, 0.0
    reason, message = "source ended", ""
    try:
        with Interrupts() as interrupts:
            asked = time.perf_counter()
            frame, truth = source.reset()
            first_us = frame.t_us
            began = time.perf_counter()  # setting the world up is no part of the drive's speed
            while True:
                source_ms = (time.perf_counter() - asked) * 1e3
                step = pipeline.step(frame)
                for sink in sinks:
                    sink.write(Tick(frame, truth, step, source_ms))
                frames += 1
                simulated_s = (frame.t_us - first_us) / 1e6
                if step.plan is not None and step.plan.done:
                    reason = "goal"
                    break
                if simulated_s >= duration_s:
                    reason = "duration"
                    break
                if interrupts.asked:
                    reason = "interrupted"
                    break
                asked = time.perf_counter()
                frame, truth = source.step(step.command)
    except SourceEnded:
        pass
    except SourceLost as error:
        reason, message = "source lost", str(error)
    except (KeyboardInterrupt, SystemError) as error:
        if not was_interrupted(error):
            raise
        reason = "interrupted"
    return Ending(reason, message, frames, simulated_s, time.perf_counter() - began)
