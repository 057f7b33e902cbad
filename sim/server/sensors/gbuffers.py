"""G-buffers of a camera (``listen_to_gbuffer``): what Unreal's deferred renderer keeps of every pixel, as bytes.

CARLA 0.9.16 sends all of them as 8-bit images, linear values turned to sRGB. This renderer has no such buffers; each
is made from what it knows of the surface at the pixel's centre:

SceneColor the picture; SceneDepth and CustomDepth 10 cm over the depth (Unreal's reversed depth; CustomDepth only of
what has a semantic tag); SceneStencil and CustomStencil the semantic tag; GBufferA the world normal; GBufferB
metallic, specular, roughness; GBufferC the base colour (one a material or body) and occlusion in alpha; GBufferD
and E nothing (custom data, baked shadows); GBufferF the tangent; Velocity the flow as Unreal encodes it; SSAO white.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import image_body
from sim.server.scene.mesh import Material, Tag
from sim.server.sensors.camera import encode, encode_normals
from sim.server.sensors.instances import Instances, View
from sim.server.sensors.memory import LastView
from sim.server.sensors.renderer import Buffers, Intrinsics, SceneRenderer

U8 = npt.NDArray[np.uint8]
NEAR_PLANE_M = 0.1  # Unreal's default near plane: its reversed depth is this over the depth


class GBuffer(IntEnum):
    """carla.GBufferTextureID."""

    SCENE_COLOR = 0
    SCENE_DEPTH = 1
    SCENE_STENCIL = 2
    A = 3
    B = 4
    C = 5
    D = 6
    E = 7
    F = 8
    VELOCITY = 9
    SSAO = 10
    CUSTOM_DEPTH = 11
    CUSTOM_STENCIL = 12


WANT: dict[GBuffer, tuple[str, ...]] = {
    GBuffer.SCENE_COLOR: ("rgb",),
    GBuffer.SCENE_DEPTH: ("depth",),
    GBuffer.CUSTOM_DEPTH: ("depth", "semantic"),
    GBuffer.SCENE_STENCIL: ("semantic",),
    GBuffer.CUSTOM_STENCIL: ("semantic",),
    GBuffer.A: ("surface",),
    GBuffer.B: ("surface",),
    GBuffer.C: ("surface", "instance", "semantic"),
    GBuffer.F: ("surface",),
    GBuffer.VELOCITY: ("flow",),
}
"""What the renderer must give; the others need nothing."""
PLASTIC = (0.0, 0.5, 0.7)
SURFACE: dict[Material, tuple[float, float, float]] = {
    Material.GLASS: (0.0, 0.9, 0.05),
    Material.PAINT: (0.1, 0.6, 0.25),
    Material.RIM: (0.9, 0.6, 0.35),
    Material.METAL: (0.9, 0.6, 0.4),
    Material.POLE: (0.7, 0.5, 0.5),
    Material.ROAD: (0.0, 0.3, 0.9),
    Material.GRASS: (0.0, 0.2, 0.95),
    Material.LEAF: (0.0, 0.3, 0.85),
    Material.TYRE: (0.0, 0.3, 0.9),
}
"""Metallic, specular, roughness; ``PLASTIC`` is the rest."""
BASE_COLOR: dict[int, tuple[int, int, int]] = {
    Tag.ROADS: (62, 62, 64), Tag.SIDEWALKS: (120, 118, 114), Tag.BUILDINGS: (140, 128, 116),
    Tag.WALLS: (130, 124, 118), Tag.FENCES: (110, 104, 96), Tag.POLES: (96, 98, 100),
    Tag.TRAFFIC_LIGHT: (36, 38, 36), Tag.TRAFFIC_SIGNS: (170, 60, 50),
    Tag.VEGETATION: (66, 92, 42), Tag.TERRAIN: (92, 104, 58), Tag.PEDESTRIANS: (110, 84, 76), Tag.RIDER: (96, 84, 84),
    Tag.ROAD_LINES: (214, 214, 208), Tag.GROUND: (96, 88, 72), Tag.BRIDGE: (128, 126, 122),
    Tag.GUARD_RAIL: (150, 152, 154),
    Tag.WATER: (40, 66, 84), Tag.STATIC: (110, 104, 98), Tag.DYNAMIC: (128, 96, 72), Tag.OTHER: (110, 110, 110),
}  # fmt: skip
"""sRGB of what has no paint of its own, by semantic tag."""
PAINTED = frozenset({int(Material.PAINT)})


class GBufferSensor:
    """One buffer of one camera; measured only while somebody listens."""

    stream_index = 18

    def __init__(self, buffer: int, intrinsics: Intrinsics, renderer: SceneRenderer, seed: int = 0) -> None:
        """Raises ValueError for a buffer that does not exist."""
        if buffer not in set(GBuffer):
            raise ValueError(f"G-buffer: expected 0 to {max(GBuffer)}, got {buffer}")
        self.buffer = GBuffer(buffer)
        self._intrinsics, self._renderer, self._seed = intrinsics, renderer, seed
        self._memory = LastView()

    def measure(
        self,
        position_m: npt.NDArray[np.float64],
        rotation_rad: npt.NDArray[np.float64],
        view: View,
        parent_id: int,
        dt_s: float,
    ) -> bytes:
        """Image body."""
        want, size = WANT.get(self.buffer, ()), self._intrinsics
        motion = self._memory.motion(position_m, rotation_rad, view) if "flow" in want else None
        buffers = Buffers()
        if want:
            buffers = self._renderer.render(position_m, rotation_rad, size, view, want, seed=self._seed, motion=motion)
        return image_body(_pixels(self.buffer, buffers, view.instances, size), math.degrees(size.fov_rad))


def _pixels(buffer: GBuffer, buffers: Buffers, bodies: Instances, size: Intrinsics) -> U8:
    """BGRA (h, w, 4) of one buffer."""
    if buffer == GBuffer.SCENE_COLOR:
        return encode("rgb", buffers)
    if buffer in (GBuffer.SCENE_STENCIL, GBuffer.CUSTOM_STENCIL):
        assert buffers.semantic is not None
        tag = np.where(buffers.semantic == Tag.SKY, 0, buffers.semantic).astype(np.uint8)
        return _grey(tag)
    if buffer in (GBuffer.SCENE_DEPTH, GBuffer.CUSTOM_DEPTH):
        assert buffers.depth_m is not None
        device = NEAR_PLANE_M / np.maximum(buffers.depth_m, NEAR_PLANE_M)
        if buffer == GBuffer.CUSTOM_DEPTH:
            device = np.where(buffers.semantic == Tag.SKY, 0.0, device)
        return _grey(_srgb(device))
    if buffer == GBuffer.VELOCITY:
        assert buffers.flow is not None
        out = np.zeros((*buffers.flow.shape[:2], 4), np.uint8)
        share = buffers.flow * (0.499 * 0.5) + 32767.0 / 65535.0  # Unreal's encoding, -2..2 to 0..1
        out[..., 2], out[..., 1] = _srgb(share[..., 0]), _srgb(share[..., 1])
        return out
    if buffer in (GBuffer.A, GBuffer.F):
        assert buffers.normal is not None
        return encode_normals(buffers.normal if buffer == GBuffer.A else _tangent(buffers.normal))
    if buffer == GBuffer.B:
        return _surface(buffers)
    if buffer == GBuffer.C:
        return _base_color(buffers, bodies)
    return np.full((size.height, size.width, 4), 255 if buffer == GBuffer.SSAO else 0, np.uint8)


def _grey(level: U8) -> U8:
    out = np.repeat(level[..., None], 4, axis=2)
    out[..., 3] = 255
    return np.ascontiguousarray(out)


def _srgb(linear: npt.NDArray[np.floating]) -> U8:
    x = np.clip(linear, 0.0, 1.0)
    return np.rint(255.0 * np.where(x < 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8)


def _tangent(normal: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A level direction (h, w, 3) along the surface; x where it faces up, zero in the sky."""
    out = np.zeros_like(normal)
    level = np.hypot(normal[..., 0], normal[..., 1])
    steep = level > 1e-3
    out[steep, 0], out[steep, 1] = -normal[steep, 1] / level[steep], normal[steep, 0] / level[steep]
    out[~steep & (normal[..., 2] != 0.0), 0] = 1.0
    return out


def _surface(buffers: Buffers) -> U8:
    assert buffers.material is not None
    table = np.tile(np.array(PLASTIC), (256, 1))
    for material, values in SURFACE.items():
        table[material] = values
    table[255] = 0.0
    out = np.full((*buffers.material.shape, 4), 255, np.uint8)
    out[..., :3] = _srgb(table)[buffers.material][..., ::-1]
    return out


def _base_color(buffers: Buffers, bodies: Instances) -> U8:
    assert buffers.semantic is not None
    assert buffers.instance is not None
    assert buffers.material is not None
    table = np.full((256, 3), 128, np.uint8)
    for tag, rgb in BASE_COLOR.items():
        table[tag] = rgb
    table[int(Tag.SKY)] = 0
    out = np.full((*buffers.semantic.shape, 4), 255, np.uint8)
    out[..., :3] = table[buffers.semantic][..., ::-1]
    if len(bodies.actor_id):
        row = np.minimum(np.searchsorted(bodies.actor_id, buffers.instance), len(bodies.actor_id) - 1)
        own = (bodies.actor_id[row] == buffers.instance) & np.isin(buffers.material, list(PAINTED))
        paint = np.rint(np.clip(bodies.color[row[own]], 0.0, 1.0) * 255.0).astype(np.uint8)
        out[own, :3] = paint[:, ::-1]
    return out
