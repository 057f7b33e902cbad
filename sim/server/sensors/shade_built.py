"""What is built or grows beside the road: facades, roofs, trunks and leaves, poles, signals, signs, walls."""

from __future__ import annotations

from typing import Any

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
from sim.server.sensors.kernel import F32, I32, U8, Tables, kernel
from sim.server.sensors.resolve import FACE
from sim.server.sensors.textures import band, clamp01, hash01, mix, noise, pulse, smooth, tile

FLOOR_M = 3.2
LAMP_BY_DAY = 1.2  # glow of a street lamp that is on by day: a little brighter than white paper
LIT_WINDOWS = 0.30  # share of windows that are lit at night
ROOF, BARK, LEAF, POLE = int(Material.ROOF), int(Material.BARK), int(Material.LEAF), int(Material.POLE)
HOUSING, RED, YELLOW = int(Material.SIGNAL_HOUSING), int(Material.SIGNAL_RED), int(Material.SIGNAL_YELLOW)
GREEN, LAMP, SIGN = int(Material.SIGNAL_GREEN), int(Material.STREET_LAMP), int(Material.SIGN_FACE)
SIGN_BACK, RAIL, WALL = int(Material.SIGN_BACK), int(Material.GUARD_RAIL), int(Material.WALL)
STOP, YIELD, SPEED = int(SignFace.STOP), int(SignFace.YIELD), int(SignFace.SPEED)
# Wall colours of buildings: brick, sand, grey, plaster, brown brick, ochre, pale green, white.
WALLS = (
    (0.40, 0.19, 0.13), (0.53, 0.48, 0.40), (0.34, 0.33, 0.32), (0.58, 0.54, 0.48),
    (0.32, 0.22, 0.17), (0.48, 0.40, 0.28), (0.40, 0.44, 0.38), (0.64, 0.63, 0.60),
)  # fmt: skip


@kernel
def _set(q: F32, red: float, green: float, blue: float) -> None:
    q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = red, green, blue


@kernel
def _windows(u: float, v: float, seed: int, f: float) -> tuple[Any, Any, Any, Any, Any]:
    """Facade layout at (u, v): glass cover, frame cover, sill cover, height in the window 0..1, window hash."""
    h2 = hash01(seed + 77)
    cell_m = 2.3 + h2 * 1.4
    glass_m = 1.1 + hash01(seed + 131) * 0.5
    floor = int(v / FLOOR_M)
    vv = v - floor * FLOOR_M
    cell = int(u / cell_m + 1000.0) - 1000
    uu = u - cell * cell_m
    left = (cell_m - glass_m) * 0.5
    bottom, top = 0.95, 2.55
    if floor <= 0:
        if h2 > 0.5:  # shop windows
            left, glass_m, bottom, top = 0.2, cell_m - 0.4, 0.45, 2.65
        elif hash01(seed + cell * 13) > 0.8:  # a door
            bottom, top = 0.12, 2.3
    mid_u, mid_v = left + glass_m * 0.5, (bottom + top) * 0.5
    glass = band(uu, mid_u, glass_m, f) * band(vv, mid_v, top - bottom, f)
    frame = band(uu, mid_u, glass_m + 0.18, f) * band(vv, mid_v, top - bottom + 0.18, f)
    if floor > 0:
        glass *= 1.0 - 0.9 * band(uu, mid_u, 0.06, f)
    sill = band(uu, mid_u, glass_m + 0.2, f) * band(vv, bottom - 0.16, 0.10, f)
    return glass, frame, sill, (vv - bottom) / (top - bottom), hash01(seed * 7 + cell * 31 + floor * 101)


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
        seed = param[name[FACE, i]]
        u, v, foot = q[UVW], q[UVW + 1], q[FOOT]
        kind = int(hash01(seed) * len(WALLS))
        weather = noise(grain_noise, u * 0.3 + seed, v * 0.5) - 0.5
        rough = noise(grain_noise, u * 7.0 + seed, v * 7.0) - 0.5
        k = 0.85 + 0.25 * weather + 0.12 * rough
        f = foot * 1.3 + 0.003
        if (kind == 0 or kind == 4) and foot < 0.05:
            course = pulse(v, 0.075, 0.012, f * 2.0)
            joint = pulse(u + 0.11 * (int(v * 13.333) & 1), 0.22, 0.012, f * 2.0)
            k *= 1.0 - 0.35 * min(1.0, course + 0.5 * joint) * (1.0 - foot * 20.0)
        colour = WALLS[kind]
        glass, frame, sill, height, window = _windows(u, v, seed, f)
        ledge = 0.5 * band(v - int(v / FLOOR_M) * FLOOR_M, 0.06, 0.12, f)
        trim = clamp01(frame - glass) * 0.8
        curtain = 0.22 if window > 0.65 and (height < 0.9) and hash01(seed + int(u * 2.0)) > 0.5 else 0.0
        inside = (0.05 + curtain) * (1.0 - 0.6 * smooth(0.78, 1.0, height))
        for j in range(3):
            wall = mix(mix(colour[j] * k, 0.6, trim), 0.48, ledge) * (1.0 - 0.4 * sill)
            q[ALBEDO + j] = mix(wall, inside, glass)
        q[F0] = 0.06 * glass
        q[MIRROR] = 0.9 * glass
        if air[NIGHT] > 0.0 and window < LIT_WINDOWS:
            glow = glass * air[NIGHT] * (0.09 + 0.12 * hash01(seed + int(window * 9999.0)))
            warm = hash01(int(window * 7777.0))
            face = name[FACE, i]
            light = looks[owner[face] + 1 if face < len(owner) else 0]
            q[EMISSION] = glow * light[LOOK_GLOW]
            q[EMISSION + 1] = glow * (0.72 + 0.2 * warm) * light[LOOK_GLOW + 1]
            q[EMISSION + 2] = glow * (0.38 + 0.5 * warm) * light[LOOK_GLOW + 2]
        q[OCCLUSION] = min(1.0, 0.75 + 0.12 * max(0.0, v))


@kernel
def _shade_sign(q: F32, what: int) -> None:
    """The face of a traffic sign: (u, v) 0..1."""
    u, v, f = q[UVW] - 0.5, q[UVW + 1] - 0.5, q[FOOT] * 1.5 + 0.004
    radius = (u * u + v * v) ** 0.5
    if what == STOP:
        word = band(v, 0.0, 0.20, f) * band(u, 0.0, 0.70, f) * pulse(u + 0.35, 0.175, 0.12, f)
        octagon = max(max(abs(u), abs(v)), (abs(u) + abs(v)) * 0.7071)
        white = max(word, band(octagon, 0.46, 0.04, f))
        _set(q, mix(0.50, 0.7, white), mix(0.02, 0.7, white), mix(0.025, 0.7, white))
    elif what == YIELD:
        inner = min(0.36 - v, min(v * 0.5 + 0.30 - abs(u) * 0.9, 0.5))
        white = clamp01(0.5 + (inner - 0.12) / f)
        _set(q, mix(0.55, 0.7, white), mix(0.03, 0.7, white), mix(0.03, 0.7, white))
    else:
        ring = clamp01(0.5 + (radius - 0.37) / f)
        digits = band(v, 0.0, 0.34, f) * pulse(u + 0.25, 0.25, 0.17, f) * band(u, -0.01, 0.46, f)
        hollow = band(v, 0.0, 0.18, f) * pulse(u + 0.20, 0.25, 0.06, f) * band(u, 0.0, 0.46, f)
        black = clamp01(digits - hollow)
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
def shade_leaves(first: int, last: int, name: I32, fragment: F32, geometry: Tables) -> None:
    """Crowns of trees: (occlusion, leaf random) in the surface coordinates."""
    param = geometry[5]
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
