"""The common corruptions: what each is said to do to a picture, it does."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from perception.augment.corrupt_weather import cloud
from perception.augment.corruptions import COMMON_15, NAMES, SEVERITIES, corrupt
from tests.perception.augment.scenes import street

STREET = street().image
assert STREET is not None
TEXTURE = 80.0 * cloud(STREET.shape[:2], 1.5, np.random.default_rng(0))[..., None]
PICTURE = np.clip(STREET + TEXTURE - 40.0, 0, 255).astype(np.uint8)
# saturation is first taken away (.3, .1), then exaggerated; ImageNet-C's snow has larger flakes but less white at 3;
# spatter turns from water into mud; glass and motion blur change two things at once, zooms their number of steps
NOT_IN_ORDER = {"saturate", "snow", "spatter", "frost"}


def psnr(name: str, severity: int) -> float:
    made = [corrupt(PICTURE, name, severity, np.random.default_rng(seed)) for seed in range(3)]
    return float(np.mean([cv2.PSNR(PICTURE, picture) for picture in made]))


def test_there_are_19_of_which_15_are_counted() -> None:
    assert len(NAMES) == 19
    assert len(COMMON_15) == 15
    assert all(len(column) == 5 for column in SEVERITIES.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_higher_severity_is_farther_from_the_picture(name: str) -> None:
    values = [psnr(name, severity) for severity in (1, 2, 3, 4, 5)]
    slack = 1.5 if name == "pixelate" else 0.35  # dB; squares of two whole pixels fit the grid better than those of 1.7
    if name in NOT_IN_ORDER:
        assert max(values) < 45.0
    else:
        assert all(later < earlier + slack for earlier, later in itertools.pairwise(values)), values
        assert values[4] < values[0] - 1.0


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes_and_leaves_the_picture_alone(name: str) -> None:
    before = PICTURE.copy()
    first, again = (corrupt(PICTURE, name, 3, np.random.default_rng(5)) for _ in range(2))
    assert first.shape == PICTURE.shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.array_equal(before, PICTURE)


def test_noise_has_the_deviation_of_its_severity() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    for severity, deviation in enumerate((0.08, 0.12), 1):
        made = corrupt(grey, "gaussian_noise", severity, np.random.default_rng(0))
        assert made.std() / 255.0 == pytest.approx(deviation, rel=0.02)
    shot = corrupt(grey, "shot_noise", 1, np.random.default_rng(0)) / 255.0
    assert shot.std() == pytest.approx(np.sqrt(128 / 255.0 / 60.0), rel=0.03)
    hit = corrupt(grey, "impulse_noise", 5, np.random.default_rng(0))
    assert ((hit == 0) | (hit == 255)).mean() == pytest.approx(0.27, abs=0.01)


def test_contrast_keeps_a_twentieth_at_worst() -> None:
    made = corrupt(PICTURE, "contrast", 5, np.random.default_rng(0))
    assert made.astype(float).std() == pytest.approx(0.05 * PICTURE.astype(float).std(), rel=0.6)
    assert made.mean() == pytest.approx(PICTURE.mean(), abs=1.0)


def test_blurs_keep_the_mean_and_lose_the_edges() -> None:
    for name in ("gaussian_blur", "defocus_blur", "motion_blur", "glass_blur"):
        made = corrupt(PICTURE, name, 4, np.random.default_rng(0))
        assert made.mean() == pytest.approx(PICTURE.mean(), abs=2.0)
        assert cv2.Laplacian(made, cv2.CV_32F).std() < 0.5 * cv2.Laplacian(PICTURE, cv2.CV_32F).std()


def test_pixelate_makes_squares_of_one_colour() -> None:
    made = corrupt(PICTURE, "pixelate", 5, np.random.default_rng(0))
    assert np.array_equal(made[0, 0], made[3, 3])
    assert len(np.unique(made[:, :, 0].ravel())) <= 60 * 80


@pytest.mark.parametrize(
    ("name", "severity", "says"),
    [("gausian_noise", 1, "gaussian_noise"), ("fog", 6, "1 to 5"), ("fog", 0, "1 to 5")],
)
def test_wrong_names_and_severities_are_told(name: str, severity: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        corrupt(PICTURE, name, severity, np.random.default_rng(0))


def test_pictures_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        corrupt(PICTURE.astype(np.float32), "fog", 1, np.random.default_rng(0))  # type: ignore[arg-type]
