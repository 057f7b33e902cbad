"""What a camera without light sees of the surface at each pixel's centre: its normal, its motion, its material.

Optical flow is the difference of two projections: of the point that a pixel shows, and of where that point of the
same body was at the last measurement, through the camera as it was then. Bodies move rigidly: rolling wheels and
walking legs have the motion of their body.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.server.sensors.geometry import BODY_SHIFT
from sim.server.sensors.instances import Instances
from sim.server.sensors.kernel import F32, F64, I32, U8, Tables, kernel
from sim.server.sensors.raster import camera_block
from sim.server.world.pose import rotation_matrices, rotation_matrix

NO_MATERIAL = 255
"""Of a pixel that shows the sky."""
MAX_FLOW = 2.0
"""CARLA's range of a flow value: two picture halves; its encoding holds no more."""
BEHIND_M = 0.01
"""A point that was this near or behind the old camera has no projection: its flow is cut at ``MAX_FLOW``."""


@dataclass(frozen=True)
class Motion:
    """What moved since the last measurement of a camera.

    camera (12,): ``camera_block`` of the last measurement; bodies (max(n, 1), 12): row-major 3 x 4 map of each
    instance's points of now to their place then.
    """

    camera: F64
    bodies: F64

    @staticmethod
    def since(position_m: F64, rotation_rad: F64, then: Instances, now: Instances) -> Motion:
        """From the pose (3,) and (3,) and the bodies of the last measurement, and the bodies of now.

        A body that was not there then has not moved.
        """
        return Motion(camera_block(position_m, rotation_matrix(*map(float, rotation_rad))), _backward(then, now))


def _backward(then: Instances, now: Instances) -> F64:
    n = len(now.actor_id)
    out = np.zeros((max(n, 1), 12))
    out[:, [0, 5, 10]] = 1.0
    if n == 0 or len(then.actor_id) == 0:
        return out
    row = np.minimum(np.searchsorted(then.actor_id, now.actor_id), len(then.actor_id) - 1)
    known = then.actor_id[row] == now.actor_id
    old, new = rotation_matrices(then.rotation_rad[row]), rotation_matrices(now.rotation_rad)
    turn = old @ new.transpose(0, 2, 1)  # (n, 3, 3)
    shift = then.position_m[row] - np.einsum("nij,nj->ni", turn, now.position_m)
    moved = np.concatenate([turn, shift[:, :, None]], axis=2).reshape(n, 12)
    out[known] = moved[known]
    return out


@kernel
def surface_pixels(
    worker: int, workers: int, slot: I32, edges: F32, face_of_slot: I32, geometry: Tables, normal: F32, material: U8
) -> None:
    """Unit world normal (h, w, 3) of the surface, zero in the sky, and material (h, w) of every pixel."""
    _, normals, _, faces, materials, _, _ = geometry
    height, width = slot.shape
    for y in range(worker, height, workers):
        for x in range(width):
            s = slot[y, x]
            if s < 0:
                normal[y, x, 0], normal[y, x, 1], normal[y, x, 2] = 0.0, 0.0, 0.0
                material[y, x] = NO_MATERIAL
                continue
            f = face_of_slot[s]
            material[y, x] = materials[f]
            px, py = x + 0.5, y + 0.5
            e0 = edges[s, 0] * px + edges[s, 1] * py + edges[s, 2]
            e1 = edges[s, 3] * px + edges[s, 4] * py + edges[s, 5]
            e2 = edges[s, 6] * px + edges[s, 7] * py + edges[s, 8]
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            nx = normals[a, 0] * e0 + normals[b, 0] * e1 + normals[c, 0] * e2
            ny = normals[a, 1] * e0 + normals[b, 1] * e1 + normals[c, 1] * e2
            nz = normals[a, 2] * e0 + normals[b, 2] * e1 + normals[c, 2] * e2
            per = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-20)
            normal[y, x, 0], normal[y, x, 1], normal[y, x, 2] = nx * per, ny * per, nz * per


@kernel
def flow_pixels(
    worker: int, workers: int, inverse_depth: F32, slot: I32, face_of_slot: I32, geometry: Tables, static_faces: int,
    cam: F64, old: F64, bodies: F64, focal: float, flow: F32,
) -> None:  # fmt: skip
    """Motion (h, w, 2) since the last measurement: right and up, in halves of the picture, as CARLA has it."""
    _, _, _, _, _, param, _ = geometry
    height, width = slot.shape
    cx, cy = width * 0.5, height * 0.5
    for y in range(worker, height, workers):
        for x in range(width):
            dx, dy = (x + 0.5 - cx) / focal, (y + 0.5 - cy) / focal
            rx = cam[9] + cam[3] * dx + cam[6] * dy
            ry = cam[10] + cam[4] * dx + cam[7] * dy
            rz = cam[11] + cam[5] * dx + cam[8] * dy
            s = slot[y, x]
            if s < 0:  # infinitely far: only the turn of the camera moves it
                ox, oy, oz = rx, ry, rz
            else:
                z = 1.0 / inverse_depth[y, x]
                ox, oy, oz = cam[0] + rx * z, cam[1] + ry * z, cam[2] + rz * z
                f = face_of_slot[s]
                if f >= static_faces:
                    m = bodies[param[f] >> BODY_SHIFT]
                    ox, oy, oz = (
                        m[0] * ox + m[1] * oy + m[2] * oz + m[3],
                        m[4] * ox + m[5] * oy + m[6] * oz + m[7],
                        m[8] * ox + m[9] * oy + m[10] * oz + m[11],
                    )
                ox, oy, oz = ox - old[0], oy - old[1], oz - old[2]
            right = old[3] * ox + old[4] * oy + old[5] * oz
            down = old[6] * ox + old[7] * oy + old[8] * oz
            ahead = max(old[9] * ox + old[10] * oy + old[11] * oz, BEHIND_M)
            u = (dx - right / ahead) * focal / cx
            v = (down / ahead - dy) * focal / cy
            flow[y, x, 0] = min(max(u, -MAX_FLOW), MAX_FLOW)
            flow[y, x, 1] = min(max(v, -MAX_FLOW), MAX_FLOW)
