"""Normals, flow and G-buffers of small scenes against geometry done by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.server.scene.mesh import Material
from sim.server.sensors.camera import encode_normals
from sim.server.sensors.gbuffers import GBufferSensor
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.raster import camera_block
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.sensors.surface import MAX_FLOW, NO_MATERIAL, Motion
from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene
from sim.server.world.pose import rotation_matrix

EYE, LEVEL = np.array([0.0, 0.0, 1.5]), np.zeros(3)
SIZE = Intrinsics(160, 120, math.pi / 2)  # focal length 80 pixels


@pytest.fixture(scope="module")
def renderer():
    made = SceneRenderer(small_scene(box_mesh((0.0, 0.0, -1.0), (50.0, 50.0, 1.0), Material.GRASS)), box_library(), 1)
    yield made
    made.close()


def view(bodies) -> View:
    return View(0, 0.0, bodies, np.zeros(0, np.uint8), Weather())


def test_normals_and_materials_of_ground_box_and_sky(renderer):
    seen = renderer.render(EYE, LEVEL, SIZE, view(boxes([(10.0, 0.0, 0.0)])), ("surface",))
    assert np.allclose(seen.normal[115, 80], (0.0, 0.0, 1.0))
    assert np.allclose(seen.normal[62, 80], (-1.0, 0.0, 0.0), atol=1e-6)  # the back of the box at 8 m
    assert np.allclose(seen.normal[2, 80], 0.0)
    assert (seen.material[115, 80], seen.material[62, 80], seen.material[2, 80]) == (
        Material.GRASS, Material.PAINT, NO_MATERIAL,
    )  # fmt: skip
    assert encode_normals(seen.normal)[115, 80].tolist() == [255, 127, 127, 255]
    assert encode_normals(seen.normal)[62, 80].tolist() == [127, 127, 0, 255]


def test_flow_of_a_driving_and_turning_camera_is_that_of_its_points(renderer):
    bodies = boxes([(10.0, 0.0, 0.0)])
    old_m, old_rad = EYE + np.array([-0.4, 0.1, 0.05]), np.array([0.02, -0.03, 0.01])
    new_rad = np.array([-0.01, 0.02, 0.0])
    motion = Motion.since(old_m, old_rad, bodies, bodies)
    seen = renderer.render(EYE, new_rad, SIZE, view(bodies), ("flow", "depth"), motion=motion)
    now, then = (camera_block(p, rotation_matrix(*r)) for p, r in ((EYE, new_rad), (old_m, old_rad)))
    y, x = np.mgrid[0:120, 0:160] + 0.5
    dx, dy = (x - 80.0) / 80.0, (y - 60.0) / 80.0
    way = now[9:] + dx[..., None] * now[3:6] + dy[..., None] * now[6:9]
    solid = seen.depth_m < 900.0
    point = now[:3] + way * seen.depth_m[..., None] - then[:3]
    point[~solid] = way[~solid]  # the sky is infinitely far
    right, down, ahead = (point @ then[k : k + 3] for k in (3, 6, 9))
    expected = np.stack([(dx - right / ahead) * 80.0 / 80.0, (down / ahead - dy) * 80.0 / 60.0], axis=2)
    assert np.allclose(seen.flow, np.clip(expected, -MAX_FLOW, MAX_FLOW), atol=2e-4)


def test_a_turning_body_moves_rigidly_and_a_new_one_not_at_all(renderer):
    then, now = boxes([(10.0, 0.0, 0.0)]), boxes([(10.0, 0.0, 0.1)])
    seen = renderer.render(
        EYE, LEVEL, SIZE, view(now), ("flow", "depth", "instance"), motion=Motion.since(EYE, LEVEL, then, now)
    )
    body = seen.instance == 1
    x = np.mgrid[0:120, 0:160][1] + 0.5
    side = (x - 80.0) / 80.0 * seen.depth_m
    ahead = seen.depth_m - 10.0
    was_ahead = 10.0 + math.cos(-0.1) * ahead - math.sin(-0.1) * side
    was_side = math.sin(-0.1) * ahead + math.cos(-0.1) * side
    assert np.allclose(seen.flow[body, 0], ((x - 80.0) / 80.0 - was_side / was_ahead)[body], atol=1e-3)
    fresh = replace(now, actor_id=np.array([7]))
    seen = renderer.render(EYE, LEVEL, SIZE, view(fresh), ("flow",), motion=Motion.since(EYE, LEVEL, then, fresh))
    assert np.abs(seen.flow).max() < 1e-6


def test_flow_needs_to_know_the_motion(renderer):
    with pytest.raises(ValueError, match="motion"):
        renderer.render(EYE, LEVEL, SIZE, view(boxes([])), ("flow",))


def image(renderer, buffer: int, bodies) -> np.ndarray:
    body = GBufferSensor(buffer, SIZE, renderer).measure(EYE, LEVEL, view(bodies), 0, 0.1)
    return np.frombuffer(body, np.uint8, offset=12).reshape(120, 160, 4)


def test_gbuffers_of_a_box(renderer):
    bodies = boxes([(10.0, 0.0, 0.0)])
    # 10 cm over 8 m, as sRGB: 0.0125 -> 1.055 * 0.0125^(1/2.4) - 0.055 = 0.115
    assert image(renderer, 1, bodies)[62, 80, 0] == pytest.approx(255 * 0.115, abs=1)
    assert image(renderer, 12, bodies)[62, 80].tolist() == [14, 14, 14, 255]
    assert image(renderer, 12, bodies)[2, 80, 0] == 0  # the sky has no stencil
    assert image(renderer, 5, bodies)[62, 80, :3].tolist() == [128, 128, 128]  # its paint, 0.5 of sRGB
    # a still pixel: 32767 / 65535 as sRGB
    assert image(renderer, 9, bodies)[62, 80].tolist() == [0, 188, 188, 0]
    with pytest.raises(ValueError, match="0 to 12, got 13"):
        GBufferSensor(13, SIZE, renderer)
