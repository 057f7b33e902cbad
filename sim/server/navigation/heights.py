"""How high the walkable ground lies: sidewalks up on their kerbs, roads below them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sim.server.navigation.coverage import Heights
from sim.server.scene.ground import ROAD, SIDEWALK, Ground
from sim.server.scene.lanes import Lane

Array = npt.NDArray[np.float64]

ASIDE_M = 0.15
"""Borders are thinned, so that the surface that a corner belongs to may begin this far beside it."""
LOOK_FROM_M = 0.3
"""Above the lane's own height: over every kerb, under every bridge."""
_RING = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]) * ASIDE_M


def heights_of(lanes: Sequence[Lane], ground: Ground) -> Heights:
    """The heights of the level that these lanes form."""
    samples = np.concatenate([edge for lane in lanes for edge in (lane.left_m, lane.right_m)])
    tree = cKDTree(samples[:, :2])

    def heights(points_m: Array, high: npt.NDArray[np.bool_]) -> Array:
        hint = samples[tree.query(points_m)[1], 2] + LOOK_FROM_M
        around = np.empty((len(points_m), len(_RING), 3))
        around[..., :2] = points_m[:, None] + _RING
        around[..., 2] = hint[:, None]
        flat_z, flat_kind = ground.look(around.reshape(-1, 3))
        z, kind = flat_z.reshape(-1, len(_RING)), flat_kind.reshape(-1, len(_RING))
        fits = kind == np.where(high, SIDEWALK, ROAD)[:, None]
        best = np.where(fits.any(axis=1), fits.argmax(axis=1), 0)  # the point itself first
        out: Array = z[np.arange(len(z)), best]
        return out

    return heights
