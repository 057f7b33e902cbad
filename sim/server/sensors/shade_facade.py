"""The walls of houses: plaster or brick, windows that lie behind the wall, doors, shop fronts with their signs.

Nothing of this is a triangle: what lies ``deep`` behind the wall is looked up where the line of sight meets it, so
that reveals open and close as the camera passes, and the sun's shadow in a reveal is looked up the same way.
"""

from __future__ import annotations

from typing import Any

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
    SUN_DIR,
    TO_EYE,
    UVW,
)
from sim.server.sensors.kernel import F32, I32, Tables, kernel
from sim.server.sensors.resolve import FACE
from sim.server.sensors.textures import band, clamp01, hash01, mix, noise, pulse, smooth

FLOOR_M = 3.2
LIT_WINDOWS = 0.30  # share of windows that are lit at night
SHOP_BIT, SEED_MASK = 1 << 20, (1 << 20) - 1  # of a FACADE face's param
USUAL_CELL_M = 2.8  # between the axes of windows where the wall does not say
RELIEF_FROM_M = 0.05  # metres a pixel from which reveals are too fine to be seen
REVEAL_M, SHOP_DEEP_M = 0.17, 1.3
LONGEST_LOOK = 6.0  # tangent of the flattest line of sight into a reveal
PLINTH_M = 0.42
WINDOW, DOOR, SHOP = 0, 1, 2
# Wall colours of buildings: brick, sand, grey, plaster, brown brick, ochre, pale green, white, rose, cream.
WALLS = (
    (0.36, 0.16, 0.11), (0.53, 0.46, 0.36), (0.34, 0.33, 0.32), (0.58, 0.54, 0.48), (0.27, 0.18, 0.135),
    (0.50, 0.37, 0.20), (0.36, 0.41, 0.35), (0.60, 0.59, 0.56), (0.47, 0.37, 0.33), (0.56, 0.50, 0.40),
)  # fmt: skip
# Doors, shutters and the boards over shops.
PAINTS = (
    (0.10, 0.035, 0.025), (0.025, 0.06, 0.035), (0.03, 0.05, 0.11), (0.16, 0.10, 0.05), (0.05, 0.05, 0.05),
    (0.30, 0.29, 0.27),
)  # fmt: skip
BOARDS = (
    (0.35, 0.03, 0.03), (0.03, 0.09, 0.28), (0.03, 0.16, 0.08), (0.45, 0.30, 0.03), (0.04, 0.04, 0.045),
    (0.55, 0.54, 0.52), (0.20, 0.05, 0.16),
)  # fmt: skip


@kernel
def _cover(x: float, low: float, high: float, f: float) -> Any:
    """Share of the footprint ``f`` round x that lies in low..high."""
    return band(x, (low + high) * 0.5, high - low, f)


@kernel
def _opening(u: float, v: float, cell_m: float, seed: int, shop: bool) -> tuple[Any, Any, Any, Any, Any, Any]:
    """What may open in the wall's cell round (u, v): left, right, bottom, top (m of the wall), kind, hash 0..1."""
    cell, floor = int(u / cell_m + 1000.0) - 1000, int(v / FLOOR_M)
    h = hash01(seed * 7 + cell * 31 + floor * 101)
    middle, ground = (cell + 0.5) * cell_m, floor * FLOOR_M
    half = min(0.5 * (1.0 + 0.55 * hash01(seed + 131)), cell_m * 0.5 - 0.25)
    if floor > 0:
        low = 0.95 if hash01(seed + 17) > 0.3 else 0.55
        return middle - half, middle + half, ground + low, ground + 2.5, WINDOW, h
    if shop:
        if hash01(seed + cell * 17) > 0.78:
            return middle - 0.6, middle + 0.6, 0.06, 2.35, DOOR, h
        return middle - cell_m * 0.5 + 0.14, middle + cell_m * 0.5 - 0.14, 0.5, 2.4, SHOP, h
    if hash01(seed + cell * 13) > 0.8:
        return middle - 0.55, middle + 0.55, 0.1, 2.3, DOOR, h
    return middle - half, middle + half, 1.0, 2.5, WINDOW, h


@kernel
def _wall(q: F32, grain_noise: F32, u: float, v: float, f: float, seed: int, shop: bool, rgb: F32) -> None:
    """Colour of the wall itself: brick or plaster, streaks, ledges, plinth, the board over shops."""
    kind = int(hash01(seed) * len(WALLS))
    foot = q[FOOT]
    weather = noise(grain_noise, u * 0.3 + seed, v * 0.5) - 0.5
    rough = noise(grain_noise, u * 7.0 + seed, v * 7.0) - 0.5 if foot < RELIEF_FROM_M else 0.0
    streak = noise(grain_noise, u * 2.3 + seed, v * 0.13) - 0.5
    k = 0.9 + 0.22 * weather + 0.10 * rough + 0.12 * streak
    if (kind == 0 or kind == 4) and foot < 0.05:
        course = pulse(v, 0.075, 0.012, f * 2.0)
        joint = pulse(u + 0.11 * (int(v * 13.333) & 1), 0.22, 0.012, f * 2.0)
        brick = hash01(int(v * 13.333) * 613 + int((u + 0.11 * (int(v * 13.333) & 1)) * 4.545)) - 0.5
        near = 1.0 - foot * 20.0
        k *= 1.0 - 0.35 * min(1.0, course + 0.5 * joint) * near + 0.30 * brick * near
    k *= 0.72 + 0.28 * smooth(0.0, 1.2, v)  # rain splashes
    for j in range(3):
        rgb[j] = WALLS[kind][j] * k
    storey = v - int(v / FLOOR_M) * FLOOR_M
    if v > FLOOR_M - 0.2 and hash01(seed + 5) > 0.45:  # a ledge and its shade at every floor
        ledge, below = band(storey, 0.07, 0.14, f), band(storey, FLOOR_M - 0.05, 0.10, f)
        for j in range(3):
            rgb[j] = mix(rgb[j], 0.46 * k, ledge) * (1.0 - 0.35 * below)
    plinth = _cover(v, -2.0, PLINTH_M, f)
    for j in range(3):
        rgb[j] = mix(rgb[j], 0.20 * k, plinth)
    if shop:
        board = _cover(v, 2.55, 3.1, f)
        if board > 0.0:
            unit = int(u / 6.1 + 500.0)
            paint = BOARDS[int(hash01(seed + unit * 37) * len(BOARDS))]
            at = u - (unit - 500) * 6.1
            length = 1.6 + 2.2 * hash01(seed + unit * 41)
            letters = _cover(v, 2.68, 2.97, f) * _cover(at, 3.05 - length * 0.5, 3.05 + length * 0.5, f)
            if letters > 0.0:
                place = int(at / 0.24)
                letters *= pulse(at, 0.24, 0.17, f)
                if hash01(seed + unit * 43 + place) > 0.5:
                    letters *= 1.0 - _cover(v, 2.76, 2.83, f) * (1.0 if hash01(unit + place * 7) > 0.5 else 0.0)
            light = 0.62 if paint[0] < 0.5 else 0.05
            edge = _cover(at, 0.0, 0.05, f)
            for j in range(3):
                rgb[j] = mix(rgb[j], mix(paint[j], light, letters) * (1.0 - 0.6 * edge), board)


@kernel
def _behind(
    q: F32, grain_noise: F32, u: float, v: float, f: float, seed: int, hole: Any, shade: float, rgb: F32
) -> tuple[Any, Any]:
    """Colour of what fills an opening at (u, v) of its own plane; share of glass, height in it 0..1."""
    left, right, low, high, kind, h = hole
    wide, tall = right - left, high - low
    t = (v - low) / tall
    paint = PAINTS[int(hash01(seed + 19) * len(PAINTS))]
    if kind == DOOR:
        transom = low + tall * 0.8
        glass = _cover(u, left + 0.1, right - 0.1, f) * _cover(v, transom + 0.05, high - 0.08, f)
        panel = _cover(u, left + 0.16, right - 0.16, f) * pulse(v - low - 0.14, tall * 0.4, tall * 0.32, f)
        panel *= _cover(v, low + 0.1, transom - 0.05, f)
        if hash01(seed + 23) > 0.6:  # a glazed door
            glass = max(glass, panel)
            panel = 0.0
        handle = _cover(u, right - 0.16, right - 0.12, f) * _cover(v, low + 0.95, low + 1.1, f)
        for j in range(3):
            rgb[j] = mix(mix(paint[j] * (1.0 - 0.35 * panel), 0.4, handle) * shade, 0.03, glass)
        return glass, t
    white = 0.58 if hash01(seed + 29) > 0.35 else 0.09
    rail = 0.055
    glass = _cover(u, left + rail, right - rail, f) * _cover(v, low + rail, high - rail, f)
    if kind == SHOP:
        glass *= 1.0 - _cover(u, left + wide * 0.5 - 0.03, left + wide * 0.5 + 0.03, f)
        en = max(q[TO_EYE] * q[NORMAL] + q[TO_EYE + 1] * q[NORMAL + 1], 0.2)
        eu = q[TO_EYE + 1] * q[NORMAL] - q[TO_EYE] * q[NORMAL + 1]
        x, z = u - SHOP_DEEP_M * eu / en, v - SHOP_DEEP_M * q[TO_EYE + 2] / en
        goods = noise(grain_noise, x * 4.0 + seed, z * 5.0) * noise(grain_noise, x * 1.1 + seed, z * 0.7 + seed)
        shelf = pulse(z, 0.55, 0.06, f + 0.02)
        for j in range(3):
            tint = 0.85 + 0.3 * hash01(seed + int(x * 2.1 + 50.0) * 3 + int(z * 1.9 + 50.0) * 5 + j)
            inside = clamp01(0.02 + 0.34 * goods * tint + 0.06 * shelf) * (0.5 + 0.3 * smooth(0.2, 1.0, t))
            rgb[j] = mix(white * 0.5 * shade, inside * 0.6, glass)
        return glass * 0.75, t
    if wide > 0.9:
        glass *= 1.0 - _cover(u, left + wide * 0.5 - 0.035, left + wide * 0.5 + 0.035, f)
    if hash01(seed + 31) > 0.5:
        glass *= 1.0 - _cover(v, low + tall * 0.7 - 0.025, low + tall * 0.7 + 0.025, f)
    inside = 0.035
    clear = glass
    if h > 0.72:  # a blind, let down some way
        drawn = 1.0 - (h - 0.72) * 3.0
        blind = glass * clamp01((t - drawn) * 40.0)
        inside = mix(inside, 0.42 - 0.10 * pulse(v, 0.06, 0.02, f), blind)
        clear = glass * (1.0 - 0.55 * blind)
    elif h > 0.36:  # curtains at the sides
        side = abs(u - left - wide * 0.5) / (wide * 0.5)
        drape = clamp01((side - 0.95 + 0.6 * (h - 0.36)) * 12.0)
        inside = mix(inside, 0.30 + 0.10 * (noise(grain_noise, u * 26.0, 0.3) - 0.5), drape)
    inside *= 1.0 - 0.5 * smooth(0.8, 1.0, t)
    for j in range(3):
        rgb[j] = mix(white * shade, inside, glass)
    return clear, t


@kernel
def shade_facade(
    first: int, last: int, name: I32, fragment: F32, geometry: Tables, tables: Tables, air: F32,
    objects: Tables,
) -> None:  # fmt: skip
    """Walls with windows, doors and shops; some windows are lit at night."""
    param = geometry[5]
    grain_noise = tables[0]
    owner, looks = objects[0], objects[1]
    for i in range(first, last):
        q = fragment[:, i]
        what = param[name[FACE, i]]
        seed, shop = what & SEED_MASK, what & SHOP_BIT != 0
        u, v, cell_m = q[UVW], q[UVW + 1], q[UVW + 2]
        if cell_m < 1.0:
            cell_m = USUAL_CELL_M
        f = q[FOOT] * 1.3 + 0.003
        rgb = q[ALBEDO : ALBEDO + 3]
        q[OCCLUSION] = min(1.0, 0.75 + 0.12 * max(0.0, v))
        _wall(q, grain_noise, u, v, f, seed, shop, rgb)
        hole = _opening(u, v, cell_m, seed, shop)
        left, right, low, high, kind, h = hole
        open_ = _cover(u, left, right, f) * _cover(v, low, high, f)
        style = hash01(seed + 37)
        if kind != SHOP:
            around = _cover(u, left - 0.11, right + 0.11, f) * _cover(v, low - 0.02, high + 0.13, f)
            sill = _cover(u, left - 0.14, right + 0.14, f) * _cover(v, low - 0.09, low, f)
            drip = _cover(u, left - 0.14, right + 0.14, f) * _cover(v, low - 0.17, low - 0.09, f)
            trim = max(around * (0.85 if style > 0.55 else 0.0), sill if kind == WINDOW else 0.0)
            for j in range(3):
                rgb[j] = mix(rgb[j] * (1.0 - 0.4 * drip), 0.55, trim)
            if style < 0.2 and kind == WINDOW and v > FLOOR_M:  # shutters, folded back
                half = min(0.5, (cell_m - right + left) * 0.5 - 0.06)
                leaf = _cover(u, left - half, left - 0.03, f) + _cover(u, right + 0.03, right + half, f)
                leaf *= _cover(v, low - 0.03, high + 0.03, f)
                if leaf > 0.0:
                    paint = PAINTS[int(hash01(seed + 19) * len(PAINTS))]
                    slats = 1.0 - 0.45 * pulse(v, 0.08, 0.035, f)
                    for j in range(3):
                        rgb[j] = mix(rgb[j], paint[j] * slats * 1.4, leaf)
        if open_ <= 0.0:
            continue
        uu, vv, shade, inner = u, v, 0.85, open_
        if q[FOOT] < RELIEF_FROM_M:
            en = max(q[TO_EYE] * q[NORMAL] + q[TO_EYE + 1] * q[NORMAL + 1], 1e-3)
            eu = q[TO_EYE + 1] * q[NORMAL] - q[TO_EYE] * q[NORMAL + 1]
            uu = u - REVEAL_M * min(max(eu / en, -LONGEST_LOOK), LONGEST_LOOK)
            vv = v - REVEAL_M * min(max(q[TO_EYE + 2] / en, -LONGEST_LOOK), LONGEST_LOOK)
            inner = open_ * _cover(uu, left, right, f) * _cover(vv, low, high, f)
            sn = air[SUN_DIR] * q[NORMAL] + air[SUN_DIR + 1] * q[NORMAL + 1]
            if sn > 0.02:
                su = air[SUN_DIR + 1] * q[NORMAL] - air[SUN_DIR] * q[NORMAL + 1]
                x, z = uu + REVEAL_M * su / sn, vv + REVEAL_M * air[SUN_DIR + 2] / sn
                shade = 0.30 + 0.70 * _cover(x, left, right, f) * _cover(z, low, high, f)
        sides = 0.62 if vv < high else 0.40  # the head of a reveal sees the ground
        if vv < low:
            sides = 1.0
        wall = WALLS[int(hash01(seed) * len(WALLS))]
        jamb = open_ - inner
        red, green, blue = rgb[0], rgb[1], rgb[2]
        glass, _ = _behind(q, grain_noise, uu, vv, f, seed, hole, shade, rgb)
        rgb[0] = red * (1.0 - open_) + rgb[0] * inner + wall[0] * sides * jamb
        rgb[1] = green * (1.0 - open_) + rgb[1] * inner + wall[1] * sides * jamb
        rgb[2] = blue * (1.0 - open_) + rgb[2] * inner + wall[2] * sides * jamb
        glass *= inner
        q[F0] = 0.06 * glass
        q[MIRROR] = 0.9 * glass
        if air[NIGHT] > 0.0 and h < LIT_WINDOWS:
            _glow(
                q, glass * air[NIGHT] * (0.09 + 0.12 * hash01(seed + int(h * 9999.0))), h, owner, looks, name[FACE, i]
            )


@kernel
def _glow(q: F32, glow: float, h: float, owner: I32, looks: F32, face: int) -> None:
    """Light of a room behind the glass, as warm as its hash ``h`` says."""
    warm = hash01(int(h * 7777.0))
    light = looks[owner[face] + 1 if face < len(owner) else 0]
    q[EMISSION] = glow * light[LOOK_GLOW]
    q[EMISSION + 1] = glow * (0.72 + 0.2 * warm) * light[LOOK_GLOW + 1]
    q[EMISSION + 2] = glow * (0.38 + 0.5 * warm) * light[LOOK_GLOW + 2]
