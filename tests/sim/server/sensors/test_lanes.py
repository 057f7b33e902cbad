"""What makes the camera fast must not be seen: hidden triangles, shared tables, packed colours, vector code."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.server.scene.mesh import Material, Mesh, Tag
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.kernel import claim, kernel, lanes
from sim.server.sensors.lighting import exp_of_negative
from sim.server.sensors.packed import octahedral_of, packed_map
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene

EYE, LEVEL = np.array([0.0, 0.0, 1.0]), np.zeros(3)
CAMERA = Intrinsics(320, 200, math.pi / 2)
PICTURE = ("rgb", "depth", "semantic", "instance")


def view_of(bodies):
    return View(1, 0.05, bodies, np.zeros(0, np.uint8), Weather(sun_altitude_angle=-30.0))


def test_what_a_wall_hides_changes_no_byte_of_the_picture():
    wall = box_mesh((8.0, 0.0, 0.0), (0.5, 60.0, 60.0), Material.WALL)
    rng = np.random.default_rng(0)
    behind = [box_mesh((30.0 + 0.1 * k, *rng.uniform(-20, 20, 2)), (0.3, 0.3, 0.3), Material.POLE) for k in range(300)]
    pictures = []
    for parts in ([wall], [wall, *behind], [*behind, wall]):
        renderer = SceneRenderer(small_scene(Mesh.join(parts)), box_library(), threads=1)
        pictures.append(renderer.render(EYE, LEVEL, CAMERA, view_of(boxes([])), PICTURE))
        renderer.close()
    for other in pictures[1:]:
        assert np.array_equal(other.bgr, pictures[0].bgr)
        assert np.array_equal(other.depth_m, pictures[0].depth_m)


def test_what_stands_before_a_wall_is_seen_whichever_is_drawn_first():
    wall = box_mesh((20.0, 0.0, 0.0), (0.5, 60.0, 60.0), Material.WALL)
    rng = np.random.default_rng(0)
    before = [box_mesh((12.0, y, z), (0.1, 0.1, 0.1), Material.POLE) for y, z in rng.uniform(-6, 6, (400, 2))]
    seen = []
    for parts in ([wall, *before], [*before, wall]):
        renderer = SceneRenderer(small_scene(Mesh.join(parts)), box_library(), threads=1)
        seen.append(renderer.render(EYE, LEVEL, CAMERA, view_of(boxes([])), PICTURE))
        renderer.close()
    assert (seen[0].semantic == Tag.POLES).sum() > 1000
    assert np.array_equal(seen[0].semantic, seen[1].semantic)
    assert np.array_equal(seen[0].bgr, seen[1].bgr)


def test_a_camera_sees_the_same_whether_others_looked_in_that_tick_or_not():
    ground = box_mesh((0.0, 0.0, -1.0), (80.0, 80.0, 1.0), Material.ROAD)
    lamps = np.array([[12.0, 3.0, 6.0, 0.0, 0.0, -1.0]], np.float32)
    renderer = SceneRenderer(small_scene(ground, lamps_m=lamps), box_library(), threads=2)
    view = view_of(boxes([(12.0, 1.0, 0.3), (-20.0, -3.0, 1.0)]))
    turned = np.array([0.0, math.pi, 0.0])
    alone = renderer.render(EYE, turned, CAMERA, view, ("rgb",)).bgr
    shared = replace(view)
    renderer.render(np.array([0.4, 0.2, 1.0]), LEVEL, CAMERA, shared, ("rgb",))
    assert np.array_equal(renderer.render(EYE, turned, CAMERA, shared, ("rgb",)).bgr, alone)
    renderer.close()


@pytest.mark.parametrize("most", [0.02, 1.0, 40.0])
def test_packed_colours_are_within_half_a_percent_of_the_brightest(most):
    rgb = np.random.default_rng(1).random((16, 16, 4)).astype(np.float32) * np.float32(most)
    table, brightest = packed_map(rgb)
    assert brightest == pytest.approx(float(rgb[..., :3].max()))
    red, green, blue = octahedral_of(table, 16, brightest, 0.0, 0.0, 1.0)  # between the four texels of the middle
    middle = rgb[7:9, 7:9, :3]
    for value, texels in zip((red, green, blue), np.moveaxis(middle, -1, 0), strict=True):
        assert value == pytest.approx((np.sqrt(texels).mean()) ** 2, abs=0.005 * brightest)


@pytest.mark.parametrize("x", [0.0, 0.1, 1.0, 5.0, 12.0])
def test_the_exponential_is_that_of_mathematics(x):
    assert exp_of_negative(x) == pytest.approx(math.exp(-x), abs=1e-5)


def test_lanes_compute_in_single_precision_and_pieces_are_claimed_once():
    @lanes
    def tenth(out):
        out[0] = 0.1

    @kernel
    def take(counter, seen):
        for _ in range(5):
            seen[claim(counter)] += 1

    out, counter, seen = np.zeros(1), np.zeros(1, np.int64), np.zeros(5, np.int64)
    tenth(out)
    take(counter, seen)
    assert out[0] == float(np.float32(0.1)) != 0.1
    assert seen.tolist() == [1] * 5
    assert counter[0] == 5
