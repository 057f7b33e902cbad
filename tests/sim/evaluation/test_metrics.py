"""Metrics: the truth fed as if predicted scores 100 %, and hand-counted cases score what was counted."""

import dataclasses
import os
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from perception.geometry import pose_2d
from perception.objects import Detections2D, LightState
from planning.lanes import StopKind, StopLine
from sim.evaluation import detection2d, detection3d, tracking
from sim.evaluation.driving import PENALTY, evaluate_driving
from sim.log.schema import World
from sim.source.base import Route
from sim.truth import Truth, TruthBoxes2D
from tests.builders import VEHICLE, make_graph, straight_lane

DATA = Path(os.environ.get("ROADLAB_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
CLASSES = np.array([k.value for k in detection2d.CLASSES], np.int64)


def image_truth(rng: np.random.Generator, n: int = 12) -> TruthBoxes2D:
    corner = rng.uniform(0, 400, (n, 2))
    boxes = np.column_stack([corner, corner + rng.uniform(25, 150, (n, 2))])
    ids = np.arange(n)
    return TruthBoxes2D(
        "front", ids, boxes, boxes, ids * 0 + 500, np.ones(n), np.zeros(n), CLASSES[ids % 6], np.full(n, 4, np.int64)
    )


def as_found(truth: TruthBoxes2D) -> Detections2D:
    n = len(truth.actor_id)
    return Detections2D("front", truth.visible_px, np.linspace(0.9, 0.5, n), truth.classes, np.full(n, 4, np.int64))


def test_true_image_boxes_score_one_hundred_percent() -> None:
    rng = np.random.default_rng(0)
    truths = [image_truth(rng) for _ in range(8)]
    result = detection2d.evaluate_boxes(detection2d.ImagePair(t, as_found(t), 800, 600) for t in truths)
    assert result["mAP"] == pytest.approx(1.0)
    assert list(result["AP50"].values()) == pytest.approx([1.0] * 6)


def test_missing_half_and_misplacing_the_rest_is_punished() -> None:
    truth = image_truth(np.random.default_rng(1), 6)
    found = as_found(truth)
    half = dataclasses.replace(
        found, **{k: getattr(found, k)[:3] for k in ("boxes_px", "scores", "classes", "light_state")}
    )
    result = detection2d.evaluate_boxes([detection2d.ImagePair(truth, half, 800, 600)])
    assert result["mAP50"] == pytest.approx(0.5)
    moved = dataclasses.replace(found, boxes_px=found.boxes_px + 300.0)
    assert detection2d.evaluate_boxes([detection2d.ImagePair(truth, moved, 800, 600)])["mAP50"] == 0.0


def test_small_and_hidden_objects_are_neither_missed_nor_wrong() -> None:
    truth = image_truth(np.random.default_rng(2), 6)
    hidden = dataclasses.replace(truth, visibility=np.array([1.0, 1.0, 0.2, 0.2, 1.0, 1.0]))
    everything = detection2d.evaluate_boxes([detection2d.ImagePair(hidden, as_found(truth), 800, 600)])
    assert everything["mAP50"] == pytest.approx(1.0)
    assert sum(everything["objects"].values()) == 4


def space_truth(rng: np.random.Generator, n: int = 12) -> detection3d.BoxSet:
    boxes = np.column_stack(
        [rng.uniform(-30, 30, (n, 2)), np.zeros(n), np.full((n, 3), (4.5, 1.9, 1.5)), rng.uniform(-3, 3, n)]
    )
    kinds = np.array([k.value for k in detection3d.RANGE_M])[np.arange(n) % 6]
    return detection3d.BoxSet(boxes, kinds, np.ones(n), rng.normal(size=(n, 2)), np.full(n, 9, np.int64))


def test_true_boxes_in_space_score_one_hundred_percent_without_error() -> None:
    rng = np.random.default_rng(3)
    frames = [space_truth(rng) for _ in range(6)]
    result = detection3d.evaluate_boxes([(t, t) for t in frames])
    assert result["mAP"] == pytest.approx(1.0)
    for name in ("mATE", "mASE", "mAOE", "mAVE"):
        assert result[name] == pytest.approx(0.0, abs=1e-9)


def test_a_shift_of_a_metre_and_a_half_counts_at_two_and_four_metres_only() -> None:
    truth = space_truth(np.random.default_rng(4), 1)
    found = dataclasses.replace(truth, boxes_m=truth.boxes_m + np.array([1.5, 0, 0, 0, 0, 0, 0.1]))
    result = detection3d.evaluate_boxes([(truth, found)])
    assert result["mAP"] == pytest.approx(0.5)
    assert result["mATE"] == pytest.approx(1.5)
    assert result["mAOE"] == pytest.approx(0.1, abs=1e-6)


def test_objects_without_a_return_or_out_of_range_do_not_count() -> None:
    truth = space_truth(np.random.default_rng(5), 6)
    far = truth.boxes_m.copy()
    far[0, :2] = (70.0, 0.0)
    far[1:, :2] *= 0.5  # all within 40 m
    unseen = truth.points.copy()
    unseen[1] = 0
    result = detection3d.evaluate_boxes([(dataclasses.replace(truth, boxes_m=far, points=unseen), truth)])
    assert sum(result["objects"].values()) == 4


def test_true_tracks_score_one_hundred_percent_and_swapped_ones_do_not() -> None:
    none = np.zeros((0, 2))
    xy = [np.array([[k * 1.0, 0.0], [k * 1.0, 10.0]]) for k in range(20)]
    ids = np.array([5, 9])
    right = tracking.evaluate_tracks([tracking.TrackFrame(ids, p, none, ids + 100, p) for p in xy])
    assert (right["MOTA"], right["IDF1"], right["HOTA"]) == (1.0, 1.0, 1.0)
    swapped = [tracking.TrackFrame(ids, p, none, ids if k < 10 else ids[::-1], p) for k, p in enumerate(xy)]
    wrong = tracking.evaluate_tracks(swapped)
    assert wrong["id_switches"] == 2
    assert wrong["MOTA"] == pytest.approx(1 - 2 / 40)
    assert wrong["IDF1"] == pytest.approx(0.5)


@pytest.mark.skipif(not (DATA / "mot").is_dir(), reason="MOTChallenge data are not here ($ROADLAB_DATA)")
@pytest.mark.parametrize(("name", "mota", "idf1"), [("TUD-Campus", 0.526, 0.558), ("TUD-Stadtmitte", 0.564, 0.645)])
def test_the_counting_reproduces_motmetrics_published_figures(name: str, mota: float, idf1: float) -> None:
    from trackers.eval import compute_clear_metrics, compute_identity_metrics

    folder = DATA / "mot" / "py_motmetrics" / name
    truth, found = (np.loadtxt(folder / f, delimiter=",", usecols=range(7)) for f in ("gt.txt", "test.txt"))
    truth = truth[truth[:, 6] != 0]
    sides, boxes = ([], []), ([], [])
    for frame in np.unique(np.concatenate([truth[:, 0], found[:, 0]])):
        for k, rows in enumerate((truth, found)):
            here = rows[rows[:, 0] == frame]
            sides[k].append(np.searchsorted(np.unique(rows[:, 1]), here[:, 1]))
            boxes[k].append(np.column_stack([here[:, 2:4], here[:, 2:4] + here[:, 4:6]]))
    from perception.geometry import iou_2d

    similarity = [iou_2d(a, b) for a, b in zip(*boxes, strict=True)]
    assert compute_clear_metrics(*sides, similarity)["MOTA"] == pytest.approx(mota, abs=0.002)
    assert compute_identity_metrics(*sides, similarity)["IDF1"] == pytest.approx(idf1, abs=0.002)


def drive(
    positions: np.ndarray,
    light: int = LightState.GREEN,
    kind: StopKind = StopKind.LIGHT,
    events: dict[int, dict] | None = None,
) -> dict:
    """Metrics of a drive along a 200 m lane (route 10 m .. 190 m) with a stop line at 100 m; 0.1 s a step."""
    graph = dataclasses.replace(make_graph((straight_lane(200.0),)), stop_lines=(StopLine(0, 100.0, kind, "7"),))
    world = World(VEHICLE, 0.1, Route((10.0, 0.0, 0.0), (190.0, 0.0, 0.0)), (), graph)
    speed = np.gradient(positions, 0.1)
    none, empty = np.zeros(0, np.int64), np.zeros((0, 7))
    truths = [
        Truth(
            k, k * 100_000, pose_2d(float(x), 0.0, 0.0), np.array([v, 0.0, 0.0]), none, empty, np.zeros((0, 3)), none,
            none, (), (), MappingProxyType({"7": int(light)}), tuple([events[k]] if events and k in events else []),
        )
        for k, (x, v) in enumerate(zip(positions, speed, strict=True))
    ]  # fmt: skip
    return evaluate_driving(world, truths)


CRUISE = np.arange(10.0, 189.0, 1.0)


def test_a_clean_drive_scores_one_hundred() -> None:
    result = drive(CRUISE)
    assert result["route_completion"] == 1.0
    assert result["driving_score"] == pytest.approx(100.0)
    assert sum(result["infractions"].values()) == 0


def test_half_the_route_is_half_the_score() -> None:
    assert drive(np.arange(10.0, 101.0))["driving_score"] == pytest.approx(50.0, abs=1.0)


@pytest.mark.parametrize(("light", "count"), [(LightState.RED, 1), (LightState.YELLOW, 0), (LightState.GREEN, 0)])
def test_only_a_red_light_is_run(light: LightState, count: int) -> None:
    result = drive(CRUISE, light)
    assert result["infractions"]["red_light"] == count
    assert result["driving_score"] == pytest.approx(100.0 * PENALTY["red_light"] ** count)


def test_a_stop_sign_wants_a_stop_before_the_line() -> None:
    line = 100.0 - VEHICLE.length_m / 2  # the front bumper crosses first
    stopped = np.concatenate([np.arange(10.0, line - 2), np.full(10, line - 2), np.arange(line - 2, 189.0)])
    assert drive(CRUISE, kind=StopKind.STOP_SIGN)["infractions"]["stop_sign"] == 1
    assert drive(stopped, kind=StopKind.STOP_SIGN)["infractions"]["stop_sign"] == 0


def test_one_collision_is_counted_once_and_a_bump_while_standing_not_at_all() -> None:
    hit = {"kind": "collision", "other_id": 5, "other_type": "vehicle.audi.tt", "impulse_ns": 900.0}
    again = {k: dict(hit) for k in range(40, 45)}
    result = drive(CRUISE, events=again)
    assert result["infractions"]["collision_vehicle"] == 1
    assert result["driving_score"] == pytest.approx(60.0)
    walker = {50: hit | {"other_type": "walker.pedestrian.0001", "other_id": 6}}
    assert drive(CRUISE, events=again | walker)["driving_score"] == pytest.approx(30.0)
    standing = {50: hit | {"ego_speed_mps": 0.02}}
    assert sum(drive(CRUISE, events=standing)["infractions"].values()) == 0
