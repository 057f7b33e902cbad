"""Between a vehicle's row in the table of bodies and the records of the protocol."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from sim.server.world.bodies import MAX_CURVE_POINTS, MAX_GEARS
from sim.server.world.vehicle_spec import (
    GRAVITY_MPS2,
    RADPS_PER_RPM,
    TIRE_FRICTION,
    VehicleControl,
    VehiclePhysics,
    VehicleSpec,
    VehicleTelemetry,
    WheelPhysics,
    WheelTelemetry,
)

AIR_DENSITY_KGPM3 = 1.2
MAX_CURVE_GIVEN = 1000
"""More points than any measured curve has; what is stored is resampled to ``MAX_CURVE_POINTS``."""
MAX_FRICTION = 100.0
"""Tyres hold whatever comes long before this; beyond, only digits are lost."""
MPS_PER_KMH = 1.0 / 3.6


def check_physics(spec: VehicleSpec, physics: VehiclePhysics) -> None:
    """Raise ValueError, naming the field, for what no machine can be."""
    for name, value, low, high in _bounds(physics):
        if not low <= value <= high:  # also what is not a number
            _refuse(spec, f"{name} must be within {low:g} to {high:g}, got {value}")
    wheels = len(spec.physics.wheels)
    if len(physics.wheels) != wheels:
        _refuse(spec, f"it has {wheels} wheels, got {len(physics.wheels)}; change the wheels of get_physics_control()")
    if len(physics.forward_gears) > MAX_GEARS:
        _refuse(spec, f"at most {MAX_GEARS} forward gears, got {len(physics.forward_gears)}")
    for name, curve in (("torque_curve", physics.torque_curve), ("steering_curve", physics.steering_curve)):
        if len(curve) > MAX_CURVE_GIVEN:
            _refuse(spec, f"{name}: at most {MAX_CURVE_GIVEN} points, got {len(curve)}")
        if not all(math.isfinite(x) and math.isfinite(y) for x, y in curve):
            _refuse(spec, f"{name}: all points must be finite numbers")


def _refuse(spec: VehicleSpec, problem: str) -> NoReturn:
    raise ValueError(f"physics control of {spec.type_id}: {problem}")


def _bounds(p: VehiclePhysics) -> Iterator[tuple[str, float, float, float]]:
    """Field, value, least, most: wide enough for toys and ships, narrow enough that nothing overflows."""
    yield "mass", p.mass_kg, 1e-3, 1e7
    yield "max_rpm", p.max_rpm, 1.0, 1e6
    yield "moi", p.moi_kgm2, 1e-6, 1e6
    yield "damping_rate_full_throttle", p.damping_rate_full_throttle, 0.0, 1e6
    yield "damping_rate_zero_throttle_clutch_engaged", p.damping_rate_zero_throttle_clutch_engaged, 0.0, 1e6
    yield "damping_rate_zero_throttle_clutch_disengaged", p.damping_rate_zero_throttle_clutch_disengaged, 0.0, 1e6
    yield "gear_switch_time", p.gear_switch_time_s, 0.0, 1e3
    yield "clutch_strength", p.clutch_strength, 0.0, 1e9
    yield "final_ratio", p.final_ratio, 0.0, 1e4
    yield "drag_coefficient", p.drag_coefficient, 0.0, 1e4
    for axis, value in zip("xyz", p.center_of_mass_m, strict=True):
        yield f"center_of_mass.{axis}", value, -1e3, 1e3
    for k, gear in enumerate(p.forward_gears):
        yield f"forward_gears[{k}].ratio", gear.ratio, 0.0, 1e4
    for k, wheel in enumerate(p.wheels):
        yield f"wheels[{k}].tire_friction", wheel.tire_friction, 0.0, math.inf
        yield f"wheels[{k}].damping_rate", wheel.damping_rate, 0.0, 1e6
        yield f"wheels[{k}].max_steer_angle", wheel.max_steer_angle_deg, 0.0, 180.0
        yield f"wheels[{k}].radius", wheel.radius_cm, 0.1, 1e4
        yield f"wheels[{k}].max_brake_torque", wheel.max_brake_torque_nm, 0.0, 1e9
        yield f"wheels[{k}].max_handbrake_torque", wheel.max_handbrake_torque_nm, 0.0, 1e9
        yield f"wheels[{k}].lat_stiff_max_load", wheel.lat_stiff_max_load, 0.0, 1e6
        yield f"wheels[{k}].lat_stiff_value", wheel.lat_stiff_value, 0.0, 1e6
        yield f"wheels[{k}].long_stiff_value", wheel.long_stiff_value, 0.0, 1e9


def box_inertia(mass_kg: float, size_m: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Moments of inertia of a solid box about its own axes, kg m^2."""
    x, y, z = (float(side) ** 2 for side in size_m)
    return mass_kg * (y + z) / 12.0, mass_kg * (x + z) / 12.0, mass_kg * (x + y) / 12.0


def write_machine(body: Any, spec: VehicleSpec, physics: VehiclePhysics) -> None:
    """Fill the machine columns of ``body`` (one row of ``BODY``). Wheel positions stay those of the spec.

    Curves of more than 32 points are resampled. Raises ValueError for impossible values (``check_physics``).
    """
    check_physics(spec, physics)
    width = spec.size_m[1]
    body["mass"] = physics.mass_kg
    body["inertia_body"] = box_inertia(physics.mass_kg, np.asarray(spec.size_m))
    body["inertia"] = body["inertia_body"][2]
    body["leans"] = spec.two_wheeled
    body["wheel_base"] = spec.wheel_base_m
    x, y, z = physics.center_of_mass_m
    reach = 0.45 * spec.wheel_base_m  # beyond, an axle would carry nothing
    height = max(spec.mass_centre_height_m + z, 0.1)
    body["mass_centre"] = (min(max(x, -reach), reach), min(max(y, -0.4 * width), 0.4 * width), height)
    body["drag_area"] = 0.5 * AIR_DENSITY_KGPM3 * max(physics.drag_coefficient, 0.0) * spec.frontal_area_m2
    body["front_drive_share"] = spec.front_drive_share
    body["engine_inertia"] = physics.moi_kgm2
    body["damping_full"] = physics.damping_rate_full_throttle
    body["damping_engaged"] = physics.damping_rate_zero_throttle_clutch_engaged
    body["damping_disengaged"] = physics.damping_rate_zero_throttle_clutch_disengaged
    body["autobox"] = physics.use_gear_autobox
    body["switch_s"] = max(physics.gear_switch_time_s, 0.0)
    body["clutch"] = max(physics.clutch_strength, 0.0)
    body["final_ratio"] = physics.final_ratio
    body["max_radps"] = physics.max_rpm * RADPS_PER_RPM
    body["idle_radps"] = min(spec.idle_rpm, 0.5 * physics.max_rpm) * RADPS_PER_RPM
    body["grip_per_friction"] = spec.grip / TIRE_FRICTION
    body["tip_mps2"] = GRAVITY_MPS2 * spec.track_m / 2.0 / max(spec.tipping_height_m + z, 0.05)
    body["peak_torque"] = max((torque for _, torque in physics.torque_curve), default=0.0)
    body["gear_count"] = len(physics.forward_gears)
    for k, gear in enumerate(physics.forward_gears):
        body["gears"][k] = (gear.ratio, gear.down_ratio, gear.up_ratio)
    body["gear"] = min(int(body["gear"]), len(physics.forward_gears))
    body["torque_points"] = _write_curve(body["torque_curve"], physics.torque_curve, RADPS_PER_RPM)
    body["steering_points"] = _write_curve(body["steering_curve"], physics.steering_curve, MPS_PER_KMH)
    _write_wheels(body, spec.physics.wheels, physics.wheels)


def _write_wheels(body: Any, places: tuple[WheelPhysics, ...], wheels: tuple[WheelPhysics, ...]) -> None:
    body["wheel_count"] = len(wheels)
    for k, (place, wheel) in enumerate(zip(places, wheels, strict=True)):
        body["wheel_x"][k], body["wheel_y"][k] = place.position_cm[0] / 100.0, place.position_cm[1] / 100.0
        body["wheel_radius"][k] = wheel.radius_cm / 100.0
        body["wheel_friction"][k] = min(wheel.tire_friction, MAX_FRICTION)
        body["wheel_damping"][k] = wheel.damping_rate
        body["wheel_brake"][k] = wheel.max_brake_torque_nm
        body["wheel_hand_brake"][k] = wheel.max_handbrake_torque_nm
        body["wheel_stiff_load"][k] = wheel.lat_stiff_max_load
        body["wheel_stiff"][k] = wheel.lat_stiff_value
        body["wheel_long_stiff"][k] = wheel.long_stiff_value
        body["wheel_steers"][k] = place.position_cm[0] > 0.0 and wheel.max_steer_angle_deg > 0.0
    body["max_steer"] = math.radians(max(w.max_steer_angle_deg for w in wheels))


def _write_curve(points: Any, curve: tuple[tuple[float, float], ...], scale: float) -> int:
    table = np.array(sorted(curve), np.float64).reshape(-1, 2)
    if len(table) > MAX_CURVE_POINTS:
        x = np.linspace(table[0, 0], table[-1, 0], MAX_CURVE_POINTS)
        table = np.column_stack([x, np.interp(x, table[:, 0], table[:, 1])])
    points[: len(table), 0] = table[:, 0] * scale
    points[: len(table), 1] = table[:, 1]
    return len(table)


def write_control(body: Any, control: VehicleControl) -> None:
    """Take over a command, clamped to its ranges; what is not a number counts as 0."""
    body["throttle"] = _clamp(control.throttle, 0.0)
    body["brake"] = _clamp(control.brake, 0.0)
    body["steer"] = _clamp(control.steer, -1.0)
    body["hand_brake"] = control.hand_brake
    body["reverse"] = control.reverse
    body["manual"] = control.manual_gear_shift
    body["wanted_gear"] = control.gear


def _clamp(value: float, low: float) -> float:
    return min(max(float(value), low), 1.0) if math.isfinite(value) else 0.0


def read_control(body: Any) -> VehicleControl:
    """The last command, with the engaged gear."""
    return VehicleControl(
        throttle=float(body["throttle"]),
        steer=float(body["steer"]),
        brake=float(body["brake"]),
        hand_brake=bool(body["hand_brake"]),
        reverse=bool(body["reverse"]),
        manual_gear_shift=bool(body["manual"]),
        gear=int(body["gear"]),
    )


def read_telemetry(body: Any) -> VehicleTelemetry:
    """What drives and holds the vehicle in this tick."""
    wheels = []
    for k in range(int(body["wheel_count"])):
        load, rest = float(body["wheel_load"][k]), float(body["wheel_rest_load"][k])
        limit = float(body["wheel_grip"][k]) * load
        long, lat = float(body["wheel_long_force"][k]), float(body["wheel_lat_force"][k])
        wheels.append(
            WheelTelemetry(
                tire_friction=float(body["wheel_grip"][k]),
                lat_slip_deg=math.degrees(float(body["wheel_slip_angle"][k])),
                long_slip=float(body["wheel_slip"][k]),
                omega_radps=float(body["wheel_omega"][k]),
                tire_load_n=load,
                normalized_tire_load=load / rest if rest > 0.0 else 0.0,
                torque_nm=float(body["wheel_torque"][k]),
                long_force_n=long,
                lat_force_n=lat,
                normalized_long_force=long / limit if limit > 0.0 else 0.0,
                normalized_lat_force=lat / limit if limit > 0.0 else 0.0,
            )
        )
    return VehicleTelemetry(
        speed_mps=float(np.linalg.norm(body["velocity"])),
        steer=float(body["steer"]),
        throttle=float(body["throttle"]),
        brake=float(body["brake"]),
        engine_rpm=float(body["engine_radps"]) / RADPS_PER_RPM,
        gear=int(body["gear"]),
        drag_n=float(body["drag"]),
        wheels=tuple(wheels),
    )


def world_wheels(wheels: tuple[WheelPhysics, ...], world_from_body: Any, position_m: Any) -> tuple[WheelPhysics, ...]:
    """The wheels with their positions turned from the vehicle frame into the world, cm."""
    out = []
    for wheel in wheels:
        x, y, z = world_from_body @ np.asarray(wheel.position_cm) + 100.0 * np.asarray(position_m)
        out.append(replace(wheel, position_cm=(float(x), float(y), float(z))))
    return tuple(out)
