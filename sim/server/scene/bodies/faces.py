"""What a car's front is made of: lamp units, grilles, air intakes, and what its windows let see.

Real grilles are black with thin bars, lamps are grey lenses with bright reflectors in a dark housing: painted all
white, both run into one bright blot from a few metres on.
"""

from __future__ import annotations

import numpy as np

from sim.server.scene.bodies.charts import DARK, GAP, LAMP, Painter, Weights
from sim.server.scene.bodies.parts import Floats

LENS: Weights = (0.0, 0.0, 0.35, 0.5)  # the clear cover between reflectors: grey by day
CHROME: Weights = (0.0, 0.0, 0.0, 0.35)
BAR: Weights = (0.0, 0.0, 0.0, 0.75)
CREASE: Weights = (0.78, 0.0, 0.0, 0.22)  # paint that turns from the sky
SHOULDER: Weights = (0.9, 0.0, 0.0, 0.0)  # paint that turns to it
BEHIND_GLASS: Weights = (0.0, 0.6, 0.0, 0.4)
DASH: Weights = (0.0, 0.86, 0.0, 0.08)
BAR_STEP_M = 0.05
BARRED_M = 0.12  # height from which a grille has bars
REFLECTORS_M = (0.09, 0.2)  # height and width from which a lamp has two reflectors


def paint_head_lamps(front: Painter, y0: float, y1: float, low: float, high: float) -> None:
    """Units that widen outward: dark housing, grey lens, two reflectors, a strip of daytime lamps below."""
    drop = (high - low) * 0.25
    lamp = np.array([(y0, low + drop), (y1, low), (y1 + 0.1, low), (y1 + 0.1, high), (y1, high), (y0, high - drop)])
    centre = lamp.mean(axis=0)
    front.polygon(centre + (lamp - centre) * [1.06, 1.22], DARK)
    if high - low < REFLECTORS_M[0] or y1 - y0 < REFLECTORS_M[1]:
        front.polygon(lamp, LAMP)
        return
    front.polygon(lamp, LENS)
    radius = (high - low) * 0.36
    for share in (0.30, 0.74):
        at = y0 + share * (y1 - y0)
        front.disc(at, (low + high) / 2, radius * 1.18, DARK, 1.2)
        front.disc(at, (low + high) / 2, radius, LAMP, 1.2)
    front.line([(y0, low + drop), (y1, low), (y1 + 0.1, low)], 0.018, LAMP)


def paint_round_lamps(front: Painter, y: float, z: float, radius_m: float) -> None:
    """A chrome ring, a dark one, the lens with its reflector."""
    for r, weights in ((1.22, DARK), (1.14, CHROME), (0.96, DARK), (0.9, LENS), (0.66, LAMP)):
        front.disc(y, z, radius_m * r, weights)


def paint_grille(front: Painter, half_width_m: float, low: float, high: float) -> None:
    """Black with thin bars, narrow chrome around it, a badge in its middle."""
    g, z0, z1 = half_width_m, low, high
    front.polygon([(-g - 0.012, z1 + 0.011), (g + 0.012, z1 + 0.011), (g * 0.87, z0 - 0.010), (-g * 0.87, z0 - 0.010)],
                  CHROME, mirror=False)  # fmt: skip
    front.polygon([(-g, z1), (g, z1), (g * 0.86, z0), (-g * 0.86, z0)], DARK, mirror=False)
    if z1 - z0 > BARRED_M:
        for z in np.arange(z0 + BAR_STEP_M, z1 - 0.02, BAR_STEP_M):
            front.box(-g * 0.9, g * 0.9, z - 0.005, z + 0.005, BAR, mirror=False)
    badge = min(0.055, (z1 - z0) * 0.42)
    middle = (z0 + z1) / 2
    for r, weights in ((1.25, DARK), (1.0, CHROME), (0.72, DARK), (0.25, CHROME)):
        front.disc(0.0, middle, badge * r, weights)


def paint_slots(front: Painter, half_width_m: float, low: float, high: float, count: int) -> None:
    """Upright slots in a painted front, as the fronts of some cars for rough ground have them."""
    pitch = 2.0 * half_width_m / count
    for k in range(count):
        at = (k - (count - 1) / 2) * pitch
        front.box(at - pitch * 0.34, at + pitch * 0.34, low, high, GAP, mirror=False)
        front.box(at - pitch * 0.28, at + pitch * 0.28, low + 0.015, high - 0.015, DARK, mirror=False)


def paint_intake(front: Painter, half_width_m: float, low: float, high: float) -> None:
    """The lower opening with two slats."""
    w = half_width_m
    front.polygon([(-w, low), (w, low), (w * 0.9, high), (-w * 0.9, high)], DARK, mirror=False)
    for share in (0.38, 0.7):
        z = low + share * (high - low)
        front.box(-w * 0.88, w * 0.88, z - 0.005, z + 0.005, BAR, mirror=False)


def paint_fog_lamps(front: Painter, half_width_m: float, z: float) -> None:
    """A small lamp in a dark pocket at either corner of the bumper."""
    y0, y1 = half_width_m * 0.60, half_width_m * 0.88
    front.polygon([(y0, z - 0.045), (y1, z - 0.06), (y1 + 0.02, z + 0.06), (y0 + 0.06, z + 0.04)], DARK)
    at = y0 + (y1 - y0) * 0.55
    front.disc(at, z, 0.042, CHROME)
    front.disc(at, z, 0.034, (0.0, 0.0, 0.5, 0.3))


def paint_cab(front: Painter, outline: Floats) -> None:
    """Through the windscreen: a dashboard that catches light, headrests and seats, the mirror, wipers at its foot.

    ``outline`` (n, 2): half width and height (m) of the right edge, foot first.
    """
    (foot_y, foot_z), high = outline[0], outline[-1, 1] - outline[0, 1]
    dash = foot_z + 0.16 * high
    at_dash = float(np.interp(dash, outline[:, 1], outline[:, 0]))
    front.polygon([(-foot_y * 0.97, foot_z), (foot_y * 0.97, foot_z), (at_dash * 0.94, dash), (-at_dash * 0.94, dash)],
                  DASH, mirror=False)  # fmt: skip
    front.polygon([(0.2, dash), (0.54, dash), (0.5, dash + 0.26 * high), (0.24, dash + 0.26 * high)], BEHIND_GLASS)
    front.disc(0.37, dash + 0.36 * high, 0.085, BEHIND_GLASS, 1.25)  # headrests
    front.box(-0.12, 0.12, outline[-1, 1] - 0.1, outline[-1, 1] - 0.045, DARK, mirror=False)
    front.line([(-foot_y * 0.8, foot_z + 0.01), (-0.02, foot_z + 0.05)], 0.02, DARK)


def paint_panels(side: Painter, half_m: float, belt_m: float, sill_m: float, flap_x: float) -> None:
    """Pressings of the doors: a shoulder that catches the sky over a crease, a tuck above the sill; the tank's flap."""
    side.box(-half_m, half_m, belt_m - 0.155, belt_m - 0.135, SHOULDER)
    side.box(-half_m, half_m, belt_m - 0.185, belt_m - 0.155, CREASE)
    tuck = sill_m + 0.3 * (belt_m - sill_m)
    side.box(-half_m, half_m, tuck - 0.06, tuck, CREASE)
    side.box(-half_m, half_m, sill_m, tuck - 0.06, (0.86, 0.0, 0.0, 0.14))
    z = belt_m - 0.26
    for radius, weights in ((0.085, GAP), (0.072, (1.0, 0.0, 0.0, 0.0))):
        side.box(flap_x - radius, flap_x + radius, z - radius, z + radius, weights)


def paint_handle(side: Painter, x: float, z: float) -> None:
    """A bar over its dark cup."""
    side.disc(x + 0.09, z - 0.02, 0.035, (0.35, 0.0, 0.0, 0.65), 2.2)
    side.box(x, x + 0.19, z - 0.012, z + 0.014, (0.5, 0.0, 0.0, 0.1))
