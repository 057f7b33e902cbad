"""What vans, ambulances, campers and pickups show beside a car's paint: doors, pressings, stripes, big lamps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.server.scene.bodies import faces
from sim.server.scene.bodies.charts import BRIGHT, DARK, GAP, GLAZED, LAMP, PAINTED, Painter, Weights
from sim.server.scene.bodies.heavy_styles import HeavyStyle
from sim.server.scene.bodies.parts import Floats

Charts = tuple[Painter, Painter, Painter, Painter]
RUBBER: Weights = (0.0, 0.05, 0.0, 0.9)
SEAM: Weights = (0.0, 0.0, 0.0, 0.45)  # where two bright panels meet
GREY: Weights = (0.0, 0.0, 0.0, 0.6)
DUST: Weights = (0.8, 0.0, 0.0, 0.14)  # road dirt on paint
STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(-1, -1), (-0.15, 1), (0.15, 1), (1, -1)], [(-0.6, -0.25), (0.6, -0.25)]],
    "M": [[(-1, -1), (-1, 1), (0, -0.2), (1, 1), (1, -1)]],
    "B": [[(-0.9, -1), (-0.9, 1), (0.6, 1), (0.6, 0.1), (-0.9, 0.1)], [(0.6, 0.1), (0.9, -0.4), (0.9, -1), (-0.9, -1)]],
    "U": [[(-0.9, 1), (-0.9, -0.8), (-0.5, -1), (0.5, -1), (0.9, -0.8), (0.9, 1)]],
    "L": [[(-0.8, 1), (-0.8, -1), (0.9, -1)]],
    "N": [[(-0.9, -1), (-0.9, 1), (0.9, -1), (0.9, 1)]],
    "C": [[(0.9, 0.8), (0.5, 1), (-0.5, 1), (-0.9, 0.7), (-0.9, -0.7), (-0.5, -1), (0.5, -1), (0.9, -0.8)]],
    "E": [[(0.9, 1), (-0.8, 1), (-0.8, -1), (0.9, -1)], [(-0.8, 0.05), (0.6, 0.05)]],
}


def write(painter: Painter, text: str, u: float, v: float, height_m: float, weights: Weights) -> None:
    """Capitals of STROKES about (u, v)."""
    half = np.array([height_m * 0.32, height_m * 0.5])
    for k, letter in enumerate(text):
        at = np.array([u + (k - (len(text) - 1) / 2) * height_m * 0.86, v])
        for line in STROKES[letter]:
            points = at + np.array(line) * half
            painter.line([(float(a), float(b)) for a, b in points], height_m * 0.17, weights, mirror=False)


def paint_delivery_van(charts: Charts, style: HeavyStyle) -> None:
    """Long panels with pressings, a sliding door with its rail, black bumpers, two doors behind."""
    side, _, front, rear = charts
    shape, livery = style.shape, style.livery
    half, belt, top = shape.length_m / 2, shape.belt_m, shape.height_m
    fore, aft, rail = livery.pillars[0] - 0.06, -0.62, belt + 0.02
    for x0, x1 in ((aft + 0.12, fore - 0.12), (aft - 1.05, aft - 0.12), (-half + 0.2, aft - 1.2)):
        _pressing(side, x0, x1, belt + 0.12, top - 0.42)
    for x in (fore, aft):
        side.line([(x, shape.sill_m + 0.2), (x, top - 0.22)], 0.016, GAP)
    side.line([(aft, top - 0.22), (fore, top - 0.22)], 0.014, GAP)
    side.box(-half + 0.3, aft, rail - 0.014, rail + 0.014, DARK)
    faces.paint_handle(side, fore - 0.3, belt - 0.12)
    tail = livery.tail
    side.box(-half - 0.1, -half + 0.09, tail[2] - 0.03, tail[3] + 0.03, DARK)
    side.box(-half - 0.1, -half + 0.07, tail[2], tail[3], LAMP)
    front.box(-20.0, 20.0, 0.0, shape.sill_m + 0.2, DARK, mirror=False)
    front.plate(livery.plate_z[0])
    _paint_leaves(rear, style)


def _pressing(side: Painter, x0: float, x1: float, z0: float, z1: float) -> None:
    """A shallow panel pressed into a wall: light along its lower edge, shade along the upper one."""
    ring = [(x0, z0), (x0, z1), (x1, z1), (x1, z0), (x0, z0)]
    side.line(ring, 0.03, faces.CREASE)
    side.line([(x0, z0), (x1, z0)], 0.03, faces.SHOULDER)


def _paint_leaves(rear: Painter, style: HeavyStyle) -> None:
    """Two doors with windows in rubber, hinges, a handle, stop lamp above, chambers of the tall lamps, a step."""
    shape, livery = style.shape, style.livery
    w, belt, top = shape.width_m / 2, shape.belt_m, shape.height_m
    sill = shape.sill_m + 0.28
    rear.box(-w * 0.86, w * 0.86, sill, top - 0.1, PAINTED, mirror=False)
    rear.box(-w * 0.86, w * 0.86, sill, sill + 0.3, DUST, mirror=False)
    low, high = belt + 0.16, top - 0.36
    right = np.array([(0.13, low), (w * 0.74, low), (w * 0.70, high), (0.13, high)])
    _window(rear, right)
    rear.line([(0.0, sill), (0.0, top - 0.12)], 0.03, DARK)
    rear.line([(w * 0.86, sill), (w * 0.85, belt), (w * 0.78, top - 0.13)], 0.016, GAP)
    rear.line([(-w * 0.78, top - 0.13), (w * 0.78, top - 0.13)], 0.016, GAP)
    for z in (sill + 0.14, belt - 0.02, top - 0.5):
        at = w * (0.86 - 0.07 * max(0.0, z - belt))
        rear.box(at - 0.09, at + 0.02, z - 0.025, z + 0.025, (0.3, 0.0, 0.0, 0.7))
    rear.box(0.04, 0.24, belt - 0.12, belt - 0.06, DARK, mirror=False)
    rear.box(-0.16, 0.16, top - 0.085, top - 0.045, LAMP, mirror=False)
    recess = livery.plate_z[1] + 0.12
    rear.box(-0.36, 0.36, recess - 0.1, recess + 0.11, (0.45, 0.0, 0.0, 0.55), mirror=False)
    rear.plate(recess)
    _tall_lamps(rear, livery.tail, w)
    rear.box(-w * 0.6, w * 0.6, sill - 0.06, sill - 0.035, GREY, mirror=False)  # the step's edge
    rear.box(w * 0.62, w * 0.84, sill - 0.17, sill - 0.12, (0.0, 0.0, 0.7, 0.2))
    rear.disc(w * 0.3, belt - 0.24, 0.045, faces.CHROME)


def _window(painter: Painter, right: Floats) -> None:
    """A pane (n, 2) on either side in its dark rubber."""
    centre = right.mean(axis=0)
    painter.polygon(centre + (right - centre) * [1.12, 1.12], RUBBER)
    painter.polygon(right, GLAZED)


def _tall_lamps(rear: Painter, tail: tuple[float, float, float, float], half_width_m: float) -> None:
    """Lamps standing at the corners: red above, white in the middle, red below, dark between."""
    y0, _, low, high = tail
    y1 = half_width_m + 0.1
    third = (high - low) / 3
    rear.box(y0 - 0.03, y1, low - 0.03, high + 0.03, DARK)
    rear.box(y0, y1, low, high, LAMP)
    rear.box(y0 + 0.015, y0 + 0.09, low + third + 0.01, low + 1.5 * third, (0.0, 0.0, 0.0, 0.25))
    for z in (low + third, low + 1.6 * third):
        rear.box(y0, y1, z - 0.008, z + 0.008, DARK)


def paint_camper(charts: Charts, style: HeavyStyle) -> None:
    """A V on the nose with a badge, lamps in chrome, a split windscreen, a bright bumper."""
    front = charts[2]
    shape = style.shape
    w, belt = shape.width_m / 2, shape.belt_m
    line = belt - 0.1
    front.line([(0.0, 0.55), (w + 0.1, line - 0.02)], 0.022, faces.CHROME)
    for y in (w * 0.42, w * 0.62):
        front.box(y - 0.1, y + 0.1, belt - 0.06, belt - 0.03, DARK)
    y0, y1, low, high = style.livery.head
    faces.paint_round_lamps(front, (y0 + y1) / 2, (low + high) / 2 - 0.03, (high - low) / 2)
    front.disc((y0 + y1) / 2, (low + high) / 2 - 0.03, (high - low) * 0.44, LAMP)  # bulbs behind plain glass
    for r, weights in ((1.0, faces.CHROME), (0.84, PAINTED)):
        front.disc(0.0, 0.93, style.spare_m * r, weights)
    front.line([(0.09, 1.05), (0.0, 0.82)], 0.026, GREY)
    front.box(-0.016, 0.016, belt + 0.05, shape.height_m - 0.2, (0.0, 0.35, 0.0, 0.6), mirror=False)
    front.box(-20.0, 20.0, 0.34, 0.5, BRIGHT, mirror=False)
    front.box(-20.0, 20.0, 0.41, 0.425, GREY, mirror=False)
    front.plate(0.56)


def paint_ambulance(charts: Charts, style: HeavyStyle) -> None:
    """Chequers along the flanks, the word on the box, doors and lockers, lamps at the box's corners."""
    side, _, front, _ = charts
    load = style.loads[0]
    (x0, x1), z1, w = load.x, load.z[1], load.width_m / 2
    low, high = 0.86, 1.34
    side.box(x0, style.shape.front_end_m, low, high, BRIGHT)
    side.box(x0, 1.5, high, high + 0.05, PAINTED)
    for k, x in enumerate(np.arange(x0, 2.9, 0.4)):
        middle = (low + high) / 2
        z = (low, middle) if k % 2 else (middle, high)
        side.box(x, x + 0.4, *z, PAINTED)
    side.box(1.22, 1.4, 1.02, 1.06, DARK)
    for x in (1.66, 0.66):
        side.line([(x, 0.5), (x, 1.34)], 0.016, SEAM)
    side.box(x0, 0.62, 1.46, 1.52, PAINTED)
    for a, b, c in ((-0.75, 0.25, z1 - 0.14), (-2.95, -2.3, z1 - 0.14), (-0.62, 0.12, 0.84)):
        side.line([(a, 0.52), (a, c), (b, c), (b, 0.52), (a, 0.52)], 0.018, SEAM)
        side.box(b - 0.14, b - 0.06, 1.1, 1.2, DARK)
    side.disc(-2.62, 1.84, 0.2, PAINTED)
    for angle in np.deg2rad([90.0, 30.0, 150.0]):
        d = 0.15 * np.array([np.cos(angle), np.sin(angle)])
        side.line([(-2.62 - d[0], 1.84 - d[1]), (-2.62 + d[0], 1.84 + d[1])], 0.07, BRIGHT)
    for x in np.linspace(x0 + 0.2, x1 - 0.2, 4):
        side.box(x - 0.09, x + 0.09, z1 - 0.1, z1 - 0.04, LAMP if x < 0 else GREY)
    side.box(x0, x1, z1 - 0.015, z1 + 0.1, GREY)
    wall = max(z for _, z in style.shape.cabin.roof) + 0.04 if style.shape.cabin else z1
    front.box(-20.0, 20.0, wall, wall + 0.02, SEAM, mirror=False)
    # the chart runs to the right, so this stands as real ones do: for the mirror of who drives ahead
    write(front, "AMBULANCE", 0.0, (wall + z1) / 2, 0.16, PAINTED)
    front.box(w * 0.72, w * 0.9, z1 - 0.2, z1 - 0.08, (0.0, 0.0, 0.0, 0.7))


def paint_cybertruck(charts: Charts, style: HeavyStyle) -> None:
    """A bar of light across the nose over bare steel, a black bumper with the lamps, black cladding of the arches."""
    side, _, front, rear = charts
    shape, livery = style.shape, style.livery
    w, half = shape.width_m / 2, shape.length_m / 2
    _, y1, low, high = livery.head
    front.box(-20.0, 20.0, low - 0.035, high + 0.03, DARK, mirror=False)
    front.box(-y1, y1, low + 0.008, high - 0.012, LAMP, mirror=False)
    front.box(-20.0, 20.0, 0.0, 0.68, DARK, mirror=False)
    front.box(-w * 0.62, w * 0.62, 0.5, 0.515, GREY, mirror=False)
    front.box(w * 0.58, w * 0.93, 0.63, 0.70, faces.LENS)
    front.box(w * 0.62, w * 0.88, 0.645, 0.69, LAMP)
    front.plate(0.58)
    front.line([(-w * 0.80, high + 0.12), (w * 0.80, high + 0.12)], 0.014, GAP)
    r = shape.wheel_radius_m
    for x in shape.axles_m:
        side.polygon([(x - r - 0.22, 0.3), (x - r * 0.55, 2 * r + 0.16), (x + r * 0.55, 2 * r + 0.16),
                      (x + r + 0.22, 0.3)], DARK)  # fmt: skip
    side.box(-half, half, 0.0, shape.sill_m + 0.14, DARK)
    side.box(half - 0.3, half, 0.0, 0.68, DARK)
    side.box(-half, -half + 0.3, 0.0, 0.68, DARK)
    side.line([(-half, shape.belt_m - 0.06), (half, shape.belt_m - 0.22)], 0.02, faces.CREASE)
    rear.box(-20.0, 20.0, 0.0, 0.66, DARK, mirror=False)
    rear.box(-w * 0.8, w * 0.8, livery.tail[2] - 0.05, livery.tail[2] - 0.03, DARK, mirror=False)
    rear.plate(livery.plate_z[1])


FINISH: dict[str, Callable[[Charts, HeavyStyle], None]] = {
    "delivery_van": paint_delivery_van,
    "camper": paint_camper,
    "ambulance": paint_ambulance,
    "cybertruck": paint_cybertruck,
}


def finish_van(charts: Charts, style: HeavyStyle) -> None:
    """Add what the style's body shows beside its doors, panes and stripes; nothing for lorries and buses."""
    if style.shape.name in FINISH:
        FINISH[style.shape.name](charts, style)
