"""Ground: roads with their markings, pavements, kerbs, grass, crossings and stop lines."""

from __future__ import annotations

from typing import Any

from sim.server.scene.mesh import Material
from sim.server.sensors.asphalt import COARSE
from sim.server.sensors.columns import (
    ALBEDO,
    F0,
    FOOT,
    GROUND,
    MIRROR,
    NORMAL,
    POS,
    PUDDLES,
    UVW,
    WET,
)
from sim.server.sensors.kernel import F32, I32, Tables, kernel
from sim.server.sensors.resolve import FACE, SLOT, footprint
from sim.server.sensors.textures import band, clamp01, mix, noise, pulse, smooth, tile

SIDEWALK, KERB, GRASS = int(Material.SIDEWALK), int(Material.KERB), int(Material.GRASS)
CROSSWALK, DIRT = int(Material.CROSSWALK), int(Material.DIRT)
# Columns of the strip table, (n, 10) float32.
STRIP_TYPE, STRIP_YELLOW, STRIP_WIDTH = 0, 1, 2  # of the left edge; the right edge follows three columns on
STRIP_DRIVING, STRIP_JUNCTION = 6, 7
STRIP_BEGIN, STRIP_END = 8, 9  # where the road runs into junctions, m along it; far away where it does not
STRIP_COLUMNS = 10
DASH_PERIOD_M, DASH_ON_M = 9.0, 3.0  # broken lines: 3 m of paint, 6 m of gap
DOUBLE_GAP_M = 0.10  # clear distance from the lane edge to each line of a double marking
MARKING_REACH_M = 0.6  # no marking reaches further into its lane
HOLLOW_SCALES = 4.1, 13.1  # cells of noise per metre: hollows of 16 m, of 5 m, and finer ones in them
HOLLOW_TURN = 0.37  # of the finer ones' axes against the others': together they do not repeat
HOLLOW_MEAN, HOLLOW_DEPTH = 0.484, 0.3  # of the two together: half of the ground lies below the mean, none below that
HOLLOW_SLOPE = 0.3  # per metre, about: how far a pixel's footprint blurs a shore
SHORE = 0.015  # half width of a shore in the same unit
SIDE_FILTER = 0.8  # a pixel's footprint is two samples wide, of which a box filter wants 0.8


@kernel
def edge_line(
    kind: int, distance: float, width: float, along: float, f_along: float, f_across: float, left: bool
) -> Any:
    """Coverage 0..1 of the marking of one lane edge, seen from inside this lane.

    distance: from the edge, m. Each of the two lanes that share an edge paints its own half of a single line and
    its own line of a double one; of mixed doubles this lane shows the line on its side.
    """
    if kind == 0:
        return 0.0
    broken = kind == 1 or kind == 6
    if kind == 4:  # solid left of broken, seen along the road
        broken = left
    elif kind == 5:
        broken = not left
    centre = 0.0 if kind == 1 or kind == 2 or kind == 7 else DOUBLE_GAP_M * 0.5 + width * 0.5
    cover = band(distance, centre, width, f_across)
    if broken and cover > 0.0:
        cover *= pulse(along, DASH_PERIOD_M, DASH_ON_M, f_along)
    return cover


@kernel
def marking(
    strip: F32, along: float, left_m: float, right_m: float, f_along: float, f_across: float
) -> tuple[Any, Any]:
    """Coverage of the lane's markings at a point of it and whether the stronger one is yellow (0 or 1)."""
    left = edge_line(int(strip[STRIP_TYPE]), left_m, strip[STRIP_WIDTH], along, f_along, f_across, True)
    right = edge_line(int(strip[STRIP_TYPE + 3]), right_m, strip[STRIP_WIDTH + 3], along, f_along, f_across, False)
    if left >= right:
        return left, strip[STRIP_YELLOW]
    return right, strip[STRIP_YELLOW + 3]


@kernel
def standing_water(q: F32, deposits: float, grain: F32) -> Any:
    """Share of the point that is a puddle: hollows fill as deposits (0..1) grow, half of the ground at 1, a tenth at
    0.5."""
    x, y = q[POS], q[POS + 1]
    coarse, fine = HOLLOW_SCALES
    turned_x, turned_y = x + HOLLOW_TURN * y, y - HOLLOW_TURN * x
    depth = 0.5 * (noise(grain, x * coarse + 11.0, y * coarse) + noise(grain, turned_x * fine, turned_y * fine))
    shore = HOLLOW_MEAN + HOLLOW_DEPTH * (1.0 - deposits)
    blur = SHORE + HOLLOW_SLOPE * q[FOOT]
    return smooth(shore - blur, shore + blur, depth)


@kernel
def _wet(q: F32, air: F32, tables: Tables, soak: float) -> None:
    """Darken a soaked surface and let standing water mirror."""
    if air[WET] <= 0.0 and air[PUDDLES] <= 0.0:
        return
    wet = max(air[WET], air[PUDDLES])
    puddle = standing_water(q, air[PUDDLES], tables[0]) * q[NORMAL + 2] if air[PUDDLES] > 0.0 else 0.0
    dark = 1.0 - soak * wet
    for j in range(3):
        q[ALBEDO + j] *= dark
    q[F0] = 0.02
    q[MIRROR] = 0.35 * wet + 0.65 * puddle * wet


@kernel
def shade_road(
    first: int, last: int, name: I32, fragment: F32, edges: F32, geometry: Tables, strips: F32,
    tables: Tables, air: F32,
) -> None:  # fmt: skip
    """Markings of lanes on the asphalt that ``asphalt`` has laid."""
    param = geometry[5]
    wet = air[WET] > 0.0 or air[PUDDLES] > 0.0
    for i in range(first, last):
        q = fragment[:, i]
        f = name[FACE, i]
        strip = strips[param[f]]
        reach = MARKING_REACH_M + q[FOOT] * 3.0
        left_m, right_m = q[UVW + 1], q[UVW + 2]
        if (left_m < reach and strip[STRIP_TYPE] > 0.0) or (right_m < reach and strip[STRIP_TYPE + 3] > 0.0):
            f_along, f_left = footprint(q, name[SLOT, i], f, edges, geometry, 0)
            cover, yellow = marking(
                strip, q[UVW], left_m, right_m, 2.0 * SIDE_FILTER * f_along + 0.002, 2.0 * SIDE_FILTER * f_left + 0.002
            )
            if cover > 0.0:
                cover *= clamp01(0.80 + 0.9 * q[COARSE])
                q[ALBEDO] = mix(q[ALBEDO], 0.68, cover)
                q[ALBEDO + 1] = mix(q[ALBEDO + 1], mix(0.68, 0.48, yellow), cover)
                q[ALBEDO + 2] = mix(q[ALBEDO + 2], mix(0.66, 0.10, yellow), cover)
        if wet:
            _wet(q, air, tables, 0.55)


@kernel
def shade_ground(
    first: int, last: int, name: I32, fragment: F32, edges: F32, geometry: Tables, tables: Tables, air: F32
) -> None:
    """Pavements, kerbs, grass, dirt, crossings and stop lines."""
    material = geometry[4]
    grain_noise, asphalt = tables[0], tables[1]
    for i in range(first, last):
        q = fragment[:, i]
        m = material[name[FACE, i]]
        x, y, z, foot = q[POS], q[POS + 1], q[POS + 2], q[FOOT]
        near = min(1.0, 0.02 / (foot + 1e-4))
        q[GROUND] = 1.0
        if m in (GRASS, DIRT):
            patch = noise(grain_noise, x * 0.13, y * 0.13)
            tufts = tile(asphalt, x * 2.6, y * 2.6) - 0.5
            blades = tile(asphalt, x * 31.0, y * 31.0) - 0.5
            clumps = noise(grain_noise, x * 0.9 + 3.0, y * 0.9) - 0.5
            k = 0.75 + 0.45 * tufts + 0.9 * blades * near + 0.5 * clumps
            dry = smooth(0.35, 0.80, noise(grain_noise, x * 0.031 + 7.0, y * 0.031) + 0.35 * clumps)
            if m == DIRT:
                q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = 0.21 * k, 0.165 * k, 0.115 * k
            else:
                q[ALBEDO] = mix(mix(0.075, 0.135, patch), 0.20, dry * 0.6) * k
                q[ALBEDO + 1] = mix(mix(0.115, 0.145, patch), 0.17, dry * 0.6) * k
                q[ALBEDO + 2] = mix(mix(0.035, 0.055, patch), 0.085, dry * 0.6) * k
            for j in range(3):
                q[ALBEDO + j] *= 1.0 - 0.25 * max(air[WET], air[PUDDLES])
            continue
        if m in (SIDEWALK, KERB):
            stain = tile(asphalt, x * 2.0 + z, y * 2.0) - 0.5
            grain = tile(asphalt, x * 37.0 + z, y * 37.0) - 0.5
            base = 0.27 + 0.07 * stain + 0.09 * grain * near
            if m == SIDEWALK:
                joint = max(foot, 0.004)
                base *= 1.0 - 0.45 * min(
                    1.0, max(pulse(q[UVW], 0.9, 0.016, joint), pulse(q[UVW + 1], 0.9, 0.016, joint))
                )
            else:
                base *= 1.15
            q[ALBEDO], q[ALBEDO + 1], q[ALBEDO + 2] = base, base * 0.975, base * 0.93
            _wet(q, air, tables, 0.35)
            continue
        worn = clamp01(0.70 + 0.5 * noise(grain_noise, x * 3.1 + 7.0, y * 3.1))
        fine = 0.07 * (tile(asphalt, x * 61.0, y * 61.0) - 0.5) * near
        cover = worn
        if m == CROSSWALK:
            f_across, _ = footprint(q, name[SLOT, i], name[FACE, i], edges, geometry, 0)
            cover = worn * pulse(q[UVW], 1.0, 0.5, 2.0 * SIDE_FILTER * f_across + 0.002)
        for j in range(3):
            q[ALBEDO + j] = mix(0.105 + fine, 0.68 + fine, cover)
        _wet(q, air, tables, 0.5)
