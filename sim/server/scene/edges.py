"""Where the paved surface ends: the outer edges of all lanes, sampled, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.ground import OFF_ROAD, Ground
from sim.server.scene.lanes import Lane

Array = npt.NDArray[np.float64]

STEP_M = 4.0
BESIDE_M = (0.35, 1.2)
"""An edge is an outer one if nothing paved lies this far beside it."""
SAME_LEVEL_M = 1.0


@dataclass(frozen=True)
class Edges:
    """Samples of outer edges in columns (n,), run after run along lane edges.

    point_m (n, 3); outward, forward (n, 3) level unit vectors; town: a sidewalk ends here; width_m of the lane;
    junction: the lane belongs to one; run: samples with equal numbers that follow each other are neighbours
    along one edge.
    """

    point_m: Array
    outward: Array
    forward: Array
    town: npt.NDArray[np.bool_]
    width_m: Array
    junction: npt.NDArray[np.bool_]
    run: npt.NDArray[np.int64]

    def outside_junctions(self) -> Edges:
        """Only the samples where things may be placed along a street."""
        return self.select(~self.junction)

    def select(self, chosen: npt.NDArray[np.bool_]) -> Edges:
        """Some of the samples."""
        return Edges(
            self.point_m[chosen],
            self.outward[chosen],
            self.forward[chosen],
            self.town[chosen],
            self.width_m[chosen],
            self.junction[chosen],
            self.run[chosen],
        )

    def neighbours(self) -> npt.NDArray[np.int64]:
        """Indices k whose next sample k + 1 continues the same edge."""
        same = (self.run[1:] == self.run[:-1]) & (
            np.linalg.norm(self.point_m[1:, :2] - self.point_m[:-1, :2], axis=1) < 2.0 * STEP_M
        )
        return np.flatnonzero(same)


def outer_edges(lanes: Sequence[Lane], paved: Ground) -> Edges:
    """Outer edges of all lanes; ``paved`` is the surface of roads and sidewalks."""
    columns: list[list[Array]] = [[], [], [], [], [], [], []]
    for index, lane in enumerate(lanes):
        count = max(2, int(np.ceil((lane.s_m[-1] - lane.s_m[0]) / STEP_M)) + 1)
        s = np.linspace(lane.s_m[0], lane.s_m[-1], count)
        left, right = (
            np.stack([np.interp(s, lane.s_m, edge[:, k]) for k in range(3)], axis=1)
            for edge in (lane.left_m, lane.right_m)
        )
        across = right - left
        across[:, 2] = 0.0
        width = np.linalg.norm(across, axis=1)
        across /= np.maximum(width, 1e-6)[:, None]
        forward = np.stack([across[:, 1], -across[:, 0], across[:, 2]], axis=1)
        for side, (point, outward) in enumerate(((right, across), (left, -across))):
            values = (
                point,
                outward,
                forward,
                np.full(count, lane.kind == "sidewalk"),
                width,
                np.full(count, lane.junction >= 0),
                np.full(count, 2 * index + side),
            )
            for column, value in zip(columns, values, strict=True):
                column.append(value)
    point, outward, forward, town, width, junction, run = (np.concatenate(column) for column in columns)
    edges = Edges(point, outward, forward, town.astype(bool), width, junction.astype(bool), run.astype(np.int64))
    return edges.select(_is_outer(edges, paved) & (edges.width_m > 0.1))


def _is_outer(edges: Edges, paved: Ground) -> npt.NDArray[np.bool_]:
    outer = np.ones(len(edges.point_m), bool)
    for distance in BESIDE_M:
        beside = edges.point_m + edges.outward * distance
        height, kind = paved.look(beside + np.array([0.0, 0.0, SAME_LEVEL_M / 2.0]))
        outer &= (kind == OFF_ROAD) | (np.abs(height - beside[:, 2]) > SAME_LEVEL_M)
    return outer
