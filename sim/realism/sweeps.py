"""Figures of LiDAR sweeps, the same for ours, CARLA's and KITTI's.

Drop-out is told where it can be: of the rays that look at the near ground (``GROUND_DEG``), which must hit something,
the share that did not come back. Where nobody knows how many rays a turn has, the fullest ring of the sweep says.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RANGES_M = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, math.inf)
OBJECT_DISTANCES_M = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0)
INTENSITIES = tuple(np.linspace(0.0, 1.0, 11).round(2).tolist())
INTENSITY_RANGES_M = (0.0, 10.0, 20.0, 40.0, math.inf)
GROUND_DEG = (-18.0, -4.0)
"""Elevations from which a sensor 1.7 m high meets the ground between 5 and 25 m away."""
FULLEST = 0.95
"""Quantile of the points of the rings that counts as a ring without drop-out."""
MARGIN_M = 0.1  # boxes are grown by this: labels and ranges are not exact


@dataclass(frozen=True)
class Things:
    """Labelled bodies of a sweep, k rows: kind (k,); centre_m, size_m (k, 3) length, width, height; yaw_rad (k,)."""

    kind: tuple[str, ...]
    centre_m: Floats
    size_m: Floats
    yaw_rad: Floats


def nothing() -> Things:
    """No bodies."""
    return Things((), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))


@dataclass(frozen=True)
class Sweep:
    """points_m (n, 3): x forward, y left, z up, from the sensor; intensity (n,) 0..1 or None where the sensor has none;
    ring (n,) which of the sensor's beams, or None where nobody knows; rays: of a beam in a turn; counts: points of each
    body where they were counted otherwise, as (kind, distance m, points)."""

    points_m: Floats
    intensity: Floats | None = None
    ring: Ints | None = None
    things: Things = field(default_factory=nothing)
    counts: tuple[tuple[str, float, int], ...] = ()
    rays: int | None = None


def figures(sweeps: Sequence[Sweep]) -> dict[str, Any]:
    """All figures of a set of sweeps of one sensor; parts that cannot be told are None."""
    ranges = np.concatenate([np.linalg.norm(s.points_m, axis=1) for s in sweeps])
    return {
        "sweeps": len(sweeps),
        "points": float(np.mean([len(s.points_m) for s in sweeps])),
        "rings": rings(sweeps),
        "range_share": shares(ranges, RANGES_M),
        "range_median_m": float(np.median(ranges)),
        "intensity": intensities(sweeps),
        "objects": {kind: points_per_object(sweeps, kind) for kind in ("car", "person")},
    }


def shares(values: Floats, edges: Sequence[float]) -> dict[str, float]:
    """Share of the values in each bin."""
    return {
        _label(low, high): float(np.mean((values >= low) & (values < high))) if len(values) else 0.0
        for low, high in itertools.pairwise(edges)
    }


def _label(low: float, high: float) -> str:
    return f">= {low:g}" if math.isinf(high) else f"{low:g}-{high:g}"


def rings(sweeps: Sequence[Sweep]) -> dict[str, float] | None:
    """Beams, their elevations and spacing, rays a turn, scatter of a beam's elevation, drop-out on near ground."""
    known = [s for s in sweeps if s.ring is not None]
    if not known:
        return None
    rows = [_rings_of(s) for s in known]
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _rings_of(sweep: Sweep) -> dict[str, float]:
    assert sweep.ring is not None
    away = np.linalg.norm(sweep.points_m, axis=1)
    elevation = np.degrees(np.arcsin(sweep.points_m[:, 2] / np.maximum(away, 1e-6)))
    names, index, count = np.unique(sweep.ring, return_inverse=True, return_counts=True)
    middle = np.array([np.median(elevation[index == k]) for k in range(len(names))])
    spread = np.array([np.std(elevation[index == k]) for k in range(len(names))])
    rays = float(np.quantile(count, FULLEST) if sweep.rays is None else sweep.rays)
    low = (middle > GROUND_DEG[0]) & (middle < GROUND_DEG[1])
    return {
        "beams": float(len(names)),
        "top_deg": float(middle.max()),
        "bottom_deg": float(middle.min()),
        "spacing_deg": float(np.median(np.abs(np.diff(np.sort(middle))))),
        "scatter_deg": float(np.median(spread)),
        "fullest_beam": float(np.quantile(count, FULLEST)),
        "ground_dropout": float(1.0 - np.minimum(count[low] / rays, 1.0).mean()) if low.any() else math.nan,
    }


def intensities(sweeps: Sequence[Sweep]) -> dict[str, Any] | None:
    """Mean, deciles and histogram of the intensity, and its mean by range."""
    known = [s for s in sweeps if s.intensity is not None]
    if not known:
        return None
    value = np.concatenate([s.intensity for s in known if s.intensity is not None])
    away = np.concatenate([np.linalg.norm(s.points_m, axis=1) for s in known])
    inner = [*INTENSITIES[:-1], math.inf]
    return {
        "mean": float(value.mean()),
        "deciles": [float(v) for v in np.quantile(value, (0.1, 0.5, 0.9))],
        "share": shares(value, inner),
        "mean_by_range": {
            _label(low, high): float(value[(away >= low) & (away < high)].mean())
            for low, high in itertools.pairwise(INTENSITY_RANGES_M)
            if ((away >= low) & (away < high)).any()
        },
    }


def points_per_object(sweeps: Sequence[Sweep], kind: str) -> dict[str, dict[str, float]]:
    """Bodies, and median and mean of their points, by distance. Bodies without any are left out: nobody labels what is
    wholly hidden in a recorded sweep."""
    rows = [(away, n) for s in sweeps for name, away, n in (*s.counts, *count_points(s)) if name == kind and n > 0]
    out = {}
    for low, high in itertools.pairwise(OBJECT_DISTANCES_M):
        points = [n for away, n in rows if low <= away < high]
        if points:
            out[_label(low, high)] = {
                "bodies": len(points), "median": float(np.median(points)), "mean": float(np.mean(points)),
            }  # fmt: skip
    return out


def count_points(sweep: Sweep) -> list[tuple[str, float, int]]:
    """Kind, distance and points of each labelled body."""
    out = []
    for k, kind in enumerate(sweep.things.kind):
        inside = in_box(
            sweep.points_m, sweep.things.centre_m[k], sweep.things.size_m[k], float(sweep.things.yaw_rad[k])
        )
        out.append((kind, float(np.linalg.norm(sweep.things.centre_m[k])), int(inside.sum())))
    return out


def in_box(points_m: Floats, centre_m: Floats, size_m: Floats, yaw_rad: float) -> npt.NDArray[np.bool_]:
    """Points (n,) inside an upright box, turned by yaw about z, grown by ``MARGIN_M``."""
    offset = points_m - centre_m
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    along, across = offset[:, 0] * c + offset[:, 1] * s, offset[:, 1] * c - offset[:, 0] * s
    half = size_m / 2.0 + MARGIN_M
    inside = (np.abs(along) <= half[0]) & (np.abs(across) <= half[1]) & (np.abs(offset[:, 2]) <= half[2])
    return np.asarray(inside, np.bool_)


def ring_by_elevation(points_m: Floats, elevations_rad: Floats) -> Ints:
    """The nearest of a sensor's known elevations (m,) for each point (n,)."""
    elevation = np.arcsin(points_m[:, 2] / np.maximum(np.linalg.norm(points_m, axis=1), 1e-6))
    order = np.argsort(elevations_rad)
    between = (elevations_rad[order][1:] + elevations_rad[order][:-1]) / 2.0
    return np.asarray(order[np.searchsorted(between, elevation)], np.int64)


def ring_by_turns(points_m: Floats) -> Ints:
    """Rings (n,) of a file that holds one beam's turn after the other, as KITTI's: a new one begins where the azimuth
    passes straight ahead."""
    azimuth = np.arctan2(points_m[:, 1], points_m[:, 0])
    left = azimuth > 0.0
    begins = left[1:] & ~left[:-1] & (np.abs(azimuth[1:]) < math.pi / 4.0)
    return np.concatenate([[0], np.cumsum(begins)]).astype(np.int64)
