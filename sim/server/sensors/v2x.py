"""``sensor.other.v2x`` and ``sensor.other.v2x_custom``: messages between vehicles (and road-side units) by radio.

A sensor that somebody listens to sends for the actor that carries it, and hears all others of its kind but those on
the same actor. Messages live for one tick and are delivered in the tick in which they are sent.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import StreamIndex, v2x_body
from sim.server.scene.models import ModelLibrary
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.cam import (
    CAM_RECORD,
    CUSTOM_MESSAGE,
    CUSTOM_RECORD,
    PROTOCOL_VERSION,
    CamWriter,
    Moment,
    Station,
    Trigger,
    station_type,
)
from sim.server.sensors.events import DescribeActor
from sim.server.sensors.inertial import GRAVITY_MPS2, Differences, geolocation
from sim.server.sensors.instances import Instances, View
from sim.server.sensors.radio import Antenna, Channel, RadioSettings
from sim.server.sensors.rays import RayCaster
from sim.server.world.pose import rotation_matrix

Array = npt.NDArray[np.float64]

MAX_TEXT_BYTES = 99
"""Of a custom message: the client's field has 100 with its end."""
MAX_QUEUED = 64
"""Custom messages of one sensor in one tick; older ones make room."""


@dataclass(frozen=True)
class Signal:
    """What one station sends in one tick: records of the kind's type, power at its antenna."""

    antenna: Antenna
    power_dbm: float
    records: tuple[npt.NDArray[np.void], ...]


@dataclass
class Airwaves:
    """The signals of the present tick, by kind of message and sending actor."""

    _frame: int = -1
    _signals: dict[str, dict[int, Signal]] = field(default_factory=dict)

    def send(self, kind: str, frame: int, signal: Signal) -> None:
        """Put a signal on the air for the tick ``frame``."""
        if frame != self._frame:
            self._frame, self._signals = frame, {}
        self._signals.setdefault(kind, {})[signal.antenna.actor_id] = signal

    def heard(self, kind: str, frame: int, receiver: int) -> list[Signal]:
        """Signals of all other actors in this tick, by actor id."""
        sent = self._signals.get(kind, {}) if frame == self._frame else {}
        return [sent[actor_id] for actor_id in sorted(sent) if actor_id != receiver]


@dataclass(frozen=True)
class Surroundings:
    """What V2X sensors of one map share."""

    airwaves: Airwaves
    caster: RayCaster
    library: ModelLibrary
    describe: DescribeActor
    origin_deg: tuple[float, float]


class _Radio:
    """The part that both kinds share: antenna, channel, reception."""

    kind = ""
    record: Any = None

    def __init__(self, values: Attributes, around: Surroundings, seed: int, actor_id: int) -> None:
        self.settings = RadioSettings.of(values)
        self._around, self._actor_id = around, actor_id
        self._rng = np.random.default_rng([values.seed(), seed])
        self._channel = Channel(self.settings, around.caster, self._rng)
        self._station: Station | None = None

    def station(self, parent_id: int) -> Station:
        """Who sends: the carrier, or the sensor itself where it stands alone."""
        owner = parent_id or self._actor_id
        if self._station is None or self._station.actor_id != owner:
            described = self._around.describe(owner, 0)
            attributes = {name: value for name, _, value in described[2][2]}
            extent = described[3][1] if described[3] else (0.0, 0.0, 0.0)
            tag = described[4][0] if described[4] else 0
            kind = station_type(tag, attributes.get("special_type", ""))
            self._station = Station(owner, kind, 2.0 * float(extent[0]), 2.0 * float(extent[1]))
        return self._station

    def antenna(self, parent_id: int, position_m: Array, view: View) -> Antenna:
        """On the roof of the carrier; of what is no body, where the sensor is."""
        row = _row(view.instances, parent_id)
        if row is None:
            return Antenna(parent_id or self._actor_id, np.asarray(position_m, np.float64), 0.0)
        height = float(self._sizes(view.instances)[row, 2])
        return Antenna(parent_id, view.instances.position_m[row], height + 0.02)

    def _sizes(self, bodies: Instances) -> Array:
        return np.asarray(self._around.library.size_m[bodies.model] * bodies.scale, np.float64).reshape(-1, 3)

    def measure(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> bytes | None:
        """Body of what is received in this tick, None for nothing."""
        here = self.antenna(parent_id, position_m, view)
        received: list[tuple[npt.NDArray[np.void], float]] = []
        for signal in self._around.airwaves.heard(self.kind, view.frame, here.actor_id):
            sizes = self._sizes(view.instances)
            power = self._channel.received_dbm(here, signal.antenna, signal.power_dbm, view.instances, sizes)
            if power is None:
                continue
            received += [(record, power) for record in signal.records]
        if not received:
            return None
        out = np.zeros(len(received), self.record)  # zero in the gaps too: the client takes them for pointers
        for row, (record, power) in enumerate(received):
            out[row] = record
            out[row]["power_dbm"] = power
        return v2x_body(out)


class V2xSensor(_Radio):
    """Cooperative awareness messages."""

    stream_index = int(StreamIndex.V2X_CAM)
    kind = "cam"
    record = CAM_RECORD

    def __init__(self, values: Attributes, around: Surroundings, seed: int, actor_id: int) -> None:
        super().__init__(values, around, seed, actor_id)
        shortest, longest = values.number("gen_cam_min", 0.1, 0.0), values.number("gen_cam_max", 1.0, 0.0)
        self._trigger = Trigger(shortest, longest, values.boolean("fixed_rate", False))
        self._writer = CamWriter(values, self._rng)
        self._track = Differences()
        self._yaw_rad: float | None = None

    def transmit(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> None:
        """Send a message if one is due."""
        station = self.station(parent_id)
        now = self._moment(station, np.asarray(position_m, np.float64), rotation_rad, view, dt_s)
        if not parent_id or not self._trigger.due(station, now):
            return
        signal = Signal(
            self.antenna(parent_id, position_m, view),
            self.settings.transmit_dbm,
            (self._writer.write(station, now),),
        )
        self._around.airwaves.send(self.kind, view.frame, signal)

    def _moment(self, station: Station, position_m: Array, rotation_rad: Array, view: View, dt_s: float) -> Moment:
        bodies = view.instances
        row = _row(bodies, station.actor_id)
        velocity, lights = np.zeros(3), 0
        if row is not None:
            position_m, rotation_rad = bodies.position_m[row], bodies.rotation_rad[row]
            velocity, lights = bodies.velocity_mps[row].astype(np.float64), int(bodies.light_state[row])
        turn = rotation_matrix(*(float(a) for a in rotation_rad))
        acceleration = self._track.acceleration(position_m, dt_s) + np.array([0.0, 0.0, GRAVITY_MPS2])
        yaw = float(rotation_rad[1])
        turned = 0.0 if self._yaw_rad is None else math.remainder(yaw - self._yaw_rad, 2.0 * math.pi)
        self._yaw_rad = yaw
        return Moment(
            elapsed_s=view.elapsed_s,
            geo=geolocation(position_m, *self._around.origin_deg),
            position_m=np.array(position_m),
            forward=turn[:, 0],
            speed_mps=float(velocity @ turn[:, 0]),
            acceleration_mps2=turn.T @ acceleration,
            yaw_rate_radps=turned / dt_s if dt_s > 0.0 else 0.0,
            lights=lights,
        )


class V2xCustomSensor(_Radio):
    """Short texts of the client's own, sent with ``sensor.send``."""

    stream_index = int(StreamIndex.V2X_CUSTOM)
    kind = "custom"
    record = CUSTOM_RECORD

    def __init__(self, values: Attributes, around: Surroundings, seed: int, actor_id: int) -> None:
        super().__init__(values, around, seed, actor_id)
        self._queue: deque[bytes] = deque(maxlen=MAX_QUEUED)

    def send(self, text: str) -> None:
        """Queue a text for the next tick; characters beyond ``MAX_TEXT_BYTES`` of UTF-8 are cut off."""
        whole = text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")  # the client fails on half a character
        self._queue.append(whole.encode().split(b"\0")[0])

    def transmit(self, position_m: Array, rotation_rad: Array, view: View, parent_id: int, dt_s: float) -> None:
        """Send what was queued."""
        if not self._queue:
            return
        antenna = self.antenna(parent_id, position_m, view)
        records = []
        for text in self._queue:
            record = np.zeros((), CUSTOM_RECORD)
            record["version"], record["message"] = PROTOCOL_VERSION, CUSTOM_MESSAGE
            record["station"], record["text"] = antenna.actor_id, text
            records.append(record)
        self._queue.clear()
        self._around.airwaves.send(self.kind, view.frame, Signal(antenna, self.settings.transmit_dbm, tuple(records)))


def _row(bodies: Instances, actor_id: int) -> int | None:
    row = int(np.searchsorted(bodies.actor_id, actor_id))
    return row if row < len(bodies.actor_id) and bodies.actor_id[row] == actor_id else None
