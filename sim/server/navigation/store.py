"""Navigation-mesh files by name: made when a client first asks, kept in memory and in the user's cache folder.

The client keeps every file that it ever got under its name for ever, so the name says what is in it: a digest of
all that the mesh is made from.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import platformdirs

from sim.server.scene.static import StaticScene

log = logging.getLogger(__name__)

FOLDER = "Carla/Maps/Nav"
KEPT_FILES = 32
"""Meshes kept on disk, a quarter of a megabyte each."""
_DIGEST_BYTES = 32


class NavigationFiles:
    """The mesh of the current scene."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        """cache_dir defaults to the user's cache folder."""
        self._folder = Path(platformdirs.user_cache_dir("roadlab")) / "navigation" if cache_dir is None else cache_dir
        self._scene: StaticScene | None = None
        self._name = ""
        self._content: Future[bytes] | None = None

    def name(self, scene: StaticScene) -> str:
        """Name of the scene's file; nothing is built yet."""
        if scene is not self._scene:
            self._scene, self._name, self._content = scene, _name(scene), None
        return self._name

    def ready(self, scene: StaticScene) -> bool:
        """Whether ``content`` need not be waited for. If not, it is being made in a thread of its own from now on."""
        return self._begun(scene).done()

    def content(self, scene: StaticScene) -> bytes:
        """The scene's file; empty where there is nothing to walk on, which the client takes for no mesh."""
        return self._begun(scene).result()

    def _begun(self, scene: StaticScene) -> Future[bytes]:
        name = self.name(scene)
        if self._content is None:
            self._content = Future()
            arguments = (scene, name, self._folder / Path(name).name, self._content)
            threading.Thread(target=_make, args=arguments, name="navigation", daemon=True).start()
        return self._content


def _make(scene: StaticScene, name: str, path: Path, made: Future[bytes]) -> None:
    try:
        content = _read(path)
        if content is None:
            began = time.monotonic()
            content = _built(scene)
            log.info("%s: %d bytes in %.2f s", name, len(content), time.monotonic() - began)
            _write(path, content)
        made.set_result(content)
    except BaseException as error:  # whoever waits must hear of it
        made.set_exception(error)


def _built(scene: StaticScene) -> bytes:
    try:
        return _build(scene)
    except Exception:  # a client that connects asks for the mesh: a map at fault must not keep everybody out
        log.exception("map %s: no navigation mesh", scene.name)
        return b""


def _build(scene: StaticScene) -> bytes:
    from sim.server.navigation.build import build_navigation  # heavy libraries, needed once per map
    from sim.server.navigation.detour import TooLargeError, encode

    for roads in (True, False):
        mesh = build_navigation(scene, roads)
        if not mesh.polygons:
            break
        try:
            return encode(mesh)
        except TooLargeError as error:
            log.warning("map %s: %s; %s", scene.name, error, "leaving out the roads" if roads else "no mesh offered")
    return b""


def _name(scene: StaticScene) -> str:
    import shapely

    digest = hashlib.sha256(f"{shapely.geos_version_string} {np.__version__} {scene.opendrive}".encode())
    here = Path(__file__).resolve().parent
    for source in [*sorted(here.glob("*.py")), *sorted((here.parent / "scene").glob("*.py"))]:
        digest.update(source.read_bytes())  # what the ground is like follows from the map and these
    boxes = [(*box.centre_m, *box.half_m, box.yaw_rad) for box in scene.obstacles]
    digest.update(np.array(boxes, np.float64).tobytes())
    name = re.sub(r"[^A-Za-z0-9_-]", "_", scene.name)[:64]
    return f"{FOLDER}/{name}_{digest.hexdigest()[:16]}.bin"


def _read(path: Path) -> bytes | None:
    """A sound copy from the cache, or None."""
    from sim.server.navigation.detour import decode

    try:
        stored = path.read_bytes()
    except OSError:
        return None
    content = stored[_DIGEST_BYTES:]
    try:
        if hashlib.sha256(content).digest() != stored[:_DIGEST_BYTES]:
            raise ValueError("its digest is another")
        if content:
            decode(content)
    except ValueError as error:
        log.warning("navigation cache %s cannot be used (%s); building it again", path, error)
        return None
    return content


def _write(path: Path, content: bytes) -> None:
    """Keep a copy; a folder that cannot be written is only logged."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(hashlib.sha256(content).digest() + content)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        newest_first = sorted(path.parent.glob("*.bin"), key=lambda p: p.stat().st_mtime, reverse=True)
        for stale in newest_first[KEPT_FILES:]:
            stale.unlink(missing_ok=True)
    except OSError as error:
        log.warning("cannot write the navigation cache %s (%s)", path, error)
