"""What a log says of bent actors: the doors of vehicles and the bones of walkers, written and played back."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.server.recorder.packets import HEAD, TABLES, PacketId, WalkerBones, encode, text_bytes
from sim.server.scene.doors import Door
from sim.server.world.pose import rotation_matrix
from sim.server.world.rig import looks_of
from sim.server.world.skeleton import NAMES, Bones

if TYPE_CHECKING:
    from sim.server.world.actors import Actor
    from sim.server.world.world import World

Array = npt.NDArray[np.float64]

_CM = 100.0
_NAMES = tuple(map(text_bytes, NAMES))


class FigureTables:
    """Packets about doors and bones; those of a walker in mid-stride are made once for each model and size."""

    def __init__(self) -> None:
        self._doors: dict[int, frozenset[Door]] = {}
        self._walks: dict[tuple[str, float], bytes] = {}

    def doors(self, world: World) -> bytes:
        """Doors that have opened or closed since the last frame."""
        now = world.postures.doors()
        rows: list[tuple[int, int, int]] = []
        if now != self._doors:
            for actor_id in sorted(now.keys() | self._doors.keys()):
                before, after = self._doors.get(actor_id, frozenset()), now.get(actor_id, frozenset())
                rows += [(actor_id, int(door), int(door in after)) for door in sorted(before ^ after)]
            self._doors = now
        return encode(PacketId.VEHICLE_DOOR, np.array(rows, TABLES[PacketId.VEHICLE_DOOR]))

    def bones(self, world: World, walkers: Sequence[Actor]) -> bytes:
        """Relative poses of the bones of all walkers."""
        parts = [struct.pack("<H", len(walkers))]
        if walkers:
            instances, names = world.view().instances, world.bench.library().names
            rows = np.searchsorted(instances.actor_id, [actor.actor_id for actor in walkers])
            models, scales = instances.model[rows].tolist(), instances.scale[rows, 2].tolist()
            for actor, model, scale in zip(walkers, models, scales, strict=True):
                parts += (struct.pack("<I", actor.actor_id), self._bones_of(world, actor, names[model], scale))
        payload = b"".join(parts)
        return HEAD.pack(PacketId.WALKER_BONES, len(payload)) + payload

    def _bones_of(self, world: World, actor: Actor, model: str, scale: float) -> bytes:
        if world.postures.is_posed(actor.actor_id):
            return _bone_bytes(world.postures.local_bones(actor.actor_id, model, scale))
        key = (model, scale)
        if key not in self._walks:
            self._walks[key] = _bone_bytes(world.postures.local_bones(actor.actor_id, model, scale))
        return self._walks[key]


def _bone_bytes(bones: Bones) -> bytes:
    """The bones of one walker, without its id: a count, and for each name, cm, and roll, pitch, yaw in degrees."""
    poses = np.hstack((bones.position_m * _CM, np.degrees(_roll_pitch_yaw(bones.rotation)))).astype("<f4")
    named = (name + pose.tobytes() for name, pose in zip(_NAMES, poses, strict=True))
    return struct.pack("<H", len(NAMES)) + b"".join(named)


def _roll_pitch_yaw(rotation: Array) -> Array:
    """Angles (n, 3), rad, of rotations (n, 3, 3), as ``euler_of``; a bone straight up or down has all of it in yaw."""
    up = np.clip(rotation[:, 2, 0], -1.0, 1.0)
    steep = np.abs(up) > 1.0 - 1e-9
    yaw = np.where(
        steep, np.arctan2(-rotation[:, 0, 1], rotation[:, 1, 1]), np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    )
    roll = np.where(steep, 0.0, np.arctan2(-rotation[:, 2, 1], rotation[:, 2, 2]))
    return np.column_stack((roll, np.arcsin(up), yaw))


def move_doors(world: World, actor: Actor, door: int, is_open: bool) -> None:
    """Open or close a recorded door of a vehicle."""
    if door <= Door.ALL:
        model = looks_of(world, actor).name.partition("@")[0]
        world.postures.move_door(actor.actor_id, model, Door(door), is_open)


def bend(world: World, actor: Actor, recorded: WalkerBones) -> None:
    """Put a walker into a recorded pose."""
    looks = looks_of(world, actor)
    figure = (actor.actor_id, looks.name, float(looks.scale[2]))
    poses: npt.NDArray[Any] = recorded.poses.astype(np.float64)
    usable = np.isfinite(poses).all(axis=1)
    bones = []
    for name, (x, y, z, roll, pitch, yaw), fine in zip(recorded.names, poses.tolist(), usable, strict=True):
        if fine:
            turn = rotation_matrix(*np.radians((pitch, yaw, roll)).tolist())
            bones.append((name, np.array((x, y, z)) / _CM, turn))
    world.postures.set_bones(*figure, bones)
    world.postures.blend(*figure, 1.0)


def unbend(world: World, actor: Actor) -> None:
    """Let a walker walk as it does."""
    looks = looks_of(world, actor)
    world.postures.blend(actor.actor_id, looks.name, float(looks.scale[2]), 0.0)
