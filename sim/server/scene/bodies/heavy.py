"""Vans, trucks and buses: the car's shell at other proportions, boxes on a chassis, and what stands on the roof."""

from __future__ import annotations

import numpy as np

from sim.server.scene.bodies.body import Body, vehicle_lamps
from sim.server.scene.bodies.cars import underbody, wheel_parts, wheels_of
from sim.server.scene.bodies.charts import BRIGHT, DARK, GAP, GLAZED, LAMP, PAINTED, ChartFrame, Painter, Weights
from sim.server.scene.bodies.heavy_styles import HEAVY_STYLES, HeavyStyle, Load
from sim.server.scene.bodies.livery import Livery, paint_car
from sim.server.scene.bodies.parts import Part, box, ellipsoid, lathe, tube
from sim.server.scene.bodies.shell import Shape, arch_radius, body, cabin
from sim.server.scene.bodies.wheels import SEGMENTS
from sim.server.scene.mesh import Material, Tag

SEAT: Weights = (0.0, 0.45, 0.0, 0.53)
"""Backs of seats seen through a window."""
FRAME: Weights = (0.0, 0.0, 0.0, 0.82)
"""Rails and corner posts of a box: weathered aluminium and black rubber."""
STRIPE: Weights = (0.0, 0.0, 0.0, 0.45)
"""A grey band."""
SEAM: Weights = (0.0, 0.0, 0.0, 0.35)
"""Where two panels of a box meet."""
PANEL: Weights = (0.0, 0.0, 0.0, 0.2)
"""White panels of a box after some years on the road."""
WIDE_BOX_M = 2.4  # boxes wider than this bear the haulier's name behind too
REFLECTOR: Weights = (0.0, 0.0, 0.75, 0.25)
"""Red reflecting tape."""


def paint_heavy(style: HeavyStyle) -> tuple[Painter, Painter, Painter, Painter]:
    """The car's charts with the style's doors, shutters, stripes, display and box doors added."""
    shape, livery = style.shape, style.livery
    side, top, front, rear = paint_car(shape, livery)
    half_width = shape.width_m / 2
    if style.white_body:
        for painter in (side, top, front, rear):
            painter.canvas[..., 0] = 0.0
    stripe = PAINTED if style.white_body else STRIPE
    for z0, z1 in style.stripes_z:
        for painter in (side, rear):
            painter.box(-20.0, 20.0, z0, z1, stripe, mirror=False)
    for x0, x1, z0, z1 in style.panes:
        side.box(x0 - 0.05, x1 + 0.05, z0 - 0.05, z1 + 0.05, DARK)
        side.box(x0, x1, z0, z1, GLAZED)
    for load in style.loads:
        if load.cargo:
            paint_cargo(side, top, front, load, shape)
        else:
            side.box(load.x[0] - 0.1, load.x[1], load.z[0], load.z[0] + 0.06, DARK)
    for x0, x1, z0, z1 in style.shutters:
        side.box(x0 - 0.05, x1 + 0.05, z0 - 0.05, z1 + 0.05, DARK)
        side.box(x0, x1, z0, z1, (0.0, 0.0, 0.0, 0.6))
        for z in np.arange(z0 + 0.06, z1 - 0.02, 0.09):
            side.box(x0, x1, z, z + 0.025, (0.0, 0.0, 0.0, 0.8))
    if style.tag is Tag.BUS:
        paint_bus(side, top, front, rear, style)
    for axle in shape.axles_m:
        side.disc(axle, shape.wheel_radius_m, arch_radius(shape) + 0.02, DARK)
    for x0, x1 in style.glazed_doors:
        side.box(x0, x1, shape.sill_m + 0.1, shape.height_m * 0.84, DARK)
        middle = (x0 + x1) / 2
        for a, b in ((x0 + 0.06, middle - 0.03), (middle + 0.03, x1 - 0.06)):
            side.box(a, b, shape.sill_m + 0.22, shape.height_m * 0.82, GLAZED)
    if style.sign_m > 0.0:
        paint_display(front, style.sign_m, shape.height_m - 0.12)
    if style.white_bumper_z is not None:
        paint_fire_front(front, style, style.white_bumper_z)
    if style.spare_m > 0.0:
        front.disc(0.0, 0.9, style.spare_m, BRIGHT)
        front.disc(0.0, 0.9, style.spare_m * 0.78, (1.0, 0.0, 0.0, 0.0))
        front.line([(0.0, 0.62), (half_width * 0.8, 1.12)], 0.02, BRIGHT)
    paint_box_doors(rear, style)
    if style.rear_leaves:
        paint_van_doors(rear, shape, style.livery)
    return side, top, front, rear


def paint_fire_front(front: Painter, style: HeavyStyle, bumper_z: tuple[float, float]) -> None:
    """Lamps and grille in one dark panel, a white bumper below it."""
    livery, half_width = style.livery, style.shape.width_m / 2
    y0, y1, low, high = livery.head
    front.box(-y1 - 0.06, y1 + 0.06, low - 0.02, livery.grille[2] + 0.04, DARK, mirror=False)
    front.box(y0, y1 + 0.1, low, high, LAMP)
    front.disc(0.0, (livery.grille[1] + livery.grille[2]) / 2, 0.07, BRIGHT)
    front.box(-half_width, half_width, *bumper_z, BRIGHT, mirror=False)
    front.plate(livery.plate_z[0] + 0.06)


def paint_cargo(side: Painter, top: Painter, front: Painter, load: Load, shape: Shape) -> None:
    """A bright box with dark edges and a lettering in the colour of the cab."""
    (x0, x1), (z0, z1), w = load.x, load.z, load.width_m / 2
    side.box(x0 - 0.1, x1 + 0.02, z0, z1 + 0.1, BRIGHT)
    top.box(x0 - 0.1, x1 + 0.02, -w - 0.1, w + 0.1, BRIGHT, mirror=False)
    assert shape.cabin is not None
    cab_top = max(z for _, z in shape.cabin.roof) + 0.03
    front.box(-w - 0.1, w + 0.1, cab_top, z1 + 0.1, BRIGHT, mirror=False)
    for x in np.arange(x0 + 0.9, x1 - 0.5, 0.9):
        side.box(x - 0.012, x + 0.012, z0, z1, SEAM)
    for a, b in ((z0 - 0.02, z0 + 0.12), (z1 - 0.10, z1 + 0.1)):
        side.box(x0 - 0.1, x1 + 0.02, a, b, FRAME)
    for x in (x0 - 0.1, x1 - 0.10):
        side.box(x, x + 0.18, z0, z1, FRAME)
    swoosh = [(x0 + 0.06, z0 + 0.12), (x1 - 0.08, z0 + 0.12), (x1 - 0.08, z0 + 0.30 * (z1 - z0))]
    side.polygon([*swoosh, ((x0 + x1) / 2, z0 + 0.20 * (z1 - z0)), (x0 + 0.06, z0 + 0.16 * (z1 - z0))], PAINTED)
    lettering(side, (x0 + x1) / 2, z0 + 0.62 * (z1 - z0), 0.22 * (z1 - z0))


def lettering(side: Painter, u: float, v: float, height_m: float) -> None:
    """The haulier's name about (u, v): MOVOM, which reads alike from both sides of the vehicle."""
    h, w, stroke = height_m / 2, height_m * 0.42, height_m * 0.2
    glyphs: dict[str, list[list[tuple[float, float]]]] = {
        "M": [[(-w, -h), (-w, h), (0.0, -h * 0.2), (w, h), (w, -h)]],
        "V": [[(-w, h), (0.0, -h), (w, h)]],
    }
    for k, letter in enumerate("MOVOM"):
        at = u + (k - 2) * height_m * 1.25
        if letter == "O":
            side.disc(at, v, h, PAINTED, 0.95)
            side.disc(at, v, h - stroke, BRIGHT, 0.95)
        for line in glyphs.get(letter, []):
            side.line([(at + x, v + z) for x, z in line], stroke, PAINTED)


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
    for x in np.arange(-half + 0.5, half - 1.6, 0.78):  # rows of seats, and daylight from the other side above them
        side.box(x, x + 0.78, low + 0.5, high - 0.08, (0.0, 0.86, 0.0, 0.06), mirror=False)
        side.polygon([(x + 0.1, low), (x + 0.52, low), (x + 0.46, low + 0.5), (x + 0.16, low + 0.5)], SEAT)
    for k, x in enumerate(np.arange(-half + 0.8, half - 2.0, 0.78)):
        if k % 3 != 1:
            blot(side, x, low + 0.58, 0.13)
    for x in np.arange(-half + 1.05, half - 0.7, 1.5):
        side.box(x - 0.05, x + 0.05, low - 0.05, high + 0.05, DARK)
    paint_bus_front(front, style, belt, rim)
    paint_bus_rear(rear, style, belt, rim)


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


def paint_box_doors(rear: Painter, style: HeavyStyle) -> None:
    """Two leaves with gap, hinges and rods on the rear of a box; below it lamps and plate."""
    y0, y1, low, high = style.livery.tail
    for load in style.loads:
        w, (z0, z1) = load.width_m / 2, load.z
        if load.cargo:
            rear.box(-w - 0.1, w + 0.1, z0 - 0.1, z1 + 0.1, (0.0, 0.0, 0.0, 0.7), mirror=False)
            rear.box(-w + 0.07, w - 0.07, z0 + 0.09, z1 - 0.09, PANEL, mirror=False)
            for share, dirt in ((0.4, 0.30), (0.22, 0.37), (0.1, 0.45)):  # road dirt, most of it low
                rear.box(-w + 0.07, w - 0.07, z0 + 0.09, z0 + share * (z1 - z0), (0.0, 0.0, 0.0, dirt), mirror=False)
            if load.width_m > WIDE_BOX_M:
                lettering(rear, 0.0, z0 + 0.7 * (z1 - z0), 0.11 * (z1 - z0))
            rear.box(0.3 * w - 0.02, 0.3 * w + 0.02, z0 + 0.05, z1 - 0.05, (0.0, 0.0, 0.0, 0.6))
            rear.box(0.64 * w - 0.02, 0.64 * w + 0.02, z0 + 0.05, z1 - 0.05, (0.0, 0.0, 0.0, 0.6))
            for u in (0.3, 0.64):
                rear.box(u * w - 0.07, u * w + 0.07, z0 + 0.62, z0 + 0.68, DARK)
            for z in np.linspace(z0 + 0.25, z1 - 0.3, 4):
                rear.box(w * 0.74, w * 0.96, z, z + 0.06, (0.0, 0.0, 0.0, 0.6))
            for u in np.arange(0.0, 2.0 * w - 0.1, 0.36):
                rear.box(u - w + 0.05, u - w + 0.21, z0 + 0.10, z0 + 0.17, REFLECTOR, mirror=False)
        else:
            rear.box(w * 0.13, w * 0.85, z0 + (z1 - z0) * 0.49, z0 + (z1 - z0) * 0.81, DARK)
            rear.box(w * 0.16, w * 0.82, z0 + (z1 - z0) * 0.51, z0 + (z1 - z0) * 0.79, GLAZED)
            rear.line([(w * 0.9, z0 + 0.1), (w * 0.9, z1 - 0.12)], 0.02, GAP)
            if style.chevrons:
                for u in np.arange(0.1, w * 0.74, 0.4):
                    low_z = z0 + load.skirt_m + 0.04
                    rear.polygon([(u, low_z + 0.3), (u + 0.2, low_z + 0.3), (u + 0.4, low_z), (u + 0.2, low_z)], BRIGHT)
        rear.line([(0.0, z0 + 0.1), (0.0, z1 - 0.1)], 0.03, DARK)
        rear.box(-w - 0.1, w + 0.1, 0.0, z0 + load.skirt_m, DARK, mirror=False)
        rear.box(w * 0.86, w * 0.97, z1 - 0.13, z1 - 0.06, LAMP)
        rear.box(y0 - 0.12, y1 + 0.2, low - 0.05, high + 0.05, DARK)
        rear.box(y0, y1, low, high, LAMP)
        rear.box(y0 - 0.08, y0 - 0.03, low, high, BRIGHT)
        rear.plate(style.livery.plate_z[1])


def paint_van_doors(rear: Painter, shape: Shape, livery: Livery) -> None:
    """Two leaves with a window each between body-coloured frames, tall lamps, a dark bumper that one can step on."""
    c = shape.cabin
    assert c is not None
    w, top = shape.width_m / 2, shape.height_m
    rear.box(-0.09, 0.09, shape.belt_m - 0.1, top, PAINTED, mirror=False)
    rear.box(-0.012, 0.012, shape.sill_m + 0.3, top - 0.12, DARK, mirror=False)
    rear.box(-w, w, 0.0, shape.sill_m + 0.28, DARK, mirror=False)
    y0, y1, low, high = livery.tail
    rear.box(y0 - 0.03, y1 + 0.1, low - 0.04, high + 0.04, DARK)
    rear.box(y0, y1 + 0.1, low, high, LAMP)
    rear.plate(livery.plate_z[1])


def chassis(style: HeavyStyle, detail: int) -> list[Part]:
    """Frame under the boxes, mudguards over the rear wheels, an under-run bar with tail lamps behind."""
    if not style.loads:
        return []
    shape, load = style.shape, style.loads[0]
    x0, r = load.x[0], shape.wheel_radius_m
    parts = [box((x0 + 0.05, -0.45, r), (shape.front_end_m - 0.8, 0.45, load.z[0] + 0.02), Material.PLASTIC)]
    if not load.cargo:
        return parts
    w = load.width_m / 2
    y, half = shape.width_m / 2 - 1.55 * shape.wheel_width_m, shape.wheel_width_m / 2  # inner tyres of the pair
    inner = lathe([(r, y - half), (r, y + half)], SEGMENTS[max(detail, 1)], Material.TYRE, axis=1)
    inner = inner.moved((shape.axles_m[1], 0.0, r))
    parts += [inner, inner.mirrored()]
    parts.append(box((x0 + 0.02, -w * 0.92, r * 0.85), (x0 + 0.1, w * 0.92, r * 0.85 + 0.16), Material.PLASTIC))
    if detail < 2:
        lamps = box((x0, -w * 0.94, load.z[0] - 0.42), (x0 + 0.08, w * 0.94, load.z[0] + 0.01), Material.PAINT)
        parts.append(lamps)
        rear_axle, front_axle = shape.axles_m[1], shape.axles_m[0]
        guard = box((rear_axle + r + 0.35, -w * 0.9, r * 0.7), (front_axle - r - 0.35, w * 0.9, load.z[0] - 0.1),
                    Material.PLASTIC)  # fmt: skip
        parts.append(guard)
    return parts


def loads(style: HeavyStyle) -> list[Part]:
    """The boxes, edges cut by a few centimetres."""
    out = []
    for load in style.loads:
        w = load.width_m / 2
        out.append(box((load.x[0], -w, load.z[0]), (load.x[1], w, load.z[1]), Material.PAINT, 0.05))
    return out


def roof_parts(style: HeavyStyle, detail: int) -> list[Part]:
    """Beacons, ladder and mirrors."""
    parts = []
    for x, z in style.beacons:
        parts.append(box((x - 0.1, -0.7, z - 0.03), (x + 0.1, 0.7, z + 0.13), Material.BEACON, 0.03))
    if style.ladder_m > 0.0:
        z, half = style.shape.height_m - 0.16, style.ladder_m / 2
        parts += [box((-half - 0.6, y - 0.05, z - 0.06), (half - 0.6, y + 0.05, z + 0.16), Material.RIM)
                  for y in (-0.35, 0.35)]  # fmt: skip
        if detail == 0:
            rungs = np.arange(-half - 0.4, half - 0.6, 0.4)
            parts += [box((x, -0.32, z), (x + 0.06, 0.32, z + 0.06), Material.RIM) for x in rungs]
        parts.append(box((-half - 0.4, -0.4, 2.95), (-half, 0.4, z), Material.METAL))
        parts.append(box((half - 1.2, -0.4, 2.85), (half - 0.9, 0.4, z), Material.METAL))
    if detail < 2:
        x, z, h = style.mirror
        y = style.shape.width_m / 2 + 0.06
        mirror = ellipsoid((x, y, z), (0.06, 0.09, h), Material.PLASTIC, 10 if detail == 0 else 6)
        arm = tube([(x, y - 0.16, z + h * 0.4), (x, y, z + h * 0.5)], 0.018, 4, Material.PLASTIC)
        parts += [mirror, mirror.mirrored(), arm, arm.mirrored()]
    return parts


def build_heavy(style: HeavyStyle) -> Body:
    """One van, truck or bus."""
    shape, livery = style.shape, style.livery
    lods = []
    for detail in range(3):
        under = underbody(shape, detail) if shape.rear_m is None else chassis(style, detail)
        shell = [body(shape, detail), cabin(shape, detail)]
        lods.append([*shell, *loads(style), *wheel_parts(shape, detail), *under, *roof_parts(style, detail)])
    half = shape.length_m / 2
    width = max([shape.width_m, *(load.width_m for load in style.loads)])
    lamps = vehicle_lamps(
        half,
        width / 2,
        ((livery.head[0] + livery.head[1]) / 2, (livery.head[2] + livery.head[3]) / 2),
        ((livery.tail[0] + livery.tail[1]) / 2, (livery.tail[2] + livery.tail[3]) / 2),
        tuple((x, z + 0.1) for x, z in style.beacons),
    )
    return Body(
        shape.name,
        style.tag,
        ChartFrame(shape.length_m, shape.width_m, shape.height_m),
        (lods[0], lods[1], lods[2]),
        paint_heavy(style),
        wheels_of(shape),
        lamps,
    )


def build_heavy_vehicles() -> list[Body]:
    """Every van, truck and bus."""
    return [build_heavy(style) for style in HEAVY_STYLES]
