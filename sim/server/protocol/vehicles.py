"""Vehicle structs of the wire to and from the records of ``vehicle_spec``."""

from __future__ import annotations

from typing import Any

from sim.server.protocol import structs
from sim.server.protocol.wire import WireError
from sim.server.world.vehicle_spec import (
    AckermannControl,
    AckermannSettings,
    Gear,
    VehicleControl,
    VehiclePhysics,
    VehicleTelemetry,
    WheelPhysics,
    WheelTelemetry,
)


def control(value: Any) -> VehicleControl:
    """VehicleControl, clamped to its ranges as the reference server does."""
    throttle, steer, brake, hand_brake, reverse, manual, gear = structs.fields(value, 7, "vehicle control")
    return VehicleControl(
        throttle=_clamp(throttle, 0.0, "throttle"),
        steer=_clamp(steer, -1.0, "steer"),
        brake=_clamp(brake, 0.0, "brake"),
        hand_brake=structs.boolean(hand_brake, "hand_brake"),
        reverse=structs.boolean(reverse, "reverse"),
        manual_gear_shift=structs.boolean(manual, "manual_gear_shift"),
        gear=structs.integer(gear, "gear", -(1 << 31), (1 << 31) - 1),
    )


def _clamp(value: Any, low: float, what: str) -> float:
    return min(1.0, max(low, structs.number(value, what)))


def ackermann_control(value: Any) -> AckermannControl:
    """VehicleAckermannControl."""
    return AckermannControl(*structs.numbers(value, 5, "ackermann control"))


def ackermann_settings(value: Any) -> AckermannSettings:
    """AckermannControllerSettings."""
    return AckermannSettings(*structs.numbers(value, 6, "ackermann settings"))


def ackermann_settings_value(settings: AckermannSettings) -> list[float]:
    """AckermannControllerSettings."""
    s = settings
    return [s.speed_kp, s.speed_ki, s.speed_kd, s.accel_kp, s.accel_ki, s.accel_kd]


def physics(value: Any) -> VehiclePhysics:
    """VehiclePhysicsControl."""
    f = structs.fields(value, 17, "physics control")
    wheels = tuple(_wheel(wheel) for wheel in structs.sequence(f[15], "wheels"))
    gears = tuple(Gear(*structs.numbers(gear, 3, "gear")) for gear in structs.sequence(f[10], "forward_gears"))
    mass_kg = structs.number(f[11], "mass")
    if mass_kg <= 0.0:
        raise WireError(f"mass: expected more than 0 kg, got {mass_kg}")
    scalar = {i: structs.number(f[i], f"physics control field {i}") for i in (1, 2, 3, 4, 5, 7, 8, 9, 12)}
    return VehiclePhysics(
        torque_curve=_curve(f[0], "torque_curve"),
        max_rpm=scalar[1],
        moi_kgm2=scalar[2],
        damping_rate_full_throttle=scalar[3],
        damping_rate_zero_throttle_clutch_engaged=scalar[4],
        damping_rate_zero_throttle_clutch_disengaged=scalar[5],
        use_gear_autobox=structs.boolean(f[6], "use_gear_autobox"),
        gear_switch_time_s=scalar[7],
        clutch_strength=scalar[8],
        final_ratio=scalar[9],
        forward_gears=gears,
        mass_kg=mass_kg,
        drag_coefficient=scalar[12],
        center_of_mass_m=structs.vector(f[13], "center_of_mass"),
        steering_curve=_curve(f[14], "steering_curve"),
        wheels=wheels,
        use_sweep_wheel_collision=structs.boolean(f[16], "use_sweep_wheel_collision"),
    )


def _curve(value: Any, what: str) -> tuple[tuple[float, float], ...]:
    points = [structs.numbers(point, 2, what) for point in structs.sequence(value, what)]
    return tuple((x, y) for x, y in points)


def _wheel(value: Any) -> WheelPhysics:
    f = structs.fields(value, 10, "wheel")
    friction, damping, steer, radius, brake, hand_brake, max_load, lateral, longitudinal = structs.numbers(
        f, 9, "wheel"
    )
    return WheelPhysics(
        friction,
        damping,
        steer,
        radius,
        brake,
        hand_brake,
        max_load,
        lateral,
        longitudinal,
        structs.vector(f[9], "wheel position"),
    )


def physics_value(p: VehiclePhysics) -> list[Any]:
    """VehiclePhysicsControl."""
    return [
        [list(point) for point in p.torque_curve],
        p.max_rpm,
        p.moi_kgm2,
        p.damping_rate_full_throttle,
        p.damping_rate_zero_throttle_clutch_engaged,
        p.damping_rate_zero_throttle_clutch_disengaged,
        p.use_gear_autobox,
        p.gear_switch_time_s,
        p.clutch_strength,
        p.final_ratio,
        [[g.ratio, g.down_ratio, g.up_ratio] for g in p.forward_gears],
        p.mass_kg,
        p.drag_coefficient,
        list(p.center_of_mass_m),
        [list(point) for point in p.steering_curve],
        [_wheel_value(w) for w in p.wheels],
        p.use_sweep_wheel_collision,
    ]


def _wheel_value(w: WheelPhysics) -> list[Any]:
    return [
        w.tire_friction,
        w.damping_rate,
        w.max_steer_angle_deg,
        w.radius_cm,
        w.max_brake_torque_nm,
        w.max_handbrake_torque_nm,
        w.lat_stiff_max_load,
        w.lat_stiff_value,
        w.long_stiff_value,
        [float(x) for x in w.position_cm],
    ]


def telemetry_value(t: VehicleTelemetry) -> list[Any]:
    """VehicleTelemetryData."""
    wheels = [_wheel_telemetry(w) for w in t.wheels]
    return [t.speed_mps, t.steer, t.throttle, t.brake, t.engine_rpm, int(t.gear), t.drag_n, wheels]


def _wheel_telemetry(w: WheelTelemetry) -> list[float]:
    return [
        w.tire_friction,
        w.lat_slip_deg,
        w.long_slip,
        w.omega_radps,
        w.tire_load_n,
        w.normalized_tire_load,
        w.torque_nm,
        w.long_force_n,
        w.lat_force_n,
        w.normalized_long_force,
        w.normalized_lat_force,
    ]
