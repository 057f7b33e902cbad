"""The product's own world behind the official client: physics, sensors, traffic, repeated to the byte."""

from __future__ import annotations

import hashlib
import queue
import subprocess
import sys
import time
from typing import Any

import carla
import numpy as np
import pytest

from sim.server.serve import Server, ServerError
from sim.source.traffic import free_port
from tests.sim.server.fakes import FAKE_PARTS
from tests.sim.server.serving import ROOT, Running, running_server

STEP_S = 0.05
TRAFFIC = """
import random, sys, carla
client = carla.Client("127.0.0.1", int(sys.argv[1])); client.set_timeout(60.0)
world = client.reload_world()
manager = client.get_trafficmanager(int(sys.argv[2]))
manager.set_synchronous_mode(True); manager.set_random_device_seed(1)
settings = world.get_settings()
settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
world.apply_settings(settings)
cars = [b for b in world.get_blueprint_library().filter("vehicle.*") if b.get_attribute("base_type") == "car"]
spawn = carla.command.SpawnActor
pilot = carla.command.SetAutopilot(carla.command.FutureActor, True, manager.get_port())
points = world.get_map().get_spawn_points()[::3][:20]
results = client.apply_batch_sync([spawn(cars[k], p).then(pilot) for k, p in enumerate(points)], True)
actors = world.get_actors([r.actor_id for r in results if not r.error])
for _ in range(10):
    world.tick()
start = [a.get_location() for a in actors]
for _ in range(150):
    world.tick()
far = [a.get_location().distance(s) for a, s in zip(actors, start)]
print(len(far), sum(d > 5.0 for d in far), max(abs(a.get_transform().rotation.roll) for a in actors), flush=True)
settings.synchronous_mode = False
world.apply_settings(settings)
import os; os._exit(0)  # the traffic manager's threads may abort an orderly exit
"""


def drive(client: carla.Client) -> tuple[str, Any]:
    """A short drive with camera, LiDAR and IMU: a digest of everything measured, and the last image."""
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    world = client.reload_world(reset_settings=False)  # no frame passes but by ticks of this client
    while world.get_snapshot().timestamp.elapsed_seconds < 10 * STEP_S - 1e-6:  # reloading takes one, or two, or three
        world.tick()
    library, points = world.get_blueprint_library(), world.get_map().get_spawn_points()
    car = world.spawn_actor(library.find("vehicle.tesla.model3"), points[0])
    for blueprint, point in zip(["vehicle.ford.ambulance", "vehicle.bh.crossbike"], points[1:], strict=False):
        world.spawn_actor(library.find(blueprint), point)
    queues, sensors = [], []
    for name, changed in (
        ("sensor.camera.rgb", {"image_size_x": "160", "image_size_y": "120"}),
        ("sensor.lidar.ray_cast", {"range": "50", "noise_stddev": "0.02"}),
        ("sensor.other.imu", {"noise_accel_stddev_x": "0.1"}),
    ):
        described = library.find(name)
        for key, value in changed.items():
            described.set_attribute(key, value)
        sensor = world.spawn_actor(described, carla.Transform(carla.Location(0.5, 0.0, 2.0)), attach_to=car)
        queues.append(queue.Queue())
        sensors.append(sensor)
        sensor.listen(queues[-1].put)
    car.apply_control(carla.VehicleControl(throttle=0.6, steer=0.05))
    digest, image = hashlib.sha256(), None
    for _ in range(15):
        frame = world.tick()
        image, scan, inertial = (q.get(timeout=60.0) for q in queues)
        assert image.frame == scan.frame == inertial.frame == frame
        digest.update(bytes(image.raw_data) + bytes(scan.raw_data))
        digest.update(f"{inertial.accelerometer} {inertial.compass} {car.get_transform()}".encode())
    assert car.get_velocity().length() > 0.5
    for sensor in sensors:
        sensor.stop()
    return digest.hexdigest(), image


def test_an_episode_repeats_to_the_byte(client: carla.Client) -> None:
    first, image = drive(client)
    again, _ = drive(client)
    assert first == again
    pixels = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
    assert pixels[:, :, :3].std() > 10.0  # a picture of something
    assert np.array_equal(np.unique(pixels[:, :, 3]), [255])


def test_traffic_of_the_clients_manager_drives(server: Running) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRAFFIC, str(server.port), str(free_port())],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.stdout, done.stderr
    spawned, moving, roll = done.stdout.split()[-3:]
    assert int(spawned) == 20
    assert int(moving) >= 12  # the others stand at lights
    assert float(roll) < 10.0


def test_map_knows_its_lights_and_limits(client: carla.Client) -> None:
    world = client.get_world()
    world.wait_for_tick()
    lights = world.get_actors().filter("traffic.traffic_light")
    assert len(lights) >= 4
    assert all(len(light.get_light_boxes()) >= 1 for light in lights)
    assert len({x.id for x in lights[0].get_group_traffic_lights()}) >= 2
    assert len(world.get_level_bbs(carla.CityObjectLabel.Buildings)) > 10


def test_start_fails_with_one_clear_line(server: Running) -> None:
    with pytest.raises(ServerError, match=r"Map 'Roadlab1' not found; did you mean Roadlab0\d\?"):
        Server("Roadlab1", port=0, parts=FAKE_PARTS)
    with pytest.raises(ServerError, match=r"cannot listen on .*Address already in use.*--port"):
        Server("Roadlab01", port=server.port, parts=FAKE_PARTS)
    with pytest.raises(ServerError, match=r"map file /none/Town\.xodr does not exist"):
        Server("/none/Town.xodr", port=0, parts=FAKE_PARTS)


def test_broken_file_is_refused(tmp_path: Any) -> None:
    (tmp_path / "Broken.xodr").write_text("<OpenDRIVE><road></OpenDRIVE>")
    with pytest.raises(ServerError, match="map Broken cannot be built"):
        Server(str(tmp_path / "Broken.xodr"), port=0, parts=FAKE_PARTS)


def test_ground_below_a_spawn_point_is_road(client: carla.Client) -> None:
    world = client.reload_world(False)  # without the vehicles of other tests
    point = world.get_map().get_spawn_points()[5].location
    hit = world.ground_projection(point + carla.Location(0.0, 0.0, 1.0), 10.0)
    assert hit.label in (carla.CityObjectLabel.Roads, carla.CityObjectLabel.RoadLines)
    assert hit.location.z == pytest.approx(point.z - 0.5, abs=0.1)


@pytest.mark.parametrize("delay_s", [0.35, 0.5])
def test_a_server_that_still_builds_its_sensors_ends_in_order(delay_s: float) -> None:
    """``running_server`` sends SIGTERM at its end and wants an exit status of 0."""
    with running_server("real", "Roadlab01"):
        time.sleep(delay_s)
