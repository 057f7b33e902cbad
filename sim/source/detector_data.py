"""Labelled pictures for the detector, taken through the official client from a CARLA server.

Every picture is a scene of its own: a camera as on a car's roof somewhere on the roads of the map, and a cast of
vehicles and people put around it at random (``staging``), in random weather. Labels are the tight boxes of instance
pixels.
"""

from __future__ import annotations

import math
import queue
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import carla
import cv2
import numpy as np

from perception.camera.network import CLASS_NAMES
from perception.frame import CameraModel, FloatArray
from perception.objects import ObjectClass
from sim.source.conversion import bgr, camera_model, matrix
from sim.source.parked import parked_vehicles
from sim.source.staging import (
    Blueprints,
    CastSpec,
    Footprint,
    Member,
    Street,
    choose,
    dressed,
    free_spot,
    members,
    pose_command,
    spawn_commands,
    viewpoint,
)
from sim.source.truth_boxes import Lights, Objects, boxes_2d
from sim.weather import resolve_weather

STEP_S = 0.1
CALL_TIMEOUT_S = 60.0
PICTURE_TIMEOUT_S = 60.0
JPEG_QUALITY = 92
DARK_DEG = 20.0
"""Below this altitude of the sun most vehicles have their lights on."""
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
    cast: CastSpec = field(default_factory=CastSpec)
    own_car_share: float = 0.6  # of the casts have a car below the camera, whose bonnet it sees
    height_m: tuple[float, float] = (1.4, 2.4)


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
        self.street = Street.of(self.world)
        self.blueprints = Blueprints.of(self.world)
        self.parked = parked_vehicles(self.world)
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


def _hire(studio: _Studio, rng: np.random.Generator, own_car: bool) -> list[Member]:
    """Spawn a cast on free places; the first is the car below the camera if there is one."""
    chosen = choose(studio.blueprints, studio.shots.cast, rng)
    if own_car:
        chosen.insert(0, dressed(studio.blueprints.of_base("car"), rng))
    answers = studio.client.apply_batch_sync(spawn_commands(studio.street, chosen, rng), False)
    studio.take()  # the client knows new actors after a tick
    return members(studio.world, answers)


def _arrange(studio: _Studio, cast: list[Member], own_car: bool, rng: np.random.Generator) -> None:
    """Draw weather, camera and everybody's place."""
    shots, command = studio.shots, carla.command
    weather = resolve_weather(shots.weathers[int(rng.integers(len(shots.weathers)))]).as_dict()
    weather["sun_azimuth_angle"] = float(rng.uniform(0.0, 360.0))
    studio.world.set_weather(carla.WeatherParameters(**weather))
    place = studio.street.road[viewpoint(studio.street, shots.cast.light_share, rng)].transform
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
    dark = weather["sun_altitude_angle"] < DARK_DEG
    taken: list[Footprint] = [(eye.x, eye.y, yaw, 3.5, 1.3)]
    for i, member in enumerate(cast):
        if own_car and i == 0:
            back = float(rng.uniform(0.2, 0.9))  # the camera's place ahead of the middle of the car
            spot = carla.Location(eye.x - back * math.cos(yaw), eye.y - back * math.sin(yaw), place.location.z)
            at = carla.Transform(spot, carla.Rotation(place.rotation.pitch, yaw_deg, 0.0))
        else:
            at = free_spot(studio.street, member, eye, yaw, shots.cast.reach_m, taken, rng)
        batch.extend(pose_command(member, at, dark, rng))
    studio.client.apply_batch_sync(batch, False)


def _labels(studio: _Studio, instance: Any, cast: list[Member]) -> list[str]:
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
    parked = studio.parked.near(world_from_camera[:3, 3])
    objects = Objects(
        np.concatenate([np.array([member.actor_id for member in cast], np.int64), parked.actor_id]),
        np.concatenate([boxes, parked.boxes_world_m]),
        np.concatenate([np.array([member.kind.value for member in cast], np.int64), parked.classes]),
    )
    truth = boxes_2d("camera", bgr(instance), camera, camera_from_world, objects, Lights(studio.street.lights, {}, {}))
    lines = []
    for kind, box, visibility, pixels in zip(
        truth.classes, truth.visible_px, truth.visibility, truth.pixels, strict=True
    ):
        if pixels > 0 and int(kind) in CLASS_INDEX:
            shares = box / (width, height, width, height)
            numbers = " ".join(f"{value:.5f}" for value in (*shares, visibility))
            lines.append(f"{CLASS_INDEX[int(kind)]} {numbers}\n")
    return lines
