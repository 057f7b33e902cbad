"""Facts about what the fronts and flanks of cars and vans show."""

from __future__ import annotations

import numpy as np
import pytest

from sim.server.scene.bodies.car_styles import CAR_STYLES
from sim.server.scene.bodies.cars import build_car
from sim.server.scene.bodies.charts import Painter
from sim.server.scene.bodies.finish import shade
from sim.server.scene.bodies.heavy import paint_heavy
from sim.server.scene.bodies.heavy_styles import HEAVY_STYLES
from sim.server.scene.bodies.livery import paint_car
from sim.server.scene.bodies.parts import FRONT, REAR, SIDE
from sim.server.scene.mesh import Material

PAINT, GLASS, LAMP, DARK = range(4)
STYLES = {shape.name: (shape, livery) for shape, livery in CAR_STYLES}
VANS = {style.shape.name: style for style in HEAVY_STYLES}
BARRED = sorted(name for name, (_, livery) in STYLES.items() if livery.grille[0] > 0.0 and not livery.slots)
MOST_TRIANGLES = 6400  # of a car looked at from near: 5,750 at most, and a tenth of it more for what comes


def region(painter: Painter, u0: float, u1: float, v0: float, v1: float) -> np.ndarray:
    """Texels (rows, columns, 4) between chart metres."""
    a, b, c, d = painter.span
    height, width = painter.canvas.shape[:2]
    rows = slice(int((v0 - c) / (d - c) * height), int((v1 - c) / (d - c) * height) + 1)
    return painter.canvas[rows, int((u0 - a) / (b - a) * width) : int((u1 - a) / (b - a) * width) + 1]


@pytest.mark.parametrize("name", BARRED)
def test_a_grille_is_mostly_black(name: str) -> None:
    shape, livery = STYLES[name]
    g, low, high = livery.grille
    low = max(low, livery.plate_z[0] + 0.09)
    texels = region(paint_car(shape, livery)[FRONT], -0.7 * g, -0.2 * g, low + 0.01, high - 0.01)
    assert texels[..., DARK].mean() > 0.85


@pytest.mark.parametrize("name", sorted(STYLES))
def test_head_lamps_shine_from_a_dark_housing(name: str) -> None:
    shape, livery = STYLES[name]
    y0, y1, low, high = livery.head
    texels = region(paint_car(shape, livery)[FRONT], y0 - 0.02, y1 + 0.02, low - 0.02, high + 0.02)
    assert (texels[..., LAMP] > 0.9).mean() > 0.06
    assert (texels[..., DARK] > 0.9).mean() > 0.04


def test_the_off_roader_has_seven_slots_between_its_lamps() -> None:
    shape, livery = STYLES["offroad"]
    g, low, high = livery.grille
    row = region(paint_car(shape, livery)[FRONT], -g, g, (low + high) / 2, (low + high) / 2)[0]
    dark = row[:, DARK] > 0.5
    assert int((dark[1:] & ~dark[:-1]).sum()) + int(dark[0]) == 7
    assert row[~dark][:, PAINT].min() > 0.4


def test_the_off_roaders_spare_wheel_has_spokes_with_dark_between_them() -> None:
    body = build_car(*STYLES["offroad"])
    for detail in range(3):
        spare = [p for p in body.lods[detail] if p.points_m[:, 0].max() < -1.8 and (p.material == Material.TYRE).any()]
        assert len(spare) == 1
        points, part = spare[0].points_m, spare[0]
        outermost = points[part.faces[part.material == Material.RIM]].mean(axis=1)[:, 0].max()
        assert outermost < points[:, 0].max() - 0.1, "the rim looks backward"
        assert (part.material == Material.PLASTIC).sum() >= 4


@pytest.mark.parametrize("name", sorted(STYLES))
def test_mirrors_are_painted_in_front_and_dark_behind(name: str) -> None:
    body = build_car(*STYLES[name])
    shape = STYLES[name][0]
    for detail in (0, 1):
        outside = [p for p in body.lods[detail] if np.abs(p.points_m[:, 1]).min() > shape.width_m / 2 - 0.15
                   and p.points_m[:, 2].min() > shape.belt_m - 0.05]  # fmt: skip
        assert len(outside) == 2
        for part in outside:
            middle = part.points_m[part.faces].mean(axis=1)[:, 0] - part.points_m[:, 0].mean()
            assert set(part.material[middle > 0.03].tolist()) == {int(Material.PAINT)}
            assert set(part.material[middle < -0.03].tolist()) == {int(Material.PLASTIC)}


@pytest.mark.parametrize("name", sorted(STYLES))
def test_cars_stay_cheap(name: str) -> None:
    body = build_car(*STYLES[name])
    counts = [len(shade(parts, body.frame, detail).faces) for detail, parts in enumerate(body.lods)]
    assert counts[0] > counts[1] > counts[2]
    assert counts[0] < MOST_TRIANGLES


def test_a_vans_rear_doors_have_a_window_each_with_paint_and_a_gap_between() -> None:
    style = VANS["delivery_van"]
    rear = paint_heavy(style)[REAR]
    z = style.shape.belt_m + 0.5
    for u in (-0.4, 0.4):
        assert region(rear, u, u, z, z)[0, 0, GLASS] > 0.7
    assert region(rear, 0.0, 0.0, z, z)[0, 0, DARK] > 0.8
    assert region(rear, 0.06, 0.06, z, z)[0, 0, PAINT] > 0.8


def test_an_ambulance_is_chequered_along_its_flank() -> None:
    charts = paint_heavy(VANS["ambulance"])
    flank = region(charts[SIDE], -2.9, 0.0, 0.95, 0.95)[0][:, PAINT] > 0.5
    assert 0.3 < flank.mean() < 0.7
    assert int((flank[1:] != flank[:-1]).sum()) >= 5


def test_a_camper_has_a_bright_bumper_and_lamps_in_chrome() -> None:
    style = VANS["camper"]
    charts = paint_heavy(style)
    assert region(charts[FRONT], -0.7, 0.7, 0.36, 0.40).sum(axis=2).max() < 0.1, "what is missing is bright trim"
    y0, y1, low, high = style.livery.head
    z, radius = (low + high) / 2 - 0.03, (high - low) / 2
    row = region(charts[FRONT], (y0 + y1) / 2, (y0 + y1) / 2 + 1.3 * radius, z, z)[0]
    lamp, ring = row[: len(row) // 3, LAMP], row[int(len(row) * 0.76) : int(len(row) * 0.84)]
    assert lamp.min() > 0.9
    assert (1.0 - ring.sum(axis=1)).max() > 0.4


def test_a_cybertruck_has_a_bar_of_light_across_its_nose() -> None:
    style = VANS["cybertruck"]
    front = paint_heavy(style)[FRONT]
    z = (style.livery.head[2] + style.livery.head[3]) / 2
    bar = region(front, -0.9, 0.9, z, z)[0]
    assert bar[:, LAMP].min() > 0.9
    assert region(front, -0.9, 0.9, z - 0.045, z - 0.045)[0][:, DARK].mean() > 0.9


@pytest.mark.parametrize("name", ["delivery_van", "camper", "ambulance", "cybertruck"])
def test_weights_of_a_vans_texel_never_exceed_one(name: str) -> None:
    for painter in paint_heavy(VANS[name]):
        assert painter.canvas.sum(axis=2).max() < 1.0 + 1e-4
        assert painter.canvas.min() > -1e-4
