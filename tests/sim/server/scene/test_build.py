"""The static world, judged by Shapely, by carla.Map and by arithmetic."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import shapely

from sim.server.scene.build import build_scene
from sim.server.scene.ground import ROAD, SIDEWALK, surface_at
from sim.server.scene.mesh import Material
from sim.server.scene.static import Box, StaticScene
from tests.sim.server.scene.maps import crossing_map, scene_of

Array = npt.NDArray[np.float64]


def outline(box: Box) -> shapely.Polygon:
    c, s = math.cos(box.yaw_rad), math.sin(box.yaw_rad)
    corners = [
        (box.centre_m[0] + c * u * box.half_m[0] - s * v * box.half_m[1],
         box.centre_m[1] + s * u * box.half_m[0] + c * v * box.half_m[1])
        for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]  # fmt: skip
    return shapely.Polygon(corners)


def driving_waypoints(scene: StaticScene, step_m: float = 1.0) -> list[Any]:
    return [w for w in scene.carla_map.generate_waypoints(step_m) if str(w.lane_type) == "Driving"]


def test_no_obstacle_stands_on_a_driving_lane(scene: StaticScene) -> None:
    """Every lane as squares of its own width; an obstacle may only lie over or under one on another level."""
    waypoints = driving_waypoints(scene, 2.0)
    squares = []
    for w in waypoints:
        at, yaw, half = w.transform.location, math.radians(w.transform.rotation.yaw), w.lane_width / 2.0
        squares.append(outline(Box((at.x, at.y, at.z), (1.0, half - 0.01, 1.0), yaw, 0)))
    tree = shapely.STRtree(squares)
    found, hit = tree.query([outline(box) for box in scene.obstacles], predicate="intersects")
    clashes = [
        (scene.obstacles[b], waypoints[k].road_id)
        for b, k in zip(found.tolist(), hit.tolist(), strict=True)
        if abs(waypoints[k].transform.location.z + 1.5 - scene.obstacles[b].centre_m[2])
        < 1.5 + scene.obstacles[b].half_m[2]
    ]
    assert clashes == []
    assert len(scene.obstacles) > 20


@pytest.mark.parametrize("name", ["crossing", "Town02", "Town04"])
def test_the_ground_is_where_waypoints_say_it_is(name: str) -> None:
    scene = scene_of(name)
    rng = np.random.default_rng(5)
    waypoints = driving_waypoints(scene)
    chosen = rng.choice(len(waypoints), 500)
    points = np.empty((500, 3))
    for row, k in enumerate(chosen):
        w, aside = waypoints[k], rng.uniform(-0.45, 0.45)
        right = w.transform.get_right_vector()
        at = w.transform.location
        points[row] = np.array([at.x, at.y, at.z]) + aside * w.lane_width * np.array([right.x, right.y, right.z])
    heights, kinds = scene.ground.look(points)
    assert set(kinds.tolist()) == {ROAD}
    wrong = np.flatnonzero(np.abs(heights - points[:, 2]) > 0.05)
    # where turning lanes cross at different heights the map contradicts itself, and there is only one ground
    assert len(wrong) < 0.02 * len(points)
    at = np.array([(w.transform.location.x, w.transform.location.y, w.transform.location.z) for w in waypoints])
    for row in wrong:
        near = at[np.hypot(*(at[:, :2] - points[row, :2]).T) < 3.0]
        assert near[:, 2].min() - 0.05 < heights[row] < near[:, 2].max() + 0.05
        assert np.ptp(near[:, 2]) > 0.05


@pytest.mark.parametrize("name", ["crossing", "Town02", "Town04"])
def test_no_step_along_a_lane(name: str) -> None:
    """Every half metre along every lane the ground rises as the lane does, up to the lift of a marked strip."""
    scene = scene_of(name)
    waypoints = sorted(driving_waypoints(scene, 0.5), key=lambda w: (w.road_id, w.lane_id, w.s))
    at = np.array([(w.transform.location.x, w.transform.location.y, w.transform.location.z) for w in waypoints])
    lane = np.array([(w.road_id, w.lane_id) for w in waypoints])
    following = (lane[1:] == lane[:-1]).all(axis=1) & (np.linalg.norm(np.diff(at[:, :2], axis=0), axis=1) < 1.0)
    step = np.abs(np.diff(scene.ground.heights(at)) - np.diff(at[:, 2]))[following]
    assert step.max() < 0.06


def test_bridges_carry_and_let_pass(crossing: StaticScene) -> None:
    ground = crossing.ground.arrays
    assert surface_at(ground, -80.0, 2.0, 9.0)[0] == pytest.approx(9.0, abs=0.1)  # 8 m + 1 % of 100 m, marked lane
    assert surface_at(ground, -80.0, 2.0, 1.0)[0] == pytest.approx(0.0, abs=0.05)
    deck = crossing.mesh.faces[crossing.mesh.material == Material.BRIDGE]
    low = crossing.mesh.vertices_m[deck][:, :, 2].min()
    assert low < 1.0, "pillars reach the land"
    assert np.any(crossing.mesh.material == Material.GUARD_RAIL)


def test_sidewalks_are_raised_and_kept_out_of_the_junction(crossing: StaticScene) -> None:
    z, _, _, _, kind = surface_at(crossing.ground.arrays, -50.0, 5.0, 0.5)
    assert (z, kind) == (pytest.approx(0.14, abs=1e-6), SIDEWALK)
    assert surface_at(crossing.ground.arrays, 0.0, 5.0, 0.5)[4] == ROAD


def test_the_land_never_pokes_through_a_lane(scene: StaticScene) -> None:
    mesh = scene.mesh
    road = mesh.vertices_m[np.unique(mesh.faces[mesh.material == Material.ROAD])].astype(np.float64)
    meta, terrain = scene.ground.arrays[0], scene.ground.arrays[5]
    u, v = (road[:, 0] - meta[5]) / meta[7], (road[:, 1] - meta[6]) / meta[7]
    i, j = np.floor(u).astype(int), np.floor(v).astype(int)
    highest = np.max([terrain[j + b, i + a] for a in (0, 1) for b in (0, 1)], axis=0)  # of the cell: a bound
    assert (road[:, 2] - highest).min() > 0.0


def test_two_builds_are_equal_to_the_byte_and_seeds_differ() -> None:
    text = crossing_map()
    a, b, other = build_scene("m", text), build_scene("m", text), build_scene("m", text, seed=1)
    for column in ("vertices_m", "normals", "uvw", "faces", "material", "param"):
        assert getattr(a.mesh, column).tobytes() == getattr(b.mesh, column).tobytes()
    assert a.spawn_points.tobytes() == b.spawn_points.tobytes()
    assert a.obstacles == b.obstacles
    assert a.lamps_m.tobytes() == b.lamps_m.tobytes()
    assert a.obstacles != other.obstacles


def test_meshes_are_valid(scene: StaticScene) -> None:
    mesh = scene.mesh
    assert mesh.faces.max() < len(mesh.vertices_m)
    assert np.isfinite(mesh.vertices_m).all()
    assert np.isfinite(mesh.uvw).all()
    used = np.unique(mesh.faces)
    assert np.abs(np.linalg.norm(mesh.normals[used], axis=1) - 1.0).max() < 1e-3
    roads = mesh.param[mesh.material == Material.ROAD]
    assert roads.min() >= 0
    assert roads.max() < len(scene.strips)


def test_chunks_and_crowns_cover_every_face_once_and_lie_in_their_spheres(scene: StaticScene) -> None:
    ranges = np.concatenate([scene.chunks, scene.trees])
    spheres = np.concatenate([scene.chunk_spheres_m, scene.tree_spheres_m])
    order = np.argsort(ranges[:, 0], kind="stable")
    assert ranges[order[0], 0] == 0
    assert np.array_equal(ranges[order, 0][1:], (ranges[order, 0] + ranges[order, 1])[:-1])
    assert ranges[order[-1]].sum() == len(scene.mesh.faces)
    for (first, count), (x, y, z, radius) in zip(ranges[::7].tolist(), spheres[::7].tolist(), strict=True):
        corner = scene.mesh.vertices_m[scene.mesh.faces[first : first + count]].reshape(-1, 3)
        assert np.linalg.norm(corner - [x, y, z], axis=1).max() <= radius * 1.0001 + 1e-3
    leaves = np.concatenate([scene.mesh.material[a : a + n] for a, n in scene.trees.tolist()])
    assert set(leaves.tolist()) == {int(Material.LEAF)}


def test_spawn_points_are_on_driving_lanes_and_apart(scene: StaticScene) -> None:
    points = scene.spawn_points
    assert len(points) > 20
    lanes: dict[tuple[int, int], list[Array]] = {}
    for x, y, z, _, yaw, _ in points.tolist():
        waypoint = scene.carla_map.get_waypoint(_location(x, y, z))
        at = waypoint.transform.location
        assert str(waypoint.lane_type) == "Driving"
        assert not waypoint.is_junction
        assert math.dist((at.x, at.y, at.z + 0.5), (x, y, z)) < 1.0  # get_waypoint's accuracy
        assert abs(math.remainder(math.radians(waypoint.transform.rotation.yaw) - yaw, 2 * math.pi)) < 0.1
        lanes.setdefault((waypoint.road_id, waypoint.lane_id), []).append(np.array([x, y, z]))
    for group in lanes.values():
        gaps = np.linalg.norm(np.diff(np.array(group), axis=0), axis=1)
        assert not len(gaps) or gaps.min() > 11.99


def _location(x: float, y: float, z: float) -> Any:
    import carla

    return carla.Location(x, y, z)


def test_marking_strips_tell_the_roads_marks(crossing: StaticScene) -> None:
    """Of road 1 (solid white edges, broken yellow centre): the driving strips outside junctions."""
    strips = crossing.strips
    yellow = strips[(strips["left_type"] == 1) & strips["driving"]]
    assert len(yellow) == 8  # two lanes of four arms
    assert yellow["left_yellow"].all()
    assert not yellow["right_yellow"].any()
    assert set(yellow["right_type"].tolist()) == {2}
    assert yellow["right_width_m"] == pytest.approx(0.15)
    inside = strips[strips["junction"]]
    assert not inside["left_type"].any()
    assert not inside["right_type"].any()


def test_lane_coordinates_run_from_edge_to_edge(crossing: StaticScene) -> None:
    mesh = crossing.mesh
    strips = crossing.strips[mesh.param.clip(0, len(crossing.strips) - 1)]
    faces = mesh.faces[(mesh.material == Material.ROAD) & strips["driving"] & ~strips["junction"]]
    uvw = mesh.uvw[np.unique(faces)]
    assert uvw[:, 1] + uvw[:, 2] == pytest.approx(3.5, abs=1e-3)


def test_a_map_without_driving_lanes_is_refused() -> None:
    with pytest.raises(ValueError, match="no driving lane"):
        build_scene("m", crossing_map().replace('type="driving"', 'type="biking"'))
