"""Bicycles and motorcycles with their riders.

The front wheel is wheel 1, the rear wheel is wheel 3, as on the left side of a car. Bicycles come in eight
positions of the cranks, ``NAME@0`` .. ``NAME@7``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.server.scene.bodies.bicycles import bicycle
from sim.server.scene.bodies.body import Body, Lamp
from sim.server.scene.bodies.charts import DARK, LAMP, ChartFrame, Painter
from sim.server.scene.bodies.cycle_parts import METAL, PLASTIC, TUBE, Cycle
from sim.server.scene.bodies.motorcycles import cruiser, scooter, sport_bike
from sim.server.scene.bodies.parts import FRONT, REAR, SIDE, TOP, Floats, Part, box, tube
from sim.server.scene.bodies.people import ADULT, WOMAN, Figure, figure_parts
from sim.server.scene.bodies.skeleton import SIDES, WALK_PHASES, Joints, resized, seated
from sim.server.scene.bodies.wheels import hoop
from sim.server.scene.mesh import Tag

PEDAL_M = np.array([0.045, 0.05, 0.012])  # half a pedal
CLASPED = replace(ADULT, shoulder_m=0.18)  # arms that reach far forward draw the shoulders together
BIKER = replace(Figure("biker", ADULT), biker=True, leather="suit")
CRUISER = replace(BIKER, leather="jacket")
CYCLIST = replace(Figure("cyclist", CLASPED), sleeves="short", legs="shorts", helmet=True)
CYCLES = (
    Cycle("bicycle", Tag.BICYCLE, (0.53, -0.53), 0.345, 0.030, (-0.25, 0.96), (0.26, 0.32, 1.02), (-0.09, 0.15, 0.30),
          0.62, replace(Figure("rider", CLASPED), helmet=True), bicycle, 0.17, spokes=9, stretch=(0.86, 1.0, 0.87),
          rider=0.90, elbows_out=1.8, grip_m=-0.02),
    Cycle("racing_bicycle", Tag.BICYCLE, (0.50, -0.50), 0.34, 0.018, (-0.25, 1.0), (0.38, 0.235, 0.95),
          (-0.07, 0.12, 0.28), 0.92, CYCLIST, bicycle, 0.17, spokes=8, stretch=(0.985, 1.0, 0.95), rider=0.95,
          elbows_out=1.2, grip_m=0.06),
    Cycle("city_bicycle", Tag.BICYCLE, (0.56, -0.56), 0.35, 0.024, (-0.30, 0.93), (0.22, 0.285, 1.08),
          (-0.09, 0.13, 0.29), 0.16, replace(Figure("rider", WOMAN), female=True, hair="long"), bicycle, 0.165,
          spokes=9, stretch=(1.01, 1.0, 0.97), rider=0.97, elbows_out=0.7, grip_m=-0.20),
    Cycle("cruiser", Tag.MOTORCYCLE, (0.82, -0.78), 0.325, 0.068, (-0.42, 0.76), (0.0, 0.34, 1.04),
          (0.34, 0.30, 0.36), 0.12, CRUISER, cruiser, lamp=(0.93, 0.665), spokes=8, stretch=(1.02, 1.0, 0.95),
          rider=0.94, splay=0.6, rear_tyre_m=0.095, grip_m=-0.10),
    Cycle("sport_bike", Tag.MOTORCYCLE, (0.70, -0.70), 0.305, 0.065, (-0.34, 0.88), (0.32, 0.295, 0.93),
          (-0.28, 0.22, 0.42), 0.85, BIKER, sport_bike, lamp=(0.86, 0.905), spokes=5, stretch=(1.05, 1.0, 0.94),
          rider=0.96, splay=0.6, elbows_out=1.3, rear_tyre_m=0.095),
    Cycle("scooter", Tag.MOTORCYCLE, (0.66, -0.64), 0.27, 0.06, (-0.22, 0.84), (0.20, 0.33, 1.00), (0.20, 0.19, 0.42),
          0.22, replace(Figure("rider", WOMAN), female=True, biker=True), scooter, lamp=(1.01, 0.685), spokes=5,
          stretch=(0.94, 1.04, 0.87), rider=0.92, splay=0.35),
)  # fmt: skip


def seat_of(c: Cycle, phase: int) -> tuple[Figure, Joints, Floats]:
    """The rider and their joints with the cranks in ``phase`` of eight, and where the pedals (2, 3) are."""
    figure = replace(c.figure, build=resized(c.figure.build, c.rider))
    stretch = np.array(c.stretch)
    hands = np.array([[c.bars[0] + c.grip_m, s * (c.bars[1] - 0.05), c.bars[2]] for s in SIDES]) * stretch
    hands[:, 2] += 0.03
    feet = np.array([[c.feet[0], s * c.feet[1], c.feet[2]] for s in SIDES]) * stretch
    if c.crank_m > 0.0:
        turn = 2.0 * np.pi * phase / WALK_PHASES + np.array([0.0, np.pi])
        feet[:, 0] += c.crank_m * stretch[0] * np.sin(turn)
        feet[:, 2] += c.crank_m * stretch[2] * np.cos(turn)
    pedals = feet.copy()
    if c.crank_m > 0.0:
        feet += [-0.06, 0.0, figure.build.ankle_m + 0.02]  # the ball of the foot is on the pedal
    pelvis = np.array([c.saddle[0] - 0.02, 0.0, c.saddle[1]]) * stretch + [0.0, 0.0, 0.09 * c.rider]
    return figure, seated(figure.build, pelvis, feet, hands, c.lean_rad, c.splay, c.elbows_out), pedals


def rider_parts(c: Cycle, phase: int, detail: int) -> list[Part]:
    """The rider on the saddle with the cranks in ``phase`` of eight, and the cranks."""
    figure, joints, pedals = seat_of(c, phase)
    parts = []
    if c.crank_m > 0.0:
        for s, pedal in zip(SIDES, pedals, strict=True):
            axle = np.array([c.feet[0], s * 0.6 * c.feet[1], c.feet[2]]) * c.stretch
            parts.append(tube([axle, pedal * [1.0, 0.6, 1.0]], 0.014, TUBE[detail], METAL))
            parts.append(box(pedal - PEDAL_M, pedal + PEDAL_M, PLASTIC))
    return [*parts, *(p.ridden() for p in figure_parts(figure, joints, detail))]


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
        lods.append([_unlit_inside(p.moved((shift, 0.0, 0.0))) for p in parts])
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


def _unlit_inside(part: Part) -> Part:
    """The part without lamps where it looks at the rider: the apron's inside is no tail lamp."""
    x = part.points_m[part.faces, 0].mean(axis=1)
    inside = ((part.chart == REAR) & (x > 0.0)) | ((part.chart == FRONT) & (x < 0.0))
    return replace(part, chart=np.where(inside, SIDE, part.chart).astype(np.uint8))


def paint_cycle(c: Cycle, frame: ChartFrame) -> tuple[Painter, Painter, Painter, Painter]:
    """Head lamp on the front chart, tail lamp on the rear one."""
    side, top, front, rear = (Painter(frame, k) for k in (SIDE, TOP, FRONT, REAR))
    wide, high = c.stretch[1:]
    head, tail = c.lamp[0] * high, c.lamp[1] * high
    if c.lamp[0] == 0.0:
        low = 2.0 * c.radius_m - 0.02 if c.name == "city_bicycle" else c.saddle[1] - 0.18
        rear.box(-0.05, 0.05, low * high, (low + 0.08) * high, LAMP, mirror=False)
        return side, top, front, rear
    if c.name == "sport_bike":
        front.polygon([(0.0, 0.9 * head), (0.09, 0.9 * head), (0.07, 0.74), (0.0, 0.70)], DARK)  # the intake
        front.polygon([(0.05, head - 0.05), (0.19, head + 0.01), (0.18, head + 0.07), (0.04, head + 0.01)], LAMP)
        side.polygon([(0.0, 0.3), (0.5, 0.42), (0.45, 0.5), (0.0, 0.36)], DARK)
    else:
        front.disc(0.0, head, 0.105, DARK)
        front.disc(0.0, head, 0.085, LAMP)
    rear.box(-0.10, 0.10, tail - 0.045, tail + 0.045, LAMP, mirror=False)
    rear.box(0.15 * wide, 0.26 * wide, tail - (0.14 if c.name == "sport_bike" else -0.01), tail + 0.10, LAMP)
    return side, top, front, rear


def build_cycles() -> list[Body]:
    """Every two-wheeler; those that are pedalled in all positions of the cranks."""
    out = []
    for c in CYCLES:
        phases: tuple[int | None, ...] = tuple(range(WALK_PHASES)) if c.crank_m > 0.0 else (None,)
        out += [build_cycle(c, phase) for phase in phases]
    return out
