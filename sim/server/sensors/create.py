"""From a blueprint's id and attributes to a sensor that measures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from sim.server.heap import give_back
from sim.server.protocol.payloads import ActorValue
from sim.server.scene.models import ModelLibrary
from sim.server.scene.static import StaticScene
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.base import Sensor
from sim.server.sensors.events import DescribeActor, ObstacleSensor
from sim.server.sensors.inertial import GnssSensor, ImuSensor
from sim.server.sensors.lidar import LidarSensor, SemanticLidarSensor
from sim.server.sensors.radar import RadarSensor
from sim.server.sensors.rays import RayCaster

if TYPE_CHECKING:
    from sim.server.sensors.appearance import Appearance
    from sim.server.sensors.cosmos import StreetPlan
    from sim.server.sensors.renderer import SceneRenderer
    from sim.server.sensors.v2x import Surroundings

T = TypeVar("T")

CAMERA_KINDS: Mapping[str, str] = {
    "sensor.camera.rgb": "rgb",
    "sensor.camera.depth": "depth",
    "sensor.camera.semantic_segmentation": "semantic_segmentation",
    "sensor.camera.instance_segmentation": "instance_segmentation",
    "sensor.camera.normals": "normals",
}
SETTLED_S = 0.3
"""How long a map must stay before what sensors share is built for it unasked: clients that look through many maps
would else share the processor with the work for all those they have left."""
STREAMLESS = frozenset({"sensor.other.lane_invasion", "sensor.other.rss"})
"""Sensors that live in the client: they are actors of the server's without a stream."""


def _nameless(actor_id: int, tag: int) -> ActorValue:
    raise LookupError(f"actor {actor_id} (tag {tag}) cannot be described: SensorWorld was made without describe")


class Once(Generic[T]):
    """A value that is made when it is first needed, once; whoever needs it meanwhile waits. Safe in several threads."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self.made: T | None = None  # what is there now

    def __call__(self) -> T:
        if self.made is None:
            with self._lock:
                if self.made is None:
                    self.made = self._make()
        return self.made


class SensorWorld:
    """What the sensors of one map share: the renderer and the ray caster, each built when first needed.

    ``load_library`` gives the model library; ``describe`` gives actors as the wire has them, for events. Safe to use
    from several threads; who needs one part does not wait for another that is being built.
    """

    def __init__(
        self,
        scene: StaticScene,
        load_library: Callable[[], ModelLibrary],
        seed: int = 0,
        describe: DescribeActor = _nameless,
    ) -> None:
        self.scene = scene
        self.seed = seed
        self.describe = describe
        self._closed = threading.Event()
        self._look_lock = threading.Lock()  # between a part that has just been built and a change of the appearance
        self._appearance: Appearance | None = None
        self._library = Once(load_library)
        self._caster = Once(self._make_caster)
        self._renderer = Once(self._make_renderer)
        self._street_plan = Once(self._make_street_plan)
        self._surroundings = Once(self._make_surroundings)
        self._origin_deg = Once(self._look_up_origin)

    @property
    def library(self) -> ModelLibrary:
        """Models of everything that moves."""
        return self._library()

    @property
    def caster(self) -> RayCaster:
        """Rays against this map."""
        return self._caster()

    @property
    def renderer(self) -> SceneRenderer:
        """Pictures of this map."""
        return self._renderer()

    @property
    def street_plan(self) -> StreetPlan:
        """What Cosmos cameras draw of the map."""
        return self._street_plan()

    @property
    def surroundings(self) -> Surroundings:
        """What V2X sensors share."""
        return self._surroundings()

    @property
    def origin_deg(self) -> tuple[float, float]:
        """Latitude and longitude of the map's origin."""
        return self._origin_deg()

    def show(self, appearance: Appearance) -> None:
        """Let the map's things look like this for all sensors, those that are being built among them."""
        with self._look_lock:
            self._appearance = appearance
            if self._caster.made is not None:
                self._caster.made.show(appearance.shown)
            if self._renderer.made is not None:
                self._renderer.made.show(appearance)

    def prepare(self) -> None:
        """Build what cameras and rays share, in a thread of its own, so that no client waits for it later."""
        threading.Thread(target=self._prepare, name="sensors", daemon=True).start()

    def _prepare(self) -> None:
        if self._closed.wait(SETTLED_S):
            return
        self._caster().chunks()
        if not self._closed.is_set():
            self._renderer()
        if self._closed.is_set():  # meanwhile
            self.close()
        give_back()

    def close(self) -> None:
        """Let the renderer's threads end; at once, or when what is being built is done."""
        self._closed.set()
        if self._renderer.made is not None:
            self._renderer.made.close()

    def _make_caster(self) -> RayCaster:
        caster = RayCaster(self.scene, self.library)
        with self._look_lock:
            if self._appearance is not None:
                caster.show(self._appearance.shown)
            self._caster.made = caster  # from here on ``show`` reaches it
        return caster

    def _make_renderer(self) -> SceneRenderer:
        from sim.server.sensors.renderer import SceneRenderer

        renderer = SceneRenderer(self.scene, self.library)
        with self._look_lock:
            renderer.show(self._appearance)
            self._renderer.made = renderer
        return renderer

    def _make_street_plan(self) -> StreetPlan:
        from sim.server.sensors.cosmos import StreetPlan

        return StreetPlan.of(self.scene)

    def _make_surroundings(self) -> Surroundings:
        from sim.server.sensors.v2x import Airwaves, Surroundings

        def describe(actor_id: int, tag: int) -> ActorValue:  # as the world that is there then does
            return self.describe(actor_id, tag)

        return Surroundings(Airwaves(), self.caster, self.library, describe, self.origin_deg)

    def _look_up_origin(self) -> tuple[float, float]:
        import carla

        here = self.scene.carla_map.transform_to_geolocation(carla.Location(0.0, 0.0, 0.0))
        return here.latitude, here.longitude


def create_sensor(
    type_id: str, attributes: Mapping[str, str], shared: SensorWorld, actor_id: int = 0, serial: int = 0
) -> Sensor:
    """The sensor of a blueprint, for the actor of that id; serial: its number in the episode, for what is random.

    Raises ValueError for an unknown or streamless type or a bad attribute value.
    """
    values = Attributes(type_id, attributes)
    seed = shared.seed
    if type_id.startswith("sensor.camera."):
        return _create_camera(type_id, attributes, shared)
    if type_id == "sensor.lidar.ray_cast":
        return LidarSensor(values, shared.caster, seed, serial)
    if type_id == "sensor.lidar.ray_cast_semantic":
        return SemanticLidarSensor(values, shared.caster, seed, serial)
    if type_id == "sensor.other.imu":
        return ImuSensor(values, seed)
    if type_id == "sensor.other.gnss":
        return GnssSensor(values, shared.origin_deg, seed)
    if type_id == "sensor.other.obstacle":
        return ObstacleSensor(values, shared.caster, shared.describe, actor_id)
    if type_id == "sensor.other.radar":
        return RadarSensor(values, shared.caster, seed)
    if type_id in ("sensor.other.v2x", "sensor.other.v2x_custom"):
        from sim.server.sensors.v2x import V2xCustomSensor, V2xSensor

        kind = V2xSensor if type_id == "sensor.other.v2x" else V2xCustomSensor
        return kind(values, shared.surroundings, seed, actor_id)
    if type_id == "sensor.other.collision":
        raise ValueError(f"{type_id} does not measure: the world sends its contacts")
    if type_id in STREAMLESS:
        raise ValueError(f"{type_id} is computed by the client: it has no stream, spawn it without one")
    raise ValueError(f"{type_id!r} is not offered by this server")


def _create_camera(type_id: str, attributes: Mapping[str, str], shared: SensorWorld) -> Sensor:
    """Cameras need the renderer, whose modules are heavy to import."""
    if type_id in CAMERA_KINDS:
        from sim.server.sensors.camera import CameraSensor

        return CameraSensor(CAMERA_KINDS[type_id], attributes, shared.renderer, shared.seed)
    if type_id == "sensor.camera.optical_flow":
        from sim.server.sensors.flow import OpticalFlowSensor

        return OpticalFlowSensor(attributes, shared.renderer)
    if type_id == "sensor.camera.labels":
        from sim.server.sensors.label_camera import LabelCamera

        return LabelCamera(attributes, shared.renderer)
    if type_id == "sensor.camera.dvs":
        from sim.server.sensors.dvs import DvsSensor

        return DvsSensor(attributes, shared.renderer, shared.seed)
    if type_id == "sensor.camera.cosmos_visualization":
        from sim.server.sensors.cosmos import CosmosSensor

        return CosmosSensor(attributes, shared.street_plan, shared.library, shared.describe)
    raise ValueError(f"{type_id!r} is not offered by this server")


def create_gbuffer(type_id: str, attributes: Mapping[str, str], buffer: int, shared: SensorWorld) -> Sensor:
    """A G-buffer of a camera with these attributes. Raises ValueError: not a camera, or no such buffer."""
    if not type_id.startswith("sensor.camera."):
        raise ValueError(f"{type_id} has no G-buffers: only cameras have")
    from sim.server.sensors.camera import intrinsics_of
    from sim.server.sensors.gbuffers import GBufferSensor

    kind = type_id.removeprefix("sensor.camera.")
    return GBufferSensor(buffer, intrinsics_of(kind, attributes), shared.renderer, shared.seed)
