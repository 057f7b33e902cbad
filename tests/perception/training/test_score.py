"""Average precision: truth scores 1, misses and inventions cost what they must, the rest is ignored."""

from __future__ import annotations

import numpy as np
import pytest

from perception.training.score import average_precision

NAMES = ("car", "pedestrian")
CAR = [0, 0.1, 0.1, 0.3, 0.3, 1.0]  # 120 pixels high, whole
PERSON = [1, 0.5, 0.2, 0.6, 0.6, 0.9]


def labels(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 6)


def found(*rows: list[float], score: float = 0.9) -> np.ndarray:
    return np.array([[*row[1:5], score, row[0]] for row in rows], np.float32).reshape(-1, 6)


def test_truth_as_detections_scores_one() -> None:
    scores = average_precision([labels(CAR, PERSON), labels(CAR)], [found(CAR, PERSON), found(CAR)], NAMES)
    assert [(s.name, s.ap50, s.objects) for s in scores] == [("car", pytest.approx(1.0), 2), ("pedestrian", 1.0, 1)]


def test_half_of_the_objects_found_is_half_the_recall() -> None:
    car = average_precision([labels(CAR), labels(CAR)], [found(CAR), found()], NAMES)[0]
    assert car.ap50 == pytest.approx(51 / 101)  # COCO's 101 recall steps, 0 to 0.5 reached


def test_a_surer_invention_halves_the_precision() -> None:
    elsewhere = [0, 0.6, 0.6, 0.9, 0.9, 1.0]
    both = np.concatenate([found(CAR, score=0.5), found(elsewhere, score=0.9)])
    assert average_precision([labels(CAR)], [both], NAMES)[0].ap50 == pytest.approx(0.5)


def test_small_and_hidden_objects_count_neither_way() -> None:
    small = [0, 0.1, 0.5, 0.15, 0.53, 1.0]  # 18 pixels high
    hidden = [0, 0.6, 0.6, 0.9, 0.9, 0.3]
    truth = [labels(CAR, small, hidden)]
    for seen in (found(CAR), found(CAR, small, hidden), np.concatenate([found(CAR, score=0.3), found(hidden)])):
        car = average_precision(truth, [seen], NAMES)[0]
        assert (car.ap50, car.objects) == (pytest.approx(1.0), 1)


def test_a_class_without_objects_is_undefined_and_not_zero() -> None:
    assert np.isnan(average_precision([labels(CAR)], [found(CAR)], NAMES)[1].ap50)


def test_nothing_found_is_zero() -> None:
    scores = average_precision([labels(CAR)], [found()], NAMES)
    assert scores[0].ap50 == 0.0
    assert np.isnan(scores[1].ap50)
