"""Facts about what is painted on vans, lorries and buses: what a camera tells them by from behind and by night."""

from __future__ import annotations

import numpy as np
import pytest

from sim.server.scene.bodies.body import Body
from sim.server.scene.bodies.heavy import build_heavy
from sim.server.scene.bodies.parts import FRONT, REAR, SIDE
from sim.server.sensors.shade_model import DISPLAY_FROM_M, END_GLOW
from tests.sim.server.scene.bodies.painted import DARK, GLASS, LAMP, PAINT, STYLES, patch


def test_a_bus_shines_by_its_side_windows_and_keeps_its_windscreen_dim() -> None:
    bus = STYLES["bus"]
    windscreen = patch(bus, FRONT, (-1.0, 1.0), (1.5, 2.4))[..., GLASS]
    windows = patch(bus, SIDE, (-4.0, -1.0), (1.5, 2.4))[..., GLASS]
    assert END_GLOW * windscreen.mean() < 0.3 * windows.mean()
    assert windscreen.min() < 0.25  # somebody sits at the wheel


def test_a_bus_names_its_destination_in_lamps_on_black_above_the_windscreen() -> None:
    bus = STYLES["bus"]
    display = patch(bus, FRONT, (-bus.sign_m, bus.sign_m), (bus.shape.height_m - 0.37, bus.shape.height_m - 0.17))
    assert bus.shape.height_m - 0.37 > DISPLAY_FROM_M
    assert 0.2 < display[..., LAMP].mean() < 0.6
    assert display[..., LAMP].min() < 0.01
    assert (display[..., LAMP] + display[..., DARK]).min() > 0.99


def test_a_bus_seen_from_behind_has_painted_walls_round_its_window_and_a_grille_below() -> None:
    bus = STYLES["bus"]
    assert patch(bus, REAR, (1.02, 1.18), (1.7, 2.3))[..., PAINT].mean() > 0.95
    assert patch(bus, REAR, (-0.6, 0.6), (1.75, 2.3))[..., GLASS].mean() > 0.6
    assert 0.3 < patch(bus, REAR, (-0.6, 0.6), (1.02, 1.26))[..., DARK].mean() < 0.8


@pytest.mark.parametrize("name", ["box_truck", "hgv"])
def test_doors_of_a_box_are_dirtier_below(name: str) -> None:
    load = STYLES[name].loads[0]
    high = load.z[1] - load.z[0]
    below, above = (
        patch(STYLES[name], REAR, (0.05, 0.25), (load.z[0] + a * high, load.z[0] + b * high))[..., DARK].mean()
        for a, b in ((0.12, 0.2), (0.5, 0.58))
    )
    assert below > above + 0.1


def test_passengers_stand_out_against_the_lit_side_windows() -> None:
    glass = patch(STYLES["bus"], SIDE, (-4.0, -1.0), (1.7, 2.1))[..., GLASS]
    assert 0.05 < (glass < 0.3).mean() < 0.4


@pytest.mark.parametrize("name", ["ambulance", "fire_truck"])
def test_rear_doors_have_large_windows_and_a_black_bumper(name: str) -> None:
    style = STYLES[name]
    load = style.loads[0]
    low, high = load.z
    window = patch(style, REAR, (0.3, 0.8), (low + 0.55 * (high - low), low + 0.75 * (high - low)))
    assert window[..., GLASS].mean() > 0.95
    bumper = patch(style, REAR, (-0.75, -0.4), (low, low + load.skirt_m - 0.02))
    assert bumper[..., DARK].mean() > 0.9


@pytest.mark.parametrize("name", sorted(STYLES))
def test_tail_lamps_show_in_the_rear_chart(name: str) -> None:
    y0, y1, low, high = STYLES[name].livery.tail
    edge = STYLES[name].shape.width_m / 2
    lamp = patch(STYLES[name], REAR, (y0 + 0.01, min(y1, edge) - 0.01), (low + 0.02, high - 0.015))
    assert lamp[..., LAMP].mean() > 0.8


@pytest.mark.parametrize("name", ["box_truck", "hgv"])
def test_a_box_has_dark_rails_along_its_sides(name: str) -> None:
    load = STYLES[name].loads[0]
    middle = (load.x[0] + load.x[1]) / 2
    for low, high in ((load.z[0] + 0.01, load.z[0] + 0.1), (load.z[1] - 0.08, load.z[1])):
        assert patch(STYLES[name], SIDE, (middle - 0.5, middle + 0.5), (low, high))[..., DARK].mean() > 0.7


def test_bodies_are_built_alike_twice() -> None:
    one, two = (build_heavy(STYLES["bus"]) for _ in range(2))
    assert isinstance(one, Body)
    assert one.charts is not None
    assert two.charts is not None
    for a, b in zip(one.charts, two.charts, strict=True):
        assert np.array_equal(a.canvas, b.canvas)


def test_a_fire_engine_has_its_lamps_in_a_dark_panel_over_a_white_bumper() -> None:
    style = STYLES["fire_truck"]
    y0, y1, low, high = style.livery.head
    middle, r = (low + high) / 2, 0.085
    for u in (y0 + r + 0.01, y1 - r - 0.01):
        lamp = patch(style, FRONT, (u - 0.6 * r, u + 0.6 * r), (middle - 0.6 * r, middle + 0.6 * r))
        assert lamp[..., LAMP].mean() > 0.95
    assert patch(style, FRONT, (0.3, y0 - 0.04), (low, high))[..., DARK].mean() > 0.95
    assert style.white_bumper_z is not None
    assert patch(style, FRONT, (0.4, 1.1), style.white_bumper_z).sum(axis=2).mean() < 0.05


def test_an_ambulance_is_white_with_painted_chequers_all_along_it_and_windows_in_its_box() -> None:
    style = STYLES["ambulance"]
    band = patch(style, SIDE, (-1.0, 0.2), style.stripes_z[0])
    assert 0.4 < band[..., PAINT].mean() < 0.6
    above = patch(style, SIDE, (-1.2, -0.7), (1.6, 2.2))
    assert above.sum(axis=2).mean() < 0.1
    x0, x1, z0, z1 = style.panes[0]
    assert patch(style, SIDE, (x0 + 0.02, x1 - 0.02), (z0 + 0.02, z1 - 0.02))[..., GLASS].mean() > 0.95
