"""Where the sun's shadows begin, and where there are none."""

import math

import numpy as np
import pytest

from sim.server.scene.mesh import Material, Mesh
from sim.server.sensors import shadows
from sim.server.sensors.columns import (
    ATMOSPHERE_COLUMNS,
    FRAGMENT_COLUMNS,
    NORMAL,
    STRIDE,
    SUN_DIR,
    TRANSLUCENT,
)
from sim.server.sensors.instances import Instances, View, Weather
from sim.server.sensors.kernel import U8
from sim.server.sensors.lighting import CONTACT_CELLS_PER_M, faces_the_sun
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene

CAMERA = Intrinsics(320, 200, math.radians(20.0))
EYE_M = (12.0, 0.0, 4.0)  # straight above the board
DOWN_RAD = (-math.pi / 2, 0.0, 0.0)
GROUND = box_mesh((0.0, 0.0, -1.0), (60.0, 60.0, 1.0), Material.SIDEWALK)
PX_PER_M = CAMERA.focal_px / EYE_M[2]
BOARD_M = (0.6, 0.05, 0.4)  # thin towards the sun, as a shoe or a tyre's tread: its own foot must shade its foot


def from_above(
    mesh: Mesh, bodies: Instances | None, weather: Weather, eye: tuple[float, float, float] = EYE_M,
    rotation: tuple[float, float, float] = DOWN_RAD,
) -> U8:  # fmt: skip
    renderer = SceneRenderer(small_scene(mesh), box_library(BOARD_M), threads=1)
    view = View(1, 0.0, bodies or boxes([]), np.zeros(0, np.uint8), weather)
    try:
        bgr = renderer.render(np.array(eye), np.array(rotation), CAMERA, view, ("rgb",)).bgr
    finally:
        renderer.close()
    assert bgr is not None
    return bgr


def beside(bgr: U8) -> tuple[float, float]:
    """Grey of the ground 2 to 5 cm from the board, away from the sun and towards it."""
    near, far = (round((BOARD_M[1] / 2 + off_m) * PX_PER_M) for off_m in (0.02, 0.05))
    grey = bgr[96:104].mean(axis=(0, 2))
    return float(grey[160 + near : 160 + far].mean()), float(grey[160 - far : 160 - near].mean())


@pytest.mark.parametrize("azimuth_deg", [-90.0, -75.0])
def test_the_shadow_of_a_body_begins_at_its_foot(azimuth_deg: float) -> None:
    weather = Weather(sun_altitude_angle=45.0, sun_azimuth_angle=azimuth_deg)  # of the left: shadows fall to the right
    shaded, lit = beside(from_above(GROUND, boxes([(12.0, 0.0, 0.0)]), weather))
    assert shaded < 0.6 * lit


def test_the_shadow_of_a_board_of_the_map_begins_at_its_foot() -> None:
    board = box_mesh((12.0, 0.0, BOARD_M[2] / 2), (BOARD_M[0] / 2, BOARD_M[1] / 2, BOARD_M[2] / 2), Material.POLE)
    weather = Weather(sun_altitude_angle=45.0, sun_azimuth_angle=-90.0)
    shaded, lit = beside(from_above(Mesh.join([GROUND, board]), None, weather))
    assert shaded < 0.6 * lit


@pytest.mark.parametrize("altitude_deg", [4.0, 10.0, 25.0, 45.0, 70.0])
def test_ground_does_not_shade_itself_nor_do_the_steps_between_lanes(
    altitude_deg: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    step_m = 0.042  # marked lanes lie 12 mm above their own height, fillings of junctions 30 mm below
    step = box_mesh((30.0, 0.0, step_m - 1.0), (4.0, 10.0, 1.0), Material.SIDEWALK)
    weather = Weather(sun_altitude_angle=altitude_deg, sun_azimuth_angle=37.0)
    pose = {"eye": (12.0, 0.0, 6.0), "rotation": (-0.35, 0.0, 0.0)}
    with_shadows = from_above(Mesh.join([GROUND, step]), None, weather, **pose)
    monkeypatch.setattr(shadows, "MIN_SUN_HEIGHT", 2.0)
    without = from_above(Mesh.join([GROUND, step]), None, weather, **pose)
    assert np.abs(with_shadows.astype(int) - without).max() <= 2


def darkest(half_length_m: float, half_width_m: float) -> float:
    """Of the ground under a body that stands still in the middle of a grid."""
    grid = np.zeros((64, 64), np.float32)
    body = np.array([[0.0, 0.0, 0.0, half_length_m, half_width_m]], np.float32)
    middle = np.full(2, -32 / CONTACT_CELLS_PER_M, np.float32)
    for piece in range(-(-64 // shadows.SPLAT_ROWS)):
        shadows._splat_rows(piece * shadows.SPLAT_ROWS, (piece + 1) * shadows.SPLAT_ROWS, grid, middle, body)
    return float(grid.max())


def test_a_stride_does_not_make_the_ground_under_somebody_flicker_and_a_bicycle_is_no_car() -> None:
    assert abs(darkest(0.53, 0.33) - darkest(0.31, 0.33)) < 0.05  # widest and narrowest step of a man
    assert darkest(0.9, 0.3) < 0.55 < 0.8 < darkest(2.3, 0.9)


def test_heights_are_those_of_the_triangles_over_the_middles_of_texels() -> None:
    rng = np.random.default_rng(7)
    corners = (rng.uniform(0.0, 40.0, (120, 1, 3)) + rng.uniform(-6.0, 6.0, (120, 3, 3))) * shadows.TEXEL_M
    corners[:20, 1, 1] = corners[:20, 0, 1]  # with a level edge
    vertices = corners.reshape(-1, 3).astype(np.float32)
    faces = np.arange(360, dtype=np.uint32).reshape(-1, 3)
    axes, size = np.eye(3).reshape(-1), 40
    drawn = np.zeros((size, size), np.float32)
    ranges = np.array([[0, len(faces), 0, size, 0]], np.int64)
    shadows.draw_heights(0, 1, vertices, faces, ranges, np.array([0, size]), axes, 0.0, 0.0, True, drawn)
    expected, doubtful = np.full((size, size), shadows.NOTHING), np.zeros((size, size), np.bool_)
    y, x = (np.mgrid[0:size, 0:size] + 0.5) * shadows.TEXEL_M
    for a, b, c in vertices.reshape(-1, 3, 3).astype(np.float64):
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        share_b = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area
        share_c = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area
        least = np.minimum(np.minimum(share_b, share_c), 1.0 - share_b - share_c)
        height = a[2] + share_b * (b[2] - a[2]) + share_c * (c[2] - a[2])
        expected = np.where(least >= 0.0, np.maximum(expected, height), expected)
        doubtful |= np.abs(least) < 1e-6
    assert (expected > shadows.NOTHING).mean() > 0.5
    assert np.allclose(drawn[~doubtful], expected[~doubtful], atol=1e-4)


def test_only_what_looks_at_the_sun_or_lets_light_through_asks_for_its_shadow() -> None:
    air = np.zeros(ATMOSPHERE_COLUMNS, np.float32)
    air[SUN_DIR : SUN_DIR + 3] = 0.6, 0.0, 0.8
    fragments = np.zeros((FRAGMENT_COLUMNS, STRIDE), np.float32)
    fragments[NORMAL + 2, :16] = -1.0
    assert not faces_the_sun(fragments.reshape(-1), 16, air)
    for column, value in ((NORMAL + 2, 1.0), (TRANSLUCENT, 0.35)):
        turned = fragments.copy()
        turned[column, 11] = value
        assert faces_the_sun(turned.reshape(-1), 16, air)
