"""Reads a log back: ticks in order, complete or reported. A truncated file gives every frame that is whole."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from foxglove_schemas_protobuf.CameraCalibration_pb2 import CameraCalibration
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.PointCloud_pb2 import PointCloud
from mcap.exceptions import McapError
from mcap.records import Attachment, Channel, Message, Metadata
from mcap.stream_reader import StreamReader
from zstandard import ZstdError

from control.command import Command
from perception.frame import CameraModel, FloatArray, Frame, Gnss, Image, Sweep
from perception.objects import Detections, Tracks
from planning.records import Forecasts, Plan
from sim.log import schema
from sim.log.codec import decode
from sim.log.foxglove import points_of
from sim.truth import Truth


class LogReadError(ValueError):
    """A file that is no log of ours, or one without a single whole frame."""


@dataclass(frozen=True)
class LoggedTick:
    """One frame of a log. ``frame`` is None where sensor data was not asked for."""

    index: int
    t_us: int
    frame: Frame | None
    truth: Truth | None
    detections: Detections
    tracks: Tracks | None
    forecasts: Forecasts | None
    plan: Plan | None
    command: Command
    step: schema.StepHead


class LogReader:
    """An opened log: ``metadata``, ``world``, and the ticks. ``truncated`` is set once reading met a broken end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata: dict[str, str] = {}
        self.truncated = False
        self._calibration: dict[str, tuple[int, int, FloatArray]] = {}
        world: bytes | None = None
        if not path.is_file():
            raise LogReadError(f"{path}: no such log; give a log.mcap or a run folder that holds one")
        for record in self._records():
            if isinstance(record, Metadata) and record.name == "roadlab":
                self.metadata = dict(record.metadata)
            elif isinstance(record, Attachment) and record.name == "world.json":
                world = record.data
            elif isinstance(record, Message):
                break
        if self.metadata.get("format") != schema.FORMAT or world is None:
            found = self.metadata.get("format", "none")
            if self.truncated and found in ("none", schema.FORMAT):
                raise LogReadError(f"{path}: broken before its first frame; it is no log, or was cut off at its start")
            raise LogReadError(f"{path}: not a roadlab log (expected format {schema.FORMAT}, found {found})")
        self.world = decode(schema.World, world)
        self.truncated = False

    def _records(self) -> Iterator[Any]:
        with self.path.open("rb") as file:
            try:
                yield from StreamReader(file, validate_crcs=True).records
            except (McapError, ZstdError, EOFError, ValueError, struct.error):
                self.truncated = True

    def ticks(self, sensors: bool | Container[int] = True) -> Iterator[LoggedTick]:
        """Whole ticks in order. Pictures and points, by far the most of a log, are decoded for every tick, for none,
        or for the frame indices in ``sensors``."""
        topics: dict[int, str] = {}
        raw: dict[str, bytes] = {}  # the messages since the last whole tick
        for record in self._records():
            if isinstance(record, Channel):
                topics[record.id] = record.topic
            elif isinstance(record, Message):
                topic = topics[record.channel_id]
                raw[topic] = record.data
                if topic == schema.FRAME_TOPIC:
                    yield self._tick(raw, sensors)
                    raw = {}

    def _tick(self, raw: dict[str, bytes], sensors: bool | Container[int]) -> LoggedTick:
        head = decode(schema.FrameHead, raw[schema.FRAME_TOPIC])
        wanted = sensors if isinstance(sensors, bool) else head.index in sensors
        self._calibrate(head, raw)
        kept: dict[str, Any] = {
            topic: decode(kind, raw[topic]) for topic, kind in schema.RECORD_TOPICS.items() if topic in raw
        }
        return LoggedTick(
            head.index,
            head.t_us,
            self._frame(head, raw) if wanted else None,
            kept.get("/roadlab/truth"),
            kept["/roadlab/detections"],
            kept.get("/roadlab/tracks"),
            kept.get("/roadlab/forecasts"),
            kept.get("/roadlab/plan"),
            decode(Command, raw[schema.COMMAND_TOPIC]),
            decode(schema.StepHead, raw[schema.STEP_TOPIC]),
        )

    def _frame(self, head: schema.FrameHead, raw: dict[str, bytes]) -> Frame:
        images = {name: self._image(name, raw, head.mounts[name]) for name in head.images}
        sweeps = {}
        for name in head.sweeps:
            message = PointCloud.FromString(raw[schema.SWEEP_TOPIC.format(name=name)])
            points, intensity = points_of(message)
            sweeps[name] = Sweep(points, intensity, head.mounts[name])
        gnss = None if head.gnss_world_m is None else Gnss(head.gnss_world_m, *head.gnss_fix)
        return Frame(
            head.index,
            head.t_us,
            MappingProxyType(images),
            MappingProxyType(sweeps),
            head.imu,
            gnss,
            head.speed_mps,
            head.steer_rad,
            head.missing,
        )

    def _calibrate(self, head: schema.FrameHead, raw: dict[str, bytes]) -> None:
        """Remember the calibrations in a tick: a camera's stands only with its first picture."""
        for name in head.images:
            topic = schema.CALIBRATION_TOPIC.format(name=name)
            if topic in raw:
                message = CameraCalibration.FromString(raw[topic])
                self._calibration[name] = (message.width, message.height, np.array(message.K).reshape(3, 3))

    def _image(self, name: str, raw: dict[str, bytes], ego_from_camera: FloatArray) -> Image:
        width, height, intrinsics = self._calibration[name]
        data = CompressedImage.FromString(raw[schema.IMAGE_TOPIC.format(name=name)]).data
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise LogReadError(f"{self.path}: a picture of camera {name} cannot be decoded")
        return Image(np.asarray(bgr, np.uint8), CameraModel(width, height, intrinsics, ego_from_camera))


def find_log(path: Path) -> Path:
    """The log of a run folder, or the file itself. Raises LogReadError."""
    found = path / "log.mcap" if path.is_dir() else path
    if not found.is_file():
        raise LogReadError(f"{path}: no log there; expected a run folder with log.mcap, or an .mcap file")
    return found
