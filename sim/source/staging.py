"""Streets to photograph: places on the roads of a map, a cast of vehicles and people, and free places for everybody.

Shared by the detector's training pictures and by data sets of independent shots. CARLA's axes and degrees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import carla
import numpy as np

from perception.frame import FloatArray
from perception.objects import MapLight, ObjectClass
from sim.source.conversion import vector
from sim.source.lanes import lane_graph
from sim.source.traffic import seat
from sim.source.truth_boxes import TAGS

ROAD_STEP_M = 3.0
SPAWN_SPACING_M = 12.0
SPAWN_HEIGHT_M = 12.0
"""A cast is hired up in the air, where nothing stands, without physics; then everybody is put where it belongs."""
BODY_HALF_M = 0.25
"""The largest half width of CARLA's walkers."""
LIGHT_VIEW_M = (6.0, 32.0)
"""From a light to the camera that is put before it: a head is 12 pixels high at 33 m."""
CLASS_BY_TAG = {tags[0]: kind for kind, tags in TAGS.items()}
Footprint = tuple[float, float, float, float, float]
"""x, y, yaw (rad), half length, half width: what somebody covers of the ground."""


@dataclass(frozen=True)
class CastSpec:
    """Who is put around the camera. Ranges are drawn from uniformly, both ends included."""

    vehicles: tuple[int, int] = (12, 26)
    walkers: tuple[int, int] = (8, 18)
    shares: Mapping[str, float] = field(
        default_factory=lambda: {
            "car": 0.45,
            "van": 0.0875,
            "truck": 0.0875,
            "bus": 0.075,
            "motorcycle": 0.15,
            "bicycle": 0.15,
        }
    )
    """Of the vehicles by a blueprint's ``base_type``: the rare and large ones more often than on a street, because a
    detector learns them from fewer examples."""
    reach_m: float = 75.0  # beyond it a car is lower than 12 pixels
    light_share: float = 0.3  # of the pictures are taken before a traffic light, which most places are far from
    wheelchair_share: float = 0.0  # of those who may use a wheelchair


@dataclass(frozen=True)
class Street:
    """Where somebody can stand on a map. places (n, 3): x, y, yaw (rad) of ``road``, waypoints every ROAD_STEP_M."""

    road: Sequence[Any]
    places: FloatArray
    lights: tuple[MapLight, ...]

    @staticmethod
    def of(world: Any) -> Street:
        """Of a world's map. Raises ValueError for a map without driving lanes."""
        road = world.get_map().generate_waypoints(ROAD_STEP_M)
        places = [
            (w.transform.location.x, w.transform.location.y, math.radians(w.transform.rotation.yaw)) for w in road
        ]
        return Street(road, np.array(places, np.float64).reshape(-1, 3), map_lights(world))


def map_lights(world: Any) -> tuple[MapLight, ...]:
    """The map's lights, each with its heads where the server says they are."""
    actors = {actor.get_opendrive_id(): actor for actor in world.get_actors().filter("traffic.traffic_light*")}
    lights = []
    for light in lane_graph(world.get_map())[1]:
        if light.signal_id in actors:
            heads = [vector(box.location) for box in actors[light.signal_id].get_light_boxes()]
            lights.append(replace(light, heads_world_m=np.array(heads).reshape(-1, 3)))
    return tuple(lights)


@dataclass(frozen=True)
class Blueprints:
    """What can be hired, in an order of its own."""

    vehicles: tuple[Any, ...]
    people: tuple[Any, ...]

    @staticmethod
    def of(world: Any) -> Blueprints:
        """All vehicles and people of a world."""
        library = world.get_blueprint_library()
        vehicles, people = (
            tuple(sorted(library.filter(pattern), key=lambda b: str(b.id)))
            for pattern in ("vehicle.*", "walker.pedestrian.*")
        )
        return Blueprints(vehicles, people)

    def of_base(self, *bases: str) -> tuple[Any, ...]:
        """Vehicles of these base types; all where there are none."""
        return tuple(b for b in self.vehicles if base_type(b) in bases) or self.vehicles


def base_type(blueprint: Any) -> str:
    """What kind of vehicle a blueprint is, as CARLA calls it: car, van, truck, bus, motorcycle, bicycle."""
    named = blueprint.has_attribute("base_type")
    return str(blueprint.get_attribute("base_type").as_str()).lower() if named else "car"


def dressed(blueprints: Sequence[Any], rng: np.random.Generator) -> Any:
    """One of the blueprints, in one of its colours, with one of its drivers."""
    blueprint = blueprints[int(rng.integers(len(blueprints)))]
    for name in ("color", "driver_id"):
        if blueprint.has_attribute(name):
            values = blueprint.get_attribute(name).recommended_values
            if values:
                blueprint.set_attribute(name, values[int(rng.integers(len(values)))])
    return blueprint


def choose(blueprints: Blueprints, spec: CastSpec, rng: np.random.Generator) -> list[Any]:
    """Blueprints of a cast, dressed. The kind is drawn first, so that the few large and two-wheeled ones are seen."""
    kinds = sorted(spec.shares)
    share = np.array([spec.shares[kind] for kind in kinds])
    chosen = []
    for _ in range(int(rng.integers(*spec.vehicles, endpoint=True))):
        kind = kinds[int(rng.choice(len(kinds), p=share / share.sum()))]
        chosen.append(dressed(blueprints.of_base(kind), rng))
    walkers = int(rng.integers(*spec.walkers, endpoint=True))
    people = [dressed(blueprints.people, rng) for _ in range(walkers)]
    (chairs,) = rng.spawn(1)  # a stream of its own: nothing else is drawn otherwise for it
    for person, chance in zip(people, chairs.random(walkers).tolist(), strict=True):
        seat(person, chance < spec.wheelchair_share)
    return chosen + people


@dataclass(frozen=True)
class Member:
    """One vehicle or person of the cast; its box in its own frame, CARLA's axes."""

    actor: Any
    actor_id: int
    kind: ObjectClass
    centre_m: FloatArray  # (3,)
    half_m: FloatArray  # (3,)

    @property
    def is_person(self) -> bool:
        return self.kind is ObjectClass.PEDESTRIAN


def spawn_commands(street: Street, chosen: Sequence[Any], rng: np.random.Generator) -> list[Any]:
    """Commands that spawn blueprints over free places, without physics. Send them with ``apply_batch_sync(.., False)``:
    the call that ticks keeps Python's lock, which the callbacks of listening sensors wait for."""
    places = street.places[rng.permutation(len(street.places))]
    free = places[spaced(places[:, :2], SPAWN_SPACING_M)]
    commands = []
    for blueprint, (x, y, yaw) in zip(chosen, free, strict=False):
        above = carla.Location(float(x), float(y), SPAWN_HEIGHT_M)
        at = carla.Transform(above, carla.Rotation(yaw=math.degrees(yaw)))
        still = carla.command.SetSimulatePhysics(carla.command.FutureActor, False)
        commands.append(carla.command.SpawnActor(blueprint, at).then(still))
    return commands


def members(world: Any, answers: Sequence[Any]) -> list[Member]:
    """Who was hired by spawn commands; the client knows them after a tick."""
    ids = [answer.actor_id for answer in answers if not answer.error]
    actors = {actor.id: actor for actor in world.get_actors(ids)}
    return [_member(actors[i]) for i in ids if i in actors]


def _member(actor: Any) -> Member:
    box = actor.bounding_box
    tag = next((int(tag) for tag in actor.semantic_tags if int(tag) in CLASS_BY_TAG), 0)
    return Member(
        actor,
        int(actor.id),
        CLASS_BY_TAG.get(tag, ObjectClass.UNKNOWN),
        np.array([box.location.x, box.location.y, box.location.z]),
        np.array([box.extent.x, box.extent.y, box.extent.z]),
    )


def spaced(points: FloatArray, spacing_m: float) -> list[int]:
    """Indices of points, one per cell of a grid: a cast spawned on them has room."""
    cells: dict[tuple[int, int], int] = {}
    for i, (x, y) in enumerate(points):
        cells.setdefault((round(x / spacing_m), round(y / spacing_m)), i)
    return list(cells.values())


def viewpoint(street: Street, light_share: float, rng: np.random.Generator) -> int:
    """Index of the place on the road from which a picture is taken: anywhere, or before a light that it holds for."""
    if street.lights and rng.random() < light_share:
        light = street.lights[int(rng.integers(len(street.lights)))]
        away = street.places[:, :2] * (1.0, -1.0) - light.heads_world_m[0, :2]  # right-handed
        ahead = away @ light.facing_world
        aside = np.abs(away @ (-light.facing_world[1], light.facing_world[0]))
        headings = np.stack([np.cos(street.places[:, 2]), -np.sin(street.places[:, 2])], axis=1)
        before = (ahead > LIGHT_VIEW_M[0]) & (ahead < LIGHT_VIEW_M[1]) & (aside < 12.0)
        found = np.flatnonzero(before & (headings @ light.facing_world < -0.9))
        if len(found):
            return int(rng.choice(found))
    return int(rng.integers(len(street.road)))


def free_spot(
    street: Street, member: Member, eye: Any, yaw: float, reach_m: float, taken: list[Footprint],
    rng: np.random.Generator,
) -> Any:  # fmt: skip
    """A free place for a member: mostly before the camera at ``eye``, near ones more often; noted in ``taken``."""
    away = street.places[:, :2] - (eye.x, eye.y)
    distance = np.hypot(away[:, 0], away[:, 1])
    bearing = np.abs(np.remainder(np.arctan2(away[:, 1], away[:, 0]) - yaw + math.pi, 2.0 * math.pi) - math.pi)
    nearest = 3.0 if member.is_person else 5.5
    reach = 0.6 * reach_m if member.is_person else reach_m
    weight = np.where(
        (distance > nearest) & (distance < reach) & (bearing < math.radians(55.0)),
        1.0 / np.maximum(distance, 1.0),
        1e-7,
    )
    weight[distance <= nearest] = 0.0
    order = rng.choice(len(weight), size=40, replace=False, p=weight / weight.sum())
    half_length, half_width = float(member.half_m[0]), float(member.half_m[1])
    if member.is_person:  # a wheelchair takes no more room than a body and the gap, so that others stay where they are
        half_length, half_width = min(half_length, BODY_HALF_M), min(half_width, BODY_HALF_M)
    for index in order:
        lane = street.road[int(index)]
        x, y, heading = street.places[index]
        right = float(rng.normal(0.0, 0.3))
        if member.is_person:
            right, heading = _walk_beside(lane, rng), float(rng.uniform(-math.pi, math.pi))
        elif rng.random() < 0.12:
            right += 0.5 * lane.lane_width + half_width  # stopped at the kerb
        else:
            heading += float(rng.normal(0.0, 0.06) if rng.random() < 0.9 else rng.uniform(-math.pi, math.pi))
        side = math.radians(lane.transform.rotation.yaw) + 0.5 * math.pi
        x, y = float(x + right * math.cos(side)), float(y + right * math.sin(side))
        box = (x, y, float(heading), half_length, half_width)
        if not any(touch(box, other) for other in taken):
            taken.append(box)
            break
    lift = float(member.half_m[2] - member.centre_m[2])  # from the origin down to the feet
    z = lane.transform.location.z + max(0.0, lift)
    return carla.Transform(
        carla.Location(x, y, z), carla.Rotation(lane.transform.rotation.pitch, math.degrees(heading), 0.0)
    )


def pose_command(member: Member, at: Any, dark: bool, rng: np.random.Generator) -> list[Any]:
    """Commands that put a member somewhere; people stand or walk on, vehicles show some of their lights."""
    command = carla.command
    move = command.ApplyTransform(member.actor_id, at)
    if member.is_person:
        heading = math.radians(at.rotation.yaw)
        ahead = carla.Vector3D(math.cos(heading), math.sin(heading), 0.0)
        walk = carla.WalkerControl(ahead, float(rng.choice([0.0, 1.4])))
        return [move, command.ApplyWalkerControl(member.actor_id, walk)]
    lit = int(rng.choice([0, 1, 2, 3, 8, 11, 16, 32])) | (3 if dark and rng.random() < 0.85 else 0)
    return [move, command.SetVehicleLightState(member.actor_id, carla.VehicleLightState(lit))]


def _walk_beside(lane: Any, rng: np.random.Generator) -> float:
    """How far right of a lane's middle somebody walks: mostly on the sidewalk beyond it, sometimes on the road."""
    if rng.random() < 0.3:
        return float(rng.uniform(-1.5, 1.5))
    edge_m, beside = 0.5 * lane.lane_width, lane.get_right_lane()
    while beside is not None and beside.lane_type == carla.LaneType.Driving and beside.lane_id * lane.lane_id > 0:
        edge_m, beside = edge_m + beside.lane_width, beside.get_right_lane()
    return float(edge_m + rng.uniform(0.6, 2.6))


def touch(a: Footprint, b: Footprint) -> bool:
    """Whether two boxes ``x y yaw half_length half_width`` may touch: their shadows on either's axes overlap."""
    gap_m = 0.3
    for (x, y, yaw, length, width), other in ((a, b), (b, a)):
        dx, dy = other[0] - x, other[1] - y
        c, s = math.cos(yaw), math.sin(yaw)
        turn = other[2] - yaw
        reach_x = abs(math.cos(turn)) * other[3] + abs(math.sin(turn)) * other[4]
        reach_y = abs(math.sin(turn)) * other[3] + abs(math.cos(turn)) * other[4]
        if abs(c * dx + s * dy) > length + reach_x + gap_m or abs(-s * dx + c * dy) > width + reach_y + gap_m:
            return False
    return True
