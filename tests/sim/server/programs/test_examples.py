"""Facts that CARLA's own example programs rely on, and on which the server once failed them."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import carla
import pytest

from tests.sim.server.serving import Running, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running_server("real", "Roadlab01") as running:
        yield running


@pytest.fixture
def world(server: Running) -> Iterator[carla.World]:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(60.0)
    world = client.reload_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    yield world
    settings.synchronous_mode, settings.fixed_delta_seconds = False, None
    world.apply_settings(settings)


def test_a_lidar_picture_every_three_seconds_holds_three_seconds_of_points(world: carla.World) -> None:
    settings = world.get_settings()
    settings.fixed_delta_seconds = 3.0
    world.apply_settings(settings)
    blueprint = world.get_blueprint_library().find("sensor.lidar.ray_cast")
    blueprint.set_attribute("channels", "32.0")  # a program formats a float
    blueprint.set_attribute("points_per_second", "20000")
    blueprint.set_attribute("dropoff_general_rate", "0.0")
    blueprint.set_attribute("dropoff_zero_intensity", "0.0")
    blueprint.set_attribute("upper_fov", "-10.0")
    blueprint.set_attribute("range", "100")
    place = world.get_map().get_spawn_points()[0]
    place.location.z += 2.0
    lidar = world.spawn_actor(blueprint, place)
    came: queue.Queue[carla.LidarMeasurement] = queue.Queue()
    lidar.listen(came.put)
    world.tick()
    got = came.get(timeout=60.0)
    lidar.stop()
    lidar.destroy()
    assert got.channels == 32
    # every ray that is aimed at least 10 degrees down from 2 m above the road ends on something
    assert 0.95 * 3.0 * 20000 < len(got) <= 3.0 * 20000


def test_an_actor_that_is_gone_has_an_empty_box_so_that_traffic_managers_survive(world: carla.World) -> None:
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    vehicle = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[0])
    world.tick()
    assert vehicle.bounding_box.extent.x > 2.0
    other = world.get_actor(vehicle.id)
    vehicle.destroy()
    box = other.bounding_box
    assert (box.extent.x, box.extent.y, box.extent.z) == (0.0, 0.0, 0.0)


def test_spawn_points_have_the_angles_that_vehicles_there_report(world: carla.World) -> None:
    blueprint = world.get_blueprint_library().find("vehicle.mini.cooper_s")
    points = world.get_map().get_spawn_points()[:40:4]
    vehicles = [world.spawn_actor(blueprint, point) for point in points]
    world.tick()
    for point, vehicle in zip(points, vehicles, strict=True):
        there = vehicle.get_transform().rotation
        assert there.yaw == pytest.approx(point.rotation.yaw, abs=0.01)
        assert there.pitch == pytest.approx(point.rotation.pitch, abs=0.01)
        assert there.roll == pytest.approx(point.rotation.roll, abs=0.01)
    for vehicle in vehicles:
        vehicle.destroy()


def test_a_control_that_does_not_stick_drives_one_tick(world: carla.World) -> None:
    blueprint = world.get_blueprint_library().find("vehicle.audi.a2")
    blueprint.set_attribute("sticky_control", "False")
    start, far = world.get_map().get_spawn_points()[:2]
    once = world.spawn_actor(blueprint, start)
    held = world.spawn_actor(blueprint, far)
    for _ in range(10):
        world.tick()
    once.apply_control(carla.VehicleControl(throttle=1.0))
    for _ in range(40):
        held.apply_control(carla.VehicleControl(throttle=1.0))
        world.tick()
    assert held.get_velocity().length() > 4.0
    assert once.get_velocity().length() < 0.5
    once.destroy()
    held.destroy()


@pytest.mark.parametrize("name", ["vehicle.bh.crossbike", "vehicle.kawasaki.ninja", "vehicle.tesla.model3"])
def test_every_vehicle_has_four_wheels_to_programs(world: carla.World, name: str) -> None:
    blueprint = world.get_blueprint_library().find(name)
    vehicle = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[0])
    world.tick()
    physics = vehicle.get_physics_control()
    assert len(physics.wheels) == 4
    wheels = physics.wheels
    for wheel in wheels:
        wheel.tire_friction = 1.25
    physics.wheels = wheels
    vehicle.apply_physics_control(physics)
    world.tick()
    assert [wheel.tire_friction for wheel in vehicle.get_physics_control().wheels] == [1.25] * 4
    assert len(vehicle.get_telemetry_data().wheels) == 4
    vehicle.destroy()
