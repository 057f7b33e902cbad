"""Walkers in wheelchairs through the official client: what is told of them and what every sensor sees."""

from __future__ import annotations

import math
import queue
from collections.abc import Iterator
from typing import Any

import carla
import numpy as np
import numpy.typing as npt
import pytest

from sim import label_table
from tests.sim.server.conftest import first_spawn_on_ground, synchronous

STEP_S = 0.05
SIDE = 320
PEDESTRIAN = 12
Image = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def world(client: carla.Client) -> carla.World:
    return synchronous(client, STEP_S)


@pytest.fixture(scope="module")
def start(world: carla.World) -> carla.Transform:
    return first_spawn_on_ground(world)


def ahead(start: carla.Transform, x: float, y: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> carla.Transform:
    return carla.Transform(start.transform(carla.Location(x, y, z)), carla.Rotation(yaw=start.rotation.yaw + yaw))


def spawn(world: carla.World, place: carla.Transform, chair: str = "true", name: str = "0028") -> carla.Walker:
    blueprint = world.get_blueprint_library().find(f"walker.pedestrian.{name}")
    blueprint.set_attribute("use_wheelchair", chair)
    walker = world.spawn_actor(blueprint, place)
    for _ in range(10):
        world.tick()
    return walker


@pytest.fixture
def walker(world: carla.World, start: carla.Transform) -> Iterator[carla.Walker]:
    walker = spawn(world, ahead(start, 4.0, z=1.0, yaw=90.0))
    yield walker
    walker.destroy()


def measure(world: carla.World, kind: str, pose: carla.Transform, ticks: int = 2, **attributes: str) -> Any:
    blueprint = world.get_blueprint_library().find(kind)
    if "camera" in kind:
        attributes = {"image_size_x": str(SIDE), "image_size_y": str(SIDE), **attributes}
    for name, value in attributes.items():
        blueprint.set_attribute(name, value)
    sensor, waiting = world.spawn_actor(blueprint, pose), queue.Queue()
    sensor.listen(waiting.put)
    for _ in range(ticks):
        frame = world.tick()
    data = waiting.get(timeout=60.0)
    while data.frame < frame:
        data = waiting.get(timeout=60.0)
    sensor.destroy()
    return data


def pixels(image: Any) -> Image:
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


def in_box(points: npt.NDArray[np.float64], walker: carla.Walker, margin_m: float = 0.03) -> npt.NDArray[np.bool_]:
    """Which places (n, 3) of the world are in the walker's box."""
    back = np.array(walker.get_transform().get_inverse_matrix())
    local = points @ back[:3, :3].T + back[:3, 3]
    box = walker.bounding_box
    away = np.abs(local - np.array([box.location.x, box.location.y, box.location.z]))
    return np.asarray((away <= np.array([box.extent.x, box.extent.y, box.extent.z]) + margin_m).all(axis=1))


def test_its_box_is_that_of_chair_and_person_and_stands_on_the_ground(
    walker: carla.Walker, world: carla.World, start: carla.Transform
) -> None:
    extent = walker.bounding_box.extent
    assert (2.0 * extent.x, 2.0 * extent.y, 2.0 * extent.z) == pytest.approx((0.95, 0.84, 1.44), abs=1e-3)
    assert walker.get_location().z - extent.z == pytest.approx(start.location.z, abs=0.1)  # the road has a crown
    assert walker.attributes["use_wheelchair"] == "true"
    standing = spawn(world, ahead(start, 4.0, 3.0, 1.0), "false")
    assert standing.bounding_box.extent.z == pytest.approx(0.93)
    standing.destroy()
    boxes = world.get_level_bbs(carla.CityObjectLabel.Pedestrians)
    assert [round(2.0 * box.extent.z, 2) for box in boxes] == [1.44]


def test_bones_sit(walker: carla.Walker) -> None:
    bones = {bone.name: bone.component.location for bone in walker.get_bones().bone_transforms}
    assert len(bones) == 66
    for side in "LR":
        thigh, knee, foot = (bones[f"crl_{part}__{side}"] for part in ("thigh", "leg", "foot"))
        assert abs(thigh.z - knee.z) < 0.06  # level thighs: the component looks along its y axis
        assert knee.y - thigh.y > 0.3
        assert abs(knee.y - foot.y) < 0.08
        assert knee.z - foot.z > 0.3
        assert 0.5 < bones[f"crl_hand__{side}"].z < 0.75
    assert 1.15 < bones["crl_Head__C"].z < 1.35


def test_label_pictures_and_tables_show_chair_and_person_as_one_pedestrian(
    walker: carla.Walker, world: carla.World, start: carla.Transform
) -> None:
    eye = ahead(start, 0.0, z=1.2)
    tag = pixels(measure(world, "sensor.camera.semantic_segmentation", eye))[..., 2]
    numbered = pixels(measure(world, "sensor.camera.instance_segmentation", eye)).astype(int)
    mine = (numbered[..., 1] | numbered[..., 0] << 8) == walker.id & 0xFFFF
    assert mine.sum() > 800
    assert (tag[mine] == PEDESTRIAN).all()
    rows, columns = np.flatnonzero(mine.any(axis=1)), np.flatnonzero(mine.any(axis=0))
    wide, high = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
    assert wide / high == pytest.approx(0.95 / 1.44, abs=0.08)  # from the side
    table = label_table.decode(bytes(measure(world, "sensor.camera.labels", eye).raw_data))
    (row,) = table[table[:, 0] == walker.id]
    shown = dict(zip(label_table.COLUMNS, row.tolist(), strict=False))
    assert shown["tag"] == PEDESTRIAN
    assert shown["visible_px"] == pytest.approx(mine.sum(), rel=0.02)
    assert (shown["visible_x0"], shown["visible_x1"]) == pytest.approx((columns[0], columns[-1] + 1), abs=1.5)


def test_depth_and_lidar_meet_it_inside_its_box(
    walker: carla.Walker, world: carla.World, start: carla.Transform
) -> None:
    eye = ahead(start, 0.0, z=1.2)
    sweep = measure(world, "sensor.lidar.ray_cast_semantic", eye, channels="64", rotation_frequency="20",
                    points_per_second="1000000", upper_fov="10", lower_fov="-25", range="20")  # fmt: skip
    kind = [("xyz", "<f4", 3), ("cos", "<f4"), ("id", "<u4"), ("tag", "<u4")]
    points = np.frombuffer(sweep.raw_data, np.dtype(kind))
    mine = points[points["id"] == walker.id]
    assert len(mine) > 300
    assert set(mine["tag"].tolist()) == {PEDESTRIAN}
    matrix = np.array(eye.get_matrix())
    places = mine["xyz"].astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    assert in_box(places, walker).all()
    low = places[:, 2] < walker.get_location().z - walker.bounding_box.extent.z + 0.25
    assert low.sum() > 10  # wheels, casters and shoes
    trunk = walker.get_location() - 0.15 * walker.get_transform().get_forward_vector()
    hits = world.cast_ray(eye.location, trunk + (trunk - eye.location))
    assert "Pedestrians" in {str(hit.label) for hit in hits}


def test_radar_hears_it(walker: carla.Walker, world: carla.World, start: carla.Transform) -> None:
    heard = measure(world, "sensor.other.radar", ahead(start, 0.0, z=0.9), ticks=3, horizontal_fov="20",
                    vertical_fov="10", points_per_second="20000", range="30")  # fmt: skip
    depth = np.frombuffer(heard.raw_data, "<f4").reshape(-1, 4)[:, 3]
    assert ((depth > 3.2) & (depth < 4.6)).sum() > 10


def test_it_rolls_and_pushes_when_it_moves_and_rests_when_it_stands(
    walker: carla.Walker, world: carla.World, start: carla.Transform
) -> None:
    def hand() -> float:
        bones = {bone.name: bone.component.location for bone in walker.get_bones().bone_transforms}
        return float(bones["crl_hand__L"].y)

    resting = hand()
    walker.apply_control(carla.WalkerControl(walker.get_transform().get_forward_vector(), 1.2))
    reach = set()
    for _ in range(24):
        world.tick()
        reach.add(round(hand(), 3))
    assert len(reach) >= 5
    assert max(reach) - min(reach) > 0.15
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1, 0, 0), 0.0))
    for _ in range(5):
        world.tick()
    assert hand() == pytest.approx(resting, abs=1e-3)


def test_wheels_turn_with_the_distance(world: carla.World, start: carla.Transform) -> None:
    walker = spawn(world, ahead(start, 4.0, z=1.0, yaw=90.0))
    forward, here = walker.get_transform().get_forward_vector(), walker.get_transform()

    def look() -> Image:
        eye = walker.get_transform()
        eye.location += 1.6 * eye.get_right_vector() - carla.Location(z=0.4)
        eye.rotation.yaw -= 90.0
        return pixels(measure(world, "sensor.camera.instance_segmentation", eye, fov="60"))[..., 1].copy()

    before = look()
    walker.apply_control(carla.WalkerControl(forward, 1.2))
    for _ in range(7):
        world.tick()
    walker.apply_control(carla.WalkerControl(forward, 0.0))
    for _ in range(4):
        world.tick()
    moved = walker.get_location().distance_2d(here.location)
    turned = math.degrees(moved / 0.305) % 30.0  # twelve spokes
    assert 6.0 < turned < 24.0, "the spokes would look the same: change the time of driving"
    after = look()
    assert (before != after)[SIDE // 2 :].sum() > 150  # the spokes; the camera went along
    walker.destroy()


def test_a_car_knocks_it_at_the_edge_of_the_chair(
    walker: carla.Walker, world: carla.World, start: carla.Transform
) -> None:
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    car = world.spawn_actor(blueprint, ahead(start, -8.0, z=0.3))
    place = walker.get_location()
    for _ in range(100):
        car.set_target_velocity(car.get_transform().get_forward_vector() * 5.0)
        world.tick()
        if walker.get_location().distance_2d(place) > 0.02:
            break
    gap = (place - car.get_location()).dot(carla.Location(start.get_forward_vector())) - car.bounding_box.extent.x
    assert 0.2 < gap < 0.7  # a radius of 0.45, not the 0.19 of who stands, less half a tick's way
    car.destroy()
