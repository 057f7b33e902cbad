"""Family ``camera``: the renderer alone, one picture after the other along a street with traffic."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

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
TOGETHER = "depth+semantic+instance 800x600"
FOUR, ALONE = "four cameras of a tick 640x384", "one camera"
ROUND_VIEW_RAD = (0.0, 0.5 * math.pi, math.pi, -0.5 * math.pi)
ROUND_VIEW = Intrinsics(640, 384, FIELD_OF_VIEW)


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

    A frame is what a sensor does: the picture and its BGRA bytes; with all that is done once a tick for its first
    camera, but the world's tick itself. Sizes take turns within a round. Four cameras look ahead, to the sides and
    back; the one beside them is the mean of the same four, each in a tick of its own.
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
            if condition == "day":
                measurements.append(
                    measurement(TOGETHER, "frame", laps[TOGETHER], {reference.NAME: laps[reference.NAME]})
                )
            beside = {reference.NAME: laps[reference.NAME], ALONE: laps[ALONE].per(len(ROUND_VIEW_RAD))}
            measurements.append(measurement(f"{FOUR} {condition}", "frame", laps[FOUR], beside))
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
        return lambda: _shoot(street, renderer, picture, replace(view))

    def labels() -> object:
        position_m, rotation_rad = street.pose(HEIGHT_M)
        return renderer.render(
            position_m, rotation_rad, Intrinsics(800, 600, FIELD_OF_VIEW), replace(view), tuple(LABELS)
        )

    works: dict[str, Work] = {reference.NAME: reference.Reference(), **{p.name: shot(p) for p in pictures}}
    if any(p.kind != "rgb" for p in pictures):
        works[TOGETHER] = labels
    works[FOUR] = lambda: _look_round(street, renderer, view, shared=True)
    works[ALONE] = lambda: _look_round(street, renderer, view, shared=False)
    return interleaved(works, rounds, Clocks(), before=move)


def _shoot(street: Street, renderer: SceneRenderer, picture: Picture, view: View) -> object:
    position_m, rotation_rad = street.pose(HEIGHT_M)
    intrinsics = Intrinsics(picture.width, picture.height, FIELD_OF_VIEW)
    return encode(picture.kind, renderer.render(position_m, rotation_rad, intrinsics, view, WANT[picture.kind]))


def _look_round(street: Street, renderer: SceneRenderer, view: View, shared: bool) -> None:
    """Pictures to all four sides; of one tick, or (``shared`` False) each of a tick of its own."""
    position_m, rotation_rad = street.pose(HEIGHT_M)
    tick = replace(view)
    for yaw in ROUND_VIEW_RAD:
        seen = tick if shared else replace(view)  # the renderer knows a tick by its view
        turned = rotation_rad + np.array([0.0, yaw, 0.0])
        encode("rgb", renderer.render(position_m, turned, ROUND_VIEW, seen, WANT["rgb"]))
