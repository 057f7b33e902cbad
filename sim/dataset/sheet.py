"""The data sheet: one HTML file that says what is in a data set and shows it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape
from matplotlib.figure import Figure

from sim.dataset import consistency
from sim.dataset.config import DatasetConfig, dump_dataset_config
from sim.dataset.draw import draw
from sim.dataset.records import CATEGORIES, TWO_WHEELERS
from sim.dataset.store import SHEET, DataSet, Frame, write_bytes
from sim.report.plots import ACCENT, INK, svg

GALLERY = 8
"""Pictures on the page, evenly over the data set."""
CHECKED = 24
"""Frames whose labels are held against each other for the page, evenly over the data set."""
GALLERY_WIDTH_PX = 800
Table = tuple[str, Sequence[str], list[Sequence[object]]]


@dataclass
class _Counts:
    """What is counted on one walk through the frames."""

    frames: Counter[str] = field(default_factory=Counter)
    objects: Counter[tuple[str, str]] = field(default_factory=Counter)
    visible: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    conditions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    lights: Counter[tuple[str, str]] = field(default_factory=Counter)
    heights_px: list[float] = field(default_factory=list)
    distances_m: dict[str, list[float]] = field(default_factory=dict)


def write_sheet(data: DataSet, config: DatasetConfig) -> Path:
    """Write ``datasheet.html`` into the data set's folder; its path. The same data set gives the same page."""
    total = sum(info.frames for info in data.scenes)
    shown = {int((k + 0.5) * total / GALLERY) for k in range(min(GALLERY, total))}
    checked = {int((k + 0.5) * total / CHECKED) for k in range(min(CHECKED, total))}
    counts = _Counts()
    gallery: list[tuple[str, str]] = []
    sample: list[Frame] = []
    for number, frame in enumerate(data.frames()):
        _count(counts, frame)
        if number in shown:
            camera = next(iter(frame.info.cameras))
            gallery.append((f"{frame.stem}, {frame.info.split}, {camera}", _picture(frame, camera)))
        if number in checked:
            sample.append(frame)
    page = Environment(
        loader=PackageLoader("sim.dataset", "templates"), autoescape=select_autoescape(), trim_blocks=True
    ).get_template("datasheet.html.j2")
    text = page.render(
        name=config.name,
        mode={"shots": "independent shots", "sequences": "driven sequences"}[data.scenes[0].mode],
        seed=config.seed,
        licence=config.licence,
        command="roadlab dataset config.yaml --out FOLDER",
        amodal=", ".join(sorted({info.amodal for info in data.scenes})),
        cards=_cards(data, counts),
        gallery=gallery,
        tables=[_classes(counts, data), _conditions(counts), _rig(data), *_agreement(sample)],
        plots=[_histogram(counts.heights_px, "height of visible boxes [px]"), _distances(counts)],
        config=dump_dataset_config(config),
    )
    file = data.folder / SHEET
    write_bytes(file, text.encode())
    return file


def _count(counts: _Counts, frame: Frame) -> None:
    info, labels = frame.info, frame.labels
    counts.frames[info.split] += 1
    counts.conditions[info.map, info.weather, info.split] += 1
    eye = np.array(labels.world_from_ego)[:3, 3]
    for camera in labels.cameras.values():
        for view in camera.objects:
            label = labels.object(view.id)
            if view.visible_px is None:
                continue
            counts.objects[label.category, info.split] += 1
            counts.visible[label.category] += 1
            counts.hidden[label.category] += view.occlusion >= 2
            counts.cut[label.category] += view.truncation > 0.1
            counts.heights_px.append(view.visible_px[3] - view.visible_px[1])
            away = float(np.linalg.norm(np.array(label.center_world_m) - eye))
            counts.distances_m.setdefault(label.category, []).append(away)
        for light in camera.lights:
            counts.lights[light.state, info.split] += light.visible_px is not None
    for label in labels.objects:
        counts.points[label.category] += max(label.lidar_points, 0)


def _cards(data: DataSet, counts: _Counts) -> list[tuple[str, object]]:
    cards: list[tuple[str, object]] = [(f"frames, {split}", n) for split, n in counts.frames.items()]
    cards += [("scenes", len(data.scenes)), ("maps", len({info.map for info in data.scenes}))]
    cards += [("objects in pictures", sum(counts.visible.values())), ("traffic lights", sum(counts.lights.values()))]
    return cards


def _classes(counts: _Counts, data: DataSet) -> Table:
    rows: list[Sequence[object]] = []
    for kind in (k for k in CATEGORIES if counts.visible[k]):
        whole, away = counts.visible[kind], np.array(counts.distances_m[kind])
        with_rider = " (with rider)" if kind in TWO_WHEELERS else ""
        middle = f"{np.median(away):.0f} m (5–95 %: {np.percentile(away, 5):.0f}–{np.percentile(away, 95):.0f})"
        rows.append(
            (kind + with_rider, *(counts.objects[kind, split] for split in data.splits),
             f"{counts.hidden[kind] / whole:.0%}", f"{counts.cut[kind] / whole:.0%}", middle, counts.points[kind])
        )  # fmt: skip
    for state in sorted({state for (state, _), n in counts.lights.items() if n}):
        numbers = (counts.lights[state, split] for split in data.splits)
        rows.append((f"traffic light, {state}", *numbers, "", "", "", ""))
    head = ("class", *data.splits, "largely hidden", "cut by the edge", "distance", "LiDAR points")
    return "Objects with a visible pixel", head, rows


def _conditions(counts: _Counts) -> Table:
    rows = [(*key, n) for key, n in sorted(counts.conditions.items())]
    return "Maps, weathers, splits", ("map", "weather", "split", "frames"), list(rows)


def _rig(data: DataSet) -> Table:
    info = data.scenes[0]
    rows: list[Sequence[object]] = []
    for name, camera in info.cameras.items():
        x, y, z = (row[3] for row in camera.ego_from_camera[:3])
        at = f"{x:.2f}, {y:.2f}, {z:.2f} m"
        rows.append((name, "camera", f"{camera.width}×{camera.height}, f = {camera.intrinsics[0][0]:.0f} px", at))
    for name, lidar in info.lidars.items():
        x, y, z = (row[3] for row in lidar.ego_from_lidar[:3])
        what = f"{lidar.channels} channels, {lidar.lower_deg:g}° to {lidar.upper_deg:g}°"
        rows.append((name, "LiDAR", what, f"{x:.2f}, {y:.2f}, {z:.2f} m"))
    return f"Sensors on {info.ego_type}", ("name", "kind", "what", "place (x forward, y left, z up)"), rows


def _agreement(sample: Sequence[Frame]) -> list[Table]:
    """How well the labels of some frames agree."""
    with_masks = [frame for frame in sample if frame.info.has_masks]
    if not with_masks:
        return []
    pairs = [(frame, camera) for frame in with_masks for camera in frame.info.cameras]
    rows: list[Sequence[object]] = [
        ("pixels of an object with a tag of another class", sum(consistency.wrong_tags(*pair) for pair in pairs)),
        ("riders apart from their machines", sum(len(consistency.loose_riders(*pair)) for pair in pairs)),
        ("visible box out of the amodal box", f"{max(consistency.nesting_px(*pair)[0] for pair in pairs):.2f} px"),
    ]
    for kind, (p95, most, n) in consistency.worst_overshoots(with_masks).items():
        rows.append((f"mask out of the 3-D box, {kind} ({n})", f"95 %: {p95:.2f} m, most: {most:.2f} m"))
    found = [
        agreement
        for frame, camera in pairs
        for lidar in frame.info.lidars
        if (agreement := consistency.point_agreement(frame, camera, lidar)) is not None
    ]
    if found:
        weight = np.array([one.points for one in found], np.float64)
        same = np.average([one.same_object for one in found], weights=weight)
        inside = np.average([one.inside_box for one in found], weights=weight)
        depth = np.average([one.depth_median_m for one in found], weights=weight)
        rows += [
            ("LiDAR points and pixels on the same object", f"{same:.1%}"),
            ("LiDAR points of objects inside their 3-D boxes", f"{inside:.1%}"),
            ("depth picture against LiDAR range, median", f"{depth:.3f} m"),
        ]
    return [(f"Agreement of labels, {len(with_masks)} frames", ("what", "measured"), rows)]


def _histogram(values: Sequence[float], label: str) -> str:
    figure = Figure(figsize=(5.2, 3.0))
    axes = figure.add_subplot()
    if values:
        top = max(2.0, max(values))
        axes.hist(values, bins=list(np.geomspace(1.0, top, 40)), color=ACCENT)
        axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel("objects")
    return _svg(figure)


def _distances(counts: _Counts) -> str:
    figure = Figure(figsize=(5.2, 3.0))
    axes = figure.add_subplot()
    kinds = [kind for kind in CATEGORIES if counts.distances_m.get(kind)]
    if kinds:
        axes.hist([counts.distances_m[k] for k in kinds], bins=list(range(0, 105, 5)), stacked=True, label=kinds)
        axes.legend(fontsize=7)
    axes.set_xlabel("distance [m]", color=INK)
    axes.set_ylabel("objects")
    return _svg(figure)


def _picture(frame: Frame, camera: str) -> str:
    picture = draw(frame, camera)
    if picture.shape[1] > GALLERY_WIDTH_PX:
        height = round(picture.shape[0] * GALLERY_WIDTH_PX / picture.shape[1])
        picture = np.asarray(cv2.resize(picture, (GALLERY_WIDTH_PX, height), interpolation=cv2.INTER_AREA), np.uint8)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _svg(figure: Figure) -> str:
    with matplotlib.rc_context({"svg.hashsalt": "roadlab"}):  # else its ids are drawn anew every time
        return svg(figure)
