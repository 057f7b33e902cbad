import math

import carla
import msgpack
import numpy as np
import pytest

from sim.server.sensors.create import SensorWorld, create_sensor
from sim.server.world.pose import rotation_matrix
from tests.sim.server.sensors import builders

GEO = """<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="g">
<geoReference><![CDATA[+proj=tmerc +lat_0=49.5 +lon_0=8.25 +k=1 +x_0=0 +y_0=0]]></geoReference></header>
<road name="r" length="100" id="1" junction="-1"><planView><geometry s="0" x="0" y="0" hdg="0" length="100"><line/>
</geometry></planView><lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>
<right><lane id="-1" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes></road></OpenDRIVE>"""
VIEW = builders.view()
WORLD = SensorWorld(builders.scene(), builders.library)


def imu(**attributes):
    return create_sensor("sensor.other.imu", attributes, WORLD)


def read(sensor, position, rotation=(0, 0, 0), dt=0.05):
    return msgpack.unpackb(sensor.measure(np.array(position, float), np.array(rotation, float), VIEW, 1, dt))


def test_at_rest_the_imu_reads_gravity_upwards():
    sensor = imu()
    for _ in range(4):
        force, turn, _ = read(sensor, (3, 4, 1))
    assert force == pytest.approx([0, 0, 9.81])
    assert turn == [0, 0, 0]


def test_nose_up_at_rest_pushes_forward():
    force, _, _ = read(imu(), (0, 0, 0), (math.radians(30), 0, 0))
    assert force == pytest.approx([9.81 * 0.5, 0, 9.81 * math.cos(math.radians(30))])


def test_braking_reads_as_backward_force_in_the_car():
    sensor, yaw, dt = imu(), math.radians(90), 0.1
    for k in range(5):  # along world y, which is the car's forward axis; 2 m/s2 against it
        t = k * dt
        force, _, _ = read(sensor, (0, 10 * t - 0.5 * 2.0 * t * t, 0), (0, yaw, 0), dt)
    assert force == pytest.approx([-2.0, 0, 9.81], abs=1e-9)


def test_circle_reads_centripetal_force_and_turn_rate():
    sensor, speed, radius, dt = imu(), 8.0, 20.0, 0.01
    for k in range(6):  # right turn: yaw grows in CARLA's frame, y is to the right
        a = speed / radius * k * dt
        position = (radius * math.sin(a), radius * (1 - math.cos(a)), 0)
        force, turn, _ = read(sensor, position, (0, a, 0), dt)
    assert force[1] == pytest.approx(speed**2 / radius, rel=1e-3)
    assert turn == pytest.approx([0, 0, speed / radius], abs=1e-9)


@pytest.mark.parametrize(("yaw_deg", "compass_deg"), [(-90, 0), (0, 90), (90, 180), (180, 270)])
def test_compass_counts_clockwise_from_north(yaw_deg, compass_deg):
    _, _, compass = read(imu(), (0, 0, 0), (0, math.radians(yaw_deg), 0))
    assert math.degrees(compass) == pytest.approx(compass_deg, abs=1e-9)


def test_imu_noise_has_the_asked_deviation_and_bias():
    sensor = imu(noise_accel_stddev_x="0.3", noise_gyro_bias_z="0.2", noise_gyro_stddev_z="0.01", noise_seed="4")
    samples = [read(sensor, (0, 0, 0)) for _ in range(2000)]
    assert np.std([s[0][0] for s in samples]) == pytest.approx(0.3, rel=0.1)
    assert np.std([s[0][1] for s in samples]) == 0.0
    assert np.mean([s[1][2] for s in samples]) == pytest.approx(0.2, abs=0.001)


def test_gnss_agrees_with_the_client_map():
    world_map = carla.Map("g", GEO)
    scene = builders.scene()
    object.__setattr__(scene, "carla_map", world_map)
    sensor = create_sensor("sensor.other.gnss", {}, SensorWorld(scene, builders.library))
    for point in ((0, 0, 0), (812.5, -437.25, 12.5), (-300.0, 900.0, -3.0)):
        want = world_map.transform_to_geolocation(carla.Location(*(float(c) for c in point)))
        got = read(sensor, point)
        assert got == pytest.approx([want.latitude, want.longitude, want.altitude], abs=1e-9)
    # a kilometre along +y is 1 / (0.9996 R) rad of latitude
    north = read(sensor, (0, 1000, 0))[0] - read(sensor, (0, 0, 0))[0]
    assert math.radians(north) * 0.9996 * 6378137.0 == pytest.approx(1000.0, rel=1e-9)


def test_same_seed_same_noise():
    first, second = (imu(noise_accel_stddev_x="1", noise_seed="9") for _ in range(2))
    assert read(first, (0, 0, 0)) == read(second, (0, 0, 0))
    other = imu(noise_accel_stddev_x="1", noise_seed="10")
    assert read(other, (0, 0, 0))[0][0] != read(first, (0, 0, 0))[0][0]


def test_gyroscope_is_in_the_sensor_frame():
    sensor, dt = imu(), 0.01
    start = rotation_matrix(0.0, 0.0, math.pi / 2)  # rolled on its side: the car's yaw axis is the sensor's y
    assert abs(start[2, 1]) == pytest.approx(1.0)
    read(sensor, (0, 0, 0), (0, 0, math.pi / 2), dt)
    _, turn, _ = read(sensor, (0, 0, 0), (0, 0.005, math.pi / 2), dt)
    assert np.linalg.norm(turn) == pytest.approx(0.5, rel=1e-6)
    assert abs(turn[1]) == pytest.approx(0.5, rel=1e-6)
