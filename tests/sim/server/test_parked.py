"""Parked vehicles through the official client: listed, seen, hit, switched off, and part of the truth."""

import math
import queue
from collections.abc import Iterator
from typing import Any

import carla
import numpy as np
import pytest

from perception.frame import Frame
from perception.objects import ObjectClass
from sim import label_table
from sim.scenario import CameraSpec
from sim.source.parked import FIRST_ID, parked_vehicles
from sim.source.rig import TRUTH_PREFIX, camera_mount
from sim.source.truth_world import TruthReader
from tests.sim.server.serving import Running, running_server

STEP_S = 0.05
WIDTH, HEIGHT = 320, 240
CAR = carla.CityObjectLabel.Car


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running_server("real", "Roadlab02") as running:
        yield running


@pytest.fixture
def world(server: Running) -> carla.World:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(240.0)  # the first picture may compile
    world = client.reload_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    world.tick()
    return world


def views(world: carla.World, thing: Any, away_m: float = 9.0) -> list[carla.Transform]:
    """Places round a parked car from which a level ray meets it first."""
    out, box = [], thing.bounding_box.location
    for degrees in range(0, 360, 15):
        pose = carla.Transform(
            carla.Location(box.x, box.y, thing.transform.location.z + 0.8), carla.Rotation(yaw=degrees)
        )
        ahead = pose.get_forward_vector()
        pose.location -= away_m * ahead
        hit = world.project_point(pose.location, ahead, away_m + 1.0)
        if hit is not None and hit.label == CAR and hit.location.distance(box) < 3.5:
            out.append(pose)
    return out


def a_visible_one(world: carla.World) -> tuple[Any, carla.Transform]:
    for thing in world.get_environment_objects(CAR):
        found = views(world, thing)
        if found:
            return thing, found[0]
    raise AssertionError("no parked car can be seen from 9 m")


def watch(world: carla.World, pose: carla.Transform, *kinds: str, **attributes: str) -> dict[str, Any]:
    """One measurement of several sensors at a place."""
    queues, sensors = {}, []
    for kind in kinds:
        blueprint = world.get_blueprint_library().find(kind)
        wanted = {"image_size_x": str(WIDTH), "image_size_y": str(HEIGHT)} if "camera" in kind else attributes
        for name, value in wanted.items():
            blueprint.set_attribute(name, value)
        sensor = world.spawn_actor(blueprint, pose)
        queues[kind] = queue.Queue()
        sensor.listen(queues[kind].put)
        sensors.append(sensor)
    for _ in range(3):
        frame = world.tick()
    out = {}
    for kind, waiting in queues.items():
        data = waiting.get(timeout=240.0)
        while data.frame < frame:
            data = waiting.get(timeout=240.0)
        out[kind] = data
    for sensor in sensors:
        sensor.destroy()
    return out


def labels(image: Any) -> tuple[np.ndarray, np.ndarray]:
    """Tags and instance numbers (h, w)."""
    pixels = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4).astype(np.int64)
    return pixels[..., 2], pixels[..., 1] | pixels[..., 0] << 8


def test_they_are_listed_and_their_layer_can_be_unloaded(world):
    cars = world.get_environment_objects(CAR)
    assert len(cars) >= 15
    assert {thing.type for thing in cars} == {CAR}
    boxes = world.get_level_bbs(CAR)
    assert len(boxes) == len(cars)
    places = {(round(box.location.x, 2), round(box.location.y, 2)) for box in boxes}
    assert places == {(round(c.bounding_box.location.x, 2), round(c.bounding_box.location.y, 2)) for c in cars}
    assert all(1.0 < 2.0 * box.extent.x < 6.5 for box in boxes)
    assert not [actor for actor in world.get_actors() if actor.type_id.startswith("vehicle.")]
    world.unload_map_layer(carla.MapLayer.ParkedVehicles)
    world.tick()
    assert world.get_environment_objects(CAR) == []
    assert world.get_level_bbs(CAR) == []
    world.load_map_layer(carla.MapLayer.ParkedVehicles)
    world.tick()
    assert len(world.get_environment_objects(CAR)) == len(cars)


def test_cameras_lidar_and_rays_meet_them_until_they_are_switched_off(world):
    thing, pose = a_visible_one(world)
    number = thing.id & 0xFFFF
    kinds = ("sensor.camera.instance_segmentation", "sensor.camera.semantic_segmentation", "sensor.camera.rgb",
             "sensor.camera.labels", "sensor.lidar.ray_cast_semantic")  # fmt: skip
    lidar = {"channels": "16", "points_per_second": "200000", "rotation_frequency": "20", "upper_fov": "10"}
    seen = watch(world, pose, *kinds, **lidar)
    tags, numbers = labels(seen[kinds[0]])
    assert (numbers == number).sum() > 500
    assert set(tags[numbers == number].tolist()) == {14}
    assert (labels(seen[kinds[1]])[0] == tags).all()
    table = label_table.decode(bytes(seen[kinds[3]].raw_data))
    row = table[table[:, 0] == FIRST_ID | number]
    assert len(row) == 1
    assert row[0, 3] == (numbers == number).sum()  # visible pixels
    hits = np.frombuffer(seen[kinds[4]].raw_data, np.dtype("f4,f4,f4,f4,u4,u4"))
    assert (hits["f5"][hits["f4"] == FIRST_ID | number] == 14).sum() > 20

    world.enable_environment_objects({thing.id}, False)
    world.tick()
    gone = watch(world, pose, *kinds, **lidar)
    _, numbers_without = labels(gone[kinds[0]])
    assert not (numbers_without == number).any()
    table = label_table.decode(bytes(gone[kinds[3]].raw_data))
    assert not (table[:, 0] == FIRST_ID | number).any()
    hits = np.frombuffer(gone[kinds[4]].raw_data, np.dtype("f4,f4,f4,f4,u4,u4"))
    assert not (hits["f4"] == FIRST_ID | number).any()
    pictures = [np.frombuffer(data["sensor.camera.rgb"].raw_data, np.uint8).astype(int) for data in (seen, gone)]
    changed = np.abs(pictures[0] - pictures[1]).reshape(HEIGHT, WIDTH, 4).max(axis=2) > 20
    assert changed[numbers == number].mean() > 0.5
    assert views(world, thing) == []
    assert len(world.get_environment_objects(CAR)) >= 15  # still listed, as in CARLA
    world.enable_environment_objects({thing.id}, True)
    world.tick()
    assert views(world, thing) != []


NEAR_M = 4.0
"""From here a bicycle at a rack, end on, covers 200 pixels; from the lane too few to tell."""


def from_the_road(world: carla.World, thing: Any, at_most_m: float = math.inf) -> carla.Transform:
    """A place over the nearest lane, or on the way from there to a thing if that is further off, looking at it."""
    eye = world.get_map().get_waypoint(thing.bounding_box.location).transform.location + carla.Location(z=1.6)
    ahead = thing.bounding_box.location - eye
    level = math.hypot(ahead.x, ahead.y)
    nearer = max(level - at_most_m, 0.0) / level
    eye += carla.Location(nearer * ahead.x, nearer * ahead.y, 0.0)
    ahead, level = thing.bounding_box.location - eye, level * (1.0 - nearer)
    pitch, yaw = math.degrees(math.atan2(ahead.z, level)), math.degrees(math.atan2(ahead.y, ahead.x))
    return carla.Transform(eye, carla.Rotation(pitch=pitch, yaw=yaw))


@pytest.mark.parametrize(
    ("label", "tag", "kind"),
    [
        ("Bicycle", 19, ObjectClass.BICYCLE),
        ("Motorcycle", 18, ObjectClass.MOTORCYCLE),
        ("Truck", 15, ObjectClass.TRUCK),
    ],
)
def test_two_wheelers_and_lorries_are_listed_seen_numbered_and_switched_off(world, label, tag, kind):
    things = world.get_environment_objects(getattr(carla.CityObjectLabel, label))
    assert 1 <= len(things) <= 8
    assert len(world.get_level_bbs(getattr(carla.CityObjectLabel, label))) == len(things)
    for thing in things:
        extent = thing.bounding_box.extent
        assert min(extent.x, extent.y, extent.z) > 0.2
    truth = parked_vehicles(world)
    assert (truth.classes == kind).sum() == len(things)
    kinds = ("sensor.camera.instance_segmentation", "sensor.camera.labels", "sensor.lidar.ray_cast_semantic",
             "sensor.other.radar")  # fmt: skip
    lidar = {"points_per_second": "400000"}
    counts = []
    for thing in things:
        number = thing.id & 0xFFFF
        eye = from_the_road(world, thing, NEAR_M)
        seen = watch(world, eye, *kinds, **lidar)
        tags, numbers = labels(seen[kinds[0]])
        mine = numbers == number
        if mine.sum() < 150:
            continue  # behind something
        assert set(tags[mine].tolist()) == {tag}
        table = label_table.decode(bytes(seen[kinds[1]].raw_data))
        (row,) = table[table[:, 0] == FIRST_ID | number]
        assert row[3] == mine.sum()
        assert row[2] == tag
        hits = np.frombuffer(seen[kinds[2]].raw_data, np.dtype("f4,f4,f4,f4,u4,u4"))
        assert set(hits["f5"][hits["f4"] == FIRST_ID | number].tolist()) <= {tag}
        counts.append((hits["f4"] == FIRST_ID | number).sum())
        assert len(np.frombuffer(seen[kinds[3]].raw_data, "<f4")) > 0
        world.enable_environment_objects({thing.id}, False)
        world.tick()
        _, without = labels(watch(world, eye, kinds[0])[kinds[0]])
        assert not (without == number).any()
        world.enable_environment_objects({thing.id}, True)
        world.tick()
        break
    assert counts
    assert counts[0] > 10


def crash(world: carla.World, pose: carla.Transform) -> set[str]:
    """What a car meets that is thrown along a pose."""
    library = world.get_blueprint_library()
    car = world.try_spawn_actor(library.find("vehicle.micro.microlino"), pose)
    if car is None:
        return set()
    sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=car)
    met: queue.Queue[Any] = queue.Queue()
    sensor.listen(met.put)
    world.tick()
    for _ in range(25):
        car.set_target_velocity(pose.get_forward_vector() * 9.0)
        world.tick()
    sensor.destroy()
    car.destroy()
    return {met.get().other_actor.type_id for _ in range(met.qsize())}


def test_vehicles_run_into_them(world):
    for thing in world.get_environment_objects(CAR):
        for pose in views(world, thing, 7.0):
            if "static.car" not in crash(world, pose):
                continue  # a kerb, a pole or a wall came first
            world.enable_environment_objects({thing.id}, False)
            world.tick()
            assert "static.car" not in crash(world, pose)
            return
    raise AssertionError("no parked car could be hit")


def test_the_truth_of_a_frame_has_them_with_their_visibility(world):
    thing, pose = a_visible_one(world)
    ego = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.audi.a2"), world.get_map().get_spawn_points()[0]
    )
    ego.set_simulate_physics(False)
    ego.set_transform(
        carla.Transform(carla.Location(pose.location.x, pose.location.y, pose.location.z - 0.8), pose.rotation)
    )
    world.tick()
    spec = CameraSpec(x_m=2.2, y_m=0.0, z_m=0.9, width=WIDTH, height=HEIGHT)
    mount = camera_mount(TRUTH_PREFIX + "front", spec, "sensor.camera.instance_segmentation")
    t = mount.ego_from_sensor[:3, 3]
    place = ego.get_transform().transform(carla.Location(float(t[0]), -float(t[1]), float(t[2])))
    image = watch(world, carla.Transform(place, pose.rotation), mount.type_id)[mount.type_id]
    truth = TruthReader(world, ego.id, (), (mount,)).read(0, 0, world.get_snapshot(), Frame(0, 0), {mount.name: image})
    number = FIRST_ID | thing.id & 0xFFFF
    (row,) = np.flatnonzero(truth.actor_id == number)
    box = thing.bounding_box
    assert truth.boxes_world_m[row, :3] == pytest.approx((box.location.x, -box.location.y, box.location.z), abs=1e-3)
    assert truth.boxes_world_m[row, 3:6] == pytest.approx(
        (2 * box.extent.x, 2 * box.extent.y, 2 * box.extent.z), abs=1e-3
    )
    assert truth.classes[row] == ObjectClass.CAR
    assert truth.type_id[row] in ("parked.car", "parked.van")
    assert (truth.velocity_world_mps[row] == 0.0).all()
    (seen,) = truth.cameras
    (at,) = np.flatnonzero(seen.actor_id == number)
    assert seen.pixels[at] == (labels(image)[1] == thing.id & 0xFFFF).sum()
    assert seen.visibility[at] > 0.5


def test_two_episodes_park_alike(server):
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(240.0)  # the first picture may compile
    told = [
        [(c.id, c.name, c.transform.location.x, c.transform.rotation.yaw) for c in w.get_environment_objects(CAR)]
        for w in (client.reload_world(), client.reload_world())
    ]
    assert told[0] == told[1]


def test_the_dark_leaves_their_lamps_off(world):
    weather = carla.WeatherParameters(sun_altitude_angle=-60.0)
    world.set_weather(weather)
    for thing in world.get_environment_objects(CAR):
        if abs(math.remainder(thing.transform.rotation.yaw, 90.0)) < 5.0 and views(world, thing):
            pose = views(world, thing)[0]
            break
    seen = watch(world, pose, "sensor.camera.rgb", "sensor.camera.instance_segmentation")
    pixels = np.frombuffer(seen["sensor.camera.rgb"].raw_data, np.uint8).reshape(HEIGHT, WIDTH, 4)
    own = labels(seen["sensor.camera.instance_segmentation"])[1] == thing.id & 0xFFFF
    assert own.sum() > 100
    assert (pixels[own][:, :3].min(axis=1) < 250).mean() > 0.99


def test_numbers_come_from_the_ids_and_parts_are_left_out(world):
    parked = parked_vehicles(world)
    cars = world.get_environment_objects(CAR)
    numbers = parked.actor_id[parked.classes == ObjectClass.CAR]
    assert sorted(numbers.tolist()) == sorted(FIRST_ID | thing.id & 0xFFFF for thing in cars)
    assert len(np.unique(parked.actor_id)) == len(parked) > len(cars)
    near = parked.near(parked.boxes_world_m[0, :3])
    assert 0 < len(near) <= len(parked)
    assert parked.actor_id[0] in near.actor_id
