"""Facts about bare asphalt: what wheels wear of it is the same on a lane and on the junction that it runs into."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.server.scene.mesh import Material, Mesh
from sim.server.scene.static import STRIP_DTYPE
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.sensors.warm import box_library, boxes, small_scene

LANE_M = 3.5
CAMERA = Intrinsics(320, 320, math.radians(90.0))


def light(driving: bool, junction: bool) -> float:
    """Mean grey level of a lane among shoulders, from above; they share an exposure."""
    strips = np.zeros(2, STRIP_DTYPE)
    strips["driving"][1], strips["junction"][1] = driving, junction
    lanes = []
    for k in range(-4, 5):
        y = k * LANE_M - LANE_M / 2.0
        corners = np.array([[-15, y, 0], [15, y, 0], [15, y + LANE_M, 0], [-15, y + LANE_M, 0]], np.float32)
        uvw = np.array([[0, 0, LANE_M], [30, 0, LANE_M], [30, LANE_M, 0], [0, LANE_M, 0]], np.float32)
        up = np.tile(np.array([0, 0, 1], np.float32), (4, 1))
        faces = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
        lanes.append(Mesh(corners, up, uvw, faces, np.full(2, Material.ROAD, np.uint8), np.full(2, k == 0, np.int32)))
    renderer = SceneRenderer(small_scene(Mesh.join(lanes), strips=strips), box_library(), threads=1)
    view = View(1, 0.0, boxes([]), np.zeros(0, np.uint8), Weather(sun_altitude_angle=60.0))
    try:
        down = np.array([-math.pi / 2.0, 0.0, 0.0])
        seen = renderer.render(np.array([0.0, 0.0, 9.0]), down, CAMERA, view, ("rgb",)).bgr
    finally:
        renderer.close()
    half = round(160 * LANE_M / 9.0 / 2.0)
    return float(seen[:, 160 - half : 160 + half].mean())


def test_a_junction_is_as_dark_as_the_lanes_before_it() -> None:
    """It was lighter, as if nobody drove there."""
    lane, junction, shoulder = light(True, False), light(True, True), light(False, False)
    assert junction == pytest.approx(lane, rel=0.01)
    assert shoulder > 1.02 * lane
