"""Traffic lights and signs: positions, lanes, trigger volumes and phases."""

import math
from typing import Any

import carla
import numpy as np
import pytest

from sim.server.scene.mesh import Material
from sim.server.scene.static import Signal, StaticScene


def lights(scene: StaticScene) -> list[Signal]:
    return [s for s in scene.signals if s.type_id == "traffic.traffic_light"]


def inside_trigger(signal: Signal, point: Any, margin: float = 0.0) -> bool:
    offset = np.array(point) - np.array(signal.position_m)
    c, s = math.cos(signal.yaw_rad), math.sin(signal.yaw_rad)
    local = np.array([c * offset[0] + s * offset[1], -s * offset[0] + c * offset[1], offset[2]])
    return bool(np.all(np.abs(local - signal.trigger_centre_m) <= np.array(signal.trigger_extent_m) + margin))


def test_every_light_has_a_lane_and_a_stop_point_on_it(scene: StaticScene) -> None:
    assert lights(scene)
    for light in lights(scene):
        assert light.affected_lanes
        assert len(light.stop_points_m) == len(light.affected_lanes)
        for point, lane in zip(light.stop_points_m, light.affected_lanes, strict=True):
            waypoint = scene.carla_map.get_waypoint(carla.Location(*point.tolist()))
            assert (waypoint.road_id, waypoint.lane_id) == lane
            assert waypoint.transform.location.distance(carla.Location(*point.tolist())) < 0.5  # its accuracy
            assert not waypoint.is_junction
            assert inside_trigger(light, point, 1e-6)


def test_lights_face_the_traffic_that_obeys_them(scene: StaticScene) -> None:
    """CARLA's lights have their x axis across the lanes, to the right of the traffic."""
    for light in lights(scene):
        for point in light.stop_points_m:
            yaw = scene.carla_map.get_waypoint(carla.Location(*point.tolist())).transform.rotation.yaw
            turn = math.remainder(light.yaw_rad - math.radians(yaw) - math.pi / 2, 2 * math.pi)
            assert abs(turn) < math.radians(45)
        heads = light.lamp_boxes
        assert len(heads) >= 2
        face = np.array([math.cos(heads[0, 6]), math.sin(heads[0, 6])])
        travel = np.array([math.cos(light.yaw_rad - math.pi / 2), math.sin(light.yaw_rad - math.pi / 2)])
        assert face @ travel == pytest.approx(-1.0)


def test_the_clients_stop_waypoints_are_on_the_lanes_that_obey(scene: StaticScene) -> None:
    """What ``carla.TrafficLight.get_stop_waypoints`` does: steps of a metre along the trigger volume's x axis."""
    for light in lights(scene):
        c, s = math.cos(light.yaw_rad), math.sin(light.yaw_rad)
        (x, y, z), (px, py, pz) = light.trigger_centre_m, light.position_m
        centre = np.array([px + c * x - s * y, py + s * x + c * y, pz + z])
        half = 0.9 * light.trigger_extent_m[0]
        found = set()
        for step in np.arange(-half, half, 1.0):
            waypoint = scene.carla_map.get_waypoint(carla.Location(*(centre + step * np.array([c, s, 0.0])).tolist()))
            found.add((waypoint.road_id, waypoint.lane_id))
        assert set(light.affected_lanes) & found


def test_lights_tell_their_place_as_early_as_carlas_do(scene: StaticScene) -> None:
    """CARLA's agents brake within 5 m of the volume's middle, which in CARLA lies 3 m before the junction."""
    for light in lights(scene):
        c, s = math.cos(light.yaw_rad), math.sin(light.yaw_rad)
        (x, y, z), (px, py, pz) = light.trigger_centre_m, light.position_m
        middle = carla.Location(px + c * x - s * y, py + s * x + c * y, pz + z)
        waypoint = scene.carla_map.get_waypoint(middle)
        assert not waypoint.is_junction
        if waypoint.previous(4.0) and not waypoint.previous(4.0)[0].is_junction:  # the road is long enough
            assert not any(ahead.is_junction for ahead in waypoint.next(2.4))


def test_conflicting_approaches_never_share_a_phase(scene: StaticScene) -> None:
    """Lights of one junction and phase belong to one street: their directions are parallel."""
    for a in lights(scene):
        for b in lights(scene):
            if a.group == b.group and a.phase == b.phase:
                assert abs(math.remainder(a.yaw_rad - b.yaw_rad, math.pi)) < math.radians(45)


def test_lights_of_a_crossing_without_controllers_pair_opposite_arms(crossing: StaticScene) -> None:
    phase = {s.opendrive_id: (s.group, s.phase) for s in lights(crossing)}
    assert phase["501"] == phase["502"] == (100, phase["501"][1])
    assert phase["503"] == phase["504"] == (100, phase["503"][1])
    assert phase["501"][1] != phase["503"][1]


def test_a_light_of_the_crossing_by_hand(crossing: StaticScene) -> None:
    """Light 501 on road 1, which leaves the junction westwards from (-10, 0); lane 1 drives east towards it.

    In the left-handed world that lane is at y > 0 (right of east is +y); the pole is 6.5 m from the centre line,
    beyond the sidewalk.
    """
    light = next(s for s in crossing.signals if s.opendrive_id == "501")
    assert light.position_m[:2] == pytest.approx((-11.0, 6.5), abs=0.26)  # CARLA shifts signals by 0.25 m
    assert light.yaw_rad == pytest.approx(math.pi / 2)
    assert light.affected_lanes == ((1, 1),)
    # the pole stands 1 m before the lane's end, so the line is another 2.5 m back
    assert light.stop_points_m[0] == pytest.approx([-13.5, 1.75, 0.0], abs=0.26)


def test_speed_signs_carry_their_value_and_cover_their_lane(crossing: StaticScene) -> None:
    signs = [s for s in crossing.signals if s.type_id == "traffic.speed_limit.50"]
    assert len(signs) == 4
    west = next(s for s in signs if s.opendrive_id == "601")
    assert inside_trigger(west, (-30.0, -1.75, 0.5))
    assert not inside_trigger(west, (-30.0, 1.75, 0.5))
    assert (west.group, west.phase, len(west.stop_points_m)) == (-1, -1, 0)


def test_lamps_name_their_light(scene: StaticScene) -> None:
    mesh = scene.mesh
    for material in (Material.SIGNAL_RED, Material.SIGNAL_YELLOW, Material.SIGNAL_GREEN):
        named = set(mesh.param[mesh.material == material].tolist())
        assert named == {i for i, s in enumerate(scene.signals) if s.type_id == "traffic.traffic_light"}


def test_poles_stand_beside_the_carriageway(scene: StaticScene) -> None:
    for signal in scene.signals:
        x, y, z = signal.position_m
        waypoint = scene.carla_map.get_waypoint(carla.Location(x, y, z))
        at = waypoint.transform.location
        if abs(at.z - z) < 2.0:
            assert math.hypot(at.x - x, at.y - y) > waypoint.lane_width / 2.0
