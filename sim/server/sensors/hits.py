"""What rays meet, and the moving bodies as rays see them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.scene.variants import Variant

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Hits:
    """What n rays met first.

    range_m (n,) float32, inf where nothing was met within reach; actor_id (n,) 0 for static scenery and misses;
    tag (n,) ``mesh.Tag``; material (n,) ``mesh.Material``; param (n,) of the face; cosine (n,) float32 of the
    incidence angle, 0..1.
    """

    range_m: npt.NDArray[np.float32]
    actor_id: npt.NDArray[np.int64]
    tag: npt.NDArray[np.uint8]
    material: npt.NDArray[np.uint8]
    param: npt.NDArray[np.int32]
    cosine: npt.NDArray[np.float32]

    @staticmethod
    def of_ranges(range_m: npt.NDArray[np.float32]) -> Hits:
        """Hits (n,) of which nothing but the range is known."""
        n = len(range_m)
        return Hits(
            range_m, np.zeros(n, np.int64), np.zeros(n, np.uint8), np.zeros(n, np.uint8), np.zeros(n, np.int32),
            np.zeros(n, np.float32),
        )  # fmt: skip

    @staticmethod
    def joined(parts: list[Hits]) -> Hits:
        """Hits of several casts, one after the other."""
        return Hits(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Hits)))

    def rows(self, chosen: npt.NDArray[Any] | slice) -> Hits:
        """Some of the hits, or all in another order; for a slice, views of these."""
        return Hits(*(getattr(self, f.name)[chosen] for f in fields(Hits)))


@dataclass(frozen=True)
class Bodies:
    """Instances prepared for rays (k rows): library-from-world maps, model boxes, bounding spheres."""

    actor_id: npt.NDArray[np.int64]
    tag: npt.NDArray[np.uint8]
    model: npt.NDArray[np.int32]  # row in the library
    local_from_world: Array  # (k, 3, 3) rotation, then division by the scale
    world_from_local: Array  # (k, 3, 3) its inverse
    position_m: Array  # (k, 3)
    low_m: Array  # (k, 3) box of the unscaled model
    high_m: Array  # (k, 3)
    offset_m: Array  # (k, 3) of the model in the library scene
    centre_m: Array  # (k, 3) of the bounding sphere, world
    radius_m: Array  # (k,)
    own: tuple[tuple[int, Variant], ...] = ()  # actors with triangles of their own

    def without(self, actor_id: int) -> Bodies:
        """All but the rows of one actor (0 removes nothing)."""
        if actor_id == 0 or not (self.actor_id == actor_id).any():
            return self
        keep = self.actor_id != actor_id
        columns = {name: getattr(self, name)[keep] for name in self.__dataclass_fields__ if name != "own"}
        return Bodies(**columns, own=tuple(pair for pair in self.own if pair[0] != actor_id))
