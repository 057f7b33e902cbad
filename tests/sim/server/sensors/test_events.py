import msgpack
import numpy as np
import pytest

from sim.server.sensors.create import SensorWorld, create_sensor
from tests.sim.server.sensors import builders

ORIGIN, LEVEL = np.array([0.0, 0.0, 1.0]), np.zeros(3)
UNIT = (1.0, 1.0, 1.0)


def describe(actor_id, tag):
    return [actor_id, 0, [0, "static" if actor_id == 0 else "vehicle", []], [], bytes([tag]), b""]


@pytest.fixture(scope="module")
def shared():
    return SensorWorld(builders.scene(), builders.library, describe=describe)


def test_obstacle_reports_the_nearest_thing_ahead(shared):
    bodies = builders.instances((8, (10.0, 0.0, 0.0), (0.0, 0.0, 0.0), UNIT))
    near = create_sensor("sensor.other.obstacle", {"distance": "15"}, shared)
    _, other, distance = msgpack.unpackb(near.measure(ORIGIN, LEVEL, builders.view(bodies), 1, 0.1))
    assert other[0] == 8
    assert distance == pytest.approx(7.5, abs=3e-3)  # the sphere's centre, half a metre before the box at 8 m
    assert near.measure(ORIGIN, LEVEL, builders.view(), 1, 0.1) is None  # the wall is 20 m away
    far = create_sensor("sensor.other.obstacle", {"distance": "30", "only_dynamics": "true"}, shared)
    assert far.measure(ORIGIN, LEVEL, builders.view(), 1, 0.1) is None


def test_radar_measures_the_radial_speed(shared):
    bodies = builders.instances((8, (10.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 9.0, 9.0)))
    bodies.velocity_mps[0] = (5.0, 0.0, 0.0)
    sensor = create_sensor("sensor.other.radar", {"points_per_second": "15000"}, shared)
    sensor.measure(ORIGIN - (0.3, 0.0, 0.0), LEVEL, builders.view(bodies), 1, 0.1)  # own speed 3 m/s from here on
    found = np.frombuffer(sensor.measure(ORIGIN, LEVEL, builders.view(bodies), 1, 0.1), "<f4").reshape(-1, 4)
    on_body = found[:, 2] > -0.02
    assert on_body.sum() > 100
    along = np.cos(found[:, 1]) * np.cos(found[:, 2])  # share of the x axis in each ray
    assert np.allclose(found[on_body, 0], 2.0 * along[on_body], atol=1e-4)
    assert np.allclose(found[on_body, 3] * along[on_body], 8.0, atol=1e-3)


def test_a_radar_on_a_moving_car_knows_its_speed_from_the_first_scan(shared):
    bodies = builders.instances((8, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), UNIT))
    bodies.velocity_mps[0] = (6.0, 0.0, 0.0)
    sensor = create_sensor("sensor.other.radar", {"points_per_second": "5000"}, shared)
    found = np.frombuffer(sensor.measure(ORIGIN, LEVEL, builders.view(bodies), 8, 0.1), "<f4").reshape(-1, 4)
    along = np.cos(found[:, 1]) * np.cos(found[:, 2])
    assert len(found) > 100
    assert np.allclose(found[:, 0], -6.0 * along, atol=1e-4)  # walls and ground come nearer


def test_unknown_and_streamless_types_are_named(shared):
    with pytest.raises(ValueError, match=r"sensor\.other\.nose"):
        create_sensor("sensor.other.nose", {}, shared)
    with pytest.raises(ValueError, match="client"):
        create_sensor("sensor.other.lane_invasion", {}, shared)
