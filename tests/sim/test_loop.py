"""The loop ends cleanly however the source ends, and faults break frames as asked."""

import signal
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from control.command import Command
from perception.frame import Frame
from sim.faults import FaultySource
from sim.loop import Tick, drive
from sim.pipeline import Step
from sim.scenario import FaultSpec
from sim.source.base import Route, SourceEnded, SourceLost
from sim.truth import Truth
from tests.builders import VEHICLE, make_frame, make_graph, make_tick


class Scripted:
    """A source that gives frames and then does what it is told."""

    lane_graph = make_graph()
    map_lights = ()
    vehicle = VEHICLE
    step_s = 0.1
    route = Route((0.0, 0.0, 0.0), (50.0, 0.0, 0.0))

    def __init__(self, frames: int, then: BaseException) -> None:
        self.frames, self.then, self.given, self.commands = frames, then, 0, []

    def reset(self) -> tuple[Frame, Truth | None]:
        return self._next()

    def step(self, command: Command) -> tuple[Frame, Truth | None]:
        self.commands.append(command)
        return self._next()

    def close(self) -> None: ...

    def _next(self) -> tuple[Frame, Truth | None]:
        if self.given == self.frames:
            raise self.then
        self.given += 1
        return make_frame(self.given - 1, seed=self.given), None


class Recording:
    def __init__(self) -> None:
        self.ticks: list[Tick] = []

    def write(self, tick: Tick) -> None:
        self.ticks.append(tick)


def pipeline(done_at: int | None = None) -> Callable[..., Step]:
    def step(frame: Frame) -> Step:
        made = make_tick(frame.index).step
        assert made.plan is not None
        object.__setattr__(made.plan, "done", frame.index == done_at)
        return made

    return SimpleNamespace(step=step)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("then", "reason", "message"),
    [
        (SourceEnded(), "source ended", ""),
        (SourceLost("127.0.0.1:2000: gone"), "source lost", "127.0.0.1:2000: gone"),
        (KeyboardInterrupt(), "interrupted", ""),
    ],
)
def test_every_ending_keeps_what_was_recorded(then: BaseException, reason: str, message: str) -> None:
    sink = Recording()
    ending = drive(Scripted(5, then), pipeline(), [sink], 60.0)  # type: ignore[arg-type]
    assert (ending.reason, ending.message, ending.frames) == (reason, message, 5)
    assert [t.frame.index for t in sink.ticks] == [0, 1, 2, 3, 4]


def interrupting(times: int) -> Callable[..., Step]:
    """A pipeline that is interrupted so often in the middle of its fourth step."""
    plain = pipeline().step  # type: ignore[attr-defined]

    def step(frame: Frame) -> Step:
        for _ in range(times if frame.index == 3 else 0):
            signal.raise_signal(signal.SIGINT)
        return plain(frame)

    return SimpleNamespace(step=step)  # type: ignore[return-value]


@pytest.mark.parametrize(("times", "frames"), [(1, 4), (2, 3)])
def test_an_interrupt_waits_for_the_end_of_the_step_and_a_second_one_does_not(times: int, frames: int) -> None:
    sink = Recording()
    before = signal.getsignal(signal.SIGINT)
    ending = drive(Scripted(99, SourceEnded()), interrupting(times), [sink], 60.0)  # type: ignore[arg-type]
    assert (ending.reason, ending.frames, len(sink.ticks)) == ("interrupted", frames, frames)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_within_compiled_code_is_one_and_another_error_is_not() -> None:
    """Numba makes a SystemError of an interrupt that comes while its dispatcher runs."""
    hidden = SystemError("returned a result with an exception set")
    hidden.__cause__ = SystemError("returned a result with an exception set")
    hidden.__cause__.__cause__ = KeyboardInterrupt()
    assert drive(Scripted(2, hidden), pipeline(), [], 60.0).reason == "interrupted"  # type: ignore[arg-type]
    with pytest.raises(SystemError, match="another"):
        drive(Scripted(2, SystemError("another")), pipeline(), [], 60.0)  # type: ignore[arg-type]


def test_the_drive_ends_at_the_goal_and_at_the_duration() -> None:
    assert drive(Scripted(99, SourceEnded()), pipeline(7), [], 60.0).reason == "goal"  # type: ignore[arg-type]
    ending = drive(Scripted(99, SourceEnded()), pipeline(), [], 2.0)  # type: ignore[arg-type]
    assert (ending.reason, ending.frames, ending.simulated_s) == ("duration", 21, 2.0)


def test_the_command_made_of_a_frame_goes_back_to_the_source() -> None:
    source = Scripted(4, SourceEnded())
    drive(source, pipeline(), [], 60.0)  # type: ignore[arg-type]
    assert [c.t_us for c in source.commands] == [0, 100_000, 200_000, 300_000]


def frames_of(*faults: FaultSpec, seed: int = 0) -> list[Frame]:
    source = FaultySource(Scripted(30, SourceEnded()), faults, np.random.default_rng(seed))
    out = [source.reset()[0]]
    out += [source.step(Command(0, 0.0, 0.0, 0.0))[0] for _ in range(29)]
    return out


def test_a_dropped_sensor_is_absent_and_named() -> None:
    frames = frames_of(FaultSpec("front", "drop", from_s=1.0, to_s=2.0), FaultSpec("imu", "drop", from_s=2.0))
    assert [("front" in f.images, "front" in f.missing) for f in frames[:10]] == [(True, False)] * 10
    assert [("front" in f.images, "front" in f.missing) for f in frames[10:20]] == [(False, True)] * 10
    assert frames[25].imu is None
    assert frames[15].imu is not None


def test_a_frozen_camera_shows_its_last_picture_and_nan_hits_a_share_of_points() -> None:
    frames = frames_of(FaultSpec("front", "freeze", from_s=1.0, to_s=2.0), FaultSpec("top", "nan", strength=0.5))
    assert (frames[12].images["front"].bgr == frames[15].images["front"].bgr).all()
    assert not (frames[15].images["front"].bgr == frames[22].images["front"].bgr).all()
    share = np.isnan(frames[3].sweeps["top"].points_lidar_m).all(axis=1).mean()
    assert share == pytest.approx(0.5, abs=0.12)


def test_faults_are_a_function_of_the_seed() -> None:
    def pattern(seed: int) -> list[bool]:
        return ["front" in f.images for f in frames_of(FaultSpec("front", "drop", probability=0.5), seed=seed)]

    assert pattern(1) == pattern(1) != pattern(2)
    assert 5 < sum(pattern(1)) < 25
