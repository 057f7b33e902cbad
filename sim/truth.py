"""``Truth``: what is true. Goes to the log and to evaluation; no stage accepts it (a type of its own, so that
cheating does not type-check)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from perception.frame import FloatArray, check
from perception.objects import IntArray


@dataclass(frozen=True)
class TruthBoxes2D:
    """True image boxes of one camera. actor_id (n,); full_px (n, 4): hull of the projected 3-D box cut to the image;
    visible_px (n, 4): tight box of the visible pixels (NaN where none); pixels (n,): visible pixels; visibility (n,)
    0..1: visible pixels over the expected pixels of the unoccluded object inside the image; truncation (n,) 0..1: share
    of the projected hull outside the image; classes (n,) ObjectClass; light_state (n,) of traffic lights."""

    camera: str
    actor_id: IntArray
    full_px: FloatArray
    visible_px: FloatArray
    pixels: IntArray
    visibility: FloatArray
    truncation: FloatArray
    classes: IntArray
    light_state: IntArray

    def __post_init__(self) -> None:
        n = len(self.actor_id)
        check("TruthBoxes2D.full_px", self.full_px, (n, 4), np.float64)
        check("TruthBoxes2D.visible_px", self.visible_px, (n, 4), np.float64)
        for name in ("visibility", "truncation"):
            check(f"TruthBoxes2D.{name}", getattr(self, name), (n,), np.float64)
        for name in ("pixels", "classes", "light_state"):
            check(f"TruthBoxes2D.{name}", getattr(self, name), (n,), np.int64)


@dataclass(frozen=True)
class Truth:
    """The true state at ``t_us``, world frame (right-handed).

    world_from_ego (4, 4), ego_velocity_mps (3,). Objects (n rows, the ego excluded): actor_id, boxes_world_m (n, 7),
    velocity_world_mps (n, 3), classes (n,) ObjectClass, lidar_points (n,) hits inside the box (-1 without a semantic
    LiDAR or sweep), type_id (n,). The map's parked vehicles near the ego are among them, after the actors, type_id
    ``parked.*``. lights: signal id -> LightState. events: what happened since the last frame
    (collision, red_light, stop_sign, lane_invasion, ...), each a flat dict with "kind".
    """

    index: int
    t_us: int
    world_from_ego: FloatArray
    ego_velocity_mps: FloatArray
    actor_id: IntArray
    boxes_world_m: FloatArray
    velocity_world_mps: FloatArray
    classes: IntArray
    lidar_points: IntArray
    type_id: tuple[str, ...]
    cameras: tuple[TruthBoxes2D, ...] = ()
    lights: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    events: tuple[Mapping[str, object], ...] = ()

    def __post_init__(self) -> None:
        n = len(self.actor_id)
        check("Truth.world_from_ego", self.world_from_ego, (4, 4), np.float64)
        check("Truth.ego_velocity_mps", self.ego_velocity_mps, (3,), np.float64)
        check("Truth.boxes_world_m", self.boxes_world_m, (n, 7), np.float64)
        check("Truth.velocity_world_mps", self.velocity_world_mps, (n, 3), np.float64)
        for name in ("actor_id", "classes", "lidar_points"):
            check(f"Truth.{name}", getattr(self, name), (n,), np.int64)
