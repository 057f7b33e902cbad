"""Pasted traffic stands where it can, touches nothing, hides what is behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception.augment.occlude import cast
from perception.augment.paste import PasteRule, paste, standing_height
from perception.augment.sample import Boxes2D, Boxes3D, Cloud, Sample
from perception.augment.standing import floor_z_m, ground_of
from perception.augment.store import CutRule, ObjectStore, cut_objects
from perception.geometry import intersection_bev, points_in_box
from perception.objects import ObjectClass
from tests.perception.augment.scenes import LIDAR_HEIGHT_M, SIZE, street

RULE = PasteRule()


@pytest.fixture(scope="module")
def store() -> ObjectStore:
    return cut_objects([street(seed) for seed in range(2)], CutRule(min_height_px=8.0))


def test_what_is_cut_is_the_thing_and_nothing_else(store: ObjectStore) -> None:
    assert len(store) == 6
    for thing in store.objects:
        assert points_in_box(thing.cloud.points_m, thing.box_m, 0.05).all()
        assert len(thing.cloud) >= 20
        seen = thing.patch[thing.alpha > 250].astype(int)
        assert seen.std(axis=0).max() < 3.0  # a car of one colour, no road


def test_the_store_comes_back_as_it_was_written(store: ObjectStore, tmp_path: Path) -> None:
    store.save(tmp_path / "objects.npz")
    again = ObjectStore.load(tmp_path / "objects.npz")
    assert len(again) == len(store)
    for first, second in zip(store.objects, again.objects, strict=True):
        assert np.array_equal(first.cloud.points_m, second.cloud.points_m)
        assert np.array_equal(first.alpha, second.alpha)
        assert (first.kind, first.tag, first.depth_m) == (second.kind, second.tag, second.depth_m)
    assert len(store.only([int(ObjectClass.BUS)])) == 0


def test_pasted_things_never_overlap_and_stand_on_the_ground(store: ObjectStore) -> None:
    placed = 0
    for seed in range(12):
        after, what = paste(street(), store, 4, RULE, np.random.default_rng(seed))
        placed += len(what.chosen)
        boxes = after.objects.m
        touching = intersection_bev(boxes, boxes) - np.diag(boxes[:, 3] * boxes[:, 4])
        assert np.abs(touching).max() < 1e-6
        for box in what.boxes_m:
            assert box[2] - box[5] / 2 == pytest.approx(-LIDAR_HEIGHT_M, abs=0.1)
            assert after.cloud is not None
            assert points_in_box(after.cloud.points_m, box, 0.05).sum() >= 3
        assert len(set(after.objects.ids.tolist())) == len(after.objects)
        assert np.isfinite(after.boxes.px).all()
        assert (after.boxes.px >= 0).all()
        assert (after.boxes.px[:, 2:] <= SIZE[::-1]).all()
    assert placed >= 12


def test_boxes_fit_the_pixels_of_pasted_things(store: ObjectStore) -> None:
    after, what = paste(street(), store, 4, RULE, np.random.default_rng(1))
    assert what.chosen
    assert after.instance is not None
    assert after.calibration is not None
    for box, ident in zip(after.boxes.px, after.boxes.ids, strict=True):
        rows, columns = np.nonzero(after.instance == ident)
        assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    for box, ident in zip(after.objects.m[-len(what.chosen) :], after.objects.ids[-len(what.chosen) :], strict=True):
        centre = after.calibration.pixels(box[None, :3])[0][0]
        x0, y0, x1, y1 = after.boxes.px[after.boxes.ids == ident][0]
        assert x0 - 4 <= centre[0] <= x1 + 4
        assert y0 - 4 <= centre[1] <= y1 + 4


def test_points_behind_a_pasted_thing_are_gone(store: ObjectStore) -> None:
    before = street(image=False)
    after, what = paste(before, store, 1, RULE, np.random.default_rng(4))
    assert len(what.chosen) == 1
    assert before.cloud is not None
    assert after.cloud is not None
    own = after.cloud.points_m[points_in_box(after.cloud.points_m, what.boxes_m[0], 0.02)]

    def behind(points: np.ndarray) -> int:
        """Points in the middle of the directions in which it is seen, well beyond it."""
        azimuth, height = np.arctan2(points[:, 1], points[:, 0]), points[:, 2] / np.hypot(points[:, 0], points[:, 1])
        mine = np.arctan2(own[:, 1], own[:, 0]), own[:, 2] / np.hypot(own[:, 0], own[:, 1])
        inside = np.ones(len(points), bool)
        for angle, seen in zip((azimuth, height), mine, strict=True):
            inside &= (angle > np.quantile(seen, 0.25)) & (angle < np.quantile(seen, 0.75))
        far = np.linalg.norm(points, axis=1) > np.linalg.norm(own, axis=1).max() + 0.5
        return int((inside & far).sum())

    assert behind(before.cloud.points_m) >= 10
    assert behind(after.cloud.points_m) == 0
    nearer = np.linalg.norm(before.cloud.points_m, axis=1) < 5.0
    assert {tuple(p) for p in before.cloud.points_m[nearer].tolist()} <= {
        tuple(p) for p in after.cloud.points_m.tolist()
    }


def test_a_wall_hides_what_is_behind_it() -> None:
    y, z = np.meshgrid(np.linspace(-3, 3, 120), np.linspace(-1, 1, 60))
    wall = np.stack([np.full(y.size, 10.0), y.ravel(), z.ravel()], 1).astype(np.float32)
    thing = np.array([[20.0, 0.0, 0.0], [20.0, 3.0, 0.3], [5.0, 0.0, 0.0]], np.float32)
    assert cast(wall, thing).tolist() == [False, False, True]


def test_nothing_is_pasted_onto_walls_kerbs_or_where_no_ground_is_seen() -> None:
    ground = ground_of(street())
    assert ground is not None
    car = np.array([12.0, 0.0, 0.0, 4.5, 1.8, 1.5, 0.0])
    assert standing_height(car, int(ObjectClass.CAR), ground, RULE) == pytest.approx(-LIDAR_HEIGHT_M, abs=0.05)
    for x, y in ((12.0, 20.0), (10.0, 3.0), (200.0, 0.0)):  # in the house front, in a car, beyond the map
        there = car.copy()
        there[:2] = x, y
        assert standing_height(there, int(ObjectClass.CAR), ground, RULE) is None


def test_cars_stay_off_the_sidewalk_and_people_do_not() -> None:
    sample = street()
    assert sample.semantic is not None
    walk = replace(sample, semantic=np.where(sample.semantic == 1, np.uint8(2), sample.semantic))
    ground = ground_of(walk)
    assert ground is not None
    car = np.array([12.0, 0.0, 0.0, 4.5, 1.8, 1.5, 0.0])
    person = np.array([12.0, 0.0, 0.0, 0.5, 0.5, 1.7, 0.0])
    assert standing_height(car, int(ObjectClass.CAR), ground, RULE) is None
    assert standing_height(person, int(ObjectClass.PEDESTRIAN), ground, RULE) is not None


def test_a_nearer_thing_stays_before_a_pasted_one(store: ObjectStore) -> None:
    """Whatever is pasted, pixels of things nearer than it keep their ids."""
    for seed in range(8):
        before = street()
        after, what = paste(before, store, 3, RULE, np.random.default_rng(seed))
        for box, ident in zip(what.boxes_m, after.objects.ids[-len(what.boxes_m) :], strict=False):
            nearer = before.objects.ids[np.hypot(*before.objects.m[:, :2].T) < np.hypot(*box[:2]) - 5.0]
            taken = np.isin(before.instance, nearer) & (after.instance == ident)  # type: ignore[arg-type]
            assert taken.sum() <= 5


def test_what_has_no_point_where_it_would_be_is_not_pasted(store: ObjectStore) -> None:
    """Cut from a moment without a sweep, or so far away that no return is left."""
    bare = ObjectStore(tuple(replace(thing, cloud=Cloud.of(np.zeros((0, 3)))) for thing in store.objects))
    sample, done = paste(street(), bare, 5, PasteRule(), np.random.default_rng(0))
    assert done.chosen == ()
    assert len(sample.objects) == len(street().objects)
    few = ObjectStore(tuple(replace(thing, cloud=thing.cloud[:2]) for thing in store.objects))
    for seed in range(10):
        paste(street(image=False), few, 5, PasteRule(range_change=(2.0, 4.0)), np.random.default_rng(seed))


def test_a_pasted_thing_has_an_id_that_no_pixel_had(store: ObjectStore) -> None:
    before = street()
    assert before.instance is not None
    instance = before.instance.copy()
    instance[:20, :20] = 4  # a thing without a box: too small to be labelled
    for seed in range(4):
        after, done = paste(replace(before, instance=instance), store, 3, PasteRule(), np.random.default_rng(seed))
        assert done.chosen
        assert after.instance is not None
        assert min(after.boxes.ids[-len(done.chosen) :]) > 4
        assert (after.instance[:20, :20] == 4).all()


def test_without_ground_or_objects_nothing_happens(store: ObjectStore) -> None:
    bare = Sample(image=np.zeros((*SIZE, 3), np.uint8), boxes=Boxes2D.of(np.zeros((0, 4)), []))
    assert paste(bare, store, 3, RULE, np.random.default_rng(0))[0] is bare
    sample = street()
    assert paste(sample, ObjectStore(), 3, RULE, np.random.default_rng(0))[0] is sample


def test_the_floor_is_as_far_below_as_the_lidar_is_high() -> None:
    sample = street(image=False)
    assert sample.cloud is not None
    assert floor_z_m(sample.cloud.points_m) == pytest.approx(-LIDAR_HEIGHT_M, abs=0.08)


def test_the_same_seed_pastes_the_same(store: ObjectStore) -> None:
    first, again = (paste(street(), store, 4, RULE, np.random.default_rng(9))[0] for _ in range(2))
    assert np.array_equal(first.image, again.image)  # type: ignore[arg-type]
    assert first.cloud is not None
    assert again.cloud is not None
    assert np.array_equal(first.cloud.points_m, again.cloud.points_m)


def test_sweeps_without_pictures_take_objects_all_around(store: ObjectStore) -> None:
    empty = replace(street(image=False), objects=Boxes3D.of(np.zeros((0, 7)), []))
    azimuths = []
    for seed in range(10):
        _, what = paste(empty, store, 3, RULE, np.random.default_rng(seed))
        azimuths += np.arctan2(what.boxes_m[:, 1], what.boxes_m[:, 0]).tolist()
    assert min(azimuths) < -1.5
    assert max(azimuths) > 1.5
