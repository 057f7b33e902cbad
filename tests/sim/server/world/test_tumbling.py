"""Bodies that are free in all six degrees: what is thrown, tipped, dropped and pushed."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.server.scene.static import Box
from sim.server.world.vehicle_spec import VEHICLES, VehicleControl

CAR = VEHICLES["vehicle.lincoln.mkz_2020"]  # 1750 kg, 4.892 x 1.837 x 1.490 m, mass centre 0.5513 m high
ZERO = (0.0, 0.0, 0.0)
G = 9.81
ROLL_INERTIA = 1750 * (1.837**2 + 1.490**2) / 12  # 816 kg m^2
PITCH_INERTIA = 1750 * (4.892**2 + 1.490**2) / 12
NONE, ROLLOVER = 0, 1


def car(world, position=ZERO, rotation=ZERO, speed=0.0, actor_id=1, spec=CAR, **control):
    world.dynamics.add_vehicle(actor_id, spec, position, rotation)
    world.dynamics.set_velocity(actor_id, (speed, 0.0, 0.0))
    world.dynamics.set_vehicle_control(actor_id, VehicleControl(**control))
    return world


def crate(world, position, rotation=ZERO, mass_kg=20.0, half=(0.4, 0.3, 0.5), actor_id=2):
    world.dynamics.add_prop(actor_id, half, (0.0, 0.0, half[2]), position, rotation, mass_kg)
    return world


def failure(world, actor_id=1) -> int:
    return int(world.dynamics.failure[world.row(actor_id)])


def test_a_crate_falls_freely_and_comes_to_lie_on_the_ground(place) -> None:
    world = crate(place(), (0.0, 0.0, 5.0))
    world.run(0.5, dt_s=0.01)
    # z = 5 - g t^2 / 2 = 5 - 1.226; semi-implicit steps of 0.01 s fall g t dt / 2 = 0.025 m more
    assert world.position(2)[2] == pytest.approx(3.774 - 0.025, abs=0.002)
    assert world.velocity(2)[2] == pytest.approx(-4.905, abs=1e-6)
    world.run(4.0)
    assert world.position(2)[2] == pytest.approx(0.0, abs=0.01)
    before = world.position(2).tobytes() + world.rotation(2).tobytes()
    world.run(20.0)
    assert world.position(2).tobytes() + world.rotation(2).tobytes() == before


def test_a_tilted_crate_lands_on_one_of_its_faces(place) -> None:
    world = crate(place(), (0.0, 0.0, 2.0), (0.3, 0.2, 0.4))
    world.run(6.0)
    up = abs(math.cos(world.rotation(2)[0]) * math.cos(world.rotation(2)[2]))
    assert min(abs(up), abs(up - 1.0)) < 0.02
    assert world.speed(2) == 0.0


@pytest.mark.parametrize(("slope", "slides"), [(0.3, False), (0.7, True)])
def test_a_crate_stays_on_slopes_below_its_friction_of_a_half(place, slope, slides) -> None:
    world = crate(place(slope_x=slope), (0.0, 0.0, 0.1), (math.atan(slope), 0.0, 0.0), half=(0.4, 0.4, 0.1))
    world.run(4.0)
    assert (world.speed(2) > 1.0) == slides


def test_a_free_body_turns_at_its_rate_about_its_mass_centre(place) -> None:
    world = crate(place(), (0.0, 0.0, 20.0), half=(0.4, 0.3, 0.5))
    world.dynamics.set_gravity(2, False)
    inertia_x = 20.0 * (0.6**2 + 1.0**2) / 12
    world.dynamics.add_angular_impulse(2, (inertia_x * 1.5, 0.0, 0.0))
    world.run(1.0, dt_s=0.01)
    # 1.5 rad/s about x for a second: y towards z, which CARLA calls a negative roll
    assert world.rotation(2)[2] == pytest.approx(-1.5, abs=1e-6)
    # the centre, 0.5 m above the origin, has stayed; the origin swings under it
    assert world.position(2) == pytest.approx((0.0, 0.5 * math.sin(1.5), 20.5 - 0.5 * math.cos(1.5)), abs=1e-6)
    assert world.dynamics.angular_velocity_radps[0] == pytest.approx((1.5, 0.0, 0.0))


def test_a_push_beside_the_mass_centre_moves_and_turns(place) -> None:
    world = place()
    car(world, (0.0, 0.0, 50.0))
    world.dynamics.set_gravity(1, False)
    # 1750 N s to the right, 2 m ahead of the mass centre and as high: 1 m/s, and 3500 N m s about z
    world.dynamics.add_impulse(1, (0.0, 1750.0, 0.0), (2.0, 0.0, 50.0 + 0.37 * 1.490))
    world.run(0.05)
    assert world.velocity()[1] == pytest.approx(1.0)
    spin = 3500.0 / (1750 * (4.892**2 + 1.837**2) / 12)
    assert world.dynamics.angular_velocity_radps[0] == pytest.approx((0.0, 0.0, spin), abs=1e-9)
    # 20 kN up at the right side for one tick of 0.05 s: 0.571 m/s up and (0.9 m x 20 kN) x 0.05 s about x
    car(world, (0.0, 50.0, 50.0), actor_id=2)
    world.dynamics.set_gravity(2, False)
    world.dynamics.add_angular_impulse(2, (1e-6, 0.0, 0.0))  # sets it free
    world.dynamics.add_force(2, (0.0, 0.0, 20_000.0), (0.0, 50.9, 50.0))
    world.run(0.05)
    assert world.velocity(2)[2] == pytest.approx(20_000 / 1750 * 0.05)
    assert world.dynamics.angular_velocity_radps[1][0] == pytest.approx(18_000 * 0.05 / ROLL_INERTIA, rel=1e-6)


def test_a_car_on_its_wheels_takes_a_light_roll_with_its_springs(place) -> None:
    world = car(place(), brake=1.0)
    world.run(1.0)
    world.dynamics.add_angular_impulse(1, (ROLL_INERTIA * 0.3, 0.0, 0.0))
    world.run(0.05)
    assert -0.06 < world.rotation()[2] < -0.02  # 0.3 rad/s for about 0.2 s
    world.run(3.0)
    assert world.rotation()[2] == pytest.approx(0.0, abs=1e-3)
    assert world.position()[2] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(
    ("torque", "axis", "sign"),
    [((4000.0, 0.0, 0.0), 2, -1), ((0.0, 8000.0, 0.0), 0, -1)],
    ids=["right side up", "nose down"],
)
def test_a_lasting_torque_tilts_the_springs(place, torque, axis, sign) -> None:
    world = car(place(), brake=1.0)
    for _ in range(60):
        world.dynamics.add_torque(1, torque)
        world.run(0.05)
    # the springs answer like to the tyre force with the same moment: a = torque / (m h); roll 0.007, pitch 0.003 s^2/m
    share = (0.003, 0.0, 0.007)[axis]
    assert world.rotation()[axis] == pytest.approx(sign * share * max(torque) / (1750 * 0.37 * 1.490), rel=0.05)


def test_a_torque_beyond_weight_times_half_the_track_turns_a_car_over(place) -> None:
    light, strong = car(place(), brake=1.0), car(place(), brake=1.0)
    limit = 1750 * G * 1.58 / 2  # 13.6 kN m
    for _ in range(40):
        light.dynamics.add_torque(1, (0.8 * limit, 0.0, 0.0))
        strong.dynamics.add_torque(1, (1.5 * limit, 0.0, 0.0))
        light.run(0.05)
        strong.run(0.05)
    assert abs(light.rotation()[2]) < 0.1
    assert abs(strong.rotation()[2]) > 1.0


def test_a_car_on_its_roof_has_failed_after_five_seconds_and_recovers_when_put_upright(place) -> None:
    world = car(place(), (0.0, 0.0, 1.6), (0.0, 0.0, math.pi), throttle=1.0)
    world.run(4.9)
    assert failure(world) == NONE
    world.run(0.6)  # the four stages of CARLA's rule take a tick each
    assert failure(world) == ROLLOVER
    assert abs(world.rotation()[2]) == pytest.approx(math.pi, abs=0.01)
    assert world.position()[2] == pytest.approx(1.490, abs=0.02)  # it lies on its roof
    assert world.speed() == 0.0  # wheels in the air drive nothing
    world.dynamics.teleport(1, (0.0, 0.0, 0.2), ZERO)
    world.run(2.0)
    assert failure(world) == NONE
    assert world.speed() > 5.0


def test_a_car_that_lies_on_its_side_is_no_failure_as_in_carla(place) -> None:
    world = car(place(), (0.0, 0.0, 0.95), (0.0, 0.0, math.pi / 2))
    world.run(8.0)
    assert failure(world) == NONE


def test_no_vehicle_as_delivered_turns_over_by_steering(place) -> None:
    world = place()
    for k, spec in enumerate(VEHICLES.values(), start=1):
        car(world, (-480.0, 0.0, 0.0), speed=15.0, actor_id=k, spec=spec, steer=1.0, throttle=1.0)
        world.dynamics.set_collisions(k, False)
    worst = np.zeros(len(VEHICLES))
    for _ in range(80):
        world.run(0.05)
        worst = np.maximum(worst, np.abs(world.dynamics.rotation_rad[:, 2]))
    for k, spec in enumerate(VEHICLES.values()):
        assert worst[k] < (0.66 if spec.two_wheeled else 0.15), spec.type_id


def test_a_car_with_its_mass_centre_raised_turns_over_in_a_bend(place) -> None:
    world = car(place(), speed=20.0, steer=0.6)
    physics = world.dynamics.physics_control(1)
    # (0.44 + 1.2) m against half a track of 0.79 m: it tips at 0.48 g, the tyres hold 1.7 g
    world.dynamics.apply_physics_control(1, replace(physics, center_of_mass_m=(0.0, 0.0, 1.2)))
    world.run(2.0)
    assert abs(world.rotation()[2]) > math.radians(90)
    world.run(7.0)
    assert world.speed() == 0.0


def test_a_dropped_car_lands_on_its_wheels_and_drives_on(place) -> None:
    world = car(place(), (0.0, 0.0, 3.0), speed=10.0, manual_gear_shift=True)
    world.run(0.7)
    assert world.position()[2] > 0.3  # sqrt(2 h / g) = 0.78 s
    world.run(0.5)
    assert world.position()[2] == pytest.approx(0.0, abs=0.02)
    assert world.velocity()[0] == pytest.approx(10.0, abs=0.5)
    world.dynamics.set_vehicle_control(1, VehicleControl(brake=1.0))
    world.run(2.0)
    assert world.speed() == 0.0


def test_a_two_wheeler_that_is_knocked_over_stays_down(place) -> None:
    world = car(place(), spec=VEHICLES["vehicle.yamaha.yzf"])
    world.run(0.5)
    world.dynamics.add_angular_impulse(1, (300.0, 0.0, 0.0))
    world.run(3.0)
    assert abs(world.rotation()[2]) == pytest.approx(math.pi / 2, abs=0.05)
    assert world.speed() == 0.0


def test_a_car_throws_a_loose_crate_and_keeps_the_momentum_it_does_not_give(place) -> None:
    world = car(place(), speed=15.0, manual_gear_shift=True)
    crate(world, (10.0, 0.0, 0.0), mass_kg=100.0, half=(0.5, 0.5, 0.5))
    while not world.contacts:
        before = world.velocity(1)[0]
        world.run(0.05)
    # hit at the height of its middle: J = (1 + 0.15) v m1 m2 / (m1 + m2) = 1.15 v 94.6 kg, a little less by the ground
    assert world.contacts[0].impulse_ns[0] == pytest.approx(-1.15 * before * 1750 * 100 / 1850, rel=0.06)
    # what the car lost the crate has, but for what the ground takes: hit above its middle, it digs in an edge
    assert 1750 * world.velocity(1)[0] + 100 * world.velocity(2)[0] == pytest.approx(1750 * before, rel=0.01)
    world.dynamics.set_vehicle_control(1, VehicleControl(brake=1.0))  # or it pushes the crate on and on
    world.run(8.0)
    assert world.speed(2) == 0.0


def test_a_crate_that_does_not_simulate_is_a_wall(place) -> None:
    world = car(place(), speed=10.0)
    crate(world, (10.0, 0.0, 0.0), mass_kg=0.0, half=(0.5, 0.5, 0.5))
    world.run(2.0)
    assert world.position(2).tolist() == [10.0, 0.0, 0.0]
    assert world.position()[0] < 10.0
    world.dynamics.set_simulate_physics(2, True)
    car(world, (0.0, 20.0, 0.0), speed=10.0, actor_id=3)
    world.dynamics.teleport(2, (10.0, 20.0, 0.0), None)
    world.run(2.0)
    assert world.position(2)[0] > 12.0


def test_a_crate_comes_to_rest_on_top_of_a_standing_car_and_on_a_wall(place) -> None:
    block = Box((20.0, 0.0, 1.0), (2.0, 2.0, 1.0), 0.0, 3)
    world = car(place(obstacles=[block]), brake=1.0)
    crate(world, (0.0, 0.0, 2.5), half=(0.3, 0.3, 0.2))
    crate(world, (20.0, 0.0, 3.0), half=(0.3, 0.3, 0.2), actor_id=3)
    world.run(4.0)
    assert world.position(2)[2] == pytest.approx(1.490, abs=0.03)
    assert world.position(3)[2] == pytest.approx(2.0, abs=0.03)
    assert world.speed(2) < 0.05


@pytest.mark.parametrize("dt_s", [0.05, 0.1])
@pytest.mark.parametrize("kind", ["wall", "car", "crate"])
def test_nothing_is_passed_through_at_200_kmh(place, dt_s, kind) -> None:
    wall = [Box((30.0, 0.0, 1.5), (0.1, 20.0, 1.5), 0.0, 3)] if kind == "wall" else []
    world = car(place(obstacles=wall), speed=200 / 3.6)
    if kind == "car":
        car(world, (30.0, 0.0, 0.0), actor_id=2)
    if kind == "crate":
        crate(world, (30.0, 0.0, 0.0), mass_kg=50.0)
    for _ in range(round(3.0 / dt_s)):
        world.run(dt_s, dt_s=dt_s)
        if kind == "wall":
            assert world.position()[0] + 2.446 < 30.1
        else:
            assert world.position(1)[0] < world.position(2)[0]
    assert world.contacts


def test_tumbling_bodies_are_deterministic(place) -> None:
    def fall() -> bytes:
        world = place(slope_x=0.05)
        for k in range(1, 9):
            crate(world, (0.3 * k, 0.2 * k, 1.5 * k), (0.1 * k, 0.2, 0.3 * k), actor_id=k)
        car(world, (-20.0, 0.5, 0.0), speed=20.0, actor_id=20)
        world.run(4.0)
        return world.dynamics.position_m.tobytes() + world.dynamics.rotation_rad.tobytes()

    assert fall() == fall()
