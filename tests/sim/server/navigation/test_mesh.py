"""The navigation mesh of whole maps, taken apart again as the client reads it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import shapely
import shapely.affinity

from sim.server.navigation import detour
from sim.server.navigation.areas import AGENT_RADIUS_M, Area, walkable_levels
from sim.server.navigation.build import build_navigation
from sim.server.navigation.partition import Partition
from sim.server.scene.ground import ROAD, SIDEWALK
from tests.sim.server.scene.maps import scene_of

MAPS = ["crossing", "Roadlab03", "Town02", "Town04"]


@cache
def mesh_of(name: str) -> Partition:
    return build_navigation(scene_of(name))


@cache
def file_of(name: str) -> detour.Tile:
    return detour.decode(detour.encode(mesh_of(name)))


@pytest.fixture(params=MAPS)
def tile(request: pytest.FixtureRequest) -> detour.Tile:
    return file_of(request.param)


@pytest.fixture(params=MAPS)
def name(request: pytest.FixtureRequest) -> str:
    scene_of(request.param)
    return str(request.param)


def rings(tile: detour.Tile) -> list[np.ndarray]:
    return [p["corner"][: p["corner_count"]] for p in tile.polygons]


def test_polygons_are_convex_in_the_files_own_precision_and_wound_as_detour_wants(tile: detour.Tile) -> None:
    flat = tile.vertices[:, [0, 2]].astype(np.float64)
    for ring in rings(tile):
        a = flat[ring]
        b, c = np.roll(a, -1, axis=0), np.roll(a, -2, axis=0)
        turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - b[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - b[:, 0])
        assert (turn <= 0.0).all()
        assert turn.min() < 0.0, "a polygon without area"


def test_neighbours_are_mutual_and_have_the_edge_in_common(tile: detour.Tile) -> None:
    corner = rings(tile)
    links = 0
    for index, polygon in enumerate(tile.polygons):
        count = int(polygon["corner_count"])
        for side in range(count):
            other = int(polygon["neighbour"][side]) - 1
            if other < 0:
                continue
            links += 1
            a, b = int(corner[index][side]), int(corner[index][(side + 1) % count])
            theirs = corner[other].tolist()
            at = theirs.index(b)
            assert theirs[(at + 1) % len(theirs)] == a
            assert tile.polygons[other]["neighbour"][at] == index + 1
    assert links == tile.link_count


def test_everything_named_exists_and_lies_within_the_bounds(tile: detour.Tile) -> None:
    low, high = np.array(tile.header[18:21]), np.array(tile.header[21:24])
    assert (tile.vertices > low).all()
    assert (tile.vertices < high).all()
    assert (tile.polygons["corner_count"] >= 3).all()
    assert max(int(ring.max()) for ring in rings(tile)) < len(tile.vertices)
    assert tile.polygons["neighbour"].max() <= len(tile.polygons) < 0x8000
    assert set(tile.polygons["area"].tolist()) <= {int(area) for area in Area}
    flags = {1: 0x02, 2: 0x04, 3: 0x08, 4: 0x10}
    assert all(flags[int(p["area"])] == int(p["flags"]) for p in tile.polygons)


def test_the_surface_of_a_polygon_is_made_of_triangles_that_cover_it(tile: detour.Tile) -> None:
    flat = tile.vertices[:, [0, 2]].astype(np.float64)
    for ring, detail in zip(rings(tile), tile.detail, strict=True):
        shape = shapely.polygons(flat[ring])
        first, count = int(detail["triangle"]), int(detail["triangle_count"])
        triangles = tile.triangles[first : first + count]
        assert triangles[:, :3].max() < len(ring)
        parts = shapely.polygons(flat[ring[triangles[:, :3]]])
        assert shapely.area(parts).sum() == pytest.approx(shape.area, rel=1e-6)
        edges = {(k, (k + 1) % len(ring)) for k in range(len(ring))}
        marked = [(int(t[k]), int(t[(k + 1) % 3])) for t in triangles for k in range(3) if (int(t[3]) >> (2 * k)) & 3]
        assert sorted(marked) == sorted(edges)


def test_the_search_tree_finds_every_polygon(tile: detour.Tile) -> None:
    """Walked as Detour walks it, with the box of each polygon for a query."""
    low, quantum = np.array(tile.header[18:21]), tile.header[24]
    leaves = tile.nodes["index"] >= 0
    assert sorted(tile.nodes["index"][leaves].tolist()) == list(range(len(tile.polygons)))
    for index in range(0, len(tile.polygons), 23):
        points = tile.vertices[rings(tile)[index]]
        query_low = ((points.min(axis=0) - low) * quantum).astype(int) & 0xFFFE
        query_high = ((points.max(axis=0) - low) * quantum + 1).astype(int) | 1
        found, at = [], 0
        while at < len(tile.nodes):
            node = tile.nodes[at]
            overlaps = (query_low <= node["high"]).all() and (query_high >= node["low"]).all()
            if node["index"] >= 0:
                if overlaps:
                    found.append(int(node["index"]))
                at += 1
            else:
                at += 1 if overlaps else -int(node["index"])
        assert index in found


def test_sidewalks_are_up_on_their_kerbs_and_crossings_down_on_the_road(name: str) -> None:
    mesh, ground = mesh_of(name), scene_of(name).ground
    for area, kind in ((Area.SIDEWALK, SIDEWALK), (Area.CROSSWALK, ROAD)):
        rings = [mesh.polygons[k] for k in np.flatnonzero(mesh.area == area)]
        middle = np.array([mesh.corners_m[list(ring)].mean(axis=0) for ring in rings])
        size = np.array([shapely.polygons(mesh.corners_m[list(ring)][:, :2]).area for ring in rings])
        middle = middle[size > 4.0]
        height, found = ground.look(middle + np.array([0.0, 0.0, 0.1]))
        right = found == kind
        assert right.mean() > 0.9
        # polygons are flat between their corners, the ground a little rounded
        assert np.abs(height[right] - middle[right, 2]).max() < 0.1


def test_people_do_not_walk_through_what_stands_on_the_pavement(name: str) -> None:
    scene, mesh = scene_of(name), mesh_of(name)
    shapes = shapely.polygons([shapely.linearrings(mesh.corners_m[list(ring)][:, :2]) for ring in mesh.polygons])
    tree = shapely.STRtree(shapes)
    for box in scene.obstacles:
        x, y, z = box.centre_m
        foot_m = z - box.half_m[2]
        height = float(scene.ground.heights([[x, y, foot_m + 0.3]])[0])
        if foot_m > height + 1.8 or z + box.half_m[2] < height + 0.5:
            continue  # passed under, or stepped over
        shape = shapely.affinity.rotate(shapely.box(-box.half_m[0], -box.half_m[1], *box.half_m[:2]), box.yaw_rad,
                                        origin=(0, 0), use_radians=True)  # fmt: skip
        shape = shapely.affinity.translate(shape, x, y)
        near = tree.query(shape.buffer(1.0), predicate="intersects").tolist()
        level = [k for k in near if abs(mesh.corners_m[mesh.polygons[k][0], 2] - height) < 2.0]
        distance = min((shapely.distance(shape, shapes[k]) for k in level), default=9.0)
        assert distance > AGENT_RADIUS_M / 2.0, box


def test_every_sidewalk_can_be_reached_without_stepping_on_the_road() -> None:
    for name in ("Roadlab01", "Roadlab02", "Roadlab03"):
        mesh = mesh_of(name)
        beyond = mesh.neighbours()
        walkable = np.isin(mesh.area, (Area.SIDEWALK, Area.CROSSWALK))
        start = int(np.flatnonzero(mesh.area == Area.SIDEWALK)[0])
        seen, todo = {start}, [start]
        while todo:
            for other in beyond[todo.pop()]:
                if other >= 0 and walkable[other] and other not in seen:
                    seen.add(other)
                    todo.append(other)
        assert set(np.flatnonzero(mesh.area == Area.SIDEWALK).tolist()) <= seen, name


def test_a_map_without_crosswalks_gets_crossings_at_its_junctions() -> None:
    assert not scene_of("crossing").carla_map.get_crosswalks()
    mesh = mesh_of("crossing")
    assert np.count_nonzero(mesh.area == Area.SIDEWALK)


def test_a_bridge_is_a_level_of_its_own() -> None:
    levels = walkable_levels(scene_of("crossing"))
    assert [sorted({lane.road for lane in level.lanes}) for level in levels] == [[1, 2, 3, 4, 11, 12], [20]]
    mesh = mesh_of("crossing")
    under = [ring for ring in mesh.polygons if shapely.polygons(mesh.corners_m[list(ring)][:, :2]).covers(
        shapely.points(-80.0, 1.0))]  # fmt: skip
    heights = sorted(mesh.corners_m[list(ring), 2].mean() for ring in under)
    assert len(heights) == 2
    assert heights[1] - heights[0] > 7.0


def test_the_mesh_is_the_same_every_time() -> None:
    scene = scene_of("Roadlab03")
    assert detour.encode(build_navigation(scene)) == detour.encode(build_navigation(scene))


def test_files_cut_short_are_refused() -> None:
    data = detour.encode(mesh_of("crossing"))
    for size in (0, 40, 100, len(data) - 1):
        with pytest.raises(ValueError, match="navigation mesh"):
            detour.decode(data[:size])
    with pytest.raises(ValueError, match="navigation mesh"):
        detour.decode(b"X" + data[1:])


def test_more_polygons_than_a_tile_holds_are_refused() -> None:
    mesh = mesh_of("crossing")
    many = 0x8000
    large = Partition(mesh.corners_m, mesh.polygons[:1] * many, mesh.triangles[:1] * many, np.ones(many, np.uint8))
    with pytest.raises(detour.TooLargeError, match="32768 polygons"):
        detour.encode(large)
