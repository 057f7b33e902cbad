"""Bicycles: mountain bicycle with broad straight bars, racing bicycle, upright city bicycle with all its trimmings."""

from __future__ import annotations

import numpy as np

from sim.server.scene.bodies.cycle_parts import BLOB, METAL, PAINT, PLASTIC, TUBE, Cycle, Point, blob, pair, tubes
from sim.server.scene.bodies.parts import Part, box, lathe, tube
from sim.server.scene.mesh import Material

GAP_M = 0.016  # between the tyre and the blades of the fork or the stays


def bicycle(c: Cycle, detail: int) -> list[Part]:
    """Diamond frame with a fork and stays of two legs, bars, saddle, chain ring, reflector; a city bicycle's trim."""
    city, racing = c.name == "city_bicycle", c.name == "racing_bicycle"
    (front, rear), r = c.hubs, c.radius_m
    bb, (sx, sz) = (c.feet[0], 0.0, c.feet[2]), c.saddle
    bx, _, bz = c.bars
    seat, head = (sx + 0.03, 0.0, sz - 0.12), (front - 0.16, 0.0, bz - 0.14)
    low_head = (front - 0.10, 0.0, 2.0 * r + 0.03)
    lines = [(bb, seat), (seat, head), (bb, low_head), (head, low_head)]
    if city:
        lines[1] = ((bb[0] - 0.06, 0.0, bb[2] + 0.30), head)
    parts = tubes(lines, 0.019 if racing else 0.022, detail, PAINT)
    wide = c.tyre_m + GAP_M
    thick = (0.013, 0.010)  # fork and stays are black, whatever the paint
    if c.name == "bicycle":
        thick = (0.021, 0.012)  # a sprung fork
    shoulder = (low_head[0], wide + 0.004, low_head[2] - 0.01)
    blades = tube([low_head, shoulder, (front, wide + 0.01, r)], thick[0], TUBE[detail], PLASTIC)
    stays = [tube([(rear, wide + 0.012, r), (seat[0] - 0.03, wide, seat[2] - 0.06)], thick[1], TUBE[detail], PLASTIC),
             tube([(rear, wide + 0.012, r), (bb[0], wide, bb[2])], thick[1], TUBE[detail], PLASTIC)]  # fmt: skip
    parts += [p for one in (blades, *stays) for p in pair(one)]
    parts += tubes([(seat, (sx, 0.0, sz - 0.02)), (head, (bx - 0.03, 0.0, bz))], 0.015, detail, METAL)
    parts += _bars(c, detail)
    parts += [blob((sx - 0.04, 0.0, sz), (0.10, 0.08, 0.035), PLASTIC, detail),
              blob((sx + 0.06, 0.0, sz), (0.11, 0.03, 0.025), PLASTIC, detail),
              lathe([(0.10, 0.03), (0.10, 0.045)], BLOB[detail], METAL, axis=1).moved(bb)]  # fmt: skip
    if not city:  # on the seat post
        back = sx - 0.06
        parts += [box((back - 0.02, -0.035, sz - 0.18), (back, 0.035, sz - 0.10), PAINT),
                  tube([(back, 0.0, sz - 0.14), seat], 0.012, 4, PLASTIC)]  # fmt: skip
    return parts + (_city_trim(c, detail) if city else [])


def _bars(c: Cycle, detail: int) -> list[Part]:
    """Bars with dark grips at the ends: bent back, straight, or dropped."""
    bx, half, bz = c.bars
    n = TUBE[detail]
    if c.name == "racing_bicycle":
        drop: list[Point] = [(bx, 0.0, bz), (bx, half - 0.03, bz), (bx + 0.09, half, bz), (bx + 0.10, half, bz - 0.07),
                             (bx + 0.02, half, bz - 0.12)]  # fmt: skip
        hood = tube([(bx + 0.07, half, bz), (bx + 0.12, half, bz + 0.05)], 0.018, n, PLASTIC)
        return pair(tube(drop, 0.016, n, PLASTIC)) + pair(hood)
    end = (bx + c.grip_m - 0.05, half, bz)
    middle = (bx + 0.4 * c.grip_m, half * 0.62, bz)
    kind = METAL if c.name == "city_bicycle" else PLASTIC
    return [*pair(tube([(bx, 0.0, bz), middle], 0.015, n, kind)), *pair(tube([middle, end], 0.020, n, PLASTIC))]


def _city_trim(c: Cycle, detail: int) -> list[Part]:
    """Black mudguards, the rear one with its white end and red lamp; carrier, chain case, lamp, coat guards."""
    (front, rear), r = c.hubs, c.radius_m
    n = TUBE[detail]
    parts = []
    for x, (first, last) in ((front, (0.7, 2.9)), (rear, (0.5, 2.75))):
        angle = np.linspace(first, last, (9, 7, 5)[detail])
        path = np.stack([x + (r + 0.02) * np.cos(angle), 0 * angle, r + (r + 0.02) * np.sin(angle)], 1)
        parts.append(tube(path, [(c.tyre_m + 0.008, 0.008)] * len(path), 4, PLASTIC))
    end = rear - (r + 0.035) * np.cos(0.45)
    low = r + (r + 0.035) * np.sin(0.45)
    parts.append(box((end - 0.015, -0.027, low - 0.06), (end, 0.027, low + 0.06), Material.CARGO))
    deck = 2.0 * r + 0.05
    parts += [
        box((rear - 0.24, -0.075, deck), (rear + 0.26, 0.075, deck + 0.02), PLASTIC),
        *pair(tube([(rear, 0.06, r), (rear - 0.12, 0.07, deck)], 0.008, 4, PLASTIC)),
        box((rear - 0.28, -0.05, deck - 0.07), (rear - 0.24, 0.05, deck), PAINT),
        box((rear + 0.02, 0.035, c.feet[2] - 0.07), (c.feet[0] + 0.11, 0.05, c.feet[2] + 0.08), PLASTIC),
        tube([(front - 0.02, 0.0, c.bars[2] - 0.24), (front - 0.13, 0.0, c.bars[2] - 0.24)], 0.045, n + 1, METAL),
    ]
    return parts
