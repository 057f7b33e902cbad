"""The map's parked vehicles as sensors see them: rows behind those of the actors, while they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.server.scene.catalogue import RIDERLESS
from sim.server.scene.static import Parked
from sim.server.sensors.appearance import Appearance
from sim.server.sensors.instances import Instances

if TYPE_CHECKING:
    from sim.server.world.parts import Bench
    from sim.server.world.world import World


class ParkedRows:
    """Rows of the parked vehicles; made anew only when a client changes what is there of the map, or its paint."""

    def __init__(self) -> None:
        self._look: Appearance | None = None
        self._rows: Instances | None = None

    def behind(self, bodies: Instances, world: World) -> Instances:
        """The actors' instances and the parked vehicles."""
        parked = world.scene.parked
        if not len(parked):
            return bodies
        look = world.scenery.look
        if self._rows is None or look is not self._look:
            self._look, self._rows = look, rows_of(parked, look, world.bench)
        return bodies.followed_by(self._rows)


def rows_of(parked: Parked, look: Appearance, bench: Bench) -> Instances:
    """Parked vehicles that are there: still, lamps off."""
    there = np.flatnonzero(look.shown[parked.owner])
    library, n = bench.library(), len(there)
    choices = [bench.choose(parked.type_id[k], RIDERLESS) for k in there.tolist()]
    model = np.array([library.index(choice.name) for choice in choices], np.int32)
    size = np.array([choice.size_m for choice in choices], np.float32).reshape(n, 3)
    rgb = parked.rgb[there].astype(np.float32)
    texture = look.texture[parked.owner[there]]
    for k in np.flatnonzero(texture >= 0).tolist():
        rgb[k] = look.textures[int(texture[k])][-1] / 255.0  # the coarsest level of detail is the mean colour
    return Instances(
        actor_id=Parked.FIRST_ID + there.astype(np.int64),
        model=model,
        position_m=parked.position_m[there],
        rotation_rad=parked.rotation_rad[there],
        scale=size / library.size_m[model].reshape(n, 3),
        color=rgb,
        seed=parked.seed[there],
        light_state=np.zeros(n, np.uint32),
        wheel_angle_rad=np.zeros(n, np.float32),
        steer_rad=parked.steer_rad[there].astype(np.float32),
        velocity_mps=np.zeros((n, 3), np.float32),
        tag=np.array([int(choice.tag) for choice in choices], np.uint8),
    )
