"""The parts a world is put together from, each behind the smallest interface the world needs.

They are imported when a map is first loaded, so that the server answers before the heavy libraries are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import ActorValue
from sim.server.scene.models import ModelLibrary
from sim.server.scene.static import StaticScene
from sim.server.sensors.base import Sensor
from sim.server.sensors.instances import Instances

if TYPE_CHECKING:
    from sim.server.scene.catalogue import ModelChoice
    from sim.server.scene.generation import Generation
    from sim.server.sensors.appearance import Appearance
    from sim.server.world.dynamics import Dynamics
    from sim.server.world.traffic_lights import TrafficLights


Describe = Callable[[int, int], ActorValue]
"""(actor id, semantic tag) -> the actor as the wire has it; id 0 is static scenery of that tag."""


Array = npt.NDArray[np.float64]
Hit = tuple[float, int]
"""Distance in metres and semantic tag."""


class Bench(Protocol):
    """Makes the sensors of one map, and knows the models that they see."""

    def describe_with(self, describe: Describe) -> None:
        """How the world that uses it from now on names its actors."""
        ...

    def prepare(self) -> None:
        """Begin to build, in a thread, what the first sensor would have to wait for."""
        ...

    def close(self) -> None:
        """Let its threads end; it is not used any more."""
        ...

    def create(self, type_id: str, attributes: Mapping[str, str], actor_id: int, serial: int) -> Sensor:
        """The sensor of an actor, the serial-th of its episode. Raises ValueError where an attribute makes no sense."""
        ...

    def gbuffer(self, type_id: str, attributes: Mapping[str, str], buffer: int) -> Sensor:
        """A G-buffer of a camera. Raises ValueError: no such buffer, or not a camera."""
        ...

    def library(self) -> ModelLibrary:
        """The models; loaded on first use."""
        ...

    def choose(self, type_id: str, attributes: Mapping[str, str]) -> ModelChoice:
        """The model that stands for an actor."""
        ...

    def first_hit(self, start_m: Array, direction: Array, reach_m: float, instances: Instances) -> Hit | None:
        """What a ray from start_m (3,) along the unit vector direction (3,) meets first."""
        ...

    def hits(self, start_m: Array, direction: Array, reach_m: float, instances: Instances) -> list[Hit]:
        """Everything that such a ray passes through, nearest first, each thing where the ray enters it."""
        ...

    def show(self, appearance: Appearance) -> None:
        """Let the map's things look like this for all sensors."""
        ...


@dataclass(frozen=True)
class Parts:
    """How to make what a world consists of."""

    build_scene: Callable[[str, str, int, Generation | None], StaticScene]
    make_dynamics: Callable[[StaticScene, np.random.Generator], Dynamics]
    make_lights: Callable[[StaticScene], TrafficLights]
    make_bench: Callable[[StaticScene, int], Bench]


class _SensorBench:
    """The real sensors over one ``SensorWorld``."""

    def __init__(self, scene: StaticScene, seed: int) -> None:
        from sim.server.scene.library import load_library
        from sim.server.sensors.create import SensorWorld

        self._shared = SensorWorld(scene, load_library, seed)

    def describe_with(self, describe: Describe) -> None:
        self._shared.describe = describe

    def prepare(self) -> None:
        self._shared.prepare()

    def close(self) -> None:
        self._shared.close()

    def library(self) -> ModelLibrary:
        return self._shared.library

    def choose(self, type_id: str, attributes: Mapping[str, str]) -> ModelChoice:
        from sim.server.scene.library import model_for

        return model_for(type_id, attributes)

    def first_hit(self, start_m: Array, direction: Array, reach_m: float, instances: Instances) -> Hit | None:
        caster = self._shared.caster
        ray = np.concatenate([start_m, direction]).astype(np.float32)[None]
        hits = caster.cast_rays(ray, reach_m, caster.bodies(instances))
        return (float(hits.range_m[0]), int(hits.tag[0])) if np.isfinite(hits.range_m[0]) else None

    def hits(self, start_m: Array, direction: Array, reach_m: float, instances: Instances) -> list[Hit]:
        found = self._shared.caster.cast(start_m, direction, reach_m, instances)
        return [(float((point - start_m) @ direction), tag) for point, tag, _ in found]

    def show(self, appearance: Appearance) -> None:
        self._shared.show(appearance)

    def create(self, type_id: str, attributes: Mapping[str, str], actor_id: int, serial: int) -> Sensor:
        from sim.server.sensors.create import create_sensor

        return create_sensor(type_id, attributes, self._shared, actor_id, serial)

    def gbuffer(self, type_id: str, attributes: Mapping[str, str], buffer: int) -> Sensor:
        from sim.server.sensors.create import create_gbuffer

        return create_gbuffer(type_id, attributes, buffer, self._shared)


def _build_scene(name: str, opendrive: str, seed: int, generation: Generation | None) -> StaticScene:
    from sim.server.scene.build import build_scene

    return build_scene(name, opendrive, seed, generation)


def _make_dynamics(scene: StaticScene, rng: np.random.Generator) -> Dynamics:
    from sim.server.world.dynamics import Dynamics

    return Dynamics(scene.ground, scene.obstacles, rng)


def _make_lights(scene: StaticScene) -> TrafficLights:
    from sim.server.world.traffic_lights import TrafficLights

    return TrafficLights(scene.signals)


PARTS = Parts(_build_scene, _make_dynamics, _make_lights, _SensorBench)
"""The product's own parts."""
