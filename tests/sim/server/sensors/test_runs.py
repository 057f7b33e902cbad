"""Runs of a tile against the samples they are made of."""

from __future__ import annotations

import numpy as np

from sim.server.scene.mesh import Material
from sim.server.sensors.columns import FRAGMENTS, TILE_HEIGHT, TILE_WIDTH
from sim.server.sensors.runs import (
    ACROSS,
    COUNT,
    DOWN,
    LENGTH,
    RUN_COLUMNS,
    RUN_FACE,
    RUN_PIXEL,
    RUN_SLOT,
    SAMPLE,
    gather_runs,
)

WIDTH, HEIGHT = TILE_WIDTH + 11, TILE_HEIGHT  # pixels; the second tile is narrow


def geometry(faces: int, param: np.ndarray):
    """Tables of ``faces`` that all look up; alike are those of one param."""
    corners = np.zeros((3 * faces, 3), np.float32)
    up = np.tile(np.array([0.0, 0.0, 1.0], np.float32), (3 * faces, 1))
    names = np.arange(3 * faces, dtype=np.uint32).reshape(-1, 3)
    return corners, up, corners, names, np.full(faces, Material.WALL, np.uint8), param.astype(np.int32), corners


def gathered(slot: np.ndarray, face_of_slot: np.ndarray, tables):
    """Runs (n, RUN_COLUMNS) and share of sky (h, w) of a picture of samples."""
    depth = np.full(slot.shape, 0.1, np.float32)
    mark, made, sky = np.zeros(TILE_WIDTH, np.uint8), [], np.zeros((HEIGHT, WIDTH), np.float32)
    for column in range(0, WIDTH, TILE_WIDTH):
        runs, share = np.zeros((FRAGMENTS, RUN_COLUMNS), np.int32), np.zeros((TILE_HEIGHT, TILE_WIDTH), np.float32)
        end = min(WIDTH, column + TILE_WIDTH)
        count = gather_runs(
            0, HEIGHT, column, end, depth, slot, face_of_slot, tables, mark, mark.view(np.uint64), runs, share
        )
        made.append(runs[:count])
        sky[:, column:end] = share[:, : end - column]
    return np.concatenate(made), sky


def patches(slots: int, rng: np.random.Generator) -> np.ndarray:
    """Samples (h, w) in patches of random slots and sky, so that pixels show one, two, three or four of them."""
    coarse = rng.integers(-1, slots, (2 * HEIGHT // 4 + 1, 2 * WIDTH // 16 + 1))
    slot = np.repeat(np.repeat(coarse, 4, axis=0), 16, axis=1)[: 2 * HEIGHT, : 2 * WIDTH]
    spots = rng.random(slot.shape) < 0.08
    return np.where(spots, rng.integers(-1, slots, slot.shape), slot).astype(np.int32)


def test_runs_hold_every_sample_of_their_surface_and_the_sky_the_rest():
    slots = 9
    slot = patches(slots, np.random.default_rng(2))
    face_of_slot = np.arange(slots, dtype=np.int32)[::-1].copy()
    runs, sky = gathered(slot, face_of_slot, geometry(slots, np.arange(slots)))  # no two faces are alike
    seen = {}
    for run in runs:
        for k in range(run[LENGTH]):
            y, x = divmod(int(run[RUN_PIXEL]) + k, WIDTH)
            count, across, down = run[[COUNT, ACROSS, DOWN]].tolist()
            seen[y, x, int(run[RUN_SLOT])] = (count, across + 4 * k * count, down)
        y, x = divmod(int(run[SAMPLE]), 2 * WIDTH)
        assert slot[y, x] == run[RUN_SLOT]
        assert run[RUN_FACE] == face_of_slot[run[RUN_SLOT]]
    wanted = {}
    for y in range(HEIGHT):
        for x in range(WIDTH):
            pixel = slot[2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
            assert sky[y, x] == (pixel < 0).mean()
            for s in set(pixel[pixel >= 0].tolist()):
                row, column = np.nonzero(pixel == s)
                across, down = (4 * x + 1 + 2 * column).sum(), (4 * y + 1 + 2 * row).sum()  # half samples
                wanted[y, x, s] = len(row), int(across), int(down)
    assert seen == wanted


def test_faces_of_one_surface_share_a_run_and_uniform_pixels_a_longer_one():
    slot = np.zeros((2 * HEIGHT, 2 * WIDTH), np.int32)
    slot[0, 1] = slot[1, 0] = 1  # the first pixel of the picture
    alike, _ = gathered(slot, np.arange(2, dtype=np.int32), geometry(2, np.zeros(2)))
    apart, _ = gathered(slot, np.arange(2, dtype=np.int32), geometry(2, np.arange(2)))
    assert alike[0][[COUNT, LENGTH, ACROSS, DOWN]].tolist() == [4, 1, 8, 8]
    assert [run[[RUN_SLOT, COUNT, ACROSS, DOWN]].tolist() for run in apart[:2]] == [[0, 2, 4, 4], [1, 2, 4, 4]]
    assert alike[1][LENGTH] == TILE_WIDTH - 1
    assert alike[2][LENGTH] == TILE_WIDTH
