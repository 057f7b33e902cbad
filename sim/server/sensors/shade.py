"""Shades a frame tile by tile: a tile's fragments stay in the cache from resolve to light.

Materials (``shade_ground``, ``shade_built``, ``shade_model``) get a range of fragments of their class. Of fragment i
they read ``fragment[:, i]`` and ``name[:, i]`` (``columns``, ``resolve``) and write what the surface is like: ALBEDO,
EMISSION, F0, MIRROR, SPECULAR, OCCLUSION, TRANSLUCENT, GROUND, where it is not neutral, and NORMAL, where it is not
smooth.
"""

from __future__ import annotations

import numpy as np

from sim.server.scene.mesh import Material
from sim.server.sensors.appearance import paint_objects
from sim.server.sensors.asphalt import lay_asphalt
from sim.server.sensors.columns import (
    FRAGMENT_COLUMNS,
    FRAGMENTS,
    LIT,
    SHADOW_ON,
    SNOW,
    STRIDE,
    SUN_RGB,
    TILE_HEIGHT,
    TILE_WIDTH,
)
from sim.server.sensors.kernel import F32, F64, I32, I64, U8, Tables, claim, kernel
from sim.server.sensors.lamplight import BOX, GROUP, LAMPS, lamplight
from sim.server.sensors.lighting import (
    add_to_picture,
    contact_shade,
    daylight,
    face_the_eye,
    faces_the_sun,
    fog_at,
    leave_surface,
    reflect,
    shadows_of_bodies,
    shadows_of_the_world,
    shines,
    sky_row,
    veil,
)
from sim.server.sensors.resolve import NAME_COLUMNS, PIXEL, PLANES, PLANNED, fill_fragments, locate
from sim.server.sensors.runs import RUN_COLUMNS, gather_runs, sort_runs
from sim.server.sensors.shade_built import shade_built, shade_leaves
from sim.server.sensors.shade_facade import shade_facade
from sim.server.sensors.shade_ground import shade_ground, shade_road
from sim.server.sensors.shade_model import shade_model, shade_paint
from sim.server.sensors.snow import lay_snow

FAR_M = 1e6  # depth of the sky in ``surface``
SHADOWED = 64  # fragments that look together whether the sun or a moving body's shadow may reach them
MIRRORING = 64  # fragments that look together whether anything is mirrored in them
NO_SUN = 0.001  # radiance of a sun that is not worth a shadow
ROAD_CLASS, GROUND_CLASS, FACADE_CLASS, LEAF_CLASS, BUILT_CLASS, PAINT_CLASS, MODEL_CLASS = range(7)
CLASSES = 7
RANGES = (ROAD_CLASS, FACADE_CLASS, LEAF_CLASS, BUILT_CLASS, PAINT_CLASS, CLASSES)  # alike in what they mirror
MATERIALS = 64


def class_of_material() -> U8:
    """Shading class (64,) of every material."""
    table = np.full(MATERIALS, BUILT_CLASS, np.uint8)
    table[32:] = MODEL_CLASS
    table[Material.ROAD] = ROAD_CLASS
    ground = (Material.SIDEWALK, Material.KERB, Material.GRASS, Material.DIRT, Material.CROSSWALK, Material.STOP_LINE)
    table[list(ground)] = GROUND_CLASS
    table[Material.FACADE] = FACADE_CLASS
    table[Material.LEAF] = LEAF_CLASS
    table[Material.PAINT] = PAINT_CLASS
    return table


def scratch_tables(workers: int) -> Tables:
    """What each worker needs for one tile."""
    fragment = np.zeros((workers, FRAGMENT_COLUMNS, STRIDE), np.float32)
    name = np.zeros((workers, NAME_COLUMNS, STRIDE), np.int32)
    mark = np.zeros((workers, TILE_WIDTH), np.uint8)
    return (
        fragment,
        fragment.reshape(workers, -1),  # the same columns, flat
        name,
        name.reshape(workers, -1),
        np.zeros((workers, FRAGMENTS, RUN_COLUMNS), np.int32),
        np.zeros((workers, FRAGMENTS), np.int32),
        (mark, mark.view(np.uint64)),
        np.zeros((workers, TILE_HEIGHT, TILE_WIDTH), np.float32),
        np.zeros((workers, CLASSES + 1), np.int64),
        (np.zeros((workers, PLANNED, 3 * PLANES)), np.zeros((workers, PLANNED), np.int32)),
        np.zeros((workers, 2, LAMPS), np.int32),
        np.zeros((workers, BOX + GROUP), np.float32),
    )


@kernel
def _light(
    q: F32, count: int, start: I64, air: F32, eye: F32, sky: Tables, shadow: Tables, contact: Tables, lamps: Tables,
    fog_here: float, night: bool, near: I32, box: F32,
) -> None:  # fmt: skip
    """From what surfaces are like to the light that arrives from them."""
    place, static_map, moving_map, blocks = shadow
    table, everywhere = lamps
    face_the_eye(q, count)
    if start[FACADE_CLASS] > 0:
        contact_shade(q, start[FACADE_CLASS], contact[0], contact[1])
    shining = air[SUN_RGB] > NO_SUN
    if shining and place[SHADOW_ON] > 0.0:
        for first in range(0, count, SHADOWED):
            batch, size = q[first:], min(SHADOWED, count - first)
            if not faces_the_sun(batch, size, air):
                continue
            if shadows_of_the_world(batch, size, air, place, static_map, blocks) != 0:
                shadows_of_bodies(batch, size, moving_map)
    else:
        for i in range(count):
            q[LIT * STRIDE + i] = 1.0
    daylight(q, count, air, np.float32(1.0 if shining else 0.0))
    if night:
        lamplight(q, count, air, table, everywhere, near[0], near[1], box)
    for k in range(len(RANGES) - 1):
        first, last = start[RANGES[k]], start[RANGES[k + 1]]
        if first < last and leave_surface(q[first:], last - first, night):
            for part in range(first, last, MIRRORING):
                batch, size = q[part:], min(MIRRORING, last - part)
                if shines(batch, size):
                    reflect(batch, size, air, sky[1], sky[4], sky[6])
    veil(q, count, air, eye, fog_here)


@kernel
def shade_frame(
    worker: int,
    workers: int,
    pieces: I64,
    inverse_depth: F32,
    slot: I32,
    edges: F32,
    face_of_slot: I32,
    geometry: Tables,
    static_counts: I64,
    class_of: U8,
    strips: F32,
    tables: Tables,
    charts: Tables,
    bodies: F32,
    signals: U8,
    objects: Tables,
    painted: bool,
    cam: F64,
    eye: F32,
    focal: float,
    air: F32,
    sky: Tables,
    shadow: Tables,
    contact: Tables,
    lamps: Tables,
    night: bool,
    scratch: Tables,
    image: F32,
    surface: F32,
) -> None:
    """Radiance of every pixel into flat ``image (h * w * 3,)`` and what mirrors into ``surface (h * w, 3)``.

    pieces (1,) 0: tiles are claimed from it. focal in samples, two a pixel. tables: noise and asphalt, then the tracks
    of strips, and both again flat (``asphalt``). objects: see ``appearance.paint_objects``; painted: whether any has a
    texture. sky: packed maps of sky and mirror, the sun's disc, then the maps' sizes, then their brightest. An empty
    surface keeps nothing.
    """
    height, width = slot.shape[0] // 2, slot.shape[1] // 2
    fragment, q, name, names = scratch[0][worker], scratch[1][worker], scratch[2][worker], scratch[3][worker]
    runs, order, share = scratch[4][worker], scratch[5][worker], scratch[7][worker]
    mark = scratch[6][0][worker], scratch[6][1][worker]
    start, near, box = scratch[8][worker], scratch[10][worker], scratch[11][worker]
    planes, planned = scratch[9][0][worker], scratch[9][1][worker]
    planned[:] = -1
    across = (width + TILE_WIDTH - 1) // TILE_WIDTH
    tiles = across * ((height + TILE_HEIGHT - 1) // TILE_HEIGHT)
    fog_here = fog_at(air, cam[2])
    while True:
        tile = claim(pieces)
        if tile >= tiles:
            break
        row0, column0 = tile // across * TILE_HEIGHT, tile % across * TILE_WIDTH
        row1, column1 = min(height, row0 + TILE_HEIGHT), min(width, column0 + TILE_WIDTH)
        count = gather_runs(
            row0, row1, column0, column1, inverse_depth, slot, face_of_slot, geometry, mark[0], mark[1], runs, share
        )
        for y in range(row0, row1):
            first = y * width + column0
            row = image[3 * first : 3 * (first + column1 - column0)]
            sees_sky = False
            for x in range(column1 - column0):
                sees_sky |= share[y - row0, x] > 0.0
            if sees_sky:
                sky_row(
                    y, column0, column1 - column0, share[y - row0], eye, width, height, focal * 0.5, air, sky[0],
                    sky[3], sky[5], sky[2], row,
                )  # fmt: skip
            else:
                row[:] = 0.0
            if len(surface) > 0:
                for p in range(first, first + column1 - column0):
                    surface[p, 0] = FAR_M
                    surface[p, 1] = 0.0
        if count == 0:
            continue
        sort_runs(count, runs, geometry[4], class_of, start, order)
        fill_fragments(
            count, runs, order, inverse_depth, edges, geometry, static_counts[0], static_counts[1], planes, planned, q,
            names,
        )  # fmt: skip
        count = start[CLASSES]
        locate(q, count, eye, 2 * width, 2 * height, focal)
        if start[1] > 0:
            lay_asphalt(q, start[1], names, geometry[5], tables[2], tables[3], tables[4])
        shade_road(start[0], start[1], name, fragment, edges, geometry, strips, tables, air)
        shade_ground(start[1], start[2], name, fragment, edges, geometry, tables, air)
        if start[2] < start[3]:
            shade_facade(
                start[2], start[3], name, fragment, names[start[2] :], q[start[2] :], geometry, tables, air, objects
            )
        shade_leaves(start[3], start[4], name, fragment, geometry, tables)
        shade_built(start[4], start[5], name, fragment, geometry, tables, air, signals, objects)
        if start[5] < start[6]:
            shade_paint(start[5], start[6], fragment, name, names[start[5] :], q[start[5] :], geometry, bodies, charts)
        shade_model(start[6], start[7], name, fragment, geometry, bodies, tables)
        if painted:
            paint_objects(count, name, fragment, static_counts[0], objects)
        if air[SNOW] > 0.0:
            lay_snow(count, fragment, name, geometry, static_counts[0], strips, tables, air)
        _light(q, count, start, air, eye, sky, shadow, contact, lamps, fog_here, night, near, box)
        add_to_picture(q, count, name[PIXEL], image, surface)
