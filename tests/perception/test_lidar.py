"""Ground, clusters and boxes on clouds built by hand, and on a real sweep."""

import lzma
import math
import os
from pathlib import Path

import numpy as np
import pytest

from perception.lidar.boxes import BoxConfig, complete_box, fit_box, guess_class
from perception.lidar.clusters import ClusterConfig, cluster
from perception.lidar.ground import GroundConfig, ground_mask
from perception.objects import ObjectClass

DATA = Path(os.environ.get("ROADLAB_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def plane(slope: float, rng: np.random.Generator) -> np.ndarray:
    xy = rng.uniform(-20, 20, (8000, 2))  # as dense as a 32-channel sweep is there
    return np.column_stack([xy, slope * xy[:, 0] + rng.normal(0, 0.02, 8000)]).astype(np.float32)


def car_sides(x: float, y: float, yaw: float, length: float = 4.5, width: float = 1.9) -> np.ndarray:
    """Points on the rear and the right side of a car, as a LiDAR behind it to the right sees it."""
    u = np.linspace(-length / 2, length / 2, 60)
    v = np.linspace(-width / 2, width / 2, 25)
    side = np.column_stack([u, np.full(60, -width / 2)])
    rear = np.column_stack([np.full(25, -length / 2), v])
    flat = np.concatenate([side, rear])
    c, s = math.cos(yaw), math.sin(yaw)
    flat = flat @ np.array([[c, s], [-s, c]]) + (x, y)
    return np.concatenate([np.column_stack([flat, np.full(len(flat), z)]) for z in (0.4, 0.8, 1.2)]).astype(np.float32)


@pytest.mark.parametrize("slope", [0.0, 0.08, -0.08])
def test_a_sloping_road_is_ground_and_what_stands_on_it_is_not(slope: float) -> None:
    rng = np.random.default_rng(0)
    road = plane(slope, rng)
    box = rng.uniform((9, -1, 0.5), (11, 1, 1.8), (200, 3)).astype(np.float32)
    box[:, 2] += slope * box[:, 0]
    ground, above = ground_mask(np.concatenate([road, box]), GroundConfig())
    assert ground[: len(road)].mean() > 0.99
    assert not ground[len(road) :].any()
    assert np.median(above[len(road) :]) == pytest.approx(1.15, abs=0.2)


def test_non_finite_points_are_no_ground() -> None:
    points = np.array([[5.0, 0.0, np.nan], [np.inf, 0.0, 0.0], [5.0, 0.0, 0.0]], np.float32)
    ground, above = ground_mask(points, GroundConfig())
    np.testing.assert_array_equal(ground, [False, False, True])
    assert np.isnan(above[:2]).all()


def test_two_cars_a_metre_apart_are_two_clusters_and_one_car_is_one() -> None:
    near, far = car_sides(10, 0, 0.0), car_sides(10, 2.9, 0.0)
    points = np.concatenate([near, far])
    groups = cluster(points, points[:, 2], ClusterConfig())
    assert sorted(len(g) for g in groups) == [len(near), len(far)]
    assert {int(g.min() >= len(near)) for g in groups} == {0, 1}


def test_what_hangs_and_what_lies_flat_is_no_obstacle() -> None:
    rng = np.random.default_rng(1)
    crown = rng.uniform((10, -1, 2.2), (13, 1, 4.0), (300, 3)).astype(np.float32)
    kerb = rng.uniform((5, 3, 0.0), (9, 3.2, 0.2), (100, 3)).astype(np.float32)
    for points in (crown, kerb):
        assert cluster(points, points[:, 2], ClusterConfig()) == []


@pytest.mark.parametrize("yaw", [0.0, 0.4, -0.7, 1.3])
def test_two_visible_sides_give_the_whole_car(yaw: float) -> None:
    box = fit_box(car_sides(12, 3, yaw), 0.0, BoxConfig())
    assert box[:2] == pytest.approx([12, 3], abs=0.1)
    assert box[3:5] == pytest.approx([4.5, 1.9], abs=0.15)
    turned = (box[6] - yaw + math.pi / 2) % math.pi - math.pi / 2
    assert abs(turned) < math.radians(3)


def test_a_car_seen_from_behind_is_completed_away_from_the_sensor() -> None:
    rear = np.column_stack([np.full(40, 10.0), np.linspace(-0.95, 0.95, 40), np.linspace(0.3, 1.4, 40)])
    box = complete_box(fit_box(rear.astype(np.float32), 0.0, BoxConfig()), ObjectClass.CAR)
    assert box[0] == pytest.approx(10.0 + 4.5 / 2, abs=0.15)
    assert box[1] == pytest.approx(0.0, abs=0.1)
    assert abs(math.sin(box[6])) < 0.1  # it points along the road


def test_points_in_one_line_are_a_box_with_thickness() -> None:
    line = np.column_stack([np.full(6, 8.0), np.linspace(0.0, 2.0, 6), np.full(6, 0.8)]).astype(np.float32)
    box = fit_box(line, 0.0, BoxConfig())
    assert box[3:5] == pytest.approx([2.0, 0.1], abs=1e-6)


def test_size_names_cars_and_people_and_nothing_else() -> None:
    def named(length: float, width: float, height: float) -> ObjectClass:
        return guess_class(np.array([0, 0, 0, length, width, height, 0.0]))[0]

    assert named(4.4, 1.8, 1.5) == ObjectClass.CAR
    assert named(0.6, 0.5, 1.75) == ObjectClass.PEDESTRIAN
    assert named(20.0, 0.5, 2.5) == ObjectClass.UNKNOWN
    assert named(4.0, 4.0, 4.0) == ObjectClass.UNKNOWN


@pytest.mark.skipif(not (DATA / "kitti_raw").is_dir(), reason="KITTI recordings are not here ($ROADLAB_DATA)")
def test_parked_and_driving_cars_are_found_in_a_real_sweep() -> None:
    """Frame 7 of KITTI drive 0052: cars labelled in the camera's view must be covered by clusters."""
    drive = DATA / "kitti_raw" / "2011_09_26_drive_0052_sync"
    raw = lzma.decompress((drive / "velodyne_points" / "data" / "0000000007.bin.xz").read_bytes())
    points = np.frombuffer(raw, np.float32).reshape(-1, 4)[:, :3].copy()
    points[:, 2] += 1.73  # the HDL-64 stands 1.73 m above the ground
    ground, above = ground_mask(points, GroundConfig())
    rows = np.flatnonzero(~ground & np.isfinite(above))
    groups = cluster(points[rows], above[rows], ClusterConfig())
    boxes = [fit_box(points[rows][g], 0.0, BoxConfig()) for g in groups]
    centres = np.array([box[:2] for box in boxes])
    labels = sorted((drive / "label_2_object").glob("*7.txt"))[0].read_text().splitlines()
    cars = [line.split() for line in labels if line.startswith(("Car", "Van"))]
    assert cars
    found = 0
    for row in cars:
        x_cam, z_cam = float(row[11]), float(row[13])  # camera: x right, z forward; the LiDAR is 0.27 m behind
        found += int(np.hypot(*(centres - (z_cam + 0.27, -x_cam)).T).min() < 2.5)
    assert found / len(cars) >= 0.8


def test_the_end_of_a_car_is_a_car_and_a_shallow_thing_seen_askew_is_not():
    # 1.8 m wide, 0.5 m deep, 1.5 m high, 15 m to the left: square to the line of sight, then along it
    end = np.array([0.0, 15.0, 0.75, 1.8, 0.5, 1.5, 0.0])
    assert guess_class(end)[0] == ObjectClass.CAR
    along = end.copy()
    along[6] = math.pi / 2
    assert guess_class(along)[0] == ObjectClass.BICYCLE
    whole = complete_box(end, ObjectClass.CAR)
    assert whole[3] == pytest.approx(4.5)
    assert abs(math.sin(whole[6])) == pytest.approx(1.0)  # its long side points away
    assert whole[1] == pytest.approx(15.0 - 0.25 + 2.25)
