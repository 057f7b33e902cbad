"""Exposure, tone curve, colours and lens of a camera that asks for something else than the shipped picture."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.server.sensors.atmosphere import airlight
from sim.server.sensors.instances import Weather
from sim.server.sensors.lens import Lens
from sim.server.sensors.photo import DEFAULTS, FILM, Photo, film_curve, fringes, motion_blur, white_balance
from sim.server.sensors.post import CURVE_SIZE, CURVE_TOP, KEY_DAY, tone_curve

RGB = "sensor.camera.rgb"
NOON = airlight(Weather(cloudiness=5.0, sun_altitude_angle=45.0))
AUTOMATIC = KEY_DAY / NOON.luminance


def photo(**attributes: str) -> Photo:
    made = Photo.of(RGB, attributes)
    assert made is not None
    return made


def test_default_attributes_ask_for_nothing():
    assert Photo.of(RGB, {}) is None
    assert Photo.of(RGB, {"gamma": "2.20", "exposure_mode": "histogram", "fstop": "1.4"}) is None
    assert Lens.of(RGB, {"lens_k": "-1.0", "lens_x_size": "0.08"}) is None


def test_manual_exposure_goes_by_stops():
    assert photo(exposure_mode="manual").exposure(5.0, NOON) == pytest.approx(AUTOMATIC)
    half = photo(exposure_mode="manual", shutter_speed="400")
    assert half.exposure(5.0, NOON) == pytest.approx(AUTOMATIC / 2.0)
    wide = photo(exposure_mode="manual", fstop="0.7", iso="200")
    assert wide.exposure(5.0, NOON) == pytest.approx(AUTOMATIC * 8.0)
    lighter = photo(exposure_compensation="1.0")
    assert lighter.exposure(0.3, NOON) == pytest.approx(0.6)


def test_limits_and_speed_of_the_adaptation():
    bound = photo(exposure_min_bright="11", exposure_max_bright="11.5")
    assert bound.exposure(AUTOMATIC * 8.0, NOON) == pytest.approx(AUTOMATIC)  # EV 8 is darker than 11
    assert bound.exposure(AUTOMATIC / 8.0, NOON) == pytest.approx(AUTOMATIC * 2.0**-0.5)
    slow = photo(exposure_speed_up="2.0", exposure_speed_down="0.5")
    slow.advance(0.1)
    assert slow.exposure(AUTOMATIC, NOON) == pytest.approx(AUTOMATIC)
    assert slow.exposure(AUTOMATIC / 4.0, NOON) == pytest.approx(AUTOMATIC * 2.0**-0.2)  # 0.1 s of 2 EV / s
    assert slow.exposure(AUTOMATIC, NOON) == pytest.approx(AUTOMATIC * 2.0**-0.15)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exposure_compensation", "1e6"),
        ("exposure_compensation", "-1e6"),
        ("exposure_min_bright", "1e6"),
        ("iso", "1e-3"),
    ],
)
@pytest.mark.parametrize("mode", ["manual", "histogram"])
def test_an_absurd_exposure_is_black_or_white_and_no_error(name, value, mode):
    photo = Photo.of(RGB, {name: value, "exposure_mode": mode})
    assert 0.0 < photo.exposure(AUTOMATIC, NOON) < math.inf


def test_unreals_curve_keeps_middle_grey_and_clips_at_its_ends():
    curve = film_curve(0.88, 0.55, 0.26, 0.0, 0.04)
    light = CURVE_TOP * np.linspace(0.0, 1.0, CURVE_SIZE + 1) ** 2
    grey = float(np.interp(0.18, light, curve))
    assert grey == pytest.approx(255.0 * (1.055 * 0.18 ** (1 / 2.4) - 0.055), abs=2.0)
    assert curve[0] < 2.0
    assert (np.diff(curve) >= -1e-3).all()
    assert curve[-1] > 240.0


def test_film_settings_bend_the_shipped_curve_and_small_ones_little():
    shipped = tone_curve()
    for name in FILM:
        near = Photo.of(RGB, {name: str(DEFAULTS[name] + 1e-3)})
        assert np.abs(near.curve(shipped) - shipped)[shipped > 60.0].max() < 1.5, name  # the root is steep at black
    steep = Photo.of(RGB, {"slope": "1.2"}).curve(shipped)
    dark, bright = np.searchsorted(shipped, (60.0, 200.0))
    assert steep[dark] < 55.0
    assert steep[bright] > 205.0


def test_white_balance():
    assert np.allclose(white_balance(6500.0, 0.0), 1.0)
    red, green, blue = white_balance(9000.0, 0.0)
    assert red > 1.0 > blue
    assert green == 1.0
    red, _, blue = white_balance(4000.0, 0.0)
    assert red < 1.0 < blue
    assert white_balance(6500.0, 0.5)[1] == pytest.approx(0.75)


def test_motion_blur_runs_along_the_flow():
    picture = np.zeros((9, 32, 3), np.uint8)
    picture[:, 16] = 240
    flow = np.zeros((9, 32, 2), np.float32)
    flow[..., 0] = 8.0 / 16.0  # eight pixels to the right
    blurred = motion_blur(picture, flow, 1.0, 2.0)[4, :, 0]
    assert np.count_nonzero(blurred) == pytest.approx(8, abs=1)
    assert blurred.sum() == pytest.approx(240, abs=16)
    assert np.array_equal(motion_blur(picture, flow * 0.0, 1.0, 2.0), picture)


def test_fringes_part_red_and_blue_away_from_the_centre():
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[:, 380:] = 255
    parted = fringes(picture, 1.0, 0.0)
    edge = [int(np.argmax(parted[200, :, c] > 127)) for c in (0, 1, 2)]
    assert edge[0] < edge[1] < edge[2]  # blue begins nearer the centre, red farther out
    assert np.array_equal(fringes(picture, 1.0, 1.0)[200, 150:250], picture[200, 150:250])


def test_the_lens_bends_what_is_away_from_the_centre():
    lens = Lens.of(RGB, {"lens_circle_multiplier": "1.0", "lens_circle_falloff": "1.0", "lens_x_size": "0.1"})
    assert lens is not None
    ramp = np.tile(np.arange(201, dtype=np.float32)[None, :, None], (201, 1, 3))
    bent = lens.bend(ramp, smooth=True)[100, :, 0]
    assert bent[100] == pytest.approx(100.0)
    # half-way to the edge, r = 0.5: 1 * 0.5 * 0.1 * 0.25 = 1.25 % farther out
    assert bent[150] == pytest.approx(100.0 + 50.0 * (1.0 + 0.1 * 0.5**3), abs=0.05)
    assert math.isclose(bent[200], 200.0, abs_tol=0.6)  # beyond the picture its rim repeats


def test_a_bad_attribute_is_named():
    with pytest.raises(ValueError, match=r"fstop.*'0'"):
        Photo.of(RGB, {"fstop": "0"})
    with pytest.raises(ValueError, match=r"lens_k.*'nan'"):
        Lens.of(RGB, {"lens_k": "nan"})
    with pytest.raises(ValueError, match=r"black_clip.*0\.\.1e\+06.*'-1'"):
        Photo.of(RGB, {"black_clip": "-1"})
    with pytest.raises(ValueError, match=r"iso.*0\.001\.\.1e\+06.*'1e9'"):
        Photo.of(RGB, {"iso": "1e9"})
