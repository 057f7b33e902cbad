"""Short drives under the client's own traffic manager, each of which tells what happened as numbers.

``python -m tests.sim.server.traffic.scenarios PORT NAME...`` runs them one after the other and prints a line of JSON
for each; a process of its own, because the manager's threads may abort an orderly exit.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import carla

from sim.source.traffic import free_port
from tests.sim.server.traffic.soak import STEP_S, synchronous

ROLE = "autopilot"
CAR = "vehicle.audi.a2"
HELPER_S = 120.0
"""For a second process that imports the client and makes some calls: seconds on a free machine."""
Facts = dict[str, Any]


class Stage:
    """The world, its map and a synchronous manager; ``close`` leaves nothing behind."""

    def __init__(self, client: carla.Client, server_port: int) -> None:
        self.client, self.world, self.server_port = client, client.get_world(), server_port
        self.road_map = self.world.get_map()
        self.manager = client.get_trafficmanager(free_port())
        self.manager.set_synchronous_mode(True)
        self.manager.set_random_device_seed(5)
        self.actors: list[carla.Actor] = []

    def ticks(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.world.tick()

    def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Tick until something is true; whether it became so in time."""
        for _ in range(round(seconds / STEP_S)):
            self.world.tick()
            if done():
                return True
        return False

    def car(self, waypoint: carla.Waypoint, pilot: bool = True, kind: str = CAR, role: str = ROLE) -> carla.Vehicle:
        """A car on a lane."""
        blueprint = self.world.get_blueprint_library().find(kind)
        blueprint.set_attribute("role_name", role)
        place = waypoint.transform
        place.location.z += 0.3
        car = self.world.spawn_actor(blueprint, place)
        self.actors.append(car)
        self.world.tick()
        if pilot:
            car.set_autopilot(True, self.manager.get_port())
        return car

    def clear(self) -> None:
        """No more cars, walkers or changed lights."""
        for actor in self.actors:
            if actor.type_id.startswith("vehicle."):
                actor.set_autopilot(False, self.manager.get_port())
        self.world.tick()
        for actor in self.actors:
            actor.destroy()
        self.actors = []
        self.world.freeze_all_traffic_lights(False)
        self.world.reset_all_traffic_lights()
        self.ticks(0.2)

    def straight(self, length_m: float, beside: bool = False, skip: int = 0) -> carla.Waypoint:
        """The ``skip``-th lane that runs straight on for a length; beside: with a lane of the same direction."""
        for waypoint in self.road_map.generate_waypoints(20.0):
            if waypoint.is_junction or not _clear_run(waypoint, length_m):
                continue
            other = waypoint.get_left_lane() or waypoint.get_right_lane()
            if beside and not _same_way(waypoint, waypoint.get_left_lane()):
                continue
            if not beside and _same_way(waypoint, other):
                continue
            if skip == 0:
                return waypoint
            skip -= 1
        raise AssertionError(f"no straight lane of {length_m} m")


def _clear_run(waypoint: carla.Waypoint, length_m: float) -> bool:
    here = waypoint
    for _ in range(int(length_m / 10.0)):
        ahead = here.next(10.0)
        if len(ahead) != 1 or ahead[0].is_junction or ahead[0].lane_id != waypoint.lane_id:
            return False
        here = ahead[0]
    turn = math.remainder(here.transform.rotation.yaw - waypoint.transform.rotation.yaw, 360.0)
    return abs(turn) < 2.0


def _same_way(one: carla.Waypoint, other: carla.Waypoint | None) -> bool:
    return other is not None and other.lane_type == carla.LaneType.Driving and one.lane_id * other.lane_id > 0


def _speed(car: carla.Vehicle) -> float:
    return float(car.get_velocity().length())


def _aside(car: carla.Vehicle, waypoint: carla.Waypoint) -> float:
    """Metres to the right of a lane's centre line."""
    right = waypoint.transform.get_right_vector()
    offset = car.get_location() - waypoint.transform.location
    return float(offset.x * right.x + offset.y * right.y)


def _approach(stage: Stage, kind: str, back_m: float) -> tuple[carla.Waypoint, carla.Waypoint]:
    """A place that far before a light or sign of a type, and the stop point itself."""
    for mark in sorted(stage.road_map.get_all_landmarks_of_type(kind), key=lambda mark: mark.id):
        for lane in range(*sorted((mark.get_lane_validities()[0][0], mark.get_lane_validities()[0][1] + 1))):
            stop = stage.road_map.get_waypoint_xodr(mark.road_id, lane, mark.s) if lane else None
            before = stop.previous(back_m) if stop is not None else []
            if before and not before[0].is_junction:
                return before[0], stop
    raise AssertionError(f"no approach to a signal of type {kind}")


def red_light(stage: Stage) -> Facts:
    """A car comes to a red light, waits, then is told to ignore lights."""
    start, stop = _approach(stage, "1000001", 35.0)
    for light in stage.world.get_actors().filter("traffic.traffic_light*"):
        light.set_state(carla.TrafficLightState.Red)
    stage.world.freeze_all_traffic_lights(True)
    car = stage.car(start)
    stage.ticks(12.0)
    facts = {"speed": _speed(car), "at_light": car.is_at_traffic_light()}
    facts["to_line_m"] = (stop.transform.location - car.get_location()).dot(stop.transform.get_forward_vector())
    stage.ticks(15.0)
    facts["waits"] = _speed(car) < 0.1
    stage.manager.ignore_lights_percentage(car, 100.0)
    facts["drives_on"] = stage.until(lambda: stage.road_map.get_waypoint(car.get_location()).is_junction, 10.0)
    return facts


def stop_sign(stage: Stage) -> Facts:
    """A car stops at a stop sign and drives on; one that ignores signs does not stop."""
    facts: Facts = {}
    start, stop = _approach(stage, "206", 35.0)
    for name, ignored in (("obeys", 0.0), ("ignores", 100.0)):
        car = stage.car(start)
        stage.manager.ignore_signs_percentage(car, ignored)
        stage.ticks(2.0)
        still = 0
        for _ in range(400):
            stage.world.tick()
            still += _speed(car) < 0.05
            if stop.transform.location.distance(car.get_location()) > 45.0:
                break
        beyond = (car.get_location() - stop.transform.location).dot(stop.transform.get_forward_vector())
        facts[name] = {"stood_s": still * STEP_S, "beyond_m": beyond}
        stage.clear()
    return facts


def speeds(stage: Stage) -> Facts:
    """Top speeds in km/h of three cars on straight roads with a wish, a share and the common share."""
    stage.manager.global_percentage_speed_difference(50.0)
    cars = [stage.car(stage.straight(100.0, skip=k)) for k in (0, 12, 24)]
    stage.manager.set_desired_speed(cars[0], 20.0)
    stage.manager.vehicle_percentage_speed_difference(cars[1], 20.0)
    tops, limits = [0.0] * 3, [0.0] * 3
    for _ in range(120):
        stage.world.tick()
        for k, car in enumerate(cars):
            tops[k], limits[k] = max(tops[k], 3.6 * _speed(car)), max(limits[k], car.get_speed_limit())
    stage.manager.global_percentage_speed_difference(0.0)
    return {"top_kmh": tops, "limit_kmh": limits}


def gaps(stage: Stage) -> Facts:
    """Bumper to bumper distances behind a parked car, for two wished distances."""
    facts: Facts = {}
    for name, wish_m in (("near", 2.0), ("far", 10.0)):
        start = stage.straight(100.0)
        parked = stage.car(start.next(60.0)[0], pilot=False)
        parked.apply_control(carla.VehicleControl(hand_brake=True))
        car = stage.car(start)
        stage.manager.auto_lane_change(car, False)
        stage.manager.distance_to_leading_vehicle(car, wish_m)
        stage.until(lambda car=car: _speed(car) > 2.0, 5.0)
        stage.until(lambda car=car: _speed(car) < 0.02, 20.0)
        lengths = car.bounding_box.extent.x + parked.bounding_box.extent.x
        facts[name] = parked.get_location().distance(car.get_location()) - lengths
        stage.clear()
    return facts


def lanes(stage: Stage) -> Facts:
    """Lanes of a car that is told to keep its own, then to change to the left; and one that drives beside its line."""
    start = stage.straight(140.0, beside=True)
    car = stage.car(start)
    stage.manager.auto_lane_change(car, False)
    stage.ticks(4.0)
    kept = stage.road_map.get_waypoint(car.get_location()).lane_id
    left = stage.road_map.get_waypoint(car.get_location()).get_left_lane().lane_id
    stage.manager.force_lane_change(car, False)
    changed = stage.until(lambda: stage.road_map.get_waypoint(car.get_location()).lane_id == left, 6.0)
    stage.clear()
    car = stage.car(stage.straight(100.0))
    stage.manager.vehicle_lane_offset(car, 0.6)
    stage.ticks(5.0)
    aside = []
    for _ in range(20):
        stage.world.tick()
        aside.append(_aside(car, stage.road_map.get_waypoint(car.get_location())))
    return {"start": start.lane_id, "kept": kept, "changed": changed, "aside_m": sum(aside) / len(aside)}


def routes(stage: Stage) -> Facts:
    """Turns in degrees (positive: right) of cars sent left, right and straight on at a crossing; a path is followed."""
    facts: Facts = {}
    junction = _crossing(stage)
    for choice, (start, _) in junction.items():
        car = stage.car(start)
        stage.manager.auto_lane_change(car, False)
        stage.manager.ignore_lights_percentage(car, 100.0)
        stage.manager.set_route(car, [choice])
        inside = stage.until(lambda car=car: stage.road_map.get_waypoint(car.get_location()).is_junction, 15.0)
        stage.until(lambda car=car: not stage.road_map.get_waypoint(car.get_location()).is_junction, 15.0)
        turn = car.get_transform().rotation.yaw - start.transform.rotation.yaw
        facts[choice] = math.remainder(turn, 360.0) if inside else None
        stage.clear()
    start, path = junction["Right"]
    car = stage.car(start)
    stage.manager.ignore_lights_percentage(car, 100.0)
    stage.manager.set_path(car, path)
    facts["path_m"] = 1e9
    for _ in range(300):
        stage.world.tick()
        facts["path_m"] = min(facts["path_m"], car.get_location().distance(path[-1]))
    return facts


def _crossing(stage: Stage) -> dict[str, tuple[carla.Waypoint, list[carla.Location]]]:
    """A start before one junction for each choice, and a path through it."""
    found: dict[str, tuple[carla.Waypoint, list[carla.Location]]] = {}
    for begin, _ in stage.road_map.get_topology():
        if begin.is_junction:
            continue
        ends = begin.next_until_lane_end(2.0)
        if len(ends) < 13 or not ends[-1].next(3.0):
            continue
        choices = {}
        for branch in ends[-1].next(3.0):
            if not branch.is_junction:
                continue
            through = branch.next_until_lane_end(2.0)
            turn = math.remainder(through[-1].transform.rotation.yaw - branch.transform.rotation.yaw, 360.0)
            after = through[-1].next(10.0)
            name = "Straight" if abs(turn) < 20.0 else "Right" if turn > 0.0 else "Left"
            path = [w.transform.location for w in [*ends[-2:], *through[::3], *after[:1]]]
            choices[name] = (ends[-12], path)
        if len(choices) == 3:
            return choices
        found.update(choices)
    raise AssertionError(f"no junction with three choices, only {sorted(found)}")


def hybrid(stage: Stage) -> Facts:
    """A car far from the hero, moved by the manager without physics; the share of lane it keeps."""
    stage.manager.set_hybrid_physics_mode(True)
    stage.manager.set_hybrid_physics_radius(40.0)
    stage.manager.set_respawn_dormant_vehicles(True)
    stage.manager.set_boundaries_respawn_dormant_vehicles(25.0, 500.0)
    hero = stage.car(stage.straight(100.0), pilot=False, role="hero")
    near = stage.car(stage.straight(100.0).next(20.0)[0])
    far = stage.car(stage.straight(100.0, skip=30))
    start = {"near": near.get_location(), "far": far.get_location(), "hero": hero.get_location()}
    steps = []
    for _ in range(100):
        before = far.get_location()
        stage.world.tick()
        steps.append(far.get_location().distance(before))
    facts: Facts = {"moved_m": {}, "largest_step_m": max(steps)}
    for name, car in (("near", near), ("far", far), ("hero", hero)):
        facts["moved_m"][name] = car.get_location().distance(start[name])
    facts["aside_m"] = abs(_aside(far, stage.road_map.get_waypoint(far.get_location())))
    facts["apart_m"] = start["far"].distance(start["hero"])
    stage.manager.set_hybrid_physics_mode(False)
    stage.manager.set_respawn_dormant_vehicles(False)
    stage.ticks(0.5)
    return facts


def lamps(stage: Stage) -> Facts:
    """Lights of a car that the manager switches: by night while driving, by day while braking."""
    state = carla.VehicleLightState
    start, _ = _approach(stage, "1000001", 40.0)
    for light in stage.world.get_actors().filter("traffic.traffic_light*"):
        light.set_state(carla.TrafficLightState.Red)
    stage.world.freeze_all_traffic_lights(True)
    stage.world.set_weather(carla.WeatherParameters.ClearNight)
    car = stage.car(start, kind="vehicle.tesla.model3")
    stage.manager.update_vehicle_lights(car, True)
    stage.ticks(2.0)
    night = int(car.get_light_state())
    stage.world.set_weather(carla.WeatherParameters.ClearNoon)
    stage.ticks(10.0)
    noon = int(car.get_light_state())
    beam = int(state.LowBeam)
    return {"beam_by_night": bool(night & beam), "beam_by_noon": bool(noon & beam), "brake": bool(noon & 8)}


def walker(stage: Stage) -> Facts:
    """How far before a person in the lane a car stops, and that it does not where it ignores people."""
    facts: Facts = {}
    for name, ignored in (("stops", 0.0), ("ignores", 100.0)):
        start = stage.straight(100.0)
        ahead = start.next(50.0)[0].transform
        ahead.location.z += 1.0
        blueprint = stage.world.get_blueprint_library().find("walker.pedestrian.0001")
        person = stage.world.spawn_actor(blueprint, ahead)
        stage.actors.append(person)
        car = stage.car(start)
        stage.manager.auto_lane_change(car, False)
        stage.manager.ignore_walkers_percentage(car, ignored)
        nearest = 1e9
        for _ in range(240):
            stage.world.tick()
            gap = (ahead.location - car.get_location()).dot(ahead.get_forward_vector()) - car.bounding_box.extent.x
            nearest = min(nearest, gap)
        facts[name] = nearest
        stage.clear()
    return facts


def managers(stage: Stage) -> Facts:
    """Cars of two managers of this process and of a second process that uses the first manager by its port."""
    port = stage.manager.get_port()
    second = stage.client.get_trafficmanager(free_port())
    second.set_synchronous_mode(True)
    remote = stage.car(stage.straight(100.0, skip=24), pilot=False)
    command = [sys.executable, "-m", "tests.sim.server.traffic.scenarios"]
    helper = subprocess.Popen(
        [*command, str(stage.server_port), "remote", str(port), str(remote.id)], stdout=subprocess.PIPE
    )
    told, _ = helper.communicate(timeout=HELPER_S)  # without ticks: it begins by the clock of the wall
    own = stage.car(stage.straight(100.0))
    other = stage.car(stage.straight(100.0, skip=12), pilot=False)
    other.set_autopilot(True, second.get_port())
    starts = [car.get_location() for car in (own, other, remote)]
    stage.ticks(5.0)
    moved = [car.get_location().distance(at) for car, at in zip((own, other, remote), starts, strict=True)]
    second.shut_down()
    stage.ticks(0.5)
    said = json.loads(told or "{}")
    return {"moved_m": moved, "helper": helper.returncode, "remote_port": said.get("port"), "port": port}


def determinism(stage: Stage) -> Facts:
    """Digests of the same drive twice with one seed and once with another."""
    return {name: _digest(stage, seed) for name, seed in (("first", 3), ("again", 3), ("other", 4))}


def _digest(stage: Stage, seed: int) -> str:
    stage.world = stage.client.reload_world(False)
    synchronous(stage.world)
    stage.road_map = stage.world.get_map()
    while stage.world.get_snapshot().timestamp.elapsed_seconds < 0.5 - 1e-6:
        stage.world.tick()
    stage.manager.set_synchronous_mode(True)
    stage.manager.set_random_device_seed(seed)
    points = stage.road_map.get_spawn_points()[::40][:10]
    blueprint = stage.world.get_blueprint_library().find(CAR)
    cars = [stage.world.spawn_actor(blueprint, point) for point in points]
    stage.actors = list(cars)
    stage.world.tick()
    for car in cars:
        car.set_autopilot(True, stage.manager.get_port())
    digest = hashlib.sha256()
    for _ in range(240):
        stage.world.tick()
        digest.update(" ".join(str(car.get_transform()) for car in cars).encode())
    stage.clear()
    return digest.hexdigest()


SCENARIOS = (red_light, stop_sign, speeds, gaps, lanes, routes, hybrid, lamps, walker, managers, determinism)


def _remote(client: carla.Client, manager_port: int, actor: int) -> None:
    manager = client.get_trafficmanager(manager_port)
    car = client.get_world().get_actor(actor)
    manager.set_desired_speed(car, 25.0)
    car.set_autopilot(True, manager_port)
    print(json.dumps({"port": manager.get_port()}), flush=True)


def main(arguments: list[str]) -> None:
    """The command line."""
    port, names = int(arguments[0]), arguments[1:]
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    if names[:1] == ["remote"]:
        _remote(client, int(names[1]), int(names[2]))
        os._exit(0)
    synchronous(client.get_world())
    stage = Stage(client, port)
    for scenario in SCENARIOS:
        if names and scenario.__name__ not in names:
            continue
        try:
            facts = scenario(stage)
        except Exception as error:  # the other scenarios still say what they found
            facts = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({scenario.__name__: facts}), flush=True)
        stage.clear()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
