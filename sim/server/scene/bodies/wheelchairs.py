"""People in wheelchairs: a folding frame with two large spoked wheels, hand rims, casters and foot rests, and who
sits in it, resting or in eight positions of a push.

The hips are a seat's height over the ground, hips and knees bent by 90 degrees, hands on the rims. A push follows the
figures of van der Woude, Veeger and Rozendal, "Propulsion technique in hand rim wheelchair ambulation" (1989): the
hands grip the rims 25 degrees behind the top, let go 35 degrees before it, and come back over the rims while the trunk
leans back. Wheels 3 and 4, those of a car's rear axle, turn with the distance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sim.server.scene.bodies.body import Body
from sim.server.scene.bodies.charts import ChartFrame
from sim.server.scene.bodies.parts import Floats, Part, box, lathe, tube
from sim.server.scene.bodies.people import ADULT, CHILD, HEAVY, HEAVY_WOMAN, WOMAN, Figure, figure_parts
from sim.server.scene.bodies.skeleton import SIDES, WALK_PHASES, Build, Joints, seated
from sim.server.scene.bodies.wheels import hoop, torus
from sim.server.scene.mesh import Material, Tag

Point = tuple[float, float, float]

PLASTIC, STEEL, TYRE = Material.PLASTIC, Material.RIM, Material.TYRE
SUFFIX = "_wheelchair"
GRIP_DEG, RELEASE_DEG = -25.0, 35.0
PUSHED = 4
"""Of the eight positions, those in which the hands hold the rims; in the others they return."""
LEAN_RAD, LEAN_FORWARD_RAD = 0.0, 0.20
HAND_M = 0.07  # from the rim to the wrist of the hand that holds it
LIFT_M = 0.045  # of the hands over the rims on their way back
THIGH_M = 0.08  # radius of a thigh that lies on the seat
SPOKES = 12
TUBE = (6, 5, 4)  # points around a frame tube


@dataclass(frozen=True)
class Chair:
    """Sizes in metres: wheel radius, seat (its top over the ground), half width of the seat, top of the back rest."""

    wheel_m: float = 0.305
    seat_m: float = 0.50
    half_m: float = 0.215
    back_m: float = 0.92
    caster_m: float = 0.085


@dataclass(frozen=True)
class Seated:
    """A person in a chair; frame: material of its tubes."""

    figure: Figure
    chair: Chair
    frame: Material

    @property
    def name(self) -> str:
        """Base name of its models."""
        return self.figure.name + SUFFIX


NARROW = Chair(half_m=0.20, seat_m=0.49, back_m=0.89)
WIDE = Chair(half_m=0.245)
SMALL = Chair(wheel_m=0.27, seat_m=0.42, half_m=0.165, back_m=0.72, caster_m=0.07)
PEOPLE = (
    Seated(Figure("man", ADULT), Chair(), STEEL),
    Seated(Figure("man_heavy", HEAVY, sleeves="short", hair="none"), WIDE, PLASTIC),
    Seated(Figure("woman", WOMAN, female=True, hair="long"), NARROW, PLASTIC),
    Seated(Figure("woman_heavy", HEAVY_WOMAN, female=True), NARROW, STEEL),
    Seated(Figure("boy", CHILD, sleeves="short"), SMALL, STEEL),
    Seated(Figure("girl", CHILD, female=True, hair="long"), SMALL, PLASTIC),
)
"""Who sits: without coats, skirts and bags, which would hang through the seat."""
BY_NAME = {person.name: person for person in PEOPLE}


def wheel_centre(chair: Chair, side: int) -> Point:
    """Hub of the left (0) or right (1) large wheel, in the frame of ``sitting``."""
    return 0.0, float(SIDES[side]) * (chair.half_m + 0.055), chair.wheel_m


def sitting(person: Seated, phase: int | None) -> Joints:
    """Joints in a push's position 0..7, or at rest (None); the wheels' axle over the origin."""
    chair, build = person.chair, person.figure.build
    push = 0.35 if phase is None else _pushed(phase)
    free = 0.0 if phase is None or phase <= PUSHED else float(np.sin(np.pi * (phase - PUSHED) / (8 - PUSHED)))
    lean = LEAN_RAD if phase is None else LEAN_RAD + LEAN_FORWARD_RAD * push
    pelvis = (0.0, 0.0, chair.seat_m + THIGH_M * build.girth * build.thigh_m / ADULT.thigh_m)
    angle = np.radians(GRIP_DEG + (RELEASE_DEG - GRIP_DEG) * push)
    reach = chair.wheel_m - 0.035 + HAND_M * build.forearm_m / ADULT.forearm_m + LIFT_M * free
    across = chair.half_m + 0.095
    hands = np.array([[reach * np.sin(angle), s * across, chair.wheel_m + reach * np.cos(angle)] for s in SIDES])
    feet = np.array([[build.thigh_m + 0.02, s * build.hip_m * 0.95, _sole(person) + build.ankle_m] for s in SIDES])
    joints = seated(build, pelvis, feet, hands, lean, splay=0.05, elbows_out=0.4)
    # the neck is as long as standing
    head = joints.chest + np.array([0.03 + 0.4 * np.sin(lean) * build.head_m, 0.0, _above(build)])
    return replace(joints, head=head, toe=np.tile([1.0, 0.0, 0.06], (2, 1)))


def _pushed(phase: int) -> float:
    """Share 0..1 of the way from the grip to the release."""
    return phase / PUSHED if phase <= PUSHED else (8 - phase) / (8 - PUSHED)


def _above(b: Build) -> float:
    """From the shoulders to the middle of the head while standing."""
    return b.height_m - b.head_m / 2 - (b.ankle_m + b.shin_m + b.thigh_m + b.trunk_m)


def _sole(person: Seated) -> float:
    """Height of the foot rests: the shins hang down from knees that are as high as the hips."""
    b = person.figure.build
    return person.chair.seat_m + THIGH_M * b.girth * b.thigh_m / ADULT.thigh_m - b.shin_m - b.ankle_m


def chair_parts(person: Seated, detail: int) -> list[Part]:
    """The chair; its axle over the origin."""
    chair = person.chair
    parts = _seat(chair) + _frame(person, detail)
    for side, s in enumerate(SIDES.tolist()):
        hub = wheel_centre(chair, side)
        parts.append(_large_wheel(chair, s, detail).moved(hub).turning(3 + side))
        caster = (person.figure.build.thigh_m * 0.72, s * (chair.half_m + 0.01), chair.caster_m)
        n = (12, 8, 6)[detail]
        wheel = lathe([(chair.caster_m, -0.014), (chair.caster_m, 0.014)], n, TYRE, axis=1)
        parts.append(wheel.moved(caster))
        if detail == 2:
            continue
        fork = [(caster[0] + 0.035, caster[1], chair.caster_m + 0.17), (caster[0], caster[1], chair.caster_m)]
        parts.append(tube(fork, 0.016, TUBE[detail], person.frame))
    return parts


def _large_wheel(chair: Chair, s: float, detail: int) -> Part:
    """Around its hub: tyre, spokes, and outside of them the hand rim."""
    wheel = hoop(chair.wheel_m, 0.016, detail, SPOKES)
    if detail == 2:
        return wheel
    rim = torus(chair.wheel_m - 0.035, (0.010, 0.010), (24, 16)[detail], (5, 4)[detail], STEEL)
    return Part.join([wheel, rim.moved((0.0, s * 0.045, 0.0))])


def _seat(chair: Chair) -> list[Part]:
    w, z = chair.half_m, chair.seat_m
    depth = 1.65 * w
    return [
        box((-0.13, -w, z - 0.055), (depth - 0.02, w, z), PLASTIC, 0.015),
        box((-0.155, -w, z + 0.05), (-0.125, w, chair.back_m), PLASTIC, 0.01),
        *(box((-0.10, s * (w + 0.012) - 0.008, z - 0.04), (0.16, s * (w + 0.012) + 0.008, z + 0.13), PLASTIC)
          for s in SIDES.tolist()),
    ]  # fmt: skip


def _frame(person: Seated, detail: int) -> list[Part]:
    """Back canes with push handles, seat tubes that run down to the foot rests, arm rests, cross under the seat."""
    chair, build, kind, n = person.chair, person.figure.build, person.frame, TUBE[detail]
    w, z, sole = chair.half_m, chair.seat_m, _sole(person)
    front, foot = 1.65 * w, build.thigh_m + 0.03
    parts: list[Part] = []
    for s in SIDES.tolist():
        y = s * w
        cane = [(-0.115, y, chair.wheel_m - 0.05), (-0.14, y, z), (-0.16, y, chair.back_m), (-0.29, y, chair.back_m)]
        parts.append(tube(cane, 0.0125, n, kind))
        rail = [(-0.13, y, z - 0.045), (front, y, z - 0.045), (front + 0.06, y * 0.9, z - 0.09),
                (foot - 0.02, y * 0.75, sole + 0.02)]  # fmt: skip
        parts.append(tube(rail, 0.0125, n, kind))
        parts.append(tube([(front - 0.03, y, z - 0.05), (front - 0.02, y, chair.caster_m + 0.15)], 0.0125, n, kind))
        plate = sorted((s * 0.02, s * min(w * 0.85, 0.17)))
        parts.append(box((foot - 0.09, plate[0], sole - 0.022), (foot + 0.10, plate[1], sole - 0.008), PLASTIC))
        if detail < 2:
            parts.append(tube([(-0.19, y, chair.back_m), (-0.30, y, chair.back_m)], 0.018, n, PLASTIC))
            low = [(-0.12, y, chair.wheel_m - 0.04), (build.thigh_m * 0.72 + 0.035, y, chair.caster_m + 0.17)]
            parts.append(tube(low, 0.0125, n, kind))
            rest = sorted((y + s * 0.012 - 0.025, y + s * 0.012 + 0.025))
            parts.append(box((-0.10, rest[0], z + 0.195), (0.16, rest[1], z + 0.22), PLASTIC))
            parts.append(tube([(0.13, y, z - 0.05), (0.13, y, z + 0.20)], 0.010, n, kind))
            parts.append(tube([(0.02, -y, chair.wheel_m - 0.06), (0.02, y, z - 0.06)], 0.011, n, kind))
    parts.append(tube([(0.0, -w - 0.05, chair.wheel_m), (0.0, w + 0.05, chair.wheel_m)], 0.012, n, kind))
    return parts


def ahead_m(person: Seated) -> float:
    """How far the axle lies before the middle of the model's footprint: chair and feet, at rest."""
    x = np.concatenate([p.points_m[:, 0] for p in (*chair_parts(person, 0), *figure_parts(*_resting(person), 0))])
    return -float(x.max() + x.min()) / 2.0


def _resting(person: Seated) -> tuple[Figure, Joints]:
    return person.figure, sitting(person, None)


def model_joints(person: Seated, phase: int | None) -> Joints:
    """Joints in the frame of the model: the middle of its footprint on the ground over the origin."""
    joints, ahead = sitting(person, phase), np.array([ahead_m(person), 0.0, 0.0])
    moved = {name: getattr(joints, name) + ahead for name in vars(joints) if name != "toe"}
    return Joints(**moved, toe=joints.toe)


def build_seated(person: Seated, phase: int | None) -> Body:
    """A person in a chair, centred over its footprint."""
    joints = model_joints(person, phase)
    shift: Floats = np.array([ahead_m(person), 0.0, 0.0])
    lods = [
        [*(p.moved(shift) for p in chair_parts(person, detail)), *figure_parts(person.figure, joints, detail)]
        for detail in range(3)
    ]
    size = np.ptp(np.concatenate([p.points_m for p in lods[0]]), axis=0)
    hubs = [(x + shift[0], y, z, z) for x, y, z in (wheel_centre(person.chair, side) for side in (0, 1))]
    none = (0.0, 0.0, 0.0, 0.0)
    return Body(
        f"{person.name}@{'stand' if phase is None else phase}",
        Tag.PEDESTRIANS,
        ChartFrame(float(size[0]), float(size[1]), float(size[2])),
        (lods[0], lods[1], lods[2]),
        wheels_m=(none, none, hubs[0], hubs[1]),
        pose=phase or 0,
    )


def build_wheelchairs() -> list[Body]:
    """Everyone who sits in a wheelchair, pushing and at rest."""
    return [build_seated(person, phase) for person in PEOPLE for phase in (*range(WALK_PHASES), None)]
