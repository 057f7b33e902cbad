"""A tiny world for rays: a ground plane, one wall, one box model."""

from __future__ import annotations

import numpy as np

from sim.server.scene.mesh import Material, Mesh
from sim.server.scene.models import CHARTS, LODS, ModelLibrary
from sim.server.scene.static import STRIP_DTYPE, StaticScene
from sim.server.sensors.instances import Contact, Instances, View, Weather

WALL_X_M = 20.0
BOX_SIZE_M = (4.0, 2.0, 1.5)
CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)])
BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]], np.uint32,
)  # fmt: skip


def quad(corners: list[list[float]], material: Material) -> Mesh:
    points = np.array(corners, np.float32)
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    normals = np.tile(normal / np.linalg.norm(normal), (4, 1)).astype(np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
    param = np.zeros(2, np.int32)
    return Mesh(points, normals, np.zeros((4, 3), np.float32), faces, np.full(2, material, np.uint8), param)


def scene(*parts: Mesh) -> StaticScene:
    if not parts:
        parts = (
            quad([[-200, -200, 0], [200, -200, 0], [200, 200, 0], [-200, 200, 0]], Material.ROAD),
            quad([[WALL_X_M, -50, 0], [WALL_X_M, 50, 0], [WALL_X_M, 50, 30], [WALL_X_M, -50, 30]], Material.FACADE),
        )
    mesh = Mesh.join(parts)
    return StaticScene(
        name="plane", opendrive="", carla_map=None, mesh=mesh, chunks=np.array([[0, len(mesh.faces)]]),
        chunk_spheres_m=np.zeros((1, 4), np.float32), trees=np.zeros((0, 2), np.int64),
        tree_spheres_m=np.zeros((0, 4), np.float32), strips=np.zeros(0, STRIP_DTYPE),
        lamps_m=np.zeros((0, 6), np.float32), signals=(), obstacles=(), spawn_points=np.zeros((0, 6)), ground=None,
    )  # fmt: skip


def library(copies: int = 3) -> ModelLibrary:
    """Boxes of BOX_SIZE_M, model ``copies - 1`` the one in use: so that library offsets matter."""
    n = copies
    vertices = np.tile((CORNERS * BOX_SIZE_M).astype(np.float32), (n, 1))
    ranges = np.array([[[8 * k, 8, 12 * k, 12]] * LODS for k in range(n)], np.int64)
    return ModelLibrary(
        names=tuple(f"box{k}" for k in range(n)), vertices_m=vertices, normals=np.zeros_like(vertices),
        uv=np.zeros((8 * n, 2), np.float32), faces=np.tile(BOX_FACES, (n, 1)),
        material=np.full(12 * n, Material.PAINT, np.uint8), chart=np.zeros(12 * n, np.uint8),
        wheel=np.zeros(12 * n, np.uint8), rider=np.zeros(12 * n, bool), ranges=ranges,
        size_m=np.tile(np.array(BOX_SIZE_M, np.float32), (n, 1)), tag=np.full(n, 14, np.uint8),
        pose=np.zeros(n, np.int32), wheels_m=np.zeros((n, 4, 4), np.float32), lamps_m=np.zeros((n, 8, 4), np.float32),
        atlas=np.zeros(0, np.uint8), mip_offset=np.zeros((n, CHARTS, 1), np.int64),
        mip_shape=np.zeros((n, CHARTS, 1, 2), np.int32),
    )  # fmt: skip


def instances(
    *rows: tuple[int, tuple[float, float, float], tuple[float, float, float], tuple[float, ...]],
) -> Instances:
    """Rows of actor id, position, rotation (pitch, yaw, roll), scale."""
    n = len(rows)
    zero = np.zeros((n, 3), np.float32)
    return Instances(
        actor_id=np.array([r[0] for r in rows], np.int64), model=np.full(n, 2, np.int32),
        position_m=np.array([r[1] for r in rows], np.float64).reshape(n, 3),
        rotation_rad=np.array([r[2] for r in rows], np.float64).reshape(n, 3),
        scale=np.array([r[3] for r in rows], np.float32).reshape(n, 3), color=zero, seed=np.zeros(n, np.uint32),
        light_state=np.zeros(n, np.uint32), wheel_angle_rad=np.zeros(n, np.float32), steer_rad=np.zeros(n, np.float32),
        velocity_mps=zero.copy(), tag=np.full(n, 14, np.uint8),
    )  # fmt: skip


def view(bodies: Instances | None = None, contacts: tuple[Contact, ...] = ()) -> View:
    bodies = instances() if bodies is None else bodies
    return View(
        frame=1, elapsed_s=0.1, instances=bodies, signal_state=np.zeros(0, np.uint8), weather=Weather(),
        contacts=contacts,
    )  # fmt: skip
