"""Snow and what sits on a lens: attributes of the camera, beyond CARLA's weather."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from sim.server.protocol.payloads import image_body
from sim.server.scene.mesh import Material, Mesh
from sim.server.scene.static import STRIP_DTYPE
from sim.server.sensors.atmosphere import extinction_per_m, rain_mmph
from sim.server.sensors.camera import CameraSensor
from sim.server.sensors.conditions import ORDINARY, Conditions
from sim.server.sensors.film import DROPS, drops_of
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene

CAMERA = Intrinsics(320, 200, math.radians(90.0))
EYE = np.array([0.0, 0.0, 1.5])
GREY = Weather(sun_altitude_angle=40.0, cloudiness=90.0)
LANE_M = 3.5
Shoot = Callable[..., np.ndarray]


def lane_ahead() -> Mesh:
    """A driving lane 3.5 m wide under the camera, with the lane's own coordinates."""
    half = LANE_M / 2.0
    corners = np.array([[0, -half, 0.02], [100, -half, 0.02], [100, half, 0.02], [0, half, 0.02]], np.float32)
    uvw = np.array([[0, 0, LANE_M], [100, 0, LANE_M], [100, LANE_M, 0], [0, LANE_M, 0]], np.float32)
    up = np.tile(np.array([0, 0, 1], np.float32), (4, 1))
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
    return Mesh(corners, up, uvw, faces, np.full(2, Material.ROAD, np.uint8), np.zeros(2, np.int32))


@pytest.fixture(scope="module")
def renderer() -> Iterator[SceneRenderer]:
    strips = np.zeros(1, STRIP_DTYPE)
    strips["driving"] = 1
    mesh = Mesh.join(
        [
            box_mesh((0.0, 0.0, -1.0), (200.0, 200.0, 1.0), Material.GRASS),
            lane_ahead(),
            box_mesh((14.0, 9.0, 1.5), (2.0, 3.0, 1.5), Material.WALL),
        ]
    )
    made = SceneRenderer(small_scene(mesh, strips=strips), box_library(), threads=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shoot(renderer: SceneRenderer) -> Shoot:
    def picture(conditions: Conditions = ORDINARY, weather: Weather = GREY, elapsed_s: float = 2.0) -> np.ndarray:
        view = View(1, elapsed_s, boxes([(10.0, -5.0, 0.0)]), np.zeros(0, np.uint8), weather)
        return renderer.render(EYE, np.zeros(3), CAMERA, view, ("rgb",), conditions=conditions).bgr.astype(float)

    return picture


def test_snow_lies_on_ground_and_on_tops_but_not_on_walls(shoot):
    bare, white = shoot(), shoot(Conditions(snow_cover=100.0))
    grass, wall = (slice(150, 190), slice(10, 60)), (slice(92, 110), slice(200, 230))
    # exposure answers to the white street, so parts are compared with each other
    assert white[grass].mean() / white[wall].mean() > 2.0 * bare[grass].mean() / bare[wall].mean()
    assert white[grass].std(axis=-1).mean() < 6.0  # grey, no longer green


def test_wheels_keep_their_tracks_open(shoot):
    row = shoot(Conditions(snow_cover=70.0)).mean(axis=2)[140:150].mean(axis=0)
    per_m = (145 - 100) / 1.5  # pixels a metre in row 145, from 1.5 m above the ground
    middle, left, right = (row[int(160 + per_m * y) - 2 : int(160 + per_m * y) + 3].mean() for y in (0.0, -0.78, 0.78))
    assert max(left, right) < 0.9 * middle


def test_tracks_part_before_a_junction():
    """They ended at its border, as if cut off."""
    strips = np.zeros(2, STRIP_DTYPE)
    strips["driving"] = 1
    strips[1]["end_m"], strips[1]["joins"] = 30.0, 2
    clear = np.zeros(2)
    for k in range(2):
        lane = replace(lane_ahead(), param=np.full(2, k, np.int32))
        made = SceneRenderer(small_scene(lane, strips=strips), box_library(), threads=1)
        view = View(1, 2.0, boxes([]), np.zeros(0, np.uint8), GREY)
        eye, down = np.array([28.5, 0.0, 4.0]), np.array([-math.pi / 2, 0.0, 0.0])
        seen = made.render(eye, down, CAMERA, view, ("rgb",), conditions=Conditions(snow_cover=70.0)).bgr
        made.close()
        light = seen.astype(float).mean(axis=(0, 2))
        per_m = 160 / 4.0
        middle, *tracks = (light[int(160 + per_m * y) - 6 : int(160 + per_m * y) + 7].mean() for y in (0, -0.78, 0.78))
        clear[k] = middle / np.mean(tracks)
    assert clear[0] > 1.2, "where the road goes on"
    assert abs(clear[1] - 1.0) < 0.4 * (clear[0] - 1.0)


def test_wheels_cross_crosswalks_as_they_cross_junctions():
    strips = np.zeros(1, STRIP_DTYPE)
    strips["driving"] = strips["junction"] = 1
    crossing = lane_ahead()
    crossing = replace(crossing, vertices_m=crossing.vertices_m + np.array([0.0, LANE_M, 0.0], np.float32),
                       material=np.full(2, Material.CROSSWALK, np.uint8))  # fmt: skip
    ground = box_mesh((0.0, 0.0, -1.0), (200.0, 200.0, 1.0), Material.GRASS)
    made = SceneRenderer(small_scene(Mesh.join([ground, lane_ahead(), crossing]), strips=strips), box_library(), 1)
    view = View(1, 2.0, boxes([]), np.zeros(0, np.uint8), GREY)
    seen = made.render(EYE, np.zeros(3), CAMERA, view, ("rgb", "semantic"), conditions=Conditions(snow_cover=70.0))
    made.close()
    light = seen.bgr.astype(float).mean(axis=2)[135:190]
    junction, crosswalk, meadow = light[:, 150:170].mean(), light[:, 250:290].mean(), light[:, 20:60].mean()
    assert crosswalk < 1.3 * junction, "half of it is white paint"
    assert meadow > 1.3 * junction


def test_more_snowfall_is_more_flakes_and_less_sight(shoot):
    def flakes(snowfall: float) -> float:
        sky = shoot(Conditions(snowfall_mmph=snowfall))[10:80].mean(axis=2)
        return float(np.abs(np.diff(sky, axis=1)).mean())

    assert flakes(0.0) < flakes(0.5) < flakes(3.0)


def test_flakes_fall_and_hide_behind_what_stands_nearer(renderer):
    def pictures(eye: np.ndarray) -> list[np.ndarray]:
        return [
            renderer.render(
                eye, np.zeros(3), CAMERA, View(1, t, boxes([]), np.zeros(0, np.uint8), GREY), ("rgb",),
                conditions=Conditions(snowfall_mmph=3.0),
            ).bgr.astype(float)
            for t in (1.0, 1.05)
        ]  # fmt: skip

    first, later = pictures(EYE)
    assert (np.abs(first - later).max(axis=2) > 20.0).mean() > 0.01
    first, later = pictures(np.array([11.4, 9.0, 1.5]))  # 0.6 m before the wall
    assert (np.abs(first - later).max(axis=2) > 20.0).mean() < 0.01


def test_a_dirty_lens_is_darker_in_spots_that_stay(shoot):
    clean, dirty = shoot(), shoot(Conditions(lens_dirt=100.0))
    share = dirty.mean(axis=2) / np.maximum(clean.mean(axis=2), 1.0)
    assert share.min() < 0.7 < 0.85 < np.median(share)
    later = shoot(Conditions(lens_dirt=100.0), elapsed_s=60.0)
    assert np.abs(dirty - later).max() < 2.0


def test_drops_come_with_rain_unless_the_camera_says_otherwise():
    assert Conditions().drops_on_lens(0.0) == 0.0
    assert Conditions().drops_on_lens(60.0) == 0.6
    assert Conditions(lens_drops=0.0).drops_on_lens(60.0) == 0.0
    assert Conditions(lens_drops=30.0).drops_on_lens(0.0) == 0.3
    assert len(drops_of(0.5, 3.0, 1)) == DROPS // 2
    assert (drops_of(0.5, 3.0, 1) == drops_of(0.5, 3.0, 1)).all()
    assert (drops_of(0.5, 3.0, 1) != drops_of(0.5, 3.0, 2)).any()


def test_every_place_has_a_lens_of_its_own_that_cameras_keep(renderer):
    """All cameras of a rig, and the first frames of all scenes of a data set, had the same drops and dirt."""
    view = View(1, 2.0, boxes([]), np.zeros(0, np.uint8), GREY)

    def seen(attribute: str, *places: tuple[float, float, float]) -> np.ndarray:
        """The last picture of one camera that is carried to these places."""
        size = {"image_size_x": "160", "image_size_y": "100"}
        camera = CameraSensor("rgb", {**size, attribute: "100"}, renderer)
        bodies = [camera.measure(np.array(place), np.zeros(3), view, 0, 0.05) for place in places]
        return np.frombuffer(bodies[-1], np.uint8)[-160 * 100 * 4 :].reshape(100, 160, 4)[..., 1].astype(float)

    here, there = (0.0, 0.0, 1.5), (0.0, 0.5, 1.5)
    for attribute in ("lens_dirt", "lens_drops"):
        assert (seen(attribute, here) == seen(attribute, here)).all()
        assert np.abs(seen(attribute, there) - seen(attribute, here, there)).max() > 25.0


def test_drops_turn_the_view_over(shoot):
    dry, wet = shoot(), shoot(Conditions(lens_drops=100.0))
    changed = np.abs(wet - dry).mean(axis=2) > 15.0
    assert 0.002 < changed.mean() < 0.2
    ground = changed.copy()
    ground[:120] = False
    assert wet[ground].mean() > dry[ground].mean() + 10.0  # the bright sky shows in drops before the ground


def test_the_defaults_leave_the_picture_as_it_is(renderer):
    view = View(1, 2.0, boxes([]), np.zeros(0, np.uint8), Weather(sun_altitude_angle=40.0))
    plain = renderer.render(EYE, np.zeros(3), CAMERA, view, ("rgb",)).bgr
    asked = {"snowfall": "0.0", "snow_cover": "0.0", "lens_dirt": "0.0", "lens_drops": "-1.0"}
    size = {"image_size_x": "320", "image_size_y": "200"}
    body = CameraSensor("rgb", {**size, **asked}, renderer).measure(EYE, np.zeros(3), view, 0, 0.05)
    assert body == image_body(np.dstack([plain, np.full(plain.shape[:2], 255, np.uint8)]), 90.0)


def test_depth_and_labels_see_through_snow(renderer):
    """It has no thickness, and a road under it is a road."""
    view = View(1, 2.0, boxes([(10.0, -5.0, 0.0)]), np.zeros(0, np.uint8), GREY)
    deep = Conditions(snowfall_mmph=5.0, snow_cover=100.0)
    bare, snowy = (
        renderer.render(EYE, np.zeros(3), CAMERA, view, ("rgb", "depth", "semantic", "instance"), conditions=c)
        for c in (ORDINARY, deep)
    )
    assert (bare.bgr != snowy.bgr).mean() > 0.5
    assert (bare.depth_m == snowy.depth_m).all()
    assert (bare.semantic == snowy.semantic).all()
    assert (bare.instance == snowy.instance).all()


def test_cameras_take_snow_as_attributes_and_refuse_nonsense(renderer):
    view = View(1, 2.0, boxes([]), np.zeros(0, np.uint8), GREY)
    bodies = [
        CameraSensor("rgb", {"image_size_x": "64", "image_size_y": "48", **more}, renderer).measure(
            EYE, np.zeros(3), view, 0, 0.05
        )
        for more in ({}, {"snow_cover": "90"})
    ]
    grey = [np.frombuffer(body[-64 * 48 * 4 :], np.uint8).reshape(48, 64, 4)[30:, :, :3].mean() for body in bodies]
    assert grey[1] > 1.3 * grey[0]
    with pytest.raises(ValueError, match=r"'snowfall' must be a number in 0\.\.20, got '200'"):
        CameraSensor("rgb", {"snowfall": "200"}, renderer)


def test_one_extinction_for_cameras_and_lidars():
    assert rain_mmph(Weather(precipitation=40.0)) == pytest.approx(10.0)
    # 1.076 * 10 ** 0.67 = 5.03 dB/km; 5.53 * 2.5 ** 1.38 = 19.6 dB/km; 1 dB/km = 2.303e-4 / m
    assert extinction_per_m(Weather(precipitation=40.0)) == pytest.approx(1.159e-3, rel=1e-2)
    assert extinction_per_m(Weather(), snowfall_mmph=2.5) == pytest.approx(4.51e-3, rel=1e-2)
    assert extinction_per_m(Weather()) == 0.0
