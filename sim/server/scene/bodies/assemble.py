"""All bodies of the server, built and joined into one library."""

from __future__ import annotations

import numpy as np

from sim.server.scene.bodies.body import Body
from sim.server.scene.bodies.cars import build_cars
from sim.server.scene.bodies.charts import MIPS
from sim.server.scene.bodies.cycles import build_cycles
from sim.server.scene.bodies.finish import shade
from sim.server.scene.bodies.heavy import build_heavy_vehicles
from sim.server.scene.bodies.parked_cycles import build_parked_cycles
from sim.server.scene.bodies.people import build_people
from sim.server.scene.bodies.props import build_props
from sim.server.scene.bodies.wheelchairs import build_wheelchairs
from sim.server.scene.models import CHARTS, LODS, ModelLibrary

ATLAS_ALIGN = 16  # bytes: a chart starts where no texel straddles a cache line more than it must


def build_bodies() -> list[Body]:
    """Every model, always in the same order."""
    cycles, people = [*build_cycles(), *build_parked_cycles()], [*build_people(), *build_wheelchairs()]
    return [*build_cars(), *build_heavy_vehicles(), *cycles, *people, *build_props()]


def assemble(bodies: list[Body]) -> ModelLibrary:
    """Concatenate the levels of detail and the charts of all bodies. Raises ValueError for two equal names."""
    names = tuple(body.name for body in bodies)
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"model names must differ; these occur twice: {twice}")
    n = len(bodies)
    ranges = np.zeros((n, LODS, 4), np.int64)
    size = np.zeros((n, 3), np.float32)
    wheels = np.zeros((n, 4, 4), np.float32)
    lamps = np.zeros((n, 8, 4), np.float32)
    offset = np.full((n, CHARTS, MIPS), -1, np.int64)
    shape = np.full((n, CHARTS, MIPS, 2), -1, np.int32)
    levels, texels = [], []
    first_vertex = first_face = first_texel = 0
    for k, body in enumerate(bodies):
        for lod, parts in enumerate(body.lods):
            level = shade(parts, body.frame, lod)
            ranges[k, lod] = first_vertex, len(level.vertices_m), first_face, len(level.faces)
            first_vertex += len(level.vertices_m)
            first_face += len(level.faces)
            levels.append(level)
            if lod == 0:
                size[k] = np.ptp(level.vertices_m, axis=0)
        wheels[k, : len(body.wheels_m)] = np.reshape(body.wheels_m, (-1, 4))
        lamps[k, : len(body.lamps_m)] = np.reshape(body.lamps_m, (-1, 4))
        for c, painter in enumerate(body.charts or ()):
            for m, image in enumerate(painter.mips()):
                offset[k, c, m], shape[k, c, m] = first_texel, image.shape[:2]
                padding = np.zeros(-image.size % ATLAS_ALIGN, np.uint8)
                texels += [image.ravel(), padding]
                first_texel += image.size + padding.size
    return ModelLibrary(
        names,
        np.concatenate([v.vertices_m for v in levels]),
        np.concatenate([v.normals for v in levels]),
        np.concatenate([v.uv for v in levels]),
        np.concatenate([v.faces for v in levels]),
        np.concatenate([v.material for v in levels]),
        np.concatenate([v.chart for v in levels]),
        np.concatenate([v.wheel for v in levels]),
        np.concatenate([v.rider for v in levels]),
        ranges,
        size,
        np.array([int(body.tag) for body in bodies], np.uint8),
        np.array([body.pose for body in bodies], np.int32),
        wheels,
        lamps,
        np.concatenate(texels),
        offset,
        shape,
    )
