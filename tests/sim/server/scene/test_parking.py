"""Parked vehicles stand where they may, in no other's way, and move nothing else."""

import math
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

import sim.server.scene.build as build
from sim.server.scene.catalogue import model_for
from sim.server.scene.mesh import Tag
from sim.server.scene.objects import Layer
from sim.server.scene.occupancy import rectangle
from sim.server.scene.parking import MOST_PARKED, VEHICLES, speed_limits
from sim.server.scene.static import Parked, StaticScene

TOWN = (files("configs") / "maps" / "Roadlab02.xodr").read_text()


@cache
def town(seed: int = 0) -> StaticScene:
    return build.build_scene("Roadlab02", TOWN, seed)


def footprints(scene: StaticScene) -> list[np.ndarray]:
    """Corners (4, 2) of every parked vehicle."""
    parked = scene.parked
    halves = [[side / 2.0 for side in model_for(name).size_m[:2]] for name in parked.type_id]
    return [
        rectangle(parked.position_m[k, :2], (half[0], half[1]), float(parked.rotation_rad[k, 1]))
        for k, half in enumerate(halves)
    ]


def along(corners: np.ndarray, step_m: float = 0.25) -> np.ndarray:
    """Points on the outline of a rectangle."""
    t = np.linspace(0.0, 1.0, math.ceil(6.0 / step_m))[:, None]
    return np.concatenate([a + t * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)])


def test_a_town_has_a_moderate_number_of_several_kinds():
    parked = town().parked
    assert 15 <= len(parked) <= MOST_PARKED
    assert len(set(parked.type_id)) >= 8
    assert set(parked.type_id) <= {name for name, _ in VEHICLES}
    assert (np.abs(parked.rotation_rad[:, [0, 2]]) < 0.1).all()  # on their four wheels
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
    assert (objects.tag[parked.owner] == Tag.CAR).all()
    sizes = np.array([model_for(name).size_m for name in parked.type_id])
    assert np.allclose(2.0 * objects.half_m[parked.owner], sizes)
    assert np.allclose(objects.centre_m[parked.owner, 2], parked.position_m[:, 2] + sizes[:, 2] / 2.0)
    labels = objects.object_id[parked.owner] & np.uint64(0xFFFF)
    assert labels.tolist() == [(Parked.FIRST_ID + k) & 0xFFFF for k in range(len(parked))]
    assert len(set(objects.object_id.tolist())) == len(objects)


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
