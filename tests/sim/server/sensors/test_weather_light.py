"""What the weather does to pictures: sun and shadow, night and lamps, fog, rain."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.server.scene.mesh import Material, Mesh, Tag
from sim.server.sensors.atmosphere import airlight, extinction_per_m, sun_direction
from sim.server.sensors.instances import Instances, View, Weather
from sim.server.sensors.lighting import fog_left
from sim.server.sensors.photo import Photo
from sim.server.sensors.post import veil_of
from sim.server.sensors.renderer import Buffers, Intrinsics, SceneRenderer
from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene

CAMERA = Intrinsics(320, 200, math.radians(90.0))
EYE = np.array([0.0, 0.0, 1.5])
GROUND = box_mesh((0.0, 0.0, -1.0), (150.0, 150.0, 1.0), Material.SIDEWALK)
NOON = Weather(sun_altitude_angle=60.0)
NIGHT = Weather(sun_altitude_angle=-60.0)


def picture(
    weather: Weather,
    mesh: Mesh = GROUND,
    bodies: Instances | None = None,
    lamps: np.ndarray | None = None,
    rotation=(0.0, 0.0, 0.0),
    eye=EYE,
    want=("rgb",),
) -> Buffers:
    renderer = SceneRenderer(small_scene(mesh, lamps_m=lamps), box_library(), threads=1)
    view = View(1, 0.0, bodies or boxes([]), np.zeros(0, np.uint8), weather)
    try:
        return renderer.render(np.asarray(eye), np.array(rotation), CAMERA, view, want)
    finally:
        renderer.close()


def test_the_sun_stands_where_altitude_and_azimuth_say():
    assert sun_direction(Weather(sun_altitude_angle=90.0)) == pytest.approx([0, 0, 1], abs=1e-9)
    assert sun_direction(Weather(sun_altitude_angle=0.0, sun_azimuth_angle=90.0)) == pytest.approx([0, 1, 0], abs=1e-9)


def test_night_is_darker_than_noon_and_the_low_sun_is_redder():
    noon, night = picture(NOON).bgr.mean(), picture(NIGHT).bgr.mean()
    assert night < 0.6 * noon
    high, low = airlight(NOON).light_rgb, airlight(Weather(sun_altitude_angle=8.0)).light_rgb
    assert low[0] / low[2] > 2.0 * high[0] / high[2]


def test_a_wall_throws_its_shadow_away_from_the_sun():
    # sun in the north-east of the picture's left: azimuth -90 degrees is -y, so the shadow falls towards +y (right)
    wall = box_mesh((12.0, 0.0, 2.0), (1.0, 1.0, 2.0), Material.WALL)
    weather = Weather(sun_altitude_angle=45.0, sun_azimuth_angle=-90.0)
    down = (-math.pi / 2, 0.0, 0.0)
    image = picture(weather, Mesh.join([GROUND, wall]), rotation=down, eye=(12.0, 0.0, 20.0)).bgr.mean(axis=2)
    # 8 px per metre on the ground, right is +y
    shaded, lit = image[96:104, 160 + 16 : 160 + 36].mean(), image[96:104, 160 - 36 : 160 - 16].mean()
    assert shaded < 0.75 * lit


def test_a_body_throws_a_shadow_too_and_it_moves_with_it():
    down = (-math.pi / 2, 0.0, 0.0)
    weather = Weather(sun_altitude_angle=30.0, sun_azimuth_angle=-90.0)
    images = [
        picture(weather, bodies=boxes([(12.0, y, 0.0)]), rotation=down, eye=(12.0, 0.0, 20.0)).bgr.mean(axis=2)
        for y in (-6.0, 6.0)
    ]
    # shadow of a 1.5 m body at 30 degrees reaches 2.6 m beyond its side, 1 m from its middle
    spot = [
        image[90:110, 160 + int(8 * (y + 2.0)) : 160 + int(8 * (y + 3.0))].mean()
        for image, y in zip(images, (-6, 6), strict=True)
    ]
    open_ground = images[0][90:110, 160 + 56 : 160 + 64].mean()
    assert max(spot) < 0.75 * open_ground


def test_contact_darkens_the_ground_under_a_body_even_without_sun():
    grey = Weather(cloudiness=100.0, precipitation=100.0, sun_altitude_angle=60.0)
    with_body = picture(grey, bodies=boxes([(8.0, 0.0, 0.0)])).bgr.astype(float).mean(axis=2)
    without = picture(grey).bgr.astype(float).mean(axis=2)
    foot = (slice(141, 144), slice(150, 170))  # just before the body's back at 6 m: v = 100 + 160 * 1.5 / 5.6
    assert with_body[foot].mean() < 0.9 * without[foot].mean()


def test_fog_takes_contrast_exponentially_with_distance():
    for beta in (0.005, 0.02):
        left = [fog_left(beta, 0.0, 0.0, 0.0, d) for d in (1.0, 20.0, 100.0)]
        assert left == pytest.approx([math.exp(-beta * d) for d in (1.0, 20.0, 100.0)], rel=1e-5)


def test_height_fog_is_the_integral_along_the_ray():
    base, k, rise, distance = 0.01, 0.07, 0.3, 80.0
    s = np.linspace(0.0, distance, 20001)
    depth = (
        np.trapezoid(base * np.exp(-k * rise * s), s)
        if hasattr(np, "trapezoid")
        else np.trapz(base * np.exp(-k * rise * s), s)
    )
    assert fog_left(base, k, 0.0, rise, distance) == pytest.approx(math.exp(-depth), rel=1e-4)


def test_fog_begins_at_its_distance():
    assert fog_left(0.05, 0.0, 30.0, 0.0, 29.0) == 1.0
    assert fog_left(0.05, 0.0, 30.0, 0.0, 50.0) == pytest.approx(math.exp(-1.0), rel=1e-5)


def test_fog_density_means_the_visibility_it_says():
    visibility = [3.0 / extinction_per_m(Weather(fog_density=d)) for d in (20.0, 50.0, 100.0)]
    assert visibility == pytest.approx([670.8, 169.7, 60.0], rel=1e-3)


def test_a_far_wall_drowns_in_fog():
    def contrast(density: float) -> float:
        wall = box_mesh((61.0, 0.0, 5.0), (1.0, 8.0, 5.0), Material.SIGNAL_HOUSING)
        seen = picture(replace(NOON, fog_density=density), Mesh.join([GROUND, wall]), want=("rgb", "semantic"))
        grey = seen.bgr.astype(float).mean(axis=2)
        return abs(grey[seen.semantic == Tag.TRAFFIC_LIGHT].mean() - grey[60, 60])

    clear, thin, thick = contrast(0.0), contrast(40.0), contrast(90.0)
    assert clear > 1.5 * thin > 3.0 * thick


def test_a_camera_exposes_for_the_fog_that_it_sees():
    # photographs show thick fog by day as a light grey; a white would leave no room for what stands in it
    foggy = picture(replace(NOON, cloudiness=60.0, fog_density=71.0)).bgr
    assert 150 < foggy[60:90].mean() < 205


def test_the_black_level_takes_off_half_of_the_veil_and_nothing_in_clear_air():
    grey = np.full((64, 64, 3), 0.5, np.float32)
    assert veil_of(grey, airlight(NOON)) == 0.0
    assert 0.25 < veil_of(grey, airlight(replace(NOON, fog_density=71.0))) < 0.35


def test_street_lamps_light_the_ground_at_night_only():
    lamp = np.array([[10.0, 0.0, 6.0, 0.0, 0.0, -1.0]], np.float32)
    under = (slice(112, 140), slice(140, 180))
    with_lamp, without = picture(NIGHT, lamps=lamp).bgr[under].mean(), picture(NIGHT).bgr[under].mean()
    assert with_lamp > 1.5 * without
    day = [picture(NOON, lamps=rows).bgr[under] for rows in (lamp, None)]
    assert (day[0] == day[1]).all()


def test_head_lamps_light_the_road_before_a_car():
    # a car right of the camera that looks the same way; its lamps come on by themselves at night
    lit, dark = picture(NIGHT, bodies=boxes([(-1.0, 2.5, 0.0)])).bgr, picture(NIGHT).bgr
    far, near = (slice(122, 130), slice(190, 220)), (slice(154, 162), slice(250, 280))  # about 15 m ahead, and 6
    assert lit[far].mean() > 1.5 * dark[far].mean()
    assert lit[near].mean() > 1.15 * dark[near].mean()


def test_rain_and_wetness_change_the_picture():
    dry, rain = picture(NOON), picture(replace(NOON, precipitation=80.0, wetness=80.0, cloudiness=90.0))
    assert (dry.bgr != rain.bgr).mean() > 0.9


def test_standing_water_mirrors_a_wall():
    # a red glowing wall 11 m ahead; mirrored in the ground before it only when that is wet
    wall = box_mesh((12.0, 0.0, 2.0), (1.0, 4.0, 2.0), Material.SIGNAL_RED)
    base = Weather(sun_altitude_angle=50.0, cloudiness=90.0)
    scene = Mesh.join([GROUND, wall])
    before = (slice(124, 130), slice(140, 180))  # 8 to 10 m away

    def redness(weather: Weather) -> float:
        view = View(1, 0.0, boxes([]), np.array([0], np.uint8), weather)
        renderer = SceneRenderer(small_scene(scene), box_library(), threads=1)
        bgr = renderer.render(EYE, np.zeros(3), CAMERA, view, ("rgb",)).bgr[before].astype(float)
        renderer.close()
        return float((bgr[..., 2] - bgr[..., 1]).mean())

    assert redness(replace(base, precipitation_deposits=90.0, wetness=100.0)) > redness(base) + 10.0


def test_signals_glow_in_the_colour_of_their_state():
    lamp = box_mesh((6.0, 0.0, 1.5), (0.2, 0.5, 0.5), Material.SIGNAL_GREEN)
    colours = []
    for state in (0, 2):
        renderer = SceneRenderer(small_scene(Mesh.join([GROUND, lamp])), box_library(), threads=1)
        view = View(1, 0.0, boxes([]), np.array([state], np.uint8), NOON)
        colours.append(renderer.render(EYE, np.zeros(3), CAMERA, view, ("rgb",)).bgr[100, 160].astype(int))
        renderer.close()
    assert colours[1][1] > colours[0][1] + 60


def test_pictures_in_fog_keep_the_contrast_that_its_visibility_leaves():
    """Before the tone curve: of a dark box against the fog behind it, at 10 and 30 m in a visibility of 100 m."""
    foggy = replace(NOON, cloudiness=60.0, fog_density=100.0 * (3.0 / 100.0 / 0.05) ** (2.0 / 3.0), fog_falloff=0.0)
    beta = extinction_per_m(foggy)
    assert beta == pytest.approx(0.03, rel=1e-6)
    photo = Photo.of("sensor.camera.rgb", {"enable_postprocess_effects": "false"})
    left = []
    for away in (10.0, 30.0):
        box = box_mesh((away + 1.0, 0.0, 1.5), (1.0, away / 20.0, away / 20.0), Material.SIGNAL_HOUSING)
        renderer = SceneRenderer(small_scene(box), box_library(), threads=1)
        view = View(1, 0.0, boxes([]), np.zeros(0, np.uint8), foggy)
        linear = renderer.render(EYE, np.zeros(3), CAMERA, view, ("rgb",), photo=photo).bgr.astype(float)
        renderer.close()
        fog = linear[90:110, 20:60].mean()
        left.append(1.0 - linear[97:103, 157:163].mean() / fog)
    assert left[1] / left[0] == pytest.approx(math.exp(-beta * 20.0), rel=0.06)
