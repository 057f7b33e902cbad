"""Each of CARLA's fourteen weather parameters, moved from low to high, changes the picture as its name says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from sim.server.scene.mesh import Material, Mesh
from sim.server.sensors.conditions import ORDINARY, Conditions
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene

CAMERA = Intrinsics(320, 200, math.radians(90.0))  # 160 px focal length, horizon in row 100
EYE = np.array([0.0, 0.0, 1.5])
BASE = Weather(sun_altitude_angle=50.0, sun_azimuth_angle=-90.0, fog_density=2.0)
DOWNPOUR = replace(BASE, precipitation=100.0)
SUN_ON_THE_RIGHT = 50.0
NEAR_WALL = (slice(92, 99), slice(40, 60))  # dark, 20 m away
FAR_WALL = (slice(97, 99), slice(222, 232))  # dark, 80 m away
ROAD = (slice(120, 180), slice(110, 210))
Shoot = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def shoot() -> Iterator[Shoot]:
    """A road with a dark wall near on the left, one far on the right and a red glowing one ahead."""
    mesh = Mesh.join(
        [
            box_mesh((0.0, 0.0, -1.0), (200.0, 200.0, 1.0), Material.ROAD),
            box_mesh((21.0, -13.0, 1.5), (1.0, 2.5, 1.5), Material.SIGNAL_HOUSING),
            box_mesh((81.0, 33.0, 4.0), (1.0, 4.0, 4.0), Material.SIGNAL_HOUSING),
            box_mesh((16.0, 0.0, 2.0), (1.0, 3.0, 2.0), Material.SIGNAL_RED),
        ]
    )
    renderer = SceneRenderer(small_scene(mesh), box_library(), threads=1)

    def picture(weather: Weather, conditions: Conditions = ORDINARY, elapsed_s: float = 0.0, **more) -> np.ndarray:
        view = View(1, elapsed_s, boxes([]), np.zeros(1, np.uint8), weather)
        bgr = renderer.render(EYE, np.zeros(3), CAMERA, view, ("rgb",), conditions=conditions, **more).bgr
        return bgr.astype(float)

    yield picture
    renderer.close()


def rain_alone(shoot: Shoot, weather: Weather, **more) -> np.ndarray:
    """Difference of two moments under a grey sky: streaks and nothing else."""
    rain = replace(weather, cloudiness=100.0)
    dry_lens = Conditions(lens_drops=0.0)
    return np.asarray(shoot(rain, dry_lens, 0.0, **more) - shoot(rain, dry_lens, 1.0, **more)).mean(axis=2)


def tilt(streaks: np.ndarray) -> float:
    """Angle of streaks from upright, degrees, by the structure tensor."""
    down, across = np.gradient(streaks)
    return 0.5 * math.degrees(math.atan2(2.0 * float((across * down).sum()), float((across**2 - down**2).sum())))


def contrast(image: np.ndarray, wall: tuple[slice, slice]) -> float:
    """Of a dark wall against what is beside it, grey levels."""
    beside = (wall[0], slice(wall[1].stop + 12, wall[1].stop + 20))
    return float(abs(image[wall].mean() - image[beside].mean()))


def blueness(image: np.ndarray, rows: slice) -> float:
    """Blue over red of a piece of sky."""
    return float(image[rows, :, 0].mean() / image[rows, :, 2].mean())


def test_cloudiness_greys_the_sky_and_takes_the_shadows(shoot):
    clear, overcast = shoot(BASE), shoot(replace(BASE, cloudiness=100.0))
    assert blueness(clear, slice(0, 40)) > blueness(overcast, slice(0, 40)) + 0.3
    shaded, lit = (slice(113, 116), slice(210, 270)), (slice(113, 116), slice(20, 90))

    def shadow(image: np.ndarray) -> float:
        return float(image[shaded].mean() / image[lit].mean())

    low_sun = replace(BASE, sun_altitude_angle=20.0)  # the red wall's shadow falls to its right
    assert shadow(shoot(low_sun)) < 0.75 < shadow(shoot(replace(low_sun, cloudiness=100.0)))


def test_precipitation_draws_streaks_and_hides_what_is_far(shoot):
    grey = replace(BASE, cloudiness=100.0)

    def streaks(rain: float) -> float:
        return float(np.abs(rain_alone(shoot, replace(BASE, precipitation=rain))[120:195]).mean())

    assert streaks(0.0) < 0.1
    assert streaks(30.0) < 0.8 * streaks(100.0)
    assert contrast(shoot(replace(grey, precipitation=100.0)), FAR_WALL) < contrast(shoot(grey), FAR_WALL)


def test_precipitation_deposits_grow_puddles_that_mirror(shoot):
    def redness(deposits: float) -> float:
        road = shoot(replace(BASE, cloudiness=90.0, precipitation_deposits=deposits))[120:150, 140:180]
        return float((road[..., 2] - road[..., 1]).mean())

    red = [redness(d) for d in (0.0, 30.0, 60.0, 100.0)]
    assert red[0] + 5.0 < red[1] < red[2] < red[3]


def test_wind_tilts_the_streaks_of_rain(shoot):
    def lean(wind: float) -> float:
        return tilt(rain_alone(shoot, replace(DOWNPOUR, wind_intensity=wind))[120:195, 60:260])

    assert abs(lean(0.0)) < 5.0
    assert abs(lean(100.0)) > 15.0


def test_wetness_darkens_the_road_and_mirrors(shoot):
    grey = replace(BASE, cloudiness=90.0)
    dry, wet = shoot(grey), shoot(replace(grey, wetness=100.0))
    near, sky = (slice(180, 200), slice(60, 110)), (slice(10, 60), slice(60, 110))  # steep: little is mirrored there
    assert wet[near].mean() / wet[sky].mean() < 0.85 * dry[near].mean() / dry[sky].mean()
    ahead = (slice(125, 140), slice(140, 180))
    assert (wet[ahead][..., 2] - wet[ahead][..., 1]).mean() > (dry[ahead][..., 2] - dry[ahead][..., 1]).mean() + 5.0


def test_the_sun_goes_round_with_its_azimuth(shoot):
    left = shoot(replace(BASE, sun_altitude_angle=12.0, sun_azimuth_angle=-SUN_ON_THE_RIGHT))[20:70]
    right = shoot(replace(BASE, sun_altitude_angle=12.0, sun_azimuth_angle=SUN_ON_THE_RIGHT))[20:70]
    assert left[:, :80].mean() > left[:, 240:].mean() + 5.0
    assert right[:, 240:].mean() > right[:, :80].mean() + 5.0


def test_a_low_sun_is_warmer_and_a_sunken_one_leaves_a_blue_dusk_and_then_night(shoot):
    facing = replace(BASE, sun_azimuth_angle=0.0)
    noon, low, dusk, night = (shoot(replace(facing, sun_altitude_angle=a)) for a in (50.0, 6.0, -4.0, -40.0))
    rows = slice(60, 70)
    assert blueness(low, rows) < 0.9 * blueness(noon, rows)
    assert blueness(dusk, slice(0, 40)) > 1.1
    assert noon.mean() > dusk.mean() > night.mean()


def test_fog_density_takes_far_contrast(shoot):
    far = [contrast(shoot(replace(BASE, fog_density=d)), FAR_WALL) for d in (0.0, 25.0, 60.0)]
    assert far[0] > 1.3 * far[1] > 2.0 * far[2]


def test_fog_distance_keeps_what_is_near_clear(shoot):
    thick = replace(BASE, fog_density=90.0)
    assert contrast(shoot(replace(thick, fog_distance=30.0)), NEAR_WALL) > 1.5 * contrast(shoot(thick), NEAR_WALL)


def test_fog_falloff_clears_the_air_above(shoot):
    thick = replace(BASE, fog_density=80.0)

    def redness(falloff: float) -> float:
        top = shoot(replace(thick, fog_falloff=falloff))[78:86, 140:180]  # of the red wall
        return float(top[..., 2].mean() - top[..., 1].mean())

    assert redness(5.0) > redness(0.0) + 5.0


def test_scattering_intensity_brightens_fog(shoot):
    fog = replace(BASE, fog_density=80.0, scattering_intensity=0.0)
    dark, bright = shoot(fog), shoot(replace(fog, scattering_intensity=2.0))
    assert bright[97:99].mean() > dark[97:99].mean() + 1.0


def test_mie_scattering_whitens_the_sky_round_the_sun(shoot):
    facing = replace(BASE, sun_azimuth_angle=0.0, sun_altitude_angle=40.0)
    clean, hazy = shoot(facing), shoot(replace(facing, mie_scattering_scale=0.2))
    assert blueness(hazy, slice(0, 60)) < 0.95 * blueness(clean, slice(0, 60))


def test_rayleigh_scattering_brightens_the_sky_against_the_ground(shoot):
    def sky(scale: float) -> float:
        image = shoot(replace(BASE, rayleigh_scattering_scale=scale))
        return float(image[0:40].mean() / image[150:190].mean())

    assert sky(0.01) < 0.95 * sky(0.0331) < 0.95 * sky(0.1)


def test_dust_hides_what_is_far_and_yellows_the_light(shoot):
    clear, storm = shoot(BASE), shoot(replace(BASE, dust_storm=100.0))
    assert contrast(storm, FAR_WALL) < 0.4 * contrast(clear, FAR_WALL)
    assert blueness(storm, slice(0, 90)) < 0.9 < blueness(clear, slice(0, 90))


def test_rain_comes_towards_a_car_that_drives(shoot):
    right = (slice(120, 195), slice(200, 318))  # below and right of where the car drives to: streaks run from there
    still = tilt(rain_alone(shoot, DOWNPOUR)[right])
    fast = tilt(rain_alone(shoot, DOWNPOUR, velocity_mps=np.array([30.0, 0.0, 0.0]))[right])
    assert abs(still) < 5.0 < 20.0 < abs(fast)
