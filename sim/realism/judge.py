"""Run the judge over our own pictures, or over pictures of others, and keep what it missed and what it made up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim.realism.conditions import DEFAULT_WEATHERS
from sim.realism.detector import Judge
from sim.realism.rule import F32, GROUP_OF_COCO, Detections, Objects, judge_frame, no_boxes
from sim.realism.stage import Shot, Stage
from sim.realism.tally import Asked, Said
from sim.realism.truth import real_objects, scenery_vehicles
from sim.server.maps import MapCatalogue
from sim.server.scene.build import build_scene
from sim.server.scene.library import load_library
from sim.server.sensors.renderer import Intrinsics, SceneRenderer

U8 = npt.NDArray[np.uint8]
Progress = Callable[[str], None]
DEFAULT_MAPS = ("Roadlab01", "Roadlab02", "Town02")


@dataclass(frozen=True)
class JudgePlan:
    """What to look at: ``frames`` pictures in all, shared evenly by maps and weathers, each another street."""

    frames: int = 324
    seed: int = 0
    maps: tuple[str, ...] = DEFAULT_MAPS
    weathers: tuple[str, ...] = DEFAULT_WEATHERS
    size: tuple[int, int] = (800, 600)  # width, height
    fov_deg: float = 90.0
    maps_folder: str | None = None
    same_streets: bool = False  # the same streets in every weather: for comparing weathers, not for quoting

    @property
    def each(self) -> int:
        """Pictures of one map in one weather."""
        return math.ceil(self.frames / (len(self.maps) * len(self.weathers)))


@dataclass(frozen=True)
class Picture:
    """One picture and what is really in it; parked and unlabelled (k, 4) as ``judge_frame`` takes them."""

    name: str
    map: str
    weather: str
    bgr: U8
    real: Objects
    parked: F32 = field(default_factory=no_boxes)
    unlabelled: F32 = field(default_factory=no_boxes)


@dataclass(frozen=True)
class Finding:
    """What the judge said of one picture, row by row."""

    picture: Picture
    said: Detections
    asked_rows: tuple[Asked, ...]
    said_rows: tuple[Said, ...]


def rendered(plan: JudgePlan, progress: Progress) -> Iterator[Picture]:
    """Our own pictures, map by map, weather by weather. Raises UnknownMapError before the first one."""
    catalogue = MapCatalogue(build_scene, plan.seed, plan.maps_folder)
    for map_name in plan.maps:
        catalogue.known_as(map_name)
    intrinsics = Intrinsics(plan.size[0], plan.size[1], math.radians(plan.fov_deg))
    for map_name in plan.maps:
        progress(f"building {map_name}")
        stage = Stage(map_name, plan.seed, plan.maps_folder)
        renderer = SceneRenderer(stage.world.scene, load_library())
        try:
            for w, weather in enumerate(plan.weathers):
                progress(f"{map_name} {weather}: {plan.each} pictures")
                for k in range(plan.each):
                    number = k if plan.same_streets else 1000 * w + k
                    name = f"{map_name}_{weather}_{number:04d}"
                    yield picture_of(name, map_name, weather, stage.shot(number, weather), renderer, intrinsics)
        finally:
            renderer.close()


def picture_of(
    name: str, map_name: str, weather: str, shot: Shot, renderer: SceneRenderer, intrinsics: Intrinsics
) -> Picture:
    """Render one street, and what is really in it."""
    pose = (shot.position_m, shot.rotation_rad)
    seen = renderer.render(*pose, intrinsics, shot.view, ("rgb", "semantic", "instance"))
    assert seen.bgr is not None
    assert seen.semantic is not None
    assert seen.instance is not None
    outlines = renderer.silhouettes(*pose, intrinsics, shot.view, labels=seen)
    real = real_objects(outlines, shot.view, shot.kinds, shot.position_m, intrinsics.height, intrinsics.width)
    return Picture(name, map_name, weather, seen.bgr, real, scenery_vehicles(seen.semantic, seen.instance))


def judge(pictures: Iterator[Picture] | Sequence[Picture], detector: Judge) -> Iterator[Finding]:
    """What the detector says of each picture, by the rule."""
    for picture in pictures:
        said = detector.look([picture.bgr])[0]
        yield compare(picture, said)


def compare(picture: Picture, said: Detections) -> Finding:
    """One picture by the rule."""
    real = picture.real
    verdict = judge_frame(real, said, picture.parked, picture.unlabelled)
    asked = tuple(
        Asked(
            picture.name, picture.map, picture.weather, real.kind[k], real.name[k], _box(real.box[k]),
            float(real.height_px[k]), float(real.share_visible[k]), float(real.distance_m[k]), bool(verdict.found[k]),
            bool(verdict.named[k]), bool(verdict.noticed[k]), float(verdict.best_iou[k]),
        )
        for k in np.flatnonzero(verdict.asked)
    )  # fmt: skip
    rows = tuple(
        Said(
            picture.name, picture.map, picture.weather, GROUP_OF_COCO[int(said.coco[k])], int(said.coco[k]),
            float(said.score[k]), _box(said.box[k]), bool(verdict.right[k]),
        )
        for k in range(len(said.coco))
    )  # fmt: skip
    return Finding(picture, said, asked, rows)


def _box(box: F32) -> tuple[float, float, float, float]:
    left, top, right, bottom = (round(float(v), 2) for v in box)
    return left, top, right, bottom


def keep_pictures(findings: Iterator[Finding], folder: Path) -> Iterator[Finding]:
    """Write every picture as PNG on its way."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    for finding in findings:
        cv2.imwrite(str(folder / f"{finding.picture.name}.png"), finding.picture.bgr)
        yield finding
