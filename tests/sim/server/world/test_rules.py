"""What vehicles are told by limits, lights, stop and yield signs."""

import carla
import numpy as np
import pytest

from sim.server.scene.static import Signal
from sim.server.world.rules import RoadRules
from sim.server.world.traffic_lights import GREEN, RED, YELLOW, TrafficLights
from tests.sim.server.serving import OPENDRIVE

HALF_LENGTH_M = 2.0


def signal(type_id: str, *boxes: tuple[float, ...], group: int = -1, clear=()) -> Signal:
    """A signal with boxes x y, half length, half width, yaw, and places x y to be clear."""
    return Signal(
        "7", type_id, (0.0, 0.0, 0.0), 0.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), group, 0 if group >= 0 else -1,
        np.zeros((0, 7)), np.zeros((0, 3)), (),
        np.array([(x, y, 1.0, length, width, 1.0, yaw) for x, y, length, width, yaw in boxes]).reshape(-1, 7),
        np.array([(x, y, 0.0, 1.6) for x, y in clear]).reshape(-1, 4),
    )  # fmt: skip


def rules_of(*signals: Signal, vehicles: int = 1) -> RoadRules:
    rules = RoadRules(signals, TrafficLights(signals))
    rules.set_vehicles(np.arange(vehicles) + 4, np.full(vehicles, HALF_LENGTH_M), np.full(vehicles, 30.0))
    return rules


def test_speed_limit_changes_at_a_sign_and_lasts() -> None:
    rules = rules_of(signal("traffic.speed_limit.60", (50.0, 1.75, 3.0, 1.5, 0.0)))
    seen = []
    for x in (40.0, 48.0, 60.0):
        rules.refresh(np.array([[x, 1.75, 0.0]]), np.zeros(1), 0.0)
        seen.append(rules.speed_limit_kmh.tolist())
    assert seen == [[30.0], [60.0], [60.0]]
    rules.set_vehicles(np.array([4, 6]), np.array([2.0, 2.0]), np.array([30.0, 30.0]))
    assert rules.speed_limit_kmh.tolist() == [60.0, 30.0]
    road = carla.Map("straight", OPENDRIVE)
    assert rules.limit_at(road, np.array((90.0, 1.75, 0.0))) == 60.0  # 40 m beyond the sign
    assert rules.limit_at(road, np.array((20.0, 1.75, 0.0))) == 30.0


def test_a_light_speaks_to_the_vehicle_whose_front_is_in_its_box() -> None:
    # the box lies around (10, 11), 8 m long, for traffic that drives along +y
    light = signal("traffic.traffic_light", (10.0, 11.0, 4.0, 1.5, np.pi / 2), group=0)
    rules = rules_of(light, vehicles=5)
    position = np.array([[10.0, 5.5, 0.0], [10.0, 4.0, 0.0], [12.0, 9.0, 0.0], [10.0, 11.0, 6.0], [10.0, 14.0, 0.0]])
    yaw = np.array([1.0, 1.0, 1.0, 1.0, -1.0]) * np.pi / 2
    rules.refresh(position, yaw, 0.0)
    # front at y 7.5: inside 7..15; at 6: before it; 2 m to the side; on the bridge above; against the traffic
    assert rules.light.tolist() == [0, -1, -1, -1, -1]


def test_a_vehicle_is_told_the_state_of_its_light_and_green_where_there_is_none() -> None:
    light = signal("traffic.traffic_light", (10.0, 0.0, 3.0, 1.5, 0.0), group=0)
    lights = TrafficLights([light])
    rules = RoadRules([light], lights)
    rules.set_vehicles(np.array([4, 5]), np.full(2, HALF_LENGTH_M), np.full(2, 30.0))
    rules.refresh(np.array([[8.0, 0.0, 0.0], [50.0, 0.0, 0.0]]), np.zeros(2), 0.0)
    lights.set_state(0, YELLOW)
    assert rules.light_state().tolist() == [YELLOW, GREEN]


def told(rules: RoadRules, position: list[tuple[float, float]], seconds: float, yaw=None) -> list[int]:
    places = np.array([(x, y, 0.0) for x, y in position])
    rules.refresh(places, np.zeros(len(places)) if yaw is None else np.array(yaw), seconds)
    return rules.light_state().tolist()


def test_a_stop_sign_holds_for_two_seconds_and_names_no_light() -> None:
    rules = rules_of(signal("traffic.stop", (10.0, 0.0, 3.0, 1.5, 0.0), clear=[(20.0, 5.0)]))
    assert told(rules, [(0.0, 0.0)], 9.0) == [GREEN]
    assert told(rules, [(8.0, 0.0)], 10.0) == [RED]
    assert told(rules, [(8.0, 0.0)], 11.95) == [RED]
    assert rules.light.tolist() == [-1]
    assert told(rules, [(8.0, 0.0)], 12.0) == [GREEN]


@pytest.mark.parametrize("x", [18.0, 20.0, 22.0])
def test_a_yield_sign_holds_while_the_crossing_path_is_taken(x: float) -> None:
    """By the front, the middle or the rear of another vehicle."""
    rules = rules_of(signal("traffic.yield", (10.0, 0.0, 3.0, 1.5, 0.0), clear=[(20.0, 5.0)]), vehicles=2)
    assert told(rules, [(8.0, 0.0), (x, 5.0)], 0.0) == [RED, GREEN]
    assert told(rules, [(8.0, 0.0), (40.0, 5.0)], 0.05) == [GREEN, GREEN]


def test_two_that_wait_for_each_other_go_in_the_order_of_arrival() -> None:
    west = signal("traffic.yield", (10.0, 0.0, 3.0, 1.5, 0.0), clear=[(18.0, 0.0)])
    east = signal("traffic.yield", (20.0, 0.0, 3.0, 1.5, np.pi), clear=[(12.0, 0.0)])
    rules = rules_of(west, east, vehicles=2)
    rules.set_vehicles(np.array([4, 5]), np.full(2, 4.0), np.full(2, 30.0))
    yaw = [0.0, np.pi]
    told(rules, [(6.0, 0.0), (50.0, 0.0)], 0.0, yaw)
    assert told(rules, [(8.0, 0.0), (22.0, 0.0)], 1.0, yaw) == [GREEN, RED]  # the first waits since the start
