import numpy as np
import pytest

from sim.server.scene.ground import OFF_ROAD, ROAD, SIDEWALK, Ground, surface_at


def two_storeys() -> Ground:
    """A level road at 0.1 m, a bridge over it at 6 m rising 10 % along x, a sidewalk beside; terrain at -1 m."""
    vertices = np.array(
        [
            *([-20, -3, 0.1], [20, -3, 0.1], [20, 3, 0.1], [-20, 3, 0.1]),
            *([-3, -20, 5.7], [3, -20, 6.3], [3, 20, 6.3], [-3, 20, 5.7]),
            *([-20, 3, 0.24], [20, 3, 0.24], [20, 5, 0.24], [-20, 5, 0.24]),
        ],
        np.float64,
    )
    faces = np.array([[4 * k + i for i in tri] for k in range(3) for tri in ((0, 1, 2), (0, 2, 3))])
    kinds = np.array([ROAD, ROAD, ROAD, ROAD, SIDEWALK, SIDEWALK], np.uint8)
    return Ground(vertices, faces, kinds, np.full((5, 5), -1.0), (-40.0, -40.0), 20.0)


@pytest.mark.parametrize(
    ("point", "height", "kind"),
    [
        ((10.0, 0.0, 0.5), 0.1, ROAD),
        ((0.0, 0.0, 0.5), 0.1, ROAD),  # under the bridge
        ((1.0, 0.0, 5.6), 6.1, ROAD),  # on the bridge, half a metre deep: within the step
        ((1.0, 0.0, 5.4), 0.1, ROAD),  # deeper than the step: the road below
        ((10.0, 4.0, 1.0), 0.24, SIDEWALK),
        ((10.0, 15.0, 3.0), -1.0, OFF_ROAD),
        ((500.0, 15.0, 3.0), -1.0, OFF_ROAD),  # beyond the map
        ((10.0, 0.0, -50.0), -1.0, OFF_ROAD),  # everything is above: the lowest
        ((10.0, -3.04, 0.5), 0.1, ROAD),  # a hand's breadth over the edge still carries
    ],
)
def test_the_surface_is_the_highest_within_a_step(point: tuple[float, float, float], height: float, kind: int) -> None:
    z, *_, found = surface_at(two_storeys().arrays, *point)
    assert z == pytest.approx(height, abs=1e-9)
    assert found == kind


def test_the_normal_of_a_ten_percent_slope() -> None:
    _, nx, ny, nz, _ = surface_at(two_storeys().arrays, 0.0, 10.0, 6.0)
    assert (nx, ny, nz) == pytest.approx((-0.1 / 1.01**0.5, 0.0, 1 / 1.01**0.5))


def test_a_sliver_between_two_lanes_is_no_fin() -> None:
    """A millimetre wide, 2 cm high across, rising 10 % along: what the tolerance adds to its sides is no higher."""
    vertices = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.4], [2.0, 0.001, 0.22]])
    kinds = np.array([ROAD], np.uint8)
    ground = Ground(vertices, np.array([[0, 1, 2]]), kinds, np.full((2, 2), -1.0), (-9.0, -9.0), 18.0)
    for y in (-0.04, 0.0005, 0.04):
        heights, found = ground.look([[1.0, y, 0.3], [3.0, y, 0.3]])
        assert heights == pytest.approx([0.1, 0.3], abs=0.021)
        assert (found == ROAD).all()


def test_terrain_is_linear_between_its_posts_and_flat_outside() -> None:
    x, y = np.meshgrid(np.arange(4) * 10.0, np.arange(3) * 10.0)
    ground = Ground(np.zeros((0, 3)), np.zeros((0, 3), int), np.zeros(0, np.uint8), 0.1 * x - 0.2 * y, (0.0, 0.0), 10.0)
    points = np.array([[3.0, 8.0, 0.0], [25.0, 1.0, 0.0], [40.0, 5.0, 0.0], [-7.0, -7.0, 0.0]])
    assert ground.heights(points) == pytest.approx([0.3 - 1.6, 2.5 - 0.2, 3.0 - 1.0, 0.0])
    assert surface_at(ground.arrays, 40.0, 5.0, 9.0)[1] == 0.0


def test_terrain_needs_four_posts() -> None:
    with pytest.raises(ValueError, match="at least 2 x 2"):
        Ground(np.zeros((0, 3)), np.zeros((0, 3), int), np.zeros(0, np.uint8), np.zeros((1, 5)), (0.0, 0.0), 1.0)


def test_a_sliver_does_not_reach_far_beyond_its_corners() -> None:
    """A lane piece of a millimetre, 4 m wide: its tolerance must not carry anything a metre beside the road."""
    sliver = np.array([[0.0, -2.0, 1.0], [0.001, 2.0, 1.0], [0.0, 2.0, 1.0]])
    ground = Ground(sliver, np.array([[0, 1, 2]]), np.array([ROAD], np.uint8), np.zeros((2, 2)), (-50.0, -50.0), 100.0)
    assert ground.heights(np.array([[0.0, 0.0, 2.0], [0.0, -3.0, 2.0]])) == pytest.approx([1.0, 0.0])
