import math
from types import MappingProxyType

import numpy as np
import pytest

from perception.objects import LightState, MapLight, ObjectClass
from sim.source.conversion import camera_model, mounting
from sim.source.truth_boxes import FILL, Lights, Objects, boxes_2d, points_in_boxes

CAMERA = camera_model(400, 300, math.radians(90), mounting(0.0, 0.0, 1.0))  # f = 200 px
FROM_WORLD = np.linalg.inv(CAMERA.ego_from_camera)
NO_LIGHTS = Lights((), {}, {})
CAR = int(ObjectClass.CAR)


def objects(*rows):
    return Objects(
        np.array([r[0] for r in rows], np.int64),
        np.array([r[1] for r in rows], np.float64).reshape(-1, 7),
        np.array([r[2] for r in rows], np.int64),
    )


def picture(*patches):
    bgr = np.zeros((300, 400, 3), np.uint8)
    for tag, number, x0, y0, x1, y1 in patches:
        bgr[y0:y1, x0:x1] = (number >> 8, number & 255, tag)
    return bgr


def boxes(bgr, things, lights=NO_LIGHTS):
    return boxes_2d("front", bgr, CAMERA, FROM_WORLD, things, lights)


def test_a_plate_ahead_projects_by_hand():
    # 2 m wide, 2 m tall, hardly long, 10 m ahead: 40 px around the middle
    out = boxes(picture((14, 300, 181, 131, 219, 169)), objects((300, [10, 0, 1, 1e-6, 2, 2, 0], CAR)))
    assert out.full_px[0] == pytest.approx([180, 130, 220, 170], abs=1e-3)
    assert out.visible_px[0].tolist() == [181, 131, 219, 169]
    assert out.pixels[0] == 38 * 38
    assert out.visibility[0] == 1.0  # more than an average car fills
    assert out.truncation[0] == pytest.approx(0.0, abs=1e-6)


def test_left_is_left():
    out = boxes(picture(), objects((1, [10, 3, 1, 1e-6, 2, 2, 0], CAR)))
    assert out.full_px[0] == pytest.approx([120, 130, 160, 170], abs=1e-3)
    assert np.isnan(out.visible_px[0]).all()
    assert (out.pixels[0], out.visibility[0]) == (0, 0.0)


def test_half_outside_is_half_truncated():
    out = boxes(picture(), objects((1, [10, -10, 1, 1e-6, 2, 2, 0], CAR)))
    assert out.truncation[0] == pytest.approx(0.5, abs=1e-6)
    assert out.full_px[0] == pytest.approx([380, 130, 400, 170], abs=1e-3)


def test_what_is_behind_or_tiny_is_left_out():
    out = boxes(picture(), objects((1, [-10, 0, 1, 4, 2, 2, 0], CAR), (2, [300, 0, 1, 4, 2, 2, 0], CAR)))
    assert len(out.actor_id) == 0


def test_a_box_around_the_camera_is_cut_at_the_near_plane():
    out = boxes(picture(), objects((1, [0, 0, 0.5, 8, 1.8, 0.8, 0], CAR)))
    assert len(out.actor_id) == 1
    assert np.isfinite(out.full_px).all()
    assert out.full_px[0, 3] == 300.0


def test_visibility_is_the_share_of_the_expected_pixels():
    area = 40 * 40
    shown = picture((14, 5, 180, 130, 190, 170))
    out = boxes(shown, objects((5, [10, 0, 1, 1e-6, 2, 2, 0], CAR)))
    assert out.visibility[0] == pytest.approx(400 / (area * FILL[ObjectClass.CAR]))


def test_the_car_in_front_does_not_lend_its_pixels():
    near, far = (5, [10, 0, 1, 1e-6, 2, 2, 0], CAR), (6, [20, 0, 1, 1e-6, 2, 2, 0], CAR)
    out = boxes(picture((14, 5, 180, 130, 220, 170)), objects(far, near))
    assert out.actor_id.tolist() == [5, 6]
    assert out.pixels.tolist() == [1600, 0]


def test_numbers_of_another_kind_are_matched_by_place():
    things = objects((1, [10, 0, 1, 1e-6, 2, 2, 0], CAR), (2, [10, 4, 1, 1e-6, 2, 2, 0], CAR))
    out = boxes(picture((14, 40001, 181, 131, 219, 169), (14, 777, 101, 131, 139, 169)), things)
    assert out.visible_px.tolist() == [[181, 131, 219, 169], [101, 131, 139, 169]]


def test_a_rider_belongs_to_the_bicycle():
    bike = objects((9, [10, 0, 1, 1e-6, 1, 2, 0], int(ObjectClass.BICYCLE)))
    out = boxes(picture((19, 9, 192, 150, 208, 168), (13, 9, 195, 132, 205, 150)), bike)
    assert out.visible_px[0].tolist() == [192, 132, 208, 168]
    assert out.pixels[0] == 16 * 18 + 10 * 18


def test_a_light_is_boxed_where_it_faces_the_camera():
    towards = MapLight("7", np.array([[20.0, 0.0, 3.0]]), np.array([-1.0, 0.0]))
    away = MapLight("8", np.array([[20.0, 4.0, 3.0]]), np.array([1.0, 0.0]))
    lights = Lights((towards, away), MappingProxyType({"7": 2, "8": 0}), {"7": 70, "8": 80})
    bgr = picture((7, 0, 197, 124, 203, 136), (7, 0, 157, 124, 163, 136))
    out = boxes(bgr, objects(), lights)
    assert out.actor_id.tolist() == [70]
    assert out.classes.tolist() == [ObjectClass.TRAFFIC_LIGHT]
    assert out.light_state.tolist() == [LightState.GREEN]
    assert out.visible_px[0].tolist() == [197, 124, 203, 136]


def test_points_in_turned_boxes_are_counted():
    yaw = math.radians(30)
    local = np.array([[1.9, 0.0, 0.0], [2.2, 0.0, 0.0], [0.0, 0.9, 0.4], [0.0, 1.2, 0.0], [0.0, 0.0, 0.6]])
    turn = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
    points = local @ turn.T + (5.0, 6.0, 1.0)
    assert points_in_boxes(points, np.array([[5.0, 6.0, 1.0, 4.0, 2.0, 1.0, yaw]]), 0.0).tolist() == [2]
