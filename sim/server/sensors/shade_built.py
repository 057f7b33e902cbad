"""What is built or grows beside the road: roofs, trunks and leaves, poles, signals, signs, walls, furniture."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.server.scene.mesh import Material, SignFace
from sim.server.sensors.appearance import LOOK_GLOW
from sim.server.sensors.columns import (
    ALBEDO,
    EMISSION,
    F0,
    FOOT,
    MIRROR,
    NIGHT,
    NORMAL,
    OCCLUSION,
    POS,
    TRANSLUCENT,
    UVW,
)
from sim.server.sensors.kernel import F32, F64, I32, U8, Tables, kernel
from sim.server.sensors.resolve import FACE
from sim.server.sensors.textures import band, clamp01, hash01, mix, noise, pulse, tile

LAMP_BY_DAY = 1.2  # glow of a street lamp that is on by day: a little brighter than white paper
ROOF, BARK, LEAF, POLE = int(Material.ROOF), int(Material.BARK), int(Material.LEAF), int(Material.POLE)
HOUSING, RED, YELLOW = int(Material.SIGNAL_HOUSING), int(Material.SIGNAL_RED), int(Material.SIGNAL_YELLOW)
GREEN, LAMP, SIGN = int(Material.SIGNAL_GREEN), int(Material.STREET_LAMP), int(Material.SIGN_FACE)
COVER, FURNITURE, FENCE = int(Material.COVER), int(Material.FURNITURE), int(Material.FENCE)
SHELTER_GLASS = int(Material.SHELTER_GLASS)
SIGN_BACK, RAIL, WALL = int(Material.SIGN_BACK), int(Material.GUARD_RAIL), int(Material.WALL)
STOP, YIELD, SPEED = int(SignFace.STOP), int(SignFace.YIELD), int(SignFace.SPEED)


def _glyph_table() -> F64:
    """Strokes (14, 6, 4) of the digits 0..9 and of S, T, O, P: x0 y0 x1 y1 in their box; x0 = -1 ends them."""
    low, high, left, right = 0.08, 0.92, 0.22, 0.78
    bars = {
        "a": (left, high, right, high), "b": (right, 0.5, right, high), "c": (right, low, right, 0.5),
        "d": (left, low, right, low), "e": (left, low, left, 0.5), "f": (left, 0.5, left, high),
        "g": (left, 0.5, right, 0.5), "l": (left, low, left, high), "r": (right, low, right, high),
        "n": (left, 0.35, 0.62, high), "m": (left, 0.35, right, 0.35), "o": (0.62, low, 0.62, high),
        "s": (left, low, right, high), "t": (0.5, low, 0.5, high), "i": (0.3, 0.74, 0.5, high),
    }  # fmt: skip
    shapes = ("adlr", "ti", "abged", "abgcd", "nmo", "afgcd", "acdefg", "as", "adglr", "abcdfg", "afgcd", "at",
              "adlr", "albg")  # fmt: skip
    table = np.full((len(shapes), 6, 4), -1.0)
    for k, shape in enumerate(shapes):
        for n, bar in enumerate(shape):
            table[k, n] = bars[bar]
    return table


GLYPHS = _glyph_table()
GLYPH_STROKE, GLYPH_ASPECT = 0.085, 0.62  # half width of a stroke over the height; width over height of the box


LEAVES_PER_M = 45.0
LEAF_FADE = 45.0  # pixels of 2 cm and more hold whole leaves


@kernel
def _set(q: F32, red: float, green: float, blue: float) -> None:
    q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = red, green, blue


@kernel
def _glyph(glyph: int, x: float, y: float, f: float) -> Any:
    """Cover of a sign's character at (x, y), 0..1 over its box: seven-segment digits with bevelled strokes, S T O P."""
    strokes = GLYPHS[glyph]
    best = 1.0
    for k in range(len(strokes)):
        x0, y0, x1, y1 = strokes[k]
        if x0 < 0.0:
            break
        dx, dy = x1 - x0, y1 - y0
        t = clamp01(((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-6))
        ex, ey = (x - x0 - t * dx) * GLYPH_ASPECT, y - y0 - t * dy
        best = min(best, (ex * ex + ey * ey) ** 0.5)
    return clamp01(0.5 + (GLYPH_STROKE - best) / f)


@kernel
def _shade_sign(q: F32, what: int) -> None:
    """The face of a traffic sign: (u, v) 0..1."""
    u, v, f = q[UVW] - 0.5, q[UVW + 1] - 0.5, q[FOOT] * 1.5 + 0.004
    radius = (u * u + v * v) ** 0.5
    if what == STOP:
        word = 0.0
        if abs(v) < 0.17 and abs(u) < 0.36:
            place = min(int((u + 0.36) / 0.18), 3)
            word = _glyph(10 + place, (u + 0.36 - place * 0.18) / 0.18, v / 0.28 + 0.5, f / 0.28)
        octagon = max(max(abs(u), abs(v)), (abs(u) + abs(v)) * 0.7071)
        white = max(word, band(octagon, 0.44, 0.03, f))
        _set(q, mix(0.50, 0.7, white), mix(0.02, 0.7, white), mix(0.025, 0.7, white))
    elif what == YIELD:
        inner = min(0.36 - v, min(v * 0.5 + 0.30 - abs(u) * 0.9, 0.5))
        white = clamp01(0.5 + (inner - 0.12) / f)
        _set(q, mix(0.55, 0.7, white), mix(0.03, 0.7, white), mix(0.03, 0.7, white))
    else:
        ring = clamp01(0.5 + (radius - 0.37) / f)
        value = min(max(what - SPEED, 0), 999)
        digits = 1 if value < 10 else 2 if value < 100 else 3
        wide = 0.20 if digits < 3 else 0.165
        black = 0.0
        left = -0.5 * wide * digits
        if abs(v) < 0.2 and left < u < -left:
            place = min(int((u - left) / wide), digits - 1)
            digit = value // 10 ** (digits - 1 - place) % 10
            black = _glyph(digit, (u - left - place * wide) / wide, v / 0.34 + 0.5, f / 0.34)
        inner = mix(0.7, 0.02, black)
        _set(q, mix(inner, 0.55, ring), mix(inner, 0.03, ring), mix(inner, 0.03, ring))


@kernel
def _shade_lamp(q: F32, m: int, state: int, night: float, light: F32) -> None:
    """A signal lamp or a street lamp (of relative strength ``light``): dark glass, or glowing."""
    red, green, blue = 0.0, 0.0, 0.0
    on = False
    if m == RED:
        red, green, blue, on = 4.0, 0.22, 0.12, state == 0
    elif m == YELLOW:
        red, green, blue, on = 3.8, 1.9, 0.12, state == 1
    elif m == GREEN:
        red, green, blue, on = 0.12, 3.6, 1.7, state == 2
    else:
        _set(q, 0.6, 0.6, 0.6)
        glow = mix(LAMP_BY_DAY, 12.0, night)
        q[EMISSION] = glow * light[LOOK_GLOW]
        q[EMISSION + 1] = 0.8 * glow * light[LOOK_GLOW + 1]
        q[EMISSION + 2] = 0.5333333 * glow * light[LOOK_GLOW + 2]
        return
    _set(q, 0.02 + red * 0.015, 0.02 + green * 0.015, 0.02 + blue * 0.015)
    if on:
        strength = mix(0.75, 0.30, night)  # by night the exposure is open wider
        q[EMISSION], q[EMISSION + 1], q[EMISSION + 2] = red * strength, green * strength, blue * strength
    else:
        q[F0], q[MIRROR] = 0.04, 0.3


@kernel
def shade_leaves(first: int, last: int, name: I32, fragment: F32, geometry: Tables, tables: Tables) -> None:
    """Crowns of trees: (occlusion, leaf random) in the surface coordinates; near by each face is many leaves."""
    param, grain_noise = geometry[5], tables[0]
    for i in range(first, last):
        q = fragment[:, i]
        tree, leaf = hash01(param[name[FACE, i]]), q[UVW + 1]
        _set(
            q,
            mix(0.060, 0.115, tree) * (0.75 + 0.5 * leaf),
            mix(0.105, 0.145, leaf) * (0.8 + 0.3 * tree),
            0.028 + 0.02 * leaf,
        )
        q[OCCLUSION] = clamp01(q[UVW])
        q[TRANSLUCENT] = 0.35
        near = 1.0 - q[FOOT] * LEAF_FADE
        if near > 0.0:
            x, y, z = q[POS], q[POS + 1], q[POS + 2]
            blade = noise(grain_noise, (x + 0.6 * z) * LEAVES_PER_M, (y - 0.8 * z) * LEAVES_PER_M) - 0.5
            dark = 1.0 + near * min(max(4.5 * blade, -0.75), 0.55)
            for j in range(3):
                q[ALBEDO + j] *= dark
            for j in range(3):  # leaves look where they like
                q[NORMAL + j] += near * 1.6 * blade * (1.0 if j == 2 else 0.5)


@kernel
def shade_built(
    first: int, last: int, name: I32, fragment: F32, geometry: Tables, tables: Tables, air: F32,
    signals: U8, objects: Tables,
) -> None:  # fmt: skip
    """Roofs, trunks, poles, signal heads, lamps, signs, concrete, walls, guard rails, bridges."""
    material, param = geometry[4], geometry[5]
    grain_noise, asphalt = tables[0], tables[1]
    owner, looks = objects[0], objects[1]
    for i in range(first, last):
        q = fragment[:, i]
        f = name[FACE, i]
        m = material[f]
        x, y, z, foot = q[POS], q[POS + 1], q[POS + 2], q[FOOT]
        if m == ROOF:
            k = (0.85 + 0.3 * (noise(grain_noise, x * 2.0, y * 2.0 + z * 3.0) - 0.5)) * (
                1.0 - 0.3 * pulse(z, 0.22, 0.03, foot * 2.0 + 0.004) * (1.0 if q[NORMAL + 2] < 0.97 else 0.0)
            )
            h = hash01(param[f] + 5)
            _set(q, mix(0.30, 0.16, h) * k, mix(0.14, 0.15, h) * k, mix(0.10, 0.15, h) * k)
        elif m == BARK:
            k = 0.16 * (0.6 + 0.8 * noise(grain_noise, (x + y) * 6.0 + z, z * 3.0 + x * 5.0))
            _set(q, k, k * 0.78, k * 0.58)
        elif m == POLE:
            _set(q, 0.20, 0.21, 0.21)
            q[F0], q[MIRROR] = 0.05, 0.35
        elif m in (HOUSING, SIGN_BACK):
            k = 0.03 if m == HOUSING else 0.28
            _set(q, k, k, k)
            q[F0], q[MIRROR] = 0.04, 0.3
        elif m in (RED, YELLOW, GREEN, LAMP):
            state = 3
            if m != LAMP and 0 <= param[f] < len(signals):
                state = signals[param[f]]
            row = owner[f] + 1 if f < len(owner) else 0  # moving bodies have no owner
            _shade_lamp(q, m, state, air[NIGHT], looks[row])
        elif m == SIGN:
            _shade_sign(q, param[f])
        elif m in (COVER, FURNITURE, FENCE):
            dirt = 0.86 + 0.28 * (noise(grain_noise, (x + y) * 1.7, z * 1.3 + x * 0.4) - 0.22)
            for j in range(3):
                byte = param[f] >> (16 - 8 * j) & 255
                q[ALBEDO + j] = (byte / 255.0) ** 2.2 * dirt
            q[F0], q[MIRROR] = 0.04, 0.15
        elif m == SHELTER_GLASS:
            _set(q, 0.10, 0.12, 0.12)
            q[F0], q[MIRROR] = 0.07, 0.9
        elif m == RAIL:
            _set(q, 0.42, 0.43, 0.44)
            q[F0], q[MIRROR] = 0.10, 0.4
        else:
            stain = tile(asphalt, x + z * 2.0, y + z * 2.0) - 0.5
            grain = tile(asphalt, (x + y) * 29.0, z * 29.0) - 0.5
            k = 0.33 + 0.10 * stain + 0.06 * grain * min(1.0, 0.02 / (foot + 1e-4))
            if m == WALL:
                k *= 0.9
            _set(q, k, k * 0.975, k * 0.93)
