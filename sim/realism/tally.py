"""Counts of verdicts by class, weather, height, distance and share seen, with their confidence intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from sim.realism.rule import Group

Z_95 = 1.96
HEIGHTS_PX = (25.0, 40.0, 60.0, 100.0, math.inf)
DISTANCES_M = (0.0, 10.0, 20.0, 35.0, math.inf)
SHARES_VISIBLE = (0.5, 0.7, 0.9, math.inf)
CLASSES: dict[str, tuple[str, ...]] = {
    "vehicles": ("car", "van", "truck", "bus"),
    "cars": ("car", "van"),
    "trucks": ("truck",),
    "buses": ("bus",),
    "two_wheelers": ("motorcycle", "bicycle"),
    "two_wheelers_or_riders": ("motorcycle", "bicycle"),
    "motorcycles": ("motorcycle",),
    "bicycles": ("bicycle",),
    "persons": ("person", "rider"),
    "walkers": ("person",),
    "riders": ("rider",),
}
"""Rows of the tables, and the kinds that each pools."""
NOTICED = "two_wheelers_or_riders"
"""There a two-wheeler counts as found also where the detector calls it, with its rider, a person."""
TARGETS = {"vehicles": 0.93, "persons": 0.90, "trucks": 0.80, "buses": 0.80, "two_wheelers": 0.80}
TARGET_PER_WEATHER = {"vehicles": 0.88}
PRECISION_TARGETS = {Group.VEHICLE: 0.97, Group.PERSON: 0.99}


@dataclass(frozen=True)
class Asked:
    """One object that the rule asked for."""

    picture: str
    map: str
    weather: str
    kind: str
    name: str
    box: tuple[float, float, float, float]
    height_px: float
    share_visible: float
    distance_m: float
    found: bool
    named: bool
    noticed: bool
    best_iou: float


@dataclass(frozen=True)
class Said:
    """One detection."""

    picture: str
    map: str
    weather: str
    group: Group
    coco: int
    score: float
    box: tuple[float, float, float, float]
    right: bool


@dataclass(frozen=True)
class Rate:
    """``hits`` of ``total``; the share and its Wilson interval of 95 % (Wilson 1927), None where total is 0."""

    hits: int
    total: int
    share: float | None
    low: float | None
    high: float | None


def rate(hits: int, total: int) -> Rate:
    """Share with its interval."""
    if total == 0:
        return Rate(0, 0, None, None, None)
    p, z2 = hits / total, Z_95**2
    centre = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = Z_95 / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2))
    return Rate(hits, total, p, max(0.0, centre - half), min(1.0, centre + half))


def recall(rows: Iterable[Asked]) -> Rate:
    """Found of asked."""
    found = [row.found for row in rows]
    return rate(sum(found), len(found))


def precision(rows: Iterable[Said]) -> Rate:
    """Right of said."""
    right = [row.right for row in rows]
    return rate(sum(right), len(right))


def of_class(rows: Sequence[Asked], name: str) -> list[Asked]:
    """Rows of one of ``CLASSES``."""
    rows = [row for row in rows if row.kind in CLASSES[name]]
    return [replace(row, found=row.noticed) for row in rows] if name == NOTICED else rows


def summary(asked: Sequence[Asked], said: Sequence[Said]) -> dict[str, object]:
    """All tables as plain data: recall by class, and of each class by weather, map, height, distance, share seen and
    blueprint; ``named`` is the share that was called by its own class."""
    rows_of_all: list[Asked | Said] = [*asked, *said]
    weathers = list(dict.fromkeys(row.weather for row in rows_of_all))
    maps = list(dict.fromkeys(row.map for row in rows_of_all))
    out: dict[str, object] = {}
    for name in CLASSES:
        rows = of_class(asked, name)
        out[name] = {
            "all": asdict(recall(rows)),
            "named": asdict(rate(sum(row.named for row in rows), len(rows))),
            "weather": {w: asdict(recall(r for r in rows if r.weather == w)) for w in weathers},
            "map": {m: asdict(recall(r for r in rows if r.map == m)) for m in maps},
            "height_px": _binned(rows, HEIGHTS_PX, lambda row: row.height_px),
            "distance_m": _binned(rows, DISTANCES_M, lambda row: row.distance_m),
            "share_visible": _binned(rows, SHARES_VISIBLE, lambda row: row.share_visible),
            "blueprint": {b: asdict(recall(r for r in rows if r.name == b)) for b in sorted({r.name for r in rows})},
        }
    out["precision"] = {
        group.value: {
            "all": asdict(precision(r for r in said if r.group is group)),
            "weather": {w: asdict(precision(r for r in said if r.group is group and r.weather == w)) for w in weathers},
        }
        for group in Group
    }
    return out


def _binned(rows: Sequence[Asked], edges: Sequence[float], value: Callable[[Asked], float]) -> dict[str, object]:
    bins: dict[str, object] = {}
    for low, high in itertools.pairwise(edges):
        label = f">= {low:g}" if math.isinf(high) else f"{low:g}-{high:g}"
        bins[label] = asdict(recall(row for row in rows if low <= value(row) < high))
    return bins
