"""Facts about lorries and fire engines as cameras see them: hardware of boxes, cab fronts, lamps, what hangs below."""

from __future__ import annotations

import numpy as np
import pytest

from sim.server.scene.bodies.heavy import build_heavy
from sim.server.scene.bodies.parts import FRONT, REAR
from sim.server.scene.mesh import Material
from tests.sim.server.scene.bodies.painted import DARK, GLASS, LAMP, PAINT, STYLES, patch

LORRIES = ("box_truck", "hgv")
WITHOUT_DETAIL = {"box_truck": 4676, "hgv": 4676, "fire_truck": 5176, "bus": 6648}
"""Triangles of the finest level before these details were added; a camera's speed bears 30 % more."""


@pytest.mark.parametrize("name", LORRIES)
def test_the_upper_half_of_a_box_has_posts_a_seam_and_four_rods(name: str) -> None:
    load = STYLES[name].loads[0]
    w = min(load.width_m, STYLES[name].shape.width_m) / 2
    z = load.z[0] + 0.8 * (load.z[1] - load.z[0])
    row = patch(STYLES[name], REAR, (-w, w), (z, z + 0.03))[..., DARK].mean(axis=0)
    runs = np.flatnonzero(np.diff((row > 0.7).astype(int)) == 1)
    assert len(runs) >= 6  # seam, rods, right post, and what crosses them
    assert min(row[:6].min(), row[-6:].min()) > 0.8  # posts at both edges
    assert 0.4 < (row < 0.5).mean() < 0.9  # panels between them


@pytest.mark.parametrize("name", LORRIES)
def test_tape_and_under_run_bar_shine_far_less_than_tail_lamps(name: str) -> None:
    style = STYLES[name]
    w = style.shape.width_m / 2 - 0.05
    bar = style.shape.wheel_radius_m * 0.85
    for low, high in ((bar + 0.01, bar + 0.15), (style.loads[0].z[0] + 0.02, style.loads[0].z[0] + 0.1)):
        tape = patch(style, REAR, (-w, w), (low, high))[..., LAMP]
        assert 0.05 < tape.max() < 0.25


@pytest.mark.parametrize("name", LORRIES)
def test_seats_and_dash_show_through_a_windscreen(name: str) -> None:
    style = STYLES[name]
    belt = style.shape.belt_m
    assert patch(style, FRONT, (-0.8, 0.8), (belt + 0.3, belt + 0.5))[..., GLASS].mean() > 0.25
    assert patch(style, FRONT, (-0.8, 0.8), (belt + 0.03, belt + 0.07))[..., DARK].mean() > 0.5


def test_bars_run_before_the_dark_of_a_small_lorrys_grille() -> None:
    style = STYLES["box_truck"]
    belt, low = style.shape.belt_m, style.livery.grille[1]
    column = patch(style, FRONT, (0.45, 0.55), (low, belt - 0.13))[..., DARK].mean(axis=1)
    assert (np.diff((column > 0.8).astype(int)) == 1).sum() >= 3


@pytest.mark.parametrize("name", [*LORRIES, "fire_truck"])
def test_headlamps_are_two_round_lamps_in_a_dark_housing(name: str) -> None:
    y0, y1, low, high = STYLES[name].livery.head
    lamp = patch(STYLES[name], FRONT, (y0, min(y1, STYLES[name].shape.width_m / 2)), (low, high))
    assert 0.25 < lamp[..., LAMP].mean() < 0.85
    middle = lamp[len(lamp) // 2, :, LAMP]
    assert (np.diff((middle > 0.5).astype(int)) == -1).sum() >= 1


@pytest.mark.parametrize("name", LORRIES)
def test_mudflaps_hang_behind_the_rear_wheels(name: str) -> None:
    shape = STYLES[name].shape
    behind = shape.axles_m[1] - shape.wheel_radius_m
    flaps = [
        part
        for part in build_heavy(STYLES[name]).lods[0]
        if (part.material == Material.PLASTIC).all() and np.ptp(part.points_m[:, 0]) < 0.05
        and behind - 0.3 < part.points_m[:, 0].max() < behind and part.points_m[:, 2].min() < 0.2
    ]  # fmt: skip
    assert sorted(np.sign(flap.points_m[:, 1].mean()) for flap in flaps) == [-1.0, 1.0]


@pytest.mark.parametrize("name", sorted(WITHOUT_DETAIL))
def test_detail_costs_few_triangles(name: str) -> None:
    finest, middle, coarse = (sum(len(part.faces) for part in parts) for parts in build_heavy(STYLES[name]).lods)
    assert finest < 1.3 * WITHOUT_DETAIL[name]
    assert coarse < 0.5 * middle < 0.2 * finest


def test_a_bus_is_painted_between_its_black_bumper_and_its_lamps() -> None:
    bus = STYLES["bus"]
    low = bus.livery.head[2] - 0.06
    for u in ((-1.0, -0.4), (0.4, 1.0)):  # the number plate hangs between
        assert patch(bus, FRONT, u, (0.48, low))[..., PAINT].mean() > 0.95
