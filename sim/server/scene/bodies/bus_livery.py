"""Paints buses: the dark ribbon of panes with people behind it, both ends, doors and the destination."""

from __future__ import annotations

import numpy as np

from sim.server.scene.bodies.charts import BRIGHT, DARK, GAP, GLAZED, LAMP, PAINTED, Painter, Weights
from sim.server.scene.bodies.heavy_livery import FRAME, REFLECTOR
from sim.server.scene.bodies.heavy_styles import HeavyStyle

SEAT: Weights = (0.0, 0.45, 0.0, 0.53)
"""Backs of seats seen through a window."""
WALL: Weights = (0.0, 0.86, 0.0, 0.13)
"""Ceiling and walls of the saloon."""
ACROSS: Weights = (0.0, 0.74, 0.0, 0.18)
"""A window of the other side: bright by day, dark by night."""
PERSON: Weights = (0.0, 0.2, 0.0, 0.79)
"""Somebody's clothes, a pole."""


def paint_bus(side: Painter, top: Painter, front: Painter, rear: Painter, style: HeavyStyle) -> None:
    """Bright roof, a dark ribbon of panes with seats and people behind them, what buses have at both ends."""
    shape = style.shape
    roof, belt = shape.height_m, shape.belt_m
    rim = belt + (roof - belt) * 0.79
    for painter in (side, front, rear):
        painter.box(-20.0, 20.0, rim + (0.04 if painter is side else 0.16), roof + 0.2, BRIGHT, mirror=False)
        painter.box(-20.0, 20.0, 0.0, 0.46, DARK, mirror=False)
    side.box(-20.0, 20.0, style.stripes_z[0][0], belt - 0.02, BRIGHT)
    top.box(-20.0, 20.0, -shape.width_m, shape.width_m, BRIGHT, mirror=False)
    half = shape.length_m / 2
    low, high = belt + 0.07, rim - 0.1
    paint_saloon(side, -half + 0.3, half - 0.5, low, high)
    for x in np.arange(-half + 1.05, half - 0.7, 1.5):
        side.box(x - 0.05, x + 0.05, low - 0.05, high + 0.05, DARK)
    paint_bus_front(front, style, belt, rim)
    paint_bus_rear(rear, style, belt, rim)


def paint_saloon(side: Painter, x0: float, x1: float, low: float, high: float) -> None:
    """Through the panes of a side: windows of the other side between lit walls, seats, poles, people.

    Glass without trim lets the lamps inside out by night; a little of neither is daylight from across.
    """
    side.box(x0, x1, low, high, WALL)
    for x in np.arange(x0 + 0.2, x1 - 0.9, 1.3):
        side.box(x, x + 1.06, low + 0.3, high - 0.22, ACROSS)
    for k, x in enumerate(np.arange(x0 + 0.2, x1 - 0.7, 0.78)):
        side.polygon([(x + 0.1, low), (x + 0.56, low), (x + 0.48, low + 0.42), (x + 0.16, low + 0.42)], SEAT)
        if k % 3 != 1:
            blot(side, x + 0.32, low + 0.54, 0.13)
            side.polygon([(x + 0.1, low), (x + 0.56, low), (x + 0.48, low + 0.4), (x + 0.16, low + 0.4)], PERSON)
        if k % 3 == 2:
            side.box(x + 0.66, x + 0.7, low, high, PERSON)


def paint_bus_front(front: Painter, style: HeavyStyle, belt_m: float, rim_m: float) -> None:
    """A windscreen in two panes down to the dash, lamps in dark housings, a black bumper, wipers, marker lamps."""
    w, roof = style.shape.width_m / 2, style.shape.height_m
    foot = belt_m - 0.14
    rounded(front, w * 0.92, foot - 0.04, rim_m + 0.02, 0.16, DARK)
    rounded(front, w * 0.885, foot, rim_m - 0.03, 0.13, GLAZED)
    paint_interior(front, foot, rim_m, w)
    front.box(-0.022, 0.022, foot, rim_m, DARK, mirror=False)
    for u in (-0.82, 0.1):
        front.line([(u * w, foot + 0.05), (u * w + 0.62 * w, foot + 0.16)], 0.03, (0.0, 0.1, 0.0, 0.86))
    y0, y1, low, high = style.livery.head
    front.box(-w, w, 0.46, low - 0.05, PAINTED, mirror=False)  # no lamps of cars below those of the bus
    front.box(y0 - 0.06, w, low - 0.05, high + 0.05, DARK)
    front.box(y0, y1, low, high, LAMP)
    front.box(-y0 + 0.12, y0 - 0.12, low - 0.02, high - 0.02, DARK, mirror=False)
    for z in np.arange(low + 0.01, high - 0.05, 0.06):
        front.box(-y0 + 0.16, y0 - 0.16, z, z + 0.02, FRAME, mirror=False)
    front.disc(0.0, (high + foot) / 2, 0.06, BRIGHT)
    front.disc(w * 0.66, 0.38, 0.05, LAMP)
    front.box(w * 0.80, w * 0.90, roof - 0.13, roof - 0.08, LAMP)
    front.plate(style.livery.plate_z[0])


def paint_bus_rear(rear: Painter, style: HeavyStyle, belt_m: float, rim_m: float) -> None:
    """A window in a painted wall, the engine's cover with its grille, lamps stacked at the edges, a black bumper."""
    w, roof = style.shape.width_m / 2, style.shape.height_m
    rear.box(-20.0, 20.0, 0.46, rim_m + 0.16, PAINTED, mirror=False)
    sill = belt_m + 0.3
    rounded(rear, w * 0.80, sill - 0.04, rim_m - 0.06, 0.12, DARK)
    rounded(rear, w * 0.76, sill, rim_m - 0.1, 0.1, GLAZED)
    rounded(rear, w * 0.70, sill + 0.3, rim_m - 0.16, 0.1, (0.0, 0.70, 0.0, 0.275))
    for u in (-0.62, -0.24, 0.28, 0.6):
        blot(rear, u, sill + 0.26, 0.14)
    for z0, z1 in ((0.56, 0.58), (belt_m + 0.13, belt_m + 0.15)):
        rear.box(-w * 0.7, w * 0.7, z0, z1, GAP, mirror=False)
    rear.box(w * 0.69, w * 0.71, 0.56, belt_m + 0.15, GAP)
    for z in np.arange(belt_m - 0.22, belt_m + 0.08, 0.075):
        rear.box(-w * 0.6, w * 0.6, z, z + 0.045, DARK, mirror=False)
    y0, y1, low, high = style.livery.tail
    rear.box(y0 - 0.05, w, low - 0.05, high + 0.05, DARK)
    rear.box(y0, y1, low, high, LAMP)
    for share in (0.33, 0.66):
        z = low + share * (high - low)
        rear.box(y0, y1, z - 0.012, z + 0.012, DARK)
    rear.box(-0.3, 0.3, rim_m + 0.02, rim_m + 0.07, LAMP, mirror=False)
    rear.box(w * 0.80, w * 0.90, roof - 0.16, roof - 0.09, LAMP)
    rear.box(y0, y1, 0.3, 0.36, REFLECTOR)
    rear.plate(style.livery.plate_z[1])


def paint_bus_door(side: Painter, x0: float, x1: float, low_m: float, high_m: float) -> None:
    """Two leaves with a tall pane in a rubber frame each."""
    side.box(x0, x1, low_m, high_m, DARK)
    middle = (x0 + x1) / 2
    for a, b in ((x0 + 0.06, middle - 0.03), (middle + 0.03, x1 - 0.06)):
        side.box(a, b, low_m + 0.12, high_m - 0.06, GLAZED)


def paint_display(front: Painter, half_width_m: float, top_m: float) -> None:
    """Number and destination in lamps on black."""
    w = half_width_m
    front.box(-w - 0.06, w + 0.06, top_m - 0.3, top_m, DARK, mirror=False)
    front.box(-w, -w + 0.3, top_m - 0.25, top_m - 0.05, (0.0, 0.0, 0.7, 0.3), mirror=False)
    for k, wide in enumerate((0.09, 0.06, 0.09, 0.09, 0.05, 0.09, 0.09, 0.07)):
        u = -w + 0.46 + k * (2.0 * w - 0.52) / 8.0
        front.box(u, u + wide, top_m - 0.24, top_m - 0.06, (0.0, 0.0, 0.7, 0.3), mirror=False)


def rounded(
    painter: Painter, half_width_m: float, low_m: float, high_m: float, radius_m: float, weights: Weights
) -> None:
    """A pane in the middle of an end: a rectangle with cut corners."""
    w, r = half_width_m, radius_m
    right = [(w - r, low_m), (w - 0.3 * r, low_m + 0.3 * r), (w, low_m + r)]
    right += [(w, high_m - r), (w - 0.3 * r, high_m - 0.3 * r), (w - r, high_m)]
    painter.polygon([*right, *((-u, v) for u, v in reversed(right))], weights, mirror=False)


def paint_interior(front: Painter, belt_m: float, rim_m: float, half_width_m: float) -> None:
    """What a bus's windscreen lets out by night: little of the cab, ceiling lamps and heads in the saloon behind it.

    The more trim in a pane, the less light from inside it shows; by day both are as dark.
    """
    high, w = rim_m - belt_m, half_width_m
    front.box(-w * 0.84, w * 0.84, belt_m + 0.1, rim_m - 0.06, (0.0, 0.54, 0.0, 0.455), mirror=False)
    front.polygon([(-w * 0.62, belt_m + 0.38 * high), (w * 0.62, belt_m + 0.38 * high), (w * 0.72, rim_m - 0.3),
                   (-w * 0.72, rim_m - 0.3)], (0.0, 0.74, 0.0, 0.235), mirror=False)  # fmt: skip
    front.box(-w * 0.84, w * 0.84, belt_m, belt_m + 0.17 * high, (0.0, 0.3, 0.0, 0.69), mirror=False)
    front.line([(w * 0.2, belt_m + 0.74 * high), (w * 0.5, rim_m - 0.34)], 0.07, GLAZED)
    for u, v, r in ((-0.5, 0.40, 0.13), (-0.5, 0.16, 0.26), (-0.1, 0.48, 0.09), (0.14, 0.47, 0.09), (0.4, 0.44, 0.12)):
        blot(front, u * w, belt_m + v * high, r)  # the driver's head and shoulders, heads of passengers


def blot(painter: Painter, u: float, v: float, radius_m: float) -> None:
    """Somebody's dark outline in a window."""
    angle = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
    ring = np.stack([u + radius_m * np.cos(angle), v + 1.2 * radius_m * np.sin(angle)], 1)
    painter.polygon(ring, (0.0, 0.2, 0.0, 0.8), mirror=False)
