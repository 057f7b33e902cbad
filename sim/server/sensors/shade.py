"""Shades a frame band by band: fragments of a few rows at a time stay in the cache from resolve to light."""

from __future__ import annotations

import numpy as np

from sim.server.scene.mesh import Material
from sim.server.sensors.appearance import paint_objects
from sim.server.sensors.columns import FRAGMENT_COLUMNS, SNOW
from sim.server.sensors.kernel import F32, F64, I32, I64, U8, Tables, kernel
from sim.server.sensors.lighting import add_sky, light_fragments
from sim.server.sensors.resolve import NAME_COLUMNS, gather_fragments, interpolate, sort_fragments
from sim.server.sensors.shade_built import shade_built, shade_facade, shade_leaves
from sim.server.sensors.shade_ground import shade_ground, shade_road
from sim.server.sensors.shade_model import shade_model, shade_paint
from sim.server.sensors.snow import lay_snow

BAND_ROWS = 4
FAR_M = 1e6  # depth of the sky in ``surface``
ROAD_CLASS, GROUND_CLASS, FACADE_CLASS, LEAF_CLASS, BUILT_CLASS, PAINT_CLASS, MODEL_CLASS = range(7)
CLASSES = 7
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


class Scratch:
    """What each worker needs for one band of an image of ``width`` pixels."""

    def __init__(self, workers: int, width: int) -> None:
        room = BAND_ROWS * width * 4
        self.tables = (
            np.zeros((workers, room, FRAGMENT_COLUMNS), np.float32),
            np.zeros((workers, room, NAME_COLUMNS), np.int32),
            np.zeros((workers, room), np.int32),
            np.zeros((workers, BAND_ROWS, width), np.float32),
            np.zeros((workers, CLASSES + 1), np.int64),
            np.zeros((workers, 8), np.float32),
        )


@kernel
def shade_frame(
    worker: int,
    workers: int,
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
    """Radiance of every pixel into ``image (h * w, 3)`` and what mirrors into ``surface (h * w, 3)``.

    focal in samples, two a pixel. objects: see ``appearance.paint_objects``; painted: whether any has a texture.
    """
    height, width = slot.shape[0] // 2, slot.shape[1] // 2
    fragment, name, order = scratch[0][worker], scratch[1][worker], scratch[2][worker]
    sky_share, start, colour = scratch[3][worker], scratch[4][worker], scratch[5][worker]
    bands = (height + BAND_ROWS - 1) // BAND_ROWS
    for band in range(worker, bands, workers):
        row0 = band * BAND_ROWS
        row1 = min(height, row0 + BAND_ROWS)
        count = gather_fragments(row0, row1, inverse_depth, slot, face_of_slot, geometry, fragment, name, sky_share)
        sort_fragments(count, name, geometry[4], class_of, start, order)
        interpolate(
            count, inverse_depth, edges, geometry, static_counts[0], static_counts[1], cam, focal, fragment, name
        )
        shade_road(start[0], start[1], order, name, fragment, edges, geometry, strips, tables, air)
        shade_ground(start[1], start[2], order, name, fragment, edges, geometry, tables, air)
        shade_facade(start[2], start[3], order, name, fragment, geometry, tables, air, objects)
        shade_leaves(start[3], start[4], order, name, fragment, geometry)
        shade_built(start[4], start[5], order, name, fragment, geometry, tables, air, signals, objects)
        shade_paint(start[5], start[6], order, name, fragment, geometry, bodies, charts)
        shade_model(start[6], start[7], order, name, fragment, geometry, bodies, tables)
        if painted:
            paint_objects(count, name, fragment, static_counts[0], objects)
        if air[SNOW] > 0.0:
            lay_snow(count, fragment, name, geometry, static_counts[0], strips, tables, air)
        for p in range(row0 * width, row1 * width):
            image[p, 0] = 0.0
            image[p, 1] = 0.0
            image[p, 2] = 0.0
            surface[p, 0] = FAR_M
            surface[p, 1] = 0.0
        light_fragments(count, fragment, name, cam, air, sky, shadow, contact, lamps, night, colour, image, surface)
        add_sky(row0, row1, sky_share, cam, focal * 0.5, air, sky, image, width, height)
