"""Camera sensors: pictures and labels of the renderer as the images of CARLA's wire."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import image_body
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.conditions import ORDINARY, Conditions
from sim.server.sensors.instances import View
from sim.server.sensors.kernel import F32, I32, U8, U32, kernel
from sim.server.sensors.lens import Lens
from sim.server.sensors.memory import LastView
from sim.server.sensors.photo import Photo
from sim.server.sensors.renderer import Buffers, Intrinsics, SceneRenderer

STREAM_INDEX = {"rgb": 13, "depth": 1, "semantic_segmentation": 14, "instance_segmentation": 15, "normals": 2}
"""Sensor type index of the wire by the kind that ``sensor.camera.KIND`` names."""
WANT = {
    "rgb": ("rgb",),
    "depth": ("depth",),
    "semantic_segmentation": ("semantic",),
    "instance_segmentation": ("semantic", "instance"),
    "normals": ("surface",),
}
MAX_PIXELS_A_SIDE = 4096
MAX_FOV_DEG = 179.0  # a pinhole picture of 180 degrees is infinitely wide
DEFAULT_SIZE = {"image_size_x": 800, "image_size_y": 600}
DEFAULT_FOV_DEG = 90.0
DEPTH_RANGE_M = 1000.0
DEPTH_STEPS = 2**24 - 1


def intrinsics_of(kind: str, attributes: Mapping[str, str]) -> Intrinsics:
    """Size and field of view from a blueprint's attributes (CARLA's defaults where one is missing).

    Raises ValueError that names the attribute, what is allowed and what came.
    """
    values = Attributes(f"sensor.camera.{kind}", attributes)
    width, height = (values.integer(name, side, 1, MAX_PIXELS_A_SIDE) for name, side in DEFAULT_SIZE.items())
    return Intrinsics(width, height, math.radians(values.number("fov", DEFAULT_FOV_DEG, 0.1, MAX_FOV_DEG)))


class CameraSensor:
    """One camera actor (``Sensor``). All cameras of a map share its renderer."""

    def __init__(self, kind: str, attributes: Mapping[str, str], renderer: SceneRenderer, seed: int = 0) -> None:
        if kind not in STREAM_INDEX:
            raise ValueError(f"camera kind: expected one of {sorted(STREAM_INDEX)}, got {kind!r}")
        self.kind = kind
        self.stream_index = STREAM_INDEX[kind]
        self.intrinsics = intrinsics_of(kind, attributes)
        self._renderer = renderer
        self._seed = seed
        self._lens = Lens.of(f"sensor.camera.{kind}", attributes)
        self._photo = Photo.of(f"sensor.camera.{kind}", attributes) if kind == "rgb" else None
        self._conditions = Conditions.of(f"sensor.camera.{kind}", attributes) if kind == "rgb" else ORDINARY
        self._new = kind == "rgb"
        self._memory = LastView()

    def measure(
        self,
        position_m: npt.NDArray[np.float64],
        rotation_rad: npt.NDArray[np.float64],
        view: View,
        parent_id: int,
        dt_s: float,
    ) -> bytes:
        """Image body: width, height, field of view, BGRA pixels. The vehicle that carries the camera is seen too."""
        if self._new:
            self._new, self._conditions = False, self._conditions.of_a_lens(position_m)
        if self._photo is None:
            buffers = self._renderer.render(
                position_m, rotation_rad, self.intrinsics, view, WANT[self.kind], seed=self._seed,
                conditions=self._conditions, velocity_mps=velocity_of(view, parent_id),
            )  # fmt: skip
        else:
            buffers = self._photograph(self._photo, position_m, rotation_rad, view, parent_id, dt_s)
        pixels = encode(self.kind, buffers)
        if self._lens is not None:
            pixels = self._lens.bend(pixels, smooth=self.kind == "rgb")
        return image_body(pixels, math.degrees(self.intrinsics.fov_rad))

    def _photograph(
        self,
        photo: Photo,
        position_m: npt.NDArray[np.float64],
        rotation_rad: npt.NDArray[np.float64],
        view: View,
        parent_id: int,
        dt_s: float,
    ) -> Buffers:
        """A picture developed as the attributes say."""
        photo.advance(dt_s)
        motion = self._memory.motion(position_m, rotation_rad, view) if photo.blurs else None
        want = ("rgb",) if motion is None else ("rgb", "flow")
        buffers = self._renderer.render(
            position_m, rotation_rad, self.intrinsics, view, want, seed=self._seed, photo=photo, motion=motion,
            conditions=self._conditions, velocity_mps=velocity_of(view, parent_id),
        )  # fmt: skip
        assert buffers.bgr is not None
        return Buffers(photo.finish(buffers.bgr, buffers.flow))


def velocity_of(view: View, actor_id: int) -> npt.NDArray[np.float64] | None:
    """World velocity (3,), m/s, of the body that carries a camera; None where nothing that moves does."""
    ids = view.instances.actor_id
    row = int(np.searchsorted(ids, actor_id))
    if row >= len(ids) or ids[row] != actor_id:
        return None
    return view.instances.velocity_mps[row].astype(np.float64)


def encode(kind: str, buffers: Buffers) -> U8:
    """Pixels (h, w, 4), BGRA, of what the renderer made for ``kind``."""
    if kind == "rgb":
        assert buffers.bgr is not None
        return np.asarray(cv2.cvtColor(buffers.bgr, cv2.COLOR_BGR2BGRA), np.uint8)
    if kind == "depth":
        assert buffers.depth_m is not None
        return encode_depth(buffers.depth_m)
    if kind == "normals":
        assert buffers.normal is not None
        return encode_normals(buffers.normal)
    assert buffers.semantic is not None
    return encode_labels(buffers.semantic, buffers.instance)


def encode_depth(depth_m: F32) -> U8:
    """Depth 0..1000 m as 24 bits in BGRA: red is the low byte, blue the high one."""
    words = np.empty(depth_m.size, np.uint32)
    _depth_words(np.ascontiguousarray(depth_m, np.float32).reshape(-1), words)
    return words.view(np.uint8).reshape(*depth_m.shape, 4)


@kernel
def _depth_words(depth_m: F32, words: U32) -> None:
    """Depth as the words of a little-endian machine: alpha, red, green, blue from the high byte down."""
    for i in range(len(depth_m)):
        share = min(max(np.float64(depth_m[i]) / DEPTH_RANGE_M, 0.0), 1.0)
        steps = np.int64(share * DEPTH_STEPS + 0.5)
        words[i] = np.uint32(0xFF000000 | (steps & 0xFF) << 16 | (steps & 0xFF00) | steps >> 16)


def encode_labels(semantic: U8, instance: I32 | None) -> U8:
    """Red = tag; with ``instance`` also its lower 16 bits: green the low byte, blue the high one."""
    pairs = np.empty(
        (*semantic.shape, 2), "<u2"
    )  # blue and green, red and alpha: a byte at a time takes ten times as long
    pairs[..., 0] = 0 if instance is None else instance.astype("<u2").byteswap()
    pairs[..., 1] = semantic | np.uint16(0xFF00)
    return pairs.view(np.uint8)


def encode_normals(normal: F32) -> U8:
    """World normals (h, w, 3) as CARLA 0.9.16 has them: -1..1 becomes 0..255, red x, green y, blue z (left-handed
    world); the sky, which has none, is 127."""
    out = np.full((*normal.shape[:2], 4), 255, np.uint8)
    np.clip(normal[..., ::-1] * 127.5 + 127.5, 0.0, 255.0, out=out[..., :3], casting="unsafe")
    return out
