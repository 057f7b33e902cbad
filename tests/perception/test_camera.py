"""Light states on painted crops, letterboxing, and how camera boxes and clusters find each other."""

import cv2
import numpy as np
import pytest

from perception.camera.detector import letterbox
from perception.camera.lights import LightConfig, TrafficLights, classify
from perception.frame import Image
from perception.fusion import Cloud, FusionConfig, fuse
from perception.geometry import invert, pose_2d, project, transform_points
from perception.lidar.boxes import BoxConfig
from perception.objects import Detections2D, LightState, MapLight, ObjectClass
from tests.builders import make_camera

GLOW = {LightState.RED: (40, 40, 235), LightState.YELLOW: (40, 190, 245), LightState.GREEN: (90, 230, 70)}


def head(lit: LightState | None) -> np.ndarray:
    crop = np.full((40, 24, 3), (150, 120, 90), np.uint8)  # hazy sky
    crop[4:36, 6:18] = 25
    if lit is not None:
        row = {LightState.RED: 10, LightState.YELLOW: 20, LightState.GREEN: 30}[lit]
        cv2.circle(crop, (12, row), 3, GLOW[lit], -1)
    return crop


@pytest.mark.parametrize("state", list(GLOW))
def test_the_lamp_that_glows_is_the_state(state: LightState) -> None:
    assert classify(head(state), LightConfig())[0] == state


def test_a_dark_head_and_green_leaves_are_no_state() -> None:
    assert classify(head(None), LightConfig())[0] == LightState.UNKNOWN
    leaves = np.full((40, 24, 3), (30, 80, 50), np.uint8)
    assert classify(leaves, LightConfig())[0] == LightState.UNKNOWN


def lit_scene(state: LightState, facing: float = -1.0) -> tuple[TrafficLights, Image]:
    camera = make_camera(800, 600)
    light = MapLight("7", np.array([[30.0, -3.0, 5.0]]), np.array([facing, 0.0]))
    bgr = np.full((600, 800, 3), (150, 120, 90), np.uint8)
    pixel, depth = project(camera.intrinsics, transform_points(invert(camera.ego_from_camera), light.heads_world_m))
    size = int(400 / depth[0])
    u, v = int(pixel[0, 0]), int(pixel[0, 1])
    bgr[v - size // 2 : v + size // 2, u - size // 5 : u + size // 5] = 25
    cv2.circle(
        bgr,
        (u, v + {LightState.RED: -1, LightState.YELLOW: 0, LightState.GREEN: 1}[state] * size // 3),
        2,
        GLOW[state],
        -1,
    )
    return TrafficLights([light], LightConfig()), Image(bgr, camera)


@pytest.mark.parametrize("state", list(GLOW))
def test_a_light_of_the_map_is_found_where_the_pose_puts_it(state: LightState) -> None:
    lights, image = lit_scene(state)
    views, seen = lights.update([image], pose_2d(0.0, 0.0, 0.0), 0)
    assert [(v.signal_id, v.state) for v in views] == [("7", state)]
    assert len(seen) == 1


def test_a_light_that_faces_away_is_not_read() -> None:
    lights, image = lit_scene(LightState.RED, facing=1.0)
    assert lights.update([image], pose_2d(0.0, 0.0, 0.0), 0) == ((), [])


def test_what_was_seen_ages_and_is_forgotten() -> None:
    lights, image = lit_scene(LightState.RED)
    lights.update([image], pose_2d(0.0, 0.0, 0.0), 0)
    views, _ = lights.update([], pose_2d(0.0, 0.0, 0.0), 1_000_000)
    assert views[0].age_s == pytest.approx(1.0)
    assert lights.update([], pose_2d(0.0, 0.0, 0.0), 2_000_000)[0] == ()


def test_letterboxing_keeps_the_shape_and_says_where_the_picture_is() -> None:
    tensor, scale, left, top = letterbox(np.full((600, 800, 3), 200, np.uint8), (480, 640))
    assert (tensor.shape, scale, left, top) == ((3, 480, 640), 0.8, 0, 0)
    tensor, scale, left, top = letterbox(np.full((300, 1000, 3), 200, np.uint8), (480, 640))
    assert (scale, left, top) == (0.64, 0, 144)
    assert tensor[0, 0, 0] == 114
    assert tensor[0, 240, 320] == 200


def scene(car_x: float = 15.0) -> tuple[Cloud, list[np.ndarray]]:
    """A car's rear and one side ahead, a wall far behind it."""
    rng = np.random.default_rng(0)
    rear = np.column_stack([np.full(120, car_x), rng.uniform(-0.95, 0.95, 120), rng.uniform(0.3, 1.4, 120)])
    wall = np.column_stack([np.full(300, 40.0), rng.uniform(-20, 20, 300), rng.uniform(0.3, 3.0, 300)])
    points = np.concatenate([rear, wall]).astype(np.float32)
    number = np.repeat([0, 1], [120, 300])
    return Cloud(points, points[:, 2], number), [np.arange(120), np.arange(120, 420)]


def car_box(car_x: float) -> Detections2D:
    camera = make_camera(800, 600)
    corners = np.array([[car_x, y, z] for y in (-1.0, 1.0) for z in (0.0, 1.5)])
    pixels, _ = project(camera.intrinsics, transform_points(invert(camera.ego_from_camera), corners))
    box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])[None]
    one = np.ones(1, np.int64)
    return Detections2D("front", box, np.array([0.9]), one * ObjectClass.CAR.value, one * 4)


def test_the_camera_names_the_cluster_and_the_lidar_places_it() -> None:
    cloud, clusters = scene()
    image = Image(np.zeros((600, 800, 3), np.uint8), make_camera(800, 600))
    found = fuse(cloud, clusters, [(image, car_box(15.0))], FusionConfig(), BoxConfig())
    best = found.boxes_ego_m[0]
    assert ObjectClass(int(found.classes[0])) == ObjectClass.CAR
    assert found.scores[0] == pytest.approx(0.9)
    assert best[0] == pytest.approx(15.0 + 2.25, abs=0.3)  # the rear is seen, the centre is half a car ahead
    assert best[1] == pytest.approx(0.0, abs=0.2)


def test_without_points_a_box_stands_on_the_ground_with_less_belief() -> None:
    none = Cloud(np.zeros((0, 3), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    image = Image(np.zeros((600, 800, 3), np.uint8), make_camera(800, 600))
    found = fuse(none, [], [(image, car_box(12.0))], FusionConfig(), BoxConfig())
    assert found.points.tolist() == [0]
    assert found.scores[0] == pytest.approx(0.45)
    assert found.boxes_ego_m[0, 0] == pytest.approx(13.0, abs=0.8)


def test_a_wall_is_no_object() -> None:
    cloud, clusters = scene()
    found = fuse(cloud, clusters, [], FusionConfig(), BoxConfig())
    assert all(box[0] < 20 for box in found.boxes_ego_m)
