"""The inside of narrow bends: ground that a car touches when it cuts the corner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from sim.server.scene.lanes import Lane

Array = npt.NDArray[np.float64]

NARROW_M, NARROW_CUT_M = 20.0, 6.5
"""Radius of a lane's middle, and metres from the edge of the carriageway that are kept clear. A driver at 45 km/h who
aims at a point 8.5 m ahead, as CARLA's agents do, leaves a turn of 14 m by 5 m; his car and some room are 1.5 m."""
BENT_M, BENT_CUT_M = 30.0, 3.5
"""The same for wider bends, which are cut less."""
STEP_M = 1.0
SMOOTH = 5
"""Samples over which the bend is averaged: steps in the map's geometry are no bends."""


def corner_outlines(lanes: Sequence[Lane]) -> Iterator[Array]:
    """Quadrilaterals (4, 2) on the inside of every narrow bend of a driving lane."""
    for lane in lanes:
        if lane.is_driving:
            yield from _of(lane)


def _of(lane: Lane) -> Iterator[Array]:
    count = int((lane.s_m[-1] - lane.s_m[0]) / STEP_M) + 1
    if count <= SMOOTH:
        return
    s = np.linspace(lane.s_m[0], lane.s_m[-1], count)
    left, right = (
        np.stack([np.interp(s, lane.s_m, edge[:, k]) for k in range(2)], axis=1) for edge in (lane.left_m, lane.right_m)
    )
    across, middle = right - left, (left + right) / 2.0
    width = np.linalg.norm(across, axis=1)
    heading = np.unwrap(np.arctan2(across[:, 1], across[:, 0]))
    bend = np.diff(heading) / np.maximum(np.linalg.norm(np.diff(middle, axis=0), axis=1), 1e-3)
    bend = np.convolve(bend, np.full(SMOOTH, 1.0 / SMOOTH), "same")
    along = np.einsum("ij,ij->i", np.diff(middle, axis=0), np.stack([across[:-1, 1], -across[:-1, 0]], axis=1))
    to_right = bend * np.sign(along) > 0.0  # lanes with a positive number are sampled against their traffic
    for k in np.flatnonzero((np.abs(bend) > 1.0 / BENT_M) & (width[:-1] > 0.1) & (width[1:] > 0.1)).tolist():
        pair = slice(k, k + 2)
        depth_m = NARROW_CUT_M if abs(bend[k]) > 1.0 / NARROW_M else BENT_CUT_M
        out = across[pair] / width[pair, None] * (depth_m if to_right[k] else -depth_m)
        edge = right[pair] if to_right[k] else left[pair]
        yield np.concatenate([edge, (edge + out)[::-1]])
