"""What a sensor remembers of its last measurement to tell how things moved since."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.server.sensors.instances import Instances, View
from sim.server.sensors.surface import Motion

Array = npt.NDArray[np.float64]


class LastView:
    """The pose and the bodies of a camera's last measurement."""

    def __init__(self) -> None:
        self._last: tuple[Array, Array, Instances] | None = None

    def motion(self, position_m: Array, rotation_rad: Array, view: View) -> Motion:
        """Motion since the last call (none at the first); remembers this pose (3,), (3,) and its bodies."""
        now = (np.array(position_m, np.float64), np.array(rotation_rad, np.float64), view.instances)
        then = self._last or now
        self._last = now
        return Motion.since(*then, view.instances)
