"""What the server keeps of worlds that are over and of what it freed."""

from __future__ import annotations

import gc
import math
import os
import weakref
from pathlib import Path

import numpy as np
import psutil
import pytest

from sim.server import serve
from sim.server.heap import give_back
from sim.server.maps import KEPT_SCENES
from sim.server.scene.mesh import Material
from sim.server.sensors import visible
from sim.server.sensors.geometry import Geometry
from sim.server.sensors.pool import WorkerPool
from sim.server.sensors.raster import camera_block
from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene
from tests.sim.server.fakes import FAKE_PARTS
from tests.sim.server.serving import OPENDRIVE

PIECE_BYTES, PIECES = 4000, 20_000
"""80 MB in pieces that the C library keeps on its heap."""


def test_the_first_world_of_a_server_is_freed_when_it_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A world refers to itself: only a collection frees it, and none looks at what was frozen."""
    for name in ("first", "second"):
        (tmp_path / f"{name}.xodr").write_text(OPENDRIVE)
    alive: list[bool] = []

    def instead_of_serving(server: serve.Server) -> None:
        session = server.session
        world, bench = weakref.ref(session.world), weakref.ref(session.world.bench)
        session.load("second", True)
        alive.extend((world() is not None, bench() is not None))
        server._network.close()

    monkeypatch.setattr(serve.Server, "run", instead_of_serving)
    monkeypatch.setattr(serve, "_leave", lambda status: None)
    monkeypatch.setattr(serve.signal, "signal", lambda number, what: None)
    before = gc.get_freeze_count()
    try:
        status = serve.run_server("first", port=0, maps=str(tmp_path), parts=FAKE_PARTS, recordings=str(tmp_path))
        assert gc.get_freeze_count() > before, "what is read before the world is not looked at again"
    finally:
        gc.unfreeze()
    assert (status, alive) == (0, [False, False])
    assert KEPT_SCENES > 1, "the map's scene itself may stay: clients come back to it"


def test_freed_pieces_between_others_go_back_to_the_system() -> None:
    process = psutil.Process()
    pieces = [os.urandom(PIECE_BYTES) for _ in range(PIECES)]
    kept = pieces[::50]
    full = process.memory_info().rss
    del pieces
    held = process.memory_info().rss
    give_back()
    left = process.memory_info().rss
    assert held > full - 20e6, "the C library is expected to keep them"
    assert left < full - 60e6
    assert len(kept) == PIECES // 50


def test_the_room_that_a_fuller_place_outgrows_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tens of megabytes: a drive that came to places with ever more to see kept all that had become too small."""
    pool, seen = WorkerPool(1), visible.Intrinsics(160, 120, math.pi / 2)
    geometry = Geometry(small_scene(box_mesh((9.0, 0.0, 0.0), (1.0, 1.0, 1.0), Material.WALL)), box_library(), pool)
    geometry.begin(boxes([]))
    surfaces = visible.VisibleSurfaces(geometry, pool)
    camera, nobody = camera_block(np.zeros(3), np.eye(3)), (np.zeros((0, 3)), np.zeros(0), np.zeros(0))
    blocks = surfaces.blocks(camera, seen, 0.0, nobody, np.zeros(0, np.int64))
    fuller = visible.Blocks(np.concatenate([blocks.faces] * 9), np.concatenate([blocks.boxes_m] * 9))
    fuller.faces[1:, 2] = np.cumsum(fuller.faces[:-1, 1])
    outgrown: list[weakref.ref[np.ndarray]] = []
    given: list[list[bool]] = []
    monkeypatch.setattr(visible, "give_back", lambda: given.append([room() is None for room in outgrown]))
    for what in (blocks, blocks, fuller, fuller, blocks):
        last = surfaces.draw(camera, seen, what, 1)
        if what is blocks and len(given) == 1:
            outgrown.append(weakref.ref(last.edges))
    pool.close()
    assert given == [[], [True]], "after the first picture, and after the first of the fuller place"
