"""Facts about what stands beside the roads and is painted on them: furniture, fences, arrows, facades, sign digits."""

from __future__ import annotations

import carla
import numpy as np
import pytest

from sim.server.scene.buildings import CELL_M
from sim.server.scene.ground import OFF_ROAD
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.static import StaticScene
from sim.server.scene.street_things import KINDS
from sim.server.sensors.shade_built import GLYPHS
from tests.sim.server.scene.maps import scene_of


@pytest.fixture(scope="module")
def town() -> StaticScene:
    return scene_of("Roadlab03")


def objects_named(scene: StaticScene, *stems: str) -> list[int]:
    return [k for k, name in enumerate(scene.objects.name) if name.startswith(stems)]


def test_furniture_stands_on_no_lane_and_no_sidewalk(town: StaticScene) -> None:
    boxes = [box for box in town.obstacles if box.tag in (Tag.STATIC, Tag.FENCES)]
    assert len(boxes) > 60
    for box in boxes:
        c, s = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
        sign = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1], [0, 0]])
        local = sign * box.half_m[:2]
        corner = np.column_stack(
            [c * local[:, 0] - s * local[:, 1], s * local[:, 0] + c * local[:, 1], 0 * local[:, 0]]
        )
        _, kind = town.ground.look(corner + np.array(box.centre_m))
        assert (kind == OFF_ROAD).all(), town.objects.name[box.owner]


def test_every_kind_of_furniture_is_an_object_as_large_as_its_obstacle(town: StaticScene) -> None:
    half = {kind.stem: np.array(kind.half) for kind in KINDS}
    by_owner = {box.owner: box for box in town.obstacles if box.tag == Tag.STATIC}
    seen = set()
    for k in objects_named(town, *half):
        stem = "_".join(town.objects.name[k].split("_")[:2])
        seen.add(stem)
        assert town.objects.tag[k] == Tag.STATIC
        assert by_owner[k].half_m == pytest.approx(half[stem])
        assert (np.abs(town.objects.half_m[k] - half[stem]) < 0.13).all(), (stem, town.objects.half_m[k])
    assert len(seen) >= len(KINDS) - 2  # rare ones may find no room


def test_arrows_lie_on_lanes_that_have_a_neighbour_and_point_along_them(town: StaticScene) -> None:
    arrows = objects_named(town, "Road_Arrow")
    assert len(arrows) >= 4
    for k in arrows:
        x, y, z = (float(v) for v in town.objects.centre_m[k])
        lane = town.carla_map.get_waypoint(carla.Location(x, y, z))
        bend = np.radians(lane.transform.rotation.yaw) - town.objects.yaw_rad[k]
        assert np.cos(bend) > 0.95
        assert np.hypot(lane.transform.location.x - x, lane.transform.location.y - y) < lane.lane_width / 2
        assert 0.0 <= z - float(town.ground.heights(np.array([[x, y, z + 0.5]]))[0]) < 0.06


def test_a_street_of_one_lane_a_side_has_no_arrows() -> None:
    assert not objects_named(scene_of("crossing"), "Road_Arrow")


def test_windows_divide_walls_into_whole_cells(town: StaticScene) -> None:
    mesh = town.mesh
    rows = np.flatnonzero(mesh.material == Material.FACADE)
    uvw = mesh.uvw[mesh.faces[rows]]
    length, cell = uvw[:, :, 0].max(axis=1), uvw[:, 0, 2]
    assert np.abs(length / cell - np.round(length / cell)).max() < 1e-3
    assert cell.min() > 0.7 * CELL_M[0]
    assert cell.max() < 1.4 * CELL_M[1]


def test_digits_of_signs_are_all_different() -> None:
    drawn = {GLYPHS[k].tobytes() for k in range(10)}
    assert len(drawn) == 10


def test_two_builds_of_a_town_give_the_same_triangles(town: StaticScene) -> None:
    again = scene_of.__wrapped__("Roadlab03")
    for column in ("vertices_m", "normals", "uvw", "faces", "material", "param"):
        assert np.array_equal(getattr(again.mesh, column), getattr(town.mesh, column))
    assert again.objects.name == town.objects.name
