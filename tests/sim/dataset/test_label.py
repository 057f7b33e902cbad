"""Labels of the hand-made scene against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.dataset.label import EGO_ID
from sim.dataset.lanes import image_lines
from sim.dataset.records import LaneLine
from tests.sim.dataset.handmade import capture, labelled


def test_boxes_pixels_and_points_are_those_of_the_scene() -> None:
    labels = labelled().labels
    car, bike = labels.objects
    assert (car.category, bike.category) == ("car", "bicycle")
    assert car.center_world_m == (10.0, 0.0, 0.75)
    assert (car.lidar_points, bike.lidar_points) == (2, 1)
    near, far = labels.cameras["front"].objects
    assert (near.id, far.id) == (1, 2), "nearest first"
    assert near.visible_px == (70.0, 60.0, 90.0, 75.0)
    assert near.projected_px == pytest.approx((70.0, 60.0, 90.0, 75.0))  # f = 80: 2 m at 8 m are 20 pixels
    assert near.visibility == 1.0
    assert near.occlusion == 0
    assert near.depth_m == 8.0
    assert near.truncation == 0.0


def test_a_half_hidden_cyclist_is_one_object_with_its_rider_apart() -> None:
    bike = labelled().labels.cameras["front"].objects[1]
    assert bike.visibility == 0.5  # eighty of the outline's hundred and sixty pixels
    assert bike.occlusion == 1
    assert bike.visible_px == (42.0, 58.0, 47.0, 74.0)
    assert bike.rider_px == (42.0, 58.0, 47.0, 66.0)
    assert bike.body_px == (42.0, 66.0, 47.0, 74.0)
    assert bike.rider_pixels == bike.body_pixels == 40


def test_masks_and_points_have_the_ids_of_the_labels() -> None:
    made = labelled()
    mask = made.masks["front"].instance
    assert {int(v) for v in np.unique(mask)} == {0, 1, 2}
    assert int((mask == 1).sum()) == 300
    assert made.points["top"].instance.tolist() == [1, 1, 2, 0]
    assert EGO_ID not in mask


def test_a_lane_line_runs_where_the_road_is_seen() -> None:
    labels = labelled().labels
    (line,) = labels.lane_lines
    assert (line.kind, line.color) == ("Solid", "White")
    (image,) = labels.cameras["front"].lane_lines
    u, v = image.points_px[0]  # 2 m ahead, 2 m to the right, 1.5 m below the camera: beyond the picture's edge at 45°
    assert u < 160.0
    assert v < 120.0
    first = labels.lane_lines[0].points_ego_m[image.line]
    assert first == (2.0, -2.0, 0.0)
    assert not any(image.seen), "the picture's depth says 50 m: something else is there"


def test_a_lane_point_is_seen_where_it_is_written() -> None:
    """A point at u = 79.997 is written as 80.00: the pixel there decides, not the one to its left."""
    camera = capture().cameras["front"]
    tags = np.full_like(camera.tags, 1)
    tags[:, 80:] = 9
    line = LaneLine("Solid", "White", tuple((x, 0.000375 * x / 10.0, 0.0) for x in (8.0, 10.0, 12.0)))
    (piece,) = image_lines([line], replace(camera, tags=tags, depth_m=None))
    assert [u for u, _ in piece.points_px] == [80.0, 80.0, 80.0]
    assert not any(piece.seen)
