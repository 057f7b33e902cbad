"""The catalogue before a judge: every model alone on a road at noon, and whether a detector finds it.

    python -m tests.sim.server.scene.judge --weights PATH.pt [--only PART_OF_NAME ...] [--sheets FOLDER]

Each model stands ``YAWS`` ways at three distances (``HEIGHTS_PX`` high), in turn at a few places of the shipped town.
Found is a box that overlaps the body's (instance labels) by at least half, of its class (strict) or of its group.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from sim.server.maps import MapCatalogue
from sim.server.scene.build import build_scene
from sim.server.scene.library import load_library, model_for
from sim.server.scene.mesh import Tag
from sim.server.scene.models import ModelLibrary
from sim.server.scene.static import StaticScene
from sim.server.sensors.instances import Instances, View, Weather
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.world.blueprint_tables import COLORS, VEHICLES, WALKERS
from sim.server.world.columns import _NO_PAINT

YAWS = 8
HEIGHTS_PX = (30, 60, 120)
CAMERA = Intrinsics(640, 480, math.radians(70.0))
EYE_M = 1.65
NOON = Weather(cloudiness=15.0, sun_azimuth_angle=45.0, sun_altitude_angle=62.0)
STRAIGHT_M, PLACES = 60.0, 4
PERSON, BICYCLE, CAR, MOTORCYCLE, BUS, TRUCK = 0, 1, 2, 3, 5, 7
GROUPS = ({PERSON}, {BICYCLE, MOTORCYCLE}, {CAR, BUS, TRUCK})
CLASS_OF_TAG = {
    Tag.PEDESTRIANS: PERSON, Tag.BICYCLE: BICYCLE, Tag.CAR: CAR, Tag.MOTORCYCLE: MOTORCYCLE, Tag.BUS: BUS,
    Tag.TRUCK: TRUCK,
}  # fmt: skip
OFFSETS_M = (0.0, -0.8, 0.7, 0.3)  # of the body from the middle of the picture, as a share of its distance / 10
Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shot:
    """A picture of one body: its class, whole box and box without the rider (x0, y0, x1, y1)."""

    model: str
    kind: int
    height_px: int
    yaw: int
    bgr: npt.NDArray[np.uint8]
    boxes: tuple[Boxes, ...]


def places(scene: StaticScene) -> list[tuple[npt.NDArray[np.float64], float]]:
    """Positions and headings on straight roads, as differently lit as the map allows."""
    found: list[tuple[npt.NDArray[np.float64], float]] = []
    for x, y, z, _, yaw, _ in scene.spawn_points:
        heading = np.array([math.cos(yaw), math.sin(yaw)])
        start = scene.carla_map.get_waypoint(location(x, y, z))
        ahead = [start.next(d)[0].transform for d in (STRAIGHT_M / 2, STRAIGHT_M) if start.next(d)]
        offsets = [np.array([t.location.x - x, t.location.y - y]) for t in ahead]
        if len(offsets) < 2 or any(abs(o[0] * heading[1] - o[1] * heading[0]) > 0.3 for o in offsets):
            continue
        if max(abs(t.location.z - z) for t in ahead) > 0.8:
            continue
        if all(np.hypot(*(p[:2] - (x, y))) > 60.0 or abs(math.sin(h - yaw)) > 0.5 for p, h in found):
            found.append((np.array([x, y, start.transform.location.z]), yaw))
        if len(found) == PLACES:
            break
    return found


def location(x: float, y: float, z: float):  # type: ignore[no-untyped-def]
    import carla

    return carla.Location(x, y, z)


def bodies_of(library: ModelLibrary, only: list[str]) -> Iterator[tuple[str, str]]:
    """(type id, name of the model) of one blueprint for each model of vehicles and people."""
    seen = set()
    ids = [f"vehicle.{row.name}" for row in VEHICLES] + [f"walker.pedestrian.{row.number:04d}" for row in WALKERS]
    for type_id in ids:
        name = model_for(type_id).name
        if name not in seen and (not only or any(part in name for part in only)):
            seen.add(name)
            yield type_id, name


def instance(library: ModelLibrary, type_id: str, name: str, pose: int, at: Boxes, yaw: float, paint: int) -> Instances:
    """One body, row of the library by walk phase ``pose``."""
    choice = model_for(type_id)
    row = library.index(name if name in library.names else f"{name}@{pose % 8}")
    scale = np.asarray(choice.size_m) / library.size_m[row]
    if choice.tag == Tag.PEDESTRIANS:
        scale[:] = scale[2]
    rgb = [int(part) / 255.0 for part in COLORS[paint % len(COLORS)].split(",")]
    return Instances(
        np.array([7]), np.array([row], np.int32), at[None], np.array([[0.0, yaw, 0.0]]),
        scale[None].astype(np.float32), np.array([_NO_PAINT.get(type_id, rgb)], np.float32),
        np.array([paint * 977 + 13], np.uint32), np.zeros(1, np.uint32), np.zeros(1, np.float32),
        np.zeros(1, np.float32), np.zeros((1, 3), np.float32), np.array([int(choice.tag)], np.uint8),
    )  # fmt: skip


def shots(scene: StaticScene, library: ModelLibrary, only: list[str], weather: Weather = NOON) -> Iterator[Shot]:
    """All pictures of all models."""
    renderer = SceneRenderer(scene, library)
    spots = places(scene)
    signals = np.full(len(scene.signals), 2, np.uint8)
    frame = 0
    for number, (type_id, name) in enumerate(bodies_of(library, only)):
        height_m = model_for(type_id).size_m[2]
        for height_px in HEIGHTS_PX:
            away = CAMERA.focal_px * height_m / height_px
            for turn in range(YAWS):
                frame += 1
                spot, heading = spots[(turn + number) % len(spots)]
                ahead = np.array([math.cos(heading), math.sin(heading), 0.0])
                side = np.array([-ahead[1], ahead[0], 0.0])
                at = spot + ahead * away + side * OFFSETS_M[frame % len(OFFSETS_M)] * away / 10.0
                at[2] = scene.carla_map.get_waypoint(location(*at)).transform.location.z
                yaw = heading + 2.0 * math.pi * turn / YAWS + 0.12
                bodies = instance(library, type_id, name, turn + 1, at, yaw, number + turn * 5)
                view = View(frame, frame * 0.05, bodies, signals, weather)
                eye = spot + np.array([0.0, 0.0, EYE_M])
                out = renderer.render(
                    eye, np.array([0.0, heading, 0.0]), CAMERA, view, {"rgb", "instance", "semantic"}, seed=frame
                )
                assert out.bgr is not None
                assert out.instance is not None
                assert out.semantic is not None
                mine = out.instance == 7
                boxes = [mine, mine & (out.semantic != int(Tag.RIDER))]
                tag = Tag(int(bodies.tag[0]))
                yield Shot(name, CLASS_OF_TAG[tag], height_px, turn, out.bgr, tuple(map(box_of, boxes)))
    renderer.close()


def box_of(mask: npt.NDArray[np.bool_]) -> Boxes:
    """(x0, y0, x1, y1) of a mask; nothing: zeros."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros(4)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)


def overlap(a: Boxes, b: Boxes) -> float:
    """Intersection over union."""
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return float(both / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both))


def judged(shot: Shot, found: Boxes, kinds: npt.NDArray[np.int64]) -> tuple[bool, bool, str]:
    """Found as its class, found in its group, and as what the best box was taken."""
    group = next(g for g in GROUPS if shot.kind in g)
    quality = [max((overlap(box, truth) for truth in shot.boxes), default=0.0) for box in found]
    hits = [int(k) for k, q in zip(kinds, quality, strict=True) if q >= 0.5]
    return shot.kind in hits, any(k in group for k in hits), ",".join(str(k) for k in hits) or "-"


def sheet(pictures: list[npt.NDArray[np.uint8]], path: Path, columns: int = YAWS) -> None:
    """Pictures of one size in rows."""
    while len(pictures) % columns:
        pictures.append(np.zeros_like(pictures[0]))
    rows = [np.concatenate(pictures[k : k + columns], axis=1) for k in range(0, len(pictures), columns)]
    cv2.imwrite(str(path), np.concatenate(rows))


def crop(shot: Shot, side: int) -> npt.NDArray[np.uint8]:
    """The body in the middle of a square, labelled."""
    x0, y0, x1, y1 = shot.boxes[0]
    half = max(x1 - x0, y1 - y0) * 0.6 + 4
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    warp = np.array([[side / 2 / half, 0, side / 2 - x * side / 2 / half], [0, side / 2 / half, side / 2 - y * side / 2
                                                                           / half]])  # fmt: skip
    flags = cv2.INTER_AREA if half * 2 > side else cv2.INTER_LINEAR
    return np.asarray(cv2.warpAffine(shot.bgr, warp, (side, side), flags=flags), np.uint8)


def main() -> None:
    """Judge and tabulate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--map", default="Roadlab01")
    args = parser.parse_args()
    from ultralytics import YOLO

    judge = YOLO(str(args.weights))
    scene = MapCatalogue(build_scene, 0).scene(args.map)
    library = load_library()
    score: dict[tuple[str, int, int], list[tuple[bool, bool, str]]] = defaultdict(list)
    crops: dict[str, list[npt.NDArray[np.uint8]]] = defaultdict(list)
    for shot in shots(scene, library, args.only):
        result = judge.predict(shot.bgr, imgsz=640, conf=0.25, verbose=False, device="cpu")[0].boxes
        verdict = judged(shot, result.xyxy.numpy().astype(np.float64), result.cls.numpy().astype(np.int64))
        score[shot.model, shot.kind, shot.height_px].append(verdict)
        if args.sheets:
            picture = crop(shot, 200)
            color = (60, 220, 60) if verdict[0] else (0, 190, 255) if verdict[1] else (40, 40, 255)
            cv2.putText(picture, f"{shot.height_px}px {verdict[2]}", (4, 196), 0, 0.45, color, 1, cv2.LINE_AA)
            crops[shot.model].append(picture)
    if args.sheets:
        args.sheets.mkdir(parents=True, exist_ok=True)
        for name, pictures in crops.items():
            sheet(pictures, args.sheets / f"{name}.png")
    tabulate(score)


def tabulate(score: dict[tuple[str, int, int], list[tuple[bool, bool, str]]]) -> None:
    """Strict and group recall of every model by distance, then of every class."""
    print(f"{'model':18s} class " + " ".join(f"{h:>4d}px s/g " for h in HEIGHTS_PX) + " taken for")
    totals: dict[tuple[int, int], list[tuple[bool, bool, str]]] = defaultdict(list)
    for name, kind in dict.fromkeys((n, k) for n, k, _ in score):
        cells, others = [], []
        for height in HEIGHTS_PX:
            rows = score[name, kind, height]
            totals[kind, height] += rows
            cells.append(f"{np.mean([r[0] for r in rows]):.2f}/{np.mean([r[1] for r in rows]):.2f}")
            others += [f"{height}@{k}:{r[2]}" for k, r in enumerate(rows) if not r[0]]
        print(f"{name:18s} {kind:5d} " + "  ".join(f"{c:>10s}" for c in cells) + "  " + " ".join(others))
    for kind in dict.fromkeys(k for k, _ in totals):
        rows = [r for h in HEIGHTS_PX for r in totals[kind, h]]
        by = "  ".join(
            f"{np.mean([r[0] for r in totals[kind, h]]):.3f}/{np.mean([r[1] for r in totals[kind, h]]):.3f}"
            for h in HEIGHTS_PX
        )
        print(f"class {kind}: {by}  all {np.mean([r[0] for r in rows]):.3f}/{np.mean([r[1] for r in rows]):.3f}")


if __name__ == "__main__":
    main()
