"""What every server-side sensor is: a pose and the view of a tick in, the body of a stream message out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from sim.server.sensors.instances import View


class Sensor(Protocol):
    """One sensor actor. The world calls ``measure`` once per due tick, ticks in order.

    stream_index is the sensor type index of the wire (carla-protocol 5.2).
    """

    stream_index: int

    def measure(
        self,
        position_m: npt.NDArray[np.float64],
        rotation_rad: npt.NDArray[np.float64],
        view: View,
        parent_id: int,
        dt_s: float,
    ) -> bytes | None:
        """Payload after the 48-byte header, or None where this tick has nothing to send (events).

        position_m (3,) and rotation_rad (3,) = pitch, yaw, roll: world pose of the sensor (CARLA's
        left-handed frame). parent_id: the actor it is attached to (its own body may be seen by cameras, as in
        CARLA), 0 for none. dt_s: simulated seconds since this sensor's last measurement.
        """
        ...
