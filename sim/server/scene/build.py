"""OpenDRIVE text to the static world: ``build_scene`` is the one function the server calls to load a map."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field

import carla
import numpy as np
import numpy.typing as npt

from sim.server.scene.arrows import add_arrows
from sim.server.scene.buildings import Building, add_building, open_buildings
from sim.server.scene.edges import Edges, outer_edges
from sim.server.scene.furniture import Lamps, add_lamps, add_walls, open_lamps, open_walls, place_lamps
from sim.server.scene.generation import Generation, add_road_walls, widened
from sim.server.scene.ground import OFF_ROAD, Ground
from sim.server.scene.junctions import level_junctions
from sim.server.scene.lanes import Lane, read_lanes
from sim.server.scene.mesh import Mesh
from sim.server.scene.objects import LightGroup, Lights, ObjectBook, no_lights
from sim.server.scene.occupancy import Occupancy
from sim.server.scene.parking import park, speed_limits
from sim.server.scene.parking_places import Surroundings
from sim.server.scene.placement import keep_clear, place_buildings, place_fronts, place_trees, with_hedges
from sim.server.scene.roads import NOTHING_M, Carriageway, build_crosswalks, build_roads
from sim.server.scene.signal_shapes import add_signals, add_stop_lines
from sim.server.scene.signals import PlacedSignal, read_signals
from sim.server.scene.spawn import spawn_points
from sim.server.scene.static import Box, Parked, StaticScene
from sim.server.scene.street_things import add_things, place_things
from sim.server.scene.terrain import Terrain, build_terrain, open_terrain, shape_terrain
from sim.server.scene.triangles import Triangles
from sim.server.scene.vegetation import build_trees, open_plants, trunk_boxes
from sim.server.scene.verge import add_banks, add_bridges

CHUNK_M = 40.0


def build_scene(name: str, opendrive: str, seed: int = 0, generation: Generation | None = None) -> StaticScene:
    """The static world of a map: the same bytes for the same name, text, seed and generation.

    With ``generation`` roads and signals alone, walled in, as CARLA makes worlds of a client's own text; else a town.
    Signals' yaw is CARLA's: see ``signals.read_signals``. Raises ValueError if the text has no lane to drive on.
    """
    carla_map = carla.Map(name, opendrive)
    root = ET.fromstring(opendrive)
    digest = hashlib.sha256(opendrive.encode()).digest()
    rng = np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])
    lanes = level_junctions(read_lanes(carla_map, root))
    if not any(lane.is_driving for lane in lanes):
        raise ValueError(f"map {name!r} has no driving lane; load an OpenDRIVE file whose lanes have type 'driving'")
    if generation is not None:
        lanes = widened(lanes, generation.additional_width_m)
    book = ObjectBook()
    surface = _lay_surface(lanes, book)
    placed = read_signals(carla_map, root, surface.carriageway.driving, surface.ground)
    things = Triangles()
    signals, poles = add_signals(things, placed, book)
    add_stop_lines(things, placed, surface.ground, book)
    if generation is None:
        add_arrows(things, lanes, carla_map, surface.ground, book)
        town = _furnish(things, lanes, surface, placed, book, rng)
    else:
        town = _wall_in(things, surface, generation, book)
    crosswalks = build_crosswalks(carla_map, surface.ground, book)
    parked, in_the_way = Parked.none(), list[Box]()
    if town.free is not None:  # last, so that nothing moves for them
        around = _parking_grounds(root, carla_map, lanes, surface, placed, town)
        parked, in_the_way = park(things, around, book, [seed, int.from_bytes(digest[:8], "little")])
    parts = [*surface.parts, *map(_marked, (crosswalks, things, town.trunks))]
    world, chunks, spheres, order = in_chunks(Mesh.join([mesh for mesh, _ in parts]))
    mesh = Mesh.join([world, town.crowns.mesh()])
    owner = np.concatenate([np.concatenate([owners for _, owners in parts])[order], town.crowns.owners()])
    return StaticScene(
        name=name,
        opendrive=opendrive,
        carla_map=carla_map,
        mesh=mesh,
        chunks=chunks,
        chunk_spheres_m=spheres,
        trees=town.crown_faces + np.array([len(world.faces), 0]),
        tree_spheres_m=town.crown_spheres_m,
        strips=surface.carriageway.strips,
        lamps_m=town.lamps_m,
        signals=signals,
        obstacles=(*surface.obstacles, *poles, *town.obstacles, *in_the_way),
        spawn_points=spawn_points(carla_map),
        ground=surface.ground,
        objects=book.objects(digest, mesh, owner),
        lights=town.lights,
        generation=generation,
        lanes=tuple(lanes),
        parked=parked,
    )


@dataclass(frozen=True)
class _Town:
    """What stands beside the roads, beyond what the scene's triangles got."""

    trunks: Triangles
    crowns: Triangles
    crown_faces: npt.NDArray[np.int64]
    crown_spheres_m: npt.NDArray[np.float32]
    lamps_m: npt.NDArray[np.float32]
    lights: Lights
    obstacles: tuple[Box, ...]
    free: Occupancy | None = None
    bus_stops_m: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))


def _furnish(
    things: Triangles,
    lanes: Sequence[Lane],
    surface: _Surface,
    placed: Sequence[PlacedSignal],
    book: ObjectBook,
    rng: np.random.Generator,
) -> _Town:
    """Buildings, lamps, walls, hedges and trees, in this order: each takes its ground from the later ones."""
    ground, edges = surface.ground, surface.edges.outside_junctions()
    occupancy = Occupancy(lanes)
    keep_clear(placed, occupancy)
    houses = place_buildings(edges, occupancy, ground, rng)
    homes = open_buildings(book, houses)
    walled = [add_building(things, house, owner, rng) for house, owner in zip(houses, homes.tolist(), strict=True)]
    lamps = place_lamps(edges, occupancy, ground)
    posts = open_lamps(book, lamps)
    lamp_poles = add_lamps(things, lamps, posts)
    walls, hedges = place_fronts(edges, occupancy, ground, rng)
    fences = add_walls(things, walls, open_walls(book, walls))
    trees = with_hedges(place_trees(edges, occupancy, ground, rng), hedges, occupancy, rng)
    plants = open_plants(book, trees)
    street = place_things(edges, occupancy, ground, rng)
    furniture = add_things(things, street, book)
    obstacles = (*walled, *lamp_poles, *fences, *trunk_boxes(trees, plants), *furniture)
    lights = _lights(lamps, posts, houses, homes)
    grown = build_trees(trees, plants, rng)
    return _Town(*grown, lamps.lights(), lights, obstacles, occupancy, street.bus_stops_m)


def _wall_in(things: Triangles, surface: _Surface, generation: Generation, book: ObjectBook) -> _Town:
    """Walls along the roads and nothing else."""
    edges = surface.edges.outside_junctions()
    return _Town(
        Triangles(),
        Triangles(),
        np.zeros((0, 2), np.int64),
        np.zeros((0, 4), np.float32),
        np.zeros((0, 6), np.float32),
        no_lights(),
        tuple(add_road_walls(things, edges, generation.wall_height_m, book)),
    )


def _parking_grounds(
    root: ET.Element,
    carla_map: carla.Map,
    lanes: Sequence[Lane],
    surface: _Surface,
    placed: Sequence[PlacedSignal],
    town: _Town,
) -> Surroundings:
    assert town.free is not None
    obeyed = [item.signal.position_m[:2] for item in placed if "speed_limit" not in item.signal.type_id]
    crossings = [(corner.x, corner.y) for corner in carla_map.get_crosswalks()]
    return Surroundings(
        lanes,
        speed_limits(root),
        surface.edges.outside_junctions(),
        surface.ground,
        town.free,
        np.array(obeyed).reshape(-1, 2),
        np.array(crossings).reshape(-1, 2),
        town.bus_stops_m[:, :2],
        town.obstacles,
    )


_Part = tuple[Mesh, npt.NDArray[np.int32]]


def _marked(triangles: Triangles) -> _Part:
    """A mesh and the object of each of its faces."""
    return triangles.mesh(), triangles.owners()


def _lights(
    lamps: Lamps, posts: npt.NDArray[np.int32], houses: Sequence[Building], homes: npt.NDArray[np.int32]
) -> Lights:
    """Street lamps at their luminaires, then the windows of each building at its door."""
    doors = np.array([(*house.centre_m, house.ground_m) for house in houses], np.float64).reshape(-1, 3)
    return Lights(
        np.concatenate([lamps.heads_m(), doors]),
        np.repeat(np.array([LightGroup.STREET, LightGroup.BUILDING], np.uint8), [len(posts), len(homes)]),
        np.concatenate([posts, homes]),
    )


@dataclass(frozen=True)
class _Surface:
    """Everything that lies on the ground: what to drive on, and what holds it."""

    carriageway: Carriageway
    ground: Ground
    edges: Edges
    parts: tuple[_Part, ...]
    obstacles: tuple[Box, ...]


def _lay_surface(lanes: Sequence[Lane], book: ObjectBook) -> _Surface:
    carriageway = build_roads(lanes, book)
    terrain = shape_terrain(lanes)
    nothing = Terrain(np.full((2, 2), NOTHING_M), (0.0, 0.0), 1.0)
    edges = outer_edges(lanes, _ground(nothing, carriageway))
    land = _ground(terrain)
    banks, bridges = Triangles(), Triangles()
    landscape = open_terrain(book, terrain)
    add_banks(banks, edges, land, landscape)
    obstacles = add_bridges(bridges, edges, lanes, land, carriageway.driving, book)
    bank = _marked(banks)
    return _Surface(
        carriageway,
        _ground(terrain, carriageway, bank[0]),
        edges,
        (_marked(build_terrain(terrain, landscape)), (carriageway.mesh, carriageway.owner), bank, _marked(bridges)),
        tuple(obstacles),
    )


def _ground(terrain: Terrain, carriageway: Carriageway | None = None, banks: Mesh | None = None) -> Ground:
    """The land with the roads and banks that are there yet."""
    vertices: list[npt.NDArray[np.float32]] = [np.zeros((0, 3), np.float32)]
    faces: list[npt.NDArray[np.int64]] = [np.zeros((0, 3), np.int64)]
    kinds: list[npt.NDArray[np.uint8]] = [np.zeros(0, np.uint8)]
    if carriageway is not None:
        vertices.append(carriageway.mesh.vertices_m)
        faces.append(carriageway.mesh.faces[carriageway.solid_faces].astype(np.int64))
        kinds.append(carriageway.kinds)
    if banks is not None:
        faces.append(banks.faces.astype(np.int64) + sum(len(v) for v in vertices))
        vertices.append(banks.vertices_m)
        kinds.append(np.full(len(banks.faces), OFF_ROAD, np.uint8))
    return Ground(
        np.concatenate(vertices),
        np.concatenate(faces),
        np.concatenate(kinds),
        terrain.heights_m,
        terrain.origin_m,
        terrain.cell_m,
    )


def in_chunks(mesh: Mesh) -> tuple[Mesh, npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The mesh with its faces ordered by ``CHUNK_M`` squares, their (first face, count), spheres, the order."""
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
    return ordered, np.stack([first, count], axis=1), np.column_stack([middle, radius]).astype(np.float32), order
