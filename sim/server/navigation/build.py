"""The navigation mesh of a scene: from what people may walk on to convex polygons."""

from __future__ import annotations

from sim.server.navigation.areas import Area, walkable_levels
from sim.server.navigation.heights import heights_of
from sim.server.navigation.partition import Partition, partition
from sim.server.scene.static import StaticScene


def build_navigation(scene: StaticScene, roads: bool = True) -> Partition:
    """The walkable ground of a scene, a function of the scene alone; without ``roads``, what is made for walking."""
    levels = walkable_levels(scene)
    left_out = frozenset() if roads else frozenset({Area.ROAD})
    return partition([(level.without(left_out), heights_of(level.lanes, scene.ground)) for level in levels])
