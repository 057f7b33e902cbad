"""Lying snow: white over what looks up, with the tracks that wheels keep open on driven lanes.

Works on fragments that are already painted, whatever they are: ground, roofs, cars' tops, crowns of trees. What
moves carries less; what is steep none.
"""

from __future__ import annotations

from sim.server.scene.mesh import Material
from sim.server.sensors.columns import (
    ALBEDO,
    EXTRA,
    F0,
    FOOT,
    GROUND,
    MIRROR,
    NORMAL,
    POS,
    SNOW,
    SPECULAR,
    TRANSLUCENT,
    UVW,
)
from sim.server.sensors.geometry import BODY_SHIFT
from sim.server.sensors.kernel import F32, I32, Tables, kernel
from sim.server.sensors.resolve import FACE
from sim.server.sensors.shade_ground import STRIP_BEGIN, STRIP_DRIVING, STRIP_END, STRIP_JUNCTION
from sim.server.sensors.textures import clamp01, mix, noise, smooth, tile

ROAD, LEAF, CROSSWALK, STOP_LINE = (
    int(Material.ROAD),
    int(Material.LEAF),
    int(Material.CROSSWALK),
    int(Material.STOP_LINE),
)
SKIN, PERSON_LAST = int(Material.SKIN), int(Material.HAIR)
HALF_TRACK_M = 0.78  # from the middle of the lane to the middle of each wheel's track
TRACKS_PART_M = 14.0  # from a junction on
TORN = 0.8  # of that distance, how raggedly
BEATEN_EVENLY = 0.6  # of 1, in the middle of a track
SNOW_RGB = (0.80, 0.81, 0.83)
SLUSH_RGB = (0.26, 0.255, 0.25)


@kernel
def lay_snow(
    count: int, fragment: F32, name: I32, geometry: Tables, static_faces: int, strips: F32, tables: Tables, air: F32
) -> None:
    """Cover the fragments ``[0, count)`` as far as they look up."""
    material, param = geometry[4], geometry[5]
    grain_noise, asphalt = tables[0], tables[1]
    cover = air[SNOW]
    for i in range(count):
        q = fragment[:, i]
        f = name[FACE, i]
        m = material[f]
        up = abs(q[NORMAL + 2]) if m == LEAF else q[NORMAL + 2]
        if up < 0.25:
            continue
        x, y = q[POS], q[POS + 1]
        moving = f >= static_faces
        if moving:  # painted by model coordinates, so that it does not swim over a car that drives
            x, y = q[EXTRA] + 3.0 * (param[f] >> BODY_SHIFT), q[EXTRA + 1]
        patch = noise(grain_noise, x * 0.55, y * 0.55) * 0.6 + noise(grain_noise, x * 2.9 + 5.0, y * 2.9) * 0.4
        depth = cover * 1.45 - 0.25 + 0.55 * (patch - 0.5)  # under 0 bare, over 0.35 closed
        slush = 0.0
        if q[GROUND] > 0.0:
            if m in (ROAD, CROSSWALK, STOP_LINE):
                depth -= 0.22
                beaten, driven = BEATEN_EVENLY, True  # crosswalks, stop lines and junctions, where wheels go any way
                if m == ROAD:
                    strip = strips[param[f]]
                    driven = strip[STRIP_DRIVING] > 0.0
                    if driven and strip[STRIP_JUNCTION] == 0.0:
                        off = abs(q[UVW + 1] - q[UVW + 2]) * 0.5
                        wander = 0.22 * (noise(grain_noise, x * 0.17 + 9.0, y * 0.17) - 0.5)
                        track = (off - HALF_TRACK_M + wander) * 1.7
                        beaten = max(0.0, 1.0 - track * track)
                        off = min(q[UVW] - strip[STRIP_BEGIN], strip[STRIP_END] - q[UVW])
                        if off < TRACKS_PART_M:  # before a junction they part
                            off *= 1.0 + TORN * (noise(grain_noise, x * 0.7, y * 0.7 + 17.0) - 0.5)
                            beaten = mix(BEATEN_EVENLY, beaten, smooth(0.0, TRACKS_PART_M, off))
                if driven:
                    ragged = noise(grain_noise, x * 1.3, y * 1.3 + 31.0) + 0.6 * noise(
                        grain_noise, x * 4.7 + 3.0, y * 4.7
                    )
                    depth -= beaten * (0.10 + 0.62 * ragged) * 0.80 + 0.05
                    slush = 0.25 + 0.75 * beaten
        elif moving:
            depth -= 0.30 if m < SKIN or m > PERSON_LAST else 0.55
        elif m == LEAF:
            depth -= 0.12
        white = smooth(0.0, 0.30, depth) * smooth(0.25, 0.65, up)
        if slush > 0.0 and cover > 0.05:
            k = 0.75 * slush * smooth(0.05, 0.4, cover)
            grain = tile(asphalt, x * 23.0, y * 23.0)
            for j in range(3):
                q[ALBEDO + j] = mix(q[ALBEDO + j], SLUSH_RGB[j] * (0.8 + 0.4 * grain), k)
            q[F0] = 0.02
            q[MIRROR] = max(q[MIRROR], 0.22 * k)
        if white <= 0.0:
            continue
        near = min(1.0, 0.05 / (q[FOOT] + 1e-4))
        grain = tile(asphalt, x * 17.0, y * 17.0) - 0.5
        k = (0.97 + 0.10 * (patch - 0.5) + 0.10 * grain * near) * (1.0 - 0.30 * slush)
        for j in range(3):
            q[ALBEDO + j] = mix(q[ALBEDO + j], clamp01(SNOW_RGB[j] * k), white)
        q[MIRROR] *= 1.0 - white
        q[SPECULAR] *= 1.0 - white
        q[TRANSLUCENT] = mix(q[TRANSLUCENT], 0.15, white)
