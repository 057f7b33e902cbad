"""Carriageways have no slits through which one sees the land below them."""

import math

import cv2
import numpy as np
import pytest

from sim.server.scene.library import load_library
from sim.server.scene.mesh import Tag
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.sensors.warm import boxes
from tests.sim.server.scene.maps import scene_of

EYE_M, DOWN_RAD = 1.5, math.radians(-22.0)
LOOKS = 24
THICK_PX, LONG_PX = 7, 30


def slits(semantic: np.ndarray) -> int:
    """Thin, long strips of land that touch a carriageway on both sides."""
    road = (semantic == Tag.ROADS).astype(np.uint8)
    land = (semantic == Tag.TERRAIN).astype(np.uint8)
    thin = land - cv2.morphologyEx(land, cv2.MORPH_OPEN, np.ones((THICK_PX, THICK_PX), np.uint8))
    above, below = (cv2.dilate(np.roll(road, step, axis=0), np.ones((THICK_PX, 1), np.uint8)) for step in (4, -4))
    between = (thin & above & below)[2 * THICK_PX : -2 * THICK_PX]  # nobody knows what is beyond the picture
    _, _, stats, _ = cv2.connectedComponentsWithStats(between, connectivity=8)
    return int((stats[1:, cv2.CC_STAT_WIDTH] >= LONG_PX).sum())


@pytest.mark.parametrize("name", ["Roadlab01", "Roadlab03", "crossing", "Town02", "Town04", "Town07"])
def test_no_land_shows_through_between_lanes_and_junctions(name: str) -> None:
    """Looked at from a car before junctions and from the pavement, 2 to 10 m away."""
    scene = scene_of(name)
    renderer = SceneRenderer(scene, load_library())
    lanes = [w for w in scene.carla_map.generate_waypoints(2.0) if str(w.lane_type) == "Driving"]
    near = [w for w in lanes if not w.is_junction and any(ahead.is_junction for ahead in w.next(5.0))]
    rng = np.random.default_rng(3)
    view = View(0, 0.0, boxes([]), np.full(len(scene.signals), 3, np.uint8), Weather())
    seen = 0
    try:
        for k in rng.choice(len(near), min(LOOKS, len(near)), replace=False):
            at, yaw = near[k].transform.location, math.radians(near[k].transform.rotation.yaw)
            for aside_m, turn in ((0.0, 0.0), (near[k].lane_width, -0.9)):
                eye = np.array([at.x - aside_m * math.sin(yaw), at.y + aside_m * math.cos(yaw), at.z + EYE_M])
                picture = renderer.render(
                    eye, np.array([DOWN_RAD, yaw + turn, 0.0]), Intrinsics(400, 300, math.radians(45.0)), view,
                    ("semantic",),
                )  # fmt: skip
                assert picture.semantic is not None
                seen += slits(picture.semantic)
    finally:
        renderer.close()
    assert seen == 0
