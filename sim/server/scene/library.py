"""The model library on disk and the choice of a model for a blueprint.

Building takes seconds, so the result is kept in the user's cache directory under a name made of the sources
that built it: changed builders make a new file, nobody reads a stale one.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import platformdirs

from sim.server.scene.bodies.assemble import assemble, build_bodies
from sim.server.scene.catalogue import ModelChoice, model_for
from sim.server.scene.models import ModelLibrary

log = logging.getLogger(__name__)

KEPT_LIBRARIES = 3  # of different sources: more than one checkout may be in use


def load_library(cache_dir: Path | None = None) -> ModelLibrary:
    """The library, from the cache if there is a sound copy, else built and cached.

    ``cache_dir`` defaults to the user's cache directory. A cache that cannot be read is rebuilt, one that
    cannot be written is only logged. Safe with several processes starting at once: each writes its own
    temporary file and renames it into place.
    """
    folder = Path(platformdirs.user_cache_dir("roadlab")) if cache_dir is None else cache_dir
    path = folder / f"models-{KEY}.npz"
    if path.exists():
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            log.warning("model cache %s cannot be read (%s); building it again", path, error)
    library = assemble(build_bodies())
    try:
        _write(path, library)
    except OSError as error:
        log.warning("cannot write the model cache %s (%s); the next start builds the models again", path, error)
    return library


def source_key() -> str:
    """Sixteen hexadecimal digits of the sources that decide what the library contains."""
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for source in [here / "mesh.py", here / "models.py", *sorted((here / "bodies").glob("*.py"))]:
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


KEY = source_key()
"""Of the builders that this process has imported: sources that are changed while it runs name another library."""


def _write(path: Path, library: ModelLibrary) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f.name: getattr(library, f.name) for f in fields(ModelLibrary) if f.name != "names"}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, names=np.array(library.names), **arrays)
        os.replace(temporary, path)
        _forget_old(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _forget_old(folder: Path) -> None:
    """Remove all but the newest libraries; each takes some 80 MB."""
    newest_first = sorted(folder.glob("models-*.npz"), key=lambda p: p.stat().st_mtime, reverse=True)
    for stale in newest_first[KEPT_LIBRARIES:]:
        stale.unlink(missing_ok=True)


def _read(path: Path) -> ModelLibrary:
    with np.load(path, allow_pickle=False) as stored:
        names = tuple(str(name) for name in stored["names"])
        arrays = {f.name: stored[f.name] for f in fields(ModelLibrary) if f.name != "names"}
    return ModelLibrary(names, **arrays)


__all__ = ["ModelChoice", "load_library", "model_for", "source_key"]
