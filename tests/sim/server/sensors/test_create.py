"""What the sensors of a map share is built once, and nobody waits for what he does not need."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from sim.server.sensors import create
from sim.server.sensors.create import Once, SensorWorld


def test_once_makes_a_value_once_and_lets_others_wait() -> None:
    begun, go, calls = threading.Event(), threading.Event(), []

    def make() -> int:
        calls.append(1)
        begun.set()
        assert go.wait(10.0)
        return 7

    value, got = Once(make), []
    threads = [threading.Thread(target=lambda: got.append(value())) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(10.0)
    assert value.made is None
    go.set()
    for thread in threads:
        thread.join(10.0)
    assert (got, calls) == ([7, 7, 7], [1])


def test_appearance_changes_at_once_while_rays_are_being_built_and_reaches_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go, shown = threading.Event(), threading.Event(), []

    class SlowCaster:
        def __init__(self, scene: Any, library: Any) -> None:
            begun.set()
            assert go.wait(10.0)

        def show(self, mask: Any) -> None:
            shown.append(mask)

    monkeypatch.setattr(create, "RayCaster", SlowCaster)
    shared = SensorWorld(SimpleNamespace(), lambda: SimpleNamespace())  # type: ignore[arg-type]
    builder = threading.Thread(target=lambda: shared.caster)
    builder.start()
    assert begun.wait(10.0)
    shared.show(SimpleNamespace(shown="early"))  # type: ignore[arg-type]
    assert shown == []
    go.set()
    builder.join(10.0)
    shared.show(SimpleNamespace(shown="late"))  # type: ignore[arg-type]
    assert shown == ["early", "late"]


def test_nothing_is_built_for_a_map_that_is_left_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(create, "SETTLED_S", 0.2)
    monkeypatch.setattr(create, "RayCaster", lambda scene, library: made.append("rays"))
    left = SensorWorld(SimpleNamespace(), lambda: SimpleNamespace())  # type: ignore[arg-type]
    left.prepare()
    left.close()
    for thread in [t for t in threading.enumerate() if t.name == "sensors"]:
        thread.join(10.0)
    assert made == []


def test_what_building_freed_is_given_back_when_all_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(create, "SETTLED_S", 0.0)
    monkeypatch.setattr(create, "give_back", lambda: done.append("given back"))
    shared = SensorWorld(SimpleNamespace(), lambda: SimpleNamespace())  # type: ignore[arg-type]
    monkeypatch.setattr(shared, "_caster", lambda: SimpleNamespace(chunks=lambda: done.append("fans")))
    monkeypatch.setattr(shared, "_renderer", lambda: done.append("pictures"))
    shared.prepare()
    for thread in [t for t in threading.enumerate() if t.name == "sensors"]:
        thread.join(10.0)
    assert done == ["fans", "pictures", "given back"]
