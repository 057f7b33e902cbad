"""Strokes and texts over a picture whose depth is known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sim.server.sensors.debug_overlay import draw
from sim.server.sensors.drawing import HUD_LINE, LINE, POINT, Drawing, Text
from sim.server.sensors.pool import WorkerPool
from sim.server.sensors.raster import camera_block

WIDTH, HEIGHT, FOCAL = 80, 60, 40.0  # 90 degrees wide
EYE = camera_block(np.zeros(3), np.eye(3))
RED = (0, 0, 255)
Stroke = tuple[tuple[float, float, float], tuple[float, float, float], float, int]


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2)
    yield pool
    pool.close()


def drawn(pool: WorkerPool, *strokes: Stroke, texts: tuple[Text, ...] = (), wall_m: float = np.inf) -> np.ndarray:
    """Where a grey picture turned red; a wall hides its left half."""
    bgr = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    inverse_depth = np.zeros((2 * HEIGHT, 2 * WIDTH), np.float32)
    inverse_depth[:, :WIDTH] = 1.0 / wall_m
    table = np.array([[*begin, *end, width, kind] for begin, end, width, kind in strokes]).reshape(-1, 8)
    before = inverse_depth.copy()
    colors = np.full((len(table), 3), RED, np.uint8)
    draw(bgr, inverse_depth, EYE, FOCAL, Drawing(table, colors, texts), pool)
    assert np.array_equal(inverse_depth, before)
    return np.asarray((bgr == RED).all(axis=2))


def test_a_line_has_its_width_in_metres(pool: WorkerPool) -> None:
    red = drawn(pool, ((10.0, -5.0, 0.0), (10.0, 5.0, 0.0), 1.0, LINE))
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert list(rows) == [28, 29, 30, 31]  # 1 m at 10 m: 4 pixels about the middle
    assert (columns[0], columns[-1]) == (20, 59)
    assert red.sum() == 4 * 40


def test_the_wall_hides_what_is_behind_it_and_only_that(pool: WorkerPool) -> None:
    line = ((10.0, -5.0, 0.0), (10.0, 5.0, 0.0), 1.0, LINE)
    assert drawn(pool, line, wall_m=9.0).sum() == 4 * 20
    assert drawn(pool, line, wall_m=11.0).sum() == 4 * 40
    on_screen = ((10.0, -5.0, 0.0), (10.0, 5.0, 0.0), 4.0, HUD_LINE)
    assert drawn(pool, on_screen, wall_m=1.0).sum() == 4 * 40


def test_a_point_has_its_size_in_pixels_at_any_distance(pool: WorkerPool) -> None:
    for away in (2.0, 50.0):
        assert drawn(pool, ((away, 0.0, 0.0), (away, 0.0, 0.0), 6.0, POINT)).sum() == 36


def test_what_lies_behind_the_eye_is_not_drawn(pool: WorkerPool) -> None:
    assert drawn(pool, ((-5.0, -5.0, 0.0), (-5.0, 5.0, 0.0), 1.0, LINE)).sum() == 0
    red = drawn(pool, ((-5.0, 0.0, -1.0), (15.0, 0.0, -1.0), 0.2, LINE))  # passes below the eye
    assert red[30:].any()
    assert not red[:30].any()


def test_a_thin_line_is_one_pixel_wide(pool: WorkerPool) -> None:
    red = drawn(pool, ((10.0, -5.0, 0.125), (10.0, 5.0, 0.125), 0.0, LINE))
    assert red.sum() == 40


def test_the_nearer_of_two_lines_is_on_top(pool: WorkerPool) -> None:
    bgr = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    table = np.array([[5, -5, 0, 5, 5, 0, 1.0, LINE], [9, -5, 0, 9, 5, 0, 9.0, LINE]], np.float64)
    colors = np.array([[255, 0, 0], [0, 255, 0]], np.uint8)
    draw(bgr, np.zeros((2 * HEIGHT, 2 * WIDTH), np.float32), EYE, FOCAL, Drawing(table, colors), pool)
    assert tuple(bgr[30, 40]) == (255, 0, 0)
    assert tuple(bgr[20, 40]) == (0, 255, 0)


def test_huge_shapes_fill_the_picture_and_no_more(pool: WorkerPool) -> None:
    red = drawn(pool, ((1.0, -1e7, 0.0), (1.0, 1e7, 0.0), 1000.0, LINE), ((0.06, 1e7, 1e7), (1e7, 0.0, 0.0), 1.0, LINE))
    assert red.all()


def test_a_text_begins_at_its_place(pool: WorkerPool) -> None:
    here = Text((10.0, 0.0, 0.0), "III", False, RED)
    bgr = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    draw(
        bgr,
        np.zeros((2 * HEIGHT, 2 * WIDTH), np.float32),
        EYE,
        FOCAL,
        Drawing(np.zeros((0, 8)), np.zeros((0, 3), np.uint8), (here,)),
        pool,
    )
    rows, columns = np.nonzero((bgr != 90).any(axis=2))
    assert 38 <= columns.min() <= 44
    assert columns.max() < 70
    assert 15 <= rows.min() < rows.max() <= 31
    assert drawn(pool, texts=(here._replace(position_m=(-10.0, 0.0, 0.0)),)).sum() == 0
