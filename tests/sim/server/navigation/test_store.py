"""Mesh files by name, in memory and on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sim.server.navigation import store
from sim.server.navigation.detour import decode
from sim.server.navigation.store import NavigationFiles
from tests.sim.server.scene.maps import scene_of


def test_the_name_says_what_is_in_the_file(tmp_path: Path) -> None:
    scene = scene_of("crossing")
    other = dataclasses.replace(scene, opendrive=scene.opendrive + " ")
    files = NavigationFiles(tmp_path)
    assert files.name(scene).startswith("Carla/Maps/Nav/crossing_")
    assert files.name(scene).endswith(".bin")
    assert files.name(scene) != files.name(other)
    assert files.name(scene) == NavigationFiles(tmp_path / "elsewhere").name(scene)
    fewer = dataclasses.replace(scene, obstacles=scene.obstacles[1:])
    assert files.name(scene) != files.name(fewer)


def test_names_of_maps_cannot_leave_the_folder(tmp_path: Path) -> None:
    scene = dataclasses.replace(scene_of("crossing"), name="../../etc/pass wd")
    files = NavigationFiles(tmp_path / "cache")
    files.content(scene)
    assert files.name(scene).startswith("Carla/Maps/Nav/______etc_pass_wd_")
    assert [path.parent for path in tmp_path.rglob("*.bin")] == [tmp_path / "cache"]


def test_a_second_server_reads_what_the_first_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = scene_of("crossing")
    first = NavigationFiles(tmp_path).content(scene)
    assert len(decode(first).polygons) > 10
    monkeypatch.setattr(store, "_build", lambda scene: pytest.fail("built again"))
    assert NavigationFiles(tmp_path).content(scene) == first


@pytest.mark.parametrize(
    "harm", [lambda data: data[:-9], lambda data: data[:500] + b"?" + data[501:], lambda data: b""]
)
def test_a_broken_copy_is_built_again(tmp_path: Path, harm: object) -> None:
    scene = scene_of("crossing")
    sound = NavigationFiles(tmp_path).content(scene)
    (path,) = tmp_path.glob("*.bin")
    stored = path.read_bytes()
    path.write_bytes(harm(stored))  # type: ignore[operator]
    assert NavigationFiles(tmp_path).content(scene) == sound
    assert path.read_bytes() == stored


def test_a_folder_that_cannot_be_written_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert len(NavigationFiles(tmp_path / "file").content(scene_of("crossing"))) > 1000


def test_a_map_at_fault_has_no_mesh_but_lets_clients_in(tmp_path: Path) -> None:
    broken = dataclasses.replace(scene_of("crossing"), carla_map=None)
    assert NavigationFiles(tmp_path).content(broken) == b""
