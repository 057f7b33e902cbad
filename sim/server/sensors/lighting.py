"""Light on fragments: sky and sun with shadows, lamps, reflections, fog; and the sky behind them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.server.sensors.columns import (
    ALBEDO,
    AMBIENT_DOWN,
    AMBIENT_UP,
    DEPTH,
    EMISSION,
    F0,
    FOG_BETA,
    FOG_FALLOFF,
    FOG_RGB,
    FOG_START,
    FOOT,
    GROUND,
    LAMP_COS_OUTER,
    LAMP_DIR,
    LAMP_FADE,
    LAMP_PER_RIM,
    LAMP_POS,
    LAMP_POWER,
    LAMP_RGB,
    LAMP_SOFT,
    MIRROR,
    NORMAL,
    OCCLUSION,
    POS,
    SHADOW_ON,
    SHADOW_PER_TEXEL,
    SHADOW_U,
    SHADOW_U0,
    SHADOW_V,
    SHADOW_V0,
    SPECULAR,
    SUN_DIR,
    SUN_RGB,
    TO_EYE,
    TRANSLUCENT,
    WEIGHT,
    WET,
)
from sim.server.sensors.kernel import F32, I32, Tables, kernel
from sim.server.sensors.resolve import PIXEL
from sim.server.sensors.textures import clamp01, mix, octahedral

SHADOW_BIAS_M = 0.18  # above the map's height by less is lit: two texels, and a kerb does not shade the gutter in teeth
SHADOW_BLOCK_SHIFT = 6  # blocks of 64 x 64 texels, marked where a moving body may cast
CONTACT_CELLS_PER_M = 4.0
LAMP_CELLS_PER_M = 0.125
SUN_DISC_COS = 0.99995  # half a degree across, a little wider for the glare
ROUGH_GROUND = 0.10  # stones stand up to flat beams: without it head lamps would hardly light a road
BRIGHTEST = 24.0  # a single fragment contributes no more: one sparkle does not wash out its pixel


@kernel
def fog_left(base: float, falloff: float, start_m: float, rise: float, distance: float) -> Any:
    """Share 0..1 of light that exponential height fog lets through, from the eye over ``distance`` m.

    base: extinction at the eye's height, 1/m; falloff: 1/m of height; rise: metres up per metre; the fog begins
    ``start_m`` from the eye. The integral of ``base exp(-falloff z)`` along the ray.
    """
    length = distance - start_m
    if length <= 0.0:
        return 1.0
    depth = base * length
    climb = falloff * rise * length
    if abs(climb) < 0.5:
        depth *= 1.0 - climb * (0.5 - climb * (1.0 / 6.0 - climb * (1.0 / 24.0)))
    else:
        climb = min(max(climb, -12.0), 60.0)
        depth *= (1.0 - math.exp(-climb)) / climb
    if depth < 0.04:
        return 1.0 - depth * (1.0 - depth * (0.5 - depth * (1.0 / 6.0)))
    return math.exp(-depth)


@kernel
def fog_at(air: F32, height: float) -> Any:
    """Extinction 1/m at a height, m."""
    return air[FOG_BETA] * math.exp(-air[FOG_FALLOFF] * max(height, -50.0))


@kernel
def _shadow_sample(map_m: F32, u: float, v: float, height: float) -> Any:
    """Lit share 0..1 at map position (u, v), four texels compared and then blended."""
    size = map_m.shape[0]
    x, y = u - 0.5, v - 0.5
    fx, fy = math.floor(x), math.floor(y)
    ix, iy = int(fx), int(fy)
    if ix < 1 or iy < 1 or ix >= size - 2 or iy >= size - 2:
        return 1.0
    tx, ty = x - fx, y - fy
    h = height + SHADOW_BIAS_M
    jx, jy = np.uint64(ix), np.uint64(iy)  # unsigned: no test for indices from the end
    kx, ky = np.uint64(ix + 1), np.uint64(iy + 1)
    a = 1.0 if map_m[jy, jx] < h else 0.0
    b = 1.0 if map_m[jy, kx] < h else 0.0
    c = 1.0 if map_m[ky, jx] < h else 0.0
    d = 1.0 if map_m[ky, kx] < h else 0.0
    return (a + (b - a) * tx) * (1.0 - ty) + (c + (d - c) * tx) * ty


@kernel
def _sunlight(q: F32, air: F32, shadow: Tables) -> Any:
    """Share 0..1 of the sun that reaches the fragment."""
    place, static_map, moving_map, blocks = shadow
    if place[SHADOW_ON] <= 0.0:
        return 1.0
    lift = 0.06 + 0.5 * q[FOOT]
    x, y, z = q[POS] + lift * q[NORMAL], q[POS + 1] + lift * q[NORMAL + 1], q[POS + 2] + lift * q[NORMAL + 2]
    per = place[SHADOW_PER_TEXEL]
    u = (x * place[SHADOW_U] + y * place[SHADOW_U + 1] + z * place[SHADOW_U + 2] - place[SHADOW_U0]) * per
    v = (x * place[SHADOW_V] + y * place[SHADOW_V + 1] + z * place[SHADOW_V + 2] - place[SHADOW_V0]) * per
    h = x * air[SUN_DIR] + y * air[SUN_DIR + 1] + z * air[SUN_DIR + 2]
    lit = (
        _shadow_sample(static_map, u - 0.45, v + 0.3, h) * 0.5 + _shadow_sample(static_map, u + 0.45, v - 0.3, h) * 0.5
    )
    if lit > 0.0:
        bx, by = int(u) >> SHADOW_BLOCK_SHIFT, int(v) >> SHADOW_BLOCK_SHIFT
        if 0 <= bx < blocks.shape[1] and 0 <= by < blocks.shape[0] and blocks[by, bx] != 0:
            lit = min(lit, _shadow_sample(moving_map, u, v, h))
    return lit


@kernel
def _contact(q: F32, contact: Tables) -> Any:
    """Ambient share 0..1 left by bodies standing on the ground near by."""
    grid, origin = contact
    x = (q[POS] - origin[0]) * CONTACT_CELLS_PER_M
    y = (q[POS + 1] - origin[1]) * CONTACT_CELLS_PER_M
    ix, iy = math.floor(x), math.floor(y)
    if ix < 0 or iy < 0 or ix >= grid.shape[1] - 1 or iy >= grid.shape[0] - 1:
        return 1.0
    tx, ty = x - ix, y - iy
    top = grid[iy, ix] * (1.0 - tx) + grid[iy, ix + 1] * tx
    low = grid[iy + 1, ix] * (1.0 - tx) + grid[iy + 1, ix + 1] * tx
    return 1.0 - (top * (1.0 - ty) + low * ty)


@kernel
def _lamplight(q: F32, air: F32, lamps: Tables, out: F32) -> None:
    """Add street, head and tail lamps to ``out`` = diffuse RGB, glossy RGB."""
    table, first, members, origin = lamps
    ix = math.floor((q[POS] - origin[0]) * LAMP_CELLS_PER_M)
    iy = math.floor((q[POS + 1] - origin[1]) * LAMP_CELLS_PER_M)
    if ix < 0 or iy < 0 or ix >= first.shape[1] - 1 or iy >= first.shape[0]:
        return
    x, y, z = q[POS], q[POS + 1], q[POS + 2]
    nx, ny, nz = q[NORMAL], q[NORMAL + 1], q[NORMAL + 2]
    red, green, blue = 0.0, 0.0, 0.0  # sums in registers: a store into ``out`` might change ``lamp`` for all LLVM knows
    glint_red, glint_green, glint_blue = 0.0, 0.0, 0.0
    wrap, rough = q[TRANSLUCENT], ROUGH_GROUND * q[GROUND]
    per_wrap = 1.0 / (1.0 + wrap)
    shine = 0.6 * q[SPECULAR] + 0.16 * air[WET] * q[GROUND]
    for j in range(first[iy, ix], first[iy, ix + 1]):
        lamp = table[members[j]]
        dx, dy, dz = lamp[LAMP_POS] - x, lamp[LAMP_POS + 1] - y, lamp[LAMP_POS + 2] - z
        d2 = dx * dx + dy * dy + dz * dz + 0.05
        fade = 1.0 - d2 * lamp[LAMP_FADE]
        if fade <= 0.0:
            continue
        per = 1.0 / math.sqrt(d2)
        cosine = -(dx * lamp[LAMP_DIR] + dy * lamp[LAMP_DIR + 1] + dz * lamp[LAMP_DIR + 2]) * per
        rim = (cosine - lamp[LAMP_COS_OUTER]) * lamp[LAMP_PER_RIM]
        if rim <= 0.0:
            continue
        facing = (nx * dx + ny * dy + nz * dz) * per
        if facing <= 0.0 and wrap <= 0.0:
            continue
        rim = min(rim, 1.0)
        strength = rim * rim * (3.0 - 2.0 * rim) * fade * lamp[LAMP_POWER] / (d2 + lamp[LAMP_SOFT])
        if facing > 0.0:
            facing += rough
        spread = strength * ((max(facing, 0.0) + wrap * abs(facing)) * per_wrap + 0.2 * wrap)
        red += lamp[LAMP_RGB] * spread
        green += lamp[LAMP_RGB + 1] * spread
        blue += lamp[LAMP_RGB + 2] * spread
        if shine > 0.0:
            hx, hy, hz = dx * per + q[TO_EYE], dy * per + q[TO_EYE + 1], dz * per + q[TO_EYE + 2]
            half = (nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
            if half > 0.9:
                glint = half**48 * shine * strength
                glint_red += lamp[LAMP_RGB] * glint
                glint_green += lamp[LAMP_RGB + 1] * glint
                glint_blue += lamp[LAMP_RGB + 2] * glint
    out[0] += red
    out[1] += green
    out[2] += blue
    out[3] += glint_red
    out[4] += glint_green
    out[5] += glint_blue


@kernel
def light_fragments(
    count: int, fragment: F32, name: I32, cam: Tables, air: F32, sky: Tables, shadow: Tables, contact: Tables,
    lamps: Tables, night: bool, colour: F32, image: F32, surface: F32,
) -> None:  # fmt: skip
    """Light every fragment and add its share to its pixel of ``image (h * w, 3)``.

    surface (h * w, 3) keeps what wet ground mirrors, see ``reflections``.
    """
    mirror_map = sky[1]
    fog_here, falloff, start_m = fog_at(air, cam[2]), air[FOG_FALLOFF], air[FOG_START]
    for i in range(count):
        q = fragment[i]
        nx, ny, nz = q[NORMAL], q[NORMAL + 1], q[NORMAL + 2]
        vx, vy, vz = q[TO_EYE], q[TO_EYE + 1], q[TO_EYE + 2]
        facing = nx * vx + ny * vy + nz * vz
        leafy = q[TRANSLUCENT] > 0.3
        if facing < 0.0:  # a normal that looks away: a leaf's back, or the rounding of a smooth edge
            if leafy:
                facing = -facing
            else:
                push = -1.02 * facing
                nx, ny, nz = nx + push * vx, ny + push * vy, nz + push * vz
                per = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
                nx, ny, nz = nx * per, ny * per, nz * per
                q[NORMAL], q[NORMAL + 1], q[NORMAL + 2] = nx, ny, nz
                facing = 0.02
        open_sky = q[OCCLUSION]
        if q[GROUND] > 0.0:
            open_sky *= _contact(q, contact)
        sun = nx * air[SUN_DIR] + ny * air[SUN_DIR + 1] + nz * air[SUN_DIR + 2]
        wrap = q[TRANSLUCENT]
        if leafy:
            sun = max(sun, 0.0) * 0.75 + 0.25 * abs(sun) + 0.12
        else:
            sun = (sun + wrap) / (1.0 + wrap)
        lit = 0.0
        if sun > 0.0 and air[SUN_RGB] > 0.001:
            lit = _sunlight(q, air, shadow)
            if leafy:
                lit = 0.35 + 0.65 * lit
        else:
            sun = 0.0
        up = nz * 0.5 + 0.5
        for c in range(3):
            colour[c] = mix(air[AMBIENT_DOWN + c], air[AMBIENT_UP + c], up) * open_sky + air[SUN_RGB + c] * sun * lit
            colour[3 + c] = 0.0
        if night:
            _lamplight(q, air, lamps, colour)
        for c in range(3):
            colour[c] = q[ALBEDO + c] * colour[c] + q[EMISSION + c] + colour[3 + c]
        mirrored = 0.0
        if q[MIRROR] > 0.01:
            mirrored = _reflect(q, air, mirror_map, nx, ny, nz, facing, open_sky, lit, colour)
        distance = q[DEPTH] / max(-(vx * cam[9] + vy * cam[10] + vz * cam[11]), 1e-3)
        thin = fog_left(fog_here, falloff, start_m, -vz, distance)
        p = name[i, PIXEL]
        if q[WEIGHT] >= 0.5:
            surface[p, 0] = q[DEPTH]
            surface[p, 1] = mirrored * thin * q[GROUND]
            surface[p, 2] = q[MIRROR]
        for c in range(3):
            image[p, c] += q[WEIGHT] * min(BRIGHTEST, air[FOG_RGB + c] + (colour[c] - air[FOG_RGB + c]) * thin)


@kernel
def _reflect(
    q: F32, air: F32, mirror_map: F32, nx: float, ny: float, nz: float, facing: float, open_sky: float, lit: float,
    colour: F32,
) -> Any:  # fmt: skip
    """Blend the mirrored surroundings over ``colour`` by Schlick's Fresnel, add the sun's glint; the mirrored share."""
    grazing = 1.0 - max(facing, 0.0)
    square = grazing * grazing
    share = (q[F0] + (1.0 - q[F0]) * square * square * grazing) * q[MIRROR] * open_sky
    rx = 2.0 * facing * nx - q[TO_EYE]
    ry = 2.0 * facing * ny - q[TO_EYE + 1]
    rz = 2.0 * facing * nz - q[TO_EYE + 2]
    if q[GROUND] > 0.0:
        rz = abs(rz) + 0.02
    elif rz < 0.05:
        share *= 0.8
    red, green, blue = octahedral(mirror_map, rx, ry, rz)
    colour[0] = mix(colour[0], red, share)
    colour[1] = mix(colour[1], green, share)
    colour[2] = mix(colour[2], blue, share)
    if q[SPECULAR] > 0.0 and lit > 0.0:
        toward = rx * air[SUN_DIR] + ry * air[SUN_DIR + 1] + rz * air[SUN_DIR + 2]
        if toward > 0.9:
            glint = min(toward, 1.0) ** 512 * q[SPECULAR] * lit * 6.0
            for c in range(3):
                colour[c] += air[SUN_RGB + c] * glint
    return share


@kernel
def add_sky(
    row0: int, row1: int, share: F32, cam: Tables, focal: float, air: F32, sky: Tables, image: F32, width: int,
    height: int,
) -> None:  # fmt: skip
    """Add the sky and its sun to the pixels that see them. focal in pixels."""
    sky_map, sun_disc = sky[0], sky[2]
    per_focal = 1.0 / focal
    glare_cos = SUN_DISC_COS - 0.0002
    for y in range(row0, row1):
        dy = (y + 0.5 - height * 0.5) * per_focal
        for x in range(width):
            k = share[y - row0, x]
            if k <= 0.0:
                continue
            dx = (x + 0.5 - width * 0.5) * per_focal
            rx = cam[9] + cam[3] * dx + cam[6] * dy
            ry = cam[10] + cam[4] * dx + cam[7] * dy
            rz = cam[11] + cam[5] * dx + cam[8] * dy
            red, green, blue = octahedral(sky_map, rx, ry, max(rz, 0.0))
            toward = rx * air[SUN_DIR] + ry * air[SUN_DIR + 1] + rz * air[SUN_DIR + 2]
            if toward > 0.0:
                square = rx * rx + ry * ry + rz * rz
                if toward * toward > glare_cos * glare_cos * square:
                    disc = clamp01((toward / math.sqrt(square) - glare_cos) / 0.0002)
                    red, green, blue = red + sun_disc[0] * disc, green + sun_disc[1] * disc, blue + sun_disc[2] * disc
            p = y * width + x
            image[p, 0] += k * red
            image[p, 1] += k * green
            image[p, 2] += k * blue
