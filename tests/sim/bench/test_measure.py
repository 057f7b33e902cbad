"""The harness counts what it should, by clocks that tell what the test wants."""

import math

import numpy as np
import pytest

from sim.bench.measure import Clocks, Laps, interleaved, measurement, spread


class Time:
    """A wall clock and a CPU clock that workloads move."""

    def __init__(self) -> None:
        self.wall, self.cpu = 100.0, 5.0
        self.calls: list[str] = []

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, {"process": lambda: self.cpu})

    def work(self, name: str, *wall_s: float, share: float = 0.5):
        """Takes the given times in turn; ``share`` of them on the CPU."""
        times = iter(wall_s)

        def run() -> None:
            self.calls.append(name)
            took = next(times)
            self.wall += took
            self.cpu += share * took

        return run


def test_every_workload_has_one_lap_a_round_in_turn_and_the_warm_up_does_not_count():
    time = Time()
    works = {"a": time.work("a", 9.0, 1.0, 2.0, 3.0), "b": time.work("b", 9.0, 10.0, 20.0, 30.0)}
    laps = interleaved(works, 3, time.clocks(), before=lambda: time.calls.append("move"), warm_up=1)
    assert time.calls == ["move", "a", "b"] * 4
    assert laps["a"].wall_s.tolist() == [1.0, 2.0, 3.0]
    assert laps["b"].wall_s.tolist() == [10.0, 20.0, 30.0]
    assert laps["b"].cpu_s["process"].tolist() == [5.0, 10.0, 15.0]


def test_what_happens_before_a_round_is_in_no_lap():
    time = Time()

    def move() -> None:
        time.wall += 50.0
        time.cpu += 50.0

    laps = interleaved({"a": time.work("a", 1.0, 1.0)}, 2, time.clocks(), before=move, warm_up=0)
    assert laps["a"].wall_s.tolist() == [1.0, 1.0]
    assert laps["a"].cpu_s["process"].tolist() == [0.5, 0.5]


def test_less_than_one_round_is_refused():
    with pytest.raises(ValueError, match="rounds: expected at least 1, got 0"):
        interleaved({}, 0, Time().clocks())


def laps(*wall_s: float) -> Laps:
    wall = np.array(wall_s)
    return Laps(wall, {"server": wall * 0.5, "client": wall * 0.25})


def test_units_of_a_lap_share_its_time():
    baselines = {"empty": laps(0.1, 0.1, 0.1).per(20), "reference": laps(0.001, 0.001, 0.001)}
    found = measurement("50 vehicles", "tick", laps(0.2, 0.4, 0.6).per(20), baselines)
    assert found.median_ms == pytest.approx(20.0)
    assert found.p10_ms == pytest.approx(12.0)  # 10th percentile of 10, 20, 30 ms
    assert found.per_second == pytest.approx(1e3 / 12.0)
    assert found.cpu_ms == {"server": pytest.approx(10.0), "client": pytest.approx(5.0)}
    assert found.ratio == {"empty": pytest.approx(4.0), "reference": pytest.approx(20.0)}
    assert found.laps == 3


def test_a_machine_that_is_busy_for_a_while_does_not_change_the_ratio():
    calm = measurement("x", "frame", laps(1.0, 1.0, 1.0, 1.0, 1.0), {"y": laps(0.5, 0.5, 0.5, 0.5, 0.5)})
    busy = measurement("x", "frame", laps(1.0, 7.0, 7.0, 7.0, 1.0), {"y": laps(0.5, 3.5, 3.5, 3.5, 0.5)})
    assert calm.ratio == busy.ratio == {"y": 2.0}
    assert busy.median_ms == 7000.0


def test_a_baseline_without_time_gives_no_ratio():
    assert math.isnan(measurement("x", "frame", laps(1.0), {"y": laps(0.0)}).ratio["y"])


def test_a_spread_of_given_times_is_per_frame_against_the_baseline_of_the_same_frame():
    found = spread("planning", "frame", np.array([10.0, 20.0, 30.0]), "reference", np.array([1.0, 4.0, 1.0]))
    assert (found.median_ms, found.ratio, found.cpu_ms) == (20.0, {"reference": 10.0}, {})
    assert found.p10_ms == pytest.approx(12.0)
