"""Moving bodies: car paint with its painted charts, wheels, people and their clothes, props."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.server.scene.bodies.parts import FRONT
from sim.server.scene.mesh import Material
from sim.server.scene.models import CHARTS
from sim.server.sensors.columns import (
    ALBEDO,
    BAG_RGB,
    BODY_RGB,
    BOTTOM_RGB,
    EMISSION,
    EXTRA,
    F0,
    FOOT,
    HAIR_RGB,
    HALF_WIDTH,
    INSTANCE_COLUMNS,
    LIGHT,
    LIT_BEACON_LEFT,
    LIT_BEACON_RIGHT,
    LIT_BRAKE,
    LIT_HEAD,
    LIT_INSIDE,
    LIT_LEFT,
    LIT_REVERSE,
    LIT_RIGHT,
    LIT_TAIL,
    MIRROR,
    MODEL_ROW,
    OCCLUSION,
    SHOE_RGB,
    SKIN_RGB,
    SPECULAR,
    STRIDE,
    TOP_RGB,
    TRANSLUCENT,
    UVW,
)
from sim.server.sensors.geometry import BODY_SHIFT, CHART_MASK
from sim.server.sensors.kernel import F32, I32, U32, Tables, kernel, lane, lanes
from sim.server.sensors.resolve import FACE
from sim.server.sensors.textures import noise

TYRE, RIM, PLASTIC, GLASS = int(Material.TYRE), int(Material.RIM), int(Material.PLASTIC), int(Material.GLASS)
SKIN, TOP, BOTTOM, SHOE = int(Material.SKIN), int(Material.TOP), int(Material.BOTTOM), int(Material.SHOE)
HAIR, METAL, BAG, CARGO = int(Material.HAIR), int(Material.METAL), int(Material.BAG), int(Material.CARGO)
HELMET, BEACON = int(Material.HELMET), int(Material.BEACON)
INDICATOR_SHARE = 0.74  # of the half width: lamp texels further out are the indicators
MIPS = 5  # of a chart
LAMP = LIGHT  # a column that is free until there is light: the share of a lamp
REVERSE_SHARE = 0.55  # lamp texels further in are the reversing lamps
DISPLAY_FROM_M = 2.3  # lamp texels of a front above this are a destination display or marker lamps
DISPLAY_BY_DAY, DISPLAY_BY_NIGHT = 0.10, 3.0  # by night as a share of the light inside
END_GLOW = 0.3  # share of a saloon's light that leaves by windscreen and rear window: most are tinted, a blind is drawn


@kernel
def _copy(q: F32, body: F32, first: int, k: float) -> None:
    for j in range(3):
        q[ALBEDO + j] = body[first + j] * k


@kernel
def _lamp(q: F32, body: F32, weight: float) -> None:
    """Lamp texels of a chart: which lamp it is follows from where on the body it lies."""
    front = q[EXTRA] > 0.0
    side = q[EXTRA + 1]
    share = abs(side) / max(body[HALF_WIDTH], 0.1)
    blinking = body[LIT_LEFT] if side < 0.0 else body[LIT_RIGHT]
    if share > INDICATOR_SHARE and blinking > 0.0:
        k = weight * blinking * 1.6
        q[EMISSION] += k
        q[EMISSION + 1] += k * 0.45
        q[EMISSION + 2] += k * 0.03
    if front and q[EXTRA + 2] > DISPLAY_FROM_M:  # a bus's destination in amber lamps
        k = weight * (DISPLAY_BY_DAY + DISPLAY_BY_NIGHT * body[LIT_INSIDE])
        q[ALBEDO] += weight * 0.30
        q[ALBEDO + 1] += weight * 0.16
        q[ALBEDO + 2] += weight * 0.04
        q[EMISSION] += k
        q[EMISSION + 1] += k * 0.48
        q[EMISSION + 2] += k * 0.07
        return
    if front:
        for j in range(3):
            q[ALBEDO + j] += weight * 0.58
        k = weight * body[LIT_HEAD] * 2.4
        q[EMISSION] += k
        q[EMISSION + 1] += k * 0.95
        q[EMISSION + 2] += k * 0.84
        return
    q[ALBEDO] += weight * 0.32
    q[ALBEDO + 1] += weight * 0.02
    q[ALBEDO + 2] += weight * 0.02
    if share < REVERSE_SHARE and body[LIT_REVERSE] > 0.0:
        for j in range(3):
            q[EMISSION + j] += weight * body[LIT_REVERSE] * 1.4
        return
    k = weight * (body[LIT_TAIL] * 0.75 + body[LIT_BRAKE] * 2.2)
    q[EMISSION] += k
    q[EMISSION + 1] += k * 0.030
    q[EMISSION + 2] += k * 0.022


@lane
def _weight(word: Any, shift: int) -> Any:
    """One of the four weights of a chart's texel, in 255ths."""
    return np.float32(np.int32((word >> np.uint32(shift)) & np.uint32(0xFF)))


@lane
def _blend(words: tuple[Any, Any, Any, Any], shift: int, tx: Any, ty: Any) -> Any:
    """One weight 0..1 between four texels."""
    a, b = _weight(words[0], shift) * (1.0 - tx), _weight(words[1], shift) * tx
    c, d = _weight(words[2], shift) * (1.0 - tx), _weight(words[3], shift) * tx
    return ((a + b) * (1.0 - ty) + (c + d) * ty) * (1.0 / 255.0)


@lanes
def paint(
    q: F32, count: int, name: I32, param: I32, bodies: F32, texels: U32, first: I32, tall: I32, wide: I32, per_m: F32
) -> Any:
    """Car bodies as their model's charts have them, but for the lamps: the weight of a lamp goes to LAMP.

    All arrays flat; the tables of charts are those of ``bodies.chart_tables``. Returns whether there is any lamp.
    """
    lamps = np.uint32(0)
    for i in range(count):
        p = param[np.uint32(name[FACE * STRIDE + i])]
        row = np.uint32(p >> np.int32(BODY_SHIFT)) * np.uint32(INSTANCE_COLUMNS)
        model = np.uint32(np.int32(bodies[np.uint32(row + np.uint32(MODEL_ROW))]))
        chart = np.uint32(model * np.uint32(CHARTS) + np.uint32(p & np.int32(CHART_MASK)))
        span = q[FOOT * STRIDE + i] * per_m[chart]  # texels of the finest mip under the pixel
        mip = 0 if span <= 1.4 else (1 if span <= 2.8 else (2 if span <= 5.6 else (3 if span <= 11.2 else 4)))
        level = np.uint32(chart * np.uint32(MIPS) + np.uint32(mip))
        place, rows, columns = first[level], tall[level], wide[level]
        painted = place >= np.int32(0)
        x = min(max(q[UVW * STRIDE + i] * np.float32(columns) - 0.5, 0.0), max(np.float32(columns) - 1.001, 0.0))
        y = min(max(q[(UVW + 1) * STRIDE + i] * np.float32(rows) - 0.5, 0.0), max(np.float32(rows) - 1.001, 0.0))
        column, line = np.int32(x), np.int32(y)
        tx, ty = x - np.float32(column), y - np.float32(line)
        at = np.uint32(np.uint32(place if painted else np.int32(0)) + np.uint32(line * columns + column))
        below = np.uint32(at + np.uint32(columns))
        words = texels[at], texels[np.uint32(at + np.uint32(1))], texels[below], texels[np.uint32(below + np.uint32(1))]
        colour = _blend(words, 0, tx, ty) if painted else 1.0
        glass = _blend(words, 8, tx, ty) if painted else 0.0
        lamp = _blend(words, 16, tx, ty) if painted else 0.0
        trim = _blend(words, 24, tx, ty) if painted else 0.0
        rest = max(0.0, 1.0 - colour - glass - lamp - trim)  # bright trim: plates, chrome
        plain = 0.02 * trim + 0.70 * rest + 0.012 * glass
        q[ALBEDO * STRIDE + i] = bodies[np.uint32(row + np.uint32(BODY_RGB))] * colour + plain
        q[(ALBEDO + 1) * STRIDE + i] = bodies[np.uint32(row + np.uint32(BODY_RGB + 1))] * colour + plain
        q[(ALBEDO + 2) * STRIDE + i] = bodies[np.uint32(row + np.uint32(BODY_RGB + 2))] * colour + plain
        leaves = END_GLOW if (p & np.int32(CHART_MASK)) >= np.int32(FRONT) else 1.0
        glow = glass * bodies[np.uint32(row + np.uint32(LIT_INSIDE))] * leaves
        q[EMISSION * STRIDE + i] = glow * 0.5
        q[(EMISSION + 1) * STRIDE + i] = glow * 0.4
        q[(EMISSION + 2) * STRIDE + i] = glow * 0.3
        q[F0 * STRIDE + i] = 0.05 * colour + 0.07 * glass + 0.03 * trim + 0.05 * (rest + lamp)
        q[MIRROR * STRIDE + i] = colour + glass + 0.35 * (rest + trim) + lamp
        q[SPECULAR * STRIDE + i] = 0.9 * colour + glass
        q[OCCLUSION * STRIDE + i] = min(1.0, 0.55 + 0.9 * max(q[(EXTRA + 2) * STRIDE + i], 0.0))
        q[LAMP * STRIDE + i] = lamp
        lamps |= np.uint32(1 if lamp > 0.0 else 0)
    return lamps


@kernel
def shade_paint(
    first: int, last: int, fragment: F32, name: I32, names: I32, q: F32, geometry: Tables, bodies: F32, charts: Tables
) -> None:
    """Car bodies: weights of paint, glass, lamp and dark trim from charts. names, q: of the first on, flat."""
    param = geometry[5]
    lamps = paint(
        q, last - first, names, param, bodies.reshape(-1), charts[0], charts[1], charts[2], charts[3], charts[4]
    )
    if lamps != 0:
        for i in range(first, last):
            if fragment[LAMP, i] > 0.0:
                _lamp(fragment[:, i], bodies[param[name[FACE, i]] >> BODY_SHIFT], fragment[LAMP, i])


@kernel
def shade_model(first: int, last: int, name: I32, fragment: F32, geometry: Tables, bodies: F32, tables: Tables) -> None:
    """Wheels, trim, glass, skin, clothes, hair, bags, box bodies and props."""
    material, param = geometry[4], geometry[5]
    for i in range(first, last):
        q = fragment[:, i]
        f = name[FACE, i]
        m = material[f]
        row = param[f] >> BODY_SHIFT
        body = bodies[row]
        x, y, z = q[EXTRA], q[EXTRA + 1], q[EXTRA + 2]
        if m == TYRE:
            q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = 0.022, 0.022, 0.023
            q[OCCLUSION] = 0.55 + 0.6 * min(max(z, 0.0), 0.7)
        elif m == RIM:
            q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = 0.30, 0.30, 0.31
            q[F0], q[MIRROR] = 0.25, 0.4
            q[OCCLUSION] = 0.65
        elif m == PLASTIC:
            q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = 0.025, 0.025, 0.027
            q[F0], q[MIRROR] = 0.04, 0.3
        elif m == GLASS:
            q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = 0.012, 0.013, 0.014
            q[F0], q[MIRROR], q[SPECULAR] = 0.07, 1.0, 1.0
        elif m == SKIN:
            _copy(q, body, SKIN_RGB, 1.0)
            q[TRANSLUCENT] = 0.10
        elif m in (TOP, BOTTOM):
            folds = noise(tables[0], y * 9.0 + x * 5.0 + row * 7.0, z * 11.0) - 0.5
            _copy(q, body, TOP_RGB if m == TOP else BOTTOM_RGB, 0.92 + 0.45 * folds)
            q[TRANSLUCENT] = 0.08
        elif m == SHOE:
            _copy(q, body, SHOE_RGB, 1.0)
        elif m == HAIR:
            _copy(q, body, HAIR_RGB, 1.0)
        elif m == METAL:
            _copy(q, body, BODY_RGB, 0.5)
            for j in range(3):
                q[ALBEDO + j] += 0.06
            q[F0], q[MIRROR] = 0.12, 0.5
        elif m == BAG:
            _copy(q, body, BAG_RGB, 1.0)
        elif m == HELMET:
            _copy(q, body, BAG_RGB, 1.2)
            q[F0], q[MIRROR], q[SPECULAR] = 0.05, 0.6, 0.5
        elif m == BEACON:
            left = y < 0.0
            lit = body[LIT_BEACON_LEFT if left else LIT_BEACON_RIGHT]
            red, blue = (0.45, 0.02) if left else (0.02, 0.40)
            q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = red, 0.03, blue
            q[EMISSION], q[EMISSION + 1], q[EMISSION + 2] = red * lit * 7.0, 0.35 * lit, blue * lit * 9.0
            q[F0], q[MIRROR], q[SPECULAR] = 0.05, 0.8, 0.8
        elif m == CARGO:
            k = 0.60 + 0.08 * (noise(tables[0], x * 0.9 + row, z * 1.3 + y) - 0.5)
            q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = k, k, k * 0.98
            q[F0], q[MIRROR] = 0.04, 0.25
        else:
            k = 0.95 + 0.2 * (noise(tables[0], x * 5.0 + row, z * 5.0 + y * 3.0) - 0.5)
            _copy(q, body, BODY_RGB, k)
            q[F0], q[MIRROR] = 0.04, 0.2
