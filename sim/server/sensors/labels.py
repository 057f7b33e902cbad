"""Depth, semantic tag and instance of the surface at each pixel's centre."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.server.scene.mesh import TAG_OF_STATIC_MATERIAL, Material, Tag
from sim.server.sensors.geometry import BODY_SHIFT, RIDER_BIT
from sim.server.sensors.kernel import F32, I32, U8, Tables, kernel, lanes
from sim.server.sensors.shade_ground import STRIP_TYPE, marking

FAR_M = 1000.0  # depth of the sky
STATIC_INSTANCE = 0
ROAD, CROSSWALK = int(Material.ROAD), int(Material.CROSSWALK)
ROAD_LINES, ROADS, SKY = int(Tag.ROAD_LINES), int(Tag.ROADS), int(Tag.SKY)
RIDER = int(Tag.RIDER)
SHARP_M = 0.002  # filter width of markings: a pixel's centre is on the line or it is not


def tag_of_material() -> U8:
    """Semantic tag (64,) of static materials; 0 for models, whose instance has the tag."""
    table = np.zeros(64, np.uint8)
    for material, tag in TAG_OF_STATIC_MATERIAL.items():
        table[material] = tag
    return table


@lanes
def _depth_row(inverse_depth: F32, depth_m: F32) -> None:
    for x in range(len(depth_m)):
        depth_m[x] = min(1.0 / max(inverse_depth[x], 1e-6), FAR_M)


@kernel
def label_pixels(
    worker: int,
    workers: int,
    inverse_depth: F32,
    slot: I32,
    edges: F32,
    face_of_slot: I32,
    geometry: Tables,
    static_faces: int,
    strips: F32,
    tag_of: U8,
    body_tag: U8,
    body_id: I32,
    depth_m: F32,
    semantic: U8,
    instance: I32,
) -> None:
    """Labels of a raster with one sample a pixel. body_tag and body_id are by instance row."""
    _, _, uvw, faces, material, param, _ = geometry
    height, width = slot.shape
    for y in range(worker, height, workers):
        _depth_row(inverse_depth[y], depth_m[y])
        last, lined = -2, False  # of the slot of the pixel before, like these two
        tag: Any = SKY
        name: Any = STATIC_INSTANCE
        for x in range(width):
            s = slot[y, x]
            if s != last:
                last, lined = s, False
                if s < 0:
                    tag, name = SKY, STATIC_INSTANCE
                else:
                    f = face_of_slot[s]
                    if f >= static_faces:
                        row = param[f] >> BODY_SHIFT
                        tag = RIDER if param[f] & RIDER_BIT else np.int64(body_tag[row])
                        name = np.int64(body_id[row])
                    else:
                        tag, name = np.int64(tag_of[material[f]]), STATIC_INSTANCE
                        lined = material[f] == ROAD or material[f] == CROSSWALK
            instance[y, x] = name
            if lined:
                f = face_of_slot[s]
                px, py = x + 0.5, y + 0.5
                e0 = edges[s, 0] * px + edges[s, 1] * py + edges[s, 2]
                e1 = edges[s, 3] * px + edges[s, 4] * py + edges[s, 5]
                e2 = edges[s, 6] * px + edges[s, 7] * py + edges[s, 8]
                z = 1.0 / (e0 + e1 + e2)
                a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
                u = (uvw[a, 0] * e0 + uvw[b, 0] * e1 + uvw[c, 0] * e2) * z
                if material[f] == CROSSWALK:
                    on_line = u - np.floor(u) < 0.5
                else:
                    strip = strips[param[f]]
                    on_line = False
                    if strip[STRIP_TYPE] > 0.0 or strip[STRIP_TYPE + 3] > 0.0:
                        left = (uvw[a, 1] * e0 + uvw[b, 1] * e1 + uvw[c, 1] * e2) * z
                        right = (uvw[a, 2] * e0 + uvw[b, 2] * e1 + uvw[c, 2] * e2) * z
                        cover, _ = marking(strip, u, left, right, SHARP_M, SHARP_M)
                        on_line = cover > 0.5
                tag = ROAD_LINES if on_line else ROADS
            semantic[y, x] = tag
