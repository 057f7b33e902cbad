"""Streets for the judge: traffic and people round a car's camera, placed as they would be, anew for each picture."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perception.frame import FloatArray
from sim.realism.conditions import FOG_LAMPS_ON, LAMPS_ON, weather_of
from sim.server.maps import MapCatalogue
from sim.server.protocol.structs import ActorDescription, Pose
from sim.server.scene.static import Parked
from sim.server.sensors.instances import View
from sim.server.world import blueprints
from sim.server.world.parts import PARTS
from sim.server.world.vehicle_spec import VEHICLES
from sim.server.world.world import SpawnError, World

ROAD_STEP_M = 3.0
EYE_M = (1.2, 1.8)  # a car's camera: behind the grille, the windscreen, on the roof
EYE_PITCH_RAD = 0.02
REACH_M = 60.0  # beyond it a car is lower than 10 px at 800 x 600
NEAREST_M = {"vehicle": 7.0, "person": 4.0}
HALF_VIEW_RAD = math.radians(46.0)
VEHICLES_AROUND, PEOPLE_AROUND = (6, 12), (8, 14)
GAP_M = 2.0  # between bumpers
BASES = {"car": 0.60, "van": 0.09, "truck": 0.06, "bus": 0.04, "motorcycle": 0.10, "bicycle": 0.11}
"""Share of each base type. Of vehicles lorries and buses are one in eight, as in a city; two-wheelers are more frequent
than that, so that there are enough to count."""
CROSSING, WAITING = 0.15, 0.25  # share of the people who cross the road, who stand
WALK_MPS = (0.9, 1.7)
SETTLE_TICKS, STEP_S = 8, 0.05  # wheels find the ground, people their stride
LOW_BEAM, BRAKE, BLINKERS, FOG = 3, 8, (16, 32), 0x80
BRAKING, BLINKING = 0.2, 0.06
KERB_M = (1.0, 2.6)  # people walk so far outside the road's edge where there is no pavement in the map
WALKER_KINDS = 48  # walker.pedestrian.0001 ..
TRIES = 12  # places that are tried for a body before it stays away


@dataclass(frozen=True)
class Shot:
    """One street: what sensors see, where the camera is, and what each actor is (``GROUP_OF_KIND``; its blueprint)."""

    view: View
    position_m: FloatArray
    rotation_rad: FloatArray
    road_m: FloatArray  # (3,) the road below the camera
    kinds: dict[int, tuple[str, str]]


class Stage:
    """The streets of one map."""

    def __init__(self, map_name: str, seed: int, maps_folder: str | None = None) -> None:
        """Raises UnknownMapError, BrokenMapError."""
        scene = MapCatalogue(PARTS.build_scene, seed, maps_folder).scene(map_name)
        self.name, self.seed = map_name, seed
        self.world = World(scene, PARTS, seed, 1, 0, 2, 0)
        self._road = [w for w in scene.carla_map.generate_waypoints(ROAD_STEP_M) if str(w.lane_type) == "Driving"]
        self._places = np.array([_pose(w) for w in self._road])  # (n, 6) x y z pitch yaw width
        self._junction = np.array([w.is_junction for w in self._road])
        self._edges: dict[int, tuple[float, float] | None] = {}
        self._by_base: dict[str, list[str]] = {base: [] for base in BASES}
        for name in sorted(VEHICLES):
            self._by_base[VEHICLES[name].base_type].append(name)

    def shot(self, number: int, weather: str) -> Shot:
        """Street ``number`` in a weather of ``conditions``; the same numbers give the same street."""
        rng = np.random.default_rng([self.seed, zlib.crc32(self.name.encode()), number])
        world = self.world
        for actor in [a for a in world.actors if a.moved]:
            world.destroy(actor.actor_id)
        place = self._places[int(rng.integers(len(self._places)))]
        height = float(rng.uniform(*EYE_M))
        yaw = place[4] + (rng.normal(0.0, 0.03) if rng.random() < 0.8 else rng.uniform(-0.6, 0.6))
        eye = np.array([place[0], place[1], place[2] + height])
        rotation = np.array([place[3] + rng.normal(0.0, EYE_PITCH_RAD), yaw, 0.0])
        kinds = self._parked()
        self._drivers(eye, yaw, rng, kinds)
        self._people(eye, yaw, rng, kinds)
        world.weather = weather_of(weather, number, rng)
        for _ in range(SETTLE_TICKS):
            world.tick(STEP_S, ())
        view = world.view()
        bodies = replace(view.instances, light_state=_lamps(kinds, view, weather, rng))
        return Shot(replace(view, instances=bodies), eye, rotation, place[:3].copy(), kinds)

    def alone(self, name: str, distance_m: float, heading_rad: float, weather: str, place: int = 0) -> Shot:
        """One actor (a blueprint) by itself on a level, straight road ahead, turned by ``heading_rad`` from the
        camera's direction; ``place`` picks the road."""
        rng = np.random.default_rng([self.seed, place])
        world = self.world
        for actor in [a for a in world.actors if a.moved]:
            world.destroy(actor.actor_id)
        for row in np.flatnonzero(~self._junction)[rng.permutation(int((~self._junction).sum()))]:
            ahead = self._road[row].next(distance_m)
            if len(ahead) == 1:
                x, y, z, pitch, yaw, _ = _pose(ahead[0])
                here = self._places[row]
                if abs(_across(x - here[0], y - here[1], here[4])) < 0.3 and abs(z - here[2]) < 0.3:
                    break
        else:
            raise ValueError(f"map {self.name}: no straight, level road of {distance_m:g} m")
        eye = here[:3] + np.array([0.0, 0.0, sum(EYE_M) / 2.0])
        kinds: dict[int, tuple[str, str]] = {}
        kind = VEHICLES[name].base_type if name in VEHICLES else "person"
        walk = {} if name in VEHICLES else {"speed": 1.3, "yaw": yaw + heading_rad}
        self._spawn(
            name, kind, (x, y, z + (0.15 if name in VEHICLES else 1.15)), (pitch, yaw + heading_rad), walk, kinds
        )
        world.weather = weather_of(weather, place, rng)
        for _ in range(SETTLE_TICKS):
            world.tick(STEP_S, ())
        view = world.view()
        alone = replace(view, instances=view.instances.actors())
        return Shot(alone, eye, np.array([here[3], here[4], 0.0]), here[:3].copy(), kinds)

    def _parked(self) -> dict[int, tuple[str, str]]:
        """Kinds of the vehicles that belong to the map."""
        names = self.world.scene.parked.type_id
        return {Parked.FIRST_ID + k: (VEHICLES[name].base_type, name) for k, name in enumerate(names)}

    def _drivers(
        self, eye: FloatArray, yaw: float, rng: np.random.Generator, kinds: dict[int, tuple[str, str]]
    ) -> None:
        order = self._ahead(eye, yaw, NEAREST_M["vehicle"], rng, self._junction)
        taken: list[tuple[float, float, float]] = []
        bases, shares = list(BASES), np.array(list(BASES.values()))
        for _ in range(int(rng.integers(*VEHICLES_AROUND, endpoint=True))):
            base = bases[int(rng.choice(len(bases), p=shares / shares.sum()))]
            name = self._by_base[base][int(rng.integers(len(self._by_base[base])))]
            half = VEHICLES[name].size_m[0] / 2.0
            for row in order[rng.permutation(min(len(order), 4 * TRIES))[:TRIES]]:
                x, y, z, pitch, heading, width = self._places[row]
                free = all(math.hypot(x - a, y - b) > half + c + GAP_M or abs(_across(x - a, y - b, heading)) > 2.6
                           for a, b, c in taken)  # fmt: skip
                if not free or math.hypot(x - eye[0], y - eye[1]) < half + 4.0:
                    continue
                side = rng.normal(0.0, 0.15)
                if VEHICLES[name].two_wheeled:
                    side = width * rng.uniform(-0.1, 0.35)  # to the right of the lane more often
                x, y = x - side * math.sin(heading), y + side * math.cos(heading)
                turn = (pitch, heading + rng.normal(0.0, 0.02))
                if self._spawn(name, base, (x, y, z + 0.15), turn, {}, kinds, _paint(name, rng)):
                    taken.append((x, y, half))
                    break

    def _people(self, eye: FloatArray, yaw: float, rng: np.random.Generator, kinds: dict[int, tuple[str, str]]) -> None:
        order = self._ahead(eye, yaw, NEAREST_M["person"], rng, np.zeros(len(self._road), np.bool_))
        for _ in range(int(rng.integers(*PEOPLE_AROUND, endpoint=True))):
            crossing = rng.random() < CROSSING
            name = f"walker.pedestrian.{int(rng.integers(1, WALKER_KINDS + 1)):04d}"
            for row in order[rng.permutation(min(len(order), 6 * TRIES))[:TRIES]]:
                x, y, z, _, heading, width = self._places[row]
                edge = self._edge(int(row))
                if crossing:
                    side, heading = (
                        rng.uniform(-0.5, 0.5) * width,
                        heading + (0.5 if rng.random() < 0.5 else -0.5) * math.pi,
                    )
                elif edge is not None and not self._junction[row]:
                    side, heading = rng.uniform(*edge), heading + (math.pi if rng.random() < 0.5 else 0.0)
                else:
                    continue
                along = self._places[row][4]
                x, y = x - side * math.sin(along), y + side * math.cos(along)
                if math.hypot(x - eye[0], y - eye[1]) < NEAREST_M["person"]:
                    continue
                speed = 0.0 if rng.random() < WAITING and not crossing else float(rng.uniform(*WALK_MPS))
                facing = heading + (rng.uniform(-math.pi, math.pi) if speed == 0.0 else rng.normal(0.0, 0.15))
                walk = {"speed": speed, "yaw": facing}
                if self._spawn(name, "person", (x, y, z + 1.15), (0.0, facing), walk, kinds):
                    break

    def _spawn(
        self,
        name: str,
        kind: str,
        position_m: tuple[float, float, float],
        pitch_yaw: tuple[float, float],
        walk: dict[str, float],
        kinds: dict[int, tuple[str, str]],
        attributes: dict[str, str] | None = None,
    ) -> bool:
        x, y, z = (float(v) for v in position_m)
        pose = Pose((x, y, z), (float(pitch_yaw[0]), float(pitch_yaw[1]), 0.0))
        try:
            actor = self.world.spawn(ActorDescription(0, name, attributes or {}), pose).actor_id
        except SpawnError:
            return False
        kinds[actor] = (kind, name)
        if walk:
            direction = (math.cos(walk["yaw"]), math.sin(walk["yaw"]), 0.0)
            self.world.control_walker(actor, direction, walk["speed"], False)
        return True

    def _ahead(
        self, eye: FloatArray, yaw: float, nearest_m: float, rng: np.random.Generator, barred: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """Rows of the road in the camera's view, in an order drawn at random that puts near ones first more often."""
        away = self._places[:, :2] - eye[:2]
        distance = np.hypot(away[:, 0], away[:, 1])
        bearing = np.abs(np.remainder(np.arctan2(away[:, 1], away[:, 0]) - yaw + math.pi, 2.0 * math.pi) - math.pi)
        level = np.abs(self._places[:, 2] - eye[2]) < 6.0  # not on the bridge above
        rows = np.flatnonzero(
            (distance > nearest_m) & (distance < REACH_M) & (bearing < HALF_VIEW_RAD) & level & ~barred
        )
        weight = 1.0 / distance[rows]
        return rows[np.argsort(-weight * rng.random(len(rows)) ** 0.5, kind="stable")]

    def _edge(self, row: int) -> tuple[float, float] | None:
        """Where people walk beside a lane, metres to its right from its middle; None for a lane inside the road."""
        if row not in self._edges:
            self._edges[row] = _pavement(self._road[row])
        return self._edges[row]


def _pose(waypoint: Any) -> tuple[float, ...]:
    t = waypoint.transform
    place = (t.location.x, t.location.y, t.location.z)
    pitch = math.remainder(math.radians(t.rotation.pitch), 2.0 * math.pi)  # of lanes against the road the map says 365
    return *place, pitch, math.radians(t.rotation.yaw), waypoint.lane_width


def _pavement(waypoint: Any) -> tuple[float, float] | None:
    lane, right = waypoint, waypoint.lane_width / 2.0
    for _ in range(6):
        lane = lane.get_right_lane()
        if lane is None:
            return right + KERB_M[0], right + KERB_M[1]
        kind = str(lane.lane_type)
        if kind == "Sidewalk":
            inner = min(0.5, lane.lane_width / 4.0)
            return right + inner, right + lane.lane_width - inner
        if kind in ("Driving", "Bidirectional"):
            return None
        right += lane.lane_width
    return None


def _paint(name: str, rng: np.random.Generator) -> dict[str, str]:
    """One of the colours that the blueprint recommends, as programs that make traffic choose it."""
    colours = next((a.values for a in blueprints.find(name).attributes if a.name == "color"), ())
    return {"color": colours[int(rng.integers(len(colours)))]} if colours else {}


def _across(dx: float, dy: float, heading: float) -> float:
    return -dx * math.sin(heading) + dy * math.cos(heading)


def _lamps(
    kinds: dict[int, tuple[str, str]], view: View, weather: str, rng: np.random.Generator
) -> npt.NDArray[np.uint32]:
    """VehicleLightState (n,): lamps on for a share of the drivers, some brake, a few turn."""
    share_on, share_fog = LAMPS_ON[weather], FOG_LAMPS_ON.get(weather, 0.0)
    state = np.zeros(len(view.instances.actor_id), np.uint32)
    for row, actor in enumerate(view.instances.actor_id.tolist()):
        draw = rng.random(3)
        if kinds.get(actor, ("person", ""))[0] == "person":
            continue
        state[row] |= LOW_BEAM if draw[0] < share_on else 0
        state[row] |= FOG if draw[0] < share_fog else 0
        state[row] |= BRAKE if draw[1] < BRAKING else 0
        state[row] |= BLINKERS[int(draw[2] * 1e6) % 2] if draw[2] < BLINKING else 0
    return state
