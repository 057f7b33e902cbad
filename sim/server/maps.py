"""Which maps there are, and their scenes."""

from __future__ import annotations

import difflib
import importlib.resources
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim.server.scene.static import StaticScene

MAPS_VARIABLE = "ROADLAB_MAPS"
GENERATED = "OpenDriveMap"
"""Name under which a client's own OpenDRIVE text is loaded."""
KEPT_SCENES = 3
"""Built scenes kept in memory: a town takes 100 MB or so, and runs switch between a few."""


class UnknownMapError(ValueError):
    """No such map; the message names the nearest."""


class BrokenMapError(ValueError):
    """A map file that cannot be read or is no OpenDRIVE."""


class MapCatalogue:
    """Maps by name, from folders of ``NAME.xodr``; scenes are built once and kept."""

    def __init__(self, build: Callable[[str, str, int], StaticScene], seed: int, folder: str | None = None) -> None:
        """folder comes before ``$ROADLAB_MAPS``, which comes before the maps of the package."""
        folders = [Path(name) for name in (folder, os.environ.get(MAPS_VARIABLE)) if name]
        for path in folders:
            if not path.is_dir():
                raise UnknownMapError(f"{path} is no folder of maps")
        packaged = importlib.resources.files("configs") / "maps"
        folders.append(Path(str(packaged)))
        self._files: dict[str, Path] = {}
        for path in folders:
            for file in sorted(path.glob("*.xodr")):
                self._files.setdefault(file.stem, file)
        self._build, self._seed = build, seed
        self._scenes: dict[tuple[str, int], StaticScene] = {}
        self._generated: str | None = None

    def names(self) -> list[str]:
        """Every map, sorted."""
        return sorted(self._files)

    def add_file(self, path: Path) -> str:
        """Make a file a map; its name. Raises BrokenMapError if it cannot be read."""
        if not path.is_file():
            raise UnknownMapError(f"map file {path} does not exist")
        self._files[path.stem] = path
        return path.stem

    def stage(self, opendrive: str) -> None:
        """Keep a client's own OpenDRIVE text, to be loaded as ``GENERATED``."""
        self._generated = opendrive

    def scene(self, name: str) -> StaticScene:
        """The scene of a map (``Town02``, ``/Game/Carla/Maps/Town02``, any case).

        Raises UnknownMapError or BrokenMapError.
        """
        short = name.replace("\\", "/").rsplit("/", 1)[-1]
        if short == GENERATED and self._generated is not None:
            return self._scene_of(short, self._generated)
        by_case = {known.lower(): known for known in self._files}
        known = by_case.get(short.lower().removesuffix("_opt"))  # the layered maps of CARLA: the same roads
        known = by_case.get(short.lower(), known)
        if known is None:
            near = difflib.get_close_matches(short.lower(), by_case, 1, 0.3)
            hint = f"; did you mean {by_case[near[0]]}?" if near else "."
            raise UnknownMapError(f"Map '{name}' not found{hint} Maps: {', '.join(self.names()) or 'none'}")
        try:
            opendrive = self._files[known].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BrokenMapError(f"map {known}: cannot read {self._files[known]}: {error}") from None
        return self._scene_of(known, opendrive)

    def _scene_of(self, name: str, opendrive: str) -> StaticScene:
        key = (name, hash(opendrive))
        scene: Any = self._scenes.pop(key, None)
        if scene is None:
            try:
                scene = self._build(name, opendrive, self._seed)
            except Exception as error:
                raise BrokenMapError(f"map {name} cannot be built: {type(error).__name__}: {error}") from error
        self._scenes[key] = scene  # newest last
        while len(self._scenes) > KEPT_SCENES:
            del self._scenes[next(iter(self._scenes))]
        return scene
