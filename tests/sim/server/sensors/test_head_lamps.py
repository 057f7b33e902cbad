"""Facts about the beam of a head lamp, by the measuring points of UN Regulation 112 on a screen 25 m ahead."""

from __future__ import annotations

import math
from dataclasses import replace

import carla
import numpy as np
import pytest

from sim.server.sensors.bodies import body_table
from sim.server.sensors.columns import BEAM, FRAGMENT_COLUMNS, LAMP_KIND, POS, STRIDE
from sim.server.sensors.kernel import F32
from sim.server.sensors.lamplight import _beam
from sim.server.sensors.lamps import lamp_table
from tests.sim.server.sensors import builders

LAMP_M = (2.0, 0.0, 0.65)
SCREEN_M = 25.0
Light = carla.VehicleLightState


def table(state: int, pitch_rad: float = 0.0, night: float = 1.0) -> F32:
    """Lamps of a vehicle at the origin with one head lamp, that looks along x."""
    bodies = builders.instances((1, (0.0, 0.0, 0.0), (pitch_rad, 0.0, 0.0), (1.0, 1.0, 1.0)))
    bodies = replace(bodies, light_state=np.array([state], np.uint32))
    library = builders.library()
    places = library.lamps_m.copy()
    places[:, 0] = *LAMP_M, 1.0
    library = replace(library, lamps_m=places)
    nowhere = np.zeros((0, 6), np.float32), np.zeros((0, 3), np.float32)
    return lamp_table(np.zeros(3), *nowhere, bodies, body_table(bodies, library, night, 0.0), library)


def light(down_deg: float, aside_deg: float, state: int = int(Light.LowBeam), pitch_rad: float = 0.0) -> float:
    """Light on the screen, of any unit."""
    (lamp,) = (row for row in table(state, pitch_rad) if row[LAMP_KIND] == BEAM)
    q = np.zeros(FRAGMENT_COLUMNS * STRIDE, np.float32)
    place = (
        LAMP_M[0] + SCREEN_M,
        LAMP_M[1] + SCREEN_M * math.tan(math.radians(aside_deg)),
        LAMP_M[2] - SCREEN_M * math.tan(math.radians(down_deg)),
    )
    q[POS * STRIDE], q[(POS + 1) * STRIDE], q[(POS + 2) * STRIDE] = place
    strength = np.zeros(1, np.float32)
    _beam(q, 1, lamp, strength)
    return float(strength[0])


def test_a_dipped_beam_is_bright_below_its_edge_and_dark_above() -> None:
    brightest = max(light(down, 0.0) for down in np.arange(0.5, 3.0, 0.1))
    assert light(0.86, 0.0) > 0.9 * brightest
    for up in (0.57, 1.0, 2.0, 4.0):
        assert light(-up, 0.0) < 0.7 / 12.0 * brightest
    assert light(1.72, 9.0) > 2.0 / 12.0 * light(0.86, 0.0)
    assert light(1.72, 9.0) == pytest.approx(light(1.72, -9.0))
    assert light(3.0, 0.0) > light(6.0, 0.0) > light(12.0, 0.0) > 0.0


def test_the_edge_tilts_with_the_vehicle() -> None:
    nose_up = math.radians(2.0)
    assert light(-1.0, 0.0, pitch_rad=nose_up) > 5.0 * light(-1.0, 0.0)


def test_the_main_beam_lights_what_is_above_the_edge() -> None:
    both = int(Light.LowBeam) | int(Light.HighBeam)
    assert light(0.0, 0.0, both) > 2.0 * light(0.86, 0.0)
    assert light(-1.0, 0.0, both) > 10.0 * light(-1.0, 0.0)
    assert light(1.72, 20.0, both) == pytest.approx(light(1.72, 20.0), rel=0.5)


def test_lamps_that_are_off_light_nothing() -> None:
    """They keep a little of LIT_HEAD, as glass is no hole."""
    assert len(table(0, night=0.0)) == 0
    assert len(table(int(Light.LowBeam), night=0.0)) == 1
