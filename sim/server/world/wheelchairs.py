"""How large and heavy a walker is that sits in a wheelchair.

CARLA 0.9.16 leaves such a walker the capsule of one who stands, and its own later versions correct the box
(github.com/carla-simulator/carla, pull request 9421). Here it is that of chair and person from the start; the actor's
place is the middle of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sim.server.scene.catalogue import in_wheelchair
from sim.server.world.actors import Actor
from sim.server.world.blueprints import Blueprint, Kind
from sim.server.world.walkers import mass_of

if TYPE_CHECKING:
    from sim.server.world.parts import Bench

CHAIR_KG = 16.0
"""A folding wheelchair of steel or aluminium."""


def half_of(blueprint: Blueprint, attributes: Mapping[str, str], bench: Bench) -> tuple[float, float, float]:
    """Half sizes of a new actor's box, m: its blueprint's, or those of the wheelchair that it sits in."""
    if blueprint.kind != Kind.WALKER or not in_wheelchair(attributes):
        return blueprint.half_m
    length, width, height = bench.choose(blueprint.type_id, attributes).size_m
    return length / 2.0, width / 2.0, height / 2.0


def solid_of(actor: Actor, blueprint: Blueprint) -> tuple[float, float]:
    """Radius (m) of the upright cylinder that a walker is for collisions, and its mass (kg)."""
    radius_m = (actor.half_m[0] + actor.half_m[1]) / 2.0
    mass_kg = mass_of(blueprint.half_m[2])
    return radius_m, mass_kg + CHAIR_KG if in_wheelchair(actor.attributes) else mass_kg
