"""The renderer of a map, shared by all its cameras: one picture of one view from one pose at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from sim.server.scene.models import ModelLibrary
from sim.server.scene.static import StaticScene
from sim.server.sensors import bodies as moving
from sim.server.sensors import debug_overlay
from sim.server.sensors.appearance import (
    Appearance,
    linear_of_byte,
    look_table,
    ordinary,
    shining_lamps,
    texel_table,
)
from sim.server.sensors.atmosphere import Atmosphere, airlight
from sim.server.sensors.columns import FOG_BETA, LAMP_COLUMNS, WET
from sim.server.sensors.conditions import ORDINARY, Conditions
from sim.server.sensors.falling import FallingWeather
from sim.server.sensors.geometry import Geometry
from sim.server.sensors.instances import Instances, View, Weather
from sim.server.sensors.kernel import F32, F64, I32, U8, U32, Tables
from sim.server.sensors.labels import label_pixels, tag_of_material
from sim.server.sensors.lamps import lamp_table
from sim.server.sensors.lighting import CONTACT_CELLS_PER_M, CONTACT_SIZE
from sim.server.sensors.packed import packed_map
from sim.server.sensors.photo import Photo
from sim.server.sensors.pool import WorkerPool
from sim.server.sensors.post import (
    GRAIN_DAY,
    GRAIN_NIGHT,
    add_glare,
    develop,
    exposure_of,
    tone_curve,
    veil_of,
)
from sim.server.sensors.raster import camera_block
from sim.server.sensors.reflections import mirror_ground
from sim.server.sensors.shade import class_of_material, scratch_tables, shade_frame
from sim.server.sensors.shade_ground import STRIP_BEGIN, STRIP_COLUMNS, STRIP_DRIVING, STRIP_END, STRIP_JUNCTION
from sim.server.sensors.shadows import SunShadows, splat_contact
from sim.server.sensors.silhouettes import Silhouettes, trace
from sim.server.sensors.sky import SkyPainter
from sim.server.sensors.surface import Motion, flow_pixels, surface_pixels
from sim.server.sensors.textures import asphalt_tile, value_noise
from sim.server.sensors.visible import Blocks, Intrinsics, Samples, VisibleSurfaces
from sim.server.world.pose import rotation_matrix

__all__ = ["Buffers", "Intrinsics", "SceneRenderer", "warm_up"]

SAMPLES = 2  # along each axis of a pixel, for pictures
WET_FROM = 0.15  # drier ground mirrors too little to march rays for
PATTERN_SEED = 3
NO_JUNCTION_M = 1e6  # longer than any road
LAMPS_SHARED_M = 8.0  # cameras within such a cube see the same lamps
NO_LAMPS = (np.zeros((0, LAMP_COLUMNS), np.float32), np.zeros(0, np.int32))


@dataclass(frozen=True)
class Buffers:
    """What was asked for, else None: bgr (h, w, 3) uint8; depth_m (h, w) float32 along the optical axis, sky 1000;
    semantic (h, w) uint8 ``Tag``; instance (h, w) int32 actor id, 0 on what is static; normal (h, w, 3) float32, world,
    and material (h, w) uint8; flow (h, w, 2) float32 (``surface``). New arrays at every call."""

    bgr: U8 | None = None
    depth_m: F32 | None = None
    semantic: U8 | None = None
    instance: I32 | None = None
    normal: F32 | None = None
    material: U8 | None = None
    flow: F32 | None = None


LABELS = frozenset({"depth", "semantic", "instance"})
WANTS = LABELS | {"rgb", "surface", "flow"}


class SceneRenderer:
    """Renders a scene. Calls are serialised: cameras of one world take turns, each using all threads."""

    def __init__(self, scene: StaticScene, library: ModelLibrary, threads: int | None = None) -> None:
        self._scene = scene
        self._library = library
        self._pool = WorkerPool(threads)
        self._lock = threading.Lock()
        self._geometry = Geometry(scene, library, self._pool)
        self._visible = VisibleSurfaces(self._geometry, self._pool)
        self._shadows = SunShadows(self._geometry, self._pool)
        self._painter = SkyPainter()
        self._class_of = class_of_material()
        self._tag_of = tag_of_material()
        self._strips = strip_table(scene)
        rng = np.random.default_rng(PATTERN_SEED)
        grain, stones = value_noise(256, (4, 8, 16, 32, 64, 128), 0.55, rng), asphalt_tile(rng)
        driven, crossed = self._strips[:, STRIP_DRIVING] > 0.0, self._strips[:, STRIP_JUNCTION] > 0.0
        tracks = np.where(crossed, -1.0, 1.0) * driven
        self._patterns = (grain, stones, tracks.astype(np.float32), grain.reshape(-1), stones.reshape(-1))
        self._charts = moving.chart_tables(library)
        self._clothes = moving.Clothes()
        self._curve = tone_curve()
        self._falling = FallingWeather(self._pool)
        self._scratch = scratch_tables(self._pool.threads)
        self._appearance: Appearance | None = None
        self._look = ordinary(scene, False)  # the appearance in use
        self._looks = look_table(scene, self._look)
        self._texels, self._linear = texel_table(self._look), linear_of_byte()
        self._lamp_places = shining_lamps(scene, self._look)
        self._weather: Weather | None = None
        self._skies: dict[Conditions, tuple[Atmosphere, tuple[F32, F32, F32], Tables]] = {}  # of the weather
        self._breathe(ORDINARY)
        self._view: View | None = None
        self._table: F32 = np.zeros((1, 1), np.float32)
        self._spheres: tuple[F64, F64, F64] = (np.zeros((0, 3)), np.zeros(0), np.zeros(0))
        self._contact: dict[tuple[float, float], tuple[F32, F32]] = {}
        self._shining: dict[tuple[float, ...], tuple[F32, I32]] = {}  # lamps of the tick, by place

    def render(
        self,
        position_m: F64,
        rotation_rad: F64,
        intrinsics: Intrinsics,
        view: View,
        want: Collection[str],
        exclude_actor: int | None = None,
        seed: int = 0,
        photo: Photo | None = None,
        motion: Motion | None = None,
        conditions: Conditions = ORDINARY,
        velocity_mps: F64 | None = None,
    ) -> Buffers:
        """Picture of ``view`` from a pose (pitch, yaw, roll; CARLA's frame).

        want: any of ``WANTS``; surface is normal and material. exclude_actor is left out of the picture but keeps its
        shadow. seed picks the grain; photo (None: as shipped) develops the picture; motion is what flow compares with.
        conditions: snow and the lens; velocity_mps (3,) of the camera in the world: rain comes towards a moving car.
        Raises ValueError for an unknown name in ``want``, and for flow without motion.
        """
        wanted = frozenset(want)
        if wanted - WANTS or not wanted:
            raise ValueError(f"want: expected some of {', '.join(sorted(WANTS))}, got {sorted(want)}")
        with self._lock:
            self._begin(view)
            self._breathe(conditions)
            cam = camera_block(np.asarray(position_m, np.float64), rotation_matrix(*map(float, rotation_rad)))
            blocks = self._blocks(cam, intrinsics, view.instances, exclude_actor)
            bgr = self._picture(cam, intrinsics, view, blocks, seed, photo, velocity_mps) if "rgb" in wanted else None
            if wanted == {"rgb"}:
                return Buffers(bgr)
            target = self._visible.draw(cam, intrinsics, blocks, 1)
            depth_m, semantic, instance = (
                self._labels(target, intrinsics, view.instances) if wanted & LABELS else (None, None, None)
            )
            normal, material = self._surface(target, intrinsics) if "surface" in wanted else (None, None)
            return Buffers(
                bgr,
                depth_m if "depth" in wanted else None,
                semantic if "semantic" in wanted else None,
                instance if "instance" in wanted else None,
                normal,
                material,
                self._flow(target, cam, intrinsics, motion) if "flow" in wanted else None,
            )

    def silhouettes(
        self,
        position_m: F64,
        rotation_rad: F64,
        intrinsics: Intrinsics,
        view: View,
        exclude_actor: int | None = None,
        labels: Buffers | None = None,
    ) -> Silhouettes:
        """Outlines of the moving bodies, seen and whole. labels: semantic and instance of this very picture, if the
        caller has them."""
        if labels is None:
            labels = self.render(position_m, rotation_rad, intrinsics, view, ("semantic", "instance"), exclude_actor)
        if labels.semantic is None or labels.instance is None:
            raise ValueError("silhouettes: labels need semantic and instance")
        with self._lock:
            self._begin(view)
            cam = camera_block(np.asarray(position_m, np.float64), rotation_matrix(*map(float, rotation_rad)))
            blocks = self._blocks(cam, intrinsics, view.instances, exclude_actor)
            return trace(
                self._geometry, self._pool, blocks.faces[blocks.faces[:, 3] == 1], view.instances.actor_id, cam,
                intrinsics.focal_px, labels.semantic, labels.instance,
            )  # fmt: skip

    def show(self, appearance: Appearance | None) -> None:
        """From the next view on draw the map's things like this; None: as they are, with lights by night."""
        with self._lock:
            self._appearance = appearance
            self._wear()

    def _wear(self) -> None:
        """Take over the appearance."""
        look = self._appearance or ordinary(self._scene, self._air.night > 0.0)
        if look.textures is not self._look.textures:
            self._texels = texel_table(look)
        self._look, self._looks = look, look_table(self._scene, look)
        self._lamp_places = shining_lamps(self._scene, look)
        if self._geometry.show(look.shown if look.unseen is None else look.shown & ~look.unseen):
            self._shadows.forget()

    def _begin(self, view: View) -> None:
        """Work of a tick, done for its first camera."""
        if view is self._view:
            return
        self._view = view
        if view.weather != self._weather:
            self._weather = view.weather
            self._skies.clear()
            self._breathe(ORDINARY)
            if self._appearance is None:
                self._wear()
        self._geometry.begin(view.instances)
        self._table = moving.body_table(view.instances, self._library, self._air.night, view.elapsed_s, self._clothes)
        self._spheres = moving.spheres_of(view.instances, self._library)
        self._contact.clear()
        self._shining.clear()

    def _breathe(self, conditions: Conditions) -> None:
        """Take the air of these conditions, painting its sky where no camera has asked for it under this weather."""
        of_the_air = conditions.of_the_air()
        if of_the_air not in self._skies:
            air = airlight(self._weather or Weather(), of_the_air)
            sky = self._painter.paint(air)
            (above, most_above), (mirrored, most_mirrored) = packed_map(sky[0]), packed_map(sky[1])
            packed = (above, mirrored, sky[2], len(sky[0]), len(sky[1]), most_above, most_mirrored)
            self._skies[of_the_air] = (air, sky, packed)
        self._conditions = conditions
        self._air, self._sky, self._packed = self._skies[of_the_air]

    def _blocks(self, cam: F64, intrinsics: Intrinsics, bodies: Instances, exclude: int | None) -> Blocks:
        left_out = np.flatnonzero(bodies.actor_id == exclude) if exclude is not None else np.zeros(0, np.int64)
        return self._visible.blocks(cam, intrinsics, float(self._air.constants[FOG_BETA]), self._spheres, left_out)

    def _arrays(self) -> tuple[F32, F32, F32, U32, U8, I32, F32]:
        g = self._geometry
        local = g.local_m if len(g.local_m) else np.zeros((1, 3), np.float32)
        return g.vertices_m, g.normals, g.uvw, g.faces, g.material, g.param, local

    def _picture(
        self, cam: F64, intrinsics: Intrinsics, view: View, blocks: Blocks, seed: int, photo: Photo | None,
        velocity_mps: F64 | None,
    ) -> U8:  # fmt: skip
        target = self._visible.draw(cam, intrinsics, blocks, SAMPLES)
        air = self._air
        eye = cam[:3]
        centre, radius, _ = self._spheres
        rows = np.arange(len(radius), dtype=np.int64)
        shadow = self._shadows.tables(eye, air.light_dir, view, rows, centre, radius)
        contact = self._contact_grid(eye, view.instances)
        night = air.night > 0.0
        lamps = self._lamp_tables(eye, view.instances) if night else NO_LAMPS
        objects = (self._geometry.owner, self._looks, self._texels, self._linear)
        painted = bool(self._look.textures)
        mirrors = bool(air.constants[WET] > WET_FROM)
        radiance = np.empty((intrinsics.height, intrinsics.width, 3), np.float32)
        kept = mirrors or air.rain > 0.0 or self._conditions.snowfall_mmph > 0.0
        surface = np.empty_like(radiance) if kept else np.empty((0, 0, 3), np.float32)
        static_counts = np.array([self._geometry.static_faces, self._geometry.static_vertices], np.int64)
        signals = np.ascontiguousarray(view.signal_state, np.uint8)
        self._pool.run(
            shade_frame, np.zeros(1, np.int64), target.inverse_depth, target.slot, target.edges, target.face_of_slot,
            self._arrays(), static_counts, self._class_of, self._strips, self._patterns, self._charts, self._table,
            signals, objects, painted, cam, cam.astype(np.float32), intrinsics.focal_px * SAMPLES, air.constants,
            self._packed, shadow, contact, lamps, night, self._scratch, radiance.reshape(-1), surface.reshape(-1, 3),
        )  # fmt: skip
        if mirrors:
            mirror_ground(
                self._pool, surface, cam, intrinsics.focal_px, self._sky[1], self._patterns[0], view.elapsed_s,
                air.rain, radiance,
            )  # fmt: skip
        self._falling.draw(cam, intrinsics.focal_px, view, air, self._conditions, velocity_mps, surface, radiance, seed)
        bgr = self._develop(radiance, view, seed, photo)
        if view.drawing is not None:
            debug_overlay.draw(bgr, target.inverse_depth, cam, intrinsics.focal_px, view.drawing, self._pool)
        return bgr

    def _lamp_tables(self, eye: F64, bodies: Instances) -> tuple[F32, I32]:
        """Lamps that shine, and their numbers; cameras of one vehicle share them."""
        place = np.floor(eye / LAMPS_SHARED_M + 0.5) * LAMPS_SHARED_M
        key = (float(place[0]), float(place[1]), float(place[2]), self._air.night)
        if key not in self._shining:
            table = lamp_table(place, *self._lamp_places, bodies, self._table, self._library)
            self._shining[key] = (table, np.arange(len(table), dtype=np.int32))
        return self._shining[key]

    def _develop(self, radiance: F32, view: View, seed: int, photo: Photo | None) -> U8:
        air, curve = self._air, self._curve
        exposure = exposure_of(radiance, air)
        glaring = air.night > 0.0 or air.rain > 0.0 or air.haze > 0.0 or air.light_dir[2] < 0.27
        grain = GRAIN_DAY + (GRAIN_NIGHT - GRAIN_DAY) * air.night
        glare = 1.0
        if photo is not None:
            exposure = photo.exposure(exposure, air)
            if not photo.effects:
                return photo.plain(radiance, exposure)
            radiance, curve, glare = photo.balanced(radiance), photo.curve(curve), photo.bloom_share
            glaring, grain = (glaring or glare > 1.0) and glare > 0.0, grain * photo.grain_share
        if veil := veil_of(radiance, air):
            radiance = np.maximum(radiance - np.float32(veil), 0.0)
        if glaring:
            add_glare(radiance, exposure, glare)
        bgr = np.empty(radiance.shape, np.uint8)
        self._pool.run(
            develop, radiance.reshape(len(bgr), -1), exposure, curve, grain, (view.frame * 31 + seed) & 0xFFFFFF,
            bgr.reshape(len(bgr), -1),
        )  # fmt: skip
        return bgr

    def _surface(self, target: Samples, intrinsics: Intrinsics) -> tuple[F32, U8]:
        shape = (intrinsics.height, intrinsics.width)
        normal, material = np.empty((*shape, 3), np.float32), np.empty(shape, np.uint8)
        self._pool.run(surface_pixels, target.slot, target.edges, target.face_of_slot, self._arrays(), normal, material)
        return normal, material

    def _flow(self, target: Samples, cam: F64, intrinsics: Intrinsics, motion: Motion | None) -> F32:
        if motion is None:
            raise ValueError("render: flow needs the motion since the last picture, got None")
        flow = np.empty((intrinsics.height, intrinsics.width, 2), np.float32)
        self._pool.run(
            flow_pixels, target.inverse_depth, target.slot, target.face_of_slot, self._arrays(),
            self._geometry.static_faces, cam, motion.camera, motion.bodies, intrinsics.focal_px, flow,
        )  # fmt: skip
        return flow

    def _labels(self, target: Samples, intrinsics: Intrinsics, bodies: Instances) -> tuple[F32, U8, I32]:
        shape = (intrinsics.height, intrinsics.width)
        depth_m, semantic, instance = np.empty(shape, np.float32), np.empty(shape, np.uint8), np.empty(shape, np.int32)
        ids = np.zeros(max(len(bodies.actor_id), 1), np.int32)
        ids[: len(bodies.actor_id)] = bodies.actor_id
        self._pool.run(
            label_pixels, target.inverse_depth, target.slot, target.edges, target.face_of_slot, self._arrays(),
            self._geometry.static_faces, self._strips, self._tag_of, moving.tags(bodies), ids,
            depth_m, semantic, instance,
        )  # fmt: skip
        return depth_m, semantic, instance

    def _contact_grid(self, eye: F64, bodies: Instances) -> tuple[F32, F32]:
        """Contact shadows round the camera; cameras of one vehicle share them."""
        half = CONTACT_SIZE / CONTACT_CELLS_PER_M / 2
        origin = np.floor(eye[:2] / 8.0) * 8.0 - half
        key = (float(origin[0]), float(origin[1]))
        if key not in self._contact:
            rows = np.flatnonzero(np.abs(bodies.position_m[:, :2] - eye[:2]).max(axis=1, initial=0.0) < half + 12.0)
            grid = np.empty((CONTACT_SIZE, CONTACT_SIZE), np.float32)
            placed = origin.astype(np.float32)
            standing = moving.contact_bodies(bodies, self._library, rows)
            self._pool.run(splat_contact, np.zeros(1, np.int64), grid, placed, standing)
            self._contact[key] = (grid.reshape(-1), placed)
        return self._contact[key]

    def close(self) -> None:
        """Let the threads end."""
        self._pool.close()


def strip_table(scene: StaticScene) -> F32:
    """Strips as a float table (max(n, 1), STRIP_COLUMNS) for the kernels."""
    table = np.zeros((max(len(scene.strips), 1), STRIP_COLUMNS), np.float32)
    for column, field in enumerate(
        (
            "left_type",
            "left_yellow",
            "left_width_m",
            "right_type",
            "right_yellow",
            "right_width_m",
            "driving",
            "junction",
        )
    ):
        if len(scene.strips):
            table[:, column] = scene.strips[field]
    if len(scene.strips):
        joins = scene.strips["joins"]
        table[:, STRIP_BEGIN] = np.where(joins & 1, scene.strips["begin_m"], -NO_JUNCTION_M)
        table[:, STRIP_END] = np.where(joins & 2, scene.strips["end_m"], NO_JUNCTION_M)
    return table


def warm_up(progress: Callable[[str], None] | None = None) -> None:
    """Compile every kernel, or load it from the cache, and say how far it is."""
    from sim.server.sensors.warm import compile_kernels

    compile_kernels(progress)
