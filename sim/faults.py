"""Sensors that fail on purpose: a source wrapped so that its frames arrive as a broken car would send them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from control.command import Command
from perception.frame import Frame, Image, Sweep
from sim.scenario import FaultSpec
from sim.source.base import FrameSource
from sim.truth import Truth


class FaultySource:
    """A FrameSource whose frames pass through the faults of the scenario. Truth passes untouched."""

    def __init__(self, source: FrameSource, faults: Sequence[FaultSpec], rng: np.random.Generator) -> None:
        self._source = source
        self._faults = tuple(faults)
        self._rng = rng
        self._last: dict[str, Image | Sweep] = {}
        self._first_us: int | None = None
        self.lane_graph = source.lane_graph
        self.map_lights = source.map_lights
        self.vehicle = source.vehicle
        self.step_s = source.step_s
        self.route = source.route

    def reset(self) -> tuple[Frame, Truth | None]:
        """See FrameSource."""
        self._last.clear()
        self._first_us = None
        frame, truth = self._source.reset()
        return self._break(frame), truth

    def step(self, command: Command) -> tuple[Frame, Truth | None]:
        """See FrameSource."""
        frame, truth = self._source.step(command)
        return self._break(frame), truth

    def close(self) -> None:
        """See FrameSource."""
        self._source.close()

    def _break(self, frame: Frame) -> Frame:
        self._first_us = frame.t_us if self._first_us is None else self._first_us
        time_s = (frame.t_us - self._first_us) / 1e6
        for fault in self._faults:
            if fault.from_s <= time_s < fault.to_s and self._rng.random() < fault.probability:
                frame = self._apply(fault, frame)
        data: dict[str, Image | Sweep] = {**frame.images, **frame.sweeps}
        frozen = {f.sensor for f in self._faults if f.kind == "freeze"}
        self._last.update({name: d for name, d in data.items() if name not in frozen or name not in self._last})
        return frame

    def _apply(self, fault: FaultSpec, frame: Frame) -> Frame:
        name = fault.sensor
        if fault.kind == "drop":
            return _without(frame, name)
        if fault.kind == "freeze" and name in self._last:
            old = self._last[name]
            if isinstance(old, Image):
                return replace(frame, images=MappingProxyType({**frame.images, name: old}))
            return replace(frame, sweeps=MappingProxyType({**frame.sweeps, name: old}))
        if name in frame.images and fault.kind == "noise":
            image = frame.images[name]
            noise = self._rng.normal(0.0, 255.0 * fault.strength, image.bgr.shape)
            noisy = np.clip(image.bgr + noise, 0, 255).astype(np.uint8)
            return replace(frame, images=MappingProxyType({**frame.images, name: replace(image, bgr=noisy)}))
        if name in frame.sweeps and fault.kind in ("noise", "nan"):
            sweep = frame.sweeps[name]
            points = sweep.points_lidar_m.copy()
            if fault.kind == "nan":
                points[self._rng.random(len(points)) < fault.strength] = np.nan
            else:
                points += self._rng.normal(0.0, fault.strength, points.shape).astype(np.float32)
            return replace(
                frame, sweeps=MappingProxyType({**frame.sweeps, name: replace(sweep, points_lidar_m=points)})
            )
        return frame


def _without(frame: Frame, name: str) -> Frame:
    images = MappingProxyType({n: i for n, i in frame.images.items() if n != name})
    sweeps = MappingProxyType({n: s for n, s in frame.sweeps.items() if n != name})
    return replace(
        frame,
        images=images,
        sweeps=sweeps,
        imu=None if name == "imu" else frame.imu,
        gnss=None if name == "gnss" else frame.gnss,
        missing=(*frame.missing, name),
    )
