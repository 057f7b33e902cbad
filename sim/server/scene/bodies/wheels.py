"""Wheels: tyre and rim as turned bodies with spokes in relief, lying in a frame around the hub."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.server.scene.bodies.parts import Part, disc, grid_faces, lathe, tube
from sim.server.scene.mesh import Material

SEGMENTS = (20, 10, 8)
HOOP = ((24, 6), (18, 4), (14, 3))  # points along and around the tyre of a two-wheeler


def car_wheel(radius_m: float, width_m: float, detail: int, spokes: int = 5, steel: bool = False) -> Part:
    """Wheel around the origin, axle along y, its outer face towards +y."""
    n, w, r = SEGMENTS[detail], width_m / 2, radius_m
    if detail > 0:
        tyre = lathe([(r, -w), (r, w)], n, Material.TYRE, axis=1)
        if steel:
            return Part.join(
                [tyre, disc(r * 0.56, w + 0.004, n, Material.RIM), disc(r * 0.22, w + 0.01, 6, Material.PLASTIC)]
            )
        return Part.join([tyre, _cover(r * 0.62, w + 0.006, n)])
    shoulder = 0.12 * r
    profile = [(r * 0.66, -w), (r - shoulder, -w), (r, -w + shoulder), (r, w - shoulder), (r - shoulder, w),
               (r * 0.68, w), (r * 0.66, w - 0.015)]  # fmt: skip
    tyre = lathe(profile, n, Material.TYRE, axis=1)
    if steel:
        rim = lathe([(r * 0.68, w - 0.03), (r * 0.68, w + 0.004), (r * 0.54, w + 0.004), (r * 0.52, w - 0.03)], n,
                    Material.RIM, axis=1)  # fmt: skip
        hub = lathe([(r * 0.2, w - 0.03), (r * 0.18, w + 0.03)], 8, Material.PLASTIC, axis=1)
        return Part.join([tyre, rim, disc(r * 0.54, w - 0.012, n, Material.RIM), hub])
    ring = lathe([(r * 0.70, w - 0.02), (r * 0.70, w + 0.004), (r * 0.62, w + 0.004), (r * 0.6, w - 0.02)], n,
                 Material.RIM, axis=1)  # fmt: skip
    well = disc(r * 0.6, w - 0.018, n, Material.PLASTIC)
    hub = disc(r * 0.15, w + 0.006, 8, Material.RIM)
    parts = [tyre, ring, well, hub]
    for k in range(spokes):
        angle = 2.0 * np.pi * k / spokes + 0.3
        d = np.array([np.cos(angle), 0.0, np.sin(angle)])
        inner, outer = d * r * 0.1 + [0, w - 0.012, 0], d * r * 0.66 + [0, w - 0.012, 0]
        parts.append(tube([inner, outer], [(0.014, r * 0.11), (0.014, r * 0.075)], 4, Material.RIM))
    return Part.join(parts)


def _cover(radius_m: float, y_m: float, segments: int) -> Part:
    """A rim from afar: every second sector is a spoke, the others are the dark between them."""
    cover = disc(radius_m, y_m, segments, Material.RIM)
    material = cover.material.copy()
    material[::2] = int(Material.PLASTIC)
    return replace(cover, material=material)


def torus(radius_m: float, across_m: tuple[float, float], along: int, around: int, material: Material) -> Part:
    """Ring about the y axis; ``across_m`` is the half width of its section along y and along the radius."""
    u = np.arange(along) * (2.0 * np.pi / along)
    v = np.arange(around) * (2.0 * np.pi / around)
    corner = 1.0 / np.sqrt(np.cos(np.pi / along))  # between the inscribed and the circumscribed polygon
    reach = radius_m * corner + across_m[1] * np.cos(v)[None, :]
    ring = np.stack([reach * np.cos(u)[:, None], np.broadcast_to(across_m[0] * np.sin(v), (along, around)),
                     reach * np.sin(u)[:, None]], axis=-1)  # fmt: skip
    faces = grid_faces(along + 1, around, closed=True) % (along * around)
    return Part.of(ring, faces[:, ::-1], material)


def hoop(radius_m: float, tyre_m: float, detail: int, spokes: int) -> Part:
    """Wheel of a two-wheeler around the origin, axle along y: tyre, rim, hub, spokes."""
    along, around = HOOP[detail]
    deep = tyre_m if detail < 2 else 1.35 * tyre_m  # from afar the tyre stands for the rim as well
    parts = [torus(radius_m - deep, (tyre_m, deep), along, around, Material.TYRE)]
    inner = radius_m - 2 * tyre_m
    heavy = tyre_m > 0.04  # a motorcycle: cast wheels, which from afar look solid
    if detail > 0 and heavy:
        parts.append(lathe([(inner * 1.05, -0.02), (inner * 1.05, 0.02)], along, Material.PLASTIC, axis=1))
        parts.append(lathe([(inner * 0.6, -0.024), (inner * 0.6, 0.024)], along, Material.RIM, axis=1))
    if detail == 2:
        return Part.join(parts)
    parts.append(torus(inner, (tyre_m * 0.7, tyre_m * 0.35), along, 4, Material.PLASTIC))  # black, as most are
    parts.append(lathe([(0.02 + tyre_m * 0.3, -0.035), (0.02 + tyre_m * 0.3, 0.035)], 6, Material.METAL, axis=1))
    if detail == 0 or not heavy:
        for k in range(spokes):
            angle = 2.0 * np.pi * k / spokes
            tip = np.array([inner * np.cos(angle), 0.0, inner * np.sin(angle)])
            parts.append(tube(np.stack([np.zeros(3), tip]), 0.018 if heavy else 0.0025, 4 - detail, Material.RIM))
    return Part.join(parts)
