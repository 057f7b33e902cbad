"""``sensor.camera.optical_flow``: the motion of every pixel since the camera's last measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import StreamIndex, flow_body
from sim.server.sensors.camera import intrinsics_of
from sim.server.sensors.instances import View
from sim.server.sensors.lens import Lens
from sim.server.sensors.memory import LastView
from sim.server.sensors.renderer import SceneRenderer


class OpticalFlowSensor:
    """Flow of static and moving things, the camera's own motion included; the first measurement is all zero.

    A value is where the point now is less where it was, in halves of the picture, x to the right and y upwards
    (Unreal's velocity buffer, which CARLA sends): in pixels, ``x * width / 2`` and ``-y * height / 2``.
    """

    stream_index = int(StreamIndex.OPTICAL_FLOW)

    def __init__(self, attributes: Mapping[str, str], renderer: SceneRenderer) -> None:
        self.intrinsics = intrinsics_of("optical_flow", attributes)
        self._lens = Lens.of("sensor.camera.optical_flow", attributes)
        self._renderer = renderer
        self._memory = LastView()

    def measure(
        self,
        position_m: npt.NDArray[np.float64],
        rotation_rad: npt.NDArray[np.float64],
        view: View,
        parent_id: int,
        dt_s: float,
    ) -> bytes:
        """Flow body."""
        motion = self._memory.motion(position_m, rotation_rad, view)
        flow = self._renderer.render(position_m, rotation_rad, self.intrinsics, view, ("flow",), motion=motion).flow
        assert flow is not None
        if self._lens is not None:
            flow = self._lens.bend(flow, smooth=False)
        return flow_body(flow, math.degrees(self.intrinsics.fov_rad))
