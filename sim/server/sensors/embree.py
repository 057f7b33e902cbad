"""Open3D's Embree scenes: built from a mesh, asked for first hits and for what a moving sphere touches."""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

THREADS = 2
MAX_SPHERE_STEPS = 256
"""Of one swept sphere; a sphere that slides along a wall takes many short ones."""
SPHERE_TOUCH_M = 0.002


def open3d() -> Any:
    """The Open3D module, imported without its plotting and learning subpackages: they take four fifths of the import's
    six seconds (pandas, scikit-learn, dash) and nothing here needs them. They can still be imported afterwards."""
    if "open3d" not in sys.modules:
        unwanted = [name for name in ("open3d.visualization", "open3d.ml") if name not in sys.modules]
        for name in unwanted:
            sys.modules[name] = types.ModuleType(name)
        try:
            importlib.import_module("open3d")
        finally:
            for name in unwanted:
                sys.modules.pop(name, None)
    return sys.modules["open3d"]


def embree(vertices_m: npt.NDArray[np.float32], faces: npt.NDArray[np.uint32]) -> Any:
    """An Embree scene of one mesh, built now."""
    o3d = open3d()
    scene = o3d.t.geometry.RaycastingScene(nthreads=THREADS)
    if len(faces):
        scene.add_triangles(
            o3d.core.Tensor(np.ascontiguousarray(vertices_m, dtype=np.float32)),
            o3d.core.Tensor(np.ascontiguousarray(faces, dtype=np.uint32)),
        )
    else:  # Open3D refuses an empty scene: one triangle out of every ray's reach
        far = np.array([[0, 0, -1e7], [1, 0, -1e7], [0, 1, -1e7]], np.float32)
        scene.add_triangles(o3d.core.Tensor(far), o3d.core.Tensor(np.array([[0, 1, 2]], np.uint32)))
    scene.cast_rays(o3d.core.Tensor(np.zeros((1, 6), np.float32)))  # the first cast builds the BVH
    return scene


def sphere_cast(scene: Any, start_m: Array, way: Array, radius_m: float, reach_m: float) -> tuple[float, int] | None:
    """Distance and triangle at which a sphere first touches a mesh: steps as long as nothing can be nearer."""
    tensor = open3d().core.Tensor
    gone = 0.0
    for _ in range(MAX_SPHERE_STEPS):
        point = (start_m + way * gone).astype(np.float32)[None]
        answer = scene.compute_closest_points(tensor(point), nthreads=1)
        apart = float(np.linalg.norm(answer["points"].numpy()[0].astype(np.float64) - point[0])) - radius_m
        if apart <= SPHERE_TOUCH_M:
            return gone, int(answer["primitive_ids"].numpy()[0])
        gone += apart
        if gone > reach_m:
            return None
    return None


def cast(
    scene: Any, rays: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
    """``(t (n,), face (n,), normal (n, 3))`` of the first hits."""
    o3d = open3d()
    answer = scene.cast_rays(o3d.core.Tensor(rays), nthreads=THREADS)
    return answer["t_hit"].numpy(), answer["primitive_ids"].numpy(), answer["primitive_normals"].numpy()
