"""Wheels: tyre and rim as turned bodies with spokes in relief, lying in a frame around the hub."""

from __future__ import annotations

import numpy as np

from sim.server.scene.bodies.parts import Part, lathe, tube
from sim.server.scene.mesh import Material

SEGMENTS = (22, 12, 8)


def car_wheel(radius_m: float, width_m: float, detail: int, spokes: int = 5) -> Part:
    """Wheel around the origin, axle along y, its outer face towards +y."""
    n, w, r = SEGMENTS[detail], width_m / 2, radius_m
    if detail == 2:
        tyre = lathe([(r, -w), (r, w)], n, Material.TYRE, axis=1)
        rim = lathe([(r * 0.62, 0.0), (r * 0.62, w + 0.012)], n, Material.RIM, axis=1)
        return Part.join([tyre, rim])
    shoulder = 0.12 * r
    profile = [(r * 0.66, -w), (r - shoulder, -w), (r, -w + shoulder), (r, w - shoulder), (r - shoulder, w),
               (r * 0.68, w), (r * 0.66, w - 0.015)]  # fmt: skip
    tyre = lathe(profile, n, Material.TYRE, axis=1)
    if detail == 1:
        return Part.join([tyre, lathe([(r * 0.6, 0.0), (r * 0.6, w + 0.006)], n, Material.RIM, axis=1)])
    ring = lathe([(r * 0.70, w - 0.02), (r * 0.70, w + 0.004), (r * 0.62, w + 0.004), (r * 0.6, w - 0.02)], n,
                 Material.RIM, axis=1)  # fmt: skip
    well = lathe([(r * 0.6, w - 0.05), (r * 0.6, w - 0.018)], n, Material.PLASTIC, axis=1)
    hub = lathe([(r * 0.17, w - 0.03), (r * 0.15, w + 0.006)], 10, Material.RIM, axis=1)
    parts = [tyre, ring, well, hub]
    for k in range(spokes):
        angle = 2.0 * np.pi * k / spokes + 0.3
        d = np.array([np.cos(angle), 0.0, np.sin(angle)])
        inner, outer = d * r * 0.1 + [0, w - 0.012, 0], d * r * 0.66 + [0, w - 0.012, 0]
        parts.append(tube([inner, outer], [(0.014, r * 0.11), (0.014, r * 0.075)], 4, Material.RIM))
    return Part.join(parts)
