"""Family ``camera``: the renderer alone, one picture after the other along a street with traffic."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sim.bench import reference
from sim.bench.measure import Clocks, Laps, Quantity, Result, Work, interleaved, measurement
from sim.bench.options import BenchOptions, Progress
from sim.bench.street import Street
from sim.server.scene.library import load_library
from sim.server.sensors.camera import WANT, encode
from sim.server.sensors.instances import View
from sim.server.sensors.renderer import Intrinsics, SceneRenderer

VEHICLES, WALKERS = 30, 20
HEIGHT_M = 1.6
ROUNDS = 50
FIELD_OF_VIEW = math.radians(90.0)
WEATHERS = {"day": "ClearNoon", "night": "ClearNight", "rain": "HardRainNoon"}
LABELS = {"depth": "depth", "semantic": "semantic_segmentation", "instance": "instance_segmentation"}
FLAT = "semantic 800x600"
"""Baseline beside the reference, by day: the same triangles without light, shadows and reflections."""


@dataclass(frozen=True)
class Picture:
    """One kind of picture at one size."""

    name: str
    kind: str
    width: int
    height: int


PICTURES = (
    Picture("rgb 800x600", "rgb", 800, 600),
    Picture("rgb 640x384", "rgb", 640, 384),
    Picture("rgb 1280x720", "rgb", 1280, 720),
    *(Picture(f"{name} 800x600", kind, 800, 600) for name, kind in LABELS.items()),
)


def run(options: BenchOptions, progress: Progress) -> Result:
    """Frames a second of every picture by day, of the RGB ones by night and in rain too.

    A frame is what a sensor does: the picture and its BGRA bytes. Sizes take turns within a round.
    """
    street = Street(options.map, options.seed, VEHICLES, WALKERS)
    renderer = SceneRenderer(street.world.scene, load_library())
    measurements = []
    try:
        for condition, preset in WEATHERS.items():
            progress(f"camera: {condition}")
            street.weather(preset)
            pictures = [p for p in PICTURES if condition == "day" or p.kind == "rgb"]
            laps = _laps(street, renderer, pictures, options.rounds(ROUNDS))
            for picture in pictures:
                name = f"{picture.name} {condition}" if picture.kind == "rgb" else picture.name
                baselines = {reference.NAME: laps[reference.NAME]}
                if picture.kind == "rgb" and FLAT in laps:
                    baselines["labels"] = laps[FLAT]
                measurements.append(measurement(name, "frame", laps[picture.name], baselines))
    finally:
        renderer.close()
    bodies = (
        Quantity("vehicles", street.vehicles, ""),
        Quantity("walkers", street.walkers, ""),
    )
    return Result("camera", "reference unit; labels: the semantic camera at 800x600", tuple(measurements), bodies)


def _laps(street: Street, renderer: SceneRenderer, pictures: list[Picture], rounds: int) -> dict[str, Laps]:
    view = street.advance()

    def move() -> None:
        nonlocal view
        view = street.advance()

    def shot(picture: Picture) -> Callable[[], object]:
        return lambda: _shoot(street, renderer, picture, view)

    works: dict[str, Work] = {reference.NAME: reference.Reference(), **{p.name: shot(p) for p in pictures}}
    return interleaved(works, rounds, Clocks(), before=move)


def _shoot(street: Street, renderer: SceneRenderer, picture: Picture, view: View) -> object:
    position_m, rotation_rad = street.pose(HEIGHT_M)
    intrinsics = Intrinsics(picture.width, picture.height, FIELD_OF_VIEW)
    return encode(picture.kind, renderer.render(position_m, rotation_rad, intrinsics, view, WANT[picture.kind]))
