"""Paints the four charts of a car: windows, lamps, grille, plates, gaps, handles and dark trim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.server.scene.bodies import faces
from sim.server.scene.bodies.charts import BRIGHT, DARK, GAP, GLAZED, LAMP, ChartFrame, Painter
from sim.server.scene.bodies.parts import FRONT, REAR, SIDE, TOP, Floats
from sim.server.scene.bodies.shell import Shape, arch_radius, cabin_ends, cabin_half_width, curve, deck_height

Span = tuple[float, float]
CHAMBERED_M = (0.09, 0.16)  # height and width from which a tail lamp has chambers
RECESS = (0.55, 0.0, 0.0, 0.45)  # paint that little light reaches


@dataclass(frozen=True)
class Livery:
    """Where the details of a car lie, metres; x forward from the middle, z above ground, y from the centreline.

    pillars: x (m) at the belt of the bars between side windows, front to rear; panels: x spans of the cabin
    without side windows; doors: x of the door gaps. head and tail are (inner y, outer y, low z, high z) of the
    lamps seen from the end and reach ``wrap_m`` along the side. grille is (half width, low z, high z).
    """

    pillars: tuple[float, ...]
    doors: tuple[float, ...]
    head: tuple[float, float, float, float]
    tail: tuple[float, float, float, float]
    grille: tuple[float, float, float]
    plate_z: Span
    wrap_m: Span = (0.34, 0.26)
    panels: tuple[Span, ...] = ()
    window_t: Span = (0.1, 0.86)
    round_head: bool = False
    tail_bar: bool = False
    trim_m: float = 0.07
    side_strip: bool = False
    rear_window: bool = True
    quarter_m: float = 0.1
    roof_glass: bool = False
    intake: tuple[float, float, float] | None = None
    dark_top: bool = False  # a hard top in black
    two_tone: bool = False  # doors in bright trim, as police cars have them
    slots: int = 0  # upright slots instead of a grille with bars


def paint_car(shape: Shape, livery: Livery) -> tuple[Painter, Painter, Painter, Painter]:
    """Side, top, front and rear charts. The shape must have a cabin."""
    frame = ChartFrame(shape.length_m, shape.width_m, shape.height_m)
    side, top, front, rear = (Painter(frame, c) for c in (SIDE, TOP, FRONT, REAR))
    paint_side(side, shape, livery)
    paint_top(top, shape, livery)
    paint_front(front, shape, livery)
    paint_rear(rear, shape, livery)
    if livery.dark_top:
        _paint_hard_top(side, top, front, rear, shape)
    return side, top, front, rear


def _paint_hard_top(side: Painter, top: Painter, front: Painter, rear: Painter, shape: Shape) -> None:
    """Whatever is paint above the belt becomes dark trim; the pillars of the windscreen keep their colour."""
    c = shape.cabin
    assert c is not None
    u0, u1 = top.span[:2]
    width = top.canvas.shape[1]
    first, last = (int((x - u0) / (u1 - u0) * width) for x in (c.back[0], c.screen[1]))
    regions = [top.canvas[:, first:last]]
    for painter, low_m in ((side, shape.belt_m + 0.02), (front, shape.height_m - 0.09), (rear, shape.belt_m + 0.02)):
        v0, v1 = painter.span[2:]
        regions.append(painter.canvas[int((low_m - v0) / (v1 - v0) * len(painter.canvas)) :])
    for region in regions:
        region[..., 3] += region[..., 0]
        region[..., 0] = 0.0


def _cabin_z(shape: Shape, x: Floats, t: Floats) -> Floats:
    assert shape.cabin is not None
    foot = deck_height(shape, x) - 0.03
    return foot + (curve(shape.cabin.roof, x, 0.12) - shape.cabin.crown_m - foot) * t


def window_band(shape: Shape, livery: Livery, grow_m: float = 0.0) -> Floats:
    """Outline (n, 2) of the side windows in x and z, ``grow_m`` wider all around."""
    c = shape.cabin
    assert c is not None
    t = np.linspace(livery.window_t[0], livery.window_t[1], 9)
    front, rear = cabin_ends(c, t)
    front = front - c.corner_m[0] * (1 - 0.3 * t) * 0.72 - 0.02 + grow_m
    rear = rear + c.corner_m[1] * (1 - 0.3 * t) * 0.72 + livery.quarter_m - grow_m
    along = np.linspace(0.0, 1.0, 25)
    low_x, high_x = front[0] + (rear[0] - front[0]) * along, front[-1] + (rear[-1] - front[-1]) * along
    ones = np.ones(len(along))
    low = np.column_stack([low_x, np.maximum(_cabin_z(shape, low_x, ones * t[0]), shape.belt_m) - grow_m])
    high = np.column_stack([high_x, _cabin_z(shape, high_x, ones * t[-1]) + grow_m])
    return np.concatenate([low, high[::-1]])


def paint_side(side: Painter, shape: Shape, livery: Livery) -> None:
    """Windows, pillars, door gaps, handles, sills, wheel arches and the lamps' sides."""
    half, belt, roof = shape.length_m / 2, shape.belt_m, shape.height_m
    low = shape.sill_m + livery.trim_m
    faces.paint_panels(side, half, belt, low, shape.axles_m[-1] - 0.1)
    side.polygon(window_band(shape, livery, 0.028), DARK)
    side.polygon(window_band(shape, livery), GLAZED)
    lean = 0.12
    for k, x in enumerate(livery.pillars):
        w = 0.045 if k == 0 else 0.03
        side.polygon([(x - w, belt - 0.05), (x + w, belt - 0.05), (x + w - lean * (roof - belt), roof),
                      (x - w - lean * (roof - belt), roof)], DARK)  # fmt: skip
    for x0, x1 in livery.panels:
        side.box(x0, x1, belt - 0.06, roof, (1.0, 0.0, 0.0, 0.0))
    if livery.two_tone:
        side.box(livery.doors[-1] - 0.1, livery.doors[0] + 0.03, low, belt - 0.03, BRIGHT)
        side.box(livery.doors[-1] + 0.35, livery.doors[0] - 0.35, belt - 0.42, belt - 0.26, (0.0, 0.0, 0.0, 0.6))
    for x in livery.doors:
        side.line([(x + 0.03, low + 0.08), (x, belt - 0.25), (x - 0.02, belt + 0.02)], 0.014, GAP)
    if len(livery.doors) > 1:
        side.line([(livery.doors[0] + 0.03, low + 0.08), (livery.doors[-1] + 0.03, low + 0.08)], 0.014, GAP)
    for x in livery.doors[1:]:
        faces.paint_handle(side, x + 0.07, belt - 0.1)
    ends = ((half, livery.head, shape.axles_m[0], 1.0), (-half, livery.tail, shape.axles_m[-1], -1.0))
    for end, (_, _, z, _), axle, out in ends:  # where bumpers meet wings
        edge = axle + out * (arch_radius(shape) + 0.02)
        side.line([(edge, low + 0.16), (edge + (end - edge) * 0.45, z - 0.02)], 0.012, GAP)
    if livery.side_strip:
        side.box(-half, half, belt - 0.36, belt - 0.29, DARK)
    side.box(-half - 1, half + 1, 0.0, low, DARK)
    for axle in shape.axles_m:
        side.disc(axle, shape.wheel_radius_m, arch_radius(shape) + 0.022, DARK)
    _, _, z0, z1 = livery.head
    w = livery.wrap_m[0]
    if w > 0.0:
        lamp = np.array([(half + 0.1, z0), (half - w * 0.7, z0 + 0.03), (half - w, z1 + 0.01), (half + 0.1, z1)])
        side.polygon((lamp - lamp.mean(axis=0)) * [1.1, 1.25] + lamp.mean(axis=0), DARK)
        side.polygon(lamp, faces.LENS)
        side.disc(half - w * 0.35, (z0 + z1) / 2, (z1 - z0) * 0.3, LAMP, 1.5)
    _, _, z0, z1 = livery.tail
    w = livery.wrap_m[1]
    if w > 0.0:
        side.polygon([(-half - 0.1, z0), (-half + w * 0.8, z0 + 0.02), (-half + w, z1), (-half - 0.1, z1)], LAMP)


def paint_front(front: Painter, shape: Shape, livery: Livery) -> None:
    """Windscreen, lamps, grille, bumper intake, fog lamps, plate, seams of bonnet and bumper."""
    faces.paint_cab(front, _paint_screen(front, shape, front_end=True))
    half = shape.width_m / 2
    floor = shape.sill_m + livery.trim_m
    front.box(-half, half, 0.0, floor, DARK, mirror=False)
    if livery.intake is not None:
        faces.paint_intake(front, *livery.intake)
    y0, y1, low, high = livery.head
    fog = max(floor + 0.09, low - 0.22)
    faces.paint_fog_lamps(front, half, fog)
    front.line([(half * 0.93, low - 0.03), (half * 0.93, fog + 0.1)], 0.012, GAP)  # bumper and wing
    if livery.slots > 0:
        faces.paint_slots(front, *livery.grille, livery.slots)
    elif livery.grille[0] > 0.0:
        faces.paint_grille(front, *livery.grille)
    if livery.round_head:
        faces.paint_round_lamps(front, (y0 + y1) / 2, (low + high) / 2, (high - low) / 2)
    else:
        faces.paint_head_lamps(front, y0, y1, low, high)
    front.plate(livery.plate_z[0])
    edge = float(deck_height(shape, shape.length_m / 2))
    if not low < edge - 0.03 < high:
        front.box(-half * 0.8, half * 0.8, edge - 0.035, edge - 0.022, GAP, mirror=False)


def paint_rear(rear: Painter, shape: Shape, livery: Livery) -> None:
    """Rear window, tailgate, lamps, plate in its recess, badge, bumper with valance, reflectors and exhaust pipes."""
    half = shape.width_m / 2
    if livery.rear_window:
        _paint_screen(rear, shape, front_end=False)
        rear.disc(0.36, shape.belt_m + 0.14, 0.085, faces.BEHIND_GLASS, 1.25)  # headrests
    y0, y1, low, high = livery.tail
    floor = shape.sill_m + livery.trim_m + 0.06
    bumper = shape.sill_m + (low - shape.sill_m) * 0.55
    rear.box(-half, half, 0.0, floor, DARK, mirror=False)
    valance = floor + 0.07
    rear.polygon([(-half * 0.62, floor), (half * 0.62, floor), (half * 0.52, valance), (-half * 0.52, valance)], DARK,
                 mirror=False)  # fmt: skip
    if livery.grille[0] > 0.0:  # electric cars have neither a grille nor pipes
        rear.disc(half * 0.58, floor - 0.015, 0.03, BRIGHT, 1.6)
    rear.line([(-half * 0.95, bumper), (half * 0.95, bumper)], 0.022, GAP)
    gate = min(y0, half * 0.7)
    rear.line([(gate, bumper), (gate, low)], 0.014, GAP)
    if livery.tail_bar:
        rear.box(-y1, y1, high - 0.05, high, LAMP, mirror=False)
    _paint_tail_lamps(rear, y0, y1, low, high)
    plate = livery.plate_z[1]
    rear.polygon([(-0.36, plate - 0.10), (0.36, plate - 0.10), (0.33, plate + 0.11), (-0.33, plate + 0.11)], RECESS,
                 mirror=False)  # fmt: skip
    rear.box(-0.3, 0.3, plate + 0.085, plate + 0.105, BRIGHT, mirror=False)
    rear.plate(plate)
    badge = plate + 0.19
    if badge < min(high, shape.belt_m) - 0.02:
        rear.disc(0.0, badge, 0.042, DARK)
        rear.disc(0.0, badge, 0.034, (0.0, 0.0, 0.0, 0.3))
    rear.box(half * 0.6, half * 0.78, bumper - 0.14, bumper - 0.10, (0.0, 0.0, 0.8, 0.2))


def _paint_tail_lamps(rear: Painter, y0: float, y1: float, low: float, high: float) -> None:
    """Two chambers in a dark housing, the lower one darker, with the white reversing lamp at its inner end."""
    lamp = np.array([(y0, low + 0.02), (y1 + 0.1, low), (y1 + 0.1, high), (y0, high)])
    centre = lamp.mean(axis=0)
    rear.polygon(centre + (lamp - centre) * 1.08, DARK)
    rear.polygon(lamp, LAMP)
    if high - low < CHAMBERED_M[0] or y1 - y0 < CHAMBERED_M[1]:
        return
    middle = low + (high - low) * 0.45
    rear.polygon([(y0, low + 0.02), (y1 + 0.1, low), (y1 + 0.1, middle), (y0, middle)], (0.0, 0.0, 0.7, 0.3))
    rear.box(y0 + 0.02, y0 + 0.02 + (y1 - y0) * 0.35, low + 0.035, middle - 0.01, (0.0, 0.0, 0.0, 0.2))
    rear.line([(y0, middle), (y1 + 0.1, middle)], 0.012, DARK)


def paint_top(top: Painter, shape: Shape, livery: Livery) -> None:
    """Bonnet and boot gaps, cowl, the lamps' upper faces."""
    c = shape.cabin
    assert c is not None
    half, w = shape.length_m / 2, shape.width_m / 2
    foot = c.screen[0]
    top.box(foot - 0.05, foot + 0.09, -w * 0.8, w * 0.8, DARK, mirror=False)
    top.line([(foot + 0.05, w * 0.80), (half - 0.25, w * 0.74)], 0.014, GAP)
    if c.back[0] > -half + 0.3:
        top.line([(c.back[0] - 0.06, w * 0.76), (-half + 0.06, w * 0.72)], 0.014, GAP)
        top.box(c.back[0] - 0.03, c.back[0] + 0.04, -w * 0.7, w * 0.7, DARK, mirror=False)
    if livery.roof_glass:
        x0, x1 = c.back[1] + 0.2, c.screen[1] - 0.12
        top.box(x0, x1, -w * 0.55, w * 0.55, GLAZED, mirror=False)


def _paint_screen(painter: Painter, shape: Shape, front_end: bool) -> Floats:
    """A windscreen or rear window; returns the right edge (n, 2) of its glass, foot first."""
    c = shape.cabin
    assert c is not None
    t = np.linspace(0.06, 0.92, 9) if front_end else np.linspace(0.14, 0.86, 9)
    ends = cabin_ends(c, t)[0 if front_end else 1]
    z = _cabin_z(shape, ends, t)
    y = cabin_half_width(shape, c, t)
    for share, weights in ((0.90, DARK), (0.86, GLAZED)):
        right = np.column_stack([y * share, z])
        painter.polygon(np.concatenate([right, (right * [-1.0, 1.0])[::-1]]), weights, mirror=False)
    return right
