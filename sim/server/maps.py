"""Which maps there are, and their scenes."""

from __future__ import annotations

import difflib
import importlib.resources
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sim.server.scene.generation import Generation, check_opendrive
from sim.server.scene.static import StaticScene
from sim.server.scene.trial import try_opendrive

MAPS_VARIABLE = "ROADLAB_MAPS"
GENERATED = "OpenDriveMap"
"""Name under which a client's own OpenDRIVE text is loaded."""
LAYERED = "_Opt"
"""Ending of the names of CARLA's maps with layers."""
BuildScene = Callable[[str, str, int, Generation | None], StaticScene]
KEPT_SCENES = 3
"""Built scenes kept in memory: a town takes 100 MB or so, and runs switch between a few."""


class UnknownMapError(ValueError):
    """No such map; the message names the nearest."""


class BrokenMapError(ValueError):
    """A map file that cannot be read or is no OpenDRIVE."""


class MapCatalogue:
    """Maps by name, from folders of ``NAME.xodr``; scenes are built once and kept."""

    def __init__(self, build: BuildScene, seed: int, folder: str | None = None) -> None:
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
        self._scenes: dict[tuple[str, str, Generation | None], StaticScene] = {}
        self._generated: tuple[str, Generation] | None = None

    def names(self) -> list[str]:
        """Every map, sorted."""
        return sorted(self._files)

    def add_file(self, path: Path) -> str:
        """Make a file a map; its name. Raises BrokenMapError if it cannot be read."""
        if not path.is_file():
            raise UnknownMapError(f"map file {path} does not exist")
        self._files[path.stem] = path
        return path.stem

    def stage(self, opendrive: str, generation: Generation) -> None:
        """Keep a client's own OpenDRIVE text, to be loaded as ``GENERATED``. Raises BrokenMapError."""
        try:
            check_opendrive(opendrive)
            try_opendrive(opendrive)
        except ValueError as error:
            raise BrokenMapError(f"{GENERATED}: opendrive could not be correctly parsed: {error}") from None
        self._generated = (opendrive, generation)

    def scene(self, name: str) -> StaticScene:
        """The scene of a map (``Town02``, ``/Game/Carla/Maps/Town02``, any case).

        ``Town02_Opt``, in CARLA the one with layers, is the same map under that name. Raises
        UnknownMapError or BrokenMapError.
        """
        short = name.replace("\\", "/").rsplit("/", 1)[-1]
        if short == GENERATED and self._generated is not None:
            return self._scene_of(short, *self._generated)
        known = self.known_as(name)
        try:
            opendrive = self._files[known].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BrokenMapError(f"map {known}: cannot read {self._files[known]}: {error}") from None
        layered = short.lower() != known.lower()
        return self._scene_of(known + LAYERED if layered else known, opendrive)

    def known_as(self, name: str) -> str:
        """The map's own name, ``Town02`` for ``/Game/Carla/Maps/town02_Opt``. Raises UnknownMapError."""
        short = name.replace("\\", "/").rsplit("/", 1)[-1].lower()
        by_case = {known.lower(): known for known in self._files}
        known = by_case.get(short) or by_case.get(short.removesuffix(LAYERED.lower()))
        if known is None:
            near = difflib.get_close_matches(short, by_case, 1, 0.3)
            hint = f"; did you mean {by_case[near[0]]}?" if near else "."
            raise UnknownMapError(f"Map '{name}' not found{hint} Maps: {', '.join(self.names()) or 'none'}")
        return known

    def _scene_of(self, name: str, opendrive: str, generation: Generation | None = None) -> StaticScene:
        key = (name, opendrive, generation)
        scene = self._scenes.pop(key, None)
        plain = self._scenes.get((name.removesuffix(LAYERED), opendrive, generation))
        if scene is None and plain is not None:
            scene = replace(plain, name=name)
        if scene is None:
            try:
                scene = self._build(name, opendrive, self._seed, generation)
            except Exception as error:
                raise BrokenMapError(f"map {name} cannot be built: {type(error).__name__}: {error}") from error
        self._scenes[key] = scene  # newest last
        while len(self._scenes) > KEPT_SCENES:
            del self._scenes[next(iter(self._scenes))]
        return scene
