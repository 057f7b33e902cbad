"""The part of a tick in which sensors measure: who is due, what each may see, what is sent.

``sensor_tick`` works as Unreal's tick interval does: a sensor measures first in the first tick of its life, then at
every whole multiple of the interval after that, each in the first tick that has reached it. The times do not depend on
who listens; nothing is measured while nobody does.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import StreamIndex, collision_body
from sim.server.sensors.instances import View
from sim.server.world.actors import Actor

if TYPE_CHECKING:
    from sim.server.sensors.base import Sensor
    from sim.server.world.world import World

log = logging.getLogger(__name__)

Array = npt.NDArray[np.float64]

TICK_SLACK_S = 1e-6
"""A sensor is due this much early: sums of time steps round."""


class Message(NamedTuple):
    """One sensor measurement, ready to be sent."""

    stream_id: int
    stream_index: int
    position_m: Array
    rotation_rad: Array
    body: bytes


@dataclass
class SensorState:
    """What the world keeps of one sensor actor."""

    sensor: Sensor | None  # None: the world itself tells of collisions
    tick_s: float  # sensor_tick
    first_s: float | None = None  # time of the first tick of its life
    measured_s: float | None = None  # when it last measured
    ignored: frozenset[int] = frozenset()  # vehicles that it does not see
    gbuffers: dict[int, tuple[int, Sensor]] = field(default_factory=dict)  # stream id and source by buffer
    gbuffers_enabled: bool = False

    def due(self, now_s: float, dt_s: float) -> bool:
        """Whether a multiple of the interval lies in the tick that just ended at now_s."""
        if self.first_s is None:
            self.first_s = now_s
        if self.tick_s <= dt_s + TICK_SLACK_S or self.tick_s <= 0.0:
            return True
        passed = now_s - self.first_s + TICK_SLACK_S
        return math.floor(passed / self.tick_s) > math.floor((passed - dt_s) / self.tick_s)


class Measuring:
    """The sensors of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._version = -1
        self._sensors: list[tuple[Actor, SensorState]] = []

    def run(self, dt_s: float, listened: Container[int]) -> Iterator[Message]:
        """Measurements of this tick for the streams in ``listened``, by actor id.

        Who is due and what there is to see is settled by the call; the sensors measure as the iterator is read, in
        any thread, and before the next tick.
        """
        world = self._world
        if self._version != world.actors.version:
            self._sensors = [(actor, actor.sensing) for actor in world.actors if actor.sensing is not None]
            self._version = world.actors.version
        due = [
            (actor, state)
            for actor, state in self._sensors
            if state.due(world.elapsed_s, dt_s)
            and (actor.stream_id in listened or (state.gbuffers and _any(state, listened)))
        ]
        if not due:
            return iter(())
        seeing = any(state.sensor is not None for _, state in due)
        return self._messages(due, Views(world.view() if seeing else None), dt_s, listened)

    def _messages(
        self, due: list[tuple[Actor, SensorState]], views: Views, dt_s: float, listened: Container[int]
    ) -> Iterator[Message]:
        self._transmit(due, views, dt_s, listened)
        for actor, state in due:
            if state.sensor is None:
                yield from self._collisions(actor)
                continue
            sources = [(actor.stream_id, state.sensor), *state.gbuffers.values()]
            for stream_id, sensor in sources:
                if stream_id in listened:
                    yield from self._measure(actor, state, sensor, stream_id, views, dt_s)
            state.measured_s = self._world.elapsed_s

    def _transmit(
        self, due: list[tuple[Actor, SensorState]], views: Views, dt_s: float, listened: Container[int]
    ) -> None:
        """Let radios send before any of them receives."""
        for actor, state in due:
            send = getattr(state.sensor, "transmit", None)
            if send is None:
                continue
            try:
                since_s = self._since(state, dt_s)
                send(actor.position_m, actor.rotation_rad, views.of(state), actor.parent_id, since_s)
            except Exception:
                self._report(actor)

    def _since(self, state: SensorState, dt_s: float) -> float:
        return dt_s if state.measured_s is None else round(self._world.elapsed_s - state.measured_s, 9)

    def _measure(
        self,
        actor: Actor,
        state: SensorState,
        sensor: Sensor,
        stream_id: int,
        views: Views,
        dt_s: float,
    ) -> Iterator[Message]:
        where = (actor.position_m, actor.rotation_rad)
        since_s = dt_s if getattr(sensor, "scans_per_tick", False) else self._since(state, dt_s)
        try:
            body = sensor.measure(*where, views.of(state), actor.parent_id, since_s)
        except Exception:
            self._report(actor)
            return
        if body is not None:
            yield Message(stream_id, sensor.stream_index, *where, body)

    def _report(self, actor: Actor) -> None:
        """Log the exception of a sensor, which must not take the world with it."""
        frame = self._world.frame
        log.exception("%s %d failed in frame %d; nothing sent", actor.type_id, actor.actor_id, frame)

    def _collisions(self, sensor: Actor) -> list[Message]:
        """One message for each contact of the sensor's parent, whichever of the two the contact names first."""
        world, where, me = self._world, (sensor.position_m, sensor.rotation_rad), sensor.parent_id
        messages: list[Message] = []
        if not me:  # on nobody: id 0 in a contact is scenery, which would be taken for its carrier
            return messages
        for contact in world.contacts:
            if me not in (contact.actor_id, contact.other_id):
                continue
            mine = contact.actor_id == me
            other = (contact.other_id, contact.other_tag) if mine else (contact.actor_id, 0)
            x, y, z = contact.impulse_ns
            impulse = (x, y, z) if mine else (-x, -y, -z)
            body = collision_body(world.describe(me, 0), world.describe(*other), impulse)
            messages.append(Message(sensor.stream_id, StreamIndex.COLLISION, *where, body))
        return messages


class Views:
    """What the sensors of one tick see, each without the vehicles that it ignores."""

    def __init__(self, whole: View | None) -> None:
        """whole: with all vehicles; None where no sensor looks."""
        self._views: dict[frozenset[int], View] = {} if whole is None else {frozenset(): whole}

    def of(self, state: SensorState) -> View:
        """The view of one sensor; sensors that ignore the same vehicles share it."""
        whole = self._views[frozenset()]
        if not state.ignored:
            return whole
        view = self._views.get(state.ignored)
        if view is None:
            view = replace(whole, instances=whole.instances.without(state.ignored))
            self._views[state.ignored] = view
        return view


def _any(state: SensorState, listened: Container[int]) -> bool:
    return any(stream_id in listened for stream_id, _ in state.gbuffers.values())


def gbuffer_stream(world: World, actor: Actor, buffer: int) -> int:
    """Stream of one G-buffer of a camera, made at the first call. Raises ValueError: not a camera, no such buffer."""
    state = actor.sensing
    if state is None:
        raise ValueError(f"{actor.type_id} has no G-buffers: only cameras have")
    if buffer not in state.gbuffers:
        sensor = world.bench.gbuffer(actor.type_id, actor.attributes, buffer)
        state.gbuffers[buffer] = (world.next_stream, sensor)
        world.next_stream += 1
    return state.gbuffers[buffer][0]
