"""What the calls act on: the world, its settings, the maps, and the streams that carry its frames.

Independent of sockets: frames leave through ``publish``, and the set of streams with a subscriber is handed in.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from sim.server.exposure import Exposure
from sim.server.maps import MapCatalogue
from sim.server.navigation.store import NavigationFiles
from sim.server.protocol import payloads, snapshot
from sim.server.recorder.folder import Recordings
from sim.server.recorder.recorder import Recorder
from sim.server.recorder.replayer import ReplayOptions
from sim.server.scene.objects import Layer
from sim.server.scene.static import StaticScene
from sim.server.world.measuring import Message
from sim.server.world.parts import Bench, Parts
from sim.server.world.settings import EpisodeSettings
from sim.server.world.world import WORLD_STREAM, World

log = logging.getLogger(__name__)

Publish = Callable[[int, bytes, bool], None]
MAX_FREE_STEP_S = 0.1
"""Longest step of a world without fixed time step: after a pause it goes on slower rather than jump."""
MIN_FREE_STEP_S = 0.001


@dataclass
class Session:
    """One running server, without its sockets."""

    parts: Parts
    maps: MapCatalogue
    seed: int
    scene: StaticScene
    publish: Publish
    announce: Callable[[int, bytes], None]  # to those who knew the episode before
    listened: Container[int]
    expect: Callable[[int, bool], None]  # stream id, and whether besides those who listen already
    port: int  # of the streams
    settings: EpisodeSettings = field(default_factory=EpisodeSettings)
    traffic_managers: dict[int, tuple[str, int]] = field(default_factory=dict)
    recordings: Recordings = field(default_factory=Recordings)
    replay_options: ReplayOptions = field(default_factory=ReplayOptions)
    recorder: Recorder | None = None
    navigation: NavigationFiles = field(default_factory=NavigationFiles)
    wake: Callable[[], None] = lambda: None  # ends the wait for calls: there is something to ``collect``

    def __post_init__(self) -> None:
        self._episodes = 0
        self._last_tick_s = time.monotonic()
        self.ticked_s = 0.0  # when the last tick was done, monotonic clock
        self._prepares = False
        self._exposure = Exposure(self.wake)
        self._lossless = False  # whether the frame that is being measured may not be skipped
        self.world = self._new_world(0, WORLD_STREAM + 1, 0)

    def prepare(self) -> None:
        """From now on build the sensors' share of each map when it is loaded, beside the ticks, not at first use."""
        self._prepares = True
        self.world.bench.prepare()

    def _new_world(
        self, frame: int, stream: int, ids: int, layers: int = Layer.ALL, bench: Bench | None = None
    ) -> World:
        self._episodes += 1
        return World(self.scene, self.parts, self.seed, self._episodes, frame, stream, self.port, layers, bench, ids)

    def load(self, name: str, reset_settings: bool, layers: int = Layer.ALL) -> None:
        """Start a new episode, on the current map if name is empty. Raises UnknownMapError, BrokenMapError.

        layers: of the map, those that are loaded at first.
        """
        if name:
            self.scene = self.maps.scene(name)
        self.stop_recording()
        if reset_settings:
            self.settings = EpisodeSettings()
        old = self.world
        kept = old.bench if old.scene is self.scene else None  # what sensors share is dear to build
        self.world = self._new_world(old.frame + 1, old.next_stream, old.actors.last_id, layers, kept)
        if kept is None:
            old.bench.close()
            if self._prepares:
                self.world.bench.prepare()
        self.announce(WORLD_STREAM, self.snapshot(snapshot.MAP_CHANGE))
        del old, kept
        gc.collect()  # a world refers to itself in many places, and holds a hundred megabytes
        log.info("episode %d on %s", self.world.episode_id, self.scene.name)

    def step_s(self) -> float:
        """The next time step: fixed, or what passed on the clock since the last tick."""
        if self.settings.fixed_delta_seconds is not None:
            return self.settings.fixed_delta_seconds
        return min(MAX_FREE_STEP_S, max(MIN_FREE_STEP_S, time.monotonic() - self._last_tick_s))

    def tick(self) -> int:
        """Advance one frame and publish it: sensors, then the snapshot. The new frame number."""
        step_s = self._step()
        for message in self.world.measure(step_s, self.listened):
            self._send(message, self.settings.synchronous_mode)
        self._close_frame(step_s)
        return self.world.frame

    def begin_tick(self) -> None:
        """Advance one frame of an asynchronous world and publish its snapshot.

        Its sensors measure beside what follows, which may be anything but a tick or a change of what they see of the
        map: ``collect`` publishes what they have, ``measuring`` tells whether the frame is still incomplete.
        """
        step_s = self._step()
        messages = self.world.measure(step_s, self.listened)
        self._close_frame(step_s)
        self._lossless = self.settings.synchronous_mode
        self._exposure.begin(messages)

    @property
    def measuring(self) -> bool:
        """Whether sensors are at work beside this thread."""
        return self._exposure.busy

    def collect(self) -> None:
        """Publish what the sensors of the frame have measured by now."""
        for message in self._exposure.take():
            self._send(message, self._lossless)

    def close(self) -> None:
        """End the recording and the sensors' work."""
        self.stop_recording()
        self._exposure.close()

    def _step(self) -> float:
        step_s = self.step_s()
        self._last_tick_s = time.monotonic()
        self.world.dynamics.set_substepping(*self.settings.substeps())
        self.world.step(step_s)
        return step_s

    def _send(self, message: Message, lossless: bool) -> None:
        world = self.world
        head = payloads.header(
            message.stream_index, world.frame, world.elapsed_s, message.position_m, message.rotation_rad
        )
        self.publish(message.stream_id, head + message.body, lossless)

    def _close_frame(self, step_s: float) -> None:
        self.publish(WORLD_STREAM, self.snapshot(), self.settings.synchronous_mode)
        self.world.release_pedals()
        if self.recorder is not None:
            self.recorder.frame(self.world.last_records, step_s)
        self.ticked_s = time.monotonic()

    def stop_recording(self) -> None:
        """End the recording, if there is one; a new episode and the end of the server do so too."""
        if self.recorder is not None:
            self.recorder.close()
            self.recorder = None

    def snapshot(self, flags: int = 0, first: bool = False) -> bytes:
        """The world as it is now, under the number of the last frame.

        first: for a new subscriber, who asks for the lights by itself and is not told that they have changed; a client
        that is closed while it handles that crashes.
        """
        world = self.world
        lights = snapshot.PENDING_LIGHT_UPDATE if world.scenery.lights_changed and not first else 0
        return snapshot.snapshot(
            world.frame,
            world.elapsed_s,
            world.episode_id,
            time.monotonic(),
            world.delta_s,
            flags | lights,
            world.records(),
        )
