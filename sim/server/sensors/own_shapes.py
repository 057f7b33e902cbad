"""Rays against bodies with triangles of their own: posed walkers, vehicles with open doors.

Their rays enter boxes like all others'; only what they meet inside comes from an Embree scene of the body alone,
built when a ray first enters its box.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.server.scene.variants import Variant

RAY_LOD = 0
"""As with all models: rays meet the finest level of detail."""


class Found(NamedTuple):
    """What candidate rays met: t (n,), face (n,) and normal (n, 3); material and rider of all faces that occur."""

    t: npt.NDArray[np.float32]
    face: npt.NDArray[np.uint32]
    normal: npt.NDArray[np.float32]
    material: npt.NDArray[np.uint8]
    rider: npt.NDArray[np.bool_]


class OwnShapes:
    """Boxes and Embree scenes of variants, for as long as each lives. ``embree`` builds one from a mesh."""

    def __init__(self, embree: Callable[..., Any], cast: Callable[..., Any]) -> None:
        self._embree, self._cast = embree, cast
        self._scenes: weakref.WeakKeyDictionary[Variant, Any] = weakref.WeakKeyDictionary()

    def box(self, variant: Variant) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Corners (3,) of the box round its triangles, model frame."""
        points = variant.level(RAY_LOD).vertices_m
        return points.min(axis=0), points.max(axis=0)

    def replaced(
        self,
        found: Found,
        rays: npt.NDArray[np.float32],
        body: npt.NDArray[np.int32],
        own: list[tuple[int, Variant]],
        offset_m: npt.NDArray[np.float64],
    ) -> Found:
        """``found`` with the hits of bodies that have their own shape; own: their rows, body (n,) that of each ray.

        rays (n, 6) are in library space, where body k stands at offset_m (k, 3).
        """
        for row, variant in own:
            chosen = np.flatnonzero(body == row)
            if not len(chosen):
                continue
            level = variant.level(RAY_LOD)
            if variant not in self._scenes:
                self._scenes[variant] = self._embree(level.vertices_m, level.faces)
            local = rays[chosen].copy()
            local[:, :3] -= offset_m[row].astype(np.float32)
            t, face, normal = self._cast(self._scenes[variant], local)
            for column, values in zip((found.t, found.normal), (t, normal), strict=True):
                column[chosen] = values
            hit = np.isfinite(t)
            found.face[chosen[hit]] = face[hit] + np.uint32(len(found.material))
            material = np.concatenate([found.material, level.material])
            found = found._replace(material=material, rider=np.concatenate([found.rider, level.rider]))
        return found
