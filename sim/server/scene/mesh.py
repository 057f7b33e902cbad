"""What everything visible is made of: triangles with a material, and CARLA's semantic tag of each material.

The scene builders write meshes, the camera shades them by material, the LiDAR takes its reflectivity from
them, and the labels take the semantic tag. Coordinates are CARLA's (left-handed, metres, z up).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
UIntArray = npt.NDArray[np.uint32]


class Tag(IntEnum):
    """CARLA 0.9.16 ``CityObjectLabel`` (semantic segmentation value)."""

    NONE = 0
    ROADS = 1
    SIDEWALKS = 2
    BUILDINGS = 3
    WALLS = 4
    FENCES = 5
    POLES = 6
    TRAFFIC_LIGHT = 7
    TRAFFIC_SIGNS = 8
    VEGETATION = 9
    TERRAIN = 10
    SKY = 11
    PEDESTRIANS = 12
    RIDER = 13
    CAR = 14
    TRUCK = 15
    BUS = 16
    TRAIN = 17
    MOTORCYCLE = 18
    BICYCLE = 19
    STATIC = 20
    DYNAMIC = 21
    OTHER = 22
    WATER = 23
    ROAD_LINES = 24
    GROUND = 25
    BRIDGE = 26
    RAIL_TRACK = 27
    GUARD_RAIL = 28


class Material(IntEnum):
    """Surface materials. 0-31 occur in the static world, 32-63 on models (vehicles, people, props)."""

    ROAD = 0  # uvw = (s along the lane, distance to its left edge, distance to its right edge) m; param = lane strip
    SIDEWALK = 1  # uvw = (along, across, 0) m
    KERB = 2
    GRASS = 3
    FACADE = 4  # uvw = (along the wall, above ground, 0) m; param = building seed
    ROOF = 5
    BARK = 6
    LEAF = 7  # uvw = (ambient occlusion 0..1, leaf random 0..1, 0); param = tree seed; two-sided
    POLE = 8
    SIGNAL_HOUSING = 9
    SIGNAL_RED = 10  # param = traffic-light index in StaticScene.signals: glows while that light is red
    SIGNAL_YELLOW = 11
    SIGNAL_GREEN = 12
    STREET_LAMP = 13  # glows at night
    CROSSWALK = 14  # uvw = (across the bars, along the bars, 0) m
    CONCRETE = 15
    STOP_LINE = 16
    SIGN_FACE = 17  # uvw = (0..1 right, 0..1 up, 0); param = SignFace
    SIGN_BACK = 18
    GUARD_RAIL = 19
    WALL = 20
    BRIDGE = 21
    DIRT = 22
    COVER = 23  # awnings, balconies, doorsteps; param = sRGB 0xRRGGBB
    FURNITURE = 24  # benches, bins, cabinets, shelters; param = sRGB 0xRRGGBB
    FENCE = 25  # param = sRGB 0xRRGGBB
    SHELTER_GLASS = 26
    PAINT = 32  # chart texture: weights of paint / glass / lamp / dark trim
    TYRE = 33
    RIM = 34
    PLASTIC = 35
    GLASS = 36
    SKIN = 37
    TOP = 38  # clothing, upper body
    BOTTOM = 39  # clothing, legs
    SHOE = 40
    HAIR = 41
    METAL = 42
    BAG = 43
    CARGO = 44  # box bodies of trucks
    PROP = 45  # static.prop.*: colour of the instance
    HELMET = 46
    BEACON = 47  # blue and red lights of emergency vehicles: flash with VehicleLightState Special1


class SignFace(IntEnum):
    """What a ``SIGN_FACE`` shows; speed limits are ``SPEED + km/h``."""

    STOP = 1
    YIELD = 2
    SPEED = 1000


TAG_OF_STATIC_MATERIAL: dict[Material, Tag] = {
    Material.ROAD: Tag.ROADS,
    Material.SIDEWALK: Tag.SIDEWALKS,
    Material.KERB: Tag.SIDEWALKS,
    Material.GRASS: Tag.TERRAIN,
    Material.FACADE: Tag.BUILDINGS,
    Material.ROOF: Tag.BUILDINGS,
    Material.BARK: Tag.VEGETATION,
    Material.LEAF: Tag.VEGETATION,
    Material.POLE: Tag.POLES,
    Material.SIGNAL_HOUSING: Tag.TRAFFIC_LIGHT,
    Material.SIGNAL_RED: Tag.TRAFFIC_LIGHT,
    Material.SIGNAL_YELLOW: Tag.TRAFFIC_LIGHT,
    Material.SIGNAL_GREEN: Tag.TRAFFIC_LIGHT,
    Material.STREET_LAMP: Tag.POLES,
    Material.CROSSWALK: Tag.ROAD_LINES,
    Material.CONCRETE: Tag.BUILDINGS,
    Material.STOP_LINE: Tag.ROAD_LINES,
    Material.SIGN_FACE: Tag.TRAFFIC_SIGNS,
    Material.SIGN_BACK: Tag.TRAFFIC_SIGNS,
    Material.GUARD_RAIL: Tag.GUARD_RAIL,
    Material.WALL: Tag.WALLS,
    Material.BRIDGE: Tag.BRIDGE,
    Material.DIRT: Tag.TERRAIN,
    Material.COVER: Tag.BUILDINGS,
    Material.FURNITURE: Tag.STATIC,
    Material.FENCE: Tag.FENCES,
    Material.SHELTER_GLASS: Tag.STATIC,
}
"""Road markings on ``ROAD`` are evaluated analytically; a pixel on one is labelled ``ROAD_LINES`` by the camera."""


@dataclass(frozen=True)
class Mesh:
    """Triangles of one object or one chunk of the world.

    vertices_m (n, 3) and normals (n, 3, unit) in the mesh's own frame, uvw (n, 3) surface coordinates as the
    material defines them, faces (m, 3) indices into the vertices, material (m,) of each face, param (m,) a
    number whose meaning the material defines. Winding: outward normal by CARLA's left-handed cross product is
    not relied upon; normals decide.
    """

    vertices_m: FloatArray
    normals: FloatArray
    uvw: FloatArray
    faces: UIntArray
    material: npt.NDArray[np.uint8]
    param: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        n, m = len(self.vertices_m), len(self.faces)
        for name, array, shape, dtype in (
            ("vertices_m", self.vertices_m, (n, 3), np.float32),
            ("normals", self.normals, (n, 3), np.float32),
            ("uvw", self.uvw, (n, 3), np.float32),
            ("faces", self.faces, (m, 3), np.uint32),
            ("material", self.material, (m,), np.uint8),
            ("param", self.param, (m,), np.int32),
        ):
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"Mesh.{name}: expected {shape} {np.dtype(dtype)}, got {array.shape} {array.dtype}")

    @staticmethod
    def empty() -> Mesh:
        zero = np.zeros((0, 3), np.float32)
        return Mesh(zero, zero, zero, np.zeros((0, 3), np.uint32), np.zeros(0, np.uint8), np.zeros(0, np.int32))

    @staticmethod
    def join(parts: Sequence[Mesh]) -> Mesh:
        """One mesh of many, in order."""
        if not parts:
            return Mesh.empty()
        first = np.cumsum([0] + [len(p.vertices_m) for p in parts[:-1]])
        return Mesh(
            np.concatenate([p.vertices_m for p in parts]),
            np.concatenate([p.normals for p in parts]),
            np.concatenate([p.uvw for p in parts]),
            np.concatenate([p.faces + np.uint32(k) for p, k in zip(parts, first, strict=True)]).astype(np.uint32),
            np.concatenate([p.material for p in parts]),
            np.concatenate([p.param for p in parts]),
        )
