"""Facts about the model library: its arrays, its sizes, its levels of detail, its cache."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from sim.server.scene import library as library_module
from sim.server.scene.bodies.assemble import assemble, build_bodies
from sim.server.scene.bodies.body import Lamp
from sim.server.scene.bodies.props import build_props
from sim.server.scene.catalogue import RIDERLESS, model_for
from sim.server.scene.library import load_library, source_key
from sim.server.scene.mesh import Material, Tag
from sim.server.scene.models import ModelLibrary
from sim.server.world.blueprint_tables import PROPS, VEHICLES, WALKERS, VehicleRow, WalkerRow
from tests.sim.server.scene.silhouette import overlap, silhouettes

FINE, MIDDLE, COARSE = 0, 1, 2
LEAST_OVERLAP = 0.9
LEAST_OVERLAP_OF_COARSE_SPOKES, MOSTLY_SPOKES = 0.84, 0.80  # their spokes, finer than a pixel, are left out
VEHICLE_TAGS = (Tag.CAR, Tag.TRUCK, Tag.BUS)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelLibrary:
    return load_library(tmp_path_factory.mktemp("models"))


def faces_of(models: ModelLibrary, row: int, lod: int) -> slice:
    first, count = models.ranges[row, lod, 2:]
    return slice(int(first), int(first + count))


def vertices_of(models: ModelLibrary, row: int, lod: int) -> slice:
    first, count = models.ranges[row, lod, :2]
    return slice(int(first), int(first + count))


def vehicles(models: ModelLibrary) -> list[int]:
    return [row for row in range(len(models.names)) if models.tag[row] in VEHICLE_TAGS]


def test_ranges_cover_all_vertices_and_faces_without_gap(models: ModelLibrary) -> None:
    flat = models.ranges.reshape(-1, 4)
    for first, count, total in ((0, 1, len(models.vertices_m)), (2, 3, len(models.faces))):
        ends = flat[:, first] + flat[:, count]
        assert flat[0, first] == 0
        assert np.array_equal(flat[1:, first], ends[:-1])
        assert ends[-1] == total


def test_faces_index_only_their_own_vertices(models: ModelLibrary) -> None:
    for row in range(len(models.names)):
        for lod in range(3):
            assert models.faces[faces_of(models, row, lod)].max() < models.ranges[row, lod, 1]


def test_normals_are_unit_vectors(models: ModelLibrary) -> None:
    assert np.abs(np.linalg.norm(models.normals, axis=1) - 1.0).max() < 1e-5


def test_normals_and_winding_agree(models: ModelLibrary) -> None:
    for row in range(0, len(models.names), 7):
        v = models.vertices_m[vertices_of(models, row, FINE)].astype(np.float64)
        n = models.normals[vertices_of(models, row, FINE)]
        f = models.faces[faces_of(models, row, FINE)].astype(np.int64)
        face_normal = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
        assert (np.einsum("ij,ij->i", face_normal, n[f].sum(axis=1)) > 0.0).mean() > 0.998, models.names[row]


def test_uv_lies_in_the_chart(models: ModelLibrary) -> None:
    assert models.uv.min() >= 0.0
    assert models.uv.max() <= 1.0


def test_bodies_stand_on_the_ground_centred_and_as_large_as_they_say(models: ModelLibrary) -> None:
    for row, name in enumerate(models.names):
        v = models.vertices_m[vertices_of(models, row, FINE)]
        assert abs(v[:, 2].min()) < 0.02, name
        assert np.allclose(np.ptp(v, axis=0), models.size_m[row], rtol=0.02), name
        if models.tag[row] in VEHICLE_TAGS:
            assert abs(v[:, :2].max(axis=0) + v[:, :2].min(axis=0)).max() < 0.08, name


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("sedan", (4.4, 1.7, 1.35), (5.0, 2.1, 1.55)),
        ("bus", (9.0, 2.4, 2.8), (13.0, 3.0, 3.4)),
        ("hgv", (7.0, 2.4, 3.2), (9.0, 3.0, 3.8)),
        ("man@stand", (0.2, 0.4, 1.7), (0.5, 0.8, 1.9)),
        ("small_child@stand", (0.15, 0.25, 0.95), (0.4, 0.6, 1.1)),
        ("bicycle@0", (1.5, 0.4, 1.6), (1.95, 0.8, 1.95)),
    ],
)
def test_sizes_are_those_of_the_real_thing(
    models: ModelLibrary, name: str, low: tuple[float, ...], high: tuple[float, ...]
) -> None:
    size = models.size_m[models.index(name)]
    assert (size >= low).all(), size
    assert (size <= high).all(), size


def test_no_back_face_shows_from_outside(models: ModelLibrary) -> None:
    import open3d as o3d

    golden = np.pi * (3.0 - np.sqrt(5.0))
    k = np.arange(16)
    up = 0.05 + 0.9 * k / 16.0  # directions over the upper half of the sphere
    views = np.stack([np.cos(golden * k) * np.sqrt(1 - up**2), np.sin(golden * k) * np.sqrt(1 - up**2), up], axis=1)
    offsets = np.random.default_rng(5).uniform(-1.0, 1.0, (400, 3))
    for row in range(0, len(models.names), 3):
        v = models.vertices_m[vertices_of(models, row, FINE)]
        f = models.faces[faces_of(models, row, FINE)]
        scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(o3d.core.Tensor(v), o3d.core.Tensor(f))
        centre = (v.max(axis=0) + v.min(axis=0)) / 2
        target = centre + offsets[:, None, :] * models.size_m[row] / 2
        direction = np.broadcast_to(-views, (len(offsets), len(views), 3))
        rays = np.concatenate([target - 20.0 * direction, direction], axis=-1).astype(np.float32)
        hit = scene.cast_rays(o3d.core.Tensor(rays), nthreads=1)
        seen = np.isfinite(hit["t_hit"].numpy())
        facing = np.einsum("ijk,ijk->ij", hit["primitive_normals"].numpy(), direction)
        assert (facing[seen] > 0.0).mean() < 0.004, models.names[row]


def test_levels_of_detail_have_the_same_silhouette(models: ModelLibrary) -> None:
    for row, name in enumerate(models.names):
        if "@" in name and not name.endswith("@1"):
            continue
        least = LEAST_OVERLAP_OF_COARSE_SPOKES if models.tag[row] == Tag.BICYCLE else LEAST_OVERLAP
        if "wheelchair" in name or name.endswith("bicycle_parked"):
            least = MOSTLY_SPOKES
        for yaw in np.radians((0.0, 50.0, 90.0)):
            fine, middle, coarse = silhouettes(models, row, yaw, 0.12)
            assert overlap(fine, middle) >= LEAST_OVERLAP, (name, yaw)
            assert overlap(fine, coarse) >= least, name


def test_detail_costs_what_the_renderer_expects(models: ModelLibrary) -> None:
    for row in vehicles(models):
        fine, middle, coarse = models.ranges[row, :, 3]
        assert 3000 <= fine <= 7000, models.names[row]
        assert 700 <= middle <= 1600, models.names[row]
        assert coarse <= 550, models.names[row]


def test_wheels_turn_about_their_hubs(models: ModelLibrary) -> None:
    for row in vehicles(models):
        f, wheel = models.faces[faces_of(models, row, FINE)], models.wheel[faces_of(models, row, FINE)]
        v = models.vertices_m[vertices_of(models, row, FINE)]
        for k in range(1, 5):
            mine = v[np.unique(f[wheel == k])]
            x, y, z, radius = models.wheels_m[row, k - 1]
            assert np.allclose((mine.max(axis=0) + mine.min(axis=0))[[0, 2]] / 2, (x, z), atol=0.01)
            assert abs(mine[:, 1].mean() - y) < 0.15
            assert np.hypot(mine[:, 0] - x, mine[:, 2] - z).max() == pytest.approx(radius, rel=0.02)
        assert (models.wheels_m[row, :2, 0] > 0).all()  # front wheels first
        assert (models.wheels_m[row, [0, 2], 1] < 0).all()  # left is -y


def test_lamps_are_on_the_body_and_the_bright_ones_in_front(models: ModelLibrary) -> None:
    for row in vehicles(models):
        lamps = models.lamps_m[row][models.lamps_m[row, :, 3] > 0]
        half = models.size_m[row] / 2
        assert (np.abs(lamps[:, :2]) <= half[:2] + 0.02).all(), models.names[row]
        assert (lamps[lamps[:, 3] == Lamp.HEAD, 0] > 0.7 * half[0]).all()
        assert (lamps[lamps[:, 3] == Lamp.TAIL, 0] < -0.7 * half[0]).all()
        assert (lamps[:, 3] == Lamp.HEAD).sum() == (lamps[:, 3] == Lamp.TAIL).sum() == 2


def chart(models: ModelLibrary, row: int, index: int) -> np.ndarray:
    first, (height, width) = models.mip_offset[row, index, 0], models.mip_shape[row, index, 0]
    return models.atlas[first : first + height * width * 4].reshape(height, width, 4)


def test_charts_show_windows_lamps_and_tyres_where_they_belong(models: ModelLibrary) -> None:
    side, _, front, rear = (chart(models, models.index("sedan"), k) for k in range(4))
    glass, lamp = side[:, :, 1] > 128, side[:, :, 2] > 128
    assert np.flatnonzero(glass.any(axis=1)).min() > 0.6 * len(side)  # windows are in the upper part
    assert lamp[:, -40:].any()
    assert lamp[:, :40].any()
    assert not lamp[:, 60:-60].any()
    for view in (front, rear):
        assert (view[:, : view.shape[1] // 2, 2] > 128).any()
        assert np.abs(view[:, :, 2].astype(int) - view[:, ::-1, 2]).mean() < 1.0
    assert (side.astype(int).sum(axis=2) <= 258).all()


def test_mips_halve_and_keep_the_mean(models: ModelLibrary) -> None:
    row = models.index("suv")
    for c in range(4):
        shape = models.mip_shape[row, c]
        assert np.array_equal(shape[1:], shape[:-1] // 2)
        means = []
        for m in range(len(shape)):
            first, size = models.mip_offset[row, c, m], int(np.prod(shape[m])) * 4
            means.append(models.atlas[first : first + size].reshape(-1, 4).mean(axis=0))
        assert np.abs(np.array(means) - means[0]).max() < 1.5


def test_riders_are_marked_on_two_wheelers_only(models: ModelLibrary) -> None:
    for row, name in enumerate(models.names):
        rider = models.rider[faces_of(models, row, FINE)]
        cycle = models.tag[row] in (Tag.BICYCLE, Tag.MOTORCYCLE) and "parked" not in name
        assert rider.any() == cycle, name
        if cycle:
            material = models.material[faces_of(models, row, FINE)]
            assert np.isin(material[rider], [Material.SKIN, Material.TOP, Material.BOTTOM, Material.SHOE, Material.HAIR,
                                             Material.HELMET, Material.BAG, Material.PLASTIC]).all()  # fmt: skip


def test_a_walk_has_eight_phases_in_a_row_and_the_feet_alternate(models: ModelLibrary) -> None:
    first = models.index("man@0")
    assert models.names[first : first + 9] == (*(f"man@{k}" for k in range(8)), "man@stand")
    assert models.pose[first : first + 8].tolist() == list(range(8))
    reach = []
    for k in range(8):
        v = models.vertices_m[vertices_of(models, first + k, FINE)]
        left = v[(v[:, 2] < 0.15) & (v[:, 1] < 0)]
        right = v[(v[:, 2] < 0.15) & (v[:, 1] > 0)]
        ahead = [foot[:, 0].max() if len(foot) else np.nan for foot in (left, right)]
        reach.append(ahead)
    assert reach[2][0] - reach[2][1] == pytest.approx(reach[6][1] - reach[6][0], abs=0.05)
    assert reach[2][0] - reach[2][1] > 0.4


@pytest.mark.parametrize("row", VEHICLES, ids=lambda row: row.name)
def test_every_vehicle_has_a_model_of_its_size_and_tag(models: ModelLibrary, row: object) -> None:
    choice = model_for(f"vehicle.{row.name}")  # type: ignore[attr-defined]
    name = choice.name if choice.name in models.names else f"{choice.name}@0"
    model = models.index(name)
    assert models.tag[model] == choice.tag
    scale = np.array(choice.size_m) / models.size_m[model]
    assert (scale > 0.62).all(), scale
    assert (scale < 1.65).all(), scale


def test_every_walker_and_prop_has_a_model(models: ModelLibrary) -> None:
    for walker in WALKERS:
        choice = model_for(f"walker.pedestrian.{walker.number:04d}", {"gender": walker.gender, "age": walker.age})
        assert f"{choice.name}@stand" in models.names
        assert ("child" in choice.name or choice.name in ("boy", "girl")) == (walker.age == "child")
        assert choice.tag == Tag.PEDESTRIANS
        assert choice.size_m[2] == pytest.approx(1.86 if walker.age != "child" else choice.size_m[2])
    for name in PROPS:
        choice = model_for(f"static.prop.{name}", {"size": PROPS[name][0]})
        assert choice.name in models.names
        assert choice.size_m == PROPS[name][1:]


@pytest.mark.parametrize("walker", WALKERS, ids=lambda walker: str(walker.number))
def test_whoever_asks_for_a_wheelchair_sits_in_one_of_the_size_it_says(models: ModelLibrary, walker: WalkerRow) -> None:
    type_id = f"walker.pedestrian.{walker.number:04d}"
    asked = {"gender": walker.gender, "age": walker.age, "use_wheelchair": "True"}
    choice = model_for(type_id, asked)
    assert choice.name.endswith("_wheelchair")
    assert choice.name.startswith("girl" if walker.gender == "female" else "boy") == (walker.age == "child")
    assert choice.name.startswith(("woman", "girl")) == (walker.gender == "female")
    assert "wheelchair" not in model_for(type_id, asked | {"use_wheelchair": "false"}).name
    sizes = [models.size_m[models.index(f"{choice.name}@{pose}")] for pose in (0, 4, "stand")]
    assert np.abs(np.array(choice.size_m) - np.max(sizes, axis=0)).max() < 0.025


@pytest.mark.parametrize("row", [row for row in VEHICLES if row.base_type in ("bicycle", "motorcycle")],
                         ids=lambda row: row.name)  # fmt: skip
def test_two_wheelers_without_riders_have_a_size_of_their_own(models: ModelLibrary, row: VehicleRow) -> None:
    ridden, alone = (model_for(f"vehicle.{row.name}", attributes) for attributes in ({}, RIDERLESS))
    assert np.abs(np.array(alone.size_m) - models.size_m[models.index(alone.name)]).max() < 0.01
    assert alone.tag == ridden.tag == models.tag[models.index(alone.name)]
    assert alone.size_m[2] < ridden.size_m[2] - 0.3
    assert not models.rider[faces_of(models, models.index(alone.name), FINE)].any()


def test_no_vehicle_shares_a_name_with_a_person_in_some_pose(models: ModelLibrary) -> None:
    bases = {name.partition("@")[0] for name in models.names if "@" in name}
    assert not bases & set(models.names)


def test_unknown_ids_are_named_in_the_error() -> None:
    for type_id in ("vehicle.acme.rocket", "sensor.camera.rgb", "walker.robot"):
        with pytest.raises(KeyError, match=type_id.replace(".", r"\.")):
            model_for(type_id)
    assert model_for("static.prop.unheard_of", {"size": "big"}).size_m == (2.2, 2.2, 2.2)


def test_two_builds_give_the_same_bytes(models: ModelLibrary) -> None:
    again = assemble(build_bodies())
    for f in fields(ModelLibrary):
        a, b = getattr(models, f.name), getattr(again, f.name)
        assert a == b if f.name == "names" else a.tobytes() == b.tobytes(), f.name


def test_two_bodies_of_one_name_are_refused() -> None:
    body = build_props()[-1]
    with pytest.raises(ValueError, match=body.name):
        assemble([body, body])


@pytest.mark.parametrize("damage", [b"", b"not a zip file", None])
def test_a_damaged_cache_is_built_again(
    tmp_path: Path, models: ModelLibrary, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    built = []
    monkeypatch.setattr(library_module, "assemble", lambda bodies: built.append(bodies) or models)
    monkeypatch.setattr(library_module, "build_bodies", list)
    load_library(tmp_path)
    (path,) = tmp_path.glob("*.npz")
    assert source_key() in path.name
    load_library(tmp_path)
    assert len(built) == 1  # a sound cache is read, not built
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage)
    assert load_library(tmp_path).names == models.names
    assert len(built) == 2
    load_library(tmp_path)
    assert len(built) == 2
    assert list(tmp_path.glob("*.tmp")) == []


def test_old_libraries_are_forgotten(tmp_path: Path, models: ModelLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "assemble", lambda bodies: models)
    monkeypatch.setattr(library_module, "build_bodies", list)
    for age in range(1, 6):
        old = tmp_path / f"models-{age}.npz"
        old.touch()
        os.utime(old, (1e9 - age, 1e9 - age))
    load_library(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [f"models-{source_key()}.npz", "models-1.npz", "models-2.npz"]
    )


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, models: ModelLibrary, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(library_module, "assemble", lambda bodies: models)
    monkeypatch.setattr(library_module, "build_bodies", list)
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    assert load_library(blocked).names == models.names
    assert "cannot write the model cache" in caplog.text
