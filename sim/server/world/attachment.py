"""Where attached actors are: rigid mounts and spring arms."""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from sim.server.world.pose import euler_of, rotation_matrix

Array = npt.NDArray[np.float64]


class Attachment(IntEnum):
    """AttachmentType of the wire."""

    RIGID = 0
    SPRING_ARM = 1
    SPRING_ARM_GHOST = 2


def attached_pose(
    kind: Attachment, parent_m: Array, parent_rad: Array, relative_m: Array, relative_rad: Array
) -> tuple[Array, Array]:
    """World position (3,) and pitch, yaw, roll (3,) of a child.

    Rigid: the child moves with its parent as one body. Spring arm: the arm takes over the parent's yaw only, so
    it neither pitches nor rolls with it; the child sits at its end, looking from the offset at the parent, and
    its own rotation is applied on top of that look.
    """
    own = rotation_matrix(*relative_rad.tolist())
    if kind == Attachment.RIGID:
        frame = rotation_matrix(*parent_rad.tolist())
        return parent_m + frame @ relative_m, np.array(euler_of(frame @ own))
    frame = rotation_matrix(0.0, float(parent_rad[1]), 0.0)
    x, y, z = relative_m.tolist()
    level = math.hypot(x, y)
    look = rotation_matrix(math.atan2(-z, level), math.atan2(-y, -x), 0.0) if level > 1e-6 else np.eye(3)
    pitch, yaw, _ = euler_of(frame @ look @ own)
    return parent_m + frame @ relative_m, np.array((pitch, yaw, 0.0))
