"""What the builders of two-wheelers share: their measures, and the small parts that all of them carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sim.server.scene.bodies.parts import Part, box, by_normal, ellipsoid, tube
from sim.server.scene.bodies.people import Figure
from sim.server.scene.mesh import Material, Tag

Point = tuple[float, float, float]
PAINT, METAL, PLASTIC = Material.PAINT, Material.RIM, Material.PLASTIC  # RIM: bare metal whatever the paint
TUBE = (7, 5, 4)  # points around a frame tube
BLOB = (14, 8, 8)  # points around a tank or a seat


@dataclass(frozen=True)
class Cycle:
    """Geometry of a two-wheeler in metres: hubs (x), wheel radius and tyre half width, saddle, bars, crank or pegs.

    lean_rad is the rider's; bars is (x, half width, z) and grip_m how far ahead of it the hands are; build makes the
    machine without wheels and rider.
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
    elbows_out: float = 0.5
    rear_tyre_m: float = 0.0  # half width of the rear tyre where it is another
    grip_m: float = -0.06


def pair(part: Part) -> list[Part]:
    """A part of the right side, and the left one."""
    return [part, part.mirrored()]


def tubes(lines: Sequence[tuple[Point, Point]], radius_m: float, detail: int, kind: Material) -> list[Part]:
    """Straight tubes."""
    return [tube([a, b], radius_m, TUBE[detail], kind) for a, b in lines]


def blob(centre: Point, radii: Point, kind: Material, detail: int) -> Part:
    """An ellipsoid; a painted one carries the charts of the sides that it shows."""
    part = ellipsoid(centre, radii, kind, BLOB[detail])
    return by_normal(part) if kind == PAINT else part


def mirrors(foot: Point, head: Point, detail: int) -> list[Part]:
    """Rear-view mirrors on stalks: the outermost of a motorcycle, against the road."""
    glass = ellipsoid(head, (0.025, 0.065, 0.045), PLASTIC, BLOB[detail])
    return pair(tube([foot, head], 0.011, TUBE[detail], PLASTIC)) + pair(glass)


def blinkers(x: float, half_m: float, z: float, detail: int) -> list[Part]:
    """Indicators on stalks behind."""
    stalk = tube([(x + 0.05, 0.02, z), (x, half_m, z)], 0.012, TUBE[detail], PLASTIC)
    return pair(stalk) + pair(blob((x - 0.01, half_m, z), (0.035, 0.045, 0.03), PAINT, detail))


def tail_lamp(x: float, half_m: float, low_m: float, high_m: float) -> Part:
    """Housing whose rear face the rear chart paints as a lamp."""
    return box((x, -half_m, low_m), (x + 0.06, half_m, high_m), PAINT)


def plate(x: float, low_m: float) -> list[Part]:
    """Number plate on a dark carrier."""
    return [box((x, -0.10, low_m), (x + 0.012, 0.10, low_m + 0.15), Material.CARGO),
            box((x + 0.012, -0.115, low_m - 0.015), (x + 0.03, 0.115, low_m + 0.165), PLASTIC)]  # fmt: skip


def mudguard(
    hub: float, radius_m: float, half_m: float, turn: tuple[float, float], detail: int, kind: Material = PAINT
) -> list[Part]:
    """Shell over a wheel between two angles from the front."""
    angle = np.linspace(*turn, (9, 6, 4)[detail])
    reach = radius_m + 0.045
    path = np.stack([hub + reach * np.cos(angle), 0 * angle, radius_m + reach * np.sin(angle)], 1)
    shell = tube(path, [(half_m, 0.022)] * len(path), max(BLOB[detail] // 2, 4), kind)
    return [by_normal(shell) if kind == PAINT else shell]


def fork(c: Cycle, detail: int, radius_m: float, top: tuple[float, float], kind: Material) -> list[Part]:
    """Two legs that hold the front wheel between them."""
    apart = c.tyre_m + radius_m + 0.012
    hub = (c.hubs[0], apart, c.radius_m)
    return pair(tube([hub, (top[0], apart, top[1])], radius_m, TUBE[detail], kind))
