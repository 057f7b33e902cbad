"""Outlines of moving bodies against the pixels that labels give them, and against boxes known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.server.scene.mesh import Material
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.renderer import Buffers, Intrinsics, SceneRenderer
from sim.server.sensors.silhouettes import Part
from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene

CAMERA = Intrinsics(320, 200, math.radians(90.0))  # focal length 160 px, axis at (160, 100)
EYE, LEVEL = np.array([0.0, 0.0, 0.75]), np.zeros(3)
FAR_WALL = box_mesh((80.0, 0.0, 0.0), (1.0, 30.0, 30.0), Material.CONCRETE)


def look(renderer: SceneRenderer, *at: tuple[float, float, float]):
    """Outlines and labels of boxes, ids from 10 on, at x, y, yaw."""
    view = View(1, 0.0, boxes(list(at), 10), np.zeros(0, np.uint8), Weather(sun_altitude_angle=60.0))
    labels = renderer.render(EYE, LEVEL, CAMERA, view, ("semantic", "instance"))
    return renderer.silhouettes(EYE, LEVEL, CAMERA, view, labels=labels), labels


@pytest.fixture(scope="module")
def street():
    renderer = SceneRenderer(small_scene(FAR_WALL), box_library((4.0, 2.0, 1.5)), threads=2)
    yield renderer
    renderer.close()


def box_of(labels: Buffers, actor_id: int) -> list[int]:
    y, x = np.nonzero(labels.instance == actor_id)
    return [x.min(), y.min(), x.max() + 1, y.max() + 1]


def test_a_lone_body_is_wholly_visible_in_the_box_of_its_instance_pixels(street):
    outlines, labels = look(street, (12.0, 3.0, 0.4))
    assert outlines.actor_id.tolist() == [10]
    assert outlines.part.tolist() == [Part.WHOLE]
    assert outlines.visible_px[0] == np.count_nonzero(labels.instance == 10)
    assert outlines.visible_box[0].tolist() == box_of(labels, 10)
    assert outlines.amodal_px[0] == outlines.visible_px[0]
    assert outlines.share_visible[0] == 1.0
    np.testing.assert_allclose(outlines.amodal_box[0], box_of(labels, 10), atol=1.0)


def test_the_whole_box_of_a_face_on_body_is_its_projected_rear(street):
    outlines, _ = look(street, (12.0, 0.0, 0.0))
    # the face at x = 10 m is 2 m wide and 1.5 m high, the eye at half its height: 16 px a metre
    np.testing.assert_allclose(outlines.amodal_box[0], [144.0, 88.0, 176.0, 112.0], atol=1e-3)
    assert outlines.amodal_px[0] == 32 * 24


def test_a_half_hidden_body_is_half_visible_and_keeps_its_whole_box(street):
    # the near face at x = 6 m covers -1..1 m, at the rear one's 18 m -3..3 m: its half from 3 m to 4 m stays free
    outlines, labels = look(street, (8.0, 0.0, 0.0), (20.0, 3.0, 0.0))
    near, far = outlines.actor_id.tolist().index(10), outlines.actor_id.tolist().index(11)
    assert outlines.share_visible[near] == 1.0
    assert outlines.share_visible[far] == pytest.approx(0.5, abs=0.1)
    assert outlines.visible_box[far].tolist() == box_of(labels, 11)
    assert outlines.amodal_box[far][0] < outlines.visible_box[far][0] - 5.0
    assert outlines.amodal_box[far][2] == pytest.approx(outlines.visible_box[far][2], abs=1.0)


def test_a_hidden_body_has_an_outline_and_no_pixels(street):
    outlines, _ = look(street, (8.0, 0.0, 0.0), (30.0, 0.0, 0.0))
    far = outlines.actor_id.tolist().index(11)
    assert outlines.visible_px[far] == 0
    assert outlines.visible_box[far].tolist() == [0, 0, 0, 0]
    assert outlines.amodal_px[far] > 0
    assert outlines.share_visible[far] == 0.0


def test_the_whole_box_reaches_beyond_the_picture(street):
    outlines, _ = look(street, (7.0, 5.0, 0.0))
    # the near face at x = 5 m: 32 px a metre, from y = 4 to 6 m; the far one at 9 m begins further inside
    assert outlines.amodal_box[0][2] == pytest.approx(160.0 + 6.0 * 32.0, abs=1e-3)
    assert outlines.visible_box[0][2] == CAMERA.width


def test_a_body_around_the_camera_has_a_finite_box(street):
    outlines, _ = look(street, (0.5, 1.2, 0.0))
    assert np.isfinite(outlines.amodal_box).all()
    assert (outlines.share_visible <= 1.0).all()


def test_nothing_to_see_gives_no_rows(street):
    outlines, _ = look(street, (-20.0, 0.0, 0.0))
    assert len(outlines.actor_id) == 0
    assert outlines.share_visible.shape == (0,)


def test_labels_without_instances_are_refused(street):
    view = View(1, 0.0, boxes([]), np.zeros(0, np.uint8), Weather())
    with pytest.raises(ValueError, match="semantic and instance"):
        street.silhouettes(EYE, LEVEL, CAMERA, view, labels=Buffers())
