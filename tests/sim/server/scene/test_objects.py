"""Every thing of a map has a name, an id and a tight box, and knows its triangles."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from sim.server.scene.build import build_scene
from sim.server.scene.generation import Generation, check_opendrive, widened
from sim.server.scene.lanes import read_lanes
from sim.server.scene.mesh import Tag
from sim.server.scene.objects import Layer, LightGroup
from sim.server.scene.static import StaticScene
from tests.sim.server.serving import OPENDRIVE


@pytest.fixture(scope="module")
def scene() -> StaticScene:
    return build_scene("straight", OPENDRIVE, 3)


def test_every_triangle_belongs_to_a_thing(scene: StaticScene):
    objects = scene.objects
    assert len(objects.face_owner) == len(scene.mesh.faces)
    assert (objects.face_owner >= 0).all()
    assert len(np.unique(objects.face_owner)) == len(objects)  # and every thing has some
    assert {Tag.BUILDINGS, Tag.VEGETATION, Tag.ROADS, Tag.POLES, Tag.TERRAIN} <= set(objects.tag.tolist())


def test_boxes_are_as_large_as_their_triangles(scene: StaticScene):
    objects = scene.objects
    for row in range(len(objects)):
        corners = scene.mesh.vertices_m[scene.mesh.faces[objects.face_owner == row]].reshape(-1, 3)
        c, s = np.cos(objects.yaw_rad[row]), np.sin(objects.yaw_rad[row])
        along = (corners - objects.centre_m[row]) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        assert np.allclose(along.max(axis=0), objects.half_m[row], atol=2e-3), objects.name[row]
        assert np.allclose(along.min(axis=0), -objects.half_m[row], atol=2e-3), objects.name[row]


def test_names_and_ids_are_unique_and_repeat(scene: StaticScene):
    again = build_scene("another name", OPENDRIVE, 3)
    assert again.objects.name == scene.objects.name
    assert (again.objects.object_id == scene.objects.object_id).all()
    assert len(set(scene.objects.name)) == len(set(scene.objects.object_id.tolist())) == len(scene.objects)
    elsewhere = build_scene("straight", OPENDRIVE.replace('length="400"', 'length="390"'), 3)
    assert not set(scene.objects.object_id.tolist()) & set(elsewhere.objects.object_id.tolist())


def test_layers_hold_what_their_names_say(scene: StaticScene):
    layers = {
        Tag(t): set(scene.objects.layer[scene.objects.tag == t].tolist()) for t in set(scene.objects.tag.tolist())
    }
    assert layers[Tag.BUILDINGS] == {Layer.BUILDINGS}
    assert layers[Tag.VEGETATION] == {Layer.FOLIAGE}
    assert layers[Tag.POLES] == {Layer.STREET_LIGHTS}
    assert layers[Tag.ROADS] == {Layer.NONE}


def test_every_lamp_and_every_house_is_a_light(scene: StaticScene):
    lights, objects = scene.lights, scene.objects
    street = lights.group == LightGroup.STREET
    assert street.sum() == len(scene.lamps_m) > 5
    assert np.allclose(lights.position_m[street], scene.lamps_m[:, :3] + [0, 0, 0.1], atol=1e-3)
    assert (objects.tag[lights.owner[~street]] == Tag.BUILDINGS).all()
    assert (~street).sum() == (objects.tag == Tag.BUILDINGS).sum() > 5


def test_obstacles_name_the_thing_they_stop_for(scene: StaticScene):
    for box in scene.obstacles:
        assert scene.objects.tag[box.owner] == box.tag
        away = np.abs(np.array(box.centre_m) - scene.objects.centre_m[box.owner])
        assert (away <= np.linalg.norm(scene.objects.half_m[box.owner]) + 0.01).all()


def test_a_generated_world_has_walls_of_the_height_asked_for_and_no_town():
    scene = build_scene("OpenDriveMap", OPENDRIVE, 0, Generation(wall_height_m=2.5))
    assert set(scene.objects.tag.tolist()) == {Tag.ROADS, Tag.TERRAIN, Tag.WALLS}
    walls = scene.objects.tag == Tag.WALLS
    tops = scene.objects.centre_m[walls, 2] + scene.objects.half_m[walls, 2]
    assert np.allclose(tops, 2.5, atol=0.02)
    assert len(scene.obstacles) > 100  # pieces of four metres
    assert not len(build_scene("OpenDriveMap", OPENDRIVE, 0, Generation(wall_height_m=0.0)).obstacles)


def test_only_lanes_of_junctions_are_widened(scene: StaticScene):
    lane = read_lanes(scene.carla_map, ET.fromstring(OPENDRIVE))[0]
    inside = replace(lane, junction=7)
    assert widened([lane], 0.6)[0] is lane
    assert np.allclose(widened([inside], 0.6)[0].width_m, lane.width_m + 1.2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<html/>", "root element is <html>"),
        ("<OpenDRIVE>", "not well-formed"),
        ("<OpenDRIVE/>", "no <road>"),
        (OPENDRIVE.replace('length="400"', 'length="1e12"'), "m long together"),
        (OPENDRIVE.replace('length="400"', 'length="nan"'), "'nan', expected a number"),
        (OPENDRIVE.replace('x="0"', 'x="1e9"'), "x=1e+09"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + OPENDRIVE.split("?>")[1], "document type"),
    ],
)
def test_what_is_no_usable_opendrive_is_refused_with_the_reason(text: str, complaint: str):
    with pytest.raises(ValueError, match=complaint.replace("+", r"\+")):
        check_opendrive(text)
    check_opendrive(OPENDRIVE)
