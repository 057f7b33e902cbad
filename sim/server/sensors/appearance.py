"""How the things of a map look at this moment: which are there, what they are painted with, how their lights shine.

The world makes an ``Appearance`` when a client changes something; renderer and ray caster take it over. Paint is a
texture laid over the object's box from each of its six sides, its first row at the top.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sim.server.scene.static import StaticScene
from sim.server.sensors.columns import ALBEDO, F0, FOOT, MIRROR, NORMAL, POS
from sim.server.sensors.kernel import F32, F64, I32, U8, Bools, Tables, kernel
from sim.server.sensors.resolve import FACE

SIDE = 256
"""Texels along each side of a texture: 2 cm on a sign, 8 cm on a house."""
LEVELS = 9
"""Of detail: 256, 128, ... 1."""
TEXELS = sum((SIDE >> level) ** 2 for level in range(LEVELS))
LOOK_GLOW, LOOK_PAINT, LOOK_CENTRE, LOOK_HALF, LOOK_COS, LOOK_SIN, LOOK_COLUMNS = 0, 3, 4, 7, 10, 11, 12
"""Columns of ``look_table``: light relative to an ordinary one (3), texture or -1, box centre (3) and half sizes (3),
cosine and sine of its yaw."""
SMALLEST_HALF_M = 0.01
"""Boxes of plates are thinner; a texture is not squeezed into less."""


@dataclass(frozen=True)
class Appearance:
    """Columns by object (n,) and by light (k,), as in ``StaticScene.objects`` and ``StaticScene.lights``.

    shown (n,): False removes an object; texture (n,): row of ``textures`` or -1; textures: flat texels (TEXELS, 3)
    each, see ``texture_of``; light_rgb (k, 3): linear, relative to the ordinary light of that lamp, 0 where it is off;
    unseen (n,): True hides an object from cameras alone.
    """

    shown: Bools
    texture: I32
    light_rgb: F32
    textures: tuple[U8, ...] = ()
    unseen: Bools | None = None


def ordinary(scene: StaticScene, lit: bool) -> Appearance:
    """Everything there, nothing painted, all lights on or off."""
    n, k = len(scene.objects), max(len(scene.lights.owner), len(scene.lamps_m))
    return Appearance(np.ones(n, np.bool_), np.full(n, -1, np.int32), np.full((k, 3), float(lit), np.float32))


def texture_of(srgb: F32) -> U8:
    """Texels (TEXELS, 3), sRGB 0..255, of a picture (h, w, 3) sRGB 0..1: all levels of detail, finest first."""
    picture = np.ascontiguousarray(srgb, np.float32)
    shrinks = max(picture.shape[:2]) > SIDE
    level = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    levels = []
    while True:
        levels.append(np.rint(np.clip(level, 0.0, 1.0) * 255.0).astype(np.uint8).reshape(-1, 3))
        if len(level) == 1:
            return np.ascontiguousarray(np.concatenate(levels))
        level = level.reshape(len(level) // 2, 2, len(level) // 2, 2, 3).mean(axis=(1, 3))


def look_table(scene: StaticScene, appearance: Appearance) -> F32:
    """One row for each object, after a first one (n + 1, LOOK_COLUMNS) for triangles that belong to none."""
    objects, lights = scene.objects, scene.lights
    table = np.zeros((len(objects) + 1, LOOK_COLUMNS), np.float32)
    table[:, LOOK_PAINT] = -1.0
    if len(objects) == 0:  # a bare scene's lamps are all alike
        table[0, :3] = appearance.light_rgb[0] if len(appearance.light_rgb) else 0.0
        return table
    rows = table[1:]
    rows[lights.owner, :3] = appearance.light_rgb
    rows[:, LOOK_PAINT] = appearance.texture
    rows[:, LOOK_CENTRE : LOOK_CENTRE + 3] = objects.centre_m
    rows[:, LOOK_HALF : LOOK_HALF + 3] = np.maximum(objects.half_m, SMALLEST_HALF_M)
    rows[:, LOOK_COS], rows[:, LOOK_SIN] = np.cos(objects.yaw_rad), np.sin(objects.yaw_rad)
    return table


def texel_table(appearance: Appearance) -> U8:
    """All textures (max(t, 1), TEXELS, 3)."""
    if not appearance.textures:
        return np.zeros((1, 1, 3), np.uint8)
    return np.stack(appearance.textures)


def shining_lamps(scene: StaticScene, appearance: Appearance) -> tuple[F32, F32]:
    """Street lamps that are there and on: place and direction (m, 6), light relative to an ordinary lamp's (m, 3)."""
    rgb = appearance.light_rgb[: len(scene.lamps_m)]
    on = rgb.max(axis=1, initial=0.0) > 0.0
    if len(scene.objects):
        on &= appearance.shown[scene.lights.owner[: len(scene.lamps_m)]]
    return scene.lamps_m[on], rgb[on]


def linear_of_byte() -> F32:
    """Linear light (256,) of an sRGB byte."""
    s: F64 = np.arange(256) / 255.0
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)


@kernel
def _over_box(q: F32, look: F32) -> tuple[float, float, float]:
    """Texture coordinates 0..1 of a fragment on its object's box, and texels of the finest level a metre."""
    dx, dy, dz = q[POS] - look[LOOK_CENTRE], q[POS + 1] - look[LOOK_CENTRE + 1], q[POS + 2] - look[LOOK_CENTRE + 2]
    c, s = look[LOOK_COS], look[LOOK_SIN]
    x = (c * dx + s * dy) / look[LOOK_HALF]
    y = (c * dy - s * dx) / look[LOOK_HALF + 1]
    z = dz / look[LOOK_HALF + 2]
    nx, ny = c * q[NORMAL] + s * q[NORMAL + 1], c * q[NORMAL + 1] - s * q[NORMAL]
    if abs(q[NORMAL + 2]) > max(abs(nx), abs(ny)):  # from above: x of the object up, y to the right
        per_m = SIDE / (2.0 * max(look[LOOK_HALF], look[LOOK_HALF + 1]))
        return 0.5 + 0.5 * y, 0.5 - 0.5 * x, per_m
    if abs(nx) > abs(ny):
        per_m = SIDE / (2.0 * max(look[LOOK_HALF + 1], look[LOOK_HALF + 2]))
        return (0.5 - 0.5 * y if nx > 0.0 else 0.5 + 0.5 * y), 0.5 - 0.5 * z, per_m
    per_m = SIDE / (2.0 * max(look[LOOK_HALF], look[LOOK_HALF + 2]))
    return (0.5 + 0.5 * x if ny > 0.0 else 0.5 - 0.5 * x), 0.5 - 0.5 * z, per_m


@kernel
def paint_objects(count: int, name: I32, fragment: F32, static_faces: int, objects: Tables) -> None:
    """Give the fragments of painted objects the colour of their texture, matt."""
    owner, looks, texels, linear = objects
    for i in range(count):
        f = name[FACE, i]
        if f >= static_faces:
            continue
        look = looks[owner[f] + 1]
        if look[LOOK_PAINT] < 0.0:
            continue
        q = fragment[:, i]
        u, v, per_m = _over_box(q, look)
        side, first, spread = SIDE, 0, q[FOOT] * per_m
        while spread > 1.5 and side > 1:
            first += side * side
            side >>= 1
            spread *= 0.5
        column, row = min(max(int(u * side), 0), side - 1), min(max(int(v * side), 0), side - 1)
        texel = texels[int(look[LOOK_PAINT]), first + row * side + column]
        q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = linear[texel[0]], linear[texel[1]], linear[texel[2]]
        q[F0], q[MIRROR] = 0.0, 0.0
