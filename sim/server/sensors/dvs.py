"""``sensor.camera.dvs``: events where the brightness of a pixel changes, after the reference sensor.

Model of ESIM (Rebecq et al., "ESIM: an open event camera simulator", 2018), as CARLA has it: between two pictures
the (logarithmic) brightness of a pixel runs linearly; each time it crosses a reference that lies a contrast
threshold apart from the last one, an event is due at the time of the crossing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import DVS_EVENT, StreamIndex, dvs_body
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.camera import intrinsics_of
from sim.server.sensors.instances import View
from sim.server.sensors.lens import Lens
from sim.server.sensors.photo import DEFAULTS, Photo
from sim.server.sensors.renderer import SceneRenderer

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

TYPE_ID = "sensor.camera.dvs"
GREY = np.array([0.114, 0.587, 0.2989], np.float32)
"""Weights of blue, green, red in the reference's grey."""
UNCHANGED = 1e-6
"""Brightness change below which a pixel is looked at no further."""
LEAST_THRESHOLD = 0.01
"""A threshold that noise made smaller than this counts as this."""
NS_PER_S = 1_000_000_000
MAX_CROSSINGS = 4096
"""Of one pixel in one step: a threshold that asks for more is a mistake in the attributes."""
MAX_EVENTS = 8_000_000
"""Of one step, 104 MB: what a smaller threshold asks for beyond this is left out."""


class DvsSensor:
    """Events since the last measurement, in the order of their time; None where there are none, and at the first.

    The picture has no sensor grain: a real event sensor's noise is what ``sigma_*_threshold`` stands for.
    """

    stream_index = int(StreamIndex.DVS)

    def __init__(self, attributes: Mapping[str, str], renderer: SceneRenderer, seed: int = 0) -> None:
        values = Attributes(TYPE_ID, attributes)
        self.intrinsics = intrinsics_of("dvs", attributes)
        self._thresholds = tuple(values.number(f"{s}_threshold", 0.3, 1e-4, 1e6) for s in ("negative", "positive"))
        self._sigmas = tuple(values.number(f"sigma_{s}_threshold", 0.0, 0.0, 1e6) for s in ("negative", "positive"))
        self._rest_ns = values.integer("refractory_period_ns", 0, 0)
        self._log_eps = values.number("log_eps", 0.001, 1e-9, 1e3)
        self._use_log = values.boolean("use_log", True)
        self._lens = Lens.of(TYPE_ID, attributes)
        asked = Photo.of(TYPE_ID, attributes)
        self._photo = asked or Photo(DEFAULTS, manual=False, effects=True)
        self._photo.grain_share = 0.0
        self._renderer, self._seed = renderer, seed
        self._rng = np.random.default_rng([seed, 3])
        self._last: F32 | None = None  # (n,) brightness of the last picture
        self._reference = np.zeros(0, np.float32)  # (n,) brightness of the last crossing
        self._event_ns = np.zeros(0, np.int64)  # (n,) of the last event, 0 for none
        self._time_ns = 0

    def measure(
        self,
        position_m: npt.NDArray[np.float64],
        rotation_rad: npt.NDArray[np.float64],
        view: View,
        parent_id: int,
        dt_s: float,
    ) -> bytes | None:
        """Body of the events."""
        self._photo.advance(dt_s)
        bgr = self._renderer.render(
            position_m, rotation_rad, self.intrinsics, view, ("rgb",), seed=self._seed, photo=self._photo
        ).bgr
        assert bgr is not None
        bgr = self._photo.finish(bgr)
        if self._lens is not None:
            bgr = self._lens.bend(bgr, smooth=True)
        events = self.events(bgr, round(view.elapsed_s * NS_PER_S))
        if not len(events):
            return None
        size = self.intrinsics
        return dvs_body(size.width, size.height, math.degrees(size.fov_rad), events)

    def events(self, bgr: U8, time_ns: int) -> npt.NDArray[Any]:
        """Events (n,) of ``DVS_EVENT`` between the last picture and this one (h, w, 3), taken at time_ns."""
        now = self._brightness(bgr)
        if self._last is None:
            self._last, self._reference = now, now.copy()
            self._event_ns, self._time_ns = np.zeros(len(now), np.int64), time_ns
            return np.zeros(0, DVS_EVENT)
        pixel = np.flatnonzero(np.abs(self._last - now) > UNCHANGED)
        found = self._crossings(pixel, self._last[pixel], now[pixel], time_ns - self._time_ns, bgr.shape[1])
        self._last, self._time_ns = now, time_ns
        return found[np.argsort(found["t"], kind="stable")]

    def _brightness(self, bgr: U8) -> F32:
        grey = (bgr.reshape(-1, 3) @ GREY).astype(np.float32)
        return np.log(np.float32(self._log_eps) + grey / np.float32(255.0)) if self._use_log else grey

    def _crossings(
        self, pixel: npt.NDArray[np.int64], before: F32, after: F32, span_ns: int, width: int
    ) -> npt.NDArray[Any]:
        """Walk the reference of every changed pixel towards its new brightness, one threshold at a time."""
        brighter = after >= before
        step = self._steps(brighter)
        found: list[npt.NDArray[Any]] = []
        crossing = self._reference[pixel].astype(np.float64)
        for _ in range(MAX_CROSSINGS):
            crossing = crossing + step
            up = brighter & (crossing > before) & (crossing <= after)
            inside = up | (~brighter & (crossing < before) & (crossing >= after))
            if not inside.any():
                break
            pixel, before, after, brighter = pixel[inside], before[inside], after[inside], brighter[inside]
            step, crossing = step[inside], crossing[inside]
            share = (crossing - before) / (after.astype(np.float64) - before)
            at_ns = self._time_ns + (share * span_ns).astype(np.int64)
            self._reference[pixel] = crossing
            last = self._event_ns[pixel]
            fires = (last == 0) | (at_ns - last >= self._rest_ns)
            self._event_ns[pixel[fires]] = at_ns[fires]
            events = np.empty(int(fires.sum()), DVS_EVENT)
            events["y"], events["x"] = np.divmod(pixel[fires], width)
            events["t"], events["pol"] = at_ns[fires], brighter[fires]
            found.append(events)
            if sum(len(some) for some in found) > MAX_EVENTS:
                break
        return np.concatenate(found) if found else np.zeros(0, DVS_EVENT)

    def _steps(self, brighter: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Signed threshold of each changed pixel."""
        threshold = np.where(brighter, self._thresholds[1], self._thresholds[0])
        sigma = np.where(brighter, self._sigmas[1], self._sigmas[0])
        if any(self._sigmas):
            noisy = np.maximum(threshold + self._rng.normal(size=len(sigma)) * sigma, LEAST_THRESHOLD)
            threshold = np.where(sigma > 0.0, noisy, threshold)
        return np.where(brighter, threshold, -threshold)
