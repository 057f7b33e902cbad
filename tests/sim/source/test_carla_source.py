"""The source against the real server, without cameras (their kernels take minutes to compile)."""

import contextlib
import hashlib
import itertools
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import carla
import numpy as np
import pytest

from control.command import Command
from sim.embedded import READY
from sim.scenario import LidarSpec, RouteSpec, Scenario, SensorsSpec, SimSpec, TrafficSpec
from sim.source.base import SourceLost
from sim.source.carla import CarlaSource

ROOT = Path(__file__).parents[3]
SENSORS = SensorsSpec(cameras={}, lidars={"top": LidarSpec(channels=16, points_per_second=64_000)})
SCENARIO = Scenario(
    map="Roadlab01",
    sensors=SENSORS,
    traffic=TrafficSpec(vehicles=6, walkers=4),
    sim=SimSpec(warm_up_s=1.0, timeout_s=60.0),
    route=RouteSpec(length_m=300.0),
    seed=5,
)


@contextlib.contextmanager
def server():
    command = [sys.executable, "-m", "sim.cli", "serve", "--map", SCENARIO.map, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        (port,) = itertools.islice((int(ready[1]) for ready in map(READY.match, process.stdout) if ready), 1)
        yield port, process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def port():
    with server() as (port, _):
        yield port


def go(frame, throttle=0.5, steer=0.0):
    return Command(frame.t_us, throttle, 0.0, steer)


def digest(port, steps=6):
    """Everything that a short drive senses and everything that is true in it."""
    told = hashlib.sha256()
    with CarlaSource("127.0.0.1", port, SCENARIO) as source:
        frame, truth = source.reset()
        for _ in range(steps):
            told.update(frame.sweeps["top"].points_lidar_m.tobytes() + frame.sweeps["top"].intensity.tobytes())
            told.update(frame.imu.acceleration_mps2.tobytes() + frame.gnss.position_world_m.tobytes())
            told.update(truth.world_from_ego.tobytes() + truth.boxes_world_m.tobytes())
            told.update(repr((sorted(truth.lights.items()), truth.type_id, truth.lidar_points.tolist())).encode())
            frame, truth = source.step(go(frame))
    return told.hexdigest()


def test_a_drive_gives_complete_frames_and_leaves_no_trace(port):
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)  # its first question may have the navigation mesh built
    before = client.get_world().get_settings()
    with CarlaSource("127.0.0.1", port, SCENARIO) as source:
        frame, truth = source.reset()
        assert (frame.index, frame.t_us, frame.missing) == (0, 0, ())
        x, y, _ = source.route.start_world
        assert np.hypot(*(truth.world_from_ego[:2, 3] - (x, y))) < 0.5
        for step in range(1, 31):
            frame, truth = source.step(go(frame))
            assert (frame.index, frame.t_us, frame.missing) == (step, step * 100_000, ())
            assert truth.t_us == frame.t_us
        moved = truth.world_from_ego[:2, 3] - (x, y)
        assert np.hypot(*moved) > 3.0
        assert frame.speed_mps == pytest.approx(np.linalg.norm(truth.ego_velocity_mps), abs=0.05)
        assert np.linalg.norm(frame.gnss.position_world_m - truth.world_from_ego[:3, 3]) < 2.5  # 0.3 m noise, 0.6 up
        assert frame.imu.heading_rad == pytest.approx(
            np.arctan2(truth.world_from_ego[1, 0], truth.world_from_ego[0, 0]), abs=0.01
        )
        assert len([kind for kind in truth.type_id if not kind.startswith("parked.")]) == 10
        assert set(truth.lights) == {light.signal_id for light in source.map_lights}
        assert all(np.isfinite(light.heads_world_m).all() for light in source.map_lights)
    world = client.get_world()
    world.wait_for_tick()
    assert world.get_settings().synchronous_mode == before.synchronous_mode
    left = [a.type_id for a in world.get_actors() if a.type_id.startswith(("vehicle.", "walker.", "sensor."))]
    assert left == []


def test_lidar_ground_lies_under_the_wheels(port):
    with CarlaSource("127.0.0.1", port, replace(SCENARIO, traffic=TrafficSpec(vehicles=0, walkers=0))) as source:
        frame, _ = source.reset()
    sweep = frame.sweeps["top"]
    points = sweep.points_lidar_m @ sweep.ego_from_lidar[:3, :3].T + sweep.ego_from_lidar[:3, 3]
    near = points[np.hypot(points[:, 0], points[:, 1]) < 8.0]
    assert len(near) > 300
    assert abs(np.median(near[:, 2])) < 0.1
    assert np.ptp(np.arctan2(points[:, 1], points[:, 0])) > 6.2  # a whole turn


def test_left_on_the_wheel_turns_left(port):
    with CarlaSource("127.0.0.1", port, replace(SCENARIO, traffic=TrafficSpec(vehicles=0, walkers=0))) as source:
        frame, truth = source.reset()
        start = truth.world_from_ego
        for _ in range(25):
            frame, truth = source.step(go(frame, 0.5, 0.3))
        ego_from_start = np.linalg.inv(start) @ truth.world_from_ego
    assert ego_from_start[1, 3] > 0.2
    assert frame.imu.angular_velocity_radps[2] > 0.05
    assert frame.steer_rad == pytest.approx(0.3 * source.vehicle.max_steer_rad, rel=0.05)


def test_wrong_wishes_are_named(port):
    with pytest.raises(ValueError, match=r"vehicle\.trabant"):
        CarlaSource("127.0.0.1", port, replace(SCENARIO, ego="vehicle.trabant.601"))
    with pytest.raises(ValueError, match="Atlantis"):
        CarlaSource("127.0.0.1", port, replace(SCENARIO, map="Atlantis"))
    with pytest.raises(ValueError, match="spawn point 99999"):
        CarlaSource("127.0.0.1", port, replace(SCENARIO, route=RouteSpec(start=99999)))


def test_nobody_there_is_said_at_once():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(SourceLost, match="no server listens"):
            CarlaSource("127.0.0.1", closed.getsockname()[1], SCENARIO)


def test_two_fresh_servers_give_the_same_drive():
    digests = []
    for _ in range(2):
        with server() as (port, _):
            digests.append(digest(port))
    assert digests[0] == digests[1]


LOST = """
import os, signal, sys
from tests.sim.source.test_carla_source import SCENARIO, CarlaSource, SourceLost, TrafficSpec, go, replace
port, pid = int(sys.argv[1]), int(sys.argv[2])
source = CarlaSource("127.0.0.1", port, replace(SCENARIO, traffic=TrafficSpec(vehicles=2, walkers=1)))
frame, _ = source.reset()
source._client.set_timeout(2.0)
os.kill(pid, signal.SIGKILL)
try:
    source.step(go(frame))
except SourceLost as error:
    print("lost:", error, flush=True)
source.close()
source.close()
print("closed", flush=True)
"""


def test_a_server_that_dies_is_a_lost_source():
    """In a process of its own: a client that is used on after such an end takes its process with it."""
    with server() as (port, process):
        command = [sys.executable, "-c", LOST, str(port), str(process.pid)]
        ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert f"lost: 127.0.0.1:{port}" in ended.stdout
    assert "closed" in ended.stdout
    assert ended.returncode == 0, ended.stderr[-400:]
