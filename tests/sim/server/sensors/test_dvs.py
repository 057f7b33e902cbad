"""The event camera against crossings worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sim.server.sensors.dvs import DvsSensor


def sensor(**attributes: str) -> DvsSensor:
    linear = {"use_log": "false", "positive_threshold": "10", "negative_threshold": "20", **attributes}
    return DvsSensor({"image_size_x": "3", "image_size_y": "1", **linear}, None)  # type: ignore[arg-type]


def grey(*levels: int) -> np.ndarray:
    return np.repeat(np.array(levels, np.uint8)[None, :, None], 3, axis=2)


def rows(events: np.ndarray) -> list[tuple[int, int, int]]:
    """x, rounded time in ns, polarity."""
    return [(int(e["x"]), int(e["t"]), int(e["pol"])) for e in events]


def test_crossings_lie_on_the_straight_line_between_two_pictures():
    dvs = sensor()
    assert len(dvs.events(grey(100, 100, 100), 1_000)) == 0
    events = dvs.events(grey(135, 100, 55), 8_000)
    # up 35 in 7000 ns: 110, 120, 130 after 2000, 4000, 6000 ns; down 45: 80, 60 after 3111, 6222 ns
    expected = [(0, 3_000, 1), (2, 4_111, 0), (0, 5_000, 1), (0, 7_000, 1), (2, 7_222, 0)]
    for (x, t, pol), (x_, t_, pol_) in zip(rows(events), expected, strict=True):
        assert (x, pol) == (x_, pol_)
        assert t == pytest.approx(t_, abs=2)  # weights of the colours add up to 0.9999


def test_what_is_left_of_a_threshold_counts_in_the_next_picture():
    dvs = sensor()
    dvs.events(grey(100, 0, 0), 0)
    assert len(dvs.events(grey(109, 0, 0), 100)) == 0
    assert len(dvs.events(grey(111, 0, 0), 200)) == 1
    assert len(dvs.events(grey(119, 0, 0), 300)) == 0


def test_a_pixel_rests_after_an_event():
    dvs = sensor(refractory_period_ns="3500")
    dvs.events(grey(100, 100, 100), 1_000)
    events = dvs.events(grey(135, 100, 100), 8_000)
    assert [t // 1000 for _, t, _ in rows(events)] == [3, 7]  # the one at 5000 ns came too soon


def test_the_logarithm_makes_dark_changes_as_loud_as_bright_ones():
    dvs = sensor(use_log="true", log_eps="0.000001", positive_threshold="0.3", negative_threshold="0.3")
    dvs.events(grey(20, 100, 200), 0)
    events = dvs.events(grey(40, 200, 200), 1_000)  # twice as bright: log 2 = 0.693, two thresholds
    assert sorted(x for x, _, _ in rows(events)) == [0, 0, 1, 1]


def test_noise_of_the_thresholds_follows_the_seed():
    def run(seed: int) -> list[tuple[int, int, int]]:
        dvs = DvsSensor(
            {"image_size_x": "3", "image_size_y": "1", "sigma_positive_threshold": "0.2"},
            None,
            seed,  # type: ignore[arg-type]
        )
        dvs.events(grey(10, 20, 30), 0)
        return rows(dvs.events(grey(90, 190, 250), 1_000_000))

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_a_bad_threshold_is_named():
    with pytest.raises(ValueError, match=r"positive_threshold.*'0'"):
        sensor(positive_threshold="0")
