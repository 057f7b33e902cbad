"""Debug shapes, skeletons, skins and doors as pure data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sim.server.scene.bodies.skeleton import Build, upright
from sim.server.scene.doors import ChangedVehicle, Door, Panel, cut, opened, panels, turned_wheels
from sim.server.scene.library import load_library
from sim.server.scene.mesh import Material
from sim.server.scene.models import ModelLibrary
from sim.server.scene.skin import BONES, PosedFigure
from sim.server.scene.variants import Level, library_level
from sim.server.world.debug_shapes import MAX_STROKES, DebugShapes, arrow_strokes, box_strokes
from sim.server.world.postures import NO_VARIANTS, Postures
from sim.server.world.skeleton import NAMES, PARENT, ROW, Bones, blended, figure_bones, local_of, whole_of

NOW, RED = (1, 0.05), (255, 0, 0)
ORIGIN = (0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def library() -> ModelLibrary:
    return load_library()


def area_m2(level: Level) -> float:
    a, b, c = (level.vertices_m[level.faces[:, k]].astype(np.float64) for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2.0)


# --- debug shapes -------------------------------------------------------------------------------------------


def test_nothing_drawn_is_nothing_to_draw() -> None:
    assert DebugShapes().drawing(1, 0.05) is None


def test_the_oldest_lines_go_when_there_are_too_many() -> None:
    shapes = DebugShapes(hud=False)
    for k in range(MAX_STROKES + 10):
        shapes.lines(NOW, -1.0, RED, [(ORIGIN, (float(k), 0.0, 0.0))], 0.1, hud=False)
    drawing = shapes.drawing(2, 0.1)
    assert drawing is not None
    assert len(drawing.strokes) == MAX_STROKES
    assert drawing.strokes[0, 3] == 10.0


def test_hud_shapes_and_texts_are_kept_only_where_asked_for() -> None:
    for hud in (False, True):
        shapes = DebugShapes(hud=hud)
        shapes.lines(NOW, 1.0, RED, [(ORIGIN, (1.0, 0.0, 0.0))], 2.0, hud=True)
        shapes.text(NOW, 1.0, RED, ORIGIN, "here", False)
        drawing = shapes.drawing(2, 0.1)
        assert (drawing is not None) == hud
        if drawing is not None:
            assert [text.content for text in drawing.texts] == ["here"]
            shapes.clear()
            assert shapes.drawing(2, 0.1) is not None  # texts have a call of their own
            shapes.clear_texts()
            assert shapes.drawing(2, 0.1) is None


def test_a_page_of_text_is_refused() -> None:
    with pytest.raises(ValueError, match="1000 characters, got 1001"):
        DebugShapes().text(NOW, 1.0, RED, ORIGIN, "x" * 1001, False)


def test_an_arrow_has_four_barbs_round_its_tip() -> None:
    strokes = arrow_strokes(ORIGIN, (0.0, 3.0, 0.0), 0.5)
    assert len(strokes) == 5
    feet = np.array([begin for begin, _ in strokes[1:]])
    assert np.allclose(feet[:, 1], 2.5)
    assert np.allclose(np.abs(feet[:, [0, 2]]), 0.5)


def test_a_box_has_twelve_edges_as_long_as_it() -> None:
    strokes = box_strokes((1.0, 2.0, 3.0), (2.0, 1.0, 0.5), (0.3, -0.7, 0.2))
    lengths = sorted(float(np.linalg.norm(np.subtract(a, b))) for a, b in strokes)
    assert lengths == pytest.approx([1.0] * 4 + [2.0] * 4 + [4.0] * 4)


# --- skeletons ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [None, 0.0, 1.0, 4.0])
def test_relative_transforms_add_up_again(phase: float | None) -> None:
    whole = figure_bones(Build(), upright(Build(), phase))
    again = whole_of(local_of(whole))
    assert np.allclose(again.position_m, whole.position_m, atol=1e-12)
    assert np.allclose(again.rotation, whole.rotation, atol=1e-12)
    assert np.allclose(np.linalg.det(whole.rotation), 1.0)


def test_parents_come_first() -> None:
    assert PARENT[0] == -1
    assert (PARENT[1:] >= 0).all()
    assert (PARENT[1:] < np.arange(1, len(NAMES))).all()


def test_limbs_keep_their_lengths_in_every_phase() -> None:
    def lengths(phase: float | None) -> list[float]:
        at = figure_bones(Build(), upright(Build(), phase)).position_m
        pairs = (("crl_thigh__L", "crl_leg__L"), ("crl_leg__R", "crl_foot__R"), ("crl_arm__L", "crl_foreArm__L"))
        return [float(np.linalg.norm(at[ROW[a]] - at[ROW[b]])) for a, b in pairs]

    assert lengths(None) == pytest.approx([0.43, 0.42, 0.29])
    assert lengths(2.0) == pytest.approx(lengths(None))


def test_a_blend_is_half_way_by_the_shortest_turn() -> None:
    count = len(NAMES)
    still = Bones(np.zeros((count, 3)), np.tile(np.eye(3), (count, 1, 1)))
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    middle = blended(still, Bones(np.ones((count, 3)), np.tile(quarter, (count, 1, 1))), 0.5)
    assert np.allclose(middle.position_m, 0.5)
    assert np.allclose(middle.rotation[7] @ middle.rotation[7], quarter)


def skin_of(bones: Bones) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    names = (*BONES, "crl_toeEnd__L", "crl_toeEnd__R")
    return {name: (bones.position_m[ROW[name]], bones.rotation[ROW[name]]) for name in names}


@pytest.mark.parametrize("name", ["man_coat", "woman_skirt", "small_child"])
def test_a_skin_in_its_rest_pose_is_the_model_and_moves_with_its_bones(library: ModelLibrary, name: str) -> None:
    model, rest = library.index(f"{name}@stand"), Postures().walking(f"{name}@stand")
    plain = library_level(library, model, 0).vertices_m
    still = PosedFigure(library, model, skin_of(rest), skin_of(rest), 1.0, {}).level(0).vertices_m
    assert np.allclose(still, plain, atol=1e-5)
    raised = Bones(rest.position_m + np.array([0.0, 0.0, 0.5]), rest.rotation)
    moved = PosedFigure(library, model, skin_of(rest), skin_of(raised), 1.0, {}).level(0).vertices_m
    assert np.allclose(moved - plain, [0.0, 0.0, 0.5], atol=1e-5)


def test_a_raised_arm_pulls_no_coat_along(library: ModelLibrary) -> None:
    model, rest = library.index("man_coat@stand"), Postures().walking("man_coat@stand")
    local = local_of(rest)
    up = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    local.rotation[ROW["crl_arm__L"]] = local.rotation[ROW["crl_arm__L"]] @ up
    bent = PosedFigure(library, model, skin_of(rest), skin_of(whole_of(local)), 1.0, {}).level(0)
    plain = library_level(library, model, 0)
    way = np.linalg.norm(bent.vertices_m - plain.vertices_m, axis=1)
    hem = np.unique(plain.faces[plain.material == int(Material.TOP)])
    hem = hem[plain.vertices_m[hem, 2] < 0.8]
    assert len(hem) > 5
    assert way.max() > 0.3
    assert way[hem].max() < 1e-3


@pytest.mark.parametrize("name", ["man", "woman_coat", "boy", "woman_skirt"])
def test_a_bent_knee_takes_shin_and_shoe_along(library: ModelLibrary, name: str) -> None:
    model, rest = library.index(f"{name}@stand"), Postures().walking(f"{name}@stand")
    local, knee = local_of(rest), ROW["crl_leg__L"]
    lift = Rotation.from_rotvec([1.4, 0.0, 0.0]).as_matrix()
    local.rotation[knee] = local.rotation[knee] @ lift
    whole = whole_of(local)
    plain = library_level(library, model, 0).vertices_m
    size = float(plain[:, 2].max()) / 1.78
    bent = PosedFigure(library, model, skin_of(rest), skin_of(whole), size, {}).level(0).vertices_m
    low = (plain[:, 2] < 0.3 * size) & (plain[:, 1] < -0.02)  # well below the left knee
    turn = whole.rotation[knee] @ rest.rotation[knee].T
    wanted = (plain[low] - rest.position_m[knee]) @ turn.T + whole.position_m[knee]
    assert low.sum() > 40
    assert np.linalg.norm(bent[low] - wanted, axis=1).max() < 0.06 * size
    right = (plain[:, 2] < 0.3 * size) & (plain[:, 1] > 0.02)
    assert np.allclose(bent[right], plain[right], atol=1e-5)


# --- doors and wheels ---------------------------------------------------------------------------------------


def test_a_cut_leaves_the_surface_as_it_is() -> None:
    points = np.random.default_rng(1).uniform(-1.0, 1.0, (300, 3)).astype(np.float32)
    columns = (np.zeros(100, np.uint8),) * 3
    level = Level(points, points, points[:, :2], np.arange(300, dtype=np.uint32).reshape(-1, 3), *columns,
                  np.zeros(100, np.bool_))  # fmt: skip
    parted = cut(level, 0, 0.31)
    side = parted.vertices_m[parted.faces][:, :, 0] - 0.31
    assert ((side <= 1e-6).all(axis=1) | (side >= -1e-6).all(axis=1)).all()
    assert len(parted.faces) > 150
    # the integrals of 1 and of the position over the surface, as a vector with its direction, stay the same
    for level_normal, parted_normal in zip(moments(level), moments(parted), strict=True):
        assert np.allclose(level_normal, parted_normal, atol=1e-4)
    assert np.allclose(parted.vertices_m, parted.normals, atol=1e-6)  # what goes with a vertex was cut as well


def moments(level: Level) -> tuple[np.ndarray, np.ndarray]:
    corner = level.vertices_m[level.faces].astype(np.float64)
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]) / 2.0
    return normal.sum(axis=0), np.einsum("ni,nj->ij", normal, corner.mean(axis=1))


def test_an_open_door_swings_outward_and_uncovers_the_dark(library: ModelLibrary) -> None:
    level = library_level(library, library.index("sedan"), 0)
    for door, side in ((Door.FRONT_LEFT, -1.0), (Door.REAR_RIGHT, 1.0)):
        swung = opened(level, panels("sedan")[door])
        reach = (swung.vertices_m[:, 1] * side).max() - (level.vertices_m[:, 1] * side).max()
        assert 0.4 < reach < 1.2
        assert (swung.vertices_m[:, 1] * -side).max() == pytest.approx((level.vertices_m[:, 1] * -side).max(), abs=1e-3)
        dark, before = ((m.material == int(Material.PLASTIC)).sum() for m in (swung, level))
        assert dark > before


def test_doors_are_those_that_are_painted() -> None:
    assert set(panels("sedan")) == {d for d in Door if d != Door.ALL}
    assert {Door.REAR_LEFT, Door.REAR_RIGHT}.isdisjoint(panels("coupe"))
    assert panels("man") == {}


def test_every_vehicle_opens_at_every_level_of_detail(library: ModelLibrary) -> None:
    for name in ("muscle", "police", "taxi", "coupe", "mini", "big_suv", "fire_truck", "ambulance", "camper"):
        for lod in range(3):
            level = ChangedVehicle(library, library.index(name), frozenset(Door), None).level(lod)
            assert np.isfinite(level.vertices_m).all(), name
            assert level.faces.max() < len(level.vertices_m), name
            assert len(level.faces) < 30_000, name


def test_wheels_turn_about_their_hubs(library: ModelLibrary) -> None:
    model = library.index("sedan")
    level, hubs = library_level(library, model, 1), library.wheels_m[model].astype(np.float64)
    angles = np.zeros((4, 2))
    angles[0, 0] = np.pi / 2.0
    turned = turned_wheels(level, hubs, angles)
    first = np.unique(level.faces[level.wheel == 1])
    extent = np.ptp(turned.vertices_m[first], axis=0)
    assert extent[1] == pytest.approx(2.0 * hubs[0, 3], rel=0.05)  # now it is as wide as it was long
    others = np.setdiff1d(np.arange(len(level.vertices_m)), first)
    assert np.allclose(turned.vertices_m[others], level.vertices_m[others], atol=1e-6)
    assert not turned.wheel.any()


def test_actors_that_nobody_bent_cost_nothing() -> None:
    postures = Postures()
    assert postures.variants(None, None, None, None) is NO_VARIANTS  # type: ignore[arg-type]


def test_only_known_doors_open() -> None:
    postures = Postures()
    postures.move_door(7, "coupe", Door.REAR_LEFT, is_open=True)
    assert postures.open_doors(7) == frozenset()
    postures.move_door(7, "coupe", Door.ALL, is_open=True)
    assert postures.all_open_doors() == {7: frozenset(panels("coupe"))}
    postures.forget(7)
    assert postures.all_open_doors() == {}


def test_a_panel_outside_the_body_opens_nothing(library: ModelLibrary) -> None:
    level = library_level(library, library.index("sedan"), 2)
    away = Panel(0, (50.0, 50.0, 50.0), (51.0, 51.0, 51.0), ORIGIN, (0.0, 1.0, 0.0))
    assert area_m2(opened(level, away)) == pytest.approx(area_m2(level), rel=1e-6)
