"""Lights, signs and landmarks of every town as the official client sees them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import carla
import pytest

from tests.sim.server.scene.maps import DATA
from tests.sim.server.serving import ROOT, Running, running_server

OWN = [f"Roadlab0{k}" for k in (1, 2, 3, 4)]
CARLAS = ["Town01", "Town02", "Town04", "Town07"]
TYPES = {"1000001": "traffic.traffic_light", "205": "traffic.yield", "206": "traffic.stop"}
STEP_S = 0.05

LIGHTS_AND_SIGNS = {
    "Roadlab01": (19, 1, 5, 36),
    "Roadlab02": (12, 2, 0, 16),
    "Roadlab03": (6, 1, 5, 16),
    "Roadlab04": (8, 2, 6, 24),
    "Town01": (36, 0, 0, 22),
    "Town02": (24, 0, 0, 21),
    "Town04": (43, 0, 0, 53),
    "Town07": (17, 19, 20, 33),
}
"""Traffic lights, stop, yield and speed signs in each file's text (in CARLA's, speed signs are objects)."""


class Town(NamedTuple):
    """A loaded town and a vehicle without physics to put where it is wanted."""

    name: str
    world: carla.World
    road_map: carla.Map
    car: carla.Vehicle

    def lights(self) -> list[carla.TrafficLight]:
        return list(self.world.get_actors().filter("traffic.traffic_light*"))

    def place(self, transform: carla.Transform) -> None:
        """Put the car's front at a place, looking along it."""
        back = transform.get_forward_vector() * (self.car.bounding_box.extent.x - 0.3)
        self.car.set_transform(carla.Transform(transform.location - carla.Location(back), transform.rotation))
        self.world.tick()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running_server("real", "straight", maps=DATA / "maps") as running:
        yield running


@pytest.fixture(scope="module", params=[*OWN, *CARLAS])
def town(request: pytest.FixtureRequest, server: Running) -> Iterator[Town]:
    name = request.param
    if name in CARLAS and not (DATA / "maps" / f"{name}.xodr").exists():
        pytest.skip(f"{DATA / 'maps' / name}.xodr is absent: CARLA's maps are not part of the repository")
    assert name in CARLAS or (ROOT / "configs" / "maps" / f"{name}.xodr").exists()
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(60.0)
    world = client.load_world(name)
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    road_map = world.get_map()
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    car = world.spawn_actor(blueprint, road_map.get_spawn_points()[0])
    car.set_simulate_physics(False)
    world.tick()
    yield Town(name, world, road_map, car)
    settings.synchronous_mode = False
    world.apply_settings(settings)


def landmarks(town: Town) -> dict[str, carla.Landmark]:
    """One landmark of each signal that has an actor."""
    return {mark.id: mark for mark in town.road_map.get_all_landmarks() if mark.type in (*TYPES, "274")}


def flat(a: carla.Location, b: carla.Location) -> float:
    return math.hypot(a.x - b.x, a.y - b.y)


def test_every_landmark_has_its_actor_and_every_actor_its_landmark(town: Town) -> None:
    marks = landmarks(town)
    actors = {actor.id: actor.type_id for actor in town.world.get_actors().filter("traffic.*")}
    kinds = ["traffic.traffic_light", "traffic.stop", "traffic.yield", "traffic.speed_limit"]
    assert tuple(sum(t.startswith(k) for t in actors.values()) for k in kinds) == LIGHTS_AND_SIGNS[town.name]
    assert len(actors) == len(marks)
    found = set()
    for mark in marks.values():
        actor = town.world.get_traffic_sign(mark)
        assert actor.type_id == TYPES.get(mark.type, f"traffic.speed_limit.{mark.value:.0f}")
        # a pole may stand a step beside the landmark, clear of the lane
        assert flat(actor.get_location(), mark.transform.location) < 0.3
        turn = actor.get_transform().rotation.yaw - mark.transform.rotation.yaw
        assert math.remainder(turn, 360.0) == pytest.approx(90.0, abs=0.01)
        found.add(actor.id)
    assert found == set(actors)


def test_a_light_is_found_by_its_landmark_its_id_its_junction_and_from_the_road(town: Town) -> None:
    marks = landmarks(town)
    lights = {light.get_opendrive_id(): light for light in town.lights()}
    for key, light in lights.items():
        assert town.world.get_traffic_light(marks[key]).id == light.id
        assert town.world.get_traffic_light_from_opendrive_id(key).id == light.id
    groups = {frozenset(other.id for other in light.get_group_traffic_lights()) for light in lights.values()}
    assert sum(len(group) for group in groups) == len(lights)
    junctions = {}
    for light in lights.values():
        for stop in light.get_stop_waypoints():
            ahead = next(w for d in (2.0, 4.0, 8.0, 15.0) for w in stop.next(d) if w.is_junction)
            junctions.setdefault(ahead.junction_id, set()).add(light.id)
            back = stop.previous(8.0)[0]
            assert light.id in {one.id for one in town.world.get_traffic_lights_from_waypoint(back, 30.0)}
    assert {frozenset(ids) for ids in junctions.values()} == groups
    for junction, ids in junctions.items():
        assert {light.id for light in town.world.get_traffic_lights_in_junction(junction)} == ids


def test_the_lights_of_a_group_have_poles_heads_and_one_green_phase(town: Town) -> None:
    for light in town.lights():
        group = light.get_group_traffic_lights()
        assert sorted(one.get_pole_index() for one in group) == list(range(len(group)))
        green = [one for one in group if one.state == carla.TrafficLightState.Green]
        assert 1 <= len(green) <= 2
        assert (light.get_green_time(), light.get_yellow_time(), light.get_red_time()) == (10.0, 3.0, 2.0)
        boxes = light.get_light_boxes()
        assert len(boxes) >= 2
        assert all(box.location.distance(light.get_location()) < 12.0 for box in boxes)


def entrance(stop: carla.Waypoint) -> tuple[int, int]:
    """The lane ahead of a stop line that enters the junction, at most 15 m away."""
    here = stop
    for _ in range(75):
        ahead = here.next(0.2)[0]
        if ahead.is_junction:
            return here.road_id, here.lane_id
        here = ahead
    raise AssertionError(f"no junction within 15 m of {stop}")


def test_a_light_has_one_stop_waypoint_on_each_lane_that_obeys_it(town: Town) -> None:
    for light in town.lights():
        stops = light.get_stop_waypoints()
        assert not any(stop.is_junction for stop in stops)
        obeying = set()
        for lane in light.get_affected_lane_waypoints():
            assert lane.lane_type == carla.LaneType.Driving
            before = lane
            while before.is_junction:  # CARLA's towns name the lanes inside the junction
                before = before.previous(0.2)[0]
            obeying.add((before.road_id, before.lane_id))
        assert sorted(entrance(stop) for stop in stops) == sorted(obeying)


def test_a_vehicle_at_a_stop_line_is_at_its_light_and_told_its_state(town: Town) -> None:
    for light in town.lights():
        for stop in light.get_stop_waypoints():
            town.place(stop.transform)
            assert town.car.is_at_traffic_light()
            assert town.car.get_traffic_light().id == light.id
            assert town.car.get_traffic_light_state() == light.state
    town.place(stop.previous(20.0)[0].transform)
    assert not town.car.is_at_traffic_light()
    assert town.car.get_traffic_light_state() == carla.TrafficLightState.Green


def test_speed_signs_limit_who_passes_them_and_stop_signs_hold(town: Town) -> None:
    for mark in landmarks(town).values():
        sign = town.world.get_traffic_sign(mark)
        centre = sign.get_transform().transform(sign.trigger_volume.location)
        lane = town.road_map.get_waypoint(centre)
        off = math.remainder(lane.transform.rotation.yaw - mark.transform.rotation.yaw, 360.0)
        if mark.type == "1000001" or abs(off) > 60.0 or lane.transform.location.distance(centre) > 10.0:
            continue  # a sign at which no lane passes
        town.place(lane.transform)
        if mark.type == "274":
            assert town.car.get_speed_limit() == mark.value
        elif mark.type == "206":
            assert not town.car.is_at_traffic_light()
            assert town.car.get_traffic_light_state() == carla.TrafficLightState.Red
