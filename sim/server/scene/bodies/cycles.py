"""Bicycles and motorcycles with their riders.

The front wheel is wheel 1, the rear wheel is wheel 3, as on the left side of a car. Bicycles come in eight
positions of the cranks, ``NAME@0`` .. ``NAME@7``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.server.scene.bodies.body import Body, Lamp
from sim.server.scene.bodies.charts import DARK, LAMP, ChartFrame, Painter
from sim.server.scene.bodies.parts import FRONT, REAR, SIDE, TOP, Part, box, by_normal, ellipsoid, lathe, tube
from sim.server.scene.bodies.people import ADULT, WOMAN, Figure, figure_parts
from sim.server.scene.bodies.skeleton import SIDES, WALK_PHASES, resized, seated
from sim.server.scene.bodies.wheels import hoop
from sim.server.scene.mesh import Material, Tag

Point = tuple[float, float, float]
PAINT, METAL, PLASTIC = Material.PAINT, Material.RIM, Material.PLASTIC  # RIM: bare metal whatever the paint
TUBE = (7, 5, 4)  # points around a frame tube
BLOB = (14, 8, 8)  # points around a tank or a seat


@dataclass(frozen=True)
class Cycle:
    """Geometry of a two-wheeler in metres: hubs (x), wheel radius and tyre half width, saddle, bars, crank or pegs.

    lean_rad is the rider's; bars is (x, half width, z); build makes the machine without wheels and rider.
    """

    name: str
    tag: Tag
    hubs: tuple[float, float]
    radius_m: float
    tyre_m: float
    saddle: tuple[float, float]
    bars: Point
    feet: tuple[float, float, float]  # x, half distance, z: pegs, or the crank's axle
    lean_rad: float
    figure: Figure
    build: Callable[[Cycle, int], list[Part]]
    crank_m: float = 0.0
    lamp: tuple[float, float] = (0.0, 0.0)  # z of the head lamp, z of the tail lamp; 0 for none
    spokes: int = 0
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)  # of the machine, towards the size that CARLA publishes
    rider: float = 1.0  # size of the rider, who is never stretched
    splay: float = 0.18
    elbows_out: float = 0.7
    rear_tyre_m: float = 0.0  # half width of the rear tyre where it is another


def _pair(part: Part) -> list[Part]:
    return [part, part.mirrored()]


def _tubes(lines: Sequence[tuple[Point, Point]], radius_m: float, detail: int, kind: Material) -> list[Part]:
    return [tube([a, b], radius_m, TUBE[detail], kind) for a, b in lines]


def _mirrors(c: Cycle, detail: int) -> list[Part]:
    """Rear-view mirrors on short stalks, seen from afar on every motorcycle."""
    bx, half, bz = c.bars
    foot, head = (bx, half * 0.70, bz), (bx + 0.03, half * 0.92, bz + 0.06)
    glass = ellipsoid(head, (0.025, 0.070, 0.042), PLASTIC, BLOB[detail])
    return _pair(tube([foot, head], 0.01, TUBE[detail], PLASTIC)) + _pair(glass)


def _blinkers(x: float, half_m: float, z: float, detail: int) -> list[Part]:
    """Indicators on stalks behind."""
    stalk = tube([(x + 0.05, 0.02, z), (x, half_m, z)], 0.012, TUBE[detail], PLASTIC)
    return _pair(stalk) + _pair(_blob((x - 0.01, half_m, z), (0.035, 0.045, 0.03), PAINT, detail))


def _blob(centre: Point, radii: Point, kind: Material, detail: int) -> Part:
    part = ellipsoid(centre, radii, kind, BLOB[detail])
    return by_normal(part) if kind == PAINT else part


def bicycle(c: Cycle, detail: int) -> list[Part]:
    """Diamond frame, fork, bars, saddle, cranks' chain ring; mudguards and carrier on a city bicycle."""
    (front, rear), r = c.hubs, c.radius_m
    bb, (sx, sz) = (c.feet[0], 0.0, c.feet[2]), c.saddle
    bx, half, bz = c.bars
    seat, head = (sx + 0.03, 0.0, sz - 0.12), (front - 0.16, 0.0, bz - 0.14)
    low_head = (front - 0.10, 0.0, r + 0.30)
    lines = [(bb, seat), (seat, head), (bb, low_head), (head, low_head), (low_head, (front, 0.0, r))]
    if c.name == "city_bicycle":
        lines[1] = ((bb[0] - 0.02, 0.0, bb[2] + 0.18), head)
    thin = [((rear, 0.0, r), seat), ((rear, 0.0, r), bb)]
    parts = _tubes(lines, 0.021, detail, PAINT) + _tubes(thin, 0.014, detail, PAINT)
    parts += _tubes([(seat, (sx, 0.0, sz - 0.02)), (head, (bx - 0.03, 0.0, bz))], 0.015, detail, METAL)
    grip = 0.10 if c.name == "racing_bicycle" else -0.08
    parts.append(tube([(bx + grip, -half, bz - abs(grip) * 0.3), (bx, -half * 0.55, bz), (bx, half * 0.55, bz),
                       (bx + grip, half, bz - abs(grip) * 0.3)], 0.015, TUBE[detail], PLASTIC))  # fmt: skip
    parts.append(_blob((sx, 0.0, sz), (0.13, 0.075, 0.035), PLASTIC, detail))
    parts.append(lathe([(0.10, 0.03), (0.10, 0.045)], BLOB[detail], METAL, axis=1).moved(bb))
    low, high = (-0.62, -0.54) if c.name == "racing_bicycle" else (-0.66, -0.56)
    light = box((rear + low + 0.56, -0.035, sz - 0.17), (rear + high + 0.56, 0.035, sz - 0.10), PAINT)
    parts += [light, tube([(light.points_m[:, 0].mean(), 0.0, sz - 0.13), seat], 0.012, 4, PLASTIC)]
    if c.name != "racing_bicycle":
        kind = PAINT if c.name == "city_bicycle" else PLASTIC
        for x in (front, rear):
            angle = np.linspace(0.3, np.pi * 0.85, 7) if x < 0 else np.linspace(0.9, np.pi * 0.8, 5)
            path = np.stack([x - (r + 0.03) * -np.cos(angle), 0 * angle, r + (r + 0.03) * np.sin(angle)], 1)
            parts.append(tube(path, [(c.tyre_m + 0.008, 0.008)] * len(path), 4, kind))
    if c.name == "city_bicycle":
        parts.append(box((rear - 0.22, -0.08, r * 2 + 0.04), (sx - 0.1, 0.08, r * 2 + 0.07), PLASTIC))
        parts.append(box((bx + 0.06, -0.17, bz - 0.26), (bx + 0.34, 0.17, bz - 0.02), PLASTIC, 0.04))
    return parts


def cruiser(c: Cycle, detail: int) -> list[Part]:
    """Low heavy motorcycle: teardrop tank, V engine between black frame tubes, wide mudguards, panniers, exhausts."""
    (front, rear), r = c.hubs, c.radius_m
    bx, half, bz = c.bars
    n = BLOB[detail]
    parts = [
        _blob((0.16, 0.0, 0.83), (0.31, 0.15, 0.13), PAINT, detail),
        tube(
            [(-0.02, 0.0, 0.73), (-0.3, 0.0, 0.70), (-0.52, 0.0, 0.74), (-0.84, 0.0, 0.79)],
            [(0.10, 0.05), (0.17, 0.07), (0.16, 0.07), (0.10, 0.05)],
            n,
            PLASTIC,
        ),
        *_mudguard(rear, r, c.rear_tyre_m + 0.025, (0.35, 2.4), detail),
        *_mudguard(front, r, c.tyre_m + 0.025, (0.55, 2.3), detail),
        _blob((0.30, 0.0, 0.55), (0.11, 0.17, 0.20), METAL, detail),
        _blob((0.06, 0.0, 0.55), (0.11, 0.17, 0.20), METAL, detail),
        _blob((0.10, 0.0, 0.38), (0.34, 0.17, 0.13), PLASTIC, detail),
        *_pair(
            tube(
                [(0.42, 0.05, 0.76), (0.44, 0.27, 0.66), (0.42, 0.28, 0.42), (0.40, 0.05, 0.34)],
                0.018,
                TUBE[detail],
                METAL,
            )
        ),
        *_pair(box((-0.98, 0.17, 0.40), (-0.48, 0.36, 0.70), PLASTIC, 0.05)),
        by_normal(
            tube(
                [(front - 0.42, 0.0, 0.92), (front - 0.44, 0.0, 1.02), (front - 0.50, 0.0, 1.16)],
                [(0.16, 0.10), (0.27, 0.12), (0.24, 0.06)],
                n,
                PAINT,
            )
        ),
        *_blinkers(rear - 0.33, 0.2, 0.68, detail),
        box((rear - 0.36, -0.09, 0.46), (rear - 0.33, 0.09, 0.58), Material.CARGO),
        *_mirrors(c, detail),
    ]
    parts += _fork(c, detail, 0.032, (front - 0.34, bz - 0.08))
    grips = [(bx - 0.16, -half, bz), (bx, -half * 0.6, bz), (bx, half * 0.6, bz), (bx - 0.16, half, bz)]
    parts.append(tube(grips, 0.022, TUBE[detail], PLASTIC))
    frame = _tubes(
        [((front - 0.30, 0.0, 0.86), (0.40, 0.0, 0.30)), ((0.40, 0.0, 0.30), (-0.35, 0.0, 0.30)),
         ((-0.35, 0.0, 0.30), (-0.40, 0.0, 0.66)), ((front - 0.30, 0.0, 0.86), (-0.40, 0.0, 0.66))],
        0.035, detail, PLASTIC)  # fmt: skip
    swing = [((-0.30, 0.13, 0.34), (rear, 0.13, r))]
    pipes = [tube([(0.28, 0.18, 0.42), (0.05, 0.2, 0.25), (-0.5, 0.21, 0.25), (-1.0, 0.21, 0.27)],
                  [0.03, 0.035, 0.05, 0.055], TUBE[detail], METAL)]  # fmt: skip
    return [*parts, *frame, *pipes, *(p for line in _tubes(swing, 0.03, detail, PLASTIC) for p in _pair(line))]


def _mudguard(hub: float, radius_m: float, half_m: float, turn: tuple[float, float], detail: int) -> list[Part]:
    """Shell over a wheel between two angles from the front."""
    angle = np.linspace(*turn, (9, 6, 4)[detail])
    reach = radius_m + 0.045
    path = np.stack([hub + reach * np.cos(angle), 0 * angle, radius_m + reach * np.sin(angle)], 1)
    return [by_normal(tube(path, [(half_m, 0.022)] * len(path), max(BLOB[detail] // 2, 4), PAINT))]


def sport_bike(c: Cycle, detail: int) -> list[Part]:
    """Faired motorcycle: nose with screen, tank, belly fairing, raised tail."""
    (front, rear), r = c.hubs, c.radius_m
    bx, half, bz = c.bars
    parts = [
        _blob((0.14, 0.0, 0.84), (0.31, 0.16, 0.15), PAINT, detail),
        _blob((0.48, 0.0, 0.86), (0.27, 0.19, 0.22), PAINT, detail),
        _blob((0.16, 0.0, 0.50), (0.42, 0.19, 0.26), PAINT, detail),
        _blob((0.60, 0.0, 1.05), (0.12, 0.14, 0.14), Material.GLASS, detail),
        _blob((-0.32, 0.0, 0.82), (0.28, 0.13, 0.06), PLASTIC, detail),
        _blob((-0.66, 0.0, 0.90), (0.28, 0.09, 0.085), PAINT, detail),
        _blob((front, 0.0, r + 0.20), (0.23, 0.075, 0.13), PAINT, detail),
        _blob((-0.05, 0.0, 0.44), (0.24, 0.17, 0.19), PLASTIC, detail),
        *_blinkers(-0.88, 0.17, 0.78, detail),
        box((-0.93, -0.09, 0.60), (-0.90, 0.09, 0.74), Material.CARGO),
        box((-0.91, -0.05, 0.56), (-0.70, 0.05, 0.86), PLASTIC),
        *_mirrors(c, detail),
    ]
    parts += _fork(c, detail, 0.028, (front - 0.30, bz - 0.04))
    parts.append(tube([(bx, -half, bz), (bx + 0.08, 0.0, bz + 0.02), (bx, half, bz)], 0.018, TUBE[detail], PLASTIC))
    pipe = tube([(-0.1, 0.16, 0.30), (-0.4, 0.18, 0.40), (-0.78, 0.19, 0.62)], [0.03, 0.055, 0.05], TUBE[detail], METAL)
    return [*parts, pipe, tube([(-0.05, 0.0, 0.45), (rear, 0.0, r)], 0.07, TUBE[detail], METAL)]


def scooter(c: Cycle, detail: int) -> list[Part]:
    """Scooter: apron with the head lamp, flat floor, tail fairing under a stepped bench, black engine and wheels."""
    (front, rear), r = c.hubs, c.radius_m
    bx, half, bz = c.bars
    n = BLOB[detail]
    parts = [
        by_normal(tube([(-0.08, 0.0, 0.55), (-0.26, 0.0, 0.62), (-0.52, 0.0, 0.66), (-0.78, 0.0, 0.72),
                        (-0.98, 0.0, 0.78)],
                       [(0.12, 0.15), (0.17, 0.14), (0.18, 0.12), (0.14, 0.10), (0.06, 0.05)], n, PAINT)),
        tube([(-0.04, 0.0, 0.74), (-0.3, 0.0, 0.77), (-0.52, 0.0, 0.80), (-0.62, 0.0, 0.86), (-0.88, 0.0, 0.88)],
             [(0.09, 0.04), (0.15, 0.055), (0.15, 0.06), (0.13, 0.05), (0.09, 0.04)], n, PLASTIC),
        box((-0.24, -0.18, 0.25), (0.36, 0.18, 0.34), PLASTIC, 0.03),
        by_normal(tube([(0.34, 0.0, 0.30), (0.47, 0.0, 0.52), (0.46, 0.0, 0.80), (0.36, 0.0, 1.02)],
                       [(0.14, 0.05), (0.21, 0.07), (0.20, 0.08), (0.12, 0.06)], n, PAINT)),
        tube([(0.27, 0.0, 0.34), (0.36, 0.0, 0.5), (0.34, 0.0, 0.90)], [(0.15, 0.03), (0.19, 0.03), (0.14, 0.03)], n,
             PLASTIC),
        *_mudguard(front, r, 0.07, (0.6, 2.3), detail),
        tube([(0.36, 0.0, 1.01), (0.32, 0.0, 1.08), (0.26, 0.0, 1.14)],
             [(0.13, 0.012), (0.15, 0.012), (0.11, 0.012)], n, Material.GLASS),
        _blob((bx + 0.04, 0.0, bz), (0.10, 0.11, 0.07), PLASTIC, detail),
        _blob((-0.46, 0.0, 0.36), (0.27, 0.13, 0.16), PLASTIC, detail),
        box((rear - 0.05, -0.12, r - 0.04), (-0.3, -0.06, r + 0.10), PLASTIC),
        tube([(-0.35, -0.17, 0.30), (-0.55, -0.18, 0.33), (-0.92, -0.18, 0.44)], [0.03, 0.055, 0.05], TUBE[detail],
             METAL),
        *_pair(tube([(rear, 0.11, r), (-0.72, 0.12, 0.66)], 0.022, TUBE[detail], METAL)),
        tube([(rear - 0.05, 0.0, r + 0.30), (rear - 0.24, 0.0, r + 0.22), (rear - 0.33, 0.0, r + 0.06)],
             [(0.08, 0.012)] * 3, 4, PLASTIC),
        box((-1.0, -0.10, 0.50), (-0.97, 0.10, 0.63), Material.CARGO),
        *_blinkers(-0.93, 0.17, 0.70, detail),
        *_mirrors(c, detail),
    ]  # fmt: skip
    parts += _fork(c, detail, 0.026, (front - 0.18, 0.66))
    parts.append(tube([(bx - 0.08, -half, bz), (bx, 0.0, bz), (bx - 0.08, half, bz)], 0.02, TUBE[detail], PLASTIC))
    return parts


def _fork(c: Cycle, detail: int, radius_m: float, top: tuple[float, float]) -> list[Part]:
    hub = (c.hubs[0], c.tyre_m + 0.03, c.radius_m)
    kind = METAL if c.name == "cruiser" else PLASTIC  # chrome there, black elsewhere
    return _pair(tube([hub, (top[0], c.tyre_m + 0.03, top[1])], radius_m, TUBE[detail], kind))


CLASPED = replace(ADULT, shoulder_m=0.18)  # arms that reach far forward draw the shoulders together
BIKER = replace(Figure("biker", ADULT), biker=True, leather=True)
CYCLIST = replace(Figure("cyclist", CLASPED), sleeves="short", legs="shorts", helmet=True)
CYCLES = (
    Cycle("bicycle", Tag.BICYCLE, (0.53, -0.53), 0.345, 0.028, (-0.25, 0.96), (0.24, 0.28, 0.98), (-0.09, 0.15, 0.30),
          0.70, replace(Figure("rider", CLASPED), helmet=True), bicycle, 0.17, spokes=9, stretch=(0.86, 1.05, 0.87),
          rider=0.90, elbows_out=1.8),
    Cycle("racing_bicycle", Tag.BICYCLE, (0.50, -0.50), 0.34, 0.018, (-0.25, 1.0), (0.42, 0.21, 0.95),
          (-0.07, 0.12, 0.28), 0.92, CYCLIST, bicycle, 0.17, spokes=8, stretch=(0.985, 1.0, 0.95), rider=0.95),
    Cycle("city_bicycle", Tag.BICYCLE, (0.56, -0.56), 0.35, 0.024, (-0.30, 0.93), (0.12, 0.26, 1.06),
          (-0.09, 0.13, 0.29), 0.28, replace(Figure("rider", WOMAN), female=True, hair="long"), bicycle, 0.165,
          spokes=9, stretch=(1.01, 1.05, 0.97), rider=0.97, elbows_out=1.4),
    Cycle("cruiser", Tag.MOTORCYCLE, (0.82, -0.78), 0.325, 0.068, (-0.42, 0.76), (-0.05, 0.34, 1.02),
          (0.34, 0.30, 0.36), 0.12, BIKER, cruiser, lamp=(1.02, 0.74), spokes=8, stretch=(1.02, 0.85, 0.95), rider=0.94,
          splay=0.6, elbows_out=1.8, rear_tyre_m=0.088),
    Cycle("sport_bike", Tag.MOTORCYCLE, (0.70, -0.70), 0.305, 0.065, (-0.34, 0.88), (0.32, 0.27, 0.93),
          (-0.28, 0.22, 0.42), 0.90, BIKER, sport_bike, lamp=(0.86, 0.92), spokes=5, stretch=(1.05, 1.08, 0.94),
          rider=0.96, splay=0.6, elbows_out=1.6, rear_tyre_m=0.088),
    Cycle("scooter", Tag.MOTORCYCLE, (0.66, -0.64), 0.27, 0.06, (-0.34, 0.84), (0.21, 0.31, 1.00), (0.12, 0.19, 0.42),
          0.20, replace(Figure("rider", WOMAN), female=True, biker=True), scooter, lamp=(0.82, 0.78), spokes=5,
          stretch=(0.94, 1.08, 0.87), rider=0.92, splay=0.6, elbows_out=1.8),
)  # fmt: skip


def rider_parts(c: Cycle, phase: int, detail: int) -> list[Part]:
    """The rider on the saddle with the cranks in ``phase`` of eight."""
    figure = replace(c.figure, build=resized(c.figure.build, c.rider))
    stretch = np.array(c.stretch)
    hands = np.array([[c.bars[0] - 0.06, s * (c.bars[1] - 0.05), c.bars[2]] for s in SIDES]) * stretch
    hands[:, 2] += 0.03
    feet = np.array([[c.feet[0], s * c.feet[1], c.feet[2]] for s in SIDES]) * stretch
    pedals = []
    if c.crank_m > 0.0:
        axle = feet * [1.0, 0.6, 1.0]
        turn = 2.0 * np.pi * phase / WALK_PHASES + np.array([0.0, np.pi])
        feet[:, 0] += c.crank_m * stretch[0] * np.sin(turn)
        feet[:, 2] += c.crank_m * stretch[2] * np.cos(turn)
        for start, foot in zip(axle, feet, strict=True):
            pedals.append(tube([start, foot * [1.0, 0.6, 1.0]], 0.014, TUBE[detail], METAL))
        feet += [-0.06, 0.0, figure.build.ankle_m + 0.02]  # the ball of the foot is on the pedal
    pelvis = np.array([c.saddle[0] - 0.02, 0.0, c.saddle[1]]) * stretch + [0.0, 0.0, 0.09 * c.rider]
    joints = seated(figure.build, pelvis, feet, hands, c.lean_rad, c.splay, c.elbows_out)
    return [*pedals, *(p.ridden() for p in figure_parts(figure, joints, detail))]


def wheel_parts(c: Cycle, detail: int) -> list[Part]:
    """Front wheel (1) and rear wheel (3), round whatever the machine's stretch."""
    radius = c.radius_m * c.stretch[2]
    tyres = (c.tyre_m, c.rear_tyre_m or c.tyre_m)
    return [
        hoop(radius, tyre, detail, c.spokes).moved((x * c.stretch[0], 0.0, radius)).turning(k)
        for x, tyre, k in zip(c.hubs, tyres, (1, 3), strict=True)
    ]


def build_cycle(c: Cycle, phase: int | None) -> Body:
    """A two-wheeler with its rider, centred over its length; phase None has no suffix."""
    lods = []
    shift = 0.0
    for detail in range(3):
        machine = [p.scaled(c.stretch) for p in c.build(c, detail)]
        parts = [*machine, *wheel_parts(c, detail), *rider_parts(c, phase or 0, detail)]
        if detail == 0:
            x = np.concatenate([p.points_m[:, 0] for p in parts])
            shift = -float(x.max() + x.min()) / 2
        lods.append([p.moved((shift, 0.0, 0.0)) for p in parts])
    points = np.concatenate([p.points_m for p in lods[0]])
    length, width, height = np.ptp(points, axis=0)
    frame = ChartFrame(float(length), float(width), float(height))
    gone = (0.0, 0.0, 0.0, 0.0)
    radius = c.radius_m * c.stretch[2]
    front, rear = ((x * c.stretch[0] + shift, 0.0, radius, radius) for x in c.hubs)
    lamps: tuple[tuple[float, float, float, float], ...] = ()
    if c.lamp[0] > 0.0:
        lamps = (
            (length / 2 - 0.3, 0.0, c.lamp[0] * c.stretch[2], float(Lamp.HEAD)),
            (-length / 2 + 0.05, 0.0, c.lamp[1] * c.stretch[2], float(Lamp.TAIL)),
        )
    charts = paint_cycle(c, frame)
    name = c.name if phase is None else f"{c.name}@{phase}"
    return Body(name, c.tag, frame, (lods[0], lods[1], lods[2]), charts, (front, gone, rear, gone), lamps, phase or 0)


def paint_cycle(c: Cycle, frame: ChartFrame) -> tuple[Painter, Painter, Painter, Painter]:
    """Head lamp on the front chart, tail lamp on the rear one."""
    side, top, front, rear = (Painter(frame, k) for k in (SIDE, TOP, FRONT, REAR))
    wide, high = c.stretch[1:]
    head, tail = c.lamp[0] * high, c.lamp[1] * high
    if c.lamp[0] == 0.0:
        rear.box(-0.03, 0.03, (c.saddle[1] - 0.17) * high, (c.saddle[1] - 0.10) * high, LAMP, mirror=False)
        return side, top, front, rear
    if c.name == "sport_bike":
        front.box(0.03, 0.15, head - 0.04, head + 0.03, LAMP)
        side.polygon([(0.0, 0.3), (0.5, 0.42), (0.45, 0.5), (0.0, 0.36)], DARK)
    else:
        front.disc(0.0, head, 0.085, LAMP)
    rear.box(-0.10, 0.10, tail - 0.045, tail + 0.045, LAMP, mirror=False)
    if c.tyre_m > 0.06:
        rear.box(0.15 * wide, 0.26 * wide, tail - 0.18, tail - 0.02, LAMP)
    return side, top, front, rear


def build_cycles() -> list[Body]:
    """Every two-wheeler; those that are pedalled in all positions of the cranks."""
    out = []
    for c in CYCLES:
        phases: tuple[int | None, ...] = tuple(range(WALK_PHASES)) if c.crank_m > 0.0 else (None,)
        out += [build_cycle(c, phase) for phase in phases]
    return out
