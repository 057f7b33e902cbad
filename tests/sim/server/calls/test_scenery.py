"""The things of the map through the official client: switched, lit, painted, asked for."""

from __future__ import annotations

import math
import queue
import struct
from typing import Any

import carla
import numpy as np
import pytest

from sim.server.calls import scenery as calls
from sim.server.protocol.wire import WireError
from tests.sim.server.conftest import synchronous
from tests.sim.server.serving import OPENDRIVE, Running
from tests.sim.server.test_net import Peer, read_frame

Label = carla.CityObjectLabel
STEP_S = 0.05


@pytest.fixture
def world(client: carla.Client) -> carla.World:
    """A new episode in synchronous mode."""
    synchronous(client, STEP_S)
    return client.reload_world(reset_settings=False)


def at(point: carla.Location) -> np.ndarray:
    return np.array([point.x, point.y, point.z])


def house_beside_the_road(world: carla.World) -> tuple[carla.EnvironmentObject, carla.Location, carla.Location]:
    """A building, a place on a road from which it is seen, and a place in its middle at eye height."""
    houses = world.get_environment_objects(Label.Buildings)
    for spawn in world.get_map().get_spawn_points():
        for house in houses:
            middle = house.bounding_box.location
            if spawn.location.distance_2d(middle) < 30.0:
                eye = spawn.location + carla.Location(z=1.5)
                target = carla.Location(middle.x, middle.y, eye.z)
                first = world.project_point(eye, target - eye, 60.0)
                if first is not None and first.label == Label.Buildings:
                    return house, eye, target
    raise AssertionError("no house is seen from any road")


def picture(world: carla.World, kind: str, where: carla.Transform) -> np.ndarray:
    """BGRA (120, 200, 4) of one tick."""
    blueprint = world.get_blueprint_library().find(f"sensor.camera.{kind}")
    blueprint.set_attribute("image_size_x", "200")
    blueprint.set_attribute("image_size_y", "120")
    camera = world.spawn_actor(blueprint, where)
    images: queue.Queue[carla.Image] = queue.Queue()
    camera.listen(images.put)
    world.tick()
    image = images.get(timeout=30.0)
    camera.stop()
    camera.destroy()
    return np.frombuffer(image.raw_data, np.uint8).reshape(120, 200, 4).copy()


def looking(eye: carla.Location, target: carla.Location) -> carla.Transform:
    yaw = math.degrees(math.atan2(target.y - eye.y, target.x - eye.x))
    return carla.Transform(eye, carla.Rotation(yaw=yaw))


def test_things_have_the_boxes_of_the_level(world: carla.World):
    things = world.get_environment_objects(Label.Any)
    boxes = world.get_level_bbs(Label.Any)
    assert len(things) == len(boxes) > 500
    assert len({thing.id for thing in things}) == len({thing.name for thing in things}) == len(things)
    for label in (Label.Buildings, Label.Vegetation, Label.Poles, Label.TrafficLight, Label.TrafficSigns, Label.Roads):
        of_label = world.get_environment_objects(label)
        assert {thing.type for thing in of_label} == {label}
        places = {tuple(np.round(at(box.location), 3)) for box in world.get_level_bbs(label)}
        assert places == {tuple(np.round(at(thing.bounding_box.location), 3)) for thing in of_label}
    assert world.get_level_bbs(Label.Water) == []  # there is none


def test_ids_do_not_change_with_the_episode(client: carla.Client, world: carla.World):
    before = {thing.name: thing.id for thing in world.get_environment_objects(Label.Any)}
    again = client.reload_world(reset_settings=False)
    assert {thing.name: thing.id for thing in again.get_environment_objects(Label.Any)} == before


def test_level_boxes_follow_vehicles_and_name_them(world: carla.World):
    spawn = world.get_map().get_spawn_points()[3]
    car = world.spawn_actor(world.get_blueprint_library().find("vehicle.tesla.model3"), spawn)
    world.unload_map_layer(carla.MapLayer.ParkedVehicles)  # they have boxes, too
    world.tick()
    (box,) = world.get_level_bbs(Label.Car)
    assert box.actor_id == car.id
    assert box.extent == car.bounding_box.extent
    assert box.location.distance(car.get_transform().transform(car.bounding_box.location)) < 0.02
    assert car.id in [b.actor_id for b in world.get_level_bbs(Label.Any)]


def test_a_thing_that_is_switched_off_is_gone_for_cameras_rays_and_bodies(world: carla.World):
    house, eye, middle = house_beside_the_road(world)
    view = looking(eye, middle)
    depth = picture(world, "depth", view)
    full = picture(world, "semantic_segmentation", view)
    place = carla.Transform(carla.Location(middle.x, middle.y, eye.z))
    model3 = world.get_blueprint_library().find("vehicle.tesla.model3")
    assert world.try_spawn_actor(model3, place) is None
    world.enable_environment_objects({house.id}, False)
    emptier = picture(world, "semantic_segmentation", view)
    assert (full[:, :, 2] == 3).sum() > (emptier[:, :, 2] == 3).sum() + 500
    assert world.cast_ray(eye, middle) == []
    through = world.try_spawn_actor(model3, place)
    assert through is not None
    world.tick()  # before it is in a snapshot the client takes it for dead
    through.destroy()
    assert house.id in [thing.id for thing in world.get_environment_objects(Label.Buildings)]  # to be found again
    world.enable_environment_objects({house.id}, True)
    assert (picture(world, "depth", view) == depth).all()
    assert [point.label for point in world.cast_ray(eye, middle)] == [Label.Buildings]
    assert world.try_spawn_actor(model3, place) is None


def test_lidar_passes_where_a_thing_was(world: carla.World):
    house, eye, _ = house_beside_the_road(world)
    blueprint = world.get_blueprint_library().find("sensor.lidar.ray_cast_semantic")
    blueprint.set_attribute("range", "80")
    lidar = world.spawn_actor(blueprint, carla.Transform(eye))
    sweeps: queue.Queue[Any] = queue.Queue()
    lidar.listen(sweeps.put)

    def on_the_house() -> int:
        world.tick()
        points = np.frombuffer(sweeps.get(timeout=30.0).raw_data, np.float32).reshape(-1, 6)[:, :3] + at(eye)
        box, yaw = house.bounding_box, math.radians(house.bounding_box.rotation.yaw)
        turn = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
        local = np.abs((points - at(box.location)) @ turn)
        return int((local < np.array([box.extent.x, box.extent.y, box.extent.z]) + 0.05).all(axis=1).sum())

    assert on_the_house() > 20
    world.enable_environment_objects({house.id}, False)
    assert on_the_house() < 5  # grass inside its walls
    lidar.stop()
    lidar.destroy()


def street_lights(server: Running) -> int:
    """As a new client sees them: one that knew a light once goes on listing it."""
    fresh = carla.Client("127.0.0.1", server.port)
    fresh.set_timeout(60.0)
    return len(fresh.get_world().get_lightmanager().get_all_lights(carla.LightGroup.Street))


def test_layers_come_and_go(server: Running, client: carla.Client, world: carla.World):
    trees = len(world.get_environment_objects(Label.Vegetation))
    lamps = len(world.get_lightmanager().get_all_lights(carla.LightGroup.Street))
    assert min(trees, lamps) > 50
    world.unload_map_layer(carla.MapLayer.Foliage)
    assert world.get_environment_objects(Label.Vegetation) == world.get_level_bbs(Label.Vegetation) == []
    world.load_map_layer(carla.MapLayer.Foliage)
    assert len(world.get_environment_objects(Label.Vegetation)) == trees
    bare = client.load_world("Roadlab01_Opt", False, carla.MapLayer.Buildings)
    assert bare.get_map().name == "Carla/Maps/Roadlab01_Opt"
    assert bare.get_environment_objects(Label.Vegetation) == []
    assert len(bare.get_environment_objects(Label.Buildings)) > 50
    assert street_lights(server) == 0
    bare.load_map_layer(carla.MapLayer.StreetLights)
    assert street_lights(server) == lamps
    client.load_world("Roadlab01", False)


def test_those_who_know_the_lights_are_told_of_changes_new_subscribers_are_not(
    server: Running, world: carla.World
) -> None:
    """A client asks for the lights when it connects; closed while it handles such a frame it would crash."""
    peer = Peer(server.port)
    with peer.subscribe(1) as old:
        read_frame(old)
        peer.value("query_lights_state", "127.0.0.1:9")  # one who never asks again
        world.unload_map_layer(carla.MapLayer.StreetLights)
        with peer.subscribe(1) as new:
            first = read_frame(new)
            world.tick()
            told = [_lights_pending(frame) for frame in (first, read_frame(new), read_frame(old))]
    assert told == [False, True, True]
    world.load_map_layer(carla.MapLayer.StreetLights)


def _lights_pending(frame: bytes) -> bool:
    return bool(struct.unpack_from("<i", frame, 48 + 32)[0] & 2)


def test_a_ray_meets_each_thing_once_in_order(world: carla.World):
    _, eye, middle = house_beside_the_road(world)
    way = middle - eye
    far = eye + way * 3.0
    spot = eye + way.make_unit_vector() * 5.0
    car = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.tesla.model3"), carla.Transform(spot - carla.Location(z=1.2))
    )
    car.set_simulate_physics(False)
    world.tick()
    points = world.cast_ray(eye - carla.Location(z=0.9), far - carla.Location(z=0.9))
    labels = [point.label for point in points]
    assert labels[0] == Label.Car
    assert labels.count(Label.Car) == 1
    assert Label.Buildings in labels
    distances = [point.location.distance(eye) for point in points]
    assert distances == sorted(distances)
    below = world.ground_projection(eye, 10.0)
    assert below.label in (Label.Roads, Label.RoadLines)
    assert world.ground_projection(eye, 0.5) is None
    assert world.project_point(eye, carla.Vector3D(0, 0, 1), 500.0) is None


def night(world: carla.World) -> None:
    weather = world.get_weather()
    weather.sun_altitude_angle = -40.0
    world.set_weather(weather)


def test_lamps_follow_the_sun_unless_told_not_to(world: carla.World):
    manager = world.get_lightmanager()
    lamps = manager.get_all_lights(carla.LightGroup.Street)
    assert {lamp.light_group for lamp in lamps} == {carla.LightGroup.Street}
    assert not any(manager.is_active(lamps))
    night(world)
    world.tick()
    world.tick()  # the first snapshot told the client to ask
    assert all(manager.is_active(lamps))
    day = world.get_weather()
    day.sun_altitude_angle = 50.0
    manager.set_day_night_cycle(False)
    world.set_weather(day)
    world.tick()
    world.tick()
    assert all(manager.is_active(lamps))


def test_lamps_shine_as_they_are_set(world: carla.World):
    night(world)
    manager = world.get_lightmanager()
    lamps = manager.get_all_lights(carla.LightGroup.Street)
    foot = lamps[0].location
    view = carla.Transform(carla.Location(foot.x, foot.y, foot.z - 1.0), carla.Rotation(pitch=-80.0))

    def mean_bgr() -> np.ndarray:
        return picture(world, "rgb", view)[:, :, :3].reshape(-1, 3).mean(axis=0)

    world.tick()
    lit = mean_bgr()
    manager.turn_off(lamps)
    world.tick()
    dark = mean_bgr()
    assert lit.mean() > 1.5 * dark.mean()
    manager.turn_on(lamps)
    manager.set_color(lamps, carla.Color(255, 0, 0))
    world.tick()
    red = mean_bgr()
    assert red[2] > 1.5 * max(red[0], red[1])
    assert red[2] > 1.5 * dark[2]
    manager.set_intensity(lamps, 0.0)
    manager.set_light_group(lamps[:1], carla.LightGroup.Other)
    world.tick()
    assert mean_bgr().mean() < 1.1 * dark.mean()
    assert len(manager.get_all_lights(carla.LightGroup.Other)) == 1


def test_another_client_learns_of_changed_lights(server: Running, world: carla.World):
    other = carla.Client("127.0.0.1", server.port)
    other.set_timeout(60.0)
    manager, watching = world.get_lightmanager(), other.get_world().get_lightmanager()
    lamp, same = manager.get_all_lights()[0], watching.get_all_lights()[0]
    assert same.id == lamp.id
    lamp.set_color(carla.Color(1, 2, 3))
    for _ in range(3):
        world.tick()
    for _ in range(50):
        if watching.get_color([same])[0] == carla.Color(1, 2, 3):
            return
        world.tick()
    raise AssertionError("the other client was not told")


def test_paint_changes_the_picture_of_the_thing_alone(world: carla.World):
    house, eye, middle = house_beside_the_road(world)
    view = looking(eye, middle)
    before = picture(world, "rgb", view)[:, :, :3].astype(int)
    texture = carla.TextureColor(4, 4)
    for x in range(4):
        for y in range(4):
            texture.set(x, y, carla.Color(255, 0, 255))
    assert house.name in world.get_names_of_all_objects()
    world.apply_color_texture_to_object(house.name, carla.MaterialParameter.Normal, texture)  # without effect
    world.apply_color_texture_to_objects(["nothing of this name", house.name], carla.MaterialParameter.Diffuse, texture)
    after = picture(world, "rgb", view)[:, :, :3].astype(int)
    painted = (after[:, :, 0] > after[:, :, 1] + 40) & (after[:, :, 2] > after[:, :, 1] + 40)
    assert painted.sum() > 1000
    assert not ((before[:, :, 0] > before[:, :, 1] + 40) & (before[:, :, 2] > before[:, :, 1] + 40)).any()
    labels = picture(world, "semantic_segmentation", view)[:, :, 2]
    assert (labels[painted] == 3).mean() > 0.97  # pixels on its edges
    floats = carla.TextureFloatColor(1, 1)
    floats.set(0, 0, carla.FloatColor(0.0, 1.0, 0.0, 1.0))
    world.apply_float_color_texture_to_object(house.name, carla.MaterialParameter.Diffuse, floats)
    green = picture(world, "rgb", view)[:, :, :3].astype(int)
    assert (green[painted][:, 1] > green[painted][:, 2] + 40).mean() > 0.95


def test_a_vehicle_takes_the_mean_colour(world: carla.World):
    spawn = world.get_map().get_spawn_points()[5]
    car = world.spawn_actor(world.get_blueprint_library().find("vehicle.nissan.micra"), spawn)
    world.tick()
    (name,) = [n for n in world.get_names_of_all_objects() if n.endswith(f"_C_{car.id}")]
    assert name == f"BP_NissanMicra_C_{car.id}"
    eye = spawn.location + carla.Location(z=5.0)
    view = carla.Transform(eye, carla.Rotation(pitch=-90.0))
    before = picture(world, "rgb", view)[:, :, :3].astype(int)
    texture = carla.TextureColor(2, 1)
    texture.set(0, 0, carla.Color(0, 250, 0))
    texture.set(1, 0, carla.Color(0, 230, 0))
    world.apply_color_texture_to_object(name, carla.MaterialParameter.Diffuse, texture)
    after = picture(world, "rgb", view)[:, :, :3].astype(int)
    greener = (after[:, :, 1] - after[:, :, 2] > 40) & (abs(after - before).sum(axis=2) > 60)
    assert greener.sum() > 300


def test_a_new_episode_forgets_all_changes(client: carla.Client, world: carla.World):
    house, eye, middle = house_beside_the_road(world)
    world.enable_environment_objects({house.id}, False)
    assert world.cast_ray(eye, middle) == []
    again = client.reload_world(reset_settings=False)
    assert [point.label for point in again.cast_ray(eye, middle)] == [Label.Buildings]


def test_generated_worlds_are_walled_as_the_parameters_say(client: carla.Client, world: carla.World):
    walled = client.generate_opendrive_world(
        OPENDRIVE, carla.OpendriveGenerationParameters(wall_height=3.0, enable_mesh_visibility=False), False
    )
    assert walled.get_environment_objects(Label.Buildings) == []
    road = walled.get_map().get_spawn_points()[4].location
    aside = walled.project_point(road + carla.Location(z=2.0), carla.Vector3D(y=1.0), 20.0)
    assert aside.label == Label.Walls
    assert walled.project_point(road + carla.Location(z=3.0), carla.Vector3D(y=1.0), 20.0) is None
    assert walled.ground_projection(road, 5.0).label == Label.Roads  # rays and wheels meet it
    seen = picture(walled, "semantic_segmentation", carla.Transform(road, carla.Rotation(pitch=-30.0)))[:, :, 2]
    assert not (seen == 1).any()  # cameras do not
    with pytest.raises(RuntimeError, match=r"wall_height: expected 0 to 100 m, got 1000"):
        client.generate_opendrive_world(OPENDRIVE, carla.OpendriveGenerationParameters(wall_height=1000.0))
    client.load_world("Roadlab01", False)


@pytest.mark.parametrize(
    ("texture", "complaint"),
    [
        ([1 << 20, 1 << 20, []], "texture side"),
        ([2, 2, [[0, 0, 0, 0]] * 3], "expected 2 x 2 texels, got 3"),
        ([1, 1, [["red"]]], "four numbers"),
        ([1, 2, [[1, 2, 3, 4], [1]]], "four numbers"),
        ([1, 1, [[float("nan")] * 4]], "finite"),
        ([1, 1], "expected 3 fields"),
    ],
)
def test_broken_textures_are_refused_before_anything_is_allocated(texture: list[Any], complaint: str):
    with pytest.raises(WireError, match=complaint):
        calls._picture(texture, 255.0)
