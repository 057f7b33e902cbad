import math
from dataclasses import replace

import numpy as np
import pytest

from sim.server.scene.mesh import Material
from sim.server.sensors.beams import targets
from sim.server.sensors.create import SensorWorld, create_sensor
from sim.server.sensors.hits import Hits
from sim.server.sensors.instances import Weather
from sim.server.sensors.reflectance import REFLECTIVITY, REPORT_SCALE, Receiver, painted, reflectivity
from sim.server.sensors.weathering import Air, Weathering
from sim.weather import PRESETS
from tests.sim.server.sensors import builders
from tests.sim.server.sensors.test_lidar import LEVEL, ORIGIN, PLAIN, decode

FOG = Weather(fog_density=60.0)
RAIN = Weather(precipitation=100.0, precipitation_deposits=80.0)


@pytest.fixture(scope="module")
def shared():
    return SensorWorld(builders.scene(), builders.library, seed=3)


def sweep(shared, sky=None, kind="ray_cast", **attributes):
    sensor = create_sensor(f"sensor.lidar.{kind}", {**PLAIN, **attributes}, shared, 9)
    view = replace(builders.view(), weather=sky or Weather())
    body = sensor.measure(ORIGIN, LEVEL, view, 0, 0.1)
    return body, decode(body, 4 if kind == "ray_cast" else 6)[2]


@pytest.mark.parametrize("name", ["ClearNoon", "ClearSunset", "CloudyNoon"])
def test_clear_presets_change_not_a_byte(shared, name):
    values = PRESETS[name].as_dict()
    weather = Weather(**{key: values[key] for key in Weather.__dataclass_fields__})
    felt, _ = sweep(shared, weather, dropoff_general_rate="0.3", noise_stddev="0.02")
    blind, _ = sweep(shared, FOG, weather="false", dropoff_general_rate="0.3", noise_stddev="0.02")
    assert felt == blind


@pytest.mark.parametrize(
    ("weather", "attributes"), [(FOG, {}), (RAIN, {}), (Weather(), {"snowfall": "2.5"})], ids=["fog", "rain", "snow"]
)
def test_weather_repeats_to_the_byte_and_changes_with_the_frame(shared, weather, attributes):
    one, two = (sweep(shared, weather, **attributes)[0] for _ in range(2))
    assert one == two
    assert one != sweep(shared, **attributes | {"snowfall": "0"})[0]
    sensor = create_sensor("sensor.lidar.ray_cast", {**PLAIN, **attributes}, shared, 9)
    later = replace(builders.view(), weather=weather, frame=77)
    assert sensor.measure(ORIGIN, LEVEL, later, 0, 0.1) != one or weather is FOG  # fog without scattering is even


def test_fog_moves_far_points_to_itself_and_dims_the_others(shared):
    _, clear = sweep(shared)
    _, foggy = sweep(shared, Weather(fog_density=100.0))
    alpha = Air.of(Weather(fog_density=100.0), 0.0).fog_pm
    assert alpha == pytest.approx(0.05)
    assert len(foggy) == len(clear)
    reach, before = np.linalg.norm(foggy[:, :3], axis=1), np.linalg.norm(clear[:, :3], axis=1)
    moved = np.abs(reach - before) > 0.01
    assert (reach[moved] < 4.0).all()
    assert before[moved].min() > 25.0
    assert moved[before > 60.0].all()
    stays = (np.abs(foggy[:, 0] - builders.WALL_X_M) < 0.01) & ~moved
    assert stays.sum() > 50
    assert np.allclose(foggy[stays, 3], np.exp(-(0.004 + 2.0 * alpha) * reach[stays]), rtol=1e-4)


def test_snow_and_rain_put_points_into_the_air(shared):
    for weather, attributes in ((RAIN, {}), (None, {"snowfall": "2.5"})):
        _, points = sweep(shared, weather, points_per_second="2000000", **attributes)
        wall, ground = np.abs(points[:, 0] - builders.WALL_X_M) < 1.5, np.abs(points[:, 2] + ORIGIN[2]) < 0.3
        air = ~wall & ~ground
        assert air.sum() > 50
        assert np.percentile(np.linalg.norm(points[air, :3], axis=1), 95) < 50.0


def test_a_wet_road_is_lost_far_away_and_a_wall_is_not(shared):
    wet = Weather(precipitation_deposits=100.0)
    (_, dry_points), (_, wet_points) = sweep(shared), sweep(shared, wet)
    far = lambda p: (p[:, 2] < -1.9) & (p[:, 0] < 19.9)  # noqa: E731
    reach = [np.linalg.norm(p[far(p), :3], axis=1).max() for p in (dry_points, wet_points)]
    assert reach[1] < 0.8 * reach[0]
    assert (np.abs(dry_points[:, 0] - 20) < 0.01).sum() == (np.abs(wet_points[:, 0] - 20) < 0.01).sum()


def hits(material, range_m, cosine):
    """The same target at many ranges and angles."""
    range_m, cosine = np.broadcast_arrays(np.asarray(range_m, np.float32), np.asarray(cosine, np.float32))
    n = range_m.size
    same = np.full(n, material, np.uint8)
    return Hits(range_m.ravel(), np.zeros(n, np.int64), same, same, np.zeros(n, np.int32), cosine.ravel())


def test_every_material_has_a_reflectivity():
    assert set(REFLECTIVITY) == set(Material)
    assert all(0.0 < value <= 1.0 for value in REFLECTIVITY.values())


def test_smooth_surfaces_follow_the_cosine_and_rough_ones_oren_and_nayar():
    cosine = np.array([1.0, 0.5, 0.125], np.float32)
    assert reflectivity(hits(Material.PLASTIC, 10.0, cosine)) == pytest.approx(0.10 * cosine)
    # A = 1 - .3732 / (2 * .3732 + .66) = .7346, B = .45 * .3732 / (.3732 + .09) = .3626 for a spread of 35 degrees
    rough = 0.7346 * cosine + 0.3626 * (1.0 - cosine**2)
    assert reflectivity(hits(Material.ROAD, 10.0, cosine)) == pytest.approx(0.18 * rough, rel=1e-3)
    assert reflectivity(hits(Material.SIGN_FACE, 10.0, cosine)) == pytest.approx([1.0, 1.0, 1.0])
    assert reflectivity(hits(Material.ROAD, np.inf, cosine)).tolist() == [0.0, 0.0, 0.0]


def test_cars_are_as_dark_as_their_paint():
    body, glass = hits(Material.PAINT, 10.0, np.ones(3)), hits(Material.GLASS, 10.0, np.ones(3))
    cars = replace(
        builders.view().instances.without(()), actor_id=np.array([5, 8]), color=np.float32([[0, 0, 0], [0.2, 0.5, 0]])
    )
    seen = replace(body, actor_id=np.array([5, 8, 0]))
    assert painted(reflectivity(seen), seen, cars) == pytest.approx(
        [0.08, 0.08 + 0.62 * 0.2176, 0.30], rel=1e-3
    )  # 0.5^2.2 of sRGB
    assert painted(reflectivity(glass), glass, cars) == pytest.approx([0.08, 0.08, 0.08])


def test_what_a_sensor_of_120_m_finds_is_what_its_maker_says():
    receiver, rng = Receiver(120.0), np.random.default_rng(1)
    share = lambda strength, range_m: float(  # noqa: E731
        receiver.finds(np.full(4000, strength, np.float32), np.full(4000, range_m, np.float32), rng).mean()
    )
    assert share(0.1, 50.0) == pytest.approx(0.5, abs=0.03)  # the floor itself
    assert share(0.576, 120.0) == pytest.approx(0.5, abs=0.03)  # 0.1 (120 / 50)^2
    assert share(0.1, 35.0) > 0.999
    assert share(0.1, 70.7) < 0.02  # half of what is needed: 2.4 sigmas under it
    assert share(0.12, 50.0) == pytest.approx(0.829, abs=0.03)  # a fifth over it: 0.95 sigmas


def test_intensity_is_even_in_range_and_fades_in_the_second_half_of_it():
    receiver = Receiver(120.0)  # 0 from 54 m
    strength, range_m = np.array([0.09, 0.36, 0.36, 0.36, 1.0], np.float32), np.array([0.0, 0.0, 27.0, 60.0, 60.0])
    expected = [0.7 * 0.3, 0.7 * 0.6, 0.7 * 0.6 * (1.0 - 0.5**4), 0.0, 1.0]
    assert receiver.reported(strength, range_m.astype(np.float32)) == pytest.approx(expected, abs=1e-6)


def test_materials_and_incidence_rule_the_intensity_where_asked_for(shared):
    _, points = sweep(shared, reflectivity="material", atmosphere_attenuation_rate="0")
    reach = np.linalg.norm(points[:, :3], axis=1)
    wall = np.abs(points[:, 0] - builders.WALL_X_M) < 0.01
    cosine = points[wall, 0] / reach[wall]
    rough = 0.40 * (0.7346 * cosine + 0.3626 * (1.0 - cosine**2))
    expected = REPORT_SCALE * np.sqrt(rough) * np.maximum(1.0 - (reach[wall] / 45.0) ** 4, 0.0)
    assert np.abs(points[wall, 3] - expected).max() < 0.01  # the cosine comes in steps of 1 / 64
    _, carla = sweep(shared, atmosphere_attenuation_rate="0")
    far = [int((np.linalg.norm(p[p[:, 2] < -1.99, :3], axis=1) > 30.0).sum()) for p in (points, carla)]
    # a grazed road of 18 % sends 7.26 % back, the floor at 34.4 m is 6.81 %: 0.31 sigmas over it
    assert far[0] / far[1] == pytest.approx(0.62, abs=0.08)
    with pytest.raises(ValueError, match=r"'reflectivity'.*carla or material.*paint"):
        sweep(shared, reflectivity="paint")


def test_a_wide_beam_over_an_edge_has_two_returns():
    post = builders.quad([[5, -0.1, 0], [5, 0.1, 0], [5, 0.1, 4], [5, -0.1, 4]], Material.POLE)
    wall = builders.quad([[20, -50, 0], [20, 50, 0], [20, 50, 30], [20, -50, 30]], Material.FACADE)
    shared = SensorWorld(builders.scene(post, wall), builders.library)
    narrow = sweep(shared, points_per_second="1000000")[1]
    wide = sweep(shared, points_per_second="1000000", beam_divergence="0.02", dual_return="true")[1]
    assert returns_of_beams(narrow)[1].max() == 1
    beam, counts = returns_of_beams(wide)
    assert counts.max() == 2
    azimuth = np.degrees(np.arctan2(wide[:, 1], wide[:, 0]))
    both = (counts[beam] == 2) & (np.abs(azimuth) < 30.0)  # farther aside the wall itself is deeper than a pulse
    assert both.sum() > 200
    # rays 0.0075 rad = 0.43 degrees round the axis reach over an edge at atan(0.1 / 5) = 1.15 degrees
    assert np.abs(np.abs(azimuth[both]) - 1.146).max() < 0.45
    pairs = wide[both][np.lexsort((wide[both, 0], beam[both]))].reshape(-1, 2, 4)
    assert np.allclose(pairs[:, :, 0], (5.0, 20.0), atol=0.1)


def returns_of_beams(points):
    """Number of the beam of each point (n,), and how many points each beam has."""
    way = np.round(points[:, :3] / np.linalg.norm(points[:, :3], axis=1, keepdims=True), 4)
    _, beam, counts = np.unique(way, axis=0, return_inverse=True, return_counts=True)
    return beam.ravel(), counts


def test_the_strongest_group_of_a_beam_is_its_return(shared):
    hits = shared.caster.cast_rays(
        np.array([[0, 0, 1, 1, 0, 0], [0, 0, 1, 0.98, 0, -0.199]], np.float32), 100.0
    )  # wall at 20 m; ground at 5 m, grazing
    sampled = [hits.rows(np.array([0])), hits.rows(np.array([1]))]
    strongest, last = targets(sampled, 100.0)
    bright = reflectivity(hits)
    power = bright / hits.range_m**2
    assert strongest.hits.range_m[0] == pytest.approx(hits.range_m[int(np.argmax(power))])
    assert last.hits.range_m[0] == pytest.approx(20.0, abs=0.01)


def test_the_rolling_head_sees_the_wall_where_it_was(shared):
    sensor = create_sensor("sensor.lidar.ray_cast", {**PLAIN, "rolling_shutter": "true"}, shared)
    first = replace(builders.view(), elapsed_s=1.0)
    sensor.measure(ORIGIN - (2.0, 0.0, 0.0), LEVEL, first, 0, 0.1)
    _, _, points = decode(sensor.measure(ORIGIN, LEVEL, replace(first, elapsed_s=1.1), 0, 0.1), 4)
    wall = points[np.abs(points[:, 2]) < 1.5]
    wall = wall[wall[:, 0] > 15.0]
    # the turn begins behind: share of the tick that has passed when the head looks that way
    passed = (np.arctan2(wall[:, 1], wall[:, 0]) + np.pi) / (2.0 * np.pi)
    assert np.allclose(wall[:, 0], builders.WALL_X_M + 2.0 * (1.0 - passed), atol=0.03)
    assert wall[:, 0].std() > 0.15


def test_a_rolling_head_without_rays_in_a_tick_sends_an_empty_turn(shared):
    few = {**PLAIN, "rolling_shutter": "true", "points_per_second": "10"}
    sensor = create_sensor("sensor.lidar.ray_cast", few, shared)
    for k in range(2):
        here = np.array([k, 0.0, 2.0])
        body = sensor.measure(here, LEVEL, replace(builders.view(), elapsed_s=0.1 * k), 0, 0.1)
        assert len(decode(body, 4)[2]) == 0


@pytest.mark.parametrize("upright", [90.0, -90.0])
def test_the_rolling_head_turns_the_short_way_when_it_looks_straight_up_or_down(shared, upright):
    """A degree before the upright and one behind it: yaw and roll jump by half a turn, the head turns two degrees."""
    before = np.radians([upright - math.copysign(1.0, upright), 0.0, 0.0])
    now = np.radians([upright - math.copysign(1.0, upright), 180.0, 180.0])

    def scan(rolling: str, *poses: np.ndarray) -> dict[tuple[float, ...], float]:
        sensor = create_sensor("sensor.lidar.ray_cast", {**PLAIN, "rolling_shutter": rolling}, shared)
        for k, pose in enumerate(poses):
            body = sensor.measure(ORIGIN, pose, replace(builders.view(), elapsed_s=0.1 * k), 0, 0.1)
        points = decode(body, 4)[2]
        ranges = np.linalg.norm(points[:, :3], axis=1)
        return dict(zip(map(tuple, np.round(points[:, :3] / ranges[:, None], 4)), ranges, strict=True))

    rolled, first, last = scan("true", before, now), scan("false", before), scan("false", now)
    met = [(rolled[way], first[way], last[way]) for way in rolled if way in first and way in last]
    assert len(met) > 2000
    between = [min(a, b) - 0.05 < r < max(a, b) + 0.05 for r, a, b in met]
    assert np.mean(between) > 0.97  # else past an edge


def test_semantic_points_are_truth_unless_weather_is_asked_for(shared):
    truth, _ = sweep(shared, FOG, kind="ray_cast_semantic")
    assert truth == sweep(shared, kind="ray_cast_semantic")[0]
    _, snowy = sweep(shared, kind="ray_cast_semantic", weather="true", snowfall="2.5", points_per_second="2000000")
    tags = snowy[:, 5].view(np.uint32)
    assert (tags == 0).sum() > 50
    assert (snowy[tags == 0, 4].view(np.uint32) == 0).all()


def test_one_extinction_serves_camera_and_lidar():
    from sim.server.sensors.atmosphere import extinction_per_m

    air = Air.of(replace(FOG, precipitation=40.0), 0.0)
    assert air.fog_pm + air.rain_pm == pytest.approx(extinction_per_m(replace(FOG, precipitation=40.0)))
    assert Air.of(Weather(fog_density=3.0), 0.0) is None
    through = Weathering(replace(air, water_mm=0.0), 200.0)
    assert through.air.fog_pm == air.fog_pm
