"""Pushes, machines, props and friction triggers, as the official client asks for them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import carla
import pytest

from tests.sim.server.serving import Running, running_server

STEP_S = 0.05
LANE_Y = 1.75  # the right lane of the straight road
CAR = "vehicle.lincoln.mkz_2020"  # 1750 kg, 4.892 x 1.837 x 1.490 m
YAW_INERTIA = 1750 * (4.892**2 + 1.837**2) / 12
UNREAL = 180.0 / math.pi * 1e4  # kg cm^2 deg/s in a N m s


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running_server("real", "straight") as running:
        yield running


@pytest.fixture
def world(server: Running) -> carla.World:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    for actor in world.get_actors():
        if actor.type_id.split(".")[0] in ("vehicle", "static"):
            actor.destroy()
    world.set_weather(carla.WeatherParameters())
    world.tick()
    return world


def spawn(world: carla.World, name: str, x: float, y: float = LANE_Y, z: float = 0.1, roll=0.0, **attributes: str):
    blueprint = world.get_blueprint_library().find(name)
    for key, value in attributes.items():
        blueprint.set_attribute(key, value)
    actor = world.spawn_actor(blueprint, carla.Transform(carla.Location(x, y, z), carla.Rotation(roll=roll)))
    world.tick()
    return actor


def plain(value):
    """A value of the client as numbers: lists and structs are its parts."""
    if isinstance(value, bool | int | float):
        return value
    if hasattr(value, "__len__"):
        return [plain(part) for part in value]
    names = [name for name in dir(value) if not name.startswith("_") and not callable(getattr(value, name))]
    return {name: plain(getattr(value, name)) for name in names if name != "position"}  # a place, which moves


def run(world: carla.World, seconds: float) -> None:
    for _ in range(round(seconds / STEP_S)):
        world.tick()


def test_an_applied_physics_control_comes_back_field_by_field(world: carla.World) -> None:
    car = spawn(world, CAR, 50.0)
    physics = car.get_physics_control()
    assert [wheel.tire_friction for wheel in physics.wheels] == [3.5] * 4  # as every vehicle of CARLA
    physics.torque_curve = [carla.Vector2D(0.0, 300.0), carla.Vector2D(4000.0, 450.0)]
    physics.steering_curve = [carla.Vector2D(0.0, 1.0), carla.Vector2D(100.0, 0.5)]
    physics.max_rpm, physics.moi, physics.mass, physics.drag_coefficient = 5500.0, 0.75, 2000.0, 0.25
    physics.damping_rate_full_throttle = 0.125
    physics.damping_rate_zero_throttle_clutch_engaged = 1.5
    physics.damping_rate_zero_throttle_clutch_disengaged = 0.5
    physics.use_gear_autobox, physics.gear_switch_time, physics.clutch_strength = False, 0.25, 12.0
    physics.final_ratio, physics.center_of_mass = 3.5, carla.Vector3D(0.25, 0.0, -0.125)
    physics.forward_gears = [carla.GearPhysicsControl(3.0, 0.25, 0.75), carla.GearPhysicsControl(1.5, 0.25, 0.75)]
    wheels = physics.wheels
    for k, wheel in enumerate(wheels):
        wheel.tire_friction, wheel.damping_rate, wheel.radius = 2.0 + k, 0.5, 32.0 + k
        wheel.max_steer_angle = 50.0 if k < 2 else 0.0
        wheel.max_brake_torque, wheel.max_handbrake_torque = 1000.0, 2500.0
        wheel.lat_stiff_max_load, wheel.lat_stiff_value, wheel.long_stiff_value = 3.0, 16.0, 900.0
    physics.wheels = wheels
    car.apply_physics_control(physics)
    back = car.get_physics_control()
    assert len(plain(back)) == 17
    assert plain(back) == plain(physics)


@pytest.mark.parametrize(
    ("field", "value"),
    [("mass", math.nan), ("mass", -5.0), ("max_rpm", math.inf), ("moi", 0.0), ("drag_coefficient", 1e9)],
)
def test_an_impossible_machine_is_refused_and_the_old_one_stays(world: carla.World, field: str, value: float) -> None:
    car = spawn(world, CAR, 50.0)
    physics = car.get_physics_control()
    setattr(physics, field, value)
    car.apply_physics_control(physics)
    run(world, 0.5)
    assert car.get_physics_control().mass == 1750.0
    assert math.isfinite(car.get_location().x)


def test_a_batch_says_what_is_wrong_with_a_machine(world: carla.World, server: Running) -> None:
    car = spawn(world, CAR, 50.0)
    physics = car.get_physics_control()
    physics.mass = -5.0
    client = carla.Client("127.0.0.1", server.port)
    (result,) = client.apply_batch_sync([carla.command.ApplyVehiclePhysicsControl(car.id, physics)], False)
    assert "mass" in result.error


def test_tyres_have_the_friction_of_the_trigger_they_are_in(world: carla.World) -> None:
    box = {"friction": "0.0", "extent_x": "2000.0", "extent_y": "1000.0", "extent_z": "500.0"}  # centimetres
    trigger = spawn(world, "static.trigger.friction", 60.0, **box)
    car = spawn(world, CAR, 60.0)
    assert [wheel.tire_friction for wheel in car.get_physics_control().wheels] == [0.0] * 4
    car.set_target_velocity(carla.Vector3D(10.0, 0.0, 0.0))
    car.apply_control(carla.VehicleControl(brake=1.0))
    run(world, 1.5)
    assert car.get_velocity().x == pytest.approx(10.0, abs=0.15)  # ice: nothing brakes but the air
    run(world, 2.0)  # out of it at x = 80
    assert car.get_velocity().x == 0.0
    assert [wheel.tire_friction for wheel in car.get_physics_control().wheels] == [3.5] * 4
    trigger.destroy()


def test_a_prop_is_a_wall_until_its_physics_are_switched_on(world: carla.World) -> None:
    bin_ = spawn(world, "static.prop.bin", 80.0)
    start = bin_.get_location()
    bin_.add_impulse(carla.Vector3D(1000.0, 0.0, 0.0))
    run(world, 0.5)
    assert bin_.get_location() == start
    bin_.set_simulate_physics(True)
    world.tick()
    bin_.add_impulse(carla.Vector3D(200.0, 0.0, 0.0))
    run(world, 1.0)
    assert bin_.get_location().x > 80.3
    run(world, 6.0)
    assert bin_.get_velocity().length() == 0.0


def test_a_mesh_with_a_mass_falls_and_one_without_hangs(world: carla.World) -> None:
    heavy = spawn(world, "static.prop.mesh", 90.0, z=5.0, mesh_path="/Game/box", mass="50.0")
    light = spawn(world, "static.prop.mesh", 100.0, z=5.0, mesh_path="/Game/box")
    run(world, 2.0)
    assert heavy.get_location().z < 0.5
    assert light.get_location().z == 5.0


def test_a_car_on_its_roof_reports_a_rollover(world: carla.World) -> None:
    car = spawn(world, CAR, 110.0, z=1.6, roll=180.0)
    assert car.get_failure_state() == carla.VehicleFailureState.NONE
    run(world, 6.0)
    assert car.get_failure_state() == carla.VehicleFailureState.Rollover
    assert abs(car.get_transform().rotation.roll) == pytest.approx(180.0, abs=1.0)
    car.set_transform(carla.Transform(carla.Location(110.0, LANE_Y, 0.2)))
    run(world, 1.0)
    assert car.get_failure_state() == carla.VehicleFailureState.NONE


def test_an_angular_impulse_is_in_unreals_unit(world: carla.World) -> None:
    car = spawn(world, CAR, 130.0, z=50.0)
    car.set_enable_gravity(False)
    car.set_target_velocity(carla.Vector3D())
    world.tick()
    car.add_angular_impulse(carla.Vector3D(0.0, 0.0, 0.5 * YAW_INERTIA * UNREAL))  # 0.5 rad/s
    run(world, 1.0)
    assert car.get_angular_velocity().z == pytest.approx(math.degrees(0.5), rel=1e-3)
    car.add_impulse(carla.Vector3D(0.0, 1750.0, 0.0))
    world.tick()
    assert car.get_velocity().y == pytest.approx(1.0, abs=1e-3)
    car.add_force(carla.Vector3D(17500.0, 0.0, 0.0))
    run(world, 0.1)
    assert car.get_velocity().x == pytest.approx(0.5, abs=1e-3)  # 10 m/s^2 for one tick of 0.05 s


def test_no_push_however_absurd_breaks_the_world(world: carla.World) -> None:
    car = spawn(world, CAR, 130.0)
    for push in (car.add_impulse, car.add_force, car.add_angular_impulse, car.add_torque):
        for size in (math.nan, math.inf, 1e38):
            push(carla.Vector3D(size, -size, size))
    car.set_target_velocity(carla.Vector3D(1e7, 0.0, 0.0))
    run(world, 1.0)
    assert all(math.isfinite(v) for v in (*plain(car.get_location()).values(), *plain(car.get_velocity()).values()))


def test_substeps_as_fine_as_asked_end_where_the_default_does(world: carla.World) -> None:
    ends = []
    settings = world.get_settings()
    for longest, most in ((0.01, 10), (0.0025, 16)):
        settings.substepping, settings.max_substep_delta_time, settings.max_substeps = True, longest, most
        world.apply_settings(settings)
        car = spawn(world, CAR, 150.0)
        run(world, 0.5)
        car.apply_control(carla.VehicleControl(throttle=0.7, steer=-0.01))
        run(world, 3.0)
        ends.append(car.get_location())
        car.destroy()
        world.tick()
    assert 0.0 < ends[0].distance(ends[1]) < 0.1  # finer steps, another rounding; 15 m in three seconds


def test_what_an_attached_vehicle_lacks_is_said(world: carla.World) -> None:
    car = spawn(world, CAR, 200.0)
    blueprint = world.get_blueprint_library().find("vehicle.bh.crossbike")
    carried = world.spawn_actor(blueprint, carla.Transform(carla.Location(z=2.0)), attach_to=car)
    world.tick()
    assert carried.get_location().distance(car.get_location()) == pytest.approx(2.0, abs=0.05)
    with pytest.raises(RuntimeError, match="is attached to actor"):
        carried.get_physics_control()
    carried.destroy()


@pytest.mark.parametrize("call", ["enable_carsim", "use_carsim_road", "enable_chrono_physics", "restore_physx_physics"])
def test_other_engines_leave_the_vehicle_with_its_own(world: carla.World, call: str) -> None:
    car = spawn(world, CAR, 250.0)
    arguments = {
        "enable_carsim": ("file.sim",),
        "use_carsim_road": (True,),
        "enable_chrono_physics": (5000, 0.002, "a.json", "b.json", "c.json", "/data/"),
        "restore_physx_physics": (),
    }[call]
    getattr(car, call)(*arguments)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    run(world, 2.0)
    assert car.get_velocity().x > 3.0
