"""The walls of houses: plaster or brick, windows that lie behind the wall, doors, shop fronts with their signs.

Nothing of this is a triangle: what lies ``deep`` behind the wall is looked up where the line of sight meets it, so
that reveals open and close as the camera passes, and the sun's shadow in a reveal is looked up the same way.

What every fragment of a wall needs is vector code (``walls``, ``openings``); what few need is looked up one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.server.sensors.appearance import LOOK_GLOW
from sim.server.sensors.asphalt import sample
from sim.server.sensors.columns import (
    ALBEDO,
    EMISSION,
    F0,
    FOOT,
    GLINT,
    LIGHT,
    MAP_U,
    MIRROR,
    NIGHT,
    NORMAL,
    OCCLUSION,
    STRIDE,
    SUN_DIR,
    TO_EYE,
    UVW,
)
from sim.server.sensors.kernel import F32, I32, Tables, kernel, lane, lanes
from sim.server.sensors.resolve import FACE
from sim.server.sensors.textures import band, clamp01, hash01, mix, noise, pulse, smooth

FLOOR_M = 3.2
BOARD_LOW_M, BOARD_HIGH_M = 2.55, 3.1  # edges of the boards over shops
SHUTTERED = 0.2  # share of houses that have shutters beside their upper windows
SHUTTER_M = 0.5  # width of the widest of them
LIT_WINDOWS = 0.30  # share of windows that are lit at night
ROOM_LIGHT, ROOM_DIMMEST = 0.21, 0.16  # radiance of a bright room's window, and the share of it that the dimmest has
SHOP_LIGHT = 0.16  # radiance of what a lit shop shows
SHOP_BIT, SEED_MASK = 1 << 20, (1 << 20) - 1  # of a FACADE face's param
USUAL_CELL_M = 2.8  # between the axes of windows where the wall does not say
RELIEF_FROM_M = 0.05  # metres a pixel from which reveals are too fine to be seen
REVEAL_M, SHOP_DEEP_M = 0.17, 1.3
LONGEST_LOOK = 6.0  # tangent of the flattest line of sight into a reveal
PLINTH_M = 0.42
WINDOW, DOOR, SHOP = 0, 1, 2
# Columns that are free until there is light: the opening's sides (m of the wall), its kind, hash and share of a pixel.
HOLE, KIND, HASH, OPEN = LIGHT, MAP_U, MAP_U + 1, MAP_U + 2
FILLED = GLINT + 1  # 1 where there is an opening, or may be a shutter beside one
# Wall colours of buildings, dirt of years in them: brick, sand, grey, plaster, brown brick, ochre, pale green, white,
# rose, cream. Walls of brick reflect 0.20 to 0.40, of stone 0.20 to 0.35 (Oke, "Boundary Layer Climates", 1987).
WALLS = (
    (0.36, 0.16, 0.11), (0.39, 0.34, 0.27), (0.25, 0.24, 0.24), (0.43, 0.40, 0.36), (0.27, 0.18, 0.14),
    (0.37, 0.27, 0.15), (0.27, 0.30, 0.26), (0.44, 0.44, 0.41), (0.35, 0.27, 0.24), (0.41, 0.37, 0.30),
)  # fmt: skip
WALL_RGB = np.array(WALLS, np.float32).reshape(-1)
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


@lane
def _hashed(i: Any) -> Any:
    """``hash01`` of a whole number."""
    h = np.uint32(np.uint32(i) * np.uint32(2654435761))
    h ^= np.uint32(h >> np.uint32(15))
    h = np.uint32(h * np.uint32(2246822519))
    h ^= np.uint32(h >> np.uint32(13))
    return np.float32(np.int32(h & np.uint32(0xFFFFFF))) * (1.0 / 16777216.0)


@lane
def _share(x: Any, low: Any, high: Any, per: Any) -> Any:
    """``_cover`` where the footprint is one over ``per``."""
    half = 0.5 / per
    return min(1.0, max(0.0, (min(x + half, high) - max(x - half, low)) * per))


@lane
def _wave(x: Any, period: Any, on: Any, width: Any) -> Any:
    """``pulse``."""
    a, b = (x - width * 0.5) / period, (x + width * 0.5) / period
    fa, fb = np.floor(a), np.floor(b)
    duty = on / period
    return ((fb - fa) * duty + min(b - fb, duty) - min(a - fa, duty)) * period / width


@lanes
def walls(q: F32, count: int, name: I32, param: I32, grain: F32, colours: F32) -> None:
    """ALBEDO of the walls themselves: brick or plaster, streaks, ledges, plinth; and OCCLUSION. All arrays flat."""
    for i in range(count):
        seed = param[np.uint32(name[FACE * STRIDE + i])] & np.int32(SEED_MASK)
        u, v, foot = q[UVW * STRIDE + i], q[(UVW + 1) * STRIDE + i], q[FOOT * STRIDE + i]
        f = foot * 1.3 + 0.003
        per = 1.0 / f
        away = np.float32(seed & np.int32(255))  # the pattern repeats after 256
        kind = np.int32(_hashed(seed) * 10.0)
        weather = sample(grain, 256, u * 0.3 + away, v * 0.5) - 0.5
        rough = sample(grain, 256, u * 7.0 + away, v * 7.0) - 0.5
        streak = sample(grain, 256, u * 2.3 + away, v * 0.13) - 0.5
        k = 0.9 + 0.22 * weather + (0.10 * rough if foot < RELIEF_FROM_M else 0.0) + 0.12 * streak
        row = np.int32(v * 13.333)
        along = u + 0.11 * np.float32(row & np.int32(1))
        course, joint = _wave(v, 0.075, 0.012, f * 2.0), _wave(along, 0.22, 0.012, f * 2.0)
        brick = _hashed(row * np.int32(613) + np.int32(along * 4.545)) - 0.5
        near = 1.0 - foot * 20.0
        laid = 1.0 - 0.35 * min(1.0, course + 0.5 * joint) * near + 0.30 * brick * near
        k *= laid if ((kind == 0) | (kind == 4)) & (near > 0.0) else 1.0
        t = min(1.0, max(0.0, v * (1.0 / 1.2)))
        k *= 0.72 + 0.28 * (t * t * (3.0 - 2.0 * t))  # rain splashes
        storey = v - np.float32(np.int32(v * (1.0 / FLOOR_M))) * FLOOR_M
        ledged = (v > FLOOR_M - 0.2) & (_hashed(seed + np.int32(5)) > 0.45)  # a ledge and its shade at every floor
        ledge = _share(storey, 0.0, 0.14, per) if ledged else 0.0
        dim = 1.0 - (0.35 * _share(storey, FLOOR_M - 0.10, FLOOR_M, per) if ledged else 0.0)
        plinth = _share(v, -2.0, PLINTH_M, per)
        at = np.uint32(kind) * np.uint32(3)
        red = colours[at] * k
        green, blue = colours[np.uint32(at + np.uint32(1))] * k, colours[np.uint32(at + np.uint32(2))] * k
        red, green, blue = (
            (red + (0.38 * k - red) * ledge) * dim,
            (green + (0.38 * k - green) * ledge) * dim,
            (blue + (0.38 * k - blue) * ledge) * dim,
        )
        q[ALBEDO * STRIDE + i] = red + (0.20 * k - red) * plinth
        q[(ALBEDO + 1) * STRIDE + i] = green + (0.20 * k - green) * plinth
        q[(ALBEDO + 2) * STRIDE + i] = blue + (0.20 * k - blue) * plinth
        q[OCCLUSION * STRIDE + i] = min(1.0, 0.75 + 0.12 * max(0.0, v))


@lanes
def openings(q: F32, count: int, name: I32, param: I32) -> None:
    """What may open in the wall's cell round each fragment (HOLE to OPEN), and in ALBEDO the frame round it."""
    for i in range(count):
        what = param[np.uint32(name[FACE * STRIDE + i])]
        seed, shop = what & np.int32(SEED_MASK), (what & np.int32(SHOP_BIT)) != 0
        u, v, cell_m = q[UVW * STRIDE + i], q[(UVW + 1) * STRIDE + i], q[(UVW + 2) * STRIDE + i]
        cell_m = USUAL_CELL_M if cell_m < 1.0 else cell_m
        per = 1.0 / (q[FOOT * STRIDE + i] * 1.3 + 0.003)
        cell, floor = np.int32(u / cell_m + 1000.0) - np.int32(1000), np.int32(v * (1.0 / FLOOR_M))
        middle, ground = (np.float32(cell) + 0.5) * cell_m, np.float32(floor) * FLOOR_M
        upper = floor > 0
        door = _hashed(seed + cell * np.int32(17 if shop else 13)) > (0.78 if shop else 0.8)
        kind = np.int32(WINDOW if upper else (DOOR if door else (SHOP if shop else WINDOW)))
        half = min(0.5 * (1.0 + 0.55 * _hashed(seed + np.int32(131))), cell_m * 0.5 - 0.25)
        half = half if kind == WINDOW else ((0.6 if shop else 0.55) if kind == DOOR else cell_m * 0.5 - 0.14)
        sill_m = 0.95 if _hashed(seed + np.int32(17)) > 0.3 else 0.55
        low = ground + (sill_m if upper else ((0.06 if shop else 0.1) if door else (0.5 if shop else 1.0)))
        high = ground + (2.5 if kind == WINDOW else ((2.35 if shop else 2.3) if kind == DOOR else 2.4))
        left, right = middle - half, middle + half
        ahead = _share(u, left - 0.14, right + 0.14, per)
        around = _share(u, left - 0.11, right + 0.11, per) * _share(v, low - 0.02, high + 0.13, per)
        framed = (_hashed(seed + np.int32(37)) > 0.55) & (kind != SHOP)
        trim = max(around * 0.85 if framed else 0.0, ahead * _share(v, low - 0.09, low, per) if kind == WINDOW else 0.0)
        drip = 1.0 - (0.4 * ahead * _share(v, low - 0.17, low - 0.09, per) if kind != SHOP else 0.0)
        red = q[ALBEDO * STRIDE + i] * drip  # no loop over the colours: one loop within another is no vector code
        green, blue = q[(ALBEDO + 1) * STRIDE + i] * drip, q[(ALBEDO + 2) * STRIDE + i] * drip
        q[ALBEDO * STRIDE + i] = red + (0.44 - red) * trim
        q[(ALBEDO + 1) * STRIDE + i] = green + (0.44 - green) * trim
        q[(ALBEDO + 2) * STRIDE + i] = blue + (0.44 - blue) * trim
        q[HOLE * STRIDE + i], q[(HOLE + 1) * STRIDE + i] = left, right
        q[(HOLE + 2) * STRIDE + i], q[(HOLE + 3) * STRIDE + i] = low, high
        q[KIND * STRIDE + i] = np.float32(kind)
        q[HASH * STRIDE + i] = _hashed(seed * np.int32(7) + cell * np.int32(31) + floor * np.int32(101))
        q[OPEN * STRIDE + i] = _share(u, left, right, per) * _share(v, low, high, per)


@lanes
def any_board(q: F32, count: int, name: I32, param: I32) -> Any:
    """Whether ``_board`` may change any of the fragments. All arrays flat."""
    boards = np.uint32(0)
    for i in range(count):
        shop = (param[np.uint32(name[FACE * STRIDE + i])] & np.int32(SHOP_BIT)) != 0
        v, f = q[(UVW + 1) * STRIDE + i], q[FOOT * STRIDE + i] * 1.3 + 0.003
        boards |= np.uint32(1 if shop & (v + f > BOARD_LOW_M) & (v - f < BOARD_HIGH_M) else 0)
    return boards != 0


@lanes
def look_closer(q: F32, count: int, name: I32, param: I32) -> None:
    """FILLED: which of the fragments ``_fill`` may change. After ``openings``; all arrays flat."""
    for i in range(count):
        u, v, f = q[UVW * STRIDE + i], q[(UVW + 1) * STRIDE + i], q[FOOT * STRIDE + i] * 1.3 + 0.003
        style = _hashed((param[np.uint32(name[FACE * STRIDE + i])] & np.int32(SEED_MASK)) + np.int32(37))
        left, right = q[HOLE * STRIDE + i] - SHUTTER_M - f, q[(HOLE + 1) * STRIDE + i] + SHUTTER_M + f
        low, high = q[(HOLE + 2) * STRIDE + i] - 0.1 - f, q[(HOLE + 3) * STRIDE + i] + 0.1 + f
        shutter = (style <= SHUTTERED) & (v > FLOOR_M - 0.01) & (u > left) & (u < right) & (v > low) & (v < high)
        q[FILLED * STRIDE + i] = 1.0 if shutter | (q[OPEN * STRIDE + i] > 0.0) else 0.0


@kernel
def _board(u: float, v: float, f: float, seed: int, rgb: F32) -> None:
    """The board over shops, where it covers the fragment."""
    board = _cover(v, BOARD_LOW_M, BOARD_HIGH_M, f)
    if board <= 0.0:
        return
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
def _shutters(u: float, v: float, f: float, seed: int, cell_m: float, hole: Any, rgb: F32) -> None:
    """Shutters beside a window, folded back."""
    left, right, low, high, _, _ = hole
    half = min(SHUTTER_M, (cell_m - right + left) * 0.5 - 0.06)
    leaf = _cover(u, left - half, left - 0.03, f) + _cover(u, right + 0.03, right + half, f)
    leaf *= _cover(v, low - 0.03, high + 0.03, f)
    if leaf > 0.0:
        paint = PAINTS[int(hash01(seed + 19) * len(PAINTS))]
        slats = 1.0 - 0.45 * pulse(v, 0.08, 0.035, f)
        for j in range(3):
            rgb[j] = mix(rgb[j], paint[j] * slats * 1.4, leaf)


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
    white = 0.44 if hash01(seed + 29) > 0.35 else 0.09
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
    first: int, last: int, name: I32, fragment: F32, names: I32, q: F32, geometry: Tables, tables: Tables, air: F32,
    objects: Tables,
) -> None:  # fmt: skip
    """Walls with windows, doors and shops; some windows are lit at night. names, q: of the first on, flat."""
    param = geometry[5]
    walls(q, last - first, names, param, tables[3], WALL_RGB)
    if any_board(q, last - first, names, param):
        for i in range(first, last):
            what = param[name[FACE, i]]
            if what & SHOP_BIT != 0:
                foot = fragment[FOOT, i] * 1.3 + 0.003
                _board(fragment[UVW, i], fragment[UVW + 1, i], foot, what & SEED_MASK, fragment[ALBEDO : ALBEDO + 3, i])
    openings(q, last - first, names, param)
    look_closer(q, last - first, names, param)
    for i in range(first, last):
        if fragment[FILLED, i] > 0.0:
            seed = param[name[FACE, i]] & SEED_MASK
            _fill(fragment[:, i], seed, fragment[OPEN, i], tables[0], air, objects, name[FACE, i])


@kernel
def _fill(q: F32, seed: int, open_: float, grain_noise: F32, air: F32, objects: Tables, face: int) -> None:
    """What is in and beside an opening that a fragment sees."""
    u, v, cell_m = q[UVW], q[UVW + 1], q[UVW + 2]
    if cell_m < 1.0:
        cell_m = USUAL_CELL_M
    f = q[FOOT] * 1.3 + 0.003
    rgb = q[ALBEDO : ALBEDO + 3]
    left, right, low, high, kind, h = q[HOLE], q[HOLE + 1], q[HOLE + 2], q[HOLE + 3], int(q[KIND]), q[HASH]
    hole = left, right, low, high, kind, h
    if kind == WINDOW and v > FLOOR_M and hash01(seed + 37) < SHUTTERED:
        _shutters(u, v, f, seed, cell_m, hole, rgb)
    if open_ <= 0.0:
        return
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
        room = hash01(seed + int(h * 9999.0))
        glow = (
            glass * air[NIGHT] * _room(grain_noise, uu, (vv - low) / (high - low), kind, room, rgb[0] / max(inner, 0.1))
        )
        _glow(q, glow, h, objects[0], objects[1], face)


@kernel
def _room(grain_noise: F32, u: float, t: float, kind: int, room: float, seen: float) -> Any:
    """Light 0..1 of a lit room at (u, t) of its window, t 0..1 from sill to head: most rooms are dim, few are bright.

    The lamp hangs high and furniture stands low. room: its hash; seen: how much what is behind the glass reflects.
    """
    bright = ROOM_DIMMEST + (1.0 - ROOM_DIMMEST) * room * room
    if kind == SHOP:
        return min(1.0, SHOP_LIGHT * (0.12 + 5.0 * seen))
    blobs = noise(grain_noise, u * 5.0 + 40.0 * room, t * 3.0 + 9.0) - 0.5
    high = smooth(-0.1, 0.8, t + 0.5 * blobs)
    return ROOM_LIGHT * bright * (0.45 + 0.55 * high) * (0.85 + 0.5 * min(seen, 0.3))


@kernel
def _glow(q: F32, glow: float, h: float, owner: I32, looks: F32, face: int) -> None:
    """Light of a room behind the glass: from a warm lamp's to that of a cool tube, as its hash ``h`` says."""
    cool = hash01(int(h * 7777.0))
    cool *= cool
    light = looks[owner[face] + 1 if face < len(owner) else 0]
    q[EMISSION] = glow * light[LOOK_GLOW]
    q[EMISSION + 1] = glow * (0.58 + 0.36 * cool) * light[LOOK_GLOW + 1]
    q[EMISSION + 2] = glow * (0.22 + 0.66 * cool) * light[LOOK_GLOW + 2]
