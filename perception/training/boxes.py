"""Labelled pictures for a detector: reading, caching, augmenting.

A split is a folder with ``images/NAME.jpg`` and ``labels/NAME.txt``; each label line is
``class x0 y0 x1 y1 visibility``: an index into the class names, the tight box of the visible pixels as shares of
the picture's width and height, and the visible share of the object. Every object with a visible pixel has a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from perception.augment.pipeline import Pipeline
from perception.augment.sample import Boxes2D, Sample
from perception.augment.step import Sources

FloatArray = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
LABEL_COLUMNS = 6


class DataSetError(ValueError):
    """A data set on disk is incomplete; the message names the file."""


@dataclass(frozen=True)
class LabelRule:
    """Which objects a detector is asked to find. The others are background: too small or too hidden to tell."""

    min_height: float = 12.0 / 600.0  # share of the picture's height: 12 pixels of an 800x600 camera
    min_visibility: float = 0.25  # less than that of a car is a bumper or a roof


@dataclass(frozen=True)
class Augmentation:
    """How pictures are varied. Probabilities 0..1, factors of the original."""

    mosaic: float = 0.5
    mosaic_scale: tuple[float, float] = (0.5, 1.0)
    scale: tuple[float, float] = (0.8, 1.3)
    flip: float = 0.5
    hue: float = 0.015  # of the colour circle, as Ultralytics has it
    saturation: float = 0.5
    value: float = 0.35
    min_box_px: float = 6.0  # a smaller rest of a cut box is dropped
    min_box_share: float = 0.3  # of a box's area that must survive a cut


@dataclass(frozen=True)
class Split:
    """Pictures ``(n, h, w, 3) uint8 BGR`` (memory-mapped) and their labels ``(k, 6)`` as in the label files."""

    images: Picture
    labels: tuple[FloatArray, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def read_split(folder: Path, size: tuple[int, int], limit: int | None = None) -> Split:
    """Read a split, its pictures scaled to ``size`` (height, width). The scaled pictures are cached beside it.

    Raises DataSetError when the folder is empty or a label is missing or malformed.
    """
    files = sorted((folder / "images").glob("*.jpg"))[:limit]
    if not files:
        raise DataSetError(f"{folder}/images holds no .jpg; render a data set with `roadlab train detector`")
    labels = tuple(_read_labels(folder / "labels" / f"{file.stem}.txt") for file in files)
    cache = folder / f"pictures_{size[0]}x{size[1]}_{len(files)}.npy"
    if not cache.is_file() or cache.stat().st_mtime < max(file.stat().st_mtime for file in files):
        partial = cache.with_suffix(".partial")
        pictures = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(len(files), *size, 3))
        for i, file in enumerate(files):
            picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
            if picture is None:
                raise DataSetError(f"{file} is not a picture; delete it and its label, or render again")
            pictures[i] = cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
        pictures.flush()
        partial.replace(cache)
    return Split(np.load(cache, mmap_mode="r"), labels, tuple(file.stem for file in files))


def _read_labels(file: Path) -> FloatArray:
    if not file.is_file():
        raise DataSetError(f"{file} is missing; every picture needs a label file, an empty one for an empty picture")
    try:
        rows = [[float(number) for number in line.split()] for line in file.read_text().splitlines()]
        return np.array(rows, np.float32).reshape(-1, LABEL_COLUMNS)
    except ValueError as error:
        raise DataSetError(f"{file}: expected lines of {LABEL_COLUMNS} numbers ({error})") from None


def targets(labels: FloatArray, rule: LabelRule, size: tuple[int, int]) -> FloatArray:
    """The objects to be found: rows ``class x0 y0 x1 y1`` in pixels of a picture of ``size``."""
    height, width = size
    keep = (labels[:, 4] - labels[:, 2] >= rule.min_height) & (labels[:, 5] >= rule.min_visibility)
    rows = labels[keep, :5] * np.array([1.0, width, height, width, height], np.float32)
    return np.asarray(rows, np.float32)


def augmented(
    split: Split, index: int, size: tuple[int, int], rule: LabelRule, how: Augmentation, rng: np.random.Generator
) -> tuple[Picture, FloatArray]:
    """One training picture ``(h, w, 3)`` of ``size`` and its boxes: rows ``class x0 y0 x1 y1`` in pixels."""
    height, width = size
    canvas = np.full((height, width, 3), 114, np.uint8)  # Ultralytics' grey
    if rng.random() < how.mosaic:
        cx, cy = round(width * rng.uniform(0.35, 0.65)), round(height * rng.uniform(0.35, 0.65))
        areas = [(0, 0, cx, cy), (cx, 0, width, cy), (0, cy, cx, height), (cx, cy, width, height)]
        indices = [index, *rng.integers(0, len(split), 3)]
        scales = rng.uniform(*how.mosaic_scale, 4)
    else:
        areas, indices = [(0, 0, width, height)], [index]
        scales = rng.uniform(*how.scale, 1)
    boxes = [
        _paste(canvas, area, split, int(i), float(scale), size, rule, how, rng)
        for area, i, scale in zip(areas, indices, scales, strict=True)
    ]
    joined = np.concatenate(boxes)
    if rng.random() < how.flip:
        canvas = canvas[:, ::-1]
        joined[:, [1, 3]] = width - joined[:, [3, 1]]
    return _shift_colours(canvas, how, rng), joined


def further(
    picture: Picture, boxes: FloatArray, pipeline: Pipeline, split: Split, rule: LabelRule, rng: np.random.Generator
) -> tuple[Picture, FloatArray]:
    """A training picture and its boxes, as ``augmented`` gives them, after the steps of a pipeline.

    Steps that need another picture get one of the split, scaled to the same size. Raises ValueError where the steps
    leave a picture of another size.
    """
    size = picture.shape[:2]

    def another(draw: np.random.Generator) -> Sample:
        index = int(draw.integers(len(split)))
        scaled = cv2.resize(split.images[index], size[::-1], interpolation=cv2.INTER_LINEAR)
        rows = targets(split.labels[index], rule, (size[0], size[1]))
        return Sample(image=np.asarray(scaled, np.uint8), boxes=Boxes2D.of(rows[:, 1:], rows[:, 0]))

    sample = Sample(image=np.ascontiguousarray(picture), boxes=Boxes2D.of(boxes[:, 1:], boxes[:, 0]))
    made = pipeline(sample, rng, Sources(sample=another))
    if made.image is None or made.image.shape[:2] != size:
        raise ValueError(f"augment: the steps must leave pictures of {size}; end them with a letterbox of that size")
    return made.image, np.column_stack([made.boxes.classes, made.boxes.px]).astype(np.float32)


def _paste(
    canvas: Picture,
    area: tuple[int, int, int, int],
    split: Split,
    index: int,
    scale: float,
    size: tuple[int, int],
    rule: LabelRule,
    how: Augmentation,
    rng: np.random.Generator,
) -> FloatArray:
    """Put a scaled piece of a picture into an area of the canvas; returns its boxes on the canvas."""
    x0, y0, x1, y1 = area
    height, width = round(size[0] * scale), round(size[1] * scale)
    picture = cv2.resize(split.images[index], (width, height), interpolation=cv2.INTER_LINEAR)
    # where the picture's corner lies: anywhere so that it fills the area, or inside it if it is smaller
    left = x0 - round(rng.uniform(min(0, width - (x1 - x0)), max(0, width - (x1 - x0))))
    top = y0 - round(rng.uniform(min(0, height - (y1 - y0)), max(0, height - (y1 - y0))))
    cut_x0, cut_y0 = max(x0, left), max(y0, top)
    cut_x1, cut_y1 = min(x1, left + width), min(y1, top + height)
    canvas[cut_y0:cut_y1, cut_x0:cut_x1] = picture[cut_y0 - top : cut_y1 - top, cut_x0 - left : cut_x1 - left]
    boxes = targets(split.labels[index], rule, (height, width))
    boxes[:, 1:] += np.array([left, top, left, top], np.float32)
    before = (boxes[:, 3] - boxes[:, 1]) * (boxes[:, 4] - boxes[:, 2])
    boxes[:, [1, 3]] = boxes[:, [1, 3]].clip(cut_x0, cut_x1)
    boxes[:, [2, 4]] = boxes[:, [2, 4]].clip(cut_y0, cut_y1)
    wide, tall = boxes[:, 3] - boxes[:, 1], boxes[:, 4] - boxes[:, 2]
    keep = (wide * tall >= how.min_box_share * before) & (tall >= how.min_box_px) & (wide >= 0.4 * how.min_box_px)
    return np.asarray(boxes[keep], np.float32)


def _shift_colours(picture: Picture, how: Augmentation, rng: np.random.Generator) -> Picture:
    """Hue, saturation and value scaled at random, through tables (OpenCV's hue has 180 steps)."""
    hue, saturation, value = 1.0 + rng.uniform(-1.0, 1.0, 3) * (how.hue, how.saturation, how.value)
    steps = np.arange(256, dtype=np.float32)
    planes: list[Any] = list(cv2.split(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_BGR2HSV)))
    tables = (
        ((steps * hue) % 180).astype(np.uint8),
        (steps * saturation).clip(0, 255).astype(np.uint8),
        (steps * value).clip(0, 255).astype(np.uint8),
    )
    merged = cv2.merge([cv2.LUT(plane, table) for plane, table in zip(planes, tables, strict=True)])
    return np.asarray(cv2.cvtColor(merged, cv2.COLOR_HSV2BGR), np.uint8)
