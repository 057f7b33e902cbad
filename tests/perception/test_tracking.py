"""Motions that are known, through the tracker."""

import numpy as np
import pytest

from perception.geometry import pose_2d
from perception.objects import Detections3D, EgoEstimate, ObjectClass, Tracks
from perception.tracking import Tracker, TrackingConfig


def ego(x: float = 0.0, yaw: float = 0.0) -> EgoEstimate:
    return EgoEstimate(pose_2d(x, 0.0, yaw), np.array([0.0, 0.0]), 0.0, 0.0, np.eye(3) * 0.01)


def seen(*rows: tuple[float, float, float], kind: ObjectClass = ObjectClass.CAR, score: float = 0.8) -> Detections3D:
    boxes = np.array([[x, y, 0.8, 4.5, 1.9, 1.5, yaw] for x, y, yaw in rows]).reshape(-1, 7)
    n = len(boxes)
    return Detections3D(boxes, np.full(n, score), np.full(n, kind.value, np.int64), np.full(n, 50, np.int64))


def follow(tracker: Tracker, frames: list[Detections3D]) -> list[Tracks]:
    return [tracker.update(f, ego(), k, k * 100_000) for k, f in enumerate(frames)]


def test_a_car_at_constant_speed_is_one_track_with_that_speed() -> None:
    rng = np.random.default_rng(0)
    frames = [seen((10 + 0.8 * k + rng.normal(0, 0.1), 3 + rng.normal(0, 0.1), 0.0)) for k in range(40)]
    tracks = follow(Tracker(TrackingConfig()), frames)
    assert {int(i) for t in tracks for i in t.ids} == {1}
    assert tracks[-1].velocity_world_mps[0] == pytest.approx([8.0, 0.0], abs=0.6)
    assert tracks[-1].boxes_world_m[0, :2] == pytest.approx([10 + 0.8 * 39, 3.0], abs=0.3)
    assert ObjectClass(int(tracks[-1].classes[0])) == ObjectClass.CAR


def test_a_moving_car_points_where_it_goes_even_if_its_box_says_backwards() -> None:
    frames = [seen((10.0, -20 + 0.8 * k, -np.pi / 2)) for k in range(30)]
    last = follow(Tracker(TrackingConfig()), frames)[-1]
    assert last.boxes_world_m[0, 6] == pytest.approx(np.pi / 2, abs=0.05)


def test_detections_come_in_the_ego_frame_and_tracks_live_in_the_world() -> None:
    tracker = Tracker(TrackingConfig())
    for k in range(20):  # the ego drives 1 m a frame towards a parked car 50 m ahead
        tracks = tracker.update(seen((50.0 - k, 0.0, 0.0)), ego(float(k)), k, k * 100_000)
    assert tracks.boxes_world_m[0, :2] == pytest.approx([50.0, 0.0], abs=0.05)
    assert np.hypot(*tracks.velocity_world_mps[0]) < 0.2


def test_two_cars_that_pass_each_other_keep_their_identities() -> None:
    frames = [seen((-20 + 0.8 * k, 1.75, 0.0), (20 - 0.8 * k, -1.75, np.pi)) for k in range(50)]
    tracks = follow(Tracker(TrackingConfig()), frames)
    east = [int(t.ids[i]) for t in tracks[3:] for i in range(len(t.ids)) if t.boxes_world_m[i, 1] > 0]
    west = [int(t.ids[i]) for t in tracks[3:] for i in range(len(t.ids)) if t.boxes_world_m[i, 1] < 0]
    assert len(set(east)) == len(set(west)) == 1
    assert set(east) != set(west)


def test_a_short_gap_keeps_the_identity_and_a_long_one_ends_it() -> None:
    config = TrackingConfig()
    hidden = [seen()] * 4
    frames = [seen((10 + 0.8 * k, 0.0, 0.0)) for k in range(20)] + hidden
    frames += [seen((10 + 0.8 * k, 0.0, 0.0)) for k in range(24, 30)]
    tracks = follow(Tracker(config), frames)
    assert tracks[-1].ids.tolist() == tracks[10].ids.tolist()
    frames = frames[:20] + [seen()] * (config.max_misses + 1)
    assert len(follow(Tracker(config), frames)[-1].ids) == 0


def test_one_false_alarm_never_becomes_a_track() -> None:
    frames = [seen() for _ in range(5)] + [seen((10.0, 0.0, 0.0))] + [seen() for _ in range(5)]
    assert all(len(t.ids) == 0 for t in follow(Tracker(TrackingConfig()), frames))


def test_an_unnamed_thing_is_not_given_a_speed_by_jumping() -> None:
    rng = np.random.default_rng(2)
    frames = [
        seen((20 + rng.uniform(-0.5, 0.5), 5 + rng.uniform(-0.5, 0.5), 0.0), kind=ObjectClass.UNKNOWN)
        for _ in range(30)
    ]
    last = follow(Tracker(TrackingConfig()), frames)[-1]
    assert np.hypot(*last.velocity_world_mps[0]) < 1.5


def test_the_same_frames_give_the_same_tracks() -> None:
    frames = [seen((10 + 0.8 * k, 0.0, 0.0), (30.0, 4.0, 1.0)) for k in range(15)]
    a, b = (follow(Tracker(TrackingConfig()), frames)[-1] for _ in range(2))
    np.testing.assert_array_equal(a.boxes_world_m, b.boxes_world_m)
    np.testing.assert_array_equal(a.covariance, b.covariance)


def test_a_detection_has_the_name_of_its_track() -> None:
    tracker = Tracker(TrackingConfig())
    bus, nameless = seen((20.0, 3.0, 0.0), kind=ObjectClass.BUS), seen((20.0, 3.0, 0.0), kind=ObjectClass.UNKNOWN)
    follow(tracker, [bus, bus, bus])
    tracker.update(nameless, ego(), 3, 300_000)
    assert tracker.kind.tolist() == [ObjectClass.BUS.value]
    far = seen((20.0, 3.0, 0.0), (-30.0, 9.0, 0.0), kind=ObjectClass.UNKNOWN)
    tracker.update(far, ego(), 4, 400_000)
    assert tracker.kind.tolist() == [ObjectClass.BUS.value, ObjectClass.UNKNOWN.value]
