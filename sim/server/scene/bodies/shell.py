"""The painted shell of a vehicle: a lower body with wheel arches and a cabin on it, lofted from outlines.

Both are grids over the right half (y > 0): columns run from the middle of the nose around the corner, along the
flank to the middle of the tail; rows run from below up the wall and over the top to the centreline. So chart
borders lie on grid lines and stay straight on rounded noses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sim.server.scene.bodies.parts import FRONT, MIN_AREA_M2, REAR, SIDE, TOP, Floats, Part, areas, grid_faces
from sim.server.scene.mesh import Material

Profile = tuple[tuple[float, float], ...]

NOSE_Y = ((0.0, 0.24, 0.48, 0.68, 0.82, 0.91, 0.97), (0.0, 0.5, 0.8, 0.94), (0.0, 0.84))
FLANK_STEP_M = (0.24, 0.7, 2.5)
ARCH_STEPS = (8, 3, 0)
WALL = ((0.0, 0.1, 0.24, 0.4, 0.58, 0.74, 0.87, 0.95, 1.0), (0.0, 0.15, 0.55, 0.93, 1.0), (0.0, 0.3, 1.0))
DECK_Y = ((0.93, 0.7, 0.36, 0.0), (0.6, 0.0), (0.0,))
CABIN_T = ((0.0, 0.12, 0.36, 0.62, 0.84, 0.95, 1.0), (0.0, 0.5, 0.9, 1.0), (0.0, 0.9, 1.0))
CABIN_STEPS = (9, 3, 2)
CHART_CORNER = 0.85  # share of the half width up to which a wall belongs to the front or rear chart


@dataclass(frozen=True)
class Cabin:
    """What stands on the deck: windscreen, roof and rear window by their x positions (m) and half widths.

    screen and back are (x at the foot, x at the roof); roof is its height over x; width is (foot, roof) as a
    share of the body's; bulge_m bends the screen outward.
    """

    screen: tuple[float, float]
    back: tuple[float, float]
    roof: Profile
    width: tuple[float, float] = (0.93, 0.74)
    corner_m: tuple[float, float] = (0.22, 0.14)
    bulge_m: float = 0.04
    crown_m: float = 0.05


@dataclass(frozen=True)
class Shape:
    """Proportions of a vehicle in metres; x forward from the middle of its length.

    deck is the height of the body's upper edge over x; nose and tail give, over height, how far the end wall
    lies behind the foremost or rearmost point; wall is the half width over height as a share (0 sill, 1 deck).
    """

    name: str
    length_m: float
    width_m: float
    height_m: float
    axles_m: tuple[float, ...]
    wheel_radius_m: float
    deck: Profile
    nose: Profile
    tail: Profile
    cabin: Cabin | None = None
    sill_m: float = 0.2
    wheel_width_m: float = 0.22
    wall: Profile = ((0.0, 0.955), (0.1, 0.98), (0.38, 1.0), (0.62, 0.993), (0.86, 0.975), (0.95, 0.955), (1.0, 0.915))
    corner_m: tuple[float, float] = (0.42, 0.34)
    corner_power: float = 2.3
    crown_m: float = 0.04
    arch_m: float = 0.05
    taper: float = 0.05
    belt_m: float = 0.9
    rear_m: float | None = None  # where the shell ends: a truck's cab is shorter than the truck

    @property
    def front_end_m(self) -> float:
        """x of the foremost point."""
        return self.length_m / 2

    @property
    def rear_end_m(self) -> float:
        """x of the shell's rearmost point."""
        return -self.length_m / 2 if self.rear_m is None else self.rear_m


def curve(profile: Profile, at: npt.ArrayLike, soften: float = 0.0) -> Floats:
    """Piecewise linear profile at some positions, averaged over +-``soften`` so that corners become round."""
    x, y = np.array(profile, np.float64).T
    order = np.argsort(x, kind="stable")
    where = np.asarray(at, np.float64)
    offsets = np.linspace(-soften, soften, 7) if soften > 0.0 else np.zeros(1)
    return np.asarray(np.mean([np.interp(where + o, x[order], y[order]) for o in offsets], axis=0))


def deck_height(shape: Shape, x: npt.ArrayLike) -> Floats:
    """Height (m) of the body's upper edge at x (m)."""
    return curve(shape.deck, x, 0.08)


def arch_radius(shape: Shape) -> float:
    """Radius (m) of the wheel arches."""
    return shape.wheel_radius_m + shape.arch_m


def _outline(shape: Shape, detail: int) -> tuple[Floats, Floats, npt.NDArray[np.uint8]]:
    """Columns of the body: x (n,), share of the half width (n,), chart of each gap between columns (n - 1,)."""
    front, rear, p = shape.front_end_m, shape.rear_end_m, shape.corner_power
    ends = np.array(NOSE_Y[detail])
    round_off = 1.0 - (1.0 - ends**p) ** (1.0 / p)
    front_x = front - shape.corner_m[0] * round_off
    rear_x = rear + shape.corner_m[1] * round_off
    first, last = front - shape.corner_m[0], rear + shape.corner_m[1]
    middle_x, reach = (front + rear) / 2, (front - rear) / 2
    flank = [np.linspace(first, last, max(int((first - last) / FLANK_STEP_M[detail]), 2) + 1)]
    if detail < 2:
        angle = np.linspace(0.0, np.pi, ARCH_STEPS[detail] + 2)
        r = arch_radius(shape)
        for axle in shape.axles_m:
            arch = axle + r * np.cos(angle)
            flank[0] = flank[0][np.abs(flank[0] - axle) > r + 0.03]
            flank.append(np.concatenate([arch, [axle + r + 0.006, axle - r - 0.006]]))
    x = np.sort(np.concatenate(flank))[::-1]
    x = x[(x <= first) & (x >= last)]
    y = 1.0 - shape.taper * (np.abs(x - middle_x) / reach) ** 4
    join = 1.0 - shape.taper * (np.abs(np.array([first, last]) - middle_x) / reach) ** 4
    columns_x = np.concatenate([front_x, x, rear_x[::-1]])
    columns_y = np.concatenate([ends * join[0], y, (ends * join[1])[::-1]])
    middle = (columns_y[1:] + columns_y[:-1]) / 2
    chart = np.full(len(middle), SIDE, np.uint8)
    count = len(ends) - 1
    chart[:count][middle[:count] < CHART_CORNER] = FRONT
    chart[-count:][middle[-count:] < CHART_CORNER] = REAR
    return columns_x, columns_y, chart


def _bottom(shape: Shape, x: Floats, detail: int) -> Floats:
    """Lower edge (m) of the wall at x: the sill, raised over the wheels."""
    low = np.full(len(x), shape.sill_m)
    if detail < 2:
        r = arch_radius(shape)
        for axle in shape.axles_m:
            inside = np.abs(x - axle) <= r + 0.003
            rise = np.sqrt(np.maximum(r * r - (x - axle) ** 2, 0.0))
            low = np.where(inside, np.maximum(low, shape.wheel_radius_m + rise), low)
    return low


def body(shape: Shape, detail: int) -> Part:
    """The lower body, closed."""
    x, y, chart = _outline(shape, detail)
    low, top = _bottom(shape, x, detail), deck_height(shape, x)
    wall = np.array(WALL[detail])
    z = low[:, None] + (top - low)[:, None] * wall  # (columns, rows of the wall)
    share = (z - shape.sill_m) / (top - shape.sill_m)[:, None]
    width = curve(shape.wall, share, 0.02 if detail == 0 else 0.0)
    near_front = np.clip((x - (shape.front_end_m - 1.0)) / 0.7, 0.0, 1.0)[:, None]
    near_rear = np.clip((shape.rear_end_m + 1.0 - x) / 0.7, 0.0, 1.0)[:, None]
    level = shape.sill_m + (top - shape.sill_m)[:, None] * wall  # not z: a row must not fold where an arch lifts it
    back = curve(shape.nose, level, 0.03) * near_front**2 * (3 - 2 * near_front)
    fore = curve(shape.tail, level, 0.03) * near_rear**2 * (3 - 2 * near_rear)
    walls = np.stack([x[:, None] - back + fore, y[:, None] * width * shape.width_m / 2, z], axis=-1)
    edge = walls[:, -1]
    deck = []
    for c in DECK_Y[detail]:
        lift = shape.crown_m * (1.0 - c * c) * y**2
        deck.append(np.stack([edge[:, 0], edge[:, 1] * c, edge[:, 2] + lift], axis=-1))
    floor = walls[:, 0] * [1.0, 0.0, 1.0]
    points = np.stack([floor, *walls.transpose(1, 0, 2), *deck], axis=1)
    rows = 1 + len(wall) + len(deck)
    cell = np.full((len(x) - 1, rows - 1), TOP, np.uint8)
    cell[:, 1 : len(wall)] = chart[:, None]
    under = np.zeros_like(cell, dtype=bool)
    under[:, 0] = True
    return _both_sides(points, cell, under)


def cabin(shape: Shape, detail: int) -> Part:
    """The cabin, open below, standing a little inside the deck. Raises ValueError for a shape without one."""
    c = shape.cabin
    if c is None:
        raise ValueError(f"shape {shape.name!r} has no cabin; build its body alone")
    t = np.array(CABIN_T[detail])
    ends = np.array(NOSE_Y[detail])
    steps = CABIN_STEPS[detail]
    along = np.linspace(0.0, 1.0, steps + 1)
    p = 2.4
    round_off = 1.0 - (1.0 - ends**p) ** (1.0 / p)
    columns_y = np.concatenate([ends, np.ones(len(along)), ends[::-1]])
    front, rear = cabin_ends(c, t)
    corner = np.array([c.corner_m[0] * (1 - 0.3 * t), c.corner_m[1] * (1 - 0.3 * t)])
    first, last = front - corner[0], rear + corner[1]
    x = np.concatenate(
        [
            front - corner[0] * round_off[:, None],
            first + (last - first) * along[:, None],
            (rear + corner[1] * round_off[:, None])[::-1],
        ]
    )  # (columns, rows)
    width = cabin_half_width(shape, c, t)
    y = columns_y[:, None] * width
    foot = deck_height(shape, x[:, 0]) - 0.03
    rail = curve(c.roof, x[:, -1], 0.12) - c.crown_m
    z = foot[:, None] + (rail - foot)[:, None] * t
    walls = np.stack([x, y, z], axis=-1)
    edge = walls[:, -1]
    roof = []
    middle_x, reach = (edge[:, 0].max() + edge[:, 0].min()) / 2, np.ptp(edge[:, 0]) / 2
    fade = 1.0 - (np.abs(edge[:, 0] - middle_x) / reach) ** 3  # the crown runs out towards both screens
    for share in DECK_Y[detail]:
        lift = c.crown_m * (1.0 - share**2) * fade
        roof.append(np.stack([edge[:, 0], edge[:, 1] * share, edge[:, 2] + lift], axis=-1))
    points = np.concatenate([walls, np.stack(roof, axis=1)], axis=1)
    cell = np.full((len(x) - 1, points.shape[1] - 1), TOP, np.uint8)
    middle = (columns_y[1:] + columns_y[:-1]) / 2
    chart = np.full(len(middle), SIDE, np.uint8)
    count = len(ends) - 1
    chart[:count][middle[:count] < 0.9] = FRONT
    chart[-count:][middle[-count:] < 0.9] = REAR
    cell[:, : len(t) - 1] = chart[:, None]
    return _both_sides(points, cell, np.zeros_like(cell, dtype=bool))


def cabin_ends(c: Cabin, t: npt.ArrayLike) -> tuple[Floats, Floats]:
    """x (m) of the windscreen and the rear window on the centreline at height share t (0 foot, 1 roof)."""
    s = np.asarray(t, np.float64)
    bend = 4.0 * s * (1.0 - s) * c.bulge_m
    edge = 0.06 * np.clip((s - 0.9) / 0.1, 0.0, 1.0) ** 2  # the roof's edge is rounded
    front = c.screen[0] + (c.screen[1] - c.screen[0]) * s + bend - edge
    rear = c.back[0] + (c.back[1] - c.back[0]) * s - bend + edge
    return np.asarray(front), np.asarray(rear)


def cabin_half_width(shape: Shape, c: Cabin, t: npt.ArrayLike) -> Floats:
    """Half width (m) of the cabin at height share t: leaning in, rounded at the roof's edge."""
    s = np.asarray(t, np.float64)
    share = c.width[0] + (c.width[1] - c.width[0]) * s**1.35 - 0.05 * np.clip((s - 0.85) / 0.15, 0.0, 1.0) ** 2
    return np.asarray(share * shape.width_m / 2)


def _both_sides(points: Floats, chart: npt.NDArray[np.uint8], under: npt.NDArray[np.bool_]) -> Part:
    """The half grid (columns, rows, 3) and its mirror image as one part; ``under`` cells are plain plastic."""
    columns, rows, _ = points.shape
    faces = grid_faces(columns, rows)
    flat_chart, flat_under = np.repeat(chart.ravel(), 2), np.repeat(under.ravel(), 2)
    keep = areas(points.reshape(-1, 3), faces) > MIN_AREA_M2
    half = Part.of(points, faces, Material.PAINT, flat_chart)
    material = half.material.copy()
    material[flat_under[keep]] = int(Material.PLASTIC)
    half = replace(half, material=material)
    return Part.join([half, half.mirrored()])
