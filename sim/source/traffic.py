"""Other road users: vehicles driven by the client's traffic manager, walkers driven along the sidewalks from here."""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from shapely.geometry import Polygon

from perception.frame import FloatArray
from planning.lanes import LaneGraph
from sim.scenario import TrafficSpec
from sim.source.conversion import vector
from sim.source.watch import TickWatch

if TYPE_CHECKING:
    import carla

log = logging.getLogger(__name__)

EGO_CLEARANCE_M = 12.0
"""No vehicle is spawned nearer to the car than this."""
WALK_MPS, RUN_MPS = 1.3, 2.8
SIDEWALK_STEP_M = 2.0
REACHED_M = 0.5
CROSSWALK_REACH_M = 25.0
"""A walker that wants to cross goes to a crosswalk this near."""
STROLL_M = 20.0
TOO_LONG = ("vehicle.carlamotors.european_hgv",)
"""Left out of the traffic: longer than the turning lanes of most towns."""
SHARES = {"car": 0.74, "van": 0.08, "truck": 0.06, "bus": 0.03, "motorcycle": 0.05, "bicycle": 0.04}
"""Of the traffic by a blueprint's ``base_type``: about what a European town has on its roads by day."""


def seat(blueprint: Any, sits: bool) -> None:
    """Let a walker of this blueprint use a wheelchair, or walk; those who cannot use one always walk."""
    if blueprint.has_attribute("use_wheelchair"):
        can = blueprint.has_attribute("can_use_wheelchair") and bool(blueprint.get_attribute("can_use_wheelchair"))
        blueprint.set_attribute("use_wheelchair", "true" if sits and can else "false")


class Vehicles:
    """Vehicles on autopilot. Same seed, same vehicles, places and colours."""

    def __init__(
        self,
        client: carla.Client,
        world: carla.World,
        spec: TrafficSpec,
        seed: int,
        shares: Mapping[str, float] = MappingProxyType(SHARES),
    ) -> None:
        self._client, self._world, self._spec, self._shares = client, world, spec, shares
        self._rng = np.random.default_rng([seed, 1])
        self._manager: Any = None
        self._watch: TickWatch | None = None
        self._seed = seed
        self._manager_port = 0
        self.ids: list[int] = []

    def spawn(self, ego_xy_m: FloatArray) -> None:
        """Put them on free spawn points away from the car (``ego_xy_m (2,)``, right-handed) and let them drive."""
        import carla

        if self._spec.vehicles == 0:
            return
        port = self._start_manager()
        points = [
            p
            for p in self._world.get_map().get_spawn_points()
            if np.linalg.norm(vector(p.location)[:2] - ego_xy_m) > EGO_CLEARANCE_M
        ]
        order = _nearby_first(points, ego_xy_m, self._spec.radius_m, self._rng)[: self._spec.vehicles]
        if len(order) < self._spec.vehicles:
            log.warning("%d vehicles asked, the map has room for %d", self._spec.vehicles, len(order))
        choices, share = self._blueprints()
        drive = carla.command.SetAutopilot(carla.command.FutureActor, True, port)
        commands = [
            carla.command.SpawnActor(
                self._dressed(choices[int(self._rng.choice(len(choices), p=share))]), points[k]
            ).then(drive)
            for k in order
        ]
        answers = self._client.apply_batch_sync(commands, True)
        self.ids = [answer.actor_id for answer in answers if not answer.error]
        if self._spec.ignore_lights_percent > 0.0:
            for actor in self._world.get_actors(self.ids):
                self._manager.ignore_lights_percentage(actor, self._spec.ignore_lights_percent)

    def drive(self, actor: Any) -> None:
        """Let the manager drive a vehicle that is not one of these, too."""
        self._manager_port = self._manager_port or self._start_manager()
        actor.set_autopilot(True, self._manager_port)

    def _start_manager(self) -> int:
        """A traffic manager in step with the world; its port."""
        port = free_port()
        self._manager = self._client.get_trafficmanager(port)
        self._manager.set_synchronous_mode(True)
        self._watch = TickWatch(self._world, port)
        self._manager.set_random_device_seed(self._seed)
        self._manager.set_hybrid_physics_mode(False)
        self._manager.set_global_distance_to_leading_vehicle(self._spec.leading_distance_m)
        self._manager.global_percentage_speed_difference(self._spec.speed_difference_percent)
        self._manager_port = port
        return port

    def _blueprints(self) -> tuple[list[Any], FloatArray]:
        """Vehicles that may drive here and the share of each; the kinds have the shares of real traffic."""
        everything = sorted(self._world.get_blueprint_library().filter("vehicle.*"), key=lambda b: str(b.id))
        chosen = [
            b
            for b in everything
            if b.id not in TOO_LONG
            and (self._spec.two_wheelers or int(b.get_attribute("number_of_wheels").as_int()) == 4)
        ]
        kinds = [b.get_attribute("base_type").as_str().lower() if b.has_attribute("base_type") else "" for b in chosen]
        share = np.array([self._shares.get(kind, 0.01) / kinds.count(kind) for kind in kinds])
        return chosen, share / share.sum()

    def _dressed(self, blueprint: Any) -> Any:
        blueprint.set_attribute("role_name", "autopilot")
        for name in ("color", "driver_id"):
            if blueprint.has_attribute(name):
                values = blueprint.get_attribute(name).recommended_values
                if values:
                    blueprint.set_attribute(name, values[int(self._rng.integers(len(values)))])
        return blueprint

    def tick(self) -> int:
        """Advance the world by one tick, with an eye on the traffic manager; the number of the new frame."""
        return int(self._world.tick()) if self._watch is None else self._watch.tick()

    def use_hybrid_physics(self, radius_m: float) -> None:
        """Let the manager move vehicles further than this from a hero without physics; without a hero, all of them."""
        self._manager.set_hybrid_physics_mode(True)
        self._manager.set_hybrid_physics_radius(radius_m)

    def stop(self) -> None:
        """Hand the vehicles back: the traffic manager ends, before its vehicles are destroyed."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._manager is not None:
            self._manager.set_synchronous_mode(False)
            self._manager.shut_down()
            self._manager = None


def _nearby_first(points: list[Any], ego_xy_m: FloatArray, radius_m: float, rng: np.random.Generator) -> list[int]:
    """Every index of ``points``: those within the radius in random order, then the others by distance."""
    distance = np.array([np.linalg.norm(vector(p.location)[:2] - ego_xy_m) for p in points])
    near = np.flatnonzero(distance < radius_m)
    far = np.flatnonzero(distance >= radius_m)
    return [*(int(k) for k in rng.permutation(near)), *(int(k) for k in far[np.argsort(distance[far])])]


@dataclass
class _Walker:
    actor_id: int
    speed_mps: float
    crosses: bool
    path: list[FloatArray]  # (2,) points still to reach, right-handed
    forward: bool  # along the sidewalk's own direction


class Walkers:
    """People that stroll along sidewalks and use the crosswalks, moved by ``WalkerControl`` every step.

    The same code serves every server, with or without a navigation mesh, and the same seed gives the same walks.
    wheelchair_share: of those who do not run and may use one; nothing else that is drawn depends on it.
    """

    def __init__(
        self,
        client: carla.Client,
        world: carla.World,
        graph: LaneGraph,
        spec: TrafficSpec,
        seed: int,
        wheelchair_share: float = 0.0,
    ) -> None:
        self._client, self._world, self._spec = client, world, spec
        self._wheelchair_share, self._chairs = wheelchair_share, np.random.default_rng([seed, 3])
        self._map = world.get_map()
        self._rng = np.random.default_rng([seed, 2])
        self._crossings = [_ends(corners) for corners in graph.crosswalks_m]
        self._walkers: list[_Walker] = []

    @property
    def ids(self) -> list[int]:
        """Actor ids."""
        return [walker.actor_id for walker in self._walkers]

    def spawn(self, ego_xy_m: FloatArray) -> None:
        """Put them on sidewalks, the crossing ones near crosswalks. Fewer than asked where the map has no room."""
        import carla

        blueprints = sorted(self._world.get_blueprint_library().filter("walker.pedestrian.*"), key=lambda b: str(b.id))
        for _ in range(4 * self._spec.walkers):
            if len(self._walkers) == self._spec.walkers:
                break
            crosses = bool(self._crossings) and self._rng.random() < self._spec.walkers_crossing_share
            waypoint = self._sidewalk(self._start(crosses, ego_xy_m))
            blueprint = blueprints[int(self._rng.integers(len(blueprints)))]
            runs = self._rng.random() < self._spec.walkers_running_share
            if waypoint is None or np.linalg.norm(vector(waypoint.transform.location)[:2] - ego_xy_m) < 5.0:
                continue
            if blueprint.has_attribute("is_invincible"):
                blueprint.set_attribute("is_invincible", "false")
            transform = waypoint.transform
            transform.location.z += 1.0  # the origin of a walker is the middle of its body
            sits = bool(self._chairs.random() < self._wheelchair_share) and not runs
            seat(blueprint, sits)
            answer = self._client.apply_batch_sync([carla.command.SpawnActor(blueprint, transform)], False)[0]
            if answer.error and sits:  # there may be room for one who walks
                seat(blueprint, False)
                answer = self._client.apply_batch_sync([carla.command.SpawnActor(blueprint, transform)], False)[0]
            if not answer.error:
                speed = (RUN_MPS if runs else WALK_MPS) * float(self._rng.uniform(0.85, 1.15))
                forward = bool(self._rng.random() < 0.5)
                self._walkers.append(_Walker(answer.actor_id, speed, crosses, [], forward))
        if len(self._walkers) < self._spec.walkers:
            log.warning("%d walkers asked, the sidewalks took %d", self._spec.walkers, len(self._walkers))

    def _start(self, crosses: bool, ego_xy_m: FloatArray) -> FloatArray:
        """A place near a crosswalk or beside a road, within the traffic's radius where there is one."""
        if crosses:
            ends = [e for e in self._crossings if np.linalg.norm(e[0] - ego_xy_m) < self._spec.radius_m]
            chosen = (ends or self._crossings)[int(self._rng.integers(len(ends or self._crossings)))]
            return chosen[int(self._rng.integers(2))] + self._rng.normal(0.0, 4.0, 2)
        points = [vector(p.location)[:2] for p in self._map.get_spawn_points()]
        near = [p for p in points if np.linalg.norm(p - ego_xy_m) < self._spec.radius_m] or points
        return near[int(self._rng.integers(len(near)))] + self._rng.normal(0.0, 8.0, 2)

    def step(self) -> None:
        """Steer every walker to the next point of its way. Called before each step of the world."""
        import carla

        snapshot = self._world.get_snapshot()
        commands = []
        for walker in self._walkers:
            actor = snapshot.find(walker.actor_id)
            if actor is None:
                continue
            here = vector(actor.get_transform().location)[:2]
            while walker.path and np.linalg.norm(walker.path[0] - here) < REACHED_M:
                walker.path.pop(0)
            if not walker.path:
                walker.path = self._plan(walker, here)
            way = walker.path[0] - here if walker.path else np.zeros(2)
            length = float(np.linalg.norm(way))
            direction = way / length if length > 1e-6 else np.array([1.0, 0.0])
            towards = carla.Vector3D(float(direction[0]), -float(direction[1]), 0.0)
            speed = walker.speed_mps if length > 1e-6 else 0.0
            commands.append(
                carla.command.ApplyWalkerControl(walker.actor_id, carla.WalkerControl(towards, speed, False))
            )
        if commands:
            self._client.apply_batch_sync(commands, False)

    def _plan(self, walker: _Walker, here: FloatArray) -> list[FloatArray]:
        """Over a crosswalk nearby, or a stroll along the sidewalk; back where it ends."""
        if walker.crosses and self._rng.random() < 0.7:
            ends = min(self._crossings, key=lambda e: min(float(np.linalg.norm(e[k] - here)) for k in (0, 1)))
            near, far = sorted(ends, key=lambda e: float(np.linalg.norm(e - here)))
            if np.linalg.norm(near - here) < CROSSWALK_REACH_M:
                return [near, far]
        path: list[FloatArray] = []
        waypoint = self._sidewalk(here)
        while waypoint is not None and len(path) * SIDEWALK_STEP_M < STROLL_M:
            ahead = waypoint.next(SIDEWALK_STEP_M) if walker.forward else waypoint.previous(SIDEWALK_STEP_M)
            if not ahead:
                walker.forward = not walker.forward
                break
            waypoint = ahead[int(self._rng.integers(len(ahead)))]
            path.append(vector(waypoint.transform.location)[:2])
        return path

    def _sidewalk(self, xy_m: FloatArray) -> Any:
        import carla

        here = carla.Location(float(xy_m[0]), -float(xy_m[1]), 0.0)
        return self._map.get_waypoint(here, project_to_road=True, lane_type=carla.LaneType.Sidewalk)


def _ends(corners: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The two ends of a crosswalk, half a metre beyond it: the middles of the short sides of its rectangle."""
    box = np.array(Polygon(corners).minimum_rotated_rectangle.exterior.coords)[:4]
    sides = np.roll(box, -1, axis=0) - box
    first = 0 if np.linalg.norm(sides[0]) < np.linalg.norm(sides[1]) else 1
    a, b = 0.5 * (box[first] + box[(first + 1) % 4]), 0.5 * (box[(first + 2) % 4] + box[(first + 3) % 4])
    out = (b - a) / max(math.dist(a, b), 1e-6) * 0.5
    return a - out, b + out


def free_port() -> int:
    """A port for a traffic manager, free at this moment on every address: that is where managers listen."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
