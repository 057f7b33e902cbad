from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sim.server.scene.ground import OFF_ROAD, ROAD, Ground
from sim.server.scene.static import Box
from sim.server.sensors.instances import Weather
from sim.server.world.dynamics import Dynamics

DT_S = 0.05


def plane(slope_x: float = 0.0, slope_y: float = 0.0, kind: int = ROAD) -> Ground:
    """A road 1 km long and 200 m wide through the origin; z = slope_x x + slope_y y; far below, terrain."""
    corners = [(-500.0, -100.0), (500.0, -100.0), (500.0, 100.0), (-500.0, 100.0)]
    vertices = np.array([(x, y, slope_x * x + slope_y * y) for x, y in corners])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    if kind == OFF_ROAD:
        return Ground(np.zeros((0, 3)), np.zeros((0, 3), int), np.zeros(0, np.uint8), np.zeros((2, 2)), (0, 0), 1.0)
    return Ground(vertices, faces, np.full(2, kind, np.uint8), np.full((2, 2), -500.0), (0.0, 0.0), 1.0)


class Place:
    """A world of its own with a stopwatch."""

    def __init__(self, ground: Ground, obstacles: Sequence[Box]) -> None:
        self.dynamics = Dynamics(ground, obstacles, np.random.default_rng(0))
        self.contacts: list = []

    def run(self, seconds: float, dt_s: float = DT_S, weather: Weather | None = None) -> None:
        for _ in range(round(seconds / dt_s)):
            self.contacts += self.dynamics.step(dt_s, weather or Weather())

    def row(self, actor_id: int) -> int:
        return int(np.searchsorted(self.dynamics.actor_id, actor_id))

    def position(self, actor_id: int = 1) -> np.ndarray:
        return self.dynamics.position_m[self.row(actor_id)]

    def velocity(self, actor_id: int = 1) -> np.ndarray:
        return self.dynamics.velocity_mps[self.row(actor_id)]

    def rotation(self, actor_id: int = 1) -> np.ndarray:
        return self.dynamics.rotation_rad[self.row(actor_id)]

    def speed(self, actor_id: int = 1) -> float:
        return float(np.linalg.norm(self.velocity(actor_id)))


@pytest.fixture
def place() -> Callable[..., Place]:
    """Builds a world: ``place(slope_x=0.1, obstacles=[...])``."""

    def build(
        slope_x: float = 0.0, slope_y: float = 0.0, kind: int = ROAD, obstacles: Sequence[Box] = (), ground=None
    ) -> Place:
        return Place(ground or plane(slope_x, slope_y, kind), obstacles)

    return build
