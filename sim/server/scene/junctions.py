"""Junctions as one surface: lanes that cross at different heights are brought together, gaps are paved.

OpenDRIVE describes every turn as a road of its own. Some maps give crossing turns heights that differ by up to
half a metre, which no carriageway has, and leave open what lies between turning lanes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from sim.server.scene.lanes import RAISED_KINDS, Lane, resampled
from sim.server.scene.mesh import Material
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

CLOSE_M = 3.0
"""Gaps up to twice this wide between the lanes of one junction are paved."""
BELOW_LANES_M = 0.03
"""Fillings lie under everything else, so that overlaps do not show."""
UNDER_LANES_M = 0.25
"""Fillings reach so far under the lanes: nobody looks through the step between them to the land below."""
SEAM_M = 0.005
"""Lanes end so much inside their edges here: a seam between two of them is a gap, too, however narrow it is."""
SMALLEST_M2 = 0.05
CONFLICT_M = 0.04
"""Lanes of a junction that differ more than this in height, and less than a storey, contradict each other."""
STOREY_M = 2.5
NEAR_M = 1.0
"""Distance within which samples of two lanes are compared."""
PIECE_M = 1.0
SMOOTH_M = 1.2
"""Width of the Gaussian that averages the lanes' heights: about a third of a lane."""
NEIGHBOURS = 24
JOIN_M = 5.0
"""Over this length from its ends a lane goes over from its own height to the common one."""


def level_junctions(lanes: Sequence[Lane]) -> list[Lane]:
    """The lanes, of which those in contradictory junctions have a common height away from their ends."""
    members: dict[int, list[int]] = {}
    for index, lane in enumerate(lanes):
        if lane.junction >= 0:
            members.setdefault(lane.junction, []).append(index)
    out = list(lanes)
    for indices in members.values():
        group = [lanes[i] for i in indices]
        if max(np.ptp(lane.centre_m[:, 2]) for lane in group) < CONFLICT_M:
            continue  # all level, and they meet the same roads
        dense = [resampled(lane, PIECE_M) for lane in group]
        points = np.concatenate([(lane.left_m + lane.right_m) / 2.0 for lane in dense])
        tree = cKDTree(points[:, :2])
        pairs = tree.query_pairs(NEAR_M, output_type="ndarray")
        step = np.abs(points[pairs[:, 0], 2] - points[pairs[:, 1], 2])
        if np.any((step > CONFLICT_M) & (step < STOREY_M)):
            for index, lane in zip(indices, dense, strict=True):
                out[index] = _levelled(lane, tree, points)
    return out


def _levelled(lane: Lane, tree: cKDTree, points: Array) -> Lane:
    from_end = np.minimum(lane.s_m - lane.s_m[0], lane.s_m[-1] - lane.s_m)
    share = np.clip(from_end / JOIN_M, 0.0, 1.0)
    share = share * share * (3.0 - 2.0 * share)
    edges: list[Array] = []
    for edge in (lane.left_m, lane.right_m):
        distance, index = tree.query(edge[:, :2], k=min(NEIGHBOURS, len(points)))
        step = points[index, 2] - edge[:, 2:]
        weight = np.exp(-0.5 * (distance / SMOOTH_M) ** 2) * (np.abs(step) < STOREY_M) + 1e-12
        moved = edge.copy()
        moved[:, 2] += share * np.sum(weight * step * (np.abs(step) < STOREY_M), axis=1) / weight.sum(axis=1)
        edges.append(moved)
    return replace(lane, left_m=edges[0], right_m=edges[1])


def add_fillings(triangles: Triangles, lanes: Sequence[Lane], strip: int, owner_of_road: Mapping[int, int]) -> None:
    """Pave the gaps of every junction; ``strip`` is the marking strip (no marks) that their faces name.

    They belong to the object of the junction's first road.
    """
    members: dict[int, list[Lane]] = {}
    for lane in lanes:
        if lane.junction >= 0 and lane.kind not in RAISED_KINDS:
            members.setdefault(lane.junction, []).append(lane)
    for group in members.values():
        outlines = [np.concatenate([lane.left_m, lane.right_m[::-1]])[:, :2] for lane in group]
        paved = shapely.union_all(shapely.buffer(shapely.polygons([shapely.linearrings(o) for o in outlines]), -SEAM_M))
        closed = shapely.buffer(shapely.buffer(paved, CLOSE_M, quad_segs=3), -CLOSE_M, quad_segs=3)
        gaps = [part for part in shapely.get_parts(shapely.difference(closed, paved)) if part.area > SMALLEST_M2]
        under = shapely.intersection(shapely.buffer(shapely.union_all(gaps), UNDER_LANES_M, quad_segs=1), closed)
        parts = [part for part in shapely.get_parts(under) if part.geom_type == "Polygon"]
        if parts:
            _add_parts(triangles, parts, group, strip, owner_of_road[group[0].road])


def _add_parts(
    triangles: Triangles, parts: Sequence[shapely.Polygon], group: Sequence[Lane], strip: int, owner: int
) -> None:
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
    triangles.add(vertex, (0.0, 0.0, 1.0), far, np.arange(len(vertex)).reshape(-1, 3), Material.ROAD, strip, owner)
