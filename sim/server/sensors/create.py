"""From a blueprint's id and attributes to a sensor that measures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sim.server.protocol.payloads import ActorValue
from sim.server.scene.models import ModelLibrary
from sim.server.scene.static import StaticScene
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.base import Sensor
from sim.server.sensors.events import DescribeActor, ObstacleSensor, RadarSensor
from sim.server.sensors.inertial import GnssSensor, ImuSensor
from sim.server.sensors.lidar import LidarSensor, SemanticLidarSensor
from sim.server.sensors.rays import RayCaster

if TYPE_CHECKING:
    from sim.server.sensors.appearance import Appearance
    from sim.server.sensors.cosmos import StreetPlan
    from sim.server.sensors.renderer import SceneRenderer
    from sim.server.sensors.v2x import Surroundings

CAMERA_KINDS: Mapping[str, str] = {
    "sensor.camera.rgb": "rgb",
    "sensor.camera.depth": "depth",
    "sensor.camera.semantic_segmentation": "semantic_segmentation",
    "sensor.camera.instance_segmentation": "instance_segmentation",
    "sensor.camera.normals": "normals",
}
STREAMLESS = frozenset({"sensor.other.lane_invasion", "sensor.other.rss"})
"""Sensors that live in the client: they are actors of the server's without a stream."""


def _nameless(actor_id: int, tag: int) -> ActorValue:
    raise LookupError(f"actor {actor_id} (tag {tag}) cannot be described: SensorWorld was made without describe")


class SensorWorld:
    """What the sensors of one map share: the renderer and the ray caster, each built when first needed.

    ``load_library`` gives the model library; ``describe`` gives actors as the wire has them, for events. Safe to use
    from several threads.
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
        self._load_library = load_library
        self._lock = threading.RLock()
        self._closed = False
        self._library: ModelLibrary | None = None
        self._caster: RayCaster | None = None
        self._renderer: SceneRenderer | None = None
        self._appearance: Appearance | None = None
        self._origin_deg: tuple[float, float] | None = None
        self._surroundings: Surroundings | None = None
        self._street_plan: StreetPlan | None = None

    @property
    def library(self) -> ModelLibrary:
        """Models of everything that moves."""
        with self._lock:
            if self._library is None:
                self._library = self._load_library()
            return self._library

    @property
    def caster(self) -> RayCaster:
        """Rays against this map."""
        with self._lock:
            if self._caster is None:
                self._caster = RayCaster(self.scene, self.library)
                if self._appearance is not None:
                    self._caster.show(self._appearance.shown)
            return self._caster

    @property
    def renderer(self) -> SceneRenderer:
        """Pictures of this map."""
        with self._lock:
            if self._renderer is None:
                from sim.server.sensors.renderer import SceneRenderer

                self._renderer = SceneRenderer(self.scene, self.library)
                self._renderer.show(self._appearance)
            return self._renderer

    def show(self, appearance: Appearance) -> None:
        """Let the map's things look like this for all sensors."""
        with self._lock:
            self._appearance = appearance
            if self._caster is not None:
                self._caster.show(appearance.shown)
            if self._renderer is not None:
                self._renderer.show(appearance)

    def prepare(self) -> None:
        """Build what cameras and rays share, in a thread of its own, so that no client waits for it later."""
        threading.Thread(target=self._prepare, name="sensors", daemon=True).start()

    def _prepare(self) -> None:
        with self._lock:
            if not self._closed:
                _ = self.caster
        with self._lock:
            if not self._closed:
                _ = self.renderer
        if self._closed:  # meanwhile
            self.close()

    def close(self) -> None:
        """Let the renderer's threads end; at once, or when what is being built is done."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            try:
                if self._renderer is not None:
                    self._renderer.close()
            finally:
                self._lock.release()

    @property
    def street_plan(self) -> StreetPlan:
        """What Cosmos cameras draw of the map."""
        with self._lock:
            if self._street_plan is None:
                from sim.server.sensors.cosmos import StreetPlan

                self._street_plan = StreetPlan.of(self.scene)
            return self._street_plan

    @property
    def surroundings(self) -> Surroundings:
        """What V2X sensors share."""
        with self._lock:
            if self._surroundings is None:
                from sim.server.sensors.v2x import Airwaves, Surroundings

                self._surroundings = Surroundings(Airwaves(), self.caster, self.library, self.describe, self.origin_deg)
            return self._surroundings

    @property
    def origin_deg(self) -> tuple[float, float]:
        """Latitude and longitude of the map's origin."""
        with self._lock:
            if self._origin_deg is None:
                import carla

                here = self.scene.carla_map.transform_to_geolocation(carla.Location(0.0, 0.0, 0.0))
                self._origin_deg = (here.latitude, here.longitude)
            return self._origin_deg


def create_sensor(type_id: str, attributes: Mapping[str, str], shared: SensorWorld, actor_id: int = 0) -> Sensor:
    """The sensor of a blueprint, for the actor of that id.

    Raises ValueError for an unknown or streamless type or a bad attribute value.
    """
    values = Attributes(type_id, attributes)
    seed = shared.seed
    if type_id.startswith("sensor.camera."):
        return _create_camera(type_id, attributes, shared)
    if type_id == "sensor.lidar.ray_cast":
        return LidarSensor(values, shared.caster, seed)
    if type_id == "sensor.lidar.ray_cast_semantic":
        return SemanticLidarSensor(values, shared.caster)
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
