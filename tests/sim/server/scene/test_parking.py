"""Parked vehicles stand where they may, in no other's way, and move nothing else."""

import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

import sim.server.scene.build as build
import sim.server.scene.parking as parking
from sim.server.scene.bodies.parked_cycles import LEAN_RAD
from sim.server.scene.catalogue import RIDERLESS, model_for
from sim.server.scene.mesh import Tag
from sim.server.scene.objects import Layer
from sim.server.scene.occupancy import rectangle
from sim.server.scene.parking import MOST_PARKED, VEHICLES, speed_limits
from sim.server.scene.parking_others import BICYCLES, LORRIES, MOTORCYCLES
from sim.server.scene.parking_places import FROM_CROSSING_M, FROM_JUNCTION_M
from sim.server.scene.static import Parked, StaticScene

TOWN = (files("configs") / "maps" / "Roadlab02.xodr").read_text()


@cache
def town(seed: int = 0) -> StaticScene:
    return build.build_scene("Roadlab02", TOWN, seed)


def rows_of(scene: StaticScene, table: Sequence[tuple[str, float]]) -> np.ndarray:
    """Rows of the parked vehicles of certain blueprints."""
    wanted = {name for name, _ in table}
    return np.array([k for k, name in enumerate(scene.parked.type_id) if name in wanted], int)


def footprints(scene: StaticScene) -> list[np.ndarray]:
    """Corners (4, 2) of the box of every parked vehicle."""
    objects, rows = scene.objects, scene.parked.owner
    return [
        rectangle(objects.centre_m[k, :2], (objects.half_m[k, 0], objects.half_m[k, 1]), float(objects.yaw_rad[k]))
        for k in rows.tolist()
    ]


def along(corners: np.ndarray, step_m: float = 0.25) -> np.ndarray:
    """Points on the outline of a rectangle."""
    t = np.linspace(0.0, 1.0, math.ceil(6.0 / step_m))[:, None]
    return np.concatenate([a + t * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)])


def test_a_town_has_a_moderate_number_of_several_kinds():
    parked, cars = town().parked, rows_of(town(), VEHICLES)
    assert 15 <= len(cars) <= MOST_PARKED
    assert cars.tolist() == list(range(len(cars)))  # the others come after them
    assert len(set(parked.type_id)) >= 8
    assert (np.abs(parked.rotation_rad[cars][:, [0, 2]]) < 0.1).all()  # on their four wheels
    assert (parked.steer_rad == 0.0).any()
    assert (parked.steer_rad != 0.0).any()


def test_they_keep_half_a_metre_from_the_traffic_and_leave_sidewalks_free():
    scene = town()
    road, kind = np.zeros((0, 2)), []
    for lane in scene.lanes:
        if lane.is_driving or lane.kind == "sidewalk":
            for edge in (lane.left_m, lane.right_m):
                road = np.concatenate([road, edge[:, :2]])
                kind += [lane.is_driving] * len(edge)
    driving = np.array(kind)
    for corners in footprints(scene):
        outline = along(corners)
        level = np.column_stack([outline, np.full(len(outline), 0.5)])
        assert (scene.ground.look(level)[1] == 0).all()  # OFF_ROAD: neither road nor sidewalk
        away = np.linalg.norm(outline[:, None] - road[driving][None], axis=2).min()
        assert away > 0.5


def test_they_stand_apart_from_everything_solid():
    scene = town()
    mine = set(scene.parked.owner.tolist())
    others = [box for box in scene.obstacles if box.owner not in mine]
    for corners in footprints(scene):
        outline = along(corners)
        for box in others:
            offset = outline - np.array(box.centre_m[:2])
            c, s = math.cos(box.yaw_rad), math.sin(box.yaw_rad)
            u, v = np.abs(offset[:, 0] * c + offset[:, 1] * s), np.abs(offset[:, 1] * c - offset[:, 0] * s)
            assert not ((u < box.half_m[0]) & (v < box.half_m[1])).any(), scene.objects.name[box.owner]


def test_they_stand_on_the_ground():
    scene = town()
    below = scene.ground.heights(scene.parked.position_m + np.array([0.0, 0.0, 0.5]))
    assert (np.abs(scene.parked.position_m[:, 2] - below) < 0.15).all()  # bays are 3 cm of pavement, lawns slope


def test_spawn_points_are_free_of_them():
    scene = town()
    for k in range(len(scene.parked)):
        away = np.hypot(*(scene.spawn_points[:, :2] - scene.parked.position_m[k, :2]).T)
        assert away.min() > 3.5


def test_nothing_else_moves_for_them(monkeypatch):
    with_them = town()
    monkeypatch.setattr(build, "park", lambda *_: (Parked.none(), []))
    without = build.build_scene("Roadlab02", TOWN)
    n = len(without.objects)
    assert with_them.objects.name[:n] == without.objects.name
    assert (with_them.objects.object_id[:n] == without.objects.object_id).all()
    assert (with_them.objects.centre_m[:n] == without.objects.centre_m).all()
    assert with_them.obstacles[: len(without.obstacles)] == without.obstacles
    assert (with_them.lamps_m == without.lamps_m).all()
    assert (with_them.tree_spheres_m == without.tree_spheres_m).all()


def test_they_are_objects_with_boxes_in_a_layer_of_their_own():
    scene = town()
    objects, parked = scene.objects, scene.parked
    assert (objects.layer[parked.owner] == Layer.PARKED_VEHICLES).all()
    choices = [model_for(name, RIDERLESS) for name in parked.type_id]
    assert objects.tag[parked.owner].tolist() == [choice.tag for choice in choices]
    sizes = np.array([choice.size_m for choice in choices])
    lean = np.array([LEAN_RAD.get(choice.name.removesuffix("_parked"), 0.0) for choice in choices])
    upright = lean == 0.0
    assert upright.sum() >= 15
    assert np.allclose(2.0 * objects.half_m[parked.owner][upright], sizes[upright])
    foot = objects.centre_m[parked.owner, 2] - objects.half_m[parked.owner, 2]
    assert (np.abs(foot - parked.position_m[:, 2]) < 0.09).all()
    labels = objects.object_id[parked.owner] & np.uint64(0xFFFF)
    assert labels.tolist() == [(Parked.FIRST_ID + k) & 0xFFFF for k in range(len(parked))]
    assert len(set(objects.object_id.tolist())) == len(objects)


def everywhere() -> list[StaticScene]:
    return [town(), *(build.build_scene(name, map_text(name)) for name in ("Roadlab01", "Roadlab04"))]


def map_text(name: str) -> str:
    return (files("configs") / "maps" / f"{name}.xodr").read_text()


def test_two_wheelers_and_lorries_are_few_and_of_their_kinds():
    scenes = everywhere()
    for table, most in ((BICYCLES, 16), (MOTORCYCLES, 6), (LORRIES, 2)):
        counts = [len(rows_of(scene, table)) for scene in scenes]
        assert max(counts) <= most
        assert sum(counts) >= 3
    tags = {Tag.BICYCLE: BICYCLES, Tag.MOTORCYCLE: MOTORCYCLES, Tag.TRUCK: LORRIES}
    for scene in scenes:
        for tag, table in tags.items():
            owners = scene.parked.owner[rows_of(scene, table)]
            assert (scene.objects.tag[owners] == tag).all()
            assert (scene.objects.half_m[owners] > 0.2).all()


def test_a_leaning_two_wheeler_is_inside_its_box():
    scene = town()
    parked, objects = scene.parked, scene.objects
    rows = np.concatenate([rows_of(scene, BICYCLES), rows_of(scene, MOTORCYCLES)])
    assert (parked.rotation_rad[rows, 2] < 0.06).all()
    assert (parked.rotation_rad[rows, 2] < -0.04).any()
    for k in rows.tolist():
        size = np.array(model_for(parked.type_id[k], RIDERLESS).size_m)
        corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)]) * size
        roll, yaw = -parked.rotation_rad[k, 2], parked.rotation_rad[k, 1]
        y = corners[:, 1] * math.cos(roll) - corners[:, 2] * math.sin(roll)
        z = corners[:, 1] * math.sin(roll) + corners[:, 2] * math.cos(roll)
        centre, half = objects.centre_m[parked.owner[k]], objects.half_m[parked.owner[k]]
        offset = (centre - parked.position_m[k])[:2] @ np.array([[math.cos(yaw), -math.sin(yaw)],
                                                                 [math.sin(yaw), math.cos(yaw)]])  # fmt: skip
        assert (np.abs(corners[:, 0] - offset[0]) < half[0] + 0.03).all()
        assert (np.abs(y - offset[1]) < half[1] + 0.05).all()
        assert (np.abs(z + parked.position_m[k, 2] - centre[2]) < half[2] + 0.09).all()


def test_lorries_stand_in_lay_bys_far_from_junctions_crossings_and_sidewalks():
    for scene in everywhere():
        inside = np.concatenate([lane.left_m for lane in scene.lanes if lane.junction >= 0 and lane.is_driving])
        walks = [lane for lane in scene.lanes if lane.kind == "sidewalk"]
        walk = np.concatenate([edge for lane in walks for edge in (lane.left_m, lane.right_m)])
        for k in rows_of(scene, LORRIES).tolist():
            place = scene.parked.position_m[k, :2]
            assert np.hypot(*(inside[:, :2] - place).T).min() > 1.4 * FROM_JUNCTION_M
            assert np.hypot(*(walk[:, :2] - place).T).min() > FROM_CROSSING_M


def test_bicycles_stand_side_by_side_at_racks():
    scene = town()
    racks = np.array([p for n, p in zip(scene.objects.name, scene.objects.position_m, strict=True) if "BikeRack" in n])
    assert 1 <= len(racks) <= 12
    place = scene.parked.position_m[rows_of(scene, BICYCLES)]
    away = np.hypot(*(place[:, None, :2] - racks[None, :, :2]).transpose(2, 0, 1))
    assert (away.min(axis=1) < 1.5).all()
    apart = np.hypot(*(place[:, None, :2] - place[None, :, :2]).transpose(2, 0, 1)) + 99.0 * np.eye(len(place))
    assert apart.min() > 0.8
    racks_of_tag = [scene.objects.tag[k] for k, n in enumerate(scene.objects.name) if "BikeRack" in n]
    assert set(racks_of_tag) == {Tag.STATIC}


def test_cars_stand_where_they_stood_without_the_others(monkeypatch):
    with_them = town().parked
    monkeypatch.setattr(parking, "place_others", lambda *_: ([], []))
    without = build.build_scene("Roadlab02", TOWN).parked
    n = len(without)
    assert 0 < n < len(with_them)
    assert with_them.type_id[:n] == without.type_id
    for column in ("owner", "position_m", "rotation_rad", "rgb", "steer_rad", "seed"):
        assert (getattr(with_them, column)[:n] == getattr(without, column)).all()


def test_the_same_seed_parks_alike_and_another_does_not():
    again, other = build.build_scene("Roadlab02", TOWN).parked, town(7).parked
    assert again.type_id == town().parked.type_id
    assert (again.position_m == town().parked.position_m).all()
    assert (again.rgb == town().parked.rgb).all()
    assert len(other) != len(again) or (other.position_m != again.position_m).any()


def test_parking_lanes_are_used_and_breakdown_lanes_are_not():
    road = """<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="x"/>
    <road name="one" length="300" id="1" junction="-1"><type s="0" type="town"><speed max="{speed}" unit="km/h"/></type>
    <planView><geometry s="0" x="0" y="0" hdg="0" length="300"><line/></geometry></planView><lanes><laneSection s="0">
    <left><lane id="2" type="{kind}" level="false"><width sOffset="0" a="2.6" b="0" c="0" d="0"/></lane>
    <lane id="1" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></left>
    <center><lane id="0" type="none" level="false"/></center>
    <right><lane id="-1" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>
    <lane id="-2" type="{kind}" level="false"><width sOffset="0" a="2.6" b="0" c="0" d="0"/></lane>{foot}</right>
    </laneSection></lanes></road></OpenDRIVE>"""
    foot = '<lane id="-3" type="sidewalk" level="false"><width sOffset="0" a="2" b="0" c="0" d="0"/></lane>'
    beside = build.build_scene("p", road.format(kind="parking", speed=50, foot="")).parked
    assert 15 <= len(beside) <= MOST_PARKED
    y = beside.position_m[:, 1]
    half = np.array([model_for(name).size_m[1] / 2.0 for name in beside.type_id])
    assert (np.abs(y) - half > 3.5 + 0.45).all()  # of the lane's edge, less what a crooked heading takes
    assert (np.abs(y) + half < 3.5 + 2.6).all()
    right = y > 0.0  # CARLA's y is right: traffic there goes along x
    with_traffic = np.cos(beside.rotation_rad[:, 1]) * np.where(right, 1.0, -1.0) > 0.9
    assert with_traffic.mean() > 0.8
    assert len(build.build_scene("s", road.format(kind="shoulder", speed=50, foot=foot)).parked) > 2
    assert len(build.build_scene("s", road.format(kind="shoulder", speed=100, foot=foot)).parked) == 0
    assert len(build.build_scene("s", road.format(kind="shoulder", speed=50, foot="")).parked) == 0


def test_a_clients_own_text_gets_none():
    from sim.server.scene.generation import Generation

    assert len(build.build_scene("Roadlab02", TOWN, 0, Generation()).parked) == 0


def test_speed_limits_are_read_with_their_units():
    import xml.etree.ElementTree as ET

    root = ET.fromstring(
        '<OpenDRIVE><road id="1"><type><speed max="36" unit="km/h"/></type></road>'
        '<road id="2"><type><speed max="10" unit="mph"/></type><type><speed max="20"/></type></road>'
        '<road id="3"><type><speed max="no limit"/></type></road></OpenDRIVE>'
    )
    assert speed_limits(root) == pytest.approx({1: 10.0, 2: 20.0})
