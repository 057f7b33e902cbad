"""Shapes that can touch: upright boxes (vehicles, props, scenery) and upright cylinders (walkers), and where they do.

A shape is the tuple (centre x, centre y, low z, high z, half x, half y, yaw).
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from sim.server.world.bodies import VEHICLE
from sim.server.world.tumble_kernel import CLEARANCE_M


@njit(cache=True, nogil=True)
def body_shape(b: Any) -> tuple[float, float, float, float, float, float, float]:
    """Centre x y, low z, high z, half x y, yaw; a walker is a square whose inscribed circle is its radius.

    A tumbling body is the upright box around its tilted one. Vehicles pass over what is lower than their clearance.
    """
    yaw = b.rotation[1]
    cos, sin = math.cos(yaw), math.sin(yaw)
    if b.tumbling:
        f, half, c = b.frame, b.half, b.centre
        along = across = up = 0.0
        for k in range(3):
            along += abs(cos * f[0, k] + sin * f[1, k]) * half[k]
            across += abs(cos * f[1, k] - sin * f[0, k]) * half[k]
            up += abs(f[2, k]) * half[k]
        x = b.position[0] + f[0, 0] * c[0] + f[0, 1] * c[1] + f[0, 2] * c[2]
        y = b.position[1] + f[1, 0] * c[0] + f[1, 1] * c[1] + f[1, 2] * c[2]
        z = b.position[2] + f[2, 0] * c[0] + f[2, 1] * c[1] + f[2, 2] * c[2]
        lifted = CLEARANCE_M * max(f[2, 2], 0.0) if b.kind == VEHICLE else 0.0
        return x, y, z - up + lifted, z + up, along, across, yaw
    x = b.position[0] + cos * b.centre[0] - sin * b.centre[1]
    y = b.position[1] + sin * b.centre[0] + cos * b.centre[1]
    z = b.position[2] + b.centre[2]
    low = z - b.half[2] + (CLEARANCE_M if b.kind == VEHICLE else 0.0)
    return x, y, low, z + b.half[2], b.half[0], b.half[1], yaw


@njit(cache=True, nogil=True)
def box_shape(boxes: Any, k: int) -> tuple[float, float, float, float, float, float, float]:
    """Shape of row k of the static boxes."""
    return boxes[k, 0], boxes[k, 1], boxes[k, 2], boxes[k, 3], boxes[k, 4], boxes[k, 5], boxes[k, 6]


@njit(cache=True, nogil=True)
def _corners_inside(a: Any, b: Any) -> tuple[float, float, int]:
    """Sum of the corners of box a inside box b, and their number."""
    cos_a, sin_a, cos_b, sin_b = math.cos(a[6]), math.sin(a[6]), math.cos(b[6]), math.sin(b[6])
    sum_x = sum_y = 0.0
    count = 0
    for corner in range(4):
        u = a[4] if corner & 1 else -a[4]
        v = a[5] if corner & 2 else -a[5]
        x, y = a[0] + cos_a * u - sin_a * v, a[1] + sin_a * u + cos_a * v
        dx, dy = x - b[0], y - b[1]
        if abs(cos_b * dx + sin_b * dy) <= b[4] and abs(cos_b * dy - sin_b * dx) <= b[5]:
            sum_x += x
            sum_y += y
            count += 1
    return sum_x, sum_y, count


@njit(cache=True, nogil=True)
def _boxes_touch(a: Any, b: Any) -> tuple[float, float, float, float, float]:
    """Depth (<= 0: apart), normal x y from b towards a, contact point x y of two oriented boxes."""
    dx, dy = a[0] - b[0], a[1] - b[1]
    cos_a, sin_a, cos_b, sin_b = math.cos(a[6]), math.sin(a[6]), math.cos(b[6]), math.sin(b[6])
    cos, sin = abs(cos_a * cos_b + sin_a * sin_b), abs(sin_a * cos_b - cos_a * sin_b)
    depth, normal_x, normal_y = 1e30, 1.0, 0.0
    for axis in range(4):
        if axis == 0:
            ux, uy, reach = cos_a, sin_a, a[4] + cos * b[4] + sin * b[5]
        elif axis == 1:
            ux, uy, reach = -sin_a, cos_a, a[5] + sin * b[4] + cos * b[5]
        elif axis == 2:
            ux, uy, reach = cos_b, sin_b, b[4] + cos * a[4] + sin * a[5]
        else:
            ux, uy, reach = -sin_b, cos_b, b[5] + sin * a[4] + cos * a[5]
        gap = dx * ux + dy * uy
        overlap = reach - abs(gap)
        if overlap <= 0.0:
            return 0.0, 1.0, 0.0, 0.0, 0.0
        if overlap < depth:
            depth = overlap
            side = 1.0 if gap >= 0.0 else -1.0
            normal_x, normal_y = side * ux, side * uy
    x1, y1, n1 = _corners_inside(a, b)
    x2, y2, n2 = _corners_inside(b, a)
    if n1 + n2 > 0:
        return depth, normal_x, normal_y, (x1 + x2) / (n1 + n2), (y1 + y2) / (n1 + n2)
    return depth, normal_x, normal_y, 0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1])


@njit(cache=True, nogil=True)
def _disc_touches_box(a: Any, b: Any) -> tuple[float, float, float, float, float]:
    """As ``_boxes_touch``, for the disc of radius ``a[4]`` and box b."""
    cos, sin = math.cos(b[6]), math.sin(b[6])
    dx, dy = a[0] - b[0], a[1] - b[1]
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    near_u, near_v = min(max(u, -b[4]), b[4]), min(max(v, -b[5]), b[5])
    out_u, out_v = u - near_u, v - near_v
    distance = math.hypot(out_u, out_v)
    if distance >= a[4]:
        return 0.0, 1.0, 0.0, 0.0, 0.0
    if distance > 1e-9:
        depth = a[4] - distance
        normal_u, normal_v = out_u / distance, out_v / distance
    else:  # the centre is inside: out through the nearest side
        in_u, in_v = b[4] - abs(u), b[5] - abs(v)
        normal_u = math.copysign(1.0, u) if in_u < in_v else 0.0
        normal_v = 0.0 if in_u < in_v else math.copysign(1.0, v)
        depth = a[4] + min(in_u, in_v)
    x, y = b[0] + cos * near_u - sin * near_v, b[1] + sin * near_u + cos * near_v
    return depth, cos * normal_u - sin * normal_v, sin * normal_u + cos * normal_v, x, y


@njit(cache=True, nogil=True)
def touch(a: Any, a_round: bool, b: Any, b_round: bool) -> tuple[float, float, float, float, float]:
    """As ``_boxes_touch``, for any two shapes, with the heights considered."""
    if a[2] >= b[3] or b[2] >= a[3]:
        return 0.0, 1.0, 0.0, 0.0, 0.0
    if a_round and b_round:
        dx, dy = a[0] - b[0], a[1] - b[1]
        distance = math.hypot(dx, dy)
        depth = a[4] + b[4] - distance
        if depth <= 0.0:
            return 0.0, 1.0, 0.0, 0.0, 0.0
        nx, ny = (dx / distance, dy / distance) if distance > 1e-9 else (1.0, 0.0)
        return depth, nx, ny, b[0] + nx * b[4], b[1] + ny * b[4]
    if a_round:
        return _disc_touches_box(a, b)
    if b_round:
        depth, nx, ny, x, y = _disc_touches_box(b, a)
        return depth, -nx, -ny, x, y
    return _boxes_touch(a, b)
