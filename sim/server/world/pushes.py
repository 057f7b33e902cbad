"""How one body is put down, set free and turned: the small steps behind the pushes of ``Dynamics``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.world.bodies import VEHICLE
from sim.server.world.pose import rotation_matrix

Array = npt.NDArray[np.float64]
Vector = Sequence[float] | Array

LEVEL_COS = 0.7
"""A vehicle that is put down tilted by more than 45 degrees falls over instead of driving."""
HARD_TURN_RADPS = 0.5
"""A blow that makes a vehicle roll or pitch faster than this lifts it off its wheels; the springs take lesser ones."""
KICK_S = 0.2
"""The springs let a lesser blow turn the body for about this long."""


def lie_as_rotated(body: Any) -> None:
    """Until the next look at the ground, the ground is as tilted as the body."""
    body["ground_pitch"], body["ground_roll"] = body["rotation"][0], body["rotation"][2]
    body["body_pitch"] = body["body_roll"] = 0.0
    if body["kind"] == VEHICLE:
        up = rotation_matrix(*body["rotation"])[:, 2]
        body["normal"] = up if up[2] > LEVEL_COS else (0.0, 0.0, 1.0)
        body["tumbling"] = False
        if up[2] <= LEVEL_COS:
            free(body)
    elif body["tumbling"]:
        free(body)


def free(body: Any) -> None:
    """Let a body move in all six degrees; it keeps its spin, or the yaw rate if it drove (``start_tumbling``)."""
    if not body["tumbling"]:
        body["spin"] = (0.0, 0.0, body["yaw_rate"])
    body["tumbling"], body["still_s"], body["upright_s"] = True, 0.0, 0.0
    body["frame"] = rotation_matrix(*body["rotation"])


def world_mass_centre(body: Any) -> Array:
    """Mass centre (3,) of a body, world."""
    return np.asarray(body["position"] + rotation_matrix(*body["rotation"]) @ body["mass_centre"])


def turn(body: Any, change_radps: Array) -> None:
    """Change how a body turns (3,), world. A vehicle on its wheels takes a slow roll or pitch with its springs."""
    if body["tumbling"]:
        body["spin"] += change_radps
        body["yaw_rate"] = body["spin"][2]
        return
    body["yaw_rate"] += change_radps[2]
    level = math.hypot(change_radps[0], change_radps[1])
    if body["kind"] != VEHICLE or level == 0.0:
        return
    if level > HARD_TURN_RADPS or body["airborne"] or not body["gravity"]:
        free(body)
        body["spin"][:2] += change_radps[:2]
        return
    cos, sin = math.cos(body["rotation"][1]), math.sin(body["rotation"][1])
    body["body_roll"] -= KICK_S * (cos * change_radps[0] + sin * change_radps[1])
    body["body_pitch"] -= KICK_S * (cos * change_radps[1] - sin * change_radps[0])
