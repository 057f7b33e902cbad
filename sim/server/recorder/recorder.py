"""Writes what happens in a world into a log, frame by frame.

A frame is made of columns of the snapshot that a tick publishes anyway: one copy per packet, whatever the number of
actors. Apart from the date in its header, the bytes of a log are a function of map, seed and client calls; where
CARLA writes the time of its clock (platform time), this is the simulated time since the recording began.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sim.server.protocol import snapshot
from sim.server.recorder import describe
from sim.server.recorder.figures import FigureTables
from sim.server.recorder.log_file import VERSION, LogHeader
from sim.server.recorder.packets import FRAME, HEAD, NO_ACTOR, TABLES, PacketId, encode
from sim.server.world.blueprints import Kind

if TYPE_CHECKING:
    from sim.server.world.actors import Actor
    from sim.server.world.world import World

log = logging.getLogger(__name__)

BUFFER_BYTES = 1 << 16
"""Written in pieces of this size: 100 vehicles fill one in six frames, which is what a server that dies may lose."""
_EULER = [2, 0, 1]
"""Roll, pitch, yaw of a snapshot's pitch, yaw, roll."""
_M_TO_CM = np.float32(100.0)


class Recorder:
    """One recording, from ``start_recorder`` to ``stop_recorder``."""

    def __init__(self, path: Path, world: World, date_s: int, additional_data: bool) -> None:
        """Begin a log of this world; date_s since 1970 goes into its header. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.world, self.additional_data = path, world, additional_data
        self._file: BinaryIO | None = path.open("wb", buffering=BUFFER_BYTES)
        self._file.write(LogHeader(VERSION, date_s, world.scene.name).to_bytes())
        self._columns, self._figures = _Columns(), FigureTables()
        self._number, self._elapsed_s = 0, 0.0
        self._waiting: tuple[int, float, bytes] | None = None  # a frame is written when its duration is known
        self._collision_id = 0

    def frame(self, records: npt.NDArray[Any], dt_s: float) -> None:
        """Take the tick that has just been made; records (n,) are its snapshot, dt_s its step."""
        if self._file is None:
            return
        try:
            if self._number:
                self._elapsed_s += dt_s
            self._number += 1
            body = b"".join(self._packets(records))
            self._write_waiting(dt_s)
            self._waiting = (self._number, self._elapsed_s, body)
        except OSError as error:
            log.error("recording %s ends: %s", self.path, error)
            self._give_up()

    def flush(self) -> None:
        """Let readers see all frames but the last."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Write the last frame and end the log."""
        if self._file is None:
            return
        try:
            self._write_waiting(-1.0)
        except OSError as error:
            log.error("recording %s is incomplete: %s", self.path, error)
        self._give_up()

    def _give_up(self) -> None:
        stream, self._file = self._file, None
        if stream is not None:
            try:
                stream.close()
            except OSError as error:  # the disk is full: what it had left to write is lost
                log.error("recording %s is incomplete: %s", self.path, error)

    def _write_waiting(self, duration_s: float) -> None:
        if self._waiting is None or self._file is None:
            return
        number, elapsed_s, body = self._waiting
        self._waiting = None
        head = HEAD.pack(PacketId.FRAME_START, FRAME.size) + FRAME.pack(number, duration_s, elapsed_s)
        self._file.write(b"".join((head, body, HEAD.pack(PacketId.FRAME_END, 0))))

    def _packets(self, records: npt.NDArray[Any]) -> list[bytes]:
        """The packets of a frame, in CARLA's order; those that it leaves out when empty are left out."""
        world, columns = self.world, self._columns
        changed = columns.follow(world, records)
        added, gone = changed if changed is not None else ((), ())
        parents = [(actor.actor_id, actor.parent_id) for actor in added if actor.parent_id]
        packets = [
            encode(PacketId.VISUAL_TIME, world.elapsed_s),
            encode(PacketId.EVENT_ADD, [describe.added(world, actor) for actor in added]),
            encode(PacketId.EVENT_DEL, np.array([(i,) for i in gone], TABLES[PacketId.EVENT_DEL])),
            encode(PacketId.EVENT_PARENT, np.array(parents, TABLES[PacketId.EVENT_PARENT])),
            encode(PacketId.COLLISION, self._collisions()),
            self._figures.doors(world),
            *columns.motion(records),
            *columns.wheels(world, records),
        ]
        if self.additional_data:
            packets += columns.kinematics(records)
            packets += describe.additional(world, added, self._elapsed_s)
            packets.append(self._figures.bones(world, columns.walkers))
        return packets

    def _collisions(self) -> npt.NDArray[Any]:
        """Contacts of actors that carry a collision sensor: CARLA records no others."""
        pairs = describe.sensed_contacts(self.world.contacts, self._columns.sensed)
        table = np.zeros(len(pairs), TABLES[PacketId.COLLISION])
        for row, (actor_id, other_id) in enumerate(pairs):
            heroes = [describe.is_hero(self.world, i) for i in (actor_id, other_id)]
            table[row] = (self._collision_id, actor_id, other_id or NO_ACTOR, *heroes)
            self._collision_id += 1
        return table


class _Columns:
    """The tables of a frame, laid out anew when an actor comes or goes; a tick copies columns into them."""

    def __init__(self) -> None:
        self._version = -1
        self._ids: frozenset[int] = frozenset()
        self.sensed: frozenset[int] = frozenset()  # ids of actors that carry a collision sensor
        self.walkers: list[Actor] = []

    def follow(self, world: World, records: npt.NDArray[Any]) -> tuple[list[Actor], list[int]] | None:
        """The actors that have come, and the ids of those that have gone, since the last frame; None if none."""
        if self._version == world.actors.version:
            return None
        actors = list(world.actors)
        before, self._ids = self._ids, frozenset(actor.actor_id for actor in actors)
        self._lay_out(actors, records)
        self._version = world.actors.version
        return [a for a in actors if a.actor_id not in before], sorted(before - self._ids)

    def _lay_out(self, actors: list[Actor], records: npt.NDArray[Any]) -> None:
        kinds = np.array([actor.kind for actor in actors], np.int64)
        ids = records["actor_id"]
        placed = np.isin(kinds, [Kind.VEHICLE, Kind.WALKER, Kind.PROP, Kind.OTHER])
        self._placed, self._moving = np.flatnonzero(placed), np.flatnonzero(np.isin(kinds, [Kind.VEHICLE, Kind.WALKER]))
        self._vehicle = np.flatnonzero(kinds == Kind.VEHICLE)
        self._walker, self._light = np.flatnonzero(kinds == Kind.WALKER), np.flatnonzero(kinds == Kind.LIGHT)
        self._vehicles = [actor for actor in actors if actor.kind == Kind.VEHICLE]
        self.walkers = [actor for actor in actors if actor.kind == Kind.WALKER]
        self._tables = {
            packet: _table(packet, ids[rows])
            for packet, rows in (
                (PacketId.POSITION, self._placed),
                (PacketId.STATE, self._light),
                (PacketId.ANIM_VEHICLE, self._vehicle),
                (PacketId.ANIM_WALKER, self._walker),
                (PacketId.VEHICLE_LIGHT, self._vehicle),
                (PacketId.KINEMATICS, self._moving),
            )
        }
        self._wheels = describe.WheelTable(self._vehicles)
        self.sensed = frozenset(a.parent_id for a in actors if a.type_id == describe.COLLISION_SENSOR and a.parent_id)

    def motion(self, records: npt.NDArray[Any]) -> list[bytes]:
        """Positions, traffic lights, controls, walkers' speeds and vehicles' lights."""
        tables = self._tables
        position = tables[PacketId.POSITION]
        position["location_cm"] = records["location"][self._placed] * _M_TO_CM
        position["rotation_deg"] = records["rotation"][self._placed][:, _EULER]
        state, light = tables[PacketId.STATE], records.view(snapshot.LIGHT)
        for name, column in (("frozen", "frozen"), ("elapsed_s", "elapsed_s"), ("state", "light")):
            state[name] = light[column][self._light]
        control, vehicle = tables[PacketId.ANIM_VEHICLE], records.view(snapshot.VEHICLE)
        for name in ("steer", "throttle", "brake", "hand_brake", "gear"):
            control[name] = vehicle[name][self._vehicle]
        tables[PacketId.ANIM_WALKER]["speed_mps"] = records.view(snapshot.WALKER)["speed"][self._walker]
        tables[PacketId.VEHICLE_LIGHT]["light_state"] = [actor.light_state for actor in self._vehicles]
        packets = (PacketId.POSITION, PacketId.STATE, PacketId.ANIM_VEHICLE, PacketId.ANIM_WALKER)
        return [encode(packet, tables[packet]) for packet in (*packets, PacketId.VEHICLE_LIGHT)]

    def wheels(self, world: World, records: npt.NDArray[Any]) -> list[bytes]:
        """Angles of wheels, and what turns the cranks of two-wheelers."""
        return self._wheels.packets(world, records, self._vehicle)

    def kinematics(self, records: npt.NDArray[Any]) -> list[bytes]:
        """Velocities of vehicles and walkers."""
        table = self._tables[PacketId.KINEMATICS]
        if not len(table):
            return []
        table["velocity_mps"] = records["velocity"][self._moving]
        table["angular_velocity_degps"] = records["angular_velocity"][self._moving]
        return [encode(PacketId.KINEMATICS, table)]


def _table(packet: PacketId, ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
    table = np.zeros(len(ids), TABLES[packet])
    table["actor_id"] = ids
    return table
