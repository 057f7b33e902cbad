"""Pedestrians led by the official client over the served mesh."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import shapely

from sim.server.navigation.areas import Area
from sim.server.navigation.build import build_navigation
from tests.sim.server.scene.maps import scene_of
from tests.sim.server.serving import ROOT, Running, running_server

MAP = "Roadlab03"
STEP_S = 0.05


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running_server("real", MAP) as running:
        yield running


def program(name: str, server: Running) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim.server.navigation.walking", name, str(server.port)],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.stdout.strip(), done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def told(server: Running) -> str:
    """What the walking program printed."""
    return program("stroll", server)


@pytest.fixture
def walk(told: str) -> dict[str, np.ndarray]:
    """tracks (frames, people, 6), targets (people, 3), half_m (people,)."""
    return {key: np.array(value) for key, value in json.loads(told).items()}


def test_people_arrive(walk: dict[str, np.ndarray]) -> None:
    distance = np.linalg.norm(walk["tracks"][:, :, :2] - walk["targets"][None, :, :2], axis=2)
    assert (distance[0] > 5.0).all(), "nobody is there from the start"
    # the client takes a walker nearer than 1.4 m for arrived; to the other side of a street it may be a long way round
    assert (distance.min(axis=0) < 1.5).mean() > 0.9


def test_everybody_stays_on_sidewalks_and_crossings(walk: dict[str, np.ndarray]) -> None:
    mesh = build_navigation(scene_of(MAP))
    chosen = np.flatnonzero(np.isin(mesh.area, (Area.SIDEWALK, Area.CROSSWALK)))
    pavement = shapely.union_all(
        shapely.polygons([shapely.linearrings(mesh.corners_m[list(mesh.polygons[k])][:, :2]) for k in chosen])
    ).buffer(0.05)
    shapely.prepare(pavement)
    points = walk["tracks"][5:, :, :2].reshape(-1, 2)
    assert shapely.contains_xy(pavement, points[:, 0], points[:, 1]).all()


def test_feet_are_on_the_ground_of_adults_and_children(walk: dict[str, np.ndarray]) -> None:
    assert set(np.round(walk["half_m"], 2).tolist()) == {0.93, 0.55}
    feet = walk["tracks"][5:, :, :3].copy()
    feet[:, :, 2] -= walk["half_m"]
    height = scene_of(MAP).ground.heights(feet.reshape(-1, 3)).reshape(feet.shape[:2])
    above = feet[:, :, 2] - height
    assert np.abs(above).max() < 0.15, "more than a kerb"
    assert (np.abs(above) > 0.03).mean() < 0.02, "a step over a kerb takes a moment"


def test_people_are_as_fast_as_they_say_and_as_they_were_told(walk: dict[str, np.ndarray]) -> None:
    tracks = walk["tracks"][40:]
    moved = np.linalg.norm(np.diff(tracks[:, :, :2], axis=0), axis=2) / STEP_S
    said = np.linalg.norm(tracks[1:, :, 4:6], axis=2)
    limit = 1.2 + 0.1 * (np.arange(moved.shape[1]) % 5)
    assert np.abs(np.median(moved - said)) < 0.01
    assert (said.max(axis=0) < limit + 0.01).all()
    assert (np.percentile(said, 90, axis=0) > 0.9 * limit).all()


def test_the_same_seed_gives_the_same_walk(server: Running, told: str) -> None:
    assert program("stroll", server) == told


def test_somebody_run_over_is_dead_and_gone_ten_seconds_later(server: Running) -> None:
    seen = json.loads(program("run_over", server))
    assert seen["hit_walker"]
    assert seen["dead_frame"] is not None
    # the client says so a frame after it sees it
    assert (seen["gone_frame"] - seen["dead_frame"]) * STEP_S == pytest.approx(10.0, abs=0.2)
    assert seen["speed_mps"] > 7.0, "a body does not stop a car"


def test_files_are_offered_by_folder_and_nothing_else_can_be_had(server: Running) -> None:
    seen = json.loads(program("files", server))
    (name,) = seen["nav"]
    assert name.startswith(f"Carla/Maps/Nav/{MAP}_")
    assert seen["all"] == [name]
    assert seen["traffic_manager"] == []
    assert all("does not exist" in error for error in seen["errors"])
