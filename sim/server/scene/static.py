"""The static world as data: what a map becomes, and what physics, cameras, LiDAR and the calls read.

Everything here is immutable after ``build_scene`` and a deterministic function of the OpenDRIVE text and the
scene seed. Coordinates are CARLA's world (left-handed, metres, z up), angles radians.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Mesh
from sim.server.scene.objects import NO_OWNER, Lights, Objects, no_lights, no_objects

if TYPE_CHECKING:
    from sim.server.scene.generation import Generation
    from sim.server.scene.ground import Ground
    from sim.server.scene.lanes import Lane

STRIP_DTYPE = np.dtype(
    [
        ("left_type", np.uint8),  # MarkingType of the lane's left edge
        ("left_yellow", np.bool_),
        ("left_width_m", np.float32),
        ("right_type", np.uint8),
        ("right_yellow", np.bool_),
        ("right_width_m", np.float32),
        ("driving", np.bool_),  # wheel tracks are drawn on driving lanes only
        ("junction", np.bool_),
        ("begin_m", np.float32),  # of the road, along its reference line
        ("end_m", np.float32),
        ("joins", np.uint8),  # 1: a junction lies before its begin, 2: behind its end, 3: both
    ]
)
"""One row per lane strip; ``param`` of a ROAD face indexes it. Marking types: 0 none, 1 broken, 2 solid,
3 solid-solid, 4 solid-broken, 5 broken-solid, 6 broken-broken, 7 other solid (botts dots, kerb, grass are 0)."""


@dataclass(frozen=True)
class Signal:
    """A traffic light or sign of the map, that becomes an actor."""

    opendrive_id: str
    type_id: str  # traffic.traffic_light, traffic.stop, traffic.yield, traffic.speed_limit.30, ...
    position_m: tuple[float, float, float]  # foot of the pole
    yaw_rad: float  # CARLA's convention: see build_scene
    trigger_centre_m: tuple[float, float, float]  # trigger volume in the actor's frame
    trigger_extent_m: tuple[float, float, float]  # half sizes
    group: int  # lights of one junction share a group; -1 for signs
    phase: int  # lights of a group with the same phase are green together; -1 for signs
    lamp_boxes: npt.NDArray[np.float64]  # (k, 7) x y z centre, half sizes x y z, yaw: heads of a light, world
    stop_points_m: npt.NDArray[np.float64]  # (k, 3) centre of each stop line, on the lane it stops
    affected_lanes: tuple[tuple[int, int], ...]  # (road id, lane id) that must obey it
    # (k, 7) x y z centre, half sizes x y z, yaw of the traffic: a vehicle whose front is in such a box obeys; world
    effect_boxes: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 7)))
    # (n, 4) x y z radius: who stops or yields here waits until nobody else is in these places
    clear_area_m: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))


@dataclass(frozen=True)
class Box:
    """A static obstacle for collisions and level queries: upright oriented box."""

    centre_m: tuple[float, float, float]
    half_m: tuple[float, float, float]
    yaw_rad: float
    tag: int  # sim.server.scene.mesh.Tag
    owner: int = NO_OWNER  # object that it belongs to: gone when that is switched off


@dataclass(frozen=True)
class Parked:
    """Parked vehicles in columns (k,): blueprint; object that each is; position on the ground (k, 3); pitch, yaw, roll
    (k, 3); paint, sRGB 0..1 (k, 3); angle of the front wheels; seed of what else it looks like.

    Sensors know them by ids of their own, FIRST_ID + row: above those of actors, of which no server makes sixteen
    millions, exact in the float32 of label tables, different in the 16 bits of instance pictures.
    """

    FIRST_ID: ClassVar[int] = 0xFFFF00
    MOST: ClassVar[int] = 255

    type_id: tuple[str, ...]
    owner: npt.NDArray[np.int32]
    position_m: npt.NDArray[np.float64]
    rotation_rad: npt.NDArray[np.float64]
    rgb: npt.NDArray[np.float64]
    steer_rad: npt.NDArray[np.float64]
    seed: npt.NDArray[np.uint32]

    def __post_init__(self) -> None:
        if len(self.type_id) > self.MOST:
            raise ValueError(f"Parked: expected at most {self.MOST} vehicles, got {len(self.type_id)}")

    def __len__(self) -> int:
        return len(self.type_id)

    def followed_by(self, others: Parked) -> Parked:
        """These rows, then those of others."""
        columns = {f.name: np.concatenate([getattr(self, f.name), getattr(others, f.name)]) for f in fields(self)[1:]}
        return Parked(type_id=self.type_id + others.type_id, **columns)

    @staticmethod
    def none() -> Parked:
        """A map on which nobody parks."""
        none3, zero = np.zeros((0, 3)), np.zeros(0)
        return Parked((), np.zeros(0, np.int32), none3, none3, none3, zero, np.zeros(0, np.uint32))


@dataclass(frozen=True)
class StaticScene:
    """All that is known of a map before the first actor."""

    name: str  # "Town02"
    opendrive: str
    carla_map: Any  # carla.Map of the text
    mesh: Mesh  # all static triangles, ordered by chunk
    chunks: npt.NDArray[np.int64]  # (c, 2) first face, face count; terrain, roads, buildings: always drawn if visible
    chunk_spheres_m: npt.NDArray[np.float32]  # (c, 4) centre and radius
    trees: npt.NDArray[np.int64]  # (t, 2) first face, face count of each crown; leaves in random order,
    # so that drawing the first part of them is a coarser level of detail
    tree_spheres_m: npt.NDArray[np.float32]  # (t, 4)
    strips: npt.NDArray[Any]  # STRIP_DTYPE
    lamps_m: npt.NDArray[np.float32]  # (k, 6) position and pointing direction of street lamps
    signals: tuple[Signal, ...]
    obstacles: tuple[Box, ...]  # buildings, trunks, poles, walls, guard rails, parked vehicles
    spawn_points: npt.NDArray[np.float64]  # (n, 6) x y z pitch yaw roll, recommended for vehicles
    ground: Ground
    objects: Objects = field(default_factory=no_objects)
    lights: Lights = field(default_factory=no_lights)
    generation: Generation | None = None  # how a client wanted it built; None: a town
    lanes: tuple[Lane, ...] = ()  # what the pavement was made from
    parked: Parked = field(default_factory=Parked.none)  # no triangles of the mesh: bodies, see scene.parking
