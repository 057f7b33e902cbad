"""The same program gets the same bytes, from another process on fewer cores, with traffic and people."""

from __future__ import annotations

import argparse

from tests.sim.server.robustness.repeat import run_once


def test_all_streams_repeat_on_one_core_and_on_two() -> None:
    options = argparse.Namespace(map="Roadlab01", vehicles=8, walkers=6, ticks=30)
    assert run_once(0, options) == run_once(1, options)
