"""Facts about the lamps of bodies: which bits of the light state light what, and when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.server.sensors.bodies import BEACON_HZ, INTERIOR, SPECIAL_1, body_table
from sim.server.sensors.columns import LIT_BEACON_LEFT, LIT_BEACON_RIGHT, LIT_INSIDE
from sim.server.sensors.kernel import F32
from tests.sim.server.sensors import builders


def lit(state: int, elapsed_s: float) -> F32:
    bodies = builders.instances((1, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    bodies = replace(bodies, light_state=np.array([state], np.uint32))
    return body_table(bodies, builders.library(), 0.0, elapsed_s)[0]


def test_the_sides_of_a_light_bar_take_turns() -> None:
    half = 0.5 / BEACON_HZ
    first, second = lit(SPECIAL_1, 0.1 * half), lit(SPECIAL_1, 1.1 * half)
    assert (first[LIT_BEACON_LEFT], first[LIT_BEACON_RIGHT]) == (1.0, 0.0)
    assert (second[LIT_BEACON_LEFT], second[LIT_BEACON_RIGHT]) == (0.0, 1.0)


@pytest.mark.parametrize("column", [LIT_BEACON_LEFT, LIT_BEACON_RIGHT, LIT_INSIDE])
def test_without_their_bits_beacons_and_cabin_are_dark(column: int) -> None:
    assert lit(0, 0.0)[column] == 0.0


def test_the_interior_light_shines_through_the_windows() -> None:
    assert lit(INTERIOR, 0.0)[LIT_INSIDE] > 0.0
