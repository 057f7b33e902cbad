import pytest

from sim.server.scene.static import StaticScene
from tests.sim.server.scene.maps import scene_of


@pytest.fixture(params=["crossing", "Town02", "Town04"])
def scene(request: pytest.FixtureRequest) -> StaticScene:
    return scene_of(request.param)


@pytest.fixture
def crossing() -> StaticScene:
    return scene_of("crossing")
