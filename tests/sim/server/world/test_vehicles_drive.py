import math
from dataclasses import replace

import numpy as np
import pytest

from sim.server.scene.ground import OFF_ROAD
from sim.server.sensors.instances import Weather
from sim.server.world.vehicle_kernel import THRUST_ANGLE_RAD
from sim.server.world.vehicle_spec import (
    VEHICLES,
    AckermannControl,
    AckermannSettings,
    VehicleControl,
    turning_angle_rad,
)

CAR = VEHICLES["vehicle.lincoln.mkz_2020"]  # 1750 kg, wheel base 2.85 m
TESLA = VEHICLES["vehicle.tesla.model3"]
ORIGIN = (0.0, 0.0, 0.0)
G = 9.81


def start(world, spec=CAR, position=ORIGIN, rotation=ORIGIN, speed=0.0, actor_id=1, **control):
    world.dynamics.add_vehicle(actor_id, spec, position, rotation)
    world.dynamics.set_velocity(actor_id, (speed * math.cos(rotation[1]), speed * math.sin(rotation[1]), 0.0))
    world.dynamics.set_vehicle_control(actor_id, VehicleControl(**control))
    return world


def test_a_standing_car_does_not_move_by_a_bit_in_1000_ticks(place) -> None:
    world = start(place())
    world.run(1.0)
    before = world.position().tobytes() + world.rotation().tobytes()
    world.run(50.0)
    assert world.position().tobytes() + world.rotation().tobytes() == before
    assert world.velocity().tolist() == [0.0, 0.0, 0.0]


def test_a_car_coasting_in_neutral_slows_by_drag_rolling_and_bearings(place) -> None:
    world = start(place(), TESLA, speed=30.0, manual_gear_shift=True, gear=0)
    world.run(0.05)
    v0 = world.speed()
    world.run(1.0)
    # drag 0.6 * 0.3 * (0.7 * 2.163 * 1.488) * 30^2 = 365 N; rolling 0.012 * 1845 * 9.81 = 217 N;
    # bearings 4 * 0.25 * 30 / 0.34^2 = 260 N; together 842 N on 1845 kg = 0.456 m/s^2
    assert v0 - world.speed() == pytest.approx(0.456, rel=0.03)


def test_a_car_in_gear_brakes_with_its_engine(place) -> None:
    free = start(place(), speed=20.0, manual_gear_shift=True, gear=0)
    geared = start(place(), speed=20.0)
    free.run(3.0)
    geared.run(3.0)
    assert geared.speed() < free.speed() - 0.5


def test_braking_from_100_kmh_takes_between_the_friction_limit_and_45_m(place) -> None:
    world = start(place(), position=(-200.0, 0.0, 0.0), speed=100 / 3.6, brake=1.0)
    world.run(6.0)
    assert world.speed() == 0.0
    # v^2 / (2 mu g) = 27.78^2 / (2 * 0.6 * 1.7 * 9.81) = 38.6 m; drag of 0.3 m/s^2 takes a metre off
    assert 37.5 < world.position()[0] + 200.0 < 45.0


def test_a_wet_road_lengthens_braking_as_friction_falls(place) -> None:
    distance = []
    for weather in (Weather(), Weather(wetness=100.0), Weather(wetness=100.0, precipitation_deposits=100.0)):
        world = start(place(), position=(-200.0, 0.0, 0.0), speed=25.0, brake=1.0)
        world.run(8.0, weather=weather)
        distance.append(world.position()[0] + 200.0)
    # v^2 / (2 mu g) with mu = 0.6 * 1.7 lengthwise: 31.2 m; times 0.7 wet: 44.6 m;
    # times 0.6 with standing water: 52.1 m; drag and rolling shorten, load transfer lengthens
    assert distance == pytest.approx([31.2, 44.6, 52.1], rel=0.08)


@pytest.mark.parametrize(
    ("type_id", "seconds"),
    [
        ("vehicle.lincoln.mkz_2020", (7.0, 9.0)),
        ("vehicle.seat.leon", (9.0, 11.0)),
        ("vehicle.toyota.prius", (9.0, 11.5)),
        ("vehicle.nissan.micra", (11.0, 14.0)),
        ("vehicle.tesla.model3", (5.5, 7.0)),
    ],
)
def test_full_throttle_reaches_100_kmh_in_the_published_time(place, type_id, seconds) -> None:
    world = start(place(), VEHICLES[type_id], position=(-490.0, 0.0, 0.0), throttle=1.0)
    elapsed = 0.0
    while world.speed() < 100 / 3.6:
        world.run(0.05)
        elapsed += 0.05
        assert elapsed < 20.0
    assert seconds[0] < elapsed < seconds[1]


def test_a_slow_turn_follows_ackermann(place) -> None:
    world = start(place(), speed=3.0, steer=0.5)
    world.dynamics.apply_ackermann_control(1, AckermannControl(steer_rad=0.3, speed_mps=3.0))
    world.run(8.0)
    yaw_rate = world.dynamics.angular_velocity_radps[0, 2]
    rear_radius = 2.85 / math.tan(0.3)  # 9.21 m
    centre_radius = math.hypot(rear_radius, 1.425)  # 9.32 m
    assert world.dynamics.steer_rad[0] == pytest.approx(0.3, abs=0.002)
    assert world.speed() / yaw_rate == pytest.approx(centre_radius, rel=0.03)


def test_the_steering_reaches_the_published_turning_circle(place) -> None:
    world = start(place(), speed=1.5)
    angle = turning_angle_rad(11.6, 2.85, 1.58)
    world.dynamics.set_vehicle_control(
        1, VehicleControl(steer=angle / math.radians(CAR.physics.wheels[0].max_steer_angle_deg))
    )
    world.dynamics.set_constant_velocity(1, (1.5, 0.0, 0.0))
    world.dynamics.apply_physics_control(1, replace(world.dynamics.physics_control(1), steering_curve=((0.0, 1.0),)))
    world.run(2.0)
    rear_radius = 1.5 / world.dynamics.angular_velocity_radps[0, 2]
    # path of the outer front wheel of the MKZ: 11.6 m across
    assert 2.0 * math.hypot(rear_radius + 1.58 / 2, 2.85) == pytest.approx(11.6, rel=0.01)


def test_right_is_positive(place) -> None:
    world = start(place(), speed=5.0, steer=0.3)
    world.run(1.0)
    assert world.position()[1] > 0.5
    assert world.rotation()[1] > 0.1
    assert world.rotation()[2] < 0.0  # the body rolls to the outside: left side down


@pytest.mark.parametrize("speed", [10.0, 20.0, 30.0])
def test_no_turn_is_sharper_than_friction_allows(place, speed) -> None:
    world = start(place(), speed=speed, steer=1.0)
    worst = 0.0
    for _ in range(60):
        before = world.velocity().copy()
        world.run(0.05)
        worst = max(worst, float(np.linalg.norm(world.velocity() - before)) / 0.05)
    # friction 1.7 on 9.81 m/s^2, and 0.5 m/s^2 of drag
    assert worst < 1.7 * G + 0.5
    assert worst > 1.0 * G


@pytest.mark.parametrize("yaw", [0.0, math.pi / 2, 2.0])
def test_brakes_hold_a_car_on_a_ten_percent_slope(place, yaw) -> None:
    world = start(place(slope_x=0.1), rotation=(0.0, yaw, 0.0), brake=0.3)
    world.run(2.0)
    before = world.position().copy()
    world.run(30.0)
    assert world.position().tobytes() == before.tobytes()


def test_an_unbraked_car_rolls_down_a_slope(place) -> None:
    world = start(place(slope_x=0.1), TESLA, rotation=(math.atan(0.1), 0.0, 0.0), manual_gear_shift=True, gear=0)
    world.run(1.0)
    # g sin(5.71 deg) - 0.012 g cos = 0.976 - 0.117 = 0.859 m/s^2, a little less by bearings
    assert world.velocity()[0] == pytest.approx(-0.85, abs=0.02)
    assert world.position()[2] == pytest.approx(0.1 * world.position()[0], abs=0.01)
    assert world.rotation()[0] == pytest.approx(math.atan(0.1), abs=0.005)


def test_a_cross_slope_shows_as_roll(place) -> None:
    world = start(place(slope_y=0.1), brake=1.0)
    world.run(2.0)
    # the right side is higher: CARLA's roll is negative; the springs give 0.007 rad more on the lower side
    assert world.rotation()[2] == pytest.approx(-math.atan(0.1) - 0.007, abs=0.003)


def test_a_car_dropped_from_one_metre_lands_after_the_free_fall_time(place) -> None:
    world = start(place(), position=(0.0, 0.0, 1.0))
    world.run(0.40)
    assert world.position()[2] > 0.1  # sqrt(2 h / g) = 0.45 s
    world.run(0.25)
    assert world.position()[2] == pytest.approx(0.0, abs=0.01)
    assert world.velocity()[2] == 0.0


def test_the_automatic_takes_one_gear_after_the_other(place) -> None:
    """A lorry that shifts for 0.4 s downhill gets no slower meanwhile; it must not skip the gear that it then has."""
    slope = -0.03
    world = start(
        place(slope_x=slope), VEHICLES["vehicle.carlamotors.european_hgv"], (-300.0, 0.0, -300.0 * slope),
        rotation=(math.atan(slope), 0.0, 0.0), throttle=0.85,
    )  # fmt: skip
    gears, since_s = [1], 0.0
    for _ in range(120):
        world.run(0.05, 0.05)
        since_s += 0.05
        if world.dynamics.control(1).gear != gears[-1]:
            gears.append(world.dynamics.control(1).gear)
            assert len(gears) == 2 or since_s > 0.7, gears
            since_s = 0.0
    assert gears == list(range(1, len(gears) + 1))
    assert len(gears) >= 3


def test_reverse_drives_backwards_and_reports_gear_minus_one(place) -> None:
    world = start(place(), throttle=0.4, reverse=True)
    world.run(3.0)
    assert world.velocity()[0] < -2.0
    assert world.dynamics.control(1).gear == -1
    world.dynamics.set_vehicle_control(1, VehicleControl(throttle=0.4))
    world.run(6.0)
    assert world.velocity()[0] > 0.0


def test_the_automatic_shifts_up_and_comes_back_down(place) -> None:
    world = start(place(), position=(-490.0, 0.0, 0.0), throttle=0.8)
    world.run(10.0)
    assert world.dynamics.control(1).gear >= 3
    world.dynamics.set_vehicle_control(1, VehicleControl(brake=0.6))
    world.run(8.0)
    assert world.dynamics.control(1).gear == 1


def test_a_manual_gear_limits_the_speed_to_its_redline(place) -> None:
    world = start(place(), position=(-490.0, 0.0, 0.0), throttle=1.0, manual_gear_shift=True, gear=1)
    world.run(15.0)
    physics = CAR.physics
    redline = physics.max_rpm * 2 * math.pi / 60 / (physics.final_ratio * physics.forward_gears[0].ratio) * 0.35
    assert world.dynamics.control(1).gear == 1
    assert world.speed() == pytest.approx(redline, rel=0.05)


def test_the_hand_brake_stops_with_the_rear_wheels_only(place) -> None:
    world = start(place(), speed=15.0, hand_brake=True)
    world.run(1.0)
    # the rear axle carries about 40 % when braking: 0.4 * 0.6 * 1.7 * g = 4.0 m/s^2
    assert 3.3 < 15.0 - world.speed() < 5.0
    telemetry = world.dynamics.telemetry(1)
    assert [round(w.omega_radps) == 0 for w in telemetry.wheels] == [False, False, True, True]


def test_grass_grips_less_than_road(place) -> None:
    road = start(place(), speed=15.0, brake=1.0)
    grass = start(place(kind=OFF_ROAD), speed=15.0, brake=1.0)
    road.run(4.0)
    grass.run(4.0)
    assert grass.position()[0] > 1.3 * road.position()[0]


def test_a_motorcycle_leans_into_the_curve_and_stays_up(place) -> None:
    world = start(place(), VEHICLES["vehicle.yamaha.yzf"], speed=10.0, steer=0.12, throttle=0.1)
    world.run(1.5)
    acceleration = world.speed() * world.dynamics.angular_velocity_radps[0, 2]
    assert world.rotation()[2] == pytest.approx(math.atan(acceleration / G), abs=0.08)
    assert 0.2 < world.rotation()[2] < 0.65  # it grounds at 37 degrees
    world.dynamics.set_vehicle_control(1, VehicleControl(brake=0.5))
    world.run(4.0)
    assert abs(world.rotation()[2]) < 0.01


def test_every_vehicle_drives_straight_and_stops(place) -> None:
    world = place()
    for actor_id, spec in enumerate(VEHICLES.values(), start=1):
        start(world, spec, (-400.0, -95.0 + 4.6 * actor_id, 0.0), actor_id=actor_id, throttle=0.6)
    world.run(8.0)
    for actor_id, spec in enumerate(VEHICLES.values(), start=1):
        assert world.speed(actor_id) > 4.0, spec.type_id
        x, y, _ = world.position(actor_id)
        assert abs(y + 95.0 - 4.6 * actor_id) < 0.05 + (x + 400.0) * THRUST_ANGLE_RAD, spec.type_id
        world.dynamics.set_vehicle_control(actor_id, VehicleControl(brake=0.7))
    world.run(8.0)
    assert np.abs(world.dynamics.velocity_mps).max() == 0.0
    assert not world.contacts


def test_twice_the_mass_halves_the_acceleration(place) -> None:
    light, heavy = start(place(), TESLA, throttle=0.3), start(place(), TESLA, throttle=0.3)
    physics = heavy.dynamics.physics_control(1)
    heavy.dynamics.apply_physics_control(1, replace(physics, mass_kg=2 * physics.mass_kg))
    light.run(2.0)
    heavy.run(2.0)
    # rolling resistance scales with the mass, the engine does not: (F - 2 R) / 2 m against (F - R) / m
    assert 0.40 < heavy.speed() / light.speed() < 0.5


def test_tyres_without_friction_neither_brake_nor_steer(place) -> None:
    world = start(place(), speed=10.0, brake=1.0, steer=1.0)
    physics = world.dynamics.physics_control(1)
    ice = tuple(replace(wheel, tire_friction=0.0) for wheel in physics.wheels)
    world.dynamics.apply_physics_control(1, replace(physics, wheels=ice))
    world.run(1.0)
    assert world.velocity()[0] == pytest.approx(10.0, abs=0.1)
    assert world.position()[1] == pytest.approx(0.0, abs=1e-9)


def test_physics_control_comes_back_as_applied_with_wheels_in_the_world(place) -> None:
    world = start(place(), position=(10.0, 20.0, 0.0), rotation=(0.0, math.pi / 2, 0.0))
    physics = world.dynamics.physics_control(1)
    assert physics.mass_kg == 1750
    # front left: 1.425 m ahead (+y now), 0.79 m to the left (+x now), 0.35 m up; centimetres
    assert physics.wheels[0].position_cm == pytest.approx((1079.0, 2142.5, 35.0))
    changed = replace(physics, mass_kg=1800.0, max_rpm=5000.0)
    world.dynamics.apply_physics_control(1, changed)
    assert world.dynamics.physics_control(1) == changed
    with pytest.raises(ValueError, match="it has 4 wheels, got 2"):
        world.dynamics.apply_physics_control(1, replace(physics, wheels=physics.wheels[:2]))
    with pytest.raises(ValueError, match=r"mass must be within 0.001 to 1e\+07, got 0.0"):
        world.dynamics.apply_physics_control(1, replace(physics, mass_kg=0.0))


def test_wheel_loads_carry_the_weight_and_move_forward_under_braking(place) -> None:
    world = start(place(), speed=20.0, brake=0.5)
    world.run(1.0)
    loads = [wheel.tire_load_n for wheel in world.dynamics.telemetry(1).wheels]
    assert sum(loads) == pytest.approx(1750 * G, rel=1e-6)
    assert loads[0] + loads[1] > 1.2 * (loads[2] + loads[3])


def test_the_ackermann_controller_reaches_its_speed_and_stops(place) -> None:
    world = start(place(), position=(-400.0, 0.0, 0.0))
    world.dynamics.apply_ackermann_control(1, AckermannControl(speed_mps=10.0))
    world.run(15.0)
    assert world.speed() == pytest.approx(10.0, abs=0.3)
    world.dynamics.apply_ackermann_control(1, AckermannControl())
    world.run(10.0)
    assert world.speed() == 0.0
    assert world.dynamics.ackermann_settings(1) == AckermannSettings()
    world.dynamics.apply_ackermann_settings(1, AckermannSettings(speed_kp=0.2))
    assert world.dynamics.ackermann_settings(1).speed_kp == 0.2


def test_constant_velocity_holds_whatever_the_brake_does(place) -> None:
    world = start(place(slope_x=0.05), rotation=(0.0, 0.5, 0.0), brake=1.0)
    world.dynamics.set_constant_velocity(1, (8.0, 0.0, 0.0))
    world.run(5.0)
    assert world.velocity()[:2] == pytest.approx([8.0 * math.cos(0.5), 8.0 * math.sin(0.5)])
    world.dynamics.set_constant_velocity(1, None)
    world.run(5.0)
    assert world.speed() == 0.0


def test_force_impulse_and_torque_act_by_mass_and_inertia(place) -> None:
    world = place()
    for actor_id in (1, 2):
        start(world, TESLA, (0.0, 20.0 * actor_id, 50.0), actor_id=actor_id)
        world.dynamics.set_gravity(actor_id, False)
    world.dynamics.add_force(1, (18450.0, 0.0, 0.0))
    world.dynamics.add_torque(1, (0.0, 0.0, 1000.0))
    world.dynamics.add_impulse(2, (1845.0, 0.0, 0.0))
    world.run(0.05)
    assert world.velocity(1)[0] == pytest.approx(10.0 * 0.05)
    assert world.velocity(2)[0] == pytest.approx(1.0)
    inertia = 1845 * (4.792**2 + 2.163**2) / 12
    assert world.dynamics.angular_velocity_radps[0, 2] == pytest.approx(1000.0 * 0.05 / inertia)
    world.run(0.05)
    assert world.velocity(1)[0] == pytest.approx(0.5)  # a force lasts one tick
    assert world.position(1)[2] == 50.0


def test_without_physics_a_car_stays_where_it_is_put(place) -> None:
    world = start(place(), throttle=1.0)
    world.dynamics.set_simulate_physics(1, False)
    world.dynamics.teleport(1, (5.0, 6.0, 7.0), (0.0, 1.0, 0.0))
    world.run(1.0)
    assert world.position().tolist() == [5.0, 6.0, 7.0]
    assert world.rotation().tolist() == [0.0, 1.0, 0.0]


def test_the_same_inputs_give_the_same_bytes(place) -> None:
    def drive() -> bytes:
        world = place(slope_x=0.02)
        rng = np.random.default_rng(7)
        for actor_id, type_id in enumerate(list(VEHICLES)[:20], start=1):
            x, y = 9.0 * (actor_id % 5), 6.0 * (actor_id // 5)
            start(world, VEHICLES[type_id], (x, y, 0.5), (0.0, actor_id, 0.0), actor_id=actor_id)
        for _ in range(40):
            for actor_id in range(1, 21):
                throttle, steer = rng.uniform(0, 1), rng.uniform(-1, 1)
                world.dynamics.set_vehicle_control(actor_id, VehicleControl(throttle=throttle, steer=steer))
            world.run(0.1)
        assert world.contacts
        return (
            world.dynamics.position_m.tobytes() + world.dynamics.rotation_rad.tobytes() + repr(world.contacts).encode()
        )

    assert drive() == drive()


def test_a_long_tick_ends_near_where_short_ticks_do(place) -> None:
    fine, coarse = start(place(), throttle=0.6, steer=0.05), start(place(), throttle=0.6, steer=0.05)
    fine.run(6.0, dt_s=0.01)
    coarse.run(6.0, dt_s=0.5)
    assert coarse.position() == pytest.approx(fine.position(), abs=1.0)
    assert coarse.speed() == pytest.approx(fine.speed(), rel=0.02)


def test_what_is_not_a_number_counts_as_no_command(place) -> None:
    world = start(place(), throttle=math.nan, steer=math.inf, brake=-3.0)
    world.run(1.0)
    assert world.position().tolist() == [0.0, 0.0, 0.0]


def test_an_unknown_actor_or_a_useless_time_step_is_named(place) -> None:
    world = start(place())
    with pytest.raises(LookupError, match="actor 9 has no body"):
        world.dynamics.set_velocity(9, ORIGIN)
    with pytest.raises(ValueError, match="time step must be above 0"):
        world.dynamics.step(0.0, Weather())
    world.dynamics.remove(1)
    assert len(world.dynamics.actor_id) == 0
    assert world.dynamics.step(0.05, Weather()) == []


def test_a_body_points_a_little_to_the_right_of_where_its_wheels_roll(place) -> None:
    """What lies straight ahead is then at an angle above zero, as CARLA's agents want it, even in float 32."""
    world = start(place(), TESLA, throttle=0.4)
    world.run(5.0)
    (vx, vy, _), yaw = world.velocity(), world.rotation()[1]
    assert yaw - math.atan2(vy, vx) == pytest.approx(THRUST_ANGLE_RAD, rel=0.1)
    assert np.float32(math.cos(THRUST_ANGLE_RAD)) < np.float32(1.0)
