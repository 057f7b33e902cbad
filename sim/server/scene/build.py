"""OpenDRIVE text to the static world: ``build_scene`` is the one function the server calls to load a map."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET

import carla
import numpy as np
import numpy.typing as npt

from sim.server.scene.buildings import add_building
from sim.server.scene.furniture import add_lamps, place_lamps
from sim.server.scene.ground import Ground
from sim.server.scene.lanes import read_lanes
from sim.server.scene.mesh import Mesh
from sim.server.scene.occupancy import Occupancy
from sim.server.scene.placement import keep_clear, outer_edges, place_buildings, place_trees
from sim.server.scene.roads import Carriageway, build_crosswalks, build_roads
from sim.server.scene.signal_shapes import add_signals, add_stop_lines
from sim.server.scene.signals import read_signals
from sim.server.scene.spawn import spawn_points
from sim.server.scene.static import StaticScene
from sim.server.scene.terrain import Terrain, build_terrain, shape_terrain
from sim.server.scene.triangles import Triangles
from sim.server.scene.vegetation import build_trees, trunk_boxes

CHUNK_M = 40.0


def build_scene(name: str, opendrive: str, seed: int = 0) -> StaticScene:
    """The static world of a map: the same bytes for the same name, text and seed.

    Signals' yaw is CARLA's: see ``signals.read_signals``. Raises ValueError if the text has no lane to drive on.
    """
    carla_map = carla.Map(name, opendrive)
    root = ET.fromstring(opendrive)
    digest = hashlib.sha256(opendrive.encode()).digest()
    rng = np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])
    lanes = read_lanes(carla_map, root)
    if not any(lane.is_driving for lane in lanes):
        raise ValueError(f"map {name!r} has no driving lane; load an OpenDRIVE file whose lanes have type 'driving'")
    carriageway = build_roads(lanes)
    terrain = shape_terrain(lanes)
    ground = _ground(carriageway, terrain)
    occupancy = Occupancy(lanes)
    placed = read_signals(carla_map, root, carriageway.driving, ground)
    keep_clear(placed, occupancy)
    posts = Triangles()
    signals, obstacles = add_signals(posts, placed)
    add_stop_lines(posts, placed, ground)
    edges = outer_edges(lanes, occupancy)
    houses = Triangles()
    obstacles.extend(add_building(houses, building, rng) for building in place_buildings(edges, occupancy, ground, rng))
    lamps = place_lamps(edges, occupancy, ground)
    obstacles.extend(add_lamps(posts, lamps))
    trees = place_trees(edges, occupancy, ground, rng)
    trunks, crowns, ranges, tree_spheres = build_trees(trees, rng)
    obstacles.extend(trunk_boxes(trees))
    world = Mesh.join(
        [
            build_terrain(terrain),
            carriageway.mesh,
            build_crosswalks(carla_map, ground),
            houses.mesh(),
            posts.mesh(),
            trunks,
        ]
    )
    world, chunks, spheres = in_chunks(world)
    return StaticScene(
        name=name,
        opendrive=opendrive,
        carla_map=carla_map,
        mesh=Mesh.join([world, crowns]),
        chunks=chunks,
        chunk_spheres_m=spheres,
        trees=ranges + np.array([len(world.faces), 0]),
        tree_spheres_m=tree_spheres,
        strips=carriageway.strips,
        lamps_m=lamps.lights(),
        signals=signals,
        obstacles=tuple(obstacles),
        spawn_points=spawn_points(carla_map),
        ground=ground,
    )


def _ground(carriageway: Carriageway, terrain: Terrain) -> Ground:
    return Ground(
        carriageway.mesh.vertices_m,
        carriageway.mesh.faces[carriageway.solid_faces],
        carriageway.kinds,
        terrain.heights_m,
        terrain.origin_m,
        terrain.cell_m,
    )


def in_chunks(mesh: Mesh) -> tuple[Mesh, npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The mesh with its faces ordered by ``CHUNK_M`` squares, their (first face, count) and bounding spheres."""
    corner = mesh.vertices_m[mesh.faces]  # (f, 3, 3)
    centre = corner.mean(axis=1)
    square = np.floor(centre[:, :2] / CHUNK_M).astype(np.int64)
    square -= square.min(axis=0)
    key = square[:, 1] * (square[:, 0].max() + 1) + square[:, 0]
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    first = np.flatnonzero(np.concatenate([[True], sorted_key[1:] != sorted_key[:-1]]))
    count = np.diff(np.concatenate([first, [len(order)]]))
    corner = corner[order]
    low = np.minimum.reduceat(corner.min(axis=1), first)
    high = np.maximum.reduceat(corner.max(axis=1), first)
    middle = (low + high) / 2.0
    radius = np.linalg.norm(high - low, axis=1) / 2.0
    ordered = Mesh(mesh.vertices_m, mesh.normals, mesh.uvw, mesh.faces[order], mesh.material[order], mesh.param[order])
    return ordered, np.stack([first, count], axis=1), np.column_stack([middle, radius]).astype(np.float32)
