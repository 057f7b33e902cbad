"""One set of vertex and face arrays for everything a camera may see.

Static triangles come first and never change. Behind them lies a tail that is refilled each tick: the moving
bodies, moved to their place in the world at the level of detail that some camera of the tick asked for. Kernels
index one array and never ask what kind of body a face belongs to, except where a surface needs its model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.server.scene.models import LODS, ModelLibrary
from sim.server.scene.objects import NO_OWNER
from sim.server.scene.static import StaticScene
from sim.server.scene.variants import Level
from sim.server.sensors.instances import Instances
from sim.server.sensors.kernel import F32, I32, I64, U8, U32, Bools, Tables, kernel
from sim.server.sensors.pool import WorkerPool
from sim.server.world.pose import rotation_matrices

BODY_SHIFT = 3  # param of a model's face = instance row << BODY_SHIFT | RIDER_BIT | chart
CHART_MASK = 3
RIDER_BIT = 4
TREE_LODS = ((4, 1.75), (16, 3.1))  # keep every n-th leaf quad, grown by the factor: the crown keeps its outline
TAIL_GROWTH = 1.5  # a tail that is too short grows by this factor, so that it seldom grows twice


@kernel
def place_model(
    worker: int,
    workers: int,
    jobs: I64,
    placement: F32,
    model_vertices: F32,
    model_normals: F32,
    model_uv: F32,
    model_wheel: U8,
    wheel_centre: F32,
    model_faces: U32,
    model_material: U8,
    model_marks: U8,
    vertices: F32,
    normals: F32,
    uvw: F32,
    local: F32,
    faces: U32,
    material: U8,
    param: I32,
    static_vertices: int,
    boxes: F32,
) -> None:
    """Move model vertices into the world and copy their faces.

    jobs (k, 8): first vertex, vertex count, first face, face count of the model; first vertex, first face in the
    tail; instance row; model row. placement (k, 20): rotation (9), position (3), scale (3), rolling angle, steering
    angle. local receives the model-frame position, scaled, wheels not turned; boxes (k, 6) the least and greatest
    coordinates in the world.
    """
    for k in range(worker, len(jobs), workers):
        v_in, n_v, f_in, n_f, v_out, f_out = jobs[k, 0], jobs[k, 1], jobs[k, 2], jobs[k, 3], jobs[k, 4], jobs[k, 5]
        model = jobs[k, 7]
        r = placement[k]
        roll_c, roll_s = math.cos(r[15]), math.sin(r[15])
        steer_c, steer_s = math.cos(r[16]), math.sin(r[16])
        for i in range(n_v):
            x, y, z = model_vertices[v_in + i, 0], model_vertices[v_in + i, 1], model_vertices[v_in + i, 2]
            a, b, c = model_normals[v_in + i, 0], model_normals[v_in + i, 1], model_normals[v_in + i, 2]
            o = v_out + i
            local[o - static_vertices, 0] = x * r[12]
            local[o - static_vertices, 1] = y * r[13]
            local[o - static_vertices, 2] = z * r[14]
            wheel = model_wheel[v_in + i]
            if wheel > 0:
                cx = wheel_centre[model, wheel - 1, 0]
                cy = wheel_centre[model, wheel - 1, 1]
                cz = wheel_centre[model, wheel - 1, 2]
                dx, dy, dz = x - cx, y - cy, z - cz
                dx, dz = dx * roll_c + dz * roll_s, dz * roll_c - dx * roll_s
                a, c = a * roll_c + c * roll_s, c * roll_c - a * roll_s
                if wheel <= 2:
                    dx, dy = dx * steer_c - dy * steer_s, dx * steer_s + dy * steer_c
                    a, b = a * steer_c - b * steer_s, a * steer_s + b * steer_c
                x, y, z = cx + dx, cy + dy, cz + dz
            x *= r[12]
            y *= r[13]
            z *= r[14]
            vertices[o, 0] = r[0] * x + r[1] * y + r[2] * z + r[9]
            vertices[o, 1] = r[3] * x + r[4] * y + r[5] * z + r[10]
            vertices[o, 2] = r[6] * x + r[7] * y + r[8] * z + r[11]
            normals[o, 0] = r[0] * a + r[1] * b + r[2] * c
            normals[o, 1] = r[3] * a + r[4] * b + r[5] * c
            normals[o, 2] = r[6] * a + r[7] * b + r[8] * c
            uvw[o, 0] = model_uv[v_in + i, 0]
            uvw[o, 1] = model_uv[v_in + i, 1]
            uvw[o, 2] = 0.0
        for i in range(n_f):
            for j in range(3):
                faces[f_out + i, j] = model_faces[f_in + i, j] + v_out
            material[f_out + i] = model_material[f_in + i]
            param[f_out + i] = (jobs[k, 6] << BODY_SHIFT) | model_marks[f_in + i]
        _find_box(vertices[v_out : v_out + n_v], boxes[k])


@kernel
def _find_box(vertices: F32, box: F32) -> None:
    """Least and greatest coordinates (6,) of vertices (n, 3)."""
    for axis in range(3):
        box[axis], box[3 + axis] = 1e9, -1e9
        for i in range(len(vertices)):
            box[axis] = min(box[axis], vertices[i, axis])
            box[3 + axis] = max(box[3 + axis], vertices[i, axis])


@dataclass(frozen=True)
class StaticRanges:
    """Face ranges of the static world: chunks, and each tree crown at three levels of detail. Boxes are least and
    greatest coordinates."""

    chunks: I64  # (c, 2)
    chunk_spheres_m: F32  # (c, 4)
    chunk_boxes_m: F32  # (c, 6)
    trees: I64  # (3, t, 2)
    tree_spheres_m: F32  # (t, 4)
    tree_boxes_m: F32  # (3, t, 6)


class Geometry:
    """The arrays, the static ranges and the moving bodies of the current tick."""

    def __init__(self, scene: StaticScene, library: ModelLibrary, pool: WorkerPool) -> None:
        self._library = library
        self._pool = pool
        vertices, normals, uvw, faces, material, param, self.ranges, self.owner = _static_arrays(scene)
        self.static_vertices = len(vertices)
        self.static_faces = len(faces)
        self.vertices_m, self.normals, self.uvw = vertices, normals, uvw
        self.faces, self.material, self.param = faces, material, param
        self.local_m: F32 = np.zeros((0, 3), np.float32)
        self._vertex_wheel = _wheel_of_vertices(library)
        self._marks = _marks(library.chart, library.rider)
        self._model_faces = _faces_wound_outward(library)
        self._shown = np.ones(len(scene.objects), np.bool_)
        self._whole: U32 | None = None  # static faces, while some are folded away
        self._placed: I64 = np.zeros((0, LODS), np.int64)  # row in the next two by instance row and detail, or -1
        self._body_faces: I64 = np.zeros((0, 2), np.int64)
        self._body_boxes: F32 = np.zeros((0, 6), np.float32)
        self._vertex_end = self.static_vertices
        self._face_end = self.static_faces
        self._instances: Instances | None = None
        self._rotations = np.zeros((0, 3, 3))

    def show(self, shown: Bools) -> bool:
        """Take objects (n,) away or bring them back; whether anything changed.

        The triangles of what is not there are folded to a point, which no kernel draws.
        """
        changed = shown != self._shown
        if not changed.any():
            return False
        if self._whole is None:
            self._whole = self.faces[: self.static_faces].copy()
        for state in (False, True):
            turned = np.append(changed & (shown == state), False)  # the last entry answers for NO_OWNER
            faces = np.flatnonzero(turned[self.owner])
            self.faces[faces] = self._whole[faces] if state else 0
        self._shown = shown.copy()
        return True

    def begin(self, instances: Instances) -> None:
        """Start a tick: forget the bodies of the last one."""
        self._instances = instances
        self._rotations = rotation_matrices(instances.rotation_rad)
        self._placed = np.full((len(instances.actor_id), LODS), -1, np.int64)
        self._body_faces, self._body_boxes = np.zeros((0, 2), np.int64), np.zeros((0, 6), np.float32)
        self._vertex_end = self.static_vertices
        self._face_end = self.static_faces

    def place(self, rows: I64, lods: I64) -> tuple[I64, F32]:
        """Face ranges ``(n, 2)`` in the shared arrays, and boxes ``(n, 6)`` in the world, of instances ``rows (n,)`` at
        detail ``lods (n,)``."""
        fresh = self._placed[rows, lods] < 0
        if fresh.any():
            variants = self._instances.variants if self._instances else {}
            special = fresh & np.isin(rows, list(variants)) if variants else np.zeros(len(rows), np.bool_)
            plain = fresh & ~special
            self._place_models(rows[plain], lods[plain])
            for row, lod in zip(rows[special].tolist(), lods[special].tolist(), strict=True):
                self._place_level(row, lod, variants[row].level(lod))
        placed = self._placed[rows, lods]
        return self._body_faces[placed], self._body_boxes[placed]

    def _place_models(self, rows: I64, lods: I64) -> None:
        """Bodies that look as their models do, by row and level of detail."""
        assert self._instances is not None, "begin() comes first"
        library = self._library
        shape = (library.vertices_m, library.normals, library.uv, self._vertex_wheel, library.wheels_m,
                 self._model_faces, library.material, self._marks)  # fmt: skip
        self._place_shapes(rows, lods, library.ranges[self._instances.model[rows].astype(np.int64), lods], shape)

    def _place_level(self, row: int, lod: int, level: Level) -> None:
        """A body with triangles of its own."""
        wheel = np.zeros(len(level.vertices_m), np.uint8)
        for corner in range(3):
            wheel[level.faces[:, corner]] = np.maximum(wheel[level.faces[:, corner]], level.wheel)
        shape = (level.vertices_m, level.normals, level.uv, wheel, self._library.wheels_m,
                 level.faces, level.material, _marks(level.chart, level.rider))  # fmt: skip
        ranges = np.array([[0, len(level.vertices_m), 0, len(level.faces)]])
        self._place_shapes(np.array([row]), np.array([lod]), ranges, shape)

    def _place_shapes(self, rows: I64, lods: I64, ranges: I64, shape: Tables) -> None:
        """Bodies by row and level of detail, each a range (first vertex, count, first face, count) of ``shape``."""
        bodies = self._instances
        assert bodies is not None, "begin() comes first"
        if not len(rows):
            return
        jobs = np.empty((len(rows), 8), np.int64)
        jobs[:, :4] = ranges
        jobs[:, 4] = self._vertex_end + np.concatenate([[0], np.cumsum(ranges[:-1, 1])])
        jobs[:, 5] = self._face_end + np.concatenate([[0], np.cumsum(ranges[:-1, 3])])
        jobs[:, 6] = rows
        jobs[:, 7] = bodies.model[rows]
        placement = np.zeros((len(rows), 20), np.float32)
        placement[:, :9] = self._rotations[rows].reshape(-1, 9)
        placement[:, 9:12] = bodies.position_m[rows]
        placement[:, 12:15] = bodies.scale[rows]
        placement[:, 15] = bodies.wheel_angle_rad[rows]
        placement[:, 16] = bodies.steer_rad[rows]
        self._vertex_end += int(ranges[:, 1].sum())
        self._face_end += int(ranges[:, 3].sum())
        self._reserve()
        self._placed[rows, lods] = len(self._body_faces) + np.arange(len(rows))
        self._body_faces = np.concatenate([self._body_faces, jobs[:, [5, 3]]])
        boxes = np.zeros((len(rows), 6), np.float32)
        self._pool.run(
            place_model,
            jobs,
            placement,
            *shape,
            self.vertices_m,
            self.normals,
            self.uvw,
            self.local_m,
            self.faces,
            self.material,
            self.param,
            self.static_vertices,
            boxes,
        )
        self._body_boxes = np.concatenate([self._body_boxes, boxes])

    def _reserve(self) -> None:
        """Make room up to the ends of the tail."""
        if self._vertex_end > len(self.vertices_m) or len(self.local_m) < self._vertex_end - self.static_vertices:
            length = self.static_vertices + int((self._vertex_end - self.static_vertices) * TAIL_GROWTH)
            self.vertices_m = _longer(self.vertices_m, length)
            self.normals = _longer(self.normals, length)
            self.uvw = _longer(self.uvw, length)
            self.local_m = _longer(self.local_m, length - self.static_vertices)
        if self._face_end > len(self.faces):
            length = self.static_faces + int((self._face_end - self.static_faces) * TAIL_GROWTH)
            self.faces = _longer(self.faces, length)
            self.material = _longer(self.material, length)
            self.param = _longer(self.param, length)


def _marks(chart: U8, rider: Bools) -> U8:
    return np.asarray((chart & CHART_MASK) | np.where(rider, RIDER_BIT, 0).astype(np.uint8))


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    out = np.zeros((length, *array.shape[1:]), array.dtype)
    out[: len(array)] = array
    return out


def _wheel_of_vertices(library: ModelLibrary) -> U8:
    """Wheel index of every vertex, from its faces; 0 where none of them turns."""
    wheel = np.zeros(len(library.vertices_m), np.uint8)
    for first_vertex, _, first_face, count in library.ranges.reshape(-1, 4):
        span = slice(first_face, first_face + count)
        for corner in range(3):
            turning = library.wheel[span] > 0
            wheel[library.faces[span, corner][turning] + first_vertex] = library.wheel[span][turning]
    return wheel


def _faces_wound_outward(library: ModelLibrary) -> U32:
    """Model faces, turned so that camera-space determinants of outward faces are positive.

    Normals decide which side is outside; the back sides of moving bodies are not drawn, so a camera inside a
    body looks out of it. With world numbers taken as they are, (right, down, forward) is a mirrored frame: the
    determinant of a face is positive where (b - a) x (c - a), the outward normal, points towards the eye.
    """
    faces = library.faces.copy()
    for first_vertex, _, first_face, count in library.ranges.reshape(-1, 4):
        span = slice(first_face, first_face + count)
        corner = faces[span].astype(np.int64) + first_vertex
        a, b, c = (library.vertices_m[corner[:, k]] for k in range(3))
        normal = library.normals[corner].sum(axis=1)
        inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), normal) < 0.0
        faces[span] = np.where(inward[:, None], faces[span][:, ::-1], faces[span])
    return faces


def _boxes(vertices: F32, faces: U32, ranges: I64) -> F32:
    """Least and greatest coordinates (n, 6) of the faces in each range (first, count)."""
    boxes = np.zeros((len(ranges), 6), np.float32)
    for k, (first, count) in enumerate(ranges):
        if count:
            corners = vertices[faces[first : first + count].reshape(-1)]
            boxes[k] = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return boxes


def _static_arrays(scene: StaticScene) -> tuple[F32, F32, F32, U32, U8, I32, StaticRanges, I32]:
    """Scene arrays, with coarser copies of the crowns behind them; last the object of each face."""
    mesh = scene.mesh
    vertices, normals, uvw = [mesh.vertices_m], [mesh.normals], [mesh.uvw]
    faces, material, param = [mesh.faces], [mesh.material], [mesh.param]
    owned = len(scene.objects) > 0
    owner = [scene.objects.face_owner if owned else np.full(len(mesh.faces), NO_OWNER, np.int32)]
    levels = [scene.trees.astype(np.int64).reshape(-1, 2)]
    face_end, vertex_end = len(mesh.faces), len(mesh.vertices_m)
    for keep_every, growth in TREE_LODS:
        level = np.zeros((len(scene.trees), 2), np.int64)
        for t, (first, count) in enumerate(scene.trees):
            quads = max(1, int(count) // 2 // keep_every)
            kept = np.arange(first, first + min(2 * quads, int(count)))
            corner = mesh.faces[kept].reshape(-1, 6) if len(kept) % 2 == 0 else mesh.faces[kept].reshape(-1, 3)
            points = mesh.vertices_m[corner]  # (quads, 6, 3)
            centre = points.mean(axis=1, keepdims=True)
            vertices.append((centre + (points - centre) * growth).reshape(-1, 3).astype(np.float32))
            normals.append(mesh.normals[corner].reshape(-1, 3))
            uvw.append(mesh.uvw[corner].reshape(-1, 3))
            faces.append((vertex_end + np.arange(3 * len(kept))).reshape(-1, 3).astype(np.uint32))
            material.append(mesh.material[kept])
            param.append(mesh.param[kept])
            owner.append(owner[0][kept])
            level[t] = face_end, len(kept)
            face_end += len(kept)
            vertex_end += 3 * len(kept)
        levels.append(level)
    every_vertex, every_face = np.concatenate(vertices), np.concatenate(faces)
    chunks = scene.chunks.astype(np.int64).reshape(-1, 2)
    ranges = StaticRanges(
        chunks,
        scene.chunk_spheres_m.astype(np.float32).reshape(-1, 4),
        _boxes(every_vertex, every_face, chunks),
        np.stack(levels),
        scene.tree_spheres_m.astype(np.float32).reshape(-1, 4),
        np.stack([_boxes(every_vertex, every_face, level) for level in levels]),
    )
    return (
        every_vertex,
        np.concatenate(normals),
        np.concatenate(uvw),
        every_face,
        np.concatenate(material),
        np.concatenate(param),
        ranges,
        np.concatenate(owner),
    )
