"""Moving bodies: car paint with its painted charts, wheels, people and their clothes, props."""

from __future__ import annotations

from sim.server.scene.mesh import Material
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
    TOP_RGB,
    TRANSLUCENT,
    UVW,
)
from sim.server.sensors.geometry import BODY_SHIFT, CHART_MASK
from sim.server.sensors.kernel import F32, I32, Tables, kernel
from sim.server.sensors.resolve import FACE
from sim.server.sensors.textures import chart_texel, noise

TYRE, RIM, PLASTIC, GLASS = int(Material.TYRE), int(Material.RIM), int(Material.PLASTIC), int(Material.GLASS)
SKIN, TOP, BOTTOM, SHOE = int(Material.SKIN), int(Material.TOP), int(Material.BOTTOM), int(Material.SHOE)
HAIR, METAL, BAG, CARGO = int(Material.HAIR), int(Material.METAL), int(Material.BAG), int(Material.CARGO)
HELMET, BEACON = int(Material.HELMET), int(Material.BEACON)
INDICATOR_SHARE = 0.74  # of the half width: lamp texels further out are the indicators
REVERSE_SHARE = 0.55  # lamp texels further in are the reversing lamps


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


@kernel
def shade_paint(first: int, last: int, name: I32, fragment: F32, geometry: Tables, bodies: F32, charts: Tables) -> None:
    """Car bodies: weights of paint, glass, lamp and dark trim from the model's charts."""
    param = geometry[5]
    atlas, mip_offset, mip_shape, texels_per_m = charts
    for i in range(first, last):
        q = fragment[:, i]
        p = param[name[FACE, i]]
        body, chart = bodies[p >> BODY_SHIFT], p & CHART_MASK
        model = int(body[MODEL_ROW])
        span = q[FOOT] * texels_per_m[model, chart]  # texels of the finest mip under the pixel
        mip = 0
        while span > 1.4 and mip < mip_offset.shape[2] - 1:
            span *= 0.5
            mip += 1
        offset = mip_offset[model, chart, mip]
        paint, glass, lamp, trim = 1.0, 0.0, 0.0, 0.0
        if offset >= 0:
            paint, glass, lamp, trim = chart_texel(
                atlas, offset, mip_shape[model, chart, mip, 0], mip_shape[model, chart, mip, 1], q[UVW], q[UVW + 1]
            )
        rest = max(0.0, 1.0 - paint - glass - lamp - trim)  # bright trim: plates, chrome
        for j in range(3):
            q[ALBEDO + j] = body[BODY_RGB + j] * paint + 0.02 * trim + 0.70 * rest + 0.012 * glass
            q[EMISSION + j] = glass * body[LIT_INSIDE] * (0.5 - 0.1 * j)
        q[F0] = 0.05 * paint + 0.07 * glass + 0.03 * trim + 0.05 * (rest + lamp)
        q[MIRROR] = paint + glass + 0.35 * (rest + trim) + lamp
        q[SPECULAR] = 0.9 * paint + glass
        if lamp > 0.0:
            _lamp(q, body, lamp)
        height = q[EXTRA + 2]
        if height < 0.5:
            q[OCCLUSION] = min(1.0, 0.55 + 0.9 * max(height, 0.0))


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
