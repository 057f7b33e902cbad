"""Plays a log back into a world: at every tick each recorded actor is where it was at that time of the recording.

Actors that are not in the log, sensors and the weather stay the client's. Facts of CARLA 0.9.16's replayer: ids are
kept where free, actors of the same id and type are taken over, replayed vehicles and walkers neither move by
themselves nor collide; at the end they stay where they are, stop, and are driven by physics again.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.server.protocol.structs import MAX_COORDINATE, Pose
from sim.server.recorder import figures
from sim.server.recorder.cast import MAX_KEPT_ID, Cast
from sim.server.recorder.log_file import RecorderLog
from sim.server.recorder.packets import TABLES, BrokenLogError, PacketId
from sim.server.world.attachment import Attachment, attached_pose
from sim.server.world.blueprints import Kind
from sim.server.world.traffic_lights import OFF
from sim.server.world.vehicle_spec import VehicleControl

if TYPE_CHECKING:
    from sim.server.world.world import World

log = logging.getLogger(__name__)

Array = npt.NDArray[np.float64]

TELEPORT_MPS = 150.0
"""Who moves faster between two frames was put elsewhere: faster than any vehicle of CARLA's drives."""
DEFAULT_OFFSET = Pose((-10.0, 0.0, 5.0), (math.radians(-25.0), 0.0, 0.0))
"""Where the spectator follows an actor from, in the actor's frame."""


@dataclass
class ReplayOptions:
    """What the client has set for replays; changes reach a running one."""

    time_factor: float = 1.0
    ignore_hero: bool = False
    ignore_spectator: bool = True


@dataclass(frozen=True)
class Span:
    """Seconds of a log that are played, and who is followed (a recorded id, 0 for nobody) from where."""

    start_s: float
    stop_s: float
    follow_id: int = 0
    offset: Pose = DEFAULT_OFFSET


def span_of(log: RecorderLog, start_s: float, duration_s: float, follow_id: int, offset: Pose) -> Span:
    """The span that a client asks for: a negative start counts from the end, a duration of 0 is all the rest."""
    begin = max(0.0, log.total_s + start_s) if start_s < 0.0 else start_s
    return Span(begin, begin + duration_s if duration_s > 0.0 else log.total_s, follow_id, offset)


class Replayer:
    """One replay in a world, from ``replay_file`` to its end or ``stop_replayer``."""

    def __init__(
        self, world: World, log: RecorderLog, span: Span, options: ReplayOptions, replay_sensors: bool
    ) -> None:
        """Bring in the actors of the first moment. Raises BrokenLogError where the log is damaged before it."""
        self.world, self.log, self.span, self.options = world, log, span, options
        self.cast = Cast(world, replay_sensors)
        self.time_s = span.start_s
        self.running = len(log) > 0
        self._frame = -1  # the last frame whose events have happened
        self._states: dict[int, Any] = {}
        self._tables: dict[int, npt.NDArray[Any]] = {}
        if self.running:
            world.actors.leave_free(_highest_id(log))
            self._go_to(self._frame_at(self.time_s))
            self._carry(1.0, at_rest=True)

    def advance(self, dt_s: float) -> None:
        """Play the next dt_s seconds of the world; stops at the end of the span, or where the log is damaged."""
        if not self.running:
            return
        self.time_s += dt_s * self.options.time_factor
        try:
            self._go_to(self._frame_at(self.time_s))
            self._carry(dt_s)
        except BrokenLogError as error:
            log.error("the replay ends at %.3f s, the log is damaged: %a", self.time_s, str(error))
            self._finish()
            return
        if self.time_s >= self.span.stop_s:
            self._finish()

    def stop(self, keep_actors: bool) -> None:
        """End the replay. Without keep_actors the rest of the log's comings and goings happen first, as in CARLA."""
        if not self.running:
            return
        if not keep_actors:
            try:
                self._go_to(len(self.log) - 1)
            except BrokenLogError as error:
                log.error("the end of the log is damaged: %s", error)
        self._finish()

    def _frame_at(self, time_s: float) -> int:
        # 1e-9 s: sums of time steps round
        frame = int(np.searchsorted(self.log.elapsed_s, time_s + 1e-9, "right")) - 1
        return min(max(frame, self._frame, 0), len(self.log) - 1)

    def _go_to(self, frame: int) -> None:
        """Let the events of all frames up to this one happen, and take its states."""
        for k in range(self._frame + 1, frame + 1):
            self._events(k)
        if frame != self._frame:
            self._states = {
                packet.packet: packet.content() for packet in self.log.packets(frame) if packet.packet in _STATES
            }
            self._frame = frame
            self._command()

    def _events(self, frame: int) -> None:
        events: tuple[Any, ...] = ()
        gone: list[int] = []
        parents: dict[int, int] = {}
        doors: list[Any] = []
        for packet in self.log.packets(frame):
            if packet.packet == PacketId.EVENT_ADD:
                events = packet.content()
            elif packet.packet == PacketId.EVENT_DEL:
                gone = packet.content()["actor_id"].tolist()
            elif packet.packet == PacketId.EVENT_PARENT:
                parents = dict(packet.content().tolist())
            elif packet.packet == PacketId.VEHICLE_DOOR:
                doors = packet.content().tolist()
        if events:
            self.cast.enter(events, parents, self.options.ignore_hero, self.options.ignore_spectator)
        for recorded_id in gone:
            self.cast.leave(recorded_id)
        for recorded_id, door, is_open in doors:
            actor = self.cast.find(recorded_id)
            if actor is not None and actor.kind == Kind.VEHICLE and self._plays(actor.actor_id):
                figures.move_doors(self.world, actor, door, bool(is_open))

    def _command(self) -> None:
        """Controls, lights and walking speeds of the current frame."""
        for row in self._rows(PacketId.ANIM_VEHICLE):
            recorded_id, steer, throttle, brake, hand_brake, gear = row
            actor = self.cast.find(recorded_id)
            if actor is not None and actor.kind == Kind.VEHICLE and self._plays(actor.actor_id):
                control = VehicleControl(
                    throttle=throttle,
                    steer=steer,
                    brake=brake,
                    hand_brake=bool(hand_brake),
                    reverse=gear < 0,
                    manual_gear_shift=False,
                    gear=gear,
                )
                self.world.control_vehicle(actor.actor_id, control)
        for recorded_id, flags in self._rows(PacketId.VEHICLE_LIGHT):
            actor = self.cast.find(recorded_id)
            if actor is not None and self._plays(actor.actor_id):
                actor.light_state = flags
        for recorded_id, speed in self._rows(PacketId.ANIM_WALKER):
            actor = self.cast.find(recorded_id)
            if actor is not None and actor.kind == Kind.WALKER and math.isfinite(speed) and self._plays(actor.actor_id):
                self.world.control_walker(actor.actor_id, (1.0, 0.0, 0.0), speed, False)
        for bones in self._states.get(PacketId.WALKER_BONES, ()):
            actor = self.cast.find(bones.actor_id)
            if actor is not None and actor.kind == Kind.WALKER and self._plays(actor.actor_id):
                figures.bend(self.world, actor, bones)

    def _rows(self, packet: PacketId) -> list[Any]:
        rows: list[Any] = self._states.get(packet, np.zeros(0, TABLES[packet])).tolist()
        return rows

    def _plays(self, actor_id: int) -> bool:
        return not (self.options.ignore_hero and actor_id in self.cast.heroes)

    def _carry(self, dt_s: float, at_rest: bool = False) -> None:
        """Put everybody where they are at this time, and the traffic lights as they are."""
        self._set_lights()
        recorded, position_m, rotation_rad, velocity_mps = self._poses()
        actual = np.array([self.cast.ids.get(i, 0) for i in recorded.tolist()], np.int64)
        plays = np.array([bool(i) and self._plays(i) for i in actual.tolist()], np.bool_)
        dynamics = self.world.dynamics
        rows = np.searchsorted(dynamics.actor_id, actual)
        moved = plays & (rows < len(dynamics.actor_id))
        moved[moved] = dynamics.actor_id[rows[moved]] == actual[moved]
        if moved.any():
            velocity = np.zeros_like(velocity_mps) if at_rest else velocity_mps * self.options.time_factor
            dynamics.follow(rows[moved], position_m[moved], rotation_rad[moved], velocity[moved], dt_s)
        for k in np.flatnonzero(plays & ~moved).tolist():
            actor = self.world.actors.find(int(actual[k]))
            if actor is not None and not actor.parent_id and actor.kind != Kind.SENSOR:
                self.world.place(actor, position_m[k], rotation_rad[k])
        self._follow()

    def _set_lights(self) -> None:
        lights = self.world.lights
        for recorded_id, frozen, elapsed_s, state in self._rows(PacketId.STATE):
            actor = self.cast.find(recorded_id)
            if actor is not None and actor.signal >= 0 and state <= OFF and math.isfinite(elapsed_s):
                lights.put(actor.signal, state, elapsed_s, bool(frozen))

    def _poses(self) -> tuple[npt.NDArray[np.int64], Array, Array, Array]:
        """Recorded ids (n,), positions m (n, 3), rotations rad (n, 3) and velocities m/s (n, 3) at this time."""
        k = self._frame
        here = self._table(k)
        ids = here["actor_id"].astype(np.int64)
        position, rotation = here["location_cm"].astype(np.float64) / 100.0, here["rotation_deg"].astype(np.float64)
        velocity = np.zeros((len(ids), 3))
        length_s = float(self.log.elapsed_s[k + 1] - self.log.elapsed_s[k]) if k + 1 < len(self.log) else 0.0
        if length_s > 0.0:
            share = min(max((self.time_s - float(self.log.elapsed_s[k])) / length_s, 0.0), 1.0)
            there = self._table(k + 1)
            _, rows, others = np.intersect1d(ids, there["actor_id"].astype(np.int64), True, return_indices=True)
            way = there["location_cm"][others].astype(np.float64) / 100.0 - position[rows]
            drives = np.linalg.norm(way, axis=1) <= TELEPORT_MPS * length_s
            rows, others, way = rows[drives], others[drives], way[drives]
            velocity[rows] = way / length_s
            position[rows] += share * way
            turn = there["rotation_deg"][others] - rotation[rows]
            rotation[rows] += share * (turn - 360.0 * np.round(turn / 360.0))  # the short way round
        return ids, position, np.radians(rotation)[:, [1, 2, 0]], velocity

    def _table(self, frame: int) -> npt.NDArray[Any]:
        """Positions of a frame; those of this and the next one are kept."""
        if frame not in self._tables:
            found = [p.content() for p in self.log.packets(frame) if p.packet == PacketId.POSITION]
            table = found[0] if found else np.zeros(0, TABLES[PacketId.POSITION])
            _, first = np.unique(table["actor_id"], return_index=True)
            near = (np.abs(table["location_cm"]) < 100.0 * MAX_COORDINATE).all(axis=1)  # and no NaN
            usable = near & np.isfinite(table["rotation_deg"]).all(axis=1) & np.isin(np.arange(len(table)), first)
            self._tables = {f: t for f, t in self._tables.items() if f >= self._frame}
            self._tables[frame] = table[usable]
        return self._tables[frame]

    def _follow(self) -> None:
        if self.span.follow_id:
            actor = self.cast.find(self.span.follow_id)
            if actor is not None:
                offset = np.array(self.span.offset.position_m), np.array(self.span.offset.rotation_rad)
                where = attached_pose(Attachment.RIGID, *self.world.pose_of(actor), *offset)
                self.world.place(self.world.spectator, *where)

    def _finish(self) -> None:
        """Let physics have the replayed vehicles and walkers again, standing."""
        self.running = False
        for actor_id in self.cast.ids.values():
            actor = self.world.actors.find(actor_id)
            if actor is None or not actor.moved or not self._plays(actor_id):
                continue
            if actor.kind in (Kind.VEHICLE, Kind.WALKER):
                self.world.dynamics.set_velocity(actor_id, np.zeros(3))
                self.world.dynamics.set_simulate_physics(actor_id, True)
                self.world.dynamics.set_collisions(actor_id, True)
            if actor.kind == Kind.VEHICLE:
                self.world.control_vehicle(actor_id, VehicleControl(gear=1))
            elif actor.kind == Kind.WALKER:
                self.world.control_walker(actor_id, (1.0, 0.0, 0.0), 0.0, False)
                if self.world.postures.is_posed(actor_id):
                    figures.unbend(self.world, actor)


def _highest_id(log: RecorderLog) -> int:
    """The highest id of an actor that comes in a log, up to the first damage."""
    highest = 0
    try:
        for k in range(len(log)):
            for packet in log.packets(k):
                if packet.packet == PacketId.EVENT_ADD and len(packet.payload) > 2:
                    highest = max([highest, *(e.actor_id for e in packet.content() if e.actor_id <= MAX_KEPT_ID)])
    except BrokenLogError:
        pass  # the replay will say so when it gets there
    return highest


_STATES = frozenset(
    (PacketId.STATE, PacketId.ANIM_VEHICLE, PacketId.ANIM_WALKER, PacketId.VEHICLE_LIGHT, PacketId.WALKER_BONES)
)
"""Packets of which only those of the current frame count."""
