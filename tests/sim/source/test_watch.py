"""A traffic manager that sleeps through its call is woken, and nothing else is."""

import threading
from types import SimpleNamespace

import pytest

from sim.source.watch import PATIENCE_S, TickWatch


class World:
    """Ticks until it is let go; the snapshot comes when the test says so."""

    def __init__(self) -> None:
        self.frame, self.began, self.let_go = 7, threading.Event(), threading.Event()

    def get_snapshot(self) -> SimpleNamespace:
        return SimpleNamespace(frame=self.frame)

    def tick(self) -> int:
        self.began.set()
        assert self.let_go.wait(10.0)
        return self.frame


@pytest.fixture
def place(monkeypatch):
    """World, ports woken, a watch that looks only when told, and the time it sees."""
    monkeypatch.setattr("sim.source.watch.LOOK_S", 1e6)
    world, woken, now = World(), [], [0.0]
    watch = TickWatch(world, 8000, lambda: now[0], woken.append)
    yield world, woken, watch, now
    world.let_go.set()
    watch.close()


def start(watch: TickWatch, world: World) -> threading.Thread:
    thread = threading.Thread(target=watch.tick, daemon=True)
    thread.start()
    assert world.began.wait(10.0)
    return thread


def test_a_manager_that_sleeps_after_the_snapshot_is_woken_once(place):
    world, woken, watch, now = place
    thread = start(watch, world)
    world.frame = 8
    for seconds in (0.0, PATIENCE_S - 0.1, PATIENCE_S + 0.1, PATIENCE_S + 0.2):
        now[0] = seconds
        watch.look()
    assert woken == [8000]
    world.let_go.set()
    thread.join(10.0)


def test_a_server_that_takes_its_time_is_waited_for(place):
    world, woken, watch, now = place
    thread = start(watch, world)  # the snapshot does not come
    for seconds in (0.0, 20.0, 40.0):
        now[0] = seconds
        watch.look()
    assert woken == []
    world.let_go.set()
    thread.join(10.0)


def test_nothing_is_woken_between_ticks(place):
    world, woken, watch, now = place
    world.let_go.set()
    for frame in (8, 9, 10):
        world.frame = frame
        assert watch.tick() == frame
        now[0] += 20.0
        watch.look()
    assert woken == []
