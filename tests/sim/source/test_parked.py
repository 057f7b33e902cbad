"""The map's vehicles as a client reads them: numbers, boxes of our axes, parts left out, vans told by their height."""

import math
from types import SimpleNamespace

import carla
import numpy as np
import pytest

from perception.objects import ObjectClass
from sim.source.parked import FIRST_ID, REACH_M, parked_vehicles


def thing(key: int, x: float, y: float, half: tuple[float, float, float], yaw_deg: float = 0.0) -> SimpleNamespace:
    box = carla.BoundingBox(carla.Location(x, y, half[2]), carla.Vector3D(*half))
    box.rotation = carla.Rotation(yaw=yaw_deg)
    return SimpleNamespace(id=key, bounding_box=box)


def world(**by_label: list[SimpleNamespace]) -> SimpleNamespace:
    return SimpleNamespace(get_environment_objects=lambda label: by_label.get(str(label), []))


CAR_HALF = (2.2, 0.9, 0.75)


def test_boxes_are_right_handed_and_whole():
    found = parked_vehicles(world(Car=[thing(0xABC0001, 10.0, 4.0, CAR_HALF, 30.0)]))
    assert found.boxes_world_m[0] == pytest.approx([10.0, -4.0, 0.75, 4.4, 1.8, 1.5, -math.radians(30.0)], abs=1e-5)
    assert found.actor_id.tolist() == [FIRST_ID | 1]
    assert found.classes.tolist() == [ObjectClass.CAR]
    assert found.type_id == ("parked.car",)


def test_a_part_within_a_vehicle_is_none_and_neighbours_are_two():
    body, glass = thing(1, 0.0, 0.0, CAR_HALF, 20.0), thing(2, 0.3, 0.1, (0.8, 0.7, 0.3), 20.0)
    found = parked_vehicles(
        world(Car=[glass, body, thing(3, 0.0, 2.5, CAR_HALF, 20.0), thing(4, 9.0, 9.0, (0.1,) * 3)])
    )
    assert found.actor_id.tolist() == [FIRST_ID | 1, FIRST_ID | 3]


def test_every_kind_has_its_class_and_a_high_car_is_a_van():
    found = parked_vehicles(
        world(Car=[thing(1, 0, 0, (2.2, 1.0, 1.0))], Truck=[thing(2, 20, 0, (4, 1.3, 1.7))], Bicycle=[
            thing(3, 40, 0, (0.9, 0.3, 0.5))])
    )  # fmt: skip
    assert found.category == ("van", "truck", "bicycle")
    assert found.classes.tolist() == [ObjectClass.CAR, ObjectClass.TRUCK, ObjectClass.BICYCLE]


def test_numbers_differ_where_ids_share_their_lower_bits():
    found = parked_vehicles(world(Car=[thing(0x10005, 0, 0, CAR_HALF), thing(0x20005, 30, 0, CAR_HALF)]))
    assert found.actor_id.tolist() == [FIRST_ID | 5, FIRST_ID | 6]


def test_only_near_ones_are_true_of_a_frame():
    found = parked_vehicles(world(Car=[thing(1, 0, 0, CAR_HALF), thing(2, REACH_M + 20.0, 0, CAR_HALF)]))
    assert found.near(np.array([10.0, 0.0, 0.0])).actor_id.tolist() == [FIRST_ID | 1]
    assert len(parked_vehicles(world()).near(np.zeros(3))) == 0
