"""Proportions of vans, trucks and buses. Data, no code: metres, x forward from the middle of the length."""

from __future__ import annotations

from dataclasses import dataclass

from sim.server.scene.bodies.livery import Livery
from sim.server.scene.bodies.shell import Cabin, Profile, Shape
from sim.server.scene.mesh import Tag

UPRIGHT: Profile = ((0.0, 0.97), (0.08, 0.995), (0.5, 1.0), (0.9, 0.995), (1.0, 0.985))
FLAT: Profile = ((0.0, 0.03), (0.45, 0.0), (5.0, 0.0))


@dataclass(frozen=True)
class Load:
    """Box on the chassis: x span, z span, width (m); ``cargo`` is a plain bright box with doors behind; ``skirt_m``
    is how far up its rear is black bumper."""

    x: tuple[float, float]
    z: tuple[float, float]
    width_m: float
    cargo: bool = False
    skirt_m: float = 0.06


@dataclass(frozen=True)
class HeavyStyle:
    """A van, truck or bus. doors: x spans of glazed doors; windows: x positions of window bars; beacons on the
    roof at (x, z); ladder: length (m) of a ladder on the roof, 0 for none; sign_m: half width of a destination
    display above the windscreen, 0 for none."""

    shape: Shape
    livery: Livery
    tag: Tag
    loads: tuple[Load, ...] = ()
    glazed_doors: tuple[tuple[float, float], ...] = ()
    beacons: tuple[tuple[float, float], ...] = ()
    shutters: tuple[tuple[float, float, float, float], ...] = ()
    stripes_z: tuple[tuple[float, float], ...] = ()
    ladder_m: float = 0.0
    sign_m: float = 0.0
    mirror: tuple[float, float, float] = (0.0, 1.6, 0.16)  # x, z and half height
    rear_leaves: bool = False  # two doors behind instead of a hatch
    white_bumper_z: tuple[float, float] | None = None  # a fire engine's: z span of the front bumper
    chevrons: bool = False  # slanting white marks on the rear
    white_body: bool = False  # only its stripes are painted
    panes: tuple[tuple[float, float, float, float], ...] = ()  # windows of the box: x span, z span
    tall_mirrors: bool = False  # upright ones on two arms instead of a car's
    spare_m: float = 0.0  # radius of a round badge or spare wheel on the nose


DELIVERY_VAN = HeavyStyle(
    Shape(
        "delivery_van", 5.93, 1.99, 2.58, (1.95, -1.70), 0.345,
        deck=((-2.96, 1.24), (1.6, 1.24), (2.1, 1.18), (2.6, 1.04), (2.85, 0.92), (2.96, 0.82)),
        nose=((0.24, 0.14), (0.38, 0.02), (0.6, 0.0), (0.8, 0.03), (1.0, 0.12)),
        tail=FLAT, wall=UPRIGHT, corner_m=(0.42, 0.14), taper=0.02, crown_m=0.02,
        cabin=Cabin((2.32, 1.42), (-2.93, -2.86), ((-2.9, 2.52), (-1.5, 2.58), (0.8, 2.57), (1.4, 2.48), (1.8, 2.3)),
                    width=(0.985, 0.87), corner_m=(0.24, 0.10), bulge_m=0.03, crown_m=0.06),
        sill_m=0.26, belt_m=1.22, wheel_width_m=0.23,
    ),
    Livery(
        pillars=(0.72,), doors=(1.72, 0.72), panels=((-3.0, 0.66),), head=(0.56, 0.93, 0.80, 1.04),
        tail=(0.68, 0.86, 0.82, 1.30), grille=(0.44, 0.72, 0.98), plate_z=(0.46, 0.62), intake=(0.6, 0.34, 0.6),
        window_t=(0.04, 0.62), wrap_m=(0.34, 0.07), trim_m=0.14, side_strip=True,
    ),
    Tag.CAR,
    rear_leaves=True,
    mirror=(1.62, 1.42, 0.17),
)  # fmt: skip

CAMPER = HeavyStyle(
    Shape(
        "camper", 4.45, 1.75, 1.98, (1.25, -1.15), 0.325,
        deck=((-2.22, 1.16), (1.9, 1.16), (2.22, 1.14)),
        nose=((0.28, 0.08), (0.4, 0.02), (0.6, 0.0), (0.9, 0.02), (1.2, 0.1)),
        tail=((0.28, 0.12), (0.4, 0.04), (0.7, 0.0), (1.2, 0.05)),
        wall=((0.0, 0.93), (0.2, 0.98), (0.5, 1.0), (0.85, 0.99), (1.0, 0.965)), corner_m=(0.5, 0.4), taper=0.02,
        crown_m=0.02,
        cabin=Cabin((2.10, 1.74), (-2.14, -1.94), ((-2.1, 1.92), (-1.2, 1.98), (1.2, 1.98), (1.9, 1.9)),
                    width=(0.955, 0.80), corner_m=(0.42, 0.32), bulge_m=0.03, crown_m=0.09),
        sill_m=0.28, belt_m=1.2, wheel_width_m=0.19,
    ),
    Livery(
        pillars=(0.92, 0.0, -0.98), doors=(1.72, 0.92, -0.1), head=(0.46, 0.70, 0.66, 0.90),
        tail=(0.68, 0.80, 0.72, 0.96), grille=(0.0, 0.4, 0.5), plate_z=(0.44, 0.62), window_t=(0.08, 0.78),
        wrap_m=(0.0, 0.0), trim_m=0.05, round_head=True, quarter_m=0.05,
    ),
    Tag.CAR,
    mirror=(1.78, 1.36, 0.10),
    spare_m=0.17,
)  # fmt: skip

AMBULANCE = HeavyStyle(
    Shape(
        "ambulance", 6.37, 2.05, 2.43, (2.13, -1.55), 0.375,
        deck=((0.2, 1.22), (1.5, 1.20), (2.2, 1.15), (2.9, 1.06), (3.18, 0.95)),
        nose=((0.3, 0.14), (0.44, 0.02), (0.7, 0.0), (0.95, 0.03), (1.1, 0.1)),
        tail=FLAT, wall=UPRIGHT, corner_m=(0.36, 0.1), crown_m=0.03, rear_m=0.3,
        cabin=Cabin((2.12, 1.36), (0.34, 0.36), ((0.3, 2.02), (1.2, 2.02), (1.6, 1.96)), width=(0.96, 0.80),
                    corner_m=(0.2, 0.05), crown_m=0.05),
        sill_m=0.34, belt_m=1.22, wheel_width_m=0.25,
    ),
    Livery(
        pillars=(), doors=(1.66, 0.62), head=(0.58, 0.95, 0.76, 0.96), tail=(0.80, 1.12, 0.66, 0.90),
        grille=(0.48, 0.72, 0.98), plate_z=(0.5, 0.62), intake=(0.7, 0.4, 0.6), wrap_m=(0.26, 0.0), quarter_m=0.1,
        rear_window=False, window_t=(0.06, 0.84),
    ),
    Tag.CAR,
    loads=(Load((-3.18, 0.62), (0.46, 2.43), 2.35, skirt_m=0.44),),
    beacons=((0.5, 2.43), (-3.0, 2.43)),
    stripes_z=((0.98, 1.22), (0.86, 0.92)),
    white_body=True,
    panes=((-2.1, -1.3, 1.62, 2.08), (-0.6, 0.1, 1.62, 2.08)),
    mirror=(1.6, 1.38, 0.17),
)  # fmt: skip

BOX_TRUCK = HeavyStyle(
    Shape(
        "box_truck", 5.95, 2.05, 2.85, (1.95, -1.55), 0.40,
        deck=((0.9, 1.30), (2.6, 1.30), (2.97, 1.26)),
        nose=((0.36, 0.06), (0.5, 0.0), (0.9, 0.0), (1.3, 0.05)),
        tail=FLAT, wall=UPRIGHT, corner_m=(0.26, 0.1), taper=0.01, crown_m=0.01, rear_m=1.12,
        cabin=Cabin((2.92, 2.46), (1.14, 1.20), ((1.0, 2.12), (1.8, 2.14), (2.6, 2.08)), width=(0.98, 0.86),
                    corner_m=(0.22, 0.08), bulge_m=0.03, crown_m=0.06),
        sill_m=0.4, belt_m=1.34, wheel_width_m=0.26, arch_m=0.07,
    ),
    Livery(
        pillars=(), doors=(2.7, 1.42), head=(0.62, 0.94, 0.66, 0.84), tail=(0.64, 0.96, 0.74, 0.88),
        grille=(0.52, 0.92, 1.14), plate_z=(0.52, 0.60), wrap_m=(0.08, 0.0), rear_window=False, window_t=(0.06, 0.82),
        quarter_m=0.14, trim_m=0.06,
    ),
    Tag.TRUCK,
    loads=(Load((-2.97, 1.02), (0.98, 2.85), 2.25, cargo=True),),
    mirror=(2.72, 1.72, 0.24),
    tall_mirrors=True,
)  # fmt: skip

HGV = HeavyStyle(
    Shape(
        "hgv", 7.95, 2.45, 3.46, (2.62, -2.35), 0.50,
        deck=((1.7, 1.72), (3.6, 1.72), (3.97, 1.70)),
        nose=((0.4, 0.05), (0.55, 0.0), (1.2, 0.0), (1.8, 0.04)),
        tail=FLAT, wall=UPRIGHT, corner_m=(0.3, 0.1), taper=0.01, crown_m=0.0, rear_m=1.75,
        cabin=Cabin((3.94, 3.66), (1.78, 1.84), ((1.7, 3.24), (2.4, 3.26), (3.4, 3.08), (3.7, 2.98)),
            width=(0.985, 0.92),
                    corner_m=(0.28, 0.08), bulge_m=0.05, crown_m=0.06),
        sill_m=0.42, belt_m=1.76, wheel_width_m=0.32, arch_m=0.08,
    ),
    Livery(
        pillars=(), panels=((1.7, 2.42),), doors=(3.5, 2.45), head=(0.72, 1.12, 0.62, 0.86),
            tail=(0.74, 1.12, 0.78, 0.94),
        grille=(0.82, 1.02, 1.56), plate_z=(0.52, 0.70), intake=(0.8, 0.46, 0.62), wrap_m=(0.12, 0.0),
        rear_window=False, window_t=(0.05, 0.60), quarter_m=0.1, trim_m=0.08,
    ),
    Tag.TRUCK,
    loads=(Load((-3.97, 1.58), (1.08, 3.46), 2.5, cargo=True),),
    mirror=(3.78, 2.2, 0.38),
    tall_mirrors=True,
)  # fmt: skip

FIRE_TRUCK = HeavyStyle(
    Shape(
        "fire_truck", 8.47, 2.5, 3.45, (2.55, -2.15), 0.50,
        deck=((0.9, 1.62), (3.9, 1.62), (4.23, 1.60)),
        nose=((0.4, 0.05), (0.55, 0.0), (1.2, 0.0), (1.7, 0.04)),
        tail=FLAT, wall=UPRIGHT, corner_m=(0.28, 0.1), taper=0.01, crown_m=0.0, rear_m=0.95,
        cabin=Cabin((4.20, 4.02), (0.98, 1.0), ((0.9, 2.86), (2.0, 2.9), (3.9, 2.86)), width=(0.985, 0.93),
                    corner_m=(0.26, 0.06), bulge_m=0.05, crown_m=0.05),
        sill_m=0.42, belt_m=1.66, wheel_width_m=0.32, arch_m=0.08,
    ),
    Livery(
        pillars=(2.62, 1.95), doors=(3.8, 2.7, 1.5), head=(0.74, 1.14, 0.86, 1.10), tail=(0.94, 1.16, 0.92, 1.31),
        grille=(0.62, 0.92, 1.36), plate_z=(0.56, 0.72), intake=(0.9, 0.48, 0.66), wrap_m=(0.08, 0.0),
        rear_window=False, window_t=(0.06, 0.72), quarter_m=0.14, trim_m=0.08,
    ),
    Tag.TRUCK,
    loads=(Load((-4.23, 0.9), (0.62, 3.0), 2.5, skirt_m=0.24),),
    beacons=((3.4, 2.9), (-4.05, 3.0)),
    shutters=((-4.0, -3.05, 0.85, 2.4), (-2.85, -1.45, 1.2, 2.4), (-1.25, -0.25, 0.85, 2.4), (-0.1, 0.72, 0.85, 2.4)),
    stripes_z=((2.52, 2.66),),
    ladder_m=6.0,
    white_bumper_z=(0.5, 0.8),
    chevrons=True,
    mirror=(3.95, 2.0, 0.3),
)  # fmt: skip

CYBERTRUCK = HeavyStyle(
    Shape(
        "cybertruck", 5.75, 2.03, 1.83, (1.86, -1.86), 0.44,
        deck=((-2.87, 1.16), (-2.8, 1.20), (-1.0, 1.18), (1.5, 1.09), (2.7, 1.00), (2.87, 0.96)),
        nose=((0.38, 0.1), (0.5, 0.02), (0.72, 0.0), (0.96, 0.03)),
        tail=((0.38, 0.12), (0.55, 0.03), (1.1, 0.0), (1.2, 0.02)),
        wall=((0.0, 0.95), (0.15, 1.0), (0.6, 1.0), (0.97, 0.965), (1.0, 0.955)), corner_m=(0.16, 0.1),
        corner_power=3.0, crown_m=0.0, taper=0.07,
        cabin=Cabin((2.30, 0.38), (-2.78, 0.06), ((-3.0, 1.1), (0.15, 1.83), (0.3, 1.81), (2.5, 1.1)),
                    width=(0.95, 0.66), corner_m=(0.05, 0.05), bulge_m=0.0, crown_m=0.02),
        sill_m=0.4, belt_m=1.17, wheel_width_m=0.29, arch_m=0.08,
    ),
    Livery(
        pillars=(0.2, -0.86), doors=(1.15, 0.16, -0.9), panels=((-3.0, -1.0),), head=(0.02, 0.97, 0.90, 0.95),
        tail=(0.02, 1.0, 1.06, 1.12), grille=(0.0, 0.4, 0.5), plate_z=(0.6, 0.78), window_t=(0.1, 0.84),
        wrap_m=(0.3, 0.12), trim_m=0.1, intake=(0.8, 0.42, 0.52), quarter_m=0.3,
    ),
    Tag.TRUCK,
    mirror=(1.2, 1.2, 0.08),
)  # fmt: skip

BUS = HeavyStyle(
    Shape(
        "bus", 10.3, 2.5, 3.05, (2.75, -2.55), 0.48,
        deck=((-5.15, 1.20), (4.9, 1.20), (5.15, 1.19)),
        nose=((0.3, 0.08), (0.45, 0.0), (1.0, 0.0), (1.3, 0.02)),
        tail=((0.3, 0.08), (0.45, 0.0), (1.3, 0.01)),
        wall=UPRIGHT, corner_m=(0.3, 0.22), corner_power=2.6, taper=0.0, crown_m=0.0,
        cabin=Cabin((5.13, 4.95), (-5.12, -5.04), ((-5.1, 3.02), (-4.0, 3.05), (4.2, 3.05), (5.0, 3.0)),
                    width=(0.985, 0.93), corner_m=(0.3, 0.22), bulge_m=0.05, crown_m=0.1),
        sill_m=0.3, belt_m=1.22, wheel_width_m=0.3, arch_m=0.07,
    ),
    Livery(
        pillars=(3.4, 1.9, 0.4, -1.1, -2.6, -4.1), doors=(), head=(0.72, 1.12, 0.66, 0.88),
        tail=(0.96, 1.16, 0.78, 1.4),
        grille=(0.62, 0.52, 0.64), plate_z=(0.44, 0.62), window_t=(0.02, 0.74), wrap_m=(0.1, 0.06), trim_m=0.08,
        quarter_m=0.06, side_strip=False,
    ),
    Tag.BUS,
    glazed_doors=((3.75, 4.85), (-0.55, 0.75)),
    sign_m=0.85,
    stripes_z=((0.92, 1.02),),
    mirror=(5.1, 2.1, 0.24),
)  # fmt: skip

HEAVY_STYLES = (DELIVERY_VAN, CAMPER, AMBULANCE, BOX_TRUCK, HGV, FIRE_TRUCK, CYBERTRUCK, BUS)
