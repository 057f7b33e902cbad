"""Writes a run to MCAP while it goes on. Encoding and disk run in a thread of their own behind a bounded queue, so the
loop waits only when the disk falls ``QUEUE`` ticks behind; a fault in that thread stops the run at the next tick."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from mcap_protobuf.schema import register_schema

from perception.frame import Frame, Image
from sim.log import schema
from sim.log.codec import encode
from sim.log.foxglove import (
    annotation_message,
    calibration_message,
    cloud_message,
    fix_message,
    image_message,
    scene_message,
    transforms_message,
)
from sim.log.options import LogConfig
from sim.loop import Tick

QUEUE = 16
CHUNK_BYTES = 512 * 1024
"""What a crash may lose at most."""
PNG_OPTIONS = [
    cv2.IMWRITE_PNG_COMPRESSION, 1,
    cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY,
    cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG,
]  # fmt: skip
"""Grainy pictures have no repetitions worth looking for: without the search a street of 800x600 takes 14 instead of
31 ms of CPU time and 0.69 instead of 0.64 MB."""


class LogError(OSError):
    """A log that cannot be written."""


class LogWriter:
    """A Sink that writes ``path``. Use as a context manager, or call ``close``: it finishes the file."""

    def __init__(self, path: Path, config: LogConfig, world: schema.World, metadata: Mapping[str, str]) -> None:
        self.path = path
        self._config = config
        self._queue: queue.Queue[Tick | None] = queue.Queue(QUEUE)
        self._fault: BaseException | None = None
        self._channels: dict[str, int] = {}
        self._calibrated: set[str] = set()
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise LogError(f"{path}: cannot write the log ({error.strerror})") from error
        self._mcap = McapWriter(self._file, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD)
        self._mcap.start(profile="", library="roadlab")
        self._mcap.add_metadata("roadlab", {"format": schema.FORMAT, **metadata})
        self._mcap.add_attachment(0, 0, "world.json", "application/json", encode(world))
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, tick: Tick) -> None:
        """Queue one tick. Raises LogError if writing failed meanwhile (disk full)."""
        if self._fault is not None:
            raise LogError(f"{self.path}: writing the log failed: {self._fault}") from self._fault
        self._queue.put(tick)

    def close(self) -> None:
        """Write what is queued and finish the file. Idempotent. Raises LogError if writing failed."""
        if self._file.closed:
            return
        self._queue.put(None)
        self._thread.join()
        try:
            self._mcap.finish()  # type: ignore[no-untyped-call]
        finally:
            self._file.close()
        if self._fault is not None:
            raise LogError(f"{self.path}: writing the log failed: {self._fault}") from self._fault

    def _work(self) -> None:
        while (tick := self._queue.get()) is not None:
            if self._fault is None:
                try:
                    self._write(tick)
                except (OSError, ValueError, cv2.error) as fault:
                    self._fault = fault

    def _write(self, tick: Tick) -> None:
        frame, step = tick.frame, tick.step
        t_us = frame.t_us
        for name, image in frame.images.items():
            self._image(name, image, t_us)
        for name, sweep in frame.sweeps.items():
            self._message(schema.SWEEP_TOPIC.format(name=name), cloud_message(sweep, name, t_us), t_us)
        if frame.gnss is not None:
            self._message(schema.FIX_TOPIC, fix_message(frame.gnss, t_us), t_us)
        mounts = [("ego", f"camera_{name}", image.camera.ego_from_camera) for name, image in frame.images.items()]
        mounts += [("ego", f"lidar_{name}", sweep.ego_from_lidar) for name, sweep in frame.sweeps.items()]
        if step.tracks is not None:
            mounts.append(("world", "ego", step.tracks.ego.world_from_ego))
        self._message(schema.TRANSFORM_TOPIC, transforms_message(mounts, t_us), t_us)
        for found in step.detections.cameras:
            self._message(schema.ANNOTATION_TOPIC.format(name=found.camera), annotation_message(found, t_us), t_us)
        self._message(schema.SCENE_TOPIC, scene_message(step.tracks, step.plan, t_us), t_us)
        records: dict[str, Any] = {
            "/roadlab/truth": tick.truth,
            "/roadlab/detections": step.detections,
            "/roadlab/tracks": step.tracks,
            "/roadlab/forecasts": step.forecasts,
            "/roadlab/plan": step.plan,
            schema.COMMAND_TOPIC: step.command,
            schema.STEP_TOPIC: schema.StepHead(frame.index, step.timing_ms, tick.source_ms, step.health),
            schema.FRAME_TOPIC: frame_head(frame),  # last: a frame whose head is there is complete
        }
        for topic, record in records.items():
            if record is not None:
                self._record(topic, record, t_us)

    def _image(self, name: str, image: Image, t_us: int) -> None:
        if self._config.images == "png":
            options = PNG_OPTIONS
        else:
            options = [cv2.IMWRITE_JPEG_QUALITY, self._config.jpeg_quality]
        done, data = cv2.imencode(f".{self._config.images}", image.bgr, options)
        if not done:
            raise ValueError(f"camera {name}: OpenCV could not encode a {image.bgr.shape} picture")
        message = image_message(data.tobytes(), self._config.images, name, t_us)
        self._message(schema.IMAGE_TOPIC.format(name=name), message, t_us)
        if name not in self._calibrated:
            self._calibrated.add(name)
            calibration = calibration_message(image.camera, name, t_us)
            self._message(schema.CALIBRATION_TOPIC.format(name=name), calibration, t_us)

    def _message(self, topic: str, message: Any, t_us: int) -> None:
        if topic not in self._channels:
            schema_id = register_schema(self._mcap, type(message))
            self._channels[topic] = self._mcap.register_channel(topic, "protobuf", schema_id)
        self._mcap.add_message(self._channels[topic], t_us * 1000, message.SerializeToString(), t_us * 1000)

    def _record(self, topic: str, record: Any, t_us: int) -> None:
        if topic not in self._channels:
            title = f"roadlab.{type(record).__name__}"
            text = json.dumps({"title": title, "type": "object"}).encode()
            self._channels[topic] = self._mcap.register_channel(
                topic, "json", self._mcap.register_schema(title, "jsonschema", text)
            )
        self._mcap.add_message(self._channels[topic], t_us * 1000, encode(record), t_us * 1000)


def frame_head(frame: Frame) -> schema.FrameHead:
    """What of a Frame stands in its head message."""
    gnss = frame.gnss
    return schema.FrameHead(
        frame.index,
        frame.t_us,
        tuple(frame.images),
        tuple(frame.sweeps),
        {name: image.camera.ego_from_camera for name, image in frame.images.items()}
        | {name: sweep.ego_from_lidar for name, sweep in frame.sweeps.items()},
        frame.imu,
        None if gnss is None else gnss.position_world_m,
        () if gnss is None else (gnss.latitude_deg, gnss.longitude_deg, gnss.altitude_m),
        frame.speed_mps,
        frame.steer_rad,
        frame.missing,
    )
