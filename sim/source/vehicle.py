"""Sizes of the driven car, as the server tells them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perception.frame import VehicleModel
from sim.source import conversion

TYPICAL_WHEELBASE = 0.6
"""Wheelbase over length, for a server that does not tell where the wheels are."""
DEFAULT_LOCK_DEG = 70.0  # of CARLA's wheels, for a vehicle without any


def vehicle_model(actor: Any) -> VehicleModel:
    """Model of a ``carla.Vehicle`` that stands in the world; wheel positions are world centimetres on the wire."""
    box = actor.bounding_box
    length, width, height = (2.0 * float(e) for e in (box.extent.x, box.extent.y, box.extent.z))
    wheels = actor.get_physics_control().wheels
    ego_from_world = np.linalg.inv(conversion.matrix(actor.get_transform()))
    places = [0.01 * conversion.vector(wheel.position) for wheel in wheels]
    along = sorted(float((ego_from_world @ [*place, 1.0])[0]) for place in places)
    wheelbase, rear = TYPICAL_WHEELBASE * length, 0.5 * TYPICAL_WHEELBASE * length
    if len(along) >= 2 and 0.3 * length < along[-1] - along[0] < length:
        wheelbase, rear = along[-1] - along[0], -along[0]
    lock_deg = max((float(wheel.max_steer_angle) for wheel in wheels), default=DEFAULT_LOCK_DEG)
    return VehicleModel(length, width, height, wheelbase, rear, math.radians(lock_deg))
