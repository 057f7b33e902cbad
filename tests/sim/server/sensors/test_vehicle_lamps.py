"""Facts about the lamps of bodies: which bits of the light state light what, and when."""

from __future__ import annotations

from dataclasses import replace

import carla
import numpy as np
import pytest

from sim.server.sensors.bodies import BEACON_HZ, body_table
from sim.server.sensors.columns import (
    EMISSION,
    EXTRA,
    HALF_WIDTH,
    INSTANCE_COLUMNS,
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
from sim.server.sensors.shade_model import DISPLAY_FROM_M, _lamp
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


def shine(height_m: float, inside: float) -> F32:
    """Light (3,) of a lamp's texel in the middle of a bus's front at a height, its head lamps off."""
    texel, body = np.zeros(64, np.float32), np.zeros(INSTANCE_COLUMNS, np.float32)
    texel[EXTRA : EXTRA + 3] = 5.0, 0.2, height_m
    body[HALF_WIDTH], body[LIT_INSIDE] = 1.25, inside
    _lamp(texel, body, 1.0)
    return texel[EMISSION : EMISSION + 3]


def test_a_destination_shines_amber_by_day_and_more_by_night_whatever_the_head_lamps_do() -> None:
    day, night = shine(DISPLAY_FROM_M + 0.4, 0.0), shine(DISPLAY_FROM_M + 0.4, 0.08)
    assert night[0] > 2.0 * day[0] > 0.0
    assert night[0] > 1.5 * night[1] > 4.0 * night[2] > 0.0
    assert not shine(0.8, 0.08).any()
