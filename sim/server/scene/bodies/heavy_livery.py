"""Paints lorries: doors of boxes with their hardware, cab fronts, rails between the wheels, lamps.

Everything is wide enough to outlast a camera some ten to thirty metres away, where a pixel spans 3 to 8 cm.
"""

from __future__ import annotations

import numpy as np

from sim.server.scene.bodies.charts import BRIGHT, DARK, GLAZED, LAMP, MARGIN_M, PAINTED, Painter, Weights
from sim.server.scene.bodies.heavy_styles import HeavyStyle, Load

FRAME: Weights = (0.0, 0.0, 0.0, 0.92)
"""Rails and corner posts of a box: weathered aluminium and black rubber."""
SEAM: Weights = (0.0, 0.0, 0.0, 0.35)
"""Where two panels of a box meet."""
PANEL: Weights = (0.0, 0.0, 0.0, 0.34)
"""White panels of a box after some years on the road."""
STEEL: Weights = (0.0, 0.0, 0.0, 0.78)
"""Galvanised rods, rails and tanks."""
REFLECTOR: Weights = (0.0, 0.0, 0.14, 0.84)
"""Red reflecting tape, far dimmer than a lamp."""
SCREEN_HIGH: Weights = (0.0, 0.78, 0.0, 0.17)
"""Glass before a cab that daylight from the side windows reaches."""
DASH: Weights = (0.0, 0.35, 0.0, 0.64)
"""What stands right behind a windscreen."""
GLYPH_STROKE = 0.2  # of a letter's height


def lettering(painter: Painter, u: float, v: float, height_m: float, ink: Weights, ground: Weights) -> None:
    """The haulier's name about (u, v): MOVOM, which reads alike from both sides of the vehicle."""
    h, w, stroke = height_m / 2, height_m * 0.42, height_m * GLYPH_STROKE
    glyphs: dict[str, list[list[tuple[float, float]]]] = {
        "M": [[(-w, -h), (-w, h), (0.0, -h * 0.2), (w, h), (w, -h)]],
        "V": [[(-w, h), (0.0, -h), (w, h)]],
    }
    for k, letter in enumerate("MOVOM"):
        at = u + (k - 2) * height_m * 1.25
        if letter == "O":
            painter.disc(at, v, h, ink, 0.95)
            painter.disc(at, v, h - stroke, ground, 0.95)
        for line in glyphs.get(letter, []):
            painter.line([(at + x, v + z) for x, z in line], stroke, ink)


def small_print(painter: Painter, u0: float, u1: float, v: float, height_m: float, ink: Weights) -> None:
    """A line of text too small to read: blocks of uneven width."""
    u, k = u0, 0
    while u < u1:
        wide = (0.9, 0.6, 0.8, 0.5, 0.9, 0.7)[k % 6] * height_m
        if k % 5 != 4:
            painter.box(u, u + wide, v - height_m / 2, v + height_m / 2, ink, mirror=False)
        u, k = u + wide + 0.3 * height_m, k + 1


def paint_lorry(side: Painter, top: Painter, front: Painter, style: HeavyStyle, load: Load) -> None:
    """Box and chassis of a lorry from the side and from above, its cab from the front."""
    paint_box_side(side, style, load)
    top.box(load.x[0] - 0.1, load.x[1] + 0.02, -load.width_m, load.width_m, BRIGHT, mirror=False)
    paint_chassis_side(side, style, load)
    paint_cab_front(front, style, load)


def paint_box_side(side: Painter, style: HeavyStyle, load: Load) -> None:
    """Panels between dark rails and corner posts, the haulier's colours and name, white contour marking below."""
    (x0, x1), (z0, z1) = load.x, load.z
    side.box(x0 - 0.1, x1 + 0.02, z0, z1 + 0.1, BRIGHT)
    for x in np.arange(x0 + 0.9, x1 - 0.5, 0.9):
        side.box(x - 0.012, x + 0.012, z0, z1, SEAM)
    swoosh = [(x0 + 0.06, z0 + 0.12), (x1 - 0.08, z0 + 0.12), (x1 - 0.08, z0 + 0.30 * (z1 - z0))]
    side.polygon([*swoosh, ((x0 + x1) / 2, z0 + 0.20 * (z1 - z0)), (x0 + 0.06, z0 + 0.16 * (z1 - z0))], PAINTED)
    lettering(side, (x0 + x1) / 2, z0 + 0.62 * (z1 - z0), 0.22 * (z1 - z0), PAINTED, BRIGHT)
    for a, b in ((z0 - 0.02, z0 + 0.12), (z1 - 0.10, z1 + 0.1)):
        side.box(x0 - 0.1, x1 + 0.02, a, b, FRAME)
    for x in (x0 - 0.1, x1 - 0.10):
        side.box(x, x + 0.18, z0, z1, FRAME)
    for x in np.arange(x0 + 0.15, x1 - 0.2, 0.55):
        side.box(x, x + 0.42, z0 + 0.14, z0 + 0.19, BRIGHT)


def paint_chassis_side(side: Painter, style: HeavyStyle, load: Load) -> None:
    """Between the wheels: a tank with straps and two rails before the dark, mudguards, lamps along the edge."""
    shape = style.shape
    r, floor = shape.wheel_radius_m, load.z[0] - 0.02
    a, b = shape.axles_m[1] + r + 0.3, shape.axles_m[0] - r - 0.3
    side.box(load.x[0] - 0.1, shape.axles_m[0] - r, 0.0, floor, DARK)
    for z in (0.46, 0.74):
        side.box(a + 0.05, b - 0.9, z, z + 0.12, STEEL)
    for x in np.linspace(a + 0.1, b - 1.0, 3):
        side.box(x, x + 0.07, 0.42, floor, FRAME)
    side.box(b - 0.82, b, 0.42, floor - 0.06, (0.0, 0.0, 0.0, 0.42))
    for x in (b - 0.66, b - 0.22):
        side.box(x, x + 0.05, 0.42, floor - 0.06, DARK)
    for x in np.linspace(load.x[0] + 0.5, load.x[1] - 0.5, 4):
        side.box(x - 0.06, x + 0.06, floor - 0.08, floor - 0.02, (0.0, 0.0, 0.4, 0.2))


def paint_cab_front(front: Painter, style: HeavyStyle, load: Load) -> None:
    """Windscreen, grille, round lamps in dark housings, plate, and the front of the box above the cab."""
    shape, livery = style.shape, style.livery
    assert shape.cabin is not None
    w = shape.width_m / 2
    roof = max(z for _, z in shape.cabin.roof)
    edge = min(load.width_m / 2, w + MARGIN_M)
    if load.z[1] - roof > 0.3:  # the box stands above the cab
        front.box(-20.0, 20.0, roof + 0.03, load.z[1] + 0.2, BRIGHT, mirror=False)
        front.box(-20.0, 20.0, load.z[1] - 0.09, load.z[1] + 0.2, FRAME, mirror=False)
        front.box(edge - 0.09, 20.0, roof + 0.03, load.z[1], FRAME)
        front.box(-20.0, 20.0, roof + 0.0, roof + 0.12, FRAME, mirror=False)
    belt, rim = shape.belt_m, shape.cabin.roof[-1][1] - 0.06
    front.box(-20.0, 20.0, rim + 0.02, roof + 0.02, PAINTED, mirror=False)
    paint_windscreen(front, w, belt + 0.02, rim)
    y0, y1, low, high = livery.head
    if livery.intake is None:
        paint_grille(front, style, belt)
    paint_headlamps(front, y0, y1, low, high, w)
    front.plate(livery.plate_z[0])


def paint_grille(front: Painter, style: HeavyStyle, belt: float) -> None:
    """Bars before the dark up to the windscreen, a badge, a black bumper with an intake."""
    livery, w, floor = style.livery, style.shape.width_m / 2, style.shape.sill_m
    _, z0, z1 = livery.grille
    front.box(-w * 0.86, w * 0.86, z0 - 0.04, belt - 0.08, PAINTED, mirror=False)
    front.box(-w * 0.78, w * 0.78, z0, belt - 0.12, DARK, mirror=False)
    step = (belt - 0.12 - z0) / 4.0
    for k in range(4):
        z = z0 + (k + 0.35) * step
        front.box(-w * 0.74, w * 0.74, z, z + 0.3 * step, (0.25, 0.0, 0.0, 0.45), mirror=False)
    front.box(-w * 0.2, w * 0.2, z1 - 0.08, z1 + 0.0, BRIGHT, mirror=False)
    y0, _, low, _ = livery.head
    front.box(-20.0, 20.0, 0.0, floor + 0.16, DARK, mirror=False)
    front.box(-y0 + 0.06, y0 - 0.06, floor, low + 0.1, DARK, mirror=False)


def paint_windscreen(front: Painter, w: float, low: float, high: float) -> None:
    """One curved pane with what is seen through it: seats, a driver, the dash; wipers."""
    tall = high - low
    front.polygon([(-w * 0.93, low - 0.04), (w * 0.93, low - 0.04), (w * 0.88, high), (-w * 0.88, high)], DARK,
                  mirror=False)  # fmt: skip
    pane = [(-w * 0.89, low), (w * 0.89, low), (w * 0.85, high - 0.04), (-w * 0.85, high - 0.04)]
    front.polygon(pane, GLAZED, mirror=False)
    front.polygon([(-w * 0.66, low + 0.3 * tall), (w * 0.66, low + 0.3 * tall), (w * 0.7, high - 0.3),
                   (-w * 0.7, high - 0.3)], SCREEN_HIGH, mirror=False)  # fmt: skip
    for u in (-0.46, 0.44):
        front.box(u * w - 0.2, u * w + 0.2, low, low + 0.5 * tall, DASH, mirror=False)
        front.box(u * w - 0.1, u * w + 0.1, low + 0.5 * tall, low + 0.66 * tall, DASH, mirror=False)
    front.polygon([(-0.46 * w - 0.1, low + 0.5 * tall), (-0.46 * w + 0.1, low + 0.5 * tall),
                   (-0.46 * w + 0.09, low + 0.72 * tall), (-0.46 * w - 0.09, low + 0.72 * tall)],
                  (0.0, 0.3, 0.0, 0.64), mirror=False)  # fmt: skip
    front.box(-w * 0.88, w * 0.88, low, low + 0.14 * tall, DASH, mirror=False)
    for u in (-0.8, 0.05):
        front.line([(u * w, low), (u * w + 0.6 * w, low + 0.1)], 0.035, DARK)


def paint_headlamps(front: Painter, y0: float, y1: float, low: float, high: float, w: float) -> None:
    """Two round lamps behind one clear cover in a dark housing, a fog lamp below them."""
    r = min(0.085, (high - low) / 2)
    middle = (low + high) / 2
    front.box(y0 - 0.04, w + 0.1, low - 0.04, high + 0.04, DARK)
    front.box(y0, y1 + 0.02, low, high, (0.0, 0.0, 0.0, 0.45))
    for u in (y0 + r + 0.01, y1 - r - 0.01):
        front.disc(u, middle, r, LAMP)
    front.disc(y0 + 0.14, low - 0.16, 0.05, (0.0, 0.0, 0.5, 0.35))


def paint_box_back(rear: Painter, style: HeavyStyle, load: Load) -> None:
    """Two leaves in a frame with rods, brackets, handles and hinges; below them lamps, plate, bar and mudflaps."""
    shape, (z0, z1) = style.shape, load.z
    w = min(load.width_m / 2, shape.width_m / 2 + MARGIN_M)
    tall = z1 - z0
    rear.box(-20.0, 20.0, z0 - 0.1, z1 + 0.1, (0.0, 0.0, 0.0, 0.9), mirror=False)
    rear.box(-w + 0.1, w - 0.1, z0 + 0.14, z1 - 0.15, PANEL, mirror=False)
    for share, dirt in ((0.42, 0.42), (0.26, 0.50), (0.13, 0.60)):  # road dirt, most of it low
        rear.box(-w + 0.1, w - 0.1, z0 + 0.14, z0 + share * tall, (0.0, 0.0, 0.0, dirt), mirror=False)
    lettering(rear, 0.0, z0 + 0.70 * tall, 0.12 * tall, PAINTED, PANEL)
    small_print(rear, -0.78 * w, -0.12 * w, z0 + 0.54 * tall, 0.055, STEEL)
    small_print(rear, 0.14 * w, 0.72 * w, z0 + 0.54 * tall, 0.055, STEEL)
    rear.box(-0.025, 0.025, z0 + 0.1, z1 - 0.12, DARK, mirror=False)
    for u in (0.16, 0.56):
        rear.box(u * w - 0.045, u * w + 0.0, z0 + 0.08, z1 - 0.1, FRAME)
        rear.box(u * w, u * w + 0.035, z0 + 0.08, z1 - 0.1, (0.0, 0.0, 0.0, 0.12))
        for share in (0.06, 0.2, 0.44, 0.68, 0.93):
            rear.box(u * w - 0.07, u * w + 0.06, z0 + share * tall - 0.03, z0 + share * tall + 0.03, FRAME)
    rear.box(0.16 * w, 0.16 * w + 0.34, z0 + 0.52, z0 + 0.585, DARK)
    rear.box(0.56 * w - 0.1, 0.56 * w + 0.24, z0 + 0.66, z0 + 0.725, DARK)
    for z in np.linspace(z0 + 0.3, z1 - 0.34, 4):
        rear.box(w - 0.36, w - 0.02, z, z + 0.065, FRAME)
    for u in (0.9 * w,):
        rear.box(u - 0.06, u + 0.03, z1 - 0.11, z1 - 0.05, LAMP)
    for u in np.arange(-w + 0.06, w - 0.2, 0.4):
        rear.box(u, u + 0.3, z0 + 0.03, z0 + 0.085, REFLECTOR, mirror=False)
    paint_under_box(rear, style, load)


def paint_under_box(rear: Painter, style: HeavyStyle, load: Load) -> None:
    """The dark under a box with what hangs there: lamps in a bar, plate, under-run bar in stripes, mudflaps."""
    z0, w = load.z[0], style.shape.width_m / 2
    y0, y1, low, high = style.livery.tail
    rear.box(-20.0, 20.0, 0.0, z0 + load.skirt_m - 0.04, DARK, mirror=False)
    rear.box(y0 - 0.04, y1 + 0.05, low - 0.04, high + 0.04, (0.0, 0.0, 0.0, 0.9))
    rear.box(y0, y1, low, high, LAMP)
    rear.box(y0 - 0.14, y0 - 0.03, low, high, BRIGHT)
    bar = style.shape.wheel_radius_m * 0.85
    rear.box(-w, w, bar, bar + 0.16, STEEL, mirror=False)
    for u in np.arange(0.12, w, 0.3):
        rear.polygon([(u, bar), (u + 0.12, bar), (u + 0.2, bar + 0.16), (u + 0.08, bar + 0.16)], REFLECTOR)
    rear.plate(style.livery.plate_z[1])
