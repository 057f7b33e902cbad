"""Contact sheets: crops of what was missed and of what was made up, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from sim.realism.judge import U8, Finding
from sim.realism.rule import NAME_OF_COCO
from sim.realism.tally import CLASSES, Asked, Said

TILE_PX = 224
CAPTION_PX = 30
ACROSS = 6
CONTEXT = 0.6
"""A crop shows this share of the object's size round it, so that one sees what it stands before."""
SMALLEST_CROP_PX = 90
RED, GREEN, WHITE = (40, 40, 235), (60, 200, 60), (255, 255, 255)


class Crops:
    """Collects crops while pictures pass by, since whole pictures of a long run do not fit in memory."""

    def __init__(self, most: int = 400) -> None:
        self.missed: list[tuple[Asked, U8]] = []
        self.wrong: list[tuple[Said, U8]] = []
        self._most = most

    def add(self, finding: Finding) -> None:
        """Take what went wrong in one picture."""
        picture = finding.picture
        boxes = [(box, GREEN) for box, right in zip(finding.said.box, [r.right for r in finding.said_rows], strict=True)
                 if right]  # fmt: skip
        for row in finding.asked_rows:
            if not row.found and len(self.missed) < self._most:
                self.missed.append((row, crop(picture.bgr, row.box, boxes)))
        for said in finding.said_rows:
            if not said.right and len(self.wrong) < self._most:
                self.wrong.append((said, crop(picture.bgr, said.box, [])))

    def write(self, folder: Path) -> list[Path]:
        """One sheet a class of what was missed, largest first, and one of the false alarms, surest first."""
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name in ("cars", "trucks", "buses", "motorcycles", "bicycles", "walkers", "riders"):
            rows = [(a, c) for a, c in self.missed if a.kind in CLASSES[name]]
            rows.sort(key=lambda row: -row[0].height_px)
            tiles = [
                (c, (f"{a.name.split('.', 1)[-1]} {a.height_px:.0f}px", f"{a.picture} iou {a.best_iou:.2f}"))
                for a, c in rows
            ]
            written += _write(folder / f"missed_{name}.png", tiles)
        wrong = sorted(self.wrong, key=lambda row: -row[0].score)
        tiles = [(c, (f"{NAME_OF_COCO[s.coco]} {s.score:.2f}", s.picture)) for s, c in wrong]
        return written + _write(folder / "false_alarms.png", tiles)


def crop(bgr: U8, box: Sequence[float], others: Sequence[tuple[Sequence[float], tuple[int, int, int]]]) -> U8:
    """Square of TILE_PX round a box, which is drawn red, the other ones in their colours."""
    height, width = bgr.shape[:2]
    side = max((box[2] - box[0]) * (1 + CONTEXT), (box[3] - box[1]) * (1 + CONTEXT), SMALLEST_CROP_PX)
    side = int(min(side, height, width))
    x = int(np.clip((box[0] + box[2] - side) / 2, 0, width - side))
    y = int(np.clip((box[1] + box[3] - side) / 2, 0, height - side))
    scale = TILE_PX / side
    tile = cv2.resize(bgr[y : y + side, x : x + side], (TILE_PX, TILE_PX), interpolation=cv2.INTER_CUBIC)
    for around, colour in [*others, (box, RED)]:
        low = (round((around[0] - x) * scale), round((around[1] - y) * scale))
        high = (round((around[2] - x) * scale), round((around[3] - y) * scale))
        cv2.rectangle(tile, low, high, colour, 1)
    return np.asarray(tile, np.uint8)


def _write(path: Path, tiles: Sequence[tuple[U8, tuple[str, str]]], most: int = 36) -> list[Path]:
    if not tiles:
        path.unlink(missing_ok=True)
        return []
    cv2.imwrite(str(path), sheet(tiles[:most]))
    return [path]


def sheet(tiles: Sequence[tuple[U8, tuple[str, str]]], across: int = ACROSS) -> U8:
    """Tiles (TILE_PX, TILE_PX, 3) with two lines of caption each, so many a row."""
    rows = -(-len(tiles) // across)
    page = np.zeros((rows * (TILE_PX + CAPTION_PX), min(across, len(tiles)) * TILE_PX, 3), np.uint8)
    for k, (tile, caption) in enumerate(tiles):
        y, x = k // across * (TILE_PX + CAPTION_PX), k % across * TILE_PX
        page[y : y + TILE_PX, x : x + TILE_PX] = tile
        for line, text in enumerate(caption):
            at = (x + 3, y + TILE_PX + 12 + 14 * line)
            cv2.putText(page, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, WHITE, 1, cv2.LINE_AA)
    return page
