import math
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sim.server.sensors.attributes import Attributes
from sim.server.sensors.create import SensorWorld, create_sensor
from sim.server.sensors.pool import WorkerPool
from sim.server.sensors.rays import RayCaster
from sim.server.world.pose import rotation_matrix
from tests.sim.server.sensors import builders

ORIGIN = np.array([0.0, 0.0, 2.0])
LEVEL = np.zeros(3)
ROOT = Path(__file__).parents[4]
PLAIN = {
    "range": "100",
    "dropoff_general_rate": "0",
    "dropoff_zero_intensity": "0",
    "channels": "16",
    "points_per_second": "160000",
}


@pytest.fixture(scope="module")
def shared():
    return SensorWorld(builders.scene(), builders.library, seed=3)


def lidar(shared, **attributes):
    return create_sensor("sensor.lidar.ray_cast", {**PLAIN, **attributes}, shared)


def decode(body, columns):
    angle, channels = struct.unpack_from("<fI", body)
    counts = np.frombuffer(body, "<u4", channels, 8)
    points = np.frombuffer(body, "<f4", offset=8 + 4 * channels).reshape(-1, columns)
    assert counts.sum() == len(points)
    return angle, counts, points


def test_range_to_the_wall_follows_trigonometry(shared):
    _, _, points = decode(lidar(shared).measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)
    wall = np.abs(points[:, 0] - builders.WALL_X_M) < 0.01
    ground = np.abs(points[:, 2] + ORIGIN[2]) < 0.01
    assert wall.sum() > 1000
    assert ground.sum() > 1000
    assert (wall | ground).all()
    # the ray 30 degrees down from 2 m meets the ground at 4 m
    lowest = points[np.argmin(np.abs(np.arctan2(points[:, 2], np.hypot(points[:, 0], points[:, 1])) + math.pi / 6))]
    assert np.linalg.norm(lowest[:3]) == pytest.approx(4.0, abs=1e-3)


def test_points_come_by_channel_from_the_upper_limit_down(shared):
    _, counts, points = decode(lidar(shared).measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)
    elevation = np.degrees(np.arctan2(points[:, 2], np.hypot(points[:, 0], points[:, 1])))
    channel = np.repeat(np.arange(16), counts)
    assert np.allclose(elevation, np.linspace(10, -30, 16)[channel], atol=0.02)


@pytest.mark.parametrize("kind", ["ray_cast", "ray_cast_semantic"])
def test_limits_the_wrong_way_round_count_the_channels_upwards(shared, kind):
    bodies = builders.view(builders.instances((7, (6.0, 5.0, 0.5), (0.0, 0.7, 0.0), (1, 1, 1))))
    columns = 4 if kind == "ray_cast" else 6
    sweeps = []
    for upper, lower in ((10, -30), (-30, 10)):
        limits = {"upper_fov": str(upper), "lower_fov": str(lower)}
        sensor = create_sensor(f"sensor.lidar.{kind}", {**PLAIN, **limits}, shared)
        _, counts, points = decode(sensor.measure(ORIGIN, LEVEL, bodies, 0, 0.1), columns)
        sweeps.append(np.split(points, np.cumsum(counts)[:-1]))
    assert sum(map(len, sweeps[0])) > 1000
    for down, up in zip(sweeps[0], reversed(sweeps[1]), strict=True):
        assert np.array_equal(down.view(np.uint32), up.view(np.uint32))


def test_azimuth_goes_on_where_the_last_tick_ended(shared):
    whole = lidar(shared, rotation_frequency="10").measure(ORIGIN, LEVEL, builders.view(), 0, 0.1)
    sensor = lidar(shared, rotation_frequency="10")
    parts = [decode(sensor.measure(ORIGIN, LEVEL, builders.view(), 0, 0.025), 4) for _ in range(4)]
    assert [angle for angle, _, _ in parts] == pytest.approx(
        [math.pi / 2, math.pi, 1.5 * math.pi, 0.0], abs=1e-5
    ) or parts[3][0] == pytest.approx(2 * math.pi, abs=1e-5)
    one = np.concatenate([points for _, _, points in parts])
    _, _, all_at_once = decode(whole, 4)
    assert len(one) == len(all_at_once)
    order = lambda p: p[np.lexsort(np.round(p[:, :3], 2).T)]  # noqa: E731
    assert np.allclose(order(one), order(all_at_once), atol=0.02)


def test_first_quarter_turn_starts_behind(shared):
    _, _, points = decode(lidar(shared).measure(ORIGIN, LEVEL, builders.view(), 0, 0.025), 4)
    azimuth = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    assert azimuth.min() == pytest.approx(-180.0, abs=0.1)
    assert azimuth.max() < -90.0 + 0.1


def test_a_narrow_field_of_view_swings_back(shared):
    sensor = lidar(shared, horizontal_fov="60", rotation_frequency="25")  # 2.5 swings in one tick
    angle, counts, points = decode(sensor.measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)
    azimuth = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    assert np.abs(azimuth).max() <= 30.0 + 1e-3
    assert math.degrees(angle) == pytest.approx(30.0, abs=1e-3)
    steps = np.diff(azimuth[np.cumsum(counts)[7] : np.cumsum(counts)[8]])
    assert (steps < -59.0).sum() == 2


def test_points_beyond_the_range_are_missing(shared):
    _, _, points = decode(lidar(shared, range="15").measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)
    assert len(points)
    assert np.linalg.norm(points[:, :3], axis=1).max() <= 15.0


def test_intensity_is_what_the_air_lets_through(shared):
    _, _, points = decode(lidar(shared).measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)
    assert np.allclose(points[:, 3], np.exp(-0.004 * np.linalg.norm(points[:, :3], axis=1)), rtol=1e-4)


def test_share_of_general_dropoff_is_binomial(shared):
    _, _, full = decode(lidar(shared).measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)
    _, _, some = decode(lidar(shared, dropoff_general_rate="0.45").measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)
    n = len(full)
    assert abs(len(some) - 0.55 * n) < 4.0 * math.sqrt(n * 0.55 * 0.45)


def test_share_of_intensity_dropoff_is_what_the_formula_expects(shared):
    attributes = {"atmosphere_attenuation_rate": "0.05", "dropoff_intensity_limit": "0.8"}
    _, _, full = decode(lidar(shared, **attributes).measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)
    attributes["dropoff_zero_intensity"] = "0.4"
    _, _, some = decode(lidar(shared, **attributes).measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)
    clear = np.exp(-0.05 * np.linalg.norm(full[:, :3], axis=1))
    keep = np.where(clear > 0.8, 1.0, 0.6 + 0.5 * clear)
    assert abs(len(some) - keep.sum()) < 4.0 * math.sqrt((keep * (1.0 - keep)).sum())
    assert len(some) < len(full)


def test_noise_moves_points_along_their_rays_only(shared):
    clean = decode(lidar(shared).measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)[2][:, :3].astype(float)
    noisy = decode(lidar(shared, noise_stddev="0.05").measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), 4)[2][:, :3]
    clean_m, noisy_m = np.linalg.norm(clean, axis=1), np.linalg.norm(noisy.astype(float), axis=1)
    assert np.allclose(noisy / noisy_m[:, None], clean / clean_m[:, None], atol=1e-5)
    assert np.std(noisy_m - clean_m) == pytest.approx(0.05, rel=0.05)


def test_points_on_a_body_lie_on_its_box(shared):
    rotation, scale = (0.1, 0.7, -0.15), (1.3, 0.8, 1.1)
    bodies = builders.instances((7, (6.0, 5.0, 0.5), rotation, scale))
    position, turn = np.array([1.0, -1.0, 1.6]), np.array([0.05, 2.0, 0.02])
    sensor = create_sensor("sensor.lidar.ray_cast_semantic", {**PLAIN, "points_per_second": "320000"}, shared)
    _, _, raw = decode(sensor.measure(position, turn, builders.view(bodies), 0, 0.1), 6)
    ids, tags = raw[:, 4].view(np.uint32), raw[:, 5].view(np.uint32)
    on_body = ids == 7
    assert on_body.sum() > 200
    assert (tags[on_body] == 14).all()
    assert set(tags[~on_body]) <= {1, 3}
    world = raw[:, :3].astype(float) @ rotation_matrix(*turn).T + position
    local = (world[on_body] - (6.0, 5.0, 0.5)) @ rotation_matrix(*rotation)
    unit = local / (np.array(builders.BOX_SIZE_M) * scale) - (0.0, 0.0, 0.5)
    assert np.allclose(np.abs(unit).max(axis=1), 0.5, atol=2e-3)
    # incidence: cosine between the ray and the face that was hit
    face = np.argmax(np.abs(unit), axis=1)
    ray = (world[on_body] - position) / np.linalg.norm(world[on_body] - position, axis=1, keepdims=True)
    cosine = np.abs(ray @ rotation_matrix(*rotation))[np.arange(len(face)), face]
    clear_of_edges = np.sort(np.abs(unit), axis=1)[:, 1] < 0.49
    assert np.allclose(raw[on_body, 3][clear_of_edges], cosine[clear_of_edges], atol=1e-3)


def test_the_fan_agrees_with_brute_force():
    caster = RayCaster(builders.scene(), builders.library())
    rng = np.random.default_rng(5)
    rows = [
        (k, (*rng.uniform(-15, 15, 2), 0.2), tuple(rng.uniform(-0.3, 3.0, 3)), tuple(rng.uniform(0.5, 1.5, 3)))
        for k in range(1, 25)
    ]
    bodies = caster.bodies(builders.instances(*rows))
    sensor = create_sensor("sensor.lidar.ray_cast", PLAIN, SensorWorld(builders.scene(), builders.library))
    for turn in ((0.0, 0.0, 0.0), (0.2, 1.0, -0.3)):
        fan = sensor._head.fan(0.093)
        rotation = rotation_matrix(*turn)
        ray, hits = caster.fans(ORIGIN, rotation, 60.0, bodies).hits(fan)
        elevation, azimuth = fan.elevation_rad[ray // len(fan.azimuth_rad)], fan.azimuth_rad[ray % len(fan.azimuth_rad)]
        flat = np.cos(elevation)
        directions = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], axis=1)
        rays = np.concatenate([np.broadcast_to(ORIGIN, directions.shape), directions @ rotation.T], axis=1)
        brute = caster.cast_rays(rays.astype(np.float32), 60.0, bodies)
        assert (hits.actor_id == brute.actor_id).mean() > 0.9999
        assert (hits.actor_id > 0).sum() > 500
        close = np.isclose(hits.range_m, brute.range_m, atol=1e-3)
        assert close.mean() > 0.9999


def test_the_carrier_is_not_seen(shared):
    bodies = builders.instances((4, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 2.0)))
    inside = np.array([0.0, 0.0, 1.0])
    sensor = create_sensor("sensor.lidar.ray_cast_semantic", PLAIN, shared)
    seen = decode(sensor.measure(inside, LEVEL, builders.view(bodies), 0, 0.1), 6)[2][:, 4].view(np.uint32)
    assert (seen == 4).mean() > 0.9
    blind = decode(sensor.measure(inside, LEVEL, builders.view(bodies), 4, 0.1), 6)[2][:, 4].view(np.uint32)
    assert (blind == 0).all()


def test_one_ray_finds_every_thing_in_order(shared):
    bodies = builders.instances((9, (10.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    found = shared.caster.cast((0.0, 0.3, 1.0), (2.0, 0.0, 0.0), 100.0, bodies)
    assert [(round(float(p[0]), 2), tag, actor) for p, tag, actor in found] == [
        (8.0, 14, 9),
        (20.0, 3, 0),
    ]
    with pytest.raises(ValueError, match="direction"):
        shared.caster.cast((0, 0, 0), (0, 0, 0), 10.0)


@pytest.mark.parametrize(
    ("name", "value"), [("channels", "0"), ("channels", "many"), ("range", "-3"), ("upper_fov", "nan")]
)
def test_a_bad_attribute_names_itself(shared, name, value):
    with pytest.raises(ValueError, match=f"'{name}'.*{value}"):
        lidar(shared, **{name: value})


@pytest.mark.parametrize(("divergence", "rays"), [("0", 4_000_016), ("0.003", 4_000_080)])
def test_more_rays_than_memory_holds_are_refused(shared, divergence, rays):
    points = str(rays // (5 if float(divergence) else 1))
    sensor = lidar(shared, points_per_second=points, beam_divergence=divergence)
    with pytest.raises(ValueError, match=f"{rays} rays in one tick of 1 s.*points_per_second"):
        sensor.measure(ORIGIN, LEVEL, builders.view(), 0, 1.0)


def test_attributes_read_what_the_client_may_write():
    attributes = Attributes("x", {"a": "3.5f", "b": "TRUE", "c": "7"})
    assert (attributes.number("a", 0.0), attributes.boolean("b", False), attributes.integer("c", 0)) == (3.5, True, 7)


SCAN = """
import hashlib, sys
import numpy as np
from sim.server.sensors.create import SensorWorld, create_sensor
from tests.sim.server.sensors import builders
world = SensorWorld(builders.scene(), builders.library, seed=3)
attributes = {"range": "80", "noise_stddev": "0.02", "points_per_second": "300000"}
sensor = create_sensor("sensor.lidar.ray_cast", attributes, world)
bodies = builders.instances((7, (6.0, 5.0, 0.5), (0.1, 0.7, 0.0), (1.0, 1.0, 1.0)))
digest = hashlib.sha256()
for k in range(3):
    digest.update(sensor.measure(np.array([0.1 * k, 0.0, 2.0]), np.zeros(3), builders.view(bodies), 0, 0.05))
print(digest.hexdigest())
"""


def test_two_processes_scan_the_same_bytes():
    runs = [
        subprocess.run([sys.executable, "-c", SCAN], capture_output=True, text=True, check=True, cwd=ROOT).stdout
        for _ in range(2)
    ]
    assert len(runs[0]) > 60
    assert runs[0] == runs[1]


@pytest.mark.parametrize("attributes", [{}, {"dropoff_general_rate": "0.3"}, {"snowfall": "2.0"}])
def test_the_number_of_threads_changes_not_a_byte(attributes):
    bodies = builders.instances(
        (7, (6.0, 5.0, 0.5), (0.0, 0.7, 0.0), (1, 1, 1)), (8, (-4.0, 2.0, 0.0), (0.0, 0.1, 0.0), (1, 1, 1))
    )
    turns = []
    for threads in (1, 2, 3):
        world = SensorWorld(builders.scene(), builders.library, seed=3)
        world.caster.pool.close()
        world.caster.pool = WorkerPool(threads)
        sensor = lidar(world, **attributes)
        turns.append([sensor.measure(ORIGIN, LEVEL, builders.view(bodies), 0, 0.1) for _ in range(3)])
        world.caster.pool.close()
    assert turns[0] == turns[1] == turns[2]


def test_points_in_clear_air_are_those_of_the_semantic_lidar(shared):
    bodies = builders.view(builders.instances((7, (6.0, 5.0, 0.5), (0.0, 0.7, 0.0), (1, 1, 1))))
    plain = lidar(shared).measure(ORIGIN, LEVEL, bodies, 0, 0.1)
    truth = create_sensor("sensor.lidar.ray_cast_semantic", PLAIN, shared).measure(ORIGIN, LEVEL, bodies, 0, 0.1)
    _, counts, points = decode(plain, 4)
    _, of_truth, hits = decode(truth, 6)
    assert (counts == of_truth).all()
    assert (points[:, :3] == hits[:, :3]).all()


def test_rotation_convention_matches_the_client():
    carla = pytest.importorskip("carla")
    matrix = np.array(carla.Transform(carla.Location(), carla.Rotation(pitch=10, yaw=50, roll=-20)).get_matrix())
    ours = rotation_matrix(*np.radians([10, 50, -20]))
    assert np.allclose(matrix[:3, :3], ours, atol=1e-6)
    assert Rotation.from_matrix(ours).magnitude() > 0.5
