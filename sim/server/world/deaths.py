"""Walkers that a client has declared dead: they lie for a while, then they are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.server.world.actors import Actor, UnknownActorError
from sim.server.world.blueprints import Kind

if TYPE_CHECKING:
    from sim.server.world.world import World

AFTERWARDS_S = 10.0
"""CARLA removes a walker this long after its death."""


class DeadWalkerError(ValueError):
    """A dead walker cannot be moved."""


class Deaths:
    """When each dead walker disappears."""

    def __init__(self) -> None:
        self._due_s: dict[int, float] = {}

    def begin(self, world: World, actor: Actor) -> None:
        """Declare a walker dead: it lies where it fell and stops no vehicle.

        A second time has no effect. Raises UnknownActorError if it is no walker.
        """
        if actor.kind != Kind.WALKER:
            raise UnknownActorError(f"actor {actor.actor_id} is {actor.type_id}: only walkers die")
        if actor.actor_id in self._due_s:
            return
        self._due_s[actor.actor_id] = world.elapsed_s + AFTERWARDS_S
        if actor.moved:
            world.dynamics.set_simulate_physics(actor.actor_id, False)
            world.dynamics.set_collisions(actor.actor_id, False)

    @property
    def empty(self) -> bool:
        """Whether nobody lies dead."""
        return not self._due_s

    def check(self, actor_id: int) -> None:
        """Raises DeadWalkerError for a dead one."""
        if actor_id in self._due_s:
            raise DeadWalkerError(f"walker {actor_id} is dead and will not walk")

    def step(self, world: World) -> None:
        """Remove those whose time has come."""
        for actor_id in [one for one, due_s in self._due_s.items() if due_s <= world.elapsed_s]:
            world.destroy(actor_id)
            del self._due_s[actor_id]
