"""Facts about houses by night: windows are rooms with warm lamps, few of them bright."""

from __future__ import annotations

import math

import numpy as np

from sim.server.scene.mesh import Material, Mesh
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.sensors.warm import box_library, boxes, small_scene

CAMERA = Intrinsics(640, 400, math.radians(90.0))
WIDE_M, HIGH_M = 60.0, 19.2
FAR_LAMP = np.array([[-400.0, 0.0, 6.0, 0.0, 0.0, -1.0]], np.float32)  # houses without any stay dark


def front(seed: int) -> Mesh:
    """A house's front 15 m ahead."""
    half = WIDE_M / 2.0
    corners = np.array([[15, half, 0], [15, -half, 0], [15, -half, HIGH_M], [15, half, HIGH_M]], np.float32)
    uvw = np.array([[0, 0, 2.8], [WIDE_M, 0, 2.8], [WIDE_M, HIGH_M, 2.8], [0, HIGH_M, 2.8]], np.float32)
    normal = np.tile(np.array([-1, 0, 0], np.float32), (4, 1))
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
    return Mesh(corners, normal, uvw, faces, np.full(2, Material.FACADE, np.uint8), np.full(2, seed, np.int32))


def picture(seed: int, altitude_deg: float) -> np.ndarray:
    renderer = SceneRenderer(small_scene(front(seed), lamps_m=FAR_LAMP), box_library(), threads=1)
    view = View(1, 0.0, boxes([]), np.zeros(0, np.uint8), Weather(sun_altitude_angle=altitude_deg))
    try:
        seen = renderer.render(np.array([0.0, 0.0, 7.0]), np.zeros(3), CAMERA, view, ("rgb",)).bgr
    finally:
        renderer.close()
    return np.asarray(seen[:, 60:580], float)


def test_lit_windows_are_warm_and_seldom_burnt_out():
    night = np.concatenate([picture(seed, -60.0).reshape(-1, 3) for seed in (5, 77, 1234)])
    lit = night[night.mean(axis=1) > 90.0]
    assert len(lit) > 0.01 * len(night)
    assert (lit.min(axis=1) > 235.0).mean() < 0.1, "white"
    assert np.median(lit[:, 2] - lit[:, 0]) > 30.0, "red over blue"
    assert np.std(lit.mean(axis=1)) > 15.0, "some rooms are brighter than others"
