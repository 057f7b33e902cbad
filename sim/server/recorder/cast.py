"""Which actor of the world plays which recorded one: found, spawned and destroyed as a replay needs them."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sim.server.protocol.structs import MAX_COORDINATE, ActorDescription, Pose
from sim.server.recorder.packets import ActorAdded
from sim.server.world import blueprints
from sim.server.world.blueprints import Blueprint, Kind
from sim.server.world.pose import euler_of, rotation_matrix

if TYPE_CHECKING:
    from sim.server.world.actors import Actor
    from sim.server.world.world import World

log = logging.getLogger(__name__)

Array = npt.NDArray[np.float64]

ABOVE_M = 1000.0
"""Actors are spawned this far above the world and then put into place, as CARLA does: nothing is in their way."""
LIGHT_RADIUS_M = 5.0
"""A recorded light plays on a light of this map at most this far away: not yet across the road. On Town01 the level's
poles and those of its OpenDRIVE map agree within 0.1 m."""
MAX_KEPT_ID = 1 << 30
"""Recorded ids up to this one are kept where free; above, nothing would be left for new actors."""
MAX_CAST = 5000
"""Actors of one replay: ten times a crowded town; more would take the server minutes to bring in."""
MESH_PROP = "static.prop.mesh"


class Cast:
    """Actors by recorded id. heroes: ids in this world of those with the hero's role."""

    def __init__(self, world: World, replay_sensors: bool) -> None:
        self.world, self.replay_sensors = world, replay_sensors
        self.ids: dict[int, int] = {}
        self.heroes: set[int] = set()
        self._taken: set[int] = set()  # lights that already play one

    def find(self, recorded_id: int) -> Actor | None:
        """Who plays a recorded actor, if anybody does."""
        return self.world.actors.find(self.ids.get(recorded_id, 0))

    def enter(
        self,
        events: tuple[ActorAdded, ...],
        parents: Mapping[int, int],
        ignore_hero: bool,
        ignore_spectator: bool,
    ) -> None:
        """Bring the actors of one frame in; parents: recorded id of a child to that of its parent."""
        recorded = {event.actor_id: event for event in events}
        lights = [e for e in events if e.type_id.startswith("traffic.traffic_light") and _is_place(e)]
        self._cast_lights(lights)
        for event in events:
            if event.type_id.startswith("traffic."):
                continue
            if event.type_id.startswith("spectator"):
                if not ignore_spectator:
                    self.ids[event.actor_id] = self.world.spectator.actor_id
                continue
            if (event.hero and ignore_hero) or (event.type_id.startswith("sensor.") and not self.replay_sensors):
                continue
            if not _is_place(event) or len(self.ids) >= MAX_CAST:
                log.warning("replay: actor %d (%a) is left out", event.actor_id, event.type_id)
                continue
            parent_id = parents.get(event.actor_id, 0)
            actor = self._reuse(event) or self._spawn(event, parent_id, recorded.get(parent_id))
            if actor is not None:
                self.ids[event.actor_id] = actor.actor_id
                if event.hero:
                    self.heroes.add(actor.actor_id)

    def leave(self, recorded_id: int) -> None:
        """Destroy the actor that plays a recorded one."""
        actor_id = self.ids.pop(recorded_id, 0)
        self.heroes.discard(actor_id)
        if actor_id:
            self.world.destroy(actor_id)

    def _reuse(self, event: ActorAdded) -> Actor | None:
        """An actor of the same type that already has the recorded id."""
        actor = self.world.actors.find(event.actor_id)
        if actor is None or actor.type_id != event.type_id or actor.parent_id:
            return None
        self._prepare(actor, event)
        return actor

    def _spawn(self, event: ActorAdded, parent_id: int, parent_event: ActorAdded | None) -> Actor | None:
        blueprint = _blueprint(event)
        if blueprint is None:
            log.warning("replay: actor %d is a %a, which there is not here", event.actor_id, event.type_id)
            return None
        description = ActorDescription(blueprint.uid, blueprint.type_id, _attributes(blueprint, event))
        parent = self.find(parent_id) if parent_id else None
        position_m, rotation_rad = recorded_pose(event)
        if parent is not None:
            position_m, rotation_rad = self._relative(parent, parent_event, position_m, rotation_rad)
            pose = Pose(_triple(position_m), _triple(rotation_rad))
        else:
            x, y, z = _triple(position_m)
            pose = Pose((x, y, z + ABOVE_M), _triple(rotation_rad))
        wanted_id = event.actor_id if event.actor_id <= MAX_KEPT_ID else 0
        try:
            actor = self.world.spawn(description, pose, 0 if parent is None else parent.actor_id, wanted_id=wanted_id)
        except ValueError as error:
            log.warning("replay: actor %d (%a): %a", event.actor_id, event.type_id, str(error))
            return None
        if parent is None:
            self._prepare(actor, event)
        return actor

    def _prepare(self, actor: Actor, event: ActorAdded) -> None:
        """Put an actor where it was recorded, moved by nothing but the replay."""
        self.world.place(actor, *recorded_pose(event))
        if actor.moved and actor.kind in (Kind.VEHICLE, Kind.WALKER):
            self.world.dynamics.set_simulate_physics(actor.actor_id, False)
            self.world.dynamics.set_collisions(actor.actor_id, False)

    def _relative(
        self, parent: Actor, parent_event: ActorAdded | None, position_m: Array, rotation_rad: Array
    ) -> tuple[Array, Array]:
        """Pose of a child in its parent's frame.

        CARLA records a child in the world's frame if it was there when the recording began, in its parent's if it
        came later. The log does not say which; whichever is nearer to the parent is meant.
        """
        parent_m, parent_rad = self.world.pose_of(parent) if parent_event is None else recorded_pose(parent_event)
        if np.linalg.norm(position_m) <= np.linalg.norm(position_m - parent_m):
            return position_m, rotation_rad
        frame = rotation_matrix(*parent_rad.tolist())
        own = rotation_matrix(*rotation_rad.tolist())
        return frame.T @ (position_m - parent_m), np.array(euler_of(frame.T @ own))

    def _cast_lights(self, events: list[ActorAdded]) -> None:
        """Give recorded lights to the lights of this map: the nearest pairs first, each light once."""
        lights = [a for a in self.world.actors if a.kind == Kind.LIGHT and a.actor_id not in self._taken]
        if not events or not lights:
            return
        here = np.array([light.position_m for light in lights])
        there = np.array([recorded_pose(event)[0] for event in events])
        distance = np.linalg.norm(there[:, None] - here[None], axis=2)
        order = np.argsort(distance, axis=None, kind="stable")
        for flat in order[: np.count_nonzero(distance <= LIGHT_RADIUS_M)].tolist():
            row, column = divmod(flat, len(lights))
            light = lights[column].actor_id
            if events[row].actor_id not in self.ids and light not in self._taken:
                self.ids[events[row].actor_id] = light
                self._taken.add(light)


def recorded_pose(event: ActorAdded) -> tuple[Array, Array]:
    """Position m (3,) and pitch, yaw, roll rad (3,) of an actor when it came."""
    roll, pitch, yaw = event.rotation_deg
    return np.array(event.location_cm) / 100.0, np.radians((pitch, yaw, roll))


def _is_place(event: ActorAdded) -> bool:
    """Whether an actor came to a place in this world; a damaged log may say anything."""
    near = all(abs(v) < 100.0 * MAX_COORDINATE for v in event.location_cm)
    return near and all(map(math.isfinite, event.rotation_deg))


def _blueprint(event: ActorAdded) -> Blueprint | None:
    """The blueprint of a recorded actor; a loose mesh of a level is the prop that shows the same thing."""
    type_id = event.type_id
    if type_id == MESH_PROP:
        path = next((a.value for a in event.attributes if a.name == "mesh_path"), "")
        type_id = "static.prop." + path.rsplit(".", 1)[-1].removeprefix("SM_").lower()
    try:
        return blueprints.find(type_id)
    except ValueError:
        return None


def _attributes(blueprint: Blueprint, event: ActorAdded) -> dict[str, str]:
    """The recorded attributes that make sense for a blueprint: older logs have others."""
    known = {attribute.name for attribute in blueprint.attributes}
    kept: dict[str, str] = {}
    for attribute in event.attributes:
        if attribute.name not in known:
            continue
        try:
            blueprint.completed({attribute.name: attribute.value})
        except ValueError:
            log.info("replay: %a without %a=%a", event.type_id, attribute.name, attribute.value)
            continue
        kept[attribute.name] = attribute.value
    return kept


def _triple(vector: Array) -> tuple[float, float, float]:
    x, y, z = vector.tolist()
    return x, y, z
