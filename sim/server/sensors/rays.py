"""Rays against the world of a tick: LiDAR, radar, obstacle sensors and ray queries all go through here.

Two Embree scenes (Open3D's ``RaycastingScene``) are built once: the static world, and a *library* scene in which
every model stands alone on a grid. Single rays ask them; the fans of spinning LiDARs are drawn (``fans``), which gives
the same hits sooner. Moving bodies never touch a BVH: a kernel tests the rays against each body's box,
moves those that enter it into library space, one cast answers for all bodies, and the nearer hit wins. A direction
divided by the body's scale keeps its ray parameter, so that ranges come back in world metres.

CARLA's world frame (left-handed, metres, radians).
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import TAG_OF_STATIC_MATERIAL, Tag
from sim.server.scene.models import ModelLibrary
from sim.server.scene.objects import NO_OWNER
from sim.server.scene.static import StaticScene
from sim.server.sensors import ray_kernels as kernels
from sim.server.sensors.embree import cast, embree, open3d, sphere_cast
from sim.server.sensors.fan_meshes import BodyShapes, Chunks
from sim.server.sensors.fans import FanCaster, Scratch
from sim.server.sensors.hits import Bodies, Hits
from sim.server.sensors.instances import Instances
from sim.server.sensors.own_shapes import Found, OwnShapes
from sim.server.sensors.pool import WorkerPool

Array = npt.NDArray[np.float64]

LIBRARY_PITCH_M = 64.0
"""Between models of the library scene: three times the longest vehicle, and a 16 x 16 grid stays within float32."""
MODEL_LOD = 0
"""Level of detail that rays meet; coarser ones move surfaces by centimetres, which range noise would not hide."""
LEAF_SHARE = 0.5
"""Share of a crown's leaf quads that rays meet: half of them still stops most rays and halves the BVH of a wood."""
BOX_MARGIN_M = 0.005


class RayCaster:
    """Casts rays against the static scene and the bodies of a tick. Pure: same arguments, same hits.

    Building takes about a second per million triangles. Safe to use from several threads.
    """

    def __init__(self, scene: StaticScene, library: ModelLibrary) -> None:
        self._mesh = scene.mesh
        self._met = _faces_met(scene)
        self._whole = (embree(scene.mesh.vertices_m, scene.mesh.faces[self._met]), self._met)
        self._static: tuple[Any, npt.NDArray[np.int64]] | None = self._whole
        self._shown: npt.NDArray[np.bool_] = np.ones(len(scene.objects), np.bool_)
        unowned = np.full(len(scene.mesh.faces), NO_OWNER, np.int32)
        self._owner = scene.objects.face_owner if len(scene.objects) else unowned
        tags = np.zeros(256, np.uint8)
        for material, tag in TAG_OF_STATIC_MATERIAL.items():
            tags[material] = tag
        self._static_tag = tags[scene.mesh.material]
        self._lock = threading.Lock()
        self.pool = WorkerPool()
        self._shapes = BodyShapes(library)
        self._scratch = Scratch()
        self._chunks: tuple[Chunks, npt.NDArray[np.int64]] | None = None
        self._own_shapes = OwnShapes(embree, cast)
        self._build_library(library)

    def show(self, shown: npt.NDArray[np.bool_]) -> None:
        """Rays meet only those objects (n,) of the map from now on. The next ray pays: 0.1 s per 100,000 triangles."""
        with self._lock:
            if not np.array_equal(shown, self._shown):
                self._shown = shown.copy()
                self._static = self._whole if shown.all() else None

    def _built(self) -> tuple[Any, npt.NDArray[np.int64]]:
        """The Embree scene of what is there, and the mesh's face of each of its triangles."""
        with self._lock:
            if self._static is None:
                faces = self._met[np.append(self._shown, True)[self._owner[self._met]]]  # last: NO_OWNER
                self._static = (embree(self._mesh.vertices_m, self._mesh.faces[faces]), faces)
            return self._static

    def _build_library(self, library: ModelLibrary) -> None:
        n = len(library.names)
        columns = max(1, int(np.ceil(np.sqrt(n))))
        row = np.arange(n)
        grid = np.stack([row % columns, row // columns, np.zeros(n)], axis=1)
        self._offset_m: Array = grid.astype(np.float64) * LIBRARY_PITCH_M
        self._low_m, self._high_m = np.zeros((n, 3)), np.zeros((n, 3))
        vertices, faces, chosen = [], [], []
        first = 0
        for model in range(n):
            v0, v_count, f0, f_count = (int(k) for k in library.ranges[model, MODEL_LOD])
            part = library.vertices_m[v0 : v0 + v_count].astype(np.float64)
            if v_count:
                self._low_m[model], self._high_m[model] = part.min(axis=0), part.max(axis=0)
            vertices.append((part + self._offset_m[model]).astype(np.float32))
            faces.append(library.faces[f0 : f0 + f_count].astype(np.int64) + first)
            chosen.append(np.arange(f0, f0 + f_count))
            first += v_count
        index = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
        self._library = embree(
            np.concatenate(vertices) if vertices else np.zeros((0, 3), np.float32),
            np.concatenate(faces).astype(np.uint32) if faces else np.zeros((0, 3), np.uint32),
        )
        self._library_material = np.ascontiguousarray(library.material[index])
        self._library_rider = np.ascontiguousarray(library.rider[index])

    def bodies(self, instances: Instances, without: int = 0) -> Bodies:
        """Instances as rays meet them; the actor ``without`` (a sensor's parent) is left out."""
        n = len(instances.actor_id)
        low, high = self._low_m[instances.model], self._high_m[instances.model]
        for row, variant in instances.variants.items():
            low[row], high[row] = self._own_shapes.box(variant)
        position = np.ascontiguousarray(instances.position_m, dtype=np.float64)
        world_from_local, local_from_world = np.empty((n, 3, 3)), np.empty((n, 3, 3))
        centre, radius = np.empty((n, 3)), np.empty(n)
        kernels.place_bodies(
            instances.rotation_rad, instances.scale, position, low, high, BOX_MARGIN_M, world_from_local,
            local_from_world, centre, radius,
        )  # fmt: skip
        return Bodies(
            actor_id=instances.actor_id,
            tag=instances.tag,
            model=instances.model,
            world_from_local=world_from_local,
            local_from_world=local_from_world,
            position_m=position,
            low_m=low,
            high_m=high,
            offset_m=self._offset_m[instances.model],
            centre_m=centre,
            radius_m=radius,
            own=tuple((int(instances.actor_id[row]), variant) for row, variant in instances.variants.items()),
        ).without(without)

    def cast_rays(self, rays: npt.NDArray[np.float32], max_range_m: float, bodies: Bodies | None = None) -> Hits:
        """First hits of ``rays (n, 6)`` = origin and unit direction, world frame."""
        rays = np.ascontiguousarray(rays, dtype=np.float32)
        if bodies is None or len(bodies.actor_id) == 0:
            return self._merge(rays, max_range_m, None, None)
        capacity = max(1024, 2 * len(rays))
        while True:
            met = kernels.Candidates.empty(capacity)
            count = kernels.enter_boxes(rays, max_range_m, *_body_arrays(bodies), *met.arrays())
            if count >= 0:
                return self._merge(rays, max_range_m, bodies, met.first(count))
            capacity *= 2

    def sweep(
        self, start_m: Array, way: Array, radius_m: float, reach_m: float, bodies: Bodies, static: bool
    ) -> tuple[float, int, int] | None:
        """What a sphere meets first on its way from start_m (3,) along the unit vector way (3,).

        Distance that its centre comes within reach_m, actor id (0: static scenery, met only where ``static``) and
        tag; None for nothing. Bodies count as their models stand in the library: a scale bends the sphere a little.
        """
        best: tuple[float, int, int] | None = None
        if static:
            scene, faces = self._built()
            met = sphere_cast(scene, start_m, way, radius_m, reach_m)
            if met is not None:
                best = (met[0], 0, int(self._static_tag[faces[met[1]]]))
        offset = bodies.centre_m - start_m
        along = np.clip(offset @ way, 0.0, reach_m)
        near = np.linalg.norm(offset - along[:, None] * way, axis=1) <= bodies.radius_m + radius_m
        for k in np.flatnonzero(near).tolist():
            local = bodies.local_from_world[k]
            origin = local @ (start_m - bodies.position_m[k]) + bodies.offset_m[k]
            turned = local @ way
            stretch = float(np.linalg.norm(turned))
            limit = reach_m if best is None else best[0]
            met = sphere_cast(self._library, origin, turned / stretch, radius_m * stretch, limit * stretch)
            if met is not None and (best is None or met[0] / stretch < best[0]):
                tag = int(Tag.RIDER) if self._library_rider[met[1]] else int(bodies.tag[k])
                best = (met[0] / stretch, int(bodies.actor_id[k]), tag)
        return best

    def fans(self, position_m: Array, world_from_sensor: Array, max_range_m: float, bodies: Bodies) -> FanCaster:
        """Casts the fans of a spinning sensor that stands there and is turned so."""
        turn = np.ascontiguousarray(world_from_sensor.T)
        return FanCaster((position_m, turn), max_range_m, self.chunks(), self._shapes, bodies, self.pool, self._scratch)

    def chunks(self) -> Chunks:
        """The static mesh as fans draw it, of what is there; made when it is first asked for."""
        _, faces = self._built()
        with self._lock:
            if self._chunks is None or self._chunks[1] is not faces:
                self._chunks = (Chunks.of(self._mesh, faces, self._static_tag), faces)
            return self._chunks[0]

    def cast(
        self, origin_m: npt.ArrayLike, direction: npt.ArrayLike, max_range_m: float, instances: Instances | None = None
    ) -> list[tuple[Array, int, int]]:
        """All things along one ray, nearest first: ``(point (3,), Tag, actor id or 0)`` where it enters each.

        A thing is an actor or an object of the map, as in Unreal's traces; what is neither counts by surface. Raises
        ValueError for a direction without length.
        """
        start = np.asarray(origin_m, dtype=np.float64)
        way = np.asarray(direction, dtype=np.float64)
        length = float(np.linalg.norm(way))
        if not np.isfinite(length) or length < 1e-9:
            raise ValueError(f"ray direction: expected a vector with a length, got {way.tolist()}")
        way = way / length
        ray = np.concatenate([start, way]).astype(np.float32)[None]
        met = self._static_things(ray, max_range_m)
        if instances is not None and len(instances.actor_id):
            met += self._bodies_along(ray, max_range_m, self.bodies(instances))
        met.sort(key=lambda hit: hit[0])
        return [(start + way * distance, tag, actor) for distance, tag, actor in met]

    def _static_things(self, ray: npt.NDArray[np.float32], reach_m: float) -> list[tuple[float, int, int]]:
        """``(distance, tag, 0)`` of every object of the map on a ray (1, 6)."""
        scene, faces = self._built()
        answer = scene.list_intersections(open3d().core.Tensor(ray), nthreads=1)
        distance, face = answer["t_hit"].numpy(), answer["primitive_ids"].numpy().astype(np.int64)
        order = np.argsort(distance, kind="stable")
        order = order[distance[order] <= reach_m]
        face = faces[face[order]]
        thing = np.where(self._owner[face] == NO_OWNER, -1 - face, self._owner[face])
        _, first = np.unique(thing, return_index=True)
        tags = self._static_tag[face[first]]
        return list(zip(distance[order][first].tolist(), tags.tolist(), [0] * len(first), strict=True))

    def _bodies_along(
        self, ray: npt.NDArray[np.float32], reach_m: float, bodies: Bodies
    ) -> list[tuple[float, int, int]]:
        """``(distance, tag, actor id)`` of every body on a ray (1, 6): each is asked alone."""
        met = kernels.Candidates.empty(len(bodies.actor_id))
        count = kernels.enter_boxes(ray, reach_m, *_body_arrays(bodies), *met.arrays())
        if count == 0:
            return []
        t, face, _, _, rider = self._cast_bodies(met.first(count), bodies)
        distance, body = met.entry_m[:count] + t, met.body[:count]
        hit = (distance <= met.exit_m[:count] + BOX_MARGIN_M) & (distance <= reach_m)
        body, face = body[hit], face[hit].astype(np.int64)
        tag = np.where(rider[face], int(Tag.RIDER), bodies.tag[body])
        return list(zip(distance[hit].tolist(), tag.tolist(), bodies.actor_id[body].tolist(), strict=True))

    def _cast_bodies(self, met: kernels.Candidates, bodies: Bodies) -> Found:
        """What candidate rays meet inside the boxes that they entered."""
        found = Found(*cast(self._library, met.rays), self._library_material, self._library_rider)
        if not bodies.own:
            return found
        rows = [(int(np.searchsorted(bodies.actor_id, actor)), variant) for actor, variant in bodies.own]
        return self._own_shapes.replaced(found, met.rays, met.body, rows, bodies.offset_m)

    def _merge(
        self,
        rays: npt.NDArray[np.float32],
        max_range_m: float,
        bodies: Bodies | None,
        met: kernels.Candidates | None,
    ) -> Hits:
        n = len(rays)
        hits = Hits(
            range_m=np.empty(n, np.float32),
            actor_id=np.zeros(n, np.int64),
            tag=np.zeros(n, np.uint8),
            material=np.zeros(n, np.uint8),
            param=np.zeros(n, np.int32),
            cosine=np.zeros(n, np.float32),
        )
        out = (hits.range_m, hits.actor_id, hits.tag, hits.material, hits.param, hits.cosine)
        scene, faces = self._built()
        t, face, normal = cast(scene, rays)
        static = (faces, self._static_tag, self._mesh.material, self._mesh.param)
        kernels.take_static(rays, max_range_m, t, face, normal, *static, *out)
        if bodies is not None and met is not None and len(met.slot):
            kernels.take_bodies(
                met.slot,
                met.body,
                met.entry_m,
                met.exit_m,
                met.rays,
                *self._cast_bodies(met, bodies),
                int(Tag.RIDER),
                max_range_m,
                bodies.local_from_world,
                bodies.actor_id,
                bodies.tag,
                *out,
            )
        return hits


def _body_arrays(bodies: Bodies) -> tuple[npt.NDArray[Any], ...]:
    return (
        bodies.local_from_world,
        bodies.position_m,
        bodies.low_m,
        bodies.high_m,
        bodies.offset_m,
        bodies.centre_m,
        bodies.radius_m,
    )


def _faces_met(scene: StaticScene) -> npt.NDArray[np.int64]:
    """Faces of the static mesh that rays meet: all but a share of the leaves (which lie in random order)."""
    keep = np.ones(len(scene.mesh.faces), bool)
    for first, count in scene.trees:
        keep[first + 2 * int(np.ceil(count * LEAF_SHARE / 2)) : first + count] = False  # whole quads
    return np.flatnonzero(keep)
