"""A manager that makes no step in a frame is woken, once in a while and on its own port."""

from __future__ import annotations

from sim.server.sleepers import PATIENCE_S, StepWatch


class Bench:
    """A watch with a clock that stands still unless moved."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.woken: list[int] = []
        self.watch = StepWatch(lambda: self.now_s, self.woken.append)

    def frame(self, steps: int, managers: int = 2) -> None:
        self.watch.ticked(managers)
        for _ in range(steps):
            self.watch.stepped()

    def look_after(self, seconds: float, looks: int = 2) -> list[int]:
        self.now_s += seconds
        for _ in range(looks):
            self.watch.look([8001, 8000])
        return self.woken


def test_a_manager_that_stepped_is_left_alone() -> None:
    bench = Bench()
    bench.frame(2)
    bench.frame(2)
    assert bench.look_after(100.0) == []


def test_the_sleeper_is_the_next_in_order_of_ports() -> None:
    bench = Bench()
    bench.frame(2)
    bench.frame(1)
    assert bench.look_after(PATIENCE_S - 0.1) == []
    assert bench.look_after(0.2) == [8001]
    assert bench.look_after(0.2) == [8001]  # it gets its time to wake up
    bench.watch.stepped()
    bench.frame(0)
    assert bench.look_after(PATIENCE_S + 0.1) == [8001, 8000]


def test_a_call_that_came_while_the_server_had_to_wait_is_read_first() -> None:
    bench = Bench()
    bench.frame(2)
    bench.frame(0)
    assert bench.look_after(PATIENCE_S + 0.1, looks=1) == []
    bench.watch.stepped()
    assert bench.look_after(PATIENCE_S + 0.1, looks=1) == []
    assert bench.look_after(0.1, looks=1) == [8001]


def test_where_no_manager_stepped_before_none_is_missed() -> None:
    bench = Bench()
    bench.frame(0)
    bench.frame(0)
    assert bench.look_after(100.0) == []


def test_a_manager_may_sleep_through_its_first_call() -> None:
    bench = Bench()
    bench.frame(0, managers=0)
    bench.frame(0, managers=1)
    assert bench.look_after(PATIENCE_S + 0.1) == [8000]


def test_a_manager_that_came_with_a_step_is_expected_once() -> None:
    bench = Bench()
    bench.frame(1, managers=0)
    bench.frame(1, managers=1)
    assert bench.look_after(100.0) == []


def test_all_may_sleep_when_the_world_becomes_synchronous() -> None:
    bench = Bench()
    bench.frame(0)
    bench.frame(0)
    bench.watch.now_synchronous()
    bench.frame(0)
    assert bench.look_after(PATIENCE_S + 0.1) == [8000]


def test_a_frame_has_begun_once_all_managers_have() -> None:
    bench = Bench()
    bench.frame(2)
    bench.watch.ticked(2)
    assert not bench.watch.begun
    bench.watch.stepped()
    assert not bench.watch.begun
    bench.watch.stepped()
    assert bench.watch.begun
