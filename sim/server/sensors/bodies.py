"""Moving bodies as kernels see them: colours, clothes and lamps of every instance."""

from __future__ import annotations

import numpy as np

from sim.server.scene.mesh import Tag
from sim.server.scene.models import ModelLibrary
from sim.server.sensors.columns import (
    BAG_RGB,
    BODY_RGB,
    BOTTOM_RGB,
    HAIR_RGB,
    HALF_WIDTH,
    INSTANCE_COLUMNS,
    LIT_BEACON_LEFT,
    LIT_BEACON_RIGHT,
    LIT_BRAKE,
    LIT_HEAD,
    LIT_INSIDE,
    LIT_LEFT,
    LIT_REVERSE,
    LIT_RIGHT,
    LIT_TAIL,
    MODEL_ROW,
    SHOE_RGB,
    SKIN_RGB,
    TOP_RGB,
)
from sim.server.sensors.instances import Instances
from sim.server.sensors.kernel import F32, F64, I32, I64, U8, U32

# carla.VehicleLightState
POSITION, LOW_BEAM, HIGH_BEAM, BRAKE, RIGHT_BLINKER, LEFT_BLINKER, REVERSE = 1, 2, 4, 8, 16, 32, 64
FOG, INTERIOR, SPECIAL_1, SPECIAL_2 = 0x80, 0x100, 0x200, 0x400
TEXEL_BYTES = 4
NO_ATLAS = np.zeros(4 * TEXEL_BYTES, np.uint8)  # the four texels that a look-up reads, of a library without charts
BUS_INSIDE = 0.08  # buses are lit inside by night, dimly beside a head lamp
BEACON_HZ = 2.0  # the sides of a light bar take turns
BLINK_HZ = 1.5
AUTOMATIC_FROM_NIGHT = 0.5  # darkness from which vehicles drive with their lamps on, whatever was asked for
SKINS = np.array([[0.55, 0.36, 0.27], [0.48, 0.30, 0.21], [0.30, 0.18, 0.12], [0.15, 0.09, 0.06], [0.60, 0.42, 0.33]])
TOPS = np.array([
    [0.55, 0.55, 0.55], [0.04, 0.04, 0.05], [0.06, 0.08, 0.18], [0.35, 0.04, 0.05], [0.08, 0.16, 0.10],
    [0.22, 0.22, 0.23], [0.45, 0.38, 0.25], [0.10, 0.18, 0.32], [0.50, 0.35, 0.05], [0.30, 0.10, 0.20],
    [0.65, 0.65, 0.62], [0.14, 0.30, 0.34],
])  # fmt: skip
BOTTOMS = np.array([
    [0.03, 0.04, 0.09], [0.05, 0.07, 0.13], [0.02, 0.02, 0.02], [0.10, 0.10, 0.10], [0.18, 0.15, 0.10],
    [0.08, 0.06, 0.05], [0.30, 0.27, 0.22],
])  # fmt: skip
HAIRS = np.array(
    [[0.02, 0.015, 0.012], [0.05, 0.03, 0.02], [0.12, 0.08, 0.045], [0.01, 0.01, 0.01], [0.25, 0.23, 0.21]]
)
SHOES = np.array([[0.03, 0.03, 0.03], [0.09, 0.05, 0.03], [0.45, 0.45, 0.44], [0.12, 0.12, 0.13]])


WARDROBE = (
    (TOP_RGB, TOPS), (BOTTOM_RGB, BOTTOMS), (SKIN_RGB, SKINS), (HAIR_RGB, HAIRS), (SHOE_RGB, SHOES), (BAG_RGB, TOPS),
)  # fmt: skip
"""First column and palette of each part; its place is its salt."""


def linear_of_srgb(srgb: F32) -> F64:
    """Linear light of sRGB 0..1."""
    s = np.clip(np.asarray(srgb, np.float64), 0.0, 1.0)
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def _pick(palette: F64, seed: U32, salt: int) -> F64:
    """One row of a palette for every seed, independent of other salts."""
    mixed = (seed.astype(np.uint64) * np.uint64(2654435761) + np.uint64(salt) * np.uint64(40503)) & np.uint64(
        0xFFFFFFFF
    )
    mixed ^= mixed >> np.uint64(15)
    mixed = (mixed * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
    mixed ^= mixed >> np.uint64(13)
    return palette[(mixed % np.uint64(len(palette))).astype(np.int64)]


class Clothes:
    """Paint and clothes of bodies, kept while nobody comes, goes or changes."""

    def __init__(self) -> None:
        self._seed: U32 = np.zeros(0, np.uint32)
        self._color: F32 = np.zeros((0, 3), np.float32)
        self._table: F32 = np.zeros((0, INSTANCE_COLUMNS), np.float32)

    def put_on(self, bodies: Instances, table: F32) -> None:
        """Into the table (n, INSTANCE_COLUMNS) of the bodies, whose other columns become 0."""
        if not (np.array_equal(bodies.seed, self._seed) and np.array_equal(bodies.color, self._color)):
            self._seed, self._color = bodies.seed.copy(), bodies.color.copy()
            self._table = np.zeros(table.shape, np.float32)
            self._table[:, BODY_RGB : BODY_RGB + 3] = np.clip(linear_of_srgb(bodies.color), 0.012, 0.80)
            for salt, (column, palette) in enumerate(WARDROBE):
                self._table[:, column : column + 3] = _pick(palette, bodies.seed.astype(np.uint32), salt + 1)
        table[:] = self._table


def body_table(
    bodies: Instances, library: ModelLibrary, night: float, elapsed_s: float, dressed: Clothes | None = None
) -> F32:
    """Attributes (n, INSTANCE_COLUMNS) of every body.

    night 0..1 switches automatic lamps on; dressed: what the bodies of the last tick wore.
    """
    n = len(bodies.actor_id)
    table = np.zeros((max(n, 1), INSTANCE_COLUMNS), np.float32)
    if n == 0:
        return table
    t = table[:n]
    (dressed or Clothes()).put_on(bodies, t)
    state = np.where(bodies.parked, 0, bodies.light_state).astype(np.uint32)
    automatic = (night > AUTOMATIC_FROM_NIGHT) & ~bodies.parked
    head = (state & (LOW_BEAM | HIGH_BEAM)) != 0
    tail = (state & (POSITION | LOW_BEAM | HIGH_BEAM)) != 0
    has_lamps = library.lamps_m[bodies.model][:, :, 3].max(axis=1) > 0
    # by day in luminances of the sun on white, 30 kcd/m2: dipped head lamps 35 kcd/m2, rear fog lamps (150 to 300 cd
    # from 140 cm2, UN R38) 14, tail lamps 3; a night's exposure is wide open
    t[:, LIT_HEAD] = np.where((head | automatic) & has_lamps, 1.2 - 0.2 * night, 0.02)
    t[:, LIT_HEAD] *= np.where((state & HIGH_BEAM) != 0, 1.5, 1.0)
    t[bodies.parked, LIT_HEAD] = 0.0
    t[:, LIT_TAIL] = np.where((tail | automatic) & has_lamps, 0.35 + 0.25 * night, 0.0)
    t[:, LIT_TAIL] += np.where(((state & FOG) != 0) & has_lamps, 1.6 - 0.8 * night, 0.0)
    t[:, LIT_BRAKE] = np.where((state & BRAKE) != 0, 1.0 - 0.45 * night, 0.0)
    t[:, LIT_REVERSE] = np.where((state & REVERSE) != 0, 1.0 - 0.5 * night, 0.0)
    shining = (elapsed_s * BLINK_HZ) % 1.0 < 0.5
    t[:, LIT_LEFT] = np.where(((state & LEFT_BLINKER) != 0) & shining, 1.6 - 0.8 * night, 0.0)
    t[:, LIT_RIGHT] = np.where(((state & RIGHT_BLINKER) != 0) & shining, 1.6 - 0.8 * night, 0.0)
    flash = (elapsed_s * BEACON_HZ) % 1.0
    beacon = np.where((state & (SPECIAL_1 | SPECIAL_2)) != 0, 1.0 - 0.5 * night, 0.0)
    t[:, LIT_BEACON_LEFT], t[:, LIT_BEACON_RIGHT] = beacon * (flash < 0.5), beacon * (flash >= 0.5)
    bus = library.tag[bodies.model] == Tag.BUS
    t[:, LIT_INSIDE] = np.where((state & INTERIOR) != 0, 0.25, np.where(automatic & bus, BUS_INSIDE, 0.0))
    t[:, HALF_WIDTH] = library.size_m[bodies.model, 1] * bodies.scale[:, 1] * 0.5
    t[:, MODEL_ROW] = bodies.model
    return table


def chart_tables(library: ModelLibrary) -> tuple[U32, I32, I32, I32, F32]:
    """What ``shade_model.paint`` reads of the charts, flat: texels of one word each; of every mip of every chart its
    first texel (-1: not painted), height and width; texels per metre of every chart's finest mip along its first axis.
    """
    atlas = library.atlas if library.atlas.size >= NO_ATLAS.size else NO_ATLAS
    first = np.where(library.mip_offset >= 0, library.mip_offset // TEXEL_BYTES, -1).astype(np.int32)
    tall, wide = (library.mip_shape[..., axis].astype(np.int32).reshape(-1) for axis in range(2))
    width = np.maximum(library.mip_shape[:, :, 0, 1].astype(np.float64), 1.0)
    span = np.stack([library.size_m[:, 0], library.size_m[:, 0], library.size_m[:, 1], library.size_m[:, 1]], axis=1)
    per_m = (width / np.maximum(span, 0.1)).astype(np.float32)
    return atlas.view(np.uint32), first.reshape(-1), tall, wide, per_m.reshape(-1)


def spheres_of(bodies: Instances, library: ModelLibrary) -> tuple[F64, F64, F64]:
    """Centre (n, 3), radius (n,) and height (n,) of every body."""
    size = library.size_m[bodies.model].astype(np.float64) * bodies.scale
    centre = bodies.position_m + np.stack([0 * size[:, 2], 0 * size[:, 2], size[:, 2] / 2], axis=1)
    return centre, np.linalg.norm(size, axis=1) / 2 * 1.05, size[:, 2]


def contact_bodies(bodies: Instances, library: ModelLibrary, rows: I64) -> F32:
    """Footprints (k, 5) for the contact shadows: x, y, yaw, half length, half width."""
    size = library.size_m[bodies.model[rows]] * bodies.scale[rows]
    return np.ascontiguousarray(
        np.column_stack([bodies.position_m[rows, :2], bodies.rotation_rad[rows, 1], size[:, 0] / 2, size[:, 1] / 2]),
        np.float32,
    )


def tags(bodies: Instances) -> U8:
    """Semantic tags (max(n, 1),)."""
    out = np.zeros(max(len(bodies.tag), 1), np.uint8)
    out[: len(bodies.tag)] = bodies.tag
    return out
