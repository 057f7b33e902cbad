"""Motorcycles: cruiser, faired sport motorcycle, scooter."""

from __future__ import annotations

from sim.server.scene.bodies.cycle_parts import (
    BLOB,
    METAL,
    PAINT,
    PLASTIC,
    TUBE,
    Cycle,
    blinkers,
    blob,
    fork,
    mirrors,
    mudguard,
    pair,
    plate,
    tail_lamp,
    tubes,
)
from sim.server.scene.bodies.parts import Part, box, by_normal, ellipsoid, tube
from sim.server.scene.mesh import Material


def cruiser(c: Cycle, detail: int) -> list[Part]:
    """Low heavy motorcycle: chromed fork and head lamp ahead of a teardrop tank, V engine, panniers, two silencers."""
    (front, rear), r = c.hubs, c.radius_m
    bx, half, bz = c.bars
    n, m = BLOB[detail], TUBE[detail]
    neck = (front - 0.32, 0.0, 0.90)
    parts = [
        blob((0.14, 0.0, 0.82), (0.31, 0.16, 0.13), PAINT, detail),
        tube([(-0.05, 0.0, 0.73), (-0.3, 0.0, 0.69), (-0.52, 0.0, 0.73), (-0.80, 0.0, 0.79)],
             [(0.10, 0.05), (0.18, 0.07), (0.17, 0.07), (0.11, 0.05)], n, PLASTIC),
        *mudguard(rear, r, c.rear_tyre_m + 0.03, (0.35, 2.75), detail),
        *mudguard(front, r, c.tyre_m + 0.02, (0.75, 2.5), detail),
        *_cylinders(detail),
        blob((0.10, 0.0, 0.38), (0.34, 0.17, 0.14), PLASTIC, detail),
        *pair(box((-1.00, 0.18, 0.42), (-0.46, 0.36, 0.70), PLASTIC, 0.05)),
        *pair(box((-1.005, 0.23, 0.50), (-0.995, 0.31, 0.56), PAINT)),
        blob((front - 0.24, 0.0, 0.93), (0.13, 0.125, 0.125), PAINT, detail),  # the head lamp
        *pair(blob((front - 0.26, 0.20, 0.86), (0.06, 0.055, 0.055), METAL, detail)),
        box((front - 0.30, -0.24, 0.85), (front - 0.27, 0.24, 0.87), METAL),
        tail_lamp(rear - 0.42, 0.10, 0.62, 0.71),
        *plate(rear - 0.42, 0.44),
        *blinkers(rear - 0.36, 0.20, 0.74, detail),
        *mirrors((bx + 0.06, half * 0.75, bz), (bx + 0.08, half + 0.01, bz + 0.14), detail),
    ]  # fmt: skip
    parts += pair(tube([(0.42, 0.05, 0.76), (0.44, 0.27, 0.66), (0.42, 0.28, 0.42), (0.40, 0.05, 0.34)], 0.018, m,
                       METAL))  # fmt: skip
    parts += fork(c, detail, 0.030, (front - 0.34, bz - 0.06), METAL)
    grip = (bx + c.grip_m - 0.06, half, bz)
    parts += pair(tube([(front - 0.36, 0.06, bz - 0.06), (bx + 0.10, half * 0.5, bz + 0.02), (bx, half * 0.8, bz)],
                       0.016, m, METAL)) + pair(tube([(bx, half * 0.8, bz), grip], 0.023, m, PLASTIC))  # fmt: skip
    frame = [(neck, (0.40, 0.0, 0.30)), ((0.40, 0.0, 0.30), (-0.35, 0.0, 0.30)),
             ((-0.35, 0.0, 0.30), (-0.40, 0.0, 0.66)), (neck, (-0.40, 0.0, 0.66))]  # fmt: skip
    pipes = [tube([(0.28, 0.18, 0.45), (0.05, 0.2, 0.28 + up), (-0.5, 0.21, 0.27 + up), (-1.02, 0.21, 0.29 + up)],
                  [0.03, 0.035, 0.05, 0.05], m, METAL) for up in (0.0, 0.11)]  # fmt: skip
    swing = pair(tube([(-0.30, 0.13, 0.34), (rear, 0.13, r)], 0.03, m, PLASTIC))
    return [*parts, *tubes(frame, 0.035, detail, PLASTIC), *pipes, pipes[0].mirrored(), *swing]


def _cylinders(detail: int) -> list[Part]:
    """A V of two finned cylinders with bright covers, and the round air cleaner between them."""
    n = BLOB[detail]
    parts = []
    for foot, top in (((0.14, 0.0, 0.40), (0.30, 0.0, 0.66)), ((0.06, 0.0, 0.40), (-0.10, 0.0, 0.66))):
        way = [tuple(a + (b - a) * s for a, b in zip(foot, top, strict=True)) for s in (0.3, 0.85, 1.0)]
        parts.append(tube(way[:2], 0.105, n, PLASTIC))
        parts.append(tube(way[1:], 0.100, n, METAL))
    if detail < 2:
        parts.append(ellipsoid((0.10, 0.15, 0.58), (0.085, 0.05, 0.085), METAL, n))
    return parts


def sport_bike(c: Cycle, detail: int) -> list[Part]:
    """Faired motorcycle: nose with lamps and screen, tank, side fairings about a dark engine, raised tail."""
    (front, rear), r = c.hubs, c.radius_m
    bx, half, bz = c.bars
    m = TUBE[detail]
    parts = [
        blob((0.14, 0.0, 0.84), (0.31, 0.16, 0.15), PAINT, detail),
        blob((0.48, 0.0, 0.86), (0.27, 0.19, 0.22), PAINT, detail),
        blob((0.16, 0.0, 0.50), (0.42, 0.19, 0.26), PAINT, detail),
        blob((0.58, 0.0, 1.04), (0.13, 0.15, 0.15), Material.GLASS, detail),
        blob((-0.32, 0.0, 0.82), (0.28, 0.13, 0.06), PLASTIC, detail),
        blob((-0.66, 0.0, 0.90), (0.28, 0.10, 0.085), PAINT, detail),
        blob((front, 0.0, r + 0.20), (0.23, 0.085, 0.13), PAINT, detail),
        blob((-0.05, 0.0, 0.44), (0.24, 0.17, 0.19), PLASTIC, detail),
        *blinkers(-0.88, 0.19, 0.78, detail),
        tail_lamp(-0.95, 0.09, 0.87, 0.94),
        *plate(-0.95, 0.58),
        box((-0.92, -0.05, 0.56), (-0.70, 0.05, 0.86), PLASTIC),
        *mirrors((0.52, 0.12, 0.98), (0.46, half + 0.03, 1.06), detail),
    ]  # fmt: skip
    parts += fork(c, detail, 0.028, (front - 0.30, bz - 0.04), PLASTIC)
    parts += pair(tube([(bx + 0.08, 0.0, bz + 0.02), (bx, half, bz)], 0.019, m, PLASTIC))
    pipe = tube([(-0.1, 0.18, 0.30), (-0.4, 0.20, 0.36), (-0.86, 0.22, 0.52)], [0.03, 0.065, 0.06], m, METAL)
    return [*parts, pipe, *pair(tube([(-0.05, 0.12, 0.45), (rear, 0.12, r)], 0.035, m, METAL))]


def scooter(c: Cycle, detail: int) -> list[Part]:
    """Scooter: broad apron, lamp between the bars, flat floor, round body over the rear wheel under a long bench."""
    (front, rear), r = c.hubs, c.radius_m
    bx, half, bz = c.bars
    n, m = BLOB[detail], TUBE[detail]
    parts = [
        by_normal(tube([(-0.06, 0.0, 0.50), (-0.24, 0.0, 0.58), (-0.52, 0.0, 0.63), (-0.80, 0.0, 0.68),
                        (-0.98, 0.0, 0.72)],
                       [(0.13, 0.17), (0.17, 0.19), (0.18, 0.18), (0.15, 0.14), (0.08, 0.06)], n, PAINT)),
        *pair(blob((-0.56, 0.155, 0.52), (0.31, 0.075, 0.19), PAINT, detail)),
        tube([(0.0, 0.0, 0.77), (-0.25, 0.0, 0.80), (-0.52, 0.0, 0.83), (-0.66, 0.0, 0.87), (-0.90, 0.0, 0.87)],
             [(0.09, 0.04), (0.15, 0.05), (0.16, 0.06), (0.14, 0.05), (0.09, 0.035)], n, PLASTIC),
        box((-0.24, -0.20, 0.26), (0.40, 0.20, 0.33), PLASTIC, 0.03),
        by_normal(tube([(0.36, 0.0, 0.28), (0.48, 0.0, 0.48), (0.46, 0.0, 0.80), (0.36, 0.0, 0.99)],
                       [(0.18, 0.04), (0.25, 0.06), (0.23, 0.07), (0.10, 0.06)], n, PAINT)),
        tube([(0.29, 0.0, 0.34), (0.38, 0.0, 0.5), (0.36, 0.0, 0.88)], [(0.17, 0.03), (0.22, 0.03), (0.16, 0.03)], n,
             PLASTIC),
        *mudguard(front, r, 0.085, (0.35, 2.5), detail),
        blob((bx + 0.09, 0.0, bz + 0.01), (0.13, 0.125, 0.115), PAINT, detail),
        blob((-0.46, 0.0, 0.34), (0.27, 0.13, 0.12), PLASTIC, detail),
        box((rear - 0.05, -0.12, r - 0.04), (-0.3, -0.06, r + 0.10), PLASTIC),
        tube([(-0.35, -0.17, 0.30), (-0.55, -0.19, 0.31), (-0.90, -0.19, 0.38)], [0.03, 0.06, 0.055], m, METAL),
        tail_lamp(-1.02, 0.08, 0.64, 0.73),
        *plate(-1.02, 0.44),
        box((-1.0, -0.07, 0.36), (-0.86, 0.07, 0.66), PLASTIC),
        *blinkers(-0.95, 0.18, 0.70, detail),
        *mirrors((bx, half * 0.55, bz), (bx + 0.03, half - 0.02, bz + 0.14), detail),
    ]  # fmt: skip
    parts += fork(c, detail, 0.026, (front - 0.18, 0.66), PLASTIC)
    inner = (bx, half * 0.62, bz)
    parts += pair(tube([(bx + 0.05, 0.0, bz), inner], 0.026, m, PAINT))
    return parts + pair(tube([inner, (bx + c.grip_m - 0.05, half, bz)], 0.022, m, PLASTIC))
