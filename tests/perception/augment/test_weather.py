"""Weather by depth: what the laws say of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception.augment import weather, weather_light
from perception.augment.assumed_depth import Street, assumed, depth_of, from_sweep, ground_depth
from perception.augment.sample import FAR_M, Sample
from tests.perception.augment.scenes import INTRINSICS, SIZE, street

RNG = np.random.default_rng


def stripes(depth_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Black and white stripes at one depth, the sky above."""
    image = np.full((*SIZE, 3), 60, np.uint8)
    image[:, ::2] = 180
    image[:20] = 220
    depth = np.full(SIZE, depth_m, np.float32)
    depth[:20] = FAR_M
    return image, depth


@pytest.mark.parametrize("mor_m", [50.0, 150.0])
def test_contrast_in_fog_falls_as_exp_of_minus_beta_d(mor_m: float) -> None:
    contrast = {}
    for away in (1e-3, 20.0, 40.0, 80.0):
        image, depth = stripes(away)
        light = weather.linear(weather.fog(image, depth, INTRINSICS, mor_m, RNG(0)))
        row, middle = light[110, :, 1], 160
        contrast[away] = float(row[middle + 1 :: 2].mean() - row[middle::2].mean())
        centre = light[110, 158:162, 1]
        contrast[away] = abs(float(centre[0] - centre[1]))
    for away in (20.0, 40.0, 80.0):
        expected = math.exp(-math.log(20.0) / mor_m * away)
        assert contrast[away] / contrast[1e-3] == pytest.approx(expected, abs=0.02)


def test_at_the_optical_range_a_twentieth_is_left() -> None:
    light = np.array([[[1.0, 1.0, 1.0]]], np.float32)
    black = weather.veiled(light * 0, np.array([[100.0]]), weather.LN_20 / 100.0, np.ones(3, np.float32))
    assert float(1.0 - black[0, 0, 0]) == pytest.approx(0.05, abs=1e-6)


def test_light_is_decoded_and_encoded_again_to_the_byte() -> None:
    steps = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    there_and_back = weather.encoded(weather.linear(steps)).astype(int)
    assert np.abs(there_and_back - steps).max() <= 1


def test_fog_hides_the_far_and_leaves_the_near() -> None:
    sample = street()
    assert sample.image is not None
    assert sample.depth_m is not None
    foggy = weather.fog(sample.image, sample.depth_m, INTRINSICS, 60.0, RNG(0))
    change = np.abs(foggy.astype(int) - sample.image).mean(axis=2)
    assert change[sample.instance == 3].mean() > 1.3 * change[sample.instance == 1].mean()


def test_rain_and_snow_thicken_with_their_rate() -> None:
    sample = street()
    assert sample.image is not None
    assert sample.depth_m is not None
    for make, rates in ((weather.rain, (2.0, 20.0, 100.0)), (weather.snow, (0.5, 2.0, 5.0))):
        made = [make(sample.image, sample.depth_m, INTRINSICS, rate, RNG(1)) for rate in rates]
        away = [np.abs(picture.astype(int) - sample.image).mean() for picture in made]
        assert away[0] < away[1] < away[2]


def test_flakes_fall_before_everything_that_is_farther() -> None:
    near = np.full(SIZE, 1.0, np.float32)
    assert weather._fallen(near, INTRINSICS, 1000.0, 5e-3, (0.0, 1.2), 1 / 60, RNG(0)).max() == 0.0
    far = np.full(SIZE, 50.0, np.float32)
    assert weather._fallen(far, INTRINSICS, 100.0, 5e-3, (0.0, 1.2), 1 / 60, RNG(0)).max() > 0.2


def test_the_ground_is_found_and_gets_darker_when_wet() -> None:
    sample = street()
    assert sample.image is not None
    assert sample.depth_m is not None
    ground = weather_light.ground_of(sample.depth_m, INTRINSICS)
    assert ground[200:, :].mean() > 0.9
    assert ground[:100].max() < 0.1
    assert ground[sample.instance == 1].mean() < 0.3
    wet = weather_light.wet(sample.image, ground, 0.5, RNG(0))
    assert wet[220:].mean() < 0.9 * sample.image[220:].mean()
    assert np.array_equal(wet[:90], weather.encoded(weather.linear(sample.image))[:90])


def test_night_is_dark_above_and_lit_ahead() -> None:
    sample = street()
    assert sample.image is not None
    assert sample.depth_m is not None
    dark = weather_light.night(sample.image, sample.depth_m, INTRINSICS, 0.03, RNG(0))
    assert dark[:90].mean() < 0.25 * sample.image[:90].mean()
    assert dark[160:200, 120:200].mean() > 2.0 * dark[60:100].mean()


def test_glare_is_brightest_at_the_sun_and_falls_off() -> None:
    sample = street()
    assert sample.image is not None
    made = weather_light.glare(sample.image, (100.0, 60.0), 0.8, RNG(0), ghosts=0).astype(int)
    added = (made - sample.image).mean(axis=2)
    assert made[60, 100].min() > 240
    assert added[60, 130] > added[60, 300]


def test_the_assumed_ground_is_where_it_is() -> None:
    depth = ground_depth(SIZE, INTRINSICS, Street(camera_height_m=1.6))
    assert depth[150, 0] == pytest.approx(1.6 * 200.0 / 40.5, rel=1e-6)
    assert depth[100, 0] == FAR_M
    sample = street()
    guess = assumed(Sample(image=sample.image, boxes=sample.boxes, calibration=sample.calibration))
    assert sample.depth_m is not None
    for ident in (1, 2, 3):
        here = sample.instance == ident
        assert float(np.median(guess[here])) == pytest.approx(float(np.median(sample.depth_m[here])), rel=0.35)


def test_depth_of_a_sweep_is_the_depth_of_the_picture() -> None:
    sample = street()
    assert sample.depth_m is not None
    blind = Sample(image=sample.image, cloud=sample.cloud, calibration=sample.calibration)
    found = from_sweep(blind)
    assert np.median(np.abs(found / sample.depth_m - 1.0)[120:]) < 0.06
    assert np.array_equal(depth_of(blind), found)
    np.testing.assert_array_equal(depth_of(sample), sample.depth_m)
    with pytest.raises(ValueError, match="cloud"):
        from_sweep(Sample(image=sample.image))
