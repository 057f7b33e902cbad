"""Skeletons, poses, doors and wheels through the official client, as numbers, in labels and by rays."""

from __future__ import annotations

import math
import queue
from collections.abc import Callable, Iterator

import carla
import numpy as np
import numpy.typing as npt
import pytest

from tests.sim.server.conftest import first_spawn_on_ground, synchronous

STEP_S = 0.05
PEDESTRIAN, CAR = 12, 14
Wheel, Door = carla.VehicleWheelLocation, carla.VehicleDoor
Area = Callable[[int], npt.NDArray[np.bool_]]


@pytest.fixture(scope="module")
def world(client: carla.Client) -> carla.World:
    return synchronous(client, STEP_S)


@pytest.fixture(scope="module")
def start(world: carla.World) -> carla.Transform:
    return first_spawn_on_ground(world)


@pytest.fixture(scope="module")
def area(world: carla.World, start: carla.Transform) -> Iterator[Area]:
    """Ticks, and says which pixels in front of the first spawn point have a tag."""
    blueprint = world.get_blueprint_library().find("sensor.camera.semantic_segmentation")
    for side in ("image_size_x", "image_size_y"):
        blueprint.set_attribute(side, "200")
    eye = carla.Transform(start.transform(carla.Location(0, 0, 1)), start.rotation)
    camera, frames = world.spawn_actor(blueprint, eye), queue.Queue()
    camera.listen(frames.put)

    def take(tag: int) -> npt.NDArray[np.bool_]:
        frame, image = world.tick(), frames.get(timeout=60.0)
        while image.frame < frame:  # ticks of which nobody wanted the picture
            image = frames.get(timeout=60.0)
        return np.frombuffer(image.raw_data, np.uint8).reshape(200, 200, 4)[:, :, 2] == tag

    yield take
    camera.stop()
    camera.destroy()


def columns(seen: npt.NDArray[np.bool_]) -> int:
    """How wide it is in the picture."""
    return int(seen.any(axis=0).sum())


def ahead(start: carla.Transform, x: float, y: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> carla.Transform:
    rotation = carla.Rotation(yaw=start.rotation.yaw + yaw)
    return carla.Transform(start.transform(carla.Location(x, y, z)), rotation)


@pytest.fixture
def walker(world: carla.World, start: carla.Transform) -> Iterator[carla.Walker]:
    blueprint = world.get_blueprint_library().find("walker.pedestrian.0001")
    walker = world.spawn_actor(blueprint, ahead(start, 4, z=1.0, yaw=180))
    for _ in range(10):
        world.tick()
    yield walker
    walker.destroy()


@pytest.fixture
def spawned(world: carla.World, start: carla.Transform) -> Iterator[Callable[[str], carla.Vehicle]]:
    cars: list[carla.Vehicle] = []

    def spawn(name: str) -> carla.Vehicle:
        cars.append(world.spawn_actor(world.get_blueprint_library().find(name), ahead(start, 8, z=0.2, yaw=180)))
        for _ in range(10):
            world.tick()
        return cars[-1]

    yield spawn
    for car in cars:
        car.destroy()


def bones(walker: carla.Walker) -> dict[str, carla.bone_transform]:
    return {bone.name: bone for bone in walker.get_bones().bone_transforms}


def near(a: carla.Location, b: carla.Location, by: float = 2e-3) -> bool:
    return a.distance(b) < by


def test_a_walker_has_carlas_bones(walker: carla.Walker) -> None:
    found = walker.get_bones().bone_transforms
    names = [bone.name for bone in found]
    assert len(names) == 66
    assert names[:6] == ["crl_root", "crl_hips__C", "crl_spine__C", "crl_spine01__C", "crl_shoulder__L", "crl_arm__L"]
    assert names == walker.get_bone_names() == walker.get_socket_names()
    at = {bone.name: bone.world.location for bone in found}
    here = walker.get_transform()
    foot = here.location - carla.Location(z=walker.bounding_box.extent.z)
    assert near(at["crl_root"], foot, 0.05)
    height = {name: place.z - foot.z for name, place in at.items()}
    assert (
        0.8 < height["crl_hips__C"] < 1.2 < height["crl_neck__C"] < height["crl_Head__C"] < height["crl_eye__L"] < 1.9
    )
    assert 0.35 < height["crl_leg__L"] < 0.6
    assert -0.01 < height["crl_toe__R"] < 0.12
    right, forward = here.get_right_vector(), here.get_forward_vector()
    across = at["crl_hand__R"] - at["crl_hand__L"]
    assert across.dot(carla.Location(right)) > 0.3  # the left hand is on its left
    assert (at["crl_eye__L"] - at["crl_Head__C"]).dot(carla.Location(forward)) > 0.05  # it looks ahead


def test_the_three_frames_of_a_bone_agree(walker: carla.Walker) -> None:
    parents = {"crl_hips__C": "crl_root", "crl_foreArm__L": "crl_arm__L", "crl_toe__R": "crl_foot__R",
               "crl_handIndex02__R": "crl_handIndex01__R", "crl_eye__R": "crl_Head__C"}  # fmt: skip
    found = bones(walker)
    mesh = np.array(walker.get_component_world_transform("CharacterMesh0").get_matrix())
    for child, parent in parents.items():
        world_, component, relative = (
            np.array(getattr(found[child], frame).get_matrix()) for frame in ("world", "component", "relative")
        )
        assert np.allclose(np.array(found[parent].component.get_matrix()) @ relative, component, atol=1e-4), child
        assert np.allclose(mesh @ component, world_, atol=2e-3), child


def test_a_pose_is_reported_and_seen(walker: carla.Walker, world: carla.World, area: Area) -> None:
    before, seen = bones(walker), area(PEDESTRIAN)
    arms = []
    for side, yaw in (("L", -80.0), ("R", 80.0)):
        relative = before[f"crl_arm__{side}"].relative
        relative.rotation.yaw += yaw
        arms.append((f"crl_arm__{side}", relative))
    walker.set_bones(carla.WalkerBoneControlIn(arms))
    assert near(bones(walker)["crl_hand__L"].world.location, before["crl_hand__L"].world.location)  # not shown yet
    walker.show_pose()
    shown = bones(walker)
    for side in "LR":
        hand, arm = shown[f"crl_hand__{side}"].world.location, shown[f"crl_arm__{side}"].world.location
        assert hand.z > before[f"crl_hand__{side}"].world.location.z + 0.3
        assert hand.distance(arm) == pytest.approx(
            before[f"crl_hand__{side}"].world.location.distance(before[f"crl_arm__{side}"].world.location), abs=1e-3
        )
    assert near(shown["crl_leg__L"].world.location, before["crl_leg__L"].world.location)
    assert columns(area(PEDESTRIAN)) > 1.5 * columns(seen)
    forward = carla.Location(walker.get_transform().get_forward_vector())
    wrist = shown["crl_hand__L"].world.location

    def met() -> list[str]:
        return [str(point.label) for point in world.cast_ray(wrist + forward, wrist - forward * 0.5)]

    assert met() == ["Pedestrians"]
    walker.blend_pose(0.5)
    middle = bones(walker)["crl_hand__L"].world.location
    assert before["crl_hand__L"].world.location.z + 0.1 < middle.z < wrist.z - 0.1
    walker.hide_pose()
    assert near(bones(walker)["crl_hand__L"].world.location, before["crl_hand__L"].world.location)
    assert met() == []
    assert (area(PEDESTRIAN) != seen).sum() <= 4


def test_bones_walk_and_a_taken_pose_holds_still(walker: carla.Walker, world: carla.World) -> None:
    walker.apply_control(carla.WalkerControl(walker.get_transform().get_forward_vector(), 1.4))
    knees = set()
    for _ in range(20):
        world.tick()
        knees.add(round(bones(walker)["crl_leg__L"].component.location.y, 3))
    assert len(knees) > 4
    walker.get_pose_from_animation()
    walker.show_pose()
    held = set()
    for _ in range(8):
        world.tick()
        held.add(round(bones(walker)["crl_leg__L"].component.location.y, 3))
    assert len(held) == 1


def test_wheels_are_bones_that_steer_and_roll(spawned: Callable[[str], carla.Vehicle], world: carla.World) -> None:
    car = spawned("vehicle.tesla.model3")
    names = car.get_bone_names()
    assert names == ["Vehicle_Base", "Wheel_Front_Left", "Wheel_Front_Right", "Wheel_Rear_Left", "Wheel_Rear_Right"]
    wheels = car.get_physics_control().wheels
    for place, wheel in zip(car.get_vehicle_bone_world_transforms()[1:], wheels, strict=True):
        physical = carla.Location(*(v / 100.0 for v in (wheel.position.x, wheel.position.y, wheel.position.z)))
        assert place.location.distance_2d(physical) < 0.2
    car.apply_control(carla.VehicleControl(throttle=0.5, steer=0.5))
    for _ in range(20):
        world.tick()
    left, right, rear = (car.get_wheel_steer_angle(w) for w in (Wheel.FL_Wheel, Wheel.FR_Wheel, Wheel.BL_Wheel))
    assert 5.0 < left < right  # the inner wheel turns further
    assert rear == 0.0
    relative = car.get_bone_relative_transforms()[2].rotation
    # a wheel that has rolled past the vertical has its axes the other way round
    assert math.remainder(relative.yaw - right, 180.0) == pytest.approx(0.0, abs=0.01)
    assert car.get_wheel_pitch_angle(Wheel.BL_Wheel) != 0.0


def test_wheels_obey_a_client_while_physics_is_off(spawned: Callable[[str], carla.Vehicle]) -> None:
    car = spawned("vehicle.tesla.model3")
    car.set_wheel_steer_direction(Wheel.FL_Wheel, 25.0)
    assert car.get_wheel_steer_angle(Wheel.FL_Wheel) == pytest.approx(0.0, abs=1e-3)
    car.set_simulate_physics(False)
    car.set_wheel_steer_direction(Wheel.FL_Wheel, 25.0)
    car.set_wheel_pitch_angle(Wheel.BR_Wheel, 400.0)
    assert car.get_wheel_steer_angle(Wheel.FL_Wheel) == pytest.approx(25.0)
    assert car.get_wheel_pitch_angle(Wheel.BR_Wheel) == pytest.approx(400.0)
    assert car.get_bone_relative_transforms()[1].rotation.yaw == pytest.approx(25.0, abs=1e-3)
    car.set_simulate_physics(True)
    assert car.get_wheel_steer_angle(Wheel.FL_Wheel) == pytest.approx(0.0, abs=1e-3)


def test_open_doors_are_seen_and_close_again(spawned: Callable[[str], carla.Vehicle], area: Area) -> None:
    car = spawned("vehicle.lincoln.mkz_2020")
    shut = area(CAR).sum()
    car.open_door(Door.FL)
    one = area(CAR).sum()
    car.open_door(Door.All)
    every = area(CAR).sum()
    assert shut + 30 < one < every - 30
    car.close_door(Door.All)
    assert area(CAR).sum() == shut
    car.open_door(Door.All)
    car.set_simulate_physics(True)  # CARLA shuts the doors then
    assert area(CAR).sum() == shut


def test_a_vehicle_without_doors_stays_shut(spawned: Callable[[str], carla.Vehicle], area: Area) -> None:
    car = spawned("vehicle.audi.a2")
    shut = area(CAR).sum()
    car.open_door(Door.All)
    assert area(CAR).sum() == shut


def test_a_camera_rides_on_a_bone(walker: carla.Walker, world: carla.World) -> None:
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    offset = carla.Transform(carla.Location(x=0.1))
    camera = world.spawn_actor(blueprint, offset, walker, carla.AttachmentType.Rigid, "crl_hand__R")
    walker.apply_control(carla.WalkerControl(walker.get_transform().get_forward_vector(), 1.4))
    for _ in range(5):
        world.tick()
        hand = bones(walker)["crl_hand__R"].world
        assert near(camera.get_transform().location, hand.transform(carla.Location(x=0.1)))
    camera.destroy()


def test_components_by_name(spawned: Callable[[str], carla.Vehicle], walker: carla.Walker) -> None:
    car = spawned("vehicle.audi.tt")
    names = car.get_component_names()
    assert {"VehicleMesh", "front-blinker-r-1", "back-blinker-l-1"} <= set(names)
    blinker = car.get_component_relative_transform("front-blinker-r-1").location
    assert blinker.x > 1.5
    assert blinker.y > 0.5
    assert near(
        car.get_component_world_transform("front-blinker-r-1").location, car.get_transform().transform(blinker), 0.01
    )
    with pytest.raises(RuntimeError, match="no-such-lamp"):
        car.get_component_world_transform("no-such-lamp")
    mesh = walker.get_component_relative_transform("CharacterMesh0")
    assert mesh.rotation.yaw == pytest.approx(-90.0)


def test_props_have_no_bones(world: carla.World, start: carla.Transform) -> None:
    prop = world.spawn_actor(world.get_blueprint_library().find("static.prop.barrel"), ahead(start, 6, z=0.1))
    assert prop.get_socket_names() == []
    with pytest.raises(RuntimeError, match="skinned mesh"):
        prop.get_bone_names()
    prop.destroy()
