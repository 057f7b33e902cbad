"""The contact sheet is drawn, and moments come back from their file as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perception.augment.sheet import COLUMNS, TILE, contact_sheet, load_moments, save_moments
from tests.perception.augment.scenes import street


def test_moments_come_back_and_make_a_sheet(tmp_path: Path) -> None:
    moments = [street(seed) for seed in range(3)]
    save_moments(tmp_path / "moments.npz", moments)
    again = load_moments(tmp_path / "moments.npz")
    for one, other in zip(moments, again, strict=True):
        assert np.array_equal(one.image, other.image)  # type: ignore[arg-type]
        assert np.array_equal(one.depth_m, other.depth_m)  # type: ignore[arg-type]
        assert np.array_equal(one.objects.m, other.objects.m)
        assert one.cloud is not None
        assert other.cloud is not None
        assert np.array_equal(one.cloud.ring, other.cloud.ring)
    sheet = contact_sheet(again, seed=0)
    assert sheet.shape[1] == COLUMNS * TILE[1]
    assert sheet.shape[0] % TILE[0] == 0
    tiles = sheet.reshape(sheet.shape[0] // TILE[0], TILE[0], COLUMNS, TILE[1], 3).swapaxes(1, 2).reshape(-1, *TILE, 3)
    pictures = {tile[:100].tobytes() for tile in tiles if tile.any()}
    # a small tile of a toy street does not show every change of its sweep
    assert len(pictures) >= sum(bool(tile.any()) for tile in tiles) - 3
