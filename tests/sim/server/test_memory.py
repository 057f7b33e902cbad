"""What the server keeps of worlds that are over and of what it freed."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path

import psutil
import pytest

from sim.server import serve
from sim.server.heap import give_back
from sim.server.maps import KEPT_SCENES
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
