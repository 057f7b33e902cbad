"""Asphalt between the lanes of a junction, which OpenDRIVE leaves open where turning lanes part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from sim.server.scene.lanes import RAISED_KINDS, Lane
from sim.server.scene.mesh import Material
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

CLOSE_M = 3.0
"""Gaps up to twice this wide between the lanes of one junction are paved."""
BELOW_LANES_M = 0.03
"""Fillings lie under everything else, so that overlaps do not show."""
SMALLEST_M2 = 0.05


def add_fillings(triangles: Triangles, lanes: Sequence[Lane], strip: int) -> None:
    """Pave the gaps of every junction; ``strip`` is the marking strip (no marks) that their faces name."""
    members: dict[int, list[Lane]] = {}
    for lane in lanes:
        if lane.junction >= 0 and lane.kind not in RAISED_KINDS:
            members.setdefault(lane.junction, []).append(lane)
    for group in members.values():
        outlines = [np.concatenate([lane.left_m, lane.right_m[::-1]])[:, :2] for lane in group]
        paved = shapely.union_all(shapely.buffer(shapely.polygons([shapely.linearrings(o) for o in outlines]), 0.02))
        closed = shapely.buffer(shapely.buffer(paved, CLOSE_M, quad_segs=3), -CLOSE_M, quad_segs=3)
        gaps = shapely.difference(closed, paved)
        parts = [part for part in shapely.get_parts(gaps) if part.area > SMALLEST_M2]
        if parts:
            _add_parts(triangles, parts, group, strip)


def _add_parts(triangles: Triangles, parts: Sequence[shapely.Polygon], group: Sequence[Lane], strip: int) -> None:
    edges = np.concatenate([np.concatenate([lane.left_m, lane.right_m]) for lane in group])
    tree = cKDTree(edges[:, :2])
    corners: list[Array] = []
    for part in parts:
        pieces = shapely.get_parts(shapely.delaunay_triangles(part))
        inside = shapely.contains(shapely.buffer(part, 0.05), shapely.centroid(pieces))
        corners.extend(shapely.get_coordinates(piece)[:3] for piece in pieces[inside])
    if not corners:
        return
    level = np.concatenate(corners)
    distance, index = tree.query(level, k=min(4, len(edges)))
    weight = 1.0 / (distance + 0.05) ** 2
    height = (edges[index, 2] * weight).sum(axis=1) / weight.sum(axis=1) - BELOW_LANES_M
    vertex = np.column_stack([level, height])
    far = np.full((len(vertex), 3), 2.0)  # two metres from either edge: wherever marks would be, there is none
    far[:, 0] = 0.0
    triangles.add(vertex, (0.0, 0.0, 1.0), far, np.arange(len(vertex)).reshape(-1, 3), Material.ROAD, strip)
