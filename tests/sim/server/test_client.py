"""The official client against the server: what a program written for CARLA does first."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Iterator
from typing import Any

import carla
import numpy as np
import pytest

from tests.sim.server.conftest import await_actor
from tests.sim.server.serving import OPENDRIVE, Running, running_server

STEP_S = 0.05


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running_server() as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Running) -> carla.Client:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(60.0)
    return client


@pytest.fixture
def world(client: carla.Client) -> carla.World:
    """A new episode in synchronous mode."""
    world = client.load_world("straight")
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    return world


def spawn(world: carla.World, blueprint: str = "vehicle.tesla.model3", x: float = 10.0, **attributes: str) -> Any:
    described = world.get_blueprint_library().find(blueprint)
    for name, value in attributes.items():
        described.set_attribute(name, value)
    return world.spawn_actor(described, carla.Transform(carla.Location(x, 1.75, 1.0), carla.Rotation(yaw=0.0)))


def attach(world: carla.World, parent: Any, blueprint: str, transform: carla.Transform, **attributes: str) -> Any:
    described = world.get_blueprint_library().find(blueprint)
    for name, value in attributes.items():
        described.set_attribute(name, value)
    return world.spawn_actor(described, transform, attach_to=parent)


def close(a: carla.Vector3D, b: carla.Vector3D, tolerance: float = 1e-3) -> bool:
    return a.distance(b) < tolerance


def test_map_is_the_file_and_has_spawn_points(client: carla.Client, world: carla.World) -> None:
    assert client.get_server_version() == "0.9.16"
    assert world.get_map().name == "Carla/Maps/straight"
    assert world.get_map().to_opendrive() == OPENDRIVE
    points = world.get_map().get_spawn_points()
    assert len(points) >= 20
    waypoint = world.get_map().get_waypoint(points[0].location)
    assert abs(waypoint.transform.rotation.yaw - points[0].rotation.yaw) < 0.1
    assert set(client.get_available_maps()) >= {"/Game/Carla/Maps/straight", "/Game/Carla/Maps/other"}


def test_blueprint_library_is_that_of_0_9_16(world: carla.World) -> None:
    library = world.get_blueprint_library()
    assert (len(library.filter("vehicle.*")), len(library.filter("walker.*"))) == (41, 52)
    camera = library.find("sensor.camera.rgb")
    assert (camera.get_attribute("image_size_x").as_int(), camera.get_attribute("fov").as_float()) == (800, 90.0)
    assert camera.get_attribute("exposure_mode").recommended_values == ["histogram", "manual"]
    model3 = library.find("vehicle.tesla.model3")
    assert model3.get_attribute("number_of_wheels").as_int() == 4
    assert not model3.get_attribute("base_type").is_modifiable
    assert model3.get_attribute("color").as_color() == carla.Color(227, 227, 227) or model3.has_attribute("color")
    assert library.find("static.trigger.friction").get_attribute("friction").as_float() == 3.5
    assert [b.id for b in library.filter("vehicle") if "," in b.id] == []


def test_synchronous_world_advances_by_one_step_a_tick_and_else_stands(world: carla.World) -> None:
    before = world.get_snapshot()
    frames = [world.tick() for _ in range(5)]
    after = world.get_snapshot()
    assert np.diff(frames).tolist() == [1, 1, 1, 1]
    assert after.frame == frames[-1]
    assert after.delta_seconds == pytest.approx(STEP_S)
    assert after.timestamp.elapsed_seconds == pytest.approx(before.timestamp.elapsed_seconds + 5 * STEP_S)
    time.sleep(0.2)
    assert world.get_snapshot().frame == frames[-1]


def test_asynchronous_world_runs_by_itself(world: carla.World) -> None:
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = False, None
    world.apply_settings(settings)
    first, second = world.wait_for_tick(), world.wait_for_tick()
    assert second.frame > first.frame
    assert second.timestamp.elapsed_seconds > first.timestamp.elapsed_seconds
    assert world.get_settings().fixed_delta_seconds is None


def test_settings_come_back_as_applied_and_impossible_ones_are_refused(world: carla.World) -> None:
    settings = world.get_settings()
    settings.max_substeps, settings.no_rendering_mode, settings.tile_stream_distance = 7, True, 1234.0
    world.apply_settings(settings)
    got = world.get_settings()
    assert (got.max_substeps, got.no_rendering_mode, got.tile_stream_distance) == (7, True, 1234.0)
    assert got.fixed_delta_seconds == pytest.approx(STEP_S)
    settings.fixed_delta_seconds = 500.0
    with pytest.raises(RuntimeError, match="fixed_delta_seconds"):
        world.apply_settings(settings)


def test_spawned_vehicle_is_where_it_was_put_and_can_be_destroyed(world: carla.World) -> None:
    vehicle = spawn(world, color="1,2,3", role_name="hero")
    world.tick()
    assert close(vehicle.get_location(), carla.Location(10.0, 1.75, 1.0))
    assert vehicle.attributes["color"] == "1,2,3"
    assert vehicle.attributes["role_name"] == "hero"
    assert vehicle.attributes["number_of_wheels"] == "4"
    assert close(vehicle.bounding_box.extent, carla.Vector3D(4.792 / 2, 2.163 / 2, 1.488 / 2))
    assert list(vehicle.semantic_tags) == [14]
    assert [a.id for a in world.get_actors().filter("vehicle.*")] == [vehicle.id]
    assert vehicle.destroy()
    world.tick()
    assert list(world.get_actors().filter("vehicle.*")) == []
    assert spawn(world).id > vehicle.id


def test_spawn_fails_where_something_stands(world: carla.World) -> None:
    vehicle = spawn(world)
    with pytest.raises(RuntimeError, match="Spawn failed because of collision at spawn position"):
        spawn(world)
    library = world.get_blueprint_library()
    assert world.try_spawn_actor(library.find("vehicle.audi.tt"), vehicle.get_transform()) is not None  # not ticked
    world.tick()
    assert world.try_spawn_actor(library.find("vehicle.audi.tt"), vehicle.get_transform()) is None


@pytest.mark.parametrize(
    ("blueprint", "attribute", "value", "message"),
    [
        ("sensor.camera.rgb", "image_size_x", "0", "image_size_x: expected 1..4096"),
        ("sensor.camera.rgb", "fov", "wide", "fov: expected a number"),
        ("sensor.camera.rgb", "exposure_mode", "auto", "exposure_mode: expected one of histogram, manual"),
    ],
)
def test_impossible_attribute_is_named(
    world: carla.World, blueprint: str, attribute: str, value: str, message: str
) -> None:
    with pytest.raises(RuntimeError, match=message):
        spawn(world, blueprint, **{attribute: value})


def test_control_drives_and_shows_in_the_snapshot(world: carla.World) -> None:
    vehicle = spawn(world)
    vehicle.apply_control(carla.VehicleControl(throttle=0.5, steer=-0.25))
    for _ in range(10):
        world.tick()
    control = vehicle.get_control()
    assert (control.throttle, control.steer) == (0.5, -0.25)
    assert vehicle.get_velocity().x > 0.1
    assert vehicle.get_transform().rotation.yaw < 0.0
    assert vehicle.get_speed_limit() == 30.0
    vehicle.set_transform(carla.Transform(carla.Location(50.0, 1.75, 1.0), carla.Rotation(yaw=90.0)))
    vehicle.apply_control(carla.VehicleControl(brake=1.0))
    world.tick()
    assert vehicle.get_location().distance(carla.Location(50.0, 1.75, 1.0)) < 0.2
    assert vehicle.get_transform().rotation.yaw == pytest.approx(90.0, abs=1.0)


def test_batch_answers_every_command_and_runs_what_follows_a_spawn(client: carla.Client, world: carla.World) -> None:
    library = world.get_blueprint_library()
    place = carla.Transform(carla.Location(20.0, 1.75, 1.0))
    command = carla.command
    lights = carla.VehicleLightState.HighBeam
    first = command.SpawnActor(library.find("vehicle.audi.a2"), place).then(
        command.SetVehicleLightState(command.FutureActor, lights)
    )
    blocked = command.SpawnActor(library.find("vehicle.audi.a2"), place)
    results = client.apply_batch_sync([first, blocked, command.DestroyActor(99999)], True)
    assert [r.has_error() for r in results] == [False, True, True]
    assert "collision" in results[1].error
    assert "99999" in results[2].error
    actor = world.get_actor(results[0].actor_id)
    assert actor.get_light_state() == lights
    client.apply_batch_sync([command.ApplyVehicleControl(actor.id, carla.VehicleControl(throttle=1.0))], True)
    world.tick()
    assert actor.get_control().throttle == 1.0


def test_walker_walks(world: carla.World) -> None:
    walker = spawn(world, "walker.pedestrian.0005")
    walker.apply_control(carla.WalkerControl(carla.Vector3D(0.0, 1.0, 0.0), 2.0, False))
    for _ in range(21):
        world.tick()
    control = walker.get_control()
    assert (control.direction.y, control.speed) == (1.0, 2.0)
    assert walker.get_location().y - 1.75 == pytest.approx(2.0, abs=0.15)
    assert walker.bounding_box.extent.z == pytest.approx(0.93)


def test_rigid_child_follows_its_parent(world: carla.World) -> None:
    vehicle = spawn(world)
    relative = carla.Transform(carla.Location(1.5, -0.4, 2.0), carla.Rotation(pitch=-10.0, yaw=30.0, roll=5.0))
    camera = attach(world, vehicle, "sensor.camera.rgb", relative, image_size_x="16", image_size_y="8")
    pose = carla.Transform(carla.Location(70.0, 1.75, 3.0), carla.Rotation(pitch=8.0, yaw=120.0, roll=-4.0))
    vehicle.set_transform(pose)
    world.tick()
    expected = np.array(pose.get_matrix()) @ np.array(relative.get_matrix())
    assert np.allclose(np.array(camera.get_transform().get_matrix()), expected, atol=1e-4)
    assert camera.parent.id == vehicle.id
    vehicle.destroy()
    world.tick()
    assert close(camera.get_location(), carla.Location(*expected[:3, 3]))  # stays where it was
    camera.destroy()


def test_spring_arm_neither_pitches_nor_rolls_with_its_parent(world: carla.World) -> None:
    vehicle = spawn(world)
    described = world.get_blueprint_library().find("sensor.camera.rgb")
    camera = world.spawn_actor(
        described, carla.Transform(carla.Location(-6.0, 0.0, 3.0)), vehicle, carla.AttachmentType.SpringArm
    )
    vehicle.set_transform(carla.Transform(carla.Location(50.0, 1.75, 1.0), carla.Rotation(20.0, 90.0, 10.0)))
    world.tick()
    turned = camera.get_transform().rotation.yaw
    assert 20.0 < turned < 70.0  # it follows with a lag
    for _ in range(40):
        world.tick()
    transform = camera.get_transform()
    assert close(transform.location, carla.Location(50.0, 1.75 - 6.0, 4.3))  # CARLA lifts the arm by 30 cm
    assert transform.rotation.roll == 0.0
    assert transform.rotation.yaw == pytest.approx(90.0, abs=0.01)
    assert transform.rotation.pitch == pytest.approx(-math.degrees(math.atan2(3.0, 6.0)), abs=1e-3)
    camera.destroy()


def test_every_tick_brings_one_frame_of_every_sensor_and_none_is_lost(world: carla.World) -> None:
    vehicle = spawn(world)
    here = carla.Transform(carla.Location(0.0, 0.0, 2.0))
    camera = attach(world, vehicle, "sensor.camera.rgb", here, image_size_x="64", image_size_y="32", fov="70")
    lidar = attach(world, vehicle, "sensor.lidar.ray_cast", here)
    imu = attach(world, vehicle, "sensor.other.imu", here)
    slow = attach(world, vehicle, "sensor.other.gnss", here, sensor_tick="0.2")
    got: dict[str, queue.Queue[Any]] = {s.type_id: queue.Queue() for s in (camera, lidar, imu, slow)}
    sensors = (camera, lidar, imu, slow)
    for sensor in sensors:
        sensor.listen(got[sensor.type_id].put)
    frames = [world.tick() for _ in range(20)]
    image = got["sensor.camera.rgb"].get(timeout=60.0)
    assert (image.frame, image.width, image.height, image.fov) == (frames[0], 64, 32, 70.0)
    assert len(image.raw_data) == 64 * 32 * 4
    assert image.timestamp == pytest.approx(world.get_snapshot().timestamp.elapsed_seconds - 19 * STEP_S)
    rest = [got["sensor.camera.rgb"].get(timeout=60.0).frame for _ in range(19)]
    assert rest == frames[1:]
    scans = [got["sensor.lidar.ray_cast"].get(timeout=60.0) for _ in range(20)]
    assert [s.frame for s in scans] == frames
    assert [(p.point.x, p.point.y, p.point.z, p.intensity) for p in scans[0]] == [(1.0, 2.0, 3.0, 0.5)]
    assert (scans[0].channels, scans[0].get_point_count(0)) == (2, 1)
    inertial = [got["sensor.other.imu"].get(timeout=60.0) for _ in range(20)]
    assert inertial[-1].accelerometer.z == pytest.approx(9.81)
    assert [got["sensor.other.gnss"].get(timeout=60.0).frame for _ in range(5)] == frames[::4]
    assert all(q.empty() for q in got.values())
    for sensor in sensors:
        sensor.stop()
        sensor.destroy()


def test_client_side_and_unavailable_sensors(world: carla.World) -> None:
    vehicle = spawn(world)
    lane = attach(world, vehicle, "sensor.other.lane_invasion", carla.Transform())
    assert isinstance(lane, carla.LaneInvasionSensor)
    lane.listen(lambda event: None)
    world.tick()
    lane.stop()
    lane.destroy()


def test_traffic_light_cycles_and_obeys(world: carla.World) -> None:
    (light,) = world.get_actors().filter("traffic.traffic_light")
    light.set_green_time(1.0)
    light.set_yellow_time(0.5)
    light.set_red_time(0.25)
    world.reset_all_traffic_lights()
    states = []
    for _ in range(40):
        world.tick()
        states.append(light.state)
    runs = [s for k, s in enumerate(states) if k == 0 or states[k - 1] != s]
    state = carla.TrafficLightState
    assert runs[:4] == [state.Green, state.Yellow, state.Red, state.Green]
    assert states.count(state.Yellow) == 10
    light.freeze(True)
    light.set_state(state.Red)
    for _ in range(40):
        world.tick()
    assert (light.state, light.is_frozen(), light.get_green_time()) == (state.Red, True, 1.0)
    assert (light.get_opendrive_id(), [x.id for x in light.get_group_traffic_lights()]) == ("950", [light.id])
    vehicle = spawn(world, x=100.0)
    vehicle.set_transform(carla.Transform(light.get_location(), light.get_transform().rotation))
    world.tick()
    assert vehicle.is_at_traffic_light()
    assert vehicle.get_traffic_light_state() == state.Red
    assert vehicle.get_traffic_light().id == light.id


def test_weather_and_spectator_keep_what_they_are_given(world: carla.World) -> None:
    world.set_weather(carla.WeatherParameters.HardRainNoon)
    world.tick()
    assert world.get_weather() == carla.WeatherParameters.HardRainNoon
    spectator = world.get_spectator()
    spectator.set_transform(carla.Transform(carla.Location(1.0, 2.0, 3.0), carla.Rotation(-20.0, 40.0, 0.0)))
    world.tick()
    assert close(spectator.get_location(), carla.Location(1.0, 2.0, 3.0))
    assert spectator.get_transform().rotation.pitch == pytest.approx(-20.0, abs=1e-3)


def test_lists_come_back_and_what_is_missing_says_so(client: carla.Client, world: carla.World) -> None:
    actors = world.get_actors()
    assert {a.type_id for a in actors} >= {"spectator", "traffic.traffic_light"}
    assert world.get_level_bbs(carla.CityObjectLabel.Buildings) == []
    with pytest.raises(RuntimeError, match="lies outside the recordings folder"):
        client.start_recorder("../x.log")


def test_rays_meet_the_ground(world: carla.World) -> None:
    (hit,) = world.cast_ray(carla.Location(1.0, 2.0, 3.0), carla.Location(1.0, 2.0, -5.0))
    assert close(hit.location, carla.Location(1.0, 2.0, 0.0))
    assert hit.label == carla.CityObjectLabel.Roads
    assert close(world.ground_projection(carla.Location(4.0, 5.0, 6.0), 10.0).location, carla.Location(4.0, 5.0, 0.0))
    assert world.ground_projection(carla.Location(4.0, 5.0, 6.0), 2.0) is None


def test_load_world_starts_a_new_episode(client: carla.Client, world: carla.World) -> None:
    vehicle = spawn(world)
    world.tick()
    other = client.load_world("other", reset_settings=False)
    assert other.id != world.id
    assert other.get_map().name == "Carla/Maps/other"
    assert other.get_settings().synchronous_mode
    other.tick()
    assert other.get_actor(vehicle.id) is None or other.get_actor(vehicle.id).type_id != vehicle.type_id
    again = client.reload_world(reset_settings=True)
    assert again.id not in (other.id, world.id)
    assert not again.get_settings().synchronous_mode
    with pytest.raises(RuntimeError, match="'strait' not found; did you mean straight"):
        client.load_world("strait")


def test_a_program_that_waits_finds_the_actor_of_a_world_that_another_loads(
    server: Running, client: carla.Client, world: carla.World
) -> None:
    """Clients keep by its id what an actor is; an id of an earlier world would hide the new actor behind the old."""
    car = spawn(world)
    world.tick()
    waiting = carla.Client("127.0.0.1", server.port)
    waiting.set_timeout(60.0)
    held = waiting.get_world()
    await_actor(held, car.id)
    known = {actor.id for actor in held.get_actors()}
    assert len(held.get_actors().filter("vehicle.*")) == 1
    fresh = client.load_world("other", reset_settings=False)
    hero = spawn(fresh, role_name="hero")
    fresh.tick()
    await_actor(held, hero.id)
    found = held.get_actors().filter("vehicle.*")
    assert [(actor.id, actor.attributes["role_name"]) for actor in found] == [(hero.id, "hero")]
    assert not known & {actor.id for actor in held.get_actors()}


def test_world_from_a_text(client: carla.Client, world: carla.World) -> None:
    generated = client.generate_opendrive_world(OPENDRIVE.replace("400", "250"), carla.OpendriveGenerationParameters())
    assert generated.get_map().name == "Carla/Maps/OpenDriveMap"
    assert 240.0 < max(w.s for w in generated.get_map().generate_waypoints(5.0)) < 250.0
    with pytest.raises(RuntimeError, match="could not be correctly parsed: the root element is <html>"):
        client.generate_opendrive_world("<html/>", carla.OpendriveGenerationParameters())


def test_two_clients_share_the_world(server: Running, world: carla.World) -> None:
    second = carla.Client("127.0.0.1", server.port)
    second.set_timeout(60.0)
    theirs = second.get_world()
    vehicle = spawn(world)
    frame = world.tick()
    deadline = time.monotonic() + 60.0
    while theirs.get_snapshot().frame < frame and time.monotonic() < deadline:
        time.sleep(0.01)
    assert theirs.get_snapshot().frame == frame
    assert theirs.get_actor(vehicle.id).type_id == vehicle.type_id
    assert theirs.id == world.id
