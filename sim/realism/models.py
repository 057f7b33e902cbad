"""Every body by itself before the judge: a quick look at what a change of a model did.

Not for quoting: nothing hides anything here, and what surrounds a body is always the same road.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sim.realism.detector import Judge
from sim.realism.judge import U8, Picture, Progress, compare, picture_of
from sim.realism.rule import NAME_OF_COCO
from sim.realism.sheet import crop
from sim.realism.stage import Stage
from sim.server.scene.library import load_library
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.world.vehicle_spec import VEHICLES

HEADINGS = 8
LARGE_M, SMALL_M = (14.0, 22.0, 32.0), (8.0, 11.0, 14.0)
"""Distances of vehicles, and of people and two-wheelers, at which the rule asks for them at 800 x 600."""
FIELD_OF_VIEW = math.radians(90.0)
SIZE_PX = (800, 600)


@dataclass(frozen=True)
class Look:
    """One body in one pose: asked for by the rule, found (a two-wheeler: its machine), what the judge said there."""

    name: str
    distance_m: float
    heading_deg: float
    asked: bool
    found: bool
    named: bool
    said: str
    tile: U8


def names_of(words: Sequence[str]) -> list[str]:
    """Blueprints whose base type or name has one of the words; none: all vehicles and a dozen people."""
    people = [f"walker.pedestrian.{k:04d}" for k in range(1, 49, 4)]
    every = [*sorted(VEHICLES), *people]
    if not words:
        return every
    bases = {name: VEHICLES[name].base_type if name in VEHICLES else "person" for name in every}
    chosen = [name for name in every if any(word == bases[name] or word in name for word in words)]
    if not chosen:
        raise ValueError(f"models: nothing is called {', '.join(words)}; base types: {sorted(set(bases.values()))}")
    return chosen


def looks(names: Sequence[str], weather: str, map_name: str, detector: Judge, progress: Progress) -> Iterator[Look]:
    """Each blueprint at three distances in eight headings."""
    stage = Stage(map_name, 0)
    renderer = SceneRenderer(stage.world.scene, load_library())
    intrinsics = Intrinsics(*SIZE_PX, FIELD_OF_VIEW)
    try:
        for name in names:
            progress(name)
            large = name in VEHICLES and not VEHICLES[name].two_wheeled
            for distance in LARGE_M if large else SMALL_M:
                for step in range(HEADINGS):
                    heading = 2.0 * math.pi * step / HEADINGS
                    shot = stage.alone(name, distance, heading, weather)
                    picture = picture_of(f"{name}_{step}", map_name, weather, shot, renderer, intrinsics)
                    yield _look(picture, name, distance, math.degrees(heading), detector)
    finally:
        renderer.close()


def _look(picture: Picture, name: str, distance_m: float, heading_deg: float, detector: Judge) -> Look:
    finding = compare(picture, detector.look([picture.bgr])[0])
    rows = [row for row in finding.asked_rows if row.kind != "rider"]
    said = [row for row in finding.said_rows if row.right]
    words = " ".join(f"{NAME_OF_COCO[row.coco]} {row.score:.2f}" for row in said) or "-"
    if rows:
        box = rows[0].box
    else:
        box = tuple(picture.real.whole_box[0]) if len(picture.real.kind) else (0.0, 0.0, 100.0, 100.0)
    tile = crop(picture.bgr, box, [(row.box, (60, 200, 60)) for row in said])
    found, named = (rows[0].found, rows[0].named) if rows else (False, False)
    return Look(name, distance_m, heading_deg, bool(rows), found, named, words, tile)


def tabled(all_looks: Sequence[Look]) -> str:
    """Found of eight headings at each distance, a line a blueprint, the worst first."""
    lines = []
    for name in dict.fromkeys(look.name for look in all_looks):
        own = [look for look in all_looks if look.name == name and look.asked]
        share = np.mean([look.found for look in own]) if own else 0.0
        parts = []
        for distance in dict.fromkeys(look.distance_m for look in own):
            here = [look for look in own if look.distance_m == distance]
            missed = ",".join(f"{look.heading_deg:.0f}" for look in here if not look.found)
            parts.append(
                f"{distance:.0f} m {sum(look.found for look in here)}/{len(here)}"
                + (f" not {missed}" if missed else "")
            )
        named = sum(look.named for look in own)
        lines.append((share, f"{share:.2f} {name}: " + "; ".join(parts) + f"; named {named}/{len(own)}"))
    return "\n".join(line for _, line in sorted(lines, key=lambda line: line[0]))
