import math
from types import SimpleNamespace

import carla
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.source import conversion

angle = st.floats(-179.0, 179.0, width=32)
pitch = st.floats(-85.0, 85.0, width=32)
metre = st.floats(-500.0, 500.0, width=32)
MIRROR = np.diag([1.0, -1.0, 1.0, 1.0])


def transform(x, y, z, p, w, r):
    return carla.Transform(carla.Location(x, y, z), carla.Rotation(p, w, r))


@settings(max_examples=80, deadline=None)
@given(metre, metre, metre, pitch, angle, angle)
def test_pose_is_the_clients_matrix_mirrored(x, y, z, p, w, r):
    there = transform(x, y, z, p, w, r)
    assert np.allclose(conversion.matrix(there), MIRROR @ np.array(there.get_matrix()) @ MIRROR, atol=2e-4)


@settings(max_examples=80, deadline=None)
@given(metre, metre, metre, pitch, angle, angle)
def test_there_and_back_is_the_same_pose(x, y, z, p, w, r):
    pose = conversion.matrix(transform(x, y, z, p, w, r))
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)
    assert np.allclose(conversion.matrix(conversion.carla_transform(pose)), pose, atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(metre, metre, metre, pitch, angle, angle)
def test_points_move_with_their_frames(x, y, z, p, w, r):
    there = transform(x, y, z, p, w, r)
    point = carla.Location(3.0, -2.0, 1.5)
    ours = conversion.matrix(there) @ [*conversion.vector(point), 1.0]
    assert np.allclose(ours[:3], conversion.vector(there.transform(point)), atol=1e-3)


def test_looking_straight_up_comes_back():
    pose = conversion.matrix(transform(1, 2, 3, 90, 30, 0))
    assert np.allclose(conversion.matrix(conversion.carla_transform(pose)), pose, atol=1e-6)


def test_left_is_positive_on_our_side():
    pose = conversion.matrix(transform(0, -5, 0, 0, -90, 0))  # five metres to the left, turned left
    assert pose[1, 3] == 5.0
    assert math.atan2(pose[1, 0], pose[0, 0]) == pytest.approx(math.pi / 2)


def test_a_mounting_turns_left_and_looks_up():
    pose = conversion.mounting(1.0, 0.5, 2.0, math.radians(90), math.radians(30))
    assert pose[:3, 0] == pytest.approx([0.0, math.cos(math.radians(30)), 0.5], abs=1e-12)  # forward axis
    there = conversion.carla_transform(pose)
    assert (there.rotation.yaw, there.rotation.pitch) == pytest.approx((-90.0, 30.0), abs=1e-4)
    assert there.location.y == -0.5


def test_camera_sees_left_things_left_and_high_things_high():
    camera = conversion.camera_model(800, 600, math.radians(90), conversion.mounting(0.0, 0.0, 1.5))
    camera_from_ego = np.linalg.inv(camera.ego_from_camera)
    point = camera_from_ego @ [10.0, 5.0, 4.0, 1.0]  # ahead, to the left, above
    u, v, w = camera.intrinsics @ point[:3]
    assert w == pytest.approx(10.0)
    assert (u / w, v / w) == pytest.approx((400.0 - 400.0 * 0.5, 300.0 - 400.0 * 0.25))


def test_imu_of_a_left_turn():
    reading = SimpleNamespace(
        accelerometer=carla.Vector3D(1.0, -2.0, 9.81),  # CARLA's y is right: pushed to the left
        gyroscope=carla.Vector3D(0.0, 0.0, -0.3),  # and positive turns right
        compass=0.0,  # north, CARLA's -y, which is our +y
    )
    imu = conversion.imu(reading)
    assert imu.acceleration_mps2 == pytest.approx([1.0, 2.0, 9.81], abs=1e-5)
    assert imu.angular_velocity_radps == pytest.approx([0.0, 0.0, 0.3], abs=1e-6)
    assert imu.heading_rad == pytest.approx(math.pi / 2)


def test_turn_rates_are_axial():
    # nose up: forward axis towards +z. Right-handed about y (left) that is a negative turn
    before = conversion.matrix(transform(0, 0, 0, 0, 0, 0))[:3, :3]
    after = conversion.matrix(transform(0, 0, 0, 1.0, 0, 0))[:3, :3]
    turn = after @ before.T
    about_y = 0.5 * (turn[0, 2] - turn[2, 0])
    # CARLA's own vector for this motion, by the same matrix rule in its frame, is about -y as well
    left = np.array(transform(0, 0, 0, 1.0, 0, 0).get_matrix())[:3, :3]
    carla_rate = carla.Vector3D(0.0, float(0.5 * (left[0, 2] - left[2, 0])), 0.0)
    assert conversion.turn_rate(carla_rate)[1] == pytest.approx(about_y, abs=1e-6)


def test_gnss_comes_back_to_the_place():
    text = """<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="g">
<geoReference><![CDATA[+proj=tmerc +lat_0=49.5 +lon_0=8.25]]></geoReference></header>
<road name="r" length="100" id="1" junction="-1"><planView><geometry s="0" x="0" y="0" hdg="0" length="100"><line/>
</geometry></planView><lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>
<right><lane id="-1" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes></road></OpenDRIVE>"""
    world_map = carla.Map("g", text)
    for x, y, z in ((0.0, 0.0, 0.0), (812.5, -437.25, 12.5), (-300.0, 900.0, -3.0)):
        fix = world_map.transform_to_geolocation(carla.Location(x, y, z))
        ours = conversion.gnss(fix, (49.5, 8.25))
        assert ours.position_world_m == pytest.approx([x, -y, z], abs=1e-4)
    origin = world_map.transform_to_geolocation(carla.Location(0, 0, 0))
    assert (origin.latitude, origin.longitude) == pytest.approx((49.5, 8.25))


def test_sweeps_are_mirrored():
    raw = np.array([[1.0, 2.0, 3.0, 0.5]], np.float32)
    points, intensity = conversion.sweep_points(SimpleNamespace(raw_data=raw.tobytes()))
    assert points.tolist() == [[1.0, -2.0, 3.0]]
    assert points.dtype == np.float32
    assert intensity.tolist() == [0.5]
