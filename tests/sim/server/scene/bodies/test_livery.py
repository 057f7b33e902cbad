"""Facts about the painted charts of cars."""

from __future__ import annotations

import numpy as np
import pytest

from sim.server.scene.bodies.car_styles import CAR_STYLES
from sim.server.scene.bodies.livery import paint_car
from sim.server.scene.bodies.parts import FRONT, REAR, SIDE, TOP

PAINT, GLASS, LAMP, DARK = range(4)
STYLES = {shape.name: (shape, livery) for shape, livery in CAR_STYLES}


@pytest.mark.parametrize("chart", [SIDE, REAR])
def test_the_off_roader_wears_a_black_hard_top_over_painted_doors(chart: int) -> None:
    shape, livery = STYLES["offroad"]
    painter = paint_car(shape, livery)[chart]
    rows = len(painter.canvas)
    belt = int(shape.belt_m / painter.span[3] * rows)
    assert painter.canvas[belt + 12 :, :, PAINT].max() < 0.01
    assert painter.canvas[belt - 60 : belt - 12, :, PAINT].mean() > 0.3


def test_the_hard_top_reaches_from_the_windscreen_to_the_rear() -> None:
    shape, livery = STYLES["offroad"]
    top = paint_car(shape, livery)[TOP]
    u0, u1 = top.span[:2]
    at = [int((x - u0) / (u1 - u0) * top.canvas.shape[1]) for x in (-1.5, 0.2, 1.2)]
    middle = top.canvas.shape[0] // 2
    assert top.canvas[middle, at[0], DARK] > 0.99
    assert top.canvas[middle, at[1], DARK] > 0.99
    assert top.canvas[middle, at[2], PAINT] > 0.99


@pytest.mark.parametrize("name", sorted(STYLES))
def test_weights_of_a_texel_never_exceed_one(name: str) -> None:
    for painter in paint_car(*STYLES[name]):
        total = painter.canvas.sum(axis=2)
        assert total.max() < 1.0 + 1e-4
        assert painter.canvas.min() > -1e-4


@pytest.mark.parametrize("name", sorted(STYLES))
def test_lamps_show_from_both_ends(name: str) -> None:
    charts = paint_car(*STYLES[name])
    for chart in (FRONT, REAR):
        assert np.mean(charts[chart].canvas[..., LAMP] > 0.5) > 0.002


@pytest.mark.parametrize("name", sorted(STYLES))
def test_tail_lamps_have_a_white_one_for_reversing_at_their_inner_end(name: str) -> None:
    shape, livery = STYLES[name]
    rear = paint_car(shape, livery)[REAR]
    y0, y1, low, high = livery.tail
    u0, u1, v0, v1 = rear.span

    def weights(y: float, z: float) -> np.ndarray:
        height, width = rear.canvas.shape[:2]
        return rear.canvas[int((z - v0) / (v1 - v0) * height), int((y - u0) / (u1 - u0) * width)]

    across, lower = y0 + 0.02 + 0.17 * (y1 - y0), low + 0.035 + 0.4 * (0.45 * (high - low) - 0.045)
    for side in (-1.0, 1.0):
        inner, outer = weights(side * across, lower), weights(side * (y0 + 0.8 * (y1 - y0)), high - 0.03)
        assert inner.sum() < 0.5, "what is missing to one is bright trim"
        assert outer[LAMP] > 0.9
