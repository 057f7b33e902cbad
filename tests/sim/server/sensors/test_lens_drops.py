"""Facts about drops on a lens that is focused far away: wide, soft, faint, upside down, more of them in more rain."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.server.sensors.film import APERTURE_M, FIELD, GLASS_M, THROUGH, drops_of, lay_over, veil_of_drops
from sim.server.sensors.kernel import F32, F64

WIDTH, HEIGHT, FOCAL_PX = 400, 300, 200.0
GLASS_M2 = FIELD[0] * FIELD[1] * GLASS_M**2


def one_drop(radius_m: float) -> F64:
    return np.array([[0.5, 0.5, radius_m, 1.0]])


def grey() -> F32:
    return np.ones((HEIGHT, WIDTH, 3), np.float32)


def kept(drops: F64) -> F32:
    """Share of the picture's own light (h, w) that drops leave."""
    return veil_of_drops(drops, FOCAL_PX, grey())[..., 3]


@pytest.mark.parametrize("radius_m", [0.0002, 0.0005, 0.0009])
def test_a_drop_takes_as_much_of_the_light_as_it_covers_of_the_glass(radius_m: float) -> None:
    taken = float((1.0 - kept(one_drop(radius_m))).mean())
    assert taken == pytest.approx(math.pi * radius_m**2 / GLASS_M2, rel=0.2)


def test_a_drop_darkens_by_what_it_reflects_alone() -> None:
    picture = grey()
    drop = one_drop(0.0005)
    lay_over(0, 1, veil_of_drops(drop, FOCAL_PX, picture), picture)
    most = (2.0 * 0.0005 / APERTURE_M) ** 2 * (1.0 - THROUGH)
    assert 1.0 - float(picture.min()) == pytest.approx(most, rel=0.02)


def test_no_drop_is_smaller_or_sharper_than_the_aperture_out_of_focus() -> None:
    for radius_m in (0.0002, 0.0005, 0.0009):
        left = kept(one_drop(radius_m))
        aperture_px = APERTURE_M / GLASS_M * FOCAL_PX
        assert np.sqrt((left < 0.999).sum() * 4.0 / math.pi) > aperture_px
        row = left[HEIGHT // 2]
        assert np.abs(np.diff(row)).max() < 3.0 / aperture_px  # a tenth of the picture's contrast a pixel


def test_small_drops_are_faint() -> None:
    assert 1.0 - kept(one_drop(0.0002)).min() == pytest.approx((2.0 * 0.0002 / APERTURE_M) ** 2, rel=0.02)


def test_a_drop_shows_the_sky_below_and_the_road_above() -> None:
    picture = grey()
    picture[HEIGHT // 2 :] = 0.1
    veil = veil_of_drops(one_drop(0.0008), FOCAL_PX, picture)
    reach = int(0.8 * (0.0008 + 0.5 * APERTURE_M) / GLASS_M * FOCAL_PX)
    above, below = ((veil[HEIGHT // 2 + side * reach, WIDTH // 2]) for side in (-1, 1))
    assert below[0] / (1.0 - below[3]) > 2.0 * above[0] / (1.0 - above[3])


def test_narrow_pictures_see_fewer_and_larger_discs_but_as_much_water() -> None:
    def taken(focal_px: float) -> F64:
        lenses = [drops_of(1.0, 3.0, seed) for seed in range(60)]
        return np.array([1.0 - veil_of_drops(d, focal_px, grey())[..., 3].mean() for d in lenses])

    wide, narrow = taken(FOCAL_PX), taken(3.0 * FOCAL_PX)
    assert narrow.mean() == pytest.approx(wide.mean(), rel=0.25)
    assert narrow.std() > 1.5 * wide.std()


def test_more_rain_is_more_and_larger_drops() -> None:
    """Of many lenses: the water on them."""

    def covered(share: float) -> float:
        drops = np.concatenate([drops_of(share, 3.0, seed) for seed in range(40)])
        return float((math.pi * drops[:, 2] ** 2).sum() / 40 / GLASS_M2)

    def wide(share: float) -> float:
        return float(np.concatenate([drops_of(share, 3.0, seed) for seed in range(40)])[:, 2].mean())

    light, mid, full = covered(0.1), covered(0.4), covered(1.0)
    assert 3.0 * light < mid < full / 2.0
    assert wide(0.1) < wide(0.4) < wide(1.0)
    assert 0.02 < full < 0.06
    assert covered(0.0) == 0.0


def test_workers_share_a_lens_to_the_byte() -> None:
    rng = np.random.default_rng(3)
    scene = rng.random((HEIGHT, WIDTH, 3)).astype(np.float32)
    veil = veil_of_drops(drops_of(1.0, 3.0, 2), FOCAL_PX, scene)
    alone, shared = scene.copy(), scene.copy()
    lay_over(0, 1, veil, alone)
    for worker in range(3):
        lay_over(worker, 3, veil, shared)
    assert (alone == shared).all()
