"""Where attached actors are: rigid mounts and spring arms.

A spring arm is Unreal's ``USpringArmComponent`` as CARLA sets it up: it takes over its parent's yaw alone, which it
follows with a lag; its end, where the child is, looks back along the arm; the child's own rotation comes on top. The
arm of ``SPRING_ARM`` starts 30 cm above its parent and is drawn in where something static stands in its way;
``SPRING_ARM_GHOST`` starts at the parent's origin and passes through everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sim.server.world.pose import euler_of, rotation_matrix

if TYPE_CHECKING:
    from sim.server.scene.ground import Ground
    from sim.server.scene.static import Box

Array = npt.NDArray[np.float64]

ARM_LIFT_M = 0.3
LAG_PER_S = 8.0
"""CameraRotationLagSpeed of CARLA's arms."""
LAG_STEP_S = 1.0 / 60.0
"""Unreal follows in steps of at most this, so that the lag does not depend on the frame rate."""
PROBE_M = 0.12
"""Radius of the sphere that the arm's end pushes ahead: Unreal's default."""
GROUND_SAMPLES = 9
LEVEL_RAD = 1e-9
"""A roll of less is the rounding of a level arm."""


class Attachment(IntEnum):
    """AttachmentType of the wire."""

    RIGID = 0
    SPRING_ARM = 1
    SPRING_ARM_GHOST = 2


class Walls:
    """What draws spring arms in: the static boxes of a map, and its ground."""

    def __init__(self, boxes: Sequence[Box], ground: Ground | None) -> None:
        self._ground = ground
        self._centre = np.array([box.centre_m for box in boxes], np.float64).reshape(-1, 3)
        self._half = np.array([box.half_m for box in boxes], np.float64).reshape(-1, 3) + PROBE_M
        yaw = np.array([box.yaw_rad for box in boxes], np.float64)
        self._cos, self._sin = np.cos(yaw), np.sin(yaw)

    def clear_share(self, start_m: Array, end_m: Array) -> float:
        """Share 0..1 of the way from start to end, (3,) each, that is free."""
        way = end_m - start_m
        share = 1.0
        near = np.linalg.norm(self._centre - start_m, axis=1) < np.linalg.norm(self._half, axis=1) + np.linalg.norm(way)
        if near.any():
            share = self._first_box(near, start_m, way)
        if self._ground is not None:
            t = np.linspace(1.0 / GROUND_SAMPLES, 1.0, GROUND_SAMPLES)
            points = start_m + way * t[:, None]
            low = np.flatnonzero(points[:, 2] < self._ground.heights(points + np.array((0.0, 0.0, 1.0))) + PROBE_M)
            if len(low):
                share = min(share, float(t[low[0]]) - 1.0 / GROUND_SAMPLES)
        return share

    def _first_box(self, near: npt.NDArray[np.bool_], start_m: Array, way: Array) -> float:
        offset, half, cos, sin = start_m - self._centre[near], self._half[near], self._cos[near], self._sin[near]
        x, y = cos * offset[:, 0] + sin * offset[:, 1], cos * offset[:, 1] - sin * offset[:, 0]
        origin = np.column_stack([x, y, offset[:, 2]])
        along = np.column_stack([cos * way[0] + sin * way[1], cos * way[1] - sin * way[0], np.full(len(cos), way[2])])
        along = np.where(np.abs(along) < 1e-9, 1e-9, along)
        one, two = (-half - origin) / along, (half - origin) / along
        enter, leave = np.minimum(one, two).max(axis=1), np.maximum(one, two).min(axis=1)
        hit = (enter <= leave) & (leave >= 0.0) & (enter >= 0.0) & (enter <= 1.0)
        return float(enter[hit].min()) if hit.any() else 1.0


class SpringArm:
    """One arm, with the yaw that it has followed its parent to."""

    def __init__(self, kind: Attachment, yaw_rad: float, walls: Walls | None = None) -> None:
        """yaw_rad of the parent when it was mounted; walls draw in an arm of ``SPRING_ARM``."""
        self._lift = np.array((0.0, 0.0, ARM_LIFT_M if kind == Attachment.SPRING_ARM else 0.0))
        self._walls = walls if kind == Attachment.SPRING_ARM else None
        self.yaw_rad = yaw_rad

    def follow(self, parent_yaw_rad: float, dt_s: float) -> None:
        """One tick of the lag."""
        turn = math.remainder(parent_yaw_rad - self.yaw_rad, 2.0 * math.pi)
        target, left = self.yaw_rad, dt_s
        while left > 1e-9:
            step = min(LAG_STEP_S, left)
            target += turn * step / dt_s
            self.yaw_rad += (target - self.yaw_rad) * min(1.0, step * LAG_PER_S)
            left -= step

    def pose(self, parent_m: Array, relative_m: Array, relative_rad: Array) -> tuple[Array, Array]:
        """World position (3,) and pitch, yaw, roll (3,) of the child at its end."""
        frame = rotation_matrix(0.0, self.yaw_rad, 0.0)
        start = parent_m + self._lift
        end = start + frame @ relative_m
        if self._walls is not None:
            end = start + (end - start) * self._walls.clear_share(start, end)
        x, y, z = relative_m.tolist()
        level = math.hypot(x, y)
        look = np.eye(3)
        if level > 1e-6 or abs(z) > 1e-6:
            look = rotation_matrix(math.atan2(-z, level), math.atan2(-y, -x) if level > 1e-6 else 0.0, 0.0)
        own = rotation_matrix(*relative_rad.tolist())
        pitch, yaw, roll = euler_of(frame @ look @ own)
        return end, np.array((pitch, yaw, roll if abs(roll) > LEVEL_RAD else 0.0))


def attached_pose(
    kind: Attachment, parent_m: Array, parent_rad: Array, relative_m: Array, relative_rad: Array
) -> tuple[Array, Array]:
    """World position (3,) and pitch, yaw, roll (3,) of a child; a spring arm is taken without lag and walls."""
    if kind != Attachment.RIGID:
        return SpringArm(kind, float(parent_rad[1])).pose(parent_m, relative_m, relative_rad)
    frame = rotation_matrix(*parent_rad.tolist())
    own = rotation_matrix(*relative_rad.tolist())
    return parent_m + frame @ relative_m, np.array(euler_of(frame @ own))
