"""Vans, trucks and buses: the car's shell at other proportions, boxes on a chassis, and what stands on the roof."""

from __future__ import annotations

import numpy as np

from sim.server.scene.bodies.body import Body, vehicle_lamps
from sim.server.scene.bodies.bus_livery import paint_bus, paint_bus_door, paint_display
from sim.server.scene.bodies.cars import underbody, wheel_parts, wheels_of
from sim.server.scene.bodies.charts import BRIGHT, DARK, GAP, GLAZED, LAMP, PAINTED, ChartFrame, Painter, Weights
from sim.server.scene.bodies.heavy_livery import paint_box_back, paint_headlamps, paint_lorry
from sim.server.scene.bodies.heavy_styles import HEAVY_STYLES, HeavyStyle
from sim.server.scene.bodies.livery import Livery, paint_car
from sim.server.scene.bodies.parts import Part, box, ellipsoid, lathe, tube
from sim.server.scene.bodies.shell import Shape, arch_radius, body, cabin
from sim.server.scene.bodies.vans import finish_van
from sim.server.scene.bodies.wheels import SEGMENTS
from sim.server.scene.mesh import Material, Tag

STRIPE: Weights = (0.0, 0.0, 0.0, 0.45)
"""A grey band."""


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
            paint_lorry(side, top, front, style, load)
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
        paint_bus_door(side, x0, x1, shape.sill_m + 0.1, shape.height_m * 0.84)
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
    finish_van((side, top, front, rear), style)
    return side, top, front, rear


def paint_fire_front(front: Painter, style: HeavyStyle, bumper_z: tuple[float, float]) -> None:
    """Lamps and grille in one dark panel, a white bumper below it."""
    livery, half_width = style.livery, style.shape.width_m / 2
    y0, y1, low, high = livery.head
    front.box(-y1 - 0.06, y1 + 0.06, low - 0.02, livery.grille[2] + 0.04, DARK, mirror=False)
    paint_headlamps(front, y0, y1, low, high, half_width)
    front.disc(0.0, (livery.grille[1] + livery.grille[2]) / 2, 0.07, BRIGHT)
    front.box(-half_width, half_width, *bumper_z, BRIGHT, mirror=False)
    front.plate(livery.plate_z[0] + 0.06)


def paint_box_doors(rear: Painter, style: HeavyStyle) -> None:
    """Two leaves with gap, hinges and rods on the rear of a box; below it lamps and plate."""
    y0, y1, low, high = style.livery.tail
    for load in style.loads:
        w, (z0, z1) = load.width_m / 2, load.z
        if load.cargo:
            paint_box_back(rear, style, load)
            continue
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
    parts.append(box((x0 + 0.02, -w * 0.92, r * 0.85), (x0 + 0.1, w * 0.92, r * 0.85 + 0.16), Material.PAINT))
    if detail < 2:
        flap_x, flap_y = shape.axles_m[1] - r - 0.12, (w - 0.62, w - 0.06)
        flap = box((flap_x, flap_y[0], 0.16), (flap_x + 0.03, flap_y[1], load.z[0]), Material.PLASTIC)
        parts += [flap, flap.mirrored()]
        lamps = box((x0, -w * 0.94, load.z[0] - 0.42), (x0 + 0.08, w * 0.94, load.z[0] + 0.01), Material.PAINT)
        parts.append(lamps)
        rear_axle, front_axle = shape.axles_m[1], shape.axles_m[0]
        guard = box((rear_axle + r + 0.35, -w * 0.9, r * 0.7), (front_axle - r - 0.35, w * 0.9, load.z[0] - 0.1),
                    Material.PAINT)  # fmt: skip
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
    if style.tall_mirrors:
        parts += tall_mirrors(style, detail)
    elif detail < 2:
        x, z, h = style.mirror
        y = style.shape.width_m / 2 + 0.06
        mirror = ellipsoid((x, y, z), (0.06, 0.09, h), Material.PLASTIC, 10 if detail == 0 else 6)
        arm = tube([(x, y - 0.16, z + h * 0.4), (x, y, z + h * 0.5)], 0.018, 4, Material.PLASTIC)
        parts += [mirror, mirror.mirrored(), arm, arm.mirrored()]
    return parts


def tall_mirrors(style: HeavyStyle, detail: int) -> list[Part]:
    """Upright mirrors on two arms each."""
    if detail == 2:
        return []
    x, z, h = style.mirror
    y = style.shape.width_m / 2 + 0.1
    glass = box((x - 0.06, y - 0.09, z - h), (x + 0.06, y + 0.11, z + h), Material.PLASTIC, 0.03)
    low, high = z - h * 0.75, z + h * 0.75
    arms = [tube([(x - 0.05, y - 0.3, at), (x, y - 0.06, at)], 0.02, 4, Material.PLASTIC) for at in (low, high)]
    return [glass, glass.mirrored(), *arms, *(arm.mirrored() for arm in arms)]


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
