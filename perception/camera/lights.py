"""States of the map's traffic lights, from the pictures.

The map knows where the heads hang; the estimated pose puts them into the picture; the state is the colour of what
glows there. As in Autoware's map-based recognition, the map says where to look and the picture says what is on. A light
that is hidden, too far or turned away gives no evidence; what was last seen of it ages and is then forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from perception.frame import FloatArray, Image
from perception.geometry import invert, project, transform_points
from perception.objects import LightState, MapLight, TrafficLightView


@dataclass(frozen=True)
class LightConfig:
    """Where to look and what counts as glowing."""

    max_range_m: float = 75.0  # a 1 m head is 5 pixels high there with a 400 pixel focal length
    head_m: float = 1.0  # height of a three-lamp head
    position_error_m: float = 0.35  # of the pose
    angle_error_rad: float = 0.012  # of pitch and yaw: grows the window with distance
    facing_cos: float = 0.35  # lamps are shielded: seen from within 70° of their axis only
    min_saturation: int = 110  # of 255
    min_value: int = 120  # of 255: a lamp glows, paint does not
    min_pixels: int = 2
    min_share: float = 0.6  # of the glowing pixels that must agree on one colour
    memory_s: float = 1.5
    switch_frames: int = 2  # a new colour is believed after that many frames in a row


@dataclass(frozen=True)
class _Memory:
    state: LightState
    confidence: float
    seen_us: int
    candidate: LightState
    streak: int


class TrafficLights:
    """Follows every light of the map that the cameras can see."""

    def __init__(self, lights: Sequence[MapLight], config: LightConfig) -> None:
        self.config = config
        self._lights = tuple(lights)
        centres = [light.heads_world_m.mean(axis=0) for light in self._lights]
        self._centre = np.array(centres, np.float64).reshape(-1, 3)
        self._memory: dict[str, _Memory] = {}

    def update(
        self, images: Sequence[Image], world_from_ego: FloatArray, t_us: int
    ) -> tuple[tuple[TrafficLightView, ...], list[tuple[int, FloatArray, LightState, float]]]:
        """Views of all lights believed to be known now, and what was seen in this frame as
        (number of the image, box x0 y0 x1 y1, state, confidence)."""
        seen: list[tuple[int, FloatArray, LightState, float]] = []
        best: dict[str, tuple[LightState, float]] = {}
        distance = np.hypot(*(self._centre[:, :2] - world_from_ego[:2, 3]).T) if len(self._centre) else np.zeros(0)
        for row in np.flatnonzero(distance < self.config.max_range_m):
            light = self._lights[row]
            for number, image in enumerate(images):
                for box, state, confidence in self._look(light, image, world_from_ego):
                    seen.append((number, box, state, confidence))
                    if state != LightState.UNKNOWN and confidence > best.get(light.signal_id, (state, 0.0))[1]:
                        best[light.signal_id] = (state, confidence)
        for signal_id, (state, confidence) in best.items():
            self._remember(signal_id, state, confidence, t_us)
        return self._views(t_us), seen

    def _look(
        self, light: MapLight, image: Image, world_from_ego: FloatArray
    ) -> list[tuple[FloatArray, LightState, float]]:
        """What each head of one light looks like in one picture."""
        camera = image.camera
        world_from_camera = world_from_ego @ camera.ego_from_camera
        to_camera = world_from_camera[:2, 3] - light.heads_world_m[:, :2].mean(axis=0)
        norm = float(np.hypot(*to_camera))
        if norm < 1.0 or float(to_camera @ light.facing_world) / norm < self.config.facing_cos:
            return []
        heads = transform_points(invert(world_from_camera), light.heads_world_m)
        pixels, depths = project(camera.intrinsics, heads)
        focal = float(camera.intrinsics[0, 0])
        found = []
        for (u, v), depth in zip(pixels, depths, strict=True):
            if not math.isfinite(u) or depth > self.config.max_range_m:
                continue
            slack = self.config.position_error_m + self.config.angle_error_rad * depth
            half_w = focal * (0.3 * self.config.head_m + slack) / depth
            half_h = focal * (0.5 * self.config.head_m + slack) / depth
            box = np.array([u - half_w, v - half_h, u + half_w, v + half_h])
            x0, y0 = max(0, int(box[0])), max(0, int(box[1]))
            x1, y1 = min(camera.width, math.ceil(box[2])), min(camera.height, math.ceil(box[3]))
            if x1 - x0 < 3 or y1 - y0 < 3 or box[0] < 0 or box[2] > camera.width:
                continue
            state, confidence = classify(image.bgr[y0:y1, x0:x1], self.config)
            half = np.array([0.2, 0.5]) * self.config.head_m * focal / depth
            found.append((np.array([u - half[0], v - half[1], u + half[0], v + half[1]]), state, confidence))
        return found

    def _remember(self, signal_id: str, state: LightState, confidence: float, t_us: int) -> None:
        old = self._memory.get(signal_id)
        if old is None or t_us - old.seen_us > self.config.memory_s * 1e6 or state == old.state:
            self._memory[signal_id] = _Memory(state, confidence, t_us, state, 1)
        else:
            streak = old.streak + 1 if state == old.candidate else 1
            if streak >= self.config.switch_frames:
                self._memory[signal_id] = _Memory(state, confidence, t_us, state, streak)
            else:
                self._memory[signal_id] = replace(old, candidate=state, streak=streak)

    def _views(self, t_us: int) -> tuple[TrafficLightView, ...]:
        views = []
        for signal_id, memory in sorted(self._memory.items()):
            age = (t_us - memory.seen_us) * 1e-6
            if age <= self.config.memory_s:
                views.append(TrafficLightView(signal_id, memory.state, memory.confidence, age))
        return tuple(views)


_HUES: dict[LightState, tuple[tuple[int, int], ...]] = {
    # OpenCV hues (0..179); signal colours of EN 12368 with room for exposure
    LightState.RED: ((0, 11), (168, 179)),
    LightState.YELLOW: ((14, 35),),
    LightState.GREEN: ((42, 98),),
}


def classify(
    crop_bgr: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], config: LightConfig
) -> tuple[LightState, float]:
    """State shown in a crop around a head, and how far to believe it (0..1); UNKNOWN where nothing glows."""
    hsv = cv2.cvtColor(np.ascontiguousarray(crop_bgr), cv2.COLOR_BGR2HSV)
    glows = (hsv[..., 1] >= config.min_saturation) & (hsv[..., 2] >= config.min_value)
    hue = hsv[..., 0]
    weight = hsv[..., 2].astype(np.float64) / 255.0
    count: dict[LightState, float] = {}
    for state, ranges in _HUES.items():
        mask = np.zeros_like(glows)
        for low, high in ranges:
            mask |= (hue >= low) & (hue <= high)
        count[state] = float(weight[mask & glows].sum())
    total = sum(count.values())
    best = max(count, key=lambda state: count[state])
    if total < config.min_pixels * 0.5 or count[best] < config.min_share * total:
        return LightState.UNKNOWN, 0.0
    return best, min(1.0, count[best] / total * min(1.0, 0.5 + count[best] / 20.0))
