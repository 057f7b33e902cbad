"""Light on the fragments of a tile: sky and sun with shadows, reflections, fog; and the sky behind them.

Every step is one loop over columns (``columns``: STRIDE apart in one flat array) that becomes vector code, so no step
branches: what does not apply is computed and left out. Lamps are in ``lamplight``.
"""

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
    FACING,
    FOG_BETA,
    FOG_FALLOFF,
    FOG_RGB,
    FOG_START,
    FOOT,
    GLINT,
    GROUND,
    LIGHT,
    LIT,
    MAP_H,
    MAP_U,
    MAP_V,
    MIRROR,
    MIRRORED,
    NORMAL,
    OCCLUSION,
    POS,
    SHADOW_PER_TEXEL,
    SHADOW_U,
    SHADOW_U0,
    SHADOW_V,
    SHADOW_V0,
    SPECULAR,
    STRIDE,
    SUN_DIR,
    SUN_RGB,
    TO_EYE,
    TRANSLUCENT,
    WEIGHT,
)
from sim.server.sensors.kernel import F32, I32, U32, kernel, lane, lanes
from sim.server.sensors.packed import octahedral_of

MAP_SIZE = 2048  # texels along each side of the sun's shadow map
SHADOW_BIAS_M = 0.18  # above the map's height by less is lit: two texels
SHADOW_LIFT_M = 0.06  # places are looked up so far above their surface
# Ground is compared along its own plane, texel by texel, and need not be so far above itself: what stands on it casts
# from its foot on. Kerbs and the steps between lanes are lower than what is left, and do not cast in teeth.
GROUND_BIAS_M = 0.02
GROUND_LIFT_M = 0.04
LEVEL_FROM = 0.7  # upward part of the normal: the face of a kerb is no ground in this sense
STEEPEST = 0.05  # sine of the angle between sun and ground below which the plane is not followed
SHADOW_BLOCK_SHIFT = 4  # blocks of 16 x 16 texels, 1.4 m, marked where a moving body may cast
CONTACT_CELLS_PER_M = 4.0
CONTACT_SIZE = 640  # cells: 160 m square round the camera
SUN_DISC_COS = 0.99995  # half a degree across, a little wider for the glare
GLARE = 0.0002  # cosines over which the disc fades
BRIGHTEST = 24.0  # a single fragment contributes no more: one sparkle does not wash out its pixel
MIRRORS_FROM = 0.01  # a smaller share of mirror is not seen
NEARLY_FACING = 1e-3  # cosine: what looks no further away from the sun may be lit by rounding
LEAFY = 0.3  # what lets more light through than this is lit from both sides


@lane
def exp_of_negative(x: Any) -> Any:
    """exp(-x) of x >= 0 within 1e-4: a Taylor polynomial of x / 16, to the power of -16."""
    t = min(x, 40.0) * 0.0625
    e = 1.0 / (1.0 + t * (1.0 + t * (0.5 + t * (0.16666667 + t * (0.041666668 + t * 0.008333334)))))
    e *= e
    e *= e
    e *= e
    return e * e


@lane
def fog_left(base: Any, falloff: Any, start_m: Any, rise: Any, distance: Any) -> Any:
    """Share 0..1 of light that exponential height fog lets through, from the eye over ``distance`` m.

    base: extinction at the eye's height, 1/m; falloff: 1/m of height; rise: metres up per metre; the fog begins
    ``start_m`` from the eye. The integral of ``base exp(-falloff z)`` along the ray.
    """
    length = max(distance - start_m, 0.0)
    climb = min(max(falloff * rise * length, -60.0), 60.0)
    flat = abs(climb) < 0.5
    level = 1.0 - climb * (0.5 - climb * (0.16666667 - climb * 0.041666668))
    steep = 1.0 if flat else climb
    fallen = exp_of_negative(abs(steep))
    fallen = 1.0 / fallen if steep < 0.0 else fallen
    return exp_of_negative(base * length * (level if flat else (1.0 - fallen) / steep))


@kernel
def fog_at(air: F32, height: float) -> Any:
    """Extinction 1/m at a height, m."""
    return air[FOG_BETA] * math.exp(-air[FOG_FALLOFF] * max(height, -50.0))


@lanes
def face_the_eye(q: F32, count: int) -> None:
    """FACING; normals that look away (a leaf's back, the rounding of a smooth edge) are turned to the eye's side."""
    for i in range(count):
        nx, ny, nz = q[NORMAL * STRIDE + i], q[(NORMAL + 1) * STRIDE + i], q[(NORMAL + 2) * STRIDE + i]
        vx, vy, vz = q[TO_EYE * STRIDE + i], q[(TO_EYE + 1) * STRIDE + i], q[(TO_EYE + 2) * STRIDE + i]
        facing = nx * vx + ny * vy + nz * vz
        turned = facing < 0.0 and q[TRANSLUCENT * STRIDE + i] <= LEAFY
        push = -1.02 * facing if turned else 0.0
        nx, ny, nz = nx + push * vx, ny + push * vy, nz + push * vz
        per = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
        q[NORMAL * STRIDE + i] = nx * per
        q[(NORMAL + 1) * STRIDE + i] = ny * per
        q[(NORMAL + 2) * STRIDE + i] = nz * per
        q[FACING * STRIDE + i] = 0.02 if turned else abs(facing)


@lane
def _taps(height_map: F32, u: Any, v: Any, height: Any, du: Any, dv: Any) -> Any:
    """Lit share 0..1 at place (u, v) of the flat shadow map, four texels compared and then blended.

    du, dv: how much higher the surface is a texel further along u and v.
    """
    x, y = u - 0.5, v - 0.5
    fx, fy = np.floor(x), np.floor(y)
    inside = (fx >= 1.0) & (fy >= 1.0) & (fx < MAP_SIZE - 2.0) & (fy < MAP_SIZE - 2.0)
    tx, ty = x - fx, y - fy
    column, row = np.int32(fx if inside else 0.0), np.int32(fy if inside else 0.0)
    at = np.uint32(row) * np.uint32(MAP_SIZE) + np.uint32(column)
    first = height - tx * du - ty * dv
    a = 1.0 if height_map[at] < first else 0.0
    b = 1.0 if height_map[np.uint32(at + np.uint32(1))] < first + du else 0.0
    c = 1.0 if height_map[np.uint32(at + np.uint32(MAP_SIZE))] < first + dv else 0.0
    d = 1.0 if height_map[np.uint32(at + np.uint32(MAP_SIZE + 1))] < first + du + dv else 0.0
    lit = (a + (b - a) * tx) * (1.0 - ty) + (c + (d - c) * tx) * ty
    return lit if inside else 1.0


@lanes
def faces_the_sun(q: F32, count: int, air: F32) -> Any:
    """Whether the sun can light any of them: of others ``daylight`` makes LIT 0, whatever it is."""
    any_of_them = np.uint32(0)
    for i in range(count):
        nx, ny, nz = q[NORMAL * STRIDE + i], q[(NORMAL + 1) * STRIDE + i], q[(NORMAL + 2) * STRIDE + i]
        wrap = q[TRANSLUCENT * STRIDE + i]
        toward = nx * air[SUN_DIR] + ny * air[SUN_DIR + 1] + nz * air[SUN_DIR + 2] + wrap
        any_of_them |= np.uint32(1 if (toward > -NEARLY_FACING) | (wrap > LEAFY) else 0)
    return any_of_them != 0


@lanes
def shadows_of_the_world(q: F32, count: int, air: F32, place: F32, static_map: F32, blocks: I32) -> Any:
    """LIT by the static world; whether any fragment lies where a moving body may cast."""
    per, side = place[SHADOW_PER_TEXEL], MAP_SIZE >> SHADOW_BLOCK_SHIFT
    per_block, last = 1.0 / np.float32(1 << SHADOW_BLOCK_SHIFT), np.int32(side - 1)
    for i in range(count):
        nx, ny, nz = q[NORMAL * STRIDE + i], q[(NORMAL + 1) * STRIDE + i], q[(NORMAL + 2) * STRIDE + i]
        ground = q[GROUND * STRIDE + i] * nz > LEVEL_FROM
        nu = nx * place[SHADOW_U] + ny * place[SHADOW_U + 1] + nz * place[SHADOW_U + 2]
        nv = nx * place[SHADOW_V] + ny * place[SHADOW_V + 1] + nz * place[SHADOW_V + 2]
        nh = nx * air[SUN_DIR] + ny * air[SUN_DIR + 1] + nz * air[SUN_DIR + 2]
        x, y, z = q[POS * STRIDE + i], q[(POS + 1) * STRIDE + i], q[(POS + 2) * STRIDE + i]
        u = (x * place[SHADOW_U] + y * place[SHADOW_U + 1] + z * place[SHADOW_U + 2] - place[SHADOW_U0]) * per
        v = (x * place[SHADOW_V] + y * place[SHADOW_V + 1] + z * place[SHADOW_V + 2] - place[SHADOW_V0]) * per
        h = x * air[SUN_DIR] + y * air[SUN_DIR + 1] + z * air[SUN_DIR + 2]
        lift = (GROUND_LIFT_M if ground else SHADOW_LIFT_M) + 0.5 * q[FOOT * STRIDE + i]
        up, vp, hp = u + lift * nu * per, v + lift * nv * per, h + lift * nh
        hp += GROUND_BIAS_M if ground else SHADOW_BIAS_M
        slope = -1.0 / (max(nh, STEEPEST) * per) if ground else 0.0
        du, dv = nu * slope, nv * slope
        lit = _taps(static_map, up - 0.45, vp + 0.3, hp - 0.45 * du + 0.3 * dv, du, dv)
        q[LIT * STRIDE + i] = 0.5 * (lit + _taps(static_map, up + 0.45, vp - 0.3, hp + 0.45 * du - 0.3 * dv, du, dv))
        # bodies are no ground: nothing that the ground could shade itself with is in their map
        q[MAP_U * STRIDE + i], q[MAP_V * STRIDE + i] = (u if ground else up), (v if ground else vp)
        q[MAP_H * STRIDE + i] = h if ground else hp
    marked = np.int32(0)
    for i in range(count):
        column = min(max(np.int32(q[MAP_U * STRIDE + i] * per_block), np.int32(0)), last)  # no place is a place, too
        row = min(max(np.int32(q[MAP_V * STRIDE + i] * per_block), np.int32(0)), last)
        marked |= blocks[np.uint32(row) * np.uint32(side) + np.uint32(column)]
    return marked


@lanes
def shadows_of_bodies(q: F32, count: int, moving_map: F32) -> None:
    """Take from LIT what moving bodies shade."""
    for i in range(count):
        lit = _taps(moving_map, q[MAP_U * STRIDE + i], q[MAP_V * STRIDE + i], q[MAP_H * STRIDE + i], 0.0, 0.0)
        q[LIT * STRIDE + i] = min(q[LIT * STRIDE + i], lit)


@lanes
def contact_shade(q: F32, count: int, grid: F32, origin: F32) -> None:
    """Take from the open sky over ground what bodies standing near by hide (flat grid of darkness)."""
    last = CONTACT_SIZE - 1.0
    for i in range(count):
        x = (q[POS * STRIDE + i] - origin[0]) * CONTACT_CELLS_PER_M
        y = (q[(POS + 1) * STRIDE + i] - origin[1]) * CONTACT_CELLS_PER_M
        inside = (x >= 0.0) & (y >= 0.0) & (x < last) & (y < last)
        x, y = (x if inside else 0.0), (y if inside else 0.0)
        column, row = np.int32(x), np.int32(y)
        tx, ty = x - np.float32(column), y - np.float32(row)
        at = np.uint32(row) * np.uint32(CONTACT_SIZE) + np.uint32(column)
        low = np.uint32(at + np.uint32(CONTACT_SIZE))
        a, b = grid[at], grid[np.uint32(at + np.uint32(1))]
        c, d = grid[low], grid[np.uint32(low + np.uint32(1))]
        dark = (a + (b - a) * tx) * (1.0 - ty) + (c + (d - c) * tx) * ty
        q[OCCLUSION * STRIDE + i] *= 1.0 - (dark if inside else 0.0)


@lanes
def daylight(q: F32, count: int, air: F32, shining: float) -> None:
    """LIGHT of sky and sun; LIT becomes 0 where the sun does not reach. shining: 1 where there is a sun, else 0."""
    for i in range(count):
        wrap, open_sky = q[TRANSLUCENT * STRIDE + i], q[OCCLUSION * STRIDE + i]
        nx, ny, nz = q[NORMAL * STRIDE + i], q[(NORMAL + 1) * STRIDE + i], q[(NORMAL + 2) * STRIDE + i]
        sun = nx * air[SUN_DIR] + ny * air[SUN_DIR + 1] + nz * air[SUN_DIR + 2]
        leafy = wrap > LEAFY
        lit = q[LIT * STRIDE + i]
        through = max(sun, 0.0) * 0.75 + 0.25 * abs(sun) + 0.12
        sun = max(through if leafy else (sun + wrap) / (1.0 + wrap), 0.0)
        lit = (0.35 + 0.65 * lit if leafy else lit) * (shining if sun > 0.0 else 0.0)
        q[LIT * STRIDE + i] = lit
        sun *= lit
        up = nz * 0.5 + 0.5
        low_red, low_green, low_blue = air[AMBIENT_DOWN], air[AMBIENT_DOWN + 1], air[AMBIENT_DOWN + 2]
        red = low_red + (air[AMBIENT_UP] - low_red) * up
        green = low_green + (air[AMBIENT_UP + 1] - low_green) * up
        blue = low_blue + (air[AMBIENT_UP + 2] - low_blue) * up
        q[LIGHT * STRIDE + i] = red * open_sky + air[SUN_RGB] * sun
        q[(LIGHT + 1) * STRIDE + i] = green * open_sky + air[SUN_RGB + 1] * sun
        q[(LIGHT + 2) * STRIDE + i] = blue * open_sky + air[SUN_RGB + 2] * sun


@lanes
def leave_surface(q: F32, count: int, night: bool) -> Any:
    """LIGHT becomes what leaves the matt surface towards the eye, with the lamps' highlights by night; MIRRORED 0.

    Returns whether any of them mirrors.
    """
    mirrors = np.uint32(0)
    for i in range(count):
        red = q[ALBEDO * STRIDE + i] * q[LIGHT * STRIDE + i] + q[EMISSION * STRIDE + i]
        green = q[(ALBEDO + 1) * STRIDE + i] * q[(LIGHT + 1) * STRIDE + i] + q[(EMISSION + 1) * STRIDE + i]
        blue = q[(ALBEDO + 2) * STRIDE + i] * q[(LIGHT + 2) * STRIDE + i] + q[(EMISSION + 2) * STRIDE + i]
        q[LIGHT * STRIDE + i], q[(LIGHT + 1) * STRIDE + i], q[(LIGHT + 2) * STRIDE + i] = red, green, blue
        q[MIRRORED * STRIDE + i] = 0.0
        mirrors |= np.uint32(1 if q[MIRROR * STRIDE + i] > MIRRORS_FROM else 0)
    if night:
        for i in range(count):
            q[LIGHT * STRIDE + i] += q[GLINT * STRIDE + i]
            q[(LIGHT + 1) * STRIDE + i] += q[(GLINT + 1) * STRIDE + i]
            q[(LIGHT + 2) * STRIDE + i] += q[(GLINT + 2) * STRIDE + i]
    return mirrors != 0


@lanes
def shines(q: F32, count: int) -> Any:
    """Whether any of them mirrors at all or glints."""
    any_of_them = np.uint32(0)
    for i in range(count):
        any_of_them |= np.uint32(1 if q[MIRROR * STRIDE + i] + q[SPECULAR * STRIDE + i] > 0.0 else 0)
    return any_of_them != 0


@lanes
def reflect(q: F32, count: int, air: F32, mirror_map: U32, size: int, most: float) -> None:
    """Blend the mirrored surroundings over LIGHT by Schlick's Fresnel, add the sun's glint; MIRRORED is their share."""
    for i in range(count):
        nx, ny, nz = q[NORMAL * STRIDE + i], q[(NORMAL + 1) * STRIDE + i], q[(NORMAL + 2) * STRIDE + i]
        facing, f0, lit = q[FACING * STRIDE + i], q[F0 * STRIDE + i], q[LIT * STRIDE + i]
        ground = q[GROUND * STRIDE + i] > 0.0
        grazing = 1.0 - max(facing, 0.0)
        square = grazing * grazing
        share = (f0 + (1.0 - f0) * square * square * grazing) * q[MIRROR * STRIDE + i] * q[OCCLUSION * STRIDE + i]
        rx = 2.0 * facing * nx - q[TO_EYE * STRIDE + i]
        ry = 2.0 * facing * ny - q[(TO_EYE + 1) * STRIDE + i]
        rz = 2.0 * facing * nz - q[(TO_EYE + 2) * STRIDE + i]
        share *= 0.8 if (rz < 0.05) & (not ground) else 1.0
        rz = abs(rz) + 0.02 if ground else rz
        red, green, blue = octahedral_of(mirror_map, size, most, rx, ry, rz)
        toward = min(max(rx * air[SUN_DIR] + ry * air[SUN_DIR + 1] + rz * air[SUN_DIR + 2], 0.0), 1.0)
        glint = toward**512 * 6.0 * q[SPECULAR * STRIDE + i] * lit
        q[MIRRORED * STRIDE + i] = share
        kept = q[LIGHT * STRIDE + i]
        q[LIGHT * STRIDE + i] = kept + (red - kept) * share + air[SUN_RGB] * glint
        kept = q[(LIGHT + 1) * STRIDE + i]
        q[(LIGHT + 1) * STRIDE + i] = kept + (green - kept) * share + air[SUN_RGB + 1] * glint
        kept = q[(LIGHT + 2) * STRIDE + i]
        q[(LIGHT + 2) * STRIDE + i] = kept + (blue - kept) * share + air[SUN_RGB + 2] * glint


@lanes
def veil(q: F32, count: int, air: F32, eye: F32, fog_here: float) -> None:
    """LIGHT becomes what arrives through the air, weighted; MIRRORED the share of reflections in it."""
    base, falloff, start_m = np.float32(fog_here), air[FOG_FALLOFF], air[FOG_START]
    for i in range(count):
        vx, vy, vz = q[TO_EYE * STRIDE + i], q[(TO_EYE + 1) * STRIDE + i], q[(TO_EYE + 2) * STRIDE + i]
        distance = q[DEPTH * STRIDE + i] / max(-(vx * eye[9] + vy * eye[10] + vz * eye[11]), 1e-3)
        thin = fog_left(base, falloff, start_m, -vz, distance)
        weight = q[WEIGHT * STRIDE + i]
        q[MIRRORED * STRIDE + i] *= thin * q[GROUND * STRIDE + i]
        red, green, blue = air[FOG_RGB], air[FOG_RGB + 1], air[FOG_RGB + 2]
        red += (q[LIGHT * STRIDE + i] - red) * thin
        green += (q[(LIGHT + 1) * STRIDE + i] - green) * thin
        blue += (q[(LIGHT + 2) * STRIDE + i] - blue) * thin
        q[LIGHT * STRIDE + i] = weight * min(BRIGHTEST, red)
        q[(LIGHT + 1) * STRIDE + i] = weight * min(BRIGHTEST, green)
        q[(LIGHT + 2) * STRIDE + i] = weight * min(BRIGHTEST, blue)


@kernel
def add_to_picture(q: F32, count: int, pixel: I32, image: F32, surface: F32) -> None:
    """Add LIGHT to pixels ``pixel (n,)`` of the flat picture ``image (h * w * 3,)``.

    surface (h * w, 3) keeps what wet ground mirrors, see ``reflections``; (0, 3) where nothing asks for it.
    """
    for i in range(count):
        p = 3 * np.uint32(pixel[i])
        image[p] += q[LIGHT * STRIDE + i]
        image[p + 1] += q[(LIGHT + 1) * STRIDE + i]
        image[p + 2] += q[(LIGHT + 2) * STRIDE + i]
    if len(surface) > 0:
        for i in range(count):
            if q[WEIGHT * STRIDE + i] >= 0.5:
                p = pixel[i]
                surface[p, 0] = q[DEPTH * STRIDE + i]
                surface[p, 1] = q[MIRRORED * STRIDE + i]
                surface[p, 2] = q[MIRROR * STRIDE + i]


@lanes
def sky_row(
    y: int, column0: int, count: int, share: F32, eye: F32, width: int, height: int, focal: float, air: F32,
    sky_map: U32, size: int, most: float, sun_disc: F32, image: F32,
) -> None:  # fmt: skip
    """Sky and sun of ``count`` pixels of row y from ``column0`` on: their first light, in flat ``image``.

    share (count,) of each pixel that sees the sky; focal in pixels.
    """
    per_focal = 1.0 / np.float32(focal)
    glare_cos = SUN_DISC_COS - GLARE
    dy = (np.float32(y) + 0.5 - np.float32(height) * 0.5) * per_focal
    ax, ay, az = eye[9] + eye[6] * dy, eye[10] + eye[7] * dy, eye[11] + eye[8] * dy
    start = np.float32(column0) + 0.5 - np.float32(width) * 0.5
    for x in range(count):
        k = share[x]
        dx = (np.float32(x) + start) * per_focal
        rx, ry, rz = ax + eye[3] * dx, ay + eye[4] * dx, az + eye[5] * dx
        red, green, blue = octahedral_of(sky_map, size, most, rx, ry, max(rz, 0.0))
        toward = rx * air[SUN_DIR] + ry * air[SUN_DIR + 1] + rz * air[SUN_DIR + 2]
        toward /= math.sqrt(rx * rx + ry * ry + rz * rz)
        disc = min(max((toward - glare_cos) / GLARE, 0.0), 1.0)
        image[3 * x] = k * (red + sun_disc[0] * disc)
        image[3 * x + 1] = k * (green + sun_disc[1] * disc)
        image[3 * x + 2] = k * (blue + sun_disc[2] * disc)
