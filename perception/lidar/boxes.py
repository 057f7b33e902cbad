"""Oriented boxes from clusters: L-shape fitting.

Search over headings for the rectangle whose edges the points hug most closely (Zhang, Xu, Dong, Dolan, "Efficient
L-shape fitting for vehicle detection using laser scanners", IV 2017, closeness criterion). A car is seen from one or
two sides only: the far sides are moved out to a size that things of the class have, away from the sensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from perception.frame import Float32Array, FloatArray
from perception.objects import ObjectClass

TYPICAL_SIZE_M: dict[ObjectClass, tuple[float, float, float]] = {
    # length, width, height: medians of common European vehicles; people with arms
    ObjectClass.CAR: (4.5, 1.9, 1.55),
    ObjectClass.TRUCK: (7.0, 2.5, 3.0),
    ObjectClass.BUS: (10.5, 2.7, 3.2),
    ObjectClass.MOTORCYCLE: (2.1, 0.8, 1.6),
    ObjectClass.BICYCLE: (1.7, 0.6, 1.65),
    ObjectClass.PEDESTRIAN: (0.5, 0.5, 1.75),
}


CAR_END_ACROSS = 0.7
"""Sine of the angle between the line of sight and an end of a car that is seen alone: beyond 45° its side shows too."""
MIN_SIDE_M = 0.1
"""A handful of points in one line is a thing of some thickness all the same."""


@dataclass(frozen=True)
class BoxConfig:
    """Search resolution of the fit."""

    headings: int = 45  # 2° steps over 90°
    max_points: int = 200
    min_distance_m: float = 0.05  # closeness saturates at the LiDAR's range noise


@njit(cache=True, nogil=True)
def _best_heading(x: FloatArray, y: FloatArray, headings: int, nearest: float) -> float:
    best, best_score = 0.0, -1.0
    for k in range(headings):
        angle = k * (math.pi / 2.0) / headings
        c, s = math.cos(angle), math.sin(angle)
        low_u = low_v = 1e30
        high_u = high_v = -1e30
        for i in range(len(x)):
            u, v = c * x[i] + s * y[i], -s * x[i] + c * y[i]
            low_u, high_u = min(low_u, u), max(high_u, u)
            low_v, high_v = min(low_v, v), max(high_v, v)
        score = 0.0
        for i in range(len(x)):
            u, v = c * x[i] + s * y[i], -s * x[i] + c * y[i]
            d = min(min(u - low_u, high_u - u), min(v - low_v, high_v - v))
            score += 1.0 / max(d, nearest)
        if score > best_score:
            best_score, best = score, angle
    return best


def fit_box(points_ego_m: Float32Array, ground_z_m: float, config: BoxConfig) -> FloatArray:
    """Tight box ``(7,)`` of a cluster ``(n, 3)``, length >= width, standing on ``ground_z_m``; yaw in [-pi/2, pi/2)."""
    x = points_ego_m[:, 0].astype(np.float64)
    y = points_ego_m[:, 1].astype(np.float64)
    every = max(1, len(x) // config.max_points)  # near objects have thousands of points; hundreds show their shape
    angle = _best_heading(x[::every].copy(), y[::every].copy(), config.headings, config.min_distance_m)
    c, s = math.cos(angle), math.sin(angle)
    u, v = c * x + s * y, -s * x + c * y
    centre_u, centre_v = (u.min() + u.max()) / 2, (v.min() + v.max()) / 2
    length, width = max(float(u.max() - u.min()), MIN_SIDE_M), max(float(v.max() - v.min()), MIN_SIDE_M)
    if width > length:
        length, width, angle = width, length, angle + math.pi / 2
    top = float(points_ego_m[:, 2].max())
    yaw = (angle + math.pi / 2) % math.pi - math.pi / 2
    return np.array(
        [
            c * centre_u - s * centre_v,
            s * centre_u + c * centre_v,
            (top + ground_z_m) / 2,
            length,
            width,
            max(top - ground_z_m, 0.1),
            yaw,
        ]
    )


def guess_class(box_m: FloatArray) -> tuple[ObjectClass, float]:
    """Class of a cluster by size alone, and how far to believe it (0..1); UNKNOWN where nothing fits.

    Trucks and buses are left to the camera: by size alone a tree with its crown is one. What is as wide as a car,
    shallow, and square to the line of sight is a car seen from its end: as large as a bicycle seen from its side, but
    there are ten cars to a bicycle.
    """
    length, width, height = (float(value) for value in box_m[3:6])
    across = abs(math.sin(float(box_m[6]) - math.atan2(float(box_m[1]), float(box_m[0]))))
    if 1.35 <= length < 2.3 and width < 1.1 and 1.0 < height < 2.3 and across > CAR_END_ACROSS:
        return ObjectClass.CAR, 0.3
    if length < 1.1 and width < 1.0 and 0.9 < height < 2.1:
        return ObjectClass.PEDESTRIAN, 0.25
    if 1.1 <= length < 2.4 and width < 1.1 and 1.0 < height < 2.0:
        return ObjectClass.BICYCLE, 0.2
    if 1.6 <= length < 5.6 and width < 2.3 and 0.9 < height < 2.1 and length * width > 0.8:
        return ObjectClass.CAR, 0.4
    return ObjectClass.UNKNOWN, 0.3


def complete_box(box_m: FloatArray, kind: ObjectClass) -> FloatArray:
    """The box grown to the typical size of its class, away from the sensor at the ego origin.

    The side that faces the sensor stays where it was measured. Where a car shows only its narrow end (measured length
    close to a car's width), that end is its front or rear: the long axis is turned to point away.
    """
    if kind not in TYPICAL_SIZE_M:
        return box_m
    typical_length, typical_width, typical_height = TYPICAL_SIZE_M[kind]
    x, y, z, length, width, height, yaw = (float(value) for value in box_m)
    bearing = math.atan2(y, x)
    only_end = typical_length > 1.5 * typical_width and length < 1.25 * typical_width and width < 0.6 * length
    if only_end and abs(math.cos(yaw - bearing)) < 0.7:
        length, width, yaw = width, length, yaw + math.pi / 2
    new_length, new_width = max(length, typical_length), max(width, typical_width)
    if length > typical_length:  # a long car is long; do not shrink what was seen
        new_length = length
    c, s = math.cos(yaw), math.sin(yaw)
    along, across = c * x + s * y, -s * x + c * y  # box centre seen from the sensor, in the box's axes
    along += math.copysign((new_length - length) / 2, along) if abs(along) > length / 2 else 0.0
    across += math.copysign((new_width - width) / 2, across) if abs(across) > width / 2 else 0.0
    bottom = z - height / 2
    new_height = max(height, 0.8 * typical_height)
    return np.array(
        [
            c * along - s * across,
            s * along + c * across,
            bottom + new_height / 2,
            new_length,
            new_width,
            new_height,
            (yaw + math.pi / 2) % math.pi - math.pi / 2,
        ]
    )
