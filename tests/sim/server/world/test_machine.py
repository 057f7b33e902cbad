"""The machine: every field of the physics control acts, gears shift smoothly, ticks of any length move alike."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.server.world.machine import box_inertia, check_physics
from sim.server.world.vehicle_spec import VEHICLES, Gear, VehicleControl

CAR = VEHICLES["vehicle.lincoln.mkz_2020"]  # 1750 kg, 183 kW
ZERO = (0.0, 0.0, 0.0)
RPM = 60.0 / (2.0 * math.pi)


def start(world, spec=CAR, speed=0.0, change=None, **control):
    world.dynamics.add_vehicle(1, spec, (-400.0, 0.0, 0.0), ZERO)
    world.dynamics.set_velocity(1, (speed, 0.0, 0.0))
    if change is not None:
        world.dynamics.apply_physics_control(1, change(world.dynamics.physics_control(1)))
    world.dynamics.set_vehicle_control(1, VehicleControl(**control))
    return world


def wheels(**fields):
    return lambda p: replace(p, wheels=tuple(replace(w, **fields) for w in p.wheels))


def driven(place, seconds=3.0, **arguments) -> tuple[float, float]:
    """Speed and heading after a drive."""
    world = start(place(), **arguments)
    world.run(seconds)
    return world.speed(), float(world.rotation()[1])


def test_moments_of_inertia_of_a_box() -> None:
    # m (b^2 + c^2) / 12: 12 kg, 1 x 2 x 3 m
    assert box_inertia(12.0, np.array((1.0, 2.0, 3.0))) == pytest.approx((13.0, 10.0, 5.0))


@pytest.mark.parametrize(
    ("change", "control"),
    [
        (lambda p: replace(p, torque_curve=tuple((rpm, 0.5 * nm) for rpm, nm in p.torque_curve)), {}),
        (lambda p: replace(p, max_rpm=1500.0, use_gear_autobox=False), {}),
        (lambda p: replace(p, moi_kgm2=20.0), {}),
        (lambda p: replace(p, damping_rate_full_throttle=1.0), {}),
        (lambda p: replace(p, gear_switch_time_s=2.5), {"speed": 18.0}),
        (lambda p: replace(p, clutch_strength=0.2), {}),
        (lambda p: replace(p, final_ratio=0.4 * p.final_ratio), {}),
        (lambda p: replace(p, forward_gears=(Gear(0.7, 0.0, 2.0),)), {}),
        (lambda p: replace(p, mass_kg=3000.0), {"throttle": 0.4}),
        (lambda p: replace(p, drag_coefficient=5.0), {"speed": 30.0}),
        (wheels(tire_friction=0.35), {}),
        (wheels(damping_rate=50.0), {}),
        (wheels(radius_cm=80.0), {"throttle": 0.4}),
    ],
    ids=lambda v: "" if not callable(v) else None,
)
def test_a_worse_machine_is_slower_field_by_field(place, change, control) -> None:
    arguments = {"throttle": 1.0, **control}
    assert driven(place, change=change, **arguments)[0] < 0.97 * driven(place, **arguments)[0]


@pytest.mark.parametrize(
    ("change", "control"),
    [
        (wheels(max_brake_torque_nm=300.0), {"brake": 1.0}),
        (wheels(max_handbrake_torque_nm=300.0), {"hand_brake": True}),
        (wheels(tire_friction=1.0), {"brake": 1.0}),
        (lambda p: replace(p, damping_rate_zero_throttle_clutch_engaged=0.0), {"throttle": 0.0}),
        (wheels(damping_rate=0.0), {"manual_gear_shift": True}),
    ],
)
def test_weaker_brakes_stop_later(place, change, control) -> None:
    arguments = {"seconds": 1.0, "speed": 25.0, **control}
    assert driven(place, change=change, **arguments)[0] > 1.002 * driven(place, **arguments)[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: replace(p, steering_curve=((0.0, 0.3), (100.0, 0.3))),
        wheels(max_steer_angle_deg=15.0),
        wheels(tire_friction=0.7),
        wheels(lat_stiff_value=2.0),
        lambda p: replace(p, center_of_mass_m=(1.2, 0.0, 0.0)),  # more weight in front: it pushes outwards
    ],
)
def test_less_steering_turns_less(place, change) -> None:
    arguments = {"seconds": 1.0, "speed": 15.0, "steer": 0.25}
    assert driven(place, change=change, **arguments)[1] < 0.95 * driven(place, **arguments)[1]


def test_the_automatic_shifts_without_a_jerk(place) -> None:
    world = start(place(), throttle=0.6)
    speed, gear = [], []
    for _ in range(1000):
        world.run(0.01, dt_s=0.01)
        speed.append(world.speed())
        gear.append(world.dynamics.control(1).gear)
    acceleration = np.diff(speed) / 0.01
    shifts = np.flatnonzero(np.diff(gear) > 0)
    assert len(shifts) >= 2
    for k in shifts[shifts > 50]:
        before, after = acceleration[k - 40], acceleration[k : k + 60].max()
        assert -0.6 < acceleration[k - 24 : k].min() < 0.0  # the clutch is open: drag and rolling, no more
        assert after < 1.05 * before  # the lower gear had the higher torque; nothing is thrown in


def test_an_engine_idles_and_a_motor_does_not(place) -> None:
    car, tesla = start(place(), brake=1.0), start(place(), VEHICLES["vehicle.tesla.model3"], brake=1.0)
    car.run(1.0)
    tesla.run(1.0)
    assert car.dynamics.telemetry(1).engine_rpm == pytest.approx(800.0)
    assert tesla.dynamics.telemetry(1).engine_rpm == 0.0
    car.dynamics.set_vehicle_control(1, VehicleControl())
    car.run(5.0)
    assert car.speed() == 0.0  # no creep: a fifth of the pedal closes the clutch


def test_in_neutral_full_throttle_revs_to_the_limit_and_moves_nothing(place) -> None:
    world = start(place(), throttle=1.0, manual_gear_shift=True, gear=0)
    world.run(3.0)
    assert world.dynamics.telemetry(1).engine_rpm == pytest.approx(6500.0, rel=0.05)
    assert world.speed() == 0.0


def test_manual_gears_are_engaged_as_told_and_reverse_is_minus_one(place) -> None:
    world = start(place(), speed=20.0, throttle=0.3, manual_gear_shift=True, gear=4)
    world.run(1.0)
    assert world.dynamics.control(1).gear == 4
    ratio = CAR.physics.forward_gears[3].ratio * CAR.physics.final_ratio
    assert world.dynamics.telemetry(1).engine_rpm == pytest.approx(world.speed() / 0.35 * ratio * RPM, rel=0.1)
    backwards = start(place(), throttle=0.5, manual_gear_shift=True, gear=-1)
    backwards.run(3.0)
    assert backwards.velocity()[0] < -1.0


@pytest.mark.parametrize("dt_s", [0.01, 0.02, 0.1])
@pytest.mark.parametrize(
    "control", [{"throttle": 0.7, "steer": 0.03}, {"speed": 25.0, "brake": 0.5, "steer": 0.05}], ids=["drive", "brake"]
)
def test_ticks_of_any_length_move_a_car_alike(place, dt_s, control) -> None:
    ends = []
    for step in (0.05, dt_s):
        world = start(place(), **control)
        world.run(3.0, dt_s=step)
        ends.append((*world.position(), world.rotation()[1], world.speed()))
    assert ends[1] == pytest.approx(ends[0], abs=0.05)


@pytest.mark.parametrize("dt_s", [0.01, 0.1])
@pytest.mark.parametrize("type_id", ["vehicle.mini.cooper_s", "vehicle.carlamotors.firetruck", "vehicle.vespa.zx125"])
def test_nothing_creeps_on_a_steep_slope_with_its_brakes_on(place, type_id, dt_s) -> None:
    world = place(slope_x=0.25, slope_y=0.1)
    world.dynamics.add_vehicle(1, VEHICLES[type_id], (0.0, 0.0, 0.0), (0.0, 0.7, 0.0))
    world.dynamics.set_vehicle_control(1, VehicleControl(brake=1.0))
    world.run(15.0, dt_s=dt_s)  # the springs come to rest to the last bit
    before = world.position().tobytes() + world.rotation().tobytes()
    world.run(15.0, dt_s=dt_s)
    assert world.position().tobytes() + world.rotation().tobytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: replace(p, mass_kg=math.nan), "mass must be within"),
        (lambda p: replace(p, drag_coefficient=math.inf), "drag_coefficient must be within"),
        (lambda p: replace(p, final_ratio=-1.0), "final_ratio must be within"),
        (lambda p: replace(p, center_of_mass_m=(0.0, math.nan, 0.0)), r"center_of_mass\.y must be within"),
        (wheels(radius_cm=0.0), r"wheels\[0\]\.radius must be within"),
        (wheels(tire_friction=-1.0), r"wheels\[0\]\.tire_friction must be within"),
        (lambda p: replace(p, forward_gears=(Gear(),) * 17), "at most 16 forward gears, got 17"),
        (lambda p: replace(p, torque_curve=((0.0, math.nan),)), "torque_curve: all points must be finite"),
        (lambda p: replace(p, steering_curve=((0.0, 1.0),) * 1001), "steering_curve: at most 1000 points"),
    ],
)
def test_an_impossible_machine_is_refused_by_name(change, message) -> None:
    with pytest.raises(ValueError, match=f"physics control of vehicle.lincoln.mkz_2020: {message}"):
        check_physics(CAR, change(CAR.physics))


def test_absurd_but_possible_machines_stay_finite(place) -> None:
    for change in (
        wheels(tire_friction=1e12),
        wheels(max_steer_angle_deg=180.0),
        wheels(long_stiff_value=0.0, lat_stiff_value=0.0, lat_stiff_max_load=0.0),
        lambda p: replace(p, mass_kg=1e-3),
        lambda p: replace(p, torque_curve=(), steering_curve=(), forward_gears=()),
        lambda p: replace(p, torque_curve=((0.0, 1e9),), clutch_strength=1e9, final_ratio=1e4),
        lambda p: replace(p, moi_kgm2=1e-6, drag_coefficient=1e4),
    ):
        world = start(place(), speed=20.0, change=change, throttle=1.0, steer=0.5)
        world.run(3.0)
        state = (world.position(), world.rotation(), world.velocity(), world.dynamics.acceleration_mps2[0])
        assert np.isfinite(state).all()
