"""The moving bodies as one table: a structured array that the compiled kernels step in place.

One row per vehicle, walker or prop, sorted by actor id. CARLA's frame (left-handed, z up), SI, radians; "body
frame" is x forward, y right. A positive yaw rate turns x towards y, so velocities of points of the body follow the
usual cross product: ``v(p) = v + yaw_rate * (-p_y, p_x)``.

A body is in one of two states. Upright bodies (vehicles that drive, walkers) move in the plane and stand on the ground:
that is cheap and never wobbles. ``tumbling`` bodies are free in all six degrees (``tumble_kernel``): vehicles that
were thrown, tipped or spawned on their side, and props with physics.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

VEHICLE, WALKER, PROP = 0, 1, 2

MAX_WHEELS = 4
MAX_GEARS = 16
MAX_CURVE_POINTS = 32

Bodies = npt.NDArray[Any]
"""Structured array of ``BODY``."""

_F = np.float64
_B = np.bool_
_I = np.int64
_W = (MAX_WHEELS,)

BODY = np.dtype(
    [
        # what and where
        ("actor_id", _I),
        ("kind", _I),  # VEHICLE, WALKER, PROP
        ("position", _F, (3,)),  # vehicle: on the ground, centre of the footprint; walker: centre of the capsule
        ("rotation", _F, (3,)),  # pitch, yaw, roll
        ("velocity", _F, (3,)),  # of the mass centre, world
        ("yaw_rate", _F),
        ("tumbling", _B),
        ("spin", _F, (3,)),  # angular velocity while tumbling, world
        ("frame", _F, (3, 3)),  # world from body while tumbling
        ("still_s", _F),  # how long a tumbling body has been at rest
        ("upright_s", _F),  # how long a tumbling vehicle has been calm on its wheels
        ("angular_velocity", _F, (3,)),  # world
        ("acceleration", _F, (3,)),  # world, mean over the last tick
        # collision shape: upright box, or for walkers a cylinder of radius half[0]
        ("half", _F, (3,)),
        ("centre", _F, (3,)),  # of the box in the body frame
        ("mass", _F),
        ("inertia", _F),  # about the vertical axis, kg m^2
        ("inertia_body", _F, (3,)),  # about the body's axes through the mass centre, kg m^2
        # how it takes part
        ("simulate", _B),  # false: moved by others only, immovable for collisions
        ("collide", _B),
        ("gravity", _B),
        ("airborne", _B),
        ("constant_speed", _B),
        ("constant_velocity", _F, (3,)),  # body frame, while constant_speed
        ("force", _F, (3,)),  # of this tick, world
        ("torque", _F, (3,)),  # of this tick, world
        ("normal", _F, (3,)),  # of the ground under the body
        # walkers
        ("direction", _F, (3,)),  # unit, or zero: stands
        ("walk_speed", _F),
        ("jump", _B),
        ("knocked_s", _F),  # time left on the ground after a knock-down
        # vehicle: command
        ("throttle", _F),
        ("steer", _F),
        ("brake", _F),
        ("hand_brake", _B),
        ("reverse", _B),
        ("manual", _B),
        ("wanted_gear", _I),
        # vehicle: state
        ("steer_angle", _F),  # of the centre line
        ("gear", _I),
        ("next_gear", _I),
        ("switch_left_s", _F),
        ("engine_radps", _F),
        ("push_long", _F),  # tyre force per mass, smoothed: what tilts the body and shifts the load, m/s^2
        ("push_lat", _F),
        ("ground_pitch", _F),
        ("ground_roll", _F),
        ("body_pitch", _F),  # of the suspension, on top of the ground's
        ("body_roll", _F),
        ("wheel_angle", _F),  # rolling angle of the front wheels
        ("drag", _F),  # N
        ("trigger_friction", _F),  # tire_friction of the friction trigger that it is in; below 0: in none
        ("failure", _I),  # VehicleFailureState: 0 none, 1 rollover
        ("rollover_stage", _I),
        ("rollover_s", _F),  # time on its roof
        # vehicle: machine
        ("leans", _B),
        ("wheel_count", _I),
        ("wheel_base", _F),
        ("mass_centre", _F, (3,)),  # in the body frame; z: height over ground
        ("drag_area", _F),  # 0.5 x air density x drag coefficient x frontal area, kg/m
        ("front_drive_share", _F),
        ("engine_inertia", _F),
        ("damping_full", _F),
        ("damping_engaged", _F),
        ("damping_disengaged", _F),
        ("autobox", _B),
        ("switch_s", _F),
        ("clutch", _F),
        ("final_ratio", _F),
        ("max_radps", _F),
        ("idle_radps", _F),
        ("tip_mps2", _F),  # lateral acceleration at which the inner wheels lift
        ("grip_per_friction", _F),  # friction coefficient per unit of tire_friction
        ("peak_torque", _F),
        ("gear_count", _I),
        ("gears", _F, (MAX_GEARS, 3)),  # ratio, down ratio, up ratio
        ("torque_points", _I),
        ("torque_curve", _F, (MAX_CURVE_POINTS, 2)),  # rad/s, N m
        ("steering_points", _I),
        ("steering_curve", _F, (MAX_CURVE_POINTS, 2)),  # m/s, factor
        ("max_steer", _F),
        # vehicle: wheels, front left, front right, back left, back right (two-wheelers: front, back)
        ("wheel_x", _F, _W),  # from the origin, body frame
        ("wheel_y", _F, _W),
        ("wheel_radius", _F, _W),
        ("wheel_friction", _F, _W),
        ("wheel_damping", _F, _W),
        ("wheel_steers", _I, _W),
        ("wheel_brake", _F, _W),
        ("wheel_hand_brake", _F, _W),
        ("wheel_stiff_load", _F, _W),
        ("wheel_stiff", _F, _W),
        ("wheel_long_stiff", _F, _W),
        ("wheel_surface", _I, _W),  # kind of ground under it: OFF_ROAD, ROAD, SIDEWALK
        ("wheel_grip", _F, _W),  # friction coefficient in this tick
        ("wheel_load", _F, _W),
        ("wheel_rest_load", _F, _W),
        ("wheel_slip_angle", _F, _W),
        ("wheel_slip", _F, _W),
        ("wheel_omega", _F, _W),
        ("wheel_torque", _F, _W),
        ("wheel_long_force", _F, _W),
        ("wheel_lat_force", _F, _W),
    ],
    align=True,
)
