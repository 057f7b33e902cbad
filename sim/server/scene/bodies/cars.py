"""Passenger cars: proportions of each body style and the assembly of shell, wheels and mirrors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.server.scene.bodies.body import Body, vehicle_lamps
from sim.server.scene.bodies.car_styles import CAR_STYLES
from sim.server.scene.bodies.charts import ChartFrame
from sim.server.scene.bodies.livery import Livery, paint_car
from sim.server.scene.bodies.parts import FRONT, Part, box, ellipsoid
from sim.server.scene.bodies.shell import Shape, body, cabin
from sim.server.scene.bodies.wheels import car_wheel
from sim.server.scene.mesh import Material, Tag

STEEL_FROM_M = 5.9
"""Vehicles at least this long run on steel wheels without spokes."""


def wheels_of(shape: Shape) -> tuple[tuple[float, float, float, float], ...]:
    """Centres and radius (m) of the four wheels, FL, FR, BL, BR, of a two-axle shape."""
    y = shape.width_m / 2 - shape.wheel_width_m / 2 - 0.01
    r = shape.wheel_radius_m
    return tuple((x, side * y, r, r) for x in shape.axles_m[:2] for side in (-1.0, 1.0))


def wheel_parts(shape: Shape, detail: int) -> list[Part]:
    """The four wheels in place."""
    right = car_wheel(shape.wheel_radius_m, shape.wheel_width_m, detail, steel=shape.length_m > STEEL_FROM_M)
    out = []
    for k, (x, y, z, _) in enumerate(wheels_of(shape)):
        out.append((right if y > 0 else right.mirrored()).moved((x, y, z)).turning(k + 1))
    return out


def underbody(shape: Shape, detail: int) -> list[Part]:
    """What closes the view between the wheels below the floor."""
    half, w = shape.length_m / 2, shape.width_m / 2
    inner = w - shape.wheel_width_m - 0.1
    top = shape.wheel_radius_m * 2 + 0.05
    if detail == 2:
        return []
    return [box((-half * 0.86, -inner, shape.sill_m - 0.01), (half * 0.84, inner, top), Material.PLASTIC)]


def mirrors(shape: Shape, x: float, z: float, detail: int) -> list[Part]:
    """Door mirrors at x, their centre at z."""
    if detail == 2:
        return []
    y = shape.width_m / 2 - 0.025
    right = ellipsoid((x, y, z), (0.075, 0.10, 0.075), Material.PAINT, 10 if detail == 0 else 6)
    behind = right.points_m[right.faces].mean(axis=1)[:, 0] < x - 0.02  # glass in its dark frame
    material = np.where(behind, int(Material.PLASTIC), right.material).astype(np.uint8)
    right = replace(right, material=material, chart=np.full_like(right.chart, FRONT))
    return [right, right.mirrored()]


LIGHT_BAR = frozenset(("police",))
ROOF_SIGN = frozenset(("taxi",))
SPARE_WHEEL = frozenset(("offroad",))


def extra_parts(shape: Shape, detail: int) -> list[Part]:
    """Light bar of a police car, sign of a taxi, spare wheel behind an off-roader."""
    if shape.name in LIGHT_BAR:
        z = shape.height_m - 0.02
        foot = box((-0.42, -0.5, z - 0.03), (-0.18, 0.5, z + 0.03), Material.PLASTIC)
        return [foot, box((-0.44, -0.56, z + 0.03), (-0.16, 0.56, z + 0.14), Material.BEACON, 0.03)]
    if shape.name in ROOF_SIGN:
        z = shape.height_m - 0.02
        return [box((-0.42, -0.3, z), (-0.2, 0.3, z + 0.15), Material.CARGO, 0.03)]
    if shape.name in SPARE_WHEEL:
        wheel = car_wheel(shape.wheel_radius_m * 0.92, 0.2, max(detail, 1))
        backward = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # the outer face, +y, to -x
        return [wheel.rotated(backward).moved((shape.rear_end_m + 0.035, 0.05, shape.belt_m - 0.16))]
    return []


def build_car(shape: Shape, livery: Livery) -> Body:
    """A car with four wheels."""
    assert shape.cabin is not None
    mirror_x = shape.cabin.screen[0] - 0.42
    lods = tuple(
        [
            body(shape, detail),
            cabin(shape, detail),
            *wheel_parts(shape, detail),
            *underbody(shape, detail),
            *mirrors(shape, mirror_x, shape.belt_m + 0.06, detail),
            *extra_parts(shape, detail),
        ]
        for detail in range(3)
    )
    half = shape.length_m / 2
    _, head_y, head_0, head_1 = livery.head
    _, tail_y, tail_0, tail_1 = livery.tail
    return Body(
        shape.name,
        Tag.CAR,
        ChartFrame(shape.length_m, shape.width_m, shape.height_m),
        (lods[0], lods[1], lods[2]),
        paint_car(shape, livery),
        wheels_of(shape),
        vehicle_lamps(
            half,
            shape.width_m / 2,
            ((livery.head[0] + head_y) / 2, (head_0 + head_1) / 2),
            ((livery.tail[0] + tail_y) / 2, (tail_0 + tail_1) / 2),
            ((-0.3, shape.height_m + 0.08),) if shape.name in LIGHT_BAR else (),
        ),
    )


def build_cars() -> list[Body]:
    """Every passenger car."""
    return [build_car(shape, livery) for shape, livery in CAR_STYLES]
