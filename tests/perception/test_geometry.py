"""Transforms, boxes and projection against SciPy, Shapely and hand-computed numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from shapely.geometry import Polygon

from perception import geometry as g

ANGLE = st.floats(-1.5, 1.5)
COORD = st.floats(-500, 500)


@st.composite
def boxes(draw: st.DrawFn, count: int = 3) -> np.ndarray:
    row = st.tuples(
        st.floats(-6, 6), st.floats(-6, 6), st.floats(-2, 2),
        st.floats(0.3, 8), st.floats(0.3, 4), st.floats(0.3, 4), st.floats(-3.1, 3.1),
    )  # fmt: skip
    return np.array(draw(st.lists(row, min_size=1, max_size=count)), np.float64)


@given(roll=ANGLE, pitch=ANGLE, yaw=st.floats(-3.1, 3.1))
def test_euler_angles_are_scipys(roll: float, pitch: float, yaw: float) -> None:
    ours = g.rotation_from_euler(roll, pitch, yaw)
    np.testing.assert_allclose(ours, Rotation.from_euler("ZYX", [yaw, pitch, roll]).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(g.euler_from_rotation(ours), (roll, pitch, yaw), atol=1e-9)


@given(x=COORD, y=COORD, yaw=st.floats(-3.1, 3.1), px=COORD, py=COORD)
def test_a_transform_and_its_inverse_cancel(x: float, y: float, yaw: float, px: float, py: float) -> None:
    world_from_ego = g.pose_2d(x, y, yaw, 1.5)
    points = np.array([[px, py, 0.3]])
    there = g.transform_points(world_from_ego, points)
    np.testing.assert_allclose(g.transform_points(g.invert(world_from_ego), there), points, atol=1e-9)


def test_transforms_compose_as_they_read() -> None:
    world_from_ego = g.pose_2d(10.0, 0.0, math.pi / 2)
    ego_from_lidar = g.pose_2d(2.0, 0.0, 0.0, 1.9)
    point = g.transform_points(world_from_ego @ ego_from_lidar, np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(point, [[10.0, 3.0, 1.9]], atol=1e-12)  # 2 + 1 m ahead of a car that faces north


@settings(max_examples=60, deadline=None)
@given(first=boxes(), second=boxes())
def test_overlap_of_footprints_is_shapelys(first: np.ndarray, second: np.ndarray) -> None:
    ours = g.intersection_bev(first, second)
    for i, a in enumerate(g.box_corners_bev(first)):
        for j, b in enumerate(g.box_corners_bev(second)):
            assert ours[i, j] == pytest.approx(Polygon(a).intersection(Polygon(b)).area, abs=1e-6)


def test_overlap_far_from_the_origin_keeps_its_digits() -> None:
    box = np.array([[1e5, -2e5, 0.0, 4.0, 2.0, 1.5, 0.3]])
    assert g.iou_bev(box, box)[0, 0] == pytest.approx(1.0, abs=1e-9)


def test_iou_of_boxes_by_hand() -> None:
    a = np.array([[0.0, 0.0, 0.0, 4.0, 2.0, 2.0, 0.0]])
    b = np.array([[2.0, 0.0, 1.0, 4.0, 2.0, 2.0, 0.0]])
    assert g.iou_bev(a, b)[0, 0] == pytest.approx(4.0 / 12.0)  # 2x2 of 8 + 8 - 4
    assert g.iou_3d(a, b)[0, 0] == pytest.approx(4.0 / 28.0)  # 2x2x1 of 16 + 16 - 4
    quarter = a.copy()
    quarter[0, 6] = math.pi / 2
    assert g.iou_bev(a, quarter)[0, 0] == pytest.approx(4.0 / 12.0)


def test_a_point_one_metre_right_of_the_axis_lands_a_focal_length_over_depth_right() -> None:
    k = g.intrinsics_from_fov(800, 600, math.pi / 2)
    assert k[0, 0] == pytest.approx(400.0)
    pixels, depth = g.project(k, np.array([[1.0, -0.5, 10.0], [0.0, 0.0, -1.0]]))
    np.testing.assert_allclose(pixels[0], [440.0, 280.0])
    assert depth[0] == 10.0
    assert np.isnan(pixels[1]).all()
    np.testing.assert_array_equal(g.in_image(pixels, 800, 600), [True, False])


def test_a_box_that_reaches_behind_the_camera_has_finite_bounds() -> None:
    corners = g.box_corners(np.array([[0.0, 0.0, 0.0, 4.0, 2.0, 2.0, 0.0]]))
    camera = g.transform_points(g.OPTICAL_FROM_BODY, corners[0])[None]
    bounds = g.box_image_bounds(camera, g.intrinsics_from_fov(800, 600, 1.5))[0]
    assert np.isfinite(bounds).all()
    behind = camera - (0.0, 0.0, 10.0)
    assert np.isnan(g.box_image_bounds(behind, g.intrinsics_from_fov(800, 600, 1.5))).all()


@given(yaw=st.floats(-20, 20))
def test_wrapped_angles_differ_by_whole_turns(yaw: float) -> None:
    wrapped = float(g.wrap_angle(yaw))
    assert -math.pi <= wrapped < math.pi
    assert (yaw - wrapped) / (2 * math.pi) == pytest.approx(round((yaw - wrapped) / (2 * math.pi)), abs=1e-9)


def test_points_in_a_turned_box() -> None:
    box = np.array([5.0, 5.0, 1.0, 4.0, 2.0, 2.0, math.pi / 2])
    points = np.array([[5.0, 6.9, 1.0], [6.9, 5.0, 1.0], [5.9, 5.0, 1.9], [5.0, 5.0, 2.1]])
    np.testing.assert_array_equal(g.points_in_box(points, box), [True, False, True, False])
