"""Labelled pictures for the detector, taken through the official client from a CARLA server.

Every picture is a scene of its own: a camera as on a car's roof somewhere on the roads of the map, and a cast of
vehicles and people put around it at random, in random weather. Labels are the tight boxes of instance pixels.
"""

from __future__ import annotations

import math
import queue
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import carla
import cv2
import numpy as np

from perception.camera.network import CLASS_NAMES
from perception.frame import CameraModel, FloatArray
from perception.objects import MapLight, ObjectClass
from sim.source.conversion import bgr, camera_model, matrix, vector
from sim.source.lanes import lane_graph
from sim.source.truth_boxes import TAGS, Lights, Objects, boxes_2d
from sim.weather import resolve_weather

STEP_S = 0.1
CALL_TIMEOUT_S = 60.0
PICTURE_TIMEOUT_S = 60.0
JPEG_QUALITY = 92
ROAD_STEP_M = 3.0
SPAWN_SPACING_M = 12.0
LIGHT_VIEW_M = (6.0, 32.0)
"""From a light to the camera that is put before it: a head is 12 pixels high at 33 m."""
CLASS_BY_TAG = {tags[0]: kind for kind, tags in TAGS.items()}
CLASS_INDEX = {ObjectClass[name.upper()].value: index for index, name in enumerate(CLASS_NAMES)}


@dataclass(frozen=True)
class Shots:
    """What is photographed. Ranges are drawn from uniformly."""

    pictures: int
    weathers: tuple[str, ...]
    seed: int
    size: tuple[int, int] = (600, 800)  # height, width
    fov_deg: float = 90.0
    pictures_per_cast: int = 25
    vehicles: tuple[int, int] = (12, 26)
    walkers: tuple[int, int] = (8, 18)
    two_wheeler_share: float = 0.3  # of the vehicles: rarer in CARLA's list than on a street, and hard to tell
    large_share: float = 0.25  # lorries, vans and buses
    own_car_share: float = 0.6  # of the casts have a car below the camera, whose bonnet it sees
    light_share: float = 0.3  # of the pictures are taken before a traffic light, which most places are far from
    height_m: tuple[float, float] = (1.4, 2.4)
    reach_m: float = 75.0  # beyond it a car is lower than 12 pixels


class _Studio:
    """A world in synchronous mode with an RGB and an instance camera in one place."""

    def __init__(self, host: str, port: int, shots: Shots) -> None:
        self.shots = shots
        self.client = carla.Client(host, port)
        self.client.set_timeout(CALL_TIMEOUT_S)
        self.world = self.client.get_world()
        settings = self.world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
        self.world.apply_settings(settings)
        self.map = self.world.get_map()
        self.road = self.map.generate_waypoints(ROAD_STEP_M)
        self.places = np.array(
            [
                (w.transform.location.x, w.transform.location.y, math.radians(w.transform.rotation.yaw))
                for w in self.road
            ]
        )
        self.lights = _lights(self.world)
        library = self.world.get_blueprint_library()
        self.vehicles = sorted(library.filter("vehicle.*"), key=lambda b: str(b.id))
        self.people = sorted(library.filter("walker.pedestrian.*"), key=lambda b: str(b.id))
        self.pictures: dict[str, queue.Queue[Any]] = {}
        self.cameras = [self._camera(kind) for kind in ("rgb", "instance_segmentation")]

    def _camera(self, kind: str) -> Any:
        blueprint = self.world.get_blueprint_library().find(f"sensor.camera.{kind}")
        height, width = self.shots.size
        attributes = {"image_size_x": width, "image_size_y": height, "fov": self.shots.fov_deg}
        for name, value in attributes.items():
            blueprint.set_attribute(name, str(value))
        camera = self.world.spawn_actor(blueprint, carla.Transform(carla.Location(z=100.0)))
        self.pictures[kind] = queue.Queue()
        camera.listen(self.pictures[kind].put)
        return camera

    def take(self) -> tuple[Any, Any]:
        """One tick; the RGB and the instance picture of exactly that frame. Raises TimeoutError."""
        frame = self.world.tick()
        taken = []
        for kind, waiting in self.pictures.items():
            try:
                picture = waiting.get(timeout=PICTURE_TIMEOUT_S)
                while picture.frame < frame:
                    picture = waiting.get(timeout=PICTURE_TIMEOUT_S)
            except queue.Empty:
                raise TimeoutError(f"no {kind} picture of frame {frame} within {PICTURE_TIMEOUT_S:.0f} s") from None
            taken.append(picture)
        return taken[0], taken[1]

    def close(self) -> None:
        """Give the world back."""
        for camera in self.cameras:
            camera.stop()
            camera.destroy()
        settings = self.world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = False, None
        self.world.apply_settings(settings)


def _lights(world: Any) -> tuple[MapLight, ...]:
    """The map's lights, each with its heads where the server says they are."""
    actors = {actor.get_opendrive_id(): actor for actor in world.get_actors().filter("traffic.traffic_light*")}
    lights = []
    for light in lane_graph(world.get_map())[1]:
        if light.signal_id in actors:
            heads = [vector(box.location) for box in actors[light.signal_id].get_light_boxes()]
            lights.append(replace(light, heads_world_m=np.array(heads).reshape(-1, 3)))
    return tuple(lights)


def photograph(host: str, port: int, folder: Path, shots: Shots, report: Callable[[int], None] | None = None) -> None:
    """Fill ``folder`` with pictures and labels in the format of ``perception.training.boxes``.

    Casts whose pictures are all there are left out, so that an interrupted call can be repeated. The same seed, map and
    server give the same pictures.
    """
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    studio = _Studio(host, port, shots)
    name = studio.map.name.rsplit("/", 1)[-1]
    try:
        for first in range(0, shots.pictures, shots.pictures_per_cast):
            count = min(shots.pictures_per_cast, shots.pictures - first)
            stems = [f"{name}_{first + i:05d}" for i in range(count)]
            if not all((folder / "labels" / f"{stem}.txt").is_file() for stem in stems):
                rng = np.random.default_rng([shots.seed, zlib.crc32(name.encode()), first])
                _photograph_cast(studio, folder, stems, rng)
            if report is not None:
                report(count)
    finally:
        studio.close()


def _photograph_cast(studio: _Studio, folder: Path, stems: list[str], rng: np.random.Generator) -> None:
    own_car = bool(rng.random() < studio.shots.own_car_share)
    cast = _hire(studio, rng, own_car)
    try:
        for stem in stems:
            _arrange(studio, cast, own_car, rng)
            rgb, instance = studio.take()
            lines = _labels(studio, instance, cast[1:] if own_car else cast)
            cv2.imwrite(str(folder / "images" / f"{stem}.jpg"), bgr(rgb), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            (folder / "labels" / f"{stem}.txt").write_text("".join(lines), encoding="utf-8")
    finally:
        studio.client.apply_batch_sync([carla.command.DestroyActor(member.actor_id) for member in cast], False)


@dataclass(frozen=True)
class _Member:
    """One vehicle or person of the cast; its box in its own frame, CARLA's axes."""

    actor: Any
    actor_id: int
    kind: ObjectClass
    centre_m: FloatArray  # (3,)
    half_m: FloatArray  # (3,)

    @property
    def is_person(self) -> bool:
        return self.kind is ObjectClass.PEDESTRIAN


def _hire(studio: _Studio, rng: np.random.Generator, own_car: bool) -> list[_Member]:
    """Spawn a cast on free places; the first is the car below the camera if there is one."""
    shots = studio.shots
    places = studio.places[rng.permutation(len(studio.places))]
    free = places[_spaced(places[:, :2], SPAWN_SPACING_M)]
    chosen = [_vehicle(studio, rng) for _ in range(int(rng.integers(*shots.vehicles, endpoint=True)))]
    chosen += [_dressed(studio.people, rng) for _ in range(int(rng.integers(*shots.walkers, endpoint=True)))]
    if own_car:
        cars = [b for b in studio.vehicles if _base(b) == "car"]
        chosen.insert(0, _dressed(cars, rng))
    commands = []
    for blueprint, (x, y, yaw) in zip(chosen, free, strict=False):
        at = carla.Transform(carla.Location(float(x), float(y), 12.0), carla.Rotation(yaw=math.degrees(yaw)))
        still = carla.command.SetSimulatePhysics(carla.command.FutureActor, False)
        commands.append(carla.command.SpawnActor(blueprint, at).then(still))
    # never with a tick: that call keeps Python's lock, which the callbacks of listening cameras wait for
    answers = studio.client.apply_batch_sync(commands, False)
    studio.take()  # the client knows new actors after a tick
    ids = [answer.actor_id for answer in answers if not answer.error]
    actors = {actor.id: actor for actor in studio.world.get_actors(ids)}
    return [_member(actors[i]) for i in ids if i in actors]


def _spaced(points: FloatArray, spacing_m: float) -> list[int]:
    """Indices of points, one per cell of a grid: a cast spawned on them has room."""
    cells: dict[tuple[int, int], int] = {}
    for i, (x, y) in enumerate(points):
        cells.setdefault((round(x / spacing_m), round(y / spacing_m)), i)
    return list(cells.values())


def _base(blueprint: Any) -> str:
    return blueprint.get_attribute("base_type").as_str() if blueprint.has_attribute("base_type") else "car"


def _vehicle(studio: _Studio, rng: np.random.Generator) -> Any:
    """A blueprint by kind first, so that the few large and two-wheeled ones are seen often enough."""
    shots = studio.shots
    draw = rng.random()
    kinds: tuple[str, ...] = ("car",)
    if draw < shots.two_wheeler_share:
        kinds = ("motorcycle",) if rng.random() < 0.5 else ("bicycle",)
    elif draw < shots.two_wheeler_share + shots.large_share:
        kinds = ("bus",) if rng.random() < 0.3 else ("truck", "van")
    return _dressed([b for b in studio.vehicles if _base(b).lower() in kinds] or studio.vehicles, rng)


def _dressed(blueprints: list[Any], rng: np.random.Generator) -> Any:
    blueprint = blueprints[int(rng.integers(len(blueprints)))]
    for name in ("color", "driver_id"):
        if blueprint.has_attribute(name):
            values = blueprint.get_attribute(name).recommended_values
            if values:
                blueprint.set_attribute(name, values[int(rng.integers(len(values)))])
    return blueprint


def _member(actor: Any) -> _Member:
    box = actor.bounding_box
    tag = next((int(tag) for tag in actor.semantic_tags if int(tag) in CLASS_BY_TAG), 0)
    return _Member(
        actor,
        int(actor.id),
        CLASS_BY_TAG.get(tag, ObjectClass.UNKNOWN),
        np.array([box.location.x, box.location.y, box.location.z]),
        np.array([box.extent.x, box.extent.y, box.extent.z]),
    )


def _arrange(studio: _Studio, cast: list[_Member], own_car: bool, rng: np.random.Generator) -> None:
    """Draw weather, camera and everybody's place."""
    shots, command = studio.shots, carla.command
    weather = resolve_weather(shots.weathers[int(rng.integers(len(shots.weathers)))]).as_dict()
    weather["sun_azimuth_angle"] = float(rng.uniform(0.0, 360.0))
    studio.world.set_weather(carla.WeatherParameters(**weather))
    place = studio.road[_viewpoint(studio, rng)].transform
    yaw_deg = place.rotation.yaw + float(rng.normal(0.0, 4.0) if rng.random() < 0.8 else rng.uniform(-50.0, 50.0))
    yaw = math.radians(yaw_deg)
    eye = place.location + carla.Location(z=float(rng.uniform(*shots.height_m)))
    pitch_deg = place.rotation.pitch + float(rng.normal(0.0, 2.5))
    if own_car:
        eye.z = place.location.z + 2.0 * float(cast[0].half_m[2]) + float(rng.uniform(0.05, 0.3))
    batch = [
        command.ApplyTransform(camera.id, carla.Transform(eye, carla.Rotation(pitch_deg, yaw_deg, 0.0)))
        for camera in studio.cameras
    ]
    taken: list[tuple[float, float, float, float, float]] = [(eye.x, eye.y, yaw, 3.5, 1.3)]
    for i, member in enumerate(cast):
        if own_car and i == 0:
            back = float(rng.uniform(0.2, 0.9))  # the camera's place ahead of the middle of the car
            spot = carla.Location(eye.x - back * math.cos(yaw), eye.y - back * math.sin(yaw), place.location.z)
            at = carla.Transform(spot, carla.Rotation(place.rotation.pitch, yaw_deg, 0.0))
        else:
            at = _spot(studio, member, eye, yaw, taken, rng)
        batch.append(command.ApplyTransform(member.actor_id, at))
        if member.is_person:
            heading = math.radians(at.rotation.yaw)
            ahead = carla.Vector3D(math.cos(heading), math.sin(heading), 0.0)
            batch.append(
                command.ApplyWalkerControl(member.actor_id, carla.WalkerControl(ahead, float(rng.choice([0.0, 1.4]))))
            )
        else:
            dark = weather["sun_altitude_angle"] < 20.0
            lit = int(rng.choice([0, 1, 2, 3, 8, 11, 16, 32])) | (3 if dark and rng.random() < 0.85 else 0)
            batch.append(command.SetVehicleLightState(member.actor_id, carla.VehicleLightState(lit)))
    studio.client.apply_batch_sync(batch, False)


def _viewpoint(studio: _Studio, rng: np.random.Generator) -> int:
    """Index of the place on the road from which the picture is taken: anywhere, or before a light it holds for."""
    if studio.lights and rng.random() < studio.shots.light_share:
        light = studio.lights[int(rng.integers(len(studio.lights)))]
        away = studio.places[:, :2] * (1.0, -1.0) - light.heads_world_m[0, :2]  # right-handed
        ahead = away @ light.facing_world
        aside = np.abs(away @ (-light.facing_world[1], light.facing_world[0]))
        headings = np.stack([np.cos(studio.places[:, 2]), -np.sin(studio.places[:, 2])], axis=1)
        before = (ahead > LIGHT_VIEW_M[0]) & (ahead < LIGHT_VIEW_M[1]) & (aside < 12.0)
        found = np.flatnonzero(before & (headings @ light.facing_world < -0.9))
        if len(found):
            return int(rng.choice(found))
    return int(rng.integers(len(studio.road)))


def _spot(
    studio: _Studio,
    member: _Member,
    eye: Any,
    yaw: float,
    taken: list[tuple[float, float, float, float, float]],
    rng: np.random.Generator,
) -> Any:
    """A free place for a member: mostly before the camera, near ones more often; noted in ``taken``."""
    away = studio.places[:, :2] - (eye.x, eye.y)
    distance = np.hypot(away[:, 0], away[:, 1])
    bearing = np.abs(np.remainder(np.arctan2(away[:, 1], away[:, 0]) - yaw + math.pi, 2.0 * math.pi) - math.pi)
    nearest = 3.0 if member.is_person else 5.5
    reach = 0.6 * studio.shots.reach_m if member.is_person else studio.shots.reach_m
    weight = np.where(
        (distance > nearest) & (distance < reach) & (bearing < math.radians(55.0)),
        1.0 / np.maximum(distance, 1.0),
        1e-7,
    )
    weight[distance <= nearest] = 0.0
    order = rng.choice(len(weight), size=40, replace=False, p=weight / weight.sum())
    half_length, half_width = float(member.half_m[0]), float(member.half_m[1])
    for index in order:
        lane = studio.road[int(index)]
        x, y, heading = studio.places[index]
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
        if not any(_touch(box, other) for other in taken):
            taken.append(box)
            break
    lift = float(member.half_m[2] - member.centre_m[2])  # from the origin down to the feet
    z = lane.transform.location.z + max(0.0, lift)
    return carla.Transform(
        carla.Location(x, y, z), carla.Rotation(lane.transform.rotation.pitch, math.degrees(heading), 0.0)
    )


def _walk_beside(lane: Any, rng: np.random.Generator) -> float:
    """How far right of a lane's middle somebody walks: mostly on the sidewalk beyond it, sometimes on the road."""
    if rng.random() < 0.3:
        return float(rng.uniform(-1.5, 1.5))
    edge_m, beside = 0.5 * lane.lane_width, lane.get_right_lane()
    while beside is not None and beside.lane_type == carla.LaneType.Driving and beside.lane_id * lane.lane_id > 0:
        edge_m, beside = edge_m + beside.lane_width, beside.get_right_lane()
    return float(edge_m + rng.uniform(0.6, 2.6))


def _touch(a: tuple[float, float, float, float, float], b: tuple[float, float, float, float, float]) -> bool:
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


def _labels(studio: _Studio, instance: Any, cast: list[_Member]) -> list[str]:
    """Label lines of everything of which a pixel is to be seen."""
    height, width = studio.shots.size
    camera: CameraModel = camera_model(width, height, math.radians(studio.shots.fov_deg), np.eye(4))
    world_from_camera = matrix(instance.transform) @ camera.ego_from_camera
    camera_from_world: FloatArray = np.linalg.inv(world_from_camera).astype(np.float64)
    poses = [matrix(member.actor.get_transform()) for member in cast]
    boxes = np.zeros((len(cast), 7))
    for row, member, pose in zip(boxes, cast, poses, strict=True):
        row[:3] = (pose @ [member.centre_m[0], -member.centre_m[1], member.centre_m[2], 1.0])[:3]
        row[3:6] = 2.0 * member.half_m
        row[6] = math.atan2(pose[1, 0], pose[0, 0])
    objects = Objects(
        np.array([member.actor_id for member in cast], np.int64),
        boxes,
        np.array([member.kind.value for member in cast], np.int64),
    )
    truth = boxes_2d("camera", bgr(instance), camera, camera_from_world, objects, Lights(studio.lights, {}, {}))
    lines = []
    for kind, box, visibility, pixels in zip(
        truth.classes, truth.visible_px, truth.visibility, truth.pixels, strict=True
    ):
        if pixels > 0 and int(kind) in CLASS_INDEX:
            shares = box / (width, height, width, height)
            numbers = " ".join(f"{value:.5f}" for value in (*shares, visibility))
            lines.append(f"{CLASS_INDEX[int(kind)]} {numbers}\n")
    return lines
