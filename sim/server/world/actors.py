"""The actors of an episode: what each is, and a table that never gives an id twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.server.protocol.structs import box_value
from sim.server.protocol.wire import token
from sim.server.world.attachment import Attachment, SpringArm
from sim.server.world.blueprints import AttributeType, Kind

if TYPE_CHECKING:
    from sim.server.world.measuring import SensorState

Array = npt.NDArray[np.float64]


class UnknownActorError(ValueError):
    """No such actor, or not of the kind that a call needs."""


@dataclass
class Actor:
    """One actor. half_m and centre_m: bounding box in its own frame (trigger volume of lights and signs).

    position_m and rotation_rad (3,) are its pose unless the dynamics move it (``moved``): then they are where
    it was when last asked.
    """

    actor_id: int
    type_id: str
    kind: Kind
    uid: int
    attributes: dict[str, str]
    attribute_types: dict[str, AttributeType]
    half_m: tuple[float, float, float]
    centre_m: tuple[float, float, float]
    tag: int
    position_m: Array
    rotation_rad: Array
    moved: bool = False  # by the dynamics
    parent_id: int = 0
    attachment: Attachment = Attachment.RIGID
    relative_m: Array = field(default_factory=lambda: np.zeros(3))
    relative_rad: Array = field(default_factory=lambda: np.zeros(3))
    bone: str = ""  # of its parent, that it is attached to
    stream_id: int = 0
    sensing: SensorState | None = None  # of a sensor with a stream
    arm: SpringArm | None = None  # that carries it, if one does
    signal: int = -1  # index into StaticScene.signals
    light_state: int = 0  # VehicleLightState bits
    speed_limit_kmh: float = 0.0
    paint_rgb: tuple[float, float, float] | None = None  # sRGB 0..1, over whatever it was painted with

    def wire(self, streaming_port: int) -> list[Any]:
        """Actor struct."""
        description = [
            self.uid,
            self.type_id,
            [[name, int(self.attribute_types[name]), value] for name, value in self.attributes.items()],
        ]
        return [
            self.actor_id,
            self.parent_id,
            description,
            box_value(self.centre_m, self.half_m, owner=self.actor_id),
            bytes([self.tag]),
            token(self.stream_id, streaming_port) if self.stream_id else b"",
        ]


class ActorTable:
    """Actors by id, in the order of their ids.

    ids_before: the last id of earlier episodes. None of them is given again, as in CARLA: clients remember by its id
    what an actor is, over a change of the episode too.
    """

    def __init__(self, ids_before: int = 0) -> None:
        self._actors: dict[int, Actor] = {}
        self._ids_before = ids_before
        self._next_id = ids_before + 1
        self.version = 0  # rises with every actor that comes or goes
        self._by_kind: dict[Kind, list[Actor]] = {}
        self._sorted_version = 0

    def __len__(self) -> int:
        return len(self._actors)

    def __iter__(self) -> Iterator[Actor]:
        return iter(self._actors.values())

    def of_kind(self, kind: Kind) -> list[Actor]:
        """Those of a kind; the list is made once for each set of actors."""
        if self._sorted_version != self.version:
            self._by_kind, self._sorted_version = {}, self.version
        if kind not in self._by_kind:
            self._by_kind[kind] = [actor for actor in self._actors.values() if actor.kind == kind]
        return self._by_kind[kind]

    def next_id(self, wanted: int = 0) -> int:
        """An id that no actor of this episode had; ``wanted`` (of a replay) if no actor has it now."""
        if wanted and wanted not in self._actors:
            self._next_id = max(self._next_id, wanted + 1)
            return wanted
        self._next_id += 1
        return self._next_id - 1

    @property
    def last_id(self) -> int:
        """The highest id given by now."""
        return self._next_id - 1

    def serial(self, actor_id: int) -> int:
        """The actor's number in this episode: chance depends on it, so that an episode repeats within one server."""
        return actor_id - self._ids_before if actor_id > self._ids_before else actor_id

    def leave_free(self, last_id: int) -> None:
        """Give no id up to this one: a replay wants them for its own actors."""
        self._next_id = max(self._next_id, last_id + 1)

    def add(self, actor: Actor) -> None:
        last = next(reversed(self._actors), 0)
        self._actors[actor.actor_id] = actor
        if actor.actor_id < last:
            self._actors = dict(sorted(self._actors.items()))
        self.version += 1

    def remove(self, actor_id: int) -> None:
        del self._actors[actor_id]
        self.version += 1

    def find(self, actor_id: int) -> Actor | None:
        """The actor, or None."""
        return self._actors.get(actor_id)

    def get(self, actor_id: int, *kinds: Kind) -> Actor:
        """The actor, of one of the kinds if any are given. Raises UnknownActorError."""
        actor = self._actors.get(actor_id)
        if actor is None:
            raise UnknownActorError(f"unable to find actor {actor_id}: it does not exist or was destroyed")
        if kinds and actor.kind not in kinds:
            expected = " or ".join(kind.name.lower() for kind in kinds)
            raise UnknownActorError(f"actor {actor_id} is a {actor.type_id}, this call needs a {expected}")
        return actor

    def children(self, actor_id: int) -> list[Actor]:
        """Actors attached to this one."""
        return [actor for actor in self._actors.values() if actor.parent_id == actor_id]
