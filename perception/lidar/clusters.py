"""Points that belong together: connected components on a grid seen from above.

Points are dropped into cells; occupied cells that touch (8-neighbourhood) are one object. Sparse returns far away are
bridged by a gap that grows with the distance between neighbouring beams.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from perception.frame import Float32Array
from perception.objects import IntArray


@dataclass(frozen=True)
class ClusterConfig:
    """Cell size and what is big enough to be an object."""

    cell_m: float = 0.25  # people 0.5 m apart stay apart
    gap_m: float = 0.35  # largest gap bridged close by
    gap_per_m: float = 0.012  # wider with range: spacing of neighbouring beams on an oblique surface
    max_gap_m: float = 1.2
    min_points: int = 4
    max_range_m: float = 80.0
    min_height_m: float = 0.3  # above ground, of the highest point: lower things can be driven over
    ceiling_m: float = 4.2  # points higher above ground are crowns, bridges, signs: no obstacle for a car
    max_clearance_m: float = 1.3  # what begins higher above ground hangs: crowns, awnings, mast arms


@njit(cache=True, nogil=True)
def _label(ix: IntArray, iy: IntArray, reach: IntArray, width: int) -> IntArray:
    """Component number of each point; cells joined where within the reach (in cells) of either."""
    n = len(ix)
    head = np.full(width * width, -1, np.int64)  # first point of each cell
    after = np.full(n, -1, np.int64)
    for i in range(n):
        k = iy[i] * width + ix[i]
        after[i] = head[k]
        head[k] = i
    label = np.full(n, -1, np.int64)
    stack = np.empty(n, np.int64)
    count = 0
    for seed in range(n):
        if label[seed] >= 0:
            continue
        label[seed] = count
        stack[0] = seed
        size = 1
        while size > 0:
            size -= 1
            p = stack[size]
            r = reach[p]
            for y in range(max(0, iy[p] - r), min(width, iy[p] + r + 1)):
                for x in range(max(0, ix[p] - r), min(width, ix[p] + r + 1)):
                    if (x - ix[p]) ** 2 + (y - iy[p]) ** 2 > r * r + 1:
                        continue
                    k = y * width + x
                    q = head[k]
                    head[k] = -1  # every point of the cell joins now, so the cell need not be looked at again
                    while q >= 0:
                        if label[q] < 0:
                            label[q] = count
                            stack[size] = q
                            size += 1
                        q = after[q]
        count += 1
    return label


def cluster(points_ego_m: Float32Array, above_ground_m: Float32Array, config: ClusterConfig) -> list[IntArray]:
    """Clusters as index arrays into ``points_ego_m (n, 3)`` (ground already removed by the caller's choice of rows),
    largest first; ``above_ground_m (n,)`` is each point's height above ground."""
    if not len(points_ego_m):
        return []
    distance = np.hypot(points_ego_m[:, 0], points_ego_m[:, 1])
    usable = np.flatnonzero((distance < config.max_range_m) & (above_ground_m < config.ceiling_m))
    if not len(usable):
        return []
    width = int(2 * config.max_range_m / config.cell_m) + 1
    cells = ((points_ego_m[usable, :2] + config.max_range_m) / config.cell_m).astype(np.int64)
    gap = np.minimum(config.gap_m + config.gap_per_m * distance[usable], config.max_gap_m)
    reach = np.maximum(1, np.round(gap / config.cell_m)).astype(np.int64)
    label = _label(np.ascontiguousarray(cells[:, 0]), np.ascontiguousarray(cells[:, 1]), reach, width)
    order = np.argsort(label, kind="stable")
    groups = np.split(usable[order], np.flatnonzero(np.diff(label[order])) + 1)
    kept = [
        group
        for group in groups
        if len(group) >= config.min_points
        and float(above_ground_m[group].max()) >= config.min_height_m
        and float(above_ground_m[group].min()) <= config.max_clearance_m
    ]
    return sorted(kept, key=lambda group: (-len(group), int(group[0])))


def height_ok(above_ground_m: Float32Array, ground: npt.NDArray[np.bool_]) -> IntArray:
    """Rows that clustering should see: finite and not ground."""
    return np.flatnonzero(~ground & np.isfinite(above_ground_m)).astype(np.int64)
