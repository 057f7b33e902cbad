import math

import numpy as np
import pytest

from sim.server.scene.ground import ROAD, SIDEWALK, Ground
from sim.server.scene.static import Box
from sim.server.world.vehicle_kernel import THRUST_ANGLE_RAD
from sim.server.world.vehicle_spec import VEHICLES, VehicleControl

CAR = VEHICLES["vehicle.lincoln.mkz_2020"]  # 1750 kg, 4.892 m long
ZERO = (0.0, 0.0, 0.0)
BUILDING = 3


def wall(x: float, thickness: float = 1.0) -> Box:
    return Box((x, 0.0, 1.5), (thickness / 2, 20.0, 1.5), 0.0, BUILDING)


def drive(world, actor_id, x, speed, spec=CAR, y=0.0, yaw=0.0, gear=0):
    world.dynamics.add_vehicle(actor_id, spec, (x, y, 0.0), (0.0, yaw, 0.0))
    world.dynamics.set_velocity(actor_id, (speed * math.cos(yaw), speed * math.sin(yaw), 0.0))
    world.dynamics.set_vehicle_control(actor_id, VehicleControl(manual_gear_shift=True, gear=gear))


def walker(world, actor_id, x, y=0.0, direction=ZERO, speed=0.0):
    world.dynamics.add_walker(actor_id, 0.93, 0.188, (x, y, 0.93), ZERO)
    world.dynamics.set_walker_control(actor_id, direction, speed, False)


def until_contact(world, limit_s=5.0):
    for _ in range(round(limit_s / 0.05)):
        world.run(0.05)
        if world.contacts:
            return world.contacts[0]
    raise AssertionError("nothing touched")


def test_equal_cars_head_on_conserve_momentum_and_bounce_little(place) -> None:
    world = place()
    drive(world, 1, -10.0, 10.0)
    drive(world, 2, 10.0, 10.0, yaw=math.pi)
    contact = until_contact(world)
    before = 9.9  # a little rolling loss over 7.5 m
    assert (contact.actor_id, contact.other_id, contact.other_tag) == (1, 2, 0)
    # m (v + e v) = 1750 * 9.9 * 1.15 = 19.9 kN s, against the driving direction of car 1
    assert contact.impulse_ns[0] == pytest.approx(-1750 * before * 1.15, rel=0.02)
    assert abs(contact.impulse_ns[1]) < 19.9e3 * 2 * THRUST_ANGLE_RAD
    assert contact.point_m[0] == pytest.approx(0.0, abs=0.5)
    assert world.velocity(1)[0] == pytest.approx(-0.15 * before, abs=0.15)
    assert world.velocity(1)[0] + world.velocity(2)[0] == pytest.approx(0.0, abs=0.02)


def test_a_truck_hitting_a_standing_car_shares_its_momentum(place) -> None:
    truck = VEHICLES["vehicle.carlamotors.firetruck"]  # 14 t
    world = place()
    drive(world, 1, -10.0, 10.0, truck)
    drive(world, 2, 0.0, 0.0)
    contact = until_contact(world)
    v = 9.95
    # J = (1 + e) m1 m2 / (m1 + m2) v = 1.15 * 1555.6 * 9.95
    assert contact.impulse_ns[0] == pytest.approx(-1.15 * 1555.6 * v, rel=0.02)
    assert world.velocity(2)[0] == pytest.approx(1.15 * 1555.6 * v / 1750, rel=0.03)
    momentum = 14000 * world.velocity(1)[0] + 1750 * world.velocity(2)[0]
    assert momentum == pytest.approx(14000 * v, rel=0.01)


@pytest.mark.parametrize("thickness", [0.2, 2.0])
@pytest.mark.parametrize("type_id", ["vehicle.lincoln.mkz_2020", "vehicle.vespa.zx125"])
def test_nothing_passes_a_wall_at_30_mps(place, thickness, type_id) -> None:
    spec = VEHICLES[type_id]
    world = place(obstacles=[wall(20.0, thickness)])
    drive(world, 1, 0.0, 30.0, spec)
    contact = until_contact(world)
    world.run(2.0)
    front = world.position()[0] + spec.size_m[0] / 2
    assert front < 20.0 - thickness / 2 + 0.05
    assert (contact.other_id, contact.other_tag) == (0, BUILDING)
    assert contact.impulse_ns[0] == pytest.approx(-spec.mass_kg * 30.0 * 1.15, rel=0.05)


def test_two_cars_closing_at_60_mps_do_not_pass_through_each_other(place) -> None:
    world = place()
    drive(world, 1, -50.0, 30.0)
    drive(world, 2, 50.0, 30.0, yaw=math.pi)
    until_contact(world)
    world.run(3.0)
    assert world.position(2)[0] - world.position(1)[0] > 4.85


def test_a_contact_is_reported_once_per_pair_and_tick(place) -> None:
    world = place(obstacles=[wall(4.0)])
    drive(world, 1, 0.0, 0.0)
    world.dynamics.set_vehicle_control(1, VehicleControl(throttle=0.5))
    per_tick = [len(world.dynamics.step(0.05, _dry())) for _ in range(100)]
    assert max(per_tick) == 1
    assert world.position()[0] < 4.0 - 0.5 - 2.446 + 0.05  # pushing does not help


def _dry():
    from sim.server.sensors.instances import Weather

    return Weather()


def test_a_glancing_wall_turns_the_car_along_it(place) -> None:
    world = place(obstacles=[Box((0.0, 5.0, 1.0), (100.0, 0.5, 1.0), 0.0, 4)])
    drive(world, 1, -20.0, 15.0, yaw=0.25)
    until_contact(world)
    world.run(1.0)
    assert world.velocity()[0] > 8.0
    assert world.position()[1] < 4.5


def test_a_car_passes_over_a_kerb_but_not_under_the_bridge_it_is_too_high_for(place) -> None:
    low, beam = Box((10.0, 0.0, 0.05), (0.2, 5.0, 0.1), 0.0, 1), Box((20.0, 0.0, 5.0), (0.5, 5.0, 1.0), 0.0, 3)
    world = place(obstacles=[low, beam])
    drive(world, 1, 0.0, 10.0)
    world.run(3.0)
    assert not world.contacts
    assert world.position()[0] > 25.0


def test_a_prop_stops_a_car(place) -> None:
    world = place()
    world.dynamics.add_prop(2, (0.5, 0.5, 0.5), (0.0, 0.0, 0.5), (10.0, 0.0, 0.0), ZERO)
    drive(world, 1, 0.0, 8.0)
    contact = until_contact(world)
    world.run(1.0)
    assert {contact.actor_id, contact.other_id} == {1, 2}
    assert world.position(2).tolist() == [10.0, 0.0, 0.0]
    assert world.position(1)[0] + 2.446 < 9.55


def test_overlaps_names_what_is_in_the_way(place) -> None:
    world = place(obstacles=[wall(20.0)])
    drive(world, 7, 0.0, 0.0)
    half, centre = (2.4, 0.9, 0.7), (0.0, 0.0, 0.7)
    assert world.dynamics.overlaps(half, centre, (3.0, 0.0, 0.2), ZERO) == 7
    assert world.dynamics.overlaps(half, centre, (3.0, 0.0, 0.2), ZERO, ignore=7) is None
    assert world.dynamics.overlaps(half, centre, (19.0, 0.0, 0.2), ZERO) == 0
    assert world.dynamics.overlaps(half, centre, (10.0, 0.0, 0.2), ZERO) is None
    assert world.dynamics.overlaps(half, centre, (0.0, 0.0, 4.0), ZERO) is None  # above the car
    # bumper to bumper, boxes 20 cm into each other: there is room, at 30 cm there is not
    assert world.dynamics.overlaps(half, centre, (2.446 + 2.4 - 0.2, 0.0, 0.2), ZERO) is None
    assert world.dynamics.overlaps(half, centre, (2.446 + 2.4 - 0.3, 0.0, 0.2), ZERO) == 7
    # beside it: free when parallel, not when across
    assert world.dynamics.overlaps(half, centre, (0.0, 2.2, 0.2), ZERO) is None
    assert world.dynamics.overlaps(half, centre, (0.0, 2.2, 0.2), (0.0, math.pi / 2, 0.0)) == 7


def test_a_walker_walks_its_speed_times_the_time_and_faces_where_it_goes(place) -> None:
    world = place()
    walker(world, 1, 0.0, direction=(0.6, 0.8, 0.0), speed=1.4)
    world.run(10.0)
    # 14 m, less 0.05 m for the first step
    assert world.position()[:2] == pytest.approx([8.4, 11.2], abs=0.06)
    assert world.position()[2] == pytest.approx(0.93)
    assert world.rotation()[1] == pytest.approx(math.atan2(4.0, 3.0))
    world.dynamics.set_walker_control(1, (3.0, 4.0, 0.0), 0.0, False)
    world.run(1.0)
    assert world.speed() == 0.0


def test_a_walker_climbs_a_kerb_and_steps_down_again(place) -> None:
    vertices, faces = [], []
    for k, (x0, x1, z) in enumerate(((-20.0, 5.0, 0.0), (5.0, 8.0, 0.15), (8.0, 30.0, 0.0))):
        vertices += [(x0, -5.0, z), (x1, -5.0, z), (x1, 5.0, z), (x0, 5.0, z)]
        faces += [(4 * k, 4 * k + 1, 4 * k + 2), (4 * k, 4 * k + 2, 4 * k + 3)]
    kinds = np.array([ROAD, ROAD, SIDEWALK, SIDEWALK, ROAD, ROAD], np.uint8)
    ground = Ground(np.array(vertices), np.array(faces), kinds, np.full((2, 2), -9.0), (0.0, 0.0), 1.0)
    world = place(ground=ground)
    walker(world, 1, 0.0, direction=(1.0, 0.0, 0.0), speed=2.0)
    world.run(3.25)
    assert world.position()[2] == pytest.approx(0.93 + 0.15)
    world.run(2.0)
    assert world.position()[2] == pytest.approx(0.93)


def test_a_jump_is_as_high_as_its_take_off_speed(place) -> None:
    world = place()
    walker(world, 1, 0.0)
    world.dynamics.set_walker_control(1, ZERO, 0.0, True)
    world.run(0.05)
    world.dynamics.set_walker_control(1, ZERO, 0.0, False)
    highest = 0.0
    for _ in range(30):
        world.run(0.05)
        highest = max(highest, float(world.position()[2]))
    assert highest - 0.93 == pytest.approx(5.0**2 / (2 * 9.81), abs=0.06)  # 1.27 m
    assert world.position()[2] == pytest.approx(0.93)


def test_a_walker_told_to_jump_jumps_until_told_otherwise(place) -> None:
    world = place()
    walker(world, 1, 0.0)
    world.dynamics.set_walker_control(1, ZERO, 0.0, True)
    world.run(3.0)  # a jump takes 2 * 5.0 / 9.81 = 1.02 s
    heights = []
    for _ in range(40):
        world.run(0.05)
        heights.append(float(world.position()[2]) - 0.93)
    assert min(heights) < 0.3
    assert max(heights) > 1.2


@pytest.mark.parametrize(
    ("direction", "speed", "velocity"),
    [
        ((2.0, 0.0, 0.0), 1.4, (2.8, 0.0)),  # a longer direction is a faster walk
        ((0.3, 0.4, 0.0), 2.0, (0.6, 0.8)),
        ((0.6, 0.0, 0.8), 1.5, (0.9, 0.0)),  # what points up is lost
        ((0.0, 1.0, 0.0), -1.0, (0.0, -1.0)),
        ((1.0, 0.0, 0.0), 100.0, (40.96, 0.0)),
        ((math.nan, 0.0, 0.0), 1.0, (0.0, 0.0)),
        ((1.0, 0.0, 0.0), math.inf, (0.0, 0.0)),
    ],
)
def test_a_walkers_command_means_direction_times_speed(place, direction, speed, velocity) -> None:
    world = place()
    walker(world, 1, -90.0, direction=direction, speed=speed)
    world.run(3.0)
    assert world.velocity()[:2] == pytest.approx(velocity)


def test_a_walker_is_stopped_by_a_wall(place) -> None:
    world = place(obstacles=[wall(5.0)])
    walker(world, 1, 0.0, direction=(1.0, 0.0, 0.0), speed=3.0)
    world.run(5.0)
    assert world.position()[0] == pytest.approx(4.5 - 0.188, abs=0.03)


def test_walkers_do_not_walk_through_each_other(place) -> None:
    world = place()
    walker(world, 1, -3.0, direction=(1.0, 0.0, 0.0), speed=1.4)
    walker(world, 2, 3.0, direction=(-1.0, 0.0, 0.0), speed=1.4)
    world.run(3.0)
    assert world.position(1)[0] < world.position(2)[0]


def test_a_car_knocks_a_walker_down_who_slides_and_lies(place) -> None:
    world = place()
    drive(world, 1, -10.0, 10.0)
    walker(world, 2, 0.0, direction=(0.0, 1.0, 0.0), speed=0.0)
    contact = until_contact(world)
    world.dynamics.set_vehicle_control(1, VehicleControl(brake=1.0))
    # 75 kg against 1750 kg at 9.95 m/s: J = 1.15 * 71.9 * 9.95
    assert contact.impulse_ns[0] == pytest.approx(-1.15 * 71.9 * 9.95, rel=0.03)
    assert world.speed(1) > 9.0
    world.run(4.0)
    # sliding 11^2 / (2 * 6) = 10 m from where it was hit
    assert world.position(2)[0] == pytest.approx(10.0, abs=1.5)
    assert world.speed(2) == 0.0


def test_a_walker_without_collisions_is_felt_but_stops_nothing(place) -> None:
    world = place()
    drive(world, 1, -10.0, 10.0)
    walker(world, 2, 0.0)
    world.dynamics.set_simulate_physics(2, False)
    world.dynamics.set_collisions(2, False)
    contact = until_contact(world)
    speed = world.speed(1)
    assert {contact.actor_id, contact.other_id} == {1, 2}
    assert speed > 9.7
    assert world.position(2).tolist() == [0.0, 0.0, 0.93]


def test_a_walker_that_a_client_moves_shows_its_speed(place) -> None:
    world = place()
    walker(world, 1, 0.0)
    world.dynamics.set_simulate_physics(1, False)
    world.dynamics.set_walker_state(1, (4.0, 5.0, 0.93), (0.0, math.pi / 2, 0.0), 1.5)
    world.run(0.05)
    assert world.velocity().tolist() == pytest.approx([0.0, 1.5, 0.0], abs=1e-12)
    assert world.position().tolist() == [4.0, 5.0, 0.93]
