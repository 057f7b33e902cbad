"""The rasteriser's geometry: where things appear, how deep, what hides what, and that it never varies."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sim.server.scene.mesh import Material, Mesh, Tag
from sim.server.scene.static import STRIP_DTYPE
from sim.server.sensors.instances import Instances, View, Weather
from sim.server.sensors.renderer import Buffers, Intrinsics, SceneRenderer
from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene

CAMERA = Intrinsics(320, 200, math.radians(90.0))  # focal length 160 px, axis at (160, 100)
EYE = np.array([0.0, 0.0, 1.0])
LEVEL = np.zeros(3)
LABELS = ("depth", "semantic", "instance")
NOON = Weather(sun_altitude_angle=60.0)


def road(markings: bool = False) -> Mesh:
    """A straight lane along x, 4 m wide, its left edge at y = -2, on z = 0."""
    x, y = np.array([1.0, 200.0, 200.0, 1.0]), np.array([-2.0, -2.0, 2.0, 2.0])
    return Mesh(
        np.column_stack([x, y, 0 * x]).astype(np.float32),
        np.tile(np.array([0, 0, 1], np.float32), (4, 1)),
        np.column_stack([x, y + 2.0, 2.0 - y]).astype(np.float32),
        np.array([[0, 1, 2], [0, 2, 3]], np.uint32),
        np.full(2, Material.ROAD, np.uint8),
        np.full(2, 1 if markings else 0, np.int32),
    )


def view_of(bodies: Instances | None = None, weather: Weather = NOON, frame: int = 7) -> View:
    return View(frame, 0.0, bodies or boxes([]), np.zeros(0, np.uint8), weather)


def wall(x: float, material: Material = Material.CONCRETE, half: float = 30.0) -> Mesh:
    """A wall whose face towards the origin is at ``x``."""
    return box_mesh((x + 1.0, 0.0, 0.0), (1.0, half, half), material)


@pytest.fixture(scope="module")
def on_road():
    strips = np.zeros(2, STRIP_DTYPE)
    strips["driving"] = True
    strips[1]["left_type"], strips[1]["left_width_m"] = 2, 0.20
    strips[1]["right_type"], strips[1]["right_width_m"], strips[1]["right_yellow"] = 2, 0.20, True
    renderer = SceneRenderer(small_scene(road(markings=True), strips), box_library(), threads=1)
    yield renderer
    renderer.close()


def look(mesh: Mesh, bodies: Instances | None = None, want=LABELS, weather: Weather = NOON, **more) -> Buffers:
    renderer = SceneRenderer(small_scene(mesh), box_library(), threads=1)
    try:
        return renderer.render(EYE, LEVEL, CAMERA, view_of(bodies, weather), want, **more)
    finally:
        renderer.close()


def test_a_point_falls_on_the_pixel_of_the_pinhole_model():
    # 0.4 m cube at x 10, y 2, z 3: its near face is at 9.8 m; u = 160 + 160 * y / 9.8, v = 100 - 160 * (z - 1) / 9.8
    buffers = look(box_mesh((10.0, 2.0, 3.0), (0.2, 0.2, 0.2), Material.POLE))
    rows, columns = np.nonzero(buffers.semantic == Tag.POLES)
    assert columns.max() == math.floor(160 + 160 * 2.2 / 9.8 - 0.5)  # right is +y
    assert rows.min() == math.ceil(100 - 160 * 2.2 / 9.8 - 0.5)  # up is smaller v
    assert columns.min() == math.ceil(160 + 160 * 1.8 / 10.2 - 0.5)  # the left side is seen: its far edge
    assert rows.max() == math.floor(100 - 160 * 1.8 / 10.2 - 0.5)


def test_yaw_turns_the_camera_to_the_right():
    renderer = SceneRenderer(small_scene(box_mesh((0.0, 10.0, 1.0), (1.0, 1.0, 1.0), Material.POLE)), box_library(), 1)
    buffers = renderer.render(EYE, np.array([0.0, math.pi / 2, 0.0]), CAMERA, view_of(), LABELS)
    rows, columns = np.nonzero(buffers.semantic == Tag.POLES)
    assert abs(columns.mean() - 159.5) < 0.6
    assert abs(rows.mean() - 99.5) < 0.6
    renderer.close()


def test_pitch_up_moves_the_horizon_down():
    renderer = SceneRenderer(small_scene(wall(5.0, half=1.0)), box_library(), 1)
    buffers = renderer.render(np.zeros(3), np.array([0.2, 0.0, 0.0]), CAMERA, view_of(), LABELS)
    assert np.nonzero(buffers.semantic == Tag.BUILDINGS)[0].mean() > 120
    renderer.close()


@pytest.mark.parametrize("distance", [2.0, 25.0, 240.0])
def test_depth_of_a_wall_is_its_distance_along_the_axis_everywhere(distance):
    buffers = look(wall(distance, half=400.0))
    step = 1000.0 / (2**24 - 1)
    assert np.abs(buffers.depth_m - distance).max() <= step
    assert (buffers.semantic == Tag.BUILDINGS).all()


def test_depth_of_level_ground_follows_its_row():
    buffers = look(road())
    v = np.arange(140, 195)
    expected = 1.0 * 160.0 / (v + 0.5 - 100.0)
    assert np.allclose(buffers.depth_m[v, 160], expected, rtol=2e-5)


def test_the_sky_is_a_kilometre_away():
    buffers = look(road())
    assert (buffers.depth_m[:95] == 1000.0).all()
    assert (buffers.semantic[:95] == Tag.SKY).all()


def test_the_nearer_wall_hides_the_farther_one_in_either_order():
    near, far = wall(10.0, Material.WALL, 2.0), wall(20.0, Material.CONCRETE, 2.0)
    for parts in ((near, far), (far, near)):
        buffers = look(Mesh.join(parts))
        assert buffers.semantic[100, 160] == Tag.WALLS
        assert not (buffers.semantic == Tag.BUILDINGS).any()  # 2 m at 20 m lie behind 2 m at 10 m


def test_a_wall_through_the_camera_plane_is_not_lost():
    buffers = look(box_mesh((0.0, 3.0, 0.0), (50.0, 0.5, 0.9), Material.WALL))
    assert buffers.semantic[150, 310] == Tag.WALLS


def test_a_body_has_its_tag_its_id_and_its_size():
    # box of 4 x 2 x 1.5 m at 12 m: its back is at 10 m, 32 px wide, from 1 m below the eye to 0.5 m above it
    buffers = look(road(), boxes([(12.0, 0.0, 0.0)], first_id=70_001))
    rows, columns = np.nonzero(buffers.instance == 70_001)
    assert (columns.min(), columns.max()) == (144, 175)
    assert rows.max() == 115  # z 0 at 10 m: v = 100 + 16
    assert rows.min() == 92
    assert (buffers.semantic[rows, columns] == Tag.CAR).all()
    assert buffers.depth_m[100, 160] == pytest.approx(10.0, abs=1e-4)


def test_a_body_that_moves_takes_its_mask_along():
    renderer = SceneRenderer(small_scene(road()), box_library(), threads=1)
    first = renderer.render(EYE, LEVEL, CAMERA, view_of(boxes([(12.0, -3.0, 0.0)])), LABELS)
    second = renderer.render(EYE, LEVEL, CAMERA, view_of(boxes([(12.0, 3.0, 0.0)]), frame=8), LABELS)
    assert np.nonzero(first.instance)[1].mean() < 150
    assert np.nonzero(second.instance)[1].mean() > 170
    renderer.close()


def test_an_excluded_actor_is_not_drawn():
    bodies = boxes([(12.0, 0.0, 0.0), (24.0, 0.0, 0.0)], first_id=5)
    buffers = look(road(), bodies, exclude_actor=5)
    assert set(np.unique(buffers.instance)) == {0, 6}


def test_a_camera_inside_a_body_looks_out_of_it():
    buffers = look(road(), boxes([(0.0, 0.0, 0.0)]))
    assert not buffers.instance.any()


def test_a_marking_is_as_wide_as_it_is(on_road):
    # the lane's half of a 0.20 m line at its left edge, y -2.0 .. -1.9
    eye = np.array([0.0, -1.95, 0.8])
    close = Intrinsics(3200, 2000, math.radians(90.0))  # focal length 1600 px
    buffers = on_road.render(eye, LEVEL, close, view_of(), LABELS)
    row = 1000 + 320  # 0.8 m below the eye: 4 m away, within half a pixel row
    lines = np.nonzero(buffers.semantic[row] == Tag.ROAD_LINES)[0]
    left = lines[lines < 2000]
    assert abs(len(left) - 0.10 / 4.0 * 1600) <= 1.5


def test_marking_colours_are_white_and_yellow(on_road):
    eye, down = np.array([10.0, 0.0, 3.0]), np.array([-math.pi / 2, 0.0, 0.0])
    frame = Intrinsics(400, 400, math.radians(90.0))
    buffers = on_road.render(eye, down, frame, view_of(), ("rgb", "semantic"))
    on_line = buffers.semantic == Tag.ROAD_LINES
    white, yellow = buffers.bgr[:, :200][on_line[:, :200]], buffers.bgr[:, 200:][on_line[:, 200:]]
    asphalt = buffers.bgr[buffers.semantic == Tag.ROADS]
    assert white.mean() > asphalt.mean() + 40
    assert yellow[:, 2].mean() > yellow[:, 0].mean() + 60  # red far above blue
    assert abs(white[:, 2].mean() - white[:, 0].mean()) < 40


def test_one_and_two_threads_draw_the_same_bytes():
    def picture(threads: int) -> tuple[bytes, bytes]:
        renderer = SceneRenderer(small_scene(Mesh.join([road(), wall(40.0)])), box_library(), threads)
        weather = Weather(precipitation=60.0, wetness=80.0, sun_altitude_angle=30.0, fog_density=20.0)
        view = view_of(boxes([(12.0, 1.0, 0.3), (20.0, -3.0, 1.0)]), weather)
        buffers = renderer.render(EYE, LEVEL, CAMERA, view, ("rgb", *LABELS))
        renderer.close()
        return buffers.bgr.tobytes(), buffers.depth_m.tobytes()

    assert picture(1) == picture(2)


PROCESS = """
import hashlib, math, numpy as np
from sim.server.sensors.warm import *
renderer = SceneRenderer(small_scene(box_mesh((0, 0, -1), (50, 50, 1), Material.GRASS)), box_library(), 1)
view = View(3, 0.4, boxes([(9.0, 1.0, 0.3)]), np.zeros(0, np.uint8), Weather(sun_altitude_angle=20.0))
picture = renderer.render(np.array([0, 0, 1.5]), np.zeros(3), Intrinsics(160, 120, math.pi / 2), view, ["rgb"], seed=5)
print(hashlib.sha256(picture.bgr.tobytes()).hexdigest())
"""


def test_two_processes_draw_the_same_bytes():
    renderer = SceneRenderer(small_scene(box_mesh((0, 0, -1), (50, 50, 1), Material.GRASS)), box_library(), 1)
    view = View(3, 0.4, boxes([(9.0, 1.0, 0.3)]), np.zeros(0, np.uint8), Weather(sun_altitude_angle=20.0))
    camera = Intrinsics(160, 120, math.pi / 2)
    here = renderer.render(np.array([0, 0, 1.5]), np.zeros(3), camera, view, ["rgb"], seed=5)
    run = subprocess.run([sys.executable, "-c", PROCESS], capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == hashlib.sha256(here.bgr.tobytes()).hexdigest(), run.stderr
    other_seed = renderer.render(np.array([0, 0, 1.5]), np.zeros(3), camera, view, ["rgb"], seed=6)
    assert (other_seed.bgr != here.bgr).any()  # the grain follows the seed
    renderer.close()


def test_an_unknown_wish_is_refused():
    with pytest.raises(ValueError, match="normals"):
        look(road(), want=("normals",))


def test_a_view_is_not_mixed_up_with_the_one_before():
    renderer = SceneRenderer(small_scene(road()), box_library(), threads=1)
    view = view_of(boxes([(12.0, 0.0, 0.0)]))
    first = renderer.render(EYE, LEVEL, CAMERA, view, ("rgb",))
    renderer.render(EYE, LEVEL, CAMERA, replace(view, instances=boxes([]), frame=8), ("rgb",))
    again = renderer.render(EYE, LEVEL, CAMERA, view, ("rgb",))
    assert (first.bgr == again.bgr).all()
    renderer.close()
