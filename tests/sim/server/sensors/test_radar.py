import numpy as np
import pytest

from sim.server.scene.mesh import Tag
from sim.server.sensors.create import SensorWorld, create_sensor
from sim.server.sensors.instances import Weather
from sim.server.sensors.radar import least_m2
from tests.sim.server.sensors import builders

ORIGIN, LEVEL = np.array([0.0, 0.0, 1.0]), np.zeros(3)
CLEAR, HEAVY = Weather(), Weather(precipitation=100.0)


@pytest.fixture(scope="module")
def shared():
    return SensorWorld(builders.scene(), builders.library, seed=2)


def scans(shared, tag, count=300, **attributes):
    """Share of scans in which a body of this class 40 m ahead is seen."""
    bodies = builders.instances((8, (42.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 9.0, 9.0)))
    bodies.tag[:] = int(tag)
    scene = SensorWorld(builders.scene(builders.quad([[-9, -9, -9], [-8, -9, -9], [-8, -8, -9], [-9, -8, -9]], 0)),
                        builders.library, seed=2)  # fmt: skip
    sensor = create_sensor("sensor.other.radar", {"range": "50", "rcs": "true", **attributes}, scene)
    seen = [len(sensor.measure(ORIGIN, LEVEL, builders.view(bodies), 0, 0.1)) > 0 for _ in range(count)]
    return np.mean(seen)


def test_by_default_every_ray_that_meets_something_is_a_detection(shared):
    sensor = create_sensor("sensor.other.radar", {"points_per_second": "20000"}, shared)
    found = sensor.measure(ORIGIN, LEVEL, builders.view(), 0, 0.1)
    again = create_sensor("sensor.other.radar", {"points_per_second": "20000", "rcs": "true"}, shared)
    assert len(again.measure(ORIGIN, LEVEL, builders.view(), 0, 0.1)) < len(found)


def test_a_body_fluctuates_as_swerling_says():
    # 0.8^4 = 0.41 m^2 are needed at 40 m of 50 m; a pedestrian has -8.5 dBsm: exp(-0.41 / 0.141) = 0.055
    assert scans(None, Tag.PEDESTRIANS) == pytest.approx(np.exp(-0.4096 / 10**-0.85), abs=0.045)
    assert scans(None, Tag.CAR) == pytest.approx(np.exp(-0.04096), abs=0.035)


def test_rain_raises_what_is_needed():
    assert least_m2(50.0, 100.0, CLEAR) == pytest.approx(0.0625)
    # 25 mm/h: 1.1276 * 25^0.7073 = 10.98 dB/km, both ways over 0.1 km 2.2 dB
    assert 10.0 * np.log10(least_m2(100.0, 100.0, HEAVY)) == pytest.approx(2.2, abs=0.02)
    assert least_m2(3.0, 100.0, HEAVY) > 3.0 * least_m2(3.0, 100.0, CLEAR)  # backscatter rules nearby
    assert 10.0 * np.log10(least_m2(100.0, 100.0, CLEAR, 2.5)) < 0.2


def test_more_rays_than_any_radar_has_are_refused_before_they_take_memory(shared):
    sensor = create_sensor("sensor.other.radar", {"points_per_second": "10000000"}, shared)
    with pytest.raises(ValueError, match=r"600000000 rays in one tick of 60 s.*points_per_second"):
        sensor.measure(ORIGIN, LEVEL, builders.view(), 0, 60.0)


def test_clutter_has_the_number_asked_for_within_the_field_of_view(shared):
    sensor = create_sensor("sensor.other.radar", {"points_per_second": "10", "clutter": "30", "range": "60"}, shared)
    found = [np.frombuffer(sensor.measure(ORIGIN, LEVEL, builders.view(), 0, 0.1), "<f4").reshape(-1, 4)
             for _ in range(100)]  # fmt: skip
    counts = [len(f) for f in found]
    assert np.mean(counts) == pytest.approx(31, abs=2)
    every = np.concatenate(found)
    assert np.abs(every[:, 1:3]).max() <= np.radians(15.0) + 1e-6
    assert every[:, 3].max() <= 60.0
