"""The page of the calls is what the code says."""

from __future__ import annotations

from pathlib import Path

from sim.server.calls.compatibility import page
from sim.server.calls.dispatch import METHODS
from sim.server.calls.table import Support

PAGE = Path(__file__).resolve().parents[4] / "docs" / "compatibility.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: python -m sim.server.calls.compatibility > docs/compatibility.md"


def test_what_differs_from_carla_is_said() -> None:
    for name, method in METHODS.items():
        assert bool(method.note) == (method.support is not Support.FULL), name
