"""The counting rule on pictures made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sim.realism.rule import Detections, Objects, inside, iou, judge_frame, no_boxes, objects

CAR, TRUCK, BUS, PERSON, BICYCLE, MOTORCYCLE = 2, 7, 5, 0, 1, 3


def real(*rows: tuple[str, tuple[float, ...], float, float]) -> Objects:
    """Rows of kind, box, height, share visible."""
    return objects([(kind, kind, box, box, height, share, 10.0, True) for kind, box, height, share in rows])


def said(*rows: tuple[int, tuple[float, ...]]) -> Detections:
    boxes = np.array([box for _, box in rows], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([c for c, _ in rows], np.int64), np.full(len(rows), 0.5, np.float32))


def verdict(things: Objects, detections: Detections, parked=None, unlabelled=None):
    return judge_frame(things, detections, no_boxes() if parked is None else parked,
                       no_boxes() if unlabelled is None else unlabelled)  # fmt: skip


def test_iou_of_a_box_shifted_by_half_its_width_is_a_third():
    a = np.array([[0, 0, 10, 10]], np.float32)
    b = np.array([[5, 0, 15, 10], [0, 0, 10, 10], [20, 20, 30, 30]], np.float32)
    np.testing.assert_allclose(iou(a, b), [[1 / 3, 1.0, 0.0]])
    np.testing.assert_allclose(inside(b, a), [[0.5], [1.0], [0.0]])


@pytest.mark.parametrize(
    ("kind", "height", "share", "asked"),
    [
        ("car", 25.0, 0.5, True), ("car", 24.9, 1.0, False), ("bus", 60.0, 0.49, False), ("person", 39.0, 1.0, False),
        ("person", 40.0, 1.0, True), ("rider", 40.0, 0.6, True), ("bicycle", 40.0, 0.5, True),
        ("motorcycle", 39.0, 1.0, False), ("van", 30.0, 0.9, True),
    ],
)  # fmt: skip
def test_only_what_is_high_and_visible_enough_is_asked_for(kind, height, share, asked):
    assert verdict(real((kind, (0, 0, 50, 50), height, share)), said()).asked.tolist() == [asked]


def test_a_lorry_called_a_bus_is_found_but_not_named():
    out = verdict(real(("truck", (0, 0, 100, 100), 100, 1.0)), said((BUS, (0, 0, 100, 90))))
    assert out.found.tolist() == [True]
    assert out.named.tolist() == [False]
    assert out.right.tolist() == [True]


def test_a_person_does_not_find_a_car():
    out = verdict(real(("car", (0, 0, 100, 100), 100, 1.0)), said((PERSON, (0, 0, 100, 100))))
    assert out.found.tolist() == [False]
    assert out.right.tolist() == [False]


def test_a_box_of_iou_below_a_half_is_no_hit_but_no_false_alarm_either():
    out = verdict(real(("car", (0, 0, 100, 100), 100, 1.0)), said((CAR, (0, 0, 100, 45))))
    assert out.best_iou.tolist() == [pytest.approx(0.45)]
    assert out.found.tolist() == [False]
    assert out.right.tolist() == [True]


def test_a_part_of_a_large_thing_is_no_false_alarm():
    out = verdict(real(("truck", (0, 0, 400, 100), 100, 1.0)), said((TRUCK, (0, 0, 60, 100)), (CAR, (500, 0, 560, 60))))
    assert out.right.tolist() == [True, False]
    assert out.found.tolist() == [False]


def test_what_is_too_small_to_be_asked_for_is_still_real():
    out = verdict(real(("car", (0, 0, 20, 12), 12, 1.0)), said((CAR, (0, 0, 20, 12))))
    assert out.asked.tolist() == [False]
    assert out.right.tolist() == [True]


def test_one_detection_may_find_two_objects_and_two_may_be_right_about_one():
    things = real(("car", (0, 0, 100, 100), 100, 1.0), ("car", (0, 0, 90, 100), 100, 0.6))
    out = verdict(things, said((CAR, (0, 0, 95, 100)), (TRUCK, (0, 0, 100, 100))))
    assert out.found.tolist() == [True, True]
    assert out.named.tolist() == [True, True]
    assert out.right.tolist() == [True, True]


def test_a_two_wheeler_is_found_by_the_machine_or_with_its_rider():
    machine, whole = (0.0, 60.0, 40.0, 100.0), (0.0, 0.0, 40.0, 100.0)
    things = objects([("motorcycle", "x", machine, whole, 100.0, 1.0, 10.0, True)])
    for box in (machine, whole):
        assert verdict(things, said((MOTORCYCLE, box))).found.tolist() == [True]
    assert verdict(things, said((BICYCLE, whole))).named.tolist() == [False]
    assert verdict(things, said((MOTORCYCLE, (0, 0, 40, 40)))).found.tolist() == [False]


def test_a_two_wheeler_called_a_person_is_noticed_though_not_found():
    machine, whole = (0.0, 60.0, 40.0, 100.0), (0.0, 0.0, 40.0, 100.0)
    things = objects([
        ("bicycle", "x", machine, whole, 100.0, 1.0, 10.0, True), ("car", "y", whole, whole, 100.0, 1.0, 10.0, True),
    ])  # fmt: skip
    out = verdict(things, said((PERSON, (0, 0, 40, 70))))
    assert out.found.tolist() == [False, False]
    assert out.noticed.tolist() == [True, False]
    assert verdict(things, said((PERSON, (0, 0, 40, 40)))).noticed.tolist() == [False, False]
    assert verdict(things, said((BICYCLE, machine))).noticed.tolist() == [True, False]


def test_parked_cars_are_real_for_vehicles_only_and_unlabelled_regions_for_all():
    nothing, there = real(), np.array([[0, 0, 100, 100]], np.float32)
    both = said((CAR, (10, 10, 90, 90)), (PERSON, (10, 10, 90, 90)))
    assert verdict(nothing, both).right.tolist() == [False, False]
    assert verdict(nothing, both, parked=there).right.tolist() == [True, False]
    assert verdict(nothing, both, unlabelled=there).right.tolist() == [True, True]
