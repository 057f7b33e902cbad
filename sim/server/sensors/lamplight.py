"""Lamps by night: street, head and tail lamps on the fragments of a tile.

A tile first looks which of the view's lamps reach the box that its fragments lie in, then every ``GROUP`` of its
fragments, which are neighbours of one kind of surface, which of those reach its own box. What is left is light.

Head lamps have a dipped beam as UN Regulation 112 asks for: brightest 0.9 degrees below the horizontal, an edge above
which hardly anything is lit, wide to both sides. Its figures there: at least 12 lx at 25 m below the edge (7.5 kcd),
2 lx at 1.7 degrees and 9 to the side, at most 0.7 lx above.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.server.sensors.columns import (
    CONE,
    GLINT,
    GROUND,
    LAMP_COS_OUTER,
    LAMP_DIR,
    LAMP_FADE,
    LAMP_KIND,
    LAMP_MAIN,
    LAMP_PER_RIM,
    LAMP_POS,
    LAMP_POWER,
    LAMP_RANGE,
    LAMP_RGB,
    LAMP_SOFT,
    LAMP_UP,
    LIGHT,
    NORMAL,
    POS,
    SPECULAR,
    STRIDE,
    TO_EYE,
    TRANSLUCENT,
    WET,
)
from sim.server.sensors.kernel import F32, I32, bits_of, kernel, lanes, number_of

GROUP = 64  # fragments: a few vectors, and yet a small box
LAMPS = 1024  # that one tile may list; lamps beyond it are left out
BOX = 4  # numbers of a group's box; its lamp's light follows in the same array
EDGE_LOW, EDGE_PER_WIDTH = 0.004, 1.0 / 0.0085  # slopes below the horizontal between which the beam begins
BRIGHTEST, BRIGHT_PER_WIDTH = 0.0157, 1.0 / 0.03  # slope of the brightest line, and how fast it fades below that
SIDE_PER_WIDTH = 1.0 / 0.16  # half as bright 9 degrees to the side
STRAY, STRAY_PER_WIDTH = 0.02, 1.0 / 0.12  # share that leaves elsewhere, above the edge too
MAIN, MAIN_PER_WIDTH = 2.5, 1.0 / 0.045  # the main beam's brightest, of the dipped beam's; its width
ROUGH_GROUND = 0.20  # stones stand up to flat beams: without it head lamps would hardly light a road


@lanes
def _bounds(q: F32, count: int, box: F32) -> None:
    """Mean place (3,) of the fragments and the radius of a sphere round it that holds all of them, into ``box``."""
    x, y, z = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    for i in range(count):
        x += q[POS * STRIDE + i]
        y += q[(POS + 1) * STRIDE + i]
        z += q[(POS + 2) * STRIDE + i]
    per = 1.0 / np.float32(count)
    x, y, z = x * per, y * per, z * per
    most = np.int32(0)  # bits of numbers from 0 up are in the order of the numbers, and make vector code
    for i in range(count):
        dx, dy, dz = q[POS * STRIDE + i] - x, q[(POS + 1) * STRIDE + i] - y, q[(POS + 2) * STRIDE + i] - z
        most = max(most, bits_of(dx * dx + dy * dy + dz * dz))
    box[0], box[1], box[2], box[3] = x, y, z, math.sqrt(number_of(most)) + 0.01


@kernel
def _reaching(table: F32, members: I32, count: int, box: F32, out: I32) -> int:
    """Of lamps ``members[:count]`` those whose cone reaches the sphere ``box``; returns how many.

    The distance of the sphere's centre from the cone is at most that from its nearest flank (Wronski, "Cull that
    cone", 2017).
    """
    kept = 0
    radius = box[3]
    for j in range(count):
        lamp = table[members[j]]
        x, y, z = box[0] - lamp[LAMP_POS], box[1] - lamp[LAMP_POS + 1], box[2] - lamp[LAMP_POS + 2]
        square = x * x + y * y + z * z
        reach = lamp[LAMP_RANGE] + radius
        if square > reach * reach:
            continue
        along = x * lamp[LAMP_DIR] + y * lamp[LAMP_DIR + 1] + z * lamp[LAMP_DIR + 2]
        cosine = lamp[LAMP_COS_OUTER]
        flank = cosine * math.sqrt(max(square - along * along, 0.0)) - along * math.sqrt(
            max(1.0 - cosine * cosine, 0.0)
        )
        if flank > radius:
            continue
        if kept < len(out):
            out[kept] = members[j]
            kept += 1
    return kept


@lanes
def _shines(q: F32, count: int, wet: float) -> Any:
    """Whether any of these surfaces has highlights."""
    any_of_them = np.uint32(0)
    for i in range(count):
        shine = q[SPECULAR * STRIDE + i] + wet * q[GROUND * STRIDE + i]
        any_of_them |= np.uint32(1 if shine > 0.0 else 0)
    return any_of_them != 0


@lanes
def _cone(q: F32, count: int, lamp: F32, strength: F32) -> None:
    """Light (count,) of a lamp that shines the same all round its axis, before the surface turns away."""
    lx, ly, lz = lamp[LAMP_POS], lamp[LAMP_POS + 1], lamp[LAMP_POS + 2]
    ax, ay, az = lamp[LAMP_DIR], lamp[LAMP_DIR + 1], lamp[LAMP_DIR + 2]
    outer, per_rim, per_range = lamp[LAMP_COS_OUTER], lamp[LAMP_PER_RIM], lamp[LAMP_FADE]
    power, soft = lamp[LAMP_POWER], lamp[LAMP_SOFT]
    for i in range(count):
        dx, dy, dz = lx - q[POS * STRIDE + i], ly - q[(POS + 1) * STRIDE + i], lz - q[(POS + 2) * STRIDE + i]
        d2 = dx * dx + dy * dy + dz * dz + 0.05
        per = 1.0 / math.sqrt(d2)
        rim = min(max((-(dx * ax + dy * ay + dz * az) * per - outer) * per_rim, 0.0), 1.0)
        strength[i] = rim * rim * (3.0 - 2.0 * rim) * max(1.0 - d2 * per_range, 0.0) * power / (d2 + soft)


@lanes
def _beam(q: F32, count: int, lamp: F32, strength: F32) -> None:
    """Light (count,) of a head lamp, before the surface turns away."""
    lx, ly, lz = lamp[LAMP_POS], lamp[LAMP_POS + 1], lamp[LAMP_POS + 2]
    ax, ay, az = lamp[LAMP_DIR], lamp[LAMP_DIR + 1], lamp[LAMP_DIR + 2]
    ux, uy, uz = lamp[LAMP_UP], lamp[LAMP_UP + 1], lamp[LAMP_UP + 2]
    main, per_range = lamp[LAMP_MAIN] * MAIN, lamp[LAMP_FADE]
    power, soft = lamp[LAMP_POWER], lamp[LAMP_SOFT]
    for i in range(count):
        dx, dy, dz = lx - q[POS * STRIDE + i], ly - q[(POS + 1) * STRIDE + i], lz - q[(POS + 2) * STRIDE + i]
        d2 = dx * dx + dy * dy + dz * dz + 0.05
        ahead = max(-(dx * ax + dy * ay + dz * az), 1e-3)
        below = (dx * ux + dy * uy + dz * uz) / ahead
        square = max(d2 / (ahead * ahead) - 1.0, 0.0)  # of the slopes downwards and sideways
        side = max(square - below * below, 0.0) * (SIDE_PER_WIDTH * SIDE_PER_WIDTH)
        edge = min(max((below - EDGE_LOW) * EDGE_PER_WIDTH, 0.0), 1.0)
        bright = (below - BRIGHTEST) * BRIGHT_PER_WIDTH
        stray = STRAY / (1.0 + below * below * (STRAY_PER_WIDTH * STRAY_PER_WIDTH))
        dipped = (edge * edge * (3.0 - 2.0 * edge) / (1.0 + bright * bright) + stray) / (1.0 + side)
        far = main / (1.0 + square * (MAIN_PER_WIDTH * MAIN_PER_WIDTH))
        rim = max(1.0 - square, 0.0) * max(1.0 - d2 * per_range, 0.0)
        strength[i] = (dipped + far) * rim * power / (d2 + soft)


@lanes
def _spread(q: F32, count: int, lamp: F32, strength: F32) -> None:
    """Add one lamp to LIGHT."""
    lx, ly, lz = lamp[LAMP_POS], lamp[LAMP_POS + 1], lamp[LAMP_POS + 2]
    red, green, blue = lamp[LAMP_RGB], lamp[LAMP_RGB + 1], lamp[LAMP_RGB + 2]
    for i in range(count):
        dx, dy, dz = lx - q[POS * STRIDE + i], ly - q[(POS + 1) * STRIDE + i], lz - q[(POS + 2) * STRIDE + i]
        wrap = q[TRANSLUCENT * STRIDE + i]
        nx, ny, nz = q[NORMAL * STRIDE + i], q[(NORMAL + 1) * STRIDE + i], q[(NORMAL + 2) * STRIDE + i]
        facing = (nx * dx + ny * dy + nz * dz) / math.sqrt(dx * dx + dy * dy + dz * dz + 0.05)
        facing += ROUGH_GROUND * q[GROUND * STRIDE + i] if facing > 0.0 else 0.0
        lit = strength[i] * ((max(facing, 0.0) + wrap * abs(facing)) / (1.0 + wrap) + 0.2 * wrap)
        q[LIGHT * STRIDE + i] += red * lit
        q[(LIGHT + 1) * STRIDE + i] += green * lit
        q[(LIGHT + 2) * STRIDE + i] += blue * lit


@lanes
def _gloss(q: F32, count: int, lamp: F32, strength: F32, wet: float) -> None:
    """Add one lamp's highlights to GLINT: Blinn and Phong's, 48 narrow."""
    lx, ly, lz = lamp[LAMP_POS], lamp[LAMP_POS + 1], lamp[LAMP_POS + 2]
    red, green, blue = lamp[LAMP_RGB], lamp[LAMP_RGB + 1], lamp[LAMP_RGB + 2]
    for i in range(count):
        dx, dy, dz = lx - q[POS * STRIDE + i], ly - q[(POS + 1) * STRIDE + i], lz - q[(POS + 2) * STRIDE + i]
        per = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz + 0.05)
        nx, ny, nz = q[NORMAL * STRIDE + i], q[(NORMAL + 1) * STRIDE + i], q[(NORMAL + 2) * STRIDE + i]
        hx = dx * per + q[TO_EYE * STRIDE + i]
        hy = dy * per + q[(TO_EYE + 1) * STRIDE + i]
        hz = dz * per + q[(TO_EYE + 2) * STRIDE + i]
        half = (nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
        half = half if (half > 0.9) & (nx * dx + ny * dy + nz * dz > 0.0) else 0.0
        shine = strength[i] * half**48 * (0.6 * q[SPECULAR * STRIDE + i] + 0.16 * wet * q[GROUND * STRIDE + i])
        q[GLINT * STRIDE + i] += red * shine
        q[(GLINT + 1) * STRIDE + i] += green * shine
        q[(GLINT + 2) * STRIDE + i] += blue * shine


@kernel
def lamplight(q: F32, count: int, air: F32, table: F32, everywhere: I32, near: I32, here: I32, box: F32) -> None:
    """Add lamps ``table (n, LAMP_COLUMNS)`` to LIGHT and set GLINT.

    everywhere (n,): 0 to n - 1; near, here (LAMPS,) and box (BOX + GROUP,): room for this worker.
    """
    strength = box[BOX:]
    for i in range(count):
        q[GLINT * STRIDE + i] = 0.0
        q[(GLINT + 1) * STRIDE + i] = 0.0
        q[(GLINT + 2) * STRIDE + i] = 0.0
    _bounds(q, count, box)
    nearby = _reaching(table, everywhere, len(table), box, near)
    if nearby == 0:
        return
    for first in range(0, count, GROUP):
        group, size = q[first:], min(GROUP, count - first)
        _bounds(group, size, box)
        reaching = _reaching(table, near, nearby, box, here)
        if reaching == 0:
            continue
        shiny = _shines(group, size, air[WET])
        for j in range(reaching):
            lamp = table[here[j]]
            if lamp[LAMP_KIND] == CONE:
                _cone(group, size, lamp, strength)
            else:
                _beam(group, size, lamp, strength)
            _spread(group, size, lamp, strength)
            if shiny:
                _gloss(group, size, lamp, strength, air[WET])
