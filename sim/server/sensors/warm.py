"""Compiles the camera's kernels ahead of the first picture, on a scene of a few triangles."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sim.server.scene.mesh import Material, Mesh, Tag
from sim.server.scene.models import CHARTS, LODS, ModelLibrary
from sim.server.scene.static import STRIP_DTYPE, StaticScene
from sim.server.sensors.drawing import Drawing
from sim.server.sensors.instances import Instances, View, Weather
from sim.server.sensors.kernel import F64
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.server.sensors.surface import Motion


def small_scene(mesh: Mesh, strips: Any = None, lamps_m: Any = None, trees: Any = None) -> StaticScene:
    """A scene of one chunk that holds ``mesh``; only what the camera reads is filled in."""
    low, high = mesh.vertices_m.min(axis=0), mesh.vertices_m.max(axis=0)
    sphere = np.concatenate([(low + high) / 2, [np.linalg.norm(high - low) / 2]])[None]
    nothing: Any = None
    return StaticScene(
        name="small",
        opendrive="",
        carla_map=nothing,
        mesh=mesh,
        chunks=np.array([[0, len(mesh.faces)]], np.int64),
        chunk_spheres_m=sphere.astype(np.float32),
        trees=np.zeros((0, 2), np.int64) if trees is None else trees,
        tree_spheres_m=np.zeros((0, 4), np.float32),
        strips=np.zeros(1, STRIP_DTYPE) if strips is None else strips,
        lamps_m=np.zeros((0, 6), np.float32) if lamps_m is None else lamps_m,
        signals=(),
        obstacles=(),
        spawn_points=np.zeros((0, 6)),
        ground=nothing,
    )


def box_mesh(
    centre_m: tuple[float, float, float], half_m: tuple[float, float, float], material: Material, param: int = 0
) -> Mesh:
    """An axis-aligned box with outward normals; uvw = (0..1, 0..1, 0) on each side."""
    vertices: list[F64] = []
    normals: list[F64] = []
    faces: list[list[int]] = []
    for axis in range(3):
        for side in (-1.0, 1.0):
            normal = np.zeros(3)
            normal[axis] = side
            a, b = np.roll(np.eye(3), axis, axis=1)[1:]
            corner = [normal + s * a + t * b for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            first = len(vertices)
            vertices += corner
            normals += [normal] * 4
            faces += [[first, first + 1, first + 2], [first, first + 2, first + 3]]
    uvw = np.tile(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32), (6, 1))
    return Mesh(
        (np.array(vertices) * half_m + centre_m).astype(np.float32),
        np.array(normals, np.float32),
        uvw,
        np.array(faces, np.uint32),
        np.full(12, material, np.uint8),
        np.full(12, param, np.int32),
    )


def box_library(size_m: tuple[float, float, float] = (4.0, 2.0, 1.5)) -> ModelLibrary:
    """A library of one model, ``box``: an untextured box of paint that stands on the ground."""
    half = (size_m[0] / 2, size_m[1] / 2, size_m[2] / 2)
    mesh = box_mesh((0.0, 0.0, half[2]), half, Material.PAINT)
    vertices, faces = len(mesh.vertices_m), len(mesh.faces)
    return ModelLibrary(
        names=("box",),
        vertices_m=mesh.vertices_m,
        normals=mesh.normals,
        uv=mesh.uvw[:, :2].copy(),
        faces=mesh.faces,
        material=mesh.material,
        chart=np.zeros(faces, np.uint8),
        wheel=np.zeros(faces, np.uint8),
        rider=np.zeros(faces, np.bool_),
        ranges=np.tile(np.array([0, vertices, 0, faces], np.int64), (1, LODS, 1)),
        size_m=np.array([size_m], np.float32),
        tag=np.array([int(Tag.CAR)], np.uint8),
        pose=np.zeros(1, np.int32),
        wheels_m=np.zeros((1, 4, 4), np.float32),
        lamps_m=np.array([[[half[0], 0.6, 0.6, 1.0], [-half[0], 0.6, 0.6, 2.0]] + [[0.0] * 4] * 6], np.float32),
        atlas=np.zeros(4, np.uint8),
        mip_offset=np.full((1, CHARTS, 5), -1, np.int64),
        mip_shape=np.ones((1, CHARTS, 5, 2), np.int32),
    )


def boxes(rows: list[tuple[float, float, float]], first_id: int = 1) -> Instances:
    """One ``box`` at each (x, y, yaw) on z = 0, with ids from ``first_id``."""
    n = len(rows)
    place = np.array(rows, np.float64).reshape(-1, 3)
    return Instances(
        actor_id=np.arange(first_id, first_id + n, dtype=np.int64),
        model=np.zeros(n, np.int32),
        position_m=np.column_stack([place[:, :2], np.zeros(n)]),
        rotation_rad=np.column_stack([np.zeros(n), place[:, 2], np.zeros(n)]),
        scale=np.ones((n, 3), np.float32),
        color=np.full((n, 3), 0.5, np.float32),
        seed=np.arange(n, dtype=np.uint32),
        light_state=np.zeros(n, np.uint32),
        wheel_angle_rad=np.zeros(n, np.float32),
        steer_rad=np.zeros(n, np.float32),
        velocity_mps=np.zeros((n, 3), np.float32),
        tag=np.full(n, int(Tag.CAR), np.uint8),
    )


def compile_kernels(progress: Callable[[str], None] | None = None) -> None:
    """Draw small pictures that use every kernel; tells ``progress`` before each step and how long all took."""
    say = progress or (lambda _: None)
    began = time.perf_counter()
    ground = box_mesh((0.0, 0.0, -1.0), (50.0, 50.0, 1.0), Material.ROAD)
    scene = small_scene(ground, lamps_m=np.array([[5.0, 0.0, 6.0, 0.0, 0.0, -1.0]], np.float32))
    renderer = SceneRenderer(scene, box_library())
    view = View(0, 0.0, boxes([(10.0, 0.0, 0.0)]), np.zeros(0, np.uint8), Weather(precipitation=60.0, wetness=50.0))
    eye, level = np.array([0.0, 0.0, 1.5]), np.zeros(3)
    small = Intrinsics(64, 48, math.pi / 2)
    still = Motion.since(eye, level, view.instances, view.instances)
    line = Drawing(np.array([[5.0, 0.0, 1.0, 5.0, 1.0, 1.0, 0.1, 0.0]]), np.zeros((1, 3), np.uint8))
    steps: tuple[tuple[str, View, tuple[str, ...]], ...] = (
        ("labels", view, ("depth", "semantic", "instance", "surface", "flow")),
        ("pictures by day", view, ("rgb",)),
        ("pictures by night", replace(view, weather=Weather(sun_altitude_angle=-60.0), drawing=line), ("rgb",)),
    )
    try:
        for k, (what, seen, want) in enumerate(steps, start=1):
            say(f"compiling kernels {k}/{len(steps)}: {what}")
            renderer.render(eye, level, small, seen, want, motion=still)
    finally:
        renderer.close()
    say(f"kernels ready after {time.perf_counter() - began:.1f} s")
