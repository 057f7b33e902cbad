"""Facts about the lamps of bodies: which bits of the light state light what, and when."""

from __future__ import annotations

from dataclasses import replace

import carla
import numpy as np
import pytest

from sim.server.sensors.bodies import BEACON_HZ, body_table
from sim.server.sensors.columns import (
    LIT_BEACON_LEFT,
    LIT_BEACON_RIGHT,
    LIT_BRAKE,
    LIT_HEAD,
    LIT_INSIDE,
    LIT_LEFT,
    LIT_REVERSE,
    LIT_RIGHT,
    LIT_TAIL,
)
from sim.server.sensors.kernel import F32
from tests.sim.server.sensors import builders

Light = carla.VehicleLightState


def lit(state: int, elapsed_s: float) -> F32:
    bodies = builders.instances((1, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    bodies = replace(bodies, light_state=np.array([state], np.uint32))
    library = builders.library()
    lamps = library.lamps_m.copy()
    lamps[:, 0, 3] = 1.0  # a head lamp
    return body_table(bodies, replace(library, lamps_m=lamps), 0.0, elapsed_s)[0]


def test_the_sides_of_a_light_bar_take_turns() -> None:
    half = 0.5 / BEACON_HZ
    first, second = lit(int(Light.Special1), 0.1 * half), lit(int(Light.Special1), 1.1 * half)
    assert (first[LIT_BEACON_LEFT], first[LIT_BEACON_RIGHT]) == (1.0, 0.0)
    assert (second[LIT_BEACON_LEFT], second[LIT_BEACON_RIGHT]) == (0.0, 1.0)


@pytest.mark.parametrize("column", [LIT_BEACON_LEFT, LIT_BEACON_RIGHT, LIT_INSIDE])
def test_without_their_bits_beacons_and_cabin_are_dark(column: int) -> None:
    assert lit(0, 0.0)[column] == 0.0


@pytest.mark.parametrize(
    ("state", "columns"),
    [
        (Light.Position, {LIT_TAIL}),
        (Light.LowBeam, {LIT_HEAD, LIT_TAIL}),
        (Light.Brake, {LIT_BRAKE}),
        (Light.RightBlinker, {LIT_RIGHT}),
        (Light.LeftBlinker, {LIT_LEFT}),
        (Light.Reverse, {LIT_REVERSE}),
        (Light.Fog, {LIT_TAIL}),
        (Light.Interior, {LIT_INSIDE}),
        (Light.Special1, {LIT_BEACON_LEFT}),
        (Light.Special2, {LIT_BEACON_LEFT}),
    ],
)
def test_each_bit_of_the_client_lights_its_own_lamps(state: carla.VehicleLightState, columns: set[int]) -> None:
    lamps = [
        LIT_HEAD,
        LIT_TAIL,
        LIT_BRAKE,
        LIT_LEFT,
        LIT_RIGHT,
        LIT_REVERSE,
        LIT_BEACON_LEFT,
        LIT_BEACON_RIGHT,
        LIT_INSIDE,
    ]
    brighter = lit(int(state), 0.0) > lit(0, 0.0)
    assert {lamp for lamp in lamps if brighter[lamp]} == columns
