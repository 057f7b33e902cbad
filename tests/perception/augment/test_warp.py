"""Boxes, masks and calibration go where the pixels go."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.augment import cloud, mix, warp
from perception.augment.sample import Boxes2D, Sample
from perception.geometry import box_corners, points_in_box
from tests.perception.augment.scenes import SIZE, street


def marked() -> Sample:
    """Dark, with one bright block of 6x6 pixels, its box around it."""
    image = np.full((*SIZE, 3), 20, np.uint8)
    image[100:106, 140:146] = 255
    instance = np.zeros(SIZE, np.int32)
    instance[100:106, 140:146] = 7
    return Sample(image=image, boxes=Boxes2D.of([[140, 100, 146, 106]], [1], [7]), instance=instance)


def centre_of_light(sample: Sample) -> tuple[float, float]:
    assert sample.image is not None
    weight = (sample.image[..., 0].astype(float) - 120.0).clip(0.0)  # brighter than what lies outside
    v, u = np.mgrid[: sample.size[0], : sample.size[1]] + 0.5
    return float((u * weight).sum() / weight.sum()), float((v * weight).sum() / weight.sum())


@settings(max_examples=20, deadline=None)
@given(
    scale=st.floats(0.6, 2.0),
    turn=st.floats(-0.5, 0.5),
    dx=st.floats(-40, 40),
    dy=st.floats(-40, 40),
    flip=st.booleans(),
)
def test_a_marked_pixel_is_where_its_box_is(scale: float, turn: float, dx: float, dy: float, flip: bool) -> None:
    sample = marked()
    if flip:
        sample = warp.flip(sample)
    sample = warp.warp(sample, warp.similarity(SIZE, scale, turn, (dx, dy)), SIZE)
    u, v = centre_of_light(sample)
    x0, y0, x1, y1 = sample.boxes.px[0]
    assert (x0 + x1) / 2 == pytest.approx(u, abs=0.6)
    assert (y0 + y1) / 2 == pytest.approx(v, abs=0.6)
    assert sample.instance is not None
    rows, columns = np.nonzero(sample.instance == 7)
    assert columns.mean() + 0.5 == pytest.approx(u, abs=0.8)
    assert rows.mean() + 0.5 == pytest.approx(v, abs=0.8)


def projected(sample: Sample) -> np.ndarray:
    """Bounds in the picture of the objects' corners."""
    assert sample.calibration is not None
    return np.array(
        [
            [*p.min(axis=0), *p.max(axis=0)]
            for p in (sample.calibration.pixels(corners)[0] for corners in box_corners(sample.objects.m))
        ]
    )


def test_a_flipped_3d_box_projects_onto_the_flipped_2d_box() -> None:
    sample = street()
    before, after = projected(sample), projected(warp.flip(sample))
    width = SIZE[1]
    assert after[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (width, 0, width, 0) == pytest.approx(before, abs=1e-9)
    again = warp.flip(warp.flip(sample))
    assert np.array_equal(again.image, sample.image)  # type: ignore[arg-type]
    assert again.objects.m == pytest.approx(sample.objects.m)
    assert again.calibration is not None
    assert np.linalg.det(warp.flip(sample).calibration.camera_from_lidar[:3, :3]) == pytest.approx(1.0)  # type: ignore[union-attr]


@pytest.mark.parametrize("turn", [0.0, 0.2, -0.35])
def test_points_land_where_their_pixels_went(turn: float) -> None:
    sample = street()
    assert sample.calibration is not None
    matrix = warp.similarity(SIZE, 1.3, turn, (12.0, -7.0))
    moved = warp.warp(sample, matrix, SIZE)
    assert moved.calibration is not None
    points = sample.objects.m[:, :3]
    before, after = sample.calibration.pixels(points)[0], moved.calibration.pixels(points)[0]
    assert after == pytest.approx(before @ matrix[:, :2].T + matrix[:, 2], abs=1e-6)
    assert moved.calibration.intrinsics[1, 0] == pytest.approx(0.0, abs=1e-9)


def test_crop_resize_and_letterbox_keep_the_projection() -> None:
    sample = street()
    for moved in (
        warp.crop(sample, (40, 20, 300, 220)),
        warp.resize(sample, (120, 200)),
        warp.letterbox(sample, (400, 400)),
    ):
        for box, ident in zip(moved.boxes.px, moved.boxes.ids, strict=True):
            bounds = projected(moved)[moved.objects.ids.tolist().index(ident)].clip(0, (*moved.size[::-1],) * 2)
            assert box == pytest.approx(bounds, abs=3.5)  # the drawn hull is of whole pixels


def test_a_box_that_is_mostly_cut_off_is_dropped() -> None:
    sample = Sample(image=np.zeros((*SIZE, 3), np.uint8), boxes=Boxes2D.of([[0, 0, 100, 100]], [1]))
    assert len(warp.crop(sample, (75, 0, 200, 100), min_share=0.3).boxes) == 0
    assert warp.crop(sample, (60, 0, 200, 100), min_share=0.3).boxes.px.tolist() == [[0, 0, 40, 100]]


def test_mosaic_keeps_boxes_on_their_things() -> None:
    for seed in range(20):
        made = mix.mosaic([marked()] * 4, SIZE, np.random.default_rng(seed), min_share=0.9)
        assert made.image is not None
        bright = made.image[..., 0] > 230
        covered = np.zeros(SIZE, bool)
        for x0, y0, x1, y1 in made.boxes.px:
            covered[int(y0) : math.ceil(y1), int(x0) : math.ceil(x1)] = True
        assert (bright & ~covered).sum() <= 30  # blur of a pixel around four blocks
        assert made.instance is not None
        assert set(made.boxes.ids) <= set(np.unique(made.instance))


def test_cutmix_drops_what_it_covers_and_mixup_keeps_all() -> None:
    first = marked()
    second = Sample(image=np.zeros((*SIZE, 3), np.uint8), boxes=Boxes2D.of([[10, 10, 30, 30]], [2]))
    made = mix.cutmix(first, second, (130, 90, 160, 120))
    assert len(made.boxes) == 0
    made = mix.cutmix(first, second, (0, 0, 40, 40))
    assert sorted(made.boxes.classes.tolist()) == [1, 2]
    both = mix.mixup(first, second, 0.5)
    assert len(both.boxes) == 2
    assert both.image is not None
    assert int(both.image[102, 142, 0]) == pytest.approx(127, abs=1)


@pytest.mark.parametrize("mixed", ["mixup", "cutmix"])
def test_two_things_of_mixed_pictures_never_share_an_id(mixed: str) -> None:
    first, second = marked(), warp.flip(marked())
    assert first.boxes.ids.tolist() == second.boxes.ids.tolist() == [7]
    if mixed == "mixup":
        made = mix.mixup(replace(first, cloud=street().cloud, objects=street().objects), second, 0.7)
        assert made.cloud is None
        assert len(made.objects) == 0
    else:
        made = mix.cutmix(first, second, (160, 0, 320, 240), min_share=0.0)
    assert len(made.boxes) == len(set(made.boxes.ids.tolist())) == 2
    assert made.instance is not None
    for px, ident in zip(made.boxes.px, made.boxes.ids, strict=True):
        rows, columns = np.nonzero(made.instance == ident)
        if mixed == "cutmix":
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == tuple(px)
    assert set(np.unique(made.instance)) - {0} <= set(made.boxes.ids.tolist())


@given(
    size=st.tuples(st.integers(20, 90), st.integers(20, 90)),
    to=st.tuples(st.integers(8, 200), st.integers(8, 200)),
    box=st.tuples(st.floats(0.0, 0.6), st.floats(0.0, 0.6), st.floats(0.2, 0.4), st.floats(0.2, 0.4)),
)
def test_a_resized_mask_stays_under_its_box(
    size: tuple[int, int], to: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    (height, width), (x, y, w, h) = size, box
    x0, y0 = int(x * width), int(y * height)
    x1, y1 = x0 + max(4, int(w * width)), y0 + max(4, int(h * height))
    instance = np.zeros(size, np.int32)
    instance[y0:y1, x0:x1] = 5
    sample = Sample(np.zeros((*size, 3), np.uint8), Boxes2D.of([[x0, y0, x1, y1]], [1], [5]), instance)
    made = warp.resize(sample, to)
    assert made.instance is not None
    for px in made.boxes.px:
        rows, columns = np.nonzero(made.instance == 5)
        if len(rows):  # half a pixel is what a mask can be off
            seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            assert np.abs(seen - px).max() <= 0.51


def inside(sample: Sample) -> list[int]:
    assert sample.cloud is not None
    return [int(points_in_box(sample.cloud.points_m, box, 0.05).sum()) for box in sample.objects.m]


def test_turned_shifted_and_scaled_sweeps_keep_their_points_and_pixels() -> None:
    sample = street()
    assert sample.calibration is not None
    counts, pixels = inside(sample), sample.calibration.pixels(sample.objects.m[:, :3])[0]
    for moved in (
        cloud.turned(sample, 0.7),
        cloud.shifted(sample, np.array([0.4, -0.3, 0.1])),
        cloud.scaled(sample, 1.05),
    ):
        assert inside(moved) == pytest.approx(counts, abs=3)
        assert moved.calibration is not None
        assert moved.calibration.pixels(moved.objects.m[:, :3])[0] == pytest.approx(pixels, abs=1e-3)
    ahead = cloud.turned(Sample(cloud=sample.cloud, objects=sample.objects), math.pi / 2)
    assert ahead.objects.m[0, :2] == pytest.approx([-sample.objects.m[0, 1], sample.objects.m[0, 0]])


def test_noise_of_objects_moves_points_with_boxes_and_lets_none_touch() -> None:
    sample = street(image=False)
    counts = inside(sample)
    for seed in range(5):
        moved = cloud.object_noise(sample, 0.5, 0.3, (0.9, 1.1), np.random.default_rng(seed))
        assert not np.allclose(moved.objects.m, sample.objects.m)
        assert all(after >= 0.9 * before for before, after in zip(counts, inside(moved), strict=True))
        bottom = moved.objects.m[:, 2] - moved.objects.m[:, 5] / 2
        assert bottom == pytest.approx(sample.objects.m[:, 2] - sample.objects.m[:, 5] / 2, abs=0.3)


def test_dropping_takes_the_share() -> None:
    sample = street(image=False)
    assert sample.cloud is not None
    left = cloud.dropped(sample.cloud, 0.25, np.random.default_rng(0))
    assert len(left) / len(sample.cloud) == pytest.approx(0.75, abs=0.01)
    assert len(cloud.with_points(sample.objects, sample.cloud, 10**6)) == 0
